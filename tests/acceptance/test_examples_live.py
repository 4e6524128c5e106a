"""The examples of the documentation and the API of SPEC 3, 4.2 and 6 against a daemon that runs meanwhile."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from daemon_kit import running
from fix_postgres import Database
from ingest_kit import ledger_holds
from process_kit import wait_until

from logging_module import Analytics, LoggingConfig, RadioLogger

ROOT = Path(__file__).parents[2]


def example(document: str, heading: str, language: str = "python") -> str:
    """The first code block of a language behind a heading or sentence."""
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    found = re.search(rf"```{language}\n(.*?)```", text[text.index(heading) :], re.DOTALL)
    assert found is not None
    return found[1]


@contextmanager
def live(database: Database) -> Iterator[None]:
    """A running daemon; at its end every line has one disposition, and none is a dead letter."""
    with running(database.config) as daemon:
        yield
        daemon.stop()
    assert database.rows("SELECT reason, detail FROM dead_letters") == []
    ledger_holds(database)


def run(database: Database, *command: str) -> None:
    environment = {"PATH": os.environ["PATH"], "LOG_PATH": str(database.config.log_path), "PYTHONPATH": str(ROOT)}
    subprocess.run(command, check=True, env=environment, cwd=database.config.log_path.parent, timeout=60)


def run_python(database: Database, document: str, heading: str) -> None:
    run(database, sys.executable, "-c", example(document, heading))


def wait_for(database: Database, query: str, expected: list[tuple[object, ...]]) -> None:
    try:
        wait_until(lambda: database.rows(query) == expected, query)
    finally:
        assert database.rows(query) == expected  # says what there is instead


def test_the_services_of_the_documentation_side_by_side(database: Database) -> None:
    """All of them at once, as on a station: each says what it has to say, and nothing of it gets lost or mixed up."""
    for program in ("ffmpeg", "jq"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    with live(database):
        run_python(database, "integration.md", "### What plays: a metadata watcher")
        run_python(database, "integration.md", "### The encoder: an FFmpeg manager")
        run_python(database, "integration.md", "### Measurements: a monitoring service")
        run_python(database, "integration.md", "## Python, without it")
        run_python(database, "log-format.md", "Python, with structlog alone")
        run_python(database, "log-format.md", "Python, with the standard library alone")
        for document, heading in (("log-format.md", "Shell, with jq"), ("integration.md", "## Shell")):
            run(database, "sh", "-euc", example(document, heading, "sh"))

        wait_for(
            database,
            "SELECT title, artist, azuracast_song_id, ended_by, service FROM play_history ORDER BY started_at",
            [
                ("Night Desk", "Odalys Venn", "9f2c", "event", "metadata-watcher"),
                ("Auto Reverse", "Kassette Nord", "77ab", "next_track", "metadata-watcher"),
                ("Night Desk", "Odalys Venn", None, None, "now-playing"),
            ],
        )
        wait_for(
            database,
            "SELECT service, severity, message FROM error_log ORDER BY service",
            [
                ("azuracast", "warning", "now-playing request failed"),
                ("backup", "error", "backup failed"),
                ("now-playing", "error", "cover art is missing"),
                ("scheduler", "error", "playlist is empty"),
                ("watcher", "warning", "the upload is slow"),
            ],
        )
        wait_for(  # tied to the play that ran when it happened
            database,
            "SELECT p.title, e.context ->> 'reason' FROM error_log e JOIN play_history p ON p.id = e.play_history_id"
            " WHERE e.service = 'azuracast'",
            [("Night Desk", "TimeoutError: no answer in 5 s")],
        )
        wait_for(
            database,
            "SELECT DISTINCT metric_name, service FROM system_metrics WHERE service <> 'ffmpeg' ORDER BY 1, 2",
            [
                ("backup_seconds", "backup"), ("cpu_percent", "monitoring"), ("disk_free_bytes", "disk"),
                ("disk_free_bytes", "monitoring"), ("listeners", "watcher"), ("queue_length", "scheduler"),
            ],
        )  # fmt: skip
        wait_for(database, "SELECT service, end_kind FROM stream_sessions", [("ffmpeg", "finished")])
        assert database.rows("SELECT count(*) > 0 FROM system_metrics WHERE service = 'ffmpeg'") == [(True,)]


def test_what_radio_logger_writes_is_answered_while_the_daemon_runs(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {
        "POSTGRES_HOST": database.config.postgres_host, "POSTGRES_PORT": database.config.postgres_port,
        "POSTGRES_USER": database.config.postgres_user, "POSTGRES_DB": database.config.postgres_db,
        "LOG_PATH": database.config.log_path,
    }  # fmt: skip
    for name, value in settings.items():
        monkeypatch.setenv(name, str(value))
    config = LoggingConfig.from_env()
    config.validate()
    with live(database), RadioLogger(config, service="player") as radio, Analytics(config) as analytics:
        assert analytics.get_play_stats()["total_plays"] == 0
        play = radio.log_track_started({"artist": "Ada", "title": "Engine", "duration": 213.4}, "/srv/a.mp4", 4711)
        radio.log_error("encoder", "error", "the encoder stumbled", {"code": 1}, "Traceback …", play)
        radio.log_metric("listeners", 17, "people", "icecast", {"mount": "/live"})
        wait_until(lambda: (radio.get_current_playing() or {}).get("play_id") == play, "the play that runs")
        radio.log_track_ended(play, had_errors=True, error_message="cut short")
        wait_until(lambda: radio.get_current_playing() is None, "its end")
        assert [row["title"] for row in radio.get_recent_plays(limit=10)] == ["Engine"]
        wait_until(lambda: analytics.get_play_stats()["plays_with_errors"] == 1, "the play with its error")
        (track,) = analytics.get_most_played_tracks(days=30, limit=10)
        assert (track["artist"], track["play_count"]) == ("Ada", 1)
        (error,) = analytics.get_error_summary(days=7)
        assert (error["service"], error["severity"], error["error_count"]) == ("encoder", "error", 1)
        assert analytics.get_track_history("ada", "ENGINE")[0]["error_message"] == "cut short"
        assert sum(hour["play_count"] for hour in analytics.get_hourly_play_distribution()) == 1
        assert list(analytics.get_error_timeline_frame()["message"]) == ["the encoder stumbled"]
        assert radio.cleanup_old_data() == {"play_history": 0, "error_log": 0, "system_metrics": 0}
