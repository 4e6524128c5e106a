"""Exports rows and figures as CSV files for spreadsheets and programs. `python -m reports.export_analytics --help`.

PostgreSQL formats the rows and streams them (COPY), so memory does not grow with the range.
"""

import csv
import io
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import IO

from logging_module.config import LoggingConfig
from reports import arguments
from reports.analytics import Analytics
from reports.csv_stream import CsvStream
from reports.figures.base import utc_now
from reports.output import OutputFolder
from reports.window import Window

DEFAULT_FOLDER = "analytics_export"
FORMATS = ("csv",)


def export(  # noqa: PLR0913 (one argument a flag of the command)
    config: LoggingConfig, *, days: float = 7, start: datetime | date | None = None, end: datetime | date | None = None,
    station: str | None = None, output_dir: Path | str = DEFAULT_FOLDER, include_errors: bool = False,
    include_metrics: bool = False, excel: bool = False, now: Callable[[], datetime] = utc_now,
) -> list[Path]:  # fmt: skip
    """Write the rows of a window: plays and a summary always, errors and metrics on request.

    Args:
        config: the database.
        days: so many times 24 hours up to now.
        start: the first instant instead.
        end: the first instant behind the window.
        station: None: all stations.
        output_dir: made where it is missing.
        include_errors: also `error_log_….csv`.
        include_metrics: also `system_metrics_….csv`.
        excel: with a byte order mark, and no line ends inside of fields.
        now: the present; tests give another.

    Returns:
        The files: `play_history_YYYYMMDD_HHMMSS.csv`, `analytics_summary_….csv` and what was asked for.

    Raises:
        RangeError: the window makes no sense, or lies in the future.
        UnknownStation: no such station ever logged anything.
        DatabaseError: PostgreSQL cannot be reached or refused; then there is no file.
        OutputError: the folder cannot be written; then there is no file.
    """
    present = now()
    tables = ["play_history", *["error_log"] * include_errors, *["system_metrics"] * include_metrics]
    with Analytics(config, now=lambda: present) as analytics:
        analytics.require_station(station)
        window = analytics.window(days, start=start, end=end, station=station)
        analytics.require_past(window)
        stamp = f"{present.astimezone(analytics.zone(station)):%Y%m%d_%H%M%S}"
        with analytics.snapshot(), OutputFolder(Path(output_dir)) as output:
            for table in tables:
                stream = CsvStream(output.create(f"{table}_{stamp}.csv"), excel=excel)
                analytics.copy_rows(table, window, station, stream)
            rows = summary_rows(analytics, window, station)
            _write_summary(output.create(f"analytics_summary_{stamp}.csv"), rows, excel=excel)
    return output.paths


def summary_rows(analytics: Analytics, window: Window, station: str | None) -> list[tuple[str, str, str | int | float]]:
    """The figures of a window as (section, name, value): plays, uptime, encoder, errors by service and severity."""
    start, end = window
    sections = {
        "plays": analytics.get_play_stats(start=start, end=end, station=station),
        "uptime": analytics.get_uptime(start=start, end=end, station=station),
        "encoder": analytics.get_encoder_health(start=start, end=end, station=station),
        "errors": {
            f"{row['service']} {row['severity']}": row["error_count"]
            for row in analytics.get_error_summary(start=start, end=end, station=station)
        },
    }
    rows: list[tuple[str, str, str | int | float]] = [
        ("period", "start", _instant(start)),
        ("period", "end", _instant(end)),
        ("period", "station", station or ""),
    ]
    return rows + [(section, name, value) for section, found in sections.items() for name, value in found.items()]


def defused(text: str) -> str:
    """Text that no spreadsheet runs as a formula and no terminal obeys; what `export_text` of schema.sql does."""
    shown = "".join(chr(0x2400 + ord(char)) if char < " " and char not in "\t\r\n" else char for char in text)
    shown = shown.replace("\x7f", "\u2421")
    return "'" + shown if shown.startswith(("=", "+", "-", "@", "\t", "\r", "\n", *_WIDE_SIGNS)) else shown


_WIDE_SIGNS = ("\uff1d", "\uff0b", "\uff0d", "\uff20")


def _write_summary(target: IO[bytes], rows: Iterable[tuple[str, str, str | int | float]], *, excel: bool) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(("section", "name", "value"))
    writer.writerows(
        (section, defused(name), defused(value) if isinstance(value, str) else value) for section, name, value in rows
    )
    target.write(text.getvalue().encode("utf-8-sig" if excel else "utf-8", "backslashreplace"))


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def main(argv: Sequence[str] | None = None) -> int:
    """The program.

    Args:
        argv: its arguments; those of the process when None.

    Returns:
        The exit code: 0, 1 when it failed, 2 when it was called wrongly.
    """
    parser = arguments.parser(
        "python -m reports.export_analytics", "Export plays, figures, errors and metrics of a span of time as CSV.",
        "python -m reports.export_analytics --days 30 --include-errors", output_dir=DEFAULT_FOLDER,
    )  # fmt: skip
    parser.add_argument("--include-errors", action="store_true", help="also error_log_….csv")
    parser.add_argument("--include-metrics", action="store_true", help="also system_metrics_….csv")
    parser.add_argument("--format", choices=FORMATS, default="csv", help="of the files")
    parser.add_argument("--excel", action="store_true", help="byte order mark; no line ends inside of fields")
    given = parser.parse_args(argv)

    def work(config: LoggingConfig) -> list[Path]:
        start, end = arguments.instants(given)
        return export(
            config, days=given.days, start=start, end=end, station=given.station, output_dir=given.output_dir,
            include_errors=given.include_errors, include_metrics=given.include_metrics, excel=given.excel,
        )  # fmt: skip

    return arguments.run(work)


if __name__ == "__main__":
    sys.exit(main())
