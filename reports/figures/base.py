"""What all analytics share: the database, the present, windows and time zones. Holds no figures."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from typing import Any, Self
from zoneinfo import ZoneInfo

from ingest.errors import RadiologError
from logging_module.config import LoggingConfig
from reports.reader import Column, Reader, Row, Writable
from reports.report.wording import visible
from reports.uptime import Rules, Uptime, read_uptime
from reports.window import RangeError, Window, resolve, zone_named

MAX_LIMIT = 1_000_000_000
# Names under which services commonly count listeners or viewers; schema.sql has an index for them.
LISTENER_METRICS = ("listeners", "listener_count", "listeners_total", "viewers", "viewer_count", "concurrent_viewers")
SOUNDEXCHANGE = "FORMAT csv, DELIMITER '|', QUOTE '^'"


class UnknownStation(RadiologError):
    """No station of that name ever logged anything."""


def utc_now() -> datetime:
    """The present."""
    return datetime.now(UTC)


class Figures:
    """The base of the analytics by topic.

    Args:
        config: the database, the default time zone, the thresholds of uptime.
        now: the present; tests give another.
    """

    def __init__(self, config: LoggingConfig, *, now: Callable[[], datetime] = utc_now) -> None:
        self.config = config
        self._now = now
        self._reader = Reader(config)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the database connection back. A later call opens another."""
        self._reader.close()

    def snapshot(self) -> AbstractContextManager[None]:
        """All calls inside see one state of the database."""
        return self._reader.snapshot()

    def stations(self) -> list[str]:
        """The names of all stations that ever logged, sorted."""
        return [row["name"] for row in self._reader.rows("database.sql", "stations")]

    def require_station(self, station: str | None) -> None:
        """Refuse a station that never logged anything: most likely its name is misspelt.

        Raises:
            UnknownStation: names those that exist.
        """
        if station is None:
            return
        known = self.stations()
        if station not in known:
            names = ", ".join(visible(name) for name in known[:20]) or "none has logged anything yet"
            raise UnknownStation(f"there is no station {visible(station)!r}; known: {names}")

    def zone(self, station: str | None = None) -> ZoneInfo:
        """The time zone whose calendar days count: the station's; without a station, the configured one."""
        if checked_station(station) is not None:
            for row in self._reader.rows("database.sql", "time_zone", {"station": station}):
                return zone_named(row["time_zone"])
        return zone_named(self.config.time_zone)

    def window(
        self, days: float, *, start: datetime | date | None = None, end: datetime | date | None = None,
        station: str | None = None,
    ) -> Window:  # fmt: skip
        """The window that arguments of a call mean (see `reports.window.resolve`).

        Raises:
            RangeError: they make no sense.
        """
        return resolve(days, self._now(), start=start, end=end, zone=self.zone(station))

    def require_past(self, window: Window) -> None:
        """Refuse a window that has not begun.

        Raises:
            RangeError: with the present.
        """
        if window.start >= self._now():
            raise RangeError(f"the range begins in the future ({window.start:%Y-%m-%d %H:%M:%S} UTC)")

    def uptime(self, window: Window, *, station: str | None = None) -> Uptime:
        """Playout uptime of a window, with spans, days and outages (docs/uptime.md).

        Raises:
            DatabaseError: PostgreSQL cannot be reached or refused.
        """
        rules = Rules(self.config.gap_threshold_seconds, self.config.max_open_play_seconds)
        return read_uptime(
            self._reader, window, now=self._now(), zone=self.zone(station).key, rules=rules, station=station
        )

    def coverage(self, window: Window) -> Row:
        """What is not in the figures.

        Returns:
            dead_letters, gaps, gap_bytes (found in the window); unread_bytes, suspended_files, underived (now); files,
            lines (ever).
        """
        return self._reader.one("database.sql", "coverage", {"from_time": window.start, "to_time": window.end})

    def copy_rows(self, table: str, window: Window, station: str | None, target: Writable) -> None:
        """Stream the rows of a window as CSV for other programs: play_history, error_log or system_metrics.

        Raises:
            DatabaseError: PostgreSQL cannot be reached or refused.
        """
        self._reader.copy_csv("export.sql", table, span(window, station), target)

    def copy_royalties(self, window: Window, station: str | None, target: Writable) -> None:
        """Stream a window's performances by track in the form of SoundExchange (see `reports.royalty`).

        Raises:
            DatabaseError: PostgreSQL cannot be reached or refused.
        """
        parameters = span(window, station, metrics=list(LISTENER_METRICS))
        self._reader.copy_csv("royalty.sql", "soundexchange", parameters, target, form=SOUNDEXCHANGE)

    def stream_rows(
        self, table: str, window: Window, station: str | None, rows_at_once: int
    ) -> Iterator[tuple[list[Column], list[tuple[Any, ...]]]]:
        """The rows of a window with their types, in parts; only inside of `snapshot`. The columns of `copy_rows`.

        Raises:
            DatabaseError: PostgreSQL cannot be reached or refused.
        """
        return self._reader.stream("export_typed.sql", table, span(window, station), rows_at_once)

    def count_rows(self, table: str, window: Window, station: str | None) -> int:
        """How many rows `copy_rows` will give, or nearly: metrics are taken from their rollups."""
        return int(self._reader.one("export.sql", f"count_{table}", span(window, station))["rows"])

    def extent(self, station: str | None = None) -> Window | None:
        """From the first to just behind the last moment that the database tells of; None when it is empty."""
        found = self._reader.one("database.sql", "extent", {"station": checked_station(station)})
        if found["first_at"] is None or found["last_at"] is None:
            return None
        return Window(found["first_at"], found["last_at"] + timedelta(microseconds=1))

    def totals(self) -> Row:
        """Everything there is: plays, tracks, metrics, sessions, dead_letters, files, lines, gaps."""
        return self._reader.one("database.sql", "totals")

    def errors_by_severity(self) -> list[Row]:
        """Everything there is but noise: severity, errors (repeats counted); the worst first."""
        return self._reader.rows("database.sql", "errors_by_severity")


def span(window: Window, station: str | None, **more: Any) -> dict[str, Any]:
    """The parameters that every query of a window takes, and those that one takes besides.

    Raises:
        UnknownStation: no station can have that name.
    """
    return {"from_time": window.start, "to_time": window.end, "station": checked_station(station), **more}


def checked_station(station: str | None) -> str | None:
    """A name that the database can be asked for. Whether it knows the station is another question.

    Raises:
        UnknownStation: no station can have that name: it holds a NUL or half of a surrogate pair.
    """
    if station is None:
        return None
    if any(char == "\0" or "\ud800" <= char <= "\udfff" for char in station):
        raise UnknownStation(f"no station can be called {visible(repr(station))}")
    return station


def checked_limit(limit: int) -> int:
    """A limit that a query can take.

    Raises:
        RangeError: it is below 0 or above 1,000,000,000.
    """
    if not 0 <= limit <= MAX_LIMIT:
        raise RangeError(f"limit must be from 0 to {MAX_LIMIT:,}")
    return limit
