"""Going on with a suspended file: where it was left, or behind what it holds now.

A file that gave nothing but dead letters is suspended and waits for a person. Released, it is active again: the next
sweep of whoever owns it reads on. Skipped bytes are a row in `ingest_gaps`, and the new position gets its proof from
the file itself, so that the checkpoint stays what it is: something that the file can prove.
"""

from contextlib import closing
from typing import Any, NamedTuple

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 (a class under a function's name)

from ingest.database import translate
from ingest.errors import CheckpointMoved, SourceError
from ingest.files import LogFile, open_log
from ingest.identity import FileId, Fingerprint, Position, is_proven, position_at
from ingest.queries import load
from parsers.encodings import MARK_BYTES, encoding_of

_BLOCK_BYTES = 1 << 16

_SQL = load("ingest", "dead_letters.sql")
_STORE_SQL = load("ingest", "store.sql")


class Suspended(NamedTuple):
    """A suspended generation, as its checkpoint says."""

    generation: int
    path: str
    offset: int
    size_bytes: int
    version: int
    compression: str
    file_id: FileId
    head: Fingerprint
    proof: Fingerprint
    last_error: str | None


def suspended(
    connection: Connection, machine: str, *, path: str | None = None, generation: int | None = None
) -> list[Suspended]:
    """Suspended files of a machine.

    Args:
        connection: outside a transaction.
        machine: this one.
        path: only of this path, as the database keeps it.
        generation: only this one.
    """
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(_SQL["suspended"], {"machine": machine, "path": path, "generation": generation})
            return [_suspended(row) for row in cursor.fetchall()]
    except psycopg2.Error as error:
        raise translate(error) from error


def release(connection: Connection, file: Suspended, to: Position | None = None) -> None:
    """Make a suspended file active again.

    Args:
        connection: outside a transaction.
        file: what was suspended.
        to: where to go on; None where it was left. What lies between is recorded as skipped.

    Raises:
        CheckpointMoved: somebody else has just released it.
        DatabaseError: nothing was changed.
    """
    position = to or Position(file.offset, file.head, file.proof)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(
                _SQL["release"],
                {"generation": file.generation, "version": file.version, "to_offset": position.offset,
                 "head_length": position.head.length, "head_hash": position.head.digest,
                 "proof_length": position.proof.length, "proof_hash": position.proof.digest},
            )  # fmt: skip
            if cursor.rowcount != 1:
                raise CheckpointMoved(f"{file.path}: somebody else has just released it")
            if position.offset > file.offset:
                cursor.execute(
                    _STORE_SQL["add_gaps"],
                    {"generation": file.generation, "path": file.path, "from_offset": file.offset,
                     "to_offset": position.offset, "reason": "skipped_by_operator"},
                )  # fmt: skip
    except psycopg2.Error as error:
        raise translate(error) from error


def end_of(file: Suspended) -> Position:
    """The end of the last complete line that a suspended file holds now.

    Raises:
        SourceError: it is not there, is an archive, is UTF-16, or does not prove to be what was suspended.
    """
    if file.compression:
        raise SourceError(f"{file.path}: is an archive, nothing more will come; release it without --skip, or leave it")
    with closing(open_log(file.path)) as log:
        observed = log.observe()
        is_known = file.head.matches(log.read(0, file.head.length)) and is_proven(log.read, file.offset, file.proof)
        if observed.file_id != file.file_id or not is_known:
            raise SourceError(f"{file.path}: is not the file any more that was suspended; release it without --skip")
        if encoding_of(log.read(0, MARK_BYTES)):
            raise SourceError(f"{file.path}: is UTF-16, in which nothing is skipped; release it without --skip")
        offset = max(file.offset, _behind_last_newline(log, file.offset, observed.size_bytes))
        return position_at(log.read, offset)


def _behind_last_newline(log: LogFile, start: int, end: int) -> int:
    while end > start:
        block_start = max(start, end - _BLOCK_BYTES)
        at = log.read(block_start, end - block_start).rfind(b"\n")
        if at >= 0:
            return block_start + at + 1
        end = block_start
    return start


def _suspended(row: tuple[Any, ...]) -> Suspended:
    (generation, path, offset, size_bytes, version, compression, device, inode, birth_ns, head_length, head_hash,
     proof_length, proof_hash, last_error) = row  # fmt: skip
    return Suspended(
        generation, path, offset, size_bytes, version, compression, FileId(device, inode, birth_ns),
        Fingerprint(head_length, bytes(head_hash)), Fingerprint(proof_length, bytes(proof_hash)), last_error,
    )  # fmt: skip
