"""What stays when raw rows are retired: 15-minute rollups and daily summaries. Part of `ingest.models`."""

from datetime import date, datetime
from decimal import Decimal

from sqlmodel import Field, SQLModel

from ingest.models.columns import bigint, double, numeric, timestamptz, varchar


class MetricRollup(SQLModel, table=True):
    """15 minutes of one metric."""

    __tablename__ = "metric_rollups"

    station: str = varchar(128, primary_key=True)
    service: str = varchar(64, primary_key=True)
    metric_name: str = varchar(128, primary_key=True)
    bucket_start: datetime = timestamptz(primary_key=True)
    sample_count: int = bigint()
    value_sum: Decimal = numeric()
    value_min: Decimal = numeric()
    value_max: Decimal = numeric()
    frozen: bool = False


class ErrorRollup(SQLModel, table=True):
    """15 minutes of one service's errors of one severity."""

    __tablename__ = "error_rollups"

    station: str = varchar(128, primary_key=True)
    service: str = varchar(64, primary_key=True)
    severity: str = varchar(16, primary_key=True)
    bucket_start: datetime = timestamptz(primary_key=True)
    row_count: int = bigint()
    occurrences: int = bigint()
    frozen: bool = False


class PlayRollup(SQLModel, table=True):
    """15 minutes of a station's plays."""

    __tablename__ = "play_rollups"

    station: str = varchar(128, primary_key=True)
    bucket_start: datetime = timestamptz(primary_key=True)
    play_count: int = bigint()
    plays_with_errors: int = bigint()
    play_seconds: float = double()
    frozen: bool = False


class RollupDirty(SQLModel, table=True):
    """A bucket whose raw rows changed since it was rolled up."""

    __tablename__ = "rollup_dirty"

    station: str = varchar(128, primary_key=True)
    bucket_start: datetime = timestamptz(primary_key=True)
    marked_at: datetime = timestamptz(server="now()")


class DailySummary(SQLModel, table=True):
    """A station's local calendar day; stays when its plays are retired."""

    __tablename__ = "daily_summaries"

    station: str = varchar(128, primary_key=True)
    day: date = Field(primary_key=True)
    play_count: int = bigint()
    unique_tracks: int = bigint()
    plays_with_errors: int = bigint()
    play_seconds: float = double()


class DailyTrackSummary(SQLModel, table=True):
    """A track's local calendar day at a station."""

    __tablename__ = "daily_track_summaries"

    station: str = varchar(128, primary_key=True)
    day: date = Field(primary_key=True)
    track_key: str = varchar(512, primary_key=True)
    artist: str = varchar(256)
    title: str = varchar(256)
    play_count: int = bigint()
    play_seconds: float = double()
