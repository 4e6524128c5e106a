"""Helpers of ingest tests: write lines, read a folder into a database, look at what came out."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

from fix_postgres import Database

from ingest.backfill import Progress, backfill
from ingest.ledger_reader import read_ledger
from ingest.machine import machine_id
from ingest.service import Service
from ingest.sources import source_of
from ingest.telemetry import Telemetry
from logging_module.config import LoggingConfig


def metric(number: int, **more: Any) -> dict[str, Any]:
    """A metric line's object; its value is its number."""
    at = f"2026-11-22T{number // 3600 % 24:02d}:{number // 60 % 60:02d}:{number % 60:02d}Z"
    return {"timestamp": at, "event": "metric", "metric_name": "m", "metric_value": number, **more}


def lines_of(*objects: Any) -> str:
    """Objects as JSON lines; strings as they are."""
    return "".join((item if isinstance(item, str) else json.dumps(item)) + "\n" for item in objects)


def read_once(config: LoggingConfig, name: str = "test", *roots: Path) -> Progress:
    """Read a folder as `radiolog once` does, and derive what follows."""
    sources = tuple(source_of(root) for root in roots or (config.log_path,))
    service = Service(config, sources, f"once-{name}", Telemetry(stream=None), defer=True)
    try:
        return backfill(service, lambda _progress: None)
    finally:
        service.close()


def stored_numbers(database: Database) -> list[int]:
    """Values of all metrics in the order of generation and line."""
    rows = database.rows("SELECT metric_value FROM system_metrics ORDER BY generation, line_offset")
    return [int(value) for (value,) in rows]


def ledger_holds(database: Database) -> None:
    """Every line has one disposition, and the counted rows are there."""
    for row in database.rows(
        """SELECT path, lines, stored + folded + below_threshold + blank + duplicate + dead_letters + held,
                  rows_stored, dead_letters - letters_retired,
                  (SELECT count(*) FROM system_metrics t WHERE t.generation = f.generation)
                  + (SELECT count(*) FROM error_log t WHERE t.generation = f.generation)
                  + (SELECT count(*) FROM play_history t WHERE t.generation = f.generation)
                  + (SELECT count(*) FROM play_ends t WHERE t.generation = f.generation)
                  + (SELECT count(*) FROM error_resolutions t WHERE t.generation = f.generation),
                  (SELECT count(*) FROM dead_letters t WHERE t.generation = f.generation AND t.replayed_at IS NULL),
                  stored,
                  (SELECT count(*) FROM (
                      SELECT line_offset FROM system_metrics t WHERE t.generation = f.generation
                      UNION SELECT line_offset FROM error_log t WHERE t.generation = f.generation
                      UNION SELECT line_offset FROM play_history t WHERE t.generation = f.generation
                      UNION SELECT line_offset FROM play_ends t WHERE t.generation = f.generation
                      UNION SELECT line_offset FROM error_resolutions t WHERE t.generation = f.generation) u),
                  rows_retired
           FROM ingest_files f"""
    ):
        path, lines, disposed, rows_stored, dead, rows, letters, stored, row_lines, retired = row
        assert lines == disposed, path
        assert (rows_stored - retired, dead) == (rows, letters), path
        assert stored == row_lines or retired, path
    with closing(database.connect()) as connection:
        found = read_ledger(connection, machine_id()[:64], recount=True).findings
    assert not found, found
