"""Analytics of errors: how many, of which kind, when, and which are new."""

from datetime import date, datetime
from typing import Any

from reports.figures.base import Figures, checked_limit, span
from reports.frames import FLAG, INTEGER, OTHER, TEXT, TIME, framed
from reports.reader import Row
from reports.window import Window

SEVERITIES = ("info", "warning", "error", "critical")

_SUMMARY = {"service": TEXT, "severity": TEXT, "error_count": INTEGER, "first_seen": TIME, "last_seen": TIME}
_TIMELINE = {
    "timestamp": TIME, "service": TEXT, "severity": TEXT, "message": TEXT, "station": TEXT, "occurrences": INTEGER,
    "category": TEXT, "time_quality": TEXT, "resolved": FLAG, "play_history_id": INTEGER,
}  # fmt: skip
_TEMPLATES = {
    "service": TEXT, "severity": TEXT, "category": TEXT, "template": TEXT, "example": TEXT, "error_count": INTEGER,
    "previous_count": INTEGER, "first_seen": TIME, "last_seen": TIME, "new": FLAG, "by_day": OTHER,
}  # fmt: skip


class ErrorFigures(Figures):
    """See the module. Every method takes `start` and `end` in place of `days` (see `Figures.window`)."""

    def get_error_summary(
        self, days: float = 7, *, start: datetime | date | None = None, end: datetime | date | None = None,
        station: str | None = None,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """Logged messages by service and severity, the most frequent first; repeats count as often as they were said.

        Args:
            days: how many times 24 hours, up to now.
            start: the first instant instead.
            end: the first instant behind the window.
            station: None: all stations.

        Returns:
            service, severity, error_count, first_seen, last_seen.

        Raises:
            RangeError: the window makes no sense.
            DatabaseError: PostgreSQL cannot be reached or refused.
        """
        window = self.window(days, start=start, end=end, station=station)
        return self._reader.rows("errors.sql", "summary", span(window, station))

    def get_error_timeline(
        self, days: float = 7, severity: str | None = None, *, start: datetime | date | None = None,
        end: datetime | date | None = None, station: str | None = None, limit: int | None = None,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """Logged messages, newest first.

        Args:
            days: how many times 24 hours, up to now.
            severity: info, warning, error or critical; None: all.
            start: the first instant instead.
            end: the first instant behind the window.
            station: None: all stations.
            limit: how many at most; None: all.

        Returns:
            timestamp, service, severity, message, station, occurrences, category, time_quality, resolved,
            play_history_id (the `id` of the play in `get_track_history`; 0 where no play is known).

        Raises:
            RangeError: the window makes no sense.
            ValueError: there is no such severity, or the limit is below 0 or above 1,000,000,000.
            DatabaseError: PostgreSQL cannot be reached or refused.
        """
        if severity is not None and severity not in SEVERITIES:
            raise ValueError(f"severity must be one of {', '.join(SEVERITIES)}, not {severity!r}")
        window = self.window(days, start=start, end=end, station=station)
        parameters = span(window, station, severity=severity, limit=None if limit is None else checked_limit(limit))
        return self._reader.rows("errors.sql", "timeline", parameters)

    def get_error_templates(
        self, days: float = 7, limit: int = 20, *, start: datetime | date | None = None,
        end: datetime | date | None = None, station: str | None = None,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """Warnings and worse by what they say without their variable parts, the most frequent first, with trend.

        Args:
            days: how many times 24 hours, up to now.
            limit: how many at most.
            start: the first instant instead.
            end: the first instant behind the window.
            station: None: all stations.

        Returns:
            service, severity (the worst), category, template, example, error_count, previous_count (in the window of
            equal length before), first_seen, last_seen (in the window), new (never seen before), by_day (counts of
            the local calendar days of the window).

        Raises:
            RangeError: the window makes no sense, or the limit is below 0 or above 1,000,000,000.
            DatabaseError: PostgreSQL cannot be reached or refused.
        """
        window = self.window(days, start=start, end=end, station=station)
        parameters = span(
            window, station, before_time=window.before.start, zone=self.zone(station).key, limit=checked_limit(limit)
        )
        return self._reader.rows("errors.sql", "templates", parameters)

    def daily_errors(self, window: Window, station: str | None) -> list[Row]:
        """Errors and worse by calendar day: day, errors; days without are left out."""
        return self._reader.rows("errors.sql", "daily", span(window, station, zone=self.zone(station).key))

    def errors_by_weekday_and_hour(self, window: Window, station: str | None) -> list[Row]:
        """Errors and worse: weekday (1: Monday), hour, errors; cells without are left out."""
        parameters = span(window, station, zone=self.zone(station).key)
        return self._reader.rows("errors.sql", "by_weekday_and_hour", parameters)

    get_error_summary_frame = framed(get_error_summary, _SUMMARY)
    get_error_timeline_frame = framed(get_error_timeline, _TIMELINE)
    get_error_templates_frame = framed(get_error_templates, _TEMPLATES)
