"""RADIOLOG_CONFIG while the daemon runs: which logs are of which station, and SIGHUP, which changes that."""

import json
import os
import pty
import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from daemon_kit import RunningDaemon, running
from fix_postgres import Database
from ingest_kit import ledger_holds, lines_of, metric
from notify_kit import NotifySocket
from process_kit import COMMAND, environment, finished, wait_until

RELOADED, REFUSED = "configuration_reloaded", "configuration_refused"
WARNING = {"level": "warning", "event": "a warning"}
ERROR = {"level": "error", "event": "an error"}


class Station:
    """Folders of logs beside LOG_PATH, the file that names them, and what is stored of them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.root = database.config.log_path.parent / "srv"
        self.file = database.config.log_path.parent / "radiolog.toml"
        self.settings = {"RADIOLOG_CONFIG": str(self.file)}
        self.written = 0
        self.configure()

    def configure(self, *sources: dict[str, Any], **settings: Any) -> None:
        """Write the file. Paths of sources are below the root."""
        said = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
        for source in sources:
            source["paths"] = [f"{self.root}/{path}" for path in source["paths"]]
            said += ["[[sources]]", *(f"{name} = {json.dumps(value)}" for name, value in source.items())]
        self.file.write_text("\n".join(said) + "\n")

    def append(self, name: str, *lines: Any, end: str = "") -> None:
        """Write lines to a log below the root; `end`: of a line that is not complete."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as log:
            log.write(lines_of(*lines) + end)

    def numbers(self, name: str, count: int = 20) -> None:
        """Write the next numbered lines."""
        self.append(name, *map(metric, range(self.written, self.written + count)))
        self.written += count

    def stored(self) -> list[int]:
        """Numbers of all lines in the database."""
        return sorted(number for (number,) in self._database.rows("SELECT metric_value::int FROM system_metrics"))

    def wait_for_all(self) -> None:
        """All numbered lines are there, once."""
        wait_until(lambda: len(self.stored()) >= self.written, f"{self.written} lines")
        assert self.stored() == list(range(self.written))

    def wait_for(self, *rows: tuple[Any, ...], sql: str) -> None:
        """A query gives just these rows, after a while."""
        wait_until(lambda: self._database.rows(sql) == list(rows), f"{rows}, not {self._database.rows(sql)}")


def hang_up(
    daemon: RunningDaemon, event: str = RELOADED, meanwhile: Callable[[], None] = lambda: None
) -> dict[str, Any]:
    """SIGHUP, and what the daemon says of it."""
    before = len(daemon.facts(event))
    daemon.process.send_signal(signal.SIGHUP)
    meanwhile()
    daemon.wait_for(event, times=before + 1)
    return daemon.facts(event)[-1]


METRICS = "SELECT DISTINCT station, service FROM system_metrics ORDER BY 1, 2"
ERRORS = "SELECT station, service, message, severity FROM error_log ORDER BY 1, 2, 3"


def test_the_first_source_that_matches_says_station_service_parser_and_threshold(database: Database) -> None:
    station = Station(database)
    station.configure(
        {"paths": ["a/**/*.log"], "station": "A FM", "min_level": "error"},
        {"paths": ["*/encoder.log", "b/"], "station": "B FM"},
        {"paths": ["c/app.out"], "parser": "json", "service": "playout"},
        station="Elsewhere",
    )
    (database.config.log_path / "own.log").write_text(lines_of(metric(0), WARNING))
    station.written = 1
    station.numbers("a/x.log", 1)
    station.numbers("a/deep/encoder.log.1", 1)
    station.numbers("b/encoder.log", 1)
    station.append("a/x.log", WARNING, ERROR)
    station.append("b/y.jsonl", WARNING)
    station.append("b/y.txt", ERROR)  # in folders RADIOLOG_INCLUDE counts
    station.append("c/app.out", "no json", {**ERROR, "service": "own name"}, ERROR)
    with running(database.config, **station.settings) as daemon:
        station.wait_for_all()
        station.wait_for(
            ("A FM", "encoder"), ("A FM", "x"), ("B FM", "encoder"), ("Elsewhere", "own"), sql=METRICS
        )  # fmt: skip
        station.wait_for(
            ("A FM", "x", "an error", "error"),
            ("B FM", "y", "a warning", "warning"),
            ("Elsewhere", "own", "a warning", "warning"),
            ("Elsewhere", "own name", "an error", "error"),
            ("Elsewhere", "playout", "an error", "error"),
            sql=ERRORS,
        )
        station.wait_for(("json",), sql="SELECT DISTINCT parser FROM dead_letters")
        daemon.stop()
    ledger_holds(database)


