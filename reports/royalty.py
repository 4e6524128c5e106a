"""The report of use that collecting societies ask for, in SoundExchange's form (docs/export.md, "Royalties").

Fields are separated by |, text stands between ^ in upper case, one line a track, LF behind each.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

from logging_module.config import LoggingConfig
from reports.analytics import Analytics
from reports.figures.base import utc_now
from reports.output import OutputFolder
from reports.window import Window, as_instant, local_date


def export_royalties(
    config: LoggingConfig, *, days: float | None = None, start: datetime | date | None = None,
    end: datetime | date | None = None, station: str | None = None, output_dir: Path | str,
    now: Callable[[], datetime] = utc_now, warn: Callable[[str], None] = lambda _: None,
) -> list[Path]:  # fmt: skip
    """Write the performances of a window by track; without a range, of the calendar month before this one.

    Args:
        config: the database.
        days: so many times 24 hours up to now.
        start: the first instant instead.
        end: the first instant behind the window.
        station: None: all stations, each with lines of its own.
        output_dir: made where it is missing.
        now: the present; tests give another.
        warn: told where nothing was played in the window, and where it reaches back behind what is kept of counts.

    Returns:
        The file: `STATIONddmmyyyy-ddmmyyyy_A.txt`, the days inclusive.

    Raises:
        RangeError: the window makes no sense, or lies in the future.
        UnknownStation: no such station ever logged anything.
        DatabaseError: PostgreSQL cannot be reached or refused; then there is no file.
        OutputError: the folder cannot be written; then there is no file.
    """
    present = now()
    with Analytics(config, now=lambda: present) as analytics:
        analytics.require_station(station)
        zone = analytics.zone(station)
        if days is None and start is None and end is None:
            this_month = local_date(present, zone).replace(day=1)
            last_month = (this_month - timedelta(days=1)).replace(day=1)
            window = Window(as_instant(last_month, zone), as_instant(this_month, zone))
        else:
            window = analytics.window(7 if days is None else days, start=start, end=end, station=station)
        analytics.require_past(window)
        first, last = local_date(window.start, zone), local_date(window.end - timedelta(microseconds=1), zone)
        short = "".join(char for char in (station or "").upper() if char.isascii() and char.isalnum())[:8] or "ALL"
        with OutputFolder(Path(output_dir)) as output:
            target = output.create(f"{short}{first:%d%m%Y}-{last:%d%m%Y}_A.txt")
            analytics.copy_royalties(window, station, target)
        nothing = not analytics.count_rows("play_history", window, station)
    kept_from = present - timedelta(days=config.metrics_retention_days)
    if nothing:
        warn(f"nothing was played from {first} to {last}: the report has no line")
    elif window.start < kept_from:
        warn(
            f"listener counts are kept for {config.metrics_retention_days} days (METRICS_RETENTION_DAYS): performances "
            f"of plays before {local_date(kept_from, zone)} may rest on averages of quarters of an hour"
        )
    return output.paths
