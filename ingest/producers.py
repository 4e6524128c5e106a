"""Producers' numbers: which lines of which run a batch has seen, as ranges. Pure.

A writer that gives its run an id and counts its lines proves completeness beyond what any reader can see: a hole is a
line that was lost before it was read, a repeat is one that was read twice. What is kept stays small whatever a file
holds; what cannot be kept within bounds is marked as irregular, and nothing is concluded from it.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from parsers.redact import MASK

Ranges: TypeAlias = list[tuple[int, int]]  # half-open, sorted, apart from each other

RUN_ID_LIMIT = 128
MOST_RUNS = 500  # of one batch; further ones are counted together, under an empty id
MOST_RANGES = 1000  # of one run in one file: more are no line numbers
HIGHEST_SEQ = 2**62
_HASH_BYTES = 16


class RunLines(NamedTuple):
    """What a batch holds of one run.

    Attributes:
        run_id: the writer's, at most `RUN_ID_LIMIT` characters; empty for what stands for many runs.
        lines: how many of its lines carried a number.
        seqs: the numbers seen; from the least to the greatest where `irregular`.
        repeated: those seen more than once.
        irregular: there were too many ranges, or too many runs, to keep them apart.
    """

    run_id: str
    lines: int
    seqs: Ranges
    repeated: Ranges
    irregular: bool = False


def run_lines(seen: Mapping[str, Sequence[int]]) -> list[RunLines]:
    """Sum up a batch, sorted by run.

    Args:
        seen: the numbers of each run's lines, in the order in which they were read.
    """
    merged: dict[str, list[int]] = {}
    for said, seqs in seen.items():
        usable = _usable(seqs)
        if usable and MASK not in said:  # masked ids are not told apart
            merged.setdefault(_fitting(said), []).extend(usable)
    kept = [_summed_up(run_id, merged[run_id]) for run_id in sorted(list(merged)[:MOST_RUNS])]
    further = sum(len(seqs) for seqs in list(merged.values())[MOST_RUNS:])
    return [RunLines("", further, [], [], irregular=True), *kept] if further else kept


def ranges_of(seqs: Sequence[int]) -> tuple[Ranges, Ranges]:
    """The numbers as ranges, and those that occur more than once.

    Args:
        seqs: in any order, at least one.
    """
    first, behind = seqs[0], seqs[0] + len(seqs)
    if seqs[-1] == behind - 1 and list(seqs) == list(range(first, behind)):
        return [(first, behind)], []
    found: Ranges = []
    repeated: Ranges = []
    for seq in sorted(seqs):
        if found and seq < found[-1][1]:
            _append(repeated, seq)
        else:
            _append(found, seq)
    return found, repeated


def range_text(ranges: Iterable[tuple[int, int]]) -> str:
    """Ranges as PostgreSQL writes a multirange."""
    return "{" + ",".join(f"[{first},{behind})" for first, behind in ranges) + "}"


def _append(ranges: Ranges, seq: int) -> None:
    """Add a number that is not below the last one."""
    if ranges and ranges[-1][0] <= seq < ranges[-1][1]:
        return
    if ranges and ranges[-1][1] == seq:
        ranges[-1] = (ranges[-1][0], seq + 1)
    else:
        ranges.append((seq, seq + 1))


def _summed_up(run_id: str, seqs: list[int]) -> RunLines:
    found, repeated = ranges_of(seqs)
    if len(found) > MOST_RANGES or len(repeated) > MOST_RANGES:
        return RunLines(run_id, len(seqs), [(found[0][0], found[-1][1])], [], irregular=True)
    return RunLines(run_id, len(seqs), found, repeated)


def _usable(seqs: Sequence[int]) -> Sequence[int]:
    if min(seqs) >= 0 and max(seqs) <= HIGHEST_SEQ:
        return seqs
    return [seq for seq in seqs if 0 <= seq <= HIGHEST_SEQ]


def _fitting(run_id: str) -> str:
    """The id, with a hash in place of its end where it is too long: two long ids stay two."""
    if len(run_id) <= RUN_ID_LIMIT:
        return run_id
    digest = hashlib.blake2b(run_id.encode(), digest_size=_HASH_BYTES).hexdigest()
    return f"{run_id[: RUN_ID_LIMIT - 1 - len(digest)]}~{digest}"
