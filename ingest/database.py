"""Connecting to PostgreSQL, and the one place where the driver's errors become ours. Knows no table.

Our messages are made from SQLSTATEs and from what the configuration says, never from the driver's text: that could
quote a password or a log line.
"""

import re
from typing import TYPE_CHECKING, Any

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 (a class under a function's name)

from ingest import embedded
from ingest.errors import DatabaseError, DatabaseUnavailable, SchemaMissing
from logging_module.config import LoggingConfig

if TYPE_CHECKING:
    from sqlalchemy import Engine

__all__ = ["Connection", "connect", "engine", "is_retryable", "translate"]

CONNECT_TIMEOUT_SECONDS = 5

# Waiting for a lock longer than this is somebody else's fault: fail, back off, try again. A transaction that its
# client forgot (paused, or its machine gone) must not hold locks for ever: the server ends it. While that waits for
# COPY's data, only keepalives tell it that the machine is gone; usually after two hours.
_SESSION_OPTIONS = {
    "TimeZone": "UTC",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "15s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "2",
}

# A peer that vanished without a word is noticed after at most 20 s (idle: 10 + 2 times 5; unanswered data: 20 s).
_KEEPALIVE: dict[str, Any] = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 20_000,
}

# SQLSTATE classes and codes (PostgreSQL, appendix A) after which the same work may succeed later.
_RETRY_CLASSES = ("08", "53", "57P0")
_RETRY_CODES = frozenset({"25006", "25P03", "25P04", "55P03", "40001", "40P01", "57P05", "58030", "55006", "57014"})

_SAYINGS = {
    "08": "the connection to PostgreSQL was lost",
    "25006": "PostgreSQL is read-only now (a standby, or out of disk)",
    "25P03": "PostgreSQL ended a transaction that had been idle for too long",
    "25P04": "PostgreSQL ended a transaction that took too long",
    "28": "PostgreSQL refuses the user name or the password: check POSTGRES_USER and POSTGRES_PASSWORD, and the "
    "server's pg_hba.conf",
    "3D000": "the database does not exist: create it, or check POSTGRES_DB",
    "40001": "PostgreSQL asks to repeat a transaction that met another one",
    "40P01": "PostgreSQL ended a deadlock by rolling this transaction back",
    "42501": "the database user may not do this: give it the rights that `radiolog db init` gives",
    "42703": "a column is missing: `radiolog db check` says which",
    "42883": "a function is missing: run `radiolog db init`",
    "42P01": "a table is missing: run `radiolog db init`",
    "53": "PostgreSQL is out of a resource",
    "53100": "PostgreSQL's disk is full",
    "53200": "PostgreSQL is out of memory",
    "53300": "PostgreSQL has no free connection",
    "55P03": "PostgreSQL gave no lock in time: something else holds the table",
    "57014": "PostgreSQL cancelled the statement",
    "57P01": "PostgreSQL was shut down or ended this connection",
    "57P02": "PostgreSQL crashed and restarts",
    "57P03": "PostgreSQL is starting, stopping or recovering",
    "57P05": "PostgreSQL ended a connection that had been idle for too long",
    "58030": "PostgreSQL has trouble with its disk",
}
_MISSING_SCHEMA = frozenset({"42P01", "42883"})


def connect(config: LoggingConfig, *, application_name: str, autocommit: bool = False) -> Connection:
    """Open a connection; the embedded server is started when it is meant and does not run.

    The session's time zone is UTC and its encoding UTF-8.

    Args:
        config: says which server.
        application_name: shown by the server (pg_stat_activity).
        autocommit: every statement is a transaction of its own.

    Raises:
        DatabaseUnavailable: the server cannot be reached now.
        DatabaseError: it refuses this user, password or database.
    """
    options = {
        **_KEEPALIVE,
        "connect_timeout": CONNECT_TIMEOUT_SECONDS,
        "client_encoding": "UTF8",
        "application_name": application_name,
        "options": " ".join(f"-c {name}={value}" for name, value in _SESSION_OPTIONS.items()),
        **_target(config),
    }
    try:
        connection: Connection = psycopg2.connect(**options)
    except psycopg2.OperationalError as error:
        raise _connect_error(error, config) from None  # its text names what libpq tried, the password may be in it
    connection.autocommit = autocommit
    return connection


def engine(config: LoggingConfig) -> "Engine":
    """A SQLAlchemy engine with the configured pool, for readers; `DatabaseError` comes from `translate`.

    Raises:
        DatabaseError: the embedded server is meant and cannot be started.
    """
    from sqlalchemy import create_engine  # noqa: PLC0415 (0.2 s that the daemon does not need)

    if config.embedded:
        embedded.ensure_running(config.data_dir)
    return create_engine(
        config.database_url,
        pool_size=config.db_pool_size,
        max_overflow=config.db_max_overflow,
        pool_timeout=config.db_pool_timeout,
        pool_recycle=config.db_pool_recycle,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={
            **_KEEPALIVE,
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "application_name": "radiolog",
            "options": "-c TimeZone=UTC",
        },
    )


