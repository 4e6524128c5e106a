"""`radiolog db upgrade`: a filled database of the older station schema is taken over without losing a row."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import psycopg2.errors
import pytest
from daemon_kit import running
from fix_postgres import Database, both_servers
from ingest_kit import ledger_holds, lines_of, metric, read_once
from process_kit import finished, wait_until

from ingest import schema
from ingest.errors import DatabaseError, SchemaMissing, SchemaTooNew
from ingest.upgrade import upgrade
from logging_module import Analytics

OLD_SCHEMA = (Path(__file__).parents[1] / "data" / "old_station_schema.sql").read_text()


@pytest.fixture
def old(empty_database: Database) -> Database:
    empty_database.rows(OLD_SCHEMA)
    return empty_database


@both_servers
def test_every_row_of_an_older_station_database_is_taken_over(old: Database) -> None:
    shown = finished(
        old.config, "db", "upgrade", "--time-zone", "Europe/Berlin", "--json", RADIOLOG_STATION="Nightdrive FM"
    )
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout) == {
        "from_version": None, "version": schema.SCHEMA_VERSION,
        "taken_over": {"play_history": 500, "error_log": 300, "system_metrics": 1000},
    }  # fmt: skip
    with closing(old.connect()) as connection:
        assert schema.differences(connection) == []
    # A summer's and a winter's noon are two hours and one before UTC's.
    assert old.rows(
        "SELECT to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') FROM play_history WHERE id IN (1, 500) ORDER BY id"
    ) == [("2026-07-01 10:00",), ("2026-11-15 11:20",)]
    for table, columns in (
        (
            "play_history",
            "id, coalesce(artist, ''), title, azuracast_song_id, ffmpeg_pid, error_message, duration_seconds::int",
        ),
        ("error_log", "id, service, message, stack_trace, resolved, play_history_id"),
        ("system_metrics", "id, metric_name, metric_value, unit, service"),
    ):
        assert old.rows(f"SELECT {columns} FROM {table} ORDER BY id") == old.rows(
            f"SELECT {columns} FROM station_before.{table} ORDER BY id"
        ), table
    assert old.rows("SELECT metadata FROM play_history WHERE id = 2") == [({"playlist": "night", "mood": "calm"},)]
    assert old.rows("SELECT DISTINCT severity FROM error_log ORDER BY 1") == [("critical",), ("error",), ("warning",)]
    assert old.rows("SELECT track_key FROM play_history WHERE id = 1") == [("nina simone - sinnerman",)]
    assert old.rows("SELECT count(*) FROM system_metrics_default") == [(0,)]


def test_life_goes_on_after_it(old: Database) -> None:
    with closing(old.connect()) as connection:
        upgrade(connection, "radio", "UTC")
    said = "SELECT id, ended_at, duration_seconds, had_errors, error_count, error_message FROM play_history WHERE id <= 500 ORDER BY id"
    before = old.rows(said)
    linked = old.rows("SELECT id, play_history_id FROM error_log ORDER BY id")
    start = {"timestamp": "2026-11-20T12:00:00Z", "event": "track_started", "artist": "new", "title": "new"}
    (old.config.log_path / "a.log").write_text(lines_of(start, metric(1)))
    old.rows("INSERT INTO derive_queue (station, from_time, to_time) VALUES ('radio', '2026-05-01', '2026-12-01')")
    read_once(old.config)
    ended = {row[0] for row in before if row[1]}
    assert len(ended) == 490
    assert [row for row in old.rows(said) if row[0] in ended] == [row for row in before if row[0] in ended]
    assert old.rows("SELECT id, play_history_id FROM error_log ORDER BY id") == linked
    assert old.rows("SELECT id FROM play_history ORDER BY id DESC LIMIT 1") == [(501,)]
    with Analytics(old.config) as analytics:
        assert analytics.get_play_stats(days=365)["total_plays"] == 501
        (cpu,) = analytics.metric_statistics(analytics.window(365), "radio", ("cpu_percent",))
    assert cpu["samples"] == 1000
    ledger_holds(old)


def test_without_the_zone_nothing_is_changed(old: Database) -> None:
    tables = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    before = old.rows(tables)
    shown = finished(old.config, "db", "upgrade")
    assert (shown.returncode, shown.stderr.count("\n")) == (1, 1)
    assert "--time-zone" in shown.stderr
    assert finished(old.config, "db", "upgrade", "--time-zone", "Mars").returncode == 2
    shown = finished(old.config, "db", "init")
    assert (shown.returncode, "radiolog db upgrade" in shown.stderr) == (1, True)
    old.rows("INSERT INTO system_metrics (timestamp, metric_name, service) VALUES (now(), 'no value', 's')")
    with closing(old.connect()) as connection, pytest.raises(DatabaseError):
        upgrade(connection, "radio", "UTC")
    assert old.rows(tables) == before


def test_a_daemon_of_another_version_is_in_the_way(database: Database) -> None:
    with running(database.config) as daemon:
        daemon.wait_for("started")
        (database.config.log_path / "a.log").write_text(lines_of(metric(1)))
        daemon.wait_for("file_found")
        with closing(database.connect()) as connection:
            assert upgrade(connection, "radio", None).from_version == schema.SCHEMA_VERSION, "its own version is not"
        daemon.stop()
    database.rows(
        'UPDATE ingest_instances SET stopped_at = NULL, heartbeat_at = now(), health = \'{"version": "0.0.1"}\''
    )
    with (
        closing(database.connect()) as connection,
        pytest.raises(DatabaseError, match=r"0\.0\.1 on .* \(process \d+\)"),
    ):
        upgrade(connection, "radio", None)


def test_nothing_to_upgrade_and_too_new(empty_database: Database) -> None:
    with closing(empty_database.connect()) as connection:
        with pytest.raises(SchemaMissing, match="db init"):
            upgrade(connection, "radio", None)
        schema.apply(connection)
        empty_database.rows("INSERT INTO schema_version (version) VALUES (%s)", schema.SCHEMA_VERSION + 1)
        with pytest.raises(SchemaTooNew):
            upgrade(connection, "radio", None)


def test_an_upgrade_that_meets_a_deadlock_is_done_again(database: Database) -> None:
    """A commit of a live daemon holds one table and wants another, which the upgrade has already locked."""
    with closing(database.connect()) as ingest, closing(database.connect()) as owner, ThreadPoolExecutor(1) as pool:
        with ingest.cursor() as cursor, owner.cursor() as other:
            other.execute("SET deadlock_timeout = '2s'")  # the upgrade looks first, and is the one that PostgreSQL ends
            owner.commit()
            cursor.execute("SET deadlock_timeout = '20s'")
            cursor.execute("LOCK TABLE ingest_files IN ROW EXCLUSIVE MODE")
            upgrading = pool.submit(upgrade, owner, "radio", None)
            waits = "SELECT count(*) FROM pg_locks WHERE relation = 'ingest_files'::regclass AND NOT granted"
            wait_until(lambda: database.rows(waits) == [(1,)], "the upgrade waits")
            with suppress(psycopg2.errors.DeadlockDetected):  # where this took longer than two seconds
                cursor.execute("LOCK TABLE play_history IN ROW EXCLUSIVE MODE")
            ingest.rollback()
        assert upgrading.result(timeout=60).from_version == schema.SCHEMA_VERSION
