"""`radiolog doctor` looks at this machine: folders and files of logs, the kernel's limits, disks, the clock."""

import ctypes
import os
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from ingest import files
from ingest.assignments import places_of
from ingest.errors import SourceError
from ingest.findings import Finding, error, ok, warning
from ingest.machine import most_open
from ingest.sources import Source, pattern_of
from ingest.telemetry import Telemetry
from ingest.tree import Tree
from logging_module.config import LoggingConfig
from logging_module.locations import data_folder

# So many files are opened to see whether they may be read.
_MOST_TRIED = 2000
_FULL_PERCENT = 1.0
_WATCHES_SHARE = 0.8
_LEAST_QUEUE = 16_384
_INOTIFY = Path("/proc/sys/fs/inotify")
_TIMEX_BYTES = 512
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronized


def machine_findings(config: LoggingConfig) -> Iterator[Finding]:
    """All that can be said without a database."""
    try:
        sources = places_of(config)
    except SourceError as refused:
        yield error("log files", str(refused), "set LOG_PATH to a folder")
        return
    tree = Tree(sources, tuple(config.include), Telemetry(stream=None))
    found = list(tree.look())
    yield from _folders(sources, is_chosen=config.sources()["log_path"] != "default")
    yield from _files([file.path for file in found], sources)
    yield from _assigned(config, [file.path for file in found])
    yield from _limits(len(tree.folders), len(found), polling=config.polling)
    yield from _disks(config, sources)
    yield from _clock()
    yield from _zone(config)


def _folders(sources: tuple[Source, ...], *, is_chosen: bool) -> Iterator[Finding]:
    """LOG_PATH is the first of them; where nobody chose it, nothing may be meant to be there yet."""
    for number, source in enumerate(sources):
        folder, me = source.folder, _me()
        try:
            os.listdir(folder)
        except FileNotFoundError:
            if number == 0 and not is_chosen:
                yield warning(
                    "log files", f"LOG_PATH is not set, and its default {folder} does not exist",
                    "set LOG_PATH to where your services write; nothing, where only `radiolog once` is used",
                )  # fmt: skip
                continue
            yield error("log files", f"{folder} does not exist", f"mkdir {folder}, or correct where logs are")
        except PermissionError:
            yield error(
                "log files", f"{folder} may not be read by {me}", f"give {me} r-x there, by a group for example"
            )
        except OSError as problem:
            yield error("log files", f"{folder} cannot be read: {problem.strerror}", "look at that disk or mount")
        else:
            yield ok("log files", f"{folder} can be read by {me}")


def _files(paths: list[str], sources: tuple[Source, ...]) -> Iterator[Finding]:
    problems = []
    for path in islice(paths, _MOST_TRIED):
        root = next((source.path for source in sources if source.kind == "folder" and _is_below(path, source)), None)
        try:
            files.open_log(path, root).close()
        except SourceError as problem:
            problems.append(str(problem))
    if not paths:
        yield warning("log files", "there is no log yet that RADIOLOG_INCLUDE names", "let a service write one")
    elif problems:
        yield error(
            "log files", f"{len(problems)} of {len(paths)} logs cannot be read, one of them: {problems[0]}",
            f"chmod g+r and the right group, so that {_me()} may read them; links must stay within their folder",
        )  # fmt: skip
    else:
        yield ok("log files", f"{len(paths)} logs, all readable")


def _assigned(config: LoggingConfig, paths: list[str]) -> Iterator[Finding]:
    """Sources of the file that name nothing: probably misspelt."""
    include = tuple(config.include)
    for source in config.assigned:
        for place in map(pattern_of, source.paths):
            if not any(place.matches(path, include) for path in paths):
                yield warning(
                    "log files", f"no log is in {place.path} ({source.origin})",
                    "correct the path, or let a service write one there; in a folder RADIOLOG_INCLUDE counts",
                )  # fmt: skip


