"""Exports rows and figures as CSV or Parquet files. `python -m reports.export_analytics --help`; docs/export.md.

CSV: PostgreSQL formats the rows and streams them (COPY). Parquet: typed columns, one row group at a time. Memory does
not grow with the range.
"""

import csv
import io
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import IO

from ingest.errors import ConfigurationError
from logging_module.config import LoggingConfig
from reports import arguments, parquet
from reports.analytics import Analytics
from reports.csv_stream import CsvStream
from reports.export_bar import OnProgress, export_bar
from reports.figures.base import utc_now
from reports.output import OutputFolder
from reports.report.wording import visible
from reports.royalty import export_royalties
from reports.window import Window

DEFAULT_FOLDER = "analytics_export"
FORMATS = ("csv", "parquet")
PRESETS = ("royalty",)


def export(  # noqa: PLR0913 (one argument a flag of the command)
    config: LoggingConfig, *, days: float = 7, start: datetime | date | None = None, end: datetime | date | None = None,
    station: str | None = None, output_dir: Path | str = DEFAULT_FOLDER, include_errors: bool = False,
    include_metrics: bool = False, format_: str = "csv", excel: bool = False, on_progress: OnProgress | None = None,
    now: Callable[[], datetime] = utc_now,
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
        format_: csv or parquet.
        excel: with a byte order mark, and no line ends inside of fields; for CSV only.
        on_progress: told how far each table is.
        now: the present; tests give another.

    Returns:
        The files: `play_history_YYYYMMDD_HHMMSS.csv`, `analytics_summary_….csv` and what was asked for.

    Raises:
        RangeError: the window makes no sense, or lies in the future.
        UnknownStation: no such station ever logged anything.
        ConfigurationError: there is no such format, or it has no form for Excel.
        DatabaseError: PostgreSQL cannot be reached or refused; then there is no file.
        OutputError: the folder cannot be written, or Parquet was asked for without pyarrow; then there is no file.
    """
    if format_ not in FORMATS:
        raise ConfigurationError(f"the format must be one of {', '.join(FORMATS)}, not {format_!r}")
    if format_ == "parquet":
        if excel:
            raise ConfigurationError("--excel is a form of CSV; Parquet has none")
        parquet.arrow()
    present = now()
    tables = ["play_history", *["error_log"] * include_errors, *["system_metrics"] * include_metrics]
    with Analytics(config, now=lambda: present) as analytics:
        analytics.require_station(station)
        window = analytics.window(days, start=start, end=end, station=station)
        analytics.require_past(window)
        stamp = f"{present.astimezone(analytics.zone(station)):%Y%m%d_%H%M%S}"
        with analytics.snapshot(), OutputFolder(Path(output_dir)) as output:
            for table in tables:
                told = _teller(analytics, table, window, station, on_progress)
                target = output.create(f"{table}_{stamp}.{format_}")
                if format_ == "parquet":
                    parts = analytics.stream_rows(table, window, station, parquet.ROWS_PER_GROUP)
                    parquet.write_rows(target, parts, told)
                else:
                    stream = CsvStream(target, excel=excel, on_records=told)
                    analytics.copy_rows(table, window, station, stream)
                    stream.finish()
            rows = summary_rows(analytics, window, station)
            target = output.create(f"analytics_summary_{stamp}.{format_}")
            if format_ == "parquet":
                parquet.write_figures(target, rows)
            else:
                _write_summary(target, rows, excel=excel)
    return output.paths


def _teller(
    analytics: Analytics, table: str, window: Window, station: str | None, on_progress: OnProgress | None
) -> Callable[[int], None]:
    """Hands on how many rows of a table are written, with how many there will be."""
    if on_progress is None:
        return lambda _written: None
    expected = analytics.count_rows(table, window, station)
    return lambda written: on_progress(table, written, expected)


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
    """Text that no spreadsheet runs as a formula and no terminal obeys; what `CsvStream` does to bytes."""
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
        "python -m reports.export_analytics", "Export plays, figures, errors and metrics of a span of time.",
        "python -m reports.export_analytics --days 30 --include-errors", output_dir=DEFAULT_FOLDER, days=None,
    )  # fmt: skip
    parser.add_argument("--include-errors", action="store_true", help="also error_log_….csv")
    parser.add_argument("--include-metrics", action="store_true", help="also system_metrics_….csv")
    parser.add_argument("--format", choices=FORMATS, default="csv", help="of the files")
    parser.add_argument("--excel", action="store_true", help="byte order mark; no line ends inside of fields")
    parser.add_argument(
        "--preset", metavar="royalty", help="royalty: one report of use instead, of last month without a range"
    )
    given = parser.parse_args(argv)

    def work(config: LoggingConfig) -> list[Path]:
        start, end = arguments.instants(given)
        return export_as_asked(
            config, days=given.days, start=start, end=end, station=given.station, output_dir=given.output_dir,
            include_errors=given.include_errors, include_metrics=given.include_metrics, format_=given.format,
            excel=given.excel, preset=given.preset,
        )  # fmt: skip

    return arguments.run(work)


def _warn(sentence: str) -> None:
    sys.stderr.write(f"warning: {sentence}\n")


def export_as_asked(  # noqa: PLR0913 (one argument a flag of the command)
    config: LoggingConfig, *, days: float | None, start: datetime | None, end: datetime | None, station: str | None,
    output_dir: Path, include_errors: bool, include_metrics: bool, format_: str, excel: bool, preset: str | None,
) -> list[Path]:  # fmt: skip
    """What the flags of a command ask for, with progress on a terminal. See `export` and `export_royalties`.

    Raises:
        ConfigurationError: flags that do not go together.
        RadiologError: as those say.
    """
    if preset is not None:
        if preset not in PRESETS:
            raise ConfigurationError(f"there is no preset {visible(preset)!r}; there is: {', '.join(PRESETS)}")
        if include_errors or include_metrics or excel or format_ != "csv":
            raise ConfigurationError("--preset royalty has a form of its own: no --include-…, --format or --excel")
        return export_royalties(
            config, days=days, start=start, end=end, station=station, output_dir=output_dir, warn=_warn
        )
    with export_bar() as show:
        return export(
            config, days=7 if days is None else days, start=start, end=end, station=station, output_dir=output_dir,
            include_errors=include_errors, include_metrics=include_metrics, format_=format_, excel=excel,
            on_progress=show,
        )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
