"""`make run`, as a newcomer types it, and its summary against a recount of the raw files that shares no code with us."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fix_postgres import Database
from ingest_kit import ledger_holds
from process_kit import environment

ROOT = Path(__file__).parents[2]
LOGS = ROOT / "samples" / "logs"
FFMPEG_FIELD = re.compile(r"(frame|fps|q|size|time|bitrate|speed|dup|drop)=\s*(\S+)")


def make_run(database: Database, logs: Path) -> "subprocess.CompletedProcess[str]":
    """`make run`, in a folder of its own, with this Python instead of a fresh environment."""
    folder = database.config.log_path.parent / "clone"
    if not folder.exists():
        folder.mkdir()
        shutil.copy(ROOT / "Makefile", folder)
        (folder / ".venv").symlink_to(sys.prefix)
        (folder / "samples").mkdir()
        shutil.copytree(logs, folder / "samples" / "logs")
    return subprocess.run(
        ["make", "-o", ".venv/.runtime", "run"],
        cwd=folder,
        env=environment(database.config),
        text=True,
        capture_output=True,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module")
def truth() -> Iterator[dict[str, Any]]:
    """What plain Python counts in the raw files."""
    sys.path.insert(0, str(ROOT))
    from samples.recount import recount

    yield recount(LOGS)
    sys.path.remove(str(ROOT))


def figures(output: str) -> dict[str, str]:
    """The summary's lines by name."""
    pairs = (re.split(r"\s{2,}", line.strip(), maxsplit=1) for line in output.splitlines() if "  " in line.strip())
    return {pair[0]: pair[1].strip() for pair in pairs if len(pair) == 2}


def number(text: str) -> int:
    """A number as the summary writes it, with spaces between thousands."""
    found = re.match(r"[\d\s,]+", text)
    assert found, text
    return int(re.sub(r"\D", "", found.group()))


def test_the_summary_says_what_is_in_the_files(database: Database, truth: dict[str, Any]) -> None:
    result = make_run(database, LOGS)

    assert result.returncode == 0, result.stderr
    summary = figures(result.stdout)
    assert summary["Plays"] == f"{truth['plays']} of {truth['tracks']} tracks"
    assert number(summary["Dead letters"]) == sum(truth["dead_letters"].values())
    assert number(summary["Encoder sessions"]) == sum(file["sessions"] for file in truth["ffmpeg"].values())
    files, all_lines = summary["Files read"].split(",", 1)
    assert number(files) == len(list(LOGS.iterdir()))
    lines = sum(file["lines"] for group in (truth["files"], truth["ffmpeg"]) for file in group.values())
    assert number(all_lines.strip()) == lines
    metrics = dict(database.rows("SELECT metric_name, count(*) FROM system_metrics GROUP BY 1"))
    assert number(summary["Metrics"]) == sum(metrics.values())
    for severity in ("critical", "error", "warning", "info"):
        ((stored,),) = database.rows(
            "SELECT coalesce(sum(occurrences), 0) FROM error_log WHERE severity = %s AND NOT noise", severity
        )
        assert number(summary.get(f"Messages, {severity}", "0")) == stored
    assert result.stdout.rstrip().endswith(".html")
    assert Path(result.stdout.rstrip().splitlines()[-1]).stat().st_size < 500_000


