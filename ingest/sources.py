"""The places where logs are, as somebody named them: which paths belong to them."""

import os
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path
from typing import Literal, NamedTuple

from ingest.errors import SourceError
from ingest.identity import family

SKIPPED_FOLDERS = frozenset({".git", "__pycache__", "lost+found"})
_MAGIC = frozenset("*?[")


class Source(NamedTuple):
    """Where logs are: a folder with all below, one file, or a pattern of live names, rotated ones included."""

    path: str
    kind: Literal["folder", "file", "pattern"]

    @property
    def folder(self) -> str:
        """The folder to watch and to search."""
        if self.kind == "folder":
            return self.path
        parts = self.path.split("/")
        plain = next((at for at, part in enumerate(parts) if _MAGIC & set(part)), len(parts) - 1)
        return "/".join(parts[:plain]) or "/"

    def matches(self, path: str, include: tuple[str, ...]) -> bool:
        """Whether a path belongs to the source."""
        if self.kind == "file":
            return path == self.path
        if self.kind == "pattern":
            return _is_like(family(path), self.path)
        return path.startswith(self.path.rstrip("/") + "/") and _included(path, self.path, include)


def source_of(path: Path) -> Source:
    """A folder or a single file, as somebody named it."""
    return Source(str(path), "folder" if path.is_dir() or not path.exists() else "file")


def pattern_of(text: str) -> Source:
    """A configured place: a folder with all below, which is there or ends with `/`, else a live name or a pattern.

    In a pattern `*` stands for `/`, too, so that it has the folders below; `**/` may stand for nothing.
    """
    path = Path(text).expanduser().absolute()
    return Source(str(path), "folder" if text.endswith("/") or path.is_dir() else "pattern")


def configured_sources(log_path: Path, extra_paths: Iterable[str]) -> tuple[Source, ...]:
    """LOG_PATH and what is read beside it. Raises SourceError where LOG_PATH is a file."""
    if log_path.exists() and not log_path.is_dir():
        raise SourceError(f"{log_path}: is no folder; set LOG_PATH to the folder that your services write to")
    return tuple(dict.fromkeys([Source(str(log_path.absolute()), "folder"), *map(pattern_of, extra_paths)]))


def _is_like(live_name: str, pattern: str) -> bool:
    return fnmatch(live_name, pattern) or ("/**/" in pattern and fnmatch(live_name, pattern.replace("/**/", "/")))


def _included(path: str, base: str, include: tuple[str, ...]) -> bool:
    live = os.path.relpath(family(path), base)
    return any(fnmatch(live, glob) or fnmatch(live, glob.removeprefix("**/")) for glob in include)
