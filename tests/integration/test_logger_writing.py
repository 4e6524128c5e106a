"""`RadioLogger` as a service uses it: each method's line, order and completeness, forks, and what it loads."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections import UserDict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import structlog

import logging_module
from logging_module import LoggingConfig, RadioLogger
from parsers.events import TrackStarted
from parsers.json_lines import parse

ROOT = Path(__file__).parents[2]


@pytest.fixture
def config(tmp_path: Path) -> LoggingConfig:
    return LoggingConfig(log_path=tmp_path, station="Nightdrive FM")


def lines(radio: RadioLogger) -> list[dict[str, Any]]:
    return [json.loads(line) for line in radio.path.read_text(encoding="utf-8").splitlines()]


def said(line: dict[str, Any]) -> dict[str, Any]:
    """A line without what every line has."""
    return {name: value for name, value in line.items() if name not in ORIGIN}


ORIGIN = ("timestamp", "station", "host", "pid", "run_id", "seq")


def test_every_line_says_who_when_and_which(config: LoggingConfig) -> None:
    before = datetime.now(UTC)
    with RadioLogger(config, "metadata-watcher") as radio:
        radio.log_metric("listeners", 17)
        radio.log_metric("listeners", 18)
    after = datetime.now(UTC)
    first, second = lines(radio)
    assert radio.path == config.log_path / "metadata-watcher.log"
    assert first["timestamp"].endswith("Z")
    assert before - timedelta(microseconds=1) <= datetime.fromisoformat(first["timestamp"]) <= after
    assert (first["station"], first["host"], first["pid"]) == ("Nightdrive FM", os.uname().nodename, os.getpid())
    assert (first["service"], first["seq"], second["seq"]) == ("metadata-watcher", 1, 2)
    assert UUID(first["run_id"]).version == 4
    assert first["run_id"] == second["run_id"]


def test_a_play_begins_and_ends(config: LoggingConfig) -> None:
    with RadioLogger(config) as radio:
        track = {"artist": "Ada", "title": "Engine", "album": "Notes", "id": "9f2c", "duration": 213.4, "isrc": "X1"}
        play_id = radio.log_track_started(track, "/srv/loops/a.mp4", 4711)
        radio.log_track_ended(play_id)
        radio.log_track_ended(17, had_errors=True, error_message="cut short")
    started, ended, by_row = map(said, lines(radio))
    assert str(UUID(play_id)) == play_id
    assert started == {
        "level": "info",
        "event": "track_started",
        "service": "radio",
        "kind": "track_started",
        "play_id": play_id,
        "artist": "Ada",
        "title": "Engine",
        "album": "Notes",
        "azuracast_song_id": "9f2c",
        "duration": 213.4,
        "loop_path": "/srv/loops/a.mp4",
        "ffmpeg_pid": 4711,
        "metadata": {"isrc": "X1"},
    }
    assert (ended["kind"], ended["play_id"], ended["had_errors"]) == ("track_ended", play_id, False)
    assert (by_row["play_id"], by_row["had_errors"], by_row["error_message"]) == (17, True, "cut short")


class _Broken(UserDict[str, Any]):
    def __iter__(self) -> Any:
        raise RuntimeError("no fields today")


@pytest.mark.parametrize(
    ("track", "metadata"),
    [
        (None, None),
        ("abc", {"track_info": "abc"}),
        (17, {"track_info": "17"}),
        (["a", 1], {"track_info": "['a', 1]"}),
        (b"\xff", {"track_info": "\\xff"}),
        (_Broken(), {"track_info": "(unreadable _Broken: RuntimeError)"}),
        ({"artist": " ", "title": ["x"]}, {"title": ["x"]}),
        ({1: 2}, {"1": 2}),
    ],
)
def test_a_track_that_is_no_mapping_is_still_a_play(config: LoggingConfig, track: Any, metadata: Any) -> None:
    with RadioLogger(config) as radio:
        play_id = radio.log_track_started(track)
    (raw,) = radio.path.read_bytes().splitlines()
    (line,) = lines(radio)
    assert (line["play_id"], line["title"], line.get("metadata")) == (play_id, "unknown", metadata)
    assert isinstance(parse(raw, UTC), TrackStarted)


@pytest.mark.parametrize("path", ["/srv/loop.mp4", Path("/srv/loop.mp4"), b"/srv/loop.mp4", "/srv/loop.mp4/"])
def test_a_track_without_a_name_has_that_of_its_file(config: LoggingConfig, path: Any) -> None:
    with RadioLogger(config) as radio:
        radio.log_track_started({}, loop_path=path)
        radio.log_track_started({"artist": "Ada"}, loop_path=path)
    nameless, named = lines(radio)
    assert nameless["title"] == "loop.mp4"
    assert nameless["loop_path"].startswith("/srv/loop.mp4")
    assert (named["artist"], named.get("title")) == ("Ada", None)


@pytest.mark.parametrize("severity", ["info", "warning", "error", "critical"])
def test_an_error_is_one_whatever_its_severity(tmp_path: Path, severity: str) -> None:
    with RadioLogger(LoggingConfig(log_path=tmp_path, log_level="CRITICAL")) as radio:
        radio.log_error("encoder", severity, "100 % {broken} %s", {"code": 1}, "Traceback …", UUID(int=5))
    assert [said(line) for line in lines(radio)] == [
        {
            "level": severity,
            "event": "100 % {broken} %s",
            "service": "encoder",
            "kind": "error",
            "context": {"code": 1},
            "stack_trace": "Traceback …",
            "play_id": str(UUID(int=5)),
        }
    ]


@pytest.mark.parametrize("severity", ["ERROR", "warn", "fatal", "debug", "", None, 40, ["error"]])
def test_another_severity_is_refused_and_writes_nothing(config: LoggingConfig, severity: Any) -> None:
    radio = RadioLogger(config)
    with pytest.raises(ValueError, match="info, warning, error, critical"):
        radio.log_error("encoder", severity, "broken")
    assert not radio.path.exists()


@pytest.mark.parametrize("service", ["", "../etc/passwd", "a/b", ".hidden"])
def test_a_service_must_be_a_file_name(config: LoggingConfig, service: str) -> None:
    with pytest.raises(ValueError, match="service"):
        RadioLogger(config, service)


def test_a_metric_has_its_unit_service_and_metadata(config: LoggingConfig) -> None:
    with RadioLogger(config, "monitoring") as radio:
        radio.log_metric("disk_free_bytes", 10**12, "bytes", "studio", {"mount": "/srv"})
    assert said(lines(radio)[0]) == {
        "level": "info",
        "event": "metric",
        "service": "studio",
        "kind": "metric",
        "metric_name": "disk_free_bytes",
        "metric_value": 10**12,
        "unit": "bytes",
        "metadata": {"mount": "/srv"},
    }


def test_the_plain_logger_writes_any_line_and_keeps_to_its_level(config: LoggingConfig) -> None:
    with RadioLogger(config) as radio:
        radio.log.debug("too little")
        bound = radio.bind(request="r-1")
        bound.info("cover_downloaded", bytes=18321)
        try:
            _ = 1 / 0
        except ZeroDivisionError:
            bound.exception("it broke")
        radio.log.info("of another station", station="B", seq=99, timestamp="then")
        with structlog.contextvars.bound_contextvars(show="night"):
            radio.log.warning("with context")
    plain, broken, other, context = lines(radio)
    assert said(plain) == {
        "level": "info", "event": "cover_downloaded", "service": "radio", "request": "r-1", "bytes": 18321,
    }  # fmt: skip
    assert (broken["level"], broken["request"]) == ("error", "r-1")
    assert broken["exception"].endswith("ZeroDivisionError: division by zero")
    assert (other["station"], other["seq"], other["seq_"], other["timestamp_"]) == ("B", 3, 99, "then")
    assert context["show"] == "night"


def test_debug_shows_everything(tmp_path: Path) -> None:
    with RadioLogger(LoggingConfig(log_path=tmp_path, log_level="ERROR", debug=True)) as radio:
        radio.log.debug("seen")
    assert [line["level"] for line in lines(radio)] == ["debug"]


def test_after_close_nothing_is_lost_and_nothing_stays_open(config: LoggingConfig) -> None:
    radio = RadioLogger(config)
    radio.log_metric("a", 1)
    radio.close()
    radio.close()
    before = len(os.listdir("/proc/self/fd"))
    radio.log_metric("a", 2)
    assert len(os.listdir("/proc/self/fd")) == before
    assert [line["seq"] for line in lines(radio)] == [1, 2]


def test_a_forgotten_logger_closes_its_file(config: LoggingConfig) -> None:
    before = len(os.listdir("/proc/self/fd"))
    radio = RadioLogger(config)
    radio.log_metric("a", 1)
    del radio
    assert len(os.listdir("/proc/self/fd")) == before


def test_threads_are_in_the_order_of_their_numbers(config: LoggingConfig) -> None:
    radio = RadioLogger(config)

    def write() -> None:
        for number in range(200):
            radio.log_metric("n", number)

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    radio.close()
    written = lines(radio)
    assert [line["seq"] for line in written] == list(range(1, 1601))
    assert [line["timestamp"] for line in written] == sorted(line["timestamp"] for line in written)


FORKING = """
import os, sys, threading
from pathlib import Path
from logging_module import LoggingConfig, RadioLogger

