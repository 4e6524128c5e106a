"""`Analytics` against a real PostgreSQL: empty, one row, and a small history whose truths are worked out by hand."""

import math
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from fix_postgres import Database, both_servers
from station_kit import Station

from ingest.errors import DatabaseUnavailable, SchemaMissing
from logging_module import Analytics as HandedOn
from reports.analytics import Analytics, RangeError
from reports.figures.base import UnknownStation

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)  # a Tuesday

CALLS: dict[str, tuple[Any, ...]] = {
    "get_play_stats": (), "get_most_played_tracks": (), "get_error_summary": (), "get_hourly_play_distribution": (),
    "get_daily_summary": (), "get_weekly_summary": (), "get_track_history": ("Nils", "Says"), "get_uptime_by_day": (),
    "get_error_timeline": (), "get_uptime": (), "get_outages": (), "get_encoder_health": (), "get_error_templates": (),
    "get_repeat_distances": (), "get_listener_retention": (), "get_sessions": (), "get_incidents": (),
}  # fmt: skip


def ago(**units: float) -> datetime:
    return NOW - timedelta(**units)


@pytest.fixture
def analytics(database: Database) -> Iterator[Analytics]:
    with Analytics(database.config, now=lambda: NOW) as made:
        yield made


def store(database: Database, *stations: Station) -> None:
    with closing(database.connect()) as connection:
        for station in stations:
            station.store(connection)


def small_history() -> Station:
    """Yesterday 10:00 to 11:00 UTC, three tracks, a hole of 10 min with evidence; something in the week before."""
    station, base = Station(zone="Europe/Berlin"), ago(days=1, hours=2)
    station.play(base, base + timedelta(minutes=20), "Nils Frahm", "Says")
    station.play(base + timedelta(minutes=20), base + timedelta(minutes=30), "Tycho", "Awake", errors=2)
    station.play(base + timedelta(minutes=40), base + timedelta(minutes=50), "NILS  FRAHM", "says", errors=1)
    station.play(base + timedelta(minutes=50), base + timedelta(minutes=60), "Air", "La femme", ended_by="next_track")
    station.heartbeats(base, base + timedelta(minutes=60))
    station.error(base + timedelta(minutes=21), "Broken pipe", occurrences=2, category="network")
    station.error(base + timedelta(minutes=41), "Broken pipe", "critical")
    station.error(base + timedelta(minutes=42), "slow", "warning", service="icecast", occurrences=5)
    station.error(base + timedelta(minutes=43), "banner", noise=True)
    station.error(base - timedelta(days=7), "slow", "warning", service="icecast")
    station.play(base - timedelta(days=7), base - timedelta(days=7) + timedelta(minutes=30), "Old", "One")
    station.heartbeats(base - timedelta(days=7), base - timedelta(days=7) + timedelta(minutes=30))
    station.session(
        base,
        base + timedelta(minutes=30),
        end_kind="failed",
        cause="Broken pipe",
        cause_category="network",
        frames=900,
        drop_frames=9,
        dup_frames=1,
        speed_average=1.0,
        speed_worst=0.5,
        out_time_seconds=1800.0,
    )
    for minute, fps in enumerate((28, 29, 30)):
        station.metric(base + timedelta(minutes=minute), "ffmpeg_fps", fps)
    for minute, listeners in ((1, 10), (19, 8), (21, 8), (29, 12), (41, 10), (49, 5)):
        station.metric(base + timedelta(minutes=minute), "listeners", listeners, service="icecast")
    return station  # fmt: skip


def plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(plain(inner) for inner in value.values())
    if isinstance(value, list):
        return all(plain(inner) for inner in value)
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int | str | datetime | date) and not isinstance(value, Decimal)


@pytest.mark.parametrize("name", CALLS)
def test_empty_database_gives_zeros_and_empty_lists(analytics: Analytics, name: str) -> None:
    found = getattr(analytics, name)(*CALLS[name])
    assert plain(found)
    numbers = [found] if isinstance(found, dict) else found
    for row in numbers:
        for key, value in row.items():
            if isinstance(value, int | float) and key not in {"hour_of_day", "slo_percent", "complete"}:
                assert value == 0, key
    if name not in {"get_hourly_play_distribution", "get_uptime_by_day"}:
        assert isinstance(found, dict) or found == []


