"""Fixtures of tests that tail a folder: the folder, and a reader of it that must give all descriptors back."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fix_postgres import Database
from tailer_kit import Reader, open_below


@pytest.fixture
def folder(database: Database) -> Path:
    """Where logs are written."""
    return database.config.log_path


@pytest.fixture
def reader(database: Database, folder: Path) -> Iterator[Reader]:
    """A pipeline over the folder."""
    reader = Reader(database, folder)
    yield reader
    reader.close()
    assert open_below(folder) == []
