"""`radiolog stats`, `report`, `export` and `demo`."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ingest.cli import EXIT_USAGE
from ingest.cli.notifying import complain
from ingest.cli.output import say, say_json, visible

if TYPE_CHECKING:
    from logging_module.config import LoggingConfig
    from reports.report.model import Report
    from reports.targets import Target


class Format(StrEnum):
    """What `radiolog report` writes."""

    TEXT = "text"
    HTML = "html"
    BOTH = "both"
    JSON = "json"


class ExportFormat(StrEnum):
    """What `radiolog export` writes."""

    CSV = "csv"
    PARQUET = "parquet"


class WebhookKind(StrEnum):
    """Which form of message a webhook takes."""

    DISCORD = "discord"
    SLACK = "slack"
    APPRISE = "apprise"


def _moment(text: str) -> datetime:
    """A date or time, as `python -m reports.…` takes it too. Without zone it is the station's."""
    from reports.window import RangeError, parse_moment

    try:
        return parse_moment(text)
    except RangeError as error:
        raise typer.BadParameter(str(error)) from error


@contextmanager
def usage() -> Iterator[None]:
    """A range that makes no sense, a station or a name that cannot be: wrong usage, one line, exit code 2."""
    from reports.arguments import WRONG_USAGE

    try:
        yield
    except WRONG_USAGE as error:
        typer.echo(f"radiolog: {visible(str(error))}", err=True)
        raise typer.Exit(EXIT_USAGE) from error


Days = Annotated[float, typer.Option(min=0.001, max=36_525, help="The last so many times 24 hours.")]
Start = Annotated[
    datetime | None, typer.Option(parser=_moment, metavar="DATE|DATETIME", help="From here, in the station's time.")
]
End = Annotated[
    datetime | None, typer.Option(parser=_moment, metavar="DATE|DATETIME", help="Up to here, in the station's time.")
]
Station = Annotated[str | None, typer.Option(help="Only this station.")]


SendNotification = Annotated[
    bool, typer.Option("--send-notification", help="Send its verdict to the configured webhooks.")
]
WebhookUrl = Annotated[str | None, typer.Option(metavar="URL|@FILE", help="Send it to this webhook.")]
Kind = Annotated[WebhookKind | None, typer.Option("--webhook-kind", help="Where the URL does not tell.")]


def webhooks(
    config: "LoggingConfig", *, send: bool, url: str | None, kind: WebhookKind | None
) -> "tuple[Target, ...] | None":
    """Where a message shall go, as `reports.announce.chosen` says; a webhook that is none is wrong usage."""
    from ingest.errors import ConfigurationError
    from reports.announce import chosen

    try:
        return chosen(config, send=send, url=url, kind=kind, tell=complain)
    except ConfigurationError as error:
        complain(str(error))
        raise typer.Exit(EXIT_USAGE) from error


def stats(
    days: Days = 7,
    start: Start = None,
    end: End = None,
    station: Station = None,
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
) -> None:
    """Plays, uptime, interruptions, top tracks and errors of a span of time.

    Example: radiolog stats --days 30
    """
    from ingest.cli.settings import configured
    from reports.analytics import Analytics
    from reports.terminal import render_stats, stats_as_json

    with usage(), Analytics(configured()) as analytics:
        if as_json:
            say_json(stats_as_json(analytics, days=days, start=start, end=end, station=station))
            return
        from rich.console import Console

        Console().print(render_stats(analytics, days=days, start=start, end=end, station=station))


def demo(
    seconds: Annotated[
        float | None, typer.Option(min=1, help="End after so many seconds; without it, at Ctrl-C.")
    ] = None,
    speed: Annotated[float, typer.Option(min=0.1, max=100, help="How many times faster than real time.")] = 1.0,
) -> None:
    """Run a small live station: services that write logs, FFmpeg, the daemon, and a live view.

    Its logs go to a temporary folder, its rows to a database of their own, `radiolog_demo`.

    Example: radiolog demo --seconds 30
    """
    from ingest.cli.live import run_demo

    run_demo(seconds=seconds, speed=speed)
    say("the demo's rows stay in the database radiolog_demo until its next run")


def report(  # noqa: PLR0913 (one argument a flag)
    days: Days = 7,
    start: Start = None,
    end: End = None,
    station: Station = None,
    format_: Annotated[Format, typer.Option("--format", help="What to write.")] = Format.BOTH,
    output_dir: Annotated[Path, typer.Option(help="Made where it is missing.")] = Path("radiolog_reports"),
    name: Annotated[str, typer.Option(help="The files' names begin with this.")] = "weekly_report",
    send_notification: SendNotification = False,
    webhook_url: WebhookUrl = None,
    webhook_kind: Kind = None,
) -> None:
    """Write the report of a span of time as text and as one self-contained HTML file.

    Example: radiolog report --days 7 --format html
    """
    from ingest.cli.settings import configured
    from reports.announce import announce
    from reports.generate_report import generate

    config = configured()
    where = webhooks(config, send=send_notification, url=webhook_url, kind=webhook_kind)
    made: list[Report] = []
    with usage():
        paths = generate(
            config, days=days, start=start, end=end, station=station, format_=format_.value,
            output_dir=output_dir, name=name, on_report=made.append,
        )  # fmt: skip
    for path in paths:
        say(str(path))
    if where is not None:
        announce(config, made[0], where, complain)


def export(  # noqa: PLR0913 (one argument a flag)
    days: Annotated[
        float | None,
        typer.Option(min=0.001, max=36_525, help="The last so many times 24 hours.", show_default="7"),
    ] = None,
    start: Start = None,
    end: End = None,
    station: Station = None,
    output_dir: Annotated[Path, typer.Option(help="Made where it is missing.")] = Path("analytics_export"),
    include_errors: Annotated[bool, typer.Option("--include-errors", help="Errors too.")] = False,
    include_metrics: Annotated[bool, typer.Option("--include-metrics", help="Metrics too.")] = False,
    format_: Annotated[ExportFormat, typer.Option("--format", help="Of the files.")] = ExportFormat.CSV,
    excel: Annotated[bool, typer.Option("--excel", help="With the mark by which Excel knows UTF-8.")] = False,
    preset: Annotated[
        str | None,
        typer.Option(
            metavar="royalty", help="royalty: instead of all this, a report of use; without a range, of last month."
        ),
    ] = None,
) -> None:
    """Write plays, a summary and on request errors and metrics of a span of time as CSV or Parquet.

    Example: radiolog export --days 30 --include-errors
    """
    from ingest.cli.settings import configured
    from ingest.errors import ConfigurationError
    from reports.export_analytics import export_as_asked

    config = configured()
    try:
        with usage():
            paths = export_as_asked(
                config, days=days, start=start, end=end, station=station, output_dir=output_dir,
                include_errors=include_errors, include_metrics=include_metrics, format_=format_.value, excel=excel,
                preset=preset,
            )  # fmt: skip
    except ConfigurationError as error:
        complain(str(error))
        raise typer.Exit(EXIT_USAGE) from error
    for path in paths:
        say(str(path))
