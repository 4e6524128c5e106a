"""`radiolog cleanup`: what is past its retention goes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ingest.cli.output import say, say_json, say_table

if TYPE_CHECKING:
    from ingest.retention import Outcome


def cleanup(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go; change nothing.")] = False,
    archive: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write what goes as Parquet first, and read it back.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
) -> None:
    """Remove plays, resolved errors, metrics and the rest that are past their retention; summaries stay.

    Safe beside a running daemon. PLAY_HISTORY_RETENTION_DAYS and the like say after how many days (docs/operations.md).

    Example: radiolog cleanup --dry-run
    """
    from ingest.cli.settings import configured
    from ingest.machine import machine_id
    from ingest.retention import Cleanup

    config, machine = configured(), machine_id()[:64]
    if dry_run:
        _tell(Cleanup(config, machine).plan(), [], as_json=as_json, dry_run=True)
        return
    if archive is None:
        _tell(Cleanup(config, machine).run(), [], as_json=as_json)
        return
    from reports.archive import ParquetArchive

    kept = ParquetArchive(archive)
    _tell(Cleanup(config, machine, kept).run(), kept.paths, as_json=as_json)


def _tell(outcome: "Outcome", paths: list[Path], *, as_json: bool, dry_run: bool = False) -> None:
    if as_json:
        say_json({"dry_run": dry_run, "removed": outcome.removed, "resolved_errors": outcome.resolved_errors,
                  "changed": outcome.changed, "archived": [str(path) for path in paths]})  # fmt: skip
        return
    goes = [(table, count) for table, count in outcome.removed.items() if count]
    if goes:
        heading = "rows that would go" if dry_run else "rows removed"
        say_table("", ("table", heading), goes, right=(heading,))
    else:
        say("nothing is past its retention")
    if outcome.resolved_errors:
        say(f"{outcome.resolved_errors:,} errors without a repeat {'would be' if dry_run else 'are'} resolved")
    for part in outcome.changed:
        say(f"{part}: changed while it was archived; it stays until the next time")
    for path in paths:
        say(f"archived in {path}")
