"""The daemon as a process of its own, and what the kernel says about its processor time and memory."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.database import cursor_of
from logging_module.config import LoggingConfig

COMMAND = Path(sys.executable).with_name("radiolog")
DEADLINE_SECONDS = 120.0
LOOK_SECONDS = 0.05


def environment(config: LoggingConfig) -> dict[str, str]:
    """What makes a command use the configuration's database and folder."""
    return os.environ | {
        "POSTGRES_HOST": str(config.postgres_host), "POSTGRES_PORT": str(config.postgres_port),
        "POSTGRES_USER": config.postgres_user, "POSTGRES_DB": config.postgres_db, "LOG_PATH": str(config.log_path),
    }  # fmt: skip


@contextmanager
def running(config: LoggingConfig) -> Iterator[int]:
    """`radiolog run` over the configuration's folder, until the end of the block; gives its process id."""
    process = subprocess.Popen([COMMAND, "run"], env=environment(config), stderr=subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def seconds_until_ready(config: LoggingConfig) -> float:
    """From the start of `radiolog run` until it tells systemd that it reads."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        address = f"{folder}/notify"
        told.bind(address)
        told.settimeout(DEADLINE_SECONDS)
        began = time.perf_counter()
        with subprocess.Popen(
            [COMMAND, "run"], env=environment(config) | {"NOTIFY_SOCKET": address}, stderr=subprocess.DEVNULL
        ) as process:
            try:
                while b"READY=1" not in told.recv(4096):
                    pass
                return time.perf_counter() - began
            finally:
                process.terminate()


def processor_seconds(pid: int) -> float:
    """User and system time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(pid: int) -> float:
    """Memory of a process that is in RAM, shared pages included."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def wait_for_rows(config: LoggingConfig, query: str, count: int) -> None:
    """Until a query gives at least `count`. Raises TimeoutError where nothing more comes for a long time."""
    until, before = 0.0, -1
    with cursor_of(config) as cursor:
        while True:
            cursor.execute(query)
            row = cursor.fetchone()
            found = row[0] if row is not None else 0
            if found >= count:
                return
            now = time.monotonic()
            if found != before:
                until, before = now + DEADLINE_SECONDS, found
            if now > until:
                raise TimeoutError(f"{found} of {count}: {query}")
            time.sleep(LOOK_SECONDS)
