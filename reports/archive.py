"""Rows that leave the database, as Parquet files that were read back before anything is deleted."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from ingest.errors import OutputError
from reports.output import OutputFolder
from reports.parquet import arrow, write_rows
from reports.reader import Column


class ParquetArchive:
    """A folder that gets one file a table and run. Numbers without bounds and JSON are text, exactly as they were.

    Args:
        folder: made where it is missing.
        now: for the files' names.

    Attributes:
        paths: the files written.

    Raises:
        OutputError: pyarrow is not installed.
    """

    def __init__(self, folder: Path, now: datetime | None = None) -> None:
        arrow()
        self._folder = folder
        self._stamp = f"{now or datetime.now(UTC):%Y%m%d_%H%M%S}"
        self.paths: list[Path] = []

    def keep(self, table: str, columns: Sequence[tuple[str, int]], parts: Iterable[list[tuple[Any, ...]]]) -> None:
        """Write rows, read them back, and only then give the file its name, durably.

        Args:
            table: for the file's name.
            columns: names, and OIDs of PostgreSQL's types.
            parts: the rows.

        Raises:
            OutputError: the file cannot be written, or holds something else than what was written.
        """
        written, read = _Digest(), _Digest()
        typed = [Column(*column) for column in columns]
        with OutputFolder(self._folder) as output:
            file = output.create(f"{table}_{self._stamp}.parquet")
            write_rows(file, ((typed, part) for part in written.all(parts)))
            file.flush()
            for _ in read.all(_read_back(file)):
                pass
            if (read.rows, read.hexdigest()) != (written.rows, written.hexdigest()):
                raise OutputError(
                    f"{self._folder}: the file of {table} holds {read.rows:,} rows that are not the {written.rows:,} "
                    "written; nothing of them was removed"
                )
        _make_durable(self._folder)
        self.paths += output.paths


class _Digest:
    """Counts and hashes rows that pass."""

    def __init__(self) -> None:
        self.rows = 0
        self._hash = hashlib.sha256()

    def all(self, parts: Iterable[list[tuple[Any, ...]]]) -> Iterator[list[tuple[Any, ...]]]:
        for part in parts:
            for row in part:
                told = [value.isoformat() if isinstance(value, datetime) else value for value in row]
                self._hash.update(repr(told).encode("utf-8", "backslashreplace"))
            self.rows += len(part)
            yield part

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def _read_back(file: IO[bytes]) -> Iterator[list[tuple[Any, ...]]]:
    pa = arrow()
    file.seek(0)
    try:
        for batch in pa.parquet.ParquetFile(file).iter_batches():
            yield list(zip(*(column.to_pylist() for column in batch.columns), strict=True))
    except pa.ArrowException as error:
        raise OutputError(f"the archive cannot be read back ({type(error).__name__}); nothing was removed") from error


def _make_durable(folder: Path) -> None:
    """A name is on disk when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
