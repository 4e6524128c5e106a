"""A connection that is lost at each single statement, and calls that are never answered: exactly once all the same."""

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from daemon_kit import admin
from fault_proxy import Fault, FaultProxy
from fix_postgres import Database, Server
from ingest_kit import ledger_holds, lines_of, metric, stored_numbers
from tailer_kit import Reader

from ingest import supervisor
from ingest.errors import CheckpointMoved, DatabaseError, DatabaseUnavailable
from ingest.service import Service
from ingest.sources import source_of
from ingest.supervisor import Supervisor
from ingest.telemetry import Telemetry
from logging_module.config import LoggingConfig


@contextmanager
def service(config: LoggingConfig) -> Iterator[Service]:
    """What the daemon runs, without its loop; it has taken over."""
    made = Service(config, (source_of(config.log_path),), "run", Telemetry(stream=None))
    try:
        made.open()
        yield made
    finally:
        made.close()


def read_all(reader: Service) -> None:
    """Read and commit what is there."""
    reader.pipeline.sweep()
    while reader.pipeline.read():
        pass
    reader.pipeline.committer.flush()


def read_through(reader: Service) -> int:
    """The same, whatever fails on the way; gives how often something failed."""
    failures = 0
    while True:
        try:
            if failures:
                reader.pipeline.recover()
            read_all(reader)
        except DatabaseError:
            failures += 1
        else:
            return failures


def write(path: Path, number: int) -> None:
    """Lines that become rows of every kind, two of them numbered."""
    at = f"2026-11-22T10:{number // 60:02d}:{number % 60:02d}Z"
    with path.open("a") as file:
        file.write(
            lines_of(
                metric(2 * number),
                {
                    "timestamp": at,
                    "event": "track_started",
                    "artist": "a",
                    "title": str(number),
                    "play_id": str(number),
                },
                {"timestamp": at, "event": "went wrong", "level": "error", "service": "s", "message": f"no {number}"},
                "no JSON",
                metric(2 * number + 1),
            )
        )


