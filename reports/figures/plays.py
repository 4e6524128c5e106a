"""Analytics of plays and tracks: what played, how often, when, and what it did to the listeners."""

from datetime import date, datetime
from typing import Any

from ingest.fit import track_key
from reports.figures.base import LISTENER_METRICS, Figures, checked_limit, checked_station, span
from reports.frames import FLAG, FLOAT, INTEGER, TEXT, TIME, framed, framed_one
from reports.reader import Row
from reports.uptime import Uptime
from reports.window import Window

_PLAY_STATS = {
    "total_plays": INTEGER, "unique_tracks": INTEGER, "uptime_percent": FLOAT, "coverage_percent": FLOAT,
    "interruptions": INTEGER, "error_rate": FLOAT, "plays_with_errors": INTEGER, "total_play_seconds": FLOAT,
    "average_duration_seconds": FLOAT,
}  # fmt: skip
_MOST_PLAYED = {
    "artist": TEXT, "title": TEXT, "play_count": INTEGER, "total_play_seconds": FLOAT, "last_played_at": TIME,
}  # fmt: skip
PLAY = {
    "id": INTEGER, "station": TEXT, "artist": TEXT, "title": TEXT, "album": TEXT, "started_at": TIME, "ended_at": TIME,
    "duration_seconds": FLOAT, "expected_duration_seconds": FLOAT, "ended_by": TEXT, "had_errors": FLAG,
    "error_count": INTEGER, "error_message": TEXT,
}  # fmt: skip
_REPEATS = {
    "station": TEXT, "artist": TEXT, "title": TEXT, "play_count": INTEGER, "shortest_seconds": FLOAT,
    "median_seconds": FLOAT,
}  # fmt: skip
_RETENTION = {
    "artist": TEXT, "title": TEXT, "play_count": INTEGER, "listeners_at_start": FLOAT, "listeners_at_end": FLOAT,
    "retention_percent": FLOAT,
}  # fmt: skip


