"""Writes the report of a span of time as text, HTML and JSON files. `python -m reports.generate_report --help`."""

import sys
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path

from logging_module.config import LoggingConfig
from reports import arguments
from reports.analytics import Analytics
from reports.announce import announce, chosen
from reports.figures.base import utc_now
from reports.output import BadName, OutputFolder
from reports.report.as_json import render_json
from reports.report.build import build
from reports.report.findings import gather
from reports.report.html import render_html
from reports.report.model import Report
from reports.report.text import render_text
from reports.report.wording import visible
from reports.targets import KINDS
from reports.window import zone_named

DEFAULT_FOLDER = "radiolog_reports"
FORMATS = ("text", "html", "both", "json")

_RENDERINGS: dict[str, tuple[tuple[str, Callable[[Report], str]], ...]] = {
    "text": (("txt", render_text),),
    "html": (("html", render_html),),
    "both": (("txt", render_text), ("html", render_html)),
    "json": (("json", render_json),),
}


def generate(  # noqa: PLR0913 (one argument a flag of the command)
    config: LoggingConfig, *, days: float = 7, start: datetime | date | None = None, end: datetime | date | None = None,
    station: str | None = None, format_: str = "both", output_dir: Path | str = DEFAULT_FOLDER,
    name: str = "weekly_report", now: Callable[[], datetime] = utc_now,
    on_report: Callable[[Report], None] = lambda _: None,
) -> list[Path]:  # fmt: skip
    """Write the report of a window; an empty window gives a report that says so.

    Args:
        config: the database and the thresholds.
        days: so many times 24 hours up to now.
        start: the first instant instead.
        end: the first instant behind the window.
        station: None: all stations.
        format_: text, html, both or json.
        output_dir: made where it is missing.
        name: the files are called `name_YYYYMMDD_HHMMSS.txt` and so on, by the station's clock.
        now: the present; tests give another.
        on_report: gets the report once its files are there.

    Returns:
        The files.

    Raises:
        RangeError: the window makes no sense, or lies in the future.
        UnknownStation: no such station ever logged anything.
        BadName: the format or the name is none.
        DatabaseError: PostgreSQL cannot be reached or refused.
        OutputError: the folder cannot be written; then there is no file.
    """
    if format_ not in _RENDERINGS:
        raise BadName(f"format must be one of {', '.join(FORMATS)}, not {format_!r}")
    if not name or "/" in name or "\0" in name or name.startswith("."):
        raise BadName(f"name must be the beginning of a file name, not {name!r}")
    report = report_of(config, days=days, start=start, end=end, station=station, now=now)
    stamp = f"{report.generated_at.astimezone(zone_named(report.zone)):%Y%m%d_%H%M%S}"
    with OutputFolder(Path(output_dir)) as output:
        for extension, render in _RENDERINGS[format_]:
            output.create(f"{name}_{stamp}.{extension}").write(render(report).encode("utf-8", "backslashreplace"))
    on_report(report)
    return output.paths


def report_of(
    config: LoggingConfig, *, days: float = 7, start: datetime | date | None = None, end: datetime | date | None = None,
    station: str | None = None, now: Callable[[], datetime] = utc_now,
) -> Report:  # fmt: skip
    """The report of a window as a value; arguments and errors are those of `generate`."""
    present = now()
    with Analytics(config, now=lambda: present) as analytics:
        analytics.require_station(station)
        window = analytics.window(days, start=start, end=end, station=station)
        analytics.require_past(window)
        return build(gather(analytics, window, station=station, now=present))


def main(argv: Sequence[str] | None = None) -> int:
    """The program.

    Args:
        argv: its arguments; those of the process when None.

    Returns:
        The exit code: 0, 1 when it failed, 2 when it was called wrongly.
    """
    parser = arguments.parser(
        "python -m reports.generate_report", "Write the report of a span of time.",
        "python -m reports.generate_report --days 7 --format html", output_dir=DEFAULT_FOLDER,
    )  # fmt: skip
    parser.add_argument("--format", choices=FORMATS, default="both", help="of the files")
    parser.add_argument("--name", default="weekly_report", help="the files' names begin with this")
    parser.add_argument("--send-notification", action="store_true", help="to the configured webhooks")
    parser.add_argument("--webhook-url", default=None, metavar="URL|@FILE", help="send to this one instead")
    parser.add_argument("--webhook-kind", choices=KINDS, default=None, help="where the URL does not tell")
    given = parser.parse_args(argv)

    def work(config: LoggingConfig) -> list[Path]:
        start, end = arguments.instants(given)
        where = chosen(config, send=given.send_notification, url=given.webhook_url, kind=given.webhook_kind, tell=_tell)
        made: list[Report] = []
        paths = generate(
            config, days=given.days, start=start, end=end, station=given.station, format_=given.format,
            output_dir=given.output_dir, name=given.name, on_report=made.append,
        )  # fmt: skip
        if where is None:
            return paths
        sys.stdout.write("".join(f"{path}\n" for path in paths))  # they are there, whatever the webhook says
        announce(config, made[0], where, _tell)
        return []

    return arguments.run(work)


def _tell(sentence: str) -> None:
    sys.stderr.write(f"{visible(sentence)}\n")


if __name__ == "__main__":
    sys.exit(main())
