"""Lets go of files: those that are over, those that were replaced or removed, and rubbish."""

import os
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime

from ingest.adoption import Adopter, held_by
from ingest.committer import Committer
from ingest.endings import Burial, Endings
from ingest.follow import Restart
from ingest.follower import Follower
from ingest.settings import PipelineSettings
from ingest.telemetry import Telemetry
from ingest.tree import Key

# A rename in the middle of a scan can hide a file from it once.
GONE_AFTER_SWEEPS = 2
# After such a pause every parser takes a record for complete; no encoder is taken for gone so soon.
RELEASED_AFTER_SECONDS = 10.0


class Closing:
    """Ends what the pipeline follows, with everything committed that was read.

    Args:
        followers: the pipeline's own; those that are let go of are taken out.
        committer: makes what was read durable.
        adopter: told which files need nothing more.
        endings: end generations in the database.
        settings, telemetry, wall, monotonic: the pipeline's.
    """

    def __init__(
        self,
        followers: dict[Key, Follower],
        committer: Committer,
        adopter: Adopter,
        endings: Endings,
        settings: PipelineSettings,
        telemetry: Telemetry,
        *,
        wall: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._followers = followers
        self._committer = committer
        self._adopter = adopter
        self._endings = endings
        self._settings = settings
        self._telemetry = telemetry
        self._wall = wall
        self._monotonic = monotonic
        self._put_aside: set[Key] | None = None

    def reconfigure(self, settings: PipelineSettings) -> None:
        """Other places are read from now on."""
        self._settings = settings

    def leave(self, leaving: dict[Key, int]) -> None:
        """Let go of files that are not ours any more and were read as far as they must; what is held is stored.

        Their generations stay as they are: where such a file is ours again, it is read on at its checkpoint.

        Args:
            leaving: size in bytes up to which each is read; the pipeline's own, those that are let go of are taken out.
        """
        for key, end in list(leaving.items()):
            follower = self._followers.get(key)
            if follower is None:  # replaced or finished meanwhile
                del leaving[key]
                continue
            if follower.stamp is None and follower.checkpoint.offset < end and not follower.last_error:
                continue
            del leaving[key]
            batch = follower.tick(follower.file.observe(), self._wall(), RELEASED_AFTER_SECONDS)
            if batch is not None:
                self._committer.add(batch)
            self._let_go(key, follower)
            self._telemetry.file_left(follower.path, follower.checkpoint.generation, follower.checkpoint.offset)

    def followers_changed(self) -> None:
        """Files are followed that were not, or under other names."""
        self._put_aside = None

    def finish_quiet(self, missed: set[Key]) -> None:
        """Finish what is over and has been quiet for long enough. `missed`: files that no sweep finds any more."""
        if self._put_aside is None:
            self._put_aside = {key for key, follower in self._followers.items() if _is_put_aside(follower)}
        followers = [(key, self._followers[key]) for key in self._put_aside | missed if key in self._followers]
        now, live = self._monotonic(), self._live_under_a_date() if followers else set()
        for key, follower in followers:
            is_gone = follower.missed_sweeps >= GONE_AFTER_SWEEPS
            over = is_gone or (_is_put_aside(follower) and follower.checkpoint.generation not in live)
            if over and now - follower.changed_at >= self._settings.rotate_wait_seconds:
                self._finish(key, follower)

    def finish_rotated(self) -> None:
        """Finish everything that rotation has put aside, without waiting: nobody is expected to write there now."""
        live = self._live_under_a_date()
        for key, follower in list(self._followers.items()):
            if _is_put_aside(follower) and follower.checkpoint.generation not in live:
                self._finish(key, follower)

    def _live_under_a_date(self) -> set[int]:
        """The newest generation of each family that is written under dated names: no file has the live name."""
        newest: dict[str, int] = {}
        for follower in self._followers.values():
            if follower.is_dated and not os.path.lexists(follower.family):
                newest[follower.family] = max(newest.get(follower.family, 0), follower.checkpoint.generation)
        return set(newest.values())

    def _finish(self, key: Key, follower: Follower) -> None:
        """Finish a file unless there is something to be read: what came meanwhile, or could not be read until now."""
        observed = follower.file.observe()
        if not (follower.live and follower.has_read(observed)):
            return
        if not follower.file.is_complete():
            if follower.missed_sweeps >= GONE_AFTER_SWEEPS:  # its rest can only come in another file
                self._let_go(key, follower)
            return
        if follower.stamp != (observed.size_bytes, observed.mtime_ns):  # perhaps rewritten to the same size
            return
        self._committer.add(follower.finish(observed, self._wall()))
        self._committer.flush()
        del self._followers[key]
        self._adopter.settle(observed)  # as it was read: what was appended since is a change
        follower.file.close()
        self._telemetry.file_finished(follower.path, follower.checkpoint.generation, follower.checkpoint.offset)

    def replace(self, follower: Follower, step: Restart, siblings: Sequence[str]) -> list[Follower]:
        """A file was truncated or rewritten: a copy that has its generation's rest is read on, else the rest is a gap.

        Args:
            follower: of its old generation, not among the others any more; everything read is committed.
            step: what happened.
            siblings: files that nobody follows, this one among them; one of them may be a copy.

        Returns:
            Who follows the file, and its siblings, from now on.
        """
        held = held_by(self._followers.values())
        try:
            found = self._committer.call(lambda: self._endings.replace(follower, step, siblings, held))
        finally:
            follower.file.close()
        self._telemetry.file_replaced(follower.path, follower.checkpoint.generation, step.reason, found.lost_bytes)
        try:
            self._bury(found.burials)
        except BaseException:
            for adopted in found.followers:
                adopted.file.close()
            raise
        return found.followers

    def bury(self, seen: Collection[Key]) -> None:
        """End the generations whose files were removed while nobody looked. `seen`: all files of the tree."""
        self._committer.flush()
        held = held_by(self._followers.values())
        burials = self._committer.call(lambda: self._endings.bury(seen, held, self._settings.is_source))
        self._bury(burials)
        for follower, _, gaps in burials:
            unread_bytes = sum(gap.to_offset - gap.from_offset for gap in gaps)
            self._telemetry.file_deleted(follower.path, follower.checkpoint.generation, unread_bytes)

    def _bury(self, burials: Iterable[Burial]) -> None:
        for follower, state, gaps in burials:
            self._committer.add(follower.finish(follower.file.observe(), self._wall(), state=state, gaps=gaps))
        self._committer.flush()

    def suspend(self, key: Key, follower: Follower) -> None:
        """Let go of a file of rubbish; when somebody has released it, the next sweep finds it as a known one."""
        self._let_go(key, follower)
        checkpoint = follower.checkpoint
        self._telemetry.file_suspended(follower.path, checkpoint.generation, checkpoint.offset)

    def _let_go(self, key: Key, follower: Follower) -> None:
        self._committer.flush()
        del self._followers[key]
        follower.file.close()


def _is_put_aside(follower: Follower) -> bool:
    return follower.is_rotated or bool(follower.checkpoint.compression)
