"""What the ledger decides upon: one snapshot of the database, and the files as they stand on disk. Changes nothing."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ
from psycopg2.extensions import connection as Connection  # noqa: N812 (a class under a function's name)
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from ingest import files
from ingest.database import translate
from ingest.errors import SourceError
from ingest.identity import Fingerprint, bytes_before, hash_window, is_proven
from ingest.ledger import (
    FileAccount,
    Finding,
    Gap,
    Ledger,
    Place,
    Recounted,
    Reread,
    RunFinding,
    RunPart,
    check_bytes,
    check_file,
    check_rows,
    explain_runs,
)
from ingest.queries import load
from parsers.encodings import MARK_BYTES, encoding_of, splitter_for
from parsers.registry import create

_CHUNK_BYTES = 1 << 20
_SQL = load("ingest", "ledger.sql")


def read_ledger(
    connection: Connection,
    machine: str,
    paths: Sequence[str] = (),
    *,
    recount: bool = False,
    on_bytes: Callable[[int], None] = lambda _: None,
) -> Ledger:
    """The proof, as of now.

    Args:
        connection: outside a transaction; used for one that only reads.
        machine: this one's id: only its files can be looked at.
        paths: files, live names or folders; empty: everything.
        recount: count the rows of all tables, and split again the bytes of files that are still there.
        on_bytes: told how many bytes more were split again.

    Raises:
        DatabaseError: PostgreSQL did not answer.
    """
    try:
        connection.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ, readonly=True)
        with connection.cursor() as cursor:
            everything = [_account(row) for row in _rows(cursor, "files")]
            ledger = Ledger([file for file in everything if _is_meant(file, paths)], {})
            folders: dict[str, dict[tuple[int, int], str]] = {}
            places = {file.generation: place for file in everything if (place := _place(file, machine, folders))}
            ledger.places = {
                file.generation: places[file.generation] for file in ledger.files if file.generation in places
            }
            generations = [file.generation for file in ledger.files]
            ledger.gaps = [Gap(*row) for row in _rows(cursor, "gaps", generations=generations)]
            ((ledger.run_count, ledger.numbered_lines),) = _rows(cursor, "run_count", generations=generations)
            ledger.runs = _runs(cursor, generations, everything, places)
            for file in ledger.files:
                ledger.findings += (Finding(file.path, file.generation, what) for what in check_file(file))
            if recount:
                _recount(cursor, ledger, {file.generation for file in everything}, everything_meant=not paths)
                _reread(cursor, ledger, on_bytes)
        connection.rollback()
    except psycopg2.Error as error:
        raise translate(error) from error
    return ledger


def _rows(cursor: Cursor, name: str, **parameters: Any) -> list[tuple[Any, ...]]:
    cursor.execute(_SQL[name], parameters)
    return cursor.fetchall()


def _account(row: tuple[Any, ...]) -> FileAccount:
    account = FileAccount(*row)
    return account._replace(proof_hash=bytes(account.proof_hash))


def _is_meant(file: FileAccount, paths: Sequence[str]) -> bool:
    return not paths or any(
        path in (file.path, file.family) or file.path.startswith(path.rstrip("/") + "/") for path in paths
    )


def _place(file: FileAccount, machine: str, folders: dict[str, dict[tuple[int, int], str]]) -> Place | None:
    """Where the generation's file is now: under its name, or in its folder under another."""
    if file.machine != machine or file.state == "replaced":
        return None
    path, key = file.path, (file.device, file.inode)
    if files.inode_key(path) != key:
        folder = os.path.dirname(path)
        if folder not in folders:
            folders[folder] = files.folder_inodes(path)
        found = folders[folder].get(key)
        if found is None:
            return None
        path = found
    if file.compression:
        return Place(path, None if file.state == "active" else 0)
    unread = max(0, files.size_of(path) - file.committed_offset) if file.state != "finished" else 0
    return Place(path, unread)


def _runs(
    cursor: Cursor, generations: Sequence[int], everything: Sequence[FileAccount], places: dict[int, Place]
) -> list[RunFinding]:
    parts = [
        RunPart(*row)._replace(generations=tuple(row[3])) for row in _rows(cursor, "runs", generations=generations)
    ]
    asked = {
        (part.run_id, seq)
        for part in parts
        if part.kind == "hole" and part.first_seq is not None and part.last_seq is not None
        for seq in (part.first_seq - 1, part.last_seq + 1)
    }
    holders: dict[tuple[str, int], list[int]] = {}
    if asked:
        run_ids, seqs = zip(*sorted(asked), strict=True)
        for run_id, seq, generation in _rows(cursor, "holders", run_ids=list(run_ids), seqs=list(seqs)):
            holders.setdefault((run_id, seq), []).append(generation)
    unread = {generation: place.unread_bytes or 0 for generation, place in places.items()}
    return explain_runs(parts, everything, unread, holders)


