"""`radiolog errors` and `errors resolve`."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingest.cli import EXIT_USAGE
from ingest.cli.listing import AsJson, Limit, show
from ingest.cli.notifying import complain
from ingest.cli.output import say
from ingest.cli.reporting import Days, End, Start, Station, usage

if TYPE_CHECKING:
    from reports.analytics import Analytics

# So many kinds, the most frequent, are looked at for those that are open, or severe enough.
KINDS_LOOKED_AT = 500

app = typer.Typer()


class Severity(StrEnum):
    """From which severity on messages are shown."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


@app.callback(invoke_without_command=True)
def errors(  # noqa: PLR0913 (one argument a flag)
    context: typer.Context,
    days: Days = 7,
    start: Start = None,
    end: End = None,
    station: Station = None,
    each: Annotated[bool, typer.Option("--each", help="One by one, with their ids, instead of by kind.")] = False,
    only_open: Annotated[bool, typer.Option("--open", help="Only those that are not resolved.")] = False,
    severity: Annotated[Severity, typer.Option(help="From this one up; info only with --each.")] = Severity.WARNING,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Warnings and errors of a span of time, by kind or one by one.

    Example: radiolog errors --days 1 --each --open
    """
    if context.invoked_subcommand is not None:
        return
    from reports.terminal_listing import render_kinds, render_messages

    span = {"days": days, "start": start, "end": end, "station": station}

    def messages(analytics: "Analytics", asked: dict[str, Any]) -> dict[str, Any]:
        found = analytics.get_messages(limit=limit, severity=severity.value, only_open=only_open, **asked)
        return {"messages": found}

    def kinds(analytics: "Analytics", asked: dict[str, Any]) -> dict[str, Any]:
        unresolved = analytics.open_errors(**asked)
        wanted = tuple(Severity)[tuple(Severity).index(severity) :]
        picky = only_open or severity in (Severity.ERROR, Severity.CRITICAL)
        most = max(limit, KINDS_LOOKED_AT) if picky else limit
        found = [
            {**row, "open_count": unresolved.get((row["service"], row["template"]), 0)}
            for row in analytics.get_error_templates(limit=most, **asked)
            if row["severity"] in wanted
        ]
        return {"kinds": [row for row in found if row["open_count"] or not only_open][:limit]}

    if each:
        show(span, messages, render_messages, as_json=as_json)
    else:
        show(span, kinds, render_kinds, as_json=as_json)


@app.command()
def resolve(
    ids: Annotated[
        list[int] | None, typer.Argument(min=1, max=2**63 - 1, metavar="ID", help="As `errors --each` shows them.")
    ] = None,
    service: Annotated[str | None, typer.Option(help="All errors of this service up to now.")] = None,
    template: Annotated[
        str | None, typer.Option(help="With --service: only this message, as `errors` shows it.")
    ] = None,
    station: Station = None,
) -> None:
    """Mark errors as done with: some by their ids, or all of a kind up to now.

    Example: radiolog errors resolve --service ffmpeg --template "Broken pipe"
    """
    from datetime import UTC, datetime

    from ingest import by_hand
    from ingest.cli.settings import configured
    from reports.analytics import Analytics
    from reports.figures.plays import storable
    from reports.report.wording import plural

    if bool(ids) == (service is not None):
        complain("give ids, or --service" if not ids else "give ids or --service, not both")
        raise typer.Exit(EXIT_USAGE)
    if ids and (template is not None or station is not None):
        complain("--template and --station go with --service")
        raise typer.Exit(EXIT_USAGE)
    config, at = configured(), datetime.now(UTC)
    if ids:
        number = by_hand.resolve_ids(config, ids, at)
    else:
        with usage(), Analytics(config) as analytics:
            analytics.require_station(station)
        kind = None if template is None else storable(template)
        number = by_hand.resolve_kind(config, storable(service or ""), kind, at, station=station)
    say(f"{plural(number, 'message')} resolved")
