"""Looks for what an operator must know at once: facts from the database and the disk, changes into the outbox.

State and message are one transaction, and one daemon at a time looks: a change is told once. Nothing is judged while
the daemon has not caught up with its files, so a backlog raises no alarm about the past.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from psycopg2.extensions import connection as Connection  # noqa: N812 (a class under a function's name)
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from psycopg2.extras import Json

from ingest.alerts import Seen, State, decide
from ingest.queries import load
from ingest.supervisor import Supervisor
from logging_module.config import LoggingConfig
from logging_module.locations import data_folder

LOOK_EVERY = timedelta(seconds=5)
# A daemon that was at the end of its files so lately knows the present.
FRESH = timedelta(seconds=30)
BEHIND_SECONDS = 60.0
SLOW_BY, KEEPS_UP_BY = 0.03, 0.01
RESTARTS = 3
_SAMPLES = 3

_SQL = load("ingest", "alerts.sql")


class Limits(NamedTuple):
    """From which values on something is a trouble.

    Attributes:
        alerts: the kinds that are looked for.
        off_air_seconds: without a sign of life.
        disk_free_percent: less than this is nearly full.
        folders: whose disks are looked at.
        host: this machine.
    """

    alerts: tuple[str, ...]
    off_air_seconds: float
    disk_free_percent: float
    folders: tuple[str, ...]
    host: str


def limits_of(config: LoggingConfig, folders: Sequence[str], host: str) -> Limits:
    """The limits of a configuration.

    Args:
        config: from the environment.
        folders: of the logs.
        host: this machine.
    """
    own = (str(data_folder(config.data_dir)),) if config.embedded else ()
    return Limits(config.alerts, config.silence_seconds, config.disk_free_percent, (*folders, *own), host)


class Alerting:
    """Looks now and then, over one connection of its own.

    Args:
        connect: opens a connection; called again after every error.
        instance: whose files are ours.
        limits: what is a trouble.
        is_caught_up: whether everything that is in the files has been read.
        clock: the present, UTC.
        supervisor: ends calls that nobody answers.

    Attributes:
        limits: what is a trouble; may be set by another thread.
    """

    def __init__(
        self, connect: Callable[[], Connection], instance: str, limits: Limits, is_caught_up: Callable[[], bool],
        clock: Callable[[], datetime], supervisor: Supervisor,
    ) -> None:  # fmt: skip
        self._connect = connect
        self._instance = instance
        self.limits = limits
        self._is_caught_up = is_caught_up
        self._clock = clock
        self._supervisor = supervisor
        self._connection: Connection | None = None
        self._looked_at: datetime | None = None
        self._caught_up_at: datetime | None = None
        self._watching_since: datetime | None = None

    def look(self) -> None:
        """One look, unless the last was a moment ago or this daemon has never caught up yet.

        Raises:
            DatabaseError: nothing was changed; the next look sees the same.
        """
        now = self._clock()
        if self._is_caught_up():
            self._caught_up_at = now
            self._watching_since = self._watching_since or now
        just_looked = self._looked_at is not None and timedelta() <= now - self._looked_at < LOOK_EVERY
        if self._watching_since is None or just_looked:
            return
        self._looked_at = now
        if self._connection is None:
            self._connection = self._connect()
        try:
            with self._supervisor.transaction(self._connection) as cursor:
                self._look(cursor, now, self._watching_since)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _look(self, cursor: Cursor, now: datetime, watching_since: datetime) -> None:
        if _rows(cursor, "take_turn")[0]["pg_try_advisory_xact_lock"] is False:
            return
        cursor.execute(_SQL["known"])
        known = {(row[0], row[1]): State(*row[2:]) for row in cursor.fetchall()}
        for seen in self._seen(cursor, now):
            if seen.alert not in self.limits.alerts:
                continue
            change = decide(seen, known.get((seen.station, seen.name)), now, watching_since)
            if change is None:
                continue
            state = change.state
            detail = Json({"phase_at": state.phase_at.isoformat()})
            parameters = {"station": seen.station, "alert": seen.name, "state": state.state, "since": state.since}
            cursor.execute(_SQL["keep"], {**parameters, "now": now, "detail": detail})
            if change.notice is not None:
                key = f"alert/{seen.station}/{seen.name}/{state.state}/{now:%Y%m%dT%H%M%S.%f}"
                told = {"dedupe_key": key, "station": seen.station or None, "kind": seen.alert}
                cursor.execute(_SQL["tell"], {**told, "payload": Json(change.notice.as_payload())})

    def _seen(self, cursor: Cursor, now: datetime) -> Iterator[Seen]:
        ingest = _rows(cursor, "ingest", instance=self._instance)[0]
        caught_up_at = self._caught_up_at or now
        yield Seen(
            "ingest_behind", "", (now - caught_up_at).total_seconds(), BEHIND_SECONDS, 1.0, caught_up_at,
            scope=self.limits.host,
        )  # fmt: skip
        yield Seen(
            "file_suspended", "", float(ingest["suspended"]), 1.0, 1.0, now,
            (str(ingest["suspended_path"] or ""), "radiolog dead-letters list, then release."), self.limits.host,
        )  # fmt: skip
        yield from disks(self.limits.folders, self.limits, now)
        knows_now = now - caught_up_at < FRESH and not ingest["others_silent"]
        for row in _rows(cursor, "stations"):
            yield from of_station(row, self.limits, now, judged=knows_now and not row["maintained"])


def of_station(row: dict[str, Any], limits: Limits, now: datetime, *, judged: bool) -> Iterator[Seen]:
    """What the facts of a station say about its alerts. Pure.

    Args:
        row: of the query `stations`.
        limits: what is a trouble.
        now: the present.
        judged: whether the facts tell of the present.
    """
    station, sign_at, encoder_known = row["station"], row["last_sign_at"], row["encoder_known"]
    silent = max(0.0, (now - sign_at).total_seconds()) if sign_at is not None else None
    words = (f"The encoder's last words: {row['cause']}",) if row["cause"] and encoder_known else ()
    running = judged and encoder_known and silent is not None and silent < limits.off_air_seconds
    slow = 1.0 - row["speed"] if running and row["samples"] >= _SAMPLES else None
    speed = (f"Its speed was {row['speed']:.3f} over two minutes; 1 is real time.",) if slow is not None else ()
    stalled = float(row["stalled_at"] is not None) if running else None
    restarts = float(row["restarts"]) if judged else None
    yield Seen(
        "off_air",
        station,
        silent if judged else None,
        limits.off_air_seconds,
        limits.off_air_seconds / 2,
        sign_at or now,
        words,
    )
    yield Seen("encoder_slow", station, slow, SLOW_BY, KEEPS_UP_BY, now, speed)
    yield Seen("encoder_stalled", station, stalled, 1.0, 1.0, row["stalled_at"] or now)
    yield Seen(
        "restarts", station, restarts, RESTARTS, RESTARTS - 1, row["first_restart_at"] or now,
        (f"{row['restarts']} starts within ten minutes.",),
    )  # fmt: skip


def disks(folders: Sequence[str], limits: Limits, now: datetime) -> Iterator[Seen]:
    """How full the disks below some folders are, each disk once."""
    devices = set()
    for folder in folders:
        try:
            device, usage = os.stat(folder).st_dev, shutil.disk_usage(folder)
        except OSError:
            continue  # a folder that is not there has no disk; the daemon says so elsewhere
        if device in devices or not usage.total:
            continue
        devices.add(device)
        free_percent = 100 * usage.free / usage.total
        yield Seen(
            "disk_full", "", -free_percent, -limits.disk_free_percent, -limits.disk_free_percent * 1.2, now,
            (f"{folder}: {free_percent:.1f} % free, {usage.free >> 20} MiB.",), f"{limits.host}:{folder}",
        )  # fmt: skip


def _rows(cursor: Cursor, name: str, **parameters: Any) -> list[dict[str, Any]]:
    cursor.execute(_SQL[name], parameters)
    columns = [column.name for column in cursor.description or ()]
    return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
