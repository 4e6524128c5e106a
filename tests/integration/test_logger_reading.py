"""What `RadioLogger` asks the database: what was written comes back, and what is past its retention goes."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fix_postgres import Database
from ingest_kit import read_once

from ingest.errors import DatabaseUnavailable, SchemaMissing
from logging_module import LoggingConfig, RadioLogger


def with_station(config: LoggingConfig, **more: Any) -> LoggingConfig:
    return config.model_copy(update={"station": "Nightdrive FM", **more})


def test_plays_come_back(database: Database) -> None:
    config = with_station(database.config)
    with RadioLogger(config, "watcher") as radio:
        first = radio.log_track_started({"artist": "Ada", "title": "Engine", "duration": 200})
        radio.log_error("encoder", "error", "frames were dropped", play_history_id=first)
        radio.log_track_ended(first)
        second = radio.log_track_started({"artist": "Télégramme", "title": "夜"}, "/srv/loops/a.mp4", 4711)
        read_once(config)

        recent = radio.get_recent_plays()
        assert [(play["artist"], play["title"], play["play_id"]) for play in recent] == [
            ("Télégramme", "夜", second), ("Ada", "Engine", first),
        ]  # fmt: skip
        assert (recent[1]["had_errors"], recent[1]["error_count"]) == (True, 1)
        assert recent[1]["ended_at"] > recent[1]["started_at"]
        assert radio.get_recent_plays(limit=1) == recent[:1]
        assert radio.get_recent_plays(limit=0) == []
        playing = radio.get_current_playing()
        assert playing is not None
        assert (playing["play_id"], playing["loop_file_path"], playing["ffmpeg_pid"]) == (
            second,
            "/srv/loops/a.mp4",
            4711,
        )

        radio.log_track_ended(recent[0]["id"])  # by the number of its row
        read_once(config, "2")
        assert radio.get_current_playing() is None
        assert all(play["ended_at"] for play in radio.get_recent_plays())


def test_only_the_limit_bounds_the_recent_plays(database: Database) -> None:
    with RadioLogger(with_station(database.config), "watcher") as radio:
        for number in range(105):
            radio.log_track_started({"artist": "Ada", "title": str(number)})
        read_once(with_station(database.config))
        assert [play["title"] for play in radio.get_recent_plays(200)] == [str(number) for number in range(104, -1, -1)]
    assert "100" not in (RadioLogger.get_recent_plays.__doc__ or "")


def test_an_empty_database_and_another_station_give_nothing(database: Database) -> None:
    with RadioLogger(database.config, "watcher") as radio:
        radio.log_track_started({"artist": "Ada", "title": "Engine"})
    read_once(database.config)
    other = RadioLogger(with_station(database.config))
    assert other.get_recent_plays() == []
    assert other.get_current_playing() is None
    assert set(other.cleanup_old_data().values()) == {0}
    with pytest.raises(ValueError, match="limit"):
        other.get_recent_plays(-1)


def test_the_cleanup_removes_what_is_past_its_retention_and_keeps_summaries(database: Database) -> None:
    config = with_station(database.config)
    now = datetime.now(UTC)
    old, new = now - timedelta(days=100), now - timedelta(days=2)
    lines = []
    for at in (old, new):
        common = {"timestamp": at.isoformat(), "station": config.station}
        lines += [
            {
                **common,
                "event": "track_started",
                "play_id": f"p{at:%j}",
                "artist": "Ada",
                "title": "E",
                "duration": 60,
            },
            {**common, "level": "error", "event": "broken"},
            {**common, "event": "metric", "metric_name": "cpu_percent", "metric_value": 10},
            {**common, "event": "metric", "metric_name": "cpu_percent", "metric_value": 30},
        ]
    (config.log_path / "watcher.log").write_text("".join(json.dumps(line) + "\n" for line in lines))
    read_once(config)
    database.rows("UPDATE error_log SET resolved = true, resolved_at = timestamp")
    partitions = metric_partitions(database)

    radio = RadioLogger(config)
    removed = {"play_history": 1, "error_log": 1, "system_metrics": 2}
    assert {name: count for name, count in radio.cleanup_old_data().items() if count} == removed

    for table in ("play_history", "error_log"):
        assert database.rows(f"SELECT count(*) FROM {table}") == [(1,)]
    assert database.rows("SELECT count(*), sum(metric_value) FROM system_metrics") == [(2, 40)]
    assert len(partitions) > len(set(partitions) & set(metric_partitions(database))), "the old week was dropped"
    assert database.rows("SELECT play_count FROM daily_summaries") == [(1,)]
    bucket = "sample_count, value_sum, value_min, value_max, frozen"
    assert database.rows(f"SELECT {bucket} FROM metric_rollups WHERE bucket_start < now() - interval '30 days'") == [
        (2, 40, 10, 30, True)
    ]
    assert database.rows("SELECT rows_stored, rows_retired FROM ingest_files") == [(8, 4)]
    assert set(radio.cleanup_old_data().values()) == {0}


def test_late_lines_of_a_removed_week_add_to_its_summary(database: Database) -> None:
    config = with_station(database.config)
    at = (datetime.now(UTC) - timedelta(days=100)).replace(minute=1)
    radio = RadioLogger(config)
    for value in (10, 50):
        line = {"timestamp": at.isoformat(), "event": "metric", "metric_name": "m", "metric_value": value}
        with (config.log_path / "m.log").open("a") as log:
            log.write(json.dumps(line) + "\n")
        read_once(config, str(value))
        assert radio.cleanup_old_data()["system_metrics"] == 1
    assert database.rows("SELECT sample_count, value_sum, value_max FROM metric_rollups") == [(2, 60, 50)]


def test_metrics_in_the_default_partition_go_too(database: Database) -> None:
    database.rows(
        "INSERT INTO system_metrics (timestamp, metric_name, metric_value, service, station)"
        " VALUES (now() - interval '200 days', 'm', 1, 's', 'Nightdrive FM'), (now(), 'm', 2, 's', 'Nightdrive FM')"
    )
    assert RadioLogger(with_station(database.config)).cleanup_old_data()["system_metrics"] == 1
    assert database.rows("SELECT metric_value FROM system_metrics") == [(2,)]


def test_without_schema_or_server_it_says_so(empty_database: Database) -> None:
    with pytest.raises(SchemaMissing):
        RadioLogger(empty_database.config).get_recent_plays()
    nowhere = empty_database.config.model_copy(update={"postgres_host": str(empty_database.config.log_path)})
    with pytest.raises(DatabaseUnavailable):
        RadioLogger(nowhere).get_current_playing()


def metric_partitions(database: Database) -> list[str]:
    found = database.rows(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'system_metrics'::regclass"
    )
    return [name for (name,) in found]
