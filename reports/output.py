"""Writing result files: all of a set appear under their names, complete, or none does. Knows no content."""

import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from ingest.errors import OutputError, RadiologError

_MODE = 0o640


class BadName(RadiologError):
    """The name or the form asked for files cannot be one."""


class OutputFolder:
    """Collects files under temporary names in their folder; leaving the `with` block gives them their names.

    After an error inside the block nothing is left behind. A name that is taken gets a number.

    Args:
        folder: made, with its parents, where it is missing.

    Raises:
        OutputError: the folder cannot be made or written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: list[tuple[Path, str, IO[bytes]]] = []
        self.paths: list[Path] = []

    def __enter__(self) -> Self:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{self._folder}: the folder cannot be made: {_reason(error)}") from error
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            for path, _name, file in self._files:
                file.close()
                with suppress(FileNotFoundError):  # it has its name by now
                    path.unlink()
        if isinstance(error, OSError):
            raise OutputError(f"{self._folder}: writing failed: {_reason(error)}") from error

    def create(self, name: str) -> IO[bytes]:
        """A new file, open for writing bytes.

        Args:
            name: that it gets in the end.

        Raises:
            OutputError: it cannot be made.
        """
        path = self._folder / f".{name}.{os.getpid()}.partial"
        try:
            file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, _MODE), "w+b")
        except OSError as error:
            raise OutputError(f"{self._folder}: no file can be made there: {_reason(error)}") from error
        self._files.append((path, name, file))
        return file

    def _finish(self) -> None:
        try:
            for _path, _name, file in self._files:
                file.flush()
                os.fsync(file.fileno())
            for path, name, _file in self._files:
                self.paths.append(self._named(path, name))
        except OSError as error:
            raise OutputError(f"{self._folder}: writing failed: {_reason(error)}") from error

    def _named(self, temporary: Path, name: str) -> Path:
        """Give a file its name, or the next one that is free; a link never replaces what somebody else just made."""
        stem, dot, extension = name.partition(".")
        for number in range(1, 1000):
            target = self._folder / (name if number == 1 else f"{stem}_{number}{dot}{extension}")
            try:
                os.link(temporary, target)
            except FileExistsError:
                continue
            except (PermissionError, NotImplementedError, OSError) as error:
                if target.exists():
                    continue
                if not _cannot_link(error):
                    raise
                os.replace(temporary, target)  # a file system without hard links
            return target
        raise OutputError(f"{self._folder}: too many files named {name}")


def _cannot_link(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno in {1, 38, 95}  # EPERM, ENOSYS, EOPNOTSUPP


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
