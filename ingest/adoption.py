"""Which generation is a file that the sweep found? Asks disk and checkpoints, and lets `follow` decide."""

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from ingest import files
from ingest.batch import Gap
from ingest.defaults import Defaults
from ingest.errors import CheckpointMoved, SourceError
from ingest.families import Place, families_together, live_names, nearest, path_of
from ingest.follow import Continue, New, Recognised, Twin, begins_with, recognise
from ingest.follower import Follower
from ingest.identity import (
    WINDOW_BYTES,
    Checkpoint,
    FileId,
    Observed,
    compression_of,
    is_rotated_name,
    stored_path,
)
from ingest.settings import FollowerSettings
from ingest.store import Store
from ingest.surroundings import Surroundings, ends_alike, holds_all_of, is_unchanged, length_of, still_holds
from ingest.telemetry import Telemetry
from parsers.registry import HEAD_BYTES, choose, create

# An archive that did not change for so long is cut off, not being written.
_WRITING_NS = 10_000_000_000


class _Unknown(NamedTuple):
    """An open file that no follower has, and the live names that it may belong to, the nearest first."""

    file: files.LogFile
    observed: Observed
    live_names: list[str]

    @property
    def family(self) -> str:
        return nearest(self.live_names)


class Adopter:
    """Turns paths into followers. Lives in the store's thread.

    Args:
        store: checkpoints.
        defaults: for lines and parsers.
        settings: of the followers.
        telemetry: told what happens.
        root_of: the folder that a path must not lead out of, or None.

    Attributes:
        deferred: a file may be a copy of one that has yet to be read: look again when it has been. Set here only.
    """

    def __init__(
        self,
        store: Store,
        defaults: Defaults,
        settings: FollowerSettings,
        telemetry: Telemetry,
        root_of: Callable[[str], str | None],
    ) -> None:
        self.deferred = False
        self._store = store
        self.root_of = root_of
        self._defaults = defaults
        self._settings = settings
        self._telemetry = telemetry
        # Files that need nothing until they change: finished ones, twins. By inode: size and mtime.
        self._settled: dict[tuple[int, int], tuple[int, int]] = {}
        self._said: set[str] = set()

    def adopt(self, places: Iterable[Place], held: Mapping[int, files.LogFile]) -> list[Follower]:
        """Followers for those of the files that are to be read, and can be.

        Files are opened some at a time, but those of one family together: a copy may stand beside what it is a copy of.
        Whatever is raised, no descriptor stays open that is not in the answer.

        Args:
            places: of files that no follower has open.
            held: files that followers have open, by generation.
        """
        self._held = dict(held)
        followers: list[Follower] = []
        try:
            for group in families_together(places):
                self._adopt_group(group, followers)
        except BaseException:
            for follower in followers:
                follower.file.close()
            raise
        return followers

    def _adopt_group(self, places: Iterable[Place], followers: list[Follower]) -> None:
        unknown = [found for place in places if (found := self._open(place)) is not None]
        before = len(followers)
        try:
            if unknown:
                self._adopt_all(unknown, followers)
        finally:
            kept = {id(follower.file) for follower in followers[before:]}
            for found in unknown:
                if id(found.file) not in kept:
                    found.file.close()

    def _adopt_all(self, unknown: Sequence[_Unknown], followers: list[Follower]) -> None:
        known: defaultdict[str, list[Checkpoint]] = defaultdict(list)
        own: dict[FileId, Checkpoint] = {}
        families = sorted({stored_path(name) for found in unknown for name in found.live_names})
        for checkpoint in self._settled_checkpoints(families, [_key(found.observed) for found in unknown]):
            known[checkpoint.family].append(checkpoint)
            own.setdefault(checkpoint.file_id, checkpoint)
        self._foreign_roots = self._store.other_live_roots() if self._defaults.defer else {}
        for found in unknown:
            candidates = [one for name in found.live_names for one in known[stored_path(name)]]
            known_as = own.get(found.observed.file_id)
            if known_as is not None and known_as not in candidates:  # renamed to a name of another family
                candidates = [known_as, *candidates]
            try:
                follower = self._adopt(found, candidates)
            except (SourceError, CheckpointMoved) as error:
                self._say_once(found.observed.path, str(error))
                continue
            if follower is not None:
                followers.append(follower)
                self._held[follower.checkpoint.generation] = follower.file
                _renew(known, follower.checkpoint)

    def _settled_checkpoints(self, families: Sequence[str], inodes: Sequence[tuple[int, int]]) -> list[Checkpoint]:
        """What is known of the families; nobody but we, and who lives elsewhere, can move any of it from now on.

        Before this instance began, another may have sent a commit that PostgreSQL is still at. Claiming waits for that
        one and makes all later ones fail; else a copy would be judged by a checkpoint that is about to move.
        """
        known = self._store.families(families, inodes)
        unclaimed = [one.generation for one in known if one.state == "active" and one.generation not in self._held]
        claimed = self._store.claim(unclaimed) if unclaimed else []
        self._claimed = {checkpoint.generation: checkpoint for checkpoint in claimed}
        return [self._claimed.get(checkpoint.generation, checkpoint) for checkpoint in known]

    def reload(self, generations: Sequence[int]) -> list[Checkpoint]:
        """Checkpoints as the database has them now, of the generations that are (again) ours."""
        self._settled.clear()
        return self._store.claim(generations)

    def settle(self, observed: Observed) -> None:
        """The file needs nothing more until it changes."""
        self._settled[_key(observed)] = (observed.size_bytes, observed.mtime_ns)

    def is_settled(self, key: tuple[int, int], stamp: tuple[int, int]) -> bool:
        """Whether a file, by inode, is settled as it is now, by size and mtime."""
        return self._settled.get(key) == stamp

    def unsettle(self, key: tuple[int, int]) -> None:
        """Look at a file again although it has not changed."""
        self._settled.pop(key, None)

    def forget_all_but(self, inodes: Collection[tuple[int, int]], paths: Collection[str]) -> None:
        """Of files that are gone nothing needs to be remembered."""
        self._settled = {key: state for key, state in self._settled.items() if key in inodes}
        if self._said:
            self._said.intersection_update(paths)

    def family_of(self, path: str) -> str:
        """The live name that a path belongs to: of those that it may belong to, the nearest that is there."""
        return nearest(live_names(path, self.root_of(path)))

    # -----------------------------------------------------------------------------------------------------------------

    def _open(self, place: Place) -> _Unknown | None:
        path = path_of(place)
        try:
            if isinstance(place, str):
                file = files.open_log(path, self.root_of(path))
            else:
                file = files.unpacking(place.duplicate())
        except SourceError as error:
            self._say_once(path, str(error))
            return None
        observed = file.observe()
        if self._settled.get(_key(observed)) == (observed.size_bytes, observed.mtime_ns):
            file.close()
            return None
        return _Unknown(file, observed, live_names(path, self.root_of(path)))

    def _adopt(self, found: _Unknown, candidates: list[Checkpoint]) -> Follower | None:
        observed = found.observed
        own = next((known for known in candidates if known.file_id == observed.file_id), None)
        if own is not None and own.state == "suspended" and (still_holds(found.file, own) or not self._end(found, own)):
            return None
        if own is not None and own.state == "active":
            return self._go_on(found, own)
        if own is not None and own.state == "finished" and is_unchanged(own, found.file):
            self.settle(observed)
            return None
        surroundings = Surroundings(found.file, self._held)
        step = self._recognise(found, candidates, surroundings)
        if isinstance(step, Twin):
            self.settle(observed)
            return None
        if isinstance(step, Continue):
            return self._continue(found, next(known for known in candidates if known.generation == step.generation))
        if not isinstance(step, New):
            return None
        if _is_copy_of_unproven(found, candidates, surroundings) or self._is_being_written(found):
            self.deferred = True
            return None
        return self._new(found)

    def _recognise(self, found: _Unknown, candidates: list[Checkpoint], surroundings: Surroundings) -> Recognised:
        def begins(known: Checkpoint) -> bool:
            length = length_of(found.file, known.offset)
            with surroundings.own_file(known) as own:
                if own is not None and still_holds(own, known):
                    return ends_alike(own, found.file, length)
            return begins_with(length, found.file.read, self._store.ladder(known.generation))

        live_name = not is_rotated_name(found.observed.path)
        return recognise(candidates, found.file.read, surroundings.standing, begins, live_name=live_name)

    def _is_being_written(self, found: _Unknown) -> bool:
        """Whether a file that rotation has put aside changed while it was judged: a copy or an archive in the making.

        What its beginning was compared with may be half of it.
        """
        before = (found.observed.size_bytes, found.observed.mtime_ns)
        return is_rotated_name(found.observed.path) and found.file.stamp() != before

    def _go_on(self, found: _Unknown, known: Checkpoint) -> Follower | None:
        if known.generation not in self._claimed:
            self._leave(found, known.owner)
            return None
        return self._follow(found, self._claimed[known.generation])

    def _end(self, found: _Unknown, suspended: Checkpoint) -> bool:
        """A suspended file was truncated or rewritten: that life is over. False where another radiolog owns it."""
        claimed = self._store.claim([suspended.generation])
        if not claimed:
            self._leave(found, suspended.owner)
            return False
        unread = Gap(suspended.offset, suspended.size_bytes, "truncated")
        self._store.replace(claimed[0], [unread] if unread.from_offset < unread.to_offset else [])
        return True

    def _continue(self, found: _Unknown, known: Checkpoint) -> Follower | None:
        claimed = self._store.claim([known.generation])
        if not claimed:
            self._leave(found, known.owner)
            return None
        checkpoint = self._store.rebind(claimed[0], stored_path(found.family), found.file.observe())
        return None if checkpoint.state == "suspended" else self._follow(found, checkpoint)

    def _new(self, found: _Unknown) -> Follower | None:
        path = found.observed.path
        for owner, roots in self._foreign_roots.items():
            if any(path == root or path.startswith(root.rstrip("/") + "/") for root in roots):
                self._leave(found, owner)
                return None
        head = files.beginning(found.file, HEAD_BYTES)
        is_whole, may_grow = found.file.is_complete(), _just_changed(found.observed)
        if len(head) < WINDOW_BYTES and not is_whole and may_grow:
            found.file.check_end()
            return None  # an archive still being written: too little of it to tell whose it is
        forced = self._defaults.assignments.of(found.family).parser
        name = forced or choose(path, head, self._defaults.parser_by_glob)
        if name is None and is_rotated_name(path) and head and is_whole and not may_grow:  # half a line is all it has
            name = choose(path, head, self._defaults.parser_by_glob, is_whole=True)
        if name is None:
            found.file.check_end()
            return None
        parser = create(name, None, self._settings.zone)
        checkpoint = self._store.create(
            stored_path(path), stored_path(found.family), compression_of(path), found.observed.file_id,
            (parser.name, parser.version),
        )  # fmt: skip
        return self._follow(found, checkpoint)

    def _follow(self, found: _Unknown, checkpoint: Checkpoint) -> Follower:
        path = found.observed.path
        self._said.discard(path)
        follower = self.follower(found.file, checkpoint, found.family)
        if self._defaults.renewed(follower.context, found.family).parser != checkpoint.parser:
            self._assign(follower)  # another one read it until now
        self._telemetry.file_found(path, checkpoint.generation, checkpoint.offset, follower.context.parser)
        return follower

    def follower(self, file: files.LogFile, checkpoint: Checkpoint, live_name: str) -> Follower:
        """Read a generation on in a file that is known to be it, by the parser that read it until now."""
        parser = (checkpoint.parser, checkpoint.parser_version)
        context = self._defaults.context(checkpoint.generation, file.path, live_name, parser)
        return Follower(file, checkpoint, stored_path(live_name), context, self._settings)

    def reconfigure(self, defaults: Defaults, root_of: Callable[[str], str | None]) -> None:
        """From now on files are of these stations and parsers; those that are followed by `reassign`."""
        self._defaults, self.root_of = defaults, root_of

    def reassign(self, followers: Iterable[Follower]) -> int:
        """Let what is followed be what it is by now, from the next line on; all that was read must be committed.

        May be called again after any error.

        Returns:
            How many of them have changed.
        """
        changed = [one for one in followers if self._defaults.renewed(one.context, one.family) != one.context]
        for follower in changed:
            self._assign(follower)
        return len(changed)

    def _assign(self, follower: Follower) -> None:
        """What a parser holds, and an encoder session that is open, are of the station and parser from before."""
        known, wanted = follower.context, self._defaults.renewed(follower.context, follower.family)
        if (known.station, known.parser) != (wanted.station, wanted.parser):
            concluded = follower.conclude(follower.file.observe(), datetime.now(UTC))
            self._store.commit(self._store.prepare([concluded]))
        follower.context = wanted
        follower.resume(self._store.load(wanted.generation))

    def _leave(self, found: _Unknown, owner: str) -> None:
        path = found.observed.path
        if path not in self._said:
            self._said.add(path)
            self._telemetry.file_left_to(path, owner)

    def _say_once(self, path: str, message: str) -> None:
        if path not in self._said:
            self._said.add(path)
            self._telemetry.file_unreadable(path, message)


