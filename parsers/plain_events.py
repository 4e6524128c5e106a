"""Track starts and log records in the contract's plainest form, read in one step; anything else is left to the reader.

What they give is exactly what `parsers.json_lines.parse` gives of the same bytes: a test holds them together.
A typed decoder that refuses every field it does not know is twice as fast as taking an object apart.
"""

from datetime import tzinfo
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from parsers import timestamps
from parsers.events import LogRecord, Severity, TrackStarted
from parsers.json_decode import MAX_DEPTH
from parsers.json_events import RESERVED_EVENTS, redacted_id
from parsers.json_fields import LONGEST_DURATION_SECONDS, Fields, redacted_text
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


class _Start(_Line, forbid_unknown_fields=True, kw_only=True, gc=False):
    event: Literal["track_started"]
    kind: Literal["track_started"] | UnsetType = UNSET
    artist: str
    title: str
    album: str | None = None
    duration: int | float | None = None


class _Record(_Line, forbid_unknown_fields=True, kw_only=True, gc=False):
    kind: Literal["log", "error"] | UnsetType = UNSET
    context: dict[str, Any] | None = None


_decode_start = msgspec.json.Decoder(_Start).decode
_decode_record = msgspec.json.Decoder(_Record).decode


def plain_event(data: bytes, zone: tzinfo) -> TrackStarted | LogRecord | None:
    """Read a line; None when it is anything but a plain track start or log record.

    Args:
        data: the line, not blank.
        zone: the zone of times that name none.
    """
    if b"\\u0000" in data:
        return None
    try:
        return _start(data, zone) if _START in data else _record(data, zone)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _start(data: bytes, zone: tzinfo) -> TrackStarted | None:
    said = _decode_start(data)
    at, quality = timestamps.parse(said.timestamp, zone=zone)
    named = said.artist.strip() or said.title.strip()
    length, level = said.duration, said.level
    if at is None or not named or not _is_plain_id(said.play_id) or (level is not None and severity_of(level) is None):
        return None
    if length is not None and not 0 <= length <= LONGEST_DURATION_SECONDS:
        return None
    return TrackStarted(
        timestamp=at,
        time_quality=quality,
        station=said.station and redacted_text(said.station),
        service=said.service and redacted_text(said.service),
        host=said.host and redacted_text(said.host),
        pid=said.pid,
        run_id=said.run_id and redacted_text(said.run_id),
        seq=said.seq,
        play_id=said.play_id and redacted_id(said.play_id),
        artist=redacted_text(said.artist),
        title=redacted_text(said.title),
        album=said.album and redacted_text(said.album),
        duration_seconds=None if length is None else float(length),
    )


def _record(data: bytes, zone: tzinfo) -> LogRecord | None:
    if data.count(b"{") + data.count(b"[") > MAX_DEPTH:
        return None
    said = _decode_record(data)
    severity = Severity.INFO if said.level is None else severity_of(said.level)
    if said.kind == "error" and said.level is None:
        severity = Severity.ERROR
    at, quality = timestamps.parse(said.timestamp, zone=zone)
    reserved = said.kind is UNSET and said.event in RESERVED_EVENTS
    if at is None or severity is None or reserved or not _is_plain_id(said.play_id) or not said.event.strip():
        return None
    return LogRecord(
        timestamp=at,
        time_quality=quality,
        station=said.station and redacted_text(said.station),
        service=said.service and redacted_text(said.service),
        host=said.host and redacted_text(said.host),
        pid=said.pid,
        run_id=said.run_id and redacted_text(said.run_id),
        seq=said.seq,
        severity=severity,
        message=redacted_text(said.event),
        explicit_error=said.kind == "error",
        play_id=said.play_id and redacted_id(said.play_id),
        context=Fields({"context": said.context}, []).left_over("context") if said.context else None,
    )


def _is_plain_id(play_id: str | None) -> bool:
    """Whether it is missing or says something: a blank one is none, and what stands in for it may be elsewhere."""
    return play_id is None or bool(play_id.strip())
