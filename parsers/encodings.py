"""Files that are not UTF-8: UTF-16, announced by a byte order mark, is read as lines of UTF-8.

A file's first bytes tell, and they are there whenever it is read: nothing needs to be remembered. UTF-32 is not read;
its lines become dead letters, as those of UTF-16 without a mark do.
"""

import codecs
import re
from collections.abc import Callable, Iterator
from typing import Protocol

from parsers.events import RawLine
from parsers.lines import MAX_LINE_BYTES, LineSplitter, Take

MARK_BYTES = 4

_Decoder = Callable[[bytes, str], tuple[str, int]]  # leaves what is cut off at the end
_DECODERS: dict[str, _Decoder] = {"utf-16-le": codecs.utf_16_le_decode, "utf-16-be": codecs.utf_16_be_decode}
_SURROGATE = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")
_NO_CHARACTER = b"\xff"  # never valid UTF-8: parsers make U+FFFD of it, and mark the line
_CONTINUATIONS = bytes(range(0x80, 0xC0))
_NOT_ASTRAL = bytes(byte for byte in range(256) if not 0xF0 <= byte <= 0xF4)


class Splitter(Protocol):
    """Cuts the bytes of a file into lines; see `LineSplitter`."""

    @property
    def offset(self) -> int:
        """Offset of the first byte that is not yet part of an emitted line or hole."""
        ...

    @property
    def pending_bytes(self) -> int:
        """Bytes of the half line, or of the hole, that waits for its end."""
        ...

    @property
    def passes_nuls(self) -> bool:
        """Whether NUL bytes that come now change nothing."""
        ...

    def pass_nuls(self, count: int) -> None:
        """Take so many NUL bytes as fed."""
        ...

    def take_holes(self) -> list[tuple[int, int]]:
        """Holes that were passed since this was last asked."""
        ...

    def feed(self, chunk: bytes, take: Take | None = None) -> Iterator[RawLine]:
        """Take the next bytes and yield the lines that they complete. None of them is ever offered to `take`."""
        ...

    def flush(self) -> Iterator[RawLine]:
        """The file is finished: yield what is left."""
        ...


def encoding_of(head: bytes) -> str:
    """What a file's first `MARK_BYTES` announce: `utf-16-le`, `utf-16-be`, or empty for everything else."""
    if head.startswith(b"\xff\xfe") and head[2:4] != b"\0\0":  # else UTF-32
        return "utf-16-le"
    return "utf-16-be" if head.startswith(b"\xfe\xff") else ""


def to_utf8(data: bytes, encoding: str) -> bytes:
    """The beginning of a file as `splitter_for` hands it on, without what is cut off at its end."""
    return _utf8(_DECODERS[encoding](data, "surrogatepass")[0]) if encoding else data


def splitter_for(
    encoding: str, offset: int = 0, *, splits_at_cr: bool = False, max_line_bytes: int = MAX_LINE_BYTES
) -> Splitter:
    """The splitter of a file.

    Args:
        encoding: from `encoding_of`.
        offset: byte offset in the file of the first byte that will be fed.
        splits_at_cr: as the file's parser says.
        max_line_bytes: of the line's UTF-8 form.
    """
    if encoding:
        return Utf16Splitter(encoding, offset, splits_at_cr=splits_at_cr, max_line_bytes=max_line_bytes)
    return LineSplitter(offset, splits_at_cr=splits_at_cr, max_line_bytes=max_line_bytes)


