"""The Python API as a service author and an operator use it: what `RadioLogger` writes, `Analytics` answers.

The examples of SPEC 3, 4.2 and 6. Between writing and asking, the files are read as `radiolog once` reads them.
"""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pandas as pd
import pytest
from fix_postgres import Database
from ingest_kit import ledger_holds, lines_of, read_once
from process_kit import finished

from ingest.errors import RadiologError
from logging_module import Analytics, LoggingConfig, RadioLogger

# Every method of SPEC 6 with arguments that make sense on any database, and the keys that it promises.
PROMISED: dict[str, tuple[tuple[Any, ...], set[str]]] = {
    "get_play_stats": ((), {
        "total_plays", "unique_tracks", "uptime_percent", "coverage_percent", "interruptions", "error_rate",
        "plays_with_errors", "total_play_seconds", "average_duration_seconds",
    }),
    "get_most_played_tracks": ((), {"artist", "title", "play_count", "total_play_seconds", "last_played_at"}),
    "get_error_summary": ((), {"service", "severity", "error_count", "first_seen", "last_seen"}),
    "get_hourly_play_distribution": ((), {"hour_of_day", "play_count"}),
    "get_daily_summary": ((), {"date", "total_plays", "unique_tracks", "uptime_percent", "errors", "top_tracks"}),
    "get_weekly_summary": ((), {"total_plays", "unique_tracks", "uptime_percent", "change"}),
    "get_track_history": (("Nina", "Sinnerman"), {"artist", "title", "started_at"}),
    "get_uptime_by_day": ((), {"date", "uptime_percent", "down_seconds", "coverage_percent"}),
    "get_error_timeline": ((), {"timestamp", "service", "severity", "message", "play_history_id"}),
    "get_outages": ((), {"start", "end", "cause"}),
    "get_encoder_health": ((), {"sessions", "fps_average", "speed_average", "drop_frames"}),
    "get_error_templates": ((), {"template", "error_count", "previous_count", "by_day"}),
    "get_repeat_distances": ((), {"station", "artist", "title", "shortest_seconds"}),
    "get_plays": ((), {"id", "station", "artist", "title", "started_at", "ended_at", "ended_by", "had_errors"}),
    "get_messages": ((), {"id", "timestamp", "service", "severity", "message", "template", "resolved"}),
    "get_now": ((), {"station", "state", "artist", "title", "encoder_progress_at", "errors_last_hour"}),
    "get_listener_retention": ((), {"artist", "title", "retention_percent"}),
}  # fmt: skip


def rows_of(answer: Any) -> list[Mapping[str, Any]]:
    return [answer] if isinstance(answer, dict) else answer


def test_what_a_service_writes_is_what_analytics_answers(database: Database) -> None:
    config = database.config
    with RadioLogger(config, service="metadata-watcher") as log:
        first = log.log_track_started(
            {"artist": "Nina", "title": "Sinnerman", "album": "Pastel", "id": "az-1", "duration": 612, "mood": "late"},
            loop_path="/srv/loops/a.mp4",
            ffmpeg_pid=4711,
        )
        log.log_error(
            "encoder", "critical", "the encoder exited", {"exit_code": 1}, "Traceback: here", play_history_id=first
        )
        log.log_track_ended(first, had_errors=True, error_message="the stream broke")
        second = log.log_track_started({"artist": "Ada", "title": "Engine"})
        for severity in ("info", "warning", "error"):
            log.log_error("watcher", severity, f"a line of severity {severity}", play_history_id=second)
        log.log_track_ended(second)
        third = log.log_track_started({"artist": " NINA ", "title": "sinnerman"})
        log.log_track_ended(third)
        log.log_metric("listeners", 17, unit="people", service="icecast", metadata={"mount": "/live"})
        log.log.info("cover_downloaded", bytes=18321)
        log.log.warning("the cover is missing", status=404)
        with pytest.raises(ValueError, match="severity"):
            log.log_error("watcher", "fatal", "no such severity")
    assert len({UUID(play) for play in (first, second, third)}) == 3
    # Nothing is in the database before somebody reads the file.
    assert database.rows("SELECT count(*) FROM play_history") == [(0,)]

    read_once(config)
    ledger_holds(database)

    with Analytics(config) as analytics:
        stats = analytics.get_play_stats(days=1)
        assert (stats["total_plays"], stats["unique_tracks"]) == (3, 2)
        # The first by its flag and its critical error, the second by its error line; warnings do not spoil a play.
        assert (stats["plays_with_errors"], stats["error_rate"]) == (2, pytest.approx(200 / 3))
        tracks = analytics.get_most_played_tracks(days=1, limit=10)
        assert [(row["title"].casefold(), row["play_count"]) for row in tracks] == [("sinnerman", 2), ("engine", 1)]
        history = analytics.get_track_history("nina", "SINNERMAN", limit=20)
        assert [row["artist"].strip() for row in history] == ["NINA", "Nina"]
        assert (history[1]["album"], history[1]["expected_duration_seconds"]) == ("Pastel", 612.0)
        assert (history[1]["had_errors"], history[1]["error_message"]) == (True, "the stream broke")
        summary = {(row["service"], row["severity"]): row["error_count"] for row in analytics.get_error_summary(days=1)}
        assert summary == {
            ("encoder", "critical"): 1, ("watcher", "info"): 1, ("watcher", "warning"): 1, ("watcher", "error"): 1,
            ("metadata-watcher", "warning"): 1,
        }  # fmt: skip
        (critical,) = analytics.get_error_timeline(days=1, severity="critical")
        assert (critical["service"], critical["message"]) == ("encoder", "the encoder exited")
        assert analytics.get_play_stats(days=1, station="another")["total_plays"] == 0

    assert database.rows(
        """SELECT azuracast_song_id, loop_file_path, ffmpeg_pid, metadata ->> 'mood' FROM play_history
           WHERE play_id = %s""", first,
    ) == [("az-1", "/srv/loops/a.mp4", 4711, "late")]  # fmt: skip
    assert database.rows(
        """SELECT e.context ->> 'exit_code', e.stack_trace, p.play_id FROM error_log e
           JOIN play_history p ON p.id = e.play_history_id WHERE e.severity = 'critical'"""
    ) == [("1", "Traceback: here", first)]
    assert database.rows(
        "SELECT metric_name, metric_value::int, unit, service, metadata ->> 'mount' FROM system_metrics"
    ) == [("listeners", 17, "people", "icecast", "/live")]
    # The command line and the API speak of the same rows.
    shown = json.loads(finished(config, "stats", "--days", "1", "--json").stdout)
    assert (shown["plays"]["total_plays"], shown["plays"]["plays_with_errors"]) == (3, 2)


