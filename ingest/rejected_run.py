"""When a file is rubbish: a core dump or another program's binary is not poured into the database line by line."""

SUSPEND_AFTER = 100


class RejectedRun:
    """Counts dead letters that follow each other without any other line between them.

    Args:
        state: from `state()`, to go on.
    """

    def __init__(self, state: list[int] | None = None) -> None:
        self._count, self._end = state or (0, 0)

    def add(self, start: int, end: int) -> bool:
        """Take the range of a dead letter; gives whether they are too many."""
        self._count = self._count + 1 if start == self._end else 1
        self._end = end
        return self._count % SUSPEND_AFTER == 0

    def state(self) -> list[int]:
        """To go on after a restart; empty where there is nothing to remember."""
        return [self._count, self._end] if self._count else []
