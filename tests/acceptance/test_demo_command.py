"""`radiolog demo`: a live station for a few seconds, into a database of its own."""

import dataclasses
import re
import signal

import psycopg2
from fix_postgres import Database
from process_kit import finished, start, wait_until

from ingest.errors import DatabaseError


def test_a_few_seconds_of_a_station(database: Database) -> None:
    before = database.rows("SELECT count(*) FROM ingest_files")

    result = finished(database.config, "demo", "--seconds", "6", "--speed", "5")

    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stderr
    first = result.stdout.splitlines()[0]
    lines, plays, metrics, *_ = (int(number) for number in re.findall(r"\d+", first))
    assert lines > metrics > plays > 0
    assert database.rows("SELECT count(*) FROM ingest_files") == before


def test_without_a_time_it_runs_until_ctrl_c(database: Database) -> None:
    connection = database.connect(autocommit=True)
    with connection.cursor() as cursor:
        cursor.execute("DROP DATABASE IF EXISTS radiolog_demo WITH (FORCE)")
    connection.close()
    process = start(database.config, "demo", "--speed", "10")
    other = database.config.model_copy(update={"postgres_db": "radiolog_demo"})
    wait_until(lambda: has_plays(dataclasses.replace(database, config=other)), "plays of the demo")
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "lines:" in output
    assert "Traceback" not in errors


def has_plays(demo: Database) -> bool:
    """Whether the demo's database is there and holds a play."""
    try:
        return bool(demo.rows("SELECT 1 FROM play_history LIMIT 1"))
    except (psycopg2.Error, DatabaseError):
        return False