radio = RadioLogger(LoggingConfig(log_path=Path(sys.argv[1])))
radio.log_metric("parent", 0)
done = threading.Event()

def keep_writing():
    while not done.is_set():
        radio.log_metric("parent", 1)

writer = threading.Thread(target=keep_writing)
writer.start()
children = []
for _ in range(10):
    child = os.fork()
    if child == 0:
        for number in range(20):
            radio.log_metric("child", number)
        os._exit(0)
    children.append(child)
assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 10
done.set()
writer.join()
radio.log_metric("parent", 2)
radio.close()
"""


def test_a_forked_child_is_a_run_of_its_own(config: LoggingConfig) -> None:
    """Also when it is forked while another thread is writing; in a process of its own, for the lock of coverage does not fork."""
    subprocess.run([sys.executable, "-c", FORKING, str(config.log_path)], check=True, timeout=60)
    radio = RadioLogger(config)
    runs: dict[str, list[dict[str, Any]]] = {}
    for line in lines(radio):
        runs.setdefault(line["run_id"], []).append(line)
    assert len(runs) == 11
    for of_run in runs.values():
        assert [line["seq"] for line in of_run] == list(range(1, len(of_run) + 1))
        assert len({(line["pid"], line["metric_name"]) for line in of_run}) == 1
    assert sorted(len(of_run) for of_run in runs.values())[:10] == [20] * 10


def write_as_a_child(radio: RadioLogger, count: int) -> None:
    for number in range(count):
        radio.log_metric("child", number)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_gives_each_child_a_run_of_its_own(config: LoggingConfig, method: str) -> None:
    context: Any = multiprocessing.get_context(method)
    radio = RadioLogger(config)
    radio.log_metric("parent", 0)
    children = [context.Process(target=write_as_a_child, args=(radio, 20)) for _ in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
    assert [child.exitcode for child in children] == [0, 0, 0]
    radio.log_metric("parent", 1)
    radio.close()
    runs: dict[str, list[tuple[int, str]]] = {}
    for line in lines(radio):
        runs.setdefault(line["run_id"], []).append((line["seq"], line["metric_name"]))
    of_children = [[(number, "child") for number in range(1, 21)]] * 3
    assert sorted(runs.values(), key=len) == [[(1, "parent"), (2, "parent")], *of_children]


class _Hostile:
    def __repr__(self) -> str:
        raise RuntimeError("no text for you")


def test_values_that_json_does_not_know_become_text_whatever_they_do(config: LoggingConfig) -> None:
    cycle: dict[str, Any] = {"a": 1}
    cycle["self"] = cycle
    context: dict[Any, Any] = {
        "at": datetime(2026, 11, 22, tzinfo=UTC), "price": Decimal("1.10"), "raw": b"\xff", "path": Path("/srv"),
        "error": ValueError("bad"), "nan": float("nan"), "nested": [{"inf": float("inf")}], "cycle": cycle,
        "hostile": _Hostile(), "in a list": [_Hostile()], "set": {1}, 7: "a key that is no text", "lone": ["\ud800"],
        "huge": [10**5000],
    }  # fmt: skip
    with RadioLogger(config) as radio:
        radio.log_error("encoder", "error", "broken", context)
        radio.log.error("broken", **{str(name): value for name, value in context.items()})
        radio.log_metric("m", float("nan"), metadata=context)
    error, plain, metric = lines(radio)
    said = error["context"]
    assert (said["at"], said["price"], said["path"], said["error"]) == (
        "2026-11-22T00:00:00+00:00", "1.10", "/srv", "ValueError: bad",
    )  # fmt: skip
    assert (said["nan"], said["nested"], said["7"], said["lone"]) == (
        "nan", [{"inf": "inf"}], "a key that is no text", ["\ufffd"],
    )  # fmt: skip
    assert said["cycle"] == {"a": 1, "self": "(cycle)"}
    assert "RuntimeError" in said["hostile"]
    assert {name: plain[name] for name in said} == said
    assert metric["metric_value"] == "nan"
    assert radio.failed_lines == 0


def test_a_signal_handler_may_log_while_a_line_is_written(config: LoggingConfig) -> None:
    radio = RadioLogger(config)
    handled = 0

    def handle(*_: Any) -> None:
        nonlocal handled
        handled += 1
        radio.log.info("signal")

    previous = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        deadline = time.monotonic() + 10
        while handled < 50 and time.monotonic() < deadline:
            radio.log_metric("n", 1)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    radio.close()
    written = lines(radio)
    assert sum(line["event"] == "signal" for line in written) == handled >= 50
    assert sorted(line["seq"] for line in written) == list(range(1, len(written) + 1))


def test_a_line_that_could_not_be_written_leaves_a_hole_in_the_numbers(config: LoggingConfig) -> None:
    """Which is how the ledger knows."""
    radio = RadioLogger(config)
    radio.path.mkdir()
    radio.log_metric("n", 1)
    radio.path.rmdir()
    radio.log_metric("n", 2)
    assert [line["seq"] for line in lines(radio)] == [2]
    assert radio.failed_lines == 1


@pytest.mark.parametrize("name", ["RadioLogger", "LoggingConfig"])
def test_a_service_that_only_writes_loads_no_database(tmp_path: Path, name: str) -> None:
    program = f"""
