"""The order in which files are read, and by how many connections at once, does not change what the tables say."""

import dataclasses
import json
import random
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fix_postgres import Database
from ingest_kit import ledger_holds, lines_of, read_once

# Ids and generations are handed out in the order of arrival; everything else must be the same.
FIGURES = {
    "play_history": "station, track_key, artist, title, album, started_at, ended_at, ended_by, duration_seconds, play_id,"
    " had_errors, error_message, error_count, metadata::text, time_quality, service",
    "error_log": "timestamp, service, severity, message, context - 'session', station, category, template, occurrences,"
    " noise, resolved, resolved_at, play_id,"
    " (SELECT track_key || started_at FROM play_history p WHERE p.id = play_history_id)",
    "system_metrics": "timestamp, metric_name, metric_value, unit, service, station, metadata - 'session', time_quality",
    "metric_rollups": "metric_name, bucket_start, station, service, frozen, sample_count, value_sum, value_min, value_max",
    "play_ends": "station, ended_at, play_id, had_errors, error_message",
    "dead_letters": "from_offset, to_offset, reason, encode(line, 'hex'), encode(raw_sha256, 'hex'), parser",
    "stream_sessions": "station, started_at, ended_at, end_kind, cause, progress_count, frames, ffmpeg_version",
    "ingest_files": "path, committed_offset, lines, stored + folded, dead_letters, held, state",
    "stations": "name, time_zone",
}


def contents(database: Database) -> dict[str, list[Any]]:
    """All tables, sorted, without what depends on the order of arrival."""
    return {
        table: sorted(map(repr, database.rows(f"SELECT {columns} FROM {table}"))) for table, columns in FIGURES.items()
    }


def read_permuted(database: Database, folder: Path, chance: random.Random) -> dict[str, list[Any]]:
    """Read a folder's files in a random order over four connections at once."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    chance.shuffle(paths)
    groups = [paths[number::4] for number in range(4)]

    def read(number: int) -> None:
        for path in groups[number]:
            read_once(database.config, f"{number}-{path.name}", path)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(read, range(4)))
    read_once(database.config, "rest")
    ledger_holds(database)
    return contents(database)


def clear(database: Database) -> None:
    connection = database.connect(autocommit=True)
    with connection.cursor() as cursor:
        cursor.execute(
            f"TRUNCATE {', '.join(FIGURES)}, ingest_ladder, derive_queue, rollup_queue, error_resolutions, ingest_instances"
        )
    connection.close()


def write_entangled_station(folder: Path) -> None:
    """Starts, ends, errors and resolutions of the same plays, spread over files so that each order is awkward."""
    starts: list[dict[str, Any]] = []
    ends: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    resolutions: list[dict[str, Any]] = []
    counters: list[dict[str, Any]] = []
    for number in range(40):
        minute, play = number * 3, f"6f1c1f9e-0000-4000-8000-{number:012d}"
        at = f"2026-11-22T{minute // 60:02d}:{minute % 60:02d}"
        starts.append({"timestamp": f"{at}:00Z", "event": "track_started", "artist": f"A{number % 7}", "title": "T",
                       "play_id": play, "duration": 170})  # fmt: skip
        if number % 3 == 0:
            ends.append(
                {"timestamp": f"{at}:50Z", "event": "track_ended", "play_id": play, "had_errors": number % 2 == 0}
            )
        if number % 5 == 0:
            ends.append({"timestamp": f"{at}:55Z", "event": "track_ended"})
        errors.append({"timestamp": f"{at}:30Z", "event": "boom", "level": "error"})
        if number % 4 == 0:
            late = {"timestamp": f"{at}:59Z", "event": "late", "level": "critical", "play_id": play}
            errors.append({**late, "kind": "error"})
        counters.append({"timestamp": f"{at}:10Z", "event": "track_started", "artist": "C", "title": str(number % 3),
                         "play_id": number % 8, "station": "Counter FM"})  # fmt: skip
        counters.append(
            {"timestamp": f"{at}:40Z", "event": "track_ended", "play_id": number % 8, "station": "Counter FM"}
        )
    resolutions.append({"timestamp": "2026-11-22T01:00:00Z", "event": "error_resolved", "service": "errors"})
    starts.append({**starts[5], "timestamp": "2026-11-22T00:14:58Z"})
    groups = {"starts": starts, "ends": ends, "errors": errors, "resolutions": resolutions, "counters": counters,
              "repeats": [starts[9], {**starts[11], "timestamp": "2026-11-22T00:33:05Z"}]}  # fmt: skip
    for name, objects in groups.items():
        for part in range(2):
            half = objects[part::2]
            (folder / f"{name}-{'ab'[part]}.log").write_text(lines_of(*half))
    (folder / "odd.log").write_text("{\n" + json.dumps({"event": "fine"}) + "\n")


@pytest.mark.slow
def test_any_order_over_several_connections_gives_the_same_tables(database: Database) -> None:
    write_entangled_station(database.config.log_path)
    read_once(database.config)
    expected = contents(database)
    assert len(expected["play_history"]) == 80
    assert any("'event'" in row for row in expected["play_history"])
    assert any("'next_track'" in row for row in expected["play_history"])

    for seed in range(6):
        clear(database)
        assert read_permuted(database, database.config.log_path, random.Random(seed)) == expected, f"seed {seed}"


@pytest.mark.slow
def test_the_sample_files_in_any_order_give_the_same_tables(database: Database) -> None:
    samples = Path(__file__).parents[2] / "samples" / "logs"
    for log in samples.iterdir():
        shutil.copy2(log, database.config.log_path)
    config = database.config.model_copy(update={"station": "Nightdrive FM", "time_zone": "Europe/Berlin"})
    database = dataclasses.replace(database, config=config)
    read_once(config)
    expected = contents(database)
    assert len(expected["play_history"]) == 405

    for seed in range(3):
        clear(database)
        assert read_permuted(database, config.log_path, random.Random(seed)) == expected, f"seed {seed}"