def _is_below(path: str, source: Source) -> bool:
    return path.startswith(source.path.rstrip("/") + "/")


def _limits(folders: int, logs: int, *, polling: bool) -> Iterator[Finding]:
    watches, queue = _number(_INOTIFY / "max_user_watches"), _number(_INOTIFY / "max_queued_events")
    if polling:
        yield ok("inotify", "not used: RADIOLOG_POLLING is on")
    elif watches is None or queue is None:
        yield warning("inotify", "the kernel does not tell its limits", "nothing, where `radiolog status` sees events")
    elif folders > watches * _WATCHES_SHARE:
        yield warning(
            "inotify", f"{folders} folders, and {watches} watches for all programs of a user",
            f"sysctl fs.inotify.max_user_watches={max(2 * folders, 2 * watches)}, and the same in /etc/sysctl.d",
        )  # fmt: skip
    elif queue < _LEAST_QUEUE:
        yield warning(
            "inotify", f"its queue holds {queue} events", f"sysctl fs.inotify.max_queued_events={_LEAST_QUEUE}"
        )
    else:
        yield ok("inotify", f"{folders} folders of at most {watches} watches")
    room = most_open()
    if logs > room:
        yield warning(
            "descriptors", f"{logs} logs, and {room} of them may be open at the same time: idle ones take turns",
            f"LimitNOFILE={2 * logs} in the unit, or ulimit -n",
        )  # fmt: skip
    else:
        yield ok("descriptors", f"{logs} logs, and {room} may be open")


def _disks(config: LoggingConfig, sources: tuple[Source, ...]) -> Iterator[Finding]:
    folders = [source.folder for source in sources]
    if config.embedded:
        folders.append(str(data_folder(config.data_dir)))
    seen = set()
    for folder in folders:
        try:
            device, disk = os.stat(folder).st_dev, os.statvfs(folder)
        except OSError:
            continue  # told of above, or not made yet
        if device in seen or not disk.f_blocks:
            continue
        seen.add(device)
        free = 100 * disk.f_bavail / disk.f_blocks
        inodes = 100 * disk.f_favail / disk.f_files if disk.f_files else 100.0
        words = (
            f"{min(free, inodes):.0f} % of the {'space' if free <= inodes else 'inodes'} is free where {folder} lies"
        )
        mend = "remove or compress old logs, rotate more often, or take a larger disk"
        if min(free, inodes) < _FULL_PERCENT:
            yield error("disk", words, mend)
        elif min(free, inodes) < config.disk_free_percent:
            yield warning("disk", words, mend)
        else:
            yield ok("disk", words)


def _clock() -> Iterator[Finding]:
    if time.time() < os.stat(__file__).st_mtime - 86_400:
        yield error("clock", "it is before this program was installed", "set the clock; let it be set by NTP")
    elif _is_unsynchronized():
        yield warning(
            "clock", "it is not set by NTP: plays and outages may be dated wrongly",
            "timedatectl set-ntp true, or install chrony; nothing, where the host of this machine sets it",
        )  # fmt: skip
    else:
        yield ok("clock", "it is kept by NTP")


def _is_unsynchronized() -> bool:
    """adjtimex(2) with nothing to change."""
    try:
        return bool(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES)) == _TIME_ERROR)
    except AttributeError:  # another C library
        return False


def _zone(config: LoggingConfig) -> Iterator[Finding]:
    here = os.path.realpath("/etc/localtime").rpartition("/zoneinfo/")[2]
    if config.sources()["time_zone"] == "default" and here not in {"", "UTC", "Etc/UTC", "Etc/UCT", "/etc/localtime"}:
        yield warning(
            "time zone", f"days in reports are UTC's, but this machine is in {here}", f"set RADIOLOG_TIME_ZONE={here}"
        )
    else:
        yield ok("time zone", f"days in reports are of {config.time_zone}")


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _me() -> str:
    import pwd  # noqa: PLC0415 (not on every system)

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"user {os.geteuid()}"
