"""What all tests share: a clean environment, and the databases of `fix_postgres`."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # tests is no package; plugins and helpers are found here

pytest_plugins = ["fix_postgres", "fix_command", "fix_skips", "fix_tailer"]

# A shell ignores Ctrl-C for what it starts in the background, and processes inherit that: tests send it to theirs.
signal.signal(signal.SIGINT, signal.default_int_handler)

_OURS = ("POSTGRES_", "RADIOLOG_", "LOG_", "DB_", "PG", "PLAY_HISTORY_", "ERROR_LOG_", "METRICS_", "XDG_")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No setting of the machine leaks into a test, and no `.env`; files are made with the usual permissions."""
    for name in list(os.environ):
        if name.startswith(_OURS) or name in {"DEBUG", "NOTIFY_SOCKET"}:
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    before = os.umask(0o022)
    yield
    os.umask(before)
