"""A database of the benchmarks' own on the configured server, made anew for each round."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from psycopg2.extensions import cursor as Cursor  # noqa: N812 (a class under a function's name)

from benchmarks.lines import BEGAN
from ingest import schema
from ingest.database import connect
from logging_module.config import LoggingConfig

DATABASE = f"radiolog_bench_{os.getpid()}"


@contextmanager
def database(folder: Path, name: str = DATABASE) -> Iterator[LoggingConfig]:
    """The configured server with an empty database of this process's own, until the end of the block.

    Args:
        folder: becomes the configuration's `log_path`.
        name: of the database; begins with `DATABASE`.
    """
    configured = LoggingConfig.from_env()
    with closing(connect(configured, application_name="bench")) as connection:
        where = connection.info
        config = configured.model_copy(
            update={"postgres_host": where.host, "postgres_port": where.port, "postgres_user": where.user,
                    "postgres_db": name, "log_path": folder}
        )  # fmt: skip
    try:
        empty(config)
        yield config
    finally:
        _drop(config)


def empty(config: LoggingConfig) -> None:
    """Make the database anew, with the schema. A checkpoint goes behind it: what was written before costs no more."""
    _drop(config)
    with cursor_of(_server(config)) as cursor:
        cursor.execute(f"CREATE DATABASE {config.postgres_db}")
    with closing(connect(config, application_name="bench")) as connection:
        schema.apply(connection)
    with cursor_of(config) as cursor:
        for weeks in range(3):
            cursor.execute("SELECT ensure_metric_partition(%s::timestamptz + %s * interval '7 days')", (BEGAN, weeks))
        cursor.execute("CHECKPOINT")


def _drop(config: LoggingConfig) -> None:
    with cursor_of(_server(config)) as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {config.postgres_db} WITH (FORCE)")


def _server(config: LoggingConfig) -> LoggingConfig:
    return config.model_copy(update={"postgres_db": "postgres"})


@contextmanager
def cursor_of(config: LoggingConfig) -> Iterator[Cursor]:
    """A cursor of a connection of its own that commits each statement."""
    connection = connect(config, application_name="bench", autocommit=True)
    with closing(connection), connection.cursor() as cursor:
        yield cursor
