"""Exports other than CSV: Parquet with types, the report of royalties, and what the command says of progress."""

import builtins
import io
import json
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from export_kit import NOW, TEXTS, hostile_station
from fix_postgres import Database
from station_kit import Station

from ingest.errors import ConfigurationError, OutputError
from reports import parquet
from reports.export_analytics import export, export_as_asked
from reports.royalty import export_royalties
from reports.window import RangeError

ALL: dict[str, Any] = {"include_errors": True, "include_metrics": True, "now": lambda: NOW}


@pytest.fixture
def filled(database: Database) -> Database:
    station = hostile_station()
    for number in range(len(TEXTS)):
        station.metric(NOW - timedelta(hours=5, minutes=-5 * number), "m", 0.1 + number)
    for value in ("1e400", "-1e400", "1e-400", "NaN"):
        station.metric(NOW - timedelta(hours=1), "odd", value)  # type: ignore[arg-type]
    with closing(database.connect()) as connection:
        station.store(connection)
    return database


def test_parquet_holds_what_was_stored_with_its_types(filled: Database, tmp_path: Path) -> None:
    paths = export(filled.config, output_dir=tmp_path / "x", format_="parquet", **ALL)
    assert [path.name for path in paths] == [
        f"{name}_20261124_073000.parquet"
        for name in ("play_history", "error_log", "system_metrics", "analytics_summary")
    ]
    plays, errors, metrics, summary = map(pq.read_table, paths)
    assert plays.column("title").to_pylist() == TEXTS, "as it was logged: nothing runs it"
    assert [json.loads(text) for text in plays.column("metadata").to_pylist()] == [{"a": text} for text in TEXTS]
    assert plays.column("ffmpeg_pid").to_pylist() == [None, *range(1, len(TEXTS))]
    assert plays.column("started_at").to_pylist()[0] == NOW - timedelta(hours=5)
    types = {field.name: field.type for field in (*plays.schema, *metrics.schema)}
    utc = pa.timestamp("us", tz="UTC")
    assert (types["started_at"], types["ended_at"], types["timestamp"]) == (utc, utc, utc)
    assert (types["id"], types["error_count"], types["had_errors"]) == (pa.int64(), pa.int32(), pa.bool_())
    assert (types["metric_value"], types["title"], types["metadata"]) == (pa.float64(), pa.string(), pa.string())
    assert len(errors) == len(TEXTS)
    values = dict.fromkeys(metrics.column("metric_value").to_pylist())
    assert {0.1, 1e300, -1e300, 0.0} <= values.keys()
    figures = {(row["section"], row["name"]): row for row in summary.to_pylist()}
    assert figures["plays", "total_plays"]["value"] == len(TEXTS)
    assert figures["period", "start"]["text"] == "2026-11-17T07:30:00.000000Z"
    assert str(pd.read_parquet(paths[0])["started_at"].dtype) == "datetime64[us, UTC]"


def test_both_formats_have_the_same_columns(filled: Database, tmp_path: Path) -> None:
    tables = export(filled.config, output_dir=tmp_path / "x", format_="parquet", **ALL)[:3]
    texts = export(filled.config, output_dir=tmp_path / "x", **ALL)[:3]
    for typed, text in zip(tables, texts, strict=True):
        assert pq.read_schema(typed).names == text.read_text(encoding="utf-8").split("\n")[0].split(",")


def test_parquet_of_nothing_has_its_columns(database: Database, tmp_path: Path) -> None:
    for path in export(database.config, output_dir=tmp_path / "x", format_="parquet", **ALL)[:3]:
        table = pq.read_table(path)
        assert (len(table), "station" in table.column_names) == (0, True)


def test_parquet_is_written_one_row_group_at_a_time(
    filled: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "ROWS_PER_GROUP", 4)
    path = export(filled.config, output_dir=tmp_path / "x", format_="parquet", now=lambda: NOW)[0]
    file = pq.ParquetFile(path)
    assert file.metadata.num_rows == len(TEXTS)
    assert [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)] == [4] * (
        len(TEXTS) // 4
    )


