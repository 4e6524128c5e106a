"""`radiolog run`, `once` and `parse`."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingest.cli.output import say, say_json
from ingest.cli.progress import progress_bar

if TYPE_CHECKING:
    from ingest.backfill import Progress


def run() -> None:
    """Tail everything under LOG_PATH, and RADIOLOG_CONFIG's sources, into the database until stopped.

    SIGTERM and Ctrl-C end it. SIGHUP reads the configuration again: what is read, and as whose; an invalid one
    leaves the old in force.

    Example: LOG_PATH=/var/log/radio radiolog run
    """
    from ingest.assignments import places_of
    from ingest.cli.settings import configured
    from ingest.daemon import Daemon
    from ingest.process import reloading_on_hangup, stopping_on_signals
    from ingest.service import Service
    from ingest.telemetry import Telemetry
    from ingest.wake import Waker

    config = configured()
    telemetry = Telemetry(config.log_level)
    sources = places_of(config)
    service = Service(config, sources, "run", telemetry)
    waker = Waker([source.folder for source in sources], telemetry, polling=config.polling)
    daemon = Daemon(service, waker, telemetry, config, configured)
    with stopping_on_signals(daemon.stop), reloading_on_hangup(daemon.reload, daemon.stop):
        daemon.run()


def once(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files and folders; without any, LOG_PATH.", show_default=False)
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print no summary.")] = False,
) -> None:
    """Read what is there now, .gz, .zst, .xz and .bz2 included, and end. What was read before is not read again.

    Ends with 1 where a file could not be read; the others were.

    Example: radiolog once /var/log/radio /backup/radio-2026-10
    """
    from ingest.assignments import places_of
    from ingest.backfill import backfill
    from ingest.cli.settings import configured
    from ingest.cli.telling import Telling
    from ingest.errors import SourceError
    from ingest.process import stopping_on_signals
    from ingest.retention import expired_tables
    from ingest.service import Service
    from ingest.sources import source_of

    config = configured()
    for path in paths or [config.log_path]:
        if not path.exists():
            hint = "" if paths else "; set LOG_PATH to the folder that your services write to"
            raise SourceError(f"{path}: no such file or folder{hint}")
    sources = tuple(source_of(path.absolute()) for path in paths) if paths else places_of(config)
    telemetry = Telling()
    service = Service(config, sources, f"once-{time.time_ns():x}", telemetry, defer=True)
    asked: list[bool] = []
    try:
        with stopping_on_signals(lambda: asked.append(True)), progress_bar("reading") as show_bytes:

            def show(progress: "Progress") -> None:
                show_bytes(progress.done_bytes, progress.total_bytes)

            progress = backfill(service, show, lambda: bool(asked))
            show(progress)
    finally:
        service.close()
    if not quiet:
        say(f"{progress.lines:,} lines read, {progress.rows:,} rows stored, {progress.dead_letters:,} dead letters")
        telemetry.past_retention(expired_tables(config))
    if asked:
        raise typer.Exit(130)
    if telemetry.unreadable:
        raise typer.Exit(1)


def parse(
    file: Annotated[Path, typer.Argument(help="A log file; - for standard input.")],
    parser: Annotated[
        str | None, typer.Option(help="json, ffmpeg or text; else found out by name and content.")
    ] = None,
) -> None:
    """Print what a log file says as JSON, one event a line. No database, nothing is stored.

    Example: radiolog parse ffmpeg.log | jq 'select(.kind == "ffmpeg_message")'
    """
    from ingest.cli.parsing import parsed_objects

    if parser is not None:
        from parsers.registry import NAMES

        if parser not in NAMES:
            raise typer.BadParameter(f"one of {', '.join(NAMES)}", param_hint="--parser")
    log = None
    if str(file) == "-":
        data = sys.stdin.buffer.read()
    else:
        from ingest.files import open_log

        log = open_log(str(file))
        try:
            data = _all_of(log)
        finally:
            log.close()
    if data or parser is not None:
        for item in parsed_objects(str(file), data, parser):
            say_json(item)
    if log is not None:
        log.check_end()


def _all_of(log: Any) -> bytes:
    parts, offset = [], 0
    while part := log.read(offset, 1 << 20):
        parts.append(part)
        offset += len(part)
    return b"".join(parts)
