"""The disk: open log files safely, read them at an offset. Decides nothing."""

import ctypes
import errno
import os
import stat
import struct
from copy import copy
from functools import cache
from typing import Protocol

from ingest.archives import Archive
from ingest.errors import SourceError
from ingest.identity import FileId, Observed, compression_of

_AT_EMPTY_PATH = 0x1000
_STATX_BTIME = 0x800
_STATX_BYTES = 256
_OPEN_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


class LogFile(Protocol):
    """An open log file, read at offsets of its (decompressed) content."""

    @property
    def path(self) -> str:
        """Where it was opened."""
        ...

    def observe(self) -> Observed:
        """What the file is now. For an archive the size is that of the archive, not of its content."""
        ...

    def stamp(self) -> tuple[int, int]:
        """Size in bytes and modification time in ns: the cheapest question whether anything changed."""
        ...

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`; fewer only at the end, or as `check_end` tells. Raises SourceError."""
        ...

    def next_data(self, offset: int) -> int:
        """Where, at or behind `offset`, bytes may stand that are not NUL; never beyond the end. A hint, to be quick."""
        ...

    def check_end(self) -> None:
        """Raises SourceError where the last `read` gave fewer bytes for another reason than the file's end: damage."""
        ...

    def is_complete(self) -> bool:
        """Once read to its end: whether it is whole there. An archive that is cut off, or still written, is not."""
        ...

    def close(self) -> None:
        """Give the descriptor back."""
        ...


class PlainFile:
    """A regular file behind one descriptor, which stays the same file however it is renamed.

    Raises SourceError when it cannot be opened, is not a regular file, or is a symbolic link out of `root`.
    """

    def __init__(self, path: str, root: str | None = None) -> None:
        self._path = path
        self._descriptor = _open_regular(path, root)
        self._birth_ns = _birth_ns(self._descriptor)  # of this file for good

    @property
    def path(self) -> str:
        """Where it was opened."""
        return self._path

    def observe(self) -> Observed:
        """What the file behind the descriptor is now."""
        status = os.fstat(self._descriptor)
        file_id = FileId(status.st_dev, signed_inode(status.st_ino), self._birth_ns)
        return Observed(self._path, file_id, status.st_size, status.st_mtime_ns)

    def stamp(self) -> tuple[int, int]:
        """Size and modification time, of one fstat."""
        status = os.fstat(self._descriptor)
        return status.st_size, status.st_mtime_ns

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`, in one `pread` where the file has them."""
        try:
            data = os.pread(self._descriptor, length, offset)
        except OSError as error:
            raise SourceError(f"{self._path}: cannot be read at byte {offset}: {error.strerror}") from error
        return data

    def next_data(self, offset: int) -> int:
        """Where the file system has data again: the end of a hole that a sparse file has at `offset`."""
        try:
            return os.lseek(self._descriptor, offset, os.SEEK_DATA)
        except OSError as error:
            size = os.fstat(self._descriptor).st_size
            return size if error.errno == errno.ENXIO and size > offset else offset

    def check_end(self) -> None:
        """Nothing: a plain file has no other end."""

    def is_complete(self) -> bool:
        """A plain file always is."""
        return True

    def duplicate(self) -> "PlainFile":
        """The same file behind a descriptor of its own; the name need not lead to it any more."""
        other = copy(self)
        other._descriptor = os.dup(self._descriptor)  # noqa: SLF001 (of the same class)
        return other

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self._descriptor)


def open_log(path: str, root: str | None = None) -> LogFile:
    """Open a log file for reading, archives by their name. Raises SourceError."""
    return unpacking(PlainFile(path, root))


def unpacking(plain: PlainFile) -> LogFile:
    """An open file as its content is read: what has an archive's name is unpacked."""
    kind = compression_of(plain.path)
    return Archive(plain, kind) if kind else plain


def beginning(file: LogFile, length: int) -> bytes:
    """The first bytes of a file; of one that begins with a long hole of NUL bytes, the first ones behind it."""
    offset, head = 0, file.read(0, length)
    while len(head) == length and not head.strip(b"\0"):
        offset = max(offset + length, file.next_data(offset + length))
        head = file.read(offset, length)
    return head


