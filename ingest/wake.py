"""When to look: watchdog's events, a timer, or a word from another thread. Hints only; the sweep is the truth.

watchdog stays silent in a dozen states (queue overflow, exhausted watches, recreated roots, network file systems …), so
its events are never counted on; they only make the daemon look sooner. The handler sets flags and nothing else: a slow
one would make watchdog's queue grow without bound, a raising one would kill its thread.

Events of busy files cost more than reading them: above `BUSY_EVENTS` a second the waker watches only what comes, moves
and goes, and whoever waits polls the files that grow, until they calm down.
"""

import math
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple, TypeAlias

from watchdog.events import FileSystemEvent, FileSystemEventHandler

from ingest.files import inode_key
from ingest.telemetry import Telemetry
from ingest.watching import OverflowNotice, Watch

# A directory with this many changed paths waiting is swept as a whole.
MOST_PATHS = 1000
# Watches may become free again; until then the sweep does all.
RETRY_SECONDS = 60.0
# To compare a folder with the kernel's list of watches may cost so much of the time.
COMPARE_SECONDS_PER_FOLDER = 0.01
# Modifications a second above which files are polled; changes a second below which they are calm, for so long.
BUSY_EVENTS = 50
CALM_CHANGES = 20
CALM_SECONDS = 5.0

# events: as they come. busy: files that grow are polled. polling: as configured. sweep: events cannot be had.
Mode: TypeAlias = Literal["events", "busy", "polling", "sweep"]


class Hints(NamedTuple):
    """What is worth looking at: changed paths, and whether the tree itself changed."""

    paths: frozenset[str]
    tree_changed: bool


class Waker(FileSystemEventHandler):
    """Collects hints from any thread and lets one thread wait for them.

    Args:
        folders: to watch, with all below.
        telemetry: told when a folder cannot be watched, and what was done about it.
        polling: watch nothing; the timer alone wakes.

    Attributes:
        roots: the folders.
    """

    def __init__(self, folders: Iterable[str], telemetry: Telemetry, *, polling: bool = False) -> None:
        self.roots = tuple(dict.fromkeys(folders))
        self._telemetry = telemetry
        self._polling = polling
        self._paths: set[str] = set()
        self._tree_changed = False
        self._overflowed = False
        self._modified = 0  # events of changed content since `adapt`
        self._lock = threading.Lock()
        self._event = threading.Event()
        self._watch: Watch | None = None
        self._busy = False
        self._calm_seconds = 0.0
        self._adapted_at = time.monotonic()
        self._watched: dict[str, tuple[int, int] | None] = {}
        self._retry_at = math.inf  # monotonic time of the next try, after one that failed
        self._compare_at = 0.0
        self._suspects: set[str] = set()  # folders that were not watched at the last comparison
        self._notice = OverflowNotice(self._overflow)

    @property
    def mode(self) -> Mode:
        """How news are noticed now."""
        if self._polling:
            return "polling"
        if self._watch is None:
            return "sweep"
        return "busy" if self._busy else "events"

    def start(self) -> None:
        """Begin to watch. Folders that do not exist yet are watched from `check` on."""
        self._notice.attach()
        self.check()

    def stop(self) -> None:
        """Stop watching."""
        self._notice.detach()
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.stop()

    def watch(self, folders: Iterable[str]) -> None:
        """Watch these folders from now on, and no others."""
        self.roots = tuple(dict.fromkeys(folders))
        if not self._polling:
            self._watched = {root: inode_key(root) for root in self.roots}
            self._renew()
        self._telemetry.watching(self.mode)

    def check(self, folders: Mapping[str, int] | None = None) -> None:
        """Watch what is not watched, or no longer; to a folder that was recreated watchdog is blind.

        Args:
            folders: every folder that should be watched, with its inode; compared with what the kernel watches.
        """
        if not self._polling:
            self._check(folders or {})
        self._telemetry.watching(self.mode)

    def _check(self, folders: Mapping[str, int]) -> None:
        if self._overflowed:
            self._overflowed = False
            self._telemetry.events_overflowed()
        now = {root: inode_key(root) for root in self.roots}
        problem = self._watch.problem() if self._watch is not None else ""
        if self._watch is not None and not problem and now != self._watched:
            problem = "a folder was recreated, or another file system stands there"
        if problem:
            self._telemetry.watch_renewed(problem)
        if problem or now != self._watched or time.monotonic() >= self._retry_at:
            self._watched = now
            self._renew()
        elif folders and self._watch is not None and time.monotonic() >= self._compare_at:
            self._compare(self._watch, folders)

    def _compare(self, watch: Watch, folders: Mapping[str, int]) -> None:
        """A folder not watched twice in a row (a new one's watch may just be being made) is watched by a new start."""
        self._compare_at = time.monotonic() + COMPARE_SECONDS_PER_FOLDER * len(folders)
        unwatched = set(watch.unwatched(folders))
        lasting, self._suspects = unwatched & self._suspects, unwatched
        if not lasting:
            return
        self._compare_at = time.monotonic() + RETRY_SECONDS
        self._telemetry.watch_renewed(f"{min(lasting)} was not watched")
        self._renew()
        still = self._watch.unwatched(folders) if self._watch is not None else []
        if still:
            message = f"{len(still)} folders cannot be watched, probably fs.inotify.max_user_watches is used up"
            self._telemetry.watch_failed(min(still), f"{message}; the sweep finds their news")

    def adapt(self, changes: int) -> None:
        """Decide whether busy files are polled.

        Args:
            changes: changes of files that were found by polling since the last call that decided.
        """
        now = time.monotonic()
        seconds = now - self._adapted_at
        modified, self._modified = self._modified, 0
        self._adapted_at = now
        if self._watch is None:
            self._busy = False
        elif not self._busy:
            if modified > BUSY_EVENTS * seconds:
                self._switch(busy=True)
        else:
            self._calm_seconds = self._calm_seconds + seconds if changes < CALM_CHANGES * seconds else 0.0
            if self._calm_seconds >= CALM_SECONDS:
                self._switch(busy=False)

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
            elif event.event_type == "modified":
                self._modified += 1
            for path in (event.src_path, event.dest_path):
                if path:
                    self._paths.add(path if isinstance(path, str) else path.decode("utf-8", "surrogateescape"))
            if len(self._paths) > MOST_PATHS:
                self._paths.clear()
                self._tree_changed = True
            self._event.set()

    def _overflow(self) -> None:
        self._overflowed = True
        self.wake(tree_changed=True)

    def _switch(self, *, busy: bool) -> None:
        self._busy = busy
        self._calm_seconds = 0.0
        self._renew()
        self._telemetry.watching(self.mode)

    def _renew(self) -> None:
        """Watch anew. First the old watch ends, it may hold the last watches; what changes meanwhile a sweep finds."""
        if self._watch is not None:
            self._watch.stop()
        self._watch = None
        self._retry_at = math.inf
        self._suspects = set()
        roots = [root for root, key in self._watched.items() if key is not None]
        try:
            if roots:
                self._watch = Watch(self, roots, modifications=not self._busy)
        except OSError as error:  # no watches or instances left, or the folder is gone again
            self._telemetry.watch_failed(roots[0], f"{error.strerror}; the sweep goes on without events")
            self._retry_at = time.monotonic() + RETRY_SECONDS
            return
        if self._watch is not None:
            self.wake(tree_changed=True)
