"""Ends, links and counts of plays: each rule by itself, on rows that real lines made."""

import shutil
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from fix_postgres import Database
from ingest_kit import lines_of, read_once

from ingest.bookkeeper import Bookkeeper, Span, merged
from ingest.foreseen import USUAL

UUIDS = [f"6f1c1f9e-0000-4000-8000-{number:012d}" for number in range(10)]


def start(time: str, **more: Any) -> dict[str, Any]:
    """A start line on the day of the tests."""
    return {"timestamp": f"2026-11-22T{time}Z", "event": "track_started", "artist": "A", "title": time, **more}


def end(time: str, **more: Any) -> dict[str, Any]:
    return {"timestamp": f"2026-11-22T{time}Z", "event": "track_ended", **more}


def error(time: str, **more: Any) -> dict[str, Any]:
    return {"timestamp": f"2026-11-22T{time}Z", "level": "error", "event": "boom", **more}


def plays(database: Database, *batches: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Read lines batch by batch; gives title, end, what ended it, errors of each play."""
    for number, batch in enumerate(batches):
        (database.config.log_path / f"s{number}.log").write_text(lines_of(*batch))
        read_once(database.config, str(number))
    return database.rows(
        "SELECT title, to_char(ended_at, 'HH24:MI:SS'), ended_by, error_count FROM play_history ORDER BY started_at"
    )


def test_the_next_start_ends_a_play_and_the_last_stays_open(database: Database) -> None:
    assert plays(database, [start("10:00:00"), start("10:03:00")]) == [
        ("10:00:00", "10:03:00", "next_track", 0),
        ("10:03:00", None, None, 0),
    ]
    assert database.rows("SELECT duration_seconds FROM play_history WHERE title = '10:00:00'") == [(180.0,)]


def test_a_length_bounds_a_play_when_the_next_start_comes_much_later(database: Database) -> None:
    found = plays(database, [start("10:00:00", duration=200), start("11:00:00", duration=200), start("11:03:25")])
    assert [row[1:3] for row in found] == [("10:03:20", "duration"), ("11:03:25", "next_track"), (None, None)]


def test_a_play_of_unknown_length_is_bounded_too(database: Database) -> None:
    found = plays(database, [start("10:00:00"), start("12:00:00")])
    assert found[0][1:3] == ("10:15:00", "max_open")


def test_an_end_by_id_wins_over_the_next_start(database: Database) -> None:
    found = plays(database, [start("10:00:00", play_id=UUIDS[0]), start("10:03:00"), end("10:03:05", play_id=UUIDS[0])])
    assert found[0][1:3] == ("10:03:05", "event")


class Busy(Bookkeeper):
    """Behind everything it does, another commit leaves more to do, dated back, as a live writer does."""

    database: Database
    rounds = 0

    def work(self) -> int:
        taken = super().work()
        self._leave("derive_queue")
        return taken

    def roll_up(self, at_once: int = 500) -> int:
        taken = super().roll_up(at_once)
        self._leave("rollup_queue")
        return taken

    def _leave(self, queue: str) -> None:
        self.rounds += 1
        assert self.rounds < 100, "it never ends"
        self.database.rows(
            f"INSERT INTO {queue} (station, from_time, to_time) VALUES ('S', '2026-11-01', '2026-11-01')"
        )


def test_what_comes_meanwhile_waits_for_the_next_time(database: Database) -> None:
    keeper = Busy(database.connect, USUAL)
    keeper.database = database
    with closing(keeper):
        assert [keeper.work_all(), keeper.work_all()] == [0, 1]
        keeper.roll_up_waiting()
        assert keeper.rounds < 10


def test_an_end_may_be_read_before_its_start(database: Database) -> None:
    found = plays(database, [end("10:02:00", play_id=UUIDS[0])], [start("10:00:00", play_id=UUIDS[0])])
    assert found == [("10:00:00", "10:02:00", "event", 0)]


def test_an_end_without_id_ends_the_running_play(database: Database) -> None:
    found = plays(database, [start("10:00:00"), end("10:02:00"), start("10:03:00"), end("10:03:00")])
    assert [row[1:3] for row in found] == [("10:02:00", "event"), (None, None)]


def test_an_end_by_row_number(database: Database) -> None:
    plays(database, [start("10:00:00")])
    ((number,),) = database.rows("SELECT id FROM play_history")
    (database.config.log_path / "late.log").write_text(lines_of(end("10:01:00", play_id=number)))
    read_once(database.config, "late")
    assert database.rows("SELECT ended_by, duration_seconds FROM play_history") == [("event", 60.0)]


def test_a_counter_that_starts_again_is_another_play(database: Database) -> None:
    found = plays(
        database,
        [
            start("10:00:00", play_id=7),
            end("10:02:00", play_id=7),
            start("18:00:00", play_id=7),
            end("18:02:00", play_id=7),
        ],
    )
    assert [row[:3] for row in found] == [("10:00:00", "10:02:00", "event"), ("18:00:00", "18:02:00", "event")]


def test_errors_belong_to_the_play_that_ran(database: Database) -> None:
    found = plays(
        database,
        [error("09:59:59"), error("10:01:00"), error("10:04:00", level="warning"), error("10:02:59")],
        [start("10:00:00", duration=180), start("10:03:00", duration=180)],
    )
    assert [row[3] for row in found] == [2, 0]
    linked = database.rows(
        "SELECT to_char(timestamp, 'HH24:MI:SS'), p.title FROM error_log e"
        " LEFT JOIN play_history p ON p.id = e.play_history_id ORDER BY timestamp"
    )
    assert linked == [("09:59:59", None), ("10:01:00", "10:00:00"), ("10:02:59", "10:00:00"), ("10:04:00", "10:03:00")]
    assert database.rows("SELECT had_errors, error_message FROM play_history ORDER BY started_at") == [
        (True, "boom"), (False, None),
    ]  # fmt: skip


def test_an_error_that_names_its_play_belongs_to_it_whenever_it_happened(database: Database) -> None:
    found = plays(
        database,
        [error("12:00:00", play_id=UUIDS[0]), error("12:00:01", play_history_id=UUIDS[0])],
        [start("10:00:00", play_id=UUIDS[0]), start("10:03:00")],
    )
    assert [row[3] for row in found] == [2, 0]


def test_a_play_found_later_takes_the_errors_of_its_time(database: Database) -> None:
    found = plays(database, [start("10:00:00"), error("10:04:00")], [start("10:03:00")])
    assert [row[3] for row in found] == [0, 1]


def test_errors_of_an_unknown_time_are_not_linked(database: Database) -> None:
    line = {"level": "error", "event": "no time"}
    found = plays(database, [start("10:00:00"), line])
    assert found[0][3] == 0
    assert database.rows("SELECT play_history_id, time_quality FROM error_log") == [(None, "estimated")]


def test_what_the_end_says_of_errors_is_kept(database: Database) -> None:
    plays(
        database,
        [start("10:00:00", play_id=UUIDS[0]), end("10:02:00", play_id=UUIDS[0], had_errors=True, error_message="dull")],
        [error("10:01:00")],
    )
    assert database.rows("SELECT had_errors, error_message, error_count FROM play_history") == [(True, "dull", 1)]


@pytest.mark.parametrize("first", ["errors", "resolution"])
def test_a_resolution_resolves_what_was_before_it(database: Database, first: str) -> None:
    errors = [error("10:00:00", service="a"), error("12:00:00", service="a"), error("10:00:00", service="b")]
    resolution = {"timestamp": "2026-11-22T11:00:00Z", "event": "error_resolved", "service": "a", "template": "boom"}
    batches = [errors, [resolution]]
    plays(database, *(batches if first == "errors" else reversed(batches)))
    found = database.rows("SELECT service, to_char(timestamp, 'HH24'), resolved FROM error_log ORDER BY 1, 2")
    assert found == [("a", "10", True), ("a", "12", False), ("b", "10", False)]


def test_stations_do_not_meddle(database: Database) -> None:
    found = plays(
        database, [start("10:00:00", station="one"), start("10:01:00", station="two"), error("10:00:30", station="two")]
    )
    assert [row[1:] for row in found] == [(None, None, 0), (None, None, 0)]


def test_spans_that_touch_are_looked_at_once() -> None:
    def at(hour: int, minute: int) -> datetime:
        return datetime.fromisoformat(f"2026-11-22T{hour:02d}:{minute:02d}:00+00:00")

    spans = [
        Span("b", at(1, 0), at(1, 0)), Span("a", at(1, 5), at(1, 30)), Span("a", at(1, 0), at(1, 1)),
        Span("a", at(3, 0), at(3, 0)),
    ]  # fmt: skip
    assert merged(spans) == [
        Span("a", at(1, 0), at(1, 30)), Span("a", at(3, 0), at(3, 0)), Span("b", at(1, 0), at(1, 0)),
    ]  # fmt: skip


def test_the_encoders_crash_ends_the_play_it_carried(database: Database) -> None:
    """The sample encoder lost its connection at 02:12:07 UTC and came back at 02:23:05; at 13:26:20 for 40 seconds."""
    log = Path(__file__).parents[2] / "samples" / "logs" / "ffmpeg-radio.log"
    shutil.copy2(log, database.config.log_path)
    found = plays(
        database,
        [start("02:10:00", duration=600), start("02:30:00", duration=100), start("13:26:00"), start("13:27:00")],
    )
    assert [row[1:3] for row in found] == [
        ("02:12:07", "crash"), ("02:31:40", "duration"), ("13:26:20", "crash"), ("22:59:58", "encoder_exit"),
    ]  # fmt: skip
    assert database.rows("SELECT DISTINCT end_kind FROM stream_sessions WHERE ended_at < '2026-11-22 12:00+00'") == [
        ("failed",)
    ]
