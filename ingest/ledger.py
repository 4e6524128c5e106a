"""The completeness proof, decided: do the counters hold, do the rows agree with them, are the producers' runs whole?

Pure: what database and disk say is handed in (ingest/ledger_reader.py). A finding is a sentence that names numbers.
What is known to be lost, because the database says so, is reported but accounted for.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

DISPOSITIONS = ("stored", "folded", "below_threshold", "blank", "duplicate", "dead_letters", "held")
# The files of a log that were there when it was first looked at become known together.
FIRST_LOOK = timedelta(minutes=1)
SHORTEST_NUMBERED_LINE_BYTES = 16


class FileAccount(NamedTuple):
    """A generation as the database has it; see `files` in ingest/sql/ledger.sql."""

    generation: int
    machine: str
    path: str
    family: str
    compression: str
    device: int
    inode: int
    state: str
    parser: str
    committed_offset: int
    size_bytes: int
    proof_length: int
    proof_hash: bytes
    lines: int
    stored: int
    folded: int
    below_threshold: int
    blank: int
    duplicate: int
    dead_letters: int
    held: int
    rows_stored: int
    rows_retired: int
    letters_retired: int
    created_at: datetime
    updated_at: datetime
    unnumbered_letters: int  # dead letters that could not be read as far as their run and number
    read_bytes: int
    empty_bytes: int
    skipped_bytes: int
    lost_bytes: int
    known_up_to: int  # end of the last gap


class Gap(NamedTuple):
    """Bytes that were not read, and why."""

    generation: int
    path: str
    from_offset: int
    to_offset: int
    reason: str


class Place(NamedTuple):
    """Where a generation's file stands now. `unread_bytes` None: an archive's content cannot be told from its size."""

    path: str
    unread_bytes: int | None


class RunPart(NamedTuple):
    """What is odd about a run: a hole, a range seen more than once, a count of lines too many, or irregular numbers."""

    kind: str
    run_id: str
    lines: int
    generations: tuple[int, ...]
    first_seq: int | None
    last_seq: int | None
    seq_count: int | None


class Recounted(NamedTuple):
    """Rows of one generation, counted; see `recount` in ingest/sql/ledger.sql. Offsets are None where nothing is."""

    generation: int
    rows: int
    lines: int
    first_offset: int | None
    last_offset: int | None
    last_letter: int | None
    last_rung: int | None
    doubled_at: int | None
    doubled: int
    letters: int
    dead_and_stored: int | None


class Reread(NamedTuple):
    """A generation's file, read again.

    Attributes:
        lines: up to the checkpoint's offset; None where the bytes before that are not those that were read there.
        wrong_rung: offset of the first of the ladder's hashes that is not that of the file.
        changed_at: when the file, or its name, was last changed.
    """

    lines: int | None
    wrong_rung: int | None
    changed_at: datetime


class Finding(NamedTuple):
    """Something that does not hold, in one file; without a file, in the database."""

    path: str
    generation: int | None
    what: str


class RunFinding(NamedTuple):
    """What is odd about a run, where, and what may explain it."""

    part: RunPart
    first_path: str
    last_path: str
    explained: str  # empty: nothing does


@dataclass
class Ledger:
    """The whole proof.

    Attributes:
        files: the generations looked at.
        places: those whose files are on this machine's disk now.
        gaps: of these files.
        findings: what does not hold.
        runs: what is odd about producers' runs.
        run_count: runs that numbered their lines.
        numbered_lines: their lines.
        reread: files whose bytes were split again; None without `--recount`.
    """

    files: list[FileAccount]
    places: dict[int, Place]
    gaps: list[Gap] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    runs: list[RunFinding] = field(default_factory=list)
    run_count: int = 0
    numbered_lines: int = 0
    reread: int | None = None

    @property
    def unexplained(self) -> list[RunFinding]:
        """Holes and repeats for which there is no explanation."""
        return [found for found in self.runs if found.part.kind in ("hole", "repeat", "extra") and not found.explained]

    @property
    def complete(self) -> bool:
        """Whether everything is accounted for."""
        return not self.findings and not self.unexplained

    def total(self, name: str) -> int:
        """Sum of a field of all files."""
        return sum(getattr(file, name) for file in self.files)

    @property
    def unread_bytes(self) -> int:
        """On disk and not yet read, as far as sizes tell."""
        return sum(place.unread_bytes or 0 for place in self.places.values())

    def verdict(self) -> str:
        """One sentence."""
        if not self.files:
            return "nothing was read yet"
        lines = f"{_count(self.total('lines'), 'line', 'lines')} in {_count(len(self.files), 'file', 'files')}"
        if not self.complete:
            holes = {found.part.run_id for found in self.unexplained if found.part.kind == "hole"}
            repeats = {found.part.run_id for found in self.unexplained if found.part.kind != "hole"}
            wrong = (
                (len(self.findings), "thing does not hold", "things do not hold"),
                (len(holes), "run has a hole", "runs have holes"),
                (len(repeats), "run has lines that were read twice", "runs have lines that were read twice"),
            )
            return f"NOT complete: {lines}, but " + ", ".join(_count(*counted) for counted in wrong if counted[0])
        notes = []
        if lost := self.total("lost_bytes"):
            notes.append(f"{lost:,} bytes vanished before they were read")
        if self.unread_bytes:
            notes.append(f"{self.unread_bytes:,} bytes are yet to be read")
        if self.runs:
            notes.append("some producers' numbers need a look")
        return f"complete: {lines}, every one accounted for" + "".join(f"; {note}" for note in notes)


def check_file(file: FileAccount) -> list[str]:
    """What of a generation's own counters and bytes does not hold, one sentence each."""
    counts = {name: getattr(file, name) for name in DISPOSITIONS}
    wrong = [f"{name} is {count:,}, below zero" for name, count in counts.items() if count < 0]
    if file.lines != sum(counts.values()):
        said = ", ".join(f"{name} {count:,}" for name, count in counts.items() if count)
        wrong.append(f"{file.lines:,} lines, but their dispositions are {sum(counts.values()):,} ({said})")
    if file.held > 0 and file.state == "finished":
        wrong.append(f"finished, and {file.held:,} lines are still held by its parser")
    if not 0 <= file.rows_retired <= file.rows_stored:
        wrong.append(f"{file.rows_retired:,} of {file.rows_stored:,} rows retired")
    if file.committed_offset < 0 or file.lines > max(file.read_bytes, 0):
        wrong.append(f"{file.lines:,} lines do not fit into {file.read_bytes:,} bytes read")
    known = max(file.committed_offset, file.known_up_to)
    if file.state in ("finished", "replaced") and not file.compression and file.size_bytes > known:
        wrong.append(f"bytes [{known:,}, {file.size_bytes:,}) were there, were not read, and no gap says so")
    return wrong


