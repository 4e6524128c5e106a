"""The waker: hints from real events, and silence where none can be had."""

import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import pytest
from watchdog.events import FileModifiedEvent

from ingest.telemetry import Telemetry
from ingest.wake import BUSY_EVENTS, MOST_PATHS, Waker

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


def doomed_thread_of(waker: Waker, which: str) -> threading.Thread:
    """One of watchdog's threads, which ends when it next wakes up. Only watchdog's own attributes lead there."""
    observer: Any = waker._watch._observer  # type: ignore[union-attr]
    threads = {
        "hands out": (observer, "dispatch_events"),
        "folder": (next(iter(observer.emitters)), "queue_events"),
        "reads": (observer._inotify_fd, "handle_event"),
    }

    def end(*_: object) -> None:
        raise SystemExit

    thread: threading.Thread
    thread, step = threads[which]
    setattr(thread, step, end)
    return thread


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("which", ["hands out", "folder", "reads"])
def test_a_dead_thread_of_watchdog_is_noticed(tmp_path: Path, which: str) -> None:
    """As when a handler or a warning raised in it. Of the last two `Observer.is_alive()` knows nothing."""
    telemetry = Telemetry(stream=None)
    waker = Waker([str(tmp_path)], telemetry)
    waker.start()
    try:
        victim = doomed_thread_of(waker, which)
        deadline = time.monotonic() + DEADLINE_SECONDS
        while victim.is_alive():  # it dies when it next wakes up
            assert time.monotonic() < deadline
            (tmp_path / "wake.log").write_text("x")
            victim.join(0.01)
        waker.check()
        assert telemetry.counters["watch_renewed"] == 1
        waker.wait(DEADLINE_SECONDS)
        (tmp_path / "a.log").write_text("x")
        seen: set[str] = set()
        while str(tmp_path / "a.log") not in seen:
            hints = waker.wait(DEADLINE_SECONDS)
            assert hints.paths or hints.tree_changed
            seen |= hints.paths
    finally:
        waker.stop()


def test_a_flood_of_events_takes_bounded_memory(tmp_path: Path) -> None:
    """Nobody takes the hints for a while: single paths are given up for one look at everything."""
    waker = Waker([str(tmp_path)], Telemetry(stream=None))
    for number in range(10 * MOST_PATHS):
        waker.on_any_event(FileModifiedEvent(f"{tmp_path}/{number}.log"))
    hints = waker.wait(0.0)
    assert hints.tree_changed
    assert len(hints.paths) <= MOST_PATHS


def test_warnings_as_errors_do_not_end_its_threads(tmp_path: Path) -> None:
    """watchdog warns of its own races, with tens of kilobytes; under `python -W error` that ended its reading thread."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("error")
        waker = Waker([str(tmp_path)], Telemetry(stream=None))
        waker.start()
        try:
            observer: Any = waker._watch._observer  # type: ignore[union-attr]
            group = next(iter(observer.emitters))._inotify
            group._add_callback(str(tmp_path).encode())
            for number in range(100):
                (tmp_path / f"d{number}" / "e").mkdir(parents=True)
            assert waker._watch is not None
            assert waker._watch.problem() == ""
        finally:
            waker.stop()
    assert not warned


def test_busy_files_are_polled_until_they_calm_down(tmp_path: Path) -> None:
    """Above so many events a second modifications are not watched any more; new files are."""
    waker = Waker([str(tmp_path)], Telemetry(stream=None))
    waker.start()
    try:
        for number in range(100 * BUSY_EVENTS):
            waker.on_any_event(FileModifiedEvent(f"{tmp_path}/{number % 3}.log"))
        waker.adapt(0)
        assert waker.mode == "busy"
        assert waker.wait(DEADLINE_SECONDS).tree_changed  # for what changed while the watch was renewed
        (tmp_path / "a.log").write_text("x")
        seen: set[str] = set()
        while str(tmp_path / "a.log") not in seen:
            seen |= waker.wait(DEADLINE_SECONDS).paths
    finally:
        waker.stop()


def test_it_knows_which_folders_the_kernel_watches(tmp_path: Path) -> None:
    """The kernel's own list tells which folders it watches."""
    inner = tmp_path / "inner"
    inner.mkdir()
    waker = Waker([str(tmp_path)], Telemetry(stream=None))
    waker.start()
    try:
        folders = {str(path): path.stat().st_ino for path in (tmp_path, inner)}
        assert waker._watch is not None
        assert waker._watch.unwatched(folders) == []
        assert waker._watch.unwatched({**folders, "/elsewhere": 1}) == ["/elsewhere"]
    finally:
        waker.stop()
