"""Descriptors are few on some machines: which files are open, when there are more files than may be."""

from bisect import bisect_right

from ingest.adoption import Adopter
from ingest.follower import Follower
from ingest.identity import family
from ingest.tree import Key


class Room:
    """Closes idle files where there is no room for others, and says which may be opened.

    Args:
        followers: the pipeline's own; closed ones are taken out.
        adopter: told that a closed file needs nothing until it changes.
        most_open: how many files may be open.

    Attributes:
        left_out: files wait for room.
    """

    def __init__(self, followers: dict[Key, Follower], adopter: Adopter, most_open: int) -> None:
        self._followers = followers
        self._adopter = adopter
        self._most_open = most_open
        self._closed: dict[Key, str] = {}  # and where they stood
        self._left_out_after = ""
        self.left_out = False

    def moved(self, key: Key, path: str) -> None:
        """A file that is not followed stands at a path: one that was closed and rotated is followed to its end."""
        if self._closed.get(key, path) != path:
            self._adopter.unsettle(key)

    def opened(self, key: Key) -> None:
        """A file is followed again."""
        self._closed.pop(key, None)

    def choose(self, paths: list[str]) -> list[str]:
        """Those of the paths for which there is room, families together; the others wait for the next sweep.

        Everything that was read must be committed: files may be closed.
        """
        most = self._most_open
        if len(self._followers) + len(paths) > most:
            self._close(max(most // 4, len(self._followers) + len(paths) - most))
        room = max(0, most - len(self._followers))
        if len(paths) <= room:
            return paths
        self.left_out = True
        ordered = sorted(paths, key=family)
        begin = bisect_right(ordered, self._left_out_after, key=family) % len(ordered)
        ordered = ordered[begin:] + ordered[:begin]  # each sweep goes on where the last one ended
        chosen = ordered[:room]
        whole = [path for path in chosen if family(path) != family(ordered[room])]
        chosen = whole or chosen
        self._left_out_after = family(chosen[-1]) if chosen else ""
        return chosen

    def _close(self, count: int) -> None:
        """Close up to `count` files, those idle longest; a change opens them again. Rotated ones are over soon."""
        idle = sorted(
            (follower.changed_at, key)
            for key, follower in self._followers.items()
            if follower.stamp is not None and not follower.checkpoint.held and not follower.is_rotated
        )
        for _, key in idle[:count]:
            follower = self._followers[key]
            observed = follower.file.observe()
            if (observed.size_bytes, observed.mtime_ns) == follower.stamp:
                del self._followers[key]
                self._closed[key] = follower.path
                self._adopter.settle(observed)
                follower.file.close()
