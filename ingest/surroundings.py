"""Where the own files of generations are, seen from a file that was found: on disk beside it, or still open here."""

import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager

from ingest import files
from ingest.errors import SourceError
from ingest.follow import Standing
from ingest.identity import Checkpoint, compression_of, is_proven

_COMPARED_BYTES = 1 << 16


class Surroundings:
    """What stands around one file, looked up when it is asked for.

    Args:
        found: the file.
        held: files that are open, by generation: they can be read even when nothing on disk leads to them any more.
    """

    def __init__(self, found: files.LogFile, held: Mapping[int, files.LogFile]) -> None:
        self._found = found
        self._file_id = found.observe().file_id
        self._held = held
        self._inodes: dict[str, dict[tuple[int, int], str]] = {}

    def standing(self, known: Checkpoint) -> Standing:
        """What has become of a generation's own file. What it holds by now under its old inode does not count."""
        if known.state == "replaced" or known.file_id == self._file_id:
            return Standing.GONE
        if known.generation in self._held:
            return Standing.PRESENT
        path = self._path_of(known)
        if path is None:
            return Standing.GONE
        try:
            with closing(files.open_log(path)) as file:
                if file.observe().file_id != known.file_id:  # the inode was handed out again
                    return Standing.GONE
                is_over = known.state == "finished" and is_unchanged(known, file)
        except SourceError:  # no permission: it is there, and it may be
            return Standing.PRESENT
        return Standing.OVER if is_over else Standing.PRESENT

    @contextmanager
    def own_file(self, known: Checkpoint) -> Iterator[files.LogFile | None]:
        """The own file, open, or None when it is gone."""
        if self.standing(known) is Standing.GONE:
            yield None
        elif known.generation in self._held:
            yield self._held[known.generation]
        else:
            path = self._path_of(known)
            file = files.open_log(path) if path is not None else None
            try:
                yield file
            finally:
                if file is not None:
                    file.close()

    def _path_of(self, known: Checkpoint) -> str | None:
        """Where the own file's inode is now: in its old folder, or in that of the found file."""
        key = (known.file_id.device, known.file_id.inode)
        for near in (known.path, self._found.path):
            folder = os.path.dirname(near)
            if folder not in self._inodes:
                self._inodes[folder] = files.folder_inodes(near)
            if key in self._inodes[folder]:
                return self._inodes[folder][key]
        return None


def is_unchanged(known: Checkpoint, file: files.LogFile) -> bool:
    """Whether a finished generation's own file still holds what was read of it, and no more.

    Its length does not tell: a copy may overwrite the one before, and have its size. Of an archive the length and the
    beginning of its content are compared, so that it need not be unpacked. Raises SourceError.
    """
    size_bytes = file.observe().size_bytes
    if known.compression:
        return size_bytes == known.size_bytes and known.head.matches(file.read(0, known.head.length))
    return size_bytes == known.offset and still_holds(file, known)


def length_of(file: files.LogFile, at_most: int) -> int:
    """Bytes of a file's content; those of an archive are counted no further than `at_most`."""
    if not compression_of(file.path):
        return file.observe().size_bytes
    offset = 0
    while offset < at_most and (data := file.read(offset, min(_COMPARED_BYTES, at_most - offset))):
        offset += len(data)
    return offset


def still_holds(file: files.LogFile, known: Checkpoint) -> bool:
    """Whether a generation's own file has not been truncated or rewritten since."""
    return is_proven(file.read, known.offset, known.proof)


def ends_alike(other: files.LogFile, copy: files.LogFile, length: int) -> bool:
    """Whether the last 64 KiB of `length` bytes are the same at the same place."""
    start = max(0, length - _COMPARED_BYTES)
    data = copy.read(start, length - start)
    return bool(data.strip(b"\0")) and other.read(start, length - start) == data


def holds_all_of(other: files.LogFile, copy: files.LogFile) -> bool:
    """Whether a file that is not empty is wholly the beginning of another; mostly the first bytes tell."""
    offset = 0
    while data := copy.read(offset, _COMPARED_BYTES):
        if other.read(offset, len(data)) != data:
            return False
        offset += len(data)
    return offset > 0
