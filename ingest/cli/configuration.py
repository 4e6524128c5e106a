"""`radiolog config …`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingest.cli import EXIT_FAILURE
from ingest.cli.output import say, say_json, say_table, visible

if TYPE_CHECKING:
    from logging_module.config_file import Assigned

app = typer.Typer(help="The configuration: what is in force, and whether a file is right.", no_args_is_help=True)

_ASSIGNED = ("paths", "station", "service", "parser", "min_level")


@app.command()
def show(as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False) -> None:
    """Print every setting, its value and where it came from; then the sources of RADIOLOG_CONFIG. Secrets are masked.

    Where from: default, environment, .env (or what RADIOLOG_ENV_FILE names), or a line of RADIOLOG_CONFIG.

    Example: radiolog config show
    """
    from ingest.cli.settings import configured
    from logging_module.config import unknown_variables

    config = configured()
    sources = config.sources()
    rows = [(name, str(getattr(config, name)), source) for name, source in sorted(sources.items())]
    if as_json:
        settings = {name: {"value": value, "source": source} for name, value, source in rows}
        say_json({**settings, "sources": [_as_json(source) for source in config.assigned]})
        return
    say_table("", ("setting", "value", "source"), rows)
    if config.assigned:
        cells = [(*(_cell(source, name) for name in _ASSIGNED), source.origin) for source in config.assigned]
        say_table("sources, the first that matches holds", (*_ASSIGNED, "source"), cells)
    for name in unknown_variables():
        say(f"{name} is no setting of radiolog and does nothing")


@app.command()
def check(
    file: Annotated[Path | None, typer.Argument(help="A TOML file; without it, that of RADIOLOG_CONFIG.")] = None,
) -> None:
    """Check the configuration, as a start or a reload would: every problem with its line, and exit code 1 if any.

    Changes nothing, and asks no database.

    Example: radiolog config check /etc/radiolog/radiolog.toml
    """
    from ingest.assignments import places_of
    from ingest.errors import SourceError
    from logging_module.config import LoggingConfig
    from logging_module.errors import ConfigurationError

    problems: tuple[str, ...] = ()
    try:
        config = LoggingConfig.from_env(file)
        config.validate()
        places_of(config)
    except ConfigurationError as wrong:
        problems = wrong.problems
    except SourceError as wrong:
        problems = (str(wrong),)
    for problem in problems:
        typer.echo(visible(problem), err=True)
    if problems:
        raise typer.Exit(EXIT_FAILURE)
    where = f"{config.config_file}: " if config.config_file else ""
    set_there = sum(source not in {"default", "environment", ".env"} for source in config.sources().values())
    say(visible(f"{where}all is well: {set_there} settings and {len(config.assigned)} sources in the file"))


def _as_json(source: "Assigned") -> dict[str, Any]:
    return {**{name: getattr(source, name) for name in _ASSIGNED}, "source": source.origin}


def _cell(source: "Assigned", name: str) -> str:
    value = getattr(source, name)
    return ", ".join(value) if isinstance(value, tuple) else value or ""
