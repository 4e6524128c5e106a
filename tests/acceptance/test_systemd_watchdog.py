"""What the daemon tells systemd: ready, how it is, and that it gets on; and that it says so no more when it hangs."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from daemon_kit import Lines, RunningDaemon, backend_pids, paused, running
from fix_postgres import Database
from notify_kit import NotifySocket
from process_kit import environment

# Fed every quarter; a part is late after a half.
WATCHDOG_SECONDS = 1.0

# Each bug makes one part stand still for ever, as soon as the file `hang` is there. Production code has no hooks.
BUGS = {
    "the loop": ("loop", "from ingest.lookout import Lookout as Owner", "look"),
    "the commits": ("loop", "from ingest.store import Store as Owner", "heartbeat"),
    "the bookkeeper": ("bookkeeper", "from ingest.bookkeeper import Bookkeeper as Owner", "work"),
}
PROGRAM = """
import os, threading
{imported}
whole = Owner.{name}
def hanging(self, *args):
    if os.path.exists("hang"):
        threading.Event().wait()
    return whole(self, *args)
Owner.{name} = hanging
import sys
sys.argv = ["radiolog", "run"]
from ingest.cli import main
main()
"""


def watched_environment(socket: NotifySocket) -> dict[str, str]:
    return {"NOTIFY_SOCKET": socket.address, "WATCHDOG_USEC": str(int(WATCHDOG_SECONDS * 1e6))}


def test_ready_status_watchdog_and_stopping_are_said(database: Database, tmp_path: Path) -> None:
    lines = Lines(database)
    lines.append()
    with (
        NotifySocket(tmp_path) as systemd,
        running(database.config, RADIOLOG_SWEEP_INTERVAL_SECONDS="0.2", **watched_environment(systemd)) as daemon,
    ):
        systemd.wait_until_said("READY=1")
        systemd.wait_until_said("STATUS=follows ")
        systemd.wait_for("WATCHDOG=1", more=2)
        daemon.stop()
        assert systemd.hear()[-1] == "STOPPING=1"


def test_waiting_for_a_database_that_does_not_answer_is_no_hanging(database: Database, tmp_path: Path) -> None:
    """All its connections stand still, for several times as long as any step may take."""
    lines = Lines(database)
    lines.append()
    with NotifySocket(tmp_path) as systemd, running(database.config, **watched_environment(systemd)) as daemon:
        lines.wait("the daemon reads")
        backends = [
            pid for name in ("ingest", "bookkeeper", "alerts") for pid in backend_pids(database, f"radiolog {name}")
        ]
        with paused(*backends):
            lines.append()
            systemd.wait_for("WATCHDOG=1", more=8)
        lines.wait("the daemon reads again")
        daemon.stop()


@contextmanager
def buggy(database: Database, folder: Path, bug: str) -> Iterator[tuple[NotifySocket, RunningDaemon]]:
    _, imported, name = BUGS[bug]
    (folder / "log").mkdir(parents=True)
    config = database.config.model_copy(update={"log_path": folder / "log"})
    log = folder / "stderr"
    with NotifySocket(folder) as systemd, log.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM.format(imported=imported, name=name)], cwd=folder, stderr=stderr, text=True,
            env=environment(config, RADIOLOG_SWEEP_INTERVAL_SECONDS="0.1", **watched_environment(systemd)),
        )  # fmt: skip
        try:
            yield systemd, RunningDaemon(process, log)
        finally:
            process.kill()
            process.wait()


def names_the_place(daemon: RunningDaemon, part: str) -> bool:
    return any("hanging (<string>:" in str(fact["parts"].get(part)) for fact in daemon.facts("hangs"))


def test_a_part_that_hangs_is_found_and_systemd_is_not_told_that_all_is_well(
    database: Database, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        daemons = {
            bug: stack.enter_context(buggy(database, tmp_path / str(number), bug)) for number, bug in enumerate(BUGS)
        }
        for number, (systemd, _) in enumerate(daemons.values()):
            systemd.wait_for("WATCHDOG=1")
            (tmp_path / str(number) / "hang").touch()
        for bug, (systemd, daemon) in daemons.items():
            part = BUGS[bug][0]
            systemd.wait_until_said(f"STATUS=hangs: {part}")
            (fact,) = daemon.facts("hangs")
            assert "hanging" in str(fact["parts"][part]), fact
        for systemd, daemon in daemons.values():
            said = systemd.hear()
            last = max(at for at, state in enumerate(said) if state.startswith("STATUS=hangs"))
            assert "WATCHDOG=1" not in said[last:]
            assert daemon.process.poll() is None
