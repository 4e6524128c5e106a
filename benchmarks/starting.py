"""What a person or systemd waits for: `radiolog --help`, and a daemon that is ready."""

import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.daemon import COMMAND, seconds_until_ready
from benchmarks.database import database
from benchmarks.figures import Figure

HELP_MS, READY_SECONDS = 150.0, 1.0


def measure(rounds: int) -> list[Figure]:
    """Medians of some starts, behind one of each that warms up."""
    helped = [_help_ms() for _ in range(rounds + 1)][1:]
    with tempfile.TemporaryDirectory(prefix="radiolog-bench-") as name, database(Path(name)) as config:
        ready = [seconds_until_ready(config) for _ in range(rounds + 1)][1:]
    return [
        Figure("radiolog --help", "ms", statistics.median(helped), "at most", HELP_MS, 1.0, lower_is_better=True),
        Figure("daemon ready", "s", statistics.median(ready), "at most", READY_SECONDS, 1.0, lower_is_better=True),
    ]


def _help_ms() -> float:
    began = time.perf_counter()
    subprocess.run([COMMAND, "--help"], stdout=subprocess.DEVNULL, check=True)
    return 1000 * (time.perf_counter() - began)
