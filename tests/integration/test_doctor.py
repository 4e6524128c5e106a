"""`radiolog doctor`: each trouble is found, weighed, and has a mend; without database, schema or configuration too."""

import json
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fix_postgres import Database, both_servers
from ingest_kit import lines_of, metric
from process_kit import finished

from ingest.checkup_database import database_findings
from ingest.checkup_machine import machine_findings
from ingest.cli import doctor
from ingest.findings import Finding
from ingest.machine import machine_id
from logging_module.config import LoggingConfig


def findings(found: Iterator[Finding]) -> dict[tuple[str, str], str]:
    """Messages by area and level; every one that is not well has a mend."""
    kept: dict[tuple[str, str], str] = {}
    for one in found:
        assert bool(one.mend) == (one.level != "ok"), one
        kept[one.area, one.level] = kept.get((one.area, one.level), "") + one.message + "\n"
    return kept


def add_file(database: Database, path: str, **columns: Any) -> None:
    names = {"committed_offset": 0, "state": "active", "last_error": None, "updated_at": "now", **columns}
    with closing(database.connect()) as connection, connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ingest_files (machine, owner, owner_epoch, path, family, compression, device, inode, birth_ns, boot_id,"
            " parser, parser_version, committed_offset, head_length, head_hash, proof_length, proof_hash, state, last_error, updated_at)"
            " VALUES (%(machine)s, 'x', 1, %(path)s, %(path)s, '', 1, hashtext(%(path)s), 1, '', 'json', 1, %(committed_offset)s, 0, '', 0, '',"
            " %(state)s, %(last_error)s, %(updated_at)s)",
            {"machine": machine_id()[:64], "path": path, **names},
        )


def test_the_command_on_a_database_that_is_well(database: Database) -> None:
    (database.config.log_path / "a.log").write_text(lines_of(metric(1)))
    assert finished(database.config, "once", "--quiet").returncode == 0
    told = finished(database.config, "doctor", "--json")
    found = json.loads(told.stdout)
    assert (told.returncode, found["errors"], told.stderr) == (0, 0, ""), found
    areas = {one["area"] for one in found["findings"] if one["level"] == "ok"}
    assert {"configuration", "log files", "database", "schema", "writing", "files", "rotation", "time zone"} <= areas
    assert "no daemon runs" in told.stdout
    shown = finished(database.config, "doctor")
    assert shown.returncode == 0
    assert shown.stdout.splitlines()[-1].startswith("0 errors, ")


def test_without_a_database_with_an_empty_one_and_with_wrong_settings(empty_database: Database) -> None:
    empty = finished(empty_database.config, "doctor")
    assert empty.returncode == 1
    assert "run `radiolog db init`" in empty.stdout
    away = finished(empty_database.config, "doctor", POSTGRES_HOST="/nonexistent", POSTGRES_PASSWORD="hunter2")
    assert away.returncode == 1
    assert "there is no socket in that folder" in away.stdout
    assert "hunter2" not in away.stdout + away.stderr
    wrong = finished(empty_database.config, "doctor", POSTGRES_PORT="x", RADIOLOG_STATOIN="Night")
    assert wrong.returncode == 1
    assert "POSTGRES_PORT is 'x'; permitted:" in wrong.stdout
    assert "RADIOLOG_STATOIN is no setting" in wrong.stdout
    assert "Traceback" not in empty.stderr + away.stderr + wrong.stderr


def test_no_embedded_server_is_started(tmp_path: Path) -> None:
    found = findings(database_findings(LoggingConfig(data_dir=tmp_path / "data")))
    assert found.keys() == {("database", "warning")}
    assert not (tmp_path / "data").exists()


