"""One live log and its rotated files: writes lines in pieces, as real writers do. Schemes of rotation build on it."""

import gzip
import os
import random
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from soak.lines import LineId, ids, line_of_size, lines
from soak.records import Records

HALF_LINE_SHARE = 0.3
_NUMBERED = re.compile(r"\.(\d+)(?:\.(?:gz|zst))?$")


class Family:
    """A writer and its log.

    Args:
        folder: made here; holds this family only.
        name: of the writer; the log is `<name>.log`.
        records: what is written down beside the log.
        chance: seeded.
        is_stored: asks the database whether it has all of these lines by now; False where it does not answer.

    Attributes:
        nobody_dies: the daemon runs all the time, so it can read a deleted file through its descriptor.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        records: Records,
        chance: random.Random,
        is_stored: Callable[[list[LineId]], bool],
    ) -> None:
        folder.mkdir(mode=0o755)
        self.folder, self.name, self.records, self.chance, self.is_stored = folder, name, records, chance, is_stored
        self.live = folder / f"{name}.log"
        self.nobody_dies = False
        self.next = 1
        self.late_chunks = 0  # still to be written through the old descriptor
        self._rest = b""
        self._descriptor = -1
        self.appends = True
        self.open_live()

    # -- writing ------------------------------------------------------------------------------------------------------

    def write(self, count: int, *, whole: bool = False) -> None:
        """Lines through the open descriptor; the last one often only half, until the next time."""
        if self.late_chunks:
            self.late_chunks -= 1
            if not self.late_chunks:
                self.open_live()
        first, self.next = self.next, self.next + count
        self.records.will_write(self.next - 1)
        self.put(lines(self.name, first, self.next - 1), whole=whole)

    def put(self, data: bytes, *, whole: bool = False) -> None:
        """Bytes of lines that the ledger has."""
        data, self._rest = self._rest + data, b""
        if not whole and len(data) > 60 and self.chance.random() < HALF_LINE_SHARE:
            cut = len(data) - self.chance.randint(1, 60)
            data, self._rest = data[:cut], data[cut:]
        os.write(self._descriptor, data)

    def complete(self) -> None:
        """Finish a line that was written half."""
        if self._rest:
            os.write(self._descriptor, self._rest)
            self._rest = b""

    def open_live(self) -> None:
        """Finish with the old descriptor and open, or create, the live name."""
        self.complete()
        old, self.appends = self._descriptor, self.chance.random() > 0.15
        self._descriptor = os.open(self.live, os.O_WRONLY | os.O_CREAT | (os.O_APPEND if self.appends else 0), 0o644)
        os.lseek(self._descriptor, 0, os.SEEK_END)
        if old >= 0:
            os.close(old)
        self.late_chunks = 0

    def close(self) -> None:
        """Nothing is written half any more, and the descriptor is given back."""
        self.complete()
        os.close(self._descriptor)
        self._descriptor = -1

    def fill(self, size_bytes: int) -> None:
        """Whole lines of exactly this size altogether, or a little more where the size is too small for that."""
        most = 1 + max(len(lines(self.name, number, number)) for number in range(self.next, self.next + 3))
        first, count = self.next, max(0, size_bytes // most - 1)
        data = lines(self.name, first, first + count - 1)
        self.next += count + 1
        self.records.will_write(self.next - 1)
        self.put(data + line_of_size(self.name, self.next - 1, size_bytes - len(data)), whole=True)

    # -- the files ----------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Only whole lines stand in the live file, and it is the one that is written."""
        if self.late_chunks:
            self.open_live()
        self.complete()

    @property
    def size(self) -> int:
        """Of the live file, in bytes."""
        return self.live.stat().st_size if self.live.exists() else 0

    def rotated(self) -> list[Path]:
        """Numbered files, newest first."""
        found = [path for path in self.folder.iterdir() if _NUMBERED.search(path.name)]
        return sorted(found, key=lambda path: (number_of(path), path.name))

    def dated(self) -> list[Path]:
        """Files named by date, and those in folders below, newest first."""
        found = [path for path in self.folder.rglob(f"{self.name}*.log*") if path.parent != self.folder]
        found += self.folder.glob(f"{self.live.name}-*")
        current = self.live.resolve()
        return sorted((path for path in found if path != current), key=lambda path: path.stat().st_mtime, reverse=True)

    def shift(self) -> None:
        """Every numbered name becomes one older."""
        for path in reversed(self.rotated()):
            number = number_of(path)
            path.rename(path.with_name(path.name.replace(f".log.{number}", f".log.{number + 1}")))

    def remove_old(self, keep: int) -> None:
        """What rotation does in the end; but only where the lines are stored, else the oracle would have to guess."""
        for path in reversed([*self.rotated()[keep:], *self.dated()[keep:]]):
            if self.is_stored(ids(content(path))):
                path.unlink()
                self.records.did("removed")


def number_of(path: Path) -> int:
    """The number that rotation gave a file."""
    match = _NUMBERED.search(path.name)
    assert match is not None
    return int(match[1])


def content(path: Path) -> bytes:
    """A file's bytes, unpacked."""
    if path.suffix == ".zst":
        return subprocess.run(["zstd", "-dcq", str(path)], check=True, capture_output=True).stdout
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data
