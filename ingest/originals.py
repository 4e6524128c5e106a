"""The bytes that a dead letter was made of: finds the file that still holds them, and proves them by their hash.

A letter keeps its line redacted; what a newer parser should read is the line itself. It is looked for in the file of
its generation, wherever rotation has put it: under the recorded path, by its inode, in copies and archives of its
family. Bytes are only ever taken that have the letter's hash. Of the few letters without a hash (`dead_letter` in
ingest/rows.py) the file itself must prove that it is the generation: by its inode, its head and its position.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from psycopg2.extensions import connection as Connection  # noqa: N812 (a class under a function's name)

from ingest.errors import SourceError
from ingest.files import LogFile, open_log
from ingest.identity import FileId, Fingerprint, family, is_proven, stored_path
from ingest.queries import load
from parsers.encodings import MARK_BYTES, Splitter, encoding_of, splitter_for
from parsers.events import RawLine
from parsers.ffmpeg import FfmpegParser
from parsers.lines import KEPT_BYTES_OF_LONG_LINE, MAX_LINE_BYTES

_SQL = load("ingest", "dead_letters.sql")

_CHUNK_BYTES = 1 << 16
# What a parser may want to see behind a line before it says what it is; more than a traceback has.
_BEHIND_BYTES = 1 << 20


class LetterFile(NamedTuple):
    """What the checkpoint says of a letter's file."""

    machine: str
    path: str
    family: str
    state: str
    file_id: FileId
    head: Fingerprint
    proof: Fingerprint
    offset: int
    host: str | None
    stream_keys: list[Any]  # lengths and keyed hashes


class Letter(NamedTuple):
    """A row of `dead_letters`. `file` None: its checkpoint is no longer kept."""

    id: int
    generation: int
    from_offset: int
    to_offset: int  # as from_offset: nobody knows where the line ends
    path: str
    reason: str
    detail: str
    line: bytes
    raw_sha256: bytes  # empty: nobody knows the line's bytes
    parser: str
    parser_version: int
    arrived_at: datetime
    replayed_at: datetime | None
    file: LetterFile | None

    @property
    def splits_at_cr(self) -> bool:
        """Whether the parser that gave it up ends lines at a lone carriage return."""
        return self.parser == FfmpegParser.name

    @property
    def clipped(self) -> bool:
        """Whether line and hash are those of the line's beginning only."""
        return self.reason == "too_long" or self.to_offset - self.from_offset > MAX_LINE_BYTES + 2


def letter_of(row: tuple[Any, ...]) -> Letter:
    """A row of the query `letters`."""
    (id_, generation, from_offset, to_offset, path, reason, detail, line, raw_sha256, parser, parser_version,
     arrived_at, replayed_at, machine, *of_file) = row  # fmt: skip
    file = None
    if machine is not None:
        (now_path, family_, state, device, inode, birth_ns, head_length, head_hash, proof_length, proof_hash, offset,
         host, keys) = of_file  # fmt: skip
        file = LetterFile(
            machine, now_path, family_, state, FileId(device, inode, birth_ns),
            Fingerprint(head_length, bytes(head_hash)), Fingerprint(proof_length, bytes(proof_hash)), offset,
            host, keys,
        )  # fmt: skip
    return Letter(
        id_, generation, from_offset, to_offset, path, reason, detail, bytes(line), bytes(raw_sha256), parser,
        parser_version, arrived_at, replayed_at, file,
    )  # fmt: skip


def one_letter(connection: Connection, letter_id: int) -> Letter | None:
    """A letter, replayed or not; None where there is none of that number."""
    parameters = {"ids": [letter_id], "reason": None, "path": None, "with_replayed": True}
    with connection, connection.cursor() as cursor:
        cursor.execute(_SQL["letters"], {**parameters, "after_id": 0, "last_id": letter_id, "limit": 1})
        row = cursor.fetchone()
    return None if row is None else letter_of(row)


class Found(NamedTuple):
    """Where a letter's bytes are.

    Attributes:
        state: "proven": `line` is the original; "changed": the file is there and holds other bytes at that place;
            "gone": no file of that generation is there; "elsewhere": its files are on another machine.
        path: of the file that was looked at last, or empty.
        line: the original, None unless proven.
        mtime: of the file that holds it.
        file: it; open until the next letter is looked for.
    """

    state: Literal["proven", "changed", "gone", "elsewhere"]
    path: str = ""
    line: RawLine | None = None
    mtime: datetime | None = None
    file: LogFile | None = None


