"""A service's log call: `RadioLogger` beside stdlib logging + python-json-logger, and beside loguru."""

import logging
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from loguru import logger as loguru_logger
from pythonjsonlogger.json import JsonFormatter

from benchmarks.figures import Figure
from logging_module import LoggingConfig, RadioLogger

MOST_MICROSECONDS = 15.0  # SPEC 11
TRACK = {"artist": "Odalys Venn", "title": "Night Desk", "album": "After Hours", "id": "9f2c", "duration": 213.4}
PLAY = "7f7695f5-6fce-411d-abd8-a1e6047a8387"
METRIC = {"metric_name": "cpu_percent", "metric_value": 41.5, "unit": "percent"}
Call = Callable[[], object]


def _median_us(call: Call, count: int) -> float:
    """Median of single calls in µs, the clock's own reading included."""
    taken = []
    for _ in range(count):
        began = time.perf_counter_ns()
        call()
        taken.append(time.perf_counter_ns() - began)
    return statistics.median(taken) / 1000


def _stdlib(path: Path) -> Call:
    handler = logging.FileHandler(path)
    handler.setFormatter(JsonFormatter("%(asctime)s %(levelname)s %(name)s %(process)d %(message)s"))
    log = logging.getLogger("benchmarks.writing")
    log.propagate = False
    log.setLevel(logging.INFO)
    log.addHandler(handler)
    return lambda: log.info("metric", extra=METRIC)


def _loguru(path: Path) -> Call:
    loguru_logger.remove()
    loguru_logger.add(path, serialize=True)
    return lambda: loguru_logger.bind(**METRIC).info("metric")


def measure(count: int, rounds: int) -> list[Figure]:
    """Medians of single calls; each round runs all of them, one after the other."""
    with tempfile.TemporaryDirectory() as folder, RadioLogger(LoggingConfig(log_path=Path(folder))) as radio:
        calls: dict[str, Call] = {
            "log_metric": lambda: radio.log_metric("cpu_percent", 41.5, "percent"),
            "log_track_started": lambda: radio.log_track_started(TRACK, "/srv/loops/night.mp4", 4711),
            "log_track_ended": lambda: radio.log_track_ended(PLAY),
            "log_error": lambda: radio.log_error("ffmpeg", "error", "the encoder exited", {"exit_code": 1}),
            "log.info": lambda: radio.log.info("cover_downloaded", bytes=18321),
            "stdlib logging + python-json-logger": _stdlib(Path(folder) / "stdlib.log"),
            "loguru": _loguru(Path(folder) / "loguru.log"),
        }
        taken = [{name: _median_us(call, count) for name, call in calls.items()} for _ in range(rounds)]
        loguru_logger.remove()
    median = {name: statistics.median(times[name] for times in taken) for name in calls}
    references = ("stdlib logging + python-json-logger", "loguru")
    ours = [name for name in calls if name not in references]
    beside = [
        Figure("RadioLogger.log_metric", "µs", median["log_metric"], name, median[name], 1.0, lower_is_better=True)
        for name in references
    ]
    return beside + [
        Figure(f"RadioLogger.{name}", "µs", median[name], "SPEC 11", MOST_MICROSECONDS, 1.0, lower_is_better=True)
        for name in ours
    ]
