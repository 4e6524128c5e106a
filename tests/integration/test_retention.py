"""`radiolog cleanup`: what goes, what stays, and that neither ledger nor figures nor a running daemon notice."""

import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from daemon_kit import running
from fix_postgres import Database
from ingest_kit import ledger_holds, lines_of, read_once
from process_kit import finished, wait_until

from ingest.errors import DatabaseError, OutputError
from ingest.machine import machine_id
from ingest.retention import Archive, Cleanup, Outcome
from logging_module import Analytics, LoggingConfig
from reports.archive import ParquetArchive

NOW = datetime.now(UTC).replace(microsecond=0)
# At noon: what is played within some minutes is of one day.
OLD, NEW = ((NOW - timedelta(days=days)).replace(hour=12, minute=0, second=0) for days in (100, 2))
GONE = {
    "play_history": 3,
    "play_ends": 1,
    "error_log": 2,
    "error_resolutions": 1,
    "system_metrics": 40,
    "dead_letters": 1,
}


def lines_at(at: datetime, *, plays: int = 3) -> list[Any]:
    """What a station logs within ten minutes: plays, an end, errors and their resolution, metrics, a bad line."""
    said: list[Any] = []

    def say(seconds: float, **fields: Any) -> None:
        said.append({"timestamp": (at + timedelta(seconds=seconds)).isoformat(), "service": "watcher", **fields})

    for number in range(plays):
        say(
            200 * number,
            event="track_started",
            play_id=f"{at:%j}-{number}",
            artist="Ada",
            title=f"T{number % 2}",
            duration=200,
        )
    say(600, event="track_ended", play_id=f"{at:%j}-{plays - 1}")
    say(10, level="error", event="playlist is empty")
    say(20, level="error", event="playlist is empty")
    say(30, event="error_resolved", template="playlist is empty")
    for number in range(40):
        say(number, event="metric", metric_name="cpu_percent", metric_value=number)
    return [*said, '{"cut": ']


@pytest.fixture
def filled(database: Database) -> Database:
    """A database with what is past its retention, and what is not."""
    for name, at in (("old", OLD), ("new", NEW)):
        (database.config.log_path / f"{name}.log").write_text(lines_of(*lines_at(at)))
    read_once(database.config)
    database.rows("UPDATE dead_letters SET arrived_at = %s WHERE path LIKE '%%old.log'", OLD)
    return database


def clean(config: LoggingConfig, archive: Archive | None = None) -> Outcome:
    return Cleanup(config, machine_id()[:64], archive).run()


def counts(outcome: Outcome) -> dict[str, int]:
    return {table: count for table, count in outcome.removed.items() if count}


def test_what_is_past_its_retention_goes_and_the_ledger_holds(filled: Database) -> None:
    plan = Cleanup(filled.config, machine_id()[:64]).plan()
    assert counts(plan) == GONE
    ledger_holds(filled)
    before = filled.rows("SELECT count(*) FROM play_history")
    assert before == [(6,)], "a plan changes nothing"
    assert counts(clean(filled.config)) == GONE
    ledger_holds(filled)
    assert filled.rows("SELECT count(*), min(started_at) > %s FROM play_history", NEW - timedelta(days=1)) == [
        (3, True)
    ]
    assert filled.rows("SELECT rows_retired, letters_retired FROM ingest_files ORDER BY path DESC") == [(47, 1), (0, 0)]
    assert counts(clean(filled.config)) == {}


def test_figures_of_retired_days_are_those_of_before(filled: Database) -> None:
    def figures() -> list[Any]:
        with Analytics(filled.config) as analytics:
            stats = analytics.get_play_stats(days=200)
            window = analytics.window(200)
            return [
                {name: value for name, value in stats.items() if name not in ("uptime_percent", "coverage_percent", "interruptions")},
                analytics.get_most_played_tracks(days=200), analytics.daily_plays(window, None), analytics.daily_plays(window, "radio"),
                analytics.metric_statistics(window, None, ("cpu_percent",)),
                filled.rows("SELECT * FROM get_play_stats(%s, %s)", OLD - timedelta(days=1), NOW),
                filled.rows("SELECT * FROM get_most_played_tracks(%s, %s, 10)", OLD - timedelta(days=1), NOW),
            ]  # fmt: skip

    before = figures()
    assert (before[0]["total_plays"], before[0]["unique_tracks"], before[0]["plays_with_errors"]) == (6, 2, 2)
    clean(filled.config)
    assert figures() == before


