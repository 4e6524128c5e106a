"""What to do with a file that is seen: a decision from the checkpoint, the file's facts and a few of its bytes.

    decide(checkpoint, observed, boot_id, before)  for a file whose FileId is known
    recognise(candidates, evidence)                for a file whose FileId is not: a copy, an archive, or new

No I/O: the caller reads the windows that are asked for. The rules and the faults behind them are in
docs/architecture.md ("Which file is this?").
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeAlias

from ingest.identity import Checkpoint, Observed


class Read(NamedTuple):
    """The file is the one the checkpoint means: read on at its offset."""

    offset: int


class Wait(NamedTuple):
    """Nothing new; or not to be read now, and why."""

    reason: str


class Restart(NamedTuple):
    """Truncated, rewritten or reused: its old generation is over, a new one begins at 0.

    `unread_bytes` is what the old generation is known to have held beyond its offset: a gap, unless a copy has it.
    """

    reason: str
    unread_bytes: int


class Twin(NamedTuple):
    """Another copy of a generation that was read to at least this file's end: never read again."""

    generation: int


class Continue(NamedTuple):
    """The rest of a generation whose own file is gone: read on here, at its offset."""

    generation: int


class New(NamedTuple):
    """A file that nobody knows: a new generation."""


Step: TypeAlias = Read | Wait | Restart
Recognised: TypeAlias = Twin | Continue | Wait | New


def decide(checkpoint: Checkpoint, observed: Observed, before: bytes | None) -> Step:
    """What to do with a file that has the checkpoint's FileId.

    Args:
        checkpoint: what is stored.
        observed: the file now.
        before: the bytes of the file that the proof covers, `proof.length` of them before the offset, or None when
            nothing was read because the size did not change.
    """
    if observed.size_bytes < checkpoint.offset:
        return Restart("truncated", max(0, checkpoint.size_bytes - checkpoint.offset))
    if before is None:
        return Wait("unchanged")
    if not checkpoint.proof.matches(before):
        return Restart("rewritten", max(0, checkpoint.size_bytes - checkpoint.offset))
    return Read(checkpoint.offset)


def recognise(
    candidates: Iterable[Checkpoint],
    window: Callable[[int, int], bytes],
    is_present: Callable[[Checkpoint], bool],
    *,
    live_name: bool,
) -> Recognised:
    """Find the generation, of the same family, that an unknown file is a copy of.

    Args:
        candidates: checkpoints of the file's family, newest first.
        window: the file's content, decompressed: `window(offset, length)` gives fewer bytes only at its end.
        is_present: whether the candidate's own file is still on disk, and still holds it.
        live_name: the file stands under the family's live name, where new logs begin. It can only be a copy of what
            is not on disk any more: two runs of FFmpeg may write identical logs, one behind the other.

    Returns:
        Twin when all of it has been read; Continue when it goes on behind what has been read and the own file is gone;
        Wait while the own file is still there (`copytruncate` copies before it truncates) or while the copy is shorter
        than what was read (it is still being written); New otherwise.
    """
    for known in candidates:
        if known.head.length == 0 or not known.head.matches(window(0, known.head.length)):
            continue
        if live_name and is_present(known):
            continue
        proof = known.proof
        found = window(known.offset - proof.length, proof.length + 1)
        if len(found) < proof.length:
            if live_name:
                continue
            return Wait("shorter copy of a file that was read further")
        if not proof.matches(found[: proof.length]):
            continue
        if len(found) == proof.length:
            return Twin(known.generation)
        if is_present(known):
            return Wait("copy of a file that is being read")
        return Continue(known.generation)
    return New()
