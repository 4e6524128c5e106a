"""Thousands of files that nobody writes to cost next to nothing (how much in time: `make bench`)."""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from ingest_kit import lines_of, metric, stored_numbers
from tailer_kit import Reader

FILES = 1000


def test_idle_files_are_neither_opened_nor_read(reader: Reader, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One fstat each time one looks for what grew; a sweep asks for the folder alone."""
    for number in range(FILES):
        path = folder / f"{number}.log"
        path.write_text(lines_of(metric(number)))
        os.utime(path, (1000.0, 1000.0))
    os.utime(folder, (1000.0, 1000.0))
    monkeypatch.setattr("ingest.tree.SETTLED_AFTER_NS", -1)  # else the folder has only just changed
    reader.sync(3)
    assert sorted(stored_numbers(reader.database)) == list(range(FILES))
    calls = Counter[str]()

    def counted(name: str) -> Any:
        original = getattr(os, name)

        def call(*arguments: Any, **more: Any) -> Any:
            if type(arguments[0]) is not str or arguments[0].startswith(str(folder)):  # not linecache's and the like
                calls[name] += 1
            return original(*arguments, **more)

        return call

    for name in ("pread", "open", "fstat", "stat", "scandir"):
        monkeypatch.setattr(os, name, counted(name))
    assert not reader.pipeline.read()
    assert calls == {"fstat": FILES}
    calls.clear()
    reader.pipeline.sweep()
    assert calls["scandir"] + calls["pread"] + calls["open"] == 0, calls
    assert calls["stat"] < 10
