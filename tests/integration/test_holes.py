"""NUL holes, as a writer without O_APPEND leaves them when its file is truncated: gaps of no line, passed at once."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fix_postgres import Database
from ingest_kit import ledger_holds, lines_of, metric, read_once, stored_numbers
from logs_kit import Logs
from process_kit import environment
from tailer_kit import Reader

from ingest.files import PlainFile, open_log

GIGABYTE = 1 << 30


def gaps(database: Database) -> list[tuple[int, int, str]]:
    return [
        (from_offset, to_offset, reason)
        for from_offset, to_offset, reason in database.rows(
            "SELECT from_offset, to_offset, reason FROM ingest_gaps ORDER BY generation, from_offset"
        )
    ]


def offsets(database: Database) -> list[int]:
    return [offset for (offset,) in database.rows("SELECT line_offset FROM system_metrics ORDER BY line_offset")]


def tiles(database: Database, path: Path) -> None:
    """Lines and holes cover the file up to the checkpoint, without a byte twice or left out."""
    data = path.read_bytes()
    ((committed, dead),) = database.rows(
        "SELECT committed_offset, dead_letters FROM ingest_files WHERE state <> 'replaced'"
    )
    at = 0
    found = {offset: data.index(b"\n", offset) + 1 for offset in offsets(database)}
    holes = {start: end for start, end, reason in gaps(database) if reason == "nul_hole"}
    while at < committed:
        at = holes[at] if at in holes else found[at]
    assert at == committed
    assert dead == 0
    assert all(data[start:end].strip(b"\0") == b"" for start, end in holes.items())


def write_at(path: Path, offset: int, data: bytes) -> None:
    """Through a descriptor that stands there, whatever was truncated."""
    with path.open("r+b" if path.exists() else "wb") as file:
        file.seek(offset)
        file.write(data)


@pytest.mark.parametrize("hole", [8, 4095, 4096, 65_536, 3_000_000])
def test_a_hole_at_the_beginning_is_a_gap_and_the_lines_behind_it_are_rows(
    database: Database, folder: Path, hole: int
) -> None:
    """Also where nothing but NULs is in all that content is told by."""
    log = folder / "a.log"
    write_at(log, hole, lines_of(*map(metric, range(3))).encode())

    read_once(database.config, "1")
    read_once(database.config, "2")

    assert stored_numbers(database) == [0, 1, 2]
    assert gaps(database) == [(0, hole, "nul_hole")]
    assert database.rows("SELECT parser FROM ingest_files") == [("json",)]
    assert database.rows("SELECT * FROM ingest_losses") == []
    tiles(database, log)
    ledger_holds(database)


@pytest.mark.parametrize("parser", ["text", "ffmpeg"])
def test_what_a_hole_stands_before_is_recognised(database: Database, folder: Path, parser: str) -> None:
    line = {"text": b"ERROR no input\n", "ffmpeg": b"[in#0 @ 0x55d0c8a1b2c0] Error opening input: Input/output error\n"}
    write_at(folder / "a.log", 1_000_000, line[parser])

    read_once(database.config)

    assert database.rows("SELECT parser, lines, stored + held FROM ingest_files") == [(parser, 1, 1)]
    assert gaps(database) == [(0, 1_000_000, "nul_hole")]


def test_holes_between_lines(database: Database, folder: Path, reader: Reader) -> None:
    """Of every size, some of them found in pieces."""
    log = folder / "a.log"
    log.write_bytes(b"")
    expected = []
    for number, hole in enumerate((0, 8, 100, 5000, 1 << 20, (1 << 20) + 1, 5 << 20)):
        start = log.stat().st_size
        if hole:
            os.truncate(log, start + hole // 2)  # the hole is seen before it is whole
            reader.sync(1)
            expected.append((start, start + hole, "nul_hole"))
        write_at(log, start + hole, lines_of(metric(number)).encode())
        reader.sync(1)

    assert stored_numbers(database) == list(range(7))
    assert gaps(database) == expected
    tiles(database, log)
    ledger_holds(database)


def test_half_a_line_behind_a_hole_waits_and_the_hole_is_a_gap_once(
    database: Database, folder: Path, reader: Reader
) -> None:
    log = folder / "a.log"
    log.write_text(lines_of(metric(0)))
    start = log.stat().st_size
    line = lines_of(metric(1)).encode()
    write_at(log, start + 50_000, line[:20])
    reader.sync()
    assert gaps(database) == [(start, start + 50_000, "nul_hole")]
    reader.close()
    write_at(log, start + 50_020, line[20:])

    later = Reader(database, folder)
    later.sync()
    later.close()

    assert stored_numbers(database) == [0, 1]
    assert gaps(database) == [(start, start + 50_000, "nul_hole")]
    tiles(database, log)


def test_a_hole_at_the_end_is_not_consumed_before_a_byte_follows(
    database: Database, folder: Path, reader: Reader
) -> None:
    """Whether the daemon lives on or not. Of a file that is over, it is a gap without a line behind it."""
    log = folder / "a.log"
    log.write_text(lines_of(metric(0)))
    start = log.stat().st_size
    os.truncate(log, start + 100_000)
    reader.sync()
    assert gaps(database) == []
    assert database.rows("SELECT committed_offset FROM ingest_files") == [(start,)]
    reader.close()
    write_at(log, start + 200_000, lines_of(metric(1)).encode())
    size = log.stat().st_size
    later = Reader(database, folder)
    later.sync()
    assert gaps(database) == [(start, start + 200_000, "nul_hole")]
    os.truncate(log, size + 1000)
    log.rename(folder / "a.log.1")
    later.settle()
    later.close()

    assert stored_numbers(database) == [0, 1]
    assert gaps(database)[1:] == [(size, size + 1000, "nul_hole")]
    assert database.rows("SELECT state, committed_offset FROM ingest_files") == [("finished", size + 1000)]
    tiles(database, folder / "a.log.1")


def test_copytruncate_under_a_writer_without_append_mode(database: Database, folder: Path, reader: Reader) -> None:
    """The scenario itself: copied, truncated, written on at the old position; the old lines are in the copy."""
    logs = Logs(folder / "station")
    logs.open_live(append=False)
    logs.append(200)
    reader.sync()
    logs.append(5)
    position = logs.live.stat().st_size
    logs.copytruncate()
    logs.append(3)
    reader.sync()
    reader.settle()
    logs.close()

    assert sorted(stored_numbers(database)) == list(range(1, 209))
    assert [gap for gap in gaps(database) if gap[2] == "nul_hole"] == [(0, position, "nul_hole")]
    assert database.rows("SELECT * FROM ingest_losses") == []
    assert database.rows("SELECT * FROM dead_letters") == []
    ledger_holds(database)


def test_nuls_within_a_line_are_the_lines(database: Database, folder: Path, reader: Reader) -> None:
    """Half a line was written before the truncation, its rest behind the hole; nothing of it is skipped in silence."""
    line = lines_of(metric(1)).encode()
    log = folder / "a.log"
    log.write_bytes(lines_of(metric(0)).encode() + line[:20])
    start = log.stat().st_size - 20
    write_at(log, log.stat().st_size + 3_000_000, line[20:] + lines_of(metric(2)).encode())
    reader.sync()

    assert stored_numbers(database) == [0, 2]
    assert gaps(database) == []
    assert database.rows("SELECT from_offset, to_offset, reason FROM dead_letters") == [
        (start, start + 3_000_000 + len(line), "too_long")
    ]
    ledger_holds(database)


def test_a_hole_in_an_archive(database: Database, folder: Path) -> None:
    """There no file system tells where it ends."""
    lines = lines_of(*map(metric, range(3))).encode()
    (folder / "a.log.1.gz").write_bytes(gzip.compress(bytes(5_000_000) + lines))

    read_once(database.config)

    assert stored_numbers(database) == [0, 1, 2]
    assert gaps(database) == [(0, 5_000_000, "nul_hole")]


def test_where_the_file_system_says_nothing_of_holes_they_are_read(
    database: Database, folder: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And where what it says is of no use: correctness hangs on the bytes alone."""
    log = folder / "a.log"
    write_at(log, 50 << 20, lines_of(*map(metric, range(3))).encode())
    monkeypatch.setattr(PlainFile, "next_data", lambda _self, offset: offset)

    reader.sync()

    assert stored_numbers(database) == [0, 1, 2]
    assert gaps(database) == [(0, 50 << 20, "nul_hole")]


