"""The tree of commands."""

from typing import Annotated

import typer

from ingest.cli import (
    cleanup,
    configuration,
    db,
    dead_letters,
    digest,
    doctor,
    error_list,
    ledger,
    listing,
    maintenance,
    metrics,
    notifying,
    reading,
    reporting,
    sessions,
    status,
    validating,
)

app = typer.Typer(
    name="radiolog",
    help="Logs and analytics of 24/7 FFmpeg radio streams: every line of every log, exactly once, in PostgreSQL.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"radiolog {version('radiolog')}")
        raise typer.Exit


@app.callback()
def _root(
    _version_wanted: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Take the options that stand before any command."""


app.command()(reading.run)
app.command()(reading.once)
app.command()(status.status)
app.command()(ledger.ledger)
app.command()(reading.parse)
app.command()(validating.validate)
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(db.app, name="db")
app.add_typer(configuration.app, name="config")
app.command()(reporting.stats)
app.command()(listing.now)
app.command()(listing.top)
app.add_typer(error_list.app, name="errors")
app.command()(listing.history)
app.command()(listing.outages)
app.command()(sessions.sessions)
app.add_typer(maintenance.app, name="maintenance")
app.command()(reporting.report)
app.command()(digest.digest)
app.command()(reporting.export)
app.command()(notifying.notify)
app.command()(cleanup.cleanup)
app.command()(metrics.metrics)
app.command()(reporting.demo)
app.command()(doctor.doctor)
