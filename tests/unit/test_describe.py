"""Events as plain JSON objects, in the shape that `radiolog parse` promises."""

import json
from datetime import UTC, datetime

import pytest

from parsers.describe import to_json_object
from parsers.events import (
    FfmpegMessage,
    FfmpegProgress,
    FfmpegSessionEnded,
    FfmpegSessionStarted,
    LogRecord,
    Metric,
    Parsed,
    Rejected,
    Severity,
    TimeQuality,
    TrackEnded,
    TrackStarted,
)

WHEN = datetime(2026, 11, 23, 21, 40, 42, 372000, UTC)


def test_progress_has_exactly_the_promised_keys() -> None:
    progress = FfmpegProgress(
        frame=24, fps=11.0, q=(-1.0,), size_bytes=40960, time_seconds=2.3, bitrate_kbps=141.3, speed=1.04, final=True
    )
    assert json.dumps(to_json_object(progress, 50, 2310)) == (
        '{"kind": "ffmpeg_progress", "line": 50, "offset": 2310, "frame": 24, "fps": 11.0, "q": [-1.0], '
        '"size_bytes": 40960, "time_seconds": 2.3, "bitrate_kbps": 141.3, "speed": 1.04, "dup": null, "drop": null, '
        '"final": true}'
    )


def test_a_message_has_the_promised_keys() -> None:
    message = FfmpegMessage(
        severity="fatal",
        severity_source="template",
        message="m",
        component=("a", "b"),
        count=3,
        category="c",
        template="t",
    )
    described = to_json_object(message, 61, 0)
    assert list(described)[:9] == [
        *("kind", "line", "offset", "severity", "component", "message", "count", "category", "template")
    ]
    assert described["component"] == ["a", "b"]
    assert described["severity"] == "fatal"
    assert "suspect" not in described
    assert "timestamp" not in described


def test_a_line_with_a_time_says_it_in_utc() -> None:
    message = FfmpegMessage(
        severity="info", severity_source="level", message="m", timestamp=WHEN, time_quality=TimeQuality.EXACT, host="vm"
    )
    described = to_json_object(message, 1, 0)
    assert described["timestamp"] == "2026-11-23T21:40:42.372000Z"
    assert described["time_quality"] == "exact"
    assert described["host"] == "vm"


@pytest.mark.parametrize(
    ("event", "wanted"),
    [
        (
            FfmpegSessionStarted(session=5, version="9.0", inputs=({"index": 0, "streams": []},), mapping=("a -> b",)),
            {
                "kind": "ffmpeg_session_started",
                "session": 5,
                "version": "9.0",
                "inputs": [{"index": 0, "streams": []}],
                "outputs": [],
                "mapping": ["a -> b"],
            },
        ),
        (
            FfmpegSessionEnded(session=5, end_kind="signal", signal=15, exit_guess=255, summary=("video:1kB",)),
            {
                "kind": "ffmpeg_session_ended",
                "session": 5,
                "end_kind": "signal",
                "signal": 15,
                "exit_guess": 255,
                "cause": None,
                "cause_category": None,
                "final_progress": None,
                "summary": ["video:1kB"],
            },
        ),
        (
            TrackStarted(play_id="p", artist="A", title="T", duration_seconds=1.5, station="s"),
            {
                "kind": "track_started",
                "play_id": "p",
                "artist": "A",
                "title": "T",
                "duration_seconds": 1.5,
                "station": "s",
            },
        ),
        (TrackEnded(had_errors=True), {"kind": "track_ended", "had_errors": True}),
        (Metric(name="listeners", value=3, unit="n"), {"kind": "metric", "name": "listeners", "value": 3, "unit": "n"}),
        (
            LogRecord(severity=Severity.ERROR, message="m", context={"a": [1, WHEN]}),
            {
                "kind": "log",
                "severity": "error",
                "message": "m",
                "explicit_error": False,
                "context": {"a": [1, "2026-11-23T21:40:42.372000Z"]},
            },
        ),
        (Rejected(reason="too_long", detail="d"), {"kind": "rejected", "reason": "too_long", "detail": "d"}),
    ],
)
def test_other_events(event: Parsed, wanted: dict[str, object]) -> None:
    described = to_json_object(event, 3, 7)
    assert described == {**wanted, "line": 3, "offset": 7}
    assert json.loads(json.dumps(described)) == described


def test_the_last_progress_of_a_session_is_nested() -> None:
    ended = FfmpegSessionEnded(
        session=0, end_kind="finished", final_progress=FfmpegProgress(frame=2, elapsed_seconds=1.5)
    )
    described = to_json_object(ended, 1, 0)
    assert described["final_progress"]["frame"] == 2
    assert described["final_progress"]["elapsed_seconds"] == 1.5
    assert "kind" not in described["final_progress"]
