"""A process that appends prepared lines to a log at a steady rate, and prints when each error line was written."""

import argparse
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

SLEEP_SECONDS = 0.0005
ERROR = b'"level": "error"'


def append(path: Path, lines: Sequence[bytes], per_second: float) -> list[float]:
    """Append lines one by one, each when its time has come; gives the monotonic times of the error lines."""
    written = []
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    began, number = time.monotonic(), 0
    while number < len(lines):
        due = min(len(lines), int((time.monotonic() - began) * per_second) + 1)
        while number < due:
            os.write(descriptor, lines[number])
            if ERROR in lines[number]:
                written.append(time.monotonic())
            number += 1
        time.sleep(SLEEP_SECONDS)
    os.close(descriptor)
    return written


def main() -> None:
    """Append."""
    asked = argparse.ArgumentParser(prog="python -m benchmarks.feeding", description=__doc__)
    asked.add_argument("prepared", type=Path)
    asked.add_argument("log", type=Path)
    asked.add_argument("per_second", type=float)
    given = asked.parse_args()
    print(json.dumps(append(given.log, given.prepared.read_bytes().splitlines(keepends=True), given.per_second)))


if __name__ == "__main__":
    main()
