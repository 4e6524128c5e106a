"""What other loggers write becomes the same event as our own form would."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from parsers.events import LogRecord, Metric, TimeQuality
from parsers.json_lines import parse

AT = datetime(2026, 11, 24, 2, 0, 0, 123_000, tzinfo=UTC)
TEXT_TIME = "2026-11-24T02:00:00.123Z"
MILLISECONDS = 1_795_485_600_123
TRACE = "Traceback (most recent call last):\nValueError: x"


def record(said: dict[str, Any]) -> LogRecord:
    parsed = parse(json.dumps(said).encode(), UTC)
    assert isinstance(parsed, LogRecord)
    return parsed


DIALECTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "structlog": (
        {"event": "gone", "level": "error", "timestamp": TEXT_TIME, "logger": "radio", "exception": TRACE},
        {"stack_trace": TRACE, "context": {"logger": "radio"}},
    ),
    "python-json-logger": (
        {"asctime": "2026-11-24 02:00:00,123+0000", "levelname": "ERROR", "name": "radio", "message": "gone",
         "exc_info": TRACE, "process": 7},
        {"stack_trace": TRACE, "pid": 7, "context": {"logger": "radio"}},
    ),
    "python-json-logger with numbers": (
        {"created": MILLISECONDS / 1000, "levelno": 40, "message": "gone"}, {"context": {"levelno": 40}},
    ),
    "loguru": (
        {"text": TRACE, "record": {
            "elapsed": {"seconds": 1}, "exception": {"type": "ValueError", "value": "x", "traceback": True},
            "extra": {"user": 1}, "level": {"icon": "x", "name": "ERROR", "no": 40}, "message": "gone", "name": "radio",
            "process": {"id": 7, "name": "MainProcess"}, "time": {"repr": "2026-11-24 02:00:00.123+00:00",
                                                                  "timestamp": MILLISECONDS / 1000}}},
        {"stack_trace": TRACE, "pid": 7, "context": {
            "user": 1, "logger": "radio", "record": {
                "elapsed": {"seconds": 1}, "exception": {"type": "ValueError", "value": "x", "traceback": True},
                "level": {"icon": "x", "no": 40}, "process": {"name": "MainProcess"},
                "time": {"repr": "2026-11-24 02:00:00.123+00:00"}}}},
    ),
    "pino": (
        {"level": 50, "time": MILLISECONDS, "pid": 7, "hostname": "h", "msg": "gone",
         "err": {"type": "Error", "message": "m", "stack": TRACE}},
        {"stack_trace": TRACE, "pid": 7, "host": "h", "context": {"err": {"type": "Error", "message": "m"}}},
    ),
    "bunyan": (
        {"v": 0, "level": 50, "time": TEXT_TIME, "pid": 7, "hostname": "h", "name": "player", "msg": "gone"},
        {"pid": 7, "host": "h", "service": "player", "context": {"v": 0}},
    ),
    "winston": (
        {"level": "error", "message": "gone", "timestamp": TEXT_TIME, "stack": TRACE}, {"stack_trace": TRACE},
    ),
    "zap": (
        {"level": "error", "ts": MILLISECONDS / 1000, "caller": "a.go:1", "msg": "gone", "stacktrace": TRACE},
        {"stack_trace": TRACE, "context": {"caller": "a.go:1"}},
    ),
    "zerolog": ({"level": "error", "error": "e", "time": TEXT_TIME, "message": "gone"}, {"context": {"error": "e"}}),
    "slog": (
        {"time": TEXT_TIME, "level": "ERROR+1", "msg": "gone", "name": "n"}, {"context": {"name": "n"}},
    ),
    "logstash-logback-encoder": (
        {"@timestamp": TEXT_TIME, "@version": "1", "message": "gone", "logger_name": "radio", "thread_name": "main",
         "level": "ERROR", "level_value": 40000, "stack_trace": TRACE},
        {"stack_trace": TRACE, "context": {
            "@version": "1", "logger": "radio", "thread_name": "main", "level_value": 40000}},
    ),
    "logback's own": (
        {"timestamp": MILLISECONDS, "level": "ERROR", "threadName": "main", "loggerName": "radio", "message": "g {}",
         "formattedMessage": "gone"},
        {"message": "g {}", "context": {"threadName": "main", "logger": "radio", "formattedMessage": "gone"}},
    ),
    "ECS, dotted": (
        {"@timestamp": TEXT_TIME, "log.level": "ERROR", "message": "gone", "ecs.version": "1.2.0", "service.name": "s",
         "host.hostname": "h", "process.pid": 7, "error.stack_trace": TRACE, "log.logger": "radio"},
        {"service": "s", "host": "h", "pid": 7, "stack_trace": TRACE,
         "context": {"ecs.version": "1.2.0", "logger": "radio"}},
    ),
    "ECS, nested": (
        {"@timestamp": TEXT_TIME, "log": {"level": "ERROR"}, "message": "gone", "ecs": {"version": "1.2.0"},
         "service": {"name": "s", "version": "2"}, "host": {"name": "h"}, "event": {"dataset": "d"}},
        {"service": "s", "host": "h",
         "context": {"log": {}, "ecs": {"version": "1.2.0"}, "service_": {"version": "2"}, "event": {"dataset": "d"}}},
    ),
    "GELF": (
        {"version": "1.1", "host": "h", "short_message": "gone", "timestamp": MILLISECONDS / 1000, "level": 3},
        {"host": "h", "context": {"version": "1.1"}},
    ),
    "journald": (
        {"__REALTIME_TIMESTAMP": str(MILLISECONDS * 1000), "PRIORITY": "3", "MESSAGE": "gone", "_HOSTNAME": "h",
         "_PID": "7", "SYSLOG_IDENTIFIER": "player", "_UID": "0"},
        {"host": "h", "pid": 7, "service": "player", "context": {"_UID": "0"}},
    ),
    "journald, bytes": (
        {"__REALTIME_TIMESTAMP": str(MILLISECONDS * 1000), "PRIORITY": "3", "MESSAGE": list(b"go\xff\0ne")},
        {"message": "go\ufffd\ufffdne"},
    ),
    "journald, a field that was set twice": (
        {"__REALTIME_TIMESTAMP": str(MILLISECONDS * 1000), "PRIORITY": "3", "MESSAGE": ["go", "ne"]},
        {"message": "go\nne"},
    ),
    "journald around our own form": (
        {"__REALTIME_TIMESTAMP": "1", "PRIORITY": "6", "_HOSTNAME": "h",
         "MESSAGE": json.dumps({"event": "gone", "level": "error", "timestamp": TEXT_TIME, "a": 1})},
        {"host": "h", "context": {"a": 1, "wrapper_time": "1"}},
    ),
    "Docker around text": (
        {"log": "ERROR gone\n", "stream": "stderr", "time": TEXT_TIME},
        {"message": "ERROR gone", "context": {"docker": {"stream": "stderr"}}},
    ),
    "Docker around our own form": (
        {"log": json.dumps({"event": "gone", "level": "error", "timestamp": TEXT_TIME, "a": 1}) + "\n",
         "stream": "stdout", "time": "2026-11-24T02:00:01.5Z"},
        {"context": {"a": 1, "docker": {"stream": "stdout"}, "wrapper_time": "2026-11-24T02:00:01.5Z"}},
    ),
    "Docker around pino": (
        {"log": json.dumps({"level": 50, "time": MILLISECONDS, "pid": 7, "hostname": "h", "msg": "gone"}) + "\n",
         "stream": "stdout", "time": TEXT_TIME},
        {"pid": 7, "host": "h", "context": {"docker": {"stream": "stdout"}, "wrapper_time": TEXT_TIME}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DIALECTS)
def test_a_dialect_is_the_same_event(name: str) -> None:
    said, more = DIALECTS[name]
    expected = {"message": "gone", "severity": "error", "timestamp": AT, "time_quality": TimeQuality.EXACT} | more

    parsed = record(said)

    found = {field: getattr(parsed, field) for field in parsed.__struct_fields__}
    missing = dict.fromkeys(found) | {"explicit_error": False}
    assert found == missing | expected


def test_docker_keeps_the_kind_of_what_it_wraps_and_its_time() -> None:
    inner = json.dumps({"event": "metric", "metric_name": "fps", "metric_value": 25})
    parsed = parse(json.dumps({"log": inner + "\n", "stream": "stdout", "time": TEXT_TIME}).encode(), UTC)

    assert isinstance(parsed, Metric)
    assert (parsed.value, parsed.timestamp) == (25, AT)


def test_what_is_wrapped_is_cleaned_and_marked() -> None:
    parsed = record({"log": r'{"event":"a\u0000b\ud800"}', "stream": "stdout", "time": TEXT_TIME})

    assert parsed.message == "a\ufffdb\ufffd"
    assert parsed.context == {"docker": {"stream": "stdout"}, "_notes": ["nul", "surrogate"]}


@pytest.mark.parametrize("inner", ['{"event":', "{}x", "[1]", '{"a":' + "[" * 100 + "]" * 100 + "}", ""])
def test_a_wrapped_text_that_is_no_object_is_a_message(inner: str) -> None:
    parsed = record({"log": inner, "stream": "stdout", "time": TEXT_TIME})

    assert inner in parsed.message
    assert parsed.timestamp == AT


def test_wrappings_are_unwrapped_to_a_limit() -> None:
    text = json.dumps({"event": "x"})
    for _ in range(10):
        text = json.dumps({"log": text, "stream": "stdout", "time": TEXT_TIME})

    assert record(json.loads(text)).message.startswith('{"log": ')


@pytest.mark.parametrize(
    "fields",
    [
        {"log": "file.log", "stream": "main", "time": TEXT_TIME, "event": "x", "timestamp": TEXT_TIME},
        {"kind": "log", "log": "file.log", "stream": "main", "time": TEXT_TIME, "event": "x"},
        {
            "event": "x",
            "timestamp": TEXT_TIME,
            "levelname": "n",
            "name": "m",
            "message": "y",
            "hostname": "h",
            "pid": 1,
        },
    ],
)
def test_our_own_form_is_never_taken_for_a_dialect(fields: dict[str, Any]) -> None:
    parsed = record(fields)

    assert parsed.message == "x"
    assert parsed.host is None
    assert parsed.service is None