def test_late_lines_of_a_retired_day_count_beside_its_summary(filled: Database) -> None:
    clean(filled.config)
    late = lines_at(OLD + timedelta(seconds=1))
    late[0]["play_id"], late[0]["title"] = "late", "late one"
    (filled.config.log_path / "late.log").write_text(lines_of(late[0]))
    read_once(filled.config, "2")
    for _ in range(2):
        with Analytics(filled.config) as analytics:
            stats = analytics.get_play_stats(days=200)
        assert (stats["total_plays"], stats["unique_tracks"]) == (7, 3)
        clean(filled.config)
    assert filled.rows("SELECT play_count, unique_tracks FROM daily_summaries") == [(4, 3)]
    ledger_holds(filled)


def test_a_play_keeps_its_count_of_errors_that_went(database: Database) -> None:
    config = database.config.model_copy(update={"error_log_retention_days": 1, "auto_resolve_days": 1})
    (config.log_path / "a.log").write_text(lines_of(*lines_at(NEW)))
    read_once(config)
    said = "SELECT error_count, had_errors, error_message FROM play_history ORDER BY started_at"
    before = database.rows(said)
    assert before[0] == (2, True, "playlist is empty")
    assert clean(config).removed["error_log"] == 2
    database.rows("INSERT INTO derive_queue (station, from_time, to_time) VALUES ('radio', %s, %s)", NEW, NOW)
    read_once(config, "2")
    assert database.rows("SELECT count(*) FROM derive_queue") == [(0,)]
    assert database.rows(said) == before


def test_errors_resolve_themselves_without_a_repeat(database: Database) -> None:
    def error(days: float, message: str, severity: str = "error") -> str:
        return f"(now() - interval '{days} days', 's', '{severity}', '{message}', 'radio')"

    rows = [error(50, "old"), error(40, "repeated", "warning"), error(3, "repeated"), error(50, "bad", "critical")]
    database.rows(f"INSERT INTO error_log (timestamp, service, severity, message, station) VALUES {', '.join(rows)}")
    config = database.config.model_copy(update={"error_log_retention_days": 365})
    assert clean(config).resolved_errors == 1
    found = database.rows("SELECT message, resolved, resolved_at < now() FROM error_log ORDER BY id")
    assert found == [("old", True, True), ("repeated", False, None), ("repeated", False, None), ("bad", False, None)]


def test_weeks_of_the_default_partition_go_and_coming_weeks_are_made(database: Database) -> None:
    insert = "INSERT INTO system_metrics (timestamp, metric_name, metric_value, service, station) VALUES (%s, 'm', 1, 's', 'radio')"
    for at in (OLD, OLD - timedelta(days=300), NOW):
        database.rows(insert, at)
    assert database.rows("SELECT count(*) FROM system_metrics_default") == [(3,)]
    assert counts(clean(database.config)) == {"system_metrics": 2}
    assert database.rows("SELECT count(*) FROM system_metrics_default") == [(1,)]
    assert database.rows("SELECT sum(sample_count) FROM metric_rollups WHERE frozen") == [(2,)]
    database.rows(insert, NOW + timedelta(days=25))
    assert database.rows("SELECT count(*) FROM system_metrics_default") == [(1,)], "its week was made ahead"


def test_a_running_week_is_never_dropped(database: Database) -> None:
    for week in ("date_trunc('week', now(), 'UTC')", "now() - interval '30 days 1 second'", "NULL"):
        with pytest.raises(psycopg2.Error, match="Monday"):
            database.rows(f"SELECT retire_metric_week({week})")