def test_a_file_truncated_while_a_hole_is_passed_is_noticed(database: Database, folder: Path, reader: Reader) -> None:
    log = folder / "a.log"
    log.write_text(lines_of(metric(0)))
    os.truncate(log, 5 * GIGABYTE)
    reader.sync()
    log.write_text(lines_of(*map(metric, range(10, 13))))
    reader.sync()
    reader.settle()

    assert sorted(stored_numbers(database)) == [0, 10, 11, 12]
    ledger_holds(database)


ONCE = """
import resource, sys
sys.argv = ["radiolog", "once", "--quiet"]
from ingest.cli import main
try:
    main()
finally:
    with open("/proc/self/io") as io:
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, io.readline().removeprefix("rchar:"))
"""


def test_a_sparse_hole_of_ten_gigabytes_is_neither_read_nor_kept(database: Database, folder: Path) -> None:
    """Three of them: before all lines, between lines, and in a line."""
    first, second = lines_of(metric(0)).encode(), lines_of(metric(1)).encode()
    log = folder / "a.log"
    write_at(log, 10 * GIGABYTE, first)
    write_at(log, 20 * GIGABYTE, second + b'{"event": ')
    write_at(log, 30 * GIGABYTE, b"1}\n" + lines_of(metric(2)).encode())
    if log.stat().st_blocks * 512 > GIGABYTE:
        pytest.skip("the file system keeps no sparse files")
    with log.open("rb") as file:
        if os.lseek(file.fileno(), 0, os.SEEK_DATA) == 0:
            pytest.skip("the file system does not say where its holes are")

    done = subprocess.run(
        [sys.executable, "-c", ONCE], env=environment(database.config), capture_output=True, text=True, check=True
    )

    peak_kib, read_bytes = done.stdout.split()
    # Of thirty gigabytes. It counts what the test process had, too, before it became this one.
    assert int(peak_kib) < 1_000_000
    assert int(read_bytes) < 100_000_000
    assert stored_numbers(database) == [0, 1, 2]
    assert gaps(database) == [
        (0, 10 * GIGABYTE, "nul_hole"),
        (10 * GIGABYTE + len(first), 20 * GIGABYTE, "nul_hole"),
    ]
    assert database.rows("SELECT from_offset, to_offset, reason FROM dead_letters") == [
        (20 * GIGABYTE + len(second), 30 * GIGABYTE + 3, "too_long")
    ]
    ledger_holds(database)


def test_next_data_is_never_behind_data(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    write_at(path, 3_000_000, b"x" * 10)
    file = open_log(str(path))
    assert file.next_data(0) <= 3_000_000
    assert file.next_data(3_000_005) == 3_000_005
    os.truncate(path, 9_000_000)
    assert 3_000_010 <= file.next_data(3_500_000) <= 9_000_000
    assert file.next_data(9_000_000) == 9_000_000
    assert file.next_data(10_000_000) == 10_000_000
    file.close()