def translate(error: psycopg2.Error) -> DatabaseError:
    """Our error for a driver's error of an open connection. It carries the SQLSTATE and none of the driver's text.

    Returns:
        DatabaseUnavailable when the same work may succeed later, SchemaMissing when a table or function is missing,
        else DatabaseError.
    """
    sqlstate = error.pgcode
    if is_retryable(error):
        return DatabaseUnavailable(_saying(sqlstate or "08"), sqlstate=sqlstate)
    if sqlstate in _MISSING_SCHEMA:
        return SchemaMissing(_saying(sqlstate), sqlstate=sqlstate)
    return DatabaseError(_saying(sqlstate or ""), sqlstate=sqlstate)


def is_retryable(error: psycopg2.Error) -> bool:
    """Whether the same work may succeed later, without anybody mending anything in radiolog."""
    sqlstate = error.pgcode
    if sqlstate is None:  # the connection broke, or was closed under us: there was no answer to carry a SQLSTATE
        broken = (psycopg2.OperationalError, psycopg2.InterfaceError)
        return isinstance(error, broken) or type(error) in {psycopg2.DatabaseError, psycopg2.Error}
    return sqlstate.startswith(_RETRY_CLASSES) or sqlstate in _RETRY_CODES


def _saying(sqlstate: str) -> str:
    known = _SAYINGS.get(sqlstate) or _SAYINGS.get(sqlstate[:2])
    if known is None:
        return f"PostgreSQL refused (SQLSTATE {sqlstate})" if sqlstate else "PostgreSQL's driver refused"
    return f"{known} (SQLSTATE {sqlstate})" if sqlstate not in {"", "08"} else known


def _target(config: LoggingConfig) -> dict[str, Any]:
    if config.embedded:
        server = embedded.ensure_running(config.data_dir)
        return {
            "host": str(server.socket_folder), "port": server.port, "user": server.user, "dbname": server.database,
        }  # fmt: skip
    password = config.postgres_password.get_secret_value() if config.postgres_password else None
    return {
        "host": config.postgres_host,
        "port": config.postgres_port,
        "user": config.postgres_user,
        "dbname": config.postgres_db,
        **config.tls_options,
        **({"password": password} if password else {}),
    }


def _connect_error(error: psycopg2.OperationalError, config: LoggingConfig) -> DatabaseError:
    """What a failed connect means. psycopg2 gives no SQLSTATE there, so the server's and libpq's words are looked for.

    A server that speaks another language than English is understood less well: its refusals get the general sentence.
    """
    text = str(error)
    where = "the embedded server" if config.embedded else f"{config.postgres_host} port {config.postgres_port}"
    for pattern, sqlstate in _REFUSALS:
        if pattern.search(text):
            kind = DatabaseUnavailable if sqlstate.startswith(_RETRY_CLASSES) else DatabaseError
            return kind(f"{where}: {_saying(sqlstate)}", sqlstate=sqlstate)
    reason = next((words for mark, words in _NO_ANSWER if mark in text), "no answer")
    return DatabaseUnavailable(
        f"PostgreSQL cannot be reached at {where}: {reason}. Check POSTGRES_HOST and POSTGRES_PORT, and that it runs"
    )


_REFUSALS = tuple(
    (re.compile(pattern), sqlstate)
    for pattern, sqlstate in (
        (r"the database system is |the database system is not", "57P03"),
        (r"too many clients|too many connections|remaining connection slots", "53300"),
        (r"authentication failed|no password supplied|no pg_hba\.conf entry|pg_hba\.conf rejects", "28P01"),
        (r'role ".*" does not exist|is not permitted to log in', "28000"),
        (r'database ".*" does not exist', "3D000"),
        (r"permission denied for database", "42501"),
        (r"terminating connection", "57P01"),
    )
)
_NO_ANSWER = (
    ("Connection refused", "connection refused"),
    ("timeout expired", f"no answer within {CONNECT_TIMEOUT_SECONDS} s"),
    ("could not translate host name", "the host name is unknown"),
    ("No such file or directory", "there is no socket in that folder"),
    ("Permission denied", "no permission for that socket"),
    ("No route to host", "no route to that host"),
    ("Network is unreachable", "the network is unreachable"),
    ("certificate verify failed", "its certificate is not signed by whom POSTGRES_SSLROOTCERT says"),
    ("does not match host name", "its certificate is for another host name"),
    ("root certificate file", "the file of POSTGRES_SSLROOTCERT cannot be read"),
    ("does not support SSL", "it speaks no TLS, which POSTGRES_SSLMODE asks for"),
    ("SSL error", "TLS failed"),
    ("FATAL", "it refuses the connection; its own log says why"),
)
