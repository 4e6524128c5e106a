"""What the sweep finds beside what is followed: renamed files, unknown ones, and those that nobody finds any more."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from ingest.follower import Follower
from ingest.tree import Found, Key, Tree


class Census:
    """Compares the tree with the followers, which costs next to nothing where neither changed.

    Who adds a follower says so by `begun`; that some are gone is seen by their number.

    Args:
        followers: open files; the pipeline's own dictionary, read here only.
        renamed: told of a follower whose file stands at another path now.

    Attributes:
        seen: the first name of each file.
        strangers: of these the ones that nobody follows.
        missed: files that are followed, and that the last sweep did not find.
    """

    def __init__(self, followers: Mapping[Key, Follower], renamed: Callable[[Follower, str], None]) -> None:
        self._followers = followers
        self._renamed = renamed
        self._found: Sequence[Found] | None = None
        self._followed = 0
        self._absent: set[Key] = set()
        self.seen: dict[Key, str] = {}
        self.strangers: dict[Key, str] = {}
        self.missed: set[Key] = set()

    def begun(self) -> None:
        """Files are followed that were not, perhaps under another name than their first: every name is looked at."""
        self._found = None

    def take(self, tree: Tree, but: Iterable[Key]) -> None:
        """Look at the tree once more, and count for each follower how often it was not found.

        Args:
            tree: is asked what is there.
            but: files that are not expected there.
        """
        found = tree.look()
        if found is not self._found or len(self._followers) != self._followed:
            self._compare(found)
        missed = self._absent.difference(but)
        for key in self.missed - missed:
            if key in self._followers:
                self._followers[key].missed_sweeps = 0
        for key in missed:
            self._followers[key].missed_sweeps += 1
        self.missed = missed

    def _compare(self, found: Sequence[Found]) -> None:
        self.seen = {}
        for path, key in found:
            if self.seen.setdefault(key, path) is not path:
                continue
            follower = self._followers.get(key)
            if follower is not None and follower.path != path:
                self._renamed(follower, path)
        self.strangers = {key: path for key, path in self.seen.items() if key not in self._followers}
        self._absent = self._followers.keys() - self.seen.keys()
        self._found, self._followed = found, len(self._followers)
