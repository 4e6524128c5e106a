"""Folders of logs that are renamed: within the tree, out of it and into it, under a reader and while none is there."""

from pathlib import Path

import pytest
from fix_postgres import Database
from ingest_kit import ledger_holds, lines_of, metric, stored_numbers
from tailer_kit import Reader


def append(path: Path, *numbers: int) -> None:
    with path.open("a") as file:
        file.write(lines_of(*map(metric, numbers)))


@pytest.mark.parametrize("when", ["live", "stopped"])
def test_a_folder_that_is_renamed_is_read_on(database: Database, folder: Path, tmp_path: Path, when: str) -> None:
    """Its files are what they were; where it is out of sight, what is written there is read when it comes back."""
    here, there, outside = folder / "here", folder / "there", tmp_path / "outside"
    here.mkdir()
    append(here / "a.log", 1)
    append(here / "a.log.1", 2)
    reader = Reader(database, folder)

    def moved(source: Path, target: Path, *numbers: int) -> None:
        nonlocal reader
        reader.sync()
        reader.settle()
        if when == "stopped":
            reader.close()
        append(source / "a.log", *numbers[::2])
        source.rename(target)
        append(target / "a.log", *numbers[1::2])
        if when == "stopped":
            reader = Reader(database, folder)
        reader.sync(4)
        reader.settle()

    moved(here, there, 3, 4)
    assert sorted(stored_numbers(database)) == [1, 2, 3, 4]
    moved(there, outside, 5, 6)
    here.mkdir()
    append(here / "a.log", 7)  # another log under the first name
    reader.sync()
    moved(outside, folder / "back", 8, 9)
    new = tmp_path / "new"
    new.mkdir()
    append(new / "a.log", 10)
    moved(new, folder / "new", 11, 12)
    reader.close()

    assert sorted(stored_numbers(database)) == list(range(1, 13))
    assert database.rows("SELECT count(*) FROM ingest_files") == [(4,)]
    assert database.rows("SELECT * FROM ingest_losses") == []
    ledger_holds(database)