class Originals:
    """Looks for the bytes of letters; keeps the last file open, since letters of one file come one after the other.

    Args:
        machine: this one; files of others cannot be read here.
        max_line_bytes: a longer line is not read whole.
    """

    def __init__(self, machine: str, max_line_bytes: int) -> None:
        self._machine = machine
        self._max_line_bytes = max_line_bytes
        self._generation: int | None = None
        self._file: LogFile | None = None
        self._others: list[str] = []  # paths that may hold this generation too

    def find(self, letter: Letter) -> Found:
        """Look for a letter's line in all files that may hold it."""
        if letter.file is not None and letter.file.machine != self._machine:
            return Found("elsewhere")
        if letter.generation != self._generation:
            self.close()
            self._generation = letter.generation
            self._others = list(_candidates(letter))
        if self._file is not None and (line := self._line(self._file, letter)) is not None:
            return self._proven(self._file, line)
        changed = ""
        for path in list(self._others):
            try:
                file = open_log(path)
            except SourceError:
                continue
            line = self._line(file, letter)
            if line is not None:
                self._drop_file()
                self._file = file
                return self._proven(file, line)
            changed = changed or (path if _is_recorded(file, letter) else "")
            file.close()
        return Found("changed", changed) if changed else Found("gone")

    def behind(self, found: Found, letter: Letter) -> Iterator[RawLine]:
        """The lines behind a proven one, some of them."""
        assert found.file is not None  # noqa: S101 (the caller has asked for the state)
        assert found.line is not None  # noqa: S101
        offset = found.line.end
        splitter = _splitter(found.file, letter, self._max_line_bytes, offset)
        while offset - found.line.end < _BEHIND_BYTES:
            try:
                chunk = found.file.read(offset, _CHUNK_BYTES)
            except SourceError:
                return
            if not chunk:
                return
            offset += len(chunk)
            yield from splitter.feed(chunk)

    def close(self) -> None:
        """Give the descriptor back."""
        self._drop_file()
        self._generation = None

    def _drop_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _proven(self, file: LogFile, line: RawLine) -> Found:
        mtime = datetime.fromtimestamp(file.observe().mtime_ns / 1e9, UTC)
        return Found("proven", file.path, line, mtime, file)

    def _line(self, file: LogFile, letter: Letter) -> RawLine | None:
        """The letter's line out of a file, where it is proven to be that."""
        try:
            if letter.raw_sha256:
                return self._by_hash(file, letter)
            return self._first_line(file, letter) if _is_generation(file, letter) else None
        except SourceError:  # a damaged archive
            return None

    def _by_hash(self, file: LogFile, letter: Letter) -> RawLine | None:
        """Of a line that was too long the hash is that of its kept beginning."""
        start, length = letter.from_offset, letter.to_offset - letter.from_offset
        is_too_long = length > self._max_line_bytes + 2
        raw = file.read(start, 4 * KEPT_BYTES_OF_LONG_LINE if is_too_long else length)
        splitter = _splitter(file, letter, 4 * self._max_line_bytes)
        line = next(splitter.feed(raw), None) or next(splitter.flush(), None)
        if line is None or not (is_too_long or line.end == letter.to_offset):
            return None
        kept = (KEPT_BYTES_OF_LONG_LINE, self._max_line_bytes, len(letter.line)) if letter.clipped else ()
        if not any(_has_hash(line.data[:length], letter) for length in (len(line.data), *kept)):
            return None
        if is_too_long:
            return RawLine(start, letter.to_offset, line.data[:KEPT_BYTES_OF_LONG_LINE])
        return line

    def _first_line(self, file: LogFile, letter: Letter) -> RawLine | None:
        splitter, offset = _splitter(file, letter, self._max_line_bytes), letter.from_offset
        while chunk := file.read(offset, _CHUNK_BYTES):
            offset += len(chunk)
            for line in splitter.feed(chunk):
                return line
        return next(splitter.flush(), None)


def _splitter(file: LogFile, letter: Letter, max_line_bytes: int, offset: int | None = None) -> Splitter:
    """As the daemon cuts the file, from the letter's line on, or from an offset behind it."""
    at = letter.from_offset if offset is None else offset
    encoding = encoding_of(file.read(0, MARK_BYTES))
    return splitter_for(encoding, at, splits_at_cr=letter.splits_at_cr, max_line_bytes=max_line_bytes)


def _has_hash(data: bytes, letter: Letter) -> bool:
    return hashlib.sha256(data).digest() == letter.raw_sha256


def _is_recorded(file: LogFile, letter: Letter) -> bool:
    if letter.file is None:
        return stored_path(file.path) == letter.path
    return file.observe().file_id == letter.file.file_id


def _is_generation(file: LogFile, letter: Letter) -> bool:
    """Whether the file proves, as at every read of the daemon, that it is what the checkpoint means."""
    known = letter.file
    if known is None or known.state == "replaced" or file.observe().file_id != known.file_id:
        return False
    return known.head.matches(file.read(0, known.head.length)) and is_proven(file.read, known.offset, known.proof)


def _candidates(letter: Letter) -> Iterator[str]:
    """Paths that may hold a letter's generation: its own inode first, then what rotation may have made of it."""
    known = letter.file
    paths = {known.path, letter.path} if known else {letter.path}
    live_names = {known.family, family(letter.path)} if known else {family(letter.path)}
    own, others = [], []
    for folder in sorted({os.path.dirname(path) for path in paths}):
        try:
            with os.scandir(folder or ".") as entries:
                for entry in entries:
                    if known is not None and entry.inode() == known.file_id.inode % (1 << 64):
                        own.append(entry.path)
                    elif stored_path(family(entry.path)) in live_names:
                        others.append(entry.path)
        except OSError:
            continue
    yield from sorted(own)
    yield from (path for path in sorted(others) if _begins_alike(path, known))


def _begins_alike(path: str, known: LetterFile | None) -> bool:
    """Whether a file's head is the generation's, so that archives are not unpacked in vain."""
    if known is None or known.head.length == 0:
        return True
    try:
        with closing(open_log(path)) as file:
            return known.head.matches(file.read(0, known.head.length))
    except SourceError:
        return False
