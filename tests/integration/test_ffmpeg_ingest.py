"""Real FFmpeg logs into rows: every capture, its sessions, its samples, and none of its secrets."""

import json
import shutil
from pathlib import Path

from fix_postgres import Database
from ingest_kit import ledger_holds, read_once

from ingest.cli.parsing import parsed_objects

CAPTURES = Path(__file__).parents[1] / "data" / "ffmpeg"
SECRETS = ("fak3-k3y0-abcd-1234-wxyz", "s3cretpw")
TEXT_TABLES = ("error_log", "stream_sessions", "system_metrics", "ingest_files", "dead_letters", "play_history")


def test_parse_counts_the_progress_records_of_every_capture() -> None:
    logs = sorted(CAPTURES.glob("*.log"))
    assert len(logs) == 257
    for log in logs:
        expected = json.loads(log.with_suffix(".expect.json").read_text())
        objects = list(parsed_objects(log.name, log.read_bytes(), "ffmpeg"))
        progress = [item for item in objects if item["kind"] == "ffmpeg_progress"]
        assert len(progress) == expected["progress"]["count"], log.name
        assert not any(secret in json.dumps(objects) for secret in SECRETS), log.name


def test_every_capture_becomes_rows_and_no_secret_is_stored(database: Database) -> None:
    for log in CAPTURES.glob("*.log"):
        shutil.copy2(log, database.config.log_path / f"ffmpeg-{log.name}")

    read_once(database.config)

    ledger_holds(database)
    files = database.rows("SELECT count(*), min(held), sum(lines) FROM ingest_files WHERE parser = 'ffmpeg'")
    assert files[0][0] > 240
    assert files[0][2] > 10_000
    sessions = database.rows("SELECT count(*), count(ended_at), sum(progress_count) FROM stream_sessions")
    assert sessions[0][0] > 240
    assert sessions[0][2] > 500
    for table in TEXT_TABLES:
        for (text,) in database.rows(f"SELECT t::text FROM {table} t"):
            assert not any(secret in text for secret in SECRETS), (table, text[:500])
    for (letter,) in database.rows("SELECT line FROM dead_letters"):
        assert not any(secret.encode() in bytes(letter) for secret in SECRETS)


def test_a_session_in_two_halves_is_one(database: Database) -> None:
    log = CAPTURES / "benchmark__5.1.log"
    data = log.read_bytes()
    target = database.config.log_path / "ffmpeg.log"
    for number, cut in enumerate((len(data) // 3, len(data) // 2, len(data))):
        with target.open("ab") as file:
            file.write(data[target.stat().st_size : cut])
        read_once(database.config, str(number))
    in_parts = database.rows("SELECT progress_count, frames, ffmpeg_version, outputs::text FROM stream_sessions")
    ledger_holds(database)

    shutil.copy(log, database.config.log_path / "whole-ffmpeg.log")
    read_once(database.config, "whole")
    whole = database.rows(
        "SELECT progress_count, frames, ffmpeg_version, outputs::text FROM stream_sessions WHERE service = 'whole-ffmpeg'"
    )
    assert in_parts == whole
    assert whole[0][0] > 0
