"""Clocks that are set, and files whose times say nothing: what is read, and once, hangs on bytes alone."""

import os
import time
from pathlib import Path

import pytest
from fix_postgres import Database
from ingest_kit import ledger_holds, lines_of, metric, stored_numbers
from tailer_kit import Reader

HOUR, YEAR = 3600.0, 365 * 86_400.0


def append(path: Path, text: str, at: float | None = None) -> None:
    """Write, and let the file be dated as by a clock that shows `at`."""
    with path.open("a") as file:
        file.write(text)
    if at is not None:
        os.utime(path, (at, at))


def append_in_pieces(path: Path, text: str, reader: Reader) -> None:
    """As `mv` from another file system: it copies, and gives the copy its old time in the end."""
    size = len(text) // 4 + 1
    for start in range(0, len(text), size):
        append(path, text[start : start + size])
        reader.sync()
    os.utime(path, (1000.0, 1000.0))
    reader.sync()


@pytest.mark.parametrize("jump_seconds", [HOUR, -YEAR])
def test_a_clock_that_is_set_loses_and_doubles_nothing(database: Database, folder: Path, jump_seconds: float) -> None:
    """All that is written afterwards is dated by it; then it is set right, and the reader starts again."""
    log, rotated = folder / "a.log", folder / "a.log.1"
    reader = Reader(database, folder)
    append(log, lines_of(metric(1)))
    reader.sync()
    reader.clock_seconds = jump_seconds
    wrong = time.time() + jump_seconds
    append(log, lines_of(metric(2)), wrong)
    reader.sync()
    log.rename(rotated)
    append(log, lines_of(metric(4)), wrong)
    append(rotated, lines_of(metric(3)), wrong)  # through the old descriptor
    reader.sync()
    reader.settle()
    log.write_text(lines_of(metric(5)))  # of the very size
    os.utime(log, (wrong, wrong - 10))
    reader.sync()
    reader.close()

    reader = Reader(database, folder)
    append(log, lines_of(metric(6)))
    reader.sync()
    reader.settle()
    reader.close()

    assert stored_numbers(database) == list(range(1, 7))
    assert database.rows("SELECT state FROM ingest_files ORDER BY generation") == [
        ("finished",), ("replaced",), ("active",),
    ]  # fmt: skip
    ledger_holds(database)


def test_half_a_line_waits_for_days(reader: Reader, folder: Path) -> None:
    """Who writes by the block says the rest of a line long after its beginning."""
    log, whole = folder / "a.log", lines_of(metric(1), metric(2))
    append(log, whole[:-20])
    for _ in range(3):
        reader.sync()
        reader.seconds += 86_400
    append(log, whole[-20:])
    reader.sync()

    assert stored_numbers(reader.database) == [1, 2]
    assert reader.database.rows("SELECT state, dead_letters FROM ingest_files") == [("active", 0)]


def test_times_of_files_that_say_nothing(reader: Reader, folder: Path) -> None:
    """A file system that keeps them badly, or a writer that sets them: growth is seen by the size.

    Of a rewrite to the very size nothing tells when the old time is put back, until the file grows.
    """
    log = folder / "a.log"
    for number, old in enumerate((time.time() - YEAR, time.time() + YEAR, 0.0, 0.0, 1000.0)):
        append(log, lines_of(metric(number)), old)
        reader.sync()
        reader.seconds += 60
        assert stored_numbers(reader.database) == list(range(number + 1))
    log.write_text(lines_of(*map(metric, range(5, 10))))
    os.utime(log, (1000.0, 1000.0))
    reader.sync()
    append(log, lines_of(metric(10)))
    reader.sync()

    assert stored_numbers(reader.database) == list(range(11))
    ledger_holds(reader.database)


def test_files_moved_in_from_another_file_system(database: Database, folder: Path) -> None:
    """A live log, an old one, and a copy of what was read, which is a copy from its first piece on."""
    text = lines_of(*map(metric, range(1000)))
    reader = Reader(database, folder)
    append_in_pieces(folder / "a.log", text, reader)
    append_in_pieces(folder / "a.log.2", text, reader)
    append_in_pieces(folder / "b.log.1", lines_of(*map(metric, range(1000, 2000))), reader)
    reader.close()
    reader = Reader(database, folder)
    append(folder / "a.log", lines_of(metric(2000)))
    reader.sync()
    reader.settle()
    reader.close()

    assert sorted(stored_numbers(database)) == list(range(2001))
    assert database.rows("SELECT count(*) FROM ingest_files") == [(2,)]
    ledger_holds(database)


def test_half_a_line_of_a_rotated_file_when_the_clock_is_set(database: Database, folder: Path) -> None:
    """NTP sets the clock of a small machine just after a rotation: no second has passed all the same."""
    log, whole = folder / "a.log", lines_of(*map(metric, range(3)))
    log.write_text(whole[:-90])
    reader = Reader(database, folder)
    reader.sync()
    log.rename(folder / "a.log.1")
    with (folder / "a.log.1").open("a") as file:
        file.write(whole[-90:-20])
    reader.clock_seconds = 3600.0
    reader.sync()
    with (folder / "a.log.1").open("a") as file:
        file.write(whole[-20:])
    reader.sync()
    reader.settle()
    reader.close()

    assert stored_numbers(database) == [0, 1, 2]
    assert database.rows("SELECT dead_letters FROM ingest_files") == [(0,)]
