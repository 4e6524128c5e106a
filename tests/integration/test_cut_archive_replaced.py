"""An archive that was cut off, and is replaced by a whole one (rsync's second run), or unpacked and removed."""

import gzip
import os
from pathlib import Path

import pytest
from fix_postgres import Database
from ingest_kit import ledger_holds, lines_of, metric, stored_numbers
from tailer_kit import Reader, open_below


@pytest.mark.parametrize("how", ["replaced", "unpacked"])
@pytest.mark.parametrize("restarted", [False, True])
def test_a_cut_archive_that_is_replaced_is_read_on(database: Database, folder: Path, how: str, restarted: bool) -> None:
    whole = lines_of(*(metric(number, note=os.urandom(20).hex()) for number in range(4000))).encode()
    packed = gzip.compress(whole)
    archive = folder / "b.log.1.gz"
    archive.write_bytes(packed[: len(packed) // 2])
    reader = Reader(database, folder)
    reader.sync()
    reader.settle()
    assert 1000 < len(stored_numbers(database)) < 3000
    if how == "replaced":
        (folder / "new").write_bytes(packed)
        (folder / "new").rename(archive)
    else:
        (folder / "b.log.1").write_bytes(whole)
        archive.unlink()
    if restarted:
        reader.close()
        reader = Reader(database, folder)
    reader.sync(3)
    reader.settle(20)
    held = open_below(folder)
    reader.close()

    assert stored_numbers(database) == list(range(4000))
    assert held == []
    ledger_holds(database)
