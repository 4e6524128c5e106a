"""PostgreSQL as it fails in practice, under a running daemon: it waits, says so; then every line is stored once."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path

import pytest
from daemon_kit import Lines, RunningDaemon, admin, backend_pids, disconnect, paused, running
from embedded_kit import needs_root
from fault_proxy import Fault, FaultProxy
from fix_postgres import Database, Server, reachable_folder
from ingest_kit import lines_of
from process_kit import DEADLINE_SECONDS, finished, wait_until

from ingest.backoff import delay_seconds
from ingest.database import connect
from ingest.errors import DatabaseUnavailable

OFTEN = {"RADIOLOG_SWEEP_INTERVAL_SECONDS": "0.2"}
# Neither the first nor the second wait of a row can be as long.
SECOND_WAIT_SECONDS = delay_seconds(2, 1.0)

# ------------------------------------------------------------------------------------------------ outages and their ends


@contextmanager
def read_only(database: Database) -> Iterator[None]:
    """As a standby is, after a failover."""
    admin(database, f"ALTER DATABASE {database.name} SET default_transaction_read_only = on")
    disconnect(database)
    yield
    admin(database, f"ALTER DATABASE {database.name} RESET default_transaction_read_only")
    disconnect(database)


@contextmanager
def permission_revoked(database: Database) -> Iterator[None]:
    """The daemon's role loses a right. Superusers have all rights, so every session becomes somebody else first."""
    role = f"{database.name}_role"
    admin(
        database, f"CREATE ROLE {role}", f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}",
        f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {role}",
        f"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO {role}", f"REVOKE INSERT ON system_metrics FROM {role}",
        f"ALTER DATABASE {database.name} SET role = '{role}'", name=database.name,
    )  # fmt: skip
    disconnect(database)
    yield
    admin(database, "SET ROLE NONE", f"GRANT INSERT ON system_metrics TO {role}", name=database.name)


@contextmanager
def table_missing(database: Database) -> Iterator[None]:
    database.rows("ALTER TABLE ingest_files RENAME TO ingest_files_away")
    yield
    database.rows("ALTER TABLE ingest_files_away RENAME TO ingest_files")


@contextmanager
def schema_missing(database: Database) -> Iterator[None]:
    """Also for a new connection, which looks for it first."""
    database.rows("ALTER SCHEMA public RENAME TO public_away")
    disconnect(database)
    yield
    database.rows("ALTER SCHEMA public_away RENAME TO public")


@contextmanager
def constraint(database: Database) -> Iterator[None]:
    """Somebody added a check that most rows break."""
    database.rows("ALTER TABLE system_metrics ADD CONSTRAINT wrong CHECK (metric_value % 3 <> 0) NOT VALID")
    yield
    assert database.rows("SELECT count(*) FROM dead_letters") == [(0,)]
    database.rows("ALTER TABLE system_metrics DROP CONSTRAINT wrong")


@contextmanager
def all_connections_taken(database: Database) -> Iterator[None]:
    """Every connection that the server has left is somebody's, and each that becomes free is taken too."""
    stop = threading.Event()
    with ExitStack() as taken:

        def take() -> None:
            while not stop.is_set():
                try:
                    taken.enter_context(closing(connect(database.config, application_name="taken")))
                except DatabaseUnavailable:
                    full.set()

        full = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            taking = pool.submit(take)
            try:
                assert full.wait(DEADLINE_SECONDS)
                yield
            finally:
                stop.set()
            taking.result()


@contextmanager
def small_file_system(server: Server) -> Iterator[Path]:
    """A folder of 40 MB that the server may use; skips where nothing may be mounted."""
    folder = reachable_folder()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=40m,mode=0711", "radiolog-test", str(folder)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        folder.rmdir()
        pytest.skip("no file system may be mounted here")
    try:
        owner = Path(f"/proc/{server.pid()}").stat()
        (folder / "space").mkdir()
        os.chown(folder / "space", owner.st_uid, owner.st_gid)
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
        folder.rmdir()


