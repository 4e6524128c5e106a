"""Bytes to lines with exact byte offsets. A half line stays in the buffer and is never consumed."""

import re
from collections.abc import Callable, Iterator
from typing import TypeAlias

from parsers.events import RawLine

MAX_LINE_BYTES = 1 << 20
KEPT_BYTES_OF_LONG_LINE = 1 << 16
# So many NUL bytes at a line's beginning are a hole: no text has them, not even UTF-32.
HOLE_BYTES = 8

_ANY_END = re.compile(rb"\r\n|\r|\n")
_LF_END = re.compile(rb"\r?\n")
_NULS = re.compile(rb"\0*")
_HOLE = bytes(HOLE_BYTES)

Take: TypeAlias = Callable[[bytes, int], bool]


class LineSplitter:
    r"""Cuts a stream of bytes into `RawLine`s that tile it, together with its holes.

    A hole is a run of NUL bytes before a line: what a writer without O_APPEND leaves when its file is truncated under
    it, mostly sparse, and up to gigabytes. It belongs to no line; `take_holes` gives it. Once a byte follows it, it is
    consumed. NUL bytes within a line are the line's.

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
        self._held_cr = b""  # a `\r` behind them, which may belong to the line's end
        self._hole_bytes = 0  # of the hole in progress; then there is no half line
        self._holes: list[tuple[int, int]] = []
        self._splits_at_cr = splits_at_cr
        self._max_line_bytes = max_line_bytes
        self._kept_bytes = min(KEPT_BYTES_OF_LONG_LINE, max_line_bytes)

    @property
    def offset(self) -> int:
        """Offset of the first byte that is not yet part of an emitted line or hole: what a checkpoint may claim."""
        return self._start

    @property
    def pending_bytes(self) -> int:
        """Bytes of the half line, or of the hole, that waits for its end."""
        return len(self._buffer) + self._skipped_bytes + len(self._held_cr) + self._hole_bytes

    @property
    def passes_nuls(self) -> bool:
        """Whether NUL bytes that come now change nothing: in a hole, and in the rest of an over-long line."""
        return bool(self._hole_bytes or (self._skipped_bytes and not self._held_cr))

    def pass_nuls(self, count: int) -> None:
        """Take so many NUL bytes as fed. Only where `passes_nuls`."""
        if self._hole_bytes:
            self._hole_bytes += count
        else:
            self._skipped_bytes += count

    def take_holes(self) -> list[tuple[int, int]]:
        """Holes, as offsets from and to, that were passed since this was last asked."""
        holes, self._holes = self._holes, []
        return holes

    def feed(self, chunk: bytes, take: Take | None = None) -> Iterator[RawLine]:
        """Take the next bytes and yield the lines that they complete.

        Args:
            chunk: the bytes.
            take: may be offered a line first, with its offset and without its line feed; one that it takes is not
                yielded. It is not offered lines that began before this chunk.
        """
        if self._skipped_bytes:
            chunk, done = self._skip(chunk)
            if done is None:
                return
            yield done
        whole = not self._buffer
        data = self._buffer + chunk
        self._buffer = b""
        if self._hole_bytes or b"\0" in data:
            yield from self._split_around_holes(data)
        elif take is None or self._splits_at_cr:
            yield from self._split(data)
        else:
            yield from self._split_taken(data, take, whole=whole)
        self._bound()

    def flush(self) -> Iterator[RawLine]:
        """The file is finished: yield what is left as a line without terminator, if there is any."""
        self._end_hole()
        if not self.pending_bytes:
            return
        end = self._start + self.pending_bytes
        last = self._held_cr if self._skipped_bytes else self._buffer[-1:]
        terminator = last if self._splits_at_cr and last == b"\r" else b""
        data = self._buffer if self._skipped_bytes else self._buffer[: len(self._buffer) - len(terminator)]
        yield self._line(end, data, terminator)
        self._buffer, self._skipped_bytes, self._held_cr = b"", 0, b""

    def _line(self, end: int, data: bytes, terminator: bytes) -> RawLine:
        if len(data) > self._max_line_bytes:
            data = data[: self._kept_bytes]
        line = RawLine(self._start, end, data, terminator)
        self._start = end
        return line

    def _split(self, data: bytes) -> Iterator[RawLine]:
        return self._split_any(data) if self._splits_at_cr else self._split_lf(data)

    def _split_around_holes(self, data: bytes) -> Iterator[RawLine]:
        """Split data that begins at a line's beginning, or in a hole, and may hold holes."""
        at = 0
        while True:
            match = _NULS.match(data, at)
            behind = match.end() if match else at
            if self._hole_bytes or behind - at >= HOLE_BYTES:
                self._hole_bytes += behind - at
                if behind == len(data):
                    return
                self._end_hole()
                at = behind
            end = self._before_hole(data, at)
            yield from self._split(data[at:end])
            if end == len(data):
                return
            if self._buffer:  # ends with a `\r`, and no `\n` follows
                yield self._line(self._start + len(self._buffer), self._buffer[:-1], b"\r")
                self._buffer = b""
            at = end

    def _before_hole(self, data: bytes, at: int) -> int:
        """Where a line ends, at or behind `at`, that a hole follows; the end of the data when none does."""
        ends = (b"\n", b"\r") if self._splits_at_cr else (b"\n",)
        return min((found + 1 for end in ends if (found := data.find(end + _HOLE, at)) >= 0), default=len(data))

    def _end_hole(self) -> None:
        if self._hole_bytes:
            end = self._start + self._hole_bytes
            self._holes.append((self._start, end))
            self._start, self._hole_bytes = end, 0

    def _split_lf(self, data: bytes) -> Iterator[RawLine]:
        parts = data.split(b"\n")
        self._buffer = parts.pop()
        for part in parts:
            yield self._lf_line(part)

    def _lf_line(self, part: bytes) -> RawLine:
        """The next line, from its bytes without the line feed."""
        start, terminator = self._start, b"\n"
        self._start = end = start + len(part) + 1
        if part[-1:] == b"\r":
            part, terminator = part[:-1], b"\r\n"
        if len(part) > self._max_line_bytes:
            part = part[: self._kept_bytes]
        return RawLine(start, end, part, terminator)

    def _split_taken(self, data: bytes, take: Take, *, whole: bool) -> Iterator[RawLine]:
        """As `_split_lf`, of the lines that are not taken; `whole`: the first of them began with the data."""
        if not whole:
            behind = data.find(b"\n") + 1
            yield from self._split_lf(data[:behind] if behind else data)
            if not behind:
                return
            data = data[behind:]
        parts = data.split(b"\n")
        self._buffer = parts.pop()
        start, limit = self._start, self._max_line_bytes
        for part in parts:
            end = start + len(part) + 1
            if len(part) > limit or not take(part, start):
                self._start = start
                yield self._lf_line(part)
            start = end
        self._start = start

    def _split_any(self, data: bytes) -> Iterator[RawLine]:
        start, limit = self._start, self._max_line_bytes
        parts = data.split(b"\n")
        last_part = len(parts) - 1
        for number, part in enumerate(parts):
            pieces = part.split(b"\r")
            last, terminator = pieces.pop(), b"\n"
            if pieces and not last:  # a `\r` before the `\n`, or at the end, where its `\n` may still come
                last, terminator = pieces.pop(), b"\r\n"
            for piece in pieces:
                self._start = end = start + len(piece) + 1
                yield RawLine(start, end, piece if len(piece) <= limit else piece[: self._kept_bytes], b"\r")
                start = end
            if number == last_part:
                self._buffer = last + terminator[:-1]
                return
            self._start = end = start + len(last) + len(terminator)
            yield RawLine(start, end, last if len(last) <= limit else last[: self._kept_bytes], terminator)
            start = end

    def _bound(self) -> None:
        """Keep only the beginning of a line that is already too long, whatever may still come."""
        if len(self._buffer) > max(self._max_line_bytes + 1, HOLE_BYTES):
            self._held_cr = b"\r" if self._buffer.endswith(b"\r") else b""
            self._skipped_bytes = len(self._buffer) - self._kept_bytes - len(self._held_cr)
            self._buffer = self._buffer[: self._kept_bytes]

    def _skip(self, chunk: bytes) -> tuple[bytes, RawLine | None]:
        """Drop bytes up to the end of the over-long line; give what follows it, and the clipped line."""
        chunk = self._held_cr + chunk
        match = (_ANY_END if self._splits_at_cr else _LF_END).search(chunk)
        if match is None or (match.end() == len(chunk) and match.group() == b"\r"):
            self._held_cr = b"\r" if chunk.endswith(b"\r") else b""
            self._skipped_bytes += len(chunk) - len(self._held_cr)
            return b"", None
        self._held_cr = b""
        end = self._start + self.pending_bytes + match.end()
        line = RawLine(self._start, end, self._buffer, match.group())
        self._start = end
        self._buffer, self._skipped_bytes = b"", 0
        return chunk[match.end() :], line
