"""From a line's append to its row's visibility for others, and what the daemon uses meanwhile.

A writer process appends lines of the backlog's kind one by one and notes when. Another connection asks for the greatest
id of `error_log`: every tenth line is an error, and the n-th of them is the row with the n-th id. What is measured
holds the asking, too: up to a millisecond.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.daemon import DEADLINE_SECONDS, processor_seconds, running, wait_for_rows
from benchmarks.database import cursor_of, database
from benchmarks.feeding import ERROR
from benchmarks.figures import Figure, percentile
from benchmarks.lines import SEED, mixed_lines
from logging_module.config import LoggingConfig

ASK_SECONDS = 0.001
_WARM_UP = b'{"timestamp": "2026-11-20T00:00:00Z", "event": "warm", "service": "bench", "level": "error"}\n'


class Live(NamedTuple):
    """Milliseconds from append to row, and the reader's processor time in percent of a core."""

    p50_ms: float
    p99_ms: float
    processor_percent: float


def measure(
    per_second: int, seconds: float, limit_ms: float, limit_percent: float | None, seed: int = SEED
) -> list[Figure]:
    """What the daemon needs for one file. `limit_percent` None: its processor time is only shown."""
    with tempfile.TemporaryDirectory(prefix="radiolog-bench-") as name, database(Path(name)) as config:
        log = Path(name) / "busy.log"
        log.write_bytes(_WARM_UP)
        with running(config) as pid:
            wait_for_rows(config, "SELECT count(*) FROM error_log", 1)
            live = follow(config, log, pid, list(mixed_lines(int(per_second * seconds), seed)), per_second)
    what = f"{per_second:,} lines/s"
    return [
        Figure(f"{what}: append to row, median", "ms", live.p50_ms, "at most", limit_ms, 1.0, lower_is_better=True),
        Figure(f"{what}: append to row, p99", "ms", live.p99_ms, "at most", limit_ms, 1.0, lower_is_better=True),
        Figure(f"{what}: the daemon", "% of a core", live.processor_percent, "at most", limit_percent or 100.0,
               limit_percent and 1.0, lower_is_better=True),
    ]  # fmt: skip


def follow(config: LoggingConfig, log: Path, pid: int, lines: list[bytes], per_second: int) -> Live:
    """Append lines to a log that a process reads already, and see when they arrive."""
    errors = sum(ERROR in line for line in lines)
    with _appending(log, lines, per_second) as writer:
        used, began = processor_seconds(pid), time.monotonic()
        seen = list(_arrivals(config, errors))
        percent = 100 * (processor_seconds(pid) - used) / (time.monotonic() - began)
        written: list[float] = json.loads(writer.communicate()[0])
    waited = []
    arrival = iter(seen)
    count, at = next(arrival)
    for number, written_at in enumerate(written, 1):
        while count < number:
            count, at = next(arrival)
        waited.append(1000 * (at - written_at))
    return Live(percentile(waited, 0.5), percentile(waited, 0.99), percent)


@contextmanager
def _appending(log: Path, lines: list[bytes], per_second: int) -> Iterator[subprocess.Popen[str]]:
    with tempfile.NamedTemporaryFile(prefix="radiolog-bench-") as prepared:
        prepared.writelines(lines)
        prepared.flush()
        command = [sys.executable, "-m", "benchmarks.feeding", prepared.name, str(log), str(per_second)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            yield writer


def _arrivals(config: LoggingConfig, enough: int) -> Iterator[tuple[int, float]]:
    """How many more errors than now were visible when, until there are enough."""
    seen, before = 0, -1
    deadline = time.monotonic() + DEADLINE_SECONDS
    with cursor_of(config) as cursor:
        while seen < enough:
            cursor.execute("SELECT max(id) FROM error_log")
            row = cursor.fetchone()
            now = time.monotonic()
            greatest = row[0] or 0 if row is not None else 0
            if before < 0:
                before = greatest
            if greatest - before > seen:
                seen = greatest - before
                yield seen, now
            if now > deadline:
                raise TimeoutError(f"{seen:,} of {enough:,} errors are there")
            time.sleep(ASK_SECONDS)
