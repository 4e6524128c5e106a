"""AzuraCast's now-playing payloads: the same play however often and wherever the payload is logged."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from parsers.events import LogRecord, Parsed, TrackStarted
from parsers.json_lines import parse


def payload(sh_id: int = 12345, **playing: Any) -> dict[str, Any]:
    song = {"id": "9f33bbc9", "text": "Odalys Venn - Night Desk", "artist": "Odalys Venn", "title": "Night Desk"}
    now = {
        "sh_id": sh_id,
        "played_at": 1591548318,
        "duration": 180,
        "playlist": "default",
        "streamer": "",
        "song": song,
    }
    return {
        "station": {"id": 1, "shortcode": "night"},
        "listeners": {"total": 20, "unique": 15, "current": 20},
        "live": {"is_live": False},
        "now_playing": {**now, **playing},
        "song_history": [],
        "is_online": True,
    }


def parsed(values: dict[str, Any]) -> Parsed:
    return parse(json.dumps(values).encode(), UTC)


@pytest.mark.parametrize("field", [None, "payload", "body", "now_playing", "data"])
def test_a_payload_is_the_start_of_its_play_wherever_it_stands(field: str | None) -> None:
    start = parsed(payload() if field is None else {"msg": "webhook", "level": 30, "time": 1, field: payload()})
    assert isinstance(start, TrackStarted)
    assert (start.play_id, start.artist, start.title, start.azuracast_song_id) == (
        "sh:12345",
        "Odalys Venn",
        "Night Desk",
        "9f33bbc9",
    )
    assert start.timestamp == datetime.fromtimestamp(1591548318, UTC)
    assert (start.station, start.duration_seconds) == ("night", 180)


def test_what_changes_while_a_track_plays_changes_nothing_of_the_play() -> None:
    later = {**payload(elapsed=95, remaining=85), "listeners": {"current": 3}, "timestamp": "2020-06-07T16:47:00Z"}
    assert parsed(later) == parsed(payload(elapsed=0, remaining=180))


def test_off_air_is_no_play() -> None:
    record = parsed(payload(0, played_at=0, song={"text": "Station Offline", "title": "Station Offline"}))
    assert isinstance(record, LogRecord)
    assert record.message == "azuracast: the station is off air"


def test_a_song_of_which_only_the_text_is_known_has_it_as_title() -> None:
    start = parsed(payload(song={"text": "Station jingle", "artist": "", "title": None}, duration=0))
    assert isinstance(start, TrackStarted)
    assert (start.artist, start.title, start.duration_seconds) == ("", "Station jingle", None)


def test_a_song_without_any_name_is_kept_as_a_log_record() -> None:
    assert isinstance(parsed(payload(song=None)), LogRecord)


@pytest.mark.parametrize("level", ["error", "warning", 50])
def test_a_failure_that_shows_the_payload_stays_a_failure(level: str | int) -> None:
    record = parsed({"level": level, "msg": "the webhook was refused", "body": payload()})
    assert isinstance(record, LogRecord)
    assert record.message == "the webhook was refused"
