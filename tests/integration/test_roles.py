"""Each role does its process's work, and nothing else."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest
from fix_postgres import Database
from ingest_kit import ledger_holds, lines_of, metric, read_once
from process_kit import finished
from webhook_kit import says, webhook

from ingest.machine import machine_id
from ingest.retention import Cleanup
from ingest.roles import ROLES, apply_roles
from logging_module import Analytics

OLD = datetime.now(UTC) - timedelta(days=100)
# What nobody but the owner may do, and what each may not.
NOBODY = (
    "DROP TABLE play_history", "ALTER TABLE error_log ADD COLUMN x INT", "CREATE TABLE mine (a INT)", "TRUNCATE stations",
    "UPDATE schema_version SET version = 2", "CREATE ROLE other", "ALTER FUNCTION three_digits(NUMERIC) RENAME TO x",
    "INSERT INTO maintenance_windows (station, from_time, to_time) VALUES ('a', now(), now() + interval '1 hour')",
)  # fmt: skip
FORBIDDEN = {
    "radio_ingest": (
        "DELETE FROM play_history", "DELETE FROM error_log", "DELETE FROM system_metrics", "DELETE FROM ingest_files",
        "SELECT payload FROM notification_outbox", "UPDATE notification_outbox SET state = 'sent'",
        "SELECT retire_metric_week('2026-01-05')", "DELETE FROM dead_letters",
    ),
    "radio_notify": (
        "SELECT FROM play_history", "SELECT FROM error_log", "SELECT FROM ingest_files", "SELECT FROM dead_letters",
        "SELECT FROM system_metrics", "UPDATE ingest_instances SET epoch = 99", "SELECT ensure_metric_partition(now())",
    ),
    "radio_report": (
        "UPDATE play_history SET title = ''", "DELETE FROM error_log", "INSERT INTO system_metrics DEFAULT VALUES",
        "SELECT proof_hash FROM ingest_files", "SELECT parser_state FROM ingest_files", "SELECT FROM ingest_ladder",
        "UPDATE notification_outbox SET state = 'sent'", "DELETE FROM notification_outbox",
    ),
    "radio_retention": (
        "INSERT INTO play_history DEFAULT VALUES", "INSERT INTO error_log DEFAULT VALUES", "UPDATE ingest_instances SET epoch = 99",
        "INSERT INTO notification_outbox DEFAULT VALUES", "DELETE FROM daily_summaries", "DELETE FROM metric_rollups",
        "DELETE FROM system_metrics",
    ),
}  # fmt: skip


@pytest.fixture
def guarded(database: Database) -> Database:
    with closing(database.connect()) as connection:
        assert apply_roles(connection)
        assert apply_roles(connection)
    return database


def as_role(database: Database, role: str, **more: Any) -> Database:
    return Database(database.name, database.config.model_copy(update={"postgres_user": role, **more}))


def test_each_role_does_the_work_of_its_process(guarded: Database) -> None:
    log = guarded.config.log_path / "a.log"
    said = {"timestamp": OLD.isoformat(), "event": "track_started", "artist": "A", "title": "B", "duration": 60}
    ffmpeg = "ffmpeg version 6.1 Copyright (c) 2000-2023\n[tcp @ 0x5] Connection refused\n"
    (guarded.config.log_path / "ffmpeg.log").write_text(ffmpeg)
    old = [
        said,
        {"timestamp": OLD.isoformat(), "level": "error", "event": "bad"},
        {**metric(1), "timestamp": OLD.isoformat()},
    ]
    log.write_text(lines_of(*old, '{"cut', metric(2)))
    ingest = as_role(guarded, "radio_ingest")
    read_once(ingest.config)
    assert guarded.rows("SELECT count(*) FROM system_metrics") == [(2,)]
    assert guarded.rows("SELECT ended_by IS NULL FROM play_history") == [(True,)]
    ledger_holds(guarded)

    assert finished(ingest.config, "ledger", "--recount").returncode == 0, "it hashes bytes, as ingest does"

    report = as_role(guarded, "radio_report")
    with Analytics(report.config) as analytics:
        assert analytics.get_play_stats(days=200)["total_plays"] == 1
    for command in (("report",), ("export", "--include-errors", "--include-metrics"), ("status",), ("stats",), ("now",),
                    ("errors",), ("sessions",), ("outages",), ("metrics", "--once")):  # fmt: skip
        shown = finished(report.config, *command)
        assert (shown.returncode, "refuse" in shown.stderr) == (0, False), (command, shown.stderr)

    assert Cleanup(as_role(guarded, "radio_retention").config, machine_id()[:64]).run().removed["system_metrics"] == 1
    assert guarded.rows("SELECT count(*) FROM play_history") == [(0,)]
    ledger_holds(guarded)


def test_the_notifier_sends_as_its_role(guarded: Database) -> None:
    notifier = as_role(guarded, "radio_notify").config
    with webhook(says(200, b"{}"), says(200, b"{}")) as hook:
        settings = {"RADIOLOG_DISCORD_WEBHOOK_URL": hook.url, "RADIOLOG_WEBHOOK_ALLOW_PRIVATE": "true"}
        for arguments in (("notify", "--test"), ("notify", "--once")):
            shown = finished(notifier, *arguments, **settings)
            assert shown.returncode == 0, shown.stderr


@pytest.mark.parametrize("role", ROLES)
def test_no_role_may_do_more(guarded: Database, role: str) -> None:
    with closing(as_role(guarded, role).connect(autocommit=True)) as connection, connection.cursor() as cursor:
        for statement in (*NOBODY, *FORBIDDEN[role]):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute(statement)


def test_a_user_who_may_not_make_roles_still_gets_the_schema(empty_database: Database) -> None:
    empty_database.rows("DROP ROLE IF EXISTS plain")
    for role in ROLES:  # none of another test's database depends on them: those are dropped
        empty_database.rows(f"DROP ROLE IF EXISTS {role}")
    empty_database.rows("CREATE ROLE plain LOGIN")
    empty_database.rows("GRANT CREATE, USAGE ON SCHEMA public TO plain")
    shown = finished(as_role(empty_database, "plain").config, "db", "init")
    assert (shown.returncode, "may not make roles" in shown.stdout) == (0, True), shown.stderr
    assert finished(as_role(empty_database, "plain").config, "db", "check").returncode == 0
    shown = finished(empty_database.config, "db", "init")
    assert "radio_retention have their rights" in shown.stdout
    empty_database.rows("DROP OWNED BY plain CASCADE")
    empty_database.rows("DROP ROLE plain")
