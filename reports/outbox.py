"""The outbox in PostgreSQL: notices that are to be sent at least once. Speaks to no network but the database."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg2
from psycopg2.extras import Json

from ingest.database import translate
from ingest.notice import Notice
from ingest.queries import load
from ingest.schema import ready_connection
from logging_module.config import LoggingConfig
from reports.reader import Row

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 (a class under a function's name)

# Longer than any try takes: behind it, the sender has died.
LEASE_SECONDS = 90.0

_SQL = load("reports", "outbox.sql")


@dataclass(frozen=True)
class Taken:
    """A row that is ours to send until its lease ends."""

    id: int
    target: str
    notice: Notice
    attempts: int

    @property
    def message_id(self) -> str:
        """Shown with the message; a repeat carries the same."""
        return f"#{self.id}"


class Outbox:
    """One connection, opened by the first call and again after it broke. Every call is a transaction of its own.

    Args:
        config: says which server.
    """

    def __init__(self, config: LoggingConfig) -> None:
        self._config = config
        self._connection: Connection | None = None

    def put(self, dedupe_key: str, notice: Notice, *, station: str | None = None, target: str = "") -> None:
        """Keep a notice; one of the same key is kept once.

        Args:
            dedupe_key: at most 200 characters.
            notice: what to say.
            station: of which it tells.
            target: the name of one; empty: all that the notifier knows.
        """
        payload = Json(notice.as_payload())
        self._run("put", dedupe_key=dedupe_key, target=target, station=station, kind=notice.kind, payload=payload)

    def prepare(self, targets: list[str]) -> None:
        """Hand new notices to each target; give up old ones, and those for webhooks that are gone."""
        self._run("give_up")
        self._run("forget")
        if targets:
            self._run("split", targets=targets)

    def take(self, target: str) -> Taken | None:
        """The next notice of a target, if it is due; nobody else gets it before its lease ends."""
        for row in self._run("take", target=target, lease_seconds=LEASE_SECONDS):
            return Taken(row["id"], target, Notice.from_payload(row["payload"]), row["attempts"])
        return None

    def settle(self, row_id: int, state: str, reason: str | None, wait_seconds: float = 0.0) -> None:
        """Say what became of a row: sent, pending (again after a wait), dead or gone."""
        self._run("settle", id=row_id, state=state, reason=reason, wait_seconds=wait_seconds)

    def waiting(self, targets: list[str]) -> list[Row]:
        """Rows still to be sent: id, target, attempts, last_error, wait_seconds."""
        return self._run("waiting", targets=targets)

    def gone(self, targets: list[str]) -> list[str]:
        """Those whose webhook was removed or forbidden: they get nothing until a test reaches them."""
        return [row["target"] for row in self._run("gone", targets=targets)]

    def found(self, dedupe_key: str) -> list[Row]:
        """What became of a notice at each target: target, state, last_error."""
        pattern = dedupe_key.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "@%"
        return self._run("found", dedupe_key=dedupe_key, split_keys=pattern)

    def revive(self, target: str) -> None:
        """A webhook that was gone works again."""
        self._run("revive", target=target)

    def begin_notifying(self) -> bool:
        """Become the notifier, as long as the connection lasts. False: there is one already."""
        return bool(self._run("begin_notifying")[0]["mine"])

    def is_notifier_running(self) -> bool:
        """Whether some process is the notifier."""
        return bool(self._run("is_notifier_running")[0]["running"])

    def is_daemon_alive(self) -> bool:
        """Whether any daemon of this database gave a sign within the last minute."""
        return bool(self._run("is_daemon_alive")[0]["alive"])

    def daemons(self) -> list[Row]:
        """Of each machine with a running daemon: host, now (the database's), heartbeat_at, silent_seconds."""
        return self._run("daemons")

    @property
    def is_open(self) -> bool:
        """Whether the connection still stands: the notifier's lock goes with it."""
        return self._connection is not None and not self._connection.closed

    def close(self) -> None:
        """Give the connection back; a later call opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _run(self, name: str, **parameters: Any) -> list[Row]:
        return self.ask(_SQL[name], **parameters)

    def ask(self, query: str, **parameters: Any) -> list[Row]:
        """What a query of another file gives, over the same connection.

        Args:
            query: its text.
            parameters: its named parameters.

        Raises:
            DatabaseError: PostgreSQL cannot be reached or refused.
        """
        if self._connection is None or self._connection.closed:
            self._connection = ready_connection(self._config, application_name="radiolog notify", autocommit=True)
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(query, parameters)
                if cursor.description is None:
                    return []
                columns = [column.name for column in cursor.description]
                return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
        except psycopg2.Error as error:
            self.close()
            raise translate(error) from error