def test_the_reading_methods_of_the_logger(database: Database) -> None:
    config = database.config
    with RadioLogger(config) as log:
        assert log.get_recent_plays(limit=10) == []
        assert log.get_current_playing() is None
        play = log.log_track_started({"artist": "Nina", "title": "Sinnerman"})
        read_once(config)
        assert [row["play_id"] for row in log.get_recent_plays(limit=10)] == [play]
        playing = log.get_current_playing()
        assert playing is not None
        assert (playing["artist"], playing["title"]) == ("Nina", "Sinnerman")
        log.log_track_ended(playing["id"])  # the number of its row serves as well as the UUID
        read_once(config, "again")
        assert log.get_current_playing() is None
        assert log.cleanup_old_data() == {"play_history": 0, "error_log": 0, "system_metrics": 0}


def write_two_mondays(folder: Path) -> None:
    """Monday 16 November 2026: one play of an hour. Monday 23: three plays of 20 minutes, 20 of them off the air."""

    def play(start: str, end: str, title: str) -> list[dict[str, Any]]:
        return [
            {"timestamp": start, "event": "track_started", "artist": "Nina", "title": title, "play_id": start},
            {"timestamp": end, "event": "track_ended", "play_id": start},
        ]

    alive = [
        {
            "timestamp": (datetime(2026, 11, 23, 12, tzinfo=UTC) + timedelta(minutes=minute)).isoformat(),
            "event": "metric", "metric_name": "cpu_percent", "metric_value": 40,
        }
        for minute in range(81)
    ]  # fmt: skip
    lines = [
        *play("2026-11-16T12:00:00Z", "2026-11-16T13:00:00Z", "One"),
        *play("2026-11-23T12:00:00Z", "2026-11-23T12:20:00Z", "One"),
        {"timestamp": "2026-11-23T12:20:00Z", "level": "error", "event": "the playlist is empty", "service": "queue"},
        *play("2026-11-23T12:40:00Z", "2026-11-23T13:00:00Z", "Two"),
        *play("2026-11-23T13:00:00Z", "2026-11-23T13:20:00Z", "One"),
        *alive,
    ]
    (folder / "station.log").write_text(lines_of(*lines))


