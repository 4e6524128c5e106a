"""CSV exports: what the database holds comes back from the files, whatever text it is."""

import csv
import json
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
from export_kit import NOW, TEXTS, hostile_station
from fix_postgres import Database

from ingest.errors import OutputError
from reports.export_analytics import export, main
from reports.figures.base import UnknownStation
from reports.window import RangeError

SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


@pytest.fixture
def filled(database: Database) -> Database:
    station = hostile_station()
    station.metric(NOW - timedelta(hours=1), "temperature", -3)
    station.metric(NOW - timedelta(hours=1), "share", 0.1)
    station.metric(NOW - timedelta(days=8), "old", 1)
    with closing(database.connect()) as connection:
        station.store(connection)
    return database


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def undone(text: str) -> str:
    return text[1:] if text[:1] == "'" and text[1:2] in SIGNS else text


def test_what_was_stored_comes_back(filled: Database, tmp_path: Path) -> None:
    paths = export(filled.config, output_dir=tmp_path / "x", include_errors=True, include_metrics=True, now=lambda: NOW)
    assert [path.name for path in paths] == [
        f"{name}_20261124_073000.csv" for name in ("play_history", "error_log", "system_metrics", "analytics_summary")
    ]
    plays, errors, metrics, summary = map(rows_of, paths)
    assert len(plays) == len(TEXTS)
    for text, row in zip(TEXTS, plays, strict=True):
        pictured = "".join(chr(0x2400 + ord(char)) if char < " " and char not in "\t\r\n" else char for char in text)
        assert undone(row["title"]) == pictured
        assert json.loads(row["metadata"]) == {"a": text}
        assert not row["title"].startswith(SIGNS)
    assert plays[0]["started_at"] == "2026-11-24T02:30:00.000000Z"
    assert plays[0]["ended_at"] == "2026-11-24T02:34:00.000001Z"
    assert [row["ffmpeg_pid"] for row in plays[:3]] == ["", "1", "2"]
    assert plays[0]["had_errors"] == "false"
    assert {row["metric_value"] for row in metrics} == {"-3", "0.1"}, "numbers are no formulas"
    assert len(errors) == len(TEXTS)
    figures = {(row["section"], row["name"]): row["value"] for row in summary}
    assert figures["plays", "total_plays"] == str(len(TEXTS))
    assert figures["period", "end"] == "2026-11-24T07:30:00.000000Z"


def test_form(filled: Database, tmp_path: Path) -> None:
    """RFC 4180: CR LF behind every record, the header first; only the records of the range, oldest first."""
    for path in export(filled.config, output_dir=tmp_path / "x", include_errors=True, now=lambda: NOW):
        data = path.read_bytes()
        assert data.endswith(b"\r\n")
        assert b"\x1b" not in data
        assert b"\x00" not in data
        assert data.decode("utf-8").split("\r\n")[0].replace(",", "").replace("_", "").isalpha()
        assert path.stat().st_mode & 0o777 == 0o640


def test_pandas_reads_the_types(filled: Database, tmp_path: Path) -> None:
    path = export(filled.config, output_dir=tmp_path / "x", now=lambda: NOW)[0]
    frame = pd.read_csv(path, keep_default_na=False, na_values={"ffmpeg_pid": [""]}, dtype={"ffmpeg_pid": "Int64"},
                        parse_dates=["started_at"], lineterminator=None)  # fmt: skip
    assert frame["id"].dtype == "int64"
    assert frame["error_count"].dtype == "int64"
    assert str(frame["started_at"].dtype).endswith("UTC]")
    assert "NA" in list(frame["artist"])


def test_excel_form(filled: Database, tmp_path: Path) -> None:
    for path in export(filled.config, output_dir=tmp_path / "x", excel=True, now=lambda: NOW):
        data = path.read_bytes()
        assert data.startswith(b"\xef\xbb\xbf")
        assert data.count(b"\n") == data.count(b"\r\n") == data.count(b"\r")


def test_empty_database_gives_headers(database: Database, tmp_path: Path) -> None:
    paths = export(database.config, output_dir=tmp_path / "x", include_errors=True, include_metrics=True)
    assert [len(rows_of(path)) for path in paths[:3]] == [0, 0, 0]
    assert all(path.read_text(encoding="utf-8").startswith("id,station,") for path in paths[:3])


def test_errors_leave_no_file(filled: Database, tmp_path: Path) -> None:
    folder = tmp_path / "x"
    with pytest.raises(UnknownStation):
        export(filled.config, output_dir=folder, station="nobody", now=lambda: NOW)
    with pytest.raises(RangeError):
        export(filled.config, output_dir=folder, start=NOW, end=NOW - timedelta(days=1), now=lambda: NOW)
    with pytest.raises(RangeError, match="future"):
        export(
            filled.config,
            output_dir=folder,
            start=NOW + timedelta(days=1),
            end=NOW + timedelta(days=2),
            now=lambda: NOW,
        )
    assert not folder.exists()
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError):
        export(filled.config, output_dir=tmp_path / "file", now=lambda: NOW)


def test_a_failing_query_leaves_no_file(filled: Database, tmp_path: Path) -> None:
    filled.rows("ALTER TABLE error_log RENAME TO elsewhere")
    with pytest.raises(Exception, match="missing"):
        export(filled.config, output_dir=tmp_path / "x", include_errors=True, now=lambda: NOW)
    assert list((tmp_path / "x").iterdir()) == []


def test_program_without_a_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POSTGRES_HOST", str(tmp_path))
    assert main(["--output-dir", str(tmp_path / "x")]) == 1
    said = capsys.readouterr()
    assert said.err.startswith("error: ")
    assert said.out == ""
    assert not (tmp_path / "x").exists()
