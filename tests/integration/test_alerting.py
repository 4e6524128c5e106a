"""Alerts from facts in a real database, and from a running daemon."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from daemon_kit import running
from fix_postgres import Database
from process_kit import wait_until

from ingest.alerting import Alerting, Limits, disks
from ingest.supervisor import Supervisor
from logging_module.rules import ALERTS


class Watch:
    """An `Alerting` whose clock and files the test moves."""

    def __init__(
        self, database: Database, alerts: tuple[str, ...] = ALERTS, *, folders: tuple[str, ...] = (),
        disk_free_percent: float = 0.0,
    ) -> None:  # fmt: skip
        self.database = database
        self.now = datetime.now(UTC)
        self.caught_up = True
        limits = Limits(alerts, 60.0, disk_free_percent, folders, "studio")
        self.alerting = Alerting(
            database.connect, "me", limits, lambda: self.caught_up, lambda: self.now, Supervisor()
        )  # fmt: skip

    def after(self, seconds: float) -> list[tuple[str, str]]:
        """A look after so many seconds; gives all that has been told."""
        self.now += timedelta(seconds=seconds)
        self.alerting.look()
        return self.told()

    def told(self) -> list[tuple[str, str]]:
        rows = self.database.rows("SELECT kind, payload ->> 'title' FROM notification_outbox ORDER BY id")
        return [(kind, title) for kind, title in rows]

    def progress(self, at: datetime) -> None:
        self.database.rows("INSERT INTO stations (name) VALUES ('radio') ON CONFLICT DO NOTHING")
        self.database.rows(
            "INSERT INTO stream_sessions (station, session_key, started_at, last_progress_at, progress_count)"
            " VALUES ('radio', '1:0', %s, %s, 9) ON CONFLICT (station, session_key) DO UPDATE SET last_progress_at = %s",
            at, at, at,
        )  # fmt: skip


@pytest.fixture
def watch(database: Database) -> "Watch":
    return Watch(database)


OFF, ON = ("off_air", "radio: Off air"), ("off_air", "radio: On air again")


def test_off_air_and_on_air_again(watch: Watch) -> None:
    watch.progress(watch.now)
    assert watch.after(0) == []
    assert watch.after(50) == []
    assert watch.after(20) == [OFF]
    assert watch.after(600) == [OFF]
    for _ in range(4):
        watch.progress(watch.now)
        watch.after(10)
    assert watch.told() == [OFF, ON]
    watch.alerting.close()


def test_a_backlog_raises_nothing_about_the_past(watch: Watch) -> None:
    watch.progress(watch.now - timedelta(days=2))
    watch.caught_up = False
    assert watch.after(100) == []
    assert watch.database.rows("SELECT alert FROM alert_state") == [], "nothing is judged before it has caught up once"
    watch.caught_up = True
    assert watch.after(10) == []
    watch.caught_up = False
    watch.progress(watch.now)
    watch.after(10)
    assert watch.after(50) == [], "behind for less than two minutes: neither that nor the station's silence is told"
    watch.after(10)
    assert watch.after(70) == [("ingest_behind", "studio: radiolog is behind with reading")]
    watch.alerting.close()


def test_maintenance_a_dead_daemon_and_a_switch_keep_it_quiet(watch: Watch) -> None:
    database = watch.database
    watch.progress(watch.now)
    watch.after(0)
    database.rows(
        "INSERT INTO maintenance_windows (station, from_time, to_time) VALUES ('radio', now() - interval '1 h', now() + interval '1 h')"
    )
    assert watch.after(100) == []
    database.rows("DELETE FROM maintenance_windows")
    database.rows(
        "INSERT INTO ingest_instances (instance, machine, heartbeat_at) VALUES ('other', 'm', now() - interval '5 min')"
    )
    assert watch.after(10) == []
    database.rows("UPDATE ingest_instances SET stopped_at = now()")
    quiet = Watch(database, ("disk_full",))
    quiet.now = watch.now
    assert quiet.after(10) == []
    quiet.alerting.close()
    assert watch.after(10) == [OFF]
    watch.alerting.close()


def test_slow_stalled_restarting_and_suspended(watch: Watch) -> None:
    database = watch.database
    watch.progress(watch.now)
    watch.after(0)
    database.rows(
        "INSERT INTO system_metrics (timestamp, metric_name, metric_value, service, station)"
        " SELECT now() - make_interval(secs => n), 'ffmpeg_current_speed', 0.9, 'x', 'radio' FROM generate_series(1, 5) n"
    )
    database.rows(
        "INSERT INTO error_log (timestamp, service, severity, message, station, category, context)"
        " VALUES (now(), 'x', 'error', 'stands', 'radio', 'stall', '{\"stall_seconds\": null}')"
    )
    database.rows(
        "INSERT INTO stream_sessions (station, session_key, started_at, cause, time_quality)"
        " SELECT 'radio', '2:' || n, now(), '@everyone', 'exact' FROM generate_series(1, 3) n"
    )
    watch.progress(watch.now)
    watch.after(10)
    watch.progress(watch.now + timedelta(seconds=60))
    assert sorted(kind for kind, _ in watch.after(65)) == ["encoder_slow", "encoder_stalled", "restarts"]
    database.rows("UPDATE system_metrics SET metric_value = 1.0")
    database.rows("UPDATE stream_sessions SET started_at = started_at - interval '1 hour'")
    database.rows("UPDATE error_log SET context = '{\"stall_seconds\": 12}'")
    for _ in range(4):
        watch.progress(watch.now + timedelta(seconds=25))
        watch.after(25)
    assert sorted(title for _, title in watch.told()[3:]) == [
        "radio: The encoder has stopped restarting", "radio: The encoder keeps up again",
        "radio: The encoder makes progress again",
    ]  # fmt: skip
    watch.alerting.close()


def test_an_old_log_whose_times_are_only_estimated_raises_nothing(watch: Watch) -> None:
    """A file copied into the folder looks as young as its modification time."""
    database = watch.database
    watch.progress(watch.now)
    watch.after(0)
    for quality in ("estimated", "unknown"):
        database.rows(
            "INSERT INTO stream_sessions (station, session_key, started_at, time_quality)"
            " SELECT 'radio', %s || n, now(), %s FROM generate_series(1, 5) n", quality, quality,
        )  # fmt: skip
        database.rows(
            "INSERT INTO error_log (timestamp, service, severity, message, station, category, context, time_quality)"
            " VALUES (now(), 'x', 'error', 'stands', 'radio', 'stall', '{\"stall_seconds\": null}', %s)", quality,
        )  # fmt: skip
        database.rows(
            "INSERT INTO system_metrics (timestamp, metric_name, metric_value, service, station, time_quality)"
            " SELECT now() - make_interval(secs => n), 'ffmpeg_current_speed', 0.5, 'x', 'radio', %s"
            " FROM generate_series(1, 5) n", quality,
        )  # fmt: skip
    for _ in range(8):
        watch.progress(watch.now + timedelta(seconds=10))
        assert watch.after(10) == []
    watch.alerting.close()


def test_a_disk_that_is_nearly_full_is_told_once_and_its_end(database: Database, tmp_path: Path) -> None:
    watch = Watch(database, folders=(str(tmp_path),), disk_free_percent=100.0)
    assert watch.after(0) == []
    assert watch.after(10) == [], "it must hold for 20 s"
    ((kind, title),) = watch.after(15)
    assert (kind, title) == ("disk_full", f"studio:{tmp_path}: A disk is nearly full")
    assert len(watch.after(600)) == 1
    watch.alerting.close()
    roomy = Watch(database, folders=(str(tmp_path),), disk_free_percent=0.0)
    roomy.now = watch.now
    assert len(roomy.after(10)) == 1, "the end must hold for a minute"
    assert roomy.after(70)[-1][1] == f"studio:{tmp_path}: The disk has room again"
    roomy.alerting.close()


def test_two_daemons_tell_it_once(watch: Watch) -> None:
    other = Watch(watch.database)
    watch.progress(watch.now)
    watch.after(0), other.after(0)
    other.now = watch.now
    watch.after(100)
    assert other.after(100) == [OFF]
    watch.alerting.close()
    other.alerting.close()


def test_a_disk_is_looked_at_once_and_a_missing_folder_is_none(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    limits = Limits(ALERTS, 60.0, 90.0, (), "studio")
    found = list(disks([str(tmp_path), str(tmp_path / "a"), str(tmp_path / "none")], limits, datetime.now(UTC)))
    assert len(found) == 1
    assert found[0].value is not None
    assert -100 <= found[0].value <= 0


def test_the_daemon_tells_that_a_station_went_off_air(database: Database) -> None:
    log = database.config.log_path / "play.log"

    def line(event: str, seconds_ago: float) -> str:
        at = datetime.now(UTC) - timedelta(seconds=seconds_ago)
        track = {"artist": "A", "title": "@everyone"} if event == "track_started" else {}
        return json.dumps({"timestamp": at.isoformat(), "event": event, "play_id": "p1", **track}) + "\n"

    log.write_text(line("track_started", 100))
    old = line("track_started", 2 * 86_400) + line("track_ended", 2 * 86_400 - 200)
    (database.config.log_path / "old.log").write_text(old.replace('"event"', '"station": "past", "event"'))
    short = {
        "RADIOLOG_OFF_AIR_SECONDS": "15",
        "RADIOLOG_PROGRESS_INTERVAL_SECONDS": "1",
        "RADIOLOG_SWEEP_INTERVAL_SECONDS": "0.5",
    }
    with running(database.config, **short) as daemon:
        wait_until(
            lambda: (
                database.rows("SELECT state FROM alert_state WHERE (station, alert) = ('radio', 'off_air')")
                == [("ok",)]
            ),
            "on air",
        )
        with log.open("a") as file:
            file.write(line("track_ended", 30))
        wait_until(lambda: bool(database.rows("SELECT 1 FROM notification_outbox WHERE kind = 'off_air'")), "off air")
        daemon.stop()
    assert database.rows("SELECT kind, target, state, payload ->> 'title' FROM notification_outbox") == [
        ("off_air", "", "pending", "radio: Off air")
    ]
    past = database.rows("SELECT state FROM alert_state WHERE station = 'past' AND alert = 'off_air'")
    assert past == [("muted",)], "what ended two days ago is no news"
