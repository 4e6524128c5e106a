"""A daemon that never lives for long: each of its lives gets on, and its first steps are small."""

import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from fix_postgres import Database
from ingest_kit import ledger_holds, lines_of, metric, stored_numbers
from tailer_kit import ROTATE_WAIT_SECONDS, Reader

from ingest.batch import Batch

FILES = 230


class Death(Exception):
    """Comes right behind the first commit of a life."""


def live(database: Database, folder: Path) -> bool:
    """One life, as short as one can be that stores anything; gives whether it died of that."""

    def die(_batches: Sequence[Batch]) -> None:
        raise Death

    reader = Reader(database, folder, on_commit=die)
    try:
        reader.sync()
    except Death:
        return True
    finally:
        reader.close()
    return False


def test_a_daemon_that_dies_at_its_first_commit_does_not_look_at_all_files_before(
    database: Database, folder: Path
) -> None:
    """Hundreds of new files: something of the first ones is stored before the last ones are looked at."""
    for number in range(FILES):
        (folder / f"{number:03}.log").write_text(lines_of(metric(number)))

    known = [0]
    while live(database, folder):
        known.append(database.rows("SELECT count(*) FROM ingest_files")[0][0])

    assert 0 < known[1] < FILES
    assert all(before <= later for before, later in pairwise(known))
    assert stored_numbers(database) == list(range(FILES))
    ledger_holds(database)


def test_the_first_commit_of_a_life_covers_little_of_a_backlog(database: Database, folder: Path) -> None:
    """What a life that ends early has done in vain is little, also where one file holds all of it."""
    count = 10_000
    log = folder / "a.log"
    log.write_text(lines_of(*map(metric, range(count))))

    offsets = [0]
    for _ in range(5):
        assert live(database, folder)
        offsets.append(database.rows("SELECT committed_offset FROM ingest_files")[0][0])
    reader = Reader(database, folder)
    reader.sync()
    reader.close()

    assert all(before < later for before, later in pairwise(offsets))
    assert offsets[-1] < log.stat().st_size / 2
    assert stored_numbers(database) == list(range(count))
    ledger_holds(database)


def test_a_round_of_reading_ends_after_a_while_and_the_next_goes_on_there(database: Database, folder: Path) -> None:
    """Between two rounds the daemon says that it lives and looks for new files; nobody is read twice before all are once."""
    for number in range(12):
        (folder / f"{number:02}.log").write_text(lines_of(*map(metric, range(1000 * number, 1000 * number + 1000))))
    reader = Reader(database, folder, look_seconds=0.1)
    reader.pipeline.sweep()

    def versions() -> list[int]:
        reader.pipeline.committer.flush()
        return [row[0] for row in database.rows("SELECT version FROM ingest_files ORDER BY path")]

    begun = versions()
    rounds = [begun]
    while reader.pipeline.read():
        rounds.append(versions())
    first_turn = next(
        at for at, found in enumerate(rounds) if all(now > was for now, was in zip(found, begun, strict=True))
    )
    reader.close()

    assert first_turn > 1
    assert all(now <= was + 1 for now, was in zip(rounds[first_turn - 1], begun, strict=True))
    assert stored_numbers(database) == list(range(12_000))


@pytest.mark.parametrize(("age_seconds", "finished"), [(0.0, False), (ROTATE_WAIT_SECONDS + 60.0, True)])
def test_a_rotated_file_is_over_when_it_has_been_quiet_for_long_before_this_life(
    database: Database, folder: Path, age_seconds: float, finished: bool
) -> None:
    """The wait counts from the file's last change: else short lives would never finish a file."""
    rotated = folder / "a.log.1"
    rotated.write_text(lines_of(metric(1)))
    changed = rotated.stat().st_mtime - age_seconds
    os.utime(rotated, (changed, changed))

    reader = Reader(database, folder)
    reader.sync()
    reader.close()

    assert database.rows("SELECT state FROM ingest_files") == [("finished" if finished else "active",)]
