"""All files of one instance: finds them, decides which generation each is, reads them, commits in groups.

The tree of files is the truth, found by `sweep`; hints only say where to look first. Everything runs in the caller's
thread but the commits (`committer`).

After any error of a commit everything in memory is dropped and read again from the checkpoints.
"""

import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from ingest import files
from ingest.adoption import Adopter, held_by
from ingest.attention import Attention
from ingest.batch import Batch
from ingest.census import Census
from ingest.closing import GONE_AFTER_SWEEPS, Closing
from ingest.committer import Committer
from ingest.defaults import Defaults
from ingest.endings import Endings
from ingest.errors import SourceError
from ingest.families import Place, families_together
from ingest.follower import Follower, Replaced
from ingest.portion import Portion
from ingest.room import Room
from ingest.settings import Changes, PipelineSettings
from ingest.store import Store
from ingest.telemetry import Telemetry
from ingest.tree import Found, Key, Tree

TICK_AFTER_SECONDS = 1.0
# A round of reading ends after so long, so that the daemon can do something else; the next one goes on there.
ROUND_SECONDS = 1.0
BURY_EVERY_SWEEPS = 300


class Pipeline:
    """Reads all files of one instance.

    Args:
        store: commits; used by the worker thread only.
        adopter: finds out which generation a file is.
        settings: what to read.
        telemetry: told what happens.
        wall: gives the time of day, for lines that say none.
        monotonic: a clock in seconds that never jumps.
        on_commit: called in the worker thread after each commit, with the batches.

    Attributes:
        committer: makes what was read durable.
        followers: open files, by inode.
        waiting: new files that were opened while the database did not answer, by inode.
        found_lines: read by the last round.
        found_batches: that they came in, one a file and read.
    """

    def __init__(
        self,
        store: Store,
        adopter: Adopter,
        settings: PipelineSettings,
        telemetry: Telemetry,
        *,
        wall: Callable[[], datetime],
        monotonic: Callable[[], float],
        on_commit: Callable[[Sequence[Batch]], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._adopter = adopter
        self._settings = settings
        self._telemetry = telemetry
        self._wall = wall
        self._monotonic = monotonic
        portion = Portion(settings.follower.batch_rows, settings.follower.batch_bytes)
        self.committer = Committer(store, telemetry, portion, on_commit)
        self._tree = Tree(settings.sources, settings.include, telemetry)
        self.followers: dict[Key, Follower] = {}
        self.attention = Attention(self.followers)
        self._census = Census(self.followers, self._rename)
        self._room = Room(self.followers, adopter, settings.most_open)
        self.waiting: dict[Key, files.PlainFile] = {}
        self._closing = Closing(
            self.followers, self.committer, adopter, Endings(store, adopter, telemetry), settings, telemetry,
            wall=wall, monotonic=monotonic,
        )  # fmt: skip
        self._leaving: dict[Key, int] = {}  # files that are not ours any more, and how far they are still read
        self.found_lines = self.found_batches = 0
        self._sweeps = 0
        self._not_reached: list[Key] = []

    # -- finding ------------------------------------------------------------------------------------------------------

    @property
    def sweep_again(self) -> bool:
        """Whether a file waits for another to be read first, or for a descriptor."""
        return self._adopter.deferred or self._room.left_out

    def sweep(self) -> None:
        """Look at every file of the tree: begin new ones, follow renamed ones, let go of those that are over."""
        self._census.take(self._tree, but=self._leaving)
        unknown: list[str] = []
        for key, path in self._census.strangers.items():
            self._room.moved(key, path)
            if not self._adopter.is_settled(key, files.stamp_of(path)):
                unknown.append(path)
        self._room.left_out = self._adopter.deferred = False
        seen = self._census.seen
        self._adopter.forget_all_but(seen.keys(), seen.values())
        removed = [file for key, file in self.waiting.items() if key not in seen and key not in self.followers]
        self._adopt(unknown, removed)
        self._let_go_of_waiting()
        self._closing.finish_quiet(self._census.missed)
        self._sweeps += 1
        if self._sweeps % BURY_EVERY_SWEEPS == GONE_AFTER_SWEEPS:
            self.bury()

    def _rename(self, follower: Follower, path: str) -> None:
        follower.rename(path, self._adopter.family_of(path))
        self._closing.followers_changed()
        self._telemetry.file_renamed(path, follower.checkpoint.generation)

    def look(self, paths: Iterable[str]) -> set[Key]:
        """Adopt what is new among some paths, without looking at the whole tree; gives the files that stand there."""
        if self.waiting:  # an archive among the paths may be of a file that only they have
            self.sweep()
        keys: set[Key] = set()
        unknown = []
        for path in paths:
            key = files.inode_key(path)
            if key in self.followers:
                keys.add(key)
            elif key is not None and self._settings.is_source(path):
                unknown.append(path)
        originals = {self._adopter.family_of(path) for path in unknown}.difference(unknown)
        # A copy is judged together with what it may be a copy of.
        self._adopt([*unknown, *(path for path in originals if self._is_new(path))])
        return keys

    def _is_new(self, path: str) -> bool:
        key = files.inode_key(path)
        return key is not None and key not in self.followers

    def _unknown(self, places: Iterable[Place]) -> Iterator[Place]:
        """Those that nobody follows; of several names of one file the first."""
        seen = set()
        for place in places:
            if not isinstance(place, str):
                yield place
            elif self._is_new(place) and (key := files.inode_key(place)) not in seen:
                seen.add(key)
                yield place

    @property
    def left_out(self) -> bool:
        """Whether files wait for descriptors."""
        return self._room.left_out

    @property
    def folders(self) -> dict[str, int]:
        """Every folder of the last sweep, and its inode."""
        return self._tree.folders

    def _unfollowed(self) -> Iterator[Found]:
        """Files that nobody follows, though something may be to be read of them; of several names the first."""
        seen = set()
        for found in self._tree.look():
            known = found.key in seen or found.key in self.followers
            if not known and not self._adopter.is_settled(found.key, files.stamp_of(found.path)):
                yield found
            seen.add(found.key)

    def _adopt(self, paths: list[str], removed: list[files.PlainFile] | None = None) -> None:
        """Begin to read what is to be read of some paths, and of files that no name leads to any more.

        Where they are many, something is committed before the next ones are looked at: a daemon that does not live
        long enough to look at all of them gets on all the same.
        """
        if not paths and not removed:
            return
        self.committer.flush()
        begun: list[Key] = []
        for group in families_together([*self._room.choose(paths), *(removed or [])]):
            self._read_some(begun)
            self.committer.flush()
            begun = self._begin(self._adopted(list(self._unknown(group))))

    def _adopted(self, places: list[Place]) -> list[Follower]:
        held = held_by(self.followers.values())
        return self.committer.call(lambda: self._adopter.adopt(places, held))

    def hold(self) -> None:
        """While the database does not answer: open what is new, to have it when it is removed before it can be read."""
        for path, key in self._unfollowed():
            if key in self.waiting:
                continue
            if len(self.followers) + len(self.waiting) >= self._settings.most_open:
                return
            with contextlib.suppress(SourceError):
                self.waiting[key] = files.PlainFile(path, self._adopter.root_of(path))

    def _let_go_of_waiting(self) -> None:
        for file in self.waiting.values():
            file.close()
        self.waiting.clear()

    def _begin(self, followers: Iterable[Follower]) -> list[Key]:
        keys = []
        for follower in followers:
            observed = follower.file.observe()
            follower.changed_at = self._changed_at(follower)
            key = (observed.file_id.device, observed.file_id.inode)
            self.followers[key] = follower
            self._room.opened(key)
            self.attention.begun(key, follower)
            keys.append(key)
        if keys:
            self._census.begun()
            self._closing.followers_changed()
        return keys

    # -- reading ------------------------------------------------------------------------------------------------------

    def read(self, keys: Iterable[Key] | None = None) -> bool:
        """Read what is new, once around but no longer than a while, and hand full groups to the worker.

        Args:
            keys: files to look at; where None, all that changed or wait for something, as one fstat each tells. Those
                that the last round did not reach come first.

        Returns:
            Whether there may be more to read at once.
        """
        more = False
        self.found_lines = self.found_batches = 0
        queue = deque(dict.fromkeys([*self._not_reached, *(self.attention.changed() if keys is None else keys)]))
        until = self._monotonic() + ROUND_SECONDS
        while queue and self._monotonic() <= until:
            key = queue.popleft()
            follower = self.followers.get(key)
            if follower is not None:
                more = self._read_one(key, follower) or more
            else:
                self.attention.unread.discard(key)
        self._not_reached = list(queue)
        self.attention.unread.update(queue)
        self._closing.leave(self._leaving)
        self.committer.submit()
        return more or bool(queue)

    def _read_some(self, keys: Iterable[Key]) -> None:
        """Read until something is on its way to the database."""
        for key in keys:
            follower = self.followers.get(key)
            if follower is not None and not self.committer.is_committing:
                self._read_one(key, follower)

    def read_hinted(self, paths: Iterable[str], *, poll: bool) -> bool:
        """As `read`, for some paths, for what was not read to its end, and with `poll` for busy files that grew."""
        keys = self.look(paths) | self.attention.unread
        if poll:
            keys.update(self.attention.grown(self._monotonic()))
        return self.read(keys)

    def _read_one(self, key: tuple[int, int], follower: Follower) -> bool:
        observed, was_live = follower.file.observe(), follower.live
        try:
            batch, at_end = follower.read(observed, self._wall(), self.committer.portion)
        except Replaced as replaced:
            self.committer.flush()
            del self.followers[key]
            siblings = [found.path for found in self._unfollowed()]
            self._begin(self._closing.replace(follower, replaced.step, siblings))
            return True
        except SourceError as error:
            self._note_unreadable(follower, str(error))
            return False
        self.attention.was_read(key, follower, observed, at_end=at_end, now_seconds=self._wall().timestamp())
        now = self._monotonic()
        if batch is None:
            idle_seconds = now - follower.changed_at
            if idle_seconds >= TICK_AFTER_SECONDS:
                batch = follower.tick(observed, self._wall(), idle_seconds)
        if follower.take_grown():
            # Once its end was reached, what comes is new; before, only the file's own time tells how old it is.
            follower.changed_at = now if was_live else self._changed_at(follower)
            self.attention.grew(key)
        if batch is not None:
            self.committer.add(batch)
            self.found_lines += batch.lines
            self.found_batches += 1
            if follower.checkpoint.state == "suspended":
                self._closing.suspend(key, follower)
                return False
        return not at_end

    def _changed_at(self, follower: Follower) -> float:
        """When the file last changed, by its own time. Asked behind a read, which may have seen newer bytes."""
        idle_seconds = self._wall().timestamp() - follower.file.stamp()[1] / 1e9
        return self._monotonic() - max(0.0, idle_seconds)

    def _note_unreadable(self, follower: Follower, message: str) -> None:
        """Say it once, and keep it for `radiolog status`; the next sweep tries again."""
        if follower.last_error != message:
            follower.last_error = message
            self._telemetry.file_unreadable(follower.path, message)
            self.committer.call(lambda: self._store.note_error(follower.checkpoint.generation, message))

    def bury(self) -> None:
        """End the generations whose files were removed while nobody looked."""
        self._closing.bury({key for _, key in self._tree.look()})

    def finish_rotated(self) -> None:
        """Finish everything that rotation has put aside, without waiting: nobody is expected to write there now."""
        self._closing.finish_rotated()

    # -- another configuration ----------------------------------------------------------------------------------------

    def reconfigure(self, settings: PipelineSettings, defaults: Defaults) -> Changes | None:
        """Read other places, and files as other stations' or by other parsers, from the next line of each on.

        Everything that is there now is still begun by the old settings. Files of places that are gone are read to the
        end that they have now, and let go of then. After an error it may be called again, with the same arguments.

        Args:
            settings: places and globs; all else must be as before.
            defaults: stations and parsers.

        Returns:
            None where files wait for descriptors, so that not everything could be begun: nothing has changed yet.
        """
        self.sweep()
        if self.left_out:
            return None
        self.committer.flush()
        self._settings = settings
        self._tree = Tree(settings.sources, settings.include, self._telemetry)
        self._closing.reconfigure(settings)
        self._adopter.reconfigure(defaults, settings.root_of)
        ours = {key: follower for key, follower in self.followers.items() if settings.is_source(follower.path)}
        for key, follower in self.followers.items():
            if key in ours:
                self._leaving.pop(key, None)
            elif key not in self._leaving:
                self._leaving[key] = follower.file.observe().size_bytes
                follower.stamp, follower.quiet = None, False
        changed = self.committer.call(lambda: self._adopter.reassign(ours.values()))
        self.attention.unread.update(self.followers)
        return Changes(changed, len(self._leaving))

    # -- faults -------------------------------------------------------------------------------------------------------

    def recover(self) -> None:
        """Forget everything in memory and go on from the checkpoints; descriptors of files stay open.

        Raises RadiologError when the database does not answer; call again then.
        """
        self.committer.forget()
        generations = {follower.checkpoint.generation: key for key, follower in self.followers.items()}
        claimed = {
            checkpoint.generation: checkpoint
            for checkpoint in self.committer.call(lambda: self._adopter.reload(list(generations)))
        }
        for generation, key in generations.items():
            follower = self.followers[key]
            checkpoint = claimed.get(generation)
            if checkpoint is None or checkpoint.state != "active":
                del self.followers[key]
                follower.file.close()
            else:
                follower.resume(checkpoint)
        self.attention.recovered(self.followers)

    def close(self) -> None:
        """Give back threads and descriptors. What was read and not committed is read again next time."""
        self.committer.close()
        self._let_go_of_waiting()
        for follower in self.followers.values():
            follower.file.close()
        self.followers.clear()
