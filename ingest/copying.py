"""COPY into a table."""

import io
from collections.abc import Sequence

from psycopg2.extensions import cursor as Cursor  # noqa: N812 (a class under a function's name)

from ingest.batch import Row
from ingest.copy_text import lines

# Of COPY's text at once.
COPY_BYTES = 4 << 20


def copy_rows(cursor: Cursor, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """COPY rows into a table; both names come from our own constants."""
    copy_text(cursor, table, columns, lines(rows))


def copy_text(cursor: Cursor, table: str, columns: Sequence[str], text: str) -> None:
    """COPY text into a table, in few pieces: for each one this thread waits until the other lets it run."""
    if text:
        cursor.copy_expert(f"COPY {table} ({', '.join(columns)}) FROM STDIN", io.BytesIO(text.encode()), COPY_BYTES)
