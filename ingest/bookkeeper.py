"""Derived state from committed facts: ends of plays, errors' plays, counts. Reads no log and moves no checkpoint.

Ingest transactions only append facts and say in `derive_queue` which span of which station changed. One bookkeeper at a
time takes entries and recomputes what follows, in the same transaction; so concurrent ingest never deadlocks over
derived rows, and the order in which files are read does not matter.

Metrics are rolled up likewise (`rollup_queue`), in transactions of their own: those hold a lock on all metrics, which a
clean-up waits for while it holds plays. They are recounted a quarter of an hour at a time, when it is over.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from psycopg2.extensions import connection as Connection  # noqa: N812 (a class under a function's name)
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from ingest.errors import DatabaseError, DatabaseUnavailable
from ingest.foreseen import Thresholds
from ingest.queries import load
from ingest.supervisor import Supervisor

# Of a backlog each stands for thousands of plays.
ENTRIES_AT_ONCE = 20
# A backfill's worth of plays. The planner is told how large the tables are when as many were derived as it knows of.
ANALYZE_FROM_PLAYS = 200
MERGE_WITHIN = timedelta(minutes=10)
# One statement may derive a year of plays.
PATIENCE = 10.0
# Rolling up recounts whole quarters: in a backlog, the same one again and again if it were done after every commit.
ROLL_UP_EVERY_SECONDS = 10.0
SPANS_AT_ONCE = 20_000
# Beside a backlog: so many spans at once, for the reading may have to wait for their locks; the pause between two
# looks; and that behind a recount, as a multiple of what it took.
SPANS_BESIDE = 20
REST_SECONDS = 0.5
ROLL_UP_REST = 2.0

_SQL = load("ingest", "bookkeeper.sql")
_ROLLUPS = load("ingest", "rollups.sql")


class Span(NamedTuple):
    """A station's time from the first to the last fact that changed."""

    station: str
    from_time: datetime
    to_time: datetime


