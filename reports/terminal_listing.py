"""Lists for a terminal (tracks, plays, errors, outages, the present), and each as one JSON object."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.text import Text

from reports.analytics import Analytics
from reports.report.wording import count, decimal, duration, moment, plural, visible
from reports.terminal import asked, facts_table, heading, name_of, table, two_lines
from reports.window import zone_named

Found = dict[str, Any]


def span_asked(
    analytics: Analytics, *, days: float, start: datetime | date | None, end: datetime | date | None,
    station: str | None,
) -> tuple[Found, dict[str, Any]]:  # fmt: skip
    """What to say of the span of time that was asked for, and the arguments that mean it.

    Raises:
        RangeError: the window makes no sense, or lies in the future.
        UnknownStation: no such station ever logged anything.
    """
    said = asked(analytics, days, start=start, end=end, station=station)
    return said, {"start": said["start"], "end": said["end"], "station": station}


def render_top(found: Found) -> RenderableType:
    """The most played tracks: `tracks` as `get_most_played_tracks` gives them."""
    zone = zone_named(found["time_zone"])
    rows = [
        (str(place), name_of(row), count(row["play_count"]), duration(row["total_play_seconds"]),
         moment(row["last_played_at"], zone))
        for place, row in enumerate(found["tracks"], start=1)
    ]  # fmt: skip
    columns = ("", "track", "plays", "time", "last played")
    return _page(found, "no play in this time", table("", columns, rows, right=("", "plays", "time")))


def render_plays(found: Found) -> RenderableType:
    """Plays one by one: `plays` as `get_plays` gives them."""
    zone = zone_named(found["time_zone"])
    several = len({row["station"] for row in found["plays"]}) > 1
    rows = [
        (moment(row["started_at"], zone), *((row["station"],) if several else ()), name_of(row), _played(row),
         _ended(row), count(row["error_count"]) if row["had_errors"] else "")
        for row in found["plays"]
    ]  # fmt: skip
    columns = ("began", *(("station",) if several else ()), "track", "played", "ended by", "errors")
    return _page(found, "no such play in this time", table("", columns, rows, right=("played", "errors")))


def render_kinds(found: Found) -> RenderableType:
    """Errors by kind: `kinds` as `get_error_templates` gives them, with `open_count`."""
    zone = zone_named(found["time_zone"])
    entries = [
        ((count(row["error_count"]), count(row["open_count"]), "new" if row["new"] else "", row["severity"],
          row["service"], moment(row["last_seen"], zone)), row["template"])
        for row in found["kinds"]
    ]  # fmt: skip
    columns = ("count", "open", "", "severity", "service", "last seen")
    return _page(found, "no warning and no error in this time", two_lines(columns, entries, right=2))


def render_messages(found: Found) -> RenderableType:
    """Messages one by one: `messages` as `get_messages` gives them."""
    zone = zone_named(found["time_zone"])
    entries = [
        ((str(row["id"]), moment(row["timestamp"], zone), row["severity"], row["service"],
          "resolved" if row["resolved"] else "open"), _times(row["occurrences"]) + row["message"])
        for row in found["messages"]
    ]  # fmt: skip
    columns = ("id", "time", "severity", "service", "")
    return _page(found, "no such message in this time", two_lines(columns, entries, right=1))


def render_outages(found: Found) -> RenderableType:
    """Times off the air: `outages` as `get_outages` gives them."""
    zone = zone_named(found["time_zone"])
    entries = [
        ((duration(row["down_seconds"]), moment(row["start"], zone),
          "goes on" if row["ongoing"] else _until(row, zone), row["station"]), row["cause"] or "no cause was logged")
        for row in found["outages"]
    ]  # fmt: skip
    columns = ("off air", "began", "until", "station")
    return _page(found, "no outage that the logs tell of", two_lines(columns, entries, right=1))


def render_now(stations: list[Found], now: datetime) -> RenderableType:
    """Each station as it is now.

    Args:
        stations: as `get_now` gives them.
        now: the present.
    """
    parts: list[RenderableType] = []
    for row in stations:
        name = f"{visible(row['station'])} ({visible(row['time_zone'])})"
        parts += [Text(""), Text(name, style="bold"), facts_table(_present(row, now))]
    return Group(*parts[1:])


def _page(found: Found, none: str, shown: Iterable[RenderableType]) -> RenderableType:
    return Group(heading(found, zone_named(found["time_zone"])), *(tuple(shown) or (Text(found.get("hint") or none),)))


def _until(row: Found, zone: ZoneInfo) -> str:
    """When an outage ended; without the day where it is the one on which it began."""
    end = row["end"].astimezone(zone)
    return f"{end:%H:%M:%S}" if end.date() == row["start"].astimezone(zone).date() else moment(end, zone)


def _played(row: Found) -> str:
    return duration(row["duration_seconds"]) if row["ended_at"] else "runs"


def _ended(row: Found) -> str:
    return str(row["ended_by"]).replace("_", " ")


def _times(occurrences: int) -> str:
    return f"{count(occurrences)} \u00d7 " if occurrences > 1 else ""


def _present(row: Found, now: datetime) -> list[tuple[str, str]]:
    zone = zone_named(row["time_zone"])
    facts = [("state", _state(row, zone))]
    if row["started_at"] is not None:
        played = duration((now - row["started_at"]).total_seconds())
        whole = f" of {duration(row['expected_duration_seconds'])}" if row["expected_duration_seconds"] else ""
        facts.append(("playing", f"{name_of(row)}, for {played}{whole}"))
    else:
        facts.append(("playing", "nothing that the logs tell of"))
    if row["encoder_progress_at"] is not None:
        speed = f", speed {decimal(row['encoder_speed'], 2)}" if row["encoder_speed"] else ""
        facts.append(("encoder", f"progress at {moment(row['encoder_progress_at'], zone)}{speed}"))
    facts.append(("errors", f"{plural(row['errors_last_hour'], 'error')} within the last hour"))
    return facts


def _state(row: Found, zone: ZoneInfo) -> str:
    if row["state"] == "maintenance":
        return f"in maintenance until {moment(row['maintenance_until'], zone)}"
    if row["state"] == "unknown":
        return "not known: nothing heard, or no daemon reads (radiolog status)"
    if row["state"] == "off air":
        return f"off air, last sign of life {moment(row['last_sign_at'], zone)}"
    return str(row["state"])
