"""JSON lines: what holds for any bytes, any object, and whatever a writer says."""

import json
import math
from datetime import UTC, datetime
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from parsers.events import (
    LogRecord,
    Metric,
    Parsed,
    Rejected,
    Severity,
    TimeQuality,
    TrackEnded,
    TrackStarted,
)
from parsers.json_fields import redacted
from parsers.json_lines import parse
from parsers.redact import redact_json

SAID_AT = "2026-11-24T02:00:00Z"
KEY = "abcd-1234-efgh-5678"
URL = f"rtmp://a.rtmp.youtube.com/live2/{KEY}"

JSON_VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(),
        st.sampled_from([URL, KEY, "Bearer abc123def", "x=1", f"token={KEY}", "plain", SAID_AT, "1e400", "3:33"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.text(), st.sampled_from(["stream_key", "password", "auth", "a", URL])), inner),
    ),
    max_leaves=8,
)


@given(JSON_VALUES)
def test_redaction_here_is_redaction_there(value: Any) -> None:
    expected = redact_json(value)

    assert json.dumps(redacted(value)) == json.dumps(expected)
    assert json.dumps(redacted(value)) == json.dumps(expected)  # and from memory


NAMES = [
    "event", "kind", "level", "severity", "timestamp", "@timestamp", "time", "ts", "service", "station", "host", "pid",
    "run_id", "seq", "metric_name", "metric_value", "unit", "metadata", "context", "artist", "title", "album", "id",
    "duration", "loop_path", "ffmpeg_pid", "play_id", "play_history_id", "had_errors", "error_message", "error_id",
    "template", "exception", "stack", "message", "msg", "log", "stream", "text", "record", "MESSAGE", "PRIORITY",
    "__REALTIME_TIMESTAMP", "levelname", "levelno", "asctime", "name", "log.level", "ecs.version", "err", "hostname",
    "logger_name", "loggerName", "threadName", "short_message", "version", "_notes", "_full",
]  # fmt: skip
EVENT_NAMES = st.sampled_from(["track_started", "track_ended", "metric", "error_resolved", "error", "log"])
OBJECTS = st.dictionaries(
    st.one_of(st.sampled_from(NAMES), st.text(max_size=5)), st.one_of(JSON_VALUES, EVENT_NAMES), max_size=12
)


def assert_storable(value: Any) -> None:
    if isinstance(value, str):
        assert "\0" not in value
        value.encode("utf-8")
    elif isinstance(value, float):
        assert math.isfinite(value)
    elif isinstance(value, datetime):
        assert value.tzinfo is UTC
        assert 1970 <= value.year <= 2200
    elif isinstance(value, dict):
        for name, held in value.items():
            assert_storable(name)
            assert_storable(held)
    elif isinstance(value, list | tuple):
        for held in value:
            assert_storable(held)


def assert_event_is_storable(parsed: Parsed) -> None:
    for field in parsed.__struct_fields__:
        assert_storable(getattr(parsed, field))
    msgspec.json.encode(parsed)


def texts_with_anything() -> st.SearchStrategy[str]:
    return st.text(st.characters(), max_size=20)  # surrogates and NUL included


@given(st.binary())
def test_no_bytes_raise(data: bytes) -> None:
    assert_event_is_storable(parse(data, UTC))


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_no_bytes_inside_an_object_raise(name: bytes, value: bytes) -> None:
    assert_event_is_storable(parse(b'{"event":"' + name + b'","x":"' + value + b'"}', UTC))
    assert_event_is_storable(parse(b'{"event":"x",' + name + b":" + value + b"}", UTC))


@given(OBJECTS, st.booleans())
def test_any_object_is_an_event_or_rejected_for_its_fields(fields: dict[str, Any], is_ascii: bool) -> None:
    data = json.dumps(fields, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")

    parsed = parse(data, UTC)

    assert_event_is_storable(parsed)
    is_json = b"NaN" not in data and b"Infinity" not in data  # which json.dumps writes
    if type(parsed) is Rejected and is_json:
        assert parsed.reason in ("missing_field", "wrong_type")


@given(
    st.dictionaries(texts_with_anything(), texts_with_anything()), st.sampled_from([None, "metric", "track_started"])
)
def test_any_texts_are_made_storable(texts: dict[str, str], event: str | None) -> None:
    fields = {"artist": "a", "metric_name": "m", "metric_value": 1} | texts | {"event": event}

    assert_event_is_storable(parse(json.dumps(fields).encode(), UTC))


PLAIN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30).filter(
    lambda text: redact_json(text) == text
)
SOME_PLAIN = PLAIN.filter(lambda text: text.strip() != "")
OPTIONAL = st.one_of(st.none(), PLAIN)
METADATA = st.one_of(
    st.none(), st.dictionaries(st.sampled_from(["mood", "bpm", "Ünï"]), st.one_of(PLAIN, st.integers()), min_size=1)
)
TIMES = st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2200, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
SAID = {
    "timestamp": TIMES, "time_quality": st.just(TimeQuality.EXACT), "station": OPTIONAL, "service": OPTIONAL,
    "host": OPTIONAL, "pid": st.one_of(st.none(), st.integers(1, 2**22)), "run_id": OPTIONAL,
    "seq": st.one_of(st.none(), st.integers(0, 2**62)),
}  # fmt: skip
FINITE = st.floats(allow_nan=False, allow_infinity=False)
RENAMED = {"name": "metric_name", "value": "metric_value", "duration_seconds": "duration",
           "message": "event", "severity": "level"}  # fmt: skip
EVENTS = st.one_of(
    st.builds(Metric, **SAID, name=SOME_PLAIN, value=st.one_of(FINITE, st.integers(-(10**300), 10**300)), unit=OPTIONAL,
              metadata=METADATA),
    st.builds(TrackStarted, **SAID, play_id=st.one_of(st.none(), SOME_PLAIN), artist=SOME_PLAIN, title=PLAIN,
              album=OPTIONAL, azuracast_song_id=OPTIONAL, duration_seconds=st.one_of(st.none(), st.floats(0, 1e6)),
              loop_path=OPTIONAL, ffmpeg_pid=st.one_of(st.none(), st.integers(1, 2**22)), metadata=METADATA),
    st.builds(TrackEnded, **SAID, play_id=st.one_of(st.none(), SOME_PLAIN), had_errors=st.booleans(),
              error_message=OPTIONAL, metadata=METADATA),
    st.builds(LogRecord, **SAID, severity=st.sampled_from(Severity), message=SOME_PLAIN.filter(
                  lambda text: text not in ("metric", "track_started", "track_ended", "error_resolved")),
              explicit_error=st.booleans(), context=METADATA, stack_trace=st.one_of(st.none(), SOME_PLAIN),
              play_id=st.one_of(st.none(), SOME_PLAIN)),
)  # fmt: skip


@given(EVENTS, st.booleans())
def test_what_a_writer_says_is_read_back_equal(
    event: Metric | TrackStarted | TrackEnded | LogRecord, is_ascii: bool
) -> None:
    fields = {RENAMED.get(name, name): getattr(event, name) for name in event.__struct_fields__}
    fields = {name: value for name, value in fields.items() if value is not None}
    fields["timestamp"] = event.timestamp.isoformat() if event.timestamp else None
    del fields["time_quality"]
    if isinstance(event, LogRecord):
        if fields.pop("explicit_error"):
            fields["kind"] = "error"
    else:
        fields["event"] = event.kind

    assert parse(json.dumps(fields, ensure_ascii=is_ascii).encode(), UTC) == event
