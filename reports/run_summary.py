"""What `make run` prints: what was found in the logs, and where the report is. `python -m reports.run_summary`."""

import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from rich.console import Console

from logging_module.config import LoggingConfig
from reports import arguments
from reports.analytics import Analytics
from reports.figures.base import utc_now
from reports.generate_report import DEFAULT_FOLDER, generate
from reports.terminal import facts_table, summary_of
from reports.window import Window

_WEEK = timedelta(days=7)


def recent_week(analytics: Analytics, now: datetime) -> Window:
    """The last seven days up to the newest row, cut where the oldest is younger: archived logs have a report too."""
    extent = analytics.extent()
    if extent is None or extent.start >= now:
        return Window(now - _WEEK, now)
    end = min(extent.end, now)
    return Window(max(extent.start, end - _WEEK), end)


def render_summary(
    config: LoggingConfig, *, output_dir: Path | str = DEFAULT_FOLDER, now: Callable[[], datetime] = utc_now
) -> tuple[list[tuple[str, str]], list[Path]]:
    """The facts of the summary, and the report's files.

    Args:
        config: the database.
        output_dir: of the report.
        now: the present; tests give another.

    Raises:
        DatabaseError: PostgreSQL cannot be reached or refused.
        OutputError: the report cannot be written.
    """
    present = now()
    with Analytics(config, now=lambda: present) as analytics:
        window = recent_week(analytics, present)
        facts = summary_of(analytics, window)
    paths = generate(config, start=window.start, end=window.end, output_dir=output_dir, now=lambda: present)
    return facts, paths


def main() -> int:
    """The program; gives its exit code."""

    def work(config: LoggingConfig) -> list[Path]:
        facts, paths = render_summary(config)
        Console().print(facts_table(facts))
        return [path.absolute() for path in paths]

    return arguments.run(work)


if __name__ == "__main__":
    sys.exit(main())
