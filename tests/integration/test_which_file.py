"""Which file is it? Copies, archives, moves, power cuts and removals, each as it is met in the field."""

import gzip
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from fix_postgres import Database
from ingest_kit import ledger_holds, lines_of, metric, read_once, stored_numbers
from tailer_kit import Reader, open_below

from ingest.errors import SourceError
from ingest.files import open_log

BANNER = lines_of(*(metric(0, part=part, note="x" * 80) for part in range(40)))  # well above 4 KiB, always the same


def values(database: Database) -> list[int]:
    """Stored numbers without those of the banner, sorted."""
    return sorted(number for number in stored_numbers(database) if number)


def gaps(database: Database) -> list[tuple[object, ...]]:
    return database.rows("SELECT from_offset, to_offset, reason FROM ingest_gaps ORDER BY generation, from_offset")


def states(database: Database) -> list[str]:
    return [state for (state,) in database.rows("SELECT state FROM ingest_files ORDER BY generation")]


# -- alike ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gone", [True, False])
def test_a_shorter_run_that_begins_alike_is_read(database: Database, folder: Path, gone: bool) -> None:
    """Two runs of one program, rotated while nobody looked: the later one is the shorter, and no copy."""
    log = folder / "a.log"
    log.write_text(BANNER + lines_of(*map(metric, range(1, 60))))
    read_once(database.config, "1")
    if gone:
        log.unlink()
    else:
        log.rename(folder / "a.log.2")
    (folder / "a.log.1").write_text(BANNER + lines_of(*map(metric, range(101, 106))))

    read_once(database.config, "2")

    assert values(database) == [*range(1, 60), *range(101, 106)]
    ledger_holds(database)


def test_a_longer_run_that_begins_like_a_finished_one_is_read(database: Database, folder: Path) -> None:
    (folder / "a.log.2").write_text(BANNER)
    read_once(database.config, "1")
    (folder / "a.log.1").write_text(BANNER + lines_of(metric(101)))

    read_once(database.config, "2")

    assert values(database) == [101]
    assert len(stored_numbers(database)) == 2 * BANNER.count("\n") + 1


def test_a_small_copy_of_a_file_that_is_gone_is_not_read_again(database: Database, folder: Path) -> None:
    """Copied, grown and read, truncated: the copy is shorter than the head that is known."""
    log = folder / "a.log"
    log.write_text(lines_of(*map(metric, range(1, 9))))
    shutil.copy(log, folder / "kept")
    with log.open("a") as file:
        file.write(lines_of(metric(9)))
    read_once(database.config, "1")
    log.write_text(lines_of(metric(10)))
    (folder / "kept").rename(folder / "a.log.1")

    read_once(database.config, "2")

    assert values(database) == list(range(1, 11))


# -- moved ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compressed", [True, False])
def test_a_file_moved_to_a_folder_of_old_ones_is_continued(database: Database, folder: Path, compressed: bool) -> None:
    """logrotate's `olddir`, while nobody looked."""
    log = folder / "a.log"
    log.write_text(lines_of(*map(metric, range(1, 50))))
    read_once(database.config, "1")
    with log.open("a") as file:
        file.write(lines_of(metric(50)))
    old = folder / "old"
    old.mkdir()
    if compressed:
        (old / "a.log.1.gz").write_bytes(gzip.compress(log.read_bytes()))
        log.unlink()
    else:
        shutil.copy(log, old / "a.log.1")  # another file system
        log.unlink()
    log.write_text(lines_of(metric(51)))

    read_once(database.config, "2")
    read_once(database.config, "3")

    assert values(database) == list(range(1, 52))
    assert gaps(database) == []


def test_after_a_rename_to_another_live_name_copies_are_looked_for_there(database: Database, folder: Path) -> None:
    reader = Reader(database, folder)
    log = folder / "a.log"
    log.write_text(lines_of(metric(1)))
    reader.sync()
    log.rename(folder / "b.log")
    with (folder / "b.log").open("a") as file:
        file.write(lines_of(metric(2)))
    reader.sync()
    shutil.copy(folder / "b.log", folder / "b.log.1")
    os.truncate(folder / "b.log", 0)

    reader.sync()
    reader.settle()
    reader.close()

    assert values(database) == [1, 2]


