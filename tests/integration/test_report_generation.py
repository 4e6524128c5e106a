"""Report files, the terminal's tables and the summary, from a real database."""

import json
import os
import re
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fix_command import Command
from fix_postgres import Database
from report_kit import HOSTILE
from rich.console import Console
from station_kit import Station, believable_week

from ingest.errors import DatabaseError, OutputError
from logging_module.config import LoggingConfig
from reports import arguments
from reports.analytics import Analytics
from reports.figures.base import UnknownStation
from reports.generate_report import generate
from reports.output import BadName, OutputFolder
from reports.run_summary import recent_week, render_summary
from reports.terminal import render_stats, stats_as_json
from reports.window import RangeError

NOW = datetime(2026, 11, 24, 7, 30, tzinfo=UTC)
ROOT = Path(__file__).parents[2]


def store(database: Database, *stations: Station) -> None:
    with closing(database.connect()) as connection:
        for station in stations:
            station.store(connection)


@pytest.fixture
def busy(database: Database) -> Database:
    store(database, believable_week(NOW, days=8))
    return database


def program(module: str, *arguments: str, database: Database, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "POSTGRES_HOST": database.config.postgres_host or "",
        "POSTGRES_PORT": str(database.config.postgres_port), "POSTGRES_USER": database.config.postgres_user,
        "POSTGRES_DB": database.config.postgres_db, "LC_ALL": "C.UTF-8",
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, *module.split(), *arguments],
        cwd=cwd,
        env=environment,
        text=True,
        capture_output=True,
        check=False,
    )


