"""`radiolog db …`."""

from typing import TYPE_CHECKING, Annotated

import typer

from ingest.cli.output import say, say_json

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 (a class under a function's name)

app = typer.Typer(help="The database: apply the schema, compare it, say how to connect.", no_args_is_help=True)


@app.command()
def init() -> None:
    """Apply schema.sql to the configured database, and give the roles of the separate processes their rights.

    Harmless to run again. Roles that are missing are made where this user may (docs/operations.md).

    Example: POSTGRES_HOST=db.example POSTGRES_PASSWORD=… radiolog db init
    """
    from ingest import schema
    from ingest.cli.settings import configured
    from ingest.database import connect
    from ingest.upgrade import refuse_old_station

    connection = connect(configured(), application_name="radiolog db init")
    try:
        refuse_old_station(connection)
        schema.apply(connection)
        say(f"schema version {schema.SCHEMA_VERSION} is in place")
        _say_roles(connection)
    finally:
        connection.close()


@app.command()
def upgrade(
    time_zone: Annotated[
        str | None,
        typer.Option(metavar="ZONE", help="In which the times of an older station database are, which say no zone."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
) -> None:
    """Bring the database to this radiolog's schema, in one transaction; stop the daemons first.

    An older station database (play_history without a station) is taken over: its rows become those of RADIOLOG_STATION,
    its tables stay as they were in the schema station_before.

    Example: radiolog db upgrade --time-zone Europe/Berlin
    """
    from contextlib import closing

    from ingest.cli.settings import configured
    from ingest.database import connect
    from ingest.roles import apply_roles
    from ingest.schema import SCHEMA_VERSION
    from ingest.upgrade import BEFORE, upgrade
    from logging_module import rules

    if time_zone is not None and not rules.allows("time_zone", time_zone):
        raise typer.BadParameter(rules.permitted("time_zone"), param_hint="--time-zone")
    config = configured()
    with closing(connect(config, application_name="radiolog db upgrade")) as connection:
        done = upgrade(connection, config.station, time_zone)
        apply_roles(connection)
    if as_json:
        say_json({"from_version": done.from_version, "version": SCHEMA_VERSION, "taken_over": done.taken_over})
        return
    say(f"schema version {SCHEMA_VERSION} is in place")
    for table, count in done.taken_over.items():
        say(f"{table}: {count:,} rows taken over")
    if done.taken_over:
        say(f"the old tables are in the schema {BEFORE}; when all is well: DROP SCHEMA {BEFORE} CASCADE")


@app.command()
def check(as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False) -> None:
    """Compare the live tables and columns with those that this radiolog expects; exit code 1 where they differ.

    Example: radiolog db check --json
    """
    from ingest import schema
    from ingest.cli.settings import configured
    from ingest.database import connect

    connection = connect(configured(), application_name="radiolog db check")
    try:
        schema.require(connection)
        differences = schema.differences(connection)
    finally:
        connection.close()
    if as_json:
        say_json({"version": schema.SCHEMA_VERSION, "differences": differences})
    else:
        for difference in differences or [f"schema version {schema.SCHEMA_VERSION}: no differences"]:
            say(difference)
    if differences:
        raise typer.Exit(1)


@app.command()
def url() -> None:
    """Print how to connect with psql or any other client; starts the embedded server where none is configured.

    Example: psql "$(radiolog db url)"
    """
    from ingest.cli.settings import configured
    from ingest.database import connect

    config = configured()
    connect(config, application_name="radiolog db url").close()
    text = config.database_url.render_as_string(hide_password=True)
    say(text.replace("postgresql+psycopg2://", "postgresql://").replace(":***@", "@"))


@app.command()
def stop() -> None:
    """Stop the embedded server. The next command that needs it starts it again.

    Example: radiolog db stop
    """
    from ingest.cli.settings import configured
    from ingest.embedded import stop_server

    say("stopped" if stop_server(configured().data_dir) else "it was not running")


def _say_roles(connection: "Connection") -> None:
    from ingest.roles import ROLES, apply_roles

    names = ", ".join(ROLES)
    if apply_roles(connection):
        say(f"roles {names} have their rights")
    else:
        say(f"this user may not make roles; without {names} all processes share its rights")
