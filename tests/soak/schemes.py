"""Schemes of rotation: what writers, scripts and logrotate do to logs. Each is a function of a family.

A scheme that destroys lines before anybody need have read them says exactly which (`records.excuse`); one that removes a
file's content first asks the database whether it is stored.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType

from soak.family import Family, content, number_of
from soak.lines import ids

MOST_REGROWN_BYTES = 400_000
KEEP = 5
HAS_ZSTD = shutil.which("zstd") is not None


def has_logrotate() -> bool:
    """Whether the real one is installed."""
    return shutil.which("logrotate") is not None


def rename(family: Family) -> bool:
    """The writer finishes its line and opens the new file."""
    family.settle()
    _move_away(family)
    family.open_live()
    return True


def rename_late(family: Family) -> bool:
    """The old descriptor is written on for a while; somebody may have created the new file already."""
    _move_away(family)
    if family.chance.random() < 0.5:
        os.close(os.open(family.live, os.O_WRONLY | os.O_CREAT, 0o644))
    family.late_chunks = family.chance.randint(2, 12)
    return True


def rename_burst(family: Family) -> bool:
    """Several rotations, each with a few lines."""
    for _ in range(3):
        rename(family)
        family.write(family.chance.randint(1, 30))
    return True


def copytruncate(family: Family) -> bool:
    """A copy, the truncation, and the file grows again at once: smaller than it was, just as large, or larger."""
    family.settle()
    size = family.size
    if not family.appends:
        family.records.did("nul_hole")
    _copy_to_first(family)
    os.truncate(family.live, 0)
    how = family.chance.choice(("smaller", "equal", "larger"))
    if how != "smaller" and family.appends and size < MOST_REGROWN_BYTES:
        family.fill(size + (family.chance.randint(1, 20_000) if how == "larger" else 0))
        family.records.did(f"regrown_{how}")
    else:
        family.write(family.chance.randint(1, 5))
    return True


def copytruncate_window(family: Family) -> bool:
    """Lines come between the copy and the truncation: those are destroyed by it."""
    family.settle()
    _copy_to_first(family)
    first = family.next
    family.write(family.chance.randint(1, 40), whole=True)
    family.records.excuse(first, family.next - 1)
    os.truncate(family.live, 0)
    return True


def compress(family: Family) -> bool:
    """gzip's own way: the archive grows beside the plain file, which then goes, or stays as a twin."""
    return _compress(family, "gz", "gzip", "-q")


def compress_zstd(family: Family) -> bool:
    """The same by zstd."""
    return _compress(family, "zst", "zstd", "-q")


def drop_back(family: Family) -> bool:
    """A rotated file is copied back under an older name."""
    rotated = family.rotated()
    if family.late_chunks or not rotated:  # what is still written is no rotated file: a copy would be of a part of it
        return False
    path = family.chance.choice(rotated)
    end = path.name.split(f".log.{number_of(path)}", 1)[1]
    copy = shutil.copy2 if family.chance.random() < 0.5 else shutil.copy
    copy(path, family.folder / f"{family.name}.log.{number_of(rotated[-1]) + 1}{end}")
    return True


def delete_and_recreate(family: Family) -> bool:
    """The inode is free for the new file at once."""
    if not _live_is_stored(family):
        return False
    family.close()
    inode = family.live.stat().st_ino
    family.live.unlink()
    family.open_live()
    if family.live.stat().st_ino == inode:
        family.records.did("inode_reused")
    return True


def delete_late(family: Family) -> bool:
    """The deleted file is written on: only a descriptor that is open can give these lines."""
    if not _live_is_stored(family):
        return False
    family.live.unlink()
    first = family.next
    for _ in range(3):
        family.write(family.chance.randint(1, 20), whole=True)
    if not family.nobody_dies:
        family.records.excuse(first, family.next - 1)
    family.open_live()
    return True


def truncate_and_regrow(family: Family) -> bool:
    """Truncated without a copy, and at once larger than it was."""
    if not family.appends or family.size > MOST_REGROWN_BYTES or not _live_is_stored(family):
        return False
    size = family.size
    os.truncate(family.live, 0)
    family.fill(size + family.chance.randint(1, 2000))
    return True


def replace(family: Family) -> bool:
    """Another file is renamed over the live name."""
    if not _live_is_stored(family):
        return False
    family.close()
    real, family.live = family.live, family.folder / ".new"
    family.open_live()
    family.write(family.chance.randint(1, 50), whole=True)
    family.live.rename(real)
    family.live = real
    family.open_live()
    return True


