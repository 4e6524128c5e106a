"""Files that are easily taken for each other: alike in their beginning, their size, their inode or their name."""

import gzip
import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fix_postgres import Database
from ingest_kit import ledger_holds, lines_of, metric, stored_numbers
from tailer_kit import Reader

# Above 4 KiB, and the same in each run; no line of it becomes a row.
BANNER = lines_of(*({"event": "banner", "level": "info", "part": part, "note": "x" * 80} for part in range(50)))
WHILE = ["live", "stopped"]


class Station:
    """A folder, and its reader, which stands still while something is done to the folder, or has ended before."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.folder = database, folder
        self.reader = Reader(database, folder)
        self._numbers = itertools.count(1)
        self.written = 0

    def lines(self, count: int) -> str:
        """The next lines."""
        self.written += count
        return lines_of(*(metric(next(self._numbers)) for _ in range(count)))

    @contextmanager
    def unread(self, when: str) -> Iterator[None]:
        """What is done within is seen all at once."""
        self.reader.sync()
        if when == "stopped":
            self.reader.close()
        yield
        if when == "stopped":
            self.reader = Reader(self.database, self.folder)
        self.reader.sync()
        self.reader.settle()

    def holds(self) -> None:
        """All lines are stored once, and none of the bytes that are there is called lost."""
        self.reader.close()
        assert sorted(stored_numbers(self.database)) == list(range(1, self.written + 1))
        assert self.database.rows("SELECT * FROM ingest_losses") == []
        ledger_holds(self.database)


@pytest.fixture
def station(database: Database, folder: Path) -> Iterator[Station]:
    station = Station(database, folder)
    yield station
    station.reader.close()


def filled(station: Station, size_bytes: int) -> str:
    """Lines of exactly so many bytes."""
    text = ""
    while size_bytes - len(text) > 500:
        text += station.lines(1)
    last = station.lines(1)
    return text + last[:-2] + " " * (size_bytes - len(text) - len(last)) + "}\n"


@pytest.mark.parametrize("when", WHILE)
def test_copytruncate_to_any_size(station: Station, when: str) -> None:
    """The file has grown again to less, as much and more than it was; its unread tail is in the copy."""
    for name, more_bytes in (("a", -2000), ("b", 0), ("c", 2000)):
        log = station.folder / f"{name}.log"
        log.write_text(station.lines(40))
        with station.unread(when):
            with log.open("a") as file:
                file.write(station.lines(10))
            size = log.stat().st_size
            shutil.copy(log, log.with_suffix(".log.1"))
            os.truncate(log, 0)
            with log.open("a") as file:
                file.write(filled(station, size + more_bytes))
    station.holds()


@pytest.mark.parametrize("when", WHILE)
def test_runs_that_begin_with_the_same_banner(station: Station, when: str) -> None:
    """Renamed, truncated in place and deleted between two runs; the later one is shorter, as long, and longer."""
    lives = 0
    for number, (how, more_bytes) in enumerate(
        itertools.product(("renamed", "truncated", "deleted"), (-1000, 0, 1000))
    ):
        log = station.folder / f"{number}.log"
        log.write_text(BANNER + station.lines(20))
        size = log.stat().st_size
        with station.unread(when):
            if how == "renamed":
                log.rename(log.with_suffix(".log.1"))
            elif how == "deleted":
                log.unlink()
            log.write_text(BANNER + filled(station, size - len(BANNER) + more_bytes))
        lives += 2
    assert station.database.rows("SELECT count(*) FROM dead_letters") == [(0,)]
    assert station.database.rows("SELECT count(*) FROM ingest_files") == [(lives,)]
    station.holds()


@pytest.mark.parametrize("when", WHILE)
def test_many_rotations_between_two_looks(station: Station, when: str) -> None:
    """Ten of them, the old ones packed, the first with an unread tail."""
    log = station.folder / "a.log"
    log.write_text(station.lines(30))
    with station.unread(when):
        for _ in range(10):
            with log.open("a") as file:
                file.write(station.lines(5))
            for older in range(20, 0, -1):
                for suffix in ("", ".gz"):
                    path = station.folder / f"a.log.{older}{suffix}"
                    if path.exists():
                        path.rename(station.folder / f"a.log.{older + 1}{suffix}")
            log.rename(station.folder / "a.log.1")
            if (second := station.folder / "a.log.2").exists():
                second.with_suffix(".2.gz").write_bytes(gzip.compress(second.read_bytes()))
                second.unlink()
            log.write_text(station.lines(1))
    assert len(list(station.folder.glob("a.log.*.gz"))) == 9
    station.holds()


@pytest.mark.parametrize("when", WHILE)
def test_a_copy_that_overwrites_the_one_before(station: Station, when: str) -> None:
    """`cp a.log a.log.1 && : > a.log` by cron: the copy's file stays the same and holds something else each time."""
    log = station.folder / "a.log"
    for size in (9000, 3000, 12_000, 12_500, 7000):
        log.write_text(filled(station, size - 2000))
        with station.unread(when):
            with log.open("a") as file:
                file.write(filled(station, 2000))
            (station.folder / "a.log.1").write_bytes(log.read_bytes())
            os.truncate(log, 0)
    station.holds()


def take_inode(path: Path, inode: int, text: str) -> bool:
    """Write a file that has an inode which is free; gives whether the file system gave it out again."""
    spare = [path.with_name(f"spare{number}") for number in range(50)]
    try:
        for name in spare:
            name.touch()
            if name.stat().st_ino == inode:
                name.write_text(text)
                name.rename(path)
                return True
    finally:
        for name in spare:
            name.unlink(missing_ok=True)
    path.write_text(text)
    return False


@pytest.mark.parametrize("births", ["known", "unknown"])
def test_an_inode_that_is_given_out_again_while_nobody_looks(
    station: Station, births: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To a shorter, an equally long and a longer file. Not every file system keeps times of birth."""
    if births == "unknown":
        monkeypatch.setattr("ingest.files._birth_ns", lambda _descriptor: 0)
    for number, more_bytes in enumerate((-1000, 0, 1000)):
        log = station.folder / f"{number}.log"
        log.write_text(BANNER + station.lines(20))
        with station.unread("stopped"):
            size, inode = log.stat().st_size, log.stat().st_ino
            log.unlink()
            text = BANNER + filled(station, size - len(BANNER) + more_bytes)
            if not take_inode(log, inode, text):  # as it would have been
                station.database.rows("UPDATE ingest_files SET inode = %s WHERE inode = %s", log.stat().st_ino, inode)
    assert station.database.rows("SELECT count(DISTINCT inode), count(*) FROM ingest_files") == [(3, 6)]
    station.holds()


def test_an_inode_that_is_given_out_again_between_two_sweeps(station: Station) -> None:
    """Of a file that is over and closed here: nothing but its size and time was remembered of it."""
    log, reused = station.folder / "a.log", 0
    for number in range(20):
        rotated = station.folder / "a.log.1"
        log.write_text(filled(station, 5000))
        log.rename(rotated)
        with station.unread("live"):
            pass
        inode = rotated.stat().st_ino
        rotated.unlink()
        reused += take_inode(log, inode, filled(station, 5000))
        station.reader.sync()
        log.rename(station.folder / f"a.log.{number + 2}")
    station.reader.sync()
    station.reader.settle()
    station.holds()