class PlayFigures(Figures):
    """See the module. Every method takes `start` and `end` in place of `days` (see `Figures.window`)."""

    def get_play_stats(
        self, days: float = 7, *, start: datetime | date | None = None, end: datetime | date | None = None,
        station: str | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """Plays and uptime of the last days.

        Args:
            days: how many times 24 hours, up to now.
            start: the first instant instead.
            end: the first instant behind the window.
            station: None: sums over all stations.

        Returns:
            total_plays, unique_tracks, uptime_percent, coverage_percent, interruptions, error_rate (percent of plays
            with errors), plays_with_errors, total_play_seconds, average_duration_seconds (of ended plays).

        Raises:
            RangeError: the window makes no sense.
            DatabaseError: PostgreSQL cannot be reached or refused.
        """
        window = self.window(days, start=start, end=end, station=station)
        return self.play_stats_of(window, station)

    def play_stats_of(self, window: Window, station: str | None, uptime: Uptime | None = None) -> dict[str, Any]:
        """`get_play_stats` of a window.

        Args:
            window: the span.
            station: None: sums over all stations.
            uptime: of the same window, where the caller has it already.
        """
        uptime = uptime or self.uptime(window, station=station)
        return {
            **self._reader.one("plays.sql", "play_stats", span(window, station)),
            "uptime_percent": uptime.total.uptime_percent,
            "coverage_percent": uptime.total.coverage_percent,
            "interruptions": uptime.interruptions,
        }

    def get_most_played_tracks(
        self, days: float = 30, limit: int = 10, *, start: datetime | date | None = None,
        end: datetime | date | None = None, station: str | None = None,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """The tracks with the most plays; of equals the one played last comes first.

        Args:
            days: how many times 24 hours, up to now.
            limit: how many at most.
            start: the first instant instead.
            end: the first instant behind the window.
            station: None: all stations.

        Returns:
            artist, title, play_count, total_play_seconds, last_played_at.

        Raises:
            RangeError: the window makes no sense, or the limit is below 0 or above 1,000,000,000.
            DatabaseError: PostgreSQL cannot be reached or refused.
        """
        window = self.window(days, start=start, end=end, station=station)
        return self._reader.rows("plays.sql", "most_played", span(window, station, limit=checked_limit(limit)))

    def get_hourly_play_distribution(
        self, days: float = 7, *, start: datetime | date | None = None, end: datetime | date | None = None,
        station: str | None = None,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """Plays by the hour of day in which they started, in the time zone of their station.

        Args:
            days: how many times 24 hours, up to now.
            start: the first instant instead.
            end: the first instant behind the window.
            station: None: all stations.

        Returns:
            24 times hour_of_day (0 to 23), play_count.

        Raises:
            RangeError: the window makes no sense.
            DatabaseError: PostgreSQL cannot be reached or refused.
        """
        window = self.window(days, start=start, end=end, station=station)
        return self._reader.rows("plays.sql", "hourly", span(window, station, zone=self.config.time_zone))

    def get_track_history(
        self, artist: str, title: str, limit: int = 20, *, station: str | None = None
    ) -> list[dict[str, Any]]:
        """The plays of one track, newest first. Case, spacing and Unicode form of the names do not matter.

        Args:
            artist: as it was logged, or nearly.
            title: same.
            limit: how many at most.
            station: None: all stations.

        Returns:
            id, station, artist, title, album, started_at, ended_at (None while it runs), duration_seconds,
            expected_duration_seconds, ended_by, had_errors, error_count, error_message.

        Raises:
            RangeError: the limit is below 0 or above 1,000,000,000.
            DatabaseError: PostgreSQL cannot be reached or refused.
        """
        key = track_key(storable(artist), storable(title))
        parameters = {"track_key": key, "limit": checked_limit(limit), "station": checked_station(station)}
        return self._reader.rows("plays.sql", "track_history", parameters)

    def get_repeat_distances(
        self, days: float = 7, limit: int = 20, *, start: datetime | date | None = None,
        end: datetime | date | None = None, station: str | None = None,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """How soon tracks came again at the same station, start to start; the soonest first.

        Args:
            days: how many times 24 hours, up to now.
            limit: how many tracks at most.
            start: the first instant instead.
            end: the first instant behind the window.
            station: None: all stations.

        Returns:
            station, artist, title, play_count, shortest_seconds, median_seconds; tracks that played once there are
            left out.

        Raises:
            RangeError: the window makes no sense, or the limit is below 0 or above 1,000,000,000.
            DatabaseError: PostgreSQL cannot be reached or refused.
        """
        window = self.window(days, start=start, end=end, station=station)
        return self._reader.rows("plays.sql", "repeat_distances", span(window, station, limit=checked_limit(limit)))

    def get_listener_retention(
        self, days: float = 30, limit: int = 20, *, start: datetime | date | None = None,
        end: datetime | date | None = None, station: str | None = None,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """Which tracks kept their listeners, where a service logs a metric of `LISTENER_METRICS`; else an empty list.

        Args:
            days: how many times 24 hours, up to now.
            limit: how many tracks at most.
            start: the first instant instead.
            end: the first instant behind the window.
            station: None: all stations.

        Returns:
            artist, title, play_count, listeners_at_start, listeners_at_end (averages over plays), retention_percent.

        Raises:
            RangeError: the window makes no sense, or the limit is below 0 or above 1,000,000,000.
            DatabaseError: PostgreSQL cannot be reached or refused.
        """
        window = self.window(days, start=start, end=end, station=station)
        parameters = span(
            window, station, limit=checked_limit(limit), metrics=list(LISTENER_METRICS),
            max_open_seconds=self.config.max_open_play_seconds,
        )  # fmt: skip
        return self._reader.rows("plays.sql", "listener_retention", parameters)

    def daily_plays(self, window: Window, station: str | None) -> list[Row]:
        """Plays by calendar day: day, total_plays, unique_tracks, plays_with_errors; only days that have a play."""
        return self._reader.rows("plays.sql", "daily_plays", span(window, station, zone=self.zone(station).key))

    get_play_stats_frame = framed_one(get_play_stats, _PLAY_STATS)
    get_most_played_tracks_frame = framed(get_most_played_tracks, _MOST_PLAYED)
    get_hourly_play_distribution_frame = framed(
        get_hourly_play_distribution, {"hour_of_day": INTEGER, "play_count": INTEGER}
    )
    get_track_history_frame = framed(get_track_history, PLAY)
    get_repeat_distances_frame = framed(get_repeat_distances, _REPEATS)
    get_listener_retention_frame = framed(get_listener_retention, _RETENTION)


def storable(text: str) -> str:
    """Text as it can stand in the database: no NUL, no lone surrogate."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
