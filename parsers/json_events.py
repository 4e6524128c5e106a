"""The fields of one line to its event, by kind; knows nothing of dialects and files.

What an event has no field for goes into its JSON (`context` or `metadata`), together with `_notes`: what is odd about
the line.
"""

import re
from collections.abc import Callable
from datetime import tzinfo

import msgspec

from parsers.events import ErrorResolved, LogRecord, Metric, Parsed, Rejected, Severity, TrackEnded, TrackStarted
from parsers.json_fields import Fields, redacted, redacted_text, to_number
from parsers.levels import severity_of
from parsers.stack_traces import trace_text

MESSAGE_FIELDS = ("event", "message", "msg")
LEVEL_FIELDS = ("level", "severity", "levelname", "lvl")
STACK_FIELDS = (
    "stack_trace", "exception", "traceback", "stack", "stacktrace", "exc_info", "exc_text", "throwable",
)  # fmt: skip
_ERROR_OBJECTS = ("err", "error")  # as pino and bunyan serialise them

_UUID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)
_encode = msgspec.json.Encoder().encode


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
    return log_record(fields, zone, explicit_error=True)


def log_record(fields: Fields, zone: tzinfo, *, explicit_error: bool = False) -> Parsed:
    """Any line that is no other event."""
    message = _message(fields)  # first: without one, the line itself is the message
    stack_trace = _stack_trace(fields)
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


READERS: dict[str, Callable[[Fields, tzinfo], Parsed]] = {
    "metric": _metric,
    "track_started": _track_started,
    "track_ended": _track_ended,
    "error_resolved": _error_resolved,
    "error": _error,
    "log": log_record,
}
RESERVED_EVENTS = frozenset({"metric", "track_started", "track_ended", "error_resolved"})


def _missing(fields: Fields, event: str, what: str) -> Rejected:
    return _rejected(fields, "missing_field", f"{event} without {what}")


def _rejected(fields: Fields, reason: str, detail: str) -> Rejected:
    return Rejected(reason=reason, detail=detail, run_id=fields.text("run_id"), seq=fields.whole("seq"))


def _message(fields: Fields) -> str:
    message = fields.first_text(MESSAGE_FIELDS)
    return _encode(redacted(fields.values)).decode() if message is None else message


def _stack_trace(fields: Fields) -> str | None:
    """The first stack trace. One that is no text is kept in the row's JSON, too: it may say more."""
    values = fields.values
    for name in STACK_FIELDS:
        text = trace_text(redacted(values[name])) if name in values else None
        if text is not None:
            if type(values[name]) is str:
                del values[name]
            return text
    for name in _ERROR_OBJECTS:
        inner = values.get(name)
        if type(inner) is dict and type(inner.get("stack")) is str:
            return redacted_text(inner.pop("stack"))
    return None


def _severity(fields: Fields) -> Severity | None:
    values = fields.values
    for name in LEVEL_FIELDS:
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


def redacted_id(play_id: str) -> str:
    """The id of a play, redacted. A UUID, which most are and each once, has no form that is masked."""
    return play_id if _UUID.fullmatch(play_id) else redacted_text(play_id)