def test_places_come_and_go_without_a_line_lost_or_doubled(database: Database) -> None:
    station = Station(database)
    stays, goes, comes = ({"paths": [f"{name}/"]} for name in ("stays", "goes", "comes"))
    for name in ("stays", "goes"):
        station.numbers(f"{name}/a.log")
    station.configure(stays, goes)
    with running(database.config, RADIOLOG_SWEEP_INTERVAL_SECONDS="60", **station.settings) as daemon:
        station.wait_for_all()
        daemon.pause()  # what comes now can only be read after the signal
        station.numbers("goes/a.log", 5000)
        station.numbers("goes/begun-just-before.log")
        station.append(
            "goes/trace.log", "Traceback (most recent call last):", '  File "x.py", line 1', "ValueError: held"
        )
        station.numbers("stays/a.log")
        station.numbers("comes/old.log")
        station.configure({"paths": ["stays/"]}, comes)
        told = hang_up(daemon, meanwhile=daemon.go_on)
        assert told["leaving"] == 3
        daemon.wait_for("file_left", times=3)
        station.wait_for_all()
        station.wait_for(("ValueError: held",), sql="SELECT message FROM error_log")
        assert database.rows("SELECT roots FROM ingest_instances")[0][0][1:] == [
            f"{station.root}/{n}" for n in ("stays", "comes")
        ]

        before = station.stored()
        station.append("goes/a.log", metric(station.written))  # not ours any more
        station.written += 1
        station.append("comes/new.log", metric(station.written))  # seen by an event: the sweep is far
        wait_until(lambda: station.stored() == [*before, station.written], "the new place is watched")
        station.written += 1
        assert {os.readlink(f"/proc/{daemon.process.pid}/fd/{fd}").startswith(f"{station.root}/goes/")
                for fd in os.listdir(f"/proc/{daemon.process.pid}/fd")} == {False}  # fmt: skip

        station.configure({"paths": ["stays/"]}, {"paths": ["goes/"]})
        hang_up(daemon)
        station.wait_for_all()  # it goes on where it was left
        daemon.stop()
    ledger_holds(database)


def test_a_file_is_of_another_station_and_parser_from_its_next_line_on(database: Database) -> None:
    station = Station(database)
    station.append("x/app.out", "Traceback (most recent call last):", "ValueError: held", end='{"level": "err')
    station.configure({"paths": ["x/app.out"], "station": "Old", "parser": "text"}, station="Elsewhere")
    with running(database.config, **station.settings) as daemon:
        station.wait_for(("Old", "app", "ValueError: held", "error"), sql=ERRORS)
        station.configure({"paths": ["x/app.out"], "station": "New", "parser": "json"}, time_zone="Europe/Berlin")
        told = hang_up(daemon)
        assert told["reassigned"] == 1
        assert daemon.facts("configuration_needs_restart")[-1]["settings"] == ["RADIOLOG_TIME_ZONE"]
        station.append("x/app.out", 'or", "event": "an error"}', "no json", WARNING)
        station.wait_for(
            ("New", "app", "a warning", "warning"), ("New", "app", "an error", "error"), ("Old", "app", "ValueError: held", "error"),
            sql=ERRORS,
        )  # fmt: skip
        station.configure({"paths": ["x/app.out"], "station": "New", "parser": "json", "min_level": "error"})
        assert hang_up(daemon)["reassigned"] == 1
        assert hang_up(daemon)["reassigned"] == 0
        station.append("x/app.out", WARNING, ERROR)
        station.wait_for((3,), sql="SELECT count(*) FROM error_log WHERE station = 'New'")
        daemon.stop()
    assert database.rows("SELECT parser, dead_letters, below_threshold, held FROM ingest_files") == [("json", 1, 1, 0)]
    # The next start's parser counts, too.
    station.configure({"paths": ["x/app.out"], "station": "New", "parser": "text"})
    station.append("x/app.out", "ERROR at last")
    with running(database.config, **station.settings) as daemon:
        station.wait_for(("text",), sql="SELECT parser FROM ingest_files")
        daemon.stop()
    ledger_holds(database)


