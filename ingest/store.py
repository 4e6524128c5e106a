"""PostgreSQL as the daemon uses it: checkpoints, the fence, and the one transaction that makes lines durable.

**Any** error drops the connection. What the caller must do then is always the same: forget every offset in memory and
read the checkpoints again. So a COMMIT whose answer was lost needs no reasoning: the checkpoint row tells.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 (a class under a function's name)
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from ingest.batch import Batch
from ingest.database import translate
from ingest.errors import CheckpointMoved, Fenced, RadiologError
from ingest.identity import Checkpoint, FileId, Fingerprint
from ingest.loading import load_rows, queue_derivation
from ingest.queries import load

LIVE_SECONDS = 30.0
PARTITION_BACK = timedelta(days=800)
PARTITION_AHEAD = timedelta(days=14)

_SQL = load("ingest", "store.sql")
_DISPOSITIONS = ("stored", "folded", "below_threshold", "blank", "duplicate", "dead_letter")


class Instance(NamedTuple):
    """Who commits: one daemon, or one `radiolog once`, of one machine, with the folders that it reads."""

    name: str
    machine: str
    roots: tuple[str, ...]
    host: str
    pid: int
    boot_id: str
    station: str
    time_zone: str


class Store:
    """One connection that commits batches for one instance.

    Args:
        connect: opens a connection; called again after every error.
        instance: whose checkpoints these are.
    """

    def __init__(self, connect: Callable[[], Connection], instance: Instance) -> None:
        self._connect = connect
        self._instance = instance
        self._connection: Connection | None = None
        self._epoch = 0
        self._known_stations: set[str] = set()
        self._known_weeks: set[tuple[int, int]] = set()

    @property
    def epoch(self) -> int:
        """This instance's epoch; a newer start of the same instance has a higher one."""
        return self._epoch

    def take_over(self) -> None:
        """Raise the instance's epoch: whoever ran under its name before can commit nothing from now on.

        The configured station gets the configured time zone, also when it was known with another.
        """
        with self._transaction() as cursor:
            cursor.execute(
                _SQL["raise_epoch"],
                {**self._me(), "roots": _json(self._instance.roots), "pid": self._instance.pid,
                 "host": self._instance.host},
            )  # fmt: skip
            self._epoch = _only(cursor)[0]
            cursor.execute(
                _SQL["set_time_zone"], {"station": self._instance.station, "time_zone": self._instance.time_zone}
            )

    def heartbeat(self, health: dict[str, Any]) -> None:
        """Say that this instance lives. Raises Fenced when a newer start took over."""
        with self._transaction() as cursor:
            cursor.execute(_SQL["heartbeat"], {**self._me(), "health": _json(health)})
            if cursor.rowcount != 1:
                raise self._fenced()

    def sign_off(self) -> None:
        """Say that this instance stopped, so that others may have its files at once."""
        with self._transaction() as cursor:
            cursor.execute(_SQL["sign_off"], self._me())

    def other_live_roots(self) -> dict[str, list[str]]:
        """Folders that other live instances of this machine read, by instance."""
        with self._transaction() as cursor:
            cursor.execute(_SQL["other_live_instances"], {**self._me(), "live_seconds": LIVE_SECONDS})
            return dict(cursor.fetchall())

    def families(self, families: Sequence[str], inodes: Sequence[tuple[int, int]]) -> list[Checkpoint]:
        """All generations of some rotation families, and of some inodes, on this machine, newest first.

        Args:
            families: live names.
            inodes: device and inode of files: one may have been renamed to a name of another family.
        """
        devices, numbers = zip(*inodes, strict=True) if inodes else ((), ())
        with self._transaction() as cursor:
            cursor.execute(
                _SQL["load_families"],
                {**self._me(), "families": list(families), "devices": list(devices), "inodes": list(numbers)},
            )
            return [_checkpoint(row) for row in cursor.fetchall()]

    def claim(self, generations: Sequence[int]) -> list[Checkpoint]:
        """Take generations over, as far as no other live instance owns them; gives those that are now ours."""
        with self._transaction() as cursor:
            cursor.execute(
                _SQL["claim"], {**self._me(), "generations": list(generations), "live_seconds": LIVE_SECONDS}
            )
            claimed = [row[0] for row in cursor.fetchall()]
            if not claimed:
                self._check_fence(cursor)
            cursor.execute(_SQL["load_generations"], {"generations": claimed})
            return [_checkpoint(row) for row in cursor.fetchall()]

    def create(self, path: str, family: str, compression: str, file_id: FileId, parser: tuple[str, int]) -> Checkpoint:
        """A new generation at offset 0. Raises CheckpointMoved when somebody else has just made it."""
        with self._transaction() as cursor:
            try:
                cursor.execute(
                    _SQL["create_generation"],
                    {**self._me(), **self._where(path, file_id), "family": family, "compression": compression,
                     "parser": parser[0], "parser_version": parser[1]},
                )  # fmt: skip
            except psycopg2.errors.UniqueViolation as error:
                raise CheckpointMoved(f"{path}: another process has just begun to read this file") from error
            if cursor.rowcount != 1:
                raise self._fenced()
            cursor.execute(_SQL["load_generations"], {"generations": [_only(cursor)[0]]})
            return _checkpoint(_only(cursor))

    def rebind(self, checkpoint: Checkpoint, path: str, compression: str, file_id: FileId) -> Checkpoint:
        """The generation goes on in another file: a copy or an archive of it."""
        with self._transaction() as cursor:
            cursor.execute(
                _SQL["rebind"],
                {**self._me(), **self._where(path, file_id), "compression": compression,
                 "generation": checkpoint.generation, "version": checkpoint.version},
            )  # fmt: skip
            if cursor.rowcount != 1:
                raise self._moved(cursor, checkpoint.path)
            cursor.execute(_SQL["load_generations"], {"generations": [checkpoint.generation]})
            return _checkpoint(_only(cursor))

    def replace(self, checkpoint: Checkpoint) -> None:
        """The file was truncated or rewritten: this generation is not in it any more."""
        with self._transaction() as cursor:
            cursor.execute(
                _SQL["replace"], {**self._me(), "generation": checkpoint.generation, "version": checkpoint.version}
            )
            if cursor.rowcount != 1:
                raise self._moved(cursor, checkpoint.path)

    def add_gap(self, checkpoint: Checkpoint, to_offset: int, reason: str) -> None:
        """Record bytes behind a generation's offset that nobody will ever read."""
        with self._transaction() as cursor:
            cursor.execute(
                _SQL["add_gaps"],
                {"generation": checkpoint.generation, "path": checkpoint.path, "from_offset": checkpoint.offset,
                 "to_offset": to_offset, "reason": reason},
            )  # fmt: skip

    def note_error(self, generation: int, message: str) -> None:
        """Keep a file's last error for `radiolog status`."""
        with self._transaction() as cursor:
            cursor.execute(_SQL["note_error"], {"generation": generation, "message": message})

    def commit(self, batches: Sequence[Batch]) -> None:
        """Make batches durable: all rows and all checkpoints, or nothing.

        Raises:
            CheckpointMoved: a checkpoint does not stand where its batch begins.
            Fenced: because a newer start of this instance took over.
            DatabaseError: anything else; see its subclasses for what to do.
        """
        self._ensure_partitions(batches)
        new_stations = {name for batch in batches for name in batch.stations} - self._known_stations
        with self._transaction() as cursor:
            for batch in sorted(batches, key=lambda batch: (batch.move.generation, batch.move.version)):
                self._advance(cursor, batch)
            if new_stations:
                cursor.execute(
                    _SQL["add_stations"], {"names": sorted(new_stations), "time_zone": self._instance.time_zone}
                )
            corrections = load_rows(cursor, batches)
            for generation in corrections.folded.keys() | corrections.refused.keys():
                folded, refused = corrections.folded[generation], corrections.refused[generation]
                cursor.execute(
                    _SQL["recount"],
                    {"generation": generation, "lines": folded + refused, "folded": folded, "dead_letters": refused,
                     "rows": corrections.rows[generation]},
                )  # fmt: skip
            queue_derivation(cursor, batches)
        self._known_stations |= new_stations

    def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # -- parts of a commit ----------------------------------------------------------------------------------------

    def _advance(self, cursor: Cursor, batch: Batch) -> None:
        move = batch.move
        counts = {name: batch.dispositions.get(name, 0) for name in _DISPOSITIONS}
        counts["dead_letters"] = counts.pop("dead_letter")
        cursor.execute(
            _SQL["advance"],
            {**counts, "generation": move.generation, "owner": move.owner, "owner_epoch": move.owner_epoch,
             "version": move.version, "from_offset": move.from_offset, "to_offset": move.to_offset,
             "head_length": move.head.length, "head_hash": move.head.digest, "proof_length": move.proof.length,
             "proof_hash": move.proof.digest, "size_bytes": move.size_bytes, "path": move.path, "state": move.state,
             "boot_id": self._instance.boot_id, "parser": batch.parser, "parser_version": batch.parser_version,
             "parser_state": _json(batch.parser_state) if batch.parser_state else None, "lines": batch.lines,
             "held": batch.held, "rows": batch.row_count},
        )  # fmt: skip
        if cursor.rowcount != 1:
            raise self._moved(cursor, move.path)
        if batch.rungs:
            offsets, hashes = zip(*batch.rungs, strict=True)
            cursor.execute(
                _SQL["add_rungs"], {"generation": move.generation, "offsets": list(offsets), "hashes": list(hashes)}
            )
        for gap in batch.gaps:
            cursor.execute(
                _SQL["add_gaps"],
                {"generation": move.generation, "path": move.path, "from_offset": gap.from_offset,
                 "to_offset": gap.to_offset, "reason": gap.reason},
            )  # fmt: skip

    def _ensure_partitions(self, batches: Sequence[Batch]) -> None:
        """Weeks are made before the rows that need them, in a transaction of their own: DDL locks are short."""
        weeks = metric_weeks(batches)
        for week in weeks.keys() - self._known_weeks:
            if weeks[week] is not None:
                with self._transaction() as cursor:
                    cursor.execute(_SQL["ensure_partition"], {"at": weeks[week]})
            self._known_weeks.add(week)

    # -- the fence ------------------------------------------------------------------------------------------------

    def _check_fence(self, cursor: Cursor) -> None:
        cursor.execute(_SQL["current_epoch"], {"instance": self._instance.name})
        row = cursor.fetchone()
        if row is None or row[0] != self._epoch:
            raise self._fenced()

    def _moved(self, cursor: Cursor, path: str) -> CheckpointMoved:
        self._check_fence(cursor)
        return CheckpointMoved(f"{path}: its checkpoint was moved by somebody else; reading it again from there")

    def _fenced(self) -> Fenced:
        return Fenced(
            f"another radiolog was started for the same folders ({', '.join(self._instance.roots)}) and has taken over"
        )

    # -- plumbing -------------------------------------------------------------------------------------------------

    def _me(self) -> dict[str, Any]:
        return {"instance": self._instance.name, "machine": self._instance.machine, "epoch": self._epoch}

    def _where(self, path: str, file_id: FileId) -> dict[str, Any]:
        return {
            "path": path, "device": file_id.device, "inode": file_id.inode, "birth_ns": file_id.birth_ns,
            "boot_id": self._instance.boot_id,
        }  # fmt: skip

    @contextmanager
    def _transaction(self) -> Iterator[Cursor]:
        if self._connection is None:
            self._connection = self._connect()
        connection = self._connection
        try:
            with connection.cursor() as cursor:
                yield cursor
            connection.commit()
        except psycopg2.Error as error:
            self.close()
            raise translate(error) from error
        except RadiologError:
            self.close()
            raise


