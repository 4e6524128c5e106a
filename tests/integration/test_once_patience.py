"""`radiolog once` while its database has faults that pass, and one that does not."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from fix_postgres import Database
from ingest_kit import ledger_holds, lines_of, metric, stored_numbers
from process_kit import wait_until

from ingest.backfill import Progress, backfill
from ingest.errors import DatabaseUnavailable
from ingest.service import Service
from ingest.sources import source_of
from ingest.telemetry import Telemetry


def service_of(database: Database) -> Service:
    config = database.config.model_copy(update={"batch_rows": 100})
    return Service(config, (source_of(config.log_path),), "once-test", Telemetry(stream=None), defer=True)


TERMINATE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
READ_AND_DERIVED = "SELECT EXISTS (SELECT FROM play_history) AND NOT EXISTS (SELECT FROM derive_queue)"


def end_connections(database: Database) -> None:
    database.rows(f"{TERMINATE} WHERE application_name LIKE 'radiolog %%'")


def test_lost_connections_are_waited_for(database: Database) -> None:
    """Twice in the middle, and once more while what follows is derived: every line is stored once all the same."""
    (database.config.log_path / "a.log").write_text(lines_of(*map(metric, range(20_000))))
    service = service_of(database)
    rounds = 0

    def disturb(_progress: Progress) -> None:
        nonlocal rounds
        rounds += 1
        if rounds in {2, 4}:
            end_connections(database)

    try:
        progress = backfill(service, disturb)
    finally:
        service.close()

    assert rounds > 4, rounds
    assert progress.lines == 20_000
    assert stored_numbers(database) == list(range(20_000))
    ledger_holds(database)


def test_what_follows_is_derived_while_a_backlog_is_read(database: Database) -> None:
    """Here one round waits for it; in another the bookkeeper loses its connection, and is done at the end."""
    begun = datetime(2026, 11, 22, tzinfo=UTC)
    starts = [
        {"timestamp": (begun + timedelta(minutes=number)).isoformat(), "event": "track_started", "title": f"t{number}"}
        for number in range(15_000)
    ]
    (database.config.log_path / "a.log").write_text(lines_of(*starts))
    service = service_of(database)
    rounds = 0

    def look(_progress: Progress) -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 1:
            wait_until(lambda: database.rows(READ_AND_DERIVED) == [(True,)], "what was read is derived")
        elif rounds == 2:
            database.rows(f"{TERMINATE} WHERE application_name = 'radiolog bookkeeper'")

    try:
        backfill(service, look)
    finally:
        service.close()

    assert rounds >= 2, rounds
    assert database.rows("SELECT count(*), count(ended_at) FROM play_history") == [(15_000, 14_999)]
    assert database.rows("SELECT count(*) FROM derive_queue") == [(0,)]


def test_a_fault_that_stays_is_said_after_some_tries(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that has become read-only: it ends with the reason; what was stored before is, and the next run goes on."""
    monkeypatch.setattr("ingest.backfill.MOST_FAILURES", 2)
    (database.config.log_path / "a.log").write_text(lines_of(*map(metric, range(5000))))
    service = service_of(database)

    def forbid(_progress: Progress) -> None:
        database.rows(f"ALTER DATABASE {database.name} SET default_transaction_read_only = on")
        end_connections(database)

    try:
        with pytest.raises(DatabaseUnavailable, match="read-only"):
            backfill(service, forbid)
    finally:
        service.close()
    with closing(database.connect(autocommit=True)) as connection, connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = off")
        cursor.execute(f"ALTER DATABASE {database.name} RESET default_transaction_read_only")
    again = service_of(database)
    try:
        backfill(again, lambda _progress: None)
    finally:
        again.close()

    assert stored_numbers(database) == list(range(5000))
    ledger_holds(database)
