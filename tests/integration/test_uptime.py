"""Playout uptime against a real PostgreSQL: the worked fixture, and every rule of docs/uptime.md by itself."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from fix_postgres import Database
from station_kit import Station
from uptime_kit import START, Asker, at, fill

from reports.uptime import Seconds, Uptime


@pytest.fixture
def read(database: Database) -> Iterator[Asker]:
    asker = Asker(database)
    yield asker
    asker.close()


def worked_fixture() -> Station:
    """Half an hour: a play that straddles the start, a gap of 2 s, an overlap of 5 s, a crash, one behind the end."""
    station = Station()
    station.play(at(-2), at(1))
    station.play(at(1, 2), at(4))
    station.play(at(3, 55), at(7))
    station.play(at(7), at(8, 30), ended_by="crash")
    station.play(at(20), at(24))
    station.play(at(24), at(30, 10))
    station.heartbeats(at(-5), at(40))
    return station


def test_worked_fixture(database: Database, read: Asker) -> None:
    fill(database, worked_fixture())
    uptime = read()
    assert uptime.total == Seconds(up=1110, down=690)
    assert round(uptime.total.uptime_percent, 1) == 61.7
    assert uptime.total.coverage_percent == 100
    (outage,) = uptime.outages
    assert (outage.start, outage.end, outage.down_seconds) == (at(8, 30), at(20), 690)
    assert outage.cause == "the encoder failed"
    assert not outage.continued
    assert not outage.ongoing


def test_silence_of_all_services_is_unknown_not_down(database: Database, read: Asker) -> None:
    """Evidence reaches 2 min around each line: the start at 7:00 knows until 9:00, the one at 20:00 from 18:00 on."""
    station = worked_fixture()
    del station.rows["system_metrics"]
    fill(database, station)
    uptime = read()
    assert uptime.total == Seconds(up=1110, down=30 + 120, unknown=540)
    assert uptime.total.coverage_percent == pytest.approx(70)
    assert len(uptime.outages) == 1, "the unknown part does not make two outages of it"


def test_no_play_at_all(database: Database, read: Asker) -> None:
    fill(database)
    assert read() == Uptime()
    station = Station()
    station.heartbeats(at(0), at(30))
    fill(database, station)
    assert read().total == Seconds(), "a station without a play is not 100 % up"


def test_maintenance_is_out_of_service(database: Database, read: Asker) -> None:
    station = worked_fixture()
    station.maintenance(at(10), at(15))
    station.maintenance(at(14), at(16))
    fill(database, station)
    uptime = read()
    assert uptime.total == Seconds(up=1110, down=330, maintenance=360)
    assert len(uptime.outages) == 1


def test_gap_up_to_the_threshold_is_bridged_one_above_counts_in_full(database: Database, read: Asker) -> None:
    for gap, down in ((10, 0), (11, 11)):
        station = Station()
        station.play(at(0), at(10))
        station.play(at(10, gap), at(40))
        station.heartbeats(at(-1), at(40))
        fill(database, station)
        assert read().total.down == down


def test_short_returns_do_not_split_an_outage(database: Database, read: Asker) -> None:
    for back_seconds, outages in ((59, 1), (60, 2)):
        station = Station()
        station.play(at(0), at(5))
        station.play(at(10), at(10, back_seconds))
        station.play(at(15), at(31))
        station.heartbeats(at(0), at(31))
        fill(database, station)
        uptime = read()
        assert len(uptime.outages) == outages
        assert uptime.total.down == 600 - back_seconds


def test_outage_that_began_before_the_window_is_clipped_and_not_counted(database: Database, read: Asker) -> None:
    station = Station()
    station.play(at(-60), at(-10))
    station.play(at(5), at(31))
    station.heartbeats(at(-60), at(31))
    fill(database, station)
    uptime = read()
    (outage,) = uptime.outages
    assert outage.continued
    assert (outage.start, outage.down_seconds) == (START, 300)
    assert uptime.outage_count == 0


def test_station_counts_from_its_first_play(database: Database, read: Asker) -> None:
    station = Station()
    station.heartbeats(at(0), at(31))
    station.play(at(20), at(31))
    fill(database, station)
    assert read().total == Seconds(up=600)


def test_open_play(database: Database, read: Asker) -> None:
    """Its heartbeats bound it; without any its length; without that max_open; and always the present."""
    cases: list[tuple[dict[str, Any], tuple[float, float] | None, float]] = [
        ({}, None, 15),  # max_open
        ({"expected": 240.0}, None, 4),
        ({"expected": 240.0}, (0, 20), 20),  # heartbeats before length
        ({"expected": 1800.0}, (0, 3), 3),  # stopped in the middle
        ({"expected": 7200.0}, None, 30),  # up to the present
        ({"expected": 240.0}, (0, 29.5), 30),  # the last heartbeat is fresh
        ({"expected": 240.0}, (-20, -15), 4),  # an older session says nothing
    ]
    for more, session, expected_minutes in cases:
        station = Station()
        station.play(at(-30), at(0))
        station.play(at(0), None, **more)
        if session:
            station.session(at(session[0]), at(session[1]), end_kind="running")
        station.heartbeats(at(-30), at(31))
        fill(database, station)
        uptime = read(now=at(30))
        assert uptime.total.up == expected_minutes * 60, (more, session)
        assert [outage.ongoing for outage in uptime.outages] == ([True] if expected_minutes < 30 else [])


def test_end_that_follows_from_a_length_gives_way_to_heartbeats(database: Database, read: Asker) -> None:
    """One file looped for hours: the writer says nothing, the encoder goes on."""
    station = Station()
    station.play(at(0), at(15), ended_by="max_open")
    station.play(at(28), at(31))
    station.session(at(-5), at(25), end_kind="running")
    station.heartbeats(at(0), at(31))
    fill(database, station)
    assert read().total == Seconds(up=25 * 60 + 2 * 60, down=180)


def test_play_of_more_than_a_day_needs_heartbeats(database: Database, read: Asker) -> None:
    station = Station()
    station.play(at(-3000), at(60))
    station.heartbeats(at(-3), at(31))
    fill(database, station)
    assert read().total == Seconds(down=1800)
    station = Station()
    station.play(at(-3000), at(60))
    station.session(at(-3000), at(61), end_kind="running")
    fill(database, station)
    assert read().total == Seconds(up=1800)


def test_plays_of_an_impossible_time_are_no_plays(database: Database, read: Asker) -> None:
    station = worked_fixture()
    station.play(at(8), at(20), time_quality="unknown")
    fill(database, station)
    assert read().total.down == 690


def test_bytes_lost_unread_make_the_time_around_them_unknown(database: Database, read: Asker) -> None:
    station = Station()
    station.play(at(-5), at(5), generation=1, line_offset=0)
    station.play(at(20), at(40), generation=1, line_offset=900)
    station.heartbeats(at(-5), at(40))
    fill(database, station)
    database.rows(
        "INSERT INTO ingest_files (generation, machine, owner, owner_epoch, path, family, device, inode, parser,"
        " parser_version, committed_offset, size_bytes) VALUES (1, 'm', 'o', 1, '/p', '/p', 1, 1, 'json', 1, 1000, 1000)"
    )
    assert read().total == Seconds(up=900, down=900)
    database.rows(
        "INSERT INTO ingest_gaps (generation, path, from_offset, to_offset, reason, detected_at)"
        " VALUES (1, '/p', 100, 900, 'truncated', %s)", at(31),
    )  # fmt: skip
    assert read().total == Seconds(up=900, unknown=900)


def test_crashes_that_were_bridged_are_interruptions(database: Database, read: Asker) -> None:
    station = Station()
    station.play(at(-5), at(31))
    station.heartbeats(at(-5), at(31))
    for minute, kind in ((3, "failed"), (6, "killed"), (9, "finished"), (12, "signal")):
        station.session(at(minute - 1), at(minute), end_kind=kind)
    fill(database, station)
    uptime = read()
    assert (uptime.outage_count, uptime.bridged_crashes, uptime.interruptions) == (0, 2, 2)


def test_crash_that_caused_the_outage_counts_once_and_names_it(database: Database, read: Asker) -> None:
    station = worked_fixture()
    station.session(at(0), at(8, 30), end_kind="failed", cause="Broken pipe", cause_category="network")
    station.error(at(8, 31), "something else")
    fill(database, station)
    uptime = read()
    assert uptime.interruptions == 1
    assert (uptime.outages[0].cause, uptime.outages[0].category, uptime.outages[0].source) == (
        "Broken pipe", "network", "encoder",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("ended", "said"),
    [
        ({"end_kind": "signal", "signal": 15}, "FFmpeg was stopped by a signal (15)"),
        ({"end_kind": "signal"}, "FFmpeg was stopped by a signal"),
        ({"end_kind": "killed"}, "FFmpeg ended without a word"),
        ({"end_kind": "failed"}, "FFmpeg failed"),
    ],
)
def test_an_encoder_that_said_nothing_is_a_cause_in_words(
    database: Database, read: Asker, ended: dict[str, Any], said: str
) -> None:
    station = Station()
    station.play(at(0), at(8, 30))
    station.play(at(20), at(31))
    station.session(at(0), at(8, 30), **ended)
    fill(database, station)
    (outage,) = read().outages
    assert outage.cause == said


def test_nearest_error_is_the_cause_where_no_encoder_ended(database: Database, read: Asker) -> None:
    station = worked_fixture()
    station.error(at(7), "long before")
    station.error(at(8, 28), "just before", noise=True)
    station.error(at(8, 32), "just behind")
    station.error(at(8, 31), "only a warning", "warning")
    fill(database, station)
    assert read().outages[0].cause == "just behind"


def test_two_stations_are_apart_and_their_seconds_are_summed(database: Database, read: Asker) -> None:
    other = Station("other")
    other.play(at(-1), at(15))
    other.heartbeats(at(-1), at(30))
    fill(database, worked_fixture(), other)
    both, first, second = read(), read(station="radio"), read(station="other")
    assert first.total == Seconds(up=1110, down=690)
    assert second.total == Seconds(up=900, down=900)
    assert both.total == first.total + second.total
    assert both.by_station == {"radio": first.total, "other": second.total}
    assert read(station="nobody") == Uptime()


def test_what_lies_behind_the_present_does_not_count(database: Database, read: Asker) -> None:
    fill(database, worked_fixture())
    assert read(now=at(10)).total == Seconds(up=510, down=90)
    assert read(now=at(-1)) == Uptime()


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 11, 20), 24)]
)
def test_days_are_local_and_as_long_as_they_are(database: Database, read: Asker, day: date, hours: int) -> None:
    noon = datetime(day.year, day.month, day.day, 11, tzinfo=UTC)
    station = Station(zone="Europe/Berlin")
    for hour in range(-60, 60, 6):
        station.play(noon + timedelta(hours=hour), noon + timedelta(hours=hour + 6), ended_by="next_track")
    fill(database, station)
    window = noon - timedelta(hours=48), noon + timedelta(hours=48)
    uptime = read(*window, now=window[1], zone="Europe/Berlin")
    assert uptime.by_day[day] == Seconds(up=hours * 3600)
    assert sum((seconds for seconds in uptime.by_day.values()), Seconds()) == uptime.total == Seconds(up=96 * 3600)
