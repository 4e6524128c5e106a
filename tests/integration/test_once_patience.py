"""`radiolog once` while its database has faults that pass, and one that does not."""

from contextlib import closing

import pytest
from fix_postgres import Database
from ingest_kit import ledger_holds, lines_of, metric, stored_numbers

from ingest.backfill import Progress, backfill
from ingest.errors import DatabaseUnavailable
from ingest.service import Service
from ingest.sources import source_of
from ingest.telemetry import Telemetry


def service_of(database: Database) -> Service:
    config = database.config.model_copy(update={"batch_rows": 100})
    return Service(config, (source_of(config.log_path),), "once-test", Telemetry(stream=None), defer=True)


def end_connections(database: Database) -> None:
    database.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'radiolog %%'")


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
