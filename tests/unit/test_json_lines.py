"""JSON lines: the fields of the contract, lenience about their types, and the parser's outcomes."""

import json
from datetime import UTC, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import pytest

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
    TimeQuality,
    TrackEnded,
    TrackStarted,
)
from parsers.json_lines import JsonLinesParser, parse

T = TypeVar("T")
AT = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
SAID_AT = "2026-11-24T02:00:00Z"


def line(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def as_a(kind: type[T], data: bytes | Parsed) -> T:
    parsed = parse(data, UTC) if isinstance(data, bytes) else data
    assert isinstance(parsed, kind)
    return parsed


def record(**fields: Any) -> LogRecord:
    return as_a(LogRecord, line(**fields))


def rejected(data: bytes) -> str:
    return as_a(Rejected, data).reason


def started(**fields: Any) -> TrackStarted:
    return as_a(TrackStarted, line(event="track_started", **{"artist": "A", "title": "T", **fields}))


def metric(value: str) -> Parsed:
    return parse(b'{"event":"metric","metric_name":"fps","metric_value":%s}' % value.encode(), UTC)


# ------------------------------------------------------------------------------------------------ the contract


def test_a_metric() -> None:
    said = line(
        event="metric", level="info", timestamp=SAID_AT, service="encoder", station="main", host="radio1", pid=4711,
        run_id="r", seq=7, metric_name="fps", metric_value=29.97, unit="1/s", metadata={"output": "youtube"}, loop=3,
    )  # fmt: skip

    assert parse(said, UTC) == Metric(
        timestamp=AT, time_quality=TimeQuality.EXACT, station="main", service="encoder", host="radio1", pid=4711,
        run_id="r", seq=7, name="fps", value=29.97, unit="1/s", metadata={"output": "youtube", "loop": 3},
    )  # fmt: skip


def test_a_track_start() -> None:
    said = line(
        event="track_started", timestamp=SAID_AT, service="player", station="main", play_id="p1", artist="Håkan",
        title="夜", album="B", azuracast_song_id="s", id="x", duration=213.4, loop_path="/l.mp4", ffmpeg_pid=12,
        metadata={"mood": "calm"}, genre="ambient",
    )  # fmt: skip

    assert parse(said, UTC) == TrackStarted(
        timestamp=AT, time_quality=TimeQuality.EXACT, station="main", service="player", play_id="p1", artist="Håkan",
        title="夜", album="B", azuracast_song_id="s", duration_seconds=213.4, loop_path="/l.mp4", ffmpeg_pid=12,
        metadata={"mood": "calm", "id": "x", "genre": "ambient"},
    )  # fmt: skip


def test_a_track_end() -> None:
    said = line(event="track_ended", timestamp=SAID_AT, play_id="p1", had_errors=True, error_message="cut", why="x")

    assert parse(said, UTC) == TrackEnded(
        timestamp=AT,
        time_quality=TimeQuality.EXACT,
        play_id="p1",
        had_errors=True,
        error_message="cut",
        metadata={"why": "x"},
    )


def test_an_error_resolved_by_id_or_by_service_and_template() -> None:
    by_id = as_a(ErrorResolved, line(event="error_resolved", error_id=5, service="player"))
    by_template = as_a(ErrorResolved, line(event="error_resolved", service="player", template="Cannot read <path>"))

    assert (by_id.error_id, by_id.resolved_service, by_id.template) == (5, None, None)
    assert (by_template.error_id, by_template.resolved_service, by_template.template) == (
        None, "player", "Cannot read <path>",
    )  # fmt: skip
    assert rejected(line(event="error_resolved", service="player")) == "missing_field"
    assert rejected(line(event="error_resolved", template="t")) == "missing_field"


def test_a_log_record() -> None:
    said = line(
        event="Ingest refused", level="warning", logger="radio.net", timestamp=SAID_AT, service="encoder", attempt=3,
        context={"host": "a.example"}, exception="Traceback …", play_history_id=17,
    )  # fmt: skip

    assert parse(said, UTC) == LogRecord(
        timestamp=AT, time_quality=TimeQuality.EXACT, service="encoder", severity=Severity.WARNING,
        message="Ingest refused", stack_trace="Traceback …", play_id="17",
        context={"host": "a.example", "logger": "radio.net", "attempt": 3},
    )  # fmt: skip


def test_kind_error_is_explicit_whatever_its_severity() -> None:
    assert record(kind="error", event="x", level="info").explicit_error
    assert record(kind="error", event="x", level="info").severity is Severity.INFO
    assert record(kind="error", event="x").severity is Severity.ERROR
    assert not record(event="x", level="error").explicit_error


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("track_started", TrackStarted), ("track_ended", TrackEnded), ("metric", Metric),
     ("error_resolved", ErrorResolved), ("error", LogRecord), ("log", LogRecord)],
)  # fmt: skip
def test_an_explicit_kind_wins_over_the_event(kind: str, expected: type) -> None:
    whatever = {"artist": "A", "metric_name": "m", "metric_value": 1, "error_id": 1}

    assert type(parse(line(kind=kind, event="track_started", **whatever), UTC)) is expected
    assert type(parse(line(kind=kind, event="metric", **whatever), UTC)) is expected