# -- checkpoints ---------------------------------------------------------------------------------------------------------


def lines_and_bytes(config: LoggingConfig) -> list[str]:
    told = finished(config, "metrics", "--once").stdout.splitlines()
    found = [line for line in told if line.startswith(("radio_log_lines_total{", "radio_log_bytes_total{"))]
    assert any(not line.endswith(" 0.0") for line in found if 'service="a"' in line), told
    return found


def test_checkpoints_stay_as_long_as_a_file_of_their_family(database: Database) -> None:
    config = database.config
    log, rotated = config.log_path / "a.log", config.log_path / "old" / "a.log.1"
    rotated.parent.mkdir()
    log.write_text(lines_of(*lines_at(OLD)[:3]))
    (config.log_path / "other.log").write_text(lines_of({"event": "below every threshold"}))
    read_once(config)
    database.rows(
        "UPDATE ingest_files SET state = 'finished', finished_at = now() - interval '500 days', updated_at = now() - interval '500 days'"
    )
    database.rows("UPDATE ingest_files SET path = %s WHERE path = %s", str(rotated), str(log))
    log.rename(rotated)
    assert counts(clean(config)) == {"play_history": 3}
    rotated.unlink()
    assert counts(clean(config)) == {}, "an empty folder may be a disk that is not mounted"
    (rotated.parent / "something.txt").write_text("")
    recent = config.model_copy(update={"checkpoint_retention_days": 501})
    assert counts(clean(recent)) == {}
    assert counts(Cleanup(config, machine_id()[:64]).plan()) == {"ingest_files": 1}
    counted = lines_and_bytes(config)
    assert counts(clean(config)) == {"ingest_files": 1}
    assert lines_and_bytes(config) == counted, "counters never fall"
    assert [path for (path,) in database.rows("SELECT path FROM ingest_files")] == [str(config.log_path / "other.log")]
    ledger_holds(database)


def test_numbers_of_a_run_outlive_the_checkpoint_of_their_file(database: Database) -> None:
    config = database.config
    for name, numbers in (("gone.log", (1, 2, 3)), ("stays.log", (4, 5))):
        lines = [{**line, "run_id": "r", "seq": number} for number, line in zip(numbers, lines_at(OLD), strict=False)]
        (config.log_path / name).write_text(lines_of(*lines))
    read_once(config)
    ledger_holds(database)
    database.rows(
        "UPDATE ingest_files SET state = 'finished', finished_at = now() - interval '500 days', updated_at = now() - interval '500 days' WHERE path LIKE '%%gone.log'"
    )
    (config.log_path / "gone.log").unlink()
    assert clean(config).removed["ingest_files"] == 1
    assert database.rows("SELECT run_id, lines, seqs::text FROM ingest_runs") == [("r", 5, "{[1,6)}")]
    ledger_holds(database)


# -- the archive ---------------------------------------------------------------------------------------------------------


