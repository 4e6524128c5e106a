"""What a parser calls an event, PostgreSQL takes; and a row read back is what the line said."""

import json
import math
from datetime import UTC, datetime
from typing import Any

import psycopg2
import pytest
from batch_kit import batch_of
from fix_postgres import Database
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest import models
from ingest.batch import (
    COPIED,
    DEAD_LETTER_COLUMNS,
    ERROR_COLUMNS,
    METRIC_COLUMNS,
    PLAY_COLUMNS,
    PLAY_END_COLUMNS,
    RESOLUTION_COLUMNS,
    Batch,
)
from ingest.foreseen import USUAL
from ingest.loading import load_rows
from ingest.prepared import prepare

TABLES = {
    "system_metrics": (models.SystemMetric, METRIC_COLUMNS),
    "error_log": (models.ErrorLog, ERROR_COLUMNS),
    "play_ends": (models.PlayEnd, PLAY_END_COLUMNS),
    "error_resolutions": (models.ErrorResolution, RESOLUTION_COLUMNS),
    "dead_letters": (models.DeadLetter, DEAD_LETTER_COLUMNS),
    "play_history": (models.PlayHistory, PLAY_COLUMNS),
}


def store(database: Database, batch: Batch) -> None:
    """Load a batch and roll it back; a refusal fails the test."""
    connection = database.connect()
    try:
        with connection.cursor() as cursor:
            corrections = load_rows(cursor, prepare([batch], USUAL), USUAL)
            assert not corrections.refused
            for table in TABLES:
                cursor.execute(f"SELECT * FROM {table}")
                cursor.fetchall()
    finally:
        connection.rollback()
        connection.close()


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    [
        "timestamp", "level", "service", "station", "host", "pid", "event", "kind", "run_id", "seq", "artist", "title",
        "album", "azuracast_song_id", "duration", "loop_path", "ffmpeg_pid", "play_id", "had_errors", "error_message",
        "metric_name", "metric_value", "unit", "metadata", "context", "exception", "stack_trace", "error_id", "template",
        "message", "x",
    ]
)  # fmt: skip
EVENT_NAMES = st.sampled_from(["track_started", "track_ended", "metric", "error_resolved", "error", "log"])


@st.composite
def json_lines(draw: st.DrawFn) -> bytes:
    """A line that names an event and then says anything, in any type, in its fields."""
    values = draw(st.dictionaries(FIELDS, JSON_VALUES, max_size=8))
    values["kind"] = draw(EVENT_NAMES)
    values.setdefault("metric_name", "m")
    if draw(st.booleans()):
        values["metric_value"] = draw(st.integers() | st.floats(allow_nan=False))
        values["artist"] = draw(st.text())
    return json.dumps(values, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(json_lines(), min_size=1, max_size=20))
def test_any_json_line_can_be_stored(database: Database, lines: list[bytes]) -> None:
    store(database, batch_of("json", lines))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(st.binary(max_size=200).filter(lambda data: b"\n" not in data), max_size=20))
@pytest.mark.parametrize("parser", ["json", "ffmpeg", "text"])
def test_any_bytes_can_be_stored(database: Database, parser: str, lines: list[bytes]) -> None:
    store(database, batch_of(parser, lines))


HOSTILE = [
    b'{"event":"metric","metric_name":"m","metric_value":1e308}',
    b'{"event":"metric","metric_name":"m","metric_value":123456789012345678901234567890}',
    b'{"event":"metric","metric_name":"m","metric_value":-0.0,"timestamp":"infinity"}',
    b'{"event":"metric","metric_name":"m","metric_value":1,"timestamp":"now"}',
    b'{"event":"metric","metric_name":"m","metric_value":1,"timestamp":"99999-01-01T00:00:00Z"}',
    b'{"event":"metric","metric_name":"m\\u0000","metric_value":1,"metadata":{"a":"\\u0000\\ud800"}}',
    b'{"event":"track_started","artist":"a\\tb\\\\N","title":"x\\ny\\r","duration":1e300,"ffmpeg_pid":9223372036854775808}',
    b'{"event":"track_started","artist":"' + b"e" * 70000 + b'","title":"t","play_id":"' + b"p" * 2000 + b'"}',
    b'{"event":"track_ended","play_id":99999999999999999999999999}',
    b'{"event":"error_resolved","error_id":99999999999999999999999999}',
    b'{"event":"boom","level":"error","context":{"n":1e200000}}',
    b'{"event":"boom","level":"error","service":"' + b"s" * 500 + b'","station":"' + b"t" * 500 + b'"}',
]


@pytest.mark.parametrize("line", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_values_can_be_stored(database: Database, line: bytes) -> None:
    store(database, batch_of("json", [line]))


def test_columns_of_rows_are_columns_of_the_models() -> None:
    for table, (model, columns) in TABLES.items():
        names = {column.name for column in model.__table__.columns}  # type: ignore[attr-defined]
        assert set(columns) <= names, table
    assert {table for table in TABLES if table != "play_history"} == set(COPIED)


def test_rows_have_the_types_and_lengths_of_their_columns() -> None:
    """Every row kind, built from lines with texts beyond every limit, fits the model's column types."""
    resolved = b'{"event":"error_resolved","service":"' + b"s" * 500 + b'","template":"' + b"t" * 900 + b'"}'
    batch = batch_of("json", [*HOSTILE, resolved, b"rubbish"])
    tables = {**batch.copied, "play_history": batch.plays}
    for table, rows in tables.items():
        model, columns = TABLES[table]
        assert rows, table
        for row in rows:
            for name, value in zip(columns, row, strict=True):
                column = model.__table__.columns[name]  # type: ignore[attr-defined]
                assert value is not None or column.nullable, (table, name)
                length = getattr(column.type, "length", None)
                if length is not None and value is not None:
                    assert len(value) <= length, (table, name)


def test_what_is_said_is_what_is_stored(database: Database) -> None:
    said: dict[str, Any] = {
        "timestamp": "2026-11-22T10:00:00.123456+01:00", "event": "metric", "metric_name": "cpu", "metric_value": 12.5,
        "unit": "percent", "service": "s", "station": "st", "host": "h", "metadata": {"core": 1, "tab": "a\tb\\c\n"},
    }  # fmt: skip
    connection = database.connect()
    with connection, connection.cursor() as cursor:
        batch = batch_of("json", [json.dumps(said).encode()])
        load_rows(cursor, prepare([batch], USUAL), USUAL)
        cursor.execute(
            "SELECT timestamp, metric_name, metric_value, unit, service, station, host, metadata, time_quality"
            " FROM system_metrics"
        )
        (row,) = cursor.fetchall()
    connection.close()

    assert row[0] == datetime(2026, 11, 22, 9, 0, 0, 123456, tzinfo=UTC)
    assert (row[1], float(row[2]), *row[3:7]) == ("cpu", 12.5, "percent", "s", "st", "h")
    assert row[7] == said["metadata"]
    assert row[8] == "exact"


def test_the_server_would_refuse_what_parsers_replace(database: Database) -> None:
    """The test above can fail: the same text, unrepaired, is refused."""
    connection = database.connect()
    with connection.cursor() as cursor, pytest.raises(psycopg2.Error):
        cursor.execute("SELECT %s::jsonb", ['{"a": "\\u0000"}'])
    connection.close()
    assert math.isfinite(1e308)
