"""One family of rotated logs, and its writers, which hold descriptors: whatever is done to logs in the field."""

import gzip
import json
import os
import shutil
import time
import zlib
from collections.abc import Callable
from pathlib import Path

from backports import zstd

PACK: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".zst": zstd.compress}


def line(number: int, padding: int = 0) -> bytes:
    """A metric line whose value is its number."""
    fields = {"timestamp": "2026-11-22T10:00:00Z", "event": "metric", "metric_name": "m", "metric_value": number}
    return json.dumps({**fields, "note": "x" * padding}).encode() + b"\n"


def numbers_in(data: bytes) -> set[int]:
    """Numbers of all complete metric lines in a file's bytes."""
    found = set()
    for text in data.split(b"\n")[:-1]:
        try:
            value = json.loads(text.lstrip(b"\0"))
        except ValueError:
            continue
        if isinstance(value, dict) and "metric_value" in value:
            found.add(int(value["metric_value"]))
    return found


def holes_in(data: bytes) -> list[tuple[int, int]]:
    """Runs of eight and more NUL bytes before a line, or before the beginning of one."""
    holes, at = [], 0
    parts = data.split(b"\n")
    for number, part in enumerate(parts, 1):
        length = len(part) - len(part.lstrip(b"\0"))
        if length >= 8 and (length < len(part) or number < len(parts)):
            holes.append((at, at + length))
        at += len(part) + 1
    return holes


def content(path: Path) -> bytes:
    """A file's bytes, unpacked."""
    data = path.read_bytes()
    if path.suffix == ".zst":
        return zstd.ZstdDecompressor().decompress(data)  # it may be half written
    return zlib.decompressobj(31).decompress(data) if path.suffix == ".gz" else data


