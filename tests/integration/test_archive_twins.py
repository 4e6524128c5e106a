"""Archives of every kind take the place of what they were made of: read on, never twice, also while they are written."""

import bz2
import gzip
import lzma
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from backports import zstd
from fix_postgres import Database
from ingest_kit import ledger_holds, lines_of, metric, read_once, stored_numbers
from tailer_kit import Reader

PACK: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": zstd.compress,
}  # fmt: skip
kinds = pytest.mark.parametrize("kind", sorted(PACK))


def numbered(start: int, stop: int, **more: str) -> bytes:
    return lines_of(*(metric(number, **more) for number in range(start, stop))).encode()


def noisy(count: int) -> bytes:
    """Lines that cannot be packed well, so that a cut archive has a middle."""
    return lines_of(*(metric(number, note=os.urandom(20).hex()) for number in range(count))).encode()


@kinds
@pytest.mark.parametrize("restarted", [False, True])
def test_a_half_read_file_that_is_renamed_and_packed_is_continued(
    database: Database, folder: Path, reader: Reader, kind: str, restarted: bool
) -> None:
    log = folder / "a.log"
    log.write_bytes(numbered(0, 500))
    reader.sync()
    if restarted:
        reader.close()
    whole = numbered(0, 900)
    (folder / f"a.log.1.{kind}").write_bytes(PACK[kind](whole))
    log.unlink()
    log.write_bytes(numbered(900, 910))

    now = Reader(database, folder) if restarted else reader
    now.sync()
    now.settle()
    now.close()

    assert stored_numbers(database) == list(range(910))
    assert database.rows("SELECT compression, state FROM ingest_files ORDER BY generation")[0] == (kind, "finished")
    assert database.rows("SELECT * FROM ingest_gaps") == []
    ledger_holds(database)


@kinds
def test_a_twin_is_never_read_again(database: Database, folder: Path, reader: Reader, kind: str) -> None:
    """Beside the plain file, in its place, and after a restart."""
    log = folder / "a.log.1"
    log.write_bytes(numbered(0, 300))
    reader.sync()
    twin = folder / f"a.log.1.{kind}"
    twin.write_bytes(PACK[kind](log.read_bytes()))
    reader.settle()
    log.unlink()
    reader.settle()
    twin.rename(folder / f"a.log.2.{kind}")
    reader.settle()
    reader.close()
    later = Reader(database, folder)
    later.settle()
    later.close()

    assert stored_numbers(database) == list(range(300))
    assert len(database.rows("SELECT * FROM ingest_files")) == 1


@kinds
def test_several_members_are_one_log(database: Database, folder: Path, kind: str) -> None:
    """`cat 1.gz 2.gz > 3.gz`: a line may begin in one member and end in the next."""
    whole = numbered(0, 900)
    parts = [whole[:10_001], whole[10_001:50_000], b"", whole[50_000:]]
    (folder / f"a.log.3.{kind}").write_bytes(b"".join(map(PACK[kind], parts)))

    read_once(database.config)

    assert stored_numbers(database) == list(range(900))
    ledger_holds(database)


@kinds
def test_an_archive_is_read_while_it_is_written(database: Database, folder: Path, reader: Reader, kind: str) -> None:
    """Its last line has no newline: it counts only when the archive is whole, however long that takes."""
    packed = PACK[kind](noisy(2000) + b'{"event":"metric","metric_name":"m","metric_value":2000}')
    with (folder / f"a.log.1.{kind}").open("wb", buffering=0) as file:
        for at in range(0, len(packed), len(packed) // 5):
            file.write(packed[at : at + len(packed) // 5])
            reader.sync()
            if file.tell() < len(packed):
                reader.settle(1)
                assert ("finished",) not in database.rows("SELECT state FROM ingest_files")
    reader.settle()

    assert stored_numbers(database) == list(range(2001))
    assert database.rows("SELECT state FROM ingest_files") == [("finished",)]
    ledger_holds(database)


@kinds
def test_of_a_cut_archive_all_whole_lines_are_stored(database: Database, folder: Path, kind: str) -> None:
    """In two members, so that kinds which pack large blocks have one to give."""
    first, second = (noisy(2000).splitlines(keepends=True) for _ in range(2))
    packed = PACK[kind](b"".join(first)) + PACK[kind](b"".join(second))
    (folder / f"a.log.1.{kind}").write_bytes(packed[: len(packed) * 3 // 4])

    read_once(database.config)

    stored = stored_numbers(database)
    assert stored[:2000] == list(range(2000))
    assert stored[2000:] == list(range(len(stored) - 2000))
    assert len(stored) < 4000
    ledger_holds(database)


@kinds
def test_a_damaged_archive_is_read_up_to_the_damage_and_named(
    database: Database, folder: Path, reader: Reader, kind: str
) -> None:
    path = folder / f"a.log.1.{kind}"
    path.write_bytes(PACK[kind](numbered(0, 500)) + b"no member begins like this")
    reader.sync()
    reader.settle()

    assert stored_numbers(database) == list(range(500))
    ((state, error),) = database.rows("SELECT state, last_error FROM ingest_files")
    assert state == "active"
    assert str(path) in error
    assert f"behind byte {len(numbered(0, 500))} of its content" in error


@kinds
def test_a_damaged_archive_that_is_copied_anew_is_read_on(
    database: Database, folder: Path, reader: Reader, kind: str
) -> None:
    members = [PACK[kind](numbered(0, 500)), PACK[kind](numbered(500, 600))]
    path = folder / f"a.log.1.{kind}"
    path.write_bytes(members[0] + b"\xff" * len(members[1]))
    reader.sync()
    path.write_bytes(b"".join(members))
    reader.sync()
    reader.settle()

    assert stored_numbers(database) == list(range(600))
    assert database.rows("SELECT state FROM ingest_files") == [("finished",)]
    ledger_holds(database)


def test_an_archive_that_is_unpacked_again_is_what_it_was(database: Database, folder: Path) -> None:
    """Restored by hand: read to its end it is a twin; of one that was cut off what is behind the cut is read on."""
    whole, cut = noisy(1000), noisy(4000)
    packed = PACK["gz"](cut)
    (folder / "a.log.1.zst").write_bytes(PACK["zst"](whole))
    (folder / "b.log.1.gz").write_bytes(packed[: len(packed) // 2])
    read_once(database.config, "1")
    assert 1000 < len(stored_numbers(database)) < 5000
    for name, data in (("a.log.1", whole), ("b.log.1", cut)):
        for archive in folder.glob(f"{name}.*"):
            archive.unlink()
        (folder / name).write_bytes(data)
    read_once(database.config, "2")

    assert sorted(stored_numbers(database)) == sorted([*range(1000), *range(4000)])
    assert database.rows("SELECT count(*) FROM ingest_files") == [(2,)]
    ledger_holds(database)
