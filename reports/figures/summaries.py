"""Analytics of calendar days and weeks, uptime by day, outages. Days are local, 23 to 25 hours long."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from reports.figures.base import checked_limit, span
from reports.figures.errors import ErrorFigures
from reports.figures.plays import PlayFigures
from reports.frames import FLAG, FLOAT, INTEGER, OTHER, TEXT, TIME, framed, framed_one
from reports.reader import Row
from reports.uptime import Seconds
from reports.window import RangeError, Window, as_instant, local_date, local_day, permitted

TOP_TRACKS = 5
_COMPARED = ("total_plays", "unique_tracks", "uptime_percent", "coverage_percent", "interruptions", "errors")

_BY_DAY = {
    "date": OTHER, "uptime_percent": FLOAT, "down_seconds": FLOAT, "coverage_percent": FLOAT, "up_seconds": FLOAT,
    "unknown_seconds": FLOAT, "maintenance_seconds": FLOAT,
}  # fmt: skip
_OUTAGES = {
    "station": TEXT, "start": TIME, "end": TIME, "duration_seconds": FLOAT, "down_seconds": FLOAT, "cause": TEXT,
    "category": TEXT, "source": TEXT, "continued": FLAG, "ongoing": FLAG,
}  # fmt: skip
_DAILY = {
    "date": OTHER, "total_plays": INTEGER, "unique_tracks": INTEGER, "uptime_percent": FLOAT, "coverage_percent": FLOAT,
    "interruptions": INTEGER, "errors": INTEGER, "plays_with_errors": INTEGER, "error_rate": FLOAT,
    "total_play_seconds": FLOAT, "average_duration_seconds": FLOAT, "top_tracks": OTHER,
}  # fmt: skip
_WEEKLY = {
    "week": TEXT, "start": TIME, "end": TIME, "complete": FLAG,
    **{f"{part}{name}": FLOAT if name.endswith("_percent") else INTEGER
       for part in ("", "previous_", "change_") for name in _COMPARED},
}  # fmt: skip
_UPTIME = {
    "uptime_percent": FLOAT, "coverage_percent": FLOAT, "up_seconds": FLOAT, "down_seconds": FLOAT,
    "unknown_seconds": FLOAT, "maintenance_seconds": FLOAT, "encoder_seconds": FLOAT, "encoder_percent": FLOAT,
    "platform_percent": FLOAT, "platform_samples": INTEGER, "outages": INTEGER,
    "interruptions": INTEGER, "mean_time_to_repair_seconds": FLOAT, "mean_time_between_failures_seconds": FLOAT,
    "longest_outage_seconds": FLOAT, "budget_left_seconds": FLOAT, "slo_percent": FLOAT,
}  # fmt: skip


class SummaryFigures(PlayFigures, ErrorFigures):
    """See the module."""

    def get_daily_summary(self, date: date | str | None = None, *, station: str | None = None) -> dict[str, Any]:
        """One calendar day.

        Args:
            date: the day, also as 2026-11-24; None: yesterday.
            station: None: sums over all stations, the day of the configured zone.

        Returns:
            date, total_plays, unique_tracks, uptime_percent, coverage_percent, interruptions, errors (error and
            critical), plays_with_errors, error_rate, total_play_seconds, average_duration_seconds, top_tracks (up to
            five, as `get_most_played_tracks` gives them). Today counts up to now.

        Raises:
            RangeError: it is no date, or not of the years 1970 to 2200.
            DatabaseError: PostgreSQL cannot be reached or refused.
        """
        zone = self.zone(station)
        day = local_date(self._now(), zone) - timedelta(days=1) if date is None else _as_date(date)
        window = local_day(day, zone)
        return {
            "date": day,
            **self.play_stats_of(window, station),
            "errors": self._errors(window, station),
            "top_tracks": self.get_most_played_tracks(
                limit=TOP_TRACKS, start=window.start, end=window.end, station=station
            ),
        }

    def get_weekly_summary(self, week: date | str | None = None, *, station: str | None = None) -> dict[str, Any]:
        """One week, Monday to Sunday; the running one up to now, against the same part of the week before.

        Args:
            week: a day of it, also as 2026-11-24 or 2026-W48; None: this week.
            station: None: sums over all stations.

        Returns:
            week (2026-W48), start, end, complete, total_plays, unique_tracks, uptime_percent, coverage_percent,
            interruptions, errors; `previous` with the same six figures of the week before, and `change`: this week's
            less the previous.

        Raises:
            RangeError: it is neither a date nor a week, or not of the years 1970 to 2200.
            DatabaseError: PostgreSQL cannot be reached or refused.
        """
        zone, now = self.zone(station), self._now()
        day = local_date(now, zone) if week is None else _as_date(week)
        monday = day - timedelta(days=day.weekday())
        whole = Window(as_instant(monday, zone), as_instant(monday + timedelta(days=7), zone))
        part = Window(whole.start, min(max(now, whole.start), whole.end))
        before = Window(_week_earlier(part.start, zone), _week_earlier(part.end, zone))
        current, previous = self._compared(part, station), self._compared(before, station)
        return {
            "week": f"{monday.isocalendar().year}-W{monday.isocalendar().week:02}",
            "start": part.start,
            "end": part.end,
            "complete": part.end == whole.end,
            **current,
            "previous": previous,
            "change": {name: current[name] - previous[name] for name in _COMPARED},
        }

    def get_uptime_by_day(self, days: int = 30, *, station: str | None = None) -> list[dict[str, Any]]:
        """Uptime of the last calendar days, the oldest first; the last one is today up to now.

        Args:
            days: how many.
            station: None: sums over all stations, days of the configured zone.

        Returns:
            date, uptime_percent, down_seconds, coverage_percent, up_seconds, unknown_seconds, maintenance_seconds. A
            day on which no station existed yet has zeros.

        Raises:
            RangeError: `days` makes no sense.
            DatabaseError: PostgreSQL cannot be reached or refused.
        """
        self.window(days)
        zone = self.zone(station)
        today = local_date(self._now(), zone)
        first = today - timedelta(days=max(1, int(days)) - 1)
        window = Window(as_instant(first, zone), as_instant(today + timedelta(days=1), zone))
        found = self.uptime(window, station=station).by_day
        every_day = (first + timedelta(days=number) for number in range((today - first).days + 1))
        return [_day(day, found.get(day, Seconds())) for day in every_day]

    def get_uptime(
        self, days: float = 7, *, start: datetime | date | None = None, end: datetime | date | None = None,
        station: str | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """Uptime of a window as docs/uptime.md defines it: the playout layer, and the encoder and platform beside it.

        Args:
            days: how many times 24 hours, up to now.
            start: the first instant instead.
            end: the first instant behind the window.
            station: None: sums over all stations.

        Returns:
            uptime_percent, coverage_percent, up_seconds, down_seconds, unknown_seconds, maintenance_seconds,
            encoder_seconds, encoder_percent (with progress, of the time in service), platform_percent (of the samples
            of `platform_live`), platform_samples (0: nobody says), outages, interruptions,
            mean_time_to_repair_seconds, mean_time_between_failures_seconds, longest_outage_seconds,
            budget_left_seconds, slo_percent.

        Raises:
            RangeError: the window makes no sense.
            DatabaseError: PostgreSQL cannot be reached or refused.
        """
        window = self.window(days, start=start, end=end, station=station)
        uptime = self.uptime(window, station=station)
        total, slo = uptime.total, self.config.slo_percent
        platform = self.platform(window, station)
        return {
            "uptime_percent": total.uptime_percent,
            "coverage_percent": total.coverage_percent,
            "up_seconds": total.up,
            "down_seconds": total.down,
            "unknown_seconds": total.unknown,
            "maintenance_seconds": total.maintenance,
            "encoder_seconds": uptime.encoder_seconds,
            "encoder_percent": uptime.encoder_percent,
            "platform_percent": platform["percent"],
            "platform_samples": platform["samples"],
            "outages": uptime.outage_count,
            "interruptions": uptime.interruptions,
            "mean_time_to_repair_seconds": uptime.mean_time_to_repair_seconds,
            "mean_time_between_failures_seconds": uptime.mean_time_between_failures_seconds,
            "longest_outage_seconds": uptime.longest_outage_seconds,
            "budget_left_seconds": uptime.budget_left_seconds(slo),
            "slo_percent": slo,
        }

    def platform(self, window: Window, station: str | None) -> Row:
        """The samples of `platform_live`, and the percent of them that said 1; 0 and 0 where nobody says."""
        return self._reader.one("uptime.sql", "platform", span(window, station))

    def get_outages(
        self, days: float = 30, limit: int | None = None, *, start: datetime | date | None = None,
        end: datetime | date | None = None, station: str | None = None,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """Times off the air, newest first.

        Args:
            days: how many times 24 hours, up to now.
            limit: how many at most; None: all.
            start: the first instant instead.
            end: the first instant behind the window.
            station: None: all stations.

        Returns:
            station, start, end, duration_seconds (end less start), down_seconds, cause, category, source, continued
            (began before the window), ongoing.

        Raises:
            RangeError: the window makes no sense, or the limit is below 0 or above 1,000,000,000.
            DatabaseError: PostgreSQL cannot be reached or refused.
        """
        uptime = self.uptime(self.window(days, start=start, end=end, station=station), station=station)
        newest_first = sorted(uptime.outages, key=lambda outage: (outage.start, outage.station), reverse=True)
        return [
            {
                "station": outage.station,
                "start": outage.start,
                "end": outage.end,
                "duration_seconds": (outage.end - outage.start).total_seconds(),
                "down_seconds": outage.down_seconds,
                "cause": outage.cause,
                "category": outage.category,
                "source": outage.source,
                "continued": outage.continued,
                "ongoing": outage.ongoing,
            }
            for outage in newest_first[: None if limit is None else checked_limit(limit)]
        ]

    def _compared(self, window: Window, station: str | None) -> dict[str, Any]:
        if window.start >= window.end:  # a week that has not begun
            return dict.fromkeys(_COMPARED, 0) | {"uptime_percent": 0.0, "coverage_percent": 0.0}
        stats = {**self.play_stats_of(window, station), "errors": self._errors(window, station)}
        return {name: stats[name] for name in _COMPARED}

    def _errors(self, window: Window, station: str | None) -> int:
        return sum(row["errors"] for row in self.daily_errors(window, station))

    get_daily_summary_frame = framed_one(get_daily_summary, _DAILY)
    get_weekly_summary_frame = framed_one(get_weekly_summary, _WEEKLY)
    get_uptime_by_day_frame = framed(get_uptime_by_day, _BY_DAY)
    get_uptime_frame = framed_one(get_uptime, _UPTIME)
    get_outages_frame = framed(get_outages, _OUTAGES)


def _day(day: date, seconds: Seconds) -> dict[str, Any]:
    return {
        "date": day,
        "uptime_percent": seconds.uptime_percent,
        "down_seconds": seconds.down,
        "coverage_percent": seconds.coverage_percent,
        "up_seconds": seconds.up,
        "unknown_seconds": seconds.unknown,
        "maintenance_seconds": seconds.maintenance,
    }


def _as_date(value: date | str) -> date:
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value.strip())
        except ValueError as error:
            raise RangeError(f"{value!r} is neither a date such as 2026-11-24 nor a week such as 2026-W48") from error
    permitted(value)
    return value.date() if isinstance(value, datetime) else value


def _week_earlier(moment: datetime, zone: ZoneInfo) -> datetime:
    """The same weekday and time of day a week before, by the station's clocks."""
    return (moment.astimezone(zone) - timedelta(days=7)).astimezone(UTC)
