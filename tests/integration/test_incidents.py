"""Sessions and incidents: one failure is one incident, whatever it made FFmpeg say, however its log was read."""

import io
import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ffmpeg_kit import BROKEN_PIPE, START, EncoderLog
from fix_postgres import Database
from ingest_kit import ledger_holds, read_once
from rich.console import Console

from reports.analytics import Analytics
from reports.terminal_sessions import render_sessions

EVERYTHING = "SELECT * FROM get_incidents('2026-11-01', '2026-12-01')"


def incidents(database: Database) -> list[dict[str, Any]]:
    """All incidents, without the generation in their keys."""
    columns = (
        "kind, started_at, ended_at, outage_seconds, cause, category, end_kind, session_count, line_count, occurrences"
    )
    rows = database.rows(f"SELECT {columns} FROM ({EVERYTHING}) i")
    return [dict(zip(columns.split(", "), row, strict=True)) for row in rows]


def chain(database: Database, columns: str) -> list[tuple[Any, ...]]:
    """Columns of the restart chain, in order."""
    return database.rows(
        f"SELECT {columns} FROM stream_session_chain ORDER BY service, began_at, generation, line_offset"
    )


def write(database: Database, log: EncoderLog, name: str = "ffmpeg.log") -> Path:
    """The log as a file."""
    path = database.config.log_path / name
    path.write_text(log.text, newline="")
    return path


def night() -> EncoderLog:
    """Ten minutes, a broken connection, two refused attempts, and back after 15 seconds; SIGTERM at the end."""
    log = EncoderLog().start().play(600).wait(0.5).fail()
    log.wait(4.5).refuse().wait(5).refuse().wait(4)
    return log.start().play(1, every=1).play(120).stop()


def test_one_failure_is_one_incident(database: Database) -> None:
    write(database, night())
    read_once(database.config)

    (incident,) = incidents(database)
    assert incident == {
        "kind": "failure",
        "started_at": START + timedelta(seconds=600.5),
        "ended_at": START + timedelta(seconds=615),
        "outage_seconds": 14.5,
        "cause": "Error submitting a packet to the muxer: Broken pipe",
        "category": "network",
        "end_kind": "failed",
        "session_count": 3,
        "line_count": 6 + 5 + 5,
        "occurrences": 7 + 5 + 5,
    }
    assert chain(database, "end_kind, health, cause, exit_guess, restart_seconds, silent_seconds, error_count") == [
        ("failed", "failed", "Error submitting a packet to the muxer: Broken pipe", 224, 4.5, 14.5, 7),
        ("failed", "failed", REFUSED_CAUSE, 145, 5.0, None, 5),
        ("failed", "failed", REFUSED_CAUSE, 145, 4.0, None, 5),
        ("signal", "ok", None, 255, None, None, 0),
    ]
    ledger_holds(database)


REFUSED_CAUSE = "Connection to tcp://a.rtmp.youtube.com:1935?tcp_nodelay=0 failed: Connection refused"


def test_noise_is_no_error_in_any_report(database: Database) -> None:
    write(
        database, EncoderLog().start().play(60).say("[flv @ 0x1] Failed to update header with correct duration.").stop()
    )
    read_once(database.config)
    assert incidents(database) == []
    assert database.rows("SELECT noise FROM error_log") == [(True,)]
    assert database.rows("SELECT * FROM get_error_summary('2026-11-01', '2026-12-01')") == []
    assert chain(database, "health, warning_count, error_count") == [("ok", 0, 0)]


@pytest.mark.parametrize("seed", range(3))
def test_a_restart_in_the_middle_of_an_incident_changes_nothing(database: Database, seed: int) -> None:
    data = night().text.encode()
    first = data.index(b"Error submitting")
    cuts = [first + seed * 137 + step for step in range(0, 1500, 251)]
    path = database.config.log_path / "ffmpeg.log"
    for number, cut in enumerate([*cuts, len(data)]):
        path.write_bytes(data[:cut])
        read_once(database.config, f"part{number}")
        ledger_holds(database)
    in_parts = incidents(database), chain(database, "end_kind, cause, ended_at, error_count, silent_seconds")

    path.unlink()
    (database.config.log_path / "whole.log").write_bytes(data)
    database.rows("DELETE FROM error_log; DELETE FROM stream_sessions")
    read_once(database.config, "whole")
    assert (incidents(database), chain(database, "end_kind, cause, ended_at, error_count, silent_seconds")) == in_parts
    assert len(in_parts[0]) == 1


