"""Every command as a user types it: help, wrong words, empty and unreachable databases, never a traceback."""

import gzip
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from fix_command import Command
from fix_postgres import Database
from ingest_kit import lines_of, metric
from process_kit import finished, start

from ingest.cli.app import app


def commands(group: Any, *words: str) -> Iterator[tuple[str, ...]]:
    """Every command that can be typed, those of groups too."""
    for name, command in group.commands.items():
        inner = getattr(command, "commands", None)
        if inner is None or getattr(command, "invoke_without_command", False):
            yield (*words, name)
        if inner is not None:
            yield from commands(command, *words, name)


def failed(result: "subprocess.CompletedProcess[str]", *words: str, code: int = 1) -> None:
    """The command failed with one clear line."""
    assert result.returncode == code, result
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr, result.stderr


def test_help_has_an_example(radiolog: Command) -> None:
    found = list(commands(typer.main.get_command(app)))
    assert ("errors",) in found
    assert ("maintenance", "add") in found
    for command in found:
        done = radiolog(*command, "--help")
        assert done.code == 0
        assert re.search(rf"Example: .*radiolog.* {command[-1]}|Example: .*radiolog {' '.join(command)}", done.out), (
            command
        )
        assert max(map(len, done.out.splitlines())) <= 80


@pytest.mark.parametrize(
    "words",
    [("nonsense",), ("once", "--nonsense"), ("parse",), ("db", "nonsense"), ("stats", "--days", "x"), ("stats", "--days", "0"),
     ("dead-letters", "list", "--limit", "0"), ("parse", "x.log", "--parser", "cobol"), ("report", "--format", "papyrus")],
    ids=" ".join,
)  # fmt: skip
def test_wrong_usage_is_2(database: Database, words: tuple[str, ...]) -> None:
    failed(finished(database.config, *words), code=2)


def test_version(database: Database) -> None:
    assert finished(database.config, "--version").stdout.startswith("radiolog 0.")


def test_an_empty_database_is_no_error(database: Database) -> None:
    for command in (("status",), ("dead-letters", "list"), ("stats",), ("status", "--json"), ("stats", "--json")):
        result = finished(database.config, *command)
        assert (result.returncode, result.stderr) == (0, ""), (command, result)
        assert result.stdout
        if "--json" in command:
            json.loads(result.stdout)


def test_status_says_how_far_each_file_is(database: Database) -> None:
    text = lines_of(metric(1), metric(2))
    log = database.config.log_path / "a.log"
    log.write_text(text + '{"half":')
    assert finished(database.config, "once").stdout == "2 lines read, 2 rows stored, 0 dead letters\n"

    status = json.loads(finished(database.config, "status", "--json").stdout)

    (file,) = status["files"]
    assert (file["path"], file["committed_offset"], file["lag_bytes"], file["lines"]) == (str(log), len(text), 8, 2)
    assert "a.log" in finished(database.config, "status").stdout


def test_dead_letters_are_listed_and_harmless(database: Database) -> None:
    (database.config.log_path / "a.log").write_bytes(b'{"x": 1}\n\x1b[31mred {"half"\n')
    finished(database.config, "once")

    table = finished(database.config, "dead-letters", "list", "--reason", "bad_json", "--path", "a.log")
    (letter,) = map(json.loads, finished(database.config, "dead-letters", "list", "--json").stdout.splitlines())

    assert "\x1b" not in table.stdout
    assert "bad_json" in table.stdout
    assert (letter["from_offset"], letter["to_offset"], letter["reason"]) == (9, 26, "bad_json")
    assert finished(database.config, "dead-letters", "list", "--path", "%").stdout == "no dead letters\n"


def test_parse_needs_no_database(database: Database) -> None:
    log = database.config.log_path / "a.log"
    log.write_text(lines_of(metric(3), "rubbish"))

    result = finished(database.config, "parse", str(log), POSTGRES_HOST="/nowhere")

    first, second = map(json.loads, result.stdout.splitlines())
    assert (first["kind"], first["line"], first["offset"]) == ("metric", 1, 0)
    assert (second["kind"], second["line"]) == ("rejected", 2)
    failed(finished(database.config, "parse", "missing.log"), "missing.log")


def test_a_reader_that_closes_the_pipe_is_no_error_worth_a_traceback(database: Database) -> None:
    log = database.config.log_path / "a.log"
    log.write_text(lines_of(*map(metric, range(20_000))))
    process = start(database.config, "parse", str(log))
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    errors = process.stderr.read()
    process.stderr.close()
    process.wait()
    assert "Traceback" not in errors


def test_missing_folder(database: Database) -> None:
    failed(finished(database.config, "once", LOG_PATH="/nowhere/logs"), "/nowhere/logs", "LOG_PATH")
    failed(finished(database.config, "once", "/nowhere/a.log"), "/nowhere/a.log")


