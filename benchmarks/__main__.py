"""`python -m benchmarks`: measure, print one table, keep the figures."""

from benchmarks import backlog, parsing
from benchmarks.figures import keep, show

ROUNDS = 3


def main() -> None:
    """Run all benchmarks."""
    figures = [backlog.measure(200_000, ROUNDS), *parsing.measure(200_000, ROUNDS)]
    show(figures)
    print(keep(figures))


if __name__ == "__main__":
    main()
