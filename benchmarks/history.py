"""More history behind the same week: what new lines and a report of seven days cost beside it.

A week has as many metrics, plays and errors in each size of the tables; the larger ones go further back.
"""

import json
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from datetime import datetime, timedelta
from pathlib import Path

from psycopg2.extensions import cursor as Cursor  # noqa: N812 (a class under a function's name)

from benchmarks.backlog import load
from benchmarks.database import DATABASE, cursor_of, database
from benchmarks.figures import Figure, in_turn
from benchmarks.lines import BEGAN, METRICS, REASONS, SEED, mixed_lines
from ingest.bookkeeper import Bookkeeper
from ingest.database import connect
from ingest.foreseen import Thresholds
from logging_module.config import LoggingConfig
from reports.generate_report import generate

FLAT, FLAT_TIME = 0.8, 1.25
SIZES = (1_000_000, 10_000_000, 100_000_000)
ROWS = 10_000_000
LINES = 50_000  # with plays enough that the bookkeeper has their tables analyzed, in every round
A_WEEK = 500_000
WEEK = timedelta(days=7)
PLAY = timedelta(minutes=3)

_METRICS = """
INSERT INTO system_metrics (timestamp, metric_name, metric_value, service, station, generation, line_offset)
SELECT %(start)s::timestamptz + n * %(every)s, (%(names)s::text[])[1 + n %% cardinality(%(names)s::text[])],
       (n %% 10007 * 7919 %% 10007)::numeric / 100, 'bench', %(station)s, 0, n
FROM generate_series(0, %(count)s - 1) n
"""
_PLAYS = """
INSERT INTO play_history (station, track_key, artist, title, started_at, expected_duration_seconds, service,
                          play_id, play_key, generation, line_offset)
SELECT %(station)s, 'artist ' || n %% 200 || ' - title ' || n %% 2000, 'Artist ' || n %% 200, 'Title ' || n %% 2000,
       %(start)s::timestamptz + n * %(every)s, extract(epoch FROM %(every)s::interval), 'bench', id, id, 0, n
FROM generate_series(0, %(count)s - 1) n,
     LATERAL (SELECT lpad(to_hex(n), 8, '0') || to_char(%(start)s::timestamptz, '"-history-"YYYYMMDD') AS id) named
"""
_ERRORS = """
INSERT INTO error_log (station, timestamp, service, severity, message, template, context, generation, line_offset)
SELECT %(station)s, %(start)s::timestamptz + n * %(every)s, 'bench', 'error', reason || ' after ' || n || ' ms',
       reason || ' after <n> ms', jsonb_build_object('try', n %% 7), 0, n
FROM generate_series(0, %(count)s - 1) n,
     LATERAL (SELECT (%(reasons)s::text[])[1 + n %% cardinality(%(reasons)s::text[])] AS reason) said
"""
# Every week has the metrics of the first, and so its rollups.
_ROLLUPS = """
INSERT INTO metric_rollups (metric_name, bucket_start, station, service, frozen, unit, sample_count, value_sum,
                            value_min, value_max, bin_values, bin_counts)
SELECT metric_name, bucket_start + make_interval(hours => 168 * n), station, service, frozen, unit, sample_count,
       value_sum, value_min, value_max, bin_values, bin_counts
FROM metric_rollups, generate_series(1, %(weeks)s - 1) n
"""