def check_rows(file: FileAccount, found: Recounted | None) -> list[str]:
    """What the rows say against a generation's counters, one sentence each.

    Args:
        file: the counters.
        found: the rows; None where there are none.
    """
    found = found or Recounted(file.generation, 0, 0, None, None, None, None, None, 0, 0, None)
    wrong = []
    expected = file.rows_stored - file.rows_retired
    if found.rows != expected:
        wrong.append(f"{found.rows:,} rows in the tables, the counters say {expected:,} ({found.rows - expected:+,})")
    letters = file.dead_letters - file.letters_retired
    if found.letters != letters:
        wrong.append(f"{found.letters:,} dead letters in the table, the counter says {letters:,}")
    if found.lines > file.stored or (found.lines < file.stored and not file.rows_retired):
        wrong.append(f"rows of {found.lines:,} lines, the counter says {file.stored:,} stored")
    if found.doubled:
        lines = _count(found.doubled, "line has its row", "lines have their rows")
        wrong.append(f"{lines} more than once, first at byte {found.doubled_at:,}")
    if found.dead_and_stored is not None:
        wrong.append(f"the line at byte {found.dead_and_stored:,} is a row and a dead letter")
    end = file.committed_offset
    for what, offset, least in (
        ("a row", found.first_offset, 0), ("a row", found.last_offset, 0), ("a dead letter", found.last_letter, 0),
        ("a hash of the ladder", found.last_rung, 0),
    ):  # fmt: skip
        beyond = offset is not None and (offset > end or (offset == end and what == "a row"))
        if offset is not None and (offset < least or beyond):
            wrong.append(f"{what} stands at byte {offset:,}, outside of what was read [0, {end:,})")
    return wrong


