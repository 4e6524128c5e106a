"""The progress bar of an export: on a terminal, with rate and time left; nothing in a pipe."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

# Table, rows written so far, rows expected.
OnProgress: TypeAlias = Callable[[str, int, int], None]


@contextmanager
def export_bar() -> Iterator[OnProgress | None]:
    """What to tell progress to; None where nobody would see it."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console  # noqa: PLC0415 (only on a terminal)
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    tasks = {}
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(), console=Console(stderr=True), transient=True,
    ) as bar:  # fmt: skip

        def show(table: str, written: int, expected: int) -> None:
            if table not in tasks:
                tasks[table] = bar.add_task(table, total=expected, rate="")
            speed = bar.tasks[tasks[table]].speed
            bar.update(tasks[table], completed=written, total=max(expected, written),
                       rate=f"{speed:,.0f} rows/s" if speed else "")  # fmt: skip

        yield show