import json, sys
from logging_module import {name}, LoggingConfig, RadioLogger
with RadioLogger(LoggingConfig(log_path={str(tmp_path)!r})) as radio:
    radio.log_metric("a", 1)
print(json.dumps(sorted(name.partition(".")[0] for name in sys.modules)))
"""
    out = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    loaded = set(json.loads(out))
    assert loaded.isdisjoint({"pandas", "numpy", "psycopg2", "sqlalchemy", "sqlmodel", "watchdog", "ingest", "reports"})
    assert {"structlog", "logging_module"} <= loaded


def test_stderr_may_be_closed(tmp_path: Path) -> None:
    (tmp_path / "radio.log").mkdir()
    program = f"""
import sys
from logging_module import LoggingConfig, RadioLogger
sys.stderr.close()
radio = RadioLogger(LoggingConfig(log_path={str(tmp_path)!r}))
radio.log_metric("a", 1)
sys.stderr = None
radio.log_metric("a", 1)
print(radio.failed_lines)
"""
    out = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert out == "2\n"


def test_the_package_offers_three_names() -> None:
    assert logging_module.__all__ == ["Analytics", "LoggingConfig", "RadioLogger"]
    assert set(logging_module.__all__) <= set(dir(logging_module))
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        _ = logging_module.nothing_of_the_kind