def test_the_archive_holds_every_row_that_went(filled: Database, tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    leaving = filled.rows(
        "SELECT id, metric_value, started, metadata FROM (SELECT id, metric_value, timestamp AS started, metadata FROM system_metrics) m WHERE started < %s ORDER BY id",
        NEW - timedelta(days=1),
    )
    archive = ParquetArchive(tmp_path / "archive")
    assert counts(clean(filled.config, archive)) == GONE
    found = {path.name.rsplit("_", 2)[0]: pq.read_table(path).to_pylist() for path in archive.paths}
    assert {table: len(rows) for table, rows in found.items()} == GONE
    metrics = sorted(found["system_metrics"], key=lambda row: row["id"])
    assert [(row["id"], row["metric_value"], row["timestamp"]) for row in metrics] == [
        (number, str(value), at) for number, value, at, _ in leaving
    ]
    assert {row["artist"] for row in found["play_history"]} == {"Ada"}
    assert list((tmp_path / "archive").glob(".*")) == []
    ledger_holds(filled)


class Meddling:
    """An archive behind whose back rows arrive."""

    def __init__(self, database: Database, statement: str) -> None:
        self._database, self._statement = database, statement

    def keep(self, table: str, columns: Any, parts: Any) -> None:  # noqa: ARG002 (as ParquetArchive has it)
        for _ in parts:
            pass
        if table in self._statement:
            self._database.rows(self._statement)


@pytest.mark.parametrize(
    ("table", "statement"),
    [
        ("system_metrics", "INSERT INTO system_metrics (timestamp, metric_name, metric_value, service, station) SELECT min(timestamp), 'late', 1, 's', 'radio' FROM system_metrics"),
        ("play_history", "UPDATE play_history SET title = 'changed'"),
        ("dead_letters", "UPDATE dead_letters SET detail = 'changed'"),
    ],
)  # fmt: skip
def test_what_changed_behind_the_archive_stays(filled: Database, table: str, statement: str) -> None:
    outcome = clean(filled.config, Meddling(filled, statement))
    assert counts(outcome) == {name: count for name, count in GONE.items() if name != table}
    assert [part.split(",")[0] for part in outcome.changed] == [table]
    ledger_holds(filled)
    clean(filled.config)
    ledger_holds(filled)


def test_an_archive_that_reads_back_otherwise_keeps_no_file(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    archive = ParquetArchive(tmp_path / "archive")
    with pytest.raises(OutputError, match="not the 1 written"):
        archive.keep("play_history", [("seconds", 701)], [[(1,)]])  # a column of doubles gives 1.0 back
    assert os.listdir(tmp_path / "archive") == []


def test_nothing_goes_when_the_archive_cannot_be_written(filled: Database) -> None:
    pytest.importorskip("pyarrow")
    shown = finished(filled.config, "cleanup", "--archive", "/proc/nowhere")
    assert (shown.returncode, shown.stderr.count("\n")) == (1, 1), shown.stderr
    assert filled.rows("SELECT count(*) FROM play_history") == [(6,)]


# -- beside others -------------------------------------------------------------------------------------------------------


def test_a_running_daemon_neither_stops_nor_loses_a_line(database: Database) -> None:
    """Lines of expired and of present weeks are written while everything is cleaned up again and again."""
    config = database.config.model_copy(update={"metrics_retention_days": 7, "play_history_retention_days": 7})
    written = [0]
    stop = threading.Event()

    def write() -> None:
        with (config.log_path / "a.log").open("a") as log:
            while not stop.is_set():
                for at in (NOW - timedelta(days=30), NOW - timedelta(days=40), NOW):
                    lines = [
                        {"timestamp": at.isoformat(), "event": "metric", "metric_name": "m", "metric_value": 1},
                        {"timestamp": at.isoformat(), "event": "track_started", "play_id": f"p{written[0]}-{at:%j}", "artist": "A", "title": "T"},
                    ]  # fmt: skip
                    log.write(lines_of(*lines))
                    written[0] += 1
                log.flush()
                stop.wait(0.005)

    with running(config) as daemon:
        writer = threading.Thread(target=write)
        writer.start()
        try:
            removed = 0
            while removed < 200:
                removed += clean(config).removed["system_metrics"]
        finally:
            stop.set()
            writer.join()
        wait_until(
            lambda: database.rows("SELECT coalesce(sum(rows_stored), 0) FROM ingest_files") == [(2 * written[0],)],
            "all lines",
        )
        daemon.stop()
        assert daemon.facts("checkpoint_moved") == []
    clean(config)
    ledger_holds(database)
    with Analytics(config) as analytics:
        assert analytics.get_play_stats(days=100)["total_plays"] == written[0]
        (metric,) = analytics.metric_statistics(analytics.window(100), None, ("m",))
        assert metric["samples"] == written[0]


def test_a_week_is_counted_while_nobody_adds_to_it(filled: Database) -> None:
    """A backfill of that week would add between the count and the removal, each time anew."""
    filled.rows(
        "CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NEW; END $$;"
        " CREATE TRIGGER pause BEFORE INSERT ON metric_rollups FOR EACH ROW EXECUTE FUNCTION pause()"
    )
    with closing(filled.connect()) as backfill, backfill.cursor() as cursor, ThreadPoolExecutor(1) as pool:
        cursor.execute("SELECT pg_advisory_lock(1)")
        backfill.commit()
        cleaning = pool.submit(clean, filled.config)
        try:
            waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            wait_until(lambda: filled.rows(waits) == [(1,)], "the count")
            cursor.execute("SET lock_timeout = 1")
            with pytest.raises(psycopg2.errors.LockNotAvailable):
                cursor.execute("SELECT FROM ingest_files FOR NO KEY UPDATE")
            backfill.rollback()
        finally:
            cursor.execute("SELECT pg_advisory_unlock(1)")
            backfill.commit()
        assert cleaning.result().removed["system_metrics"] == GONE["system_metrics"]
    ledger_holds(filled)


def test_a_lock_that_is_not_given_back_is_an_error_and_not_a_hang(
    filled: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.retention.PATIENCE_SECONDS", 0.0)
    with closing(filled.connect()) as reader, reader.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM system_metrics")
        with pytest.raises(DatabaseError, match="lock"):
            clean(filled.config)
    ledger_holds(filled)
    clean(filled.config)
    ledger_holds(filled)


def test_a_dry_run_neither_waits_for_a_lock_nor_takes_one(filled: Database) -> None:
    """An error that would be resolved, in the hands of another; and the other does not wait for the counting."""
    config = filled.config.model_copy(update={"auto_resolve_days": 1, "error_log_retention_days": 1})
    filled.rows("UPDATE error_log SET resolved = false, resolved_at = NULL")
    with closing(filled.connect()) as daemon, daemon.cursor() as cursor:
        cursor.execute("SELECT FROM ingest_files FOR UPDATE")
        cursor.execute("UPDATE error_log SET occurrences = occurrences + 1")
        plan = Cleanup(config, machine_id()[:64]).plan()
        assert (plan.resolved_errors, plan.removed["error_log"]) == (4, 4)
        daemon.rollback()
    outcome = clean(config)
    assert (outcome.resolved_errors, outcome.removed["error_log"]) == (4, 4), "what was planned"


def test_a_dry_run_writes_nothing_and_holds_no_row(filled: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting, it is stopped before its last step: its transaction has no id, and no lock that a writer could meet."""
    seen: list[Any] = []

    def look(_: Cleanup, cursor: Any) -> list[int]:
        cursor.execute("SELECT pg_current_xact_id_if_assigned(), current_setting('transaction_read_only')")
        seen.append(cursor.fetchone())
        seen.extend(
            filled.rows(
                "SELECT DISTINCT mode FROM pg_locks WHERE pid = %s AND locktype = 'relation'",
                cursor.connection.get_backend_pid(),
            )
        )
        return []

    monkeypatch.setattr(Cleanup, "_old_checkpoints", look)
    Cleanup(filled.config, machine_id()[:64]).plan()
    assert seen == [(None, "on"), ("AccessShareLock",)]


def test_the_command(filled: Database, tmp_path: Path) -> None:
    dry = json.loads(finished(filled.config, "cleanup", "--dry-run", "--json").stdout)
    assert {table: count for table, count in dry["removed"].items() if count} == GONE
    shown = finished(filled.config, "cleanup")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "play_history" in shown.stdout
    assert finished(filled.config, "cleanup").stdout == "nothing is past its retention\n"
    assert finished(filled.config, "cleanup", "--archive").returncode == 2


def test_reading_what_is_past_its_retention_warns(database: Database) -> None:
    log = database.config.log_path / "a.log"
    log.write_text(lines_of(*lines_at(NEW)))
    assert finished(database.config, "once").stderr == ""
    with log.open("a") as file:
        file.write(lines_of(*lines_at(OLD)))
    told = finished(database.config, "once").stderr
    assert told.count("radiolog cleanup") == 2, told
    assert "play_history are older than their retention of 90 days" in told
