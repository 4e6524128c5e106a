"""`radiolog digest`."""

from typing import Annotated

import typer

from ingest.cli.notifying import complain
from ingest.cli.output import say, say_json
from ingest.cli.reporting import Days, End, Kind, SendNotification, Start, Station, WebhookUrl, usage, webhooks


def digest(
    days: Days = 1,
    start: Start = None,
    end: End = None,
    station: Station = None,
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
    send_notification: SendNotification = False,
    webhook_url: WebhookUrl = None,
    webhook_kind: Kind = None,
) -> None:
    """Say in five lines how the last day went: for every morning, on the terminal or to a webhook.

    Example: radiolog digest --send-notification
    """
    import textwrap

    from ingest.cli.settings import configured
    from reports.announce import announce
    from reports.generate_report import report_of
    from reports.report.digest import digest as lines_of
    from reports.report.digest import digest_notice
    from reports.report.wording import full_moment, visible
    from reports.window import zone_named

    config = configured()
    where = webhooks(config, send=send_notification, url=webhook_url, kind=webhook_kind)
    with usage():
        report = report_of(config, days=days, start=start, end=end, station=station)
    lines, zone = lines_of(report), zone_named(report.zone)
    if as_json:
        say_json({"scope": report.scope, "start": report.start, "end": report.end, "tone": report.verdict.tone,
                  "lines": lines})  # fmt: skip
    else:
        say(visible(f"{report.scope}, {full_moment(report.start, zone)} to {full_moment(report.end, zone)}"))
        for line in lines:
            say(textwrap.fill(visible(line), 80, subsequent_indent="  ", break_on_hyphens=False))
    if where is not None:
        announce(config, report, where, complain, worded=digest_notice)
