"""Helpers of acceptance tests: the installed command as a process, and waiting for a condition."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from logging_module.config import LoggingConfig

COMMAND = str(Path(sys.executable).with_name("radiolog"))
DEADLINE_SECONDS = 60.0


def environment(config: LoggingConfig, **more: str) -> dict[str, str]:
    """The environment of a process that uses a test's database and log folder."""
    kept = {
        name: os.environ[name] for name in ("PATH", "HOME", "LANG", "COVERAGE_PROCESS_CONFIG") if name in os.environ
    }
    return {
        **kept,
        "POSTGRES_HOST": str(config.postgres_host),
        "POSTGRES_PORT": str(config.postgres_port),
        "POSTGRES_USER": config.postgres_user,
        "POSTGRES_DB": config.postgres_db,
        "LOG_PATH": str(config.log_path),
        **more,
    }


def start(config: LoggingConfig, *arguments: str, **more: str) -> "subprocess.Popen[str]":
    """Start `radiolog …` with its own log on stderr, kept in a pipe."""
    return subprocess.Popen(
        [COMMAND, *arguments], env=environment(config, **more), cwd=config.log_path.parent, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def finished(config: LoggingConfig, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
    """Run `radiolog …` to its end."""
    return subprocess.run(
        [COMMAND, *arguments], env=environment(config, **more), cwd=config.log_path.parent, text=True,
        capture_output=True, check=False, timeout=DEADLINE_SECONDS, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition, with a deadline that no working machine misses."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not within {DEADLINE_SECONDS} s: {what}"
        time.sleep(0.02)
