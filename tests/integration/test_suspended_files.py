"""A file of rubbish that was given up, and what rotation makes of it."""

import gzip
import os
import shutil
from pathlib import Path

import pytest
from fix_postgres import Database
from ingest_kit import lines_of, metric, stored_numbers
from tailer_kit import Reader


@pytest.mark.parametrize("restarted", [False, True])
def test_a_suspended_file_that_was_truncated_is_a_new_one(database: Database, folder: Path, restarted: bool) -> None:
    log = folder / "a.log"
    log.write_text(lines_of(metric(1)))
    reader = Reader(database, folder)
    reader.sync()
    with log.open("a") as file:
        file.write("rubbish\n" * 500)
    reader.sync()
    reader.settle()
    assert database.rows("SELECT state FROM ingest_files") == [("suspended",)]
    shutil.copy(log, folder / "a.log.1")
    os.truncate(log, 0)
    with log.open("a") as file:
        file.write(lines_of(metric(2), metric(3)))
    if restarted:
        reader.close()
        reader = Reader(database, folder)
    reader.sync()
    reader.settle()
    reader.close()

    assert stored_numbers(database) == [1, 2, 3]
    # The copy goes on where the file was given up; it is given up in its turn.
    assert database.rows("SELECT count(*) FROM dead_letters") == [(200,)]


@pytest.mark.parametrize(("how", "letters"), [("copied", 200), ("packed", 100)])
def test_a_copy_of_a_file_that_was_suspended_at_once_is_a_copy(
    database: Database, folder: Path, how: str, letters: int
) -> None:
    """Also one that was given up within its first chunk has a head by which its copies are known."""
    log = folder / "a.log"
    log.write_text(lines_of(metric(1)) + "rubbish\n" * 500)
    reader = Reader(database, folder)
    reader.sync()
    reader.settle()
    if how == "copied":
        shutil.copy(log, folder / "a.log.1")
        os.truncate(log, 0)
    else:
        (folder / "a.log.1.gz").write_bytes(gzip.compress(log.read_bytes()))
        log.unlink()
    reader.sync()
    reader.settle()
    reader.close()

    assert stored_numbers(database) == [1]
    assert database.rows("SELECT count(*) FROM dead_letters") == [(letters,)]
    assert database.rows("SELECT head_length > 0 FROM ingest_files WHERE state = 'suspended'") == [(True,)]
