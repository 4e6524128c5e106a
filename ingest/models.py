"""The tables as SQLModel classes: the typed mirror of schema.sql, columns in the same order. Creates no table.

schema.sql is the truth; a test compares both with a live database. The daemon does not import this module (0.3 s,
57 MB): rows go in by COPY. An argument without default is a column without one, or one that the server fills in.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, DateTime, Double, LargeBinary, Numeric, Table, Text, inspect, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

_REQUIRED: Any = ...


class _UtcTime(DateTime):
    """TIMESTAMPTZ."""

    def __init__(self) -> None:
        super().__init__(timezone=True)


class _Json(JSONB):
    """JSONB in which None is NULL, not JSON's null."""

    def __init__(self) -> None:
        super().__init__(none_as_null=True)


def _column(sa_type: Any, default: Any, *, primary_key: bool = False, server: str = "", **options: Any) -> Any:
    """A column. `server`: the expression of its default where the server fills it in; `options`: of Column."""
    kwargs = {**options, **({"server_default": text(server)} if server else {})}
    return Field(default, sa_type=sa_type, primary_key=primary_key, sa_column_kwargs=kwargs)


def _id() -> Any:
    return _column(BigInteger, None, primary_key=True, info={"made_by_server": True})


def _bigint(default: Any = _REQUIRED, *, primary_key: bool = False) -> Any:
    return _column(BigInteger, default, primary_key=primary_key)


def _double(default: Any = _REQUIRED) -> Any:
    return _column(Double, default)


def _number() -> Any:
    return _column(Numeric, ...)


def _text(default: Any = _REQUIRED) -> Any:
    return _column(Text, default)


def _varchar(limit: int, default: Any = _REQUIRED, *, primary_key: bool = False) -> Any:
    return Field(default, max_length=limit, primary_key=primary_key)


def _bytes(default: Any = _REQUIRED) -> Any:
    return _column(LargeBinary, default)


def _time(default: Any = _REQUIRED, *, primary_key: bool = False, server: str = "") -> Any:
    return _column(_UtcTime, default, primary_key=primary_key, server=server)


def _json(default: Any = _REQUIRED, *, name: str = "", server: str = "") -> Any:
    options: dict[str, Any] = {"name": name} if name else {}
    return _column(_Json, default, server=server, nullable=default is None, **options)


class PlayHistory(SQLModel, table=True):
    """A play, once per station and play_key; from `ended_at` on the columns are the bookkeeper's."""

    __tablename__ = "play_history"
    id: int | None = _id()
    track_key: str = _varchar(512)
    artist: str = _varchar(256, "")
    title: str = _varchar(256, "")
    album: str | None = _varchar(256, None)
    azuracast_song_id: str | None = _varchar(128, None)
    loop_file_path: str | None = _varchar(1024, None)
    started_at: datetime = _time()
    expected_duration_seconds: float | None = _double(None)
    ffmpeg_pid: int | None = _bigint(None)
    details: Any = _json(None, name="metadata")
    station: str = _varchar(128)
    service: str = _varchar(64, "")
    host: str | None = _varchar(256, None)
    play_id: str | None = _varchar(256, None)
    play_key: str = _varchar(512)
    time_quality: str = _varchar(16, "exact")
    generation: int | None = _bigint(None)
    line_offset: int | None = _bigint(None)
    ended_at: datetime | None = _time(None)
    ended_by: str | None = _varchar(16, None)
    duration_seconds: float | None = _double(None)
    had_errors: bool = False
    error_message: str | None = _text(None)
    error_count: int = 0
    said_errors: bool = False
    said_message: str | None = _text(None)


class PlayEnd(SQLModel, table=True):
    """What a writer said about the end of a play."""

    __tablename__ = "play_ends"
    id: int | None = _id()
    station: str = _varchar(128)
    ended_at: datetime = _time()
    play_id: str | None = _varchar(256, None)
    had_errors: bool = False
    error_message: str | None = _text(None)
    details: Any = _json(None, name="metadata")
    service: str = _varchar(64, "")
    host: str | None = _varchar(256, None)
    time_quality: str = _varchar(16, "exact")
    generation: int | None = _bigint(None)
    line_offset: int | None = _bigint(None)


