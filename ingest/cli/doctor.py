"""`radiolog doctor`: what is wrong here, and what mends it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from ingest.cli import EXIT_FAILURE
from ingest.cli.output import say, say_json, visible

if TYPE_CHECKING:
    from ingest.findings import Finding
    from logging_module.config import LoggingConfig

_MARKS = {"ok": "ok     ", "warning": "warning", "error": "ERROR  "}


def doctor(as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False) -> None:
    """Check configuration, folders, limits, disk, clock, database and daemon; say how to mend what is not well.

    Ends with 1 where something does not work. Changes nothing, and starts no server.

    Example: sudo -u radio radiolog doctor
    """
    from ingest.findings import count

    findings = []
    for found in _findings():
        findings.append(found)
        if not as_json:
            say(visible(f"{_MARKS[found.level]} {found.area}: {found.message}"))
            if found.mend:
                say(visible(f"        mend: {found.mend}"))
    errors, warnings = count(findings, "error"), count(findings, "warning")
    if as_json:
        say_json({"findings": [found._asdict() for found in findings], "errors": errors, "warnings": warnings})
    else:
        say(f"{errors} errors, {warnings} warnings" if errors or warnings else "all is well")
    if errors:
        raise typer.Exit(EXIT_FAILURE)


def _findings() -> Iterator["Finding"]:
    from ingest.checkup_database import database_findings
    from ingest.checkup_machine import machine_findings
    from ingest.findings import error, ok, warning
    from logging_module.config import LoggingConfig, unknown_variables
    from logging_module.errors import ConfigurationError

    for name in unknown_variables():
        yield warning("configuration", f"{name} is no setting of radiolog and does nothing", "correct or remove it")
    try:
        config = LoggingConfig.from_env()
        config.validate()
    except ConfigurationError as wrong:
        for problem in wrong.problems:
            yield error("configuration", problem, "correct it; env.example explains every setting")
        return
    file = f", those of {config.config_file} too" if config.config_file else ""
    yield ok("configuration", f"all settings have permitted values{file}")
    yield from machine_findings(config)
    yield from database_findings(config)
    yield from _notifier(config)


def _notifier(config: "LoggingConfig") -> Iterator["Finding"]:
    from ingest.embedded import is_running
    from ingest.errors import RadiologError
    from ingest.findings import ok, warning
    from reports.outbox import Outbox
    from reports.targets import configured

    if not configured(config) or (config.embedded and not is_running(config.data_dir)):
        return
    outbox = Outbox(config)
    try:
        running = outbox.is_notifier_running()
    except RadiologError:
        return  # what the database says was told of
    finally:
        outbox.close()
    if running:
        yield ok("notifications", "a notifier runs")
    else:
        yield warning("notifications", "webhooks are configured, but no notifier runs",
                      "systemctl enable --now radiolog-notify")  # fmt: skip