@pytest.mark.parametrize("name", CALLS)
def test_frame_twin_has_the_same_columns_empty_and_full(analytics: Analytics, database: Database, name: str) -> None:
    empty = getattr(analytics, f"{name}_frame")(*CALLS[name])
    store(database, small_history())
    full = getattr(analytics, f"{name}_frame")(*CALLS[name])
    assert isinstance(full, pd.DataFrame)
    assert list(empty.columns) == list(full.columns)
    assert list(map(str, empty.dtypes)) == list(map(str, full.dtypes))
    rows = getattr(analytics, name)(*CALLS[name])
    assert len(full) == (1 if isinstance(rows, dict) else len(rows))


@pytest.mark.parametrize("name", CALLS)
def test_one_running_play_without_anything_else(analytics: Analytics, database: Database, name: str) -> None:
    station = Station()
    station.play(ago(minutes=1), None, "Nils", "Says")
    store(database, station)
    found = getattr(analytics, name)(*CALLS[name])
    if name == "get_track_history":
        assert found[0].pop("ended_at") is None
    assert plain(found)
    if name == "get_play_stats":
        assert (found["total_plays"], found["uptime_percent"], found["coverage_percent"]) == (1, 100.0, 100.0)
        assert found["average_duration_seconds"] == 0.0


@both_servers
def test_play_stats(database: Database) -> None:
    store(database, small_history())
    with Analytics(database.config, now=lambda: NOW) as analytics:
        found = analytics.get_play_stats(start=ago(days=1, hours=2), end=ago(days=1, hours=1))
    assert found == {
        "total_plays": 4, "unique_tracks": 3, "plays_with_errors": 2, "error_rate": 50.0, "total_play_seconds": 3000.0,
        "average_duration_seconds": 750.0, "uptime_percent": pytest.approx(100 * 50 / 60), "coverage_percent": 100.0,
        "interruptions": 1,
    }  # fmt: skip


def test_windows(analytics: Analytics, database: Database) -> None:
    store(database, small_history())
    assert analytics.get_play_stats(days=7)["total_plays"] == 4
    assert analytics.get_play_stats(days=9)["total_plays"] == 5
    assert analytics.get_play_stats(start=date(2026, 11, 23), end=date(2026, 11, 24))["total_plays"] == 4
    assert analytics.get_play_stats(start=NOW + timedelta(days=1), end=NOW + timedelta(days=2))["total_plays"] == 0
    for days in (0, -1, 1e9, float("nan")):
        with pytest.raises(RangeError):
            analytics.get_play_stats(days=days)
    with pytest.raises(RangeError, match="before the end"):
        analytics.get_play_stats(start=NOW, end=ago(days=1))


def test_most_played_tracks(analytics: Analytics, database: Database) -> None:
    store(database, small_history())
    found = analytics.get_most_played_tracks(days=7, limit=2)
    assert [(row["artist"], row["title"], row["play_count"]) for row in found] == [
        ("NILS  FRAHM", "says", 2), ("Air", "La femme", 1),
    ]  # fmt: skip
    assert found[0]["total_play_seconds"] == 1800.0
    assert found[0]["last_played_at"] == ago(days=1, hours=2) + timedelta(minutes=40)
    assert analytics.get_most_played_tracks(limit=0) == []
    with pytest.raises(ValueError, match="limit"):
        analytics.get_most_played_tracks(limit=-1)