class ErrorLog(SQLModel, table=True):
    """An error, or a warning, with how often it was said."""

    __tablename__ = "error_log"
    id: int | None = _id()
    timestamp: datetime = _time()
    service: str = _varchar(64)
    severity: str = _varchar(16)
    message: str = _text()
    context: Any = _json(None)
    stack_trace: str | None = _text(None)
    station: str = _varchar(128)
    host: str | None = _varchar(256, None)
    play_id: str | None = _varchar(256, None)
    category: str | None = _varchar(64, None)
    template: str | None = _varchar(512, None)
    noise: bool = False
    occurrences: int = 1
    time_quality: str = _varchar(16, "exact")
    generation: int | None = _bigint(None)
    line_offset: int | None = _bigint(None)
    play_history_id: int | None = _bigint(None)
    resolved: bool = False
    resolved_at: datetime | None = _time(None)


class ErrorResolution(SQLModel, table=True):
    """What a writer said about errors being over."""

    __tablename__ = "error_resolutions"
    id: int | None = _id()
    station: str = _varchar(128)
    resolved_at: datetime = _time()
    error_id: int | None = _bigint(None)
    service: str | None = _varchar(64, None)
    template: str | None = _varchar(512, None)
    generation: int | None = _bigint(None)
    line_offset: int | None = _bigint(None)


class SystemMetric(SQLModel, table=True):
    """A measured number; partitioned by week, its id is not declared a key."""

    __tablename__ = "system_metrics"
    id: int | None = _id()
    timestamp: datetime = _time()
    metric_name: str = _varchar(128)
    metric_value: Decimal = _number()
    unit: str | None = _varchar(32, None)
    service: str = _varchar(64)
    details: Any = _json(None, name="metadata")
    station: str = _varchar(128)
    host: str | None = _varchar(256, None)
    time_quality: str = _varchar(16, "exact")
    generation: int | None = _bigint(None)
    line_offset: int | None = _bigint(None)


class StreamSession(SQLModel, table=True):
    """An FFmpeg process, known by its first line."""

    __tablename__ = "stream_sessions"
    id: int | None = _id()
    station: str = _varchar(128)
    session_key: str = _varchar(64)
    service: str = _varchar(64, "")
    host: str | None = _varchar(256, None)
    pid: int | None = _bigint(None)
    ffmpeg_version: str | None = _varchar(128, None)
    inputs: Any = _json(None)
    outputs: Any = _json(None)
    mapping: Any = _json(None)
    started_at: datetime | None = _time(None)
    ended_at: datetime | None = _time(None)
    time_quality: str = _varchar(16, "unknown")
    end_kind: str = _varchar(16, "running")
    signal: int | None = None
    exit_guess: int | None = None
    cause: str | None = _text(None)
    cause_category: str | None = _varchar(64, None)
    first_progress_at: datetime | None = _time(None)
    last_progress_at: datetime | None = _time(None)
    progress_count: int = _bigint(default=0)
    frames: int | None = _bigint(None)
    size_bytes: int | None = _bigint(None)
    out_time_seconds: float | None = _double(None)
    fps: float | None = _double(None)
    speed_average: float | None = _double(None)
    speed_worst: float | None = _double(None)
    dup_frames: int | None = _bigint(None)
    drop_frames: int | None = _bigint(None)
    summary: Any = _json(None)
    generation: int | None = _bigint(None)
    line_offset: int | None = _bigint(None)


class Station(SQLModel, table=True):
    """A station and its time zone."""

    __tablename__ = "stations"
    name: str = _varchar(128, primary_key=True)
    time_zone: str = _varchar(64, "UTC")
    created_at: datetime = _time(server="now()")


class MaintenanceWindow(SQLModel, table=True):
    """A planned span [from_time, to_time) that does not count as down."""

    __tablename__ = "maintenance_windows"
    id: int | None = _id()
    station: str = _varchar(128)
    from_time: datetime = _time()
    to_time: datetime = _time()
    reason: str | None = _text(None)
    created_at: datetime = _time(server="now()")


