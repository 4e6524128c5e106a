"""What tests of uptime share: half an hour of a station, filling a database, asking for its uptime."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

from fix_postgres import Database
from station_kit import Station

from reports.reader import Reader
from reports.uptime import Rules, Uptime, read_uptime
from reports.window import Window

START = datetime(2026, 11, 20, tzinfo=UTC)
END = START + timedelta(minutes=30)
RULES = Rules(gap_seconds=10, max_open_seconds=900)


def at(minutes: float, seconds: float = 0) -> datetime:
    return START + timedelta(minutes=minutes, seconds=seconds)


def fill(database: Database, *stations: Station) -> None:
    tables = ("play_history", "error_log", "system_metrics", "stream_sessions", "maintenance_windows", "stations")
    with closing(database.connect()) as connection:
        with connection, connection.cursor() as cursor:
            cursor.execute("; ".join(f"DELETE FROM {table}" for table in tables))
        for station in stations:
            station.store(connection)


class Asker:
    """Asks a database for uptime over one connection; without arguments, for half an hour that is long past."""

    def __init__(self, database: Database) -> None:
        self._reader = Reader(database.config)

    def close(self) -> None:
        self._reader.close()

    def __call__(
        self, start: datetime = START, end: datetime = END, *, now: datetime | None = None, zone: str = "UTC",
        station: str | None = None,
    ) -> Uptime:  # fmt: skip
        present = now or end + timedelta(hours=1)
        return read_uptime(self._reader, Window(start, end), now=present, zone=zone, rules=RULES, station=station)