def metric_weeks(batches: Sequence[Batch]) -> dict[tuple[int, int], datetime | None]:
    """The ISO weeks of the batches' metrics: a time of each, None where it is too far off for a partition."""
    weeks: dict[tuple[int, int], datetime | None] = {}
    for batch in batches:
        earliest, latest = batch.read_at - PARTITION_BACK, batch.read_at + PARTITION_AHEAD
        for row in batch.copied["system_metrics"]:
            calendar = row[0].isocalendar()
            weeks.setdefault((calendar.year, calendar.week), row[0] if earliest < row[0] < latest else None)
    return weeks


def _only(cursor: Cursor) -> tuple[Any, ...]:
    row = cursor.fetchone()
    assert row is not None  # noqa: S101 (the statement returns a row or raises)
    return row


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _checkpoint(row: tuple[Any, ...]) -> Checkpoint:
    (generation, device, inode, birth_ns, path, family, boot_id, head_length, head_hash, proof_length, proof_hash,
     offset, size_bytes, version, state, compression, owner, owner_epoch, parser, parser_version, parser_state,
     held) = row  # fmt: skip
    return Checkpoint(
        generation, FileId(device, inode, birth_ns), path, family, boot_id,
        Fingerprint(head_length, bytes(head_hash)), Fingerprint(proof_length, bytes(proof_hash)),
        offset, size_bytes, version, state, compression, owner, owner_epoch, parser, parser_version, parser_state, held,
    )  # fmt: skip
