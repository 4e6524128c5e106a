"""What to do with a file that is seen: a decision from the checkpoint, the file's facts and a few of its bytes.

    decide(checkpoint, observed, before)  for a file whose FileId is known
    recognise(candidates, evidence)                for a file whose FileId is not: a copy, an archive, or new

No I/O: the caller reads the windows that are asked for. The rules and the faults behind them are in
docs/architecture.md ("Which file is this?").
"""

from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import NamedTuple, TypeAlias

from ingest.identity import WINDOW_BYTES, Checkpoint, Observed, Window, bytes_before, hash_window

_LONGEST_LIKENESS_BYTES = 1 << 16


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
    """A copy of a generation that was read to this file's end, or further: never read again."""

    generation: int


class Continue(NamedTuple):
    """The rest of a generation whose own file is gone: read on here, at its offset."""

    generation: int


class New(NamedTuple):
    """A file that nobody knows: a new generation."""


class Standing(Enum):
    """What has become of a generation's own file."""

    GONE = "gone"  # removed, or it holds something else now
    PRESENT = "present"  # on disk, or removed and still open here
    OVER = "over"  # on disk, finished, and unchanged since: it holds what was read of it, not a byte more


Step: TypeAlias = Read | Wait | Restart
Recognised: TypeAlias = Twin | Continue | Wait | New


def decide(checkpoint: Checkpoint, observed: Observed, before: bytes | None, head: bytes | None = None) -> Step:
    """What to do with a file that has the checkpoint's FileId.

    Args:
        checkpoint: what is stored.
        observed: the file now.
        before: the bytes of the file that the proof covers, `proof.length` of them before the offset, or None when
            nothing was read because the size did not change.
        head: the file's first bytes, as many as the checkpoint's hash covers; None where `before` tells enough. Another
            life of the file may have the very bytes before the offset: long lines that end alike.
    """
    if observed.size_bytes < checkpoint.offset:
        return Restart("truncated", max(0, checkpoint.size_bytes - checkpoint.offset))
    if before is None:
        return Wait("unchanged")
    if not checkpoint.proof.matches(before) or not (head is None or checkpoint.head.matches(head)):
        return Restart("rewritten", max(0, checkpoint.size_bytes - checkpoint.offset))
    return Read(checkpoint.offset)


def recognise(
    candidates: Iterable[Checkpoint],
    window: Window,
    standing: Callable[[Checkpoint], Standing],
    begins: Callable[[Checkpoint], bool],
    *,
    live_name: bool,
) -> Recognised:
    """Find the generation, of the same family, that an unknown file is a copy of.

    Args:
        candidates: checkpoints of the file's family, newest first.
        window: the file's content, decompressed: `window(offset, length)` gives fewer bytes only at its end.
        standing: what has become of the candidate's own file.
        begins: whether all of the file, which is shorter than what was read of the candidate, is its beginning.
        live_name: the file stands under the family's live name, where new logs begin. It can only be a copy of what
            is not on disk any more: two runs of FFmpeg may write identical logs, one behind the other.

    Returns:
        Twin when all of it has been read; Continue when it goes on behind what has been read and the own file is gone;
        Wait while the own file is still there (`copytruncate` copies before it truncates); New otherwise.
    """
    for known in candidates:
        head = window(0, known.head.length)
        if not head or (len(head) == known.head.length and not known.head.matches(head)):
            continue
        where = standing(known)
        if live_name and where is not Standing.GONE:
            continue
        found = window(known.offset - known.proof.length, known.proof.length + 1)
        if len(head) < known.head.length or len(found) < known.proof.length:
            if not live_name and begins(known):
                return Twin(known.generation)
        elif known.proof.matches(found[: known.proof.length]):
            if len(found) == known.proof.length:
                return Twin(known.generation)
            if where is Standing.PRESENT:
                return Wait("copy of a file that is being read")
            if where is Standing.GONE and found[: known.proof.length].strip(b"\0"):  # a hole proves nothing
                return Continue(known.generation)
    return New()


def begins_with(size_bytes: int, window: Window, ladder: Sequence[tuple[int, bytes]]) -> bool:
    """Whether content of `size_bytes` bytes is the beginning of a generation, as far as its ladder tells.

    Args:
        size_bytes: length of the content.
        window: the content.
        ladder: (offset, hash of the window before it) of the generation, in any order.
    """
    below = max((rung for rung in ladder if rung[0] <= size_bytes), default=None)
    if below is None:
        return False
    data = bytes_before(window, below[0])
    return hash_window(data) == below[1] and bool(data.strip(b"\0"))


def surviving_bytes(
    checkpoint: Checkpoint,
    size_bytes: int,
    window: Window,
    ladder: Sequence[tuple[int, bytes]],
    *,
    appended: bool,
) -> int | None:
    """How much a power cut has left of a file that was read further: its beginning, up to here, is what was read.

    The tail is missing, or is zeros that the file system never filled: then they tell where it begins. Where new lines
    stand in its place nothing tells, and what is behind the last rung is read again. A log that was begun anew is told
    from that by its length: programs begin alike for a few KiB, not for 64.

    Args:
        checkpoint: of the file, from before the power cut.
        size_bytes: of the file now.
        window: the file's content.
        ladder: of the generation.
        appended: the file was written to since the power cut.

    Returns:
        The offset to go on at, at most the checkpoint's; None when the file holds something else.
    """
    end = min(size_bytes, checkpoint.offset)
    rungs = sorted((rung for rung in ladder if rung[0] <= end), reverse=True)
    rung = next((at for at, digest in rungs if hash_window(bytes_before(window, at)) == digest), None)
    if rung is None:
        return None
    at = rung
    while at < end:
        data = window(at, min(WINDOW_BYTES, end - at))
        if b"\0" in data:
            return at + data.index(b"\0")
        at += len(data) or WINDOW_BYTES
    if appended:
        return rung if rung >= _LONGEST_LIKENESS_BYTES else None
    return end if end < checkpoint.offset and rung == rungs[0][0] else None