def test_kind_and_event_that_say_the_same_are_one_field() -> None:
    both = as_a(Metric, line(kind="metric", event="metric", metric_name="fps", metric_value=1))
    other = as_a(Metric, line(kind="metric", event="measured", metric_name="fps", metric_value=1))

    assert (both.metadata, other.metadata) == (None, {"event": "measured"})
    assert record(kind="error", event="error").message == "error"


def test_an_unknown_kind_is_a_field_like_any_other() -> None:
    assert record(kind="span", event="x").context == {"kind": "span"}
    assert type(parse(line(kind=["metric"], event="metric", metric_name="m", metric_value=1), UTC)) is Metric


@pytest.mark.parametrize("path", ["/srv/loops/night.mp4", "night.mp4", "/srv/night.mp4/"])
def test_a_track_without_a_name_has_that_of_its_file(path: str) -> None:
    play = as_a(TrackStarted, line(event="track_started", artist=" ", loop_path=path))
    assert (play.title, play.loop_path) == ("night.mp4", path)
    named = as_a(TrackStarted, line(event="track_started", artist="Ada", loop_path=path))
    assert (named.artist, named.title) == ("Ada", "")


@pytest.mark.parametrize(
    ("fields", "missing"),
    [
        ({"event": "metric", "metric_value": 1}, "metric_name"),
        ({"event": "metric", "metric_name": "", "metric_value": 1}, "metric_name"),
        ({"event": "metric", "metric_name": {}, "metric_value": 1}, "metric_name"),
        ({"event": "metric", "metric_name": "fps"}, "metric_value"),
        ({"event": "metric", "metric_name": "fps", "metric_value": None}, "metric_value"),
        ({"event": "track_started"}, "artist"),
        ({"event": "track_started", "artist": " ", "title": ""}, "artist"),
        ({"event": "track_started", "artist": {}, "title": []}, "artist"),
        ({"event": "track_started", "loop_path": " / "}, "artist"),
    ],
)
def test_a_missing_field_is_named(fields: dict[str, Any], missing: str) -> None:
    result = as_a(Rejected, line(**fields))

    assert result.reason == "missing_field"
    assert missing in result.detail


def test_a_line_without_a_time_says_nothing_about_it() -> None:
    result = record(event="x")

    assert (result.timestamp, result.time_quality, result.context) == (None, TimeQuality.UNKNOWN, None)


def test_a_time_without_a_zone_is_the_stations() -> None:
    parsed = as_a(LogRecord, parse(line(event="x", timestamp="2026-11-24 03:00:00"), ZoneInfo("Europe/Berlin")))

    assert (parsed.timestamp, parsed.time_quality) == (AT, TimeQuality.ZONELESS)


@pytest.mark.parametrize("said", ["now", "infinity", -1, {}, [], True, "2024-02-30T00:00:00Z"])
def test_an_impossible_time_is_kept_and_noted(said: object) -> None:
    result = record(event="x", timestamp=said)

    assert (result.timestamp, result.time_quality) == (None, TimeQuality.UNKNOWN)
    assert result.context == {"timestamp": said, "_notes": ["bad_timestamp"]}


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        # B66: names in any case
        ("trace", "debug"), ("DEBUG", "debug"), ("Info", "info"), ("notice", "info"), ("WARN", "warning"),
        ("warning", "warning"), ("Err", "error"), ("ERROR", "error"), ("exception", "error"), ("critical", "critical"),
        ("Fatal", "critical"), ("alert", "critical"), ("EMERG", "critical"), ("panic", "critical"),
        (" error ", "error"), ("ERROR+2", "error"), ("INFO-4", "info"),
        # syslog
        (0, "critical"), (2, "critical"), (3, "error"), (4, "warning"), (5, "info"), (7, "debug"), ("3", "error"),
        # pino, bunyan
        (10, "debug"), (20, "debug"), (30, "info"), (40, "warning"), (50, "error"), (60, "critical"), (45, "warning"),
        ("50", "error"), (50.0, "error"),
    ],
)  # fmt: skip
def test_levels(level: object, expected: str) -> None:
    assert record(event="x", level=level).severity == expected
    assert record(event="x", severity=level).severity == expected
    assert record(event="x", level=level).context is None