def swap_link(family: Family) -> bool:
    """The live name is a link; it is made to point to a new file."""
    family.settle()
    targets = family.folder / "targets"
    targets.mkdir(exist_ok=True)
    new = targets / f"{family.name}t{family.next}.log"
    new.touch()
    if not family.live.is_symlink():
        family.live.rename(targets / f"{family.name}t0.log")
    link = family.folder / ".link"
    link.symlink_to(new)
    link.rename(family.live)
    family.open_live()
    family.remove_old(KEEP)
    return True


class Logrotate:
    """The real logrotate, forced.

    Args:
        directives: of its configuration.
    """

    def __init__(self, directives: str) -> None:
        self._directives = directives

    def __call__(self, family: Family) -> bool:
        """One rotation; the writer goes on meanwhile where a real one may."""
        copies = "copytruncate" in self._directives
        packs_at_once = "compress" in self._directives and "delaycompress" not in self._directives
        if copies or packs_at_once:
            family.complete()
        if "olddir" in self._directives:
            (family.folder / "old").mkdir(exist_ok=True, mode=0o755)
        first = family.next
        process = subprocess.Popen(
            ["logrotate", "--force", "--state", str(family.folder / ".state"), self._configuration(family)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        while process.poll() is None:
            if copies or not packs_at_once:
                family.write(2, whole=copies)
                time.sleep(0.001)
        if copies:
            _excuse_what_the_copy_has_not(family, first)
        else:
            family.open_live()
        family.remove_old(KEEP)
        return process.returncode == 0

    def _configuration(self, family: Family) -> str:
        path = family.folder / ".logrotate"
        text = self._directives.replace(";", "\n").replace("OLD", str(family.folder / "old"))
        path.write_text(f"{family.live} {{\n rotate 9999\n{text}\n}}\n")
        path.chmod(0o644)
        return str(path)


def _excuse_what_the_copy_has_not(family: Family, first: int) -> None:
    """Lines written behind the end of logrotate's copy and before its truncation are on no disk any more."""
    plain = family.live.with_name(f"{family.live.name}.1")
    copy = plain if plain.exists() else plain.with_name(f"{plain.name}.gz")
    copied, kept = ids(content(copy)), ids(content(family.live))
    behind = copied[-1].number + 1 if copied else first
    family.records.excuse(behind, (kept[0].number if kept else family.next) - 1)


def _move_away(family: Family) -> None:
    if family.late_chunks:
        family.open_live()
    family.shift()
    family.live.rename(family.folder / f"{family.live.name}.1")
    family.remove_old(KEEP)


def _copy_to_first(family: Family) -> None:
    family.shift()
    shutil.copyfile(family.live, family.folder / f"{family.live.name}.1")
    family.remove_old(KEEP)


def _compress(family: Family, suffix: str, *command: str) -> bool:
    if family.late_chunks:
        return False
    for path in family.rotated():
        if path.suffix not in {".gz", ".zst"} and not path.with_name(f"{path.name}.{suffix}").exists():
            keep = family.chance.random() < 0.3
            switches = ["-k"] if keep else ["--rm"] if suffix == "zst" else []
            subprocess.run([*command, *switches, str(path)], check=True, stderr=subprocess.DEVNULL)
            family.records.did("twin_left" if keep else "twin_removed")
            return True
    return False


def _live_is_stored(family: Family) -> bool:
    family.settle()
    found = ids(content(family.live))
    return bool(found) and family.is_stored(found)


Scheme = Callable[[Family], bool]

RENAMES: tuple[Scheme, ...] = (rename, rename_late, rename_burst)
COPIES: tuple[Scheme, ...] = (copytruncate, copytruncate_window)
ARCHIVES: tuple[Scheme, ...] = (rename, compress, compress, drop_back)
REMOVALS: tuple[Scheme, ...] = (delete_and_recreate, delete_late, truncate_and_regrow, replace)

FAMILIES: Mapping[str, tuple[Scheme, ...]] = MappingProxyType(
    {
        "renamed": RENAMES,
        "copied": COPIES,
        "packed": (*ARCHIVES, copytruncate),
        "mixed": (*RENAMES, *COPIES, *ARCHIVES),
        "removed": REMOVALS,
        "linked": (swap_link,),
        "lr_create": (Logrotate("create"),),
        "lr_compress": (Logrotate("create;compress"),),
        "lr_delay": (Logrotate("create;delaycompress;compress"),),
        "lr_date": (Logrotate("create;dateext;dateformat -%Y%m%d_%H%M%S"),),
        "lr_datez": (Logrotate("dateext;dateformat -%Y%m%d_%H%M%S;create;compress"),),
        "lr_olddir": (Logrotate("create;olddir OLD"),),
        "lr_olddirz": (Logrotate("create;olddir OLD;delaycompress;compress"),),
        "lr_copy": (Logrotate("copytruncate"),),
        "lr_copyz": (Logrotate("copytruncate;compress"),),
        "lr_copydz": (Logrotate("copytruncate;delaycompress;compress"),),
    }
)
