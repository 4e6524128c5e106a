"""The contract of a log line as JSON Schema (draft 2020-12), generated from the event types; validates nothing itself.

The schema is what a writer should keep to; the parser takes more (numbers as text, other loggers' names). Within the
bounds of length and depth, what the schema accepts becomes an event, never a dead letter. This module's output is
docs/log-format.schema.json.
"""

import json
from datetime import datetime
from types import NoneType, UnionType
from typing import Any, NamedTuple, get_args, get_origin

import msgspec
from msgspec.structs import FieldInfo, fields

from parsers.events import ErrorResolved, LogRecord, Metric, Severity, TimeQuality, TrackEnded, TrackStarted
from parsers.json_events import READERS, RESERVED_EVENTS
from parsers.json_fields import LONGEST_DURATION_SECONDS
from parsers.levels import BY_NAME

Schema = dict[str, Any]

_TIME = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    r"( ?([Zz]|[+-][0-9]{2}(:?[0-9]{2})?))?$"
)
_NOT_BLANK = r"\S"
_SAYS_SOMETHING = {"loop_path": r"[^/\s][^/]*/*$"}  # the name of its file stands in for a title
_FINITE = 1.7976931348623157e308

# An event's field under another name in a line; None: no line says it.
_IN_LINE: dict[tuple[type, str], str | None] = {
    (TrackStarted, "duration_seconds"): "duration",
    (Metric, "name"): "metric_name",
    (Metric, "value"): "metric_value",
    (ErrorResolved, "resolved_service"): "service",
    (LogRecord, "severity"): "level",
    (LogRecord, "message"): "event",
    (LogRecord, "explicit_error"): None,
    (LogRecord, "category"): None,
    (LogRecord, "template"): None,
}
_OF_NO_LINE = frozenset({"time_quality", "kept"})

_WORDS = {
    "timestamp": "When it happened: RFC 3339 with a zone, or seconds, milliseconds, microseconds or nanoseconds since "
    "1970. Missing: the time at which the line arrives.",
    "level": "How bad it is; also the names and numbers of other loggers.",
    "service": "Who writes, or whom it is about. Missing: the file's name.",
    "station": "Which station. Missing: RADIOLOG_STATION.",
    "host": "Where.",
    "pid": "The writer's process.",
    "run_id": "The writer's run; with seq.",
    "seq": "The line's number in its run, from 1; with run_id.",
    "event": "The message, or a reserved name. `message` and `msg` mean the same.",
    "kind": "What the line is, whatever its event.",
    "play_id": "The play: best a UUID made by the writer.",
    "play_history_id": "The play, as its id or the number of its row.",
    "artist": "At least one of artist, title and loop_path.",
    "title": "At least one of artist, title and loop_path.",
    "album": "The album.",
    "azuracast_song_id": "AzuraCast's id of the song.",
    "duration": "Expected length in seconds, or M:SS or H:MM:SS.",
    "loop_path": "The file that the encoder plays.",
    "ffmpeg_pid": "The encoder that plays it.",
    "metadata": "Anything else.",
    "context": "What helps to understand it.",
    "had_errors": "Whether something was wrong.",
    "error_message": "What was wrong.",
    "metric_name": "For example cpu_percent.",
    "metric_value": "A finite number.",
    "unit": "For example percent, bytes, s.",
    "error_id": "The number of a row of error_log.",
    "template": "The message without its variable parts.",
    "stack_trace": "Many lines in one text.",
    "exception": "As stack_trace.",
    "message": "As event.",
    "msg": "As event.",
}


class _Kind(NamedTuple):
    """One kind of line: its event, and what it must say."""

    event: type[msgspec.Struct]
    needs: tuple[tuple[str, ...], ...]  # of each group at least one, and it must say something


_KINDS = {
    "track_started": _Kind(TrackStarted, (("artist", "title", "loop_path"),)),
    "track_ended": _Kind(TrackEnded, ()),
    "metric": _Kind(Metric, (("metric_name",), ("metric_value",))),
    "error_resolved": _Kind(ErrorResolved, (("error_id", "service+template"),)),
    "error": _Kind(LogRecord, ()),
    "log": _Kind(LogRecord, ()),
}


