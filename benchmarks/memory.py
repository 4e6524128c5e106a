"""Memory of the daemon over a backlog: never much, and no more at its end than at its beginning."""

import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.daemon import DEADLINE_SECONDS, LOOK_SECONDS, resident_mib, running
from benchmarks.database import cursor_of, database
from benchmarks.figures import Figure
from benchmarks.lines import SEED, mixed_lines
from logging_module.config import LoggingConfig

BACKLOG_BYTES = 80_000_000
MOST_MIB = 96.0
AT_ONCE = 50_000
# How much more the last quarter of a backlog may need than the second, on average.
FLAT = 1.05


def measure(backlog_bytes: int, seed: int = SEED) -> list[Figure]:
    """The greatest resident size, and that of the last quarter beside the second's."""
    with tempfile.TemporaryDirectory(prefix="radiolog-bench-") as name, database(Path(name)) as config:
        size = write_backlog(Path(name) / "backlog.log", backlog_bytes, seed)
        with running(config) as pid:
            sizes = list(_sizes(config, pid, size))
    quarter = size / 4
    second = statistics.fmean(mib for done, mib in sizes if quarter <= done < 2 * quarter)
    last = statistics.fmean(mib for done, mib in sizes if done >= 3 * quarter)
    what = f"{size / 1e9:,.2f} GB of backlog"
    most = max(mib for _, mib in sizes)
    return [
        Figure(f"memory over {what}", "MiB", most, "at most", MOST_MIB, 1.0, lower_is_better=True),
        Figure(f"memory, end of {what}", "MiB", last, "its second quarter", second, FLAT, lower_is_better=True),
    ]


def write_backlog(path: Path, backlog_bytes: int, seed: int) -> int:
    """Mixed lines until there are enough bytes; gives how many there are."""
    number = 0
    with path.open("wb") as file:
        while file.tell() < backlog_bytes:
            file.writelines(mixed_lines(AT_ONCE, seed, from_number=number))
            number += AT_ONCE
        return file.tell()


def _sizes(config: LoggingConfig, pid: int, size: int) -> list[tuple[int, float]]:
    """Bytes that were committed, and the daemon's memory in MiB, until all are."""
    found: list[tuple[int, float]] = []
    until = time.monotonic() + DEADLINE_SECONDS
    with cursor_of(config) as cursor:
        while not found or found[-1][0] < size:
            cursor.execute("SELECT coalesce(max(committed_offset), 0) FROM ingest_files")
            row = cursor.fetchone()
            done = row[0] if row is not None else 0
            if not found or done > found[-1][0]:
                until = time.monotonic() + DEADLINE_SECONDS
            if time.monotonic() > until:
                raise TimeoutError(f"{done:,} of {size:,} bytes are committed")
            found.append((done, resident_mib(pid)))
            time.sleep(LOOK_SECONDS)
    return found
