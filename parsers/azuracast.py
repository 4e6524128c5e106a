"""AzuraCast's now-playing payloads, logged verbatim or anywhere in a line, as fields of the contract.

A payload is the start of the play `sh:<sh_id>` at `played_at`, and so is each entry of its `song_history`: what no
payload was logged for is repaired from a later one. It is sent again and again while a track plays, so of a play only
what stays the same for one `sh_id` is taken: whichever payload is read first, the play is the same. `Stations`
remembers what a file's payloads said, so that one that says nothing new adds nothing.

Fields as AzuraCast's API has them. Old versions lack some, others write numbers as text; `now_playing` may be null.
"""

from collections.abc import Iterator, Mapping
from datetime import tzinfo
from itertools import islice
from typing import Any

from parsers import timestamps
from parsers.events import Rejected, Severity
from parsers.json_decode import Json, decode
from parsers.json_fields import TIME_FIELDS, redacted_text, to_number
from parsers.levels import severity_of

MARK = b"now_playing"  # no payload is without it, however it is wrapped
NAMELESS = "unknown"
LISTENERS = {"listeners": ("current", "total"), "listeners_unique": ("unique",)}

_QUIET = (None, Severity.DEBUG, Severity.INFO)
_DEEPEST = 3
_ENVELOPE = ("service", "station", "host", "pid")
_NUMBERED = ("run_id", "seq")
_SONG = {"artist": "artist", "title": "title", "album": "album", "id": "azuracast_song_id"}
_MOST_STATIONS = 256
_LONGEST_NAME = 128
_MOST_PLAYS, _MOST_REPAIRED = 64, 32  # of one station; a history has five unless it was configured otherwise
# Of two lines that say the same play, the database keeps the one whose metadata sorts first: `via` sorts behind every
# other field, so a play that was seen on air keeps what only that payload knew.
_REPAIRED = {"via": "song_history"}


def find(values: Json) -> list[Json]:
    """The payloads in a line: the line itself, or objects in its fields, also as text; none where there are none.

    A line that reports a failure, or is an event of its own, stays what it is: the payload is only what it is about.
    """
    if _is_payload(values):
        return [values]
    found = list(islice(_inside(values, _DEEPEST), _MOST_STATIONS))
    return [] if found and _says_more(values) else found


def _inside(value: Any, depth: int) -> Iterator[Json]:
    if type(value) is str and value.startswith("{") and "now_playing" in value:
        decoded = decode(value.encode())
        value = value if isinstance(decoded, Rejected) else decoded[0]
    if type(value) is dict:
        if _is_payload(value):
            yield value
            return
        inner: Any = value.values()
    else:
        inner = value if type(value) is list else ()
    if depth:
        for item in inner:
            yield from _inside(item, depth - 1)


def _is_payload(values: Json) -> bool:
    if "now_playing" not in values:
        return False
    playing = values["now_playing"]
    if type(playing) is dict:
        return _number(playing, "sh_id") is not None
    return playing is None and type(values.get("station")) is dict


def _says_more(values: Json) -> bool:
    levels = (values.get(name) for name in ("level", "severity", "levelname", "lvl"))
    failed = any(level is not None and severity_of(level) not in _QUIET for level in levels)
    return failed or "exception" in values or values.get("event") in ("track_started", "track_ended", "metric")


class Stations:
    """What the payloads of one file said of each station, and what a further one adds to it.

    Args:
        state: what `state()` gave at this point of the file.
    """

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        self._known: dict[str, _Station] = {
            name: _Station(*said) for name, said in (state or {}).get("stations", {}).items()
        }

    def state(self) -> dict[str, Any]:
        """JSON values only; empty when no payload was read."""
        return {"stations": {name: station.said() for name, station in self._known.items()}} if self._known else {}

    def read(self, values: Json, payloads: list[Json], zone: tzinfo) -> list[Json]:
        """Give the contract's fields for what is new in a line's payloads.

        Args:
            values: the whole line, which may name its writer and its time.
            payloads: what `find` found in it.
            zone: of times that name none.

        Returns:
            Fields with their `kind`, the first with the line's run and number: the play that is on air before those
            of the history, then the end of a play where the station went off air, then numbers of listeners. Empty
            when nothing is new.
        """
        fields = {name: values[name] for name in _ENVELOPE if type(values.get(name)) in (str, int)}
        said_at = next((values[name] for name in TIME_FIELDS if _seconds(values.get(name), zone) is not None), None)
        found = []
        for payload in payloads:
            named = payload.get("station")
            shortcode = str(named.get("shortcode") or "") if type(named) is dict else ""
            own = fields
            if shortcode and ("station" not in fields or len(payloads) > 1):
                own = {**fields, "station": shortcode}
            found += self._station(str(own.get("station", ""))).read(own, payload, said_at, zone)
        if found:
            found[0] = {**found[0], **numbered(values)}
        return found

    def _station(self, name: str) -> "_Station":
        name = redacted_text(name[:_LONGEST_NAME])
        station = self._known.pop(name, None) or _Station()
        self._known[name] = station  # the last one read is the last one
        if len(self._known) > _MOST_STATIONS:
            del self._known[next(iter(self._known))]
        return station


