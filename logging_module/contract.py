"""The reserved events of docs/log-format.md as fields of a line; encodes nothing and writes nothing.

What is None is left out: a missing field and a null mean the same to the reader.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from logging_module.json_line import plain, text_of

SEVERITIES = ("info", "warning", "error", "critical")
UNKNOWN_TITLE = "unknown"
_TRACK_FIELDS = ("artist", "title", "album", "azuracast_song_id", "duration")


def track_started(
    play_id: str, track_info: Mapping[str, Any], loop_path: object = None, ffmpeg_pid: int | None = None
) -> dict[str, Any]:
    """Fields of `track_started`.

    Args:
        play_id: the identity of this play, made by the writer.
        track_info: artist, title, album, azuracast_song_id (or AzuraCast's `id`), duration (seconds); everything else
            becomes metadata. What is no mapping becomes text in the metadata.
        loop_path: the file that the encoder plays. Its name is the title where there is neither artist nor title;
            without it the title is `unknown`, for a play that has no name is a play all the same.
        ffmpeg_pid: the encoder's process.
    """
    rest = _as_fields(track_info)
    if rest.get("azuracast_song_id") is None and rest.get("id") is not None:
        rest["azuracast_song_id"] = rest.pop("id")
    fields: dict[str, Any] = {"kind": "track_started", "play_id": play_id}
    for name in _TRACK_FIELDS:
        value = rest.pop(name, None)
        if value is not None:
            fields[name] = value
    path = None if loop_path is None else text_of(loop_path)
    if not _says_something(fields.get("artist")) and not _says_something(fields.get("title")):
        unusable = fields.get("title")
        if unusable is not None and not isinstance(unusable, str):
            rest["title"] = unusable
        fields["title"] = (path or "").rstrip("/").rpartition("/")[2].strip() or UNKNOWN_TITLE
    _add(fields, "loop_path", path)
    _add(fields, "ffmpeg_pid", ffmpeg_pid)
    inner = rest.get("metadata")
    if isinstance(inner, Mapping):
        del rest["metadata"]
        rest = {**inner, **rest}
    _add(fields, "metadata", rest or None)
    return fields


def track_ended(
    play_id: UUID | str | int, *, had_errors: bool = False, error_message: str | None = None
) -> dict[str, Any]:
    """Fields of `track_ended`.

    Args:
        play_id: what the start got, or the number of its row.
        had_errors: whether something was wrong while it played.
        error_message: what was wrong.
    """
    fields: dict[str, Any] = {
        "kind": "track_ended",
        "play_id": play_id if isinstance(play_id, int) else str(play_id),
        "had_errors": bool(had_errors),
    }
    _add(fields, "error_message", error_message)
    return fields


def error(
    service: str,
    *,
    context: Mapping[str, Any] | None = None,
    stack_trace: str | None = None,
    play_history_id: UUID | str | int | None = None,
) -> dict[str, Any]:
    """Fields of a line that becomes a row of `error_log` whatever its level is.

    Args:
        service: what is in trouble; not always the one that writes.
        context: anything that helps to understand it.
        stack_trace: text of many lines.
        play_history_id: the play it belongs to: what its start got, or the number of its row.
    """
    fields: dict[str, Any] = {"kind": "error", "service": service}
    _add(fields, "context", context or None)
    _add(fields, "stack_trace", stack_trace)
    if isinstance(play_history_id, int):
        fields["play_history_id"] = play_history_id
    else:
        _add(fields, "play_id", None if play_history_id is None else str(play_history_id))
    return fields


def metric(
    metric_name: str,
    metric_value: object,
    *,
    unit: str | None = None,
    service: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Fields of `metric`.

    Args:
        metric_name: for example `cpu_percent`.
        metric_value: a finite number.
        unit: for example `percent`.
        service: what was measured, where that is not the one that writes.
        metadata: anything else.
    """
    fields: dict[str, Any] = {"kind": "metric", "metric_name": metric_name, "metric_value": metric_value}
    _add(fields, "unit", unit)
    _add(fields, "service", service)
    _add(fields, "metadata", metadata or None)
    return fields


def _as_fields(track_info: object) -> dict[str, Any]:
    """A copy of the mapping; a caller's mistake is not a reason to lose the play."""
    said = track_info if type(track_info) is dict else plain(track_info)
    if isinstance(said, dict):
        return dict(said)
    return {} if said is None else {"track_info": text_of(said)}


def _says_something(name: object) -> bool:
    """Whether the reader makes a name of the value: it takes text and numbers."""
    return bool(name.strip()) if isinstance(name, str) else isinstance(name, int | float)


def _add(fields: dict[str, Any], name: str, value: Any) -> None:
    if value is not None:
        fields[name] = value
