"""When a line of FFmpeg's was written: every source of its time, how good it is, over restarts, midnight and DST."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from ffmpeg_kit import START, EncoderLog
from fix_postgres import Database
from ingest_kit import ledger_holds, read_once

from logging_module.config import LoggingConfig

OUT_TIMES = """SELECT timestamp, metric_value::float8, time_quality, (metadata ->> 'time_error_seconds')::float8
               FROM system_metrics WHERE metric_name = 'ffmpeg_out_time_seconds' ORDER BY generation, line_offset"""


def write(config: LoggingConfig, data: str | bytes, last_written: datetime, name: str = "ffmpeg.log") -> Path:
    """A file that nobody has touched since."""
    path = config.log_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    os.utime(path, (last_written.timestamp(), last_written.timestamp()))
    return path


def seconds_off(at: datetime, wanted: datetime) -> float:
    """How far a time is from what it should be."""
    return abs((at - wanted).total_seconds())


@pytest.mark.parametrize("elapsed", [True, False])
def test_an_old_log_without_times_is_counted_back_from_its_last_line(database: Database, elapsed: bool) -> None:
    log = EncoderLog(stamped=False, elapsed=elapsed).start().play(3600)
    log.say("[http @ 0x1] Will reconnect at 6400 in 1 second(s), error=Connection reset by peer.").play(7200).stop()
    write(database.config, log.text, log.now)
    read_once(database.config)

    found = database.rows(OUT_TIMES)
    assert len(found) > 1000
    for at, out_time, quality, error in found:
        assert quality == "estimated"
        assert seconds_off(at, START + timedelta(seconds=out_time)) <= min(error, 15.0)
    ((at, error),) = database.rows(
        "SELECT timestamp, (context ->> 'time_error_seconds')::float8 FROM error_log WHERE category = 'network'"
    )
    assert seconds_off(at, START + timedelta(seconds=3600)) <= error < 15
    ((started, ended),) = database.rows("SELECT started_at, ended_at FROM stream_sessions")
    assert seconds_off(started, START) < 15
    assert seconds_off(ended, log.now) < 15


def test_a_restart_between_any_two_lines_gives_the_same_times(database: Database) -> None:
    log = EncoderLog(stamped=False).start().play(300).fail().wait(5).refuse().wait(5).start().play(600).stop()
    data = log.text.encode()
    write(database.config, data, log.now, "whole.log")
    read_once(database.config, "whole")
    path = write(database.config, data, log.now, "parts.log")
    # One line a commit, and after each commit all memory is thrown away.
    for number in range(200):
        before = database.rows("SELECT coalesce(max(committed_offset), 0) FROM ingest_files WHERE path = %s", str(path))
        config = database.config.model_copy(update={"batch_bytes": 1})
        if before[0][0] == len(data):
            break
        read_once(config, f"part{number}")
    columns = "timestamp, time_quality, metric_name, metric_value, metadata ->> 'time_error_seconds'"
    services: list[list[tuple[Any, ...]]] = [
        database.rows(
            f"SELECT {columns} FROM system_metrics WHERE service = %s ORDER BY line_offset, metric_name", name
        )
        for name in ("whole", "parts")
    ]
    assert services[0] == services[1]
    assert len(services[0]) > 100
    ledger_holds(database)


def test_a_report_says_when_it_began(database: Database) -> None:
    head = 'ffmpeg started on 2026-11-22 at 11:00:00\nReport written to "x.log"\nLog level: 32\nCommand line:\nffmpeg -i a b\n'
    log = EncoderLog(stamped=False).start().play(600).stop()
    config = database.config.model_copy(update={"time_zone": "Europe/Berlin"})
    write(config, head + log.text, START + timedelta(days=3))  # copied later: its own time says nothing
    read_once(config)

    ((started, quality),) = database.rows("SELECT started_at, time_quality FROM stream_sessions")
    assert (started, quality) == (START, "zoneless")
    for at, out_time, quality, error in database.rows(OUT_TIMES):
        assert quality == "estimated"
        assert seconds_off(at, START + timedelta(seconds=out_time)) <= error < 3


def test_lines_between_dated_ones_count_on_from_them(database: Database) -> None:
    log = EncoderLog().start()
    bare = EncoderLog(stamped=False)
    bare.play(60)
    write(database.config, log.text + bare.text, START + timedelta(days=3))
    read_once(database.config)
    for at, out_time, quality, _ in database.rows(OUT_TIMES):
        assert quality == "estimated"
        assert seconds_off(at, START + timedelta(seconds=out_time)) <= 2


def stamped(pattern: str, moments: list[datetime], zone: str) -> str:
    """Error lines of one process whose prefix is a local time."""
    lines = []
    for number, at in enumerate(moments):
        local = at.astimezone(ZoneInfo(zone))
        lines.append(
            f"{local:{pattern}}[in#0/mp3 @ 0x1] Error during demuxing: number {number}, Connection reset by peer"
        )
    return "\n".join(lines) + "\n"


def times(database: Database) -> list[tuple[datetime, str]]:
    """Times and qualities of all errors, in the order of the file."""
    return database.rows("SELECT timestamp, time_quality FROM error_log ORDER BY generation, line_offset")


BERLIN = "Europe/Berlin"


@pytest.mark.parametrize("pattern", ["%H:%M:%S.000 ", "%b %e %H:%M:%S studio ffmpeg[812]: ", "%Y-%m-%d %H:%M:%S.000 "])
@pytest.mark.parametrize(
    ("first", "step"),
    [
        (datetime(2026, 11, 22, 20, 0, tzinfo=UTC), timedelta(hours=1)),  # over midnight
        (datetime(2025, 12, 31, 20, 0, tzinfo=UTC), timedelta(hours=1)),  # over the year's end
        (datetime(2026, 10, 24, 22, 0, tzinfo=UTC), timedelta(minutes=20)),  # the hour from two to three twice
        (datetime(2026, 3, 28, 22, 0, tzinfo=UTC), timedelta(minutes=20)),  # that hour never
    ],
)
def test_prefixes_that_lack_a_part_are_completed(
    database: Database, pattern: str, first: datetime, step: timedelta
) -> None:
    moments = [first + step * number for number in range(12)]
    config = database.config.model_copy(update={"time_zone": BERLIN})
    write(config, stamped(pattern, moments, BERLIN), moments[-1] + timedelta(seconds=1))
    read_once(config)
    assert times(database) == [(at, "zoneless") for at in moments]


def test_a_time_that_is_none_is_estimated(database: Database) -> None:
    text = "Feb 31 25:00:00 studio ffmpeg[812]: [in#0/mp3 @ 0x1] Error during demuxing: Connection reset by peer\n"
    write(database.config, text, START)
    read_once(database.config)
    assert times(database) == [(START, "estimated")]
