"""Reading rows of the database as plain dicts: one connection, read-only, driver errors translated. Knows no query."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol, TypeAlias

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection  # noqa: N812 (a class under a function's name)

from ingest.database import translate
from ingest.queries import load
from ingest.schema import ready_connection
from logging_module.config import LoggingConfig

Row: TypeAlias = dict[str, Any]

_TEXT_OIDS = frozenset({25, 1043})  # text and varchar in pg_type


class Column(NamedTuple):
    """A column of a result: its name and the OID of PostgreSQL's type."""

    name: str
    type_oid: int


class Writable(Protocol):
    """Takes bytes."""

    def write(self, data: bytes, /) -> int:
        """Take the next piece."""
        ...


class Reader:
    """Asks named queries over a connection that is opened when the first one is asked, and again after it broke.

    Args:
        config: says which server.
        application_name: shown by the server.
    """

    def __init__(self, config: LoggingConfig, *, application_name: str = "radiolog reports") -> None:
        self._config = config
        self._application_name = application_name
        self._connection: Connection | None = None

    def rows(self, filename: str, name: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """All rows of a query.

        Args:
            filename: in `reports/sql`.
            name: of the query there.
            parameters: its named parameters.

        Raises:
            DatabaseError: PostgreSQL cannot be reached or refused.
        """
        try:
            with self._open().cursor() as cursor:
                cursor.execute(load("reports", filename)[name], dict(parameters or {}))
                columns = [column.name for column in cursor.description or ()]
                return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
        except psycopg2.Error as error:
            if isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError):
                self.close()
            raise translate(error) from error

    def one(self, filename: str, name: str, parameters: Mapping[str, Any] | None = None) -> Row:
        """The first row of a query that always gives one."""
        return self.rows(filename, name, parameters)[0]

    def copy_csv(
        self, filename: str, name: str, parameters: Mapping[str, Any], target: Writable, *, form: str = "FORMAT csv"
    ) -> None:
        """Stream the rows of a query as PostgreSQL's CSV, with a header line and every text between quotes.

        Args:
            filename: in `reports/sql`.
            name: of the query there.
            parameters: its named parameters.
            target: gets bytes, cut anywhere.
            form: COPY's options for another separator and quote; our own words.

        Raises:
            DatabaseError: PostgreSQL cannot be reached or refused; the target has a part of the rows.
        """
        try:
            with self._open().cursor() as cursor:
                query = sql.SQL(cursor.mogrify(load("reports", filename)[name], dict(parameters)).decode())
                cursor.execute(sql.SQL("SELECT * FROM ({}) of_which_only_types LIMIT 0").format(query))
                texts = [column.name for column in cursor.description or () if column.type_code in _TEXT_OIDS]
                statement = sql.SQL("COPY ({}) TO STDOUT WITH ({}, HEADER true, FORCE_QUOTE ({}))").format(
                    query, sql.SQL(form), sql.SQL(", ").join(map(sql.Identifier, texts))
                )
                cursor.copy_expert(statement, target, size=1 << 18)
        except psycopg2.Error as error:
            if isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError):
                self.close()
            raise translate(error) from error

    def stream(
        self, filename: str, name: str, parameters: Mapping[str, Any], rows_at_once: int
    ) -> Iterator[tuple[list[Column], list[tuple[Any, ...]]]]:
        """The rows of a query in parts, the first one also when there are none. Only inside of `snapshot`.

        Args:
            filename: in `reports/sql`.
            name: of the query there.
            parameters: its named parameters.
            rows_at_once: in one part, so that memory does not grow with the result.

        Raises:
            DatabaseError: PostgreSQL cannot be reached or refused.
        """
        try:
            # withhold: psycopg2 would not believe that we are inside of a transaction; nothing is held behind its end.
            with self._open().cursor(name="stream", withhold=True) as cursor:
                cursor.execute(load("reports", filename)[name], dict(parameters))
                rows = cursor.fetchmany(rows_at_once)
                columns = [Column(column.name, column.type_code) for column in cursor.description or ()]
                yield columns, rows
                while len(rows) == rows_at_once:
                    rows = cursor.fetchmany(rows_at_once)
                    yield columns, rows
        except psycopg2.Error as error:
            if isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError):
                self.close()
            raise translate(error) from error

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """All queries inside see one state of the database, whatever is ingested meanwhile."""
        self._command("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            yield
        finally:
            if self._connection is not None:
                self._command("ROLLBACK")

    def close(self) -> None:
        """Give the connection back; a later query opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _command(self, statement: str) -> None:
        try:
            with self._open().cursor() as cursor:
                cursor.execute(statement)
        except psycopg2.Error as error:
            self.close()
            raise translate(error) from error

    def _open(self) -> Connection:
        if self._connection is None or self._connection.closed:
            connection = ready_connection(self._config, application_name=self._application_name, autocommit=True)
            connection.set_session(readonly=True)
            with connection.cursor() as cursor:
                cursor.execute(load("reports", "database.sql")["session"])
            self._connection = connection
        return self._connection
