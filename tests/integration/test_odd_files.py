"""What may stand in a folder of logs beside ordinary files under ordinary names."""

import errno
import os
import socket
from pathlib import Path

import pytest
from fix_postgres import Database
from ingest_kit import ledger_holds, lines_of, metric, read_once, stored_numbers
from process_kit import finished
from tailer_kit import Reader


def append(path: Path, *numbers: int) -> None:
    with path.open("a") as file:
        file.write(lines_of(*map(metric, numbers)))


def test_what_is_no_regular_file_is_refused_and_its_neighbours_are_read(database: Database, folder: Path) -> None:
    """None of them is waited for, and each is named once; a folder in a file's place ends the file."""
    os.mkfifo(folder / "pipe.log")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "socket.log"))
    (folder / "device.log").symlink_to("/dev/zero")
    (folder / "loop.log").symlink_to("loop.log")
    (folder / "nowhere.log").symlink_to("gone")
    (folder / "folder.log").mkdir()
    append(folder / "folder.log" / "in.log", 1)
    append(folder / "a.log", 2)
    reader = Reader(database, folder)
    reader.sync()
    (folder / "a.log").unlink()
    (folder / "a.log").mkdir()
    append(folder / "b.log", 3)
    reader.sync(4)
    reader.settle()
    reader.close()

    assert sorted(stored_numbers(database)) == [1, 2, 3]
    assert reader.telemetry.counters["file_unreadable"] == 3
    assert database.rows("SELECT state FROM ingest_files ORDER BY path") == [("finished",), ("active",), ("active",)]
    ledger_holds(database)


def test_names_of_any_kind(database: Database, folder: Path) -> None:
    """They are read, rotated and shown; nothing of them reaches a terminal or a shell."""
    names = ["new\nline", "'\"; rm -rf .", "\x1b[31mred", "spaces  and\ttabs", "%s {0} \\xff", "\u202egol", "n" * 249]
    paths = [folder / f"{name}.log" for name in names] + [folder / os.fsdecode(b"\xff\xfe.log")]
    for number, path in enumerate(paths):
        append(path, number)
    read_once(database.config, "1")
    for number, path in enumerate(paths, len(paths)):
        rotated = path.with_name(f"{path.name}.1")
        path.rename(rotated)
        append(rotated, number)
        append(path, number + len(paths))
    read_once(database.config, "2")
    read_once(database.config, "3")

    assert sorted(stored_numbers(database)) == list(range(3 * len(paths)))
    assert database.rows("SELECT count(*) FROM ingest_files") == [(2 * len(paths),)]
    ledger_holds(database)
    shown = finished(database.config, "status")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "rm -rf" in shown.stdout
    assert not set(shown.stdout) & set("\x1b\t\u202e"), shown.stdout


def test_one_file_under_two_names_is_read_once(database: Database, folder: Path) -> None:
    """Hard links. It is followed under the first of its names, and under the other one when that goes."""
    one, other = folder / "a.log", folder / "b.log"
    reader = Reader(database, folder)
    append(one, 1)
    reader.sync()
    other.hardlink_to(one)
    append(other, 2)
    reader.sync()
    append(one, 3)
    reader.pipeline.look([str(other)])
    reader.sync()
    reader.close()

    reader = Reader(database, folder)
    append(other, 4)
    reader.sync()
    one.unlink()
    append(other, 5)
    reader.sync()
    append(one, 6)  # another file, under the name of the first
    reader.sync(4)
    reader.settle()
    append(other, 7)
    reader.sync()
    reader.close()

    assert sorted(stored_numbers(database)) == list(range(1, 8))
    assert database.rows("SELECT path, state FROM ingest_files ORDER BY generation") == [
        (str(other), "active"), (str(one), "active"),
    ]  # fmt: skip
    ledger_holds(database)


def test_rotation_by_a_hard_link(database: Database, folder: Path) -> None:
    """`ln a.log a.log.1`, and the old name goes to a new file: there is no moment without the old one."""
    log, rotated = folder / "a.log", folder / "a.log.1"
    reader = Reader(database, folder)
    append(log, 1)
    reader.sync()
    append(log, 2)
    rotated.hardlink_to(log)
    reader.sync()
    append(folder / "next", 4)
    (folder / "next").rename(log)
    append(rotated, 3)
    reader.sync()
    reader.settle()
    reader.close()

    assert stored_numbers(database) == [1, 2, 3, 4]
    assert database.rows("SELECT state FROM ingest_files ORDER BY generation") == [("finished",), ("active",)]
    ledger_holds(database)


def test_a_disk_that_fails_to_read_now_and_then(reader: Reader, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said, shown by `status`, and read again; the other files are not held up."""
    pread, broken = os.pread, True

    def failing(descriptor: int, length: int, offset: int) -> bytes:
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        if broken and path.endswith("bad.log"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return pread(descriptor, length, offset)

    append(folder / "bad.log", 1)
    reader.sync()
    monkeypatch.setattr(os, "pread", failing)
    append(folder / "bad.log", 2)
    append(folder / "good.log", 3)
    reader.sync()
    assert stored_numbers(reader.database) == [1, 3]
    assert reader.telemetry.counters["file_unreadable"] == 1
    errors = reader.database.rows("SELECT last_error FROM ingest_files ORDER BY generation")
    assert errors == [(f"{folder}/bad.log: cannot be read at byte 0: Input/output error",), (None,)]
    broken = False
    reader.sync()

    assert sorted(stored_numbers(reader.database)) == [1, 2, 3]
    assert reader.database.rows("SELECT DISTINCT last_error FROM ingest_files") == [(None,)]
    ledger_holds(reader.database)