def numbered(values: Json) -> Json:
    """The line's run and number, which the ledger counts."""
    return {name: values[name] for name in _NUMBERED if name in values}


class _Station:
    """One station: the plays that were said, whether it is off air, and the last numbers of listeners."""

    def __init__(
        self, plays: list[int] | None = None, off_air: bool = False, counted_at: float | None = None, *counts: Any
    ) -> None:
        self._plays = list(plays or ())
        self._off_air = off_air
        self._counted_at = counted_at
        self._counts = list(counts)

    def said(self) -> list[Any]:
        return [self._plays, self._off_air, self._counted_at, *self._counts]

    def read(self, fields: Json, payload: Json, said_at: Any, zone: tzinfo) -> list[Json]:
        playing = payload["now_playing"] or {}
        on_air = bool(_number(playing, "sh_id"))
        found = self._play(fields, playing, said_at, _live(payload, playing)) if on_air else []
        history = payload.get("song_history")
        recent = history[:_MOST_REPAIRED] if type(history) is list else []  # the newest comes first
        for past in reversed(recent):
            if type(past) is dict and past.get("played_at"):
                found += self._play(fields, past, None, dict(_REPAIRED))
        if not on_air:
            found += self._went_off(fields, said_at)
        self._off_air = not on_air
        at = said_at
        if at is None and on_air:  # `elapsed` was computed when the payload was sent
            began, elapsed = _seconds(playing.get("played_at") or None, zone), _number(playing, "elapsed")
            at = began + elapsed if began is not None and elapsed is not None else None
        return found + self._listeners(fields, payload.get("listeners"), at, zone)

    def _play(self, fields: Json, playing: Json, said_at: Any, metadata: Json) -> list[Json]:
        number = _number(playing, "sh_id")
        if not number or number in self._plays:
            return []
        self._plays = [*self._plays, number][-_MOST_PLAYS:]
        song = playing.get("song")
        song = song if type(song) is dict else {}
        names = {ours: song[theirs] for theirs, ours in _SONG.items() if song.get(theirs)}
        if not _is_named(names):
            names["title"] = song.get("text") or metadata.get("streamer") or NAMELESS
        if to_number(playing.get("duration")):  # 0 means unknown: a live show
            names["duration"] = playing["duration"]
        extras = {name: playing[name] for name in ("playlist", "streamer", "is_request") if playing.get(name)}
        return [
            {
                **fields,
                **names,
                "kind": "track_started",
                "timestamp": playing.get("played_at") or said_at,
                "play_id": f"sh:{number}",
                "metadata": {**extras, **metadata},
            }
        ]

    def _went_off(self, fields: Json, said_at: Any) -> list[Json]:
        """The running play ends. Off air without a time is only told: an end at a wrong time would cut another play."""
        if self._off_air:
            return []
        if said_at is None:
            return [{**fields, "kind": "log", "level": "info", "message": "azuracast: the station is off air"}]
        return [{**fields, "kind": "track_ended", "timestamp": said_at, "metadata": {"reason": "off air"}}]

    def _listeners(self, fields: Json, said: Any, at: Any, zone: tzinfo) -> list[Json]:
        """One sample a moment: what is no younger than the last one, or without a time the same, is known."""
        said = said if type(said) is dict else {"current": said}
        counts = {name: next((said[key] for key in keys if key in said), None) for name, keys in LISTENERS.items()}
        numbers = {name: to_number(count) for name, count in counts.items() if type(count) is not bool}
        seconds = _seconds(at, zone)
        if seconds is not None and self._counted_at is not None and seconds <= self._counted_at:
            return []
        if seconds is None and list(numbers.values()) == self._counts:
            return []
        self._counted_at, self._counts = seconds if seconds is not None else self._counted_at, list(numbers.values())
        return [
            {**fields, "kind": "metric", "timestamp": at, "metric_name": name, "metric_value": number}
            for name, number in numbers.items()
            if number is not None
        ]


def _live(payload: Json, playing: Json) -> Json:
    """Who is on air, where it is a person."""
    live = payload.get("live")
    if type(live) is not dict or live.get("is_live") not in (True, 1, "true", "1"):
        return {}
    name = live.get("streamer_name") or playing.get("streamer")
    return {"live": True, **({"streamer": name} if name else {})}


def _is_named(names: Json) -> bool:
    return any(str(names.get(name, "")).strip() for name in ("artist", "title"))


def _number(values: Json, name: str) -> int | None:
    number = None if type(values.get(name)) is bool else to_number(values.get(name))
    return int(number) if number is not None else None


def _seconds(value: Any, zone: tzinfo) -> float | None:
    at, _ = timestamps.parse(value, zone=zone)
    return None if at is None else at.timestamp()
