"""The time that a log line says, as an aware UTC datetime and how well it is known; reads no clock.

Understood:

- RFC 3339 and what loggers make of it: `YYYY-MM-DD` or `YYYY/MM/DD`, then `T`, `t` or a space, then `HH:MM:SS` with up
  to nine digits of fraction after a point or a comma (cut to microseconds), then optionally, also after a space, `Z`,
  `z`, `UTC`, `±HH:MM`, `±HHMM` or `±HH`. Without a zone, the station's is assumed.
- Seconds, milliseconds, microseconds or nanoseconds since 1970, as int, float or text of nine or more digits; the unit
  is known by the magnitude.

Everything else that ISO 8601, Python or PostgreSQL would take (week dates, dates without separators, `now`,
`infinity`, …) is not a time here.
"""

import math
import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any, TypeAlias

from parsers.events import TimeQuality

Time: TypeAlias = tuple[datetime | None, TimeQuality]

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
WIDEST_OFFSET_MINUTES = 14 * 60

_EXACT = TimeQuality.EXACT  # an enum's attribute costs a look-up each time
_UNKNOWN: Time = (None, TimeQuality.UNKNOWN)
_UTC_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|\+00:00)", re.ASCII
)
_ANY_TIME = re.compile(
    r"([0-9]{4})([-/])([0-9]{2})\2([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:[.,]([0-9]{1,9}))?"
    r" ?(?:([Zz]|UTC)|([+-])([0-9]{2})(?::?([0-9]{2}))?)?",
    re.ASCII,
)
_EPOCH_TEXT = re.compile(r"[0-9]{9,20}(?:\.[0-9]{1,9})?", re.ASCII)
# Below the first number it is seconds, below the second milliseconds, and so on: no unit's years 1973 to 2200 overlap.
_UNITS_PER_SECOND = ((10**11, 1), (10**14, 10**3), (10**17, 10**6), (10**20, 10**9))


def parse(value: Any, *, zone: tzinfo) -> Time:
    """Read the time that a line says.

    A leap second is the last microsecond before midnight UTC; 24:00:00 is the next day's midnight. A local time that
    a clock change repeats is taken as the first of the two; one that it skips, as if the clock had not changed.

    Args:
        value: the field as it was decoded: text or number; anything else is not a time.
        zone: the zone of a text that names none.

    Returns:
        UTC between 1970 and 2200 with EXACT, or ZONELESS when `zone` was assumed; (None, UNKNOWN) for what is no time.
    """
    kind = type(value)
    if kind is str:
        if _UTC_TIME.fullmatch(value):
            try:
                at = datetime.fromisoformat(value)
            except ValueError:
                return _from_text(value, zone)
            return (at, _EXACT) if 1970 <= at.year <= 2200 else _UNKNOWN
        return _from_text(value, zone)
    if kind is int or (kind is float and math.isfinite(value)):
        return _from_epoch(value)
    return _UNKNOWN


def _from_text(text: str, zone: tzinfo) -> Time:
    text = text.strip(" ")
    if _EPOCH_TEXT.fullmatch(text):
        return _from_epoch(Decimal(text))
    match = _ANY_TIME.fullmatch(text)
    if match is None:
        return _UNKNOWN
    year, _, month, day, hour, minute, second, fraction, utc, sign, offset_hour, offset_minute = match.groups()
    microsecond = int((fraction or "0")[:6].ljust(6, "0"))
    offset: tzinfo = zone
    if utc:
        offset = UTC
    elif sign:
        minutes = int(offset_hour) * 60 + int(offset_minute or 0)
        if minutes > WIDEST_OFFSET_MINUTES or int(offset_minute or 0) > 59:
            return _UNKNOWN
        offset = timezone(timedelta(minutes=-minutes if sign == "-" else minutes))
    at = _assemble((int(year), int(month), int(day)), (int(hour), int(minute), int(second), microsecond), offset)
    if at is None or not EARLIEST <= at <= LATEST:
        return _UNKNOWN
    return at, _EXACT if utc or sign else TimeQuality.ZONELESS


def _assemble(date: tuple[int, int, int], clock: tuple[int, int, int, int], zone: tzinfo) -> datetime | None:
    """The moment in UTC; None when there is no such date or time of day."""
    hour, minute, second, microsecond = clock
    next_day, leap = clock == (24, 0, 0, 0), second == 60
    if next_day:
        hour = 0
    elif leap:
        second, microsecond = 59, 999_999
    try:
        local = datetime(*date, hour, minute, second, microsecond, tzinfo=zone)
        if next_day:
            local += timedelta(days=1)
        at = local.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    if leap and (at.hour, at.minute) != (23, 59):
        return None
    return at


def _from_epoch(value: float | Decimal) -> Time:
    if value < 0:
        return _UNKNOWN
    for limit, per_second in _UNITS_PER_SECOND:
        if value < limit:
            seconds, rest = divmod(value, per_second)
            microseconds = rest * 1_000_000 / per_second
            # a float is only near what was meant; the others are exact and cut, as fractions of a text are
            whole = round(microseconds) if type(value) is float else int(microseconds)
            at = EARLIEST + timedelta(seconds=int(seconds), microseconds=whole)  # at most the year 5138
            return (at, _EXACT) if at <= LATEST else _UNKNOWN
    return _UNKNOWN