@contextmanager
def refusing(database: Database, sqlstate: str) -> Iterator[None]:
    """A trigger that raises what the server raises in that trouble."""
    database.rows(
        f"CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{sqlstate}';"
        " END $$; CREATE TRIGGER refuse BEFORE INSERT ON system_metrics FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    yield
    database.rows("DROP FUNCTION refuse CASCADE")


@contextmanager
def statement_timeout(database: Database) -> Iterator[None]:
    database.rows(
        "CREATE FUNCTION stall() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$;"
        " CREATE TRIGGER stall BEFORE INSERT ON system_metrics FOR EACH ROW EXECUTE FUNCTION stall()"
    )
    admin(database, f"ALTER DATABASE {database.name} SET statement_timeout = '200ms'")
    disconnect(database)
    yield
    database.rows("DROP FUNCTION stall CASCADE")


OUTAGES: dict[str, tuple[Callable[[Database], AbstractContextManager[None]], str]] = {
    "read only": (read_only, "25006"),
    "permission revoked": (permission_revoked, "42501"),
    "table missing": (table_missing, "42P01"),
    "schema missing": (schema_missing, "radiolog db init"),
    "systemic refusal": (constraint, "23514"),
    "serialization failure": (partial(refusing, sqlstate="40001"), "40001"),
    "statement timeout": (statement_timeout, "57014"),
    "out of memory": (partial(refusing, sqlstate="53200"), "53200"),
    "trouble with the disk": (partial(refusing, sqlstate="58030"), "58030"),
    "an internal error": (partial(refusing, sqlstate="XX000"), "XX000"),
}  # fmt: skip


def retry_seconds(daemon: RunningDaemon, words: str) -> float:
    """The longest wait before a next try that it has told of, of either of its threads."""
    facts = daemon.facts("database_unavailable")
    return max((fact["retry_seconds"] for fact in facts if words in fact["message"]), default=0.0)


@pytest.mark.parametrize("outage", OUTAGES)
def test_an_outage_is_waited_for_and_nothing_is_lost(database: Database, outage: str) -> None:
    begin, words = OUTAGES[outage]
    lines = Lines(database)
    lines.append(50)
    with running(database.config, **OFTEN) as daemon:
        lines.wait("lines before the outage")
        with begin(database):
            lines.append(50)
            wait_until(
                lambda: retry_seconds(daemon, words) > SECOND_WAIT_SECONDS, "a third wait: each time it waits longer"
            )
            assert daemon.process.poll() is None
        lines.append(50)
        lines.wait("lines after the outage")
        daemon.wait_for("database_available")
        daemon.stop()
    lines.hold()


def test_no_free_connection(database: Database) -> None:
    lines = Lines(database)
    lines.append()
    with running(database.config, **OFTEN) as daemon:
        lines.wait("lines before the outage")
        pids = backend_pids(database)
        with all_connections_taken(database):
            for pid in pids:
                os.kill(pid, signal.SIGTERM)
            lines.append()
            daemon.wait_for("database_unavailable", "53300", times=2)
        lines.wait("lines after the outage")
        daemon.stop()
    lines.hold()


@needs_root
def test_a_full_disk(database: Database, server: Server) -> None:
    """The whole database lies on a small file system, which somebody fills."""
    lines = Lines(database)
    with small_file_system(server) as folder:
        space = f"small_{os.getpid()}"
        admin(database, f"CREATE TABLESPACE {space} LOCATION '{folder / 'space'}'")
        admin(database, f"ALTER DATABASE {database.name} SET TABLESPACE {space}")
        with running(database.config, **OFTEN) as daemon:
            lines.append()
            lines.wait("lines before the outage")
            filler = folder / "filler"
            with filler.open("wb") as file, suppress(OSError):
                while True:
                    file.write(bytes(1 << 16))
                    file.flush()
            lines.append(20_000)
            daemon.wait_for("database_unavailable", "53100", times=3)
            filler.unlink()
            lines.wait("lines after the outage")
            daemon.stop()
        lines.hold()
        admin(database, f"ALTER DATABASE {database.name} SET TABLESPACE pg_default", f"DROP TABLESPACE {space}")


def test_a_deadlock(database: Database) -> None:
    """Another session locks two files' checkpoints in the other order; PostgreSQL rolls the daemon's commit back."""
    lines = Lines(database)
    for name in ("a.log", "b.log"):
        lines.append(1, name)
    with running(database.config, **OFTEN) as daemon, closing(database.connect()) as other, other.cursor() as cursor:
        lines.wait("lines before the outage")
        cursor.execute("SET deadlock_timeout = '30s'; SET lock_timeout = 0")  # the daemon shall be the one to give up
        other.commit()
        cursor.execute("SELECT array_agg(generation ORDER BY generation) FROM ingest_files")
        (((first, second),),) = cursor.fetchall()
        cursor.execute("SELECT FROM ingest_files WHERE generation = %s FOR UPDATE", (second,))
        daemon.pause()  # both files in one commit
        for name in ("a.log", "b.log"):
            lines.append(10, name)
        daemon.go_on()
        wait_until(lambda: waits_for_a_lock(database), "the daemon's commit waits for the second file")
        cursor.execute("SELECT FROM ingest_files WHERE generation = %s FOR UPDATE", (first,))
        daemon.wait_for("database_unavailable", "40P01")
        other.rollback()
        lines.wait("lines after the deadlock")
        daemon.stop()
    lines.hold()


def waits_for_a_lock(database: Database) -> bool:
    return bool(
        database.rows(
            "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND application_name = 'radiolog ingest'"
            " AND wait_event_type = 'Lock'", database.name,
        )
    )  # fmt: skip


def test_a_lock_that_is_not_given(database: Database) -> None:
    lines = Lines(database)
    lines.append()
    with running(database.config, **OFTEN) as daemon, closing(database.connect()) as other:
        lines.wait("lines before the outage")
        with other.cursor() as cursor:
            cursor.execute("LOCK TABLE system_metrics IN EXCLUSIVE MODE")
            lines.append()
            daemon.wait_for("database_unavailable", "55P03")
        other.rollback()
        lines.wait("lines after the outage")
        daemon.stop()
    lines.hold()


# ------------------------------------------------------------------------------------------------ nobody answers


@needs_root
def test_a_server_process_that_hangs_is_left(database: Database) -> None:
    """The daemon's own server process is stopped: a new connection gets another one."""
    lines = Lines(database)
    lines.append()
    with running(database.config, RADIOLOG_DATABASE_TIMEOUT_SECONDS="1", **OFTEN) as daemon:
        lines.wait("lines before the outage")
        with paused(*backend_pids(database)):
            lines.append()
            daemon.wait_for("database_unavailable", "no answer within")
            lines.wait("lines while the process still hangs")
        daemon.stop()
    lines.hold()


@needs_root
def test_a_server_that_hangs_at_connecting_is_waited_for(database: Database, server: Server) -> None:
    lines = Lines(database)
    lines.append()
    with running(database.config, **OFTEN) as daemon:
        lines.wait("lines before the outage")
        pids = backend_pids(database)
        with paused(server.pid()):
            for pid in pids:
                os.kill(pid, signal.SIGTERM)
            lines.append()
            daemon.wait_for("database_unavailable", "no answer within 5 s")
        lines.wait("lines after the outage")
        daemon.stop()
    lines.hold()


@pytest.mark.parametrize("fault", ["silence_before", "silence_after"])
def test_a_network_that_swallows_everything(database: Database, server: Server, fault: Fault) -> None:
    """Half-open: no answer comes, and no end of the connection either. Whether COMMIT arrived is not known."""
    lines = Lines(database)
    with FaultProxy(server) as proxy:
        config = proxy.config(database.config)
        with running(config, RADIOLOG_DATABASE_TIMEOUT_SECONDS="1", **OFTEN) as daemon:
            lines.append()
            lines.wait("lines before the outage")
            proxy.arm(fault, b"COMMIT")
            lines.append()
            wait_until(lambda: proxy.done[fault] == 1, "a COMMIT that nobody answers")
            proxy.silence()
            daemon.wait_for("database_unavailable", "no answer within")
            proxy.heal()
            lines.wait("lines after the outage")
            daemon.stop()
    lines.hold()


def test_sigterm_ends_a_daemon_whose_database_does_not_answer(database: Database, server: Server) -> None:
    """With the usual timeout of a minute; service managers kill after less."""
    lines = Lines(database)
    with FaultProxy(server) as proxy, running(proxy.config(database.config)) as daemon:
        lines.append()
        lines.wait("lines before the outage")
        proxy.arm("silence_after", b"COPYDONE")
        lines.append()
        wait_until(lambda: proxy.done["silence_after"] == 1, "a call that nobody answers")
        proxy.silence()
        daemon.process.terminate()
        assert daemon.process.wait(25) == 0
        assert "Traceback" not in daemon.log
        proxy.heal()
        with running(database.config, "again") as again:
            lines.wait("lines after the outage")
            again.stop()
    lines.hold()


# ------------------------------------------------------------------------------------------------ at the start


def test_a_server_that_comes_later_is_waited_for(database: Database, server: Server) -> None:
    lines = Lines(database)
    lines.append()
    server.stop()
    with running(database.config) as daemon:
        daemon.wait_for("database_unavailable", times=2)
        server.start()
        lines.wait("lines when it is there")
        daemon.stop()
    lines.hold()


def test_a_user_who_may_not_connect_is_told_at_once(database: Database) -> None:
    ended = finished(database.config, "run", POSTGRES_USER="stranger", POSTGRES_PASSWORD="hunter2")
    assert ended.returncode == 1
    assert "POSTGRES_USER and POSTGRES_PASSWORD" in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert "hunter2" not in ended.stderr


# ------------------------------------------------------------------------------------------------ an older database


@pytest.mark.parametrize("alive", [False, True], ids=["daemon stopped", "daemon running"])
def test_a_database_restored_from_a_backup_is_filled_again(database: Database, alive: bool) -> None:
    """Rows and offsets are of one time, so the files are read from there on. A running daemon is no stranger to it."""
    lines = Lines(database)
    lines.append(100)
    with running(database.config, **OFTEN) as daemon:
        lines.wait("lines of the backup")
        daemon.stop()
    admin(database, f"CREATE DATABASE {database.name}_backup TEMPLATE {database.name} STRATEGY file_copy")
    with running(database.config, "second", **OFTEN) as daemon:
        lines.append(100)
        lines.append(100, "b.log")
        lines.wait("lines after the backup")
        if not alive:
            daemon.stop()
        admin(
            database, f"DROP DATABASE {database.name} WITH (FORCE)",
            f"ALTER DATABASE {database.name}_backup RENAME TO {database.name}",
        )  # fmt: skip
        lines.append(100)
        with running(database.config, "third", **OFTEN) if not alive else nullcontext(daemon) as reader:
            lines.wait("all lines, in the restored database")
            reader.stop()
        assert ("restored from a backup" in daemon.log) == alive
    lines.hold()


# ------------------------------------------------------------------------------------------------ long outages


def test_a_long_outage_costs_no_memory_and_rotated_files_are_kept(database: Database, server: Server) -> None:
    """Nothing is read ahead, however much is written; a file that rotation removes stays open until it is stored."""
    lines = Lines(database)
    folder = database.config.log_path
    lines.append()
    with running(database.config, **OFTEN) as daemon:
        lines.wait("lines before the outage")
        server.stop()
        lines.append()
        daemon.wait_for("database_unavailable", times=3)
        before_kib = resident_kib(daemon)
        with (folder / "a.log").open("a") as file:
            for _ in range(600):
                file.write(lines_of({"event": "noise", "level": "info", "padding": "x" * 100_000}))
        lines.append()
        rotate(folder, 6, lines)
        said = len(daemon.facts("database_unavailable"))
        daemon.wait_for("database_unavailable", times=said + 2)
        assert resident_kib(daemon) - before_kib < 30_000  # 60 MB were written
        server.start()
        lines.wait("lines of all files, also of the removed ones")
        daemon.stop()
    lines.hold()


def rotate(folder: Path, times: int, lines: Lines) -> None:
    """By rename, so many times; then the first file, which the daemon has open, is removed."""
    for _ in range(times):
        for older in range(times - 1, 0, -1):
            if (folder / f"a.log.{older}").exists():
                (folder / f"a.log.{older}").rename(folder / f"a.log.{older + 1}")
        (folder / "a.log").rename(folder / "a.log.1")
        lines.append()
    (folder / f"a.log.{times}").unlink()


def resident_kib(daemon: RunningDaemon) -> int:
    status = Path(f"/proc/{daemon.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])
