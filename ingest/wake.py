"""When to look: watchdog's events, a timer, or a word from another thread. Hints only; the sweep is the truth.

watchdog stays silent in a dozen states (queue overflow, exhausted watches, recreated roots, network file systems …), so
its events are never counted on; they only make the daemon look sooner. The handler sets flags and nothing else: a slow
one would make watchdog's queue grow without bound, a raising one would kill its thread.
"""

import logging
import math
import threading
import time
from collections.abc import Iterable
from typing import NamedTuple

from watchdog.events import (
    DirCreatedEvent,
    DirMovedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer

from ingest.files import inode_key
from ingest.telemetry import Telemetry

# A directory with this many changed paths waiting is swept as a whole.
MOST_PATHS = 1000
# Watches may become free again; until then the sweep does all.
RETRY_SECONDS = 60.0

_WATCHED = [
    FileModifiedEvent,
    FileCreatedEvent,
    FileMovedEvent,
    FileDeletedEvent,
    DirCreatedEvent,
    DirMovedEvent,
]


class Hints(NamedTuple):
    """What is worth looking at: changed paths, and whether the tree itself changed."""

    paths: frozenset[str]
    tree_changed: bool


class Waker(FileSystemEventHandler):
    """Collects hints from any thread and lets one thread wait for them.

    Args:
        folders: to watch, with all below.
        telemetry: told when a folder cannot be watched.
        polling: watch nothing; the timer alone wakes.
    """

    def __init__(self, folders: Iterable[str], telemetry: Telemetry, *, polling: bool = False) -> None:
        self._folders = tuple(dict.fromkeys(folders))
        self._telemetry = telemetry
        self._polling = polling
        self._paths: set[str] = set()
        self._tree_changed = False
        self._lock = threading.Lock()
        self._event = threading.Event()
        self._observer: object | None = None
        self._watched: dict[str, tuple[int, int] | None] = {}
        self._retry_at = math.inf  # monotonic time of the next try, after one that failed
        self._overflow = _OverflowHandler(self)

    def start(self) -> None:
        """Begin to watch. Folders that do not exist yet are watched from `check` on."""
        logging.getLogger("watchdog.observers").addHandler(self._overflow)
        self.check()

    def stop(self) -> None:
        """Stop watching."""
        logging.getLogger("watchdog.observers").removeHandler(self._overflow)
        self._stop_observer()

    def check(self) -> None:
        """Watch what is not watched, or no longer: to a folder that was recreated watchdog is blind."""
        if self._polling:
            return
        now = {folder: inode_key(folder) for folder in self._folders}
        observer = self._observer
        alive = observer is None or observer.is_alive()  # type: ignore[attr-defined]
        if alive and now == self._watched and time.monotonic() < self._retry_at:
            return
        self._stop_observer()
        self._watched = now
        self._observer = self._start_observer([folder for folder, key in now.items() if key is not None])
        if self._observer is not None:
            self.wake(tree_changed=True)  # for what changed before the watch stood

    def wait(self, timeout_seconds: float) -> Hints:
        """Wait for a hint, at most so long, and take all there are."""
        self._event.wait(timeout_seconds)
        with self._lock:
            self._event.clear()
            hints = Hints(frozenset(self._paths), self._tree_changed)
            self._paths.clear()
            self._tree_changed = False
        return hints

    def wake(self, *, tree_changed: bool = False) -> None:
        """Let `wait` return."""
        with self._lock:
            self._tree_changed = self._tree_changed or tree_changed
            self._event.set()

    def on_any_event(self, event: FileSystemEvent) -> None:
        """From watchdog's thread: note the path, nothing else."""
        with self._lock:
            if event.is_directory or event.event_type in ("moved", "deleted"):
                self._tree_changed = True
            for path in (event.src_path, event.dest_path):
                if path:
                    self._paths.add(path if isinstance(path, str) else path.decode("utf-8", "surrogateescape"))
            if len(self._paths) > MOST_PATHS:
                self._paths.clear()
                self._tree_changed = True
            self._event.set()

    def _start_observer(self, folders: list[str]) -> object | None:
        self._retry_at = math.inf
        if not folders:
            return None
        try:
            observer = Observer()
            for folder in folders:
                observer.schedule(self, folder, recursive=True, event_filter=_WATCHED)
            observer.start()
        except OSError as error:  # no watches or instances left, or the folder is gone again
            self._telemetry.watch_failed(folders[0], f"{error.strerror}; the sweep goes on without events")
            self._retry_at = time.monotonic() + RETRY_SECONDS
            return None
        return observer

    def _stop_observer(self) -> None:
        observer, self._observer = self._observer, None
        if observer is not None:
            observer.stop()  # type: ignore[attr-defined]
            observer.join()  # type: ignore[attr-defined]


class _OverflowHandler(logging.Handler):
    """watchdog tells of a queue overflow in its own log only: then everything must be looked at."""

    def __init__(self, waker: Waker) -> None:
        super().__init__(logging.WARNING)
        self._waker = waker

    def emit(self, record: logging.LogRecord) -> None:  # noqa: ARG002 (logging's interface)
        self._waker.wake(tree_changed=True)
