"""Appends whole lines to a log file that several processes share, and rotates it; knows nothing of what they say.

The protocol, which all writers of a file follow:

- A line is one `write` on a descriptor opened with O_APPEND, so lines of several writers never mix.
- A writer holds a shared `flock` on the log file itself while it looks whether the path still names its file and
  writes. Who rotates needs the exclusive lock of that same file. So a line never goes into a file that was renamed
  away and deleted meanwhile, and two processes never rotate at once. No lock file is left behind.
- Nobody waits for a lock for longer than a moment: rather than that, the file may exceed its size.
- A file that does not end with a line end (a full disk, a killed writer) gets one before the next line.
"""

import contextlib
import errno
import fcntl
import os
import sys
import time
from pathlib import Path

# Renaming a few files takes well below a millisecond. Who holds the lock for longer is stopped or hangs.
_LOCK_PATIENCE_SECONDS = 0.1
_LOCK_PAUSE_SECONDS = 0.001
_ROTATION_PAUSE_SECONDS = 0.0002
# At first, doubled each time, and at most: writers that are many and quick soon let one in, a folder needs somebody.
_ROTATION_RETRY_SECONDS = 0.05
_LOCK_RETRY_SECONDS = 0.8
_RENAME_RETRY_SECONDS = 30.0
# Each time round, another process rotated between two system calls of ours.
_MOST_ATTEMPTS = 16
_NO_LOCKS = (errno.ENOLCK, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF)
_DEAD_DESCRIPTOR = (errno.EIO, errno.ESTALE, errno.ENXIO, errno.ENODEV)
_SHARED_AT_ONCE = fcntl.LOCK_SH | fcntl.LOCK_NB
_OPEN_FLAGS = os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK


