"""`python -m benchmarks`: measure, print one table, keep the figures."""

import argparse
import sys
from collections.abc import Callable

from benchmarks import backlog, growth, history, idle, latency, memory, parsing, peers, starting, writing
from benchmarks.figures import Figure, keep, show
from benchmarks.lines import SEED
from benchmarks.year import answers

ROUNDS = 3
IDLE_SECONDS, LIVE_SECONDS = 20.0, 20.0
MOST_PERCENT = 15.0
NAMES = ("backlog", "parsing", "writing", "starting", "idle", "latency", "memory", "peers", "growth", "year")


def main() -> None:
    """Run the benchmarks that were named, or all. Ends with 1 where something is wrong that speed has no part in."""
    asked = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    asked.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(NAMES)}; all where none is named")
    asked.add_argument("--seed", type=int, default=SEED, help="of the lines")
    asked.add_argument("--lines", type=int, default=backlog.LINES, help="of the backlog")
    asked.add_argument("--rounds", type=int, default=ROUNDS)
    asked.add_argument("--backlog-bytes", type=int, default=memory.BACKLOG_BYTES, help="that memory is watched over")
    asked.add_argument("--rows", type=int, default=history.ROWS, help="of metrics that growth's largest tables hold")
    given = asked.parse_args()
    if unknown := set(given.names).difference(NAMES):
        asked.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    if min(given.lines, given.rounds, given.backlog_bytes) < 1:
        asked.error("--lines, --rounds and --backlog-bytes are at least 1")
    if given.rows not in history.SIZES[1:]:
        asked.error(f"--rows is one of {', '.join(map(str, history.SIZES[1:]))}")
    work = measurements(given)
    figures = [figure for name in given.names or NAMES for figure in work[name]()]
    show(figures)
    print(keep(figures))
    if any(figure.target == 0 and not figure.met for figure in figures):
        sys.exit(1)


def measurements(given: argparse.Namespace) -> dict[str, Callable[[], list[Figure]]]:
    """What each name stands for."""
    return {
        "backlog": lambda: backlog.measure(given.lines, given.rounds, given.seed),
        "parsing": lambda: parsing.measure(100_000, given.rounds, given.seed),
        "writing": lambda: writing.measure(20_000, given.rounds),
        "starting": lambda: starting.measure(2 * given.rounds),
        "idle": lambda: [*idle.measure(1_000, IDLE_SECONDS, 0.5), *idle.measure(10_000, IDLE_SECONDS, 2.0)],
        "latency": lambda: [
            *latency.measure(1_000, LIVE_SECONDS, 10.0, None, given.seed),
            *latency.measure(10_000, LIVE_SECONDS, 50.0, MOST_PERCENT, given.seed),
        ],
        "memory": lambda: memory.measure(given.backlog_bytes, given.seed),
        "peers": lambda: peers.measure(seed=given.seed),
        "growth": lambda: growth.measure(given.rows, given.rounds, given.seed),
        "year": answers.measure,
    }


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
