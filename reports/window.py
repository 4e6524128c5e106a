"""Spans of time that figures are asked for, and local calendar days. Pure: the present is an argument."""

from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ingest.errors import RadiologError

MAX_DAYS = 36_525
# Log lines of other years are not stored (parsers.timestamps).
FIRST_YEAR, LAST_YEAR = 1970, 2200
_EPOCH = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
# With the local days at both ends as they are in UTC.
_FIRST_DAY, _LAST_DAY = date(FIRST_YEAR - 1, 12, 30), date(LAST_YEAR + 1, 1, 2)


class RangeError(RadiologError, ValueError):
    """A span of time makes no sense. `str()` is a sentence for a person."""


class Window(NamedTuple):
    """From `start` up to, not including, `end`; both aware, UTC."""

    start: datetime
    end: datetime

    @property
    def seconds(self) -> float:
        """Its length."""
        return (self.end - self.start).total_seconds()

    @property
    def before(self) -> "Window":
        """The window of equal length just before it."""
        return Window(self.start - (self.end - self.start), self.start)


def resolve(
    days: float, now: datetime, *, start: datetime | date | None = None, end: datetime | date | None = None,
    zone: ZoneInfo | None = None,
) -> Window:  # fmt: skip
    """The window that is meant.

    A day means 24 hours here. Without `start` and `end`: the last `days`. With `start` alone: up to now; with `end`
    alone: the `days` before it, not before 1970. A date means its local midnight; a time without zone is local.

    Args:
        days: how many, more than 0.
        now: the present, aware.
        start: the first instant.
        end: the first instant behind it.
        zone: of dates and of times that name none; UTC when None.

    Raises:
        RangeError: `days` is not within 0 to 36525, the start is not before the end, or one of them is no date or time
            of the years 1970 to 2200.
    """
    if not 0 < days <= MAX_DAYS:
        shown = f", not {days:g}" if abs(days) < 1e9 else ""
        raise RangeError(f"days must be more than 0 and at most {MAX_DAYS}{shown}")
    zone = zone or ZoneInfo("UTC")
    upper = now if end is None else as_instant(permitted(end), zone)
    lower = max(upper - timedelta(days=days), _EPOCH) if start is None else as_instant(permitted(start), zone)
    if lower >= upper:
        if end is None:
            raise RangeError(
                f"the start ({lower:%Y-%m-%d %H:%M:%S} UTC) is in the future: there is nothing to tell of yet"
            )
        raise RangeError(
            f"the start ({lower:%Y-%m-%d %H:%M:%S} UTC) must be before the end ({upper:%Y-%m-%d %H:%M:%S} UTC)"
        )
    return Window(lower, upper)


def permitted(value: datetime | date) -> datetime | date:
    """A date or time that somebody gave, if it is far enough from the ends of the calendar to calculate with it.

    Raises:
        RangeError: it is no date or time, or not of the years 1970 to 2200.
    """
    if not isinstance(value, date):
        raise RangeError(f"a date or time is needed, not {type(value).__name__}")
    if not _FIRST_DAY <= date(value.year, value.month, value.day) <= _LAST_DAY:
        raise RangeError(f"{value} is not of the years {FIRST_YEAR} to {LAST_YEAR}")
    return value


def as_instant(value: datetime | date, zone: ZoneInfo) -> datetime:
    """A time in UTC; a date is its local midnight, a time without zone is local."""
    moment = value if isinstance(value, datetime) else datetime.combine(value, time())
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def parse_moment(text: str) -> datetime:
    """A date or time as a person writes it (ISO 8601); a date is its midnight. Without zone where the text names none.

    Raises:
        RangeError: it is neither, or not of the years 1970 to 2200.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise RangeError(f"{text!r} is no date or time: write 2026-11-24 or 2026-11-24T06:00:00Z") from error
    permitted(moment)
    return moment


def local_day(day: date, zone: ZoneInfo) -> Window:
    """A calendar day of the zone, 23 to 25 hours long."""
    return Window(as_instant(day, zone), as_instant(day + timedelta(days=1), zone))


def local_date(moment: datetime, zone: ZoneInfo) -> date:
    """The calendar day that a moment belongs to."""
    return moment.astimezone(zone).date()


def zone_named(name: str) -> ZoneInfo:
    """A time zone; UTC where the name is unknown here (the database knew it, this machine does not)."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
