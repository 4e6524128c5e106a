"""Which file is this? Values and hashes that tell one life of a log file from another; reads no file itself.

Neither (device, inode) nor the first bytes identify a log: inodes are handed out again at once, and every FFmpeg log
begins with the same banner. So a checkpoint keeps both, and a **proof of position**: the hash of the window of at most
4 KiB that lies before its offset. Who holds the same bytes there is, for our purpose, the same file.
"""

import hashlib
import posixpath
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple, TypeAlias

WINDOW_BYTES = 4096
COMPRESSIONS = {".gz": "gz", ".zst": "zst", ".xz": "xz", ".bz2": "bz2"}

# What rotation adds to a name: .1, .2.gz, -20261122, .2026-11-22_03, .old. Several may stand behind each other.
_ROTATED = re.compile(
    r"(?:\.\d{1,4}|[.-]\d{8}(?:[-T_]?\d{2,6})?|[.-]\d{4}-\d{2}-\d{2}(?:[-T_]\d{2}(?:[-:]?\d{2}){0,2})?|\.(?:old|bak|gz|zst|xz|bz2))$"
)
# Loggers that put the number before the ending: app.1.log, app-2026-11-22.log.
_ROTATED_INSIDE = re.compile(r"^(?P<stem>.+?)(?:\.\d{1,3}|[.-]\d{8}|[.-]\d{4}-\d{2}-\d{2})(?P<ending>\.[a-z]{2,7})$")

# Programs write under such names, too: app-2026-11-22.log, app.log.20261122.
_DATED = re.compile(r"[.-]\d{4}-?\d{2}-?\d{2}(?:[-T_]?\d{2}(?:[-:]?\d{2}){0,2})?(?:\.(?!old$|bak$)[a-z]{2,7})?$")


class FileId(NamedTuple):
    """The file system's own identity of a file. `birth_ns` is 0 where the file system keeps no birth time."""

    device: int
    inode: int
    birth_ns: int


class Fingerprint(NamedTuple):
    """Hash of a window of bytes: its length, and 16 bytes of BLAKE2b."""

    length: int
    digest: bytes

    def matches(self, data: bytes) -> bool:
        """Whether `data` is exactly the window that was hashed."""
        return len(data) == self.length and (not data or hash_window(data) == self.digest)


class Observed(NamedTuple):
    """What `fstat` says of an open file now. `plain` is False for an archive, whose size is not that of its content."""

    path: str
    file_id: FileId
    size_bytes: int
    mtime_ns: int


class Checkpoint(NamedTuple):
    """A row of `ingest_files`: how far a generation has been stored, and how to recognise it.

    `offset` and `proof` move together with the rows; `version` counts the moves.
    """

    generation: int
    file_id: FileId
    path: str
    family: str
    boot_id: str
    head: Fingerprint
    proof: Fingerprint
    offset: int
    size_bytes: int
    version: int
    state: str
    compression: str
    owner: str
    owner_epoch: int
    parser: str
    parser_version: int
    parser_state: dict[str, object]
    held: int


def hash_window(data: bytes) -> bytes:
    """16 bytes that stand for `data` (BLAKE2b, RFC 7693)."""
    return hashlib.blake2b(data, digest_size=16).digest()


def stream_key_hash_key(machine: str) -> bytes:
    """Keys the hashes of stream keys in a parser's state: stable over restarts, other on every machine."""
    return hash_window(b"radiolog stream keys" + machine.encode())


def fingerprint(data: bytes) -> Fingerprint:
    """The fingerprint of a window that lies wholly in `data`."""
    return Fingerprint(len(data), hash_window(data))


NOTHING = fingerprint(b"")

# Content as it is read: `window(offset, length)` gives fewer bytes only at its end.
Window: TypeAlias = Callable[[int, int], bytes]


class Position(NamedTuple):
    """A place in a file, and what proves it: the hashes of the file's head and of the window before the offset."""

    offset: int
    head: Fingerprint
    proof: Fingerprint


BEGINNING = Position(0, NOTHING, NOTHING)


def position_at(window: Window, offset: int) -> Position:
    """The position at an offset of some content, which reaches that far."""
    return Position(
        offset, fingerprint(window(0, min(offset, WINDOW_BYTES))), fingerprint(bytes_before(window, offset))
    )


def bytes_before(window: Window, offset: int) -> bytes:
    """The bytes that a proof or a rung at an offset is the hash of."""
    length = min(offset, WINDOW_BYTES)
    return window(offset - length, length)


def is_proven(window: Window, offset: int, proof: Fingerprint) -> bool:
    """Whether content holds before an offset what was read there."""
    return proof.matches(window(offset - proof.length, proof.length))


def window_before(buffer: bytes, buffer_offset: int, offset: int) -> bytes:
    """The bytes before `offset`, at most `WINDOW_BYTES`, out of a buffer that begins at `buffer_offset`."""
    end = offset - buffer_offset
    return buffer[max(0, end - WINDOW_BYTES) : end]


def rung_offsets(after: int, up_to: int) -> Iterator[int]:
    """Offsets in (after, up_to] at which a generation's ladder keeps the hash of the window before them.

    Close together at the beginning, where logs of one program are alike, and one each MiB later: every 256 bytes up to
    8 KiB, every KiB up to 64 KiB, every power of two up to 1 MiB.
    """
    at = after
    while True:
        if at < 8 << 10:
            step = 256
        elif at < 64 << 10:
            step = 1 << 10
        else:
            step = min(1 << (at.bit_length() - 1), 1 << 20)
        at = at // step * step + step
        if at > up_to:
            return
        yield at


@lru_cache(1 << 16)
def family(path: str) -> str:
    """The live name that a rotated name belongs to: `/l/a.log` for `/l/a.log.2.gz` and `/l/a-20261122.log`.

    Content is compared inside one family only: two stations may write identical logs.
    """
    folder, name = posixpath.split(path)
    while True:
        shorter = _ROTATED.sub("", name)
        if shorter in ("", name):
            break
        name = shorter
    inside = _ROTATED_INSIDE.match(name)
    if inside:
        name = inside["stem"] + inside["ending"]
    return posixpath.join(folder, name)


def service_of(live_name: str) -> str:
    """The service that lines belong to which name none: the file's name up to its first dot."""
    return stored_path(posixpath.basename(live_name).split(".", 1)[0])[:64]


def is_rotated_name(path: str) -> bool:
    """Whether the name says that the file is no longer its family's live member."""
    return family(path) != path


def may_be_written(path: str) -> bool:
    """Whether a rotated name may be the one under which a program writes: it holds a date, and nothing but a date."""
    name = posixpath.basename(path)
    dated = _DATED.search(name)
    return dated is not None and not compression_of(path) and not is_rotated_name(name[: dated.start()])


def compression_of(path: str) -> str:
    """`gz`, `zst`, `xz`, `bz2`, or empty for a plain file, by the name's ending."""
    return COMPRESSIONS.get(posixpath.splitext(path)[1], "")


def stored_path(path: str) -> str:
    """A path as the database keeps it: bytes that are no UTF-8 are shown escaped."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace").replace("\0", "")
