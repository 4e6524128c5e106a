"""What stands below the configured places: the sweep's half of the truth, at the price of one stat a quiet folder.

A folder's listing is remembered while the folder does not change: every name that comes, goes or is given to another
file changes its modification time. What a folder's time does not tell is looked at every time (symbolic links), or now
and then (file systems that keep folders' times badly, files mounted over others).
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from ingest.files import inode_key, signed_inode
from ingest.sources import SKIPPED_FOLDERS, Source
from ingest.telemetry import Telemetry

# Within so much of a folder's last change another one may leave no trace: time is kept in ticks, of two seconds on FAT.
SETTLED_AFTER_NS = 2_000_000_000
# A remembered listing is made anew after so long in any case.
LISTED_AGAIN_SECONDS = 30.0

Key = tuple[int, int]


class Found(NamedTuple):
    """A path of a source, and device and inode of what stands there."""

    path: str
    key: Key


class _Listing(NamedTuple):
    """A folder as it was read. `links`: paths whose target may change behind the folder's back."""

    stamp: tuple[int, int, int, int]
    read_at: float  # monotonic seconds
    settled: bool
    folders: tuple[str, ...]
    files: tuple[Found, ...]
    links: tuple[str, ...]

    def holds_at(self, now: float) -> bool:
        """Whether the folder's stamp alone tells that nothing changed. `now`: monotonic seconds."""
        return self.settled and now - self.read_at < LISTED_AGAIN_SECONDS


class Tree:
    """All files of some places.

    Args:
        sources: the places.
        include: for folders: globs of live names (`Source.matches`).
        telemetry: told of folders that are missing or cannot be read.
        monotonic: a clock in seconds that never jumps.

    Attributes:
        folders: every folder that the last complete look found, and its inode.
    """

    def __init__(
        self,
        sources: tuple[Source, ...],
        include: tuple[str, ...],
        telemetry: Telemetry,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sources = sources
        self._include = include
        self._telemetry = telemetry
        self._monotonic = monotonic
        self._missing: set[Source] = set()
        self._unreadable: set[str] = set()
        self._listings: dict[tuple[Source, str], _Listing] = {}
        self._found: Sequence[Found] = []
        self._whole = False  # the last look could see every folder and file
        self.folders: dict[str, int] = {}

    def look(self) -> Sequence[Found]:
        """Everything that is there now, in order of names; files that go meanwhile may be missing.

        Where surely nothing came, went or changed its name, this is the very object of the last time.
        """
        if not self._is_same():
            self._found = list(self._walk_all())
        return self._found

    def _is_same(self) -> bool:
        """Whether the last look saw everything, and every folder's listing still holds."""
        if not self._whole or not all((source, source.folder) in self._listings for source in self._sources):
            return False
        now = self._monotonic()
        for (_, folder), known in self._listings.items():
            if known.links or not known.holds_at(now):
                return False
            try:
                if _stamp(os.stat(folder)) != known.stamp:
                    return False
            except OSError:
                return False
        return True

    def _walk_all(self) -> Iterator[Found]:
        self._whole = True
        listings: dict[tuple[Source, str], _Listing] = {}
        folders: dict[str, int] = {}
        for source in self._sources:
            if inode_key(source.folder) is not None:
                self._missing.discard(source)
            elif source not in self._missing:
                self._missing.add(source)
                self._telemetry.source_missing(source.path)
            if source.kind == "file":
                yield from _present(source.path)
            else:
                yield from self._walk(source, source.folder, listings, folders)
        self._listings = listings
        self.folders = folders

    def _walk(
        self, source: Source, folder: str, listings: dict[tuple[Source, str], _Listing], folders: dict[str, int]
    ) -> Iterator[Found]:
        listing = self._listing(source, folder)
        if listing is None:
            self._whole = False
            return
        listings[source, folder] = listing
        folders[folder] = listing.stamp[1]
        yield from listing.files
        for path in listing.links:
            yield from _present(path)
        for inner in listing.folders:
            yield from self._walk(source, inner, listings, folders)

    def _listing(self, source: Source, folder: str) -> _Listing | None:
        known = self._listings.get((source, folder))
        now = self._monotonic()
        began_ns = time.time_ns()
        try:
            status = os.stat(folder)
            stamp = _stamp(status)
            if known is not None and known.holds_at(now) and known.stamp == stamp:
                return known
            settled = began_ns - max(status.st_mtime_ns, status.st_ctime_ns) > SETTLED_AFTER_NS
            listing = self._read(source, folder, known, stamp, settled=settled, now=now)
        except OSError as error:  # gone, or not ours to read: the next sweep looks again
            if isinstance(error, PermissionError) and folder not in self._unreadable:
                self._unreadable.add(folder)
                self._telemetry.folder_unreadable(folder, error.strerror or "not permitted")
            return None
        self._unreadable.discard(folder)
        return listing

    def _read(
        self,
        source: Source,
        folder: str,
        known: _Listing | None,
        stamp: tuple[int, int, int, int],
        *,
        settled: bool,
        now: float,
    ) -> _Listing:
        matched = {found.path for found in known.files} if known is not None else set()
        folders: list[str] = []
        found: list[Found] = []
        links: list[str] = []
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if entry.name not in SKIPPED_FOLDERS:
                        folders.append(entry.path)
                elif entry.path in matched or source.matches(entry.path, self._include):
                    if entry.is_symlink():
                        links.append(entry.path)
                    else:
                        present = list(_present(entry.path))
                        settled = settled and bool(present)  # gone meanwhile, or asked in vain: to be asked again
                        found += present
        return _Listing(stamp, now, settled, tuple(sorted(folders)), tuple(sorted(found)), tuple(sorted(links)))


def _stamp(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns


def _present(path: str) -> Iterator[Found]:
    try:
        status = os.stat(path)
    except OSError:
        return
    yield Found(path, (status.st_dev, signed_inode(status.st_ino)))
