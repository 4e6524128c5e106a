"""FFmpeg's sessions and incidents as tables for a terminal, and as one JSON object."""

from datetime import date, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from reports.analytics import Analytics
from reports.report.wording import count, decimal, duration, moment
from reports.terminal import asked, heading, nothing_yet, table


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
            _when(row, zone), row["station"], row["service"], _lasted(row), _end(row), row["health"],
            f"{decimal(row['speed_average'], 2)} / {decimal(row['speed_worst'], 2)}" if row["progress_count"] else "",
            count(row["drop_frames"]), count(row["error_count"]), _back(row), row["cause"],
        )
        for row in found["sessions"]
    ]  # fmt: skip
    incidents = [
        (
            _when(row, zone), row["station"], row["service"], row["kind"],
            "" if row["kind"] == "trouble" else duration(row["outage_seconds"]) + ("" if row["over"] else " so far"),
            count(row["session_count"]), count(row["occurrences"]), row["category"], row["cause"],
        )
        for row in found["incidents"]
    ]  # fmt: skip
    shown = [
        *table(
            "Sessions",
            ("began", "station", "service", "ran", "end", "health", "speed / least", "drop", "errors",
             "back after", "cause"),
            sessions, right=("ran", "drop", "errors", "back after"),
        ),
        *table(
            "Incidents",
            ("began", "station", "service", "kind", "off air", "sessions", "lines", "category", "cause"),
            incidents, right=("off air", "sessions", "lines"),
        ),
    ]  # fmt: skip
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


def _back(row: dict[str, Any]) -> str:
    if row["end_kind"] == "running" or not row["next_session_key"] or row["continued"]:
        return ""
    return duration(row["silent_seconds"] or row["restart_seconds"])
