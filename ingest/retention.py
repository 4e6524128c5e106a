"""Retention: what is past its time goes, a day or a week of one table a transaction, so that nobody waits long for it.

Safe beside a running daemon: each transaction locks files, then plays, in the order of ingest and bookkeeper, and
metrics go a week at a time as a dropped partition. Whoever meets a lock repeats his transaction. Daily summaries and
frozen rollups are written with the removal and stay; rows that go are counted in their file's checkpoint, so that the
ledger holds.
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeVar

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ
from psycopg2.extensions import connection as Connection  # noqa: N812 (a class under a function's name)
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from ingest.backoff import delay_seconds
from ingest.database import translate
from ingest.old_checkpoints import forget_checkpoint, is_on_disk
from ingest.queries import load
from ingest.schema import ready_connection
from logging_module.config import LoggingConfig

# Lines of the coming weeks find their partition, also when no daemon made it.
WEEKS_AHEAD = 4
# So long a transaction is repeated that found a lock taken.
PATIENCE_SECONDS = 60.0
_LOCKED = frozenset({"55P03", "40P01", "40001"})
_ROWS_AT_ONCE = 20_000
_KEPT_TYPES = frozenset({"boolean", "integer", "bigint", "double precision", "timestamp with time zone"})

_SQL = load("ingest", "retention.sql")
_T = TypeVar("_T")


class Rule(NamedTuple):
    """A table whose rows go after some days.

    Attributes:
        table: its name.
        at: the expression that says when a row was.
        unit: of time that goes in one transaction: day or week.
        is_archived: whether the archive gets it.
    """

    table: str
    at: str
    unit: str = "day"
    is_archived: bool = True


RULES = (
    Rule("play_history", "started_at"),
    Rule("play_ends", "ended_at"),
    Rule("error_log", "timestamp"),
    Rule("error_resolutions", "resolved_at"),
    Rule("system_metrics", "timestamp", "week"),
    Rule("dead_letters", "arrived_at"),
    Rule("stream_sessions", "coalesce(ended_at, last_progress_at, started_at)"),
    Rule("notification_outbox", "created_at", is_archived=False),
)


def days_of(config: LoggingConfig) -> dict[str, int]:
    """After how many days the rows of each table go.

    What others are derived from stays as long as those: sessions as long as plays, resolutions as long as errors.
    """
    plays, errors = config.play_history_retention_days, config.error_log_retention_days
    return {
        "play_history": plays,
        "play_ends": plays,
        "error_log": errors,
        "error_resolutions": max(errors, config.auto_resolve_days),
        "system_metrics": config.metrics_retention_days,
        "dead_letters": config.dead_letter_retention_days,
        "stream_sessions": max(config.session_retention_days, plays),
        "notification_outbox": config.outbox_retention_days,
    }


def expired_tables(config: LoggingConfig) -> list[tuple[str, int]]:
    """The tables of facts that hold what is past its retention, and after how many days that is.

    Raises:
        DatabaseError: PostgreSQL cannot be reached or refused.
    """
    days = days_of(config)
    found = []
    with closing(ready_connection(config, "radiolog retention")) as connection:
        for rule in RULES:
            if rule.table in {"play_history", "system_metrics"}:
                exists = partial(_exists, rule=rule, days=days[rule.table])
                if _patiently(connection, exists):
                    found.append((rule.table, days[rule.table]))
    return found


class Archive(Protocol):
    """Where rows are kept before they go."""

    def keep(self, table: str, columns: Sequence[tuple[str, int]], parts: Iterable[list[tuple[Any, ...]]]) -> None:
        """Write all rows of a table that are to go, and make sure that they can be read back.

        Raises:
            OutputError: they cannot; then nothing of the table goes.
        """


@dataclass
class Outcome:
    """What a clean-up did, or would do.

    Attributes:
        removed: rows by table; checkpoints under `ingest_files`.
        resolved_errors: how many resolved themselves.
        changed: days and weeks that changed after they were archived; they stay until the next time.
    """

    removed: dict[str, int] = field(default_factory=dict)
    resolved_errors: int = 0
    changed: list[str] = field(default_factory=list)


class Cleanup:
    """Removes what is past its retention, over a connection of its own.

    Args:
        config: the database, and after how many days what goes.
        machine: this one's id: only its own checkpoints can be looked up on disk.
        archive: gets rows before they go; None: nobody does.

    Raises:
        DatabaseError: PostgreSQL cannot be reached, has no schema, or refused.
    """

    def __init__(self, config: LoggingConfig, machine: str, archive: Archive | None = None) -> None:
        self._config = config
        self._machine = machine
        self._archive = archive
        self._days = days_of(config)

    def run(self) -> Outcome:
        """Do it. What was removed before an error stays removed; the next run goes on from there.

        Raises:
            DatabaseError: PostgreSQL refused, or a lock was not to be had for a minute.
            OutputError: the archive cannot be written; nothing of that table went.
        """
        outcome = Outcome()
        with closing(ready_connection(self._config, "radiolog cleanup")) as connection:
            for weeks in range(WEEKS_AHEAD + 1):
                _patiently(connection, partial(_ensure_partition, weeks=weeks))
            outcome.resolved_errors = _patiently(connection, self._resolve)
            for rule in RULES:
                outcome.removed[rule.table] = 0
                for start, digest in self._parts(connection, rule):
                    removed = _patiently(connection, partial(self._remove, rule=rule, start=start, digest=digest))
                    if removed is None:
                        outcome.changed.append(f"{rule.table}, {rule.unit} of {start:%Y-%m-%d}")
                    outcome.removed[rule.table] += removed or 0
            outcome.removed["ingest_files"] = self._forget_checkpoints(connection)
            _patiently(connection, self._forget_instances)
        return outcome

    def plan(self) -> Outcome:
        """What `run` would do now. It only reads, so nobody ever waits for it; all counts are of one moment.

        Raises:
            DatabaseError: PostgreSQL cannot be reached or refused.
        """
        outcome = Outcome()
        with closing(ready_connection(self._config, "radiolog cleanup")) as connection:
            connection.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ, readonly=True)
            try:
                with connection, connection.cursor() as cursor:
                    for rule in RULES:
                        outcome.removed[rule.table] = self._count(cursor, rule, outcome)
                    outcome.removed["ingest_files"] = len(self._old_checkpoints(cursor))
            except psycopg2.Error as error:
                raise translate(error) from error
        return outcome

    def _count(self, cursor: Cursor, rule: Rule, outcome: Outcome) -> int:
        """How many rows of a table are due; errors as if those without a repeat were resolved already."""
        before = self._before(cursor, rule)
        if rule.table == "error_log":
            cursor.execute(_by_age("count_errors"), {"before": before, "days": self._config.auto_resolve_days})
            outcome.resolved_errors, due = cursor.fetchone() or (0, 0)
            return int(due)
        cursor.execute(_query("count", rule), {"before": before})
        return int(_only(cursor))

    def _before(self, cursor: Cursor, rule: Rule) -> datetime:
        cursor.execute(_SQL["cutoff"], {"unit": rule.unit, "days": self._days[rule.table]})
        before: datetime = _only(cursor)
        return before

    def _resolve(self, cursor: Cursor) -> int:
        cursor.execute(_by_age("resolve_by_age"), {"days": self._config.auto_resolve_days})
        return cursor.rowcount

    # -- rows -----------------------------------------------------------------------------------------------------

    def _parts(self, connection: Connection, rule: Rule) -> list[tuple[datetime, str | None]]:
        """The days or weeks that are due, and what is archived of each."""

        def find(cursor: Cursor) -> list[tuple[datetime, str | None]]:
            before = self._before(cursor, rule)
            cursor.execute(_SQL["weeks"] if rule.unit == "week" else _query("days", rule), {"before": before})
            starts = [row[0] for row in cursor.fetchall()]
            if self._archive is None or not rule.is_archived or not starts:
                return [(start, None) for start in starts]
            return self._archived(cursor, self._archive, rule, before, starts)

        if self._archive is not None:
            connection.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ)  # digests are of the rows written
        try:
            return _patiently(connection, find)
        finally:
            if not connection.closed:
                connection.set_session(isolation_level="DEFAULT")

    @staticmethod
    def _archived(
        cursor: Cursor, archive: Archive, rule: Rule, before: datetime, starts: list[datetime]
    ) -> list[tuple[datetime, str | None]]:
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")  # files are written and read back meanwhile
        found: list[tuple[datetime, str | None]] = []
        for start in starts:
            cursor.execute(_query("digest", rule), {"before": before, **_span(rule, start)})
            found.append((start, _only(cursor)))
        cursor.execute(_SQL["columns"], {"table": rule.table})
        columns = sql.SQL(", ").join(
            sql.Identifier(name) if kind in _KEPT_TYPES else sql.SQL("{}::text").format(sql.Identifier(name))
            for name, kind in cursor.fetchall()
        )
        rows = _rows(cursor.connection, _query("rows", rule, columns=columns), {"before": before})
        archive.keep(rule.table, next(rows), rows)
        return found

    def _remove(self, cursor: Cursor, rule: Rule, start: datetime, digest: str | None) -> int | None:
        """Remove a part. None: it is not what was archived, and stays."""
        parameters = {"before": self._before(cursor, rule), "digest": digest, **_span(rule, start)}
        if rule.table in {"error_resolutions", "dead_letters"}:  # the others' functions lock by themselves
            cursor.execute(_query("lock_files", rule), parameters)
        cursor.execute(_query(f"remove_{rule.table}", rule), parameters)
        removed, *rest = cursor.fetchone() or (None,)
        if removed is None or (digest is not None and rest and rest[0] != digest):
            cursor.connection.rollback()
            return None
        return int(removed)

    # -- checkpoints ----------------------------------------------------------------------------------------------

    def _old_checkpoints(self, cursor: Cursor) -> list[int]:
        """Generations that are over for long and of whose family nothing is on disk."""
        cursor.execute(
            _SQL["old_checkpoints"], {"machine": self._machine, "days": self._config.checkpoint_retention_days}
        )
        generations: dict[str, list[int]] = {}
        for generation, _path, family in cursor.fetchall():
            generations.setdefault(family, []).append(generation)
        found = []
        for family, members in generations.items():
            cursor.execute(_SQL["family_paths"], {"machine": self._machine, "family": family})
            if not is_on_disk(family, [path for (path,) in cursor.fetchall()]):
                found += members
        return sorted(found)

    def _forget_checkpoints(self, connection: Connection) -> int:
        forget = partial(forget_checkpoint, days=self._config.checkpoint_retention_days)
        generations = _patiently(connection, self._old_checkpoints)
        return sum(_patiently(connection, partial(forget, generation=generation)) for generation in generations)

    def _forget_instances(self, cursor: Cursor) -> None:
        cursor.execute(_SQL["forget_instances"], {"days": self._config.checkpoint_retention_days})


def _query(name: str, rule: Rule, **more: sql.Composable) -> sql.Composed:
    """A query of the rule's table."""
    due = sql.SQL(_SQL[f"due_{rule.table}"])
    return sql.SQL(_SQL[name]).format(table=sql.Identifier(rule.table), at=sql.SQL(rule.at), due=due, **more)


