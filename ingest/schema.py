"""Applying schema.sql and finding out whether a database has it. Migrates nothing."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from importlib.resources import files
from typing import NamedTuple, TypeVar

import psycopg2
import psycopg2.errors
from psycopg2.extensions import connection as Connection  # noqa: N812 (a class under a function's name)
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from ingest.database import connect, translate
from ingest.errors import SchemaMissing, SchemaTooNew
from ingest.queries import load
from logging_module.config import LoggingConfig

SCHEMA_VERSION = 1
MOST_DEADLOCKS = 4

T = TypeVar("T")

_SQL = load("ingest", "schema_check.sql")


class _Column(NamedTuple):
    """A column as the catalogue describes it: its type in PostgreSQL's own words, length included."""

    type: str
    not_null: bool


def ready_connection(
    config: LoggingConfig,
    application_name: str,
    *,
    autocommit: bool = False,
    watch: Callable[[Connection], AbstractContextManager[object]] = nullcontext,
) -> Connection:
    """A connection to a database whose schema this program knows.

    The embedded server's database gets the schema when it has none; any other one is left as it is.

    Args:
        config: says which server.
        application_name: shown by the server (pg_stat_activity).
        autocommit: every statement is a transaction of its own.
        watch: entered while the server is asked; may end that by shutting the connection's socket.

    Raises:
        DatabaseError: see `ingest.database.connect` and `require`.
    """
    connection = connect(config, application_name=application_name)
    try:
        with watch(connection):
            if config.embedded and version(connection) is None:
                apply(connection)
            require(connection)
            connection.rollback()
        connection.autocommit = autocommit
    except psycopg2.Error as error:
        connection.close()
        raise translate(error) from error
    except BaseException:
        connection.close()
        raise
    return connection


def apply(connection: Connection) -> None:
    """Run schema.sql: creates what is missing, changes nothing that is there, and commits.

    Args:
        connection: outside a transaction.

    Raises:
        SchemaTooNew: the database is of a newer version; nothing was changed.
        DatabaseError: PostgreSQL refused; nothing was changed.
    """
    present = version(connection)
    connection.rollback()
    if present is not None and present > SCHEMA_VERSION:
        raise _too_new(present)

    def install_now() -> None:
        with connection, connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '60s'")  # another installer may be at work
            install(cursor)

    try:
        again_after_deadlocks(install_now)
    except psycopg2.Error as error:
        raise translate(error) from error


def again_after_deadlocks(install_now: Callable[[], T]) -> T:
    """Run a transaction that installs, again after a deadlock: a live daemon locks the same tables in another order.

    Raises:
        psycopg2.Error: PostgreSQL refused, or found a deadlock each time.
    """
    for _ in range(MOST_DEADLOCKS):
        with suppress(psycopg2.errors.DeadlockDetected):
            return install_now()
    return install_now()


def install(cursor: Cursor) -> None:
    """Run schema.sql within the caller's transaction.

    Raises:
        psycopg2.Error: PostgreSQL refused.
    """
    _, _, body = (files("ingest") / "schema.sql").read_text(encoding="utf-8").partition("\nBEGIN;\n")
    cursor.execute(body.rpartition("\nCOMMIT;")[0])


def version(connection: Connection) -> int | None:
    """The schema's version; None where there is no schema."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(_SQL["has_version_table"])
            if cursor.fetchone() == (False,):
                return None
            cursor.execute(_SQL["version"])
            row = cursor.fetchone()
    except psycopg2.Error as error:
        raise translate(error) from error
    return row[0] if row else None


def require(connection: Connection) -> None:
    """Refuse a database without schema or with a newer one.

    Raises:
        SchemaMissing: with the command that applies it.
        SchemaTooNew: with the versions.
    """
    present = version(connection)
    if present is None:
        raise SchemaMissing("the database has no radiolog schema: run `radiolog db init`")
    if present > SCHEMA_VERSION:
        raise _too_new(present)
    if present < SCHEMA_VERSION:
        raise SchemaMissing(
            f"the database's schema is of version {present}, which this radiolog cannot upgrade: run the other one"
        )


def differences(connection: Connection) -> list[str]:
    """Compare the live schema with the models, in both directions: tables, columns, types with length, NOT NULL.

    Returns:
        One sentence a difference, sorted by table; empty when they agree. Partitions are not looked at.
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute(_SQL["columns"])
            rows = cursor.fetchall()
    except psycopg2.Error as error:
        raise translate(error) from error
    live: dict[str, dict[str, _Column]] = {}
    for table, column, type_, not_null in rows:
        live.setdefault(table, {})[column] = _Column(type_, not_null)
    expected = _expected()
    found = []
    for table in sorted(live.keys() | expected.keys()):
        if table not in live:
            found.append(f"table {table} is missing")
        elif table not in expected:
            found.append(f"table {table} is unknown to the models")
        else:
            found.extend(_table_differences(table, live[table], expected[table]))
    return found


def _table_differences(table: str, live: dict[str, _Column], expected: dict[str, _Column]) -> list[str]:
    found = [f"column {table}.{name} is missing" for name in expected if name not in live]
    found += [f"column {table}.{name} is unknown to the models" for name in live if name not in expected]
    for name in expected.keys() & live.keys():
        is_, should = live[name], expected[name]
        if is_.type != should.type:
            found.append(f"column {table}.{name} is {is_.type}, should be {should.type}")
        if is_.not_null != should.not_null:
            words = {True: "NOT NULL", False: "nullable"}
            found.append(f"column {table}.{name} is {words[is_.not_null]}, should be {words[should.not_null]}")
    return sorted(found)


def _expected() -> dict[str, dict[str, _Column]]:
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415 (SQLModel costs 0.3 s; only checks need it)

    from ingest.models import MODELS, table_of  # noqa: PLC0415

    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    return {
        table.name: {
            column.name: _Column(_spelled(column.type.compile(dialect)), not_null=not column.nullable)
            for column in table.columns
        }
        for table in map(table_of, MODELS)
    }


def _spelled(sql_type: str) -> str:
    """A type as format_type() spells it."""
    if sql_type.startswith("VARCHAR"):
        return sql_type.replace("VARCHAR", "character varying")
    return sql_type.lower()


def _too_new(present: int) -> SchemaTooNew:
    return SchemaTooNew(
        f"the database's schema is of version {present}, this radiolog knows {SCHEMA_VERSION}: install a newer radiolog"
    )
