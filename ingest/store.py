"""PostgreSQL as the daemon uses it: checkpoints, and the one transaction that makes lines durable."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 (a class under a function's name)
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from ingest.batch import Batch, Gap
from ingest.checkpoint_rows import checkpoint_of, parameters_of
from ingest.errors import CheckpointMoved
from ingest.foreseen import USUAL, Thresholds
from ingest.identity import (
    BEGINNING,
    Checkpoint,
    FileId,
    Observed,
    Position,
    compression_of,
    stored_path,
)
from ingest.instances import LIVE_SECONDS, Instance, Member, as_json, only
from ingest.loading import add_runs, load_rows, queue_derivation
from ingest.prepared import Prepared, prepare
from ingest.queries import load
from ingest.supervisor import Supervisor

READ_BEFORE = "read_before"  # a gap that is none: these bytes were read as an earlier generation
PARTITION_BACK = timedelta(days=800)
PARTITION_AHEAD = timedelta(days=14)
_WEEK = timedelta(days=7)

_SQL = load("ingest", "store.sql")
_DISPOSITIONS = ("stored", "folded", "below_threshold", "blank", "duplicate", "dead_letter")


class Store(Member):
    """Checkpoints and batches of one instance.

    Args:
        connect, instance, supervisor: as for `Member`.
        thresholds: the bookkeeper's.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        instance: Instance,
        supervisor: Supervisor | None = None,
        thresholds: Thresholds = USUAL,
    ) -> None:
        super().__init__(connect, instance, supervisor)
        self._thresholds = thresholds
        self._known_stations: set[str] = set()
        self._known_weeks: set[tuple[int, int]] = set()

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
            return [checkpoint_of(row) for row in cursor.fetchall()]

    def claim(self, generations: Sequence[int]) -> list[Checkpoint]:
        """Take generations over, as far as no other live instance owns them; gives those that are now ours.

        In a database that was restored from a backup this instance first takes over from itself.
        """
        if self._forgotten:
            self.take_over()
        with self._transaction() as cursor:
            cursor.execute(
                _SQL["claim"], {**self._me(), "generations": list(generations), "live_seconds": LIVE_SECONDS}
            )
            claimed = [row[0] for row in cursor.fetchall()]
            if not claimed:
                self._check_fence(cursor)
            cursor.execute(_SQL["load_generations"], {"generations": claimed})
            return [checkpoint_of(row) for row in cursor.fetchall()]

    def create(self, path: str, family: str, compression: str, file_id: FileId, parser: tuple[str, int]) -> Checkpoint:
        """A new generation at offset 0. Raises CheckpointMoved when somebody else has just made it."""
        with self._transaction() as cursor:
            try:
                cursor.execute(
                    _SQL["create_generation"],
                    {**self._me(), **self._where(path, file_id), "family": family, "compression": compression,
                     "parser": parser[0], "parser_version": parser[1], **parameters_of(BEGINNING)},
                )  # fmt: skip
            except psycopg2.errors.UniqueViolation as error:
                raise CheckpointMoved(f"{path}: another process has just begun to read this file") from error
            if cursor.rowcount != 1:
                raise self._moved(cursor, path)
            return self._loaded(cursor, only(cursor)[0])

    def rebind(self, checkpoint: Checkpoint, family: str, where: Observed) -> Checkpoint:
        """The generation goes on in another file: a copy or an archive of it. What it has of a gap is none any more."""
        path = stored_path(where.path)
        with self._transaction() as cursor:
            cursor.execute(
                _SQL["rebind"],
                {**self._me(), **self._where(path, where.file_id), "compression": compression_of(path),
                 "family": family, "generation": checkpoint.generation, "version": checkpoint.version},
            )  # fmt: skip
            if cursor.rowcount != 1:
                raise self._moved(cursor, checkpoint.path)
            known_bytes = None if compression_of(path) else where.size_bytes
            cursor.execute(_SQL["heal_gaps"], {"generation": checkpoint.generation, "size_bytes": known_bytes})
            cursor.execute(_SQL["shrink_gaps"], {"generation": checkpoint.generation, "size_bytes": known_bytes})
            return self._loaded(cursor, checkpoint.generation)

    def replace(self, checkpoint: Checkpoint, gaps: Sequence[Gap]) -> None:
        """The file was truncated or rewritten: this generation is not in it any more, and what was unread is a gap."""
        with self._transaction() as cursor:
            self._replace(cursor, checkpoint)
            _add_gaps(cursor, checkpoint.generation, checkpoint.path, gaps)

    def succeed(self, checkpoint: Checkpoint, position: Position) -> Checkpoint:
        """A new generation takes over a file that lost its tail, and goes on at a position: what is before was read."""
        known = checkpoint
        with self._transaction() as cursor:
            self._replace(cursor, known)
            cursor.execute(
                _SQL["create_generation"],
                {**self._me(), **self._where(known.path, known.file_id), "family": known.family,
                 "compression": known.compression, "parser": known.parser, "parser_version": known.parser_version,
                 **parameters_of(position)},
            )  # fmt: skip
            generation = only(cursor)[0]
            _add_gaps(cursor, generation, known.path, [Gap(0, position.offset, READ_BEFORE)])
            return self._loaded(cursor, generation)

    def load(self, generation: int) -> Checkpoint:
        """A checkpoint as the database has it now."""
        with self._transaction() as cursor:
            return self._loaded(cursor, generation)

    def ladder(self, generation: int) -> list[tuple[int, bytes]]:
        """Offsets, and hashes of the windows before them."""
        with self._transaction() as cursor:
            cursor.execute(_SQL["ladder"], {"generation": generation})
            return [(offset, bytes(digest)) for offset, digest in cursor.fetchall()]

    def unfinished(self) -> list[Checkpoint]:
        """Generations of this machine that are not over, or whose parser holds lines, and that nobody alive reads."""
        with self._transaction() as cursor:
            cursor.execute(_SQL["unfinished"], {**self._me(), "live_seconds": LIVE_SECONDS})
            return [checkpoint_of(row) for row in cursor.fetchall()]

    def note_error(self, generation: int, message: str) -> None:
        """Keep a file's last error for `radiolog status`."""
        with self._transaction() as cursor:
            cursor.execute(_SQL["note_error"], {"generation": generation, "message": message})

    def prepare(self, batches: Sequence[Batch]) -> Prepared:
        """Make ready what batches store. Any thread may do it, while another one commits."""
        return prepare(batches, self._thresholds)

    def commit(self, prepared: Prepared) -> None:
        """Make batches durable: all rows and all checkpoints, or nothing.

        Raises:
            CheckpointMoved: a checkpoint does not stand where its batch begins.
            Fenced: because a newer start of this instance took over.
            DatabaseError: anything else; see its subclasses for what to do.
        """
        batches = prepared.batches
        self._ensure_partitions(batches)
        new_stations = {name for batch in batches for name in batch.stations} - self._known_stations
        with self._transaction() as cursor:
            for batch in sorted(batches, key=lambda batch: (batch.move.generation, batch.move.version)):
                self._advance(cursor, batch)
            if new_stations:
                cursor.execute(
                    _SQL["add_stations"], {"names": sorted(new_stations), "time_zone": self._instance.time_zone}
                )
            add_runs(cursor, batches)
            corrections = load_rows(cursor, prepared, self._thresholds)
            for generation in corrections.rows:
                folded, refused = corrections.folded[generation], corrections.refused[generation]
                cursor.execute(
                    _SQL["recount"],
                    {"generation": generation, "lines": folded + refused, "folded": folded, "dead_letters": refused,
                     "rows": corrections.rows[generation]},
                )  # fmt: skip
            queue_derivation(cursor, batches)
        self._known_stations |= new_stations

    def close(self) -> None:
        """Give the connection back. What the next one finds may be another database, or an older state of this one."""
        self._known_stations.clear()
        self._known_weeks.clear()
        super().close()

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
             "proof_hash": move.proof.digest, "size_bytes": move.size_bytes, "path": move.path, "family": move.family,
             "state": move.state,
             "boot_id": self._instance.boot_id, "parser": batch.parser, "parser_version": batch.parser_version,
             "parser_state": as_json(batch.parser_state) if batch.parser_state else None, "lines": batch.lines,
             "held": batch.held, "rows": batch.row_count},
        )  # fmt: skip
        if cursor.rowcount != 1:
            raise self._moved(cursor, move.path)
        if batch.rungs:
            offsets, hashes = zip(*batch.rungs, strict=True)
            cursor.execute(
                _SQL["add_rungs"], {"generation": move.generation, "offsets": list(offsets), "hashes": list(hashes)}
            )
        _add_gaps(cursor, move.generation, move.path, batch.gaps)

    def _ensure_partitions(self, batches: Sequence[Batch]) -> None:
        """Weeks are made before the rows that need them, in a transaction of their own: DDL locks are short."""
        weeks = metric_weeks(batches)
        for week in weeks.keys() - self._known_weeks:
            if weeks[week] is not None:
                with self._transaction() as cursor:
                    cursor.execute(_SQL["ensure_partition"], {"at": weeks[week]})
            self._known_weeks.add(week)

    def _replace(self, cursor: Cursor, checkpoint: Checkpoint) -> None:
        cursor.execute(
            _SQL["replace"], {**self._me(), "generation": checkpoint.generation, "version": checkpoint.version}
        )
        if cursor.rowcount != 1:
            raise self._moved(cursor, checkpoint.path)

    @staticmethod
    def _loaded(cursor: Cursor, generation: int) -> Checkpoint:
        cursor.execute(_SQL["load_generations"], {"generations": [generation]})
        return checkpoint_of(only(cursor))

    def _where(self, path: str, file_id: FileId) -> dict[str, Any]:
        return {
            "path": path, "device": file_id.device, "inode": file_id.inode, "birth_ns": file_id.birth_ns,
            "boot_id": self._instance.boot_id,
        }  # fmt: skip


def metric_weeks(batches: Sequence[Batch]) -> dict[tuple[int, int], datetime | None]:
    """The ISO weeks of the batches' metrics: a time of each, None where it is too far off for a partition."""
    weeks: dict[tuple[int, int], datetime | None] = {}
    for batch in batches:
        earliest, latest = batch.read_at - PARTITION_BACK, batch.read_at + PARTITION_AHEAD
        for first, last in chain.from_iterable(batch.metric_spans.values()):
            at = first
            while at <= last:  # a span has metrics in each hour, so in each week
                calendar = at.isocalendar()
                weeks.setdefault((calendar.year, calendar.week), at if earliest < at < latest else None)
                at = min(at + _WEEK, last) if at < last else at + _WEEK
    return weeks


def _add_gaps(cursor: Cursor, generation: int, path: str, gaps: Iterable[Gap]) -> None:
    for gap in gaps:
        cursor.execute(
            _SQL["add_gaps"],
            {"generation": generation, "path": path, "from_offset": gap.from_offset, "to_offset": gap.to_offset,
             "reason": gap.reason},
        )  # fmt: skip