class Logs:
    """One family of logs in a folder, and its writers; numbers every line.

    Attributes:
        folder: where they stand.
        excused: numbers of lines that were half written when rotation was told to be over.
        halves: numbers of all lines that were ever written in two parts.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.live = folder / "a.log"
        self.excused: set[int] = set()
        self.halves: set[int] = set()
        self._next = 0
        self._writers: list[int] = []  # the newest is the live one
        self._rest: dict[int, tuple[int, bytes]] = {}  # by descriptor: the half line to be completed

    # -- writers ------------------------------------------------------------------------------------------------------

    def open_live(self, *, append: bool = True) -> None:
        """(Re)open the live name, creating it."""
        mode = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if append else 0)
        descriptor = os.open(self.live, mode, 0o644)
        if not append:
            os.lseek(descriptor, 0, os.SEEK_END)
        self._writers = [*self._writers[-3:], descriptor] if len(self._writers) < 4 else self._drop_oldest(descriptor)

    def _drop_oldest(self, descriptor: int) -> list[int]:
        os.close(self._writers[0])
        self._rest.pop(self._writers[0], None)
        return [*self._writers[1:], descriptor]

    def append(self, count: int = 1, *, padding: int = 0, back: int = 0) -> None:
        """Whole lines through the live writer, or through one `back` steps older."""
        descriptor = self._writer(back)
        data = self._rest.pop(descriptor, (0, b""))[1]
        for _ in range(count):
            data += line(self._number(), padding)
        os.write(descriptor, data)

    def append_half(self, share: float = 0.5, *, back: int = 0) -> None:
        """The beginning of a line; the next `append` completes it."""
        descriptor = self._writer(back)
        if descriptor in self._rest:
            return
        number = self._number()
        self.halves.add(number)
        whole = line(number)
        cut = max(1, min(len(whole) - 1, int(len(whole) * share)))
        os.write(descriptor, whole[:cut])
        self._rest[descriptor] = (number, whole[cut:])

    def _writer(self, back: int) -> int:
        if not self._writers:
            self.open_live()
        return self._writers[max(-len(self._writers), -1 - back)]

    def _number(self) -> int:
        self._next += 1
        return self._next

    # -- rotation -----------------------------------------------------------------------------------------------------

    def rotated(self) -> list[Path]:
        """Rotated members, newest first."""
        return sorted((path for path in self.folder.iterdir() if path != self.live and path.is_file()), key=self._age)

    @staticmethod
    def _age(path: Path) -> tuple[int, str]:
        return int(path.name.split(".")[2]), path.name

    def shift(self) -> None:
        """Every rotated name becomes one older: a.log.1 → a.log.2, a.log.1.gz → a.log.2.gz."""
        for path in reversed(self.rotated()):
            parts = path.name.split(".")
            parts[2] = str(int(parts[2]) + 1)
            path.rename(path.with_name(".".join(parts)))

    def rotate(self, *, reopen: bool = True) -> None:
        """By rename. Without `reopen` the writer keeps the old descriptor until it is opened again."""
        if not self.live.exists():
            return
        self.shift()
        self.live.rename(self.folder / "a.log.1")
        if reopen:
            self.open_live()

    def delete(self, *, recreate: bool = False) -> None:
        """Remove the live file, and create it anew at once: the inode may be the same."""
        self.live.unlink(missing_ok=True)
        if recreate:
            self.open_live()

    def forget_writers(self) -> None:
        """All writers end: nothing holds deleted files any more, their inodes are free."""
        for descriptor in self._writers:
            os.close(descriptor)
        self._writers, self._rest = [], {}

    def truncate(self) -> None:
        """In place, through another descriptor: what a writer without O_APPEND writes next leaves NULs before it."""
        if self.live.exists():
            self._rest.clear()  # else the new beginning would be half a line, and the file no JSON lines
            os.truncate(self.live, 0)

    def same_size(self) -> None:
        """Truncated and written anew to the very size: only the content tells."""
        size = self.live.stat().st_size
        if size < len(line(10**6)):
            return
        lines: list[bytes] = []
        while (left := size - len(b"".join(lines))) >= 2 * len(line(10**6)):
            lines.append(line(self._number()))
        self._rest.clear()
        number = self._number()
        lines.append(line(number, left - len(line(number))))
        os.truncate(self.live, 0)
        with self.live.open("ab") as file:
            file.write(b"".join(lines))

    def copytruncate(self, between: Callable[[], None] = lambda: None) -> None:
        """As logrotate does it; `between` happens after the copy."""
        if not self.live.exists():
            return
        self.excuse_halves()
        self.shift()
        shutil.copy(self.live, self.folder / "a.log.1")
        between()
        self._rest.clear()
        os.truncate(self.live, 0)

    def compress(self, which: int, *, keep: bool = False, kind: str = ".gz") -> None:
        """Pack a plain rotated file."""
        plain = [path for path in self.rotated() if path.suffix not in PACK]
        if not plain:
            return
        path = plain[which % len(plain)]
        archive = path.with_name(path.name + kind)
        self.excuse_halves()
        archive.write_bytes(PACK[kind](path.read_bytes()))
        if not keep:
            path.unlink()

    def compress_slowly(self, between: Callable[[], None], *, kind: str = ".gz") -> None:
        """An archive that is seen half written, beside the file that it is made of."""
        plain = [path for path in self.rotated() if path.suffix not in PACK]
        if not plain:
            return
        path = plain[0]
        archive = path.with_name(path.name + kind)
        self.excuse_halves()
        data = PACK[kind](path.read_bytes())
        with archive.open("wb", buffering=0) as file:
            file.write(data[: len(data) // 2])
            between()
            file.write(data[len(data) // 2 :])
        path.unlink()

    def put_away(self, *, compressed: bool) -> None:
        """logrotate's `olddir`, or a move by hand, of the newest rotated plain file; its writers have ended."""
        plain = [path for path in self.rotated() if path.suffix not in PACK]
        if not plain:
            return
        self.forget_writers()
        old = self.folder / "old"
        old.mkdir(exist_ok=True)
        target = old / f"a.log.{len(list(old.iterdir())) + 1}{'.gz' if compressed else ''}"
        if compressed:
            target.write_bytes(gzip.compress(plain[0].read_bytes()))
            plain[0].unlink()
        else:
            plain[0].rename(target)

    def remove_twin(self) -> None:
        """Remove a plain file whose archive stands beside it."""
        for path in self.rotated():
            if any(path.with_name(path.name + kind).exists() for kind in PACK):
                path.unlink()
                return

    def copy_back(self, which: int) -> None:
        """A rotated file is copied under an older rotated name."""
        rotated = self.rotated()
        if not rotated:
            return
        path = rotated[which % len(rotated)]
        self.excuse_halves()
        oldest = self._age(rotated[-1])[0]
        shutil.copy(path, self.folder / f"a.log.{oldest + 1}{path.suffix if path.suffix in PACK else ''}")

    def copy_over(self) -> None:
        """`cp a.log a.log.1 && : > a.log`: the copy goes into the file that the one before is in."""
        if not self.live.exists():
            return
        self.excuse_halves()
        (self.folder / "a.log.1").write_bytes(self.live.read_bytes())
        self._rest.clear()
        os.truncate(self.live, 0)

    def move_over(self) -> None:
        """`mv a.log a.log.1`, whatever stood there."""
        if self.live.exists():
            self.live.rename(self.folder / "a.log.1")

    def replace(self) -> None:
        """Another file is renamed over the live name, and the writers have ended."""
        self.forget_writers()
        new = self.folder / "new"
        new.write_bytes(b"".join(line(self._number()) for _ in range(3)))
        new.rename(self.live)

    def hard_link(self) -> None:
        """The newest rotated file stands under one more name, the oldest."""
        if rotated := self.rotated():
            kind = rotated[0].suffix if rotated[0].suffix in PACK else ""
            (self.folder / f"a.log.{self._age(rotated[-1])[0] + 1}{kind}").hardlink_to(rotated[0])

    def unpack(self) -> None:
        """An archive becomes a plain file again."""
        for path in self.rotated():
            plain = path.with_suffix("")
            if path.suffix in PACK and not plain.exists():
                plain.write_bytes(content(path))
                path.unlink()
                return

    def date(self, which: int, seconds: float) -> None:
        """A file gets another time, so many seconds from now."""
        paths = sorted(path for path in self.folder.rglob("*") if path.is_file())
        if paths:
            at = time.time() + seconds
            os.utime(paths[which % len(paths)], (at, at))

    def remove_oldest(self) -> None:
        """What rotation does in the end."""
        if rotated := self.rotated():
            rotated[-1].unlink()

    def excuse_halves(self) -> None:
        """Lines that are half written now may be taken for whole ones when their file is finished."""
        self.excused |= {number for number, _ in self._rest.values()}

    def close(self) -> None:
        """Give the descriptors back."""
        self.forget_writers()
