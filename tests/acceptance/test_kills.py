"""kill -9 at each step of a commit. At which message to PostgreSQL the daemon stands is decided by a proxy."""

from pathlib import Path

from daemon_kit import Lines, running
from fault_proxy import Fault, FaultProxy
from fix_postgres import Database, Server
from ingest_kit import lines_of, metric
from process_kit import wait_until

MOVE = b"UPDATE ingest_files SET\n"
STEPS: dict[str, tuple[Fault, bytes]] = {
    "a new file's checkpoint was made, and not committed": ("silence_after", b"INSERT INTO ingest_files"),
    "lines were read, nothing of them was sent": ("silence_before", MOVE),
    "the offset has moved, no row was sent": ("silence_after", MOVE),
    "the rows were begun and not ended": ("silence_before", b"COPYDONE"),
    "all was sent but COMMIT": ("silence_before", b"COMMIT"),
    "COMMIT was done and nobody heard of it": ("silence_after", b"COMMIT"),
}


class HalfLines(Lines):
    """Lines of which the last one has always only begun."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._path: Path = database.config.log_path / "a.log"
        self._rest = ""

    def append(self, count: int = 20, name: str = "a.log") -> None:
        text = self._rest + lines_of(*map(metric, range(self.written, self.written + count)))
        self.written += count
        self._rest = text[-30:]
        with (self._path.parent / name).open("a") as file:
            file.write(text[:-30])

    def complete(self) -> None:
        """The end of the last line."""
        with self._path.open("a") as file:
            file.write(self._rest)


def test_killed_at_each_step_of_a_commit(database: Database, server: Server) -> None:
    """What was in the hands of one life is done by the next, which ends a step later."""
    lines = HalfLines(database)
    for step, (fault, message) in STEPS.items():
        lines.append()
        before = len(lines.stored())
        with FaultProxy(server) as proxy:
            if message == b"COMMIT":  # the one of the lines; a life begins with others
                proxy.arm("hold", b"COPYDONE")
            else:
                proxy.arm(fault, message)
            with running(proxy.config(database.config)) as daemon:
                if message == b"COMMIT":
                    wait_until(lambda proxy=proxy: proxy.done["hold"] == 1, step)  # type: ignore[misc]
                    proxy.arm(fault, message)
                    proxy.release()
                wait_until(lambda proxy=proxy, fault=fault: proxy.done[fault] == 1, step)  # type: ignore[misc]
                assert daemon.process.poll() is None
                daemon.process.kill()
        assert (len(lines.stored()) > before) == (step == "COMMIT was done and nobody heard of it"), step

    lines.complete()
    with running(database.config) as daemon:
        lines.wait("all lines, in the end")
        daemon.stop()
    lines.hold()
    assert database.rows("SELECT count(*), max(dead_letters) FROM ingest_files") == [(1, 0)]
