"""The embedded PostgreSQL: found or started for a data folder. Knows no schema, and never touches a configured server.

The server is nobody's child: it runs in a session of its own, outlives the process that started it, however that one
ends, and keeps running when idle, for the next one (`stop_server` ends it). Everybody who uses the same data folder
shares it. It listens on a Unix socket only. Two things keep others out: the socket's folder (0700), and peer
authentication: the kernel says who connects, and only root and the data folder's owner may. There is no password.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal, TypeAlias

import psycopg2

from ingest import embedded_files as files
from ingest.embedded_files import Account, Home
from ingest.embedded_programs import install_programs, major_version
from ingest.errors import ConfigurationError, DatabaseError, DatabaseUnavailable
from logging_module.locations import EMBEDDED_DATABASE, EMBEDDED_PORT, EMBEDDED_USER

StopMode: TypeAlias = Literal["smart", "fast", "immediate"]

START_SECONDS = 60.0
_MAX_LOG_BYTES = 1 << 20
_STOP_SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
_NO_SETTINGS: Mapping[str, str] = MappingProxyType({})

# For a small machine that does other things. Durability is PostgreSQL's default: fsync, full_page_writes and
# synchronous_commit are on. Nothing replicates from here, so the WAL carries no more than recovery needs. A statement
# is never logged: it may hold log lines.
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "shared_buffers": "128MB",
    "huge_pages": "off",
    "dynamic_shared_memory_type": "mmap",  # /dev/shm is small in containers, and systemd empties it at a user's logout
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    "jit": "off",
    "log_checkpoints": "off",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_line_prefix": "%m [%p] ",
    "log_timezone": "UTC",
    "timezone": "UTC",
    "lc_messages": "C",
}


@dataclass(frozen=True)
class EmbeddedServer:
    """How to reach the embedded server of a data folder."""

    socket_folder: Path
    port: int
    user: str
    database: str
    data_folder: Path


def ensure_running(data_dir: Path | None, *, settings: Mapping[str, str] = _NO_SETTINGS) -> EmbeddedServer:
    """Find the server of a data folder, or start it; the first time, its cluster and database are made.

    Args:
        data_dir: RADIOLOG_DATA_DIR; None for the user's own folder.
        settings: of PostgreSQL, beyond ours, if it has to be started.

    Raises:
        ConfigurationError: the folder cannot serve, or there is no program or account to run it; says what to do.
        DatabaseUnavailable: it starts or recovers, and does not answer yet.
        DatabaseError: it does not start; with the end of its log.
    """
    home = files.home_of(data_dir)
    server = EmbeddedServer(home.socket, EMBEDDED_PORT, EMBEDDED_USER, EMBEDDED_DATABASE, home.root)
    if _answers(home, EMBEDDED_DATABASE):
        return server
    files.make_root(home)
    with files.start_locked(home):
        if not _answers(home, EMBEDDED_DATABASE):
            try:
                _start(home, settings)
            except OSError as error:
                raise DatabaseError(
                    f"the embedded PostgreSQL cannot be started: {error.filename or home.root}: {error.strerror}"
                ) from error
    return server


def stop_server(data_dir: Path | None, mode: StopMode = "fast") -> bool:
    """Stop the server of a data folder.

    Args:
        data_dir: as for `ensure_running`.
        mode: "smart" waits for clients, "fast" ends their transactions, "immediate" leaves recovery to the next start.

    Returns:
        Whether one was running.

    Raises:
        DatabaseError: it does not stop.
    """
    home = files.home_of(data_dir)
    if not home.start_lock.exists():
        return False
    with files.start_locked(home):
        if not files.server_alive(home):
            return False
        pid = files.postmaster_pid(home)
        if pid is not None:
            os.kill(pid, _STOP_SIGNALS[mode])
        deadline = time.monotonic() + START_SECONDS
        while files.server_alive(home):
            if time.monotonic() > deadline:
                raise DatabaseError(f"the embedded PostgreSQL in {home.root} does not stop; {files.last_words(home)}")
            time.sleep(0.01)
    return True


def is_running(data_dir: Path | None) -> bool:
    """Whether the server of a data folder answers. Starts nothing."""
    return _answers(files.home_of(data_dir), EMBEDDED_DATABASE)


def _answers(home: Home, database: str) -> bool:
    # os.path.exists says no where Path.exists raises: in a folder that we may not enter.
    if not os.path.exists(home.socket / f".s.PGSQL.{EMBEDDED_PORT}") or not os.path.exists(home.cluster):
        return False
    if home.socket.parent != home.root and not files.is_private(home.socket, home.cluster.stat().st_uid):
        raise ConfigurationError(f"{home.socket} belongs to somebody else: remove it, or set RADIOLOG_DATA_DIR")
    try:
        psycopg2.connect(
            host=str(home.socket), port=EMBEDDED_PORT, user=EMBEDDED_USER, dbname=database, connect_timeout=2
        ).close()
    except psycopg2.OperationalError:
        return False
    return True


def _start(home: Home, settings: Mapping[str, str]) -> None:
    """Under the start lock: bring the server up, or wait for one that is coming up or going down."""
    deadline = time.monotonic() + START_SECONDS
    while (lock := files.try_lock(home.server_lock)) is None:
        if _answers(home, "postgres"):
            _make_database(home)
            return
        if time.monotonic() > deadline:
            raise DatabaseUnavailable(
                f"the embedded PostgreSQL in {home.root} runs but does not answer; {files.last_words(home)}"
            )
        time.sleep(0.02)
    try:
        _launch(home, settings, lock)
    finally:
        os.close(lock)  # the server has inherited it, and holds it as long as it lives
    while not _answers(home, "postgres"):
        if not files.server_alive(home):
            raise DatabaseError(f"the embedded PostgreSQL ended as it started; {files.last_words(home)}")
        if time.monotonic() > deadline:
            raise DatabaseUnavailable(f"the embedded PostgreSQL is still recovering; {files.last_words(home)}")
        time.sleep(0.01)
    _make_database(home)


def _launch(home: Home, settings: Mapping[str, str], lock: int) -> None:
    files.check_name(home)
    account = files.account_for(home)
    files.check_reachable(home, account)
    programs = install_programs(home.root)
    if not home.cluster.exists():
        _make_cluster(home, programs, account, lock)
    _check_cluster(home)
    files.make_owned_folder(home.socket, account)
    _remove_traces(home)
    everything = {**_SETTINGS, **_access(home, account), **settings}
    options = [option for name, value in everything.items() for option in ("-c", f"{name}={value}")]
    log = _open_log(home)
    try:
        # The shell puts it into the background and ends: the server becomes a child of init. Its arguments are no
        # shell text. stdin is /dev/null; nothing of ours is inherited but the log and the lock.
        subprocess.run(
            ["/bin/sh", "-c", '"$@" &', "sh", programs / "bin" / "postgres", "-D", home.cluster, *options],
            check=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", env=_environment(),
            pass_fds=(lock,), start_new_session=True, umask=0o077, **account.popen_options,
        )  # type: ignore[call-overload]  # fmt: skip
    finally:
        os.close(log)


def _make_cluster(home: Home, programs: Path, account: Account, lock: int) -> None:
    """Run initdb in a folder of another name: a cluster is complete or not there, whoever is killed meanwhile.

    It inherits the server's lock: if we are killed and it goes on, the next start waits for its end. The builtin locale
    C.UTF-8 sorts by code point and does not change with the system's C library.
    """
    new = home.cluster.with_name("postgres.new")
    shutil.rmtree(new, ignore_errors=True)
    files.make_owned_folder(new, account)
    made = subprocess.run(
        [programs / "bin" / "initdb", "-D", new, "-U", EMBEDDED_USER, "--encoding=UTF8", "--locale=C",
         "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--auth=peer", "--no-instructions"],
        check=False, capture_output=True, text=True, errors="replace", cwd="/", env=_environment(), umask=0o077,
        pass_fds=(lock,), **account.popen_options,
    )  # type: ignore[call-overload]  # fmt: skip
    if made.returncode != 0:
        said = "\n".join(f"  {line}" for line in made.stderr.splitlines()[-5:])
        raise DatabaseError(f"initdb could not make a database in {new}:\n{said}")
    new.rename(home.cluster)


def _check_cluster(home: Home) -> None:
    try:
        made_by = (home.cluster / "PG_VERSION").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        raise ConfigurationError(f"{home.cluster} is no PostgreSQL data folder: set RADIOLOG_DATA_DIR") from None
    ours = major_version()
    if made_by != ours:
        raise ConfigurationError(
            f"{home.cluster} was made by PostgreSQL {made_by}, and this radiolog brings {ours}: dump the data with the "
            "older radiolog (`pg_dump`), move the folder away, start, and restore"
        )


def _remove_traces(home: Home) -> None:
    """Remove what a killed server left: its pid may be another program's by now, and PostgreSQL would not start.

    We hold the server's lock, so no process of it lives. One that was started by hand holds no lock: it is left alone.
    """
    by_hand = files.postmaster_pid(home)
    if by_hand is not None:
        raise DatabaseError(
            f"process {by_hand} already serves {home.cluster}, but radiolog did not start it: stop it with pg_ctl"
        )
    (home.cluster / "postmaster.pid").unlink(missing_ok=True)
    for name in (f".s.PGSQL.{EMBEDDED_PORT}", f".s.PGSQL.{EMBEDDED_PORT}.lock"):
        (home.socket / name).unlink(missing_ok=True)


def _access(home: Home, account: Account) -> dict[str, str]:
    """Who may connect (see the module's first lines), as settings."""
    rules, names = home.root / "access.conf", home.root / "names.conf"
    files.write_file(rules, "local all all peer map=radiolog\n")
    allowed = {"root"} if account.switched else {"root", account.name}
    files.write_file(names, "".join(f'radiolog "{name}" all\n' for name in sorted(allowed)))
    folder = str(home.socket).replace('"', '""')
    return {"hba_file": str(rules), "ident_file": str(names), "unix_socket_directories": f'"{folder}"'}


def _open_log(home: Home) -> int:
    if home.log.exists() and home.log.stat().st_size > _MAX_LOG_BYTES:
        home.log.replace(home.log.with_name("server.log.1"))
    return os.open(home.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _environment() -> dict[str, str]:
    """Nothing of ours: no PG variables, no secrets (any process of the server's account may read its environment)."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def _make_database(home: Home) -> None:
    connection = psycopg2.connect(
        host=str(home.socket), port=EMBEDDED_PORT, user=EMBEDDED_USER, dbname="postgres", connect_timeout=3
    )
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT FROM pg_database WHERE datname = %s", (EMBEDDED_DATABASE,))
            if cursor.fetchone() is None:
                # A start that was killed may have left a backend that is still making it: we have waited for its end.
                with suppress(psycopg2.errors.DuplicateDatabase, psycopg2.errors.UniqueViolation):
                    cursor.execute(f"CREATE DATABASE {EMBEDDED_DATABASE}")
    finally:
        connection.close()
