"""Ends database calls that nobody answers: the socket of a call that is too old is shut, and the call fails.

`statement_timeout` is kept by the server, so it is of no use when that hangs (a stopped process, a dead disk) or when
the network swallows everything; TCP's own timers see neither a hung process nor a silent proxy. Shutting the socket
makes libpq return at once with a lost connection, after which everything goes on as after any lost connection.

A call is watched through a duplicate of its connection's descriptor, made and closed with the call. So what is shut is
always this connection, though libpq may close its own descriptor meanwhile and the number be somebody else's.
"""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 (a class under a function's name)
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from ingest.database import translate
from ingest.errors import DatabaseUnavailable

TIMEOUT_SECONDS = 60.0
# What is still to be said to the database when the process shall end must be said within this.
GRACE_SECONDS = 5.0
_LOOK_EVERY_SECONDS = 0.25


class Supervisor:
    """Watches the calls of some connections, from any thread.

    Args:
        timeout_seconds: how long one call may take: a statement, or a COMMIT.
        monotonic: a clock in seconds that never jumps.
    """

    def __init__(
        self, timeout_seconds: float = TIMEOUT_SECONDS, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._timeout_seconds = timeout_seconds
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._calls: set[_Call] = set()
        self._watching = False
        self._end_at = float("inf")

    def hurry(self) -> None:
        """The process shall end: from `GRACE_SECONDS` on, no call is waited for. Safe in a signal handler."""
        self._end_at = min(self._end_at, self._monotonic() + GRACE_SECONDS)

    def waiting(self) -> set[int]:
        """The threads whose calls are not too old yet: they will go on, because such a call ends or is ended."""
        now = self._monotonic()
        with self._lock:
            return {call.thread for call in self._calls if call.is_in_time(now)}

    @contextmanager
    def transaction(self, connection: Connection, patience: float = 1.0) -> Iterator[Cursor]:
        """A cursor for one transaction, which is committed at the end; each of its calls is watched.

        Args:
            connection: the caller closes it after any error.
            patience: how many times the usual timeout a call may take.

        Raises:
            DatabaseError: for what the driver raised. DatabaseUnavailable also for a call that was too old.
        """
        call = None
        try:
            with self.watch(connection, patience) as call:
                with connection.cursor(cursor_factory=_WatchedCursor) as cursor:
                    cursor.call = call
                    yield cursor
                call.begin()
                connection.commit()
        except psycopg2.Error as error:
            if call is not None and call.cut_after_seconds is not None:
                raise DatabaseUnavailable(
                    f"PostgreSQL gave no answer within {call.cut_after_seconds:.0f} s; the connection was cut"
                ) from error
            raise translate(error) from error

    @contextmanager
    def watch(self, connection: Connection, patience: float = 1.0) -> Iterator["_Call"]:
        """Let nobody wait for a connection longer than for one call.

        Raises:
            DatabaseUnavailable: no descriptor is left to watch it by.
        """
        try:
            own = socket.socket(fileno=os.dup(connection.fileno()))
        except OSError as error:  # no descriptor is left
            raise DatabaseUnavailable(f"a call to PostgreSQL cannot be watched: {error.strerror}") from error
        call = _Call(own, self._timeout_seconds * patience, self._monotonic)
        with self._lock:
            self._calls.add(call)
            if not self._watching:
                self._watching = True
                threading.Thread(target=self._look, name="database supervisor", daemon=True).start()
        try:
            yield call
        finally:
            with self._lock:  # never closed while the other thread is about to shut it
                self._calls.discard(call)
                own.close()

    def _look(self) -> None:
        """The watching thread: it ends by itself when there is nothing to watch."""
        while True:
            time.sleep(_LOOK_EVERY_SECONDS)
            with self._lock:
                if not self._calls:
                    self._watching = False
                    return
                for call in self._calls:
                    call.cut_if_older(self._monotonic(), self._end_at)


class _Call:
    """What a connection waits for now."""

    def __init__(self, own: socket.socket, timeout_seconds: float, monotonic: Callable[[], float]) -> None:
        self.socket = own
        self.thread = threading.get_ident()
        self.cut_after_seconds: float | None = None
        self._timeout_seconds = timeout_seconds
        self._monotonic = monotonic
        self._began = monotonic()

    def begin(self) -> None:
        """Another call of the same transaction begins."""
        self._began = self._monotonic()

    def is_in_time(self, now: float) -> bool:
        """Whether it may go on, or is about to be cut."""
        return self.cut_after_seconds is None and now - self._began <= self._timeout_seconds + 2 * _LOOK_EVERY_SECONDS

    def cut_if_older(self, now: float, end_at: float) -> None:
        """Shut the socket when the call is too old, or the time for all calls is over."""
        age_seconds = now - self._began
        if self.cut_after_seconds is None and (age_seconds > self._timeout_seconds or now > end_at):
            self.cut_after_seconds = age_seconds
            try:
                self.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # the peer was quicker: the call fails by itself


class _WatchedCursor(Cursor):
    """A cursor that says when each of its calls begins."""

    call: _Call

    def execute(self, *args: Any) -> None:
        self.call.begin()
        super().execute(*args)

    def copy_expert(self, *args: Any) -> None:
        self.call.begin()
        super().copy_expert(*args)