def test_error_summary_and_timeline(analytics: Analytics, database: Database) -> None:
    store(database, small_history())
    base = ago(days=1, hours=2)
    assert analytics.get_error_summary(days=7) == [
        {"service": "icecast", "severity": "warning", "error_count": 5, "first_seen": base + timedelta(minutes=42),
         "last_seen": base + timedelta(minutes=42)},
        {"service": "stream", "severity": "error", "error_count": 2, "first_seen": base + timedelta(minutes=21),
         "last_seen": base + timedelta(minutes=21)},
        {"service": "stream", "severity": "critical", "error_count": 1, "first_seen": base + timedelta(minutes=41),
         "last_seen": base + timedelta(minutes=41)},
    ]  # fmt: skip
    timeline = analytics.get_error_timeline(days=7)
    assert [row["message"] for row in timeline] == ["slow", "Broken pipe", "Broken pipe"]
    assert [row["timestamp"] for row in analytics.get_error_timeline(severity="critical")] == [
        base + timedelta(minutes=41)
    ]
    assert len(analytics.get_error_timeline(limit=1)) == 1
    with pytest.raises(ValueError, match="severity"):
        analytics.get_error_timeline(severity="fatal")


def test_error_templates_know_the_past(analytics: Analytics, database: Database) -> None:
    store(database, small_history())
    found = {row["template"]: row for row in analytics.get_error_templates(days=7)}
    assert {name: (row["error_count"], row["previous_count"], row["new"]) for name, row in found.items()} == {
        "slow": (5, 1, False), "Broken pipe": (3, 0, True),
    }  # fmt: skip
    assert found["Broken pipe"]["severity"] == "critical", "the worst"
    assert found["Broken pipe"]["by_day"] == [0, 0, 0, 0, 0, 0, 3, 0]
    older = {row["template"]: row for row in analytics.get_error_templates(days=2)}
    assert (older["slow"]["previous_count"], older["slow"]["new"]) == (0, False), "seen before the window before"


def test_hours_are_those_of_the_station(analytics: Analytics, database: Database) -> None:
    tokyo = Station("tokyo", "Asia/Tokyo")
    tokyo.play(ago(hours=1), ago(minutes=30))
    store(database, small_history(), tokyo)
    found = analytics.get_hourly_play_distribution(days=2)
    assert [row["hour_of_day"] for row in found] == list(range(24))
    assert {row["hour_of_day"]: row["play_count"] for row in found if row["play_count"]} == {11: 4, 20: 1}


def test_daily_summary(analytics: Analytics, database: Database) -> None:
    store(database, small_history())
    found = analytics.get_daily_summary(station="radio")
    assert found["date"] == date(2026, 11, 23)
    assert (found["total_plays"], found["unique_tracks"], found["errors"]) == (4, 3, 3)
    assert found["uptime_percent"] == pytest.approx(100 * 3000 / (3000 + 600 + 120 + 60), abs=2)
    assert [track["play_count"] for track in found["top_tracks"]] == [2, 1, 1]
    assert analytics.get_daily_summary("2026-11-16")["total_plays"] == 1
    assert analytics.get_daily_summary(date(2020, 1, 1))["total_plays"] == 0
    with pytest.raises(RangeError):
        analytics.get_daily_summary("yesterday")


def test_week_to_date_against_the_same_part_of_the_week_before(analytics: Analytics, database: Database) -> None:
    station = small_history()
    # After the same time of that week: not compared.
    station.play(ago(days=6, hours=20), ago(days=6, hours=19))
    store(database, station)
    found = analytics.get_weekly_summary()
    assert (found["week"], found["complete"]) == ("2026-W48", False)
    assert (found["start"], found["end"]) == (datetime(2026, 11, 23, tzinfo=UTC), NOW)
    assert (found["total_plays"], found["previous"]["total_plays"], found["change"]["total_plays"]) == (4, 1, 3)
    assert found["change"]["unique_tracks"] == 2
    whole = analytics.get_weekly_summary("2026-W47")
    assert (whole["complete"], whole["total_plays"]) == (True, 2)
    assert analytics.get_weekly_summary(date(2026, 11, 18))["week"] == "2026-W47"
    assert analytics.get_weekly_summary(date(2030, 1, 1))["total_plays"] == 0