def test_a_week_in_all_forms(busy: Database, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    paths = generate(busy.config, output_dir=folder, now=lambda: NOW)
    assert [path.name for path in paths] == ["weekly_report_20261124_073000.txt", "weekly_report_20261124_073000.html"]
    (as_json,) = generate(busy.config, output_dir=folder, format_="json", name="digest", now=lambda: NOW)
    report = json.loads(as_json.read_text())
    assert report["scope"] == "night-radio"
    assert [outage["down_seconds"] for outage in report["outages"]] == [120.0, 420.0, 240.0, 1380.0]
    for path in paths:
        text = path.read_text(encoding="utf-8")
        assert "4 outages, 36 min in all, the longest 23 min" in text
        assert path.stat().st_size < 500_000
        assert path.stat().st_mode & 0o777 == 0o640
    assert sorted(os.listdir(folder)) == sorted(path.name for path in [*paths, as_json]), "nothing else is left"


def test_same_second_twice_keeps_both(database: Database, tmp_path: Path) -> None:
    names = [
        path.name
        for _ in range(2)
        for path in generate(database.config, format_="text", output_dir=tmp_path / "r", now=lambda: NOW)
    ]
    assert names == ["weekly_report_20261124_073000.txt", "weekly_report_20261124_073000_2.txt"]


def test_empty_database_still_gives_a_report(database: Database, tmp_path: Path) -> None:
    for path in generate(database.config, output_dir=tmp_path / "r"):
        assert "Nothing was logged in this period." in path.read_text(encoding="utf-8")


def test_hostile_text_from_the_database(database: Database, tmp_path: Path) -> None:
    station = Station()
    for number, text in enumerate(HOSTILE):
        clean = text.replace("\0", "").replace("\ud800", "")
        station.play(
            NOW - timedelta(hours=2, minutes=-number),
            NOW - timedelta(hours=2, minutes=-number - 1),
            clean[:200],
            clean[:200],
        )
        station.error(NOW - timedelta(hours=1), clean, template=clean[:512])
    store(database, station)
    for path in generate(database.config, output_dir=tmp_path / "r", now=lambda: NOW):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
        if path.suffix == ".html":
            assert not re.search(r"<(script|img|svg/)|\son\w+=['\"]", text)
    console = Console(width=100, record=True, file=open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    with Analytics(database.config, now=lambda: NOW) as analytics:
        console.print(render_stats(analytics))
    console.file.close()
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e]", console.export_text())


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"days": 0}, RangeError), ({"start": NOW, "end": NOW}, RangeError), ({"start": NOW + timedelta(days=1), "end": NOW + timedelta(days=2)}, RangeError),
        ({"station": "nobody"}, UnknownStation), ({"name": "../x"}, BadName), ({"name": ""}, BadName), ({"format_": "pdf"}, BadName),
    ],
)  # fmt: skip
def test_wrong_arguments_write_nothing(
    database: Database, tmp_path: Path, arguments: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        generate(database.config, output_dir=tmp_path / "r", now=lambda: NOW, **arguments)  # type: ignore[arg-type]
    assert not (tmp_path / "r").exists()


def test_folder_that_cannot_be(database: Database, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="the folder cannot be made"):
        generate(database.config, output_dir=tmp_path / "file" / "r")


def test_no_database_is_one_sentence_and_no_file(tmp_path: Path) -> None:
    config = LoggingConfig(postgres_host=str(tmp_path))
    with pytest.raises(DatabaseError, match="no socket"):
        generate(config, output_dir=tmp_path / "r")
    assert not (tmp_path / "r").exists()


def write_and_fail(folder: Path) -> None:
    with OutputFolder(folder) as output:
        output.create("a.txt").write(b"half")
        raise KeyboardInterrupt


def test_files_appear_together_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        write_and_fail(tmp_path / "out")
    assert os.listdir(tmp_path / "out") == []


def test_summary_of_archived_logs(database: Database, tmp_path: Path) -> None:
    """Logs of last year have their report too: the period ends with the newest row."""
    station, begin = Station(), datetime(2025, 3, 1, tzinfo=UTC)
    station.play(begin, begin + timedelta(minutes=30))
    station.play(begin + timedelta(minutes=40), begin + timedelta(minutes=60), "Other")
    station.heartbeats(begin, begin + timedelta(minutes=60))
    station.error(begin, occurrences=3)
    store(database, station)
    facts, paths = render_summary(database.config, output_dir=tmp_path / "r", now=lambda: NOW)
    found = dict(facts)
    assert found["Plays"] == "2 of 2 tracks"
    assert found["Metrics"] == "60"
    assert found["Messages, error"] == "3"
    assert found["Playout uptime"] == "83.33 %, 100 % known"
    assert found["Interruptions"] == "1, 1 of them outages"
    assert "1 outage, 10 min in all" in paths[0].read_text(encoding="utf-8")
    with Analytics(database.config, now=lambda: NOW) as analytics:
        assert recent_week(analytics, NOW).start == begin


def test_programs_and_their_old_paths(busy: Database, tmp_path: Path) -> None:
    end = ["--start", "2026-11-17", "--end", "2026-11-24"]
    for module in ("-m reports.generate_report", str(ROOT / "scripts" / "generate_report.py")):
        done = program(module, *end, "--format", "text", database=busy, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert re.fullmatch(r"radiolog_reports/weekly_report_\d{8}_\d{6}(_2)?\.txt\n", done.stdout)
        assert (tmp_path / done.stdout.strip()).stat().st_size > 1000
    summary = program("-m reports.run_summary", database=busy, cwd=tmp_path)
    assert summary.returncode == 0
    assert "weekly_report" in summary.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--start", "tomorrow"], 2, "no date or time"), (["--days", "0"], 2, "days must be"), (["--station", "x\x1b[31m"], 2, "no station"),
        (["--output-dir", "/proc/nowhere"], 1, "cannot be made"), (["--webhook-url", "https://example.org/x"], 2, "--webhook-kind"),
        (["--start", "0001-01-01", "--end", "0001-01-02"], 2, "1970 to 2200"), (["--end", "9999-12-31"], 2, "1970 to 2200"),
        (["--start", "2026-11-24", "--end", "2026-11-20"], 2, "before the end"),
        (["--send-notification"], 2, "nothing was sent"), (["--format", "pdf"], 2, "invalid choice"),
    ],
)  # fmt: skip
def test_errors_are_one_clear_message(
    database: Database, tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    done = program("-m reports.generate_report", *arguments, database=database, cwd=tmp_path)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stderr
    assert done.stdout == ""


def test_one_hostile_metric_breaks_no_report(database: Database, tmp_path: Path) -> None:
    station, at = Station(), NOW - timedelta(hours=1)
    station.play(at, at + timedelta(minutes=30))
    for service, value in (("a", 1e308), ("b", 1e308)):
        station.metric(at + timedelta(minutes=1), "listeners", value, service=service)
    station.metric(at, "cpu_percent", 1e308)
    station.metric(at, "cpu_percent", -1e308)
    store(database, station)
    for format_ in ("both", "json"):
        for path in generate(database.config, output_dir=tmp_path / "r", format_=format_, now=lambda: NOW):
            assert not re.search(r"\b(inf|infinity|nan)\b", path.read_text(encoding="utf-8"), re.IGNORECASE)
    assert render_summary(database.config, output_dir=tmp_path / "r", now=lambda: NOW)[1]


def test_a_time_without_zone_is_the_stations(database: Database, tmp_path: Path) -> None:
    station = Station("far", "Asia/Tokyo")
    station.play(datetime(2026, 11, 23, 15, 5, tzinfo=UTC), datetime(2026, 11, 23, 15, 6, tzinfo=UTC))
    store(database, station)
    span = ["--station", "far", "--start", "2026-11-24T00:00:00", "--end", "2026-11-23T15:10:00Z", "--format", "json"]
    done = program("-m reports.generate_report", *span, database=database, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads((tmp_path / done.stdout.strip()).read_text())["start"].startswith("2026-11-23T15:00:00")


def test_a_defect_of_ours_is_one_line(
    database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POSTGRES_HOST", str(database.config.postgres_host))

    def broken(config: LoggingConfig) -> list[Path]:
        raise OverflowError("a secret of a log line")

    monkeypatch.delenv("DEBUG", raising=False)
    assert arguments.run(broken) == 1
    shown = capsys.readouterr().err
    assert shown.startswith("error: unexpected OverflowError in broken (test_report_generation.py:")
    assert shown.count("\n") == 1
    assert "secret" not in shown
    monkeypatch.setenv("DEBUG", "true")
    assert arguments.run(broken) == 1
    assert "Traceback" in capsys.readouterr().err


def test_times_as_people_write_them(database: Database, radiolog: Command) -> None:
    store(database, Station())
    for command in ("stats", "report", "export"):
        for form in ("2026-11-20", "2026-11-20T06:00:00", "2026-11-20T06:00:00Z", "2026-11-20T06:00:00+01:00"):
            assert radiolog(command, "--start", form).code == 0, (command, form)
        assert radiolog(command, "--days", "0.5").code == 0
        assert "DATE|DATETIME" in radiolog(command, "--help").out


def test_stats_as_table_and_json(busy: Database) -> None:
    with Analytics(busy.config, now=lambda: NOW) as analytics:
        found = stats_as_json(analytics, days=7)
        console = Console(width=100, record=True, file=open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        console.print(render_stats(analytics, days=7))
        console.file.close()
        with pytest.raises(UnknownStation, match="known: night-radio"):
            stats_as_json(analytics, station="nobody")
    assert found["uptime"]["outages"] == 4
    text = console.export_text()
    for words in (
        "23 min",
        "Nils Frahm - Says",
        "Broken pipe",
        f"{found['plays']['total_plays']:,}".replace(",", "\u202f"),
    ):
        assert words in text
