"""What the command line prints: text made safe for a terminal, tables, JSON."""

import json
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

# A pipe has no width; paths are longer than 80 columns.
PIPE_WIDTH = 160

# C0, DEL, C1, bidirectional controls and line separators: what could move the cursor or reorder a line.
_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """Text from a log with everything that a terminal would obey shown as an escape. Newlines and tabs stay."""
    return (
        _UNSAFE.sub(lambda found: found.group().encode("unicode_escape").decode(), text)
        .encode("utf-8", "backslashreplace")
        .decode()
    )


def one_line(text: str, length: int = 200) -> str:
    """`visible`, on one line and not longer than `length`."""
    flat = visible(text).replace("\n", "\\n").replace("\t", "\\t")
    return flat if len(flat) <= length else flat[: length - 1] + "…"


def say(text: str = "") -> None:
    """Print a line of our own words."""
    sys.stdout.write(text + "\n")


def say_json(value: Any) -> None:
    """Print a value as one line of JSON, in ASCII: no terminal obeys it."""
    sys.stdout.write(json.dumps(value, default=_plain, ensure_ascii=True) + "\n")


def say_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Sequence[str] = ()) -> None:
    """Print a table; cells are made safe. `right`: columns of numbers."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(one_line(cell_text(cell))) for cell in row))
    Console(width=None if sys.stdout.isatty() else PIPE_WIDTH).print(table)


def cell_text(cell: Any) -> str:
    """A value as a person reads it in a table."""
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(cell, int) and not isinstance(cell, bool):
        return f"{cell:,}"
    return str(cell)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode("utf-8", "backslashreplace")
    return str(value)
