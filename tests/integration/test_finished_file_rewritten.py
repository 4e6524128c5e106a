"""A finished file that holds other bytes by now, and as many as before: its size does not tell."""

import os
from pathlib import Path

import pytest
from fix_postgres import Database
from ingest_kit import lines_of, metric, stored_numbers
from tailer_kit import Reader


def text(start: int, count: int = 10) -> str:
    return lines_of(*map(metric, range(start, start + count)))  # three digits each: all lines of one length


@pytest.mark.parametrize("when", ["live", "stopped"])
def test_a_copy_that_overwrites_the_one_before_at_the_same_size(database: Database, folder: Path, when: str) -> None:
    """`cp a.log a.log.1 && : > a.log` by cron; days of equal size; the tail was unread when it was copied."""
    log = folder / "a.log"
    reader = Reader(database, folder)
    for start in (100, 200, 300):
        log.write_text(text(start, 8))
        reader.sync()
        if when == "stopped":
            reader.close()
        with log.open("a") as file:
            file.write(text(start + 8, 2))
        (folder / "a.log.1").write_bytes(log.read_bytes())  # the same inode each time
        os.truncate(log, 0)
        if when == "stopped":
            reader = Reader(database, folder)
        reader.sync()
        reader.settle()
    reader.close()

    assert sorted(stored_numbers(database)) == [*range(100, 110), *range(200, 210), *range(300, 310)]


@pytest.mark.parametrize("when", ["live", "stopped"])
def test_a_finished_file_rewritten_to_its_size_is_read(database: Database, folder: Path, when: str) -> None:
    log = folder / "a.log.1"
    reader = Reader(database, folder)
    log.write_text(text(100))
    reader.sync()
    reader.settle()
    if when == "stopped":
        reader.close()
    log.write_text(text(200))
    if when == "stopped":
        reader = Reader(database, folder)
    reader.sync()
    reader.settle()
    reader.close()

    assert sorted(stored_numbers(database)) == [*range(100, 110), *range(200, 210)]


def test_an_inode_of_a_finished_file_where_no_time_of_birth_is_kept(
    database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NFS, FAT, tmpfs of older kernels: a new live log gets the inode of a removed archive, and has its size."""
    monkeypatch.setattr("ingest.files._birth_ns", lambda _descriptor: 0)
    rotated, log = folder / "a.log.1", folder / "a.log"
    reader = Reader(database, folder)
    rotated.write_text(text(100))
    reader.sync()
    reader.settle()
    reader.close()
    inode = rotated.stat().st_ino
    rotated.unlink()
    log.write_text(text(200))
    if log.stat().st_ino != inode:  # this file system did not give it out again
        database.rows("UPDATE ingest_files SET inode = %s", log.stat().st_ino)
    reader = Reader(database, folder)
    reader.sync()
    reader.settle()
    reader.close()

    assert sorted(stored_numbers(database)) == [*range(100, 110), *range(200, 210)]
