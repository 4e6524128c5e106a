"""`radiolog notify`: the one process that speaks to the outside all the time."""

import sys
import threading
from typing import Annotated

import typer

from ingest.cli import EXIT_FAILURE, EXIT_USAGE
from ingest.cli.output import say, visible


def notify(
    once: Annotated[bool, typer.Option("--once", help="Send what is due now, then end.")] = False,
    test: Annotated[bool, typer.Option("--test", help="Send a test message to every webhook, then end.")] = False,
) -> None:
    """Send what the outbox holds to the configured webhooks, until stopped: alerts of the daemon, reports.

    Example: radiolog notify --test
    """
    from ingest.cli.settings import configured as settings
    from ingest.process import stopping_on_signals
    from reports.sender import Sender
    from reports.targets import configured

    config = settings()
    targets = configured(config)
    if not targets:
        complain("no webhook is configured: set RADIOLOG_DISCORD_WEBHOOK_URL, RADIOLOG_SLACK_WEBHOOK_URL or "
                 "RADIOLOG_APPRISE_URL (docs/notifications.md)")  # fmt: skip
        raise typer.Exit(EXIT_USAGE)
    sender = Sender(config, targets, say if test or once else complain)
    stopping = threading.Event()
    try:
        if test:
            raise typer.Exit(0 if sender.test() else EXIT_FAILURE)
        gone = sender.outbox.gone(sender.names)
        for name in gone:
            complain(
                f"{name} gets nothing: its webhook was removed or forbidden; radiolog notify --test tries it again"
            )
        with stopping_on_signals(stopping.set):
            if once:
                sender.send_due(stopping)
                left = sender.outbox.waiting(sender.names)
                raise typer.Exit(EXIT_FAILURE if left or gone else 0)
            complain(f"sending to {', '.join(sender.names)}")
            if not sender.run(stopping):
                complain("another notifier is running for this database")
                raise typer.Exit(EXIT_FAILURE)
    finally:
        sender.outbox.close()


def complain(message: str) -> None:
    """A sentence on stderr."""
    sys.stderr.write(f"radiolog: {visible(message)}\n")
    sys.stderr.flush()
