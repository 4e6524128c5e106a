"""The tables as SQLModel classes: the typed mirror of schema.sql, columns in the same order. Creates no table.

schema.sql is the truth; a test compares both with a live database. The daemon does not import this package (0.3 s,
57 MB): its rows go in by COPY.
"""

from sqlalchemy import Table, inspect
from sqlmodel import SQLModel

from ingest.models.bookkeeping import (
    AlertState,
    DeadLetter,
    DeriveQueueEntry,
    ForgottenLines,
    IngestFile,
    IngestGap,
    IngestInstance,
    IngestRun,
    LadderRung,
    OutboxMessage,
    SchemaVersion,
)
from ingest.models.facts import (
    ErrorLog,
    ErrorResolution,
    MaintenanceWindow,
    PlayEnd,
    PlayHistory,
    Station,
    StreamSession,
    SystemMetric,
)
from ingest.models.summaries import (
    DailySummary,
    DailyTrackSummary,
    MetricRollup,
    RollupQueueEntry,
)

MODELS: tuple[type[SQLModel], ...] = (
    Station,
    MaintenanceWindow,
    PlayHistory,
    PlayEnd,
    ErrorLog,
    ErrorResolution,
    SystemMetric,
    StreamSession,
    IngestInstance,
    IngestFile,
    LadderRung,
    DeadLetter,
    IngestGap,
    IngestRun,
    ForgottenLines,
    DeriveQueueEntry,
    OutboxMessage,
    AlertState,
    SchemaVersion,
    MetricRollup,
    RollupQueueEntry,
    DailySummary,
    DailyTrackSummary,
)

__all__ = [
    "MODELS",
    "AlertState",
    "DailySummary",
    "DailyTrackSummary",
    "DeadLetter",
    "DeriveQueueEntry",
    "ErrorLog",
    "ErrorResolution",
    "ForgottenLines",
    "IngestFile",
    "IngestGap",
    "IngestInstance",
    "IngestRun",
    "LadderRung",
    "MaintenanceWindow",
    "MetricRollup",
    "OutboxMessage",
    "PlayEnd",
    "PlayHistory",
    "RollupQueueEntry",
    "SchemaVersion",
    "Station",
    "StreamSession",
    "SystemMetric",
    "copy_columns",
    "table_of",
]


def table_of(model: type[SQLModel]) -> Table:
    """SQLAlchemy's table of a model."""
    mapper = inspect(model, raiseerr=False)
    if mapper is None or not isinstance(mapper.local_table, Table):
        raise TypeError(f"{model.__name__} is not a table")
    return mapper.local_table


def copy_columns(model: type[SQLModel]) -> tuple[str, ...]:
    """The columns' names in order, without the number that the server makes."""
    return tuple(column.name for column in table_of(model).columns if not column.info.get("made_by_server"))
