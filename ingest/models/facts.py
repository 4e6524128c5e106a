"""What happened: stations, plays, errors, metrics, encoder sessions. Part of `ingest.models`."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlmodel import SQLModel

from ingest.models.columns import bigint, double, jsonb, long_text, numeric, server_number, timestamptz, varchar


class Station(SQLModel, table=True):
    """A station and its time zone."""

    __tablename__ = "stations"

    name: str = varchar(128, primary_key=True)
    time_zone: str = varchar(64, "UTC")
    created_at: datetime = timestamptz(server="now()")


class MaintenanceWindow(SQLModel, table=True):
    """A planned span [from_time, to_time) that does not count as down."""

    __tablename__ = "maintenance_windows"

    id: int | None = server_number()
    station: str = varchar(128)
    from_time: datetime = timestamptz()
    to_time: datetime = timestamptz()
    reason: str | None = long_text(None)
    created_at: datetime = timestamptz(server="now()")


class PlayHistory(SQLModel, table=True):
    """A play, once per station and play_key; from `ended_at` on the columns are the bookkeeper's."""

    __tablename__ = "play_history"

    id: int | None = server_number()
    track_key: str = varchar(512)
    artist: str = varchar(256, "")
    title: str = varchar(256, "")
    album: str | None = varchar(256, None)
    azuracast_song_id: str | None = varchar(128, None)
    loop_file_path: str | None = varchar(1024, None)
    started_at: datetime = timestamptz()
    expected_duration_seconds: float | None = double(None)
    ffmpeg_pid: int | None = bigint(None)
    details: Any = jsonb(None, name="metadata")
    station: str = varchar(128)
    service: str = varchar(64, "")
    host: str | None = varchar(256, None)
    play_id: str | None = varchar(256, None)
    play_key: str = varchar(512)
    time_quality: str = varchar(16, "exact")
    generation: int | None = bigint(None)
    line_offset: int | None = bigint(None)
    ended_at: datetime | None = timestamptz(None)
    ended_by: str | None = varchar(16, None)
    duration_seconds: float | None = double(None)
    had_errors: bool = False
    error_message: str | None = long_text(None)
    error_count: int = 0
    said_errors: bool = False
    said_message: str | None = long_text(None)
    retired_errors: int = 0


class PlayEnd(SQLModel, table=True):
    """What a writer said about the end of a play."""

    __tablename__ = "play_ends"

    id: int | None = server_number()
    station: str = varchar(128)
    ended_at: datetime = timestamptz()
    play_id: str | None = varchar(256, None)
    had_errors: bool = False
    error_message: str | None = long_text(None)
    details: Any = jsonb(None, name="metadata")
    service: str = varchar(64, "")
    host: str | None = varchar(256, None)
    time_quality: str = varchar(16, "exact")
    generation: int | None = bigint(None)
    line_offset: int | None = bigint(None)


class ErrorLog(SQLModel, table=True):
    """An error, or a warning, with how often it was said."""

    __tablename__ = "error_log"

    id: int | None = server_number()
    timestamp: datetime = timestamptz()
    service: str = varchar(64)
    severity: str = varchar(16)
    message: str = long_text()
    context: Any = jsonb(None)
    stack_trace: str | None = long_text(None)
    station: str = varchar(128)
    host: str | None = varchar(256, None)
    play_id: str | None = varchar(256, None)
    category: str | None = varchar(64, None)
    template: str | None = varchar(512, None)
    noise: bool = False
    occurrences: int = 1
    time_quality: str = varchar(16, "exact")
    generation: int | None = bigint(None)
    line_offset: int | None = bigint(None)
    play_history_id: int | None = bigint(None)
    resolved: bool = False
    resolved_at: datetime | None = timestamptz(None)


class ErrorResolution(SQLModel, table=True):
    """What a writer said about errors being over."""

    __tablename__ = "error_resolutions"

    id: int | None = server_number()
    station: str = varchar(128)
    resolved_at: datetime = timestamptz()
    error_id: int | None = bigint(None)
    service: str | None = varchar(64, None)
    template: str | None = varchar(512, None)
    generation: int | None = bigint(None)
    line_offset: int | None = bigint(None)


class SystemMetric(SQLModel, table=True):
    """A measured number; partitioned by week, its id is not declared a key."""

    __tablename__ = "system_metrics"

    id: int | None = server_number()
    timestamp: datetime = timestamptz()
    metric_name: str = varchar(128)
    metric_value: Decimal = numeric()
    unit: str | None = varchar(32, None)
    service: str = varchar(64)
    details: Any = jsonb(None, name="metadata")
    station: str = varchar(128)
    host: str | None = varchar(256, None)
    time_quality: str = varchar(16, "exact")
    generation: int | None = bigint(None)
    line_offset: int | None = bigint(None)


class StreamSession(SQLModel, table=True):
    """An FFmpeg process, known by its first line."""

    __tablename__ = "stream_sessions"

    id: int | None = server_number()
    station: str = varchar(128)
    session_key: str = varchar(64)
    service: str = varchar(64, "")
    host: str | None = varchar(256, None)
    pid: int | None = bigint(None)
    ffmpeg_version: str | None = varchar(128, None)
    inputs: Any = jsonb(None)
    outputs: Any = jsonb(None)
    mapping: Any = jsonb(None)
    started_at: datetime | None = timestamptz(None)
    ended_at: datetime | None = timestamptz(None)
    time_quality: str = varchar(16, "unknown")
    end_kind: str = varchar(16, "running")
    signal: int | None = None
    exit_guess: int | None = None
    cause: str | None = long_text(None)
    cause_category: str | None = varchar(64, None)
    first_progress_at: datetime | None = timestamptz(None)
    last_progress_at: datetime | None = timestamptz(None)
    progress_count: int = bigint(default=0)
    frames: int | None = bigint(None)
    size_bytes: int | None = bigint(None)
    out_time_seconds: float | None = double(None)
    fps: float | None = double(None)
    speed_average: float | None = double(None)
    speed_worst: float | None = double(None)
    dup_frames: int | None = bigint(None)
    drop_frames: int | None = bigint(None)
    warning_count: int = bigint(default=0)
    error_count: int = bigint(default=0)
    stall_count: int = 0
    stall_seconds: float = double(default=0)
    first_out_time_seconds: float | None = double(None)
    summary: Any = jsonb(None)
    generation: int | None = bigint(None)
    line_offset: int | None = bigint(None)
