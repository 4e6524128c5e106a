"""`python -m benchmarks`: measure, print one table, keep the figures."""

from benchmarks import backlog, idle, latency, parsing, writing
from benchmarks.figures import keep, show

ROUNDS = 3


def main() -> None:
    """Run all benchmarks."""
    figures = [
        backlog.measure(200_000, ROUNDS),
        *parsing.measure(200_000, ROUNDS),
        *writing.measure(20_000, ROUNDS),
        *idle.measure(1_000, 20.0, 0.5),
        *idle.measure(10_000, 20.0, 2.0),
        *latency.measure(1_000, 20.0, 10.0, 15.0),
        *latency.measure(10_000, 20.0, 50.0, 15.0),
    ]
    show(figures)
    print(keep(figures))


if __name__ == "__main__":
    main()