class IngestInstance(SQLModel, table=True):
    """A daemon, or a backfill, of one machine; a newer start of it raises the epoch."""

    __tablename__ = "ingest_instances"
    instance: str = _varchar(256, primary_key=True)
    machine: str = _varchar(64)
    epoch: int = _bigint(default=1)
    roots: Any = _json(server="'[]'::jsonb")
    pid: int | None = _bigint(None)
    host: str | None = _varchar(256, None)
    started_at: datetime = _time(server="now()")
    heartbeat_at: datetime = _time(server="now()")
    stopped_at: datetime | None = _time(None)
    health: Any = _json(None)


class IngestFile(SQLModel, table=True):
    """The checkpoint and ledger of one generation of a log file."""

    __tablename__ = "ingest_files"
    generation: int | None = _id()
    machine: str = _varchar(64)
    owner: str = _varchar(256)
    owner_epoch: int = _bigint()
    path: str = _text()
    family: str = _text()
    compression: str = _varchar(8, "")
    device: int = _bigint()
    inode: int = _bigint()
    birth_ns: int = _bigint(default=0)
    boot_id: str = _varchar(64, "")
    head_length: int = 0
    head_hash: bytes = _bytes(default=b"")
    proof_length: int = 0
    proof_hash: bytes = _bytes(default=b"")
    committed_offset: int = _bigint(default=0)
    size_bytes: int = _bigint(default=0)
    version: int = _bigint(default=0)
    state: str = _varchar(16, "active")
    parser: str = _varchar(32)
    parser_version: int
    parser_state: Any = _json(None)
    lines: int = _bigint(default=0)
    stored: int = _bigint(default=0)
    folded: int = _bigint(default=0)
    below_threshold: int = _bigint(default=0)
    blank: int = _bigint(default=0)
    duplicate: int = _bigint(default=0)
    dead_letters: int = _bigint(default=0)
    held: int = _bigint(default=0)
    rows_stored: int = _bigint(default=0)
    rows_retired: int = _bigint(default=0)
    created_at: datetime = _time(server="now()")
    updated_at: datetime = _time(server="now()")
    finished_at: datetime | None = _time(None)
    last_error: str | None = _text(None)


class LadderRung(SQLModel, table=True):
    """The hash of the window before a MiB boundary of a generation."""

    __tablename__ = "ingest_ladder"
    generation: int = _bigint(primary_key=True)
    at_offset: int = _bigint(primary_key=True)
    window_hash: bytes = _bytes()


class DeadLetter(SQLModel, table=True):
    """A line that could not become a row, redacted."""

    __tablename__ = "dead_letters"
    id: int | None = _id()
    generation: int = _bigint()
    from_offset: int = _bigint()
    to_offset: int = _bigint()
    path: str = _text()
    reason: str = _varchar(64)
    detail: str = _text("")
    line: bytes = _bytes()
    raw_sha256: bytes = _bytes()
    parser: str = _varchar(32)
    parser_version: int
    arrived_at: datetime = _time(server="now()")
    replayed_at: datetime | None = _time(None)


class IngestGap(SQLModel, table=True):
    """Bytes [from_offset, to_offset) that nobody will ever read."""

    __tablename__ = "ingest_gaps"
    id: int | None = _id()
    generation: int = _bigint()
    path: str = _text()
    from_offset: int = _bigint()
    to_offset: int = _bigint()
    reason: str = _varchar(32)
    detected_at: datetime = _time(server="now()")


class DeriveQueueEntry(SQLModel, table=True):
    """A span of a station that the bookkeeper has yet to look at."""

    __tablename__ = "derive_queue"
    id: int | None = _id()
    station: str = _varchar(128)
    from_time: datetime = _time()
    to_time: datetime = _time()
    queued_at: datetime = _time(server="now()")


class MetricRollup(SQLModel, table=True):
    """15 minutes of one metric."""

    __tablename__ = "metric_rollups"
    station: str = _varchar(128, primary_key=True)
    service: str = _varchar(64, primary_key=True)
    metric_name: str = _varchar(128, primary_key=True)
    bucket_start: datetime = _time(primary_key=True)
    sample_count: int = _bigint()
    value_sum: Decimal = _number()
    value_min: Decimal = _number()
    value_max: Decimal = _number()
    frozen: bool = False


