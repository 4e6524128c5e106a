"""What an operator changes by hand: maintenance windows, and errors that are done with.

Each call is one transaction. A resolution is a fact like one from a log: what follows from it the bookkeeper derives,
here at once unless a daemon's bookkeeper is at it, which then does the same.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

import psycopg2
from psycopg2.extras import RealDictCursor

from ingest.bookkeeper import Bookkeeper
from ingest.database import connect, translate
from ingest.errors import RadiologError
from ingest.foreseen import Thresholds
from ingest.queries import load
from ingest.schema import ready_connection
from logging_module.config import LoggingConfig

_SQL = load("ingest", "by_hand.sql")
_APPLICATION = "radiolog by hand"

_T = TypeVar("_T")


class NothingThere(RadiologError):
    """What was named does not exist; nothing was changed."""


def add_windows(
    config: LoggingConfig, stations: Sequence[str], start: datetime, end: datetime, reason: str | None = None
) -> list[int]:
    """Plan a maintenance window.

    Args:
        config: the database.
        stations: which are in maintenance then.
        start: the first instant, aware.
        end: the first instant behind it, aware, later than the start.
        reason: for people.

    Returns:
        The number of each station's window.

    Raises:
        DatabaseError: PostgreSQL cannot be reached or refused.
    """

    def change(cursor: RealDictCursor) -> list[int]:
        made = []
        for station in stations:
            window = {"station": station, "from_time": start, "to_time": end, "reason": reason}
            cursor.execute(_SQL["add_window"], window)
            made += [row["id"] for row in cursor.fetchall()]
        return made

    return _transaction(config, change)


def windows(
    config: LoggingConfig, *, station: str | None = None, since: datetime | None = None
) -> list[dict[str, Any]]:
    """Maintenance windows, the earliest first.

    Args:
        config: the database.
        station: None: of all.
        since: those that were over by then are left out.

    Returns:
        id, station, from_time, to_time, reason, state (planned, running, over).

    Raises:
        DatabaseError: PostgreSQL cannot be reached or refused.
    """

    def ask(cursor: RealDictCursor) -> list[dict[str, Any]]:
        cursor.execute(_SQL["windows"], {"station": station, "from_time": since})
        return [dict(row) for row in cursor.fetchall()]

    return _transaction(config, ask)


def remove_windows(config: LoggingConfig, ids: Sequence[int]) -> None:
    """Take maintenance windows back; their time counts again.

    Raises:
        NothingThere: one of them does not exist; then all stay.
        DatabaseError: PostgreSQL cannot be reached or refused.
    """

    def change(cursor: RealDictCursor) -> None:
        cursor.execute(_SQL["remove_windows"], {"ids": list(ids)})
        _require_all("maintenance window", ids, {row["id"] for row in cursor.fetchall()})

    _transaction(config, change)


def resolve_ids(config: LoggingConfig, ids: Sequence[int], at: datetime) -> int:
    """Mark messages as done with.

    Args:
        config: the database.
        ids: their numbers in `error_log`.
        at: when, aware.

    Returns:
        How many of them were open.

    Raises:
        NothingThere: one of them does not exist; then all stay.
        DatabaseError: PostgreSQL cannot be reached or refused.
    """

    def change(cursor: RealDictCursor) -> int:
        cursor.execute(_SQL["resolve_ids"], {"ids": list(ids), "at": at})
        found = {row["id"]: row["resolved"] for row in cursor.fetchall()}
        _require_all("error", ids, set(found))
        return sum(not resolved for resolved in found.values())

    return _derived(config, change)


def resolve_kind(
    config: LoggingConfig, service: str, template: str | None, at: datetime, *, station: str | None = None
) -> int:
    """Mark all messages of a kind up to a moment as done with, those too that are read later.

    Args:
        config: the database.
        service: that said them.
        template: the message without its variable parts, whole; None: all of the service.
        at: the moment, aware.
        station: None: at all stations.

    Returns:
        How many of them were open.

    Raises:
        NothingThere: none is open; nothing was changed.
        DatabaseError: PostgreSQL cannot be reached or refused.
    """

    def change(cursor: RealDictCursor) -> int:
        wanted = {"service": service, "template": template, "station": station, "at": at}
        cursor.execute(_SQL["resolve_kind"], wanted)
        row: dict[str, Any] = cursor.fetchone() or {}
        if not row["open_count"]:
            raise NothingThere("no open error is of that kind: radiolog errors shows service and message of each")
        return int(row["open_count"])

    return _derived(config, change)


def _require_all(what: str, wanted: Sequence[int], found: set[int]) -> None:
    missing = sorted(set(wanted) - found)
    if missing:
        raise NothingThere(f"there is no {what} {', '.join(map(str, missing))}; nothing was changed")


def _derived(config: LoggingConfig, change: Callable[[RealDictCursor], _T]) -> _T:
    result = _transaction(config, change)
    thresholds = Thresholds(config.max_open_play_seconds, config.gap_threshold_seconds)
    bookkeeper = Bookkeeper(lambda: connect(config, application_name=_APPLICATION), thresholds)
    try:
        bookkeeper.work_all()
    finally:
        bookkeeper.close()
    return result


def _transaction(config: LoggingConfig, work: Callable[[RealDictCursor], _T]) -> _T:
    connection = ready_connection(config, _APPLICATION)
    try:
        with connection, connection.cursor(cursor_factory=RealDictCursor) as cursor:
            return work(cursor)
    except psycopg2.Error as error:
        raise translate(error) from error
    finally:
        connection.close()
