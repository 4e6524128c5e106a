"""The command line within the test's own process: what `radiolog …` does, without the second that a process takes."""

import sys
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import pytest
from fix_postgres import Database
from process_kit import environment

from ingest.cli import main


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


Command: TypeAlias = Callable[..., Done]


@pytest.fixture
def radiolog(database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs `radiolog` with the words given on the test's database; further settings by keyword."""

    def command(*words: str, **settings: str) -> Done:
        with monkeypatch.context() as patch:
            for name, value in environment(database.config, **{"COLUMNS": "80"} | settings).items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["radiolog", *words])
            capsys.readouterr()
            with pytest.raises(SystemExit) as ended:
                main()
            shown = capsys.readouterr()
        return Done(int(ended.value.code or 0), shown.out, shown.err)

    return command
