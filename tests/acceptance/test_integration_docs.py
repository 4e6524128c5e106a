"""The examples of the documentation work as they are printed: run, and what they wrote is what radiolog understands."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from process_kit import COMMAND

from logging_module import RadioLogger

ROOT = Path(__file__).parents[2]


def examples(document: str, language: str) -> dict[str, str]:
    """Code blocks of one language, by the heading or sentence before them."""
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    found = re.findall(rf"([^\n]+)\n\n```{language}\n(.*?)```", text, re.DOTALL)
    return {before.strip(): code for before, code in found}


def understood(folder: Path) -> Counter[tuple[str, str]]:
    """What the files became: (file, kind), and for errors their severity; dead letters fail."""
    kinds: Counter[tuple[str, str]] = Counter()
    for path in sorted(folder.glob("*.log")):
        result = subprocess.run([COMMAND, "parse", str(path)], capture_output=True, text=True, check=True)
        events = [json.loads(line) for line in result.stdout.splitlines()]
        assert not [event for event in events if event["kind"] == "rejected"], path.read_text()
        kinds.update((path.name, event["kind"]) for event in events)
    return kinds


def run_python(code: str, folder: Path) -> None:
    subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning", "-c", code], check=True, env=environment(folder), cwd=folder
    )


def environment(folder: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "LOG_PATH": str(folder), "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"}


PYTHON = {
    ("log-format.md", "structlog alone"): {("now-playing.log", "track_started"): 1, ("now-playing.log", "log"): 1},
    ("log-format.md", "standard library alone"): {("watcher.log", "metric"): 1, ("watcher.log", "log"): 1},
    ("integration.md", "Follows|watcher"): {
        ("metadata-watcher.log", "track_started"): 2,
        ("metadata-watcher.log", "track_ended"): 1,
        ("metadata-watcher.log", "log"): 1,
    },
    ("integration.md", "the manager knows"): {("ffmpeg-manager.log", "log"): 1},
    ("integration.md", "monitoring service"): {("monitoring.log", "metric"): 2},
    ("integration.md", "Six lines|appending|one write a line"): {
        ("scheduler.log", "metric"): 1,
        ("scheduler.log", "log"): 1,
    },
}


@pytest.mark.parametrize("which", PYTHON, ids=" ".join)
def test_a_python_example_runs_and_is_understood(tmp_path: Path, which: tuple[str, str]) -> None:
    document, hint = which
    (code,) = [code for before, code in examples(document, "python").items() if re.search(hint, before)]
    run_python(code, tmp_path)
    kinds = understood(tmp_path)
    for kind, count in PYTHON[which].items():
        assert kinds[kind] >= count, kinds


def test_every_python_example_is_run() -> None:
    for document in ("log-format.md", "integration.md"):
        hints = [hint for name, hint in PYTHON if name == document]
        for before in examples(document, "python"):
            assert [hint for hint in hints if re.search(hint, before)], before


@pytest.mark.parametrize(
    ("document", "needs", "expected"),
    [
        ("log-format.md", "jq", {("backup.log", "metric"): 1, ("backup.log", "log"): 1}),
        ("integration.md", "awk", {("disk.log", "metric"): 1}),
    ],
)
def test_a_shell_example_runs_and_is_understood(
    tmp_path: Path, document: str, needs: str, expected: dict[tuple[str, str], int]
) -> None:
    if shutil.which(needs) is None:
        pytest.skip(f"{needs} is not installed")
    (code,) = examples(document, "sh").values()
    subprocess.run(["sh", "-eu", "-c", code], check=True, env=environment(tmp_path), cwd=tmp_path)
    assert understood(tmp_path) == expected


def test_the_example_lines_are_what_they_are_said_to_be(tmp_path: Path) -> None:
    (lines,) = examples("log-format.md", "json").values()
    (tmp_path / "example.log").write_text(lines)
    assert understood(tmp_path) == Counter(
        ("example.log", kind) for kind in ("track_started", "track_ended", "metric", "log", "error_resolved")
    )


def test_the_lines_of_text_are_what_they_are_said_to_be(tmp_path: Path) -> None:
    (lines,) = examples("log-format.md", "text").values()
    (tmp_path / "player.log").write_text(lines)
    result = subprocess.run(
        [COMMAND, "parse", str(tmp_path / "player.log")], capture_output=True, text=True, check=True
    )
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(event["severity"], event["message"]) for event in events] == [
        ("warning", lines.splitlines()[0]),
        ("error", "StopIteration"),
        ("error", "<3>no source is left"),
        ("info", "the next show is late"),
    ]
    assert events[0]["timestamp"] == "2026-11-24T02:00:00.123000Z"
    assert events[1]["stack_trace"].startswith("Traceback")


def test_the_tables_name_every_method_of_radio_logger() -> None:
    text = (ROOT / "docs" / "integration.md").read_text()
    public = [name for name in dir(RadioLogger) if not name.startswith("_")]
    missing: list[Any] = [name for name in public if f"`{name}" not in text]
    assert missing == []