class LineFile:
    """One log file. Not thread-safe: the caller holds a lock; other processes, and other instances, are welcome.

    Nothing that the file system does raises: a line that cannot be written is counted and reported on stderr, once
    until writing works again.

    Args:
        path: the file; its folder is made when it is missing.
        max_bytes: a line that would make the file longer goes into a new one; 0 never rotates.
        backup_count: how many rotated files (`.1` is the newest) are kept; 0 never rotates.

    Attributes:
        failed_lines: how many lines could not be written.
        last_error: why, the last time; None when the last line was written.
    """

    def __init__(self, path: Path, *, max_bytes: int, backup_count: int) -> None:
        self.path = path
        self.failed_lines = 0
        self.last_error: OSError | None = None
        self._path_text = os.fspath(path)
        self._max_bytes = max_bytes if backup_count > 0 else 0
        self._backup_count = backup_count
        self._fd = -1
        self._identity = (0, 0)  # device and inode of the open file
        self._own_end: int | None = None  # size of the file after our last line, which had its line end
        self._lock_patience = True
        self._rotate_again_at = 0.0
        self._rotation_retry_seconds = _ROTATION_RETRY_SECONDS
        self._rotation_reported = False

    def append(self, line: bytes) -> bool:
        """Append one line.

        Args:
            line: with its line end.

        Returns:
            Whether it is in the file.
        """
        try:
            if not self._append_at_once(line):
                self._append(line)
        except OSError as error:
            self._failed(error)
            return False
        if self.last_error is not None:
            self.last_error = None
            _report(f"radiolog: {self.path} is written again; {self.failed_lines} lines were lost in all")
        return True

    def close(self) -> None:
        """Close the file. A later `append` opens it again."""
        fd, self._fd = self._fd, -1
        self._own_end = None
        if fd >= 0:
            with contextlib.suppress(OSError):
                os.close(fd)

    def _append_at_once(self, line: bytes) -> bool:
        """Do the usual case in as few steps as can be; False, and nothing done, where it is not the usual one.

        As `_append`: nobody rotates, the path names the open file, which has room and ends with a line end.
        """
        if self._fd < 0:
            return False
        try:
            fcntl.flock(self._fd, _SHARED_AT_ONCE)
            status = os.stat(self._path_text)
        except OSError:
            self._unlock()
            return False
        try:
            size = status.st_size
            if (
                (status.st_dev, status.st_ino) != self._identity
                or (self._max_bytes and size + len(line) > self._max_bytes)
                or (size and size != self._own_end and not self._ends_with_line_end(size))
            ):
                return False
            self._write(line, size)
            return True
        finally:
            self._unlock()

    def _write(self, line: bytes, size: int) -> None:
        self._own_end = None
        written = os.write(self._fd, line)
        if written < len(line):
            raise OSError(errno.ENOSPC, f"only {written} of {len(line)} bytes could be written")
        self._own_end = size + written

    def _append(self, line: bytes) -> None:
        size = self._place_for(len(line))
        try:
            if size and size != self._own_end and not self._ends_with_line_end(size):
                # Half a line, or one that another process is writing this moment: look again when nobody writes.
                if self._lock_exclusive() and self._size_if_current() is None:
                    self._append(line)  # rotated meanwhile
                    return
                size = os.fstat(self._fd).st_size
                if size and not self._ends_with_line_end(size):
                    line = b"\n" + line
            self._write(line, size)
        finally:
            self._unlock()

    def _place_for(self, length: int) -> int:
        """Have the file open that the path names, locked shared, with room for a line; give its size."""
        rotate = True
        for _ in range(_MOST_ATTEMPTS):
            if self._fd < 0:
                self._open()
            self._lock_shared()
            size = self._size_if_current()
            if size is None:
                if self._reopen():
                    continue
                break
            if not rotate or not self._max_bytes or not size or size + length <= self._max_bytes:
                return size
            rotate = self._rotate()
        return os.fstat(self._fd).st_size

    def _open(self) -> None:
        fd = _open_for_append(self._path_text)
        status = os.fstat(fd)
        self._fd, self._identity, self._own_end = fd, (status.st_dev, status.st_ino), None

    def _reopen(self) -> bool:
        """The path names another file, or none: go over to it. While that fails, a file with a name serves."""
        old_fd, self._fd = self._fd, -1
        try:
            self._open()
        except OSError:
            if os.fstat(old_fd).st_nlink:
                self._fd = old_fd
                return False
            os.close(old_fd)
            raise
        os.close(old_fd)
        return True

    def _size_if_current(self) -> int | None:
        try:
            status = os.stat(self._path_text)
        except FileNotFoundError:
            return None
        except OSError:  # the folder cannot be searched any more, but the file is open
            return os.fstat(self._fd).st_size
        return status.st_size if (status.st_dev, status.st_ino) == self._identity else None

    def _ends_with_line_end(self, size: int) -> bool:
        try:
            return os.pread(self._fd, 1, size - 1) == b"\n"
        except OSError:  # opened without the right to read: a blank line more does no harm
            return False

    # -- locks ---------------------------------------------------------------------------------------------------

    def _lock_shared(self) -> None:
        """Wait a little for a rotation to end. Who is stopped in the middle of one does not stop the others."""
        deadline = None
        while not self._try_lock(fcntl.LOCK_SH):
            if not self._lock_patience:
                return
            now = time.monotonic()
            deadline = deadline or now + _LOCK_PATIENCE_SECONDS
            if now >= deadline:
                self._lock_patience = False
                return
            time.sleep(_LOCK_PAUSE_SECONDS)
        self._lock_patience = True

    def _try_lock(self, kind: int) -> bool:
        try:
            fcntl.flock(self._fd, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        return True  # also where the file system has no locks: one process a file is safe there

    def _unlock(self) -> None:
        try:  # noqa: SIM105 (contextlib.suppress costs a microsecond, in every call)
            fcntl.flock(self._fd, fcntl.LOCK_UN)
        except OSError:
            pass

    # -- rotation ------------------------------------------------------------------------------------------------

    def _rotate(self) -> bool:
        """Rename the file away, unless another process has done it.

        Returns:
            False when it cannot be done now, and the file has to grow.
        """
        if time.monotonic() < self._rotate_again_at:
            return False
        if not self._lock_exclusive():
            self._rotate_later(_LOCK_RETRY_SECONDS)
            return False
        if self._size_if_current() is None:  # changing a lock is not atomic: another process was faster
            return True
        try:
            self._shift()
        except OSError as error:
            self._rotate_later(_RENAME_RETRY_SECONDS)
            if not self._rotation_reported:
                self._rotation_reported = True
                _report(f"radiolog: {self.path} cannot be rotated and grows on: {error.strerror}")
            return False
        self._rotation_retry_seconds = _ROTATION_RETRY_SECONDS
        return True

    def _rotate_later(self, longest_seconds: float) -> None:
        seconds = min(self._rotation_retry_seconds, longest_seconds)
        self._rotate_again_at = time.monotonic() + seconds
        self._rotation_retry_seconds = 2 * seconds

    def _lock_exclusive(self) -> bool:
        """Wait a little until nobody writes. It does not take long: who finds the file full waits here, too."""
        deadline = time.monotonic() + _LOCK_PATIENCE_SECONDS
        while not self._try_lock(fcntl.LOCK_EX):  # a failed change gives the shared lock back (flock(2))
            if time.monotonic() >= deadline:
                return False
            time.sleep(_ROTATION_PAUSE_SECONDS)
        return True

    def _shift(self) -> None:
        """`.1` becomes `.2` and so on up to the first free number, the last one is replaced, the file becomes `.1`."""
        names = [self._path_text, *(f"{self._path_text}.{number}" for number in range(1, self._backup_count + 1))]
        free = next((at for at, name in enumerate(names) if at and not os.path.lexists(name)), len(names) - 1)
        for at in range(free, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                os.replace(names[at - 1], names[at])

    # -- failures ------------------------------------------------------------------------------------------------

    def _failed(self, error: OSError) -> None:
        self.failed_lines += 1
        if error.errno == errno.EBADF:  # somebody closed it under us; the number may be another file's by now
            self._fd = -1
        elif error.errno in _DEAD_DESCRIPTOR:
            self.close()
        first = self.last_error is None
        self.last_error = error
        if first:
            _report(f"radiolog: {self.path} cannot be written: {error.strerror or error}; lines are lost until it can")


def _open_for_append(path: str) -> int:
    try:
        return _open_to_read_and_append(path)
    except FileNotFoundError:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        return _open_to_read_and_append(path)


def _open_to_read_and_append(path: str) -> int:
    """Reading is for the last byte only; who may only write, writes."""
    try:
        return os.open(path, os.O_RDWR | _OPEN_FLAGS, 0o666)
    except PermissionError:
        return os.open(path, os.O_WRONLY | _OPEN_FLAGS, 0o666)


def _report(message: str) -> None:
    """Say it on stderr, which a service may have closed."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            print(message, file=sys.stderr, flush=True)  # noqa: T201 (the log itself is what does not work)