def test_retired_plays_still_count_by_whole_days(analytics: Analytics, database: Database) -> None:
    """Retention goes day by day and cuts days in two: what is kept and what is left always make the whole."""
    station, other = small_history(), Station("other", "Asia/Tokyo")
    for days, title in ((4, "A"), (3, "A"), (3, "B"), (2, "Says")):
        for hour in (1, 9, 22):
            start = ago(days=days, hours=hour)
            station.play(start, start + timedelta(minutes=3), "Nils", title, errors=hour % 2)
            other.play(start, start + timedelta(minutes=4), "nils", title.lower())
    store(database, station, other)
    window: dict[str, Any] = {"start": date(2026, 11, 14), "end": date(2026, 11, 24)}

    def figures() -> list[Any]:
        stats = [analytics.get_play_stats(station=name, **window) for name in ("radio", "other")]
        plays = ("total_plays", "unique_tracks", "plays_with_errors", "error_rate", "total_play_seconds",
                 "average_duration_seconds")  # fmt: skip
        tops = [analytics.get_most_played_tracks(limit=99, station=name, **window) for name in ("radio", "other")]
        return [[{key: row[key] for key in plays} for row in stats], tops]

    before = figures()
    assert before[0][0]["total_plays"] == 12 + 5
    for days in (8, 4, 3, 2):
        cutoff = database.rows("SELECT ceil(extract(epoch FROM now() - %s) / 86400)::int", ago(days=days))[0][0]
        database.rows("SELECT archive_old_play_history(%s)", cutoff)
        assert figures() == before, f"after {days} days"
    assert database.rows("SELECT count(*) FROM play_history")[0][0] < 17
    days_kept = database.rows(
        "SELECT play_count, unique_tracks FROM daily_summaries WHERE station = 'radio' ORDER BY day"
    )
    tracks = database.rows(
        "SELECT sum(play_count), count(*) FROM daily_track_summaries WHERE station = 'radio' GROUP BY day ORDER BY day"
    )
    assert days_kept == tracks
    assert analytics.get_daily_summary("2026-11-16", station="radio")["total_plays"] == 1


def test_week_before_by_the_station_clocks(database: Database) -> None:
    """On the Tuesday after summer time ended, the same part of the week before is an hour longer ago."""
    tuesday = datetime(2026, 10, 27, 11, tzinfo=UTC)  # 12:00 in Berlin
    station = Station(zone="Europe/Berlin")
    station.play(tuesday - timedelta(days=7, minutes=70), tuesday - timedelta(days=7, minutes=65))  # 11:50 there
    station.play(tuesday - timedelta(days=7, minutes=30), tuesday - timedelta(days=7, minutes=20))  # 12:30 there
    store(database, station)
    with Analytics(database.config, now=lambda: tuesday) as analytics:
        assert analytics.get_weekly_summary(station="radio")["previous"]["total_plays"] == 1


@pytest.mark.parametrize(
    ("today", "hours"),
    [(datetime(2026, 3, 29, 21, 59, 59, tzinfo=UTC), 23), (datetime(2026, 10, 25, 22, 59, 59, tzinfo=UTC), 25)],
)
def test_uptime_by_day_where_clocks_change(database: Database, today: datetime, hours: int) -> None:
    station = Station(zone="Europe/Berlin")
    for hour in range(-50, 10, 5):
        station.play(today + timedelta(hours=hour), today + timedelta(hours=hour + 5), ended_by="next_track")
    store(database, station)
    end_of_day = today + timedelta(seconds=1)
    with Analytics(database.config, now=lambda: end_of_day - timedelta(microseconds=1)) as analytics:
        found = analytics.get_uptime_by_day(3, station="radio")
    assert [row["date"] for row in found] == [today.date() - timedelta(days=days) for days in (2, 1, 0)]
    assert found[-1]["up_seconds"] == pytest.approx(hours * 3600, abs=0.001)
    assert (found[-1]["uptime_percent"], found[-1]["down_seconds"], found[-1]["coverage_percent"]) == (
        100.0,
        0.0,
        100.0,
    )