def _recount(cursor: Cursor, ledger: Ledger, known: set[int], *, everything_meant: bool) -> None:
    cursor.execute(_SQL["memory_for_sorting"])
    found = {row[0]: Recounted(*row) for row in _rows(cursor, "recount")}
    for file in ledger.files:
        wrong = check_rows(file, found.get(file.generation))
        ledger.findings += (Finding(file.path, file.generation, what) for what in wrong)
    for generation in sorted(found.keys() - known) if everything_meant else ():
        rows = found[generation]
        if rows.rows or rows.letters:
            what = f"{rows.rows:,} rows and {rows.letters:,} dead letters of a file that no checkpoint knows"
            ledger.findings.append(Finding("", generation, what))


def _reread(cursor: Cursor, ledger: Ledger, on_bytes: Callable[[int], None]) -> None:
    ledger.reread = 0
    gaps: dict[int, list[Gap]] = {}
    for gap in ledger.gaps:
        gaps.setdefault(gap.generation, []).append(gap)
    for file in ledger.files:
        place = ledger.places.get(file.generation)
        if place is None:
            continue
        rungs = [(at, bytes(digest)) for at, digest in _rows(cursor, "rungs", generation=file.generation)]
        try:
            with closing(files.open_log(place.path)) as log:
                found = _split_again(log, file, gaps.get(file.generation, []), rungs, on_bytes)
        except SourceError:
            continue  # not there any more, or not to be read by us
        ledger.reread += found.lines is not None
        ledger.findings += (Finding(file.path, file.generation, what) for what in check_bytes(file, found))


def _split_again(
    log: files.LogFile,
    file: FileAccount,
    gaps: Iterable[Gap],
    rungs: Iterable[tuple[int, bytes]],
    on_bytes: Callable[[int], None],
) -> Reread:
    """Count the lines of a file up to its offset, where the bytes before that are still the ones that were read."""
    observed = log.observe()
    changed_at = datetime.fromtimestamp(files.changed_ns_of(log.path) / 1e9, UTC)
    if (observed.file_id.device, observed.file_id.inode) != (file.device, file.inode):
        return Reread(None, None, datetime.now(UTC))
    proof = Fingerprint(file.proof_length, file.proof_hash)
    if not is_proven(log.read, file.committed_offset, proof):
        return Reread(None, None, changed_at)
    lines = sum(_lines_between(log, file, *span, on_bytes) for span in _read_spans(file.committed_offset, gaps))
    for at, digest in rungs:
        if at <= file.committed_offset and hash_window(bytes_before(log.read, at)) != digest:
            return Reread(lines, at, changed_at)
    return Reread(lines, None, changed_at)


def _read_spans(end: int, gaps: Iterable[Gap]) -> Iterator[tuple[int, int]]:
    """What was read as lines. Holes of NUL bytes are found by whoever splits the lines."""
    at = 0
    for gap in sorted(gaps, key=lambda gap: gap.from_offset):
        if gap.reason == "nul_hole" or gap.to_offset > end:
            continue
        if gap.from_offset > at:
            yield at, gap.from_offset
        at = max(at, gap.to_offset)
    if at < end:
        yield at, end


def _lines_between(log: files.LogFile, file: FileAccount, start: int, end: int, on_bytes: Callable[[int], None]) -> int:
    splits_at_cr = create(file.parser, None, UTC).splits_at_cr
    splitter = splitter_for(encoding_of(log.read(0, MARK_BYTES)), start, splits_at_cr=splits_at_cr)
    lines, at = 0, start
    while at < end:
        behind = min(end, log.next_data(at)) if splitter.passes_nuls else at
        if behind > at:
            splitter.pass_nuls(behind - at)
            at = behind
            continue
        chunk = log.read(at, min(_CHUNK_BYTES, end - at))
        if not chunk:
            break
        lines += sum(1 for _ in splitter.feed(chunk))
        at += len(chunk)
        on_bytes(len(chunk))
    return lines + sum(1 for _ in splitter.flush())