def test_a_wrong_file_leaves_the_old_in_force_and_says_so(database: Database, tmp_path: Path) -> None:
    station = Station(database)
    station.configure({"paths": ["a/"], "station": "A FM"})
    station.numbers("a/a.log")
    with (
        NotifySocket(tmp_path) as systemd,
        running(database.config, NOTIFY_SOCKET=systemd.address, **station.settings) as daemon,
    ):
        station.wait_for_all()
        systemd.wait_until_said("READY=1")
        station.configure({"paths": ["b/"], "station": ""}, {"paths": ["c/"], "parser": "mp3"})
        station.file.write_text(station.file.read_text() + "ohno = 1\n")
        told = hang_up(daemon, REFUSED)
        assert told["level"] == "error"
        wrong = [f"{station.file}:3: source 1: station is ''", f"{station.file}:6: source 2: parser is 'mp3'",
                 f"{station.file}:7: source 2: ohno is not known"]  # fmt: skip
        assert [problem.startswith(start) for problem, start in zip(told["problems"], wrong, strict=True)] == [True] * 3
        wait_until(lambda: systemd.count("READY=1") == 2, "systemd hears that the reload is over")
        begun = next(at for at, said in enumerate(systemd.said) if said.startswith("RELOADING=1\nMONOTONIC_USEC="))
        assert systemd.said[begun + 1] == "READY=1"
        said = f"; the changed configuration is wrong, the old one is in force: {wrong[0]}"
        wait_until(lambda: said in systemd.hear()[-1], "systemctl status tells")
        assert systemd.said[-1].startswith("STATUS=follows 1 files; 20 lines stored since the start")
        wait_until(
            lambda: f"the old one is in force: {wrong[0]}" in finished(database.config, "status").stdout, "status tells"
        )
        station.numbers("b/b.log")
        station.numbers("a/a.log")
        wait_until(lambda: station.stored() == [*range(20), *range(40, 60)], "the old one is in force")

        station.file.unlink()
        assert hang_up(daemon, REFUSED)["problems"] == [f"{station.file} cannot be read: No such file or directory"]
        station.configure({"paths": ["a/", "b/"], "station": "A FM"})
        hang_up(daemon)
        station.wait_for_all()
        wait_until(lambda: "in force" not in finished(database.config, "status").stdout, "status tells no more")
        daemon.stop()
    ledger_holds(database)


def test_killed_around_reloads_every_line_is_stored_once(database: Database) -> None:
    seeded = random.Random(7)
    station = Station(database)
    names = ("a", "b", "c")
    for _ in range(4):
        station.configure(*({"paths": [f"{name}/"], "station": seeded.choice("XY")} for name in names))
        for name in names:
            station.numbers(f"{name}/x.log", 200)
        with running(database.config, **station.settings) as daemon:
            daemon.wait_for("started")
            for name in names:
                station.numbers(f"{name}/x.log", 200)
            station.configure(*({"paths": [f"{name}/"], "station": "Z"} for name in seeded.sample(names, 2)))
            daemon.process.send_signal(signal.SIGHUP)
            for name in names:
                station.numbers(f"{name}/x.log", 200)
            if seeded.random() < 0.5:
                daemon.wait_for(RELOADED)
            daemon.process.kill()
    station.configure(*({"paths": [f"{name}/"]} for name in names))
    with running(database.config, **station.settings) as daemon:
        station.wait_for_all()
        daemon.stop()
    ledger_holds(database)
    assert database.rows("SELECT count(*) FROM ingest_files") == [(3,)]


