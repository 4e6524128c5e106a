"""Faults that were found by attacking the tailer: one test a fault."""

import gzip
import os
import shutil
from pathlib import Path

import pytest
from fix_postgres import Database
from ingest_kit import ledger_holds, lines_of, metric, read_once, stored_numbers
from logs_kit import Logs
from tailer_kit import Reader, open_below

from ingest.errors import DatabaseError
from ingest.prepared import Prepared


def test_a_file_rewritten_to_its_very_size_is_not_finished_before_it_is_read(reader: Reader, folder: Path) -> None:
    """It was quiet for long when it was rewritten and rotated at once."""
    log = folder / "a.log"
    log.write_text(lines_of(metric(1), metric(2)))
    reader.sync()
    reader.settle()
    log.write_text(lines_of(metric(3), metric(4)))
    log.rename(folder / "a.log.1")

    reader.settle()

    assert sorted(stored_numbers(reader.database)) == [1, 2, 3, 4]
    ledger_holds(reader.database)


def test_a_copy_of_a_file_that_was_rewritten_unnoticed_is_not_read_beside_it(reader: Reader, folder: Path) -> None:
    """`copytruncate` between copying and truncating; the file was truncated and written anew just before."""
    log = folder / "a.log"
    log.write_text(lines_of(*map(metric, range(1, 9))))
    reader.sync()
    log.write_text(lines_of(metric(10)))
    shutil.copy(log, folder / "a.log.1")
    reader.sync()
    os.truncate(log, 0)
    reader.sync()
    reader.settle()

    assert sorted(stored_numbers(reader.database)) == [*range(1, 9), 10]
    ledger_holds(reader.database)


@pytest.mark.parametrize("name", ["a.log.1", "a.log.2.gz"])
def test_a_file_and_its_copy_found_by_one_sweep_are_read_once(database: Database, folder: Path, name: str) -> None:
    text = lines_of(*map(metric, range(50)))
    (folder / "a.log").write_text(text)
    (folder / name).write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())

    read_once(database.config, "1")
    read_once(database.config, "2")

    assert stored_numbers(database) == list(range(50))
    ledger_holds(database)


def test_the_longer_of_a_file_and_its_older_copy_is_read(reader: Reader, folder: Path) -> None:
    (folder / "a.log").write_text(lines_of(*map(metric, range(50))))
    (folder / "a.log.1").write_text(lines_of(*map(metric, range(20))))

    reader.sync()
    reader.settle()

    assert stored_numbers(reader.database) == list(range(50))


def test_descriptors_are_closed_when_the_database_fails_while_files_are_adopted(reader: Reader, folder: Path) -> None:
    for number in range(5):
        (folder / f"{number}.log").write_text(lines_of(metric(number)))
    reader.database.rows("ALTER TABLE ingest_files ADD CONSTRAINT odd CHECK (path NOT LIKE '%%3.log')")

    with pytest.raises(DatabaseError):
        reader.pipeline.sweep()

    assert open_below(folder) == []
    reader.database.rows("ALTER TABLE ingest_files DROP CONSTRAINT odd")
    reader.sync()
    assert sorted(stored_numbers(reader.database)) == list(range(5))


def test_two_copies_of_a_rest_are_continued_once(reader: Reader, folder: Path) -> None:
    """copytruncate, and its copy compressed with the plain file kept, all between two looks."""
    log = folder / "a.log"
    log.write_text(lines_of(metric(1)))
    reader.sync()
    with log.open("a") as file:
        file.write(lines_of(metric(2)))
    shutil.copy(log, folder / "a.log.1")
    (folder / "a.log.1.gz").write_bytes(gzip.compress(log.read_bytes()))
    os.truncate(log, 0)

    reader.sync()
    reader.settle()

    assert stored_numbers(reader.database) == [1, 2]
    assert reader.database.rows("SELECT count(*) FROM ingest_files WHERE state = 'active'") == [(0,)]
    ledger_holds(reader.database)


def test_a_copy_that_is_shorter_than_the_head_is_not_read_again(reader: Reader, folder: Path) -> None:
    log = folder / "a.log"
    log.write_text(lines_of(metric(1), metric(2), metric(3)))
    reader.sync()
    (folder / "a.log.1").write_text(lines_of(metric(1), metric(2)))

    reader.sync()
    reader.settle()

    assert stored_numbers(reader.database) == [1, 2, 3]


@pytest.mark.parametrize("finished", [False, True])
def test_a_file_that_was_renamed_to_another_family_is_the_same(
    database: Database, folder: Path, finished: bool
) -> None:
    log = folder / ("a.log.1" if finished else "a.log")
    log.write_text(lines_of(metric(1)))
    read_once(database.config, "1")
    log.rename(folder / "b.log")
    with (folder / "b.log").open("a") as file:
        file.write(lines_of(metric(2)))

    read_once(database.config, "2")
    read_once(database.config, "3")

    assert stored_numbers(database) == [1, 2]
    ledger_holds(database)


