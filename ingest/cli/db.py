"""`radiolog db …` and `radiolog config …`."""

from typing import Annotated

import typer

from ingest.cli.output import say, say_json, say_table

app = typer.Typer(help="The database: apply the schema, compare it, say how to connect.", no_args_is_help=True)
config_app = typer.Typer(help="The configuration in force.", no_args_is_help=True)


@app.command()
def init() -> None:
    """Apply schema.sql to the configured database. Harmless to run again.

    Example: POSTGRES_HOST=db.example POSTGRES_PASSWORD=… radiolog db init
    """
    from ingest import schema
    from ingest.cli.settings import configured
    from ingest.database import connect

    connection = connect(configured(), application_name="radiolog db init")
    try:
        schema.apply(connection)
        say(f"schema version {schema.SCHEMA_VERSION} is in place")
    finally:
        connection.close()


@app.command()
def check() -> None:
    """Compare the live tables and columns with those that this radiolog expects; exit code 1 where they differ.

    Example: radiolog db check
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
    for difference in differences:
        say(difference)
    if differences:
        raise typer.Exit(1)
    say(f"schema version {schema.SCHEMA_VERSION}: no differences")


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


@config_app.command()
def show(as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False) -> None:
    """Print every setting, its value and where it came from. Secrets are masked.

    Example: radiolog config show
    """
    from ingest.cli.settings import configured
    from logging_module.config import unknown_variables

    config = configured()
    sources = config.sources()
    rows = [(name, str(getattr(config, name)), source) for name, source in sorted(sources.items())]
    if as_json:
        say_json({name: {"value": value, "source": source} for name, value, source in rows})
    else:
        say_table("", ("setting", "value", "source"), rows)
        for name in unknown_variables():
            say(f"{name} is no setting of radiolog and does nothing")
