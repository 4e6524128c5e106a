"""JSON lines of a backlog into typed, indexed rows, beside COPY of the same finished rows into the same tables."""

import io
import json
import random
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.figures import Figure, alternate
from ingest import schema
from ingest.backfill import backfill
from ingest.batch import COPIED, PLAY_COLUMNS, Batch, Row
from ingest.copy_text import lines as copy_lines
from ingest.database import connect
from ingest.service import Service
from ingest.sources import source_of
from ingest.telemetry import Telemetry
from logging_module.config import LoggingConfig

SEED = 20261124
DATABASE = "radiolog_bench"


def write_lines(path: Path, count: int) -> None:
    """80 % metrics, 10 % track starts, 10 % errors with context, from a fixed seed."""
    chance = random.Random(SEED)
    at = datetime(2026, 11, 20, tzinfo=UTC)
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            at += timedelta(milliseconds=chance.randint(5, 60))
            line: dict[str, object] = {"timestamp": at.isoformat().replace("+00:00", "Z"), "service": "bench"}
            kind = chance.random()
            if kind < 0.8:
                name = chance.choice(["cpu_percent", "memory_percent", "listeners", "encoder_speed"])
                line |= {"event": "metric", "metric_name": name, "metric_value": round(chance.uniform(0, 100), 2)}
            elif kind < 0.9:
                line |= {
                    "event": "track_started",
                    "artist": f"Artist {chance.randint(1, 200)}",
                    "title": f"Title {chance.randint(1, 2000)}",
                    "duration": 180,
                    "play_id": f"{number:08x}-0000-4000-8000-0123456789ab",
                }
            else:
                line |= {
                    "event": f"upstream failed after {number} ms",
                    "level": "error",
                    "context": {"try": number % 7},
                }
            file.write(json.dumps(line) + "\n")


def measure(lines: int, rounds: int) -> Figure:
    """Lines a second, derived state included, and rows a second of the reference."""
    with tempfile.TemporaryDirectory(prefix="radiolog-bench-") as folder:
        log = Path(folder) / "bench.log"
        write_lines(log, lines)
        config = fresh_config(Path(folder))
        captured: list[Batch] = []

        def ingest() -> float:
            fresh_database(config)
            captured.clear()
            service = Service(config, (source_of(Path(folder)),), "bench", Telemetry(stream=None))
            keep = service.pipeline.committer._commit  # noqa: SLF001 (the rows are needed for the reference)

            def commit(group: list[Batch]) -> None:
                captured.extend(group)
                keep(group)

            service.pipeline.committer._commit = commit  # type: ignore[method-assign]  # noqa: SLF001
            began = time.perf_counter()
            try:
                backfill(service, lambda _progress: None)
            finally:
                service.close()
            return lines / (time.perf_counter() - began)

        def copy() -> float:
            texts = _texts(captured)
            fresh_database(config)
            connection = connect(config, application_name="bench")
            began = time.perf_counter()
            with connection, connection.cursor() as cursor:
                for statement, text in texts:
                    cursor.copy_expert(statement, io.StringIO(text))
            seconds = time.perf_counter() - began
            connection.close()
            return lines / seconds

        value, reference = alternate(ingest, copy, rounds)
    return Figure("JSON lines into typed, indexed rows", "lines/s", value, "COPY of the finished rows", reference, 0.9)


def _texts(batches: list[Batch]) -> list[tuple[str, str]]:
    tables: dict[str, tuple[tuple[str, ...], list[Row]]] = {
        table: (columns, [row for batch in batches for row in batch.copied[table]]) for table, columns in COPIED.items()
    }
    tables["play_history"] = (PLAY_COLUMNS, [row for batch in batches for row in batch.plays])
    return [
        (f"COPY {table} ({', '.join(columns)}) FROM STDIN", copy_lines(rows))
        for table, (columns, rows) in tables.items()
        if rows
    ]


def fresh_config(folder: Path) -> LoggingConfig:
    """The configured server, with a database of the benchmark's own."""
    configured = LoggingConfig.from_env()
    connection = connect(configured, application_name="bench")
    where = connection.info
    config = configured.model_copy(
        update={"postgres_host": where.host, "postgres_port": where.port, "postgres_user": where.user,
                "postgres_db": DATABASE, "log_path": folder}
    )  # fmt: skip
    connection.close()
    return config


def fresh_database(config: LoggingConfig) -> None:
    """The benchmark's database, new and empty, with the schema."""
    admin = connect(config.model_copy(update={"postgres_db": "postgres"}), application_name="bench", autocommit=True)
    with admin.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        cursor.execute(f"CREATE DATABASE {DATABASE}")
    admin.close()
    connection = connect(config, application_name="bench")
    schema.apply(connection)
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT ensure_metric_partition('2026-11-20'), ensure_metric_partition('2026-11-27')")
    connection.close()
