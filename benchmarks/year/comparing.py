"""Holds every figure of `Analytics` against the recount. Gives what differs, so that a person sees all of it."""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from benchmarks.year.loading import instant
from benchmarks.year.recount import Recount
from benchmarks.year.station import DAY, STATION, TRACKS
from benchmarks.year.timeline import day_of, midnight
from reports.analytics import Analytics
from reports.window import Window

Check = tuple[str, Callable[[], Any], Callable[[], Any]]
EVERYTHING = 1_000_000


def differences(analytics: Analytics, recount: Recount, windows: Sequence[tuple[int, int]]) -> list[str]:
    """What is not equal: one line a figure.

    Args:
        analytics: whose present is the end of the facts.
        recount: of the same station and windows.
        windows: to ask for.
    """
    checks = [check for window in windows for check in window_checks(analytics, recount, *window)]
    return [line for name, asked, expected in [*checks, *_calendar_checks(analytics, recount)]
            for line in unequal(name, asked(), expected())]  # fmt: skip


def window_checks(analytics: Analytics, recount: Recount, start: int, end: int) -> list[Check]:
    """The figures of one window: name, how they are asked for, what they must be."""
    span: dict[str, Any] = {"start": instant(start), "end": instant(end), "station": STATION}
    a, r = analytics, recount

    def columns(rows: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
        return [tuple(row[name] for name in names) for row in rows]

    def by(rows: list[dict[str, Any]], keys: tuple[str, str], *names: str) -> dict[Any, Any]:
        return {(row[keys[0]], row[keys[1]]): tuple(row[name] for name in names) for row in rows}

    def timeline(severity: str | None) -> list[tuple[Any, ...]]:
        return sorted(columns(a.get_error_timeline(severity=severity, **span), "timestamp", "message"), reverse=True)

    def host() -> dict[str, float]:
        (found,) = a.metric_statistics(Window(instant(start), instant(end)), STATION, ("cpu_percent",))
        return {name: found[name] for name in ("average", "median", "low", "high")}

    return [
        ("play stats", lambda: a.get_play_stats(**span), lambda: r.get_play_stats(start, end)),
        ("most played", lambda: a.get_most_played_tracks(limit=25, **span),
         lambda: r.get_most_played_tracks(start, end, 25)),
        ("hours", lambda: a.get_hourly_play_distribution(**span), lambda: r.get_hourly_play_distribution(start, end)),
        ("repeats", lambda: columns(a.get_repeat_distances(limit=30, **span), "artist", "title", "play_count",
                                    "shortest_seconds", "median_seconds"),
         lambda: r.get_repeat_distances(start, end, 30)),
        ("retention", lambda: by(a.get_listener_retention(limit=EVERYTHING, **span), ("artist", "title"), "play_count",
                                 "listeners_at_start", "listeners_at_end", "retention_percent"),
         lambda: r.get_listener_retention(start, end)),
        ("error summary", lambda: a.get_error_summary(**span), lambda: r.get_error_summary(start, end)),
        ("timeline", lambda: timeline(None), lambda: r.get_error_timeline(start, end, None)),
        ("critical", lambda: timeline("critical"), lambda: r.get_error_timeline(start, end, "critical")),
        ("templates", lambda: by(a.get_error_templates(limit=EVERYTHING, **span), ("service", "template"), "severity",
                                 "error_count", "previous_count", "new", "by_day"),
         lambda: r.get_error_templates(start, end)),
        ("uptime", lambda: a.get_uptime(**span), lambda: r.get_uptime(start, end, a.config.slo_percent)),
        ("outages", lambda: columns(a.get_outages(**span), "start", "end", "down_seconds"),
         lambda: r.get_outages(start, end)),
        ("encoder", lambda: a.get_encoder_health(**span), lambda: r.get_encoder_health(start, end)),
        ("host", host, lambda: r.statistics(start, end, "cpu_percent")),
        ("incidents", lambda: [(row["cause"], row["outage_seconds"], row["station"]) for row in a.get_incidents(**span)
                               if row["kind"] == "failure"], lambda: r.get_incidents(start, end)),
        ("sessions", lambda: len(a.get_sessions(**span)), lambda: r.get_encoder_health(start, end)["sessions"]),
    ]  # fmt: skip


def _calendar_checks(analytics: Analytics, recount: Recount) -> list[Check]:
    a, r, facts = analytics, recount, recount.facts
    last = day_of(facts.end - 1)
    days = (last - day_of(facts.start)).days + 1
    monday = last - timedelta(days=last.weekday())
    changes = [
        day for day in _days(day_of(facts.start), last) if midnight(day + timedelta(days=1)) - midnight(day) != 86_400
    ]
    artist, title = TRACKS[3]
    week = midnight(monday), facts.end
    before = midnight(monday - timedelta(days=7)), _a_week_earlier(facts.end)

    def weekly() -> dict[str, Any]:
        found = a.get_weekly_summary(station=STATION)
        return {name: found[name] for name in r.compared(*week)} | {"previous": found["previous"]}

    return [
        *[("day", lambda day=day: a.get_daily_summary(day, station=STATION), lambda day=day: r.get_daily_summary(day))
          for day in (*changes, last - timedelta(days=3), last)],
        ("week", weekly, lambda: r.compared(*week) | {"previous": r.compared(*before)}),
        ("uptime by day", lambda: a.get_uptime_by_day(days + 1, station=STATION)[:-1],  # the present is a midnight
         lambda: r.get_uptime_by_day(day_of(facts.start), last)),
        ("speed by day", lambda: {row["day"]: row["average"] for row in a.daily_metrics(
            Window(instant(facts.end - 7 * DAY), instant(facts.end)), STATION, ("ffmpeg_speed",))},
         lambda: r.daily_average(facts.end - 7 * DAY, facts.end, "ffmpeg_speed")),
        ("history", lambda: [row["started_at"] for row in a.get_track_history(artist, title, 1000, station=STATION)],
         lambda: r.get_track_history(artist, title, 1000)),
    ]  # fmt: skip


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _a_week_earlier(at: int) -> int:
    """A local midnight a week before a local midnight."""
    return midnight(day_of(at) - timedelta(days=7))


def unequal(name: str, found: Any, expected: Any) -> list[str]:
    """Where two values differ; floats may by the ninth digit."""
    if isinstance(found, Mapping) and isinstance(expected, Mapping):
        if found.keys() != expected.keys():
            return [f"{name}: {sorted(map(str, found.keys() ^ expected.keys()))} are only in one"]
        return [line for key in expected for line in unequal(f"{name}.{key}", found[key], expected[key])]
    if isinstance(found, list | tuple) and isinstance(expected, list | tuple):
        if len(found) != len(expected):
            return [f"{name}: {len(found)} instead of {len(expected)}"]
        pairs = enumerate(zip(found, expected, strict=True))
        return [line for number, (one, other) in pairs for line in unequal(f"{name}[{number}]", one, other)]
    if isinstance(found, float) and isinstance(expected, int | float):
        return (
            []
            if math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-6)
            else [f"{name}: {found!r} is not {expected!r}"]
        )
    return [] if found == expected else [f"{name}: {found!r} is not {expected!r}"]