def test_a_symlink_that_is_swapped_is_followed_and_its_old_target_not_read_again(
    database: Database, folder: Path
) -> None:
    current = folder / "current.log"
    for day in (22, 23):
        (folder / f"job-202611{day}.log").write_text(lines_of(metric(day)))
        current.unlink(missing_ok=True)
        current.symlink_to(f"job-202611{day}.log")
        read_once(database.config, str(day))

    read_once(database.config, "again")

    assert sorted(stored_numbers(database)) == [22, 23]


def test_many_files_found_at_once_are_opened_some_at_a_time(reader: Reader, folder: Path) -> None:
    """Settled ones above all: a restart finds all that were ever rotated."""
    for number in range(500):
        (folder / f"{number}.log.1").write_text(lines_of(metric(number)))
    reader.sync()
    reader.settle()
    assert reader.pipeline.followers == {}
    again = Reader(reader.database, folder)
    most = 0
    families = again.store.families

    def counted(*arguments: list[str]) -> object:
        nonlocal most
        most = max(most, len(open_below(folder)))
        return families(*arguments)  # type: ignore[arg-type]

    again.store.families = counted  # type: ignore[method-assign,assignment]
    again.sync()
    again.close()

    assert 0 < most <= 200
    assert sorted(stored_numbers(reader.database)) == list(range(500))


def test_a_copy_put_off_is_remembered_among_many_files(reader: Reader, folder: Path) -> None:
    for name in ("a.log", "a.log.1", *(f"b{number}.log" for number in range(300))):
        (folder / name).write_text(lines_of(metric(1)))

    reader.pipeline.sweep()
    assert reader.pipeline.sweep_again
    reader.drain()
    reader.pipeline.sweep()

    assert not reader.pipeline.sweep_again


def test_a_finished_file_that_grows_is_read_on(reader: Reader, folder: Path) -> None:
    (folder / "a.log.1").write_text(lines_of(metric(1)))
    reader.sync()
    reader.settle()
    with (folder / "a.log.1").open("a") as file:
        file.write(lines_of(metric(2)))

    reader.sync()
    reader.settle()

    assert stored_numbers(reader.database) == [1, 2]
    ledger_holds(reader.database)


def test_a_line_completed_just_before_the_file_is_finished_is_whole(reader: Reader, folder: Path) -> None:
    """The sweep comes before the read: it must not finish what has grown since the last one."""
    rotated, text = folder / "a.log.1", lines_of(metric(1), metric(2), metric(3))
    rotated.write_text(text[:-150])
    reader.sync()
    with rotated.open("a") as file:
        file.write(text[-150:])

    reader.settle()

    assert stored_numbers(reader.database) == [1, 2, 3]
    assert reader.database.rows("SELECT state, dead_letters FROM ingest_files") == [("finished", 0)]


def test_what_is_appended_while_a_file_is_being_finished_is_read(reader: Reader, folder: Path) -> None:
    rotated = folder / "a.log.1"
    rotated.write_text(lines_of(metric(1)))
    reader.sync()
    commit = reader.store.commit

    def appending(prepared: Prepared) -> None:
        commit(prepared)
        with rotated.open("a") as file:
            file.write(lines_of(metric(2)))

    reader.store.commit = appending  # type: ignore[method-assign]
    reader.seconds += 60
    reader.pipeline.sweep()
    reader.store.commit = commit  # type: ignore[method-assign]
    assert reader.pipeline.followers == {}

    reader.sync()

    assert stored_numbers(reader.database) == [1, 2]


def test_a_name_that_is_no_utf8_is_read(reader: Reader, folder: Path) -> None:
    path = folder / os.fsdecode(b"\xff\xfe.log")
    path.write_text(lines_of(metric(1)))
    reader.sync()
    path.rename(folder / os.fsdecode(b"\xff\xfe.log.1"))
    path.write_text(lines_of(metric(2)))

    reader.sync()
    reader.settle()

    assert stored_numbers(reader.database) == [1, 2]


def test_an_entry_that_vanishes_between_scan_and_open_is_no_error(reader: Reader, folder: Path) -> None:
    assert reader.adopter.adopt([str(folder / "gone.log")], {}) == []


@pytest.mark.parametrize("count", [1, 3])
def test_another_life_of_a_file_whose_long_lines_end_alike(reader: Reader, folder: Path, count: int) -> None:
    """The 4 KiB before the offset are those that were read; the file's beginning tells."""
    folder.rmdir()
    logs = Logs(folder)
    logs.append(1, padding=5000)
    logs.copytruncate(reader.sync)
    logs.append(count, padding=5000)

    reader.sync()
    reader.settle()

    assert sorted(stored_numbers(reader.database)) == list(range(1, count + 2))
    ledger_holds(reader.database)
    logs.close()


def test_logs_kit_makes_what_it_says(tmp_path: Path) -> None:
    """The model is worth what its actions do."""
    logs = Logs(tmp_path / "logs")
    logs.append(3)
    logs.rotate()
    logs.append(1)
    logs.compress(0)
    logs.same_size()
    assert {path.name for path in logs.folder.iterdir()} == {"a.log", "a.log.1.gz"}
    logs.close()
