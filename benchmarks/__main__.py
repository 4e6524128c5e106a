"""`python -m benchmarks`: measure, print one table, keep the figures."""

import argparse

from benchmarks import backlog, idle, latency, parsing, writing
from benchmarks.figures import keep, show
from benchmarks.lines import SEED

ROUNDS = 3


def main() -> None:
    """Run the benchmarks that were named, or all."""
    asked = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    asked.add_argument("names", nargs="*", help="backlog, parsing, writing, idle, latency; all where none is named")
    asked.add_argument("--seed", type=int, default=SEED, help="of the lines")
    asked.add_argument("--lines", type=int, default=backlog.LINES, help="of the backlog")
    asked.add_argument("--rounds", type=int, default=ROUNDS)
    given = asked.parse_args()
    all_of_them = {
        "backlog": lambda: backlog.measure(given.lines, given.rounds, given.seed),
        "parsing": lambda: parsing.measure(200_000, given.rounds),
        "writing": lambda: writing.measure(20_000, given.rounds),
        "idle": lambda: [*idle.measure(1_000, 20.0, 0.5), *idle.measure(10_000, 20.0, 2.0)],
        "latency": lambda: [*latency.measure(1_000, 20.0, 10.0, 15.0), *latency.measure(10_000, 20.0, 50.0, 15.0)],
    }
    if unknown := set(given.names) - all_of_them.keys():
        asked.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    figures = [figure for name in given.names or all_of_them for figure in all_of_them[name]()]
    show(figures)
    print(keep(figures))


if __name__ == "__main__":
    main()