def test_an_outage_that_is_not_over_has_no_length(database: Database) -> None:
    path = write(database, EncoderLog().start().play(60).fail().wait(5).refuse())
    os.utime(path, (0, 0))  # still for long: nobody waits for a further line
    read_once(database.config)
    (incident,) = incidents(database)
    assert (incident["ended_at"], incident["outage_seconds"], incident["session_count"]) == (None, None, 2)


def test_a_process_that_vanished_is_an_incident_too(database: Database) -> None:
    log = EncoderLog().start().play(60).wait(30).start().play(60).stop()
    write(database, log)
    read_once(database.config)
    (incident,) = incidents(database)
    assert (incident["cause"], incident["end_kind"], incident["outage_seconds"]) == (
        "ended without a word",
        "killed",
        40.0,
    )
    assert incident["started_at"] == START + timedelta(seconds=60)


def test_what_an_operator_ends_is_none(database: Database) -> None:
    write(database, EncoderLog().start().play(60).stop().wait(3600).start().play(60).stop())
    read_once(database.config)
    assert incidents(database) == []
    assert chain(database, "end_kind, signal, health, restart_seconds") == [
        ("signal", 15, "ok", 3600.0),
        ("signal", 15, "ok", None),
    ]


def test_errors_that_a_session_survives_are_grouped_by_time(database: Database) -> None:
    error = "[in#0/mp3 @ 0x1] Error during demuxing: Connection reset by peer"
    retry = "[http @ 0x1] Will reconnect at 6400 in 1 second(s), error=Connection reset by peer."
    log = EncoderLog().start().play(60).say(retry).wait(2).say(error).play(300).say(error).play(60).stop()
    write(database, log)
    read_once(database.config)
    found = incidents(database)
    assert [(item["kind"], item["line_count"], item["session_count"]) for item in found] == [
        ("trouble", 2, 1),
        ("trouble", 1, 1),
    ]
    assert found[0]["cause"].startswith("Will reconnect at ")
    assert (found[0]["started_at"], found[0]["ended_at"]) == (
        START + timedelta(seconds=60),
        START + timedelta(seconds=62),
    )
    assert chain(database, "end_kind, health, error_count, warning_count") == [("signal", "degraded", 2, 1)]


def test_a_log_that_was_truncated_under_a_running_process_is_no_incident(database: Database) -> None:
    log = EncoderLog().start().play(600)
    path = write(database, log)
    read_once(database.config)
    log.text = ""
    path.write_text(log.play(600).stop().text, newline="")
    read_once(database.config, "next")
    assert incidents(database) == []
    assert chain(database, "end_kind, continued, health, first_out_time_seconds, out_time_seconds") == [
        ("killed", True, "ok", 10.0, 590.0),  # the last carriage return might have become the end of a line
        ("signal", False, "ok", 610.0, 1200.0),
    ]


def test_a_standstill_is_said_once_with_its_end_and_length(database: Database) -> None:
    log = EncoderLog().start().play(60)
    log.play(45, every=5.0, speed=0.0).play(60).stop()
    write(database, log)
    read_once(database.config)
    said = database.rows(
        "SELECT severity, message, timestamp, context ->> 'stall_seconds' FROM error_log ORDER BY line_offset"
    )
    assert said == [
        ("error", "encoder makes no progress: its output stands at 60.0 s", START + timedelta(seconds=70), None),
        ("warning", "encoder made no progress for 45 s", START + timedelta(seconds=115), "45.0"),
    ]
    assert chain(database, "health, stall_count, stall_seconds, speed_worst") == [("degraded", 1, 45.0, 0.0)]
    (incident,) = incidents(database)
    assert (incident["kind"], incident["category"], incident["line_count"]) == ("trouble", "stall", 2)
    ledger_holds(database)


def test_silence_that_cost_output_is_a_standstill_found_afterwards(database: Database) -> None:
    write(database, EncoderLog().start().play(60).wait(30).play(60).stop())
    read_once(database.config)
    assert database.rows("SELECT severity, message FROM error_log") == [
        ("warning", "encoder made no progress for 30 s")
    ]
    assert chain(database, "stall_count, stall_seconds") == [(1, 30.0)]