class Bookkeeper:
    """Works off the queue over one connection of its own.

    Args:
        connect: opens a connection; called again after every error.
        thresholds: for implied ends.
        supervisor: ends calls that nobody answers.
        monotonic: a clock in seconds that never jumps.
    """

    def __init__(
        self, connect: Callable[[], Connection], thresholds: Thresholds, supervisor: Supervisor | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._connect = connect
        self._supervisor = supervisor or Supervisor()
        self._thresholds = thresholds
        self._connection: Connection | None = None
        self._monotonic = monotonic
        self._rolled_up_at = float("-inf")
        self._plays = 0  # derived since the planner was told how many there are

    def work(self) -> int:
        """Take the next entries and derive what follows from them.

        Returns:
            How many entries were taken; 0 when there are none, or while another bookkeeper is at it.

        Raises:
            DatabaseError: nothing was changed; the entries are still there.
        """
        return self._in_transaction(self._work)

    def work_all(self) -> int:
        """Work off what waits, and roll up metrics when that is due; gives how many entries were taken."""
        total = self._work_off()
        if self._monotonic() >= self._rolled_up_at + ROLL_UP_EVERY_SECONDS:
            self.roll_up()
            self._rolled_up_at = self._monotonic()
        return total

    def work_all_at_once(self) -> None:
        """Work off all that waits in both queues, rolling up over a second connection: for who waits for the end."""
        other = Bookkeeper(self._connect, self._thresholds, self._supervisor)
        with closing(other), ThreadPoolExecutor(1, thread_name_prefix="rollups") as pool:
            rolled_up = pool.submit(other.roll_up_waiting)
            self._work_off()
            rolled_up.result()

    @contextmanager
    def alongside(self) -> Iterator[None]:
        """Work in a thread of its own while, in the block, a backlog is read: there is a core left over.

        What it does not come to, or a fault keeps it from, is left to `work_all_at_once` behind the block.
        """
        done = threading.Event()
        with ThreadPoolExecutor(1, thread_name_prefix="bookkeeper") as pool:
            try:
                worked = pool.submit(self._work_until, done)
                yield
            except BaseException:
                self._supervisor.hurry()  # nobody waits for what follows any more
                raise
            finally:
                done.set()
            worked.result()

    def _work_until(self, done: threading.Event) -> None:
        roll_up_at = 0.0
        while not done.wait(REST_SECONDS):
            try:
                self.work()
                began = self._monotonic()
                if began >= roll_up_at:
                    self.roll_up(SPANS_BESIDE)
                    ended = self._monotonic()
                    roll_up_at = ended + ROLL_UP_REST * (ended - began)
            except DatabaseUnavailable:
                continue  # it passes, or the reading says so
            except DatabaseError:
                return

    def _work_off(self) -> int:
        """All that waits now: where less than a portion was taken, the rest came later, and without an end."""
        total = taken = self.work()
        while taken == ENTRIES_AT_ONCE:
            taken = self.work()
            total += taken
        return total

    def roll_up(self, at_once: int = SPANS_AT_ONCE) -> int:
        """Recount the quarters of an hour whose metrics changed, but for the running one, of as many entries `at_once`.

        Returns:
            How many spans were recounted; 0 when there are none, or while another bookkeeper is at it.

        Raises:
            DatabaseError: nothing was changed; what waits is still there.
        """
        return self._in_transaction(lambda cursor: self._roll_up(cursor, at_once))

    def roll_up_waiting(self) -> None:
        """Roll up all that waits now, a portion after the other; what comes meanwhile is somebody else's."""
        for _ in range(0, self._in_transaction(self._spans_waiting), SPANS_AT_ONCE):
            self.roll_up()

    def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _in_transaction(self, work: Callable[[Cursor], int]) -> int:
        if self._connection is None:
            self._connection = self._connect()
        try:
            with self._supervisor.transaction(self._connection, PATIENCE) as cursor:
                return work(cursor)
        except BaseException:
            self.close()
            raise

    @staticmethod
    def _roll_up(cursor: Cursor, at_once: int) -> int:
        cursor.execute(_ROLLUPS["take_turn"])
        if cursor.fetchone() != (True,):
            return 0
        cursor.execute(_ROLLUPS["take_spans"], {"limit": at_once})
        spans = [Span(*row) for row in cursor.fetchall()]
        if spans:
            stations, from_times, to_times = map(list, zip(*spans, strict=True))
            cursor.execute(_ROLLUPS["memory"])
            cursor.execute(_ROLLUPS["roll_up"], {"stations": stations, "from_times": from_times, "to_times": to_times})
        return len(spans)

    @staticmethod
    def _spans_waiting(cursor: Cursor) -> int:
        cursor.execute(_ROLLUPS["waiting"])
        row = cursor.fetchone()
        return row[0] if row is not None else 0

    def _work(self, cursor: Cursor) -> int:
        cursor.execute(_SQL["take_turn"])
        turn = cursor.fetchone()
        if turn is None or not turn[0]:
            return 0
        cursor.execute(_SQL["take_entries"], {"limit": ENTRIES_AT_ONCE})
        entries = [Span(*row) for row in cursor.fetchall()]
        if entries:
            cursor.execute(_SQL["plan_for_indexes"])
        touched = [(span, self._touched(cursor, span)) for span in merged(entries)]
        cursor.execute(_SQL["lock_plays"], {"plays": _literal(play for _, plays in touched for play in plays)})
        for span, plays in touched:
            self._derive(cursor, span, plays)
        return len(entries)

    @staticmethod
    def _known_plays(cursor: Cursor) -> float:
        cursor.execute(_SQL["known_plays"])
        row = cursor.fetchone()
        return row[0] if row is not None else 0.0

    @staticmethod
    def _touched(cursor: Cursor, span: Span) -> list[int]:
        cursor.execute(_SQL["touched_plays"], span._asdict())
        return [row[0] for row in cursor.fetchall()]

    def _derive(self, cursor: Cursor, span: Span, plays: list[int]) -> None:
        parameters: dict[str, Any] = {**span._asdict(), **self._thresholds._asdict(), "plays": _literal(plays)}
        self._plays += len(plays)
        if len(plays) > ANALYZE_FROM_PLAYS:
            cursor.execute(_SQL["memory"])
            if self._plays >= self._known_plays(cursor):
                cursor.execute(_SQL["analyze"])
                self._plays = 0
        cursor.execute(_SQL["derive_ends"], parameters)
        cursor.execute(_SQL["resolve_errors"], parameters)
        cursor.execute(_SQL["link_errors"], parameters)
        parameters["plays"] = _literal(sorted({*plays, *(row[0] for row in cursor.fetchall())}))
        cursor.execute(_SQL["count_errors"], parameters)


def _literal(ids: Iterable[int]) -> str:
    """One constant to parse; an ARRAY[…] of 50,000 is as many."""
    return "{" + ",".join(map(str, ids)) + "}"


def merged(spans: Iterable[Span]) -> list[Span]:
    """Spans of one station that overlap or nearly touch, as one; sorted by station and time."""
    result: list[Span] = []
    for span in sorted(spans):
        last = result[-1] if result else None
        if last is not None and last.station == span.station and span.from_time - last.to_time <= MERGE_WITHIN:
            result[-1] = last._replace(to_time=max(last.to_time, span.to_time))
        else:
            result.append(span)
    return result