@pytest.mark.parametrize("level", ["ÏNFO", "x" * 300, "", [], {}, True, -1, 1000, 10**30, 3.5])
def test_an_unknown_level_is_info_and_kept(level: object) -> None:
    """B63, B66."""
    result = record(event="x", level=level)

    assert result.severity is Severity.INFO
    assert result.context == {"level": level, "_notes": ["unknown_level"]}


def test_a_missing_level_is_info_but_a_stack_trace_is_an_error() -> None:
    assert record(event="x").severity is Severity.INFO
    assert record(event="x", exception="Traceback …").severity is Severity.ERROR
    assert record(event="x", level="info", exception="Traceback …").severity is Severity.INFO


@pytest.mark.parametrize("name", ["stack_trace", "exception", "traceback", "stack"])
def test_stack_traces(name: str) -> None:
    assert record(event="x", **{name: "Traceback …"}).stack_trace == "Traceback …"
    structured = record(
        event="x",
        **{name: [{"exc_type": "ValueError", "exc_value": "7", "frames": [{"filename": "a.py", "lineno": 3}]}]},
    )
    assert structured.stack_trace == "ValueError: 7\n  at ? (a.py:3)"
    assert structured.context is not None
    assert structured.context[name][0]["exc_type"] == "ValueError", "and whole in the row's JSON"
    assert record(event="x", **{name: None}).stack_trace is None
    assert record(event="x", **{name: []}).context == {name: []}


def test_the_message_is_the_first_text_of_event_message_msg_and_else_the_line() -> None:
    assert record(event="a", message="b").message == "a"
    assert record(event="a", message="b").context == {"message": "b"}
    assert record(event=None, message="b", msg="c").message == "b"
    assert record(event=" ", msg="c").message == "c"
    assert record(a=1, event=None).message == '{"a":1,"event":null}'
    assert record(message={"b": 2}).message == '{"message":{"b":2}}'


# ------------------------------------------------------------------------------------------------ lenience


@pytest.mark.parametrize(
    ("said", "seconds"),
    [(213, 213.0), (213.4, 213.4), ("213.4", 213.4), (" 213 ", 213.0), ("3:33", 213.0), ("1:02:03", 3723.0),
     ("03:33.5", 213.5), (0, 0.0), (None, None)],
)  # fmt: skip
def test_durations(said: object, seconds: float | None) -> None:
    result = started(duration=said)

    assert result.duration_seconds == seconds
    assert result.metadata is None


@pytest.mark.parametrize(
    "said", [-1, "long", "-3:33", "3:33:33:33", True, [], {}, 1e300, "1e400", "NaN", 10**9, "\u0663:\u0663\u0663"]
)
def test_a_value_of_the_wrong_type_moves_to_the_metadata_with_a_note(said: object) -> None:
    result = started(duration=said)

    assert result.duration_seconds is None
    assert result.metadata == {"duration": said, "_notes": ["wrong_type:duration"]}


@pytest.mark.parametrize(
    ("said", "pid", "is_kept"),
    [(12, 12, False), ("12", 12, False), (12.0, 12, False), (12.5, None, True), (True, None, True), ([], None, True),
     (2**63 - 1, 2**63 - 1, False), (2**63, None, True), (-(2**63) - 1, None, True), (2**31, 2**31, False)],
)  # fmt: skip
def test_whole_numbers(said: object, pid: int | None, is_kept: bool) -> None:
    """B35, B36."""
    result = started(ffmpeg_pid=said)

    assert result.ffmpeg_pid == pid
    assert result.metadata == ({"ffmpeg_pid": said, "_notes": ["wrong_type:ffmpeg_pid"]} if is_kept else None)


def test_numbers_and_booleans_as_texts() -> None:
    result = started(artist=311, title=1999.5, album=True, play_id=42)

    assert (result.artist, result.title, result.album, result.play_id) == ("311", "1999.5", "true", "42")


