"""`radiolog ledger`: is every line accounted for?"""

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingest.cli import EXIT_FAILURE
from ingest.cli.output import one_line, say, say_json, say_table, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ingest.ledger import Ledger, Place, RunFinding

_NUMBERS = (
    "lines", "stored", "folded", "below_threshold", "blank", "duplicate", "dead_letters", "held", "read_bytes",
    "empty_bytes", "skipped_bytes", "lost_bytes", "rows_stored", "rows_retired",
)  # fmt: skip
_MOST_SHOWN = 200


def ledger(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files and folders; without any, everything.", show_default=False)
    ] = None,
    recount: Annotated[
        bool, typer.Option("--recount", help="Count all rows, and split again the files that are still there.")
    ] = False,
    gaps: Annotated[bool, typer.Option("--gaps", help="Only what is missing or doubled, no table of files.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
) -> None:
    """Prove that every line that was read became a row, or say what became of it; that no byte was passed over; and
    that no line of a producer that numbers its lines (run_id, seq) is missing or there twice.

    Ends with 1 where something is not accounted for. Bytes that are yet to be read are no fault; neither are bytes that
    vanished, where a gap says which: they are shown. With --recount every table is read once.

    Example: radiolog ledger --recount
    """  # noqa: D205 (the first sentence is long)
    from ingest.cli.settings import configured
    from ingest.ledger_reader import read_ledger
    from ingest.machine import machine_id
    from ingest.schema import ready_connection

    connection = ready_connection(configured(), application_name="radiolog ledger")
    try:
        wanted = [files_path(path) for path in paths or []]
        with _progress(shown=recount and not as_json) as on_bytes:
            proof = read_ledger(connection, machine_id()[:64], wanted, recount=recount, on_bytes=on_bytes)
    finally:
        connection.close()
    if wanted and not proof.files:
        say(f"nothing was read of {', '.join(map(visible, wanted))}")
        raise typer.Exit(EXIT_FAILURE)
    if as_json:
        say_json(_as_object(proof))
    else:
        _show(proof, with_files=not gaps)
    if not proof.complete:
        raise typer.Exit(EXIT_FAILURE)


def files_path(path: Path) -> str:
    """A path as the database knows it."""
    from ingest.identity import stored_path

    return stored_path(str(path.absolute()))


def _show(proof: "Ledger", *, with_files: bool) -> None:
    say(proof.verdict())
    if proof.reread is not None:
        say(f"recounted: the rows of all files, the bytes of {proof.reread:,} that are still on this machine's disk")
    if with_files and proof.files:
        _show_files(proof)
    for finding in proof.findings[:_MOST_SHOWN]:
        where = f"{one_line(finding.path, 1000)} (generation {finding.generation})" if finding.path else "the database"
        say(f"wrong: {where}: {one_line(finding.what, 1000)}")
    for gap in [gap for gap in proof.gaps if gap.reason not in ("nul_hole", "read_before")][:_MOST_SHOWN]:
        kind = "skipped" if gap.reason == "skipped_by_operator" else "lost"
        span = f"bytes [{gap.from_offset:,}, {gap.to_offset:,})"
        say(f"{kind}: {one_line(gap.path, 1000)}: {span}, {one_line(gap.reason)}")
    for run in proof.runs[:_MOST_SHOWN]:
        say(_run_sentence(run))
    hidden = max(0, len(proof.findings) - _MOST_SHOWN) + max(0, len(proof.runs) - _MOST_SHOWN)
    if hidden:
        say(f"… and {hidden:,} more; --json has all of them")
    if proof.run_count:
        say(f"producers: {proof.numbered_lines:,} numbered lines in {proof.run_count:,} runs")


def _show_files(proof: "Ledger") -> None:
    """One row a file; columns of what never happened are left out."""
    always = ("lines", "stored", "read_bytes")
    names = [name for name in _NUMBERS[:12] if name in always or any(getattr(file, name) for file in proof.files)]
    heads = [name.removesuffix("_bytes").removesuffix("_threshold").removesuffix("_letters") for name in names]
    rows = [
        (file.path, file.state, *(getattr(file, name) for name in names), _unread(proof.places.get(file.generation)))
        for file in proof.files
    ]
    say_table("", ("file", "state", *heads, "unread"), rows, right=(*heads, "unread"))


def _unread(place: "Place | None") -> int | str:
    """Bytes that are yet to be read; nothing where the file is not on this machine's disk, or an archive."""
    return "" if place is None or place.unread_bytes is None else place.unread_bytes


def _run_sentence(run: "RunFinding") -> str:
    part = run.part
    name = f"run {one_line(part.run_id, 128)}" if part.run_id else "many short runs"
    first, last = (one_line(path, 1000) for path in (run.first_path, run.last_path))
    if part.kind == "irregular":
        return f"not checked: {name} ({first}): too irregular to tell gaps and repeats, {part.lines:,} lines"
    where = first if first == last else f"{first or 'the beginning'} and {last or 'the end'}"
    if part.kind == "extra":
        return f"repeated: {name}: {part.seq_count:,} lines more than numbers, {where}"
    numbers = f"{part.first_seq:,}" if part.first_seq == part.last_seq else f"{part.first_seq:,}-{part.last_seq:,}"
    if part.kind == "repeat":
        return f"repeated: {name}: {numbers} was read more than once, {where}"
    where = f"in {where}" if first == last else f"between {where}"
    return f"missing: {name}: {numbers} ({part.seq_count:,}) {where}" + (f"; {run.explained}" if run.explained else "")


def _as_object(proof: "Ledger") -> dict[str, Any]:
    return {
        "complete": proof.complete,
        "verdict": proof.verdict(),
        "recounted": proof.reread is not None,
        "reread_files": proof.reread,
        "totals": {
            **{name: proof.total(name) for name in _NUMBERS}, "files": len(proof.files),
            "unread_bytes": proof.unread_bytes, "runs": proof.run_count, "numbered_lines": proof.numbered_lines,
        },
        "files": [
            {
                "generation": file.generation, "path": file.path, "family": file.family, "state": file.state,
                "committed_offset": file.committed_offset, **{name: getattr(file, name) for name in _NUMBERS},
                "unread_bytes": place.unread_bytes if (place := proof.places.get(file.generation)) else None,
            }
            for file in proof.files
        ],
        "wrong": [finding._asdict() for finding in proof.findings],
        "gaps": [gap._asdict() for gap in proof.gaps],
        "runs": [
            {**run.part._asdict(), "first_path": run.first_path, "last_path": run.last_path, "explained": run.explained}
            for run in proof.runs
        ],
    }  # fmt: skip


@contextmanager
def _progress(*, shown: bool) -> "Iterator[Callable[[int], None]]":
    """Bytes and rate on a terminal; nothing in a pipe."""
    import sys

    if not shown or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import DownloadColumn, Progress, SpinnerColumn, TextColumn, TransferSpeedColumn

    columns = (SpinnerColumn(), TextColumn("recounting"), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("recounting", total=None)
        yield lambda count: bar.advance(task, count)
