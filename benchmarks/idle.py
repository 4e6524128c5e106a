"""What thousands of files cost that nobody writes to: processor time of the daemon, in percent of a core."""

import tempfile
import time
from pathlib import Path

from benchmarks.daemon import processor_seconds, running, wait_for_rows
from benchmarks.database import database
from benchmarks.figures import Figure

LINE = '{"timestamp": "2026-11-22T10:00:00Z", "event": "metric", "metric_name": "m", "metric_value": 1}\n'
SETTLING_SECONDS = 6.0


def measure(files: int, seconds: float, limit_percent: float) -> list[Figure]:
    """Idle cost of some files, and how soon a daemon that knows them all has taken them up again."""
    with tempfile.TemporaryDirectory(prefix="radiolog-bench-") as name, database(Path(name)) as config:
        folder = Path(name)
        for number in range(files):
            inside = folder / f"station-{number // 100}"
            inside.mkdir(exist_ok=True)
            (inside / f"service-{number}.log").write_text(LINE)
        with running(config):
            wait_for_rows(config, "SELECT coalesce(sum(lines), 0) FROM ingest_files", files)
        with running(config) as pid:
            began = time.monotonic()
            wait_for_rows(config, "SELECT count(*) FROM ingest_files WHERE owner_epoch = 2", files)
            ready_seconds = time.monotonic() - began
            time.sleep(SETTLING_SECONDS)
            used, began = processor_seconds(pid), time.monotonic()
            time.sleep(seconds)
            percent = 100 * (processor_seconds(pid) - used) / (time.monotonic() - began)
    return [
        Figure(f"{files:,} idle files", "% of a core", percent, "at most", limit_percent, 1.0, lower_is_better=True),
        Figure(f"{files:,} known files taken up", "s", ready_seconds, "at most", 1.0 + files / 1000, 1.0,
               lower_is_better=True),
    ]  # fmt: skip