# -- compressed under our hands -------------------------------------------------------------------------------------------


def test_an_archive_of_a_removed_file_that_is_still_open_and_unread_waits(database: Database, folder: Path) -> None:
    reader = Reader(database, folder)
    log = folder / "a.log"
    log.write_text(lines_of(*map(metric, range(1, 20))))
    reader.pipeline.sweep()  # it is open now, and nothing of it is stored
    (folder / "a.log.1.gz").write_bytes(gzip.compress(log.read_bytes()))
    log.unlink()
    reader.pipeline.sweep()

    reader.sync()
    reader.settle()
    reader.close()

    assert values(database) == list(range(1, 20))
    assert len(states(database)) == 1


def test_a_copy_is_judged_together_with_a_live_file_that_nobody_has_opened_yet(
    database: Database, folder: Path
) -> None:
    """copytruncate of a file that was empty until now, and an event that names the copy alone."""
    reader = Reader(database, folder)
    log = folder / "a.log"
    log.write_text("")
    reader.sync()
    log.write_text(lines_of(*map(metric, range(1, 20))))
    shutil.copy(log, folder / "a.log.1")

    reader.pipeline.look([str(folder / "a.log.1")])
    reader.drain()
    reader.sync()
    reader.settle()
    reader.close()

    assert values(database) == list(range(1, 20))


# -- lost -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zeros", [0, 300, 100_000])
def test_after_a_power_cut_a_file_goes_on_at_its_new_end(database: Database, folder: Path, zeros: int) -> None:
    """The tail was read and stored before it was lost; zeros may stand in its place."""
    log = folder / "a.log"
    log.write_text(lines_of(*map(metric, range(1, 100))))
    reader = Reader(database, folder, boot_id="one")
    reader.sync()
    reader.close()
    whole = log.read_bytes()
    kept = whole.index(b'"metric_value": 80')  # in the middle of a line
    log.write_bytes(whole[:kept] + b"\0" * zeros)
    os.utime(log, (1, 1))  # not written to since the boot

    reader = Reader(database, folder, boot_id="two")
    reader.sync()
    with log.open("a") as file:
        file.write(lines_of(metric(100), metric(101)))
    reader.sync()
    reader.close()

    assert values(database) == list(range(1, 102))
    assert (0, kept, "read_before") in gaps(database)
    assert states(database) == ["replaced", "active"]


def test_in_one_boot_a_shorter_file_was_truncated(database: Database, folder: Path) -> None:
    log = folder / "a.log"
    log.write_text(lines_of(*map(metric, range(1, 100))))
    reader = Reader(database, folder)
    reader.sync()
    os.truncate(log, log.read_bytes().index(b'"metric_value": 80'))
    reader.sync()
    reader.close()
    # A beginning of the very same bytes is read again: nothing tells it from a new log that begins alike.
    assert len(values(database)) == 99 + len(range(1, 80))


def test_a_file_removed_unread_while_nobody_looked_is_a_gap(database: Database, folder: Path) -> None:
    log = folder / "a.log"
    log.write_text(lines_of(*map(metric, range(1, 5))) + "half a line")
    read_once(database.config, "1")
    offset = log.read_bytes().index(b"half")
    size = log.stat().st_size
    shutil.copy(log, folder / "kept")
    log.unlink()

    read_once(database.config, "2")
    assert gaps(database) == [(offset, size, "deleted")]
    assert states(database) == ["finished"]

    with (folder / "kept").open("a") as file:  # it was only away
        file.write("\n" + lines_of(metric(5)))
    (folder / "kept").rename(log)
    read_once(database.config, "3")
    assert gaps(database) == []
    assert values(database) == [1, 2, 3, 4, 5]


def test_a_removed_file_that_was_read_leaves_no_gap(database: Database, folder: Path) -> None:
    (folder / "a.log").write_text(lines_of(metric(1)))
    reader = Reader(database, folder)
    reader.sync()
    reader.close()
    (folder / "a.log").unlink()

    reader = Reader(database, folder)
    reader.sync(3)
    reader.close()

    assert gaps(database) == []
    assert states(database) == ["finished"]