def _by_age(name: str) -> sql.Composed:
    """A query of the errors that nobody repeated."""
    return sql.SQL(_SQL[name]).format(kinds=sql.SQL(_SQL["silent_kinds"]))


def _span(rule: Rule, start: datetime) -> dict[str, datetime]:
    return {"from_time": start, "to_time": start + timedelta(days=7 if rule.unit == "week" else 1)}


def _exists(cursor: Cursor, rule: Rule, days: int) -> bool:
    cursor.execute(_SQL["cutoff"], {"unit": rule.unit, "days": days})
    cursor.execute(_query("exists", rule), {"before": _only(cursor)})
    return bool(_only(cursor))


def _ensure_partition(cursor: Cursor, weeks: int) -> None:
    cursor.execute(_SQL["ensure_partition"], {"weeks": weeks})


def _only(cursor: Cursor) -> Any:
    row = cursor.fetchone()
    assert row is not None  # noqa: S101 (these queries give one row)
    return row[0]


def _rows(connection: Connection, query: sql.Composed, parameters: dict[str, Any]) -> Iterator[Any]:
    """First the columns' names and type OIDs, then the rows in parts."""
    with connection.cursor(name="rows") as cursor:
        cursor.execute(query, parameters)
        rows = cursor.fetchmany(_ROWS_AT_ONCE)
        yield [(column.name, column.type_code) for column in cursor.description or ()]
        while rows:
            yield rows
            rows = cursor.fetchmany(_ROWS_AT_ONCE)


def _patiently(connection: Connection, work: Callable[[Cursor], _T]) -> _T:
    """Work in a transaction of its own, again where a lock was taken. Nobody is made to wait behind us for long.

    Raises:
        DatabaseError: PostgreSQL refused, or a lock was not to be had within `PATIENCE_SECONDS`.
    """
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    attempt = 0
    while True:
        attempt += 1
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '900ms'")  # below deadlock_timeout: others are not the victims
                return work(cursor)
        except psycopg2.Error as error:
            if error.pgcode not in _LOCKED or time.monotonic() > give_up_at:
                raise translate(error) from error
        time.sleep(delay_seconds(attempt, random.random()))  # noqa: S311 (jitter)