def test_unreadable_file_is_named_and_the_rest_is_read(database: Database) -> None:
    (database.config.log_path / "a.log").write_text(lines_of(metric(1)))
    (database.config.log_path / "broken.log.1.gz").write_bytes(b"\x1f\x8bno gzip at all")
    result = finished(database.config, "once")
    failed(result, "broken.log.1.gz")
    assert "1 lines read" in result.stdout
    assert "{" not in result.stderr


def test_status_names_a_damaged_archive(database: Database) -> None:
    lines = gzip.compress(lines_of(*map(metric, range(3000))).encode())
    middle = len(lines) // 2
    damaged = lines[:middle] + bytes(byte ^ 255 for byte in lines[middle : middle + 40]) + lines[middle + 40 :]
    (database.config.log_path / "a.log.1.gz").write_bytes(damaged)

    failed(finished(database.config, "once"), "a.log.1.gz", "damaged")

    (file,) = json.loads(finished(database.config, "status", "--json").stdout)["files"]
    assert "damaged" in file["last_error"]


def test_a_log_path_that_is_a_file(database: Database) -> None:
    file = database.config.log_path / "a.log"
    file.touch()
    for command in ("once", "run"):
        failed(finished(database.config, command, LOG_PATH=str(file)), str(file), "LOG_PATH")


def test_unreachable_database(database: Database) -> None:
    for command in (("once",), ("status",), ("stats",), ("db", "init")):
        failed(finished(database.config, *command, POSTGRES_HOST="127.0.0.1", POSTGRES_PORT="1"), "127.0.0.1")


def test_missing_and_newer_schema(empty_database: Database) -> None:
    failed(finished(empty_database.config, "once"), "radiolog db init")
    failed(finished(empty_database.config, "status"), "radiolog db init")
    assert finished(empty_database.config, "db", "init").returncode == 0
    assert finished(empty_database.config, "db", "init").returncode == 0
    assert finished(empty_database.config, "db", "check").returncode == 0
    told = finished(empty_database.config, "db", "check", "--json")
    assert (told.returncode, json.loads(told.stdout)) == (0, {"version": 1, "differences": []})

    connection = empty_database.connect(autocommit=True)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE error_log DROP COLUMN category")
        drifted = finished(empty_database.config, "db", "check")
        cursor.execute("INSERT INTO schema_version (version) VALUES (999)")
    connection.close()

    assert drifted.returncode == 1
    assert "category" in drifted.stdout
    failed(finished(empty_database.config, "once"), "999")


def test_wrong_settings_are_named_together(database: Database) -> None:
    result = finished(database.config, "run", LOG_LEVEL="LOUD", POSTGRES_PORT="x", RADIOLOG_TIME_ZONE="Mars/Base")
    failed(result, "LOG_LEVEL", "POSTGRES_PORT", "RADIOLOG_TIME_ZONE")


def test_url_and_config_show_no_password(database: Database) -> None:
    for command in (("db", "url"), ("config", "show"), ("config", "show", "--json")):
        result = finished(database.config, *command, POSTGRES_PASSWORD="s3cretpw")
        assert result.returncode == 0, result
        assert "s3cretpw" not in result.stdout + result.stderr
    assert finished(database.config, "db", "url").stdout.startswith("postgresql://")


def test_misspelt_settings_are_named(database: Database) -> None:
    result = finished(database.config, "config", "show", RADIOLOG_STATOIN="x")
    assert "RADIOLOG_STATOIN" in result.stdout
    assert "RADIOLOG_STATION " not in result.stdout


@pytest.mark.parametrize("debug", ["", "true"])
def test_what_nobody_caught_is_one_line_without_its_text(debug: str) -> None:
    """In a thread, in a destructor, at the top: the text could hold a log line."""
    code = (
        "import threading\n"
        "from ingest.cli import hide_tracebacks\n"
        "def fail():\n    raise ValueError('rtmp://host/app/key')\n"
        "class Odd:\n    def __del__(self):\n        fail()\n"
        "hide_tracebacks()\n"
        "thread = threading.Thread(target=fail)\n"
        "thread.start()\nthread.join()\n"
        "Odd()\n"
        "fail()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "DEBUG": debug}, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert done.stderr.count("ValueError") == 3
    assert ("Traceback" in done.stderr, "rtmp" in done.stderr) == (bool(debug), bool(debug))


def test_ctrl_c_during_once_ends_without_a_traceback_and_loses_nothing(database: Database) -> None:
    log = database.config.log_path / "a.log"
    log.write_text(lines_of(*map(metric, range(60_000))))
    process = start(database.config, "once", RADIOLOG_BATCH_ROWS="500")
    os.kill(process.pid, 0)
    while not database.rows("SELECT 1 FROM ingest_files WHERE lines > 0"):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode in (0, 130)
    assert "Traceback" not in errors

    assert finished(database.config, "once").returncode == 0
    assert database.rows("SELECT count(*), count(DISTINCT metric_value) FROM system_metrics") == [(60_000, 60_000)]
