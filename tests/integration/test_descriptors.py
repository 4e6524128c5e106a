"""Files that only a descriptor leads to, and descriptors that must be given back whatever fails."""

import gzip
import os
from pathlib import Path

import pytest
from fix_postgres import Database
from ingest_kit import ledger_holds, lines_of, metric, stored_numbers
from tailer_kit import Reader, open_below

from ingest.errors import DatabaseUnavailable
from ingest.prepared import Prepared


def text(first: int, last: int) -> str:
    return lines_of(*map(metric, range(first, last)))


@pytest.mark.parametrize("plain_first", [False, True])
def test_an_archive_that_came_and_went_while_the_database_was_away_is_unpacked(
    database: Database, folder: Path, plain_first: bool
) -> None:
    """Alone, or behind the plain file that it was made of and that was opened, too."""
    plain, archive = folder / "a.log.1", folder / "a.log.1.gz"
    reader = Reader(database, folder)
    reader.sync()
    if plain_first:
        plain.write_text(text(0, 2000))
        reader.pipeline.hold()
        plain.unlink()
    archive.write_bytes(gzip.compress(text(0, 2000).encode()))
    reader.pipeline.hold()
    archive.unlink()
    reader.sync()
    reader.settle()
    reader.close()

    assert stored_numbers(database) == list(range(2000))
    assert database.rows("SELECT count(*) FROM dead_letters") == [(0,)]
    ledger_holds(database)


def test_the_rest_of_a_log_in_an_archive_that_came_and_went_is_read(database: Database, folder: Path) -> None:
    """The log was half read; it was packed, and both are gone when PostgreSQL is back."""
    log, archive = folder / "a.log", folder / "a.log.1.gz"
    log.write_text(text(0, 500))
    first = Reader(database, folder)
    first.sync()
    first.close()
    reader = Reader(database, folder)
    archive.write_bytes(gzip.compress(text(0, 2000).encode()))
    log.unlink()
    reader.pipeline.hold()
    archive.unlink()
    reader.sync()
    reader.settle()
    reader.close()

    assert stored_numbers(database) == list(range(2000))
    ledger_holds(database)


def test_a_file_that_a_power_cut_shortened_is_renamed_before_it_is_read(database: Database, folder: Path) -> None:
    log = folder / "a.log"
    log.write_text(text(0, 100))
    first = Reader(database, folder, boot_id="one")
    first.sync()
    first.close()
    log.write_text(text(0, 80))
    os.utime(log, (1, 1))
    reader = Reader(database, folder, boot_id="two")
    reader.pipeline.sweep()
    log.rename(folder / "a.log.1")
    log.write_text(text(200, 210))
    reader.drain()
    reader.sync()
    reader.settle()
    reader.close()

    assert sorted(stored_numbers(database)) == [*range(100), *range(200, 210)]
    assert open_below(folder) == []


def test_a_database_that_fails_while_a_generation_ends_keeps_no_descriptor(
    database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file was rewritten; the commit that ends its old life fails once."""
    log = folder / "a.log"
    log.write_text(text(0, 100))
    reader = Reader(database, folder)
    reader.sync()
    log.write_text(text(200, 210))
    commit = reader.store.commit
    failures: list[int] = []

    def fail_once(prepared: Prepared) -> None:
        if not failures:
            failures.append(len(prepared.batches))
            raise DatabaseUnavailable("gone for a moment")
        commit(prepared)

    monkeypatch.setattr(reader.store, "commit", fail_once)
    reader.sync()
    reader.settle()
    held = open_below(folder)
    reader.close()

    assert failures
    assert held == [str(log)]
    assert open_below(folder) == []
    assert sorted(stored_numbers(database)) == [*range(100), *range(200, 210)]


def test_two_names_of_one_file_in_one_hint_are_one(database: Database, folder: Path) -> None:
    """It was known before, so both names lead to a checkpoint that may be gone on with."""
    log, other = folder / "a.log", folder / "a.log.1"
    log.write_text(text(0, 100))
    first = Reader(database, folder)
    first.sync()
    first.close()
    os.link(log, other)
    reader = Reader(database, folder)
    reader.pipeline.look([str(log), str(other)])
    held = open_below(folder)
    reader.sync()
    reader.settle()
    reader.close()

    assert len(held) == 1
    assert open_below(folder) == []
    assert stored_numbers(database) == list(range(100))
