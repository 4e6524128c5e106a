"""One radiolog among several, as PostgreSQL sees it: who is alive, which start of it is the newest, and its connection.

**Any** error drops the connection. What the caller must do then is always the same: forget every offset in memory and
read the checkpoints again. So a COMMIT whose answer was lost needs no reasoning: the checkpoint row tells.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812 (a class under a function's name)
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from ingest.errors import CheckpointMoved, Fenced
from ingest.queries import load
from ingest.supervisor import Supervisor

LIVE_SECONDS = 30.0

_SQL = load("ingest", "store.sql")


class Instance(NamedTuple):
    """Who commits: one daemon, or one `radiolog once`, of one machine, with the folders that it reads."""

    name: str
    machine: str
    roots: tuple[str, ...]
    host: str
    pid: int
    boot_id: str
    station: str
    time_zone: str


class Member:
    """A connection of one start of one instance.

    Args:
        connect: opens a connection; called again after every error.
        instance: who this is.
        supervisor: ends calls that nobody answers.
    """

    def __init__(
        self, connect: Callable[[], Connection], instance: Instance, supervisor: Supervisor | None = None
    ) -> None:
        self._connect = connect
        self._supervisor = supervisor or Supervisor()
        self._instance = instance
        self._connection: Connection | None = None
        self._epoch = 0
        self._forgotten = False  # the database knows less than we told it

    @property
    def epoch(self) -> int:
        """This instance's epoch; a newer start of the same instance has a higher one."""
        return self._epoch

    @property
    def boot_id(self) -> str:
        """Changes with every boot."""
        return self._instance.boot_id

    def take_over(self) -> None:
        """Raise the instance's epoch: whoever ran under its name before can commit nothing from now on.

        The configured station gets the configured time zone, also when it was known with another.
        """
        with self._transaction() as cursor:
            cursor.execute(
                _SQL["raise_epoch"],
                {**self._me(), "roots": as_json(self._instance.roots), "pid": self._instance.pid,
                 "host": self._instance.host},
            )  # fmt: skip
            epoch = only(cursor)[0]
            cursor.execute(
                _SQL["set_time_zone"], {"station": self._instance.station, "time_zone": self._instance.time_zone}
            )
        self._epoch, self._forgotten = epoch, False

    def move(self, roots: tuple[str, ...], station: str) -> None:
        """This instance reads other folders from now on, and is configured for that station, of the same time zone."""
        self._instance = self._instance._replace(roots=roots, station=station)
        with self._transaction() as cursor:
            cursor.execute(_SQL["move"], {**self._me(), "roots": as_json(roots)})
            if cursor.rowcount != 1:
                self._check_fence(cursor)
            cursor.execute(_SQL["set_time_zone"], {"station": station, "time_zone": self._instance.time_zone})

    def heartbeat(self, health: dict[str, Any]) -> None:
        """Say that this instance lives.

        Raises:
            Fenced: a newer start took over.
            CheckpointMoved: the database was restored from a backup.
        """
        with self._transaction() as cursor:
            cursor.execute(_SQL["heartbeat"], {**self._me(), "health": as_json(health)})
            if cursor.rowcount != 1:
                self._check_fence(cursor)

    def sign_off(self) -> None:
        """Say that this instance stopped, so that others may have its files at once."""
        with self._transaction() as cursor:
            cursor.execute(_SQL["sign_off"], self._me())

    def other_live_roots(self) -> dict[str, list[str]]:
        """Folders that other live instances of this machine read, by instance."""
        with self._transaction() as cursor:
            cursor.execute(_SQL["other_live_instances"], {**self._me(), "live_seconds": LIVE_SECONDS})
            return dict(cursor.fetchall())

    def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # -- the fence ------------------------------------------------------------------------------------------------

    def _check_fence(self, cursor: Cursor) -> None:
        cursor.execute(_SQL["current_epoch"], {"instance": self._instance.name})
        row = cursor.fetchone()
        epoch = row[0] if row else 0
        if epoch > self._epoch:
            raise self._fenced()
        if epoch < self._epoch:
            self._forgotten = True
            raise CheckpointMoved(
                "the database is older than what this radiolog wrote (restored from a backup?); all files are read "
                "again from its checkpoints"
            )

    def _moved(self, cursor: Cursor, path: str) -> CheckpointMoved:
        self._check_fence(cursor)
        return CheckpointMoved(f"{path}: its checkpoint was moved by somebody else; reading it again from there")

    def _fenced(self) -> Fenced:
        return Fenced(
            f"another radiolog was started for the same folders ({', '.join(self._instance.roots)}) and has taken over"
        )

    def _me(self) -> dict[str, Any]:
        return {"instance": self._instance.name, "machine": self._instance.machine, "epoch": self._epoch}

    @contextmanager
    def _transaction(self) -> Iterator[Cursor]:
        if self._connection is None:
            self._connection = self._connect()
        try:
            with self._supervisor.transaction(self._connection) as cursor:
                yield cursor
        except BaseException:
            self.close()
            raise


def only(cursor: Cursor) -> tuple[Any, ...]:
    """The one row that a statement returns, or would have raised."""
    row = cursor.fetchone()
    assert row is not None  # noqa: S101 (the statement returns a row or raises)
    return row


def as_json(value: object) -> str:
    """A value for a column of type jsonb."""
    return msgspec.json.encode(value).decode()
