"""What a backfill tells the person who typed it: a sentence on stderr instead of a line of JSON."""

import sys

from ingest.cli.output import visible
from ingest.telemetry import Telemetry


class Telling(Telemetry):
    """Counts facts like the daemon's telemetry; says those that a person at a terminal must know."""

    def __init__(self) -> None:
        super().__init__(stream=None)
        self.unreadable = 0

    def file_unreadable(self, path: str, message: str) -> None:
        """A file could not be read."""
        super().file_unreadable(path, message)
        self.unreadable += 1
        _tell(message)

    def file_left_to(self, path: str, owner: str) -> None:
        """Another live radiolog reads this file."""
        super().file_left_to(path, owner)
        _tell(f"{path}: left to the running radiolog ({owner})")

    def file_replaced(self, path: str, generation: int, reason: str, unread_bytes: int) -> None:
        """A file was truncated or rewritten."""
        super().file_replaced(path, generation, reason, unread_bytes)
        lost = f"; {unread_bytes} bytes of before were never read" if unread_bytes else ""
        _tell(f"{path}: was {reason}, reading it from the beginning{lost}")

    @staticmethod
    def past_retention(tables: list[tuple[str, int]]) -> None:
        """Some of what is stored will go with the next clean-up."""
        for table, days in tables:
            _tell(
                f"rows of {table} are older than their retention of {days} days: the next `radiolog cleanup` sums them "
                "up and removes them (docs/operations.md)"
            )

    def database_lost(self, message: str, retry_seconds: float) -> None:
        """PostgreSQL refused or is gone for the moment."""
        super().database_lost(message, retry_seconds)
        _tell(f"{message}; trying again")


def _tell(message: str) -> None:
    sys.stderr.write(f"radiolog: {visible(message)}\n")
