"""What a report is made from: the figures of one window and of the one before. Asks `Analytics`, decides nothing."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from reports.analytics import Analytics
from reports.figures.encoder import HOST_METRICS
from reports.reader import Row
from reports.uptime import Uptime
from reports.window import Window

TOP = 10


@dataclass(frozen=True)
class Findings:
    """Figures of a window, as `Analytics` gave them.

    Attributes:
        station: the one asked for, or None for all; `stations` are those that exist.
        zone: of the calendar days.
        plays, previous_plays: as `get_play_stats`.
        errors, previous_errors: error and critical, repeats counted.
    """

    window: Window
    generated_at: datetime
    station: str | None
    stations: tuple[str, ...]
    zone: ZoneInfo
    slo_percent: float
    gap_threshold_seconds: float
    uptime: Uptime
    previous_uptime: Uptime
    plays: Row
    previous_plays: Row
    errors: int
    previous_errors: int
    plays_by_day: dict[date, int]
    errors_by_day: dict[date, int]
    errors_by_weekday_and_hour: tuple[tuple[int, int, int], ...]
    plays_by_hour: tuple[int, ...]
    top_tracks: tuple[Row, ...]
    repeats: tuple[Row, ...]
    retention: tuple[Row, ...]
    templates: tuple[Row, ...]
    encoder: Row
    platform: Row
    speed_by_day: dict[date, float]
    host: tuple[Row, ...]
    coverage: Row


def gather(analytics: Analytics, window: Window, *, station: str | None, now: datetime) -> Findings:
    """Ask for everything that a report shows, from one snapshot of the database.

    Args:
        analytics: the database.
        window: of the report.
        station: None: all of them.
        now: the present, as `analytics` sees it.

    Raises:
        DatabaseError: PostgreSQL cannot be reached or refused.
    """
    with analytics.snapshot():
        before = window.before
        uptime = analytics.uptime(window, station=station)
        previous = analytics.uptime(before, station=station)
        errors_by_day = {row["day"]: row["errors"] for row in analytics.daily_errors(window, station)}
        span: dict[str, Any] = {"start": window.start, "end": window.end, "station": station}
        return Findings(
            window=window,
            generated_at=now,
            station=station,
            stations=tuple(analytics.stations()),
            zone=analytics.zone(station),
            slo_percent=analytics.config.slo_percent,
            gap_threshold_seconds=analytics.config.gap_threshold_seconds,
            uptime=uptime,
            previous_uptime=previous,
            plays=analytics.play_stats_of(window, station, uptime),
            previous_plays=analytics.play_stats_of(before, station, previous),
            errors=sum(errors_by_day.values()),
            previous_errors=sum(row["errors"] for row in analytics.daily_errors(before, station)),
            plays_by_day={row["day"]: row["total_plays"] for row in analytics.daily_plays(window, station)},
            errors_by_day=errors_by_day,
            errors_by_weekday_and_hour=tuple(
                (row["weekday"], row["hour"], row["errors"])
                for row in analytics.errors_by_weekday_and_hour(window, station)
            ),
            plays_by_hour=tuple(row["play_count"] for row in analytics.get_hourly_play_distribution(**span)),
            top_tracks=tuple(analytics.get_most_played_tracks(limit=TOP, **span)),
            repeats=tuple(analytics.get_repeat_distances(limit=5, **span)),
            retention=tuple(analytics.get_listener_retention(limit=5, **span)),
            templates=tuple(analytics.get_error_templates(limit=15, **span)),
            encoder=analytics.get_encoder_health(**span),
            platform=analytics.platform(window, station),
            speed_by_day={
                row["day"]: row["average"] for row in analytics.daily_metrics(window, station, ("ffmpeg_speed",))
            },
            host=tuple(analytics.metric_statistics(window, station, HOST_METRICS)),
            coverage=analytics.coverage(window),
        )