def test_a_removed_file_is_over_although_another_stands_in_its_place(database: Database, folder: Path) -> None:
    """Rotated and removed while nobody looked: its last known name belongs to another file now."""
    log = folder / "a.log"
    reader = Reader(database, folder)
    log.write_text(lines_of(metric(1)) + "half")
    reader.sync()
    reader.close()
    size = log.stat().st_size
    (folder / "next").write_text(lines_of(metric(2)))
    (folder / "next").rename(log)

    reader = Reader(database, folder)
    reader.sync(3)
    reader.close()

    assert states(database) == ["finished", "active"]
    assert gaps(database) == [(size - len("half"), size, "deleted")]
    assert values(database) == [1, 2]


def test_a_folder_that_is_away_is_not_taken_for_removed_files(database: Database, folder: Path) -> None:
    """A file system that is not mounted: everything is away at once, and comes back."""
    (folder / "a.log").write_text(lines_of(metric(1)) + "half")
    reader = Reader(database, folder)
    reader.sync()
    reader.close()
    folder.rename(folder.with_name("away"))
    database.rows("UPDATE ingest_files SET device = device + 1")  # what stands there now is another file system
    folder.mkdir()

    reader = Reader(database, folder)
    reader.sync(3)
    assert states(database) == ["active"]
    folder.rmdir()
    reader.sync(300)
    assert states(database) == ["active"]
    reader.close()
    assert gaps(database) == []


def test_what_a_truncated_file_is_known_to_have_held_is_a_gap(database: Database, folder: Path) -> None:
    log = folder / "a.log"
    reader = Reader(database, folder)
    log.write_text(lines_of(metric(1)) + '{"event": "metric", "half')
    reader.sync()
    size, offset = log.stat().st_size, len(lines_of(metric(1)))
    log.write_text("")
    reader.sync()
    assert gaps(database) == [(offset, size, "truncated")]
    assert states(database)[0] == "replaced"
    reader.close()


@pytest.mark.parametrize(("kept", "expected"), [(1.0, []), (0.5, [(60, "truncated")])])
def test_a_copy_that_shows_up_later_heals_the_gap(
    database: Database, folder: Path, kept: float, expected: list[object]
) -> None:
    log = folder / "a.log"
    reader = Reader(database, folder)
    first = lines_of(*map(metric, range(1, 40)))
    log.write_text(first + "x" * 120)
    reader.sync()
    content = log.read_bytes()
    log.write_text("")
    reader.sync()
    (folder / "a.log.1").write_bytes(content[: len(first) + int(120 * kept)])
    reader.sync()
    reader.close()

    found = database.rows("SELECT to_offset - from_offset, reason FROM ingest_gaps")
    assert found == expected
    assert values(database) == list(range(1, 40))


def test_lines_in_the_parsers_hand_are_stored_when_their_file_is_truncated(database: Database, folder: Path) -> None:
    log = folder / "a.log"
    reader = Reader(database, folder)
    log.write_text('Traceback (most recent call last):\n  File "a.py", line 1, in f\nValueError: no\n')
    reader.sync()
    log.write_text("")
    reader.sync()
    reader.close()

    assert database.rows("SELECT count(*) FROM error_log") == [(1,)]
    ledger_holds(database)
    assert database.rows("SELECT sum(held) FROM ingest_files") == [(0,)]


# -- rubbish --------------------------------------------------------------------------------------------------------------


def rubbish(count: int) -> bytes:
    return b"".join(b'{"broken": %d\xff\n' % number for number in range(count))


def test_a_file_of_nothing_but_rubbish_is_suspended(database: Database, folder: Path) -> None:
    log = folder / "a.log"
    log.write_bytes(lines_of(metric(1)).encode() + rubbish(5000))
    reader = Reader(database, folder)
    reader.sync()
    reader.settle()

    assert database.rows("SELECT count(*) FROM dead_letters") == [(100,)]
    assert states(database) == ["suspended"]
    assert reader.telemetry.counters["file_suspended"] == 1
    assert reader.pipeline.followers == {}
    with log.open("ab") as file:
        file.write(lines_of(metric(2)).encode())
    reader.sync()
    assert values(database) == [1]

    database.rows("UPDATE ingest_files SET state = 'active', version = version + 1")
    reader.sync()  # a hundred more, and it is suspended again
    assert database.rows("SELECT count(*) FROM dead_letters") == [(200,)]
    ledger_holds(database)
    reader.close()


