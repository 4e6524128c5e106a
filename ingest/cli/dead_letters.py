"""`radiolog dead-letters …`: the lines that could not be stored."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ingest.cli.output import one_line, say, say_json, say_table, visible

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812

    from ingest.release import Suspended
    from ingest.replay import Report
    from logging_module.config import LoggingConfig

app = typer.Typer(help="Lines that could not become rows: kept with file, byte range and reason.", no_args_is_help=True)

_COLUMNS = ("id", "path", "from_offset", "to_offset", "reason", "detail", "line", "parser", "parser_version",
            "arrived_at", "replayed_at")  # fmt: skip

Reason = Annotated[str | None, typer.Option(help="Only with this reason, such as bad_json.")]
PathPart = Annotated[str | None, typer.Option("--path", help="Only of files whose path contains this.")]
LetterId = Annotated[int, typer.Argument(min=1, max=2**63 - 1, metavar="ID", help="Its number, as `list` shows it.")]
Ids = Annotated[
    list[int] | None, typer.Option("--id", min=1, max=2**63 - 1, help="Only this one; may be given several times.")
]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON, one object a line.")]


class ExportFormat(StrEnum):
    """What `export` writes."""

    JSONL = "jsonl"
    RAW = "raw"


@app.command("list")
def list_letters(
    reason: Reason = None,
    path: PathPart = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many, newest first.")] = 50,
    with_replayed: Annotated[bool, typer.Option("--all", help="Also those that were replayed.")] = False,
    as_json: AsJson = False,
) -> None:
    """List dead letters, newest first.

    Example: radiolog dead-letters list --reason bad_json --limit 20
    """
    from ingest.queries import load

    sql = load("ingest", "dead_letters.sql")["list"]
    with _database("radiolog dead-letters") as (_, connection), connection.cursor() as cursor:
        cursor.execute(sql, {"reason": reason, "path": _pattern(path), "limit": limit, "with_replayed": with_replayed})
        letters = [dict(zip(_COLUMNS, row, strict=True)) for row in cursor.fetchall()]
    if as_json:
        for letter in letters:
            say_json(letter)
        return
    if not letters:
        say("no dead letters")
        return
    rows = [
        (letter["id"], letter["path"], f"{letter['from_offset']}-{letter['to_offset']}",
         letter["reason"] + (" (replayed)" if letter["replayed_at"] else ""),
         letter["detail"], one_line(bytes(letter["line"]).decode("utf-8", "backslashreplace"), 80))
        for letter in letters
    ]  # fmt: skip
    say_table("", ("id", "file", "bytes", "reason", "why", "line"), rows, right=("id",))


@app.command()
def show(letter_id: LetterId, as_json: AsJson = False) -> None:
    """Show all about one dead letter, and whether its file still has the line.

    Example: radiolog dead-letters show 17
    """
    from ingest.cli.letters import as_object, described
    from ingest.machine import machine_id
    from ingest.originals import Originals, one_letter

    with _database("radiolog dead-letters") as (config, connection):
        letter = one_letter(connection, letter_id)
        if letter is None:
            typer.echo(f"radiolog: there is no dead letter {letter_id}", err=True)
            raise typer.Exit(1)
        originals = Originals(machine_id()[:64], config.max_line_bytes)
        try:
            found = originals.find(letter)
        finally:
            originals.close()
    if as_json:
        say_json(as_object(letter, found))
        return
    for text in described(letter, found):
        say(visible(text))


@app.command()
def replay(
    ids: Ids = None,
    reason: Reason = None,
    path: PathPart = None,
    all_: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Try it and store nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Read dead letters again after a fix, and store what can be stored now. Harmless to run again.

    The line is read from its file where that still has it, else the stored one is taken. Run it with the daemon's
    configuration; the daemon may run meanwhile. Ends with 1 where some remain.

    Example: radiolog dead-letters replay --reason bad_json --dry-run
    """
    from ingest.replay import Selection

    chosen = ids or reason is not None or path is not None
    if bool(chosen) == all_:
        raise typer.BadParameter("say which: --id, --reason, --path, or --all alone", param_hint="'--all'")
    selection = Selection(tuple(ids) if ids else None, reason, _pattern(path))
    with _database("radiolog replay") as (config, connection):
        missing = _missing_ids(connection, ids or [])
        report = _replayed(config, connection, selection, dry_run=dry_run)
    if as_json:
        say_json(
            {"found": report.found, "replayed": report.replayed, "from_stored": report.from_stored, "rows": report.rows,
             "dispositions": +report.dispositions, "remaining": report.remaining, "busy": report.busy,
             "missing": missing, "dry_run": dry_run}
        )  # fmt: skip
    else:
        _tell(report, dry_run=dry_run)
    for letter_id in missing:
        typer.echo(f"radiolog: there is no dead letter {letter_id}", err=True)
    if report.remaining or report.busy or missing:
        raise typer.Exit(1)


@app.command()
def export(
    output: Annotated[Path, typer.Option("--output", "-o", help="A file; - for standard output.")] = Path("-"),
    format_: Annotated[
        ExportFormat, typer.Option("--format", help="jsonl: everything; raw: the redacted lines alone.")
    ] = ExportFormat.JSONL,
    reason: Reason = None,
    path: PathPart = None,
    with_replayed: Annotated[bool, typer.Option("--all", help="Also those that were replayed.")] = False,
) -> None:
    """Write dead letters as JSON lines, or their redacted lines as they stood there.

    Example: radiolog dead-letters export --format raw | radiolog parse -
    """
    import sys

    from ingest.cli.letters import destination, write_letters
    from ingest.replay import Selection

    if format_ is ExportFormat.RAW and str(output) == "-" and sys.stdout.isatty():
        raise typer.BadParameter("raw lines go to a file or a pipe, not to a terminal", param_hint="'--format'")
    with _database("radiolog dead-letters", autocommit=True) as (_, connection), destination(output) as stream:
        parameters = Selection(None, reason, _pattern(path)).parameters(with_replayed=with_replayed)
        count = write_letters(connection, parameters, stream, raw=format_ is ExportFormat.RAW)
    if str(output) != "-":
        say(f"{count:,} dead letters: {visible(str(output))}")


