"""Bytes to lines with exact byte offsets. A half line stays in the buffer and is never consumed."""

import re
from collections.abc import Iterator

from parsers.events import RawLine

MAX_LINE_BYTES = 1 << 20
KEPT_BYTES_OF_LONG_LINE = 1 << 16

_ANY_END = re.compile(rb"\r\n|\r|\n")


class LineSplitter:
    r"""Cuts a stream of bytes into `RawLine`s that tile it.

    Args:
        offset: byte offset in the file of the first byte that will be fed.
        splits_at_cr: a lone `\r` ends a line too. A `\r` at the end of the buffer waits for the byte after it, which
            may be its `\n`. Without it only `\n` ends a line, and one `\r` before it belongs to the terminator.
        max_line_bytes: a longer line is emitted with its first bytes only (`RawLine.clipped`); memory stays bounded.
    """

    def __init__(self, offset: int = 0, *, splits_at_cr: bool = False, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._start = offset
        self._buffer = b""
        self._skipped_bytes = 0  # of the over-long line in progress, beyond what the buffer keeps
        self._splits_at_cr = splits_at_cr
        self._max_line_bytes = max_line_bytes

    @property
    def offset(self) -> int:
        """Offset of the first byte that is not yet part of an emitted line: what a checkpoint may claim."""
        return self._start

    @property
    def pending_bytes(self) -> int:
        """Bytes of the half line that waits for its end."""
        return len(self._buffer) + self._skipped_bytes

    def feed(self, chunk: bytes) -> Iterator[RawLine]:
        """Take the next bytes and yield the lines that they complete."""
        if self._skipped_bytes:
            chunk, done = self._skip(chunk)
            if done is None:
                return
            yield done
        data = self._buffer + chunk
        self._buffer = b""
        yield from self._split_any(data) if self._splits_at_cr else self._split_lf(data)
        self._bound()

    def flush(self) -> Iterator[RawLine]:
        """The file is finished: yield what is left as a line without terminator, if there is any."""
        if not self.pending_bytes:
            return
        terminator = b"\r" if self._splits_at_cr and not self._skipped_bytes and self._buffer.endswith(b"\r") else b""
        end = self._start + self.pending_bytes
        data = self._buffer[: len(self._buffer) - len(terminator)]
        yield self._line(end, data, terminator)
        self._buffer, self._skipped_bytes = b"", 0

    def _line(self, end: int, data: bytes, terminator: bytes) -> RawLine:
        if len(data) > self._max_line_bytes:
            data = data[:KEPT_BYTES_OF_LONG_LINE]
        line = RawLine(self._start, end, data, terminator)
        self._start = end
        return line

    def _split_lf(self, data: bytes) -> Iterator[RawLine]:
        parts = data.split(b"\n")
        self._buffer = parts.pop()
        limit = self._max_line_bytes
        start = self._start
        for part in parts:
            end = start + len(part) + 1
            terminator = b"\n"
            if part[-1:] == b"\r":
                part, terminator = part[:-1], b"\r\n"  # noqa: PLW2901 (hot loop)
            if len(part) > limit:
                part = part[:KEPT_BYTES_OF_LONG_LINE]  # noqa: PLW2901
            self._start = end
            yield RawLine(start, end, part, terminator)
            start = end

    def _split_any(self, data: bytes) -> Iterator[RawLine]:
        at = 0
        for match in _ANY_END.finditer(data):
            if match.end() == len(data) and match.group() == b"\r":
                break
            yield self._line(self._start + match.end() - at, data[at : match.start()], match.group())
            at = match.end()
        self._buffer = data[at:]

    def _bound(self) -> None:
        """Keep only the beginning of a line that is already too long."""
        if len(self._buffer) > self._max_line_bytes + 2:
            self._skipped_bytes = len(self._buffer) - KEPT_BYTES_OF_LONG_LINE
            self._buffer = self._buffer[:KEPT_BYTES_OF_LONG_LINE]

    def _skip(self, chunk: bytes) -> tuple[bytes, RawLine | None]:
        """Drop bytes up to the end of the over-long line; give what follows it, and the clipped line."""
        match = (_ANY_END if self._splits_at_cr else re.compile(rb"\n")).search(chunk)
        if match is None:
            self._skipped_bytes += len(chunk)
            return b"", None
        end = self._start + self.pending_bytes + match.end()
        line = RawLine(self._start, end, self._buffer, b"\n" if match.group() == b"\n" else match.group())
        self._start = end
        self._buffer, self._skipped_bytes = b"", 0
        return chunk[match.end() :], line