def test_a_good_line_now_and_then_keeps_a_file_going(database: Database, folder: Path) -> None:
    (folder / "a.log").write_bytes(b"".join(rubbish(99) + lines_of(metric(n)).encode() for n in range(1, 4)))
    read_once(database.config)
    assert database.rows("SELECT count(*) FROM dead_letters") == [(297,)]
    assert values(database) == [1, 2, 3]


def test_rubbish_is_counted_across_restarts(database: Database, folder: Path) -> None:
    log = folder / "a.log"
    log.write_bytes(lines_of(metric(1)).encode() + rubbish(60))
    read_once(database.config, "1")
    with log.open("ab") as file:
        file.write(rubbish(60))
    read_once(database.config, "2")
    assert database.rows("SELECT count(*) FROM dead_letters") == [(100,)]
    assert states(database) == ["suspended"]


# -- truncated while it is read -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [lambda log: os.truncate(log, 0), lambda log: log.write_text(lines_of(metric(9)))])
def test_what_was_read_before_a_truncation_is_kept(
    database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None]
) -> None:
    """Between two reads of one batch the file is truncated: the lines of the first are good."""
    monkeypatch.setattr("ingest.follower.CHUNK_BYTES", 4096)
    log = folder / "a.log"
    log.write_text(lines_of(*map(metric, range(1, 2))))
    reader = Reader(database, folder)
    reader.sync()
    with log.open("a") as file:
        file.write(lines_of(*map(metric, range(2, 200))))
    (follower,) = reader.pipeline.followers.values()
    pread = follower.file.read
    reads: list[int] = []

    def read(offset: int, length: int) -> bytes:
        if len(reads) == 3:  # the third read of lines; the second is followed by one of the head
            change(log)
        reads.append(offset)
        return pread(offset, length)

    monkeypatch.setattr(follower.file, "read", read)
    reader.sync()
    reader.close()

    found = values(database)
    first = [number for number in found if number != 9 or found.count(9) < 2]
    assert len(first) > 50
    assert found == sorted(found)
    assert len(gaps(database)) == 1
    ledger_holds(database)


# -- while the database does not answer -----------------------------------------------------------------------------------


def test_a_file_that_came_and_went_while_the_database_was_away_is_read(database: Database, folder: Path) -> None:
    reader = Reader(database, folder)
    log = folder / "a.log"
    log.write_text(lines_of(metric(1)))
    reader.sync()
    log.rename(folder / "a.log.1")
    log.write_text(lines_of(metric(2)))
    reader.pipeline.hold()  # what the daemon does instead of a sweep
    with log.open("a") as file:
        file.write(lines_of(metric(3)))
    log.unlink()
    log.write_text(lines_of(metric(4)))
    reader.pipeline.hold()
    (folder / "a.log.1").unlink()

    reader.sync()
    reader.settle()

    assert values(database) == [1, 2, 3, 4]
    assert open_below(folder) == [str(log)]
    ledger_holds(database)
    reader.close()
    assert open_below(folder) == []


def test_no_link_out_of_the_folder_is_followed_while_the_database_is_away(
    database: Database, folder: Path, tmp_path: Path
) -> None:
    """Neither a link to a file nor a folder that was swapped for a link; what was opened then would be read later."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.log").write_text(lines_of(metric(1)))
    reader = Reader(database, folder)
    (folder / "link.log").symlink_to(outside / "a.log")
    reader.pipeline.hold()
    assert reader.pipeline.waiting == {}
    (folder / "link.log").unlink()
    (folder / "inner").symlink_to(outside)
    with pytest.raises(SourceError, match="leads out of"):
        open_log(str(folder / "inner" / "a.log"), str(folder))
    reader.sync()
    reader.settle()
    assert values(database) == []
    reader.close()


def test_files_held_for_the_database_are_closed_when_they_are_still_there(database: Database, folder: Path) -> None:
    reader = Reader(database, folder)
    (folder / "a.log").write_text(lines_of(metric(1)))
    reader.pipeline.hold()
    reader.sync()
    assert values(database) == [1]
    assert len(open_below(folder)) == 1
    reader.close()
