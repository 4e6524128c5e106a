"""Real PostgreSQL servers for tests, and a fresh database of ours for each test that asks.

server     one a test session (and xdist worker): the embedded one, or with `@both_servers` also the system's
database   a database of its own with the schema applied, dropped afterwards
"""

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 (a class under a function's name)

from ingest import embedded, schema
from ingest.database import connect
from ingest.errors import RadiologError
from logging_module.config import LoggingConfig

# A test's database need not survive a power cut. syncfs makes recovery after a crash 0.3 s instead of 7 to 12 s.
FAST_SETTINGS = {"fsync": "off", "full_page_writes": "off", "max_connections": "100"}
EMBEDDED_SETTINGS = {**FAST_SETTINGS, "recovery_init_sync_method": "syncfs"}

both_servers = pytest.mark.parametrize("server", ["embedded", "system"], indirect=True)
"""Marks a test that uses `server` or `database`: it runs on both kinds of server."""


class Server(Protocol):
    """A running server of the tests."""

    @property
    def kind(self) -> str: ...

    @property
    def host(self) -> str: ...

    @property
    def port(self) -> int: ...

    @property
    def user(self) -> str: ...

    def start(self) -> None: ...

    def stop(self, mode: embedded.StopMode = "fast") -> None: ...

    def restart(self, mode: embedded.StopMode = "fast") -> None: ...

    def pid(self) -> int: ...


@dataclass
class EmbeddedKind:
    """The server that `ingest.embedded` starts."""

    folder: Path
    kind: str = "embedded"
    host: str = field(init=False)
    port: int = field(init=False)
    user: str = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        server = embedded.ensure_running(self.folder, settings=EMBEDDED_SETTINGS)
        self.host, self.port, self.user = str(server.socket_folder), server.port, server.user

    def stop(self, mode: embedded.StopMode = "fast") -> None:
        embedded.stop_server(self.folder, mode)

    def restart(self, mode: embedded.StopMode = "fast") -> None:
        self.stop(mode)
        self.start()

    def pid(self) -> int:
        return int((self.folder / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0])


@dataclass
class SystemKind:
    """The system's PostgreSQL, found by `pg_config --bindir`."""

    folder: Path
    programs: Path
    kind: str = "system"
    port: int = 5432
    user: str = "radio"
    listen_on: str = ""

    @property
    def host(self) -> str:
        return str(self.folder)

    @property
    def cluster(self) -> Path:
        return self.folder / "cluster"

    def __post_init__(self) -> None:
        if os.geteuid() == 0:
            account = pwd.getpwnam("nobody")
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        self._run("initdb", "-D", str(self.cluster), "-U", self.user, "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        self.start()

    def start(self) -> None:
        settings = {**FAST_SETTINGS, "listen_addresses": self.listen_on, "unix_socket_directories": self.host}
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        self._run(
            "pg_ctl",
            "start",
            "-w",
            "-D",
            str(self.cluster),
            "-l",
            str(self.folder / "log"),
            "-o",
            f"{options} -p {self.port}",
        )

    def stop(self, mode: embedded.StopMode = "fast") -> None:
        if (self.cluster / "postmaster.pid").exists():
            self._run("pg_ctl", "stop", "-w", "-D", str(self.cluster), "-m", mode)

    def restart(self, mode: embedded.StopMode = "fast") -> None:
        self.stop(mode)
        self.start()

    def pid(self) -> int:
        return int((self.cluster / "postmaster.pid").read_text().split("\n", 1)[0])

    def _run(self, program: str, *arguments: str) -> None:
        switch: dict[str, Any] = {"user": "nobody", "extra_groups": []} if os.geteuid() == 0 else {}
        subprocess.run(
            [self.programs / program, *arguments], check=True, cwd="/", env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **switch,
        )  # fmt: skip


def system_programs() -> Path | None:
    """The folder of the system's PostgreSQL programs, where there is one."""
    if shutil.which("pg_config") is None:
        return None
    folder = Path(subprocess.run(["pg_config", "--bindir"], check=True, capture_output=True, text=True).stdout.strip())
    return folder if (folder / "initdb").exists() else None


def reachable_folder() -> Path:
    """A temporary folder that an unprivileged account may pass through; pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="radiolog-test-", dir="/tmp"))
    folder.chmod(0o711)
    return folder


class _Servers:
    """The servers of this session, each started when the first test asks for its kind."""

    def __init__(self) -> None:
        self._running: dict[str, Server] = {}
        self._folders: list[Path] = []

    def get(self, kind: str) -> Server:
        if kind not in self._running:
            self._running[kind] = self._embedded() if kind == "embedded" else self._system()
        return self._running[kind]

    def close(self) -> None:
        for server in self._running.values():
            server.stop("immediate")
        for folder in self._folders:
            shutil.rmtree(folder)

    def _embedded(self) -> Server:
        try:
            return EmbeddedKind(self._folder() / "data")
        except RadiologError as error:
            pytest.exit(f"these tests need a real PostgreSQL, and the embedded one does not start: {error}", 3)

    def _system(self) -> Server:
        programs = system_programs()
        if programs is None:
            pytest.skip("no system PostgreSQL (pg_config --bindir)")
        return SystemKind(self._folder(), programs)

    def _folder(self) -> Path:
        self._folders.append(reachable_folder())
        return self._folders[-1]


@pytest.fixture(scope="session")
def _servers() -> Iterator[_Servers]:
    servers = _Servers()
    yield servers
    servers.close()


@pytest.fixture
def server(request: pytest.FixtureRequest, _servers: _Servers) -> Server:
    """A running server; a test may stop it: the next one that asks finds it running again."""
    server = _servers.get(getattr(request, "param", "embedded"))
    if not _answers(server):
        server.start()
    return server


@dataclass(frozen=True)
class Database:
    """A database of a test's own.

    Attributes:
        name: of the database.
        config: for whatever wants to connect to it; `log_path` is a folder of the test.
    """

    name: str
    config: LoggingConfig

    def connect(self, *, autocommit: bool = False) -> Connection:
        """A new connection, as the program itself opens one; the test closes it."""
        return connect(self.config, application_name="test", autocommit=autocommit)

    def rows(self, sql: str, *args: Any) -> list[tuple[Any, ...]]:
        """What a query gives, in a transaction of its own; [] for a statement without rows."""
        with closing(self.connect()) as connection, connection, connection.cursor() as cursor:
            cursor.execute(sql, args or None)
            return cursor.fetchall() if cursor.description else []


@pytest.fixture
def empty_database(server: Server, tmp_path: Path) -> Iterator[Database]:
    """A database without a schema."""
    with _fresh(server, "template0") as name:
        yield Database(name, _config(server, name, tmp_path))


@pytest.fixture
def database(server: Server, tmp_path: Path) -> Iterator[Database]:
    """A database with our schema."""
    _make_template(server)
    with _fresh(server, _TEMPLATE) as name:
        yield Database(name, _config(server, name, tmp_path))


_TEMPLATE = "radiolog_template"
_numbers = itertools.count(1)


def _config(server: Server, name: str, tmp_path: Path) -> LoggingConfig:
    folder = tmp_path / "log"
    folder.mkdir(exist_ok=True)
    return LoggingConfig(
        postgres_host=server.host, postgres_port=server.port, postgres_user=server.user, postgres_db=name,
        log_path=folder,
    )  # fmt: skip


def _admin(server: Server) -> Connection:
    connection = psycopg2.connect(host=server.host, port=server.port, user=server.user, dbname="postgres")
    connection.autocommit = True
    return connection


def _answers(server: Server) -> bool:
    try:
        _admin(server).close()
    except psycopg2.OperationalError:
        return False
    return True


def _make_template(server: Server) -> None:
    """Once a server: an empty database with the schema, to be copied."""
    with closing(_admin(server)) as admin, admin.cursor() as cursor:
        cursor.execute("SELECT FROM pg_database WHERE datname = %s AND datistemplate", (_TEMPLATE,))
        if cursor.fetchone() is not None:
            return
        cursor.execute(f"DROP DATABASE IF EXISTS {_TEMPLATE}")
        cursor.execute(f"CREATE DATABASE {_TEMPLATE} TEMPLATE template0 STRATEGY file_copy")
        config = LoggingConfig(
            postgres_host=server.host, postgres_port=server.port, postgres_user=server.user, postgres_db=_TEMPLATE
        )
        with closing(connect(config, application_name="template")) as connection:
            schema.apply(connection)
        cursor.execute(f"ALTER DATABASE {_TEMPLATE} IS_TEMPLATE true")


@contextmanager
def _fresh(server: Server, template: str) -> Iterator[str]:
    name = f"test_{os.getpid()}_{next(_numbers)}"
    with closing(_admin(server)) as admin, admin.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    yield name
    if not _answers(server):
        server.start()
    with closing(_admin(server)) as admin, admin.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