def test_days_weeks_and_outages_of_a_known_history(database: Database) -> None:
    config = database.config.model_copy(update={"time_zone": "Europe/Berlin", "station": "Nightdrive FM"})
    write_two_mondays(config.log_path)
    read_once(config)
    ledger_holds(database)
    now = datetime(2026, 11, 23, 13, 20, tzinfo=UTC)
    with Analytics(config, now=lambda: now) as analytics:
        day = analytics.get_daily_summary(date(2026, 11, 23))
        assert (day["total_plays"], day["unique_tracks"], day["errors"]) == (3, 2, 1)
        assert [(row["title"], row["play_count"]) for row in day["top_tracks"]] == [("One", 2), ("Two", 1)]
        assert analytics.get_daily_summary()["total_plays"] == 0  # yesterday was a Sunday

        week = analytics.get_weekly_summary()
        assert (week["total_plays"], week["unique_tracks"]) == (3, 2)
        # The same part of the week before, Monday up to 13:20, has the play of that Monday.
        assert (week["change"]["total_plays"], week["change"]["unique_tracks"]) == (2, 1)

        today = analytics.get_uptime_by_day(days=30)[-1]
        assert (today["date"], today["down_seconds"]) == (date(2026, 11, 23), 1200.0 + 120.0)
        # The newest first. The other is the two minutes before the first line of the day (docs/uptime.md).
        outage, before_noon = analytics.get_outages(days=1)
        assert (outage["start"], outage["end"]) == (
            datetime(2026, 11, 23, 12, 20, tzinfo=UTC), datetime(2026, 11, 23, 12, 40, tzinfo=UTC),
        )  # fmt: skip
        assert outage["cause"] == "the playlist is empty"
        assert (before_noon["end"], before_noon["down_seconds"]) == (datetime(2026, 11, 23, 12, tzinfo=UTC), 120.0)

        noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
        stats = analytics.get_play_stats(start=noon, end=now)
        assert stats["uptime_percent"] == pytest.approx(75)
        assert (stats["coverage_percent"], stats["interruptions"]) == (100, 1)
        assert (stats["total_play_seconds"], stats["average_duration_seconds"]) == (3600, 1200)

        hours = analytics.get_hourly_play_distribution(days=7)
        assert [row["hour_of_day"] for row in hours] == list(range(24))
        played = {row["hour_of_day"]: row["play_count"] for row in hours if row["play_count"]}
        assert played == {13: 2, 14: 1}  # by the station's clock, an hour ahead of UTC


def test_an_empty_database_answers_everything_with_zeros_and_empty_lists(database: Database) -> None:
    with Analytics(database.config) as analytics:
        for name, (arguments, promised) in PROMISED.items():
            answer = getattr(analytics, name)(*arguments)
            for row in rows_of(answer):
                assert promised <= set(row), name
                numbers = [value for value in row.values() if isinstance(value, int | float | Decimal)]
                assert not any(isinstance(value, Decimal) for value in numbers), name
                assert None not in row.values(), name
            if isinstance(answer, list) and name not in {"get_hourly_play_distribution", "get_uptime_by_day"}:
                assert answer == [], name
        assert set(analytics.get_play_stats().values()) == {0}


def test_every_answer_has_the_promised_keys_and_a_frame_of_the_same_rows(database: Database) -> None:
    write_two_mondays(database.config.log_path)
    read_once(database.config)
    now = datetime(2026, 11, 23, 13, 20, tzinfo=UTC)
    with Analytics(database.config, now=lambda: now) as analytics:
        for name, (arguments, promised) in PROMISED.items():
            rows = rows_of(getattr(analytics, name)(*arguments))
            frame = getattr(analytics, f"{name}_frame")(*arguments)
            assert isinstance(frame, pd.DataFrame), name
            assert len(frame) == len(rows), name
            for row in rows:
                assert promised <= set(row), name
                assert not any(isinstance(value, Decimal) for value in row.values()), name
            plain = promised - {"change"}  # a dict inside becomes columns of its own
            assert plain <= set(frame.columns), name


def test_the_configuration_from_a_file_and_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("POSTGRES_HOST=db.example\nPOSTGRES_PASSWORD=a$b:c@d/é\nLOG_LEVEL=debug\n")
    monkeypatch.setenv("POSTGRES_DB", "station")
    config = LoggingConfig.from_env()
    config.validate()
    assert (config.postgres_host, config.postgres_db, config.log_level) == ("db.example", "station", "DEBUG")
    url = config.database_url
    assert url.password == "a$b:c@d/é"
    assert "a$b" not in f"{url} {url!r} {config} {config!r}"
    assert "%24b" not in f"{url} {url!r}"

    wrong = LoggingConfig(postgres_port=0, log_level="LOUD", metrics_retention_days=0)
    with pytest.raises(ValueError, match="POSTGRES_PORT") as caught:
        wrong.validate()
    assert all(name in str(caught.value) for name in ("LOG_LEVEL", "METRICS_RETENTION_DAYS", "DEBUG, INFO"))


def test_the_url_connects(database: Database) -> None:
    from sqlalchemy import create_engine, text
    from sqlalchemy.pool import NullPool

    engine = create_engine(database.config.database_url, poolclass=NullPool)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT current_database()")).scalar() == database.name
    engine.dispose()


def test_an_unreachable_database_is_a_clear_error_for_reading_and_nothing_for_writing(tmp_path: Path) -> None:
    config = LoggingConfig(postgres_host=str(tmp_path), log_path=tmp_path / "log")
    with RadioLogger(config) as log:
        log.log_track_started({"artist": "Nina", "title": "Sinnerman"})
        with pytest.raises(RadiologError, match="cannot be reached"):
            log.get_recent_plays()
    assert (config.log_path / "radio.log").read_text().count("\n") == 1
