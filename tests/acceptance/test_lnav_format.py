"""lnav's format for the contract, docs/lnav/radiolog.json: lnav takes it, and shows and queries lines with it."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from logging_module import LoggingConfig, RadioLogger
from parsers.line_schema import line_schema

FORMAT = Path(__file__).parents[2] / "docs" / "lnav" / "radiolog.json"


def lnav(home: Path, *arguments: str) -> str:
    if shutil.which("lnav") is None:
        pytest.skip("lnav is not installed")
    formats = home / "config" / "formats" / "radiolog"
    formats.mkdir(parents=True, exist_ok=True)
    shutil.copy(FORMAT, formats)
    result = subprocess.run(
        ["lnav", "-n", "-I", str(home / "config"), *arguments], capture_output=True, text=True, check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"}, timeout=60,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def written(folder: Path) -> Path:
    with RadioLogger(LoggingConfig(log_path=folder), "watcher") as radio:
        play = radio.log_track_started({"artist": "Odalys Venn", "title": "Night Desk", "mood": "late"})
        radio.log_error("ffmpeg", "critical", "the encoder exited", {"exit_code": 1}, "Traceback:\n  here", play)
        radio.log_metric("listeners", 41, "people")
        radio.log.warning("slow", delay=3)
    return radio.path


def test_lnav_takes_the_format(tmp_path: Path) -> None:
    lnav(tmp_path, "-C")


def test_lnav_shows_what_a_line_says(tmp_path: Path) -> None:
    shown = [line.rstrip().partition(" ")[2] for line in lnav(tmp_path, str(written(tmp_path))).splitlines()]
    assert "INFO     watcher: track_started Odalys Venn Night Desk" in shown
    assert "CRITICAL ffmpeg: the encoder exited" in shown
    assert "INFO     watcher: metric   listeners 41 people" in shown
    assert "WARNING  watcher: slow" in shown


def test_lnav_queries_the_fields(tmp_path: Path) -> None:
    query = (
        ";SELECT log_level, log_body, service, title, metric_name, metric_value + 0 AS value, context FROM radiolog_log"
    )
    rows = json.loads(lnav(tmp_path, "-c", query, "-c", ":write-json-to -", str(written(tmp_path))))
    assert [(row["log_level"], row["log_body"], row["service"]) for row in rows] == [
        ("info", "track_started", "watcher"),
        ("critical", "the encoder exited", "ffmpeg"),
        ("info", "metric", "watcher"),
        ("warning", "slow", "watcher"),
    ]
    assert (rows[0]["title"], rows[1]["context"]) == ("Night Desk", {"exit_code": 1})
    assert (rows[2]["metric_name"], float(rows[2]["value"])) == ("listeners", 41)


def test_the_format_knows_every_field_of_the_contract() -> None:
    schema = line_schema()
    kinds = schema["$defs"].values()
    fields = {*schema["properties"], *(name for kind in kinds for name in kind["properties"])}
    known = json.loads(FORMAT.read_text(encoding="utf-8"))["radiolog_log"]["value"]
    assert fields - set(known) == {"timestamp", "level", "message", "msg"}