def test_uptime_by_day_has_every_day(analytics: Analytics, database: Database) -> None:
    store(database, small_history())
    found = analytics.get_uptime_by_day(30)
    assert [row["date"] for row in found] == [date(2026, 10, 26) + timedelta(days=number) for number in range(30)]
    assert found[0]["coverage_percent"] == 0.0
    assert found[-2]["up_seconds"] == 3000.0


def test_track_history_matches_by_key(analytics: Analytics, database: Database) -> None:
    store(database, small_history())
    found = analytics.get_track_history("  nils frahm", "SAYS")
    assert [row["started_at"] for row in found] == [
        ago(days=1, hours=2) + timedelta(minutes=minutes) for minutes in (40, 0)
    ]
    assert len(analytics.get_track_history("nils frahm", "says", limit=1)) == 1
    assert analytics.get_track_history("nobody", "\0\ud800") == []
    assert analytics.get_track_history("nils frahm", "says", station="other") == []


def test_outages_and_uptime(analytics: Analytics, database: Database) -> None:
    store(database, small_history())
    window: dict[str, Any] = {"start": ago(days=1, hours=2), "end": ago(days=1, hours=1)}
    (outage,) = analytics.get_outages(**window)
    assert outage == {
        "station": "radio", "start": ago(days=1, hours=1, minutes=30), "end": ago(days=1, hours=1, minutes=20),
        "duration_seconds": 600.0, "down_seconds": 600.0, "cause": "Broken pipe", "category": "network",
        "source": "encoder", "continued": False, "ongoing": False,
    }  # fmt: skip
    found = analytics.get_uptime(**window)
    assert (found["up_seconds"], found["down_seconds"], found["outages"], found["interruptions"]) == (3000, 600, 1, 1)
    assert found["encoder_seconds"] == 1800.0
    assert found["budget_left_seconds"] == pytest.approx(0.005 * 3600 - 600)


def test_layers_can_disagree(analytics: Analytics, database: Database) -> None:
    """An hour in service: playout all of it, the encoder half, and the platform said 1 in three of four samples."""
    station, begin = Station(), ago(hours=3)
    station.play(begin, begin + timedelta(hours=2))
    station.maintenance(begin, begin + timedelta(hours=1))
    station.session(begin + timedelta(minutes=30), begin + timedelta(minutes=90))
    for minute, live in ((60, 1), (75, 1), (90, 0), (105, 1)):
        station.metric(begin + timedelta(minutes=minute), "platform_live", live, service="youtube-watch")
    other = Station("other")
    other.metric(begin, "platform_live", 0)
    store(database, station, other)
    window: dict[str, Any] = {"start": begin, "end": begin + timedelta(hours=2)}
    found = analytics.get_uptime(station="radio", **window)
    assert (found["uptime_percent"], found["encoder_percent"], found["platform_percent"]) == (100.0, 50.0, 75.0)
    assert (found["encoder_seconds"], found["platform_samples"]) == (3600.0, 4)
    assert analytics.get_uptime(**window)["platform_percent"] == 60.0


def test_encoder_health(analytics: Analytics, database: Database) -> None:
    store(database, small_history())
    found = analytics.get_encoder_health()
    assert (found["sessions"], found["failed"], found["drop_frames"], found["speed_worst"]) == (1, 1, 9, 0.5)
    assert (found["fps_average"], found["fps_median"], found["samples"]) == (29.0, 29.0, 3)
    assert found["speed_median"] == 0.0


def test_repeats_and_retention(analytics: Analytics, database: Database) -> None:
    store(database, small_history())
    (repeat,) = analytics.get_repeat_distances()
    assert (repeat["play_count"], repeat["shortest_seconds"], repeat["median_seconds"]) == (2, 2400.0, 2400.0)
    kept = {row["title"]: row for row in analytics.get_listener_retention()}
    assert kept["Awake"]["retention_percent"] == 150.0
    assert kept["says"]["retention_percent"] == pytest.approx(100 * (8 + 5) / (10 + 10))
    assert "La femme" not in kept


