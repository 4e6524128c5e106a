"""Events to rows: defaults, clipping, keys, dispositions."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.backoff import FIRST_SECONDS, LONGEST_SECONDS, delay_seconds
from ingest.batch import ERROR_COLUMNS, METRIC_COLUMNS, PLAY_COLUMNS, Batch, Move
from ingest.file_context import FileContext
from ingest.fit import play_key, track_key
from ingest.identity import NOTHING
from ingest.line_clock import Arrival
from ingest.rows import BatchBuilder
from ingest.sampling import EncoderTracker
from parsers.events import (
    Disposition,
    FfmpegMessage,
    FfmpegProgress,
    FfmpegSessionEnded,
    FfmpegSessionStarted,
    LogRecord,
    Metric,
    Outcome,
    Parsed,
    RawLine,
    Rejected,
    Severity,
    TimeQuality,
    TrackStarted,
)
from parsers.template import template_of

AT = datetime(2026, 11, 22, 10, tzinfo=UTC)
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
MTIME = datetime(2026, 11, 23, tzinfo=UTC)
CONTEXT = FileContext(7, "/l/a.log", "radio", "svc", "host", "json", 1)


def build(*events: Parsed, live: bool = True, tracker: EncoderTracker | None = None) -> Batch:
    builder = BatchBuilder(CONTEXT, tracker or EncoderTracker())
    for number, event in enumerate(events):
        line = RawLine(number * 10, number * 10 + 10, b"123456789")
        builder.count_line()
        disposition = Disposition.DEAD_LETTER if isinstance(event, Rejected) else Disposition.STORED
        builder.add(Outcome(line.start, line.end, disposition, (event,)), Arrival(NOW, live, MTIME), line)
    move = Move(7, "me", 1, 0, 0, 10 * len(events), NOTHING, NOTHING, 0, "/l/a.log", "/l/a.log")
    return builder.build(move, {}, 0, NOW)


def rows(batch: Batch, table: str, columns: tuple[str, ...]) -> list[dict[str, Any]]:
    return [dict(zip(columns, row, strict=True)) for row in batch.copied[table]]


def test_a_line_without_time_gets_its_arrival_or_the_files_time() -> None:
    live = rows(build(Metric(name="m", value=1)), "system_metrics", METRIC_COLUMNS)[0]
    late = rows(build(Metric(name="m", value=1), live=False), "system_metrics", METRIC_COLUMNS)[0]

    assert (live["timestamp"], live["time_quality"]) == (NOW, "arrival")
    assert (late["timestamp"], late["time_quality"]) == (MTIME, "estimated")


def test_a_line_keeps_its_own_words() -> None:
    event = Metric(name="m", value=1, timestamp=AT, time_quality=TimeQuality.EXACT, station="s", service="x", host="h")
    row = rows(build(event), "system_metrics", METRIC_COLUMNS)[0]
    assert (row["timestamp"], row["time_quality"], row["station"], row["service"], row["host"]) == (
        AT, "exact", "s", "x", "h",
    )  # fmt: skip
    assert (row["generation"], row["line_offset"]) == (7, 0)


@pytest.mark.parametrize(
    ("severity", "explicit", "stored"),
    [
        (Severity.DEBUG, False, None), (Severity.INFO, False, None), (Severity.WARNING, False, "warning"),
        (Severity.CRITICAL, False, "critical"), (Severity.INFO, True, "info"), (Severity.DEBUG, True, "info"),
    ],
)  # fmt: skip
def test_the_threshold(severity: Severity, explicit: bool, stored: str | None) -> None:
    batch = build(LogRecord(severity=severity, message="x", explicit_error=explicit))
    assert [row["severity"] for row in rows(batch, "error_log", ERROR_COLUMNS)] == ([stored] if stored else [])
    assert batch.dispositions == ({"stored": 1} if stored else {"below_threshold": 1})
    assert batch.row_count == (1 if stored else 0)


def test_ffmpegs_severities_and_noise() -> None:
    messages = [
        FfmpegMessage(severity=severity, severity_source="level", message="x", effect=effect, count=3)
        for severity, effect in (("fatal", "fatal_run"), ("warning", "benign"), ("info", "unknown"))
    ]
    batch = build(*messages)
    found = rows(batch, "error_log", ERROR_COLUMNS)
    assert [(row["severity"], row["noise"], row["occurrences"]) for row in found] == [
        ("critical", False, 3), ("warning", True, 3),
    ]  # fmt: skip
    assert batch.dispositions == {"stored": 2, "below_threshold": 1}


def test_statistics_are_sampled_with_their_range() -> None:
    start = FfmpegSessionStarted(session=0, timestamp=AT, time_quality=TimeQuality.EXACT)
    progress = [
        FfmpegProgress(
            frame=second * 25, speed=1.0 - second / 100, time_seconds=second * (1.0 - second / 100), final=second == 24,
            timestamp=AT + timedelta(seconds=second), time_quality=TimeQuality.EXACT,
        )
        for second in range(25)
    ]  # fmt: skip
    end = FfmpegSessionEnded(session=0, end_kind="finished", timestamp=AT + timedelta(seconds=25))
    batch = build(start, *progress, end)

    speeds = [row for row in rows(batch, "system_metrics", METRIC_COLUMNS) if row["metric_name"] == "ffmpeg_speed"]
    assert [row["metric_value"] for row in speeds] == [1.0, 0.9, 0.8, 0.76]
    assert (speeds[1]["metadata"]["min"], speeds[1]["metadata"]["max"], speeds[1]["metadata"]["lines"]) == (
        0.9,
        0.99,
        10,
    )
    current = [
        row for row in rows(batch, "system_metrics", METRIC_COLUMNS) if row["metric_name"] == "ffmpeg_current_speed"
    ]
    assert [row["metric_value"] for row in current] == [0.9, 0.7, 0.56]
    assert batch.dispositions == {"stored": 4, "folded": 23}
    (session,) = batch.sessions
    assert (session["end_kind"], session["progress_count"], session["frames"], session["speed_worst"]) == (
        "finished", 25, 600, 0.7,
    )  # fmt: skip


def test_a_tracker_goes_on_from_its_state() -> None:
    whole, parts = EncoderTracker(), EncoderTracker()
    start = FfmpegSessionStarted(session=3, version="7.1")
    for tracker in (whole, parts):
        tracker.started(start, AT, TimeQuality.EXACT, {"station": "s"})
    for second in range(30):
        event = FfmpegProgress(frame=second, speed=1.0, time_seconds=float(second))
        parts = EncoderTracker(parts.state())
        sample = whole.progress(event, AT + timedelta(seconds=second), float(second))
        assert parts.progress(event, AT + timedelta(seconds=second), float(second)) == sample
    assert parts.state() == whole.state()


def test_a_killed_session_lived_until_its_last_statistics() -> None:
    tracker = EncoderTracker()
    tracker.started(FfmpegSessionStarted(session=0), AT, TimeQuality.ARRIVAL, {})
    tracker.progress(FfmpegProgress(time_seconds=5.0), AT + timedelta(seconds=5), 5.0)
    tracker.ended(FfmpegSessionEnded(session=0, end_kind="killed"), AT + timedelta(hours=8))
    (session,) = tracker.take_changed_sessions()
    assert session["ended_at"] == (AT + timedelta(seconds=5)).isoformat()
    assert tracker.session_offset is None


def test_an_end_may_be_corrected() -> None:
    tracker = EncoderTracker()
    tracker.started(FfmpegSessionStarted(session=0), AT, TimeQuality.EXACT, {})
    tracker.ended(FfmpegSessionEnded(session=0, end_kind="finished", timestamp=AT), AT)
    assert len(tracker.take_changed_sessions()) == 1
    tracker = EncoderTracker(tracker.state())
    tracker.ended(FfmpegSessionEnded(session=0, end_kind="signal", signal=15, timestamp=AT), AT)
    (session,) = tracker.take_changed_sessions()
    assert (session["end_kind"], session["signal"]) == ("signal", 15)


def test_rejected_lines_are_dead_letters_with_redacted_bytes() -> None:
    builder = BatchBuilder(CONTEXT, EncoderTracker())
    data = b"rubbish rtmp://a.rtmp.youtube.com/live2/abcd-efgh-ijkl-mnop-qrst"
    line = RawLine(0, len(data) + 1, data)
    builder.count_line()
    rejected = Outcome(0, line.end, Disposition.DEAD_LETTER, (Rejected(reason="bad_json", detail="d"),))
    builder.add(rejected, Arrival(NOW, True, NOW), line)  # noqa: FBT003
    batch = builder.build(Move(7, "me", 1, 0, 0, line.end, NOTHING, NOTHING, 0, "/l/a.log", "/l/a.log"), {}, 0, NOW)

    (letter,) = batch.copied["dead_letters"]
    assert letter[1:3] == (0, line.end)
    assert b"abcd-efgh" not in letter[6]
    assert len(letter[7]) == 32


def test_names_longer_than_their_columns_are_kept_whole() -> None:
    long: dict[str, Any] = {"station": "s" * 300, "service": "x" * 300, "host": "h" * 300}
    batch = build(
        Metric(name="m", value=1, **long),
        LogRecord(severity=Severity.ERROR, message="e", context={"a": 1}, service=long["service"]),
        TrackStarted(artist="A" * 300, station=long["station"]),
    )
    (metric,), (error,) = (
        rows(batch, *of) for of in (("system_metrics", METRIC_COLUMNS), ("error_log", ERROR_COLUMNS))
    )
    play = dict(zip(PLAY_COLUMNS, batch.plays[0], strict=True))
    assert (len(metric["station"]), len(metric["service"]), len(metric["host"])) == (128, 64, 256)
    assert metric["metadata"]["_full"] == long
    assert error["context"] == {"a": 1, "_full": {"service": long["service"]}}
    assert play["metadata"]["_full"] == {"artist": "A" * 300, "station": long["station"]}


def test_play_keys() -> None:
    uuid = "6F1C1F9E-0000-4000-8000-000000000001"
    keys = [play_key(play_id, AT, 7, 30) for play_id in (None, uuid, "sh:12", "12")]
    assert keys == ["line:7:30", str(UUID(uuid)), "sh:12", f"12@{AT.timestamp():.3f}"]


@pytest.mark.parametrize(
    ("artist", "title", "key"),
    [
        ("  Nina   Simone ", "Sinnerman", "nina simone - sinnerman"),
        ("STRASSE", "x", "strasse - x"),
        ("Straße", "x", "strasse - x"),
        ("Cafe\u0301", "x", "café - x"),
        ("", "", " - "),
    ],
)
def test_track_keys(artist: str, title: str, key: str) -> None:
    assert track_key(artist, title) == key


@given(artist=st.text(max_size=400), title=st.text(max_size=400))
def test_track_keys_fit_their_column(artist: str, title: str) -> None:
    assert len(track_key(artist, title)) <= 512


def test_times_far_apart_are_looked_at_apart() -> None:
    events = [
        TrackStarted(artist="a", timestamp=at, time_quality=TimeQuality.EXACT)
        for at in (AT, AT + timedelta(minutes=30), datetime(1970, 1, 1, tzinfo=UTC))
    ]
    assert build(*events).touched == {
        "radio": [
            (datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)),
            (AT, AT + timedelta(minutes=30)),
        ]
    }
    assert PLAY_COLUMNS[-2:] == ("generation", "line_offset")


@given(attempt=st.integers(1, 10_000), fraction=st.floats(0, 1, exclude_max=True))
def test_back_off_is_bounded(attempt: int, fraction: float) -> None:
    assert FIRST_SECONDS / 2 <= delay_seconds(attempt, fraction) <= LONGEST_SECONDS


def test_templates_are_the_same_for_the_same_error() -> None:
    first = template_of("timeout after 3.5 s for https://x.example/a?b=1, user 'anna' in /var/log/x.log (0x7ffe)")
    second = template_of("timeout after 12 s for http://y.example/, user 'bob' in /tmp/y (0x1)")
    assert first == second == "timeout after <number> s for <url> user <quoted> in <path> (<hex>)"