def folder_inodes(path: str) -> dict[tuple[int, int], str]:
    """Device and inode of everything that stands in a path's folder, and where."""
    try:
        with os.scandir(os.path.dirname(path) or ".") as entries:
            keys = [(inode_key(entry.path), entry.path) for entry in entries]
    except OSError:
        return {}
    return {key: where for key, where in keys if key is not None}


class GoneFile:
    """Stands for a generation's file that is not there any more: nothing can be read of it.

    Args:
        observed: what was last known of it.
    """

    def __init__(self, observed: Observed) -> None:
        self._observed = observed

    @property
    def path(self) -> str:
        """Where it stood."""
        return self._observed.path

    def observe(self) -> Observed:
        """What was last known."""
        return self._observed

    def stamp(self) -> tuple[int, int]:
        """Size and modification time as last known."""
        return self._observed.size_bytes, self._observed.mtime_ns

    def read(self, offset: int, length: int) -> bytes:  # noqa: ARG002 (the protocol's)
        """Nothing."""
        return b""

    def next_data(self, offset: int) -> int:
        """No hole is known."""
        return offset

    def check_end(self) -> None:
        """Nothing: that it is gone is known."""

    def is_complete(self) -> bool:
        """It will not become more."""
        return True

    def close(self) -> None:
        """Nothing is open."""


def _open_regular(path: str, root: str | None) -> int:
    """A descriptor of a regular file. Everything is checked on the descriptor: the path may be swapped meanwhile."""
    try:
        descriptor = os.open(path, _OPEN_FLAGS)
    except OSError as error:
        raise SourceError(f"{path}: cannot be opened: {error.strerror}") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise SourceError(f"{path}: is not a regular file")
        if root is not None:
            target = os.path.realpath(f"/proc/self/fd/{descriptor}")
            inside = os.path.realpath(root)
            if target != inside and not target.startswith(inside.rstrip("/") + "/") and " (deleted)" not in target:
                raise SourceError(f"{path}: leads out of {root}")
    except SourceError:
        os.close(descriptor)
        raise
    return descriptor


def signed_inode(number: int) -> int:
    """An unsigned 64-bit inode number as PostgreSQL's BIGINT holds it."""
    return number - (1 << 64) if number >= 1 << 63 else number


def inode_key(path: str) -> tuple[int, int] | None:
    """Device and inode of what stands at a path now, or None when nothing does."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, signed_inode(status.st_ino)


def stamp_of(path: str) -> tuple[int, int]:
    """Size in bytes and modification time in ns of what stands at a path, (0, 0) when nothing does."""
    try:
        status = os.stat(path)
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns


def is_surely_gone(path: str, file_id: FileId) -> bool:
    """Whether a file that stood at a path was removed, and its folder can be looked into.

    Args:
        path: where it stood; another file may stand there now.
        file_id: the file. Where another file system is found in its folder, its own is perhaps not mounted.
    """
    folder = os.path.dirname(path)
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    try:
        return (
            os.stat(folder).st_dev == file_id.device
            and os.access(folder, os.R_OK | os.X_OK)
            and inode_key(path) != (file_id.device, file_id.inode)
        )
    except OSError:
        return False


def size_of(path: str) -> int:
    """Size in bytes of what stands at a path, 0 when nothing does."""
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def changed_ns_of(path: str) -> int:
    """When what stands at a path was last changed, in ns since 1970; 0 when nothing does.

    The status change time, which nobody can set: a copy that keeps times brings an old modification time with it.
    """
    try:
        return os.stat(path).st_ctime_ns
    except OSError:
        return 0


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _birth_ns(descriptor: int) -> int:
    """Birth time of an open file in nanoseconds, 0 where it is not known (statx(2); Python has no os.statx yet)."""
    buffer = ctypes.create_string_buffer(_STATX_BYTES)
    try:
        failed = _libc().statx(descriptor, b"", _AT_EMPTY_PATH, _STATX_BTIME, buffer)
    except AttributeError:  # a C library without statx
        return 0
    if failed:
        return 0
    mask = struct.unpack_from("=I", buffer, 0)[0]
    if not mask & _STATX_BTIME:
        return 0
    seconds, nanoseconds = struct.unpack_from("=qI", buffer, 80)
    return int(seconds) * 1_000_000_000 + int(nanoseconds)
