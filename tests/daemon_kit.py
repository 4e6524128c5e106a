"""A running `radiolog run` of a test, whose own log can be read while it runs."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from fix_postgres import Database
from ingest_kit import ledger_holds, lines_of, metric
from process_kit import COMMAND, DEADLINE_SECONDS, environment, wait_until

from ingest.database import connect
from logging_module.config import LoggingConfig


class RunningDaemon:
    """The process, and what it has said."""

    def __init__(self, process: "subprocess.Popen[str]", log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def log(self) -> str:
        """All that it has said until now."""
        return self._log.read_text()

    def facts(self, event: str) -> list[dict[str, Any]]:
        """Its log lines of one event."""
        lines = [line for line in self.log.split("\n")[:-1] if line.startswith("{")]
        return [fact for fact in map(json.loads, lines) if fact["event"] == event]

    def wait_for(self, event: str, words: str = "", *, times: int = 1) -> None:
        """Wait until it has said something."""

        def said() -> bool:
            return sum(words in json.dumps(fact) for fact in self.facts(event)) >= times

        wait_until(said, f"{event} {words}")

    def pause(self) -> None:
        """SIGSTOP, and it has stopped."""
        os.kill(self.process.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)

    def go_on(self) -> None:
        """SIGCONT."""
        os.kill(self.process.pid, signal.SIGCONT)

    def ended(self) -> int:
        """Its exit code, when it ends by itself."""
        return self.process.wait(DEADLINE_SECONDS)

    def stop(self) -> None:
        """SIGTERM; it must end well."""
        self.process.send_signal(signal.SIGTERM)
        assert self.ended() == 0, self.log
        assert "Traceback" not in self.log


@contextmanager
def running(config: LoggingConfig, name: str = "daemon", **settings: str) -> Iterator[RunningDaemon]:
    """`radiolog run` with some settings; killed at the end unless it was stopped."""
    path = config.log_path.parent / f"{name}.stderr"
    with path.open("w") as stderr:
        process = subprocess.Popen(
            [COMMAND, "run"], env=environment(config, **{"RADIOLOG_ROTATE_WAIT_SECONDS": "1", **settings}),
            cwd=config.log_path.parent, stderr=stderr, text=True,
        )  # fmt: skip
    try:
        yield RunningDaemon(process, path)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


class Lines:
    """Numbered lines written to a test's files, and whether all of them are stored once and in order."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.written = 0

    def append(self, count: int = 20, name: str = "a.log") -> None:
        """Write the next numbers to a file."""
        with (self._database.config.log_path / name).open("a") as file:
            file.write(lines_of(*map(metric, range(self.written, self.written + count))))
        self.written += count

    def stored(self) -> list[int]:
        """The numbers in the database, file by file, in their order in it."""
        rows = self._database.rows("SELECT metric_value::int FROM system_metrics ORDER BY generation, line_offset")
        return [number for (number,) in rows]

    def all_there(self) -> bool:
        """Whether as many rows are stored as lines were written."""
        return len(self.stored()) >= self.written

    def wait(self, what: str) -> None:
        """Wait until they are all there."""
        wait_until(self.all_there, what)

    def hold(self) -> None:
        """All are stored, once, in order within each file, and the ledger holds."""
        assert sorted(self.stored()) == list(range(self.written))
        for (numbers,) in self._database.rows(
            "SELECT array_agg(metric_value::int ORDER BY line_offset) FROM system_metrics GROUP BY generation"
        ):
            assert numbers == sorted(numbers)
        ledger_holds(self._database)


def admin(database: Database, *statements: str, name: str = "postgres") -> None:
    """Run statements outside of any transaction, in another database of the test's server."""
    config = database.config.model_copy(update={"postgres_db": name})
    with (
        closing(connect(config, application_name="test", autocommit=True)) as connection,
        connection.cursor() as cursor,
    ):
        for statement in statements:
            cursor.execute(statement)


def backend_pids(database: Database, application_name: str = "radiolog ingest") -> list[int]:
    """Server processes that serve a test's database under some name."""
    rows = database.rows(
        "SELECT pid FROM pg_stat_activity WHERE datname = %s AND application_name = %s", database.name, application_name
    )
    return [pid for (pid,) in rows]


def disconnect(database: Database) -> None:
    """End the daemon's connections, over another database: settings of the test's own do not hold there."""
    admin(
        database,
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
        f" WHERE datname = '{database.name}' AND application_name LIKE 'radiolog%'",
    )


@contextmanager
def paused(*pids: int) -> Iterator[None]:
    """Stopped by SIGSTOP; what is still there afterwards goes on."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
