"""Facts into the tables by COPY, as ingest leaves them, and then the bookkeeper's own work on them."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from psycopg2.extensions import connection as Connection  # noqa: N812 (a class under a function's name)
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from benchmarks.year.station import STATION, ZONE, Facts
from ingest.bookkeeper import Bookkeeper
from ingest.copying import copy_rows
from ingest.database import connect
from ingest.fit import track_key
from ingest.foreseen import Thresholds
from logging_module.config import LoggingConfig

ROWS_AT_ONCE = 50_000
WEEK = 7 * 86_400


def instant(at: float) -> datetime:
    """Seconds since 1970 as a time."""
    return datetime.fromtimestamp(at, UTC)


def load(config: LoggingConfig, facts: Facts) -> None:
    """Store the facts and let the bookkeeper derive what follows.

    Args:
        config: a database with the schema and nothing in it.
        facts: of the station.

    Raises:
        DatabaseError: PostgreSQL refused.
    """
    with closing(connect(config, application_name="year")) as connection:
        _store(connection, facts)
    keeper = Bookkeeper(
        lambda: connect(config, application_name="year bookkeeper"),
        Thresholds(config.max_open_play_seconds, config.gap_threshold_seconds),
    )
    keeper.work_all()
    keeper.close()
    with (
        closing(connect(config, application_name="year", autocommit=True)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("VACUUM ANALYZE")  # as autovacuum does, in its own time


def _store(connection: Connection, facts: Facts) -> None:
    with connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO stations (name, time_zone) VALUES (%s, %s)", (STATION, ZONE.key))
        for at in range(facts.start, facts.end + WEEK, WEEK):
            cursor.execute("SELECT ensure_metric_partition(%s)", (instant(at),))
        _copy_plays(cursor, facts)
        _copy(cursor, "error_log", ("station", "timestamp", "service", "severity", "message", "template", "category",
                                    "occurrences", "noise"),
              ((STATION, instant(p.at), p.service, p.severity, p.message, p.template, p.category, p.occurrences,
                p.noise) for p in facts.problems))  # fmt: skip
        _copy_sessions(cursor, facts)
        _copy(cursor, "maintenance_windows", ("station", "from_time", "to_time"),
              ((STATION, instant(h.start), instant(h.end)) for h in facts.holes if h.kind == "planned"))  # fmt: skip
        _copy_metrics(cursor, facts)
        span = (STATION, instant(facts.start), instant(facts.end))
        for queue in ("derive_queue", "rollup_queue"):
            cursor.execute(f"INSERT INTO {queue} (station, from_time, to_time) VALUES (%s, %s, %s)", span)  # noqa: S608


def _copy_plays(cursor: Cursor, facts: Facts) -> None:
    _copy(cursor, "play_history", ("station", "track_key", "artist", "title", "started_at", "expected_duration_seconds",
                                   "service", "play_id", "play_key", "generation", "line_offset"),
          ((STATION, track_key(p.artist, p.title), p.artist, p.title, instant(p.start), p.seconds, "playout", p.play_id,
            p.play_id, 1, number) for number, p in enumerate(facts.plays)))  # fmt: skip
    said = [play for play in facts.plays if play.said_end]
    _copy(cursor, "play_ends", ("station", "ended_at", "play_id", "had_errors", "service"),
          ((STATION, instant(p.end), p.play_id, p.said_errors, "playout") for p in said))  # fmt: skip


def _copy_sessions(cursor: Cursor, facts: Facts) -> None:
    columns = ("station", "session_key", "service", "started_at", "first_progress_at", "last_progress_at", "ended_at",
               "end_kind", "cause", "cause_category", "time_quality", "progress_count", "frames", "drop_frames",
               "dup_frames", "speed_average", "speed_worst", "out_time_seconds", "generation",
               "line_offset")  # fmt: skip
    _copy(cursor, "stream_sessions", columns, (
        (STATION, f"2:{number}", "ffmpeg", instant(s.start), instant(s.start), instant(s.end),
         None if s.end_kind == "running" else instant(s.end), s.end_kind, s.cause or None,
         "network" if s.cause else None, "exact", 100, s.frames, s.drop_frames, s.dup_frames, s.speed_average,
         s.speed_worst, s.end - s.start, 2, number)
        for number, s in enumerate(facts.sessions)
    ))  # fmt: skip


def _copy_metrics(cursor: Cursor, facts: Facts) -> None:
    columns = (
        "timestamp",
        "metric_name",
        "metric_value",
        "service",
        "metadata",
        "station",
        "generation",
        "line_offset",
    )
    _copy(cursor, "system_metrics", columns, (
        (instant(m.at), m.name, m.value / 1000, "ffmpeg" if m.name.startswith("ffmpeg") else "host",
         None if m.low == m.high else {"min": m.low / 1000, "max": m.high / 1000}, STATION, 3, number)
        for number, m in enumerate(facts.metrics())
    ))  # fmt: skip


def _copy(cursor: Cursor, table: str, columns: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> None:
    remaining: Iterator[tuple[Any, ...]] = iter(rows)
    while part := list(islice(remaining, ROWS_AT_ONCE)):
        copy_rows(cursor, table, columns, part)
