"""One JSON line of the contract (docs/log-format.md) to its event; foreign loggers' forms are `parsers.dialects`' work.

Every line becomes an event or `Rejected`, never an exception. What an event has no field for goes into its JSON
(`context` or `metadata`), together with `_notes`: what is odd about the line.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, tzinfo
from typing import Any, ClassVar

import msgspec

from parsers import azuracast, dialects
from parsers.events import (
    Disposition,
    ErrorResolved,
    LogRecord,
    Metric,
    Outcome,
    Parsed,
    RawLine,
    Rejected,
    Severity,
    TrackEnded,
    TrackStarted,
)
from parsers.json_decode import BOM, decode
from parsers.json_fields import Fields, redacted, to_number
from parsers.levels import severity_of

_MESSAGE_FIELDS = ("event", "message", "msg")
_LEVEL_FIELDS = ("level", "severity", "levelname", "lvl")
_STACK_FIELDS = ("stack_trace", "exception", "traceback", "stack", "stacktrace", "exc_info", "exc_text")

_STORED, _DEAD_LETTER = Disposition.STORED, Disposition.DEAD_LETTER
_encode = msgspec.json.Encoder().encode


class JsonLinesParser:
    """`Parser` for files of JSON lines. Every line stands for itself, so nothing is ever held.

    Args:
        zone: the station's time zone, for times that name none.
    """

    name: ClassVar[str] = "json"
    version: ClassVar[int] = 1
    splits_at_cr: ClassVar[bool] = False

    def __init__(self, *, zone: tzinfo = UTC) -> None:
        self._zone = zone

    def feed(self, line: RawLine) -> Sequence[Outcome]:
        """Take the next line and give its one outcome."""
        data = line.data.removeprefix(BOM)  # at the file's beginning, and where files with marks were joined
        if line.clipped:
            size = line.end - line.start
            parsed: Parsed = Rejected(reason="too_long", detail=f"{size} bytes; the first {len(line.data)} are kept")
        elif not data or data.isspace():
            return (Outcome(line.start, line.end, Disposition.BLANK),)
        else:
            parsed = parse(data, self._zone)
        what = _DEAD_LETTER if type(parsed) is Rejected else _STORED
        return (Outcome(line.start, line.end, what, (parsed,)),)

    @property
    def waits(self) -> bool:
        """Never."""
        return False

    def tick(self, idle_seconds: float) -> Sequence[Outcome]:  # noqa: ARG002 (the protocol's signature)
        """Nothing is held, so there is nothing to let go of."""
        return ()

    def finish(self) -> Sequence[Outcome]:
        """Nothing is held, so there is nothing to let go of."""
        return ()

    def state(self) -> dict[str, Any]:
        """Always empty."""
        return {}


def parse(data: bytes, zone: tzinfo) -> Parsed:
    """Read one line.

    Args:
        data: the line without its terminator.
        zone: the zone of times that name none.

    Returns:
        Its event; or `Rejected` (bad_json, invalid_utf8, too_deep, not_an_object, missing_field, wrong_type).
    """
    decoded = decode(data)
    if isinstance(decoded, Rejected):
        return decoded
    values, notes = decoded
    payload = azuracast.find(values) if "kind" not in values else None
    if payload is not None:
        values = azuracast.normalise(values, payload)
    if "kind" not in values and ("event" not in values or "timestamp" not in values):
        values = dialects.normalise(values, notes)
    fields = Fields(values, notes)
    kind, event = values.get("kind"), values.get("event")
    if type(kind) is str and kind in _READERS:
        del values["kind"]
        if event == kind and event in _RESERVED_EVENTS:  # RadioLogger says both
            del values["event"]
        return _READERS[kind](fields, zone)
    if type(event) is str and event in _RESERVED_EVENTS:
        del values["event"]
        return _READERS[event](fields, zone)
    return _log_record(fields, zone)


def _metric(fields: Fields, zone: tzinfo) -> Parsed:
    name, said = fields.text("metric_name"), fields.values.pop("metric_value", None)
    if not name or said is None:
        return _missing(fields, "metric", "metric_value" if name else "metric_name")
    value = to_number(said)
    if value is None:
        return _rejected(fields, "wrong_type", "metric_value is not a finite number")
    at, quality = fields.time(zone)
    _drop_level(fields)
    return Metric(
        timestamp=at,
        time_quality=quality,
        station=fields.text("station"),
        service=fields.text("service"),
        host=fields.text("host"),
        pid=fields.whole("pid"),
        run_id=fields.text("run_id"),
        seq=fields.whole("seq"),
        name=name,
        value=value,
        unit=fields.text("unit"),
        metadata=fields.left_over("metadata"),
    )


def _track_started(fields: Fields, zone: tzinfo) -> Parsed:
    artist, title, loop_path = fields.text("artist"), fields.text("title"), fields.text("loop_path")
    if not (artist and artist.strip()) and not (title and title.strip()):
        title = (loop_path or "").rstrip("/").rpartition("/")[2].strip()
        if not title:
            return _missing(fields, "track_started", "artist and title")
    at, quality = fields.time(zone)
    _drop_level(fields)
    song_id = fields.text("azuracast_song_id")
    return TrackStarted(
        timestamp=at,
        time_quality=quality,
        station=fields.text("station"),
        service=fields.text("service"),
        host=fields.text("host"),
        pid=fields.whole("pid"),
        run_id=fields.text("run_id"),
        seq=fields.whole("seq"),
        play_id=_play_id(fields),
        artist=artist or "",
        title=title or "",
        album=fields.text("album"),
        azuracast_song_id=fields.text("id") if song_id is None else song_id,
        duration_seconds=fields.seconds("duration"),
        loop_path=loop_path,
        ffmpeg_pid=fields.whole("ffmpeg_pid"),
        metadata=fields.left_over("metadata"),
    )


def _track_ended(fields: Fields, zone: tzinfo) -> Parsed:
    at, quality = fields.time(zone)
    _drop_level(fields)
    return TrackEnded(
        timestamp=at,
        time_quality=quality,
        station=fields.text("station"),
        service=fields.text("service"),
        host=fields.text("host"),
        pid=fields.whole("pid"),
        run_id=fields.text("run_id"),
        seq=fields.whole("seq"),
        play_id=_play_id(fields),
        had_errors=fields.truth("had_errors"),
        error_message=fields.text("error_message"),
        metadata=fields.left_over("metadata"),
    )


def _error_resolved(fields: Fields, zone: tzinfo) -> Parsed:
    error_id, service, template = fields.whole("error_id"), fields.text("service"), fields.text("template")
    if error_id is None and not (service and template):
        return _missing(fields, "error_resolved", "error_id, or service and template")
    at, quality = fields.time(zone)
    return ErrorResolved(
        timestamp=at,
        time_quality=quality,
        station=fields.text("station"),
        service=service,
        host=fields.text("host"),
        pid=fields.whole("pid"),
        run_id=fields.text("run_id"),
        seq=fields.whole("seq"),
        error_id=error_id,
        resolved_service=service if error_id is None else None,
        template=template if error_id is None else None,
    )


def _error(fields: Fields, zone: tzinfo) -> Parsed:
    return _log_record(fields, zone, explicit_error=True)


def _log_record(fields: Fields, zone: tzinfo, *, explicit_error: bool = False) -> Parsed:
    message = _message(fields)  # first: without one, the line itself is the message
    stack_trace = fields.first_text(_STACK_FIELDS)
    severity = _severity(fields)
    if severity is None:
        severity = Severity.ERROR if explicit_error or stack_trace else Severity.INFO
    at, quality = fields.time(zone)
    return LogRecord(
        timestamp=at,
        time_quality=quality,
        station=fields.text("station"),
        service=fields.text("service"),
        host=fields.text("host"),
        pid=fields.whole("pid"),
        run_id=fields.text("run_id"),
        seq=fields.whole("seq"),
        severity=severity,
        message=message,
        explicit_error=explicit_error,
        stack_trace=stack_trace,
        play_id=_play_id(fields),
        context=fields.left_over("context"),
    )


_READERS: dict[str, Callable[[Fields, tzinfo], Parsed]] = {
    "metric": _metric,
    "track_started": _track_started,
    "track_ended": _track_ended,
    "error_resolved": _error_resolved,
    "error": _error,
    "log": _log_record,
}
_RESERVED_EVENTS = frozenset({"metric", "track_started", "track_ended", "error_resolved"})


def _missing(fields: Fields, event: str, what: str) -> Rejected:
    return _rejected(fields, "missing_field", f"{event} without {what}")


def _rejected(fields: Fields, reason: str, detail: str) -> Rejected:
    return Rejected(reason=reason, detail=detail, run_id=fields.text("run_id"), seq=fields.whole("seq"))


def _message(fields: Fields) -> str:
    message = fields.first_text(_MESSAGE_FIELDS)
    return _encode(redacted(fields.values)).decode() if message is None else message


def _severity(fields: Fields) -> Severity | None:
    values = fields.values
    for name in _LEVEL_FIELDS:
        if name in values:
            severity = severity_of(values[name])
            if severity is not None:
                del values[name]
                return severity
    if "level" in values:
        fields.notes.append("unknown_level")
    return None


def _drop_level(fields: Fields) -> None:
    """A measurement or a track has no severity: a level that says nothing beyond is not worth a row's JSON."""
    if "level" in fields.values and severity_of(fields.values["level"]) is not None:
        del fields.values["level"]


def _play_id(fields: Fields) -> str | None:
    """`play_id`, else `play_history_id`, which may be a row's number. A blank one is none."""
    play_id = fields.text("play_id")
    if play_id is None or not play_id.strip():
        play_id = fields.text("play_history_id")
    return play_id if play_id and play_id.strip() else None
