"""`radiolog dead-letters …`: the lines that could not be stored."""

from typing import Annotated

import typer

from ingest.cli.output import one_line, say, say_json, say_table

app = typer.Typer(help="Lines that could not become rows: kept with file, byte range and reason.", no_args_is_help=True)


@app.command("list")
def list_letters(
    reason: Annotated[str | None, typer.Option(help="Only with this reason, such as bad_json.")] = None,
    path: Annotated[str | None, typer.Option(help="Only of files whose path contains this.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many, newest first.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List dead letters, newest first.

    Example: radiolog dead-letters list --reason bad_json --limit 20
    """
    from ingest.cli.settings import configured
    from ingest.queries import load
    from ingest.schema import ready_connection

    columns = ("id", "path", "from_offset", "to_offset", "reason", "detail", "line", "parser", "parser_version",
               "arrived_at", "replayed_at")  # fmt: skip
    connection = ready_connection(configured(), application_name="radiolog dead-letters")
    try:
        with connection.cursor() as cursor:
            pattern = None if path is None else "%" + _literal(path) + "%"
            cursor.execute(load("ingest", "store.sql")["dead_letters"],
                           {"reason": reason, "path": pattern, "limit": limit})  # fmt: skip
            letters = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    finally:
        connection.close()
    if as_json:
        for letter in letters:
            say_json(letter)
        return
    if not letters:
        say("no dead letters")
        return
    rows = [
        (letter["id"], letter["path"], f"{letter['from_offset']}-{letter['to_offset']}", letter["reason"],
         letter["detail"], one_line(bytes(letter["line"]).decode("utf-8", "backslashreplace"), 80))
        for letter in letters
    ]  # fmt: skip
    say_table("", ("id", "file", "bytes", "reason", "why", "line"), rows, right=("id",))


def _literal(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
