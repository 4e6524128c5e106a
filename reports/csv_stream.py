"""Turns PostgreSQL's CSV into RFC 4180: records end in CR LF. A byte stream in, a byte stream out, constant memory.

PostgreSQL ends records with LF and quotes every field that holds a quote, a separator or a line end. So a LF outside of
quotes ends a record, and a doubled quote closes and opens again: counting quotes is enough.
"""

from collections.abc import Callable
from typing import IO

_BOM = b"\xef\xbb\xbf"


class CsvStream:
    """A file-like object for COPY … TO STDOUT.

    Args:
        target: gets the bytes.
        excel: for spreadsheets that guess: a byte order mark first, and line ends inside of fields become spaces.
        on_records: told how many records there are, the header included, after each piece.
    """

    def __init__(
        self, target: IO[bytes], *, excel: bool = False, on_records: Callable[[int], None] | None = None
    ) -> None:
        self._target = target
        self._on_records = on_records
        self._excel = excel
        self._quoted = False
        self.records = 0
        if excel:
            target.write(_BOM)

    def write(self, data: bytes) -> int:
        """Take the next piece, cut anywhere."""
        parts = data.split(b'"')
        first_outside = 1 if self._quoted else 0
        for index in range(first_outside, len(parts), 2):
            self.records += parts[index].count(b"\n")
            parts[index] = parts[index].replace(b"\n", b"\r\n")
        if self._excel:
            for index in range(1 - first_outside, len(parts), 2):
                parts[index] = parts[index].replace(b"\r\n", b" ").replace(b"\n", b" ").replace(b"\r", b" ")
        if len(parts) % 2 == 0:
            self._quoted = not self._quoted
        self._target.write(b'"'.join(parts))
        if self._on_records is not None:
            self._on_records(self.records)
        return len(data)
