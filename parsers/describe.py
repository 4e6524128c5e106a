"""One parsed event as a plain JSON object, for `radiolog parse` and for people; does no parsing."""

from datetime import UTC, datetime
from enum import Enum
from typing import Any

from msgspec.structs import fields

from parsers.events import (
    FfmpegMessage,
    FfmpegProgress,
    FfmpegSessionEnded,
    FfmpegSessionResumed,
    FfmpegSessionStarted,
    Parsed,
    Rejected,
    TimeQuality,
)

_SAID = ("timestamp", "time_quality", "station", "service", "host", "pid", "run_id", "seq")
_ASIDE = frozenset((*_SAID, "kept"))  # said elsewhere, or not for people
_PROGRESS = ("frame", "fps", "q", "size_bytes", "time_seconds", "bitrate_kbps", "speed", "dup", "drop", "final")


def to_json_object(parsed: Parsed, line_number: int, offset: int) -> dict[str, Any]:
    """Describe one event.

    Args:
        parsed: what a parser made of a line.
        line_number: number of the line, counted from 1.
        offset: byte offset of the line's first byte.

    Returns:
        JSON types only. First `kind`, `line`, `offset`, then the event's own fields, then what the line said of
        itself (time, station, host …), where it said anything. Datetimes are ISO 8601 in UTC, with `Z`.
    """
    head: dict[str, Any] = {"kind": parsed.kind, "line": line_number, "offset": offset}
    if isinstance(parsed, FfmpegProgress):
        return {**head, **progress_numbers(parsed), **_said(parsed)}
    if isinstance(parsed, FfmpegMessage):
        return {**head, **_message(parsed), **_said(parsed)}
    if isinstance(parsed, FfmpegSessionEnded):
        body = _own_fields(parsed)
        body["final_progress"] = progress_numbers(parsed.final_progress) if parsed.final_progress else None
        return {**head, **body, **_said(parsed)}
    if isinstance(parsed, FfmpegSessionStarted | FfmpegSessionResumed | Rejected):
        return {**head, **_own_fields(parsed), **_said(parsed)}
    return {
        **head,
        **{name: value for name, value in _own_fields(parsed).items() if value is not None},
        **_said(parsed),
    }


def progress_numbers(progress: FfmpegProgress) -> dict[str, Any]:
    """The numbers of a statistics line; null where none was printed. `elapsed_seconds`, `session`: only where said."""
    numbers = {name: _plain(getattr(progress, name)) for name in _PROGRESS}
    if progress.elapsed_seconds is not None:
        numbers["elapsed_seconds"] = progress.elapsed_seconds
    if progress.session is not None:
        numbers["session"] = progress.session
    return numbers


def _message(message: FfmpegMessage) -> dict[str, Any]:
    body = {
        "severity": message.severity,
        "component": list(message.component),
        "message": message.message,
        "count": message.count,
        "category": message.category,
        "template": message.template,
        "effect": message.effect,
        "severity_source": message.severity_source,
    }
    if message.suspect:
        body["suspect"] = True
    return body


def _own_fields(parsed: Parsed) -> dict[str, Any]:
    return {field.name: _plain(getattr(parsed, field.name)) for field in fields(parsed) if field.name not in _ASIDE}


def _said(parsed: Parsed) -> dict[str, Any]:
    """What the line said of itself; nothing of what it left open."""
    if isinstance(parsed, Rejected):
        return {name: value for name, value in (("run_id", parsed.run_id), ("seq", parsed.seq)) if value is not None}
    said = {name: _plain(getattr(parsed, name)) for name in _SAID if getattr(parsed, name) is not None}
    if parsed.timestamp is None and parsed.time_quality is TimeQuality.UNKNOWN:
        del said["time_quality"]
    return said


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {str(name): _plain(held) for name, held in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
