"""Which files are worth a read, for the price of one fstat each: thousands of idle files must cost next to nothing."""

from collections.abc import Iterable, Iterator, Mapping

from ingest.follower import MTIME_TICK_NS, Follower
from ingest.identity import Observed
from ingest.tree import Key

# A file that grew so lately is busy.
BUSY_SECONDS = 2.0


class Attention:
    """Remembers for each file at what size and time it was read to its end.

    Args:
        followers: all files; the pipeline's own dictionary, read here only.

    Attributes:
        unread: files that were not read to their end yet, or not since the last fault.
    """

    def __init__(self, followers: Mapping[Key, Follower]) -> None:
        self._followers = followers
        self._busy: set[Key] = set()
        self._changes: set[str] = set()
        self.unread: set[Key] = set()

    def begun(self, key: Key, follower: Follower) -> None:
        """A file is new here."""
        self.unread.add(key)
        self._changes.add(follower.path)

    def was_read(self, key: Key, follower: Follower, observed: Observed, *, at_end: bool, now_seconds: float) -> None:
        """Remember where a read came to.

        The file is quiet once its modification time is so old that another change cannot bear the same (the read has
        compared the bytes before the position since then), and while its parser holds nothing that time alone releases.

        Args:
            key: device and inode.
            follower: what was read.
            observed: the file just before the read.
            at_end: everything was read.
            now_seconds: time of day, seconds since the epoch.
        """
        stamp = (observed.size_bytes, observed.mtime_ns)
        if follower.stamp is not None and follower.stamp != stamp:
            self._changes.add(follower.path)
        follower.stamp = stamp if at_end else None
        follower.quiet = at_end and not follower.waits and now_seconds * 1e9 - observed.mtime_ns > MTIME_TICK_NS
        if at_end:
            self.unread.discard(key)
        else:
            self.unread.add(key)

    @property
    def busy_files(self) -> int:
        """How many files are busy."""
        return len(self._busy)

    def grew(self, key: Key) -> None:
        """A file had new bytes."""
        self._busy.add(key)

    def recovered(self, keys: Iterable[Key]) -> None:
        """After a fault all files are read on from their checkpoints."""
        self.unread = set(keys)

    def changed(self) -> Iterator[Key]:
        """Files that changed since they were read, and those that wait for something."""
        for key, follower in self._followers.items():
            if not follower.quiet or follower.file.stamp() != follower.stamp:
                yield key

    def grown(self, now: float) -> list[Key]:
        """Busy files that changed since they were read. `now`: monotonic, in seconds."""
        found, still_busy = [], set()
        for key in self._busy:
            follower = self._followers.get(key)
            if follower is None or now - follower.changed_at > BUSY_SECONDS:
                continue
            still_busy.add(key)
            if follower.file.stamp() != follower.stamp:
                found.append(key)
        self._busy = still_busy
        return found

    def take_changes(self) -> set[str]:
        """Paths of new files and of those that changed, found since this was last asked."""
        changes, self._changes = self._changes, set()
        return changes