def test_without_pyarrow_it_says_what_to_install(
    filled: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(OutputError, match="pip install"):
        export(filled.config, output_dir=tmp_path / "x", format_="parquet", now=lambda: NOW)
    assert not (tmp_path / "x").exists()


def test_flags_that_do_not_go_together(filled: Database, tmp_path: Path) -> None:
    usual: dict[str, Any] = {"days": None, "start": None, "end": None, "station": None, "output_dir": tmp_path / "x",
                             "include_errors": False, "include_metrics": False, "format_": "csv", "excel": False,
                             "preset": None}  # fmt: skip
    for wrong in (
        {"format_": "parquet", "excel": True}, {"preset": "royalty", "excel": True}, {"format_": "xlsx"},
        {"preset": "royalty", "include_errors": True}, {"preset": "royalty", "format_": "parquet"},
        {"preset": "bogus"},
    ):  # fmt: skip
        with pytest.raises(ConfigurationError, match="royalty" if "preset" in wrong else "format|excel"):
            export_as_asked(filled.config, **(usual | wrong))
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("format_", ["csv", "parquet"])
def test_progress_is_told_up_to_the_last_row(filled: Database, tmp_path: Path, format_: str) -> None:
    told: dict[str, tuple[int, int]] = {}

    def note(table: str, written: int, expected: int) -> None:
        told[table] = (written, expected)

    export(filled.config, output_dir=tmp_path / "x", format_=format_, on_progress=note, **ALL)
    counts = {"play_history": len(TEXTS), "error_log": len(TEXTS), "system_metrics": len(TEXTS) + 4}
    assert told == {table: (count, count) for table, count in counts.items()}


def test_a_bar_on_a_terminal_and_nothing_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    from reports.export_bar import export_bar

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream in (Terminal(), io.StringIO()):
        monkeypatch.setattr(sys, "stderr", stream)
        with export_bar() as show:
            if show is not None:
                show("play_history", 5, 10)
        assert ("play_history" in stream.getvalue()) == stream.isatty()


def royalty_station() -> Station:
    """October: Björk at 10:00 with 10 to 20 listeners and at 11:00 with none counted; Röyksopp at 10:30, heard by 30."""
    begin, station = datetime(2026, 10, 5, 8, tzinfo=UTC), Station("Radio 1|^", "Europe/Berlin")
    minutes = timedelta(minutes=1)
    station.play(begin, begin + 4 * minutes, "Björk", "Jóga", album="Homogenic",
                 metadata=json.dumps({"isrc": "gbaan9700019", "label": "One Little|Indian"}))  # fmt: skip
    station.play(begin + 30 * minutes, begin + 34 * minutes, "Röyksopp", "Eple\x1b\n")
    station.play(begin + 60 * minutes, begin + 64 * minutes, "björk", "jóga")
    station.play(begin + 90 * minutes, begin + 94 * minutes, "", "")
    for minute, listeners in ((0, 10), (3, 20), (4, 999), (25, 30)):
        station.metric(begin + minute * minutes, "listeners", listeners, service="icecast")
    station.play(datetime(2026, 11, 1, 12, tzinfo=UTC), datetime(2026, 11, 1, 13, tzinfo=UTC), "Later", "On")
    return station


def test_royalties_of_last_month(database: Database, tmp_path: Path) -> None:
    with closing(database.connect()) as connection:
        royalty_station().store(connection)
    (path,) = export_royalties(database.config, station="Radio 1|^", output_dir=tmp_path, now=lambda: NOW)
    assert path.name == "RADIO101102026-31102026_A.txt"
    header, *lines = path.read_text(encoding="utf-8").split("\n")
    assert header == (
        "NAME_OF_SERVICE|TRANSMISSION_CATEGORY|FEATURED_ARTIST|SOUND_RECORDING_TITLE|ISRC|ALBUM_TITLE|MARKETING_LABEL"
        "|ACTUAL_TOTAL_PERFORMANCES"
    )
    assert lines == [
        "^RADIO 1 ^|^A^|^BJÖRK^|^JÓGA^|^GBAAN9700019^|^HOMOGENIC^|^ONE LITTLE INDIAN^|15",
        "^RADIO 1 ^|^A^|^RÖYKSOPP^|^EPLE ^|^^|^^|^^|30",
        "",
    ]
    (whole,) = export_royalties(database.config, days=60, output_dir=tmp_path, now=lambda: NOW)
    assert "^LATER^|^ON^" in whole.read_text(encoding="utf-8")
    assert whole.name.startswith("ALL")
    with pytest.raises(RangeError):
        export_royalties(database.config, start=NOW + timedelta(days=1), end=NOW + timedelta(days=2),
                         output_dir=tmp_path / "none", now=lambda: NOW)  # fmt: skip
    assert not (tmp_path / "none").exists()


def test_listeners_of_several_sources_are_summed(database: Database, tmp_path: Path) -> None:
    """They never count at the same instant."""
    station, begin = royalty_station(), datetime(2026, 10, 5, 8, tzinfo=UTC)
    for minute, viewers in ((0, 100), (3, 200), (25, 300)):
        station.metric(begin + timedelta(minutes=minute, seconds=1), "listeners", viewers, service="youtube")
    with closing(database.connect()) as connection:
        station.store(connection)

    (path,) = export_royalties(database.config, station="Radio 1|^", output_dir=tmp_path, now=lambda: NOW)

    performances = [line.rsplit("|", 1)[1] for line in path.read_text(encoding="utf-8").split("\n")[1:3]]
    assert performances == ["165", "330"]


def test_retired_counts_are_taken_from_their_rollups(database: Database, tmp_path: Path) -> None:
    """Of 10, 20 and 999 in the quarter of a play only the average is left; the next play has none but the quarter before."""
    with closing(database.connect()) as connection:
        royalty_station().store(connection)

    assert database.rows("SELECT retire_metric_week('2026-10-05')") == [(4,)]
    (path,) = export_royalties(database.config, station="Radio 1|^", output_dir=tmp_path, now=lambda: NOW)

    performances = [line.rsplit("|", 1)[1] for line in path.read_text(encoding="utf-8").split("\n")[1:3]]
    assert performances == ["343", "30"]


def test_a_report_without_a_play_says_so(database: Database, tmp_path: Path) -> None:
    with closing(database.connect()) as connection:
        royalty_station().store(connection)
    said = list[str]()

    (path,) = export_royalties(
        database.config, output_dir=tmp_path, now=lambda: datetime(2026, 10, 2, tzinfo=UTC), warn=said.append
    )

    assert path.read_text(encoding="utf-8").count("\n") == 1
    assert said == ["nothing was played from 2026-09-01 to 2026-09-30: the report has no line"]


@pytest.mark.parametrize(("retention_days", "warned"), [(30, True), (62, False)])
def test_counts_that_retention_may_have_removed_are_named(
    database: Database, tmp_path: Path, retention_days: int, warned: bool
) -> None:
    """The report of October on 15 November: its first half is older than thirty days."""
    with closing(database.connect()) as connection:
        royalty_station().store(connection)
    config, said = database.config.model_copy(update={"metrics_retention_days": retention_days}), list[str]()

    export_royalties(config, output_dir=tmp_path, now=lambda: datetime(2026, 11, 15, tzinfo=UTC), warn=said.append)

    assert len(said) == warned
    assert all("30 days" in sentence and "2026-10-16" in sentence for sentence in said)