@pytest.mark.parametrize("fault", ["before", "after"])
def test_a_connection_lost_at_any_statement_of_a_commit(database: Database, server: Server, fault: Fault) -> None:
    """Before it arrives, or with its answer: all of a file's lines are stored once, whichever statement it was."""
    path = database.config.log_path / "a.log"
    with FaultProxy(server) as proxy, service(proxy.config(database.config)) as reader:
        write(path, 0)
        read_all(reader)
        proxy.messages.clear()
        write(path, 1)
        read_all(reader)
        steps = len(proxy.messages) + 3  # some commits say a little more than others
        for step in range(steps):
            write(path, step + 2)
            proxy.arm(fault, nth=step + 1)
            failures = read_through(reader)
            assert failures == 1 - proxy.armed
            proxy.disarm()
        written = 2 * (steps + 2)
    lost = {b" ".join(message.split()[:2]) for message in proxy.hit}
    assert lost >= {
        b"BEGIN", b"UPDATE ingest_files", b"SAVEPOINT rows", b"COPY system_metrics", b"COPY error_log", b"COPY dead_letters",
        b"COPYDONE", b"SAVEPOINT plays;SELECT", b"COPY play_history", b"INSERT INTO", b"COMMIT",
    }  # fmt: skip
    assert stored_numbers(database) == list(range(written))
    assert database.rows("SELECT count(*) FROM play_history") == [(written // 2,)]
    assert database.rows("SELECT count(*) FROM dead_letters") == [(written // 2,)]
    ledger_holds(database)


@pytest.mark.parametrize(("fault", "done"), [("before", [0, 1]), ("after", [0, 1, 2, 3])])
def test_a_commit_in_doubt(database: Database, server: Server, fault: Fault, done: list[int]) -> None:
    """Whether it was done, only the database knows; the reader must do the right thing in both cases."""
    path = database.config.log_path / "a.log"
    with FaultProxy(server) as proxy, service(proxy.config(database.config)) as reader:
        write(path, 0)
        read_all(reader)
        write(path, 1)
        reader.pipeline.sweep()
        proxy.arm(fault, b"COMMIT", nth=1)
        with pytest.raises(DatabaseUnavailable):
            read_all(reader)
        assert stored_numbers(database) == done
        reader.pipeline.recover()
        read_all(reader)
    assert stored_numbers(database) == [0, 1, 2, 3]
    ledger_holds(database)


def test_connections_lost_again_and_again(database: Database, server: Server) -> None:
    """Also while recovering from the last time."""
    path = database.config.log_path / "a.log"
    with FaultProxy(server) as proxy, service(proxy.config(database.config)) as reader:
        for step in range(12):
            write(path, step)
            for fault in ("before", "after"):
                proxy.arm(fault, nth=1 + step * 7 % 11)
                proxy.arm(fault, b"COMMIT", nth=1 + step % 3)
            read_through(reader)
        assert proxy.done["before"] > 10
        assert proxy.done["after"] > 10
    assert stored_numbers(database) == list(range(24))
    ledger_holds(database)


def test_a_network_that_carries_byte_by_byte(database: Database, server: Server) -> None:
    path = database.config.log_path / "a.log"
    with FaultProxy(server) as proxy:
        proxy.slow(chunk_bytes=1)
        with service(proxy.config(database.config)) as reader:
            for number in range(3):
                write(path, number)
            read_all(reader)
    assert stored_numbers(database) == list(range(6))
    ledger_holds(database)


# ------------------------------------------------------------------------------------------------ the supervisor


@contextmanager
def watched(database: Database, watcher: Supervisor) -> Iterator[Callable[[str], None]]:
    """Runs statements in one watched transaction."""
    with closing(database.connect()) as connection, watcher.transaction(connection) as cursor:
        yield cursor.execute


def test_a_call_that_is_too_old_is_cut(database: Database) -> None:
    watcher = Supervisor(0.5)
    with pytest.raises(DatabaseUnavailable, match="no answer within"), watched(database, watcher) as run:
        run("SELECT pg_sleep(60)")


def test_each_statement_has_its_own_time(database: Database) -> None:
    """A transaction of many statements may take longer than one of them may."""
    watcher = Supervisor(2.0)
    with watched(database, watcher) as run:
        for _ in range(5):
            run("SELECT pg_sleep(0.6)")
        run("INSERT INTO stations (name) VALUES ('x')")
    assert database.rows("SELECT name FROM stations") == [("x",)]


def test_who_shall_end_waits_for_seconds_only(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "GRACE_SECONDS", 0.0)
    watcher = Supervisor(3600.0)
    threading.Timer(0.2, watcher.hurry).start()
    with pytest.raises(DatabaseUnavailable, match="no answer within"), watched(database, watcher) as run:
        run("SELECT pg_sleep(60)")


def test_only_the_connection_of_the_call_is_cut(database: Database) -> None:
    """Others of the same supervisor go on; so do those that got the number of its descriptor."""
    watcher = Supervisor(0.5)
    for _ in range(3):
        with pytest.raises(DatabaseUnavailable), watched(database, watcher) as run:
            run("SELECT pg_sleep(60)")
        with closing(database.connect()) as other, other.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.8)")  # not watched, and older than any call may be
            with watched(database, watcher) as run:
                run("SELECT 1")


# ------------------------------------------------------------------------------------------------ a restored database


def test_a_database_that_knows_less_is_taken_over_again(database: Database) -> None:
    """Its epoch is older than the reader's: no newer start did that. The next epoch is higher than both."""
    path = database.config.log_path / "a.log"
    write(path, 0)
    for _ in range(3):
        with service(database.config) as reader:
            read_all(reader)
    with service(database.config) as reader:
        database.rows("UPDATE ingest_instances SET epoch = 1")
        with pytest.raises(CheckpointMoved, match="restored from a backup"):
            reader.heartbeat()
        write(path, 1)
        read_through(reader)
        reader.pipeline.recover()
        reader.heartbeat()
        database.rows("DELETE FROM ingest_instances")
        with pytest.raises(CheckpointMoved, match="restored from a backup"):
            reader.heartbeat()
        reader.pipeline.recover()
        write(path, 2)
        read_all(reader)
    assert database.rows("SELECT epoch FROM ingest_instances") == [(6,)]
    assert stored_numbers(database) == list(range(6))
    ledger_holds(database)


def test_rows_and_offsets_that_a_crash_takes_vanish_together(database: Database, server: Server, folder: Path) -> None:
    """`synchronous_commit = off`: what was committed last is gone, and is read again."""
    admin(
        database,
        f"ALTER DATABASE {database.name} SET synchronous_commit = off",
        "ALTER SYSTEM SET wal_writer_delay = '10s'",
    )
    server.restart()
    taken = written = 0
    with service(database.config) as reader:
        try:
            while not taken and written < 2000:
                for durable in (True, False):
                    with (folder / "a.log").open("a") as file:
                        file.write(lines_of(*map(metric, range(written, written + 50))))
                    written += 50
                    read_through(reader)
                    if durable:
                        admin(database, "CHECKPOINT")
                server.restart("immediate")
                taken = written - len(stored_numbers(database))
            with pytest.raises(DatabaseUnavailable):
                reader.heartbeat()
            reader.pipeline.recover()
            read_all(reader)
        finally:
            admin(database, "ALTER SYSTEM RESET wal_writer_delay", "SELECT pg_reload_conf()")
    assert taken == 50
    assert stored_numbers(database) == list(range(written))
    ledger_holds(database)


def test_a_commit_still_on_its_way_counts_before_a_copy_of_its_file_is_judged(database: Database, folder: Path) -> None:
    """A daemon was killed behind its last statement; its file was packed; the next one meets the archive alone.

    By the checkpoint as it stands nothing of the file was read, so the archive would be a log of its own.
    """
    (folder / "b.log").write_text(lines_of(metric(90)))
    first = Reader(database, folder)
    first.sync()  # the partition is there: the next commit waits for nothing before it moves the checkpoint
    log = folder / "a.log"
    text = lines_of(*map(metric, range(90)))
    log.write_text(text)
    first.pipeline.sweep()
    with closing(database.connect()) as gate, gate.cursor() as cursor, ThreadPoolExecutor(2) as threads:
        cursor.execute("LOCK TABLE system_metrics IN EXCLUSIVE MODE")  # behind the checkpoint's move, before the rows
        sending = threads.submit(first.drain)
        wait_for_waiting(database, 1)
        (folder / "a.log.2.gz").write_bytes(gzip.compress(text.encode()))
        log.unlink()
        second = Reader(database, folder)
        judging = threads.submit(second.sync)
        wait_for_waiting(database, 2)
        gate.rollback()
        sending.result()
        judging.result()
    first.close()
    second.close()

    assert sorted(stored_numbers(database)) == list(range(91))
    ledger_holds(database)


def wait_for_waiting(database: Database, count: int) -> None:
    """Until so many backends wait for a lock."""
    deadline = time.monotonic() + 30
    while database.rows("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")[0][0] < count:
        assert time.monotonic() < deadline
