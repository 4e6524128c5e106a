"""The waker: hints from real events, and silence where none can be had."""

import subprocess
import sys
from pathlib import Path

import pytest

from ingest.telemetry import Telemetry
from ingest.wake import Waker

DEADLINE_SECONDS = 30.0

WITHOUT_INOTIFY = """
import sys
from ingest.telemetry import Telemetry
from ingest.wake import Waker

telemetry = Telemetry(stream=None)
waker = Waker([sys.argv[1]], telemetry)
waker.start()
for _ in range(3):
    waker.check()
assert not waker.wait(0.0).tree_changed
waker.stop()
print(telemetry.counters)
"""


def test_an_event_wakes_with_its_path(tmp_path: Path) -> None:
    waker = Waker([str(tmp_path)], Telemetry(stream=None))
    waker.start()
    try:
        waker.wait(DEADLINE_SECONDS)
        (tmp_path / "a.log").write_text("x")
        seen: set[str] = set()
        while str(tmp_path / "a.log") not in seen:
            hints = waker.wait(DEADLINE_SECONDS)
            assert hints.paths or hints.tree_changed
            seen |= hints.paths
    finally:
        waker.stop()


def test_a_folder_made_again_is_watched_again(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    waker = Waker([str(folder)], Telemetry(stream=None))
    waker.start()
    try:
        folder.rename(tmp_path / "old")
        folder.mkdir()
        waker.check()
        waker.wait(DEADLINE_SECONDS)
        (folder / "a.log").write_text("x")
        seen: set[str] = set()
        while str(folder / "a.log") not in seen:
            hints = waker.wait(DEADLINE_SECONDS)
            assert hints.paths or hints.tree_changed
            seen |= hints.paths
    finally:
        waker.stop()


def test_nothing_to_watch_is_no_reason_to_wake(tmp_path: Path) -> None:
    waker = Waker([str(tmp_path / "missing")], Telemetry(stream=None))
    waker.start()
    waker.check()
    hints = waker.wait(0.0)
    waker.stop()
    assert not hints.tree_changed
    assert not hints.paths


@pytest.mark.needs_privilege
def test_without_inotify_it_says_so_once(tmp_path: Path) -> None:
    """No instance can be had, as when the machine's are used up (a user namespace of its own with a limit of none)."""
    script = f"echo 0 > /proc/sys/user/max_inotify_instances && exec {sys.executable} -c '{WITHOUT_INOTIFY}' {tmp_path}"
    result = subprocess.run(["unshare", "-Ur", "sh", "-c", script], capture_output=True, text=True, check=False)
    if "unshare" in result.stderr:
        pytest.skip("user namespaces are not allowed here")
    assert result.stdout == "{'watch_failed': 1}\n", result.stderr


def test_polling_watches_nothing(tmp_path: Path) -> None:
    waker = Waker([str(tmp_path)], Telemetry(stream=None), polling=True)
    waker.start()
    (tmp_path / "a.log").write_text("x")
    hints = waker.wait(0.0)
    waker.stop()
    assert not hints.paths