def test_objects_as_texts_are_kept_and_noted() -> None:
    result = started(artist={"name": "A"}, station=[])

    assert (result.artist, result.station) == ("", None)
    assert result.metadata == {
        "artist": {"name": "A"}, "station": [], "_notes": ["wrong_type:artist", "wrong_type:station"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("said", "flag"),
    [(True, True), (False, False), (1, True), (0, False), ("true", True), ("No", False), (None, False)],
)
def test_booleans(said: object, flag: bool) -> None:
    result = as_a(TrackEnded, line(event="track_ended", had_errors=said))

    assert (result.had_errors, result.metadata) == (flag, None)


def test_what_is_no_boolean_is_kept_and_noted() -> None:
    result = as_a(TrackEnded, line(event="track_ended", had_errors="maybe"))

    assert (result.had_errors, result.metadata) == (
        False, {"had_errors": "maybe", "_notes": ["wrong_type:had_errors"]},
    )  # fmt: skip


def test_a_blank_play_id_is_none() -> None:
    assert started(play_id="  ").play_id is None
    assert started(play_id="", play_history_id=3).play_id == "3"


@pytest.mark.parametrize(
    ("said", "value"),
    [("29.97", 29.97), ('"29.97"', 29.97), ('" -3 "', -3), ("0", 0), ("-0", 0), ("1.0", 1), ("1e-400", 0.0),
     ('"1e3"', 1000.0), ("18446744073709551617", 18446744073709551617), ("1" * 300, int("1" * 300))],
)  # fmt: skip
def test_metric_values(said: str, value: float) -> None:
    result = as_a(Metric, metric(said))

    assert result.value == value
    assert type(result.value) is type(value) or said in ("1.0", "-0")


@pytest.mark.parametrize(
    "said",
    ["true", "false", '"fast"', '""', "[]", "{}", '"NaN"', '"Infinity"', '"0x10"', '"1_0"', '"\u0661"', "1e400",
     '"1e400"', "-1e400", "1e200000", "1" * 310, "1" * 4301, '"%s"' % ("1" * 310)],
)  # fmt: skip
def test_unusable_metric_values_are_rejected(said: str) -> None:
    """B57, B58, B60."""
    assert as_a(Rejected, metric(said)).reason == "wrong_type"


def test_context_and_metadata_that_are_no_objects_are_kept() -> None:
    assert record(event="x", context="text").context == {"context": "text"}
    assert started(metadata=[1]).metadata == {"metadata": [1]}


def test_names_that_collide_keep_both_values() -> None:
    """B68: what a line calls by our own names never takes their place."""
    result = record(event="x", context={"a": 1, "a_": 2, "_full": "f", "_notes": "n"}, a=3, _full=4, level="?")

    assert result.context == {
        "a": 1, "a_": 2, "_full_": "f", "_notes_": "n", "a__": 3, "_full__": 4, "level": "?",
        "_notes": ["unknown_level"],
    }  # fmt: skip


# ------------------------------------------------------------------------------------------------ the parser


def test_every_line_has_one_outcome_of_its_own_range() -> None:
    parser = JsonLinesParser()
    lines = [b'{"event":"x"}', b"", b"   \t", b"{", b'{"event":"metric"}', b'{"a":1}']
    at, outcomes = 0, list[Outcome]()
    for data in lines:
        outcomes += parser.feed(RawLine(at, at + len(data) + 1, data))
        at += len(data) + 1

    assert [outcome.disposition for outcome in outcomes] == [
        Disposition.STORED, Disposition.BLANK, Disposition.BLANK, Disposition.DEAD_LETTER, Disposition.DEAD_LETTER,
        Disposition.STORED,
    ]  # fmt: skip
    assert [outcome.start for outcome in outcomes] == [0, *(outcome.end for outcome in outcomes[:-1])]
    assert parser.state() == {}
    assert list(parser.tick(1e9)) == []
    assert list(parser.finish()) == []


def test_a_clipped_line_is_a_dead_letter_even_if_its_beginning_is_json() -> None:
    """B23 to B26."""
    (outcome,) = JsonLinesParser().feed(RawLine(10, 2_000_000, b'{"event":"x"}'))

    assert outcome.disposition is Disposition.DEAD_LETTER
    assert as_a(Rejected, outcome.parsed[0]).reason == "too_long"


def test_a_file_that_is_only_a_byte_order_mark_is_blank() -> None:
    (outcome,) = JsonLinesParser().feed(RawLine(0, 4, b"\xef\xbb\xbf"))

    assert outcome.disposition is Disposition.BLANK


def test_the_parser_hands_its_zone_on() -> None:
    data = line(event="x", timestamp="2026-11-24 03:00:00")

    (outcome,) = JsonLinesParser(zone=ZoneInfo("Europe/Berlin")).feed(RawLine(0, len(data) + 1, data))

    assert as_a(LogRecord, outcome.parsed[0]).timestamp == AT
