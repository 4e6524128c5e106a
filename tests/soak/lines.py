"""The writers' lines. Each says whose it is and its number, so that the oracle needs no memory of the bytes.

Numbers of a writer count from 1 without a hole. Some lines cannot be stored: they are cut off (no JSON), or the campaign's
database refuses them (`POISON_CHECK`); those must become dead letters, and nothing else may.
"""

import hashlib
import re
from datetime import UTC, datetime
from typing import NamedTuple

BROKEN_EVERY = 1009
POISON_EVERY = 4999
POISON_CHECK = "ALTER TABLE system_metrics ADD CONSTRAINT soak_poison CHECK (unit IS DISTINCT FROM 'poison')"
NOTE_SQL = "left(md5(metric_name || ':' || metric_value::bigint), 8)"

_ID = re.compile(rb'"metric_name": "(\w+)", "metric_value": (\d+)[,}]')


class LineId(NamedTuple):
    """Which line it is."""

    writer: str
    number: int


def is_dead(number: int) -> bool:
    """Whether the line with this number must become a dead letter."""
    return number % BROKEN_EVERY == 0 or number % POISON_EVERY == 0


def lines(writer: str, first: int, last: int) -> bytes:
    """Lines with the numbers from `first` to `last`."""
    at = datetime.now(UTC).isoformat()
    return b"".join(_line(writer, number, at, "") for number in range(first, last + 1))


def line_of_size(writer: str, number: int, size_bytes: int) -> bytes:
    """One line of exactly this size, or of its least size where that is more."""
    at = datetime.now(UTC).isoformat()
    short = _line(writer, number, at, "")
    return _line(writer, number, at, "x" * (size_bytes - len(short))) if size_bytes > len(short) else short


def ids(data: bytes) -> list[LineId]:
    """Of all lines in a file's content that end with a newline."""
    whole = data[: data.rfind(b"\n") + 1]
    return [LineId(match[1].decode(), int(match[2])) for match in _ID.finditer(whole)]


def name_and_number(writer: str, number: int) -> bytes:
    """The part of a line that says which it is."""
    return f'"metric_name": "{writer}", "metric_value": {number},'.encode()


def id_of_letter(data: bytes) -> tuple[LineId | None, bool]:
    """Which line a dead letter keeps, and whether it is whole (else the rest of it was torn off)."""
    match = _ID.search(data)
    if match is None:
        return None, False
    return LineId(match[1].decode(), int(match[2])), data.endswith((b'"broken', b'"}'))


def _line(writer: str, number: int, at: str, pad: str) -> bytes:
    start = f'{{"timestamp": "{at}", "event": "metric", "metric_name": "{writer}", "metric_value": {number}, '
    if number % BROKEN_EVERY == 0:
        return f'{start}"pad": "{pad}", "broken\n'.encode()
    unit = '"unit": "poison", ' if number % POISON_EVERY == 0 else ""
    note = hashlib.md5(f"{writer}:{number}".encode(), usedforsecurity=False).hexdigest()[:8]
    return f'{start}{unit}"pad": "{pad}", "note": "{note}"}}\n'.encode()
