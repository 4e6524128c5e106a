"""What other loggers write, recognised by its fields, in the words of our own format; a table, and what unwraps.

Field names of: python-json-logger's default formatter, loguru `serialize`, pino, bunyan, winston's formats `logstash`
and `metadata`, logstash-logback-encoder and logback's own encoder, Elastic Common Schema 1.x (dotted or nested), GELF
1.1, Docker's json-file driver, and `journalctl -o json` (systemd.journal-fields(7)). Forms that differ from ours only
by a field's name which `parsers.json_events` takes anyway (winston, zap, zerolog, log/slog) need no row here.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from parsers.events import Rejected
from parsers.json_decode import Json, decode
from parsers.json_events import RESERVED_EVENTS
from parsers.json_fields import WRAPPER_TIME
from parsers.levels import PYTHON_STEPS, leading_level, on_scale, severity_of

MAX_WRAPPINGS = 3


class Dialect(NamedTuple):
    """A form of lines: the fields that only it has together, and where it keeps what we know by another name.

    `paths`: our field → theirs, the first present one counts; a dot goes into an object, or is part of the name.
    """

    name: str
    marks: frozenset[str]
    paths: Mapping[str, tuple[str, ...]]


def _dialect(name: str, marks: str, **paths: str) -> Dialect:
    return Dialect(name, frozenset(marks.split()), {ours: tuple(theirs.split()) for ours, theirs in paths.items()})


_ECS = {
    "level": "log.level",
    "logger": "log.logger",
    "service": "service.name event.dataset",
    "host": "host.hostname host.name",
    "pid": "process.pid",
    "stack_trace": "error.stack_trace",
    "timestamp": "@timestamp",
}
# The first one whose marks are all there.
DIALECTS = (
    _dialect(
        "loguru",
        "text record",
        message="record.message",
        level="record.level.name",
        timestamp="record.time.timestamp record.time.repr",
        pid="record.process.id",
        logger="record.name",
        context="record.extra",
    ),
    _dialect(
        "journald",
        "__REALTIME_TIMESTAMP MESSAGE",
        message="MESSAGE",
        level="PRIORITY",
        timestamp="_SOURCE_REALTIME_TIMESTAMP __REALTIME_TIMESTAMP",
        host="_HOSTNAME",
        pid="_PID SYSLOG_PID",
        service="SYSLOG_IDENTIFIER _SYSTEMD_UNIT _COMM",
    ),
    _dialect("ecs", "ecs.version", **_ECS),
    _dialect("ecs", "@timestamp log.level", **_ECS),
    _dialect("ecs", "@timestamp ecs", **_ECS),
    _dialect("logstash", "@timestamp logger_name", timestamp="@timestamp", logger="logger_name", host="HOSTNAME"),
    _dialect("logback", "loggerName threadName", message="formattedMessage message", logger="loggerName"),
    _dialect("pino", "level time pid hostname", host="hostname", service="name"),
    _dialect("winston", "@message @timestamp", message="@message", level="@fields.level", context="@fields"),
    _dialect("winston", "level message metadata", timestamp="metadata.timestamp"),
    _dialect("gelf", "version short_message", message="short_message", service="_service facility", pid="_pid"),
    _dialect("python", "levelname message", level="levelname", timestamp="asctime", logger="name", pid="process"),
    _dialect("python", "levelno message", timestamp="asctime created", logger="name", pid="process"),
)
_DOCKER = frozenset({"log", "stream", "time"})


def name_of(values: Json) -> str | None:
    """The name of the form that a decoded line is in; None where its fields do not tell one."""
    if values.keys() >= _DOCKER and type(values["log"]) is str:
        return "docker"
    return next((dialect.name for dialect in DIALECTS if dialect.marks <= values.keys()), None)


def normalise(values: Json, notes: list[str], wrappings: int = 0) -> Json:
    """Give a decoded line's fields our names.

    Args:
        values: the decoded line; may be changed.
        notes: what had to be changed to make it storable; what is unwrapped here may add to it.
        wrappings: how many layers were unwrapped already.

    Returns:
        The fields; of a line that is in no known form, as they are.
    """
    if values.keys() >= _DOCKER and type(values["log"]) is str:
        said = _unwrapped(values.pop("log").rstrip("\r\n"), notes, wrappings)
        said[_free(said, WRAPPER_TIME)] = values.pop("time")
        said[_free(said, "docker")] = values
        return said
    for dialect in DIALECTS:
        if dialect.marks <= values.keys():
            for ours, theirs in dialect.paths.items():
                _rename(values, ours, theirs)
            finish = _FINISH.get(dialect.name)
            return values if finish is None else finish(values, notes, wrappings)
    return values


def _unwrapped(text: str, notes: list[str], wrappings: int) -> Json:
    """The fields of a line that stood in another line's field; a text that is no JSON object is a message."""
    if text.startswith("{") and wrappings < MAX_WRAPPINGS:
        inner = decode(text.encode())
        if not isinstance(inner, Rejected):
            fields, more = inner
            notes.extend(note for note in more if note not in notes)
            return normalise(fields, notes, wrappings + 1)
    fields = {"message": text}
    severity = leading_level(text)
    if severity is not None:
        fields["level"] = severity.value
    return fields


