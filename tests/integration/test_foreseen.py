"""What is foreseen when rows are stored, and the bookkeeper's last word on it."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from batch_kit import batch_of
from fix_postgres import Database
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.bookkeeper import Bookkeeper
from ingest.foreseen import USUAL
from ingest.loading import load_rows, queue_derivation
from ingest.prepared import prepare
from logging_module.config import LoggingConfig

BEGAN = datetime(2026, 11, 22, 10, tzinfo=UTC)
IDS = [f"6f1c1f9e-0000-4000-8000-{number:012d}" for number in range(12)]
PLAYS = (
    "SELECT id, ended_at, ended_by, duration_seconds, had_errors, error_count, error_message, said_errors, said_message"
    " FROM play_history ORDER BY started_at, id"
)
LINKS = "SELECT id, play_history_id FROM error_log ORDER BY id"
FORGET = (
    (
        "UPDATE play_history SET ended_at = NULL, ended_by = NULL, duration_seconds = NULL, had_errors = false,"
        " error_count = 0, error_message = NULL, said_errors = false, said_message = NULL"
    ),
    "UPDATE error_log SET play_history_id = NULL",
    (
        "INSERT INTO derive_queue (station, from_time, to_time)"
        " SELECT station, timestamptz '2026-11-20', timestamptz '2026-12-20' FROM unnest('{S,T}'::text[]) station"
    ),
)
WRITTEN = "SELECT xmin::text, id FROM play_history UNION ALL SELECT xmin::text, id FROM error_log ORDER BY 1, 2"


@pytest.fixture
def bookkeeper(database: Database) -> Iterator[Bookkeeper]:
    made = Bookkeeper(database.connect, USUAL)
    yield made
    made.close()


def arrive(database: Database, lines: list[dict[str, Any]], generation: int = 1) -> None:
    """One commit of some lines."""
    batch = batch_of("json", [json.dumps(line).encode() for line in lines], generation)
    with closing(database.connect()) as connection, connection, connection.cursor() as cursor:
        load_rows(cursor, prepare([batch], USUAL), USUAL)
        queue_derivation(cursor, [batch])


def state(database: Database) -> tuple[list[Any], list[Any]]:
    return database.rows(PLAYS), database.rows(LINKS)


def at(seconds: float) -> str:
    return (BEGAN + timedelta(seconds=seconds)).isoformat()


def evening() -> list[dict[str, Any]]:
    """Plays of three minutes, each with two errors and a warning; every third says its end itself."""
    lines: list[dict[str, Any]] = []
    for number, play_id in enumerate(IDS):
        begun = number * 180
        lines += [
            {"timestamp": at(begun), "event": "track_started", "artist": "A", "title": play_id, "play_id": play_id,
             "duration": 180},
            {"timestamp": at(begun + 10), "level": "error", "event": f"first of {number}"},
            {"timestamp": at(begun + 20), "level": "warning", "event": "only a warning"},
            {"timestamp": at(begun + 30), "level": "critical", "event": "second", "context": {"play_id": play_id}},
        ]  # fmt: skip
        if number % 3 == 0:
            lines.append({"timestamp": at(begun + 170), "event": "track_ended", "play_id": play_id, "had_errors": True})
    return lines


def test_what_the_rows_of_a_commit_show_is_written_once(database: Database, bookkeeper: Bookkeeper) -> None:
    arrive(database, evening())
    before, written = state(database), database.rows(WRITTEN)
    bookkeeper.work_all()
    assert state(database) == before
    assert database.rows(WRITTEN) == written
    assert [row[2] for row in before[0]] == [*(["event", "next_track", "next_track"] * 4)[:-1], None]
    assert [row[5:7] for row in before[0]] == [(2, f"first of {number}") for number in range(12)]
    assert None not in {play for _, play in before[1]}


def test_the_usual_thresholds_are_those_of_the_configuration() -> None:
    config = LoggingConfig()
    assert (config.max_open_play_seconds, config.gap_threshold_seconds) == USUAL


def test_nothing_is_foreseen_of_plays_that_were_known(database: Database, bookkeeper: Bookkeeper) -> None:
    lines = evening()
    arrive(database, lines[:4])
    arrive(database, lines)
    assert database.rows("SELECT DISTINCT ended_by FROM play_history") == [(None,)]
    bookkeeper.work_all()
    assert database.rows("SELECT count(*) FROM play_history WHERE ended_by IS NULL") == [(1,)]


LINE = st.one_of(
    st.fixed_dictionaries(
        {"event": st.just("track_started"), "title": st.sampled_from("xy")},
        optional={"play_id": st.sampled_from([*IDS[:4], "7", "sh:9"]), "duration": st.sampled_from([0, 60, 200.5, 1e7])},
    ),
    st.fixed_dictionaries(
        {"event": st.just("track_ended")},
        optional={"play_id": st.sampled_from([*IDS[:4], "7", "sh:9", "1"]), "had_errors": st.booleans(),
                  "error_message": st.sampled_from(["a", "b"])},
    ),
    st.fixed_dictionaries(
        {"event": st.sampled_from(["boom", "bang"]), "level": st.sampled_from(["warning", "error", "critical"])},
        optional={"play_id": st.sampled_from([*IDS[:4], "7", "1"])},
    ),
)  # fmt: skip
STEP = st.tuples(st.sampled_from([0, 0, 1, 30, 180, 200, 211, 899, 901, 5000, -100]), st.sampled_from("ST"), LINE)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(st.lists(STEP, min_size=1, max_size=25), min_size=1, max_size=3))
def test_the_bookkeeper_has_the_last_word(database: Database, bookkeeper: Bookkeeper, commits: list[list[Any]]) -> None:
    """Derived from what was foreseen or from nothing, the rows are the same."""
    database.rows("TRUNCATE play_history, play_ends, error_log, derive_queue RESTART IDENTITY")
    seconds = 0
    for generation, commit in enumerate(commits):
        lines = []
        for step, station, line in commit:
            seconds += step
            lines.append({"timestamp": at(seconds), "station": station, **line})
        arrive(database, lines, generation)
    bookkeeper.work_all()
    derived = state(database)
    for statement in FORGET:
        database.rows(statement)
    bookkeeper.work_all()
    assert derived == state(database)