class Utf16Splitter:
    """Cuts UTF-16 into lines of UTF-8 whose offsets are those of the file's bytes.

    A surrogate without its other half, and an odd byte at a finished file's end, become a byte that is no UTF-8.

    Args:
        encoding: `utf-16-le` or `utf-16-be`.
        offset: byte offset in the file of the first byte that will be fed, at a line's beginning.
        splits_at_cr: see `LineSplitter`.
        max_line_bytes: of the line's UTF-8 form.
    """

    def __init__(
        self, encoding: str, offset: int = 0, *, splits_at_cr: bool = False, max_line_bytes: int = MAX_LINE_BYTES
    ) -> None:
        self._decode = _DECODERS[encoding]
        self._inner = LineSplitter(splits_at_cr=splits_at_cr, max_line_bytes=max_line_bytes)
        self._start = offset  # in the file, of what is not yet emitted
        self._half = b""  # half a character
        self._known = (0, offset)  # an offset of the UTF-8 form, and the same place in the file
        self._end = (0, offset)  # of all that was decoded
        self._holes: list[tuple[int, int]] = []

    @property
    def offset(self) -> int:
        """Offset in the file of the first byte that is not yet part of an emitted line or hole."""
        return self._start

    @property
    def pending_bytes(self) -> int:
        """Bytes in the file of the half line, or of the hole, that waits for its end."""
        return self._end[1] + len(self._half) - self._start

    @property
    def passes_nuls(self) -> bool:
        """Whether NUL bytes that come now change nothing."""
        return self._inner.passes_nuls and not self._half

    def pass_nuls(self, count: int) -> None:
        """Take so many NUL bytes as fed. Only where `passes_nuls`."""
        at, in_file = self._end
        self._inner.pass_nuls(count // 2)
        self._end = at + count // 2, in_file + count // 2 * 2
        self._half = bytes(count % 2)

    def take_holes(self) -> list[tuple[int, int]]:
        """Holes, as offsets in the file, that were passed since this was last asked."""
        holes, self._holes = self._holes, []
        return holes

    def feed(self, chunk: bytes, take: Take | None = None) -> Iterator[RawLine]:  # noqa: ARG002 (as `LineSplitter`'s)
        """Take the next bytes and yield the lines that they complete. None of them is ever offered to `take`."""
        data = self._half + chunk
        text, taken = self._decode(data, "surrogatepass")
        self._half = data[taken:]
        yield from self._feed(_utf8(text), taken)

    def flush(self) -> Iterator[RawLine]:
        """The file is finished: yield what is left as a line without terminator, if there is any."""
        half, self._half = self._half, b""
        if half:
            yield from self._feed(_NO_CHARACTER, len(half))
        yield from self._placed(self._inner.flush(), b"")

    def _feed(self, data: bytes, made_of_bytes: int) -> Iterator[RawLine]:
        self._known = self._end
        self._end = self._known[0] + len(data), self._known[1] + made_of_bytes
        yield from self._placed(self._inner.feed(data), data)

    def _placed(self, lines: Iterator[RawLine], data: bytes) -> Iterator[RawLine]:
        """Lines and holes of the UTF-8 form with their places in the file. All of them end in, or before, `data`."""
        first = self._known[0]

        def place(offset: int) -> int:
            at, in_file = self._known
            if offset == self._end[0]:
                self._known = self._end
            elif offset > at:
                self._known = offset, in_file + _bytes_of(data[at - first : offset - first])
            return self._known[1]

        for line in lines:
            self._place_holes(place)
            start, end = self._start, place(line.end)
            self._start = end
            yield RawLine(start, end, line.data, line.terminator, 1 if line.clipped else end - start)
        self._place_holes(place)

    def _place_holes(self, place: Callable[[int], int]) -> None:
        for _, hole_end in self._inner.take_holes():
            end = place(hole_end)
            self._holes.append((self._start, end))
            self._start = end


def _utf8(text: str) -> bytes:
    data = text.encode("utf-8", "surrogatepass")
    return _SURROGATE.sub(_NO_CHARACTER, data) if b"\xed" in data else data


def _bytes_of(data: bytes) -> int:
    """How many bytes of UTF-16 some UTF-8 was made of: two a character, four of those beyond the first 65,536."""
    return 2 * (len(data.translate(None, _CONTINUATIONS)) + len(data.translate(None, _NOT_ASTRAL)))