@app.command()
def release(
    path: Annotated[str | None, typer.Argument(help="A suspended file.", show_default=False)] = None,
    generation: Annotated[
        int | None, typer.Option(min=1, max=2**63 - 1, help="Instead of a path: its number in ingest_files.")
    ] = None,
    skip: Annotated[bool, typer.Option("--skip", help="Go on behind what the file holds now.")] = False,
) -> None:
    """Go on with a file that was suspended because it gave nothing but dead letters.

    The daemon reads on at its next sweep. With --skip what lies between is not read, and recorded as a gap.

    Example: radiolog dead-letters release /var/log/radio/odd.log
    """
    import os

    from ingest.identity import stored_path
    from ingest.machine import machine_id
    from ingest.release import end_of, suspended
    from ingest.release import release as release_file

    if (path is None) == (generation is None):
        raise typer.BadParameter("one of a path and --generation", param_hint="'PATH'")
    with _database("radiolog release") as (_, connection):
        wanted = None if path is None else stored_path(os.path.abspath(path))
        machine = machine_id()[:64]
        found = suspended(connection, machine, path=wanted, generation=generation)
        if not found:
            _say_none(wanted or f"generation {generation}", suspended(connection, machine))
            raise typer.Exit(1)
        for file in found:
            position = end_of(file) if skip else None
            release_file(connection, file, position)
            offset = position.offset if position else file.offset
            skipped = f", {offset - file.offset:,} bytes skipped" if skip else ""
            say(f"{visible(file.path)}: active again, read on at byte {offset:,}{skipped}")


# ---------------------------------------------------------------------------------------------------------------------


@contextmanager
def _database(application_name: str, *, autocommit: bool = False) -> Iterator[tuple["LoggingConfig", "Connection"]]:
    import psycopg2

    from ingest.cli.settings import configured
    from ingest.database import translate
    from ingest.schema import ready_connection

    config = configured()
    connection = ready_connection(config, application_name=application_name, autocommit=autocommit)
    try:
        yield config, connection
    except psycopg2.Error as error:
        raise translate(error) from error
    finally:
        connection.close()


def _replayed(config: "LoggingConfig", connection: "Connection", selection: object, *, dry_run: bool) -> "Report":
    import socket
    from zoneinfo import ZoneInfo

    from ingest.assignments import assignments_of
    from ingest.bookkeeper import Bookkeeper
    from ingest.foreseen import Thresholds
    from ingest.machine import machine_id
    from ingest.originals import Originals
    from ingest.replay import Replayer, Selection
    from ingest.schema import ready_connection
    from ingest.second_reading import ReplaySettings

    assert isinstance(selection, Selection)  # noqa: S101 (imported late)
    settings = ReplaySettings(
        assignments_of(config), socket.gethostname()[:256], ZoneInfo(config.time_zone), tuple(config.parser_by_glob)
    )  # fmt: skip
    originals = Originals(machine_id()[:64], config.max_line_bytes)
    try:
        replayer = Replayer(connection, originals, settings, time_zone=config.time_zone)
        report = replayer.replay(selection, dry_run=dry_run)
    finally:
        originals.close()
    if report.replayed and not dry_run:
        bookkeeper = Bookkeeper(
            lambda: ready_connection(config, application_name="radiolog bookkeeper"),
            Thresholds(config.max_open_play_seconds, config.gap_threshold_seconds),
        )
        try:
            bookkeeper.work_all()
        finally:
            bookkeeper.close()
    return report


def _missing_ids(connection: "Connection", ids: list[int]) -> list[int]:
    from ingest.queries import load

    if not ids:
        return []
    with connection, connection.cursor() as cursor:
        cursor.execute(load("ingest", "dead_letters.sql")["known_ids"], {"ids": ids})
        return sorted(set(ids) - {row[0] for row in cursor.fetchall()})


def _tell(report: "Report", *, dry_run: bool) -> None:
    if not report.found:
        say("no dead letters to replay")
        return
    would = "would be " if dry_run else ""
    stored = f", {report.from_stored:,} of them from the stored, redacted line" if report.from_stored else ""
    say(f"{report.replayed:,} of {report.found:,} dead letters {would}replayed, {report.rows:,} rows{stored}")
    if report.busy:
        say(f"{report.busy:,} are being replayed by somebody else")
    for why, count in report.remaining.most_common(20):
        say(f"{count:,} remain: {one_line(why)}")
    if report.examples:
        say("see radiolog dead-letters show " + str(report.examples[0][0]))


def _say_none(what: str, others: "list[Suspended]") -> None:
    typer.echo(f"radiolog: {one_line(what)}: is no suspended file", err=True)
    for file in others[:20]:
        typer.echo(f"suspended: {one_line(file.path)} (generation {file.generation})", err=True)


def _pattern(path: str | None) -> str | None:
    """What LIKE is asked for: the path's part, taken literally."""
    if path is None:
        return None
    literal = path.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{literal}%".encode("utf-8", "backslashreplace").decode()
