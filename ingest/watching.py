"""watchdog, and what it does not tell: whether its threads live, and which folders the kernel really watches.

`Observer.is_alive()` stays true when the thread that reads events is dead, and a recursive start that runs out of
watches raises nothing. So the threads are asked one by one, and the kernel's own list of watches is read.
"""

import logging
import os
import re
import threading
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

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

_TREE_EVENTS: list[type[FileSystemEvent]] = [
    FileCreatedEvent,
    FileMovedEvent,
    FileDeletedEvent,
    DirCreatedEvent,
    DirMovedEvent,
]
# So long a watch has to end; its threads are daemons, what is left of them ends with the process.
STOP_SECONDS = 1.0
_LOG = "watchdog.observers"
_WATCHED_INODE = re.compile(rb"^inotify wd:\S+ ino:([0-9a-f]+) ", re.MULTILINE)
_INOTIFY = "anon_inode:inotify"


class Watch:
    """One running observer of some folders, with all below.

    Args:
        handler: told of every event, in watchdog's thread.
        folders: to watch; they exist.
        modifications: with events of changed content, or only of files and folders that come, move and go.

    Raises:
        OSError: no watch or no instance can be had, or a folder is gone.
    """

    def __init__(self, handler: FileSystemEventHandler, folders: Iterable[str], *, modifications: bool) -> None:
        before = _inotify_descriptors()
        # What watchdog warns of are races inside it. Under `python -W error` the warning would end its reading thread.
        warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"watchdog\.")
        observer: Any = Observer()
        try:
            for folder in folders:
                events = [FileModifiedEvent, *_TREE_EVENTS] if modifications else _TREE_EVENTS
                observer.schedule(handler, folder, recursive=True, event_filter=events)
            observer.start()
        except OSError:
            _end(observer)
            raise
        self._observer = observer
        self._descriptors = _inotify_descriptors() - before

    def problem(self) -> str:
        """Why no events can come any more, or an empty string."""
        observer = self._observer
        if not observer.is_alive():
            return "the thread that hands events out is dead"
        if not all(emitter.is_alive() for emitter in observer.emitters):
            return "the thread of a watched folder has ended"
        reader = getattr(observer, "_inotify_fd", None)
        if reader is not None and not reader.is_alive():
            return "the thread that reads events from the kernel is dead"
        return ""

    def unwatched(self, folders: Mapping[str, int]) -> list[str]:
        """Which of some folders, given with their inodes, the kernel does not watch for us."""
        watched: set[int] = set()
        for descriptor in self._descriptors:
            try:
                with open(f"/proc/self/fdinfo/{descriptor}", "rb") as file:
                    watched |= {int(number, 16) for number in _WATCHED_INODE.findall(file.read())}
            except OSError:
                return []  # no /proc: nothing can be said
        return [path for path, inode in folders.items() if inode not in watched] if self._descriptors else []

    def stop(self) -> None:
        """End its threads. One that died may have died with a lock that the others wait for: nobody waits long."""
        ending = threading.Thread(target=_end, args=(self._observer,), name="end of a watch", daemon=True)
        ending.start()
        ending.join(STOP_SECONDS)


def _end(observer: Any) -> None:
    observer.stop()
    if observer.ident is not None:  # it was started
        observer.join()


def _inotify_descriptors() -> set[int]:
    found = set()
    try:
        names = os.listdir("/proc/self/fd")
    except OSError:
        return set()
    for name in names:
        try:
            if os.readlink(f"/proc/self/fd/{name}") == _INOTIFY:
                found.add(int(name))
        except OSError:
            continue
    return found


class OverflowNotice(logging.Handler):
    """watchdog tells of a queue overflow in its own log only.

    Args:
        overflowed: called in watchdog's thread.
    """

    def __init__(self, overflowed: Callable[[], None]) -> None:
        super().__init__(logging.WARNING)
        self._overflowed = overflowed

    def attach(self) -> None:
        """Listen from now on, and keep what is said from stderr, which is for JSON lines."""
        logger = logging.getLogger(_LOG)
        logger.addHandler(self)
        logger.propagate = False

    def detach(self) -> None:
        """Listen no more."""
        logger = logging.getLogger(_LOG)
        logger.removeHandler(self)
        logger.propagate = True

    def emit(self, record: logging.LogRecord) -> None:
        """Only the overflow counts."""
        if "events were lost" in record.getMessage():
            self._overflowed()
