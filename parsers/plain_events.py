"""Track starts and log records in the contract's plainest form, read in one step; anything else is left to the parser.

What `plain_event` takes, `parsers.json_lines` makes a `TrackStarted` or `LogRecord` of, with the same values: a test
holds the two together. A typed decoder that refuses every field it does not know is twice as fast as taking an object
apart.
"""

from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from parsers.events import Severity
from parsers.json_decode import MAX_DEPTH
from parsers.json_events import RESERVED_EVENTS
from parsers.json_fields import LONGEST_DURATION_SECONDS
from parsers.levels import severity_of

_START = b'"track_started"'
_Whole: TypeAlias = Annotated[int, Meta(ge=0, lt=2**62)]


class _Line(Struct, forbid_unknown_fields=True, kw_only=True, gc=False):
    event: str
    timestamp: str
    service: str | None = None
    station: str | None = None
    host: str | None = None
    level: str | None = None
    pid: _Whole | None = None
    run_id: str | None = None
    seq: _Whole | None = None
    play_id: str | None = None


class PlainStart(_Line, forbid_unknown_fields=True, kw_only=True, gc=False):
    """A track start's values as they stand there, not redacted."""

    event: Literal["track_started"]
    kind: Literal["track_started"] | UnsetType = UNSET
    artist: str
    title: str
    album: str | None = None
    duration: int | float | None = None


class PlainRecord(_Line, forbid_unknown_fields=True, kw_only=True, gc=False):
    """A log record's values as they stand there, not redacted; `event` is its message."""

    kind: Literal["log", "error"] | UnsetType = UNSET
    context: dict[str, Any] | None = None


_decode_start = msgspec.json.Decoder(PlainStart).decode
_decode_record = msgspec.json.Decoder(PlainRecord).decode


def plain_event(data: bytes) -> PlainStart | PlainRecord | None:
    """Read a line; None when it is anything but a plain track start or log record.

    Its time and level are the caller's to look at: many lines say the same level.

    Args:
        data: the line, with or without its terminator, out of bytes that `plain_metrics.may_be_plain`.
    """
    try:
        said = _start(data) if _START in data else _record(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    # A blank id is none, and what stands in for it may be elsewhere.
    return None if said is None or (said.play_id is not None and not said.play_id.strip()) else said


def plain_severity(said: PlainStart | PlainRecord) -> Severity | None:
    """What an event's level means; None where it means nothing that is known."""
    if said.level is None:
        return Severity.ERROR if said.kind == "error" else Severity.INFO
    return severity_of(said.level)


def _start(data: bytes) -> PlainStart | None:
    said = _decode_start(data)
    if not (said.artist.strip() or said.title.strip()):
        return None
    if said.duration is not None and not 0 <= said.duration <= LONGEST_DURATION_SECONDS:
        return None
    return said


def _record(data: bytes) -> PlainRecord | None:
    if data.count(b"{") + data.count(b"[") > MAX_DEPTH:
        return None
    said = _decode_record(data)
    reserved = said.kind is UNSET and said.event in RESERVED_EVENTS
    return None if reserved or not said.event.strip() else said
