"""FFmpeg's sessions and incidents as tables for a terminal, and as one JSON object."""

from datetime import date, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from reports.analytics import Analytics
from reports.report.wording import count, decimal, duration, moment
from reports.terminal import asked, heading, nothing_yet, two_lines


def sessions_as_json(
    analytics: Analytics, *, days: float = 7, start: datetime | date | None = None, end: datetime | date | None = None,
    station: str | None = None, limit: int | None = None,
) -> dict[str, Any]:  # fmt: skip
    """What `radiolog sessions` shows, as plain values.

    Args:
        analytics: the database.
        days: so many times 24 hours up to now.
        start: the first instant instead.
        end: the first instant behind the window.
        station: None: all stations.
        limit: how many of each at most, the newest; None: all.

    Returns:
        start, end, time_zone, station, sessions, incidents.

    Raises:
        RangeError: the window makes no sense, or lies in the future.
        UnknownStation: no such station ever logged anything.
        DatabaseError: PostgreSQL cannot be reached or refused.
    """
    said = asked(analytics, days, start=start, end=end, station=station)
    span: dict[str, Any] = {"start": said["start"], "end": said["end"], "station": station, "limit": limit}
    with analytics.snapshot():
        return {
            **said,
            "sessions": analytics.get_sessions(**span),
            "incidents": analytics.get_incidents(**span),
        }


def render_sessions(
    analytics: Analytics, *, days: float = 7, start: datetime | date | None = None, end: datetime | date | None = None,
    station: str | None = None, limit: int | None = None,
) -> RenderableType:  # fmt: skip
    """What `radiolog sessions` prints. Arguments and errors are those of `sessions_as_json`."""
    found = sessions_as_json(analytics, days=days, start=start, end=end, station=station, limit=limit)
    zone = analytics.zone(station)
    sessions = [
        (
            (_lasted(row), _when(row, zone), _end(row), row["health"], _speed(row), count(row["error_count"])),
            _about(row),
        )
        for row in found["sessions"]
    ]
    incidents = [
        ((_off_air(row), _when(row, zone), row["kind"], row["category"], count(row["session_count"]),
          count(row["occurrences"])), _sentence(row["station"], row["service"], row["cause"]))
        for row in found["incidents"]
    ]  # fmt: skip
    shown = [
        *two_lines(("ran", "began", "end", "health", "speed / least", "errors"), sessions, right=1, title="Sessions"),
        *two_lines(
            ("off air", "began", "kind", "category", "sessions", "lines"), incidents, right=1, title="Incidents"
        ),
    ]
    if not sessions and not incidents:
        shown = [Text(nothing_yet(analytics) or "no FFmpeg session in this time")]
    return Group(heading(found, zone), *shown)


def _when(row: dict[str, Any], zone: Any) -> str:
    """The beginning; `~` before what is only estimated."""
    return ("~" if row["time_quality"] in ("estimated", "unknown") else "") + moment(row["started_at"], zone)


def _lasted(row: dict[str, Any]) -> str:
    end = row["ended_at"] or row["last_progress_at"]
    return duration(max(0.0, (end - row["started_at"]).total_seconds())) if end else ""


def _end(row: dict[str, Any]) -> str:
    if row["continued"]:
        return "goes on"
    if row["end_kind"] == "running" and row["silent_seconds"] >= 60:
        return f"running, silent for {duration(row['silent_seconds'])}"
    if row["signal"]:
        return f"signal {row['signal']}"
    return str(row["end_kind"]) + (f" ({row['exit_guess']})" if row["exit_guess"] > 0 else "")


def _off_air(row: dict[str, Any]) -> str:
    if row["kind"] == "trouble":
        return ""
    return duration(row["outage_seconds"]) + ("" if row["over"] else " so far")


def _speed(row: dict[str, Any]) -> str:
    if not row["progress_count"]:
        return ""
    return f"{decimal(row['speed_average'], 2)} / {decimal(row['speed_worst'], 2)}"


def _about(row: dict[str, Any]) -> str:
    dropped = f"{count(row['drop_frames'])} frames dropped" if row["drop_frames"] else ""
    back = _back(row)
    return _sentence(row["station"], row["service"], dropped, f"back after {back}" if back else "", row["cause"])


def _sentence(station: str, service: str, *more: str) -> str:
    return "; ".join(filter(None, (f"{station} {service}", *more)))


def _back(row: dict[str, Any]) -> str:
    if row["end_kind"] == "running" or not row["next_session_key"] or row["continued"]:
        return ""
    return duration(row["silent_seconds"] or row["restart_seconds"])
