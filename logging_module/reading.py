"""What `RadioLogger` asks the database: recent plays, the current one, and the clean-up.

The only part of the writers' side that knows the ingest packages; it is imported when it is first asked.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
from psycopg2.extras import RealDictCursor

from ingest.database import translate
from ingest.machine import machine_id
from ingest.queries import load
from ingest.retention import Cleanup
from ingest.schema import ready_connection
from logging_module.config import LoggingConfig

_SQL = load("logging_module", "reading.sql")
_APPLICATION = "radiolog-logger"


def recent_plays(config: LoggingConfig, limit: int) -> list[dict[str, Any]]:
    """The last plays of the configured station, newest first.

    Args:
        config: the database and the station.
        limit: how many at most.

    Raises:
        DatabaseError: the database cannot be reached, or has no schema.
        ValueError: the limit is below zero.
    """
    if limit < 0:
        raise ValueError(f"limit must be zero or more, not {limit}")
    with _transaction(config) as cursor:
        cursor.execute(_SQL["recent_plays"], {"station": config.station, "limit": limit})
        return [dict(row) for row in cursor.fetchall()]


def current_playing(config: LoggingConfig) -> dict[str, Any] | None:
    """The play that runs now at the configured station, or None.

    Raises:
        DatabaseError: the database cannot be reached, or has no schema.
    """
    with _transaction(config) as cursor:
        cursor.execute(_SQL["current_playing"], {"station": config.station})
        row = cursor.fetchone()
        return None if row is None else dict(row)


def cleanup_old_data(config: LoggingConfig) -> dict[str, int]:
    """Remove what is past its retention, as `radiolog cleanup` does. Summaries are written first and stay.

    Returns:
        Rows removed from play_history, error_log and system_metrics. Metrics go by whole weeks, so up to six days later
        than their retention; what else is past its own goes, too.

    Raises:
        DatabaseError: the database cannot be reached, has no schema, or a lock was not to be had for a minute.
    """
    removed = Cleanup(config, machine_id()[:64]).run().removed
    return {table: removed[table] for table in ("play_history", "error_log", "system_metrics")}


@contextmanager
def _transaction(config: LoggingConfig) -> Iterator[RealDictCursor]:
    connection = ready_connection(config, _APPLICATION)
    try:
        with connection, connection.cursor(cursor_factory=RealDictCursor) as cursor:
            yield cursor
    except psycopg2.Error as error:
        raise translate(error) from error
    finally:
        connection.close()
