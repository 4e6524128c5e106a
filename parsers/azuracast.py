"""AzuraCast's now-playing payload, logged verbatim or in a field of a line, as fields of the contract.

A payload is the start of the play `sh:<sh_id>` at `played_at`. It is sent again and again while the track plays, so
only what stays the same for one `sh_id` is taken: whichever payload is read first, the play is the same.
"""

from typing import Any

from parsers.events import Severity
from parsers.levels import severity_of

_QUIET = (None, Severity.DEBUG, Severity.INFO)
_WRAPPERS = ("nowplaying", "now_playing", "payload", "body", "data")
_ENVELOPE = ("service", "station", "host", "pid", "run_id", "seq")
_SONG = {"artist": "artist", "title": "title", "album": "album", "id": "azuracast_song_id"}


def find(values: dict[str, Any]) -> dict[str, Any] | None:
    """The payload in a line: the line itself, or the object in one of the usual fields; None where there is none.

    A line that reports a failure, or is an event of its own, stays what it is: the payload is only what it is about.
    """
    if _is_payload(values):
        return values
    for name in _WRAPPERS:
        inner = values.get(name)
        if type(inner) is dict and _is_payload(inner):
            return None if _says_more(values) else inner
    return None


def _says_more(values: dict[str, Any]) -> bool:
    levels = (values.get(name) for name in ("level", "severity", "levelname", "lvl"))
    failed = any(level is not None and severity_of(level) not in _QUIET for level in levels)
    return failed or "exception" in values or values.get("event") in ("track_started", "track_ended", "metric")


def normalise(values: dict[str, Any], payload: dict[str, Any]) -> dict[str, Any]:
    """Give the contract's fields for a payload.

    Args:
        values: the whole line, which may name its writer.
        payload: what `find` found in it.

    Returns:
        Fields of `track_started`; of a log record where nothing is on air (`sh_id` 0) or the song has no name.
    """
    fields = {name: values[name] for name in _ENVELOPE if type(values.get(name)) in (str, int)}
    station = payload.get("station")
    if "station" not in fields and type(station) is dict and station.get("shortcode"):
        fields["station"] = station["shortcode"]
    playing = payload["now_playing"]
    song = playing.get("song")
    names = {ours: song[theirs] for theirs, ours in _SONG.items() if song.get(theirs)} if type(song) is dict else {}
    if "artist" not in names and "title" not in names and type(song) is dict and song.get("text"):
        names["title"] = song["text"]
    if not playing["sh_id"] or not ("artist" in names or "title" in names):
        if "timestamp" in values:
            fields["timestamp"] = values["timestamp"]
        message = "azuracast: a song without a name" if playing["sh_id"] else "azuracast: the station is off air"
        return {**fields, "kind": "log", "level": "info", "message": message, "context": {"now_playing": playing}}
    if playing.get("duration"):  # 0 means unknown: a live show
        names["duration"] = playing["duration"]
    extras = {name: playing[name] for name in ("playlist", "streamer", "is_request") if playing.get(name)}
    at = playing.get("played_at") or values.get("timestamp")
    return {
        **fields,
        **names,
        "kind": "track_started",
        "timestamp": at,
        "play_id": f"sh:{playing['sh_id']}",
        "metadata": extras,
    }


def _is_payload(values: dict[str, Any]) -> bool:
    playing = values.get("now_playing")
    return type(playing) is dict and type(playing.get("sh_id")) is int