def test_what_waits_for_the_database_is_done_when_it_is_back(database: Database) -> None:
    """A reload needs the database; until then the daemon has both: what was in force, and what shall be."""
    station = Station(database)
    station.configure({"paths": ["a/"], "station": "A FM"})
    station.numbers("a/a.log")
    with running(database.config, **station.settings) as daemon:
        station.wait_for_all()
        database.rows("ALTER TABLE ingest_files RENAME TO ingest_files_away")
        station.numbers("a/a.log")
        daemon.wait_for("database_unavailable")
        station.configure({"paths": ["a/"], "station": "B FM"}, {"paths": ["b/"], "station": "B FM"})
        station.numbers("b/b.log")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for("database_unavailable", times=3)
        assert daemon.facts(RELOADED) == []
        database.rows("ALTER TABLE ingest_files_away RENAME TO ingest_files")
        daemon.wait_for(RELOADED)
        station.wait_for_all()
        daemon.stop()
    ledger_holds(database)


def test_an_encoder_session_ends_with_its_station_and_goes_on_as_one_of_the_next(database: Database) -> None:
    station = Station(database)
    banner = "ffmpeg version 7.1 Copyright (c) 2000-2024 the FFmpeg developers"

    def progress(*seconds: int) -> list[str]:
        return [f"frame={second * 25} fps=25 q=28.0 size={second * 300}KiB time=00:00:{second:02d}.00 bitrate=2400.0kbits/s speed=1x"
                for second in seconds]  # fmt: skip

    station.configure({"paths": ["x/"], "station": "Old"})
    station.append("x/ffmpeg.log", banner, *progress(1, 2, 3))
    with running(database.config, RADIOLOG_PROGRESS_INTERVAL_SECONDS="0", **station.settings) as daemon:
        station.wait_for(("Old", "running"), sql="SELECT station, end_kind FROM stream_sessions")
        station.configure({"paths": ["x/"], "station": "New"})
        hang_up(daemon)
        station.append("x/ffmpeg.log", *progress(4, 5), "Exiting normally, received signal 15.")
        sessions = "SELECT station, end_kind IN ('running', 'killed'), max(m.metric_value::int) FROM stream_sessions JOIN system_metrics m USING (station) WHERE metric_name LIKE '%frame%' GROUP BY 1, 2 ORDER BY 1"
        station.wait_for(("New", False, 125), ("Old", True, 75), sql=sessions)
        daemon.stop()
    ledger_holds(database)


def test_it_ends_with_the_terminal_that_it_was_started_in(database: Database) -> None:
    station = Station(database)
    station.configure({"paths": ["a/"]})
    station.numbers("a/a.log")
    settings = environment(database.config, **station.settings)
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(COMMAND, [COMMAND, "run"], settings)  # noqa: S606 (no shell is the point)
    try:
        station.wait_for_all()
        os.kill(pid, signal.SIGHUP)  # the terminal is there: read the configuration again
        said = b""
        while RELOADED.encode() not in said:
            said += os.read(terminal, 1 << 16)
        os.close(terminal)  # now it is the kernel that sends SIGHUP
        wait_until(lambda: os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None, "it ends")
    finally:
        os.kill(pid, signal.SIGKILL)
        status = os.waitpid(pid, 0)[1]
    assert os.WIFEXITED(status)  # with which code is another matter: it could not write any more
    assert database.rows("SELECT stopped_at IS NULL FROM ingest_instances") == [(False,)]
