"""AzuraCast's now-playing payloads: the same plays however often, in whatever order and wherever they are logged."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parsers.events import Disposition, LogRecord, Metric, Parsed, RawLine, Severity, TrackEnded, TrackStarted
from parsers.json_lines import JsonLinesParser

BEGAN = 1591548318


def song(title: str = "Night Desk", **more: Any) -> dict[str, Any]:
    return {"id": f"id of {title}", "text": f"Odalys Venn - {title}", "artist": "Odalys Venn", "title": title, **more}


def played(sh_id: Any, played_at: Any, title: str, **more: Any) -> dict[str, Any]:
    return {"sh_id": sh_id, "played_at": played_at, "duration": 180, "playlist": "default", "streamer": "",
            "is_request": False, "song": song(title), **more}  # fmt: skip


def payload(sh_id: Any = 12345, history: Any = (), **playing: Any) -> dict[str, Any]:
    """As version 0.2x sends it, without what nobody reads."""
    return {
        "station": {"id": 1, "name": "Night Radio", "shortcode": "night", "timezone": "Europe/Berlin"},
        "listeners": {"total": 20, "unique": 15, "current": 20},
        "live": {"is_live": False, "streamer_name": "", "broadcast_start": None, "art": None},
        "now_playing": {**played(sh_id, BEGAN, "Night Desk"), "elapsed": 25, "remaining": 155, **playing},
        "playing_next": {"cued_at": 0, "played_at": None, "duration": 180.0, "song": song("Next")},
        "song_history": list(history) if isinstance(history, tuple) else history,
        "is_online": True,
        "cache": "event",
    }


class File:
    """A file of JSON lines as its parser reads it."""

    def __init__(self) -> None:
        self.parser = JsonLinesParser()
        self.dispositions: list[Disposition | None] = []

    def says(self, *objects: Any) -> list[Parsed]:
        events: list[Parsed] = []
        for said in objects:
            data = said.encode() if isinstance(said, str) else json.dumps(said).encode()
            for outcome in self.parser.feed(RawLine(0, len(data) + 1, data)):
                self.dispositions.append(outcome.disposition)
                events += outcome.parsed
        # What stands in the checkpoint is enough to go on.
        self.parser = JsonLinesParser(json.loads(json.dumps(self.parser.state())))
        return events

    def plays(self, *objects: Any) -> list[TrackStarted]:
        return [event for event in self.says(*objects) if isinstance(event, TrackStarted)]


@pytest.mark.parametrize("field", [None, "payload", "body", "now_playing", "data", "np", "anything"])
@pytest.mark.parametrize("as_text", [False, True])
def test_a_payload_is_the_start_of_its_play_wherever_it_stands(field: str | None, as_text: bool) -> None:
    held = json.dumps(payload()) if as_text else payload()
    line = held if field is None else {"msg": "webhook", "level": 30, "time": 1, "seq": 7, "run_id": "r", field: held}
    start, listeners, unique = File().says(line)
    assert isinstance(start, TrackStarted)
    assert (start.play_id, start.artist, start.title, start.azuracast_song_id) == (
        "sh:12345",
        "Odalys Venn",
        "Night Desk",
        "id of Night Desk",
    )
    assert start.timestamp == datetime.fromtimestamp(BEGAN, UTC)
    assert (start.station, start.duration_seconds, start.metadata) == ("night", 180, {"playlist": "default"})
    assert (start.run_id, start.seq) == (("r", 7) if field else (None, None))
    assert isinstance(listeners, Metric)
    assert isinstance(unique, Metric)
    assert [(listeners.name, listeners.value), (unique.name, unique.value)] == [
        ("listeners", 20),
        ("listeners_unique", 15),
    ]
    assert listeners.seq is None, "one line is counted once"


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda text: {"log": text + "\n", "stream": "stdout", "time": "2020-06-07T16:45:43Z"},
        lambda text: {"MESSAGE": text, "PRIORITY": "6", "__REALTIME_TIMESTAMP": "1591548343000000", "_PID": "7"},
        lambda text: {"level": 30, "time": 1591548343000, "pid": 7, "hostname": "h", "msg": "webhook", "body": text},
        lambda text: {"event": text, "timestamp": "2020-06-07T16:45:43Z", "level": "info"},
        lambda text: {"pub": {"data": {"np": json.loads(text)}}, "time": "2020-06-07T16:45:43Z"},
    ],
    ids=["Docker", "journald", "pino", "message", "nested"],
)
def test_a_payload_is_found_behind_other_loggers(wrapped: Any) -> None:
    start, listeners, _ = File().says(wrapped(json.dumps(payload())))
    assert isinstance(start, TrackStarted)
    assert start.timestamp == datetime.fromtimestamp(BEGAN, UTC)
    assert isinstance(listeners, Metric)
    assert listeners.timestamp == datetime.fromtimestamp(BEGAN + 25, UTC)


def test_the_same_payload_again_adds_nothing_and_keeps_its_number() -> None:
    file = File()
    line = {"event": "webhook", "run_id": "r", "body": payload(history=(played(12344, BEGAN - 180, "Low Tide"),))}
    assert len(file.says({**line, "seq": 1})) == 4
    (again,) = file.says({**line, "seq": 2})
    assert isinstance(again, LogRecord)
    assert (again.severity, again.seq) == (Severity.DEBUG, 2)
    assert file.dispositions == [Disposition.STORED, Disposition.DUPLICATE]


def test_while_a_track_plays_only_listeners_are_new() -> None:
    file = File()
    file.says(payload(elapsed=0))
    events = file.says({**payload(elapsed=95), "listeners": {"current": 3}}, payload(elapsed=95), payload(elapsed=94))
    assert [(event.name, event.value) for event in events if isinstance(event, Metric)] == [("listeners", 3)]
    assert not [event for event in events if isinstance(event, TrackStarted)]
    assert file.dispositions[2:] == [Disposition.DUPLICATE] * 2, "a moment is counted once, and the past is past"


def test_a_gap_is_repaired_from_the_history_and_what_was_seen_live_is_not_doubled() -> None:
    file = File()
    first = file.plays(payload(1, played_at=BEGAN))
    history = tuple(played(number, BEGAN + 180 * (number - 1), f"Track {number}") for number in (4, 3, 2, 1, 0))
    plays = file.plays(payload(5, history, played_at=BEGAN + 720))
    assert [play.play_id for play in first + plays] == ["sh:1", "sh:5", "sh:2", "sh:3", "sh:4"]
    repaired = plays[1]
    assert (repaired.title, repaired.duration_seconds) == ("Track 2", 180)
    assert repaired.timestamp == datetime.fromtimestamp(BEGAN + 180, UTC)
    assert repaired.metadata == {"playlist": "default", "via": "song_history"}
    assert file.plays(payload(5, history, played_at=BEGAN + 720)) == []


@pytest.mark.parametrize("history", [None, [], "x", [None, 3, {}, {"sh_id": 0, "played_at": 0}, {"sh_id": 9}]])
def test_a_history_without_plays_is_no_play(history: Any) -> None:
    assert [play.play_id for play in File().plays(payload(history=history))] == ["sh:12345"]


def test_a_live_show_has_its_streamer_and_no_length() -> None:
    live = {"is_live": True, "streamer_name": "DJ Ada", "broadcast_start": BEGAN}
    (start,) = File().plays({**payload(duration=0), "live": live})
    assert (start.duration_seconds, start.metadata) == (
        None,
        {"playlist": "default", "live": True, "streamer": "DJ Ada"},
    )
    nameless = {**payload(song={"text": "", "artist": "", "title": ""}, streamer="DJ Ada"), "live": {"is_live": True}}
    assert [play.title for play in File().plays(nameless)] == ["DJ Ada"]


@pytest.mark.parametrize(
    ("said", "title"),
    [
        ({"text": "Station jingle", "artist": "", "title": None}, "Station jingle"),
        ({"artist": " ", "title": "", "text": None}, "unknown"),
        ({}, "unknown"),
        (None, "unknown"),
    ],
)
def test_a_jingle_without_tags_is_a_play_all_the_same(said: Any, title: str) -> None:
    (start,) = File().plays(payload(song=said, duration=0, playlist="Jingles"))
    assert (start.artist.strip(), start.title, start.duration_seconds) == ("", title, None)
    assert start.metadata == {"playlist": "Jingles"}


OFF_AIR = payload(0, played_at=0, elapsed=0, song={"text": "Station Offline", "title": "Station Offline"})


@pytest.mark.parametrize("payload_off", [OFF_AIR, {**OFF_AIR, "now_playing": None}])
def test_off_air_ends_the_running_play_once(payload_off: dict[str, Any]) -> None:
    file = File()
    file.says({"timestamp": "2020-06-07T16:45:43Z", "body": payload()})
    ended, *_ = file.says({"timestamp": "2020-06-07T16:47:00Z", "body": payload_off})
    assert isinstance(ended, TrackEnded)
    assert (ended.timestamp, ended.play_id) == (datetime(2020, 6, 7, 16, 47, tzinfo=UTC), None)
    again = file.says({"timestamp": "2020-06-07T16:48:00Z", "body": {**payload_off, "listeners": None}})
    assert [type(event) for event in again] == [LogRecord]
    assert file.dispositions[-1] is Disposition.DUPLICATE
    assert len(file.plays({"timestamp": "2020-06-07T16:49:00Z", "body": payload(12346)})) == 1


def test_off_air_without_a_time_is_told_and_ends_nothing() -> None:
    record, *metrics = File().says(OFF_AIR)
    assert isinstance(record, LogRecord)
    assert (record.message, record.severity) == ("azuracast: the station is off air", Severity.INFO)
    assert {type(metric) for metric in metrics} == {Metric}


def test_older_forms_are_understood() -> None:
    old = {
        "station": {"id": 1, "shortcode": "night"},
        "listeners": {"unique": 15, "total": 20},
        "now_playing": {"sh_id": "77", "played_at": str(BEGAN), "duration": "180", "elapsed": "5",
                        "song": song(custom_fields={"a": "b"})},
        "song_history": [{"sh_id": "76", "played_at": str(BEGAN - 60), "song": song("Before")}],
    }  # fmt: skip
    start, before, listeners, unique = File().says(old)
    assert isinstance(start, TrackStarted)
    assert isinstance(before, TrackStarted)
    assert (start.play_id, start.duration_seconds, before.play_id) == ("sh:77", 180, "sh:76")
    assert isinstance(listeners, Metric)
    assert (listeners.value, listeners.timestamp) == (20, datetime.fromtimestamp(BEGAN + 5, UTC))
    assert isinstance(unique, Metric)
    (count,) = [event for event in File().says({**old, "listeners": 8}) if isinstance(event, Metric)]
    assert (count.name, count.value) == ("listeners", 8)


def test_the_answer_for_all_stations_is_each_stations_own() -> None:
    other = {**payload(900), "station": {"shortcode": "day"}}
    starts = File().plays({"event": "poll", "station": "poller", "nowplaying": [payload(), other]})
    assert [(start.station, start.play_id) for start in starts] == [("night", "sh:12345"), ("day", "sh:900")]


def test_the_station_that_the_line_names_comes_first() -> None:
    assert File().plays({"station": "Nightdrive FM", "body": payload()})[0].station == "Nightdrive FM"


@pytest.mark.parametrize("level", ["error", "warning", 50])
def test_a_failure_that_shows_the_payload_stays_a_failure(level: str | int) -> None:
    (record,) = File().says({"level": level, "msg": "the webhook was refused", "body": payload()})
    assert isinstance(record, LogRecord)
    assert record.message == "the webhook was refused"


@pytest.mark.parametrize("said", [{"kind": "log"}, {"event": "track_started", "title": "T"}])
def test_an_event_of_its_own_stays_one(said: dict[str, Any]) -> None:
    (event,) = File().says({**said, "context": payload()})
    assert event.kind in ("log", "track_started")
    assert getattr(event, "play_id", None) is None


def test_one_line_cannot_become_thousands_of_rows() -> None:
    file = File()
    history = tuple(played(number + 1, BEGAN + number, "x") for number in range(3000))
    assert len(file.says({"event": "x", "nowplaying": [payload(4000, history)] * 3})) == 35
    assert [event.kind for event in file.says({"event": "x", "nowplaying": [payload(4000, history)]})] == ["log"]
    flood = [{**payload(number + 1), "station": {"shortcode": str(number)}} for number in range(1000)]
    assert len(file.says({"event": "x", "nowplaying": flood})) == 256 * 3


def test_what_is_remembered_is_bounded_and_holds_no_secret() -> None:
    file = File()
    for number in range(400):
        file.says({**payload(number + 1), "station": {"shortcode": f"station {number}"}})
    for number in range(200):
        file.says(payload(10_000 + number))
    file.says({**payload(), "station": {"shortcode": "rtmp://a.rtmp.youtube.com/live2/abcd-efgh-ijkl-mnop-qrst"}})
    state = json.dumps(file.parser.state())
    assert len(state) < 20_000
    assert "ijkl" not in state


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["sh_id", "song", "x"]), inner),
    max_leaves=6,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(st.sampled_from(list(payload())), ODD),
    st.dictionaries(st.sampled_from(list(payload()["now_playing"])), ODD),
)
def test_whatever_stands_in_a_payload_the_line_has_a_disposition(outer: dict[str, Any], inner: dict[str, Any]) -> None:
    file = File()
    line = {**payload(), **outer}
    if isinstance(line["now_playing"], dict):
        line["now_playing"] = {**line["now_playing"], **inner}
    file.says(line, line, {"event": "x", "body": line})
    assert len(file.dispositions) == 3
    assert None not in file.dispositions
