"""What the programs keep for themselves: checkpoints, dead letters, queues, alerts. Part of `ingest.models`."""

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from ingest.models.columns import (
    bigint,
    bytea,
    int8multirange,
    jsonb,
    long_text,
    server_number,
    timestamptz,
    varchar,
)


class IngestInstance(SQLModel, table=True):
    """A daemon, or a backfill, of one machine; a newer start of it raises the epoch."""

    __tablename__ = "ingest_instances"

    instance: str = varchar(256, primary_key=True)
    machine: str = varchar(64)
    epoch: int = bigint(default=1)
    roots: Any = jsonb(server="'[]'::jsonb")
    pid: int | None = bigint(None)
    host: str | None = varchar(256, None)
    started_at: datetime = timestamptz(server="now()")
    heartbeat_at: datetime = timestamptz(server="now()")
    stopped_at: datetime | None = timestamptz(None)
    health: Any = jsonb(None)


class IngestFile(SQLModel, table=True):
    """The checkpoint and ledger of one generation of a log file."""

    __tablename__ = "ingest_files"

    generation: int | None = server_number()
    machine: str = varchar(64)
    owner: str = varchar(256)
    owner_epoch: int = bigint()
    path: str = long_text()
    family: str = long_text()
    compression: str = varchar(8, "")
    device: int = bigint()
    inode: int = bigint()
    birth_ns: int = bigint(default=0)
    boot_id: str = varchar(64, "")
    head_length: int = 0
    head_hash: bytes = bytea(default=b"")
    proof_length: int = 0
    proof_hash: bytes = bytea(default=b"")
    committed_offset: int = bigint(default=0)
    size_bytes: int = bigint(default=0)
    version: int = bigint(default=0)
    state: str = varchar(16, "active")
    parser: str = varchar(32)
    parser_version: int
    parser_state: Any = jsonb(None)
    lines: int = bigint(default=0)
    stored: int = bigint(default=0)
    folded: int = bigint(default=0)
    below_threshold: int = bigint(default=0)
    blank: int = bigint(default=0)
    duplicate: int = bigint(default=0)
    dead_letters: int = bigint(default=0)
    held: int = bigint(default=0)
    rows_stored: int = bigint(default=0)
    rows_retired: int = bigint(default=0)
    letters_retired: int = bigint(default=0)
    created_at: datetime = timestamptz(server="now()")
    updated_at: datetime = timestamptz(server="now()")
    finished_at: datetime | None = timestamptz(None)
    last_error: str | None = long_text(None)


class LadderRung(SQLModel, table=True):
    """The hash of the window before a MiB boundary of a generation."""

    __tablename__ = "ingest_ladder"

    generation: int = bigint(primary_key=True)
    at_offset: int = bigint(primary_key=True)
    window_hash: bytes = bytea()


class DeadLetter(SQLModel, table=True):
    """A line that could not become a row, redacted."""

    __tablename__ = "dead_letters"

    id: int | None = server_number()
    generation: int = bigint()
    from_offset: int = bigint()
    to_offset: int = bigint()
    path: str = long_text()
    reason: str = varchar(64)
    detail: str = long_text("")
    line: bytes = bytea()
    raw_sha256: bytes = bytea()
    parser: str = varchar(32)
    parser_version: int
    arrived_at: datetime = timestamptz(server="now()")
    replayed_at: datetime | None = timestamptz(None)


class IngestGap(SQLModel, table=True):
    """Bytes [from_offset, to_offset) that nobody will ever read."""

    __tablename__ = "ingest_gaps"

    id: int | None = server_number()
    generation: int = bigint()
    path: str = long_text()
    from_offset: int = bigint()
    to_offset: int = bigint()
    reason: str = varchar(32)
    detected_at: datetime = timestamptz(server="now()")


class IngestRun(SQLModel, table=True):
    """Which numbered lines of a producer's run a generation held."""

    __tablename__ = "ingest_runs"

    generation: int = bigint(primary_key=True)
    run_id: str = varchar(128, primary_key=True)
    lines: int = bigint()
    seqs: Any = int8multirange()
    repeated: Any = int8multirange()
    irregular: bool = False


class ForgottenLines(SQLModel, table=True):
    """The counters of a service's checkpoints that retention removed."""

    __tablename__ = "ingest_forgotten"

    machine: str = varchar(64, primary_key=True)
    service: str = varchar(255, primary_key=True)
    stored: int = bigint()
    folded: int = bigint()
    below_threshold: int = bigint()
    blank: int = bigint()
    duplicate: int = bigint()
    committed_offset: int = bigint()


class DeriveQueueEntry(SQLModel, table=True):
    """A span of a station that the bookkeeper has yet to look at."""

    __tablename__ = "derive_queue"

    id: int | None = server_number()
    station: str = varchar(128)
    from_time: datetime = timestamptz()
    to_time: datetime = timestamptz()
    queued_at: datetime = timestamptz(server="now()")


class OutboxMessage(SQLModel, table=True):
    """A notification to be sent at least once."""

    __tablename__ = "notification_outbox"

    id: int | None = server_number()
    dedupe_key: str = varchar(256)
    target: str = varchar(64, "")
    station: str | None = varchar(128, None)
    kind: str = varchar(64)
    payload: Any = jsonb()
    state: str = varchar(16, "pending")
    attempts: int = 0
    next_attempt_at: datetime = timestamptz(server="now()")
    created_at: datetime = timestamptz(server="now()")
    sent_at: datetime | None = timestamptz(None)
    last_error: str | None = long_text(None)


class AlertState(SQLModel, table=True):
    """Whether an alert of a station is firing, and since when."""

    __tablename__ = "alert_state"

    station: str = varchar(128, primary_key=True)
    alert: str = varchar(64, primary_key=True)
    state: str = varchar(16)
    since: datetime = timestamptz()
    updated_at: datetime = timestamptz(server="now()")
    detail: Any = jsonb(None)


class SchemaVersion(SQLModel, table=True):
    """A version of schema.sql that was applied."""

    __tablename__ = "schema_version"

    version: int = Field(primary_key=True)
    applied_at: datetime = timestamptz(server="now()")
