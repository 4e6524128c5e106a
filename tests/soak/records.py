"""What the writers put down beside the logs: which lines they are about to write, which nobody need store, what they did.

A writer appends to its own ledger **before** it writes a line, so a line that is in a log is in the ledger.
"""

import os
from collections import Counter
from pathlib import Path
from typing import NamedTuple


class Written(NamedTuple):
    """One writer's lines: numbers 1 to `last`, and those that may be missing because rotation itself destroyed them."""

    last: int
    excused: set[int]


class Records:
    """One writer's files in the folder of records."""

    def __init__(self, folder: Path, writer: str) -> None:
        self._ledger = _append(folder / f"{writer}.written")
        self._excused = _append(folder / f"{writer}.excused")
        self._events = _append(folder / f"{writer}.events")

    def will_write(self, last: int) -> None:
        """Lines up to this number will be written now."""
        os.write(self._ledger, b"%d\n" % last)

    def excuse(self, first: int, last: int) -> None:
        """These lines were destroyed before anybody need have read them."""
        if first <= last:
            os.write(self._excused, b"%d %d\n" % (first, last))

    def did(self, kind: str) -> None:
        """Count something done to the files."""
        os.write(self._events, kind.encode() + b"\n")


def read_written(folder: Path) -> dict[str, Written]:
    """All writers' ledgers."""
    found = {}
    for path in sorted(folder.glob("*.written")):
        numbers = path.read_text().split()
        excused: set[int] = set()
        for text in path.with_suffix(".excused").read_text().splitlines():
            first, last = map(int, text.split())
            excused |= set(range(first, last + 1))
        found[path.stem] = Written(int(numbers[-1]) if numbers else 0, excused)
    return found


def read_events(folder: Path) -> Counter[str]:
    """What all writers did, by kind."""
    events = Counter[str]()
    for path in folder.glob("*.events"):
        events.update(path.read_text().split())
    return events


def _append(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