def test_sources_that_count_at_other_times_are_not_held_against_each_other(
    analytics: Analytics, database: Database
) -> None:
    station, begin = Station(), ago(hours=2)
    station.play(begin, begin + timedelta(hours=1), "Nils", "Says")
    for minute, metric, service, value in (
        (1, "viewers", "youtube", 100), (2, "listeners", "icecast", 20), (3, "listeners", "backup", 4),
        (50, "viewers", "youtube", 50), (55, "listeners", "icecast", 10), (56, "listeners", "backup", 2),
    ):  # fmt: skip
        station.metric(begin + timedelta(minutes=minute), metric, value, service=service)
    store(database, station)
    (kept,) = analytics.get_listener_retention()
    assert (kept["listeners_at_start"], kept["listeners_at_end"], kept["retention_percent"]) == (124.0, 62.0, 50.0)


def test_no_number_of_a_log_breaks_a_figure(analytics: Analytics, database: Database) -> None:
    station, begin = Station(), ago(hours=2)
    station.play(begin, begin + timedelta(hours=1), "Nils", "Says", expected=1e308)
    values = ("1e308", "-1e308", "1e-400", "1e400", "NaN", "1e308", "1e308")
    for number, value in enumerate(values):
        at = begin + timedelta(minutes=number // 2)
        for metric in ("listeners", "cpu_percent", "ffmpeg_fps", "ffmpeg_speed", "ffmpeg_bitrate_kbps"):
            more = {"metadata": '{"min": -1e400, "max": 1e400}'} if number % 2 else {}
            station.metric(at, metric, Decimal(value), service=f"s{number}", **more)  # type: ignore[arg-type]
    for _ in range(3):
        station.session(
            begin, begin + timedelta(minutes=9), frames=2**63 - 1, drop_frames=2**63 - 1, dup_frames=2**63 - 1,
            speed_average=1e308, speed_worst=1e308, out_time_seconds=1e308,
        )  # fmt: skip
    store(database, station)
    for name, arguments in CALLS.items():
        assert plain(getattr(analytics, name)(*arguments)), name
        frame = getattr(analytics, f"{name}_frame")(*arguments)
        assert not frame.select_dtypes("number").isin([math.inf, -math.inf, math.nan]).any(axis=None), name
    window = analytics.window(1)
    metrics = ("listeners", "cpu_percent", "ffmpeg_speed")
    assert plain(analytics.metric_statistics(window, None, metrics))
    assert plain(analytics.daily_metrics(window, None, metrics))
    (kept,) = analytics.get_listener_retention()
    assert abs(kept["listeners_at_start"]) <= 2e15
    assert analytics.get_track_history("Nils", "Says")[0]["expected_duration_seconds"] == 1e15


def test_tiny_listener_counts(analytics: Analytics, database: Database) -> None:
    station, begin = Station(), ago(hours=2)
    station.play(begin, begin + timedelta(hours=1))
    for minute, value in ((1, "1e-320"), (2, "1e308")):
        station.metric(begin + timedelta(minutes=minute), "listeners", Decimal(value))  # type: ignore[arg-type]
    store(database, station)
    (kept,) = analytics.get_listener_retention()
    assert (kept["listeners_at_start"], kept["listeners_at_end"], kept["retention_percent"]) == (0.0, 1e15, 0.0)


@pytest.mark.parametrize(
    "day", ["0001-01-01", "9999-12-31", date(9999, 12, 31), datetime(1, 1, 1, tzinfo=UTC), 5, b"x"]
)
def test_days_that_are_none(analytics: Analytics, day: Any) -> None:
    calls = (analytics.get_daily_summary, analytics.get_weekly_summary, lambda day: analytics.get_play_stats(start=day))
    for call in calls:
        with pytest.raises(RangeError, match=r"of the years 1970 to 2200|a date or time is needed"):
            call(day)


def test_without_a_station_days_are_those_of_the_configured_zone(analytics: Analytics, database: Database) -> None:
    """Also where there is only one station: a second one must not move the days of the first."""
    store(database, Station("west", "America/Los_Angeles"))
    assert analytics.zone().key == analytics.config.time_zone
    assert analytics.zone("west").key == "America/Los_Angeles"


def test_the_first_and_the_last_day(analytics: Analytics, database: Database) -> None:
    store(database, Station(zone="Europe/Berlin"), Station("west", "America/Los_Angeles"))
    for station in ("radio", "west"):
        for day in ("1970-01-01", "2200-12-31"):
            assert analytics.get_daily_summary(day, station=station)["total_plays"] == 0
            assert analytics.get_weekly_summary(day, station=station)["total_plays"] == 0
    assert analytics.get_error_templates(start=date(1970, 1, 1), end=date(2200, 12, 31)) == []


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
def test_a_name_that_no_station_can_have(analytics: Analytics, name: str) -> None:
    for method, arguments in CALLS.items():
        with pytest.raises(UnknownStation, match="no station can be called"):
            getattr(analytics, method)(*arguments, station=name)


@pytest.mark.parametrize("limit", [-1, 10**30, math.inf, math.nan])
def test_limits_that_no_query_takes(analytics: Analytics, limit: Any) -> None:
    for name in ("get_most_played_tracks", "get_error_timeline", "get_outages", "get_repeat_distances"):
        with pytest.raises(RangeError, match="limit must be from 0"):
            getattr(analytics, name)(limit=limit)


def test_an_error_without_a_play_has_the_number_0(analytics: Analytics, database: Database) -> None:
    station = Station()
    station.error(ago(hours=1), "alone")
    station.error(ago(hours=2), "linked", play_history_id=17)
    store(database, station)
    assert [row["play_history_id"] for row in analytics.get_error_timeline()] == [0, 17]
    assert list(analytics.get_error_timeline_frame()["play_history_id"]) == [0, 17]


def test_repeats_name_their_station(analytics: Analytics, database: Database) -> None:
    stations = [Station("east"), Station("west")]
    for station in stations:
        for hours in (5, 4):
            station.play(ago(hours=hours), ago(hours=hours - 1), "Nils", "Says")
    store(database, *stations)
    assert [row["station"] for row in analytics.get_repeat_distances()] == ["east", "west"]
    assert list(analytics.get_repeat_distances_frame()["station"]) == ["east", "west"]


def test_stations_are_apart(analytics: Analytics, database: Database) -> None:
    other = Station("other")
    other.play(ago(hours=3), ago(hours=2), "Nils Frahm", "Says")
    other.error(ago(hours=3), "Broken pipe")
    store(database, small_history(), other)
    assert analytics.stations() == ["other", "radio"]
    assert analytics.get_play_stats()["total_plays"] == 5
    assert analytics.get_play_stats(station="other")["total_plays"] == 1
    assert analytics.get_play_stats()["unique_tracks"] == 3
    assert [row["error_count"] for row in analytics.get_error_summary(station="other")] == [1]
    assert analytics.get_repeat_distances()[0]["play_count"] == 2, "a repeat is one at the same station"
    assert analytics.get_play_stats(station="none")["total_plays"] == 0


def test_reads_only_and_works_as_handed_on(database: Database) -> None:
    assert HandedOn is Analytics
    with Analytics(database.config) as analytics:
        analytics.get_play_stats()
        with pytest.raises(Exception, match="read-only"), analytics._reader._open().cursor() as cursor:
            cursor.execute("DELETE FROM play_history")
        analytics.close()
        assert analytics.get_play_stats()["total_plays"] == 0, "it opens another connection"


def test_comes_back_after_the_connection_broke(database: Database, analytics: Analytics) -> None:
    analytics.get_play_stats()
    database.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'radiolog reports'")
    with pytest.raises(DatabaseUnavailable):
        analytics.get_play_stats()
    assert analytics.get_play_stats()["total_plays"] == 0


def test_database_without_schema(empty_database: Database) -> None:
    with Analytics(empty_database.config) as analytics, pytest.raises(SchemaMissing):
        analytics.get_play_stats()