def test_rates_of_the_moment_stand_beside_averages_since_the_start(database: Database) -> None:
    log = EncoderLog().start().play(600).play(60, speed=0.5, kbps=64.0).stop()
    write(database, log)
    read_once(database.config)
    rows = database.rows(
        """SELECT metric_name, metric_value FROM system_metrics
           WHERE timestamp = %s AND metric_name LIKE '%%speed%%' ORDER BY metric_name""",
        (START + timedelta(seconds=630),),
    )
    assert [(name, float(value)) for name, value in rows] == [("ffmpeg_current_speed", 0.5), ("ffmpeg_speed", 0.976)]
    current = database.rows(
        "SELECT metric_value FROM system_metrics WHERE metric_name = 'ffmpeg_current_bitrate_kbps' ORDER BY line_offset LIMIT 50"
    )
    assert {round(float(value)) for (value,) in current[:50]} <= {128, 129}  # FFmpeg counts whole KiB
    assert chain(database, "speed_worst, speed_average") == [(0.5, 0.955)]


def test_the_lines_of_an_incident_can_be_found(database: Database) -> None:
    write(database, night())
    read_once(database.config)
    ((count,),) = database.rows(
        f"""SELECT count(*) FROM ({EVERYTHING}) i
            JOIN stream_session_chain c ON c.station = i.station AND c.session_key = i.incident_key
            JOIN error_log e ON e.station = i.station AND e.context ->> 'session' = c.session_key AND NOT e.noise"""
    )
    assert count == len([line for line in BROKEN_PIPE.split("\n") if "header" not in line and "repeated" not in line])


def test_sessions_and_incidents_as_figures(database: Database) -> None:
    write(database, night())
    read_once(database.config)
    with Analytics(database.config, now=lambda: START + timedelta(hours=1)) as analytics:
        sessions = analytics.get_sessions(days=1)
        (incident,) = analytics.get_incidents(days=1)
        assert [row["end_kind"] for row in sessions] == ["signal", "failed", "failed", "failed"]
        assert (sessions[-1]["health"], sessions[-1]["silent_seconds"], sessions[-1]["exit_guess"]) == (
            "failed",
            14.5,
            224,
        )
        assert (incident["over"], incident["outage_seconds"], incident["session_count"]) == (True, 14.5, 3)
        assert incident["recovered_session_key"] == sessions[0]["session_key"]
        assert [row["end_kind"] for row in analytics.get_sessions(days=1, limit=1)] == ["signal"]
        assert analytics.get_incidents(start=START + timedelta(minutes=20), end=START + timedelta(minutes=30)) == []
        assert list(analytics.get_incidents_frame(days=1)["outage_seconds"]) == [14.5]
        assert list(analytics.get_sessions_frame(days=1)["end_kind"]) == [row["end_kind"] for row in sessions]
        assert not any("fak3-k3y0" in str(row) for row in [*sessions, incident])
        shown = render(analytics)
    for text in (
        "14 s",
        "Error submitting a packet to the muxer: Broken pipe",
        "signal 15",
        "failed (224)",
        "degraded",
    ):
        assert (text in shown) == (text != "degraded"), text


def test_an_empty_database_has_neither_sessions_nor_incidents(database: Database) -> None:
    with Analytics(database.config, now=lambda: START) as analytics:
        assert (analytics.get_sessions(), analytics.get_incidents()) == ([], [])
        assert (len(analytics.get_sessions_frame()), len(analytics.get_incidents_frame())) == (0, 0)
        assert "Nothing has been read yet" in render(analytics)


def test_what_other_logs_say_in_their_context_is_no_incident(database: Database) -> None:
    context = {"session": "1:0", "suspect": "false", "depth": "much", "effect": "fatal_run"}
    line = {"timestamp": "2026-11-22T10:00:00Z", "level": "error", "event": "x", "context": context}
    (database.config.log_path / "forged.log").write_text(json.dumps(line) + "\n")
    write(database, night())
    read_once(database.config)
    assert len(incidents(database)) == 1


def render(analytics: Analytics) -> str:
    """What `radiolog sessions` shows."""
    shown = io.StringIO()
    Console(width=250, file=shown).print(render_sessions(analytics, days=1))
    return shown.getvalue()
