"""`radiolog status`: how far each file is, and how the daemon is."""

import sys
import time
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from ingest.cli.output import one_line, say, say_json, say_table

INTERVAL_SECONDS = 2.0
# From so many of its last changes on, found by the sweep only, a folder's events are said to be missing.
SILENT_CHANGES = 10
_HOME_AND_CLEAR = "\x1b[H\x1b[J"
_MODES = {
    "events": "waits for events",
    "busy": "polls busy files",
    "polling": "polls, as configured",
    "sweep": "sweeps only, events cannot be had",
}


def status(
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Again every two seconds, until Ctrl-C.")] = False,
) -> None:
    """Say for each file how far it was read and what became of its lines, and how the daemon is.

    Example: radiolog status --json | jq .files
    """
    from ingest.cli.settings import configured
    from ingest.health import ingest_facts
    from ingest.schema import ready_connection

    connection = ready_connection(configured(), application_name="radiolog status")
    try:
        while True:
            found = ingest_facts(connection)
            if watch and not as_json and sys.stdout.isatty():
                sys.stdout.write(_HOME_AND_CLEAR)
            if as_json:
                say_json(found)
            else:
                _show(found)
            if not watch:
                return
            sys.stdout.flush()
            time.sleep(INTERVAL_SECONDS)
    except KeyboardInterrupt:
        if not watch:
            raise
    finally:
        connection.close()


def _show(found: dict[str, Any]) -> None:
    behind = sum(1 for row in found["files"] if row["lag_bytes"])
    live = [row for row in found["instances"] if row["live"]]
    for instance in live:
        for line in health_lines(instance, datetime.now(UTC)):
            say(one_line(line, 400))
    if not live:
        say("daemon: not running")
    lag = f"{found['lag_bytes']:,} bytes of {behind} files are not stored yet" if behind else "everything is stored"
    say(f"{lag}; {found['underived']} spans wait for the bookkeeper")
    shown = [
        (
            row["path"], row["parser"] if row["state"] == "active" else row["state"], row["committed_offset"],
            row["lag_bytes"], row["lines"], row["rows_stored"], row["dead_letters"], row["last_error"] or "",
        )
        for row in found["files"]
    ]  # fmt: skip
    numbers = ("read bytes", "lag", "lines", "rows", "dead")
    say_table("", ("file", "parser", *numbers, "last error"), shown, right=numbers)


def health_lines(instance: dict[str, Any], now: datetime) -> list[str]:
    """What a live instance said of itself with its last heartbeat: one line, and one for each trouble.

    Args:
        instance: a row of `ingest_instances`.
        now: for how long ago.
    """
    health = instance["health"] or {}
    parts = [_MODES.get(health.get("mode", ""), "starting")]
    parts += [f"{word} {_ago(health[name], now)}" for name, word in _MOMENTS if name in health]
    parts += [f"{word} {health[name]:,}" for name, word in _COUNTS if health.get(name)]
    if "database_unavailable" not in health:
        parts.append("database never lost")
    lines = [f"daemon: {instance['instance']}: {', '.join(parts)}"]
    for folder, (silent, changes) in sorted(health.get("unannounced", {}).items()):
        if silent >= SILENT_CHANGES:
            lines.append(
                f"{silent} of the last {changes} changes were found by the sweep only: events do not arrive from "
                f"{folder}; consider RADIOLOG_POLLING=true"
            )
    problems = health.get("configuration_problems", [])
    if problems:
        lines.append(f"the changed configuration is wrong, the old one is in force: {'; '.join(problems)}")
    return lines


_MOMENTS = (("swept_at", "swept"), ("committed_at", "last commit"))
_COUNTS = (
    ("found_by_sweep", "found by sweep"),
    ("events_overflowed", "overflows"),
    ("watch_renewed", "watches renewed"),
    ("watch_failed", "watches failed"),
    ("folder_unreadable", "unreadable folders"),
    ("database_unavailable", "database lost"),
)


def _ago(moment: str, now: datetime) -> str:
    seconds = max(0.0, (now - datetime.fromisoformat(moment)).total_seconds())
    return f"{seconds:.0f} s ago" if seconds < 120 else f"{seconds / 60:.0f} min ago"
