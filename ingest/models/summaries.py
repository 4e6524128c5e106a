"""What stays when raw rows are retired: 15-minute rollups and daily summaries. Part of `ingest.models`."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import BigInteger, Numeric
from sqlmodel import Field, SQLModel

from ingest.models.columns import array_of, bigint, double, numeric, server_number, timestamptz, varchar


class MetricRollup(SQLModel, table=True):
    """15 minutes of one metric: the rows that are there, or (frozen) those that were retired."""

    __tablename__ = "metric_rollups"

    metric_name: str = varchar(128, primary_key=True)
    bucket_start: datetime = timestamptz(primary_key=True)
    station: str = varchar(128, primary_key=True)
    service: str = varchar(64, primary_key=True)
    frozen: bool = Field(primary_key=True)
    unit: str | None = varchar(32, None)
    sample_count: int = bigint()
    value_sum: Decimal = numeric()
    value_min: Decimal = numeric()
    value_max: Decimal = numeric()
    bin_values: list[Decimal] = array_of(Numeric)
    bin_counts: list[int] = array_of(BigInteger)


class RollupQueueEntry(SQLModel, table=True):
    """A span of a station whose metrics are not rolled up yet."""

    __tablename__ = "rollup_queue"

    id: int | None = server_number()
    station: str = varchar(128)
    from_time: datetime = timestamptz()
    to_time: datetime = timestamptz()


class DailySummary(SQLModel, table=True):
    """A station's local calendar day, as far as its plays are retired."""

    __tablename__ = "daily_summaries"

    day: date = Field(primary_key=True)
    station: str = varchar(128, primary_key=True)
    play_count: int = bigint()
    unique_tracks: int = bigint()
    plays_with_errors: int = bigint()
    play_seconds: float = double()


class DailyTrackSummary(SQLModel, table=True):
    """A track's local calendar day at a station, as far as its plays are retired."""

    __tablename__ = "daily_track_summaries"

    day: date = Field(primary_key=True)
    station: str = varchar(128, primary_key=True)
    track_key: str = varchar(512, primary_key=True)
    artist: str = varchar(256)
    title: str = varchar(256)
    play_count: int = bigint()
    plays_with_errors: int = bigint()
    play_seconds: float = double()
    last_started_at: datetime = timestamptz()
