"""A message while it waits for the line after it: repeats, further lines of its text, and second thoughts."""

import re
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from parsers.events import FfmpegMessage, TimeQuality

_MOST_REPEATS = 10_000
# Messages of several lines, only the first of which carries prefixes: first line, and those that may follow.
_MULTILINE = (
    (re.compile(r"VBV buffer size not set"), re.compile(r"If you want the mpeg file|Like DVD, VCD")),
    (re.compile(r"Could not find codec parameters for stream"), re.compile(r"Consider increasing the value for the ")),
    (re.compile(r"Stream map '"), re.compile(r"To ignore this, add a trailing '\?'")),
    (re.compile(r"No pixel format specified"), re.compile(r"Use -pix_fmt \S+ for compatibility")),
    (re.compile(r"The following filters could not choose"), re.compile(r"Consider inserting the \(a\)format filter")),
)


class Held(Struct):
    """A message that waits. `section` and `item` say where in a header it stood."""

    start: int
    end: int
    message: FfmpegMessage
    multiline: int = -1
    section: str = ""
    item: int = -1


def hold(start: int, end: int, message: FfmpegMessage, where: tuple[str, int]) -> Held:
    """Let a message wait.

    Args:
        start: byte offset of its line.
        end: byte offset after its line.
        message: what the line says.
        where: section and item of the header in which it stood.
    """
    multiline = next((number for number, (first, _) in enumerate(_MULTILINE) if first.match(message.message)), -1)
    return Held(start, end, message, multiline, *where)


def carries_on(held: Held, text: str) -> bool:
    """Whether a line without prefixes is the rest of the held message."""
    return held.multiline >= 0 and _MULTILINE[held.multiline][1].match(text) is not None


def is_repeat(held: FfmpegMessage, message: FfmpegMessage) -> bool:
    """Whether a message only repeats the one before it (`-loglevel level+…` and `-report` do not collapse)."""
    return (
        held.message == message.message
        and held.component == message.component
        and held.severity == message.severity
        and held.session == message.session
        and held.count < _MOST_REPEATS
    )


def repeated(message: FfmpegMessage, count: int) -> FfmpegMessage:
    """The message, said `count` times more."""
    return replace(message, count=message.count + count)


def said_again(message: FfmpegMessage, count: int, timestamp: datetime | None, quality: TimeQuality) -> FfmpegMessage:
    """The message once more, `count` times, at the time of the line that says so."""
    return replace(message, count=count, timestamp=timestamp, time_quality=quality)


def as_data(message: FfmpegMessage) -> FfmpegMessage:
    """The same text, taken for part of a name or a tag: no message of FFmpeg's."""
    return replace(message, severity="info", severity_source="guess", effect="unknown", suspect=True)
