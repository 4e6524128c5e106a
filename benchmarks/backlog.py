"""JSON lines of a backlog into typed, indexed rows, beside COPY of the same finished rows into the same tables.

What is measured is all of `radiolog once` behind its start: finding the file, reading, parsing, redacting, storing with
the checkpoint, and what the bookkeeper derives. What it is held against is COPY alone, of the finished rows.
"""

import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from benchmarks.database import cursor_of, database, empty
from benchmarks.figures import Figure, alternate
from benchmarks.lines import SEED, write_mixed
from ingest.backfill import backfill
from ingest.database import connect
from ingest.service import Service
from ingest.sources import source_of
from ingest.telemetry import Telemetry
from logging_module.config import LoggingConfig

LINES = 500_000
AT_LEAST_PER_SECOND = 100_000.0
# Tables that have a row a line; their ids are given by the server, in both cases.
_FACTS = ("system_metrics", "play_history", "error_log")


class Loaded(NamedTuple):
    """How long it took, and how many rows it made."""

    seconds: float
    rows: int


def measure(lines: int, rounds: int, seed: int = SEED) -> list[Figure]:
    """Lines a second, derived state included, and rows a second of the reference."""
    with tempfile.TemporaryDirectory(prefix="radiolog-bench-") as name:
        logs, rows = Path(name) / "logs", Path(name) / "rows"
        logs.mkdir()
        rows.mkdir()
        write_mixed(logs / "bench.log", lines, seed)
        with database(logs) as config:
            ingest(config)  # once before anything is measured: the rows of the reference come from it
            columns = finished_rows(config, rows, lines)

            def ours() -> float:
                return lines / ingest(config)

            def reference() -> float:
                return lines / copy(config, rows, columns)

            value, copied = alternate(ours, reference, rounds)
    return [
        Figure(
            "backlog: JSON lines to typed, indexed rows", "lines/s", value, "COPY of the finished rows", copied, 0.9
        ),
        Figure("backlog: the same, lines a second", "lines/s", value, "at least", AT_LEAST_PER_SECOND, 1.0),
    ]


def ingest(config: LoggingConfig) -> float:
    """Seconds for everything under the configuration's folder, into a new database."""
    empty(config)
    return load(config).seconds


def load(config: LoggingConfig) -> Loaded:
    """What is new under the configuration's folder, into the database as it is."""
    with closing(Service(config, (source_of(config.log_path),), "bench", Telemetry(stream=None))) as service:
        began = time.perf_counter()
        progress = backfill(service, lambda _progress: None)
        return Loaded(time.perf_counter() - began, progress.rows)


def finished_rows(config: LoggingConfig, folder: Path, lines: int) -> dict[str, str]:
    """Every table's rows as COPY's text, a file each, in the order they were stored in; gives the columns."""
    columns, stored = {}, 0
    with cursor_of(config) as cursor:
        for table in _FACTS:
            cursor.execute(
                "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute"
                " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attname <> 'id'",
                (table,),
            )
            row = cursor.fetchone()
            columns[table] = str(row and row[0])
            with (folder / table).open("wb") as file:
                rows = f"SELECT {columns[table]} FROM {table} ORDER BY id"  # noqa: S608 (names of our own)
                cursor.copy_expert(f"COPY ({rows}) TO STDOUT", file)
                stored += cursor.rowcount
    if stored != lines:
        raise RuntimeError(f"{stored:,} rows of {lines:,} lines")
    return columns


def copy(config: LoggingConfig, folder: Path, columns: dict[str, str]) -> float:
    """Seconds for the finished rows, in one transaction, into a new database."""
    empty(config)
    with closing(connect(config, application_name="bench")) as connection:
        began = time.perf_counter()
        with connection, connection.cursor() as cursor:
            for table, names in columns.items():
                with (folder / table).open("rb") as file:
                    cursor.copy_expert(f"COPY {table} ({names}) FROM STDIN", file)
        return time.perf_counter() - began