def _just_changed(observed: Observed) -> bool:
    return time.time_ns() - observed.mtime_ns < _WRITING_NS


def _renew(known: dict[str, list[Checkpoint]], now: Checkpoint) -> None:
    """Of several copies found together only one is read: the others are compared with what is known now."""
    for checkpoints in known.values():
        checkpoints[:] = [other for other in checkpoints if other.generation != now.generation]
    known[now.family].insert(0, now)


def _is_copy_of_unproven(found: _Unknown, candidates: Iterable[Checkpoint], surroundings: Surroundings) -> bool:
    """Whether all of it is in a file of its family of which nothing was stored yet, so that no hash tells.

    That is also a file that was truncated or rewritten, and was not read since.
    Such a copy is left alone; a later sweep recognises it. The live name is never a copy: two runs of FFmpeg may write
    identical logs.
    """
    if not is_rotated_name(found.observed.path):
        return False
    for known in candidates:
        if known.head.length and (known.compression or known.state != "active"):
            continue
        with surroundings.own_file(known) as own:
            if own is None or (known.head.length and still_holds(own, known)):
                continue
            if holds_all_of(own, found.file):
                return True
    return False


def held_by(followers: Iterable[Follower]) -> dict[int, files.LogFile]:
    """The open files of followers, by generation."""
    return {follower.checkpoint.generation: follower.file for follower in followers}


def _key(observed: Observed) -> tuple[int, int]:
    return observed.file_id.device, observed.file_id.inode