def line_schema() -> Schema:
    """The schema of one line."""
    common = _properties(msgspec.Struct, _common_fields())
    common["level"] = _described(
        "level", {"anyOf": [{"enum": _level_names()}, {"type": "integer", "minimum": 0, "maximum": 999}]}
    )
    common["event"] = _described("event", {"type": ["string", "null"]})
    common["kind"] = _described("kind", {"enum": sorted(READERS)})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A line of a radiolog log",
        "description": "One JSON object a line, at most 1 MiB and 64 levels deep. Fields that are not named here are "
        "kept in the row's JSON.",
        "type": "object",
        "properties": common,
        "allOf": [{"if": _is(kind), "then": {"$ref": f"#/$defs/{kind}"}} for kind in sorted(_KINDS)],
        "$defs": {kind: _definition(said) for kind, said in sorted(_KINDS.items())},
    }


def line_schema_text() -> str:
    """The schema as docs/log-format.schema.json has it."""
    return json.dumps(line_schema(), indent=2, ensure_ascii=False) + "\n"


def _is(kind: str) -> Schema:
    """Whether a line is of this kind: its kind says so, else a reserved event, else it is a log record."""
    says: Schema = {"required": ["kind"], "properties": {"kind": {"const": kind}}}
    if kind == "log":
        other = {"required": ["event"], "properties": {"event": {"enum": sorted(RESERVED_EVENTS)}}}
        return {"anyOf": [says, {"not": {"anyOf": [{"required": ["kind"]}, other]}}]}
    if kind not in RESERVED_EVENTS:
        return says
    reserved = {"required": ["event"], "properties": {"event": {"const": kind}}, "not": {"required": ["kind"]}}
    return {"anyOf": [says, reserved]}


def _definition(kind: _Kind) -> Schema:
    common = {field.name for field in _common_fields()}
    own = [field for field in fields(kind.event) if field.name not in common]
    properties = _properties(kind.event, own)
    if kind.event is LogRecord:
        del properties["level"], properties["event"]
        for alias in ("exception", "message", "msg", "play_history_id"):
            like = {"exception": "stack_trace", "play_history_id": "play_id"}.get(alias)
            properties[alias] = _described(alias, dict(properties[like]) if like else {"type": ["string", "null"]})
    definition: Schema = {"properties": dict(sorted(properties.items()))}
    if kind.needs:
        definition["allOf"] = [{"anyOf": [_says(name.split("+")) for name in group]} for group in kind.needs]
    return definition


def _says(names: list[str]) -> Schema:
    said = {name: {"not": {"type": "null"}, "pattern": _SAYS_SOMETHING.get(name, _NOT_BLANK)} for name in names}
    return {"required": names, "properties": said}


def _common_fields() -> list[FieldInfo]:
    """What any event may say of itself: the fields of all event types alike."""
    shared = set.intersection(*({field.name for field in fields(kind.event)} for kind in _KINDS.values()))
    return [field for field in fields(TrackEnded) if field.name in shared]


def _properties(event: type[msgspec.Struct], own: list[FieldInfo]) -> dict[str, Schema]:
    properties = {}
    for field in own:
        name = None if field.name in _OF_NO_LINE else _IN_LINE.get((event, field.name), field.name)
        if name is not None:
            properties[name] = _described(name, _type(field, name))
    return properties


def _described(name: str, schema: Schema) -> Schema:
    return {"description": _WORDS[name], **schema}


def _type(field: FieldInfo, name: str) -> Schema:
    """The JSON that a writer should give for a field of an event. Null is as good as a missing field."""
    told = get_args(field.type) if get_origin(field.type) is UnionType else (field.type,)
    kinds = {get_origin(kind) or kind for kind in told} - {NoneType}
    if name == "duration":
        clock = {"type": "string", "pattern": r"^([0-9]{1,3}:)?[0-9]{1,2}:[0-9]{1,2}(\.[0-9]{1,9})?$"}
        return {"anyOf": [{"type": ["number", "null"], "minimum": 0, "maximum": LONGEST_DURATION_SECONDS}, clock]}
    if name in ("play_id", "play_history_id"):
        return {"type": ["string", "integer", "null"]}
    if kinds == {datetime}:
        return {"anyOf": [{"type": "string", "pattern": _TIME}, {"type": ["number", "null"], "minimum": 0}]}
    if kinds == {bool}:
        return {"type": ["boolean", "null"]}
    if kinds == {int}:
        return {"type": ["integer", "null"], "minimum": -(2**63), "maximum": 2**63 - 1}
    if kinds == {int, float}:
        return {"type": "number", "minimum": -_FINITE, "maximum": _FINITE}
    if kinds == {dict}:
        return {"type": ["object", "null"]}
    if kinds <= {str, Severity, TimeQuality}:
        return {"type": ["string", "null"]}
    raise TypeError(f"{name}: no JSON is known for {field.type}")


def _level_names() -> list[str]:
    return sorted({form for name in BY_NAME for form in (name, name.upper(), name.capitalize())})