def test_folders_and_files_that_cannot_be_used(tmp_path: Path) -> None:
    missing = findings(machine_findings(LoggingConfig(log_path=tmp_path / "no")))
    assert "does not exist" in missing["log files", "error"]
    folder = tmp_path / "log"
    folder.mkdir()
    assert "there is no log yet" in findings(machine_findings(LoggingConfig(log_path=folder)))["log files", "warning"]
    os.mkfifo(folder / "pipe.log")
    (tmp_path / "outside").write_text("secret")
    (folder / "link.log").symlink_to(tmp_path / "outside")
    found = findings(machine_findings(LoggingConfig(log_path=folder)))
    assert (
        "of 2 logs cannot be read" in found["log files", "error"]
        or "of 1 logs cannot be read" in found["log files", "error"]
    )
    a_file = findings(machine_findings(LoggingConfig(log_path=tmp_path / "outside")))
    assert "is no folder" in a_file["log files", "error"]


def test_a_folder_that_nobody_chose_may_be_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """After `make run` nothing is configured; only a folder that somebody named must be there."""
    default = LoggingConfig.model_fields["log_path"]
    monkeypatch.setattr(default, "default", tmp_path / "no")
    LoggingConfig.model_rebuild(force=True)
    try:
        found = findings(machine_findings(LoggingConfig()))
    finally:
        monkeypatch.undo()
        LoggingConfig.model_rebuild(force=True)
    assert "LOG_PATH is not set" in found["log files", "warning"]
    assert ("log files", "error") not in found


def test_a_disk_that_is_fuller_than_wanted(tmp_path: Path) -> None:
    config = LoggingConfig(log_path=tmp_path, disk_free_percent=100.0)
    assert "is free where" in findings(machine_findings(config))["disk", "warning"]


def test_stuck_and_suspended_files_are_told_of(database: Database) -> None:
    waiting = database.config.log_path / "waiting.log"
    waiting.write_text("x" * 100)
    add_file(database, str(waiting), updated_at="2026-01-01T00:00:00Z")
    add_file(database, "/log/core", state="suspended")
    add_file(database, "/log/shut", last_error="cannot be opened: Permission denied")
    found = findings(database_findings(database.config))
    assert "/log/core is suspended" in found["files", "error"]
    assert "100 bytes wait for" in found["files", "warning"]
    assert "Permission denied" in found["files", "warning"]
    assert ("files", "ok") not in found


def test_holes_hint_at_copytruncate_and_lost_bytes_are_counted(database: Database) -> None:
    with closing(database.connect()) as connection, connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ingest_gaps (generation, path, from_offset, to_offset, reason)"
            " VALUES (1, '/log/a', 0, 9, 'nul_hole'), (2, '/log/b', 10, 30, 'deleted')"
        )
    told = findings(database_findings(database.config))["rotation", "warning"]
    assert "truncated under a writer that does not append" in told
    assert "20 bytes were deleted before they could be read" in told


def test_a_changed_schema_and_a_daemon_that_is_thrown_out_again_and_again(database: Database) -> None:
    with closing(database.connect()) as connection, connection, connection.cursor() as cursor:
        cursor.execute("ALTER TABLE play_history DROP COLUMN album CASCADE")
        cursor.execute(
            "INSERT INTO ingest_instances (instance, epoch, machine, roots, pid, host, health)"
            " VALUES ('m/run/x', 99, %s, '{}', 1, 'h', '{\"mode\": \"events\"}')", (machine_id()[:64],)
        )  # fmt: skip
    found = findings(database_findings(database.config))
    assert "play_history.album is missing" in found["schema", "error"]
    assert "was started 99 times" in found["daemon", "warning"]


def test_notifications_that_wait_without_a_notifier(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(database.connect()) as connection, connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO notification_outbox (dedupe_key, kind, payload, created_at)"
            " VALUES ('k', 'test', '{}', now() - interval '2 hours')"
        )
    assert "1 wait for more than an hour" in findings(database_findings(database.config))["notifications", "warning"]
    config = database.config.model_copy(update={"discord_webhook_url": LoggingConfig(
        discord_webhook_url="https://discord.com/api/webhooks/1/x").discord_webhook_url})  # fmt: skip
    assert "no notifier runs" in findings(doctor._notifier(config))["notifications", "warning"]


@both_servers
def test_the_cost_of_a_commit_is_measured_on_any_server(database: Database) -> None:
    found = findings(database_findings(database.config))
    assert "a commit takes" in found.get(("writing", "ok"), "") + found.get(("writing", "warning"), "")