def measure(
    sizes: Sequence[int], rounds: int, seed: int = SEED, *, lines: int = LINES, a_week: int = A_WEEK
) -> list[Figure]:
    """Lines a second into tables of so many metrics, and milliseconds of a report.

    Args:
        sizes: of the tables, in metrics, the smallest first; whole weeks.
        rounds: so many.
        seed: of the lines.
        lines: new ones in each round.
        a_week: metrics in a week.
    """
    with tempfile.TemporaryDirectory(prefix="radiolog-bench-") as name, ExitStack() as held:
        tables = {}
        for size in sizes:
            folder = Path(name) / str(size)
            folder.mkdir()
            config = held.enter_context(database(folder, f"{DATABASE}_{size}"))
            fill(config, size // a_week, a_week)
            tables[size] = Tables(config, lines, seed)
        stored = in_turn({size: known.ingest for size, known in tables.items()}, rounds)
        reported = in_turn({size: known.report for size, known in tables.items()}, rounds)
    least, *others = sizes
    return [
        *(
            Figure(f"{lines:,} lines into {size:,} metrics", "lines/s", lines / stored[size],
                   f"into {least:,}", lines / stored[least], FLAT)
            for size in others
        ),
        *(
            Figure(f"7-day report over {size:,} metrics", "ms", 1000 * reported[size],
                   f"over {least:,}", 1000 * reported[least], FLAT_TIME, lower_is_better=True)
            for size in others
        ),
    ]  # fmt: skip


class Tables:
    """Tables that hold a history, and the log that goes on behind it.

    Args:
        config: its database is filled, its folder is empty.
        lines: new ones in each round.
        seed: of the lines.
    """

    def __init__(self, config: LoggingConfig, lines: int, seed: int) -> None:
        self._config, self._lines, self._seed = config, lines, seed
        self._written = 0
        self._now = BEGAN

    def ingest(self) -> float:
        """Seconds for the next lines. Raises RuntimeError where one of them is no row."""
        content = list(mixed_lines(self._lines, self._seed, from_number=self._written))
        with (self._config.log_path / "bench.log").open("ab") as file:
            file.writelines(content)
        self._written += self._lines
        self._now = datetime.fromisoformat(json.loads(content[-1])["timestamp"])
        loaded = load(self._config)
        if loaded.rows != self._lines:
            raise RuntimeError(f"{loaded.rows:,} rows of {self._lines:,} lines")
        return loaded.seconds

    def report(self) -> float:
        """Seconds for the seven days up to the last line, as text and HTML."""
        with tempfile.TemporaryDirectory(prefix="radiolog-bench-") as name:
            began = time.perf_counter()
            generate(self._config, days=7, output_dir=name, now=lambda: self._now)
            return time.perf_counter() - began


def fill(config: LoggingConfig, weeks: int, a_week: int = A_WEEK) -> None:
    """The facts of so many weeks before the lines begin, a week at a time, each with what the bookkeeper derives.

    Args:
        config: a database with the schema and nothing in it.
        weeks: how many.
        a_week: metrics in a week.
    """
    keeper = Bookkeeper(
        lambda: connect(config, application_name="bench bookkeeper"),
        Thresholds(config.max_open_play_seconds, config.gap_threshold_seconds),
    )
    first = BEGAN - weeks * WEEK
    with closing(keeper), cursor_of(config) as cursor:
        cursor.execute("INSERT INTO stations (name, time_zone) VALUES (%s, %s)", (config.station, config.time_zone))
        for number in range(weeks):
            _store(cursor, config.station, first + number * WEEK, a_week)
            _queue(cursor, "derive_queue", config.station, first + number * WEEK)
            if not number:
                _queue(cursor, "rollup_queue", config.station, first)
            keeper.work_all_at_once()
        cursor.execute(_ROLLUPS, {"weeks": weeks})
        cursor.execute("VACUUM ANALYZE")  # as autovacuum does, in its own time
        cursor.execute("CHECKPOINT")  # what was written before costs the measuring no more


def _store(cursor: Cursor, station: str, start: datetime, a_week: int) -> None:
    for at in (start, start + WEEK):
        cursor.execute("SELECT ensure_metric_partition(%s)", (at,))
    plays = {"station": station, "start": start, "every": PLAY, "count": WEEK // PLAY}
    cursor.execute(_METRICS, plays | {"every": WEEK / a_week, "count": a_week, "names": list(METRICS)})
    cursor.execute(_PLAYS, plays)
    cursor.execute(_ERRORS, plays | {"reasons": list(REASONS)})


def _queue(cursor: Cursor, queue: str, station: str, start: datetime) -> None:
    cursor.execute(
        f"INSERT INTO {queue} (station, from_time, to_time) VALUES (%s, %s, %s)",  # noqa: S608 (names of our own)
        (station, start, start + WEEK - timedelta(microseconds=1)),
    )
