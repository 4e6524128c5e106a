"""From a line's append to its row's visibility for others, and what the daemon uses meanwhile.

A writer process appends line by line and notes when; another connection asks how far the file's checkpoint is, which
commits together with the rows. So what is measured holds the asking too.
"""

import json
import subprocess
import sys
import tempfile
import time
from bisect import bisect_right
from pathlib import Path

from benchmarks.daemon import DEADLINE_SECONDS, processor_seconds, running, wait_for_rows
from benchmarks.database import database
from benchmarks.figures import Figure
from benchmarks.idle import LINE
from ingest.database import connect
from logging_module.config import LoggingConfig

_ASK_SECONDS = 0.0005
_WRITER = """
import json, os, sys, time
path, per_second, seconds, line = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4].encode()
descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
began, written = time.monotonic(), []
while (now := time.monotonic()) < began + seconds:
    while len(written) < (now - began) * per_second:
        os.write(descriptor, line)
        written.append(time.monotonic())
    time.sleep(0.0005)
print(json.dumps(written))
"""


def measure(per_second: int, seconds: float, limit_ms: float, limit_percent: float) -> list[Figure]:
    """The 99th percentile in milliseconds and the daemon's processor time, for one file."""
    with tempfile.TemporaryDirectory(prefix="radiolog-bench-") as name, database(Path(name)) as config:
        log = Path(name) / "busy.log"
        log.write_text(LINE)
        with running(config) as pid:
            wait_for_rows(config, "SELECT coalesce(sum(lines), 0) FROM ingest_files", 1)
            writer = subprocess.Popen(
                [sys.executable, "-c", _WRITER, str(log), str(per_second), str(seconds), LINE],
                stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            used, began = processor_seconds(pid), time.monotonic()
            seen = _watch(config, len(LINE) * int(per_second * seconds * 0.9))
            percent = 100 * (processor_seconds(pid) - used) / (time.monotonic() - began)
            written = json.loads(writer.communicate()[0])
    visible_at = _latencies(written, seen)
    visible_at.sort()
    p50, p99 = (1000 * visible_at[int(len(visible_at) * part)] for part in (0.5, 0.99))
    name = f"{per_second:,} lines/s"
    return [
        Figure(f"{name}: append to row, median", "ms", p50, "at most", limit_ms, 1.0, lower_is_better=True),
        Figure(f"{name}: append to row, p99", "ms", p99, "at most", limit_ms, 1.0, lower_is_better=True),
        Figure(f"{name}: daemon", "% of a core", percent, "at most", limit_percent, 1.0, lower_is_better=True),
    ]


def _watch(config: LoggingConfig, enough_bytes: int) -> list[tuple[int, float]]:
    """How many bytes were visible when, until there are enough."""
    connection = connect(config, application_name="bench", autocommit=True)
    seen: list[tuple[int, float]] = []
    deadline = time.monotonic() + DEADLINE_SECONDS
    with connection.cursor() as cursor:
        while (not seen or seen[-1][0] < enough_bytes) and time.monotonic() < deadline:
            cursor.execute("SELECT committed_offset FROM ingest_files")
            row = cursor.fetchone()
            if row is not None and (not seen or row[0] > seen[-1][0]):
                seen.append((row[0], time.monotonic()))
            time.sleep(_ASK_SECONDS)
    connection.close()
    return seen


def _latencies(written: list[float], seen: list[tuple[int, float]]) -> list[float]:
    """Seconds for each line that was seen."""
    offsets = [offset for offset, _ in seen]
    found = []
    for number, at in enumerate(written):
        end = len(LINE) * (number + 2)
        index = bisect_right(offsets, end - 1)
        if index < len(seen):
            found.append(seen[index][1] - at)
    return found
