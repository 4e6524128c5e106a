"""Takes one line of FFmpeg's stderr apart: colours, supervisor and date prefixes, contexts, level. Decides no meaning.

The order of the pieces is that of `format_line` in libavutil/log.c: date, contexts outer to inner, level, message.
"""

import re
from datetime import UTC, datetime, tzinfo
from typing import NamedTuple

from msgspec import Struct

from parsers import timestamps
from parsers.events import TimeQuality

LEVELS = ("quiet", "panic", "fatal", "error", "warning", "info", "verbose", "debug", "trace")

_ANSI = re.compile(r"\x1b\[([0-9;]{0,32})([A-Za-z])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_STAMP = re.compile(
    r"(?:[A-Z][a-z]{2} )?\[?(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?)\]? "
    r"(?:(?:stdout|stderr) [FP] )?"
)
_SYSLOG = re.compile(r"(?:<\d{1,3}>)?([A-Z][a-z]{2}) ([ \d]\d) (\d\d:\d\d:\d\d(?:\.\d{1,6})?) ")
_MONTH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, 1)}
_HOST_AND_UNIT = re.compile(r"([\w.-]{1,255}) [\w.@/+-]{1,128}(?:\[(\d{1,10})\])?: ")
_CLOCK = re.compile(r"(\d\d:\d\d:\d\d\.\d{3}) ")
_CONTEXT = re.compile(r"\[([^\]@\n]{0,200}) @ (?:0x)?([0-9a-fA-F]{1,16})\] ?")
_LEVEL = re.compile(r"\[(" + "|".join(LEVELS) + r")\] ?")
_REPEATED = re.compile(r"    Last message repeated (\d{1,9}) times$")
# Colours of libavutil/log.c: 16 colours (bold or underline; foreground), 256 colours (foreground).
_SEVERITY_BY_COLOUR = {
    "4;31": "fatal",
    "1;31": "error",
    "0;33": "warning",
    "0;32": "verbose",
    "38;5;208": "fatal",
    "38;5;196": "error",
    "38;5;226": "warning",
    "38;5;40": "verbose",
    "38;5;34": "debug",
}
_MOST_CONTEXTS = 6


class Line(Struct, frozen=True, gc=False):
    """One line, taken apart.

    Attributes:
        text: the message with its own indentation.
        component: context names, outermost first, without pointers.
        level: FFmpeg's word for the severity when the line shows it (label or colour); else None.
        labelled: the level stood there as text.
        timestamp: UTC; None when the line says none.
        quality: EXACT, or ZONELESS when the line names no zone and the station's was assumed.
        host: the supervisor's host name.
        pid: the supervisor's process id.
        local_time: a local time without year (`11-23 22:40:42`) or without date (`22:40:42.372`), where the line says
            no better one.
        pointer: address of the innermost context, which tells processes apart.
    """

    text: str
    component: tuple[str, ...] = ()
    level: str | None = None
    labelled: bool = False
    timestamp: datetime | None = None
    quality: TimeQuality = TimeQuality.UNKNOWN
    host: str | None = None
    pid: int | None = None
    local_time: str | None = None
    pointer: str | None = None


def looks_like_text(data: bytes) -> bool:
    """Whether bytes may be a log line: no NUL, few control characters."""
    if b"\0" in data:
        return False
    odd = len(data) - len(data.translate(None, bytes([*range(9), *range(14, 27), *range(28, 32), 127])))
    return odd * 4 <= len(data)


def tokenize(data: bytes, zone: tzinfo = UTC) -> Line:
    """Take one line apart.

    Args:
        data: any bytes; what is not UTF-8 becomes U+FFFD, control characters become `?`.
        zone: the zone of dates that name none.
    """
    text = data.decode("utf-8", "replace")
    colour: str | None = None
    text, prefix = _without_supervisor(text, zone)
    if "\x1b" in text:
        own = text.startswith("\x1b[")  # FFmpeg colours from a line's beginning; other sequences are data's
        text, said = _without_colours(text)
        colour = said if own else None
        if prefix is _NO_PREFIX:
            text, prefix = _without_supervisor(text, zone)
    component: list[str] = []
    pointer: str | None = None
    at = 0
    while len(component) < _MOST_CONTEXTS:
        found = _CONTEXT.match(text, at)
        if found is None:
            break
        component.append(found.group(1))
        pointer = found.group(2)
        at = found.end()
    found = _LEVEL.match(text, at)
    level = colour
    if found is not None:
        level = found.group(1)
        at = found.end()
    text = text[at:]
    if _CONTROL.search(text):
        text = _CONTROL.sub("?", text)
    return Line(text, tuple(component), level, found is not None, *prefix, pointer)


def try_parse_repeated(text: str) -> int | None:
    """The number of `    Last message repeated N times`, None for any other line."""
    found = _REPEATED.match(text)
    return int(found.group(1)) if found else None


def _without_colours(text: str) -> tuple[str, str | None]:
    """Strip ANSI sequences; the colour of the last piece of text that has one is its severity."""
    level: str | None = None
    current: str | None = None
    at = 0
    for found in _ANSI.finditer(text):
        if text[at : found.start()].strip():
            level = current
        current = _SEVERITY_BY_COLOUR.get(found.group(1)) if found.group(2) == "m" else current
        at = found.end()
    if text[at:].strip():
        level = current
    return _ANSI.sub("", text), level


class _Prefix(NamedTuple):
    """What stood before FFmpeg's own words; the fields are those of `Line`."""

    timestamp: datetime | None = None
    quality: TimeQuality = TimeQuality.UNKNOWN
    host: str | None = None
    pid: int | None = None
    local_time: str | None = None


_NO_PREFIX = _Prefix()


def _without_supervisor(text: str, zone: tzinfo) -> tuple[str, _Prefix]:
    """Strip what systemd, syslog, a container runtime or FFmpeg's own date flags put in front."""
    head = text[:1]
    if not (head.isdigit() or head in "[<" or head.isupper()):
        return text, _NO_PREFIX
    timestamp, quality, host, pid, local_time = _NO_PREFIX
    found = _STAMP.match(text)
    at = 0
    if found is not None:
        timestamp, quality = timestamps.parse(found.group(1), zone=zone)
        at = found.end()
    else:
        found = _SYSLOG.match(text)
        if found is not None and found.group(1) in _MONTHS:
            local_time = f"{_MONTHS[found.group(1)]:02d}-{found.group(2).replace(' ', '0')} {found.group(3)}"
            at = found.end()
    if at:
        unit = _HOST_AND_UNIT.match(text, at)
        if unit is not None:
            host = unit.group(1)
            pid = int(unit.group(2)) if unit.group(2) else None
            at = unit.end()
            own = _STAMP.match(text, at)
            if own is not None:
                at = own.end()
                if timestamp is None:
                    timestamp, quality = timestamps.parse(own.group(1), zone=zone)
    clock = _CLOCK.match(text, at)
    if clock is not None:
        at = clock.end()
        local_time = local_time or clock.group(1)
    return text[at:], _Prefix(timestamp, quality, host, pid, None if timestamp else local_time)
