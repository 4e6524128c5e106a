"""How figures are written for people, and how text from logs is made harmless. Pure."""

import re
from datetime import date, datetime
from zoneinfo import ZoneInfo

# C0 and C1 controls, DEL, bidirectional controls, zero-width and line-separating characters, lone surrogates: what a
# terminal obeys, or what makes a line read otherwise than it is.
_INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ud800-\udfff]"
)


def visible(text: str) -> str:
    """Text on one line with every control, bidirectional or invisible character written as an escape."""
    return _INVISIBLE.sub(lambda found: found.group().encode("unicode_escape").decode("ascii"), text)


def clipped(text: str, length: int) -> str:
    """Text of at most `length` characters; an ellipsis says that there was more."""
    return text if len(text) <= length else text[: max(0, length - 1)].rstrip() + "…"


def duration(seconds: float) -> str:
    """A length of time in its two largest units: 45 s, 4 min 10 s, 1 h 4 min, 2 d 3 h."""
    if 0 < seconds < 1:
        return "< 1 s"
    left = round(abs(seconds))
    sign = "-" if seconds < 0 and left else ""
    parts: list[tuple[int, str]] = []
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        count, left = divmod(left, size)
        if count or parts:
            parts.append((count, unit))
        if len(parts) == 2:
            break
    shown = [f"{count} {unit}" for count, unit in parts if count]
    return sign + " ".join(shown) if shown else "0 s"


def percent(value: float) -> str:
    """A percentage with two decimals, never rounded up to 100: 99.999 is no 100."""
    floored = int(value * 100) / 100 if 99 < value < 100 else value
    return "100 %" if value == 100 else f"{floored:.2f} %"


def count(value: float) -> str:
    """A whole number with thousands set apart: 12 345."""
    return f"{round(value):,}".replace(",", "\u202f")


def decimal(value: float, digits: int = 1) -> str:
    """A number with fixed decimals."""
    return f"{value:.{digits}f}"


def size(value: float) -> str:
    """Bytes in binary units: 512 B, 3.4 KiB."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024 or unit == "GiB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    raise AssertionError("unreachable")


def moment(at: datetime, zone: ZoneInfo) -> str:
    """A time of the station's clocks, without the year: Mon 23 Nov 03:18:00."""
    return f"{at.astimezone(zone):%a %d %b %H:%M:%S}"


def full_moment(at: datetime, zone: ZoneInfo) -> str:
    """A time of the station's clocks: 2026-11-23 03:18 CET."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M %Z}"


def day(value: date) -> str:
    """A calendar day: Mon 23 Nov."""
    return f"{value:%a %d %b}"


def plural(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun: 1 outage, 3 outages."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"
