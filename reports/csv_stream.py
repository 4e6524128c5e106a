"""Turns PostgreSQL's CSV into what spreadsheets may open: RFC 4180, defused. Bytes in and out, constant memory.

PostgreSQL ends records with LF, quotes every text (we ask for that) and doubles the quotes in it. So:

- a LF ends a record where an even number of quotes stands before it, else it lies in a field;
- a quote behind a comma or a LF opens a field, if neither a quote (in a field it is doubled) nor a comma nor a LF is
  next. A LF at the very beginning of a field is found with the ends of lines.

No field is looked at by itself: the usual row costs a part of a microsecond.
"""

import re
from collections.abc import Callable
from typing import IO

_BOM = b"\xef\xbb\xbf"
_BLOCK_BYTES = 1 << 18
# What a spreadsheet would run as a formula: = + - @, white space before it, and the signs' full-width forms.
_FORMULA = re.compile(rb'"(?<=[,\n]")(?=[=+\-@\t\r]|\xef\xbc[\x9d\x8b\x8d\xa0])')
_CONTROL = bytes(code for code in (*range(32), 127) if chr(code) not in "\t\r\n")
_REST = bytes(set(range(256)) - set(_CONTROL))
_PICTURES = re.compile(b"[" + re.escape(_CONTROL) + b"]")


class CsvStream:
    """A file-like object for COPY … TO STDOUT; `finish` writes what it still holds.

    Text that a spreadsheet would run as a formula gets an apostrophe in front; control characters other than tab and
    line ends become their pictures (U+2400 and on), so that no terminal obeys them.

    Args:
        target: gets the bytes.
        excel: for spreadsheets that guess: a byte order mark first, and line ends inside of fields become spaces.
        on_records: told how many records there are behind the header, now and then.
    """

    def __init__(
        self, target: IO[bytes], *, excel: bool = False, on_records: Callable[[int], None] | None = None
    ) -> None:
        self._target = target
        self._on_records = on_records
        self._excel = excel
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._quoted = False
        self.records = 0
        if excel:
            target.write(_BOM)

    def write(self, data: bytes) -> int:
        """Take the next piece, cut anywhere."""
        self._waiting.append(data)
        self._waiting_bytes += len(data)
        if self._waiting_bytes >= _BLOCK_BYTES:
            self._flush()
        return len(data)

    def finish(self) -> None:
        """Write what is left. COPY ends with the end of a record."""
        self._flush()

    def _flush(self) -> None:
        """Write up to the last line end; a line that is not whole waits."""
        data = b"".join(self._waiting)
        end = data.rfind(b"\n") + 1
        self._waiting, self._waiting_bytes = [data[end:]], len(data) - end
        if end:
            self._target.write(self._ended(_defused(data[:end])))
            if self._on_records is not None:
                self._on_records(self.records - 1)

    def _ended(self, data: bytes) -> bytes:
        """Lines with their ends: of a record, or inside of a field."""
        lines = data[:-1].split(b"\n")
        if not self._quoted and not any(line.count(b'"') & 1 for line in lines):  # the usual case: no field holds any
            self.records += len(lines)
            return (data.replace(b"\r", b" ") if self._excel else data).replace(b"\n", b"\r\n")
        if self._excel:
            lines = [line.removesuffix(b"\r").replace(b"\r", b" ") for line in lines]
        parts: list[bytes] = []
        for line in lines:
            self._quoted ^= bool(line.count(b'"') & 1)
            begins = self._quoted and (line.endswith(b',"') or line == b'"')
            self.records += not self._quoted
            parts += line, b"'" * begins, (b" " if self._excel else b"\n") if self._quoted else b"\r\n"
        return b"".join(parts)


def _defused(data: bytes) -> bytes:
    """Whole lines, without formulas and control characters."""
    if data.translate(None, _REST):
        data = _PICTURES.sub(_picture, data)
    return _FORMULA.sub(b"\"'", b"\n" + data)[1:]  # what it begins with stands behind a line end, too


def _picture(found: re.Match[bytes]) -> bytes:
    code = found.group()[0]
    return chr(0x2421 if code == 127 else 0x2400 + code).encode()
