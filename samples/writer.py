"""The lines of one service of the sample day, in the form in which `RadioLogger` writes them; reads no clock."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

from logging_module import json_line

STATION = "Nightdrive FM"
HOST = "studio"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Said(NamedTuple):
    at: datetime
    level: str
    fields: dict[str, Any]


class Writer:
    """One service. Its lines may be written in any order of time; they are numbered when they are taken, in that order.

    Args:
        service: its name.
        pid: its process; a new one after each restart.
        random: makes run ids.
    """

    def __init__(self, service: str, pid: int, random: Random) -> None:
        self.service = service
        self._pid = pid
        self._random = random
        self._entries: list[tuple[datetime, int, bytes | _Said]] = []
        self._restarts: list[datetime] = []
        self._lost: list[tuple[datetime, datetime]] = []

    def write(
        self,
        at: datetime,
        level: str,
        event: str,
        fields: dict[str, Any] | None = None,
        *,
        stands_at: datetime | None = None,
    ) -> None:
        """A line that RadioLogger writes at `at`; `stands_at` moves it to where lines of another time stand."""
        said = {"event": event, "service": self.service, **(fields or {})}
        self._entries.append((stands_at or at, len(self._entries), _Said(at, level, said)))

    def raw(self, at: datetime, line: bytes) -> None:
        """Bytes that somebody else appended to the file, terminator included."""
        self._entries.append((at, len(self._entries), line))

    def restart(self, at: datetime) -> None:
        """From here on it is another process, with a run of its own."""
        self._restarts.append(at)

    def lose(self, start: datetime, end: datetime) -> None:
        """The disk was full: these lines got numbers and never reached the file."""
        self._lost.append((start, end))

    def lines(self) -> Iterable[bytes]:
        """All lines in order of time."""
        restarts = sorted(self._restarts)
        pid, seq, origin = self._pid, 0, self._origin(self._pid)
        for at, _, entry in sorted(self._entries, key=lambda entry: entry[:2]):
            while restarts and at >= restarts[0]:
                restarts.pop(0)
                pid, seq = pid + 3331, 0
                origin = self._origin(pid)
            if isinstance(entry, bytes):
                yield entry
                continue
            seq += 1
            if not any(start <= at < end for start, end in self._lost):
                yield json_line.line(nanoseconds(entry.at), json_line.body(entry.level, entry.fields), origin, seq)

    def _origin(self, pid: int) -> bytes:
        return json_line.origin({"station": STATION, "host": HOST, "pid": pid, "run_id": uuid_of(self._random).hex})


def uuid_of(random: Random) -> UUID:
    """A version 4 UUID that the seed decides."""
    return UUID(int=random.getrandbits(128), version=4)


def nanoseconds(at: datetime) -> int:
    """Nanoseconds since 1970, exactly."""
    return (at - _EPOCH) // timedelta(microseconds=1) * 1000


def rotated(lines: Iterable[bytes], max_bytes: int) -> list[bytes]:
    """The files that a rotation at `max_bytes` leaves, newest first."""
    files = [b""]
    for line in lines:
        if files[0] and len(files[0]) + len(line) > max_bytes:
            files.insert(0, b"")
        files[0] += line
    return files