def check_bytes(file: FileAccount, found: Reread) -> list[str]:
    """What a generation's file, read again, says against its counters."""
    wrong = []
    if found.lines is None and file.state == "active" and found.changed_at < file.updated_at:
        # A file that was changed since may be another one by now, its inode used again: the next sweep finds out.
        wrong.append(
            f"the bytes before its offset {file.committed_offset:,} are not those that were read there, and nobody has "
            "written to the file since: its checkpoint was changed"
        )
    if found.lines is not None and found.lines != file.lines:
        wrong.append(f"its bytes hold {found.lines:,} lines, the ledger says {file.lines:,}")
    if found.wrong_rung is not None:
        wrong.append(f"the ladder's hash at byte {found.wrong_rung:,} is not that of the file")
    return wrong


def explain_runs(
    parts: Iterable[RunPart],
    files: Sequence[FileAccount],
    unread: Mapping[int, int],
    holders: Mapping[tuple[str, int], Sequence[int]],
) -> list[RunFinding]:
    """Say of holes where they are, and what may account for them.

    A dead letter whose number could not be read, bytes that vanished or were skipped, bytes that are yet to be read:
    each can stand for so many missing lines and no more.

    Args:
        parts: what is odd.
        files: all generations.
        unread: bytes of generations that are yet to be read.
        holders: generations that hold a number of a run.
    """
    by_generation = {file.generation: file for file in files}
    room = _Room(files, unread)
    findings = []
    for part in parts:
        held = [by_generation[number] for number in part.generations if number in by_generation]
        paths = [file.path for file in held] or ["?"]
        first, last, explained = paths[0], paths[-1], ""
        if part.kind == "hole" and part.first_seq is not None and part.last_seq is not None:
            before, behind = (
                [by_generation[number] for number in holders.get((part.run_id, seq), ()) if number in by_generation]
                for seq in (part.first_seq - 1, part.last_seq + 1)
            )
            first, last = (before[-1].path if before else ""), (behind[0].path if behind else "")
            explained = room.explain(part, held, [*before, *behind], at_start=not before)
        findings.append(RunFinding(part, first, last, explained))
    return findings


class _Room:
    """How many missing lines dead letters and unread bytes can still account for."""

    def __init__(self, files: Sequence[FileAccount], unread: Mapping[int, int]) -> None:
        self._letters = Counter({file.generation: file.unnumbered_letters for file in files})
        self._lost: Counter[tuple[str, str]] = Counter()
        self._unread: Counter[tuple[str, str]] = Counter()
        self._first_seen: dict[tuple[str, str], datetime] = {}
        for file in files:
            family = file.machine, file.family
            self._lost[family] += file.lost_bytes + file.skipped_bytes
            self._unread[family] += unread.get(file.generation, 0)
            self._first_seen[family] = min(self._first_seen.get(family, file.created_at), file.created_at)

    def explain(
        self, part: RunPart, held: Sequence[FileAccount], near: Sequence[FileAccount], *, at_start: bool
    ) -> str:
        missing = part.seq_count or 0
        letters = sorted({file.generation for file in near if self._letters[file.generation]})
        if sum(self._letters[generation] for generation in letters) >= missing:
            self._take_letters(letters, missing)
            return "as many dead letters without a readable number are there"
        families = sorted({(file.machine, file.family) for file in held})
        for what, bytes_of in (("vanished or were skipped", self._lost), ("are yet to be read", self._unread)):
            for family in families:
                if bytes_of[family] >= missing * SHORTEST_NUMBERED_LINE_BYTES:
                    bytes_of[family] -= missing * SHORTEST_NUMBERED_LINE_BYTES
                    return f"they may be in the bytes of {family[1]} that {what}"
        if (
            at_start
            and held
            and all(file.created_at <= self._first_seen[file.machine, file.family] + FIRST_LOOK for file in held[:1])
        ):
            return "written before this log was first read"
        return ""

    def _take_letters(self, generations: Iterable[int], count: int) -> None:
        for generation in generations:
            taken = min(count, self._letters[generation])
            self._letters[generation] -= taken
            count -= taken


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