class ErrorRollup(SQLModel, table=True):
    """15 minutes of one service's errors of one severity."""

    __tablename__ = "error_rollups"
    station: str = _varchar(128, primary_key=True)
    service: str = _varchar(64, primary_key=True)
    severity: str = _varchar(16, primary_key=True)
    bucket_start: datetime = _time(primary_key=True)
    row_count: int = _bigint()
    occurrences: int = _bigint()
    frozen: bool = False


class PlayRollup(SQLModel, table=True):
    """15 minutes of a station's plays."""

    __tablename__ = "play_rollups"
    station: str = _varchar(128, primary_key=True)
    bucket_start: datetime = _time(primary_key=True)
    play_count: int = _bigint()
    plays_with_errors: int = _bigint()
    play_seconds: float = _double()
    frozen: bool = False


class RollupDirty(SQLModel, table=True):
    """A bucket whose raw rows changed since it was rolled up."""

    __tablename__ = "rollup_dirty"
    station: str = _varchar(128, primary_key=True)
    bucket_start: datetime = _time(primary_key=True)
    marked_at: datetime = _time(server="now()")


class DailySummary(SQLModel, table=True):
    """A station's local calendar day; stays when its plays are retired."""

    __tablename__ = "daily_summaries"
    station: str = _varchar(128, primary_key=True)
    day: date = Field(primary_key=True)
    play_count: int = _bigint()
    unique_tracks: int = _bigint()
    plays_with_errors: int = _bigint()
    play_seconds: float = _double()


class DailyTrackSummary(SQLModel, table=True):
    """A track's local calendar day at a station."""

    __tablename__ = "daily_track_summaries"
    station: str = _varchar(128, primary_key=True)
    day: date = Field(primary_key=True)
    track_key: str = _varchar(512, primary_key=True)
    artist: str = _varchar(256)
    title: str = _varchar(256)
    play_count: int = _bigint()
    play_seconds: float = _double()


class OutboxMessage(SQLModel, table=True):
    """A notification to be sent at least once."""

    __tablename__ = "notification_outbox"
    id: int | None = _id()
    dedupe_key: str = _varchar(256)
    station: str | None = _varchar(128, None)
    kind: str = _varchar(64)
    payload: Any = _json()
    state: str = _varchar(16, "pending")
    attempts: int = 0
    next_attempt_at: datetime = _time(server="now()")
    created_at: datetime = _time(server="now()")
    sent_at: datetime | None = _time(None)
    last_error: str | None = _text(None)


class AlertState(SQLModel, table=True):
    """Whether an alert of a station is firing, and since when."""

    __tablename__ = "alert_state"
    station: str = _varchar(128, primary_key=True)
    alert: str = _varchar(64, primary_key=True)
    state: str = _varchar(16)
    since: datetime = _time()
    updated_at: datetime = _time(server="now()")
    detail: Any = _json(None)


class SchemaVersion(SQLModel, table=True):
    """A version of schema.sql that was applied."""

    __tablename__ = "schema_version"
    version: int = Field(primary_key=True)
    applied_at: datetime = _time(server="now()")


MODELS: tuple[type[SQLModel], ...] = (
    PlayHistory, PlayEnd, ErrorLog, ErrorResolution, SystemMetric, StreamSession, Station, MaintenanceWindow,
    IngestInstance, IngestFile, LadderRung, DeadLetter, IngestGap, DeriveQueueEntry, MetricRollup, ErrorRollup,
    PlayRollup, RollupDirty, DailySummary, DailyTrackSummary, OutboxMessage, AlertState, SchemaVersion,
)  # fmt: skip


def table_of(model: type[SQLModel]) -> Table:
    """SQLAlchemy's table of a model."""
    table = inspect(model).local_table
    if not isinstance(table, Table):
        raise TypeError(f"{model.__name__} is not a table")
    return table


def copy_columns(model: type[SQLModel]) -> tuple[str, ...]:
    """The columns' names in order, without the number that the server makes."""
    return tuple(column.name for column in table_of(model).columns if not column.info.get("made_by_server"))
