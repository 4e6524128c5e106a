"""An encoder that is gone without a word, one that only hung, and two in one log: what the database says of each."""

import os
import time
from datetime import timedelta
from pathlib import Path

from ffmpeg_kit import START, EncoderLog
from fix_postgres import Database
from ingest_kit import ledger_holds, read_once
from tailer_kit import Reader

CHAIN = """SELECT end_kind, health, progress_count, out_time_seconds, ended_at IS NULL FROM stream_session_chain
           ORDER BY generation, line_offset"""
INCIDENTS = "SELECT kind, cause, ended_at IS NULL FROM get_incidents('2026-11-01', '2027-12-01')"


def silent_for_long(database: Database) -> tuple[Path, EncoderLog]:
    """Ten minutes of a stream, read when its file had not changed for years."""
    path = database.config.log_path / "ffmpeg.log"
    log = EncoderLog().start().play(600)
    path.write_text(log.text, newline="")
    os.utime(path, (0, 0))
    read_once(database.config)
    return path, log


def test_a_killed_encoder_that_nobody_restarts_is_an_outage(database: Database) -> None:
    silent_for_long(database)
    assert database.rows(CHAIN) == [("killed", "failed", 59, 590.0, False)]  # the last \r may become \r\n
    assert database.rows("SELECT ended_at FROM stream_sessions") == [(START + timedelta(seconds=590),)]
    assert database.rows(INCIDENTS) == [("failure", "ended without a word", True)]
    ledger_holds(database)


def test_a_line_more_and_it_was_none(database: Database) -> None:
    path, log = silent_for_long(database)
    path.write_text(log.wait(900).play(60).text, newline="")
    read_once(database.config, "next")
    assert database.rows(CHAIN) == [("running", "degraded", 65, 650.0, True)]
    assert [kind for kind, _, _ in database.rows(INCIDENTS)] == ["trouble"]
    assert database.rows("SELECT stall_seconds FROM stream_sessions") == [(900.0,)]
    path.write_text(log.stop().text, newline="")
    read_once(database.config, "last")
    assert database.rows(CHAIN) == [("signal", "degraded", 67, 660.0, False)]
    ledger_holds(database)


def test_the_daemon_notices_while_it_looks_at_a_file_that_does_not_change(
    database: Database, folder: Path, reader: Reader
) -> None:
    path = folder / "ffmpeg.log"
    log = EncoderLog(stamped=False).start().play(600)
    path.write_text(log.text, newline="")
    reader.sync()
    assert database.rows("SELECT end_kind FROM stream_sessions") == [("running",)]
    reader.seconds += 295
    reader.sync()
    assert database.rows("SELECT end_kind FROM stream_sessions") == [("running",)]
    reader.seconds += 10
    reader.sync()
    assert database.rows("SELECT end_kind, ended_at = last_progress_at FROM stream_sessions") == [("killed", True)]
    path.write_text(log.play(60).text, newline="")
    os.utime(path, (time.time() + reader.seconds, time.time() + reader.seconds))
    reader.sync()
    assert database.rows("SELECT end_kind, progress_count, ended_at FROM stream_sessions") == [("running", 65, None)]


def test_two_encoders_that_write_into_one_log_keep_their_own_totals(database: Database) -> None:
    first, second = EncoderLog().start().play(600), EncoderLog()
    second.wait(600).start()
    text = first.text + second.text
    for _ in range(60):
        parts = len(first.text), len(second.text)
        first.play(10)
        second.play(10)
        text += first.text[parts[0] :] + second.text[parts[1] :]
    parts = len(first.text), len(second.text)
    text += second.fail().text[parts[1] :] + first.stop().text[parts[0] :]
    (database.config.log_path / "ffmpeg.log").write_text(text, newline="")
    read_once(database.config)
    assert database.rows(
        "SELECT end_kind, progress_count, out_time_seconds, error_count > 0, started_at FROM stream_sessions ORDER BY line_offset"
    ) == [
        ("signal", 121, 1200.0, False, START),
        ("failed", 61, 600.0, True, START + timedelta(seconds=600)),
    ]
    samples = database.rows(
        """SELECT metadata ->> 'session', count(*), max(metric_value)::float8 FROM system_metrics
           WHERE metric_name = 'ffmpeg_out_time_seconds' GROUP BY 1 ORDER BY 3"""
    )
    assert [greatest for _, _, greatest in samples] == [600.0, 1200.0]
    ledger_holds(database)
