"""`radiolog once` with more logs than descriptors, none of which may be closed: it does not spin."""

import time

import pytest
from fix_postgres import Database

from ingest.backfill import LOOK_SECONDS, backfill
from ingest.service import Service
from ingest.sources import source_of
from ingest.telemetry import Telemetry

FILES = 9


@pytest.fixture
def service(database: Database, monkeypatch: pytest.MonkeyPatch) -> Service:
    """Three logs may be open."""
    monkeypatch.setattr("ingest.service.most_open", lambda: 3)
    return Service(
        database.config, (source_of(database.config.log_path),), "once-few", Telemetry(stream=None), defer=True
    )


def test_files_that_hold_a_line_back_are_waited_for_without_spinning(
    database: Database, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time lets the lines go; until then there is nothing to do."""
    for number in range(FILES):
        text = 'Traceback (most recent call last):\n  File "x", line 1, in y\n'
        (database.config.log_path / f"{number}.log").write_text(text)
    service.open()
    monkeypatch.setattr(service, "open", lambda: None)
    sweeps = 0
    sweep = service.pipeline.sweep

    def counted() -> None:
        nonlocal sweeps
        sweeps += 1
        sweep()

    monkeypatch.setattr(service.pipeline, "sweep", counted)
    begun_at = time.monotonic()
    try:
        backfill(service, lambda _progress: None)
    finally:
        service.close()
    assert sweeps <= (time.monotonic() - begun_at) / LOOK_SECONDS + 2 * FILES
    assert database.rows("SELECT count(*), sum(held)::int, sum(lines)::int FROM ingest_files") == [
        (FILES, 0, 2 * FILES)
    ]