def _journald(values: Json, notes: list[str], wrappings: int) -> Json:
    """A field that is no text comes as an array of its bytes, one that was set twice as an array of texts."""
    message = values.get("message")
    if type(message) is list and message:
        if all(type(byte) is int and 0 <= byte < 256 for byte in message):
            message = bytes(message).decode("utf-8", "replace").replace("\0", "\ufffd")
        elif all(type(part) is str for part in message):
            message = "\n".join(message)
        values["message"] = message
    if type(message) is str and message.startswith("{"):
        said = _unwrapped(message, notes, wrappings)
        if said.get("message") != message:
            del values["message"]
            values[WRAPPER_TIME] = values.pop("timestamp", None)
        return {**values, **said}
    return values


def _loguru(values: Json, notes: list[str], wrappings: int) -> Json:  # noqa: ARG001 (one signature for all)
    """The text is the formatted message, with the traceback when there is one."""
    text, record = values.pop("text"), values.get("record")
    if type(record) is dict and record.get("exception") and type(text) is str:
        values["stack_trace"] = text
    level = record.get("level") if type(record) is dict else None
    if type(level) is dict and type(level.get("no")) is int and severity_of(values.get("level")) is None:
        severity = on_scale(level["no"], PYTHON_STEPS)  # a level of the service's own
        if severity is not None:
            values["level"] = severity.value
    extra = values.get("context")
    if type(extra) is dict and ("kind" in extra or str(extra.get("event")) in RESERVED_EVENTS):
        return {**values, **values.pop("context")}  # what was bound is the event
    return values


def _gelf(values: Json, notes: list[str], wrappings: int) -> Json:  # noqa: ARG001 (one signature for all)
    """The full message may hold a backtrace."""
    full = values.get("full_message")
    if type(full) is str and "\n" in full.strip():
        values["stack_trace"] = values.pop("full_message")
    return values


def _python(values: Json, notes: list[str], wrappings: int) -> Json:  # noqa: ARG001 (one signature for all)
    number = values.get("levelno")
    if "level" not in values and type(number) is int:
        severity = on_scale(number, PYTHON_STEPS)
        if severity is not None:
            values["level"] = severity.value
    return values


_FINISH: dict[str, Callable[[Json, list[str], int], Json]] = {
    "gelf": _gelf,
    "journald": _journald,
    "loguru": _loguru,
    "python": _python,
}


def _rename(values: Json, ours: str, theirs: tuple[str, ...]) -> None:
    if ours in values and type(values[ours]) is not dict:
        return
    for path in theirs:
        found = _take(values, path)
        if found is not None:
            rest = values.pop(ours, None)
            values[ours] = found
            if rest:
                values[_free(values, f"{ours}_")] = rest
            return


def _free(values: Json, name: str) -> str:
    while name in values:
        name += "_"
    return name


def _take(values: Json, path: str) -> Any:
    """Remove and give what stands at a dotted path; None when nothing does."""
    if path in values:
        return values.pop(path)
    parents, _, last = path.rpartition(".")
    inner: Any = values
    for name in parents.split(".") if parents else ():
        inner = inner.get(name) if type(inner) is dict else None
    return inner.pop(last, None) if type(inner) is dict else None
