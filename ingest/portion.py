"""How much goes into one transaction. Pure."""

# The first transactions are smaller than the largest by this factor.
FIRST_SHARE = 64


class Portion:
    """Little at first and after a failure, twice as much after each commit, up to a bound.

    So a daemon that lives only for seconds gets on in each of its lives, as does one whose database lets only short
    transactions live; and a failure throws little away.

    Args:
        most_rows: of the largest transaction.
        most_bytes: of log that the largest transaction covers.

    Attributes:
        rows: at which a transaction is full.
        size_bytes: of log at which it is full.
    """

    def __init__(self, most_rows: int, most_bytes: int) -> None:
        self._most = most_rows, most_bytes
        self.begin_small()

    def begin_small(self) -> None:
        """Something failed, or is about to be tried for the first time."""
        self.rows, self.size_bytes = (max(1, most // FIRST_SHARE) for most in self._most)

    def grow(self) -> None:
        """A transaction was committed."""
        self.rows, self.size_bytes = min(2 * self.rows, self._most[0]), min(2 * self.size_bytes, self._most[1])

    def is_full(self, rows: int, size_bytes: int) -> bool:
        """Whether so much is enough for one transaction."""
        return rows >= self.rows or size_bytes >= self.size_bytes
