"""The ends of generations whose files did not end well: truncated, rewritten, cut by a power cut, removed unread."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from ingest import files
from ingest.adoption import Adopter
from ingest.batch import Gap
from ingest.follow import Restart, surviving_bytes
from ingest.follower import Follower
from ingest.identity import Checkpoint, Observed, position_at
from ingest.machine import boot_time_ns
from ingest.store import Store
from ingest.telemetry import Telemetry


class Burial(NamedTuple):
    """A generation whose file is gone: what its parser still holds is to be let go, and what was unread is lost."""

    follower: Follower
    state: str
    gaps: list[Gap]


class Replacement(NamedTuple):
    """What stands where a generation's file was replaced, and how much of it is gone for good."""

    followers: list[Follower]
    lost_bytes: int
    burials: list[Burial]


class Endings:
    """Ends generations. Lives in the store's thread.

    Args:
        store: checkpoints.
        adopter: takes over what stands around.
        telemetry: told what happens.
    """

    def __init__(self, store: Store, adopter: Adopter, telemetry: Telemetry) -> None:
        self._store = store
        self._adopter = adopter
        self._telemetry = telemetry

    def replace(
        self, follower: Follower, step: Restart, siblings: Sequence[str], held: Mapping[int, files.LogFile]
    ) -> Replacement:
        """A generation's file was truncated or rewritten: end it, and adopt what stands around.

        What is known to be unread is recorded as a gap together with the end; a copy that has it heals the gap.

        Args:
            follower: of the file; its descriptor stays open.
            step: what happened.
            siblings: files that no follower has open; one of them may be a copy.
            held: as for `adopt`, without this one.
        """
        known = follower.checkpoint
        after_cut = self._after_power_cut(follower)
        if after_cut is not None:
            return Replacement([after_cut], 0, [])
        gaps = [Gap(known.offset, known.offset + step.unread_bytes, step.reason)] if step.unread_bytes else []
        self._store.replace(known, gaps)
        followers = self._adopter.adopt(siblings, held)
        continued = any(other.checkpoint.generation == known.generation for other in followers)
        if continued:
            return Replacement(followers, 0, [])
        ended = self._store.load(known.generation)
        return Replacement(followers, step.unread_bytes, [Burial(self._over_nothing(ended), "replaced", [])])

    def bury(
        self, seen: Collection[tuple[int, int]], held: Mapping[int, files.LogFile], is_source: Callable[[str], bool]
    ) -> list[Burial]:
        """Generations that were not read to their end and whose files are gone: removed while nobody looked.

        A file that only cannot be seen now (a folder without permission, a file system that is not mounted) is not
        gone. If one comes back after all, it is continued and its gap heals.

        Args:
            seen: inodes of all files of the tree.
            held: as for `replace`.
            is_source: whether a path is one of those that are read.
        """
        burials = []
        for known in self._store.unfinished():
            key = (known.file_id.device, known.file_id.inode)
            if known.generation in held or not is_source(known.path):
                continue
            if known.state != "replaced" and (key in seen or not files.is_surely_gone(known.path, known.file_id)):
                continue
            burials += [self._burial(claimed) for claimed in self._store.claim([known.generation])]
        return burials

    def _burial(self, known: Checkpoint) -> Burial:
        if known.state == "replaced":
            return Burial(self._over_nothing(known), "replaced", [])
        gaps = []
        if known.size_bytes > known.offset and not known.compression:
            gaps = [Gap(known.offset, known.size_bytes, "deleted")]
        return Burial(self._over_nothing(known), "finished", gaps)

    def _over_nothing(self, known: Checkpoint) -> Follower:
        observed = Observed(known.path, known.file_id, known.size_bytes, time.time_ns())
        return self._adopter.follower(files.GoneFile(observed), known, known.family)

    def _after_power_cut(self, follower: Follower) -> Follower | None:
        """A follower of what a power cut has left of the file, when that is what happened to it."""
        known = self._store.load(follower.checkpoint.generation)
        file = follower.file
        observed = file.observe()
        if known.boot_id == self._store.boot_id or not isinstance(file, files.PlainFile):
            return None
        ladder = self._store.ladder(known.generation)
        appended = observed.mtime_ns > boot_time_ns()
        offset = surviving_bytes(known, observed.size_bytes, file.read, ladder, appended=appended)
        if offset is None:
            return None
        checkpoint = self._store.succeed(known, position_at(file.read, offset))
        self._telemetry.file_shortened(file.path, known.generation, known.offset, offset)
        return self._adopter.follower(file.duplicate(), checkpoint, known.family)