def test_the_rows_are_those_of_the_recount(database: Database, truth: dict[str, Any]) -> None:
    assert make_run(database, LOGS).returncode == 0

    ledger_holds(database)
    tracks = dict(database.rows("SELECT track_key, count(*) FROM play_history GROUP BY 1"))
    assert tracks == truth["plays_by_track"]
    metrics = dict(
        database.rows(
            "SELECT metric_name, count(*) FROM system_metrics WHERE metric_name NOT LIKE 'ffmpeg%%' GROUP BY 1"
        )
    )
    assert metrics == truth["metrics"]
    reasons = dict(database.rows("SELECT reason, count(*) FROM dead_letters GROUP BY 1"))
    assert reasons == truth["dead_letters"]
    errors: dict[str, dict[str, int]] = {}
    for service, severity, count in database.rows(
        "SELECT service, severity, count(*) FROM error_log e JOIN ingest_files USING (generation)"
        " WHERE parser = 'json' GROUP BY 1, 2"
    ):
        errors.setdefault(service, {})[severity] = count
    assert errors == truth["errors"]
    assert database.rows("SELECT count(*) FROM play_history WHERE ended_by = 'event'") == [(truth["ended_plays"],)]
    assert database.rows("SELECT count(*) FROM play_ends") == [(truth["ends"],)]
    assert database.rows("SELECT count(*) FROM error_log WHERE resolved") == [(truth["resolved_rows"],)]
    dispositions = database.rows(
        "SELECT path, lines, stored + folded + duplicate, below_threshold, blank, dead_letters FROM ingest_files"
        " WHERE parser = 'json'"
    )
    for path, lines, stored, below, blank, letters in dispositions:
        file = truth["files"][Path(path).name]
        assert (lines, stored, below, blank, letters) == (
            file["lines"], file["stored"], file["below_threshold"], file["blank"], file["dead_letters"],
        ), path  # fmt: skip
    statistics = dict(
        database.rows("SELECT service || '.log', sum(progress_count)::int FROM stream_sessions GROUP BY 1")
    )
    assert statistics == {name: file["statistics"] for name, file in truth["ffmpeg"].items()}
    kinds = dict(
        database.rows("SELECT end_kind, count(*) FROM stream_sessions WHERE service = 'ffmpeg-radio' GROUP BY 1")
    )
    radio = truth["ffmpeg"]["ffmpeg-radio.log"]
    assert kinds.get("failed", 0) == radio["failed"]
    assert sum(kinds.values()) == radio["sessions"]


def test_ffmpegs_samples_are_those_of_its_lines(database: Database) -> None:
    """The radio's log has a statistics line a minute: each is a sample with a row a value, and one for the lag.

    All but the first of a session also give the speed and the bitrate since the one before.
    """
    assert make_run(database, LOGS).returncode == 0
    expected = samples = 0
    for line in (LOGS / "ffmpeg-radio.log").read_text(encoding="utf-8").splitlines():
        values = FFMPEG_FIELD.findall(line)
        if " time=" in line and "bitrate=" in line:
            known = [value for _, value in values if not value.startswith("N/A")]
            expected += len(known) + any(name == "time" and value != "N/A" for name, value in values)
            samples += 1
    sessions = database.rows(
        "SELECT count(*) FROM stream_sessions WHERE service = 'ffmpeg-radio' AND progress_count > 0"
    )[0][0]
    ((stored, speeds, bitrates),) = database.rows(
        "SELECT count(*) FILTER (WHERE metric_name NOT LIKE 'ffmpeg_current%%'),"
        " count(*) FILTER (WHERE metric_name = 'ffmpeg_current_speed'),"
        " count(*) FILTER (WHERE metric_name = 'ffmpeg_current_bitrate_kbps')"
        " FROM system_metrics WHERE metric_name LIKE 'ffmpeg%%' AND service = 'ffmpeg-radio'"
    )
    assert stored == expected
    assert speeds == bitrates == samples - sessions


def test_again_and_nothing_is_read_twice(database: Database) -> None:
    assert make_run(database, LOGS).returncode == 0
    tables = (
        "system_metrics",
        "error_log",
        "play_history",
        "play_ends",
        "dead_letters",
        "stream_sessions",
        "ingest_files",
    )
    first = {table: database.rows(f"SELECT count(*) FROM {table}") for table in tables}

    assert make_run(database, LOGS).returncode == 0

    assert {table: database.rows(f"SELECT count(*) FROM {table}") for table in tables} == first


def test_no_secret_of_the_samples_is_stored(database: Database) -> None:
    assert make_run(database, LOGS).returncode == 0
    for table in ("error_log", "stream_sessions", "system_metrics", "play_history", "ingest_files"):
        for (text,) in database.rows(f"SELECT t::text FROM {table} t"):
            assert "fak3" not in text, table
    for (line,) in database.rows("SELECT line FROM dead_letters"):
        assert b"fak3" not in bytes(line)
