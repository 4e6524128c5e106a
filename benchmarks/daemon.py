"""The daemon as a process of its own, and what the kernel says about its processor time."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ingest.database import connect
from logging_module.config import LoggingConfig

DEADLINE_SECONDS = 120.0


@contextmanager
def running(config: LoggingConfig) -> Iterator[int]:
    """`radiolog run` over the configuration's folder, until the end of the block; gives its process id."""
    environment = os.environ | {
        "POSTGRES_HOST": str(config.postgres_host), "POSTGRES_PORT": str(config.postgres_port),
        "POSTGRES_USER": config.postgres_user, "POSTGRES_DB": config.postgres_db, "LOG_PATH": str(config.log_path),
    }  # fmt: skip
    command = Path(sys.executable).with_name("radiolog")
    process = subprocess.Popen([command, "run"], env=environment, stderr=subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def processor_seconds(pid: int) -> float:
    """User and system time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_for_rows(config: LoggingConfig, query: str, count: int) -> None:
    """Until a query gives at least `count`."""
    connection = connect(config, application_name="bench", autocommit=True)
    deadline = time.monotonic() + DEADLINE_SECONDS
    with connection.cursor() as cursor:
        while True:
            cursor.execute(query)
            row = cursor.fetchone()
            if row is not None and row[0] >= count:
                break
            if time.monotonic() > deadline:
                raise TimeoutError(f"{row} of {count}: {query}")
            time.sleep(0.05)
    connection.close()
