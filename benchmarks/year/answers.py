"""A synthetic station's year: every figure held against its recount, then what the answers cost. Takes some minutes."""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import date
from functools import partial
from pathlib import Path

from benchmarks.database import database
from benchmarks.figures import Figure
from benchmarks.year.comparing import differences
from benchmarks.year.loading import instant, load
from benchmarks.year.recount import Recount
from benchmarks.year.station import DAY, TRACKS, Facts, make
from ingest.database import connect
from ingest.queries import load as load_sql
from logging_module.config import LoggingConfig
from reports.analytics import Analytics
from reports.csv_stream import CsvStream
from reports.generate_report import generate
from reports.reader import Reader
from reports.window import Window

FIRST, DAYS, EVERY_SECONDS = date(2025, 11, 24), 365, 10
ROUNDS = 5
OTHER_STATIONS, OTHER_PLAYS = 5, 168_000
CALL_MS, REPORT_MS = 100.0, 2000.0
CALLS: dict[str, tuple[object, ...]] = {
    "get_play_stats": (), "get_most_played_tracks": (), "get_error_summary": (), "get_hourly_play_distribution": (),
    "get_daily_summary": (), "get_weekly_summary": (), "get_track_history": TRACKS[0], "get_uptime_by_day": (),
    "get_error_timeline": (), "get_uptime": (), "get_outages": (), "get_encoder_health": (), "get_error_templates": (),
    "get_repeat_distances": (), "get_listener_retention": (), "get_sessions": (), "get_incidents": (),
}  # fmt: skip


def measure() -> list[Figure]:
    """How many figures differ from their recount, each one printed; and what answers cost."""
    facts = make(FIRST, DAYS, every_seconds=EVERY_SECONDS)
    with tempfile.TemporaryDirectory(prefix="radiolog-year-") as folder, database(Path(folder)) as made:
        config = made.model_copy(update={"time_zone": "Europe/Berlin"})
        load(config, facts)
        wrong = Figure(
            "year: figures that differ from their recount", "figures", len(compare(config, facts)), "none", 1.0, 0.0,
            lower_is_better=True,
        )  # fmt: skip
        add_other_stations(config, facts)
        return [wrong, *calls(config, facts), report(config, facts, Path(folder)), *exports(config, facts)]


def compare(config: LoggingConfig, facts: Facts) -> list[str]:
    """Every figure beside its recount, for the year, a month and a week."""
    windows = [(facts.end - days * DAY, facts.end) for days in (DAYS, 30, 7)]
    windows[0] = (facts.start, facts.end)
    recount = Recount(facts, windows)
    with Analytics(config, now=lambda: instant(facts.end)) as analytics:
        wrong = differences(analytics, recount, windows)
    print(
        "\n".join(wrong)
        or f"{len(facts.plays):,} plays, {len(facts.problems):,} errors: every figure equals its recount"
    )
    return wrong


def add_other_stations(config: LoggingConfig, facts: Facts) -> None:
    """Plays of more stations, so that there are a million."""
    connection = connect(config, application_name="bench", autocommit=True)
    with closing(connection), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO play_history (station, track_key, artist, title, started_at, ended_at, ended_by,"
            " duration_seconds, play_key, service)"
            " SELECT 'Station ' || s, 'artist ' || n %% 977, 'Artist', 'Title ' || n %% 977, t, t + every,"
            " 'next_track', extract(epoch FROM every), s || ':' || n, 'playout'"
            " FROM (SELECT (%(end)s::timestamptz - %(start)s::timestamptz) / %(plays)s AS every) e,"
            " generate_series(1, %(stations)s) s, generate_series(0, %(plays)s - 1) n,"
            " LATERAL (SELECT %(start)s::timestamptz + n * every AS t) at ORDER BY n, s",
            {"start": instant(facts.start), "end": instant(facts.end), "plays": OTHER_PLAYS,
             "stations": OTHER_STATIONS},
        )  # fmt: skip
        cursor.execute("INSERT INTO stations (name) SELECT DISTINCT station FROM play_history ON CONFLICT DO NOTHING")
        cursor.execute("VACUUM ANALYZE play_history")
        cursor.execute("CHECKPOINT")  # what was written before costs the reading no more


def milliseconds(work: Callable[[], object]) -> float:
    """The median of some rounds, behind one that warms up."""
    work()
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - began))
    return statistics.median(times)


def calls(config: LoggingConfig, facts: Facts) -> list[Figure]:
    """Each call with its own default window, over all stations."""
    with Analytics(config, now=lambda: instant(facts.end)) as analytics:
        return [
            Figure(name, "ms", milliseconds(partial(getattr(analytics, name), *given)), "target", CALL_MS, 1.0,
                   lower_is_better=True)
            for name, given in CALLS.items()
        ]  # fmt: skip


def report(config: LoggingConfig, facts: Facts, folder: Path) -> Figure:
    """Seven days as text and HTML."""
    took = milliseconds(lambda: generate(config, days=7, output_dir=folder, now=lambda: instant(facts.end)))
    return Figure("7-day report", "ms", took, "target", REPORT_MS, 1.0, lower_is_better=True)


def exports(config: LoggingConfig, facts: Facts) -> list[Figure]:
    """CSV of two tables beside PostgreSQL's plain COPY of the same rows in the same order."""
    windows = {"play_history": 365, "system_metrics": 30}
    return [
        _exported(config, table, Window(instant(facts.end - days * DAY), instant(facts.end)))
        for table, days in windows.items()
    ]


def _exported(config: LoggingConfig, table: str, window: Window) -> Figure:
    parameters = {"station": None, "from_time": window.start, "to_time": window.end}
    typed = load_sql("reports", "export_typed.sql")[table]
    with closing(Reader(config)) as reader, Path(os.devnull).open("wb") as nowhere:

        def ours() -> None:
            stream = CsvStream(nowhere)
            reader.copy_csv("export.sql", table, parameters, stream)
            stream.finish()

        def plain() -> None:
            with closing(connect(config, application_name="bench")) as connection, connection.cursor() as cursor:
                query = cursor.mogrify(typed, parameters).decode()
                cursor.copy_expert(f"COPY ({query}) TO STDOUT CSV", nowhere)

        rows = reader.one("export.sql", f"count_{table}", parameters)["rows"]
        value, reference = (1000 * rows / milliseconds(work) for work in (ours, plain))
    return Figure(f"CSV export of {table}", "rows/s", value, "COPY … TO STDOUT CSV", reference, 0.4)
