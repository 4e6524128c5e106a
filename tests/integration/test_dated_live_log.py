"""A log that is written under a dated name: `ffmpeg-$(date +%F).log`, a logger with the date in its file's name."""

from pathlib import Path

import pytest
from ffmpeg_kit import EncoderLog
from fix_postgres import Database
from ingest_kit import lines_of, metric, stored_numbers
from tailer_kit import Reader

DATED = ["app-20261125.log", "app-2026-11-25.log", "app.2026-11-25.log", "app.log.2026-11-25"]


@pytest.mark.parametrize("name", DATED)
def test_half_a_line_of_a_dated_live_log_waits_for_its_end(database: Database, folder: Path, name: str) -> None:
    log, whole = folder / name, lines_of(*map(metric, range(3)))
    log.write_text(whole[:-20])
    reader = Reader(database, folder)
    reader.sync()
    reader.settle()
    with log.open("a") as file:
        file.write(whole[-20:] + lines_of(metric(3)))
    reader.sync()
    reader.settle()
    reader.close()

    assert stored_numbers(database) == [0, 1, 2, 3]
    assert database.rows("SELECT count(*) FROM dead_letters") == [(0,)]


@pytest.mark.parametrize("name", ["ffmpeg-2026-11-22.log", "ffmpeg-20261122.log"])
def test_an_encoder_that_says_nothing_for_a_while_is_one_session(database: Database, folder: Path, name: str) -> None:
    log = EncoderLog(stamped=False).start().play(60)
    first = log.text
    log.wait(8).play(60).stop()
    path = folder / name
    path.write_text(first, newline="")
    reader = Reader(database, folder)
    reader.sync()
    reader.settle()
    with path.open("a", newline="") as file:
        file.write(log.text[len(first) :])
    reader.sync()
    reader.settle()
    reader.close()

    assert database.rows("SELECT count(*), array_agg(end_kind) FROM stream_sessions") == [(1, ["signal"])]


def test_the_days_before_are_over(database: Database, folder: Path) -> None:
    """Only the newest may still be written; the others' last lines need no end."""
    for day in (22, 23, 24):
        (folder / f"app-2026-11-{day}.log").write_text(lines_of(metric(day), metric(day + 100)).rstrip("\n"))
    reader = Reader(database, folder)
    reader.sync()
    reader.settle()
    reader.close()

    assert stored_numbers(database) == [22, 122, 23, 123, 24]
    assert database.rows("SELECT count(*) FROM ingest_files WHERE state = 'active'") == [(1,)]


def test_a_dated_file_beside_its_live_name_was_put_aside(database: Database, folder: Path) -> None:
    """As logrotate's dateext does it."""
    (folder / "app.log-20261124").write_text(lines_of(metric(0), metric(1)).rstrip("\n"))
    (folder / "app.log").write_text(lines_of(metric(2)))
    reader = Reader(database, folder)
    reader.sync()
    reader.settle()
    reader.close()

    assert sorted(stored_numbers(database)) == [0, 1, 2]
