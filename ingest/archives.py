"""Compressed logs, read at offsets of their content as plain files are. Decides nothing."""

import bz2
import lzma
import sys
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ingest.errors import SourceError

if TYPE_CHECKING:
    from ingest.files import PlainFile
    from ingest.identity import Observed

# What unpacking one archive may need. `xz -9` needs half of it, `zstd --ultra -22 --long` all, as `zstd -d` permits.
WINDOW_LIMIT_BYTES = 1 << 27
_GZIP_ONLY = 31  # zlib's window bits: a gzip header and nothing else
_PACKED_BYTES = 1 << 16
_UNPACKED_BYTES = 1 << 20


class Member(Protocol):
    """Unpacks one member of an archive (a stream, a frame), as the standard library's decompressors do."""

    @property
    def eof(self) -> bool:
        """Its end mark was read."""
        ...

    @property
    def needs_input(self) -> bool:
        """All that it was given is unpacked."""
        ...

    @property
    def unused_data(self) -> bytes:
        """What it was given behind its end."""
        ...

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Up to `max_length` bytes of content."""
        ...


class Kind(NamedTuple):
    """A kind of archive: how to unpack a member, and what that raises for bytes that are none."""

    begin: Callable[[], Member]
    errors: tuple[type[Exception], ...]


class Archive:
    """An archive of any kind (members may be concatenated), read forwards; going back starts it anew.

    What is cut off, or still being written, simply ends there; more may follow later. Memory is bounded however much an
    archive claims to hold. A damaged one ends at the damage, every byte before it is given; `check_end` tells.

    Args:
        plain: the archive's own bytes.
        kind: its compression, one of `identity.COMPRESSIONS`' values.
    """

    def __init__(self, plain: "PlainFile", kind: str) -> None:
        self._plain = plain
        self._kind = _KINDS[kind]()
        self._careful_from: int | None = None  # offset in the archive of the piece that holds the damage
        self._rewind()

    @property
    def path(self) -> str:
        """Where it was opened."""
        return self._plain.path

    def observe(self) -> "Observed":
        """What the archive is now."""
        return self._plain.observe()

    def stamp(self) -> tuple[int, int]:
        """Size and modification time of the archive."""
        return self._plain.stamp()

    def next_data(self, offset: int) -> int:
        """The same offset: only unpacking tells what is in an archive."""
        return offset

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` decompressed bytes from `offset`; fewer at the end, and before damage."""
        if offset < self._start:
            self._rewind()
        while (missing := offset + length - self._start - len(self._buffer)) > 0:
            self._forget(offset)
            if not self._unpack(min(missing, _UNPACKED_BYTES)):
                break
        self._forget(offset)
        return bytes(self._buffer[max(0, offset - self._start) :][:length])

    def check_end(self) -> None:
        """Raises SourceError where the last `read` ended at damage: which, and where in archive and content."""
        if self._damage is not None:
            raise self._damage[0]

    def is_complete(self) -> bool:
        """Whether the last member that was read has its end mark, and nothing but padding behind it."""
        return self._between_members and self._damage is None

    def close(self) -> None:
        """Give the descriptor back."""
        self._plain.close()

    # -----------------------------------------------------------------------------------------------------------------

    def _rewind(self) -> None:
        self._packed_offset = 0  # next byte of the archive
        self._piece_offset = 0  # where the piece begins that is being unpacked
        self._start = 0  # offset of the buffer's first byte in the content
        self._buffer = bytearray()
        self._between_members = False
        self._member: Member | None = None
        self._damage: tuple[SourceError, tuple[int, int]] | None = None  # and the archive's stamp when it was found

    def _forget(self, offset: int) -> None:
        """Drop what stands before `offset` of the content."""
        dropped = min(len(self._buffer), max(0, offset - self._start))
        del self._buffer[:dropped]
        self._start += dropped

    def _unpack(self, length: int) -> bool:
        """Decompress at most `length` bytes more; False at the end of what there is, and at damage."""
        if self._is_damaged():
            return False
        packed = b""
        if self._member is None or self._member.needs_input:
            packed = self._next_piece()
            if not packed:
                return False
        if self._member is None:
            self._member, self._between_members = self._kind.begin(), False
        try:
            self._buffer += self._member.decompress(packed, length)
        except self._kind.errors as error:
            self._locate(error)
            return True
        if self._member.eof:
            self._packed_offset -= len(self._member.unused_data)
            self._member, self._between_members = None, True
        return True

    def _next_piece(self) -> bytes:
        while True:
            size = _PACKED_BYTES
            if self._careful_from is not None:
                size = max(1, min(size, self._careful_from - self._packed_offset))
            self._piece_offset = self._packed_offset
            packed = self._plain.read(self._packed_offset, size)
            self._packed_offset += len(packed)
            if not packed and self._plain.stamp()[0] < self._packed_offset:
                self._rewind()  # truncated: what is written there now is another archive
            if not (packed and self._between_members):
                return packed
            if packed := packed.lstrip(b"\0"):  # with which tapes, and xz, pad
                return packed

    def _locate(self, error: Exception) -> None:
        """Find the very byte that is wrong: a decompressor keeps what it had unpacked of a piece before it failed.

        So everything is unpacked once more, and the piece that holds the damage byte by byte.
        """
        if self._careful_from is None or self._piece_offset < self._careful_from:
            self._careful_from = self._piece_offset
            self._rewind()
            return
        behind = self._start + len(self._buffer)
        if "memory" in str(error).lower():
            reason = f"needs more than {WINDOW_LIMIT_BYTES >> 20} MiB of memory to be unpacked; unpack it by hand"
        else:
            reason = f"damaged archive: wrong at its byte {self._piece_offset}, behind byte {behind} of its content"
        self._damage = SourceError(f"{self.path}: {reason}"), self._plain.stamp()

    def _is_damaged(self) -> bool:
        """A damaged archive is tried again when it has changed: a copy may be written in any order."""
        if self._damage is not None and self._plain.stamp() != self._damage[1]:
            self._careful_from = None
            self._rewind()
        return self._damage is not None


class _Inflater:
    """zlib's decompressor for one gzip member (RFC 1952), with the interface that the others share."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(_GZIP_ONLY)
        self._has_more = False

    @property
    def eof(self) -> bool:
        return self._inflate.eof

    @property
    def needs_input(self) -> bool:
        return not self._has_more

    @property
    def unused_data(self) -> bytes:
        return self._inflate.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        unpacked = self._inflate.decompress(self._inflate.unconsumed_tail + data, max_length)
        self._has_more = bool(self._inflate.unconsumed_tail) or len(unpacked) == max_length
        return unpacked


def _gzip() -> Kind:
    return Kind(_Inflater, (zlib.error,))


def _bzip2() -> Kind:
    return Kind(bz2.BZ2Decompressor, (OSError,))


def _xz() -> Kind:
    return Kind(lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, WINDOW_LIMIT_BYTES), (lzma.LZMAError,))


def _zstd() -> Kind:
    """Frames of RFC 8878, skippable ones too. Imported when there is one: the daemon rarely meets any."""
    if sys.version_info >= (3, 14):
        from compression import zstd  # noqa: PLC0415
    else:
        from backports import zstd  # noqa: PLC0415
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: WINDOW_LIMIT_BYTES.bit_length() - 1}
    return Kind(lambda: zstd.ZstdDecompressor(options=options), (zstd.ZstdError,))


_KINDS: dict[str, Callable[[], Kind]] = {"gz": _gzip, "bz2": _bzip2, "xz": _xz, "zst": _zstd}
