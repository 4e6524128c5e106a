"""What happens, as facts: one method a fact. Here it is decided how each is logged; callers only say that it happened.

The daemon's own log is JSON lines on stderr, never a file that it tails. Levels: info = normal, warning = nothing is
lost but somebody may want to look, error = bytes are lost or a person is needed.
"""

import logging
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

import structlog


class Telemetry:
    """Counts and logs facts.

    Args:
        level: name of the least severe level that is written.
        stream: where to; None for nowhere.
    """

    def __init__(self, level: str = "INFO", stream: TextIO | None = sys.stderr) -> None:
        self.counters: dict[str, int] = {}
        self.state: dict[str, Any] = {}
        self._log: Any = None
        if stream is not None:
            self._log = structlog.wrap_logger(
                structlog.PrintLogger(stream),
                processors=[
                    structlog.processors.add_log_level,
                    structlog.processors.TimeStamper(fmt="iso", utc=True),
                    structlog.processors.format_exc_info,
                    structlog.processors.JSONRenderer(ensure_ascii=True),
                ],
                wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
                service="radiolog",
            )

    def _say(self, level: str, fact: str, **fields: Any) -> None:
        self.counters[fact] = self.counters.get(fact, 0) + 1
        if self._log is not None:
            getattr(self._log, level)(fact, **fields)

    def started(self, instance: str, epoch: int, roots: list[str]) -> None:
        """The daemon reads from now on."""
        self._say("info", "started", instance=instance, epoch=epoch, roots=roots)

    def stopped(self, reason: str) -> None:
        """The daemon has committed what it read and ends."""
        self._say("info", "stopped", reason=reason)

    def configuration_reloaded(self, roots: list[str], reassigned: int, leaving: int, need_restart: list[str]) -> None:
        """Another configuration is in force: how many files are of another station or parser now, how many go."""
        self.state.pop("configuration_problems", None)
        self._say("info", "configuration_reloaded", roots=roots, reassigned=reassigned, leaving=leaving)
        if need_restart:
            mend = "these settings hold after a restart: systemctl restart radiolog"
            self._say("warning", "configuration_needs_restart", settings=need_restart, mend=mend)

    def configuration_refused(self, problems: Sequence[str]) -> None:
        """The configuration was to be read again and is wrong: the one from before stays in force."""
        self.state["configuration_problems"] = list(problems)
        self._say("error", "configuration_refused", problems=list(problems), mend="correct it and reload again")

    def file_found(self, path: str, generation: int, offset: int, parser: str) -> None:
        """A file is read from `offset` on."""
        self._say("info", "file_found", path=path, generation=generation, offset=offset, parser=parser)

    def file_renamed(self, path: str, generation: int) -> None:
        """A generation stands at another path now."""
        self._say("info", "file_renamed", path=path, generation=generation)

    def file_finished(self, path: str, generation: int, offset: int) -> None:
        """A generation was read to its end and is over."""
        self._say("info", "file_finished", path=path, generation=generation, offset=offset)

    def file_replaced(self, path: str, generation: int, reason: str, unread_bytes: int) -> None:
        """A file was truncated or rewritten: a new generation begins."""
        level = "error" if unread_bytes else "warning"
        self._say(level, "file_replaced", path=path, generation=generation, reason=reason, unread_bytes=unread_bytes)

    def file_shortened(self, path: str, generation: int, offset: int, end: int) -> None:
        """A power cut took a file's tail, which was read before: it goes on at its new end."""
        self._say("warning", "file_shortened", path=path, generation=generation, offset=offset, end=end)

    def file_deleted(self, path: str, generation: int, unread_bytes: int) -> None:
        """A file was removed while nobody looked; what was unread is a gap."""
        level = "error" if unread_bytes else "info"
        self._say(level, "file_deleted", path=path, generation=generation, unread_bytes=unread_bytes)

    def file_suspended(self, path: str, generation: int, offset: int) -> None:
        """So many dead letters in a row that the file is not read any further until somebody releases it."""
        self._say(
            "error", "file_suspended", path=path, generation=generation, offset=offset,
            mend="see radiolog dead-letters list; radiolog dead-letters release goes on",
        )  # fmt: skip

    def file_left_to(self, path: str, owner: str) -> None:
        """Another live radiolog reads this file."""
        self._say("warning", "file_left_to_other", path=path, owner=owner)

    def file_left(self, path: str, generation: int, offset: int) -> None:
        """A file is in no configured place any more; what it held until then is stored."""
        self._say("info", "file_left", path=path, generation=generation, offset=offset)

    def file_unreadable(self, path: str, message: str) -> None:
        """A file cannot be read now; the next sweep tries again."""
        self._say("warning", "file_unreadable", path=path, message=message)

    def source_missing(self, path: str) -> None:
        """A folder of logs does not exist; the next sweep looks again."""
        self._say("warning", "source_missing", path=path)

    def folder_unreadable(self, path: str, message: str) -> None:
        """Nothing below a folder can be seen; the next sweep tries again."""
        self._say("warning", "folder_unreadable", path=path, message=message)

    def watch_failed(self, path: str, message: str) -> None:
        """No events come from a folder; the sweep alone finds its news."""
        self._say("warning", "watch_failed", path=path, message=message)

    def watch_renewed(self, reason: str) -> None:
        """Events had stopped, or were about to; the folders are watched anew and looked at as a whole."""
        self._say("warning", "watch_renewed", reason=reason)

    def events_overflowed(self) -> None:
        """The kernel dropped events because they came faster than they were read; everything is looked at."""
        self._say("warning", "events_overflowed")

    def watching(self, mode: str) -> None:
        """How news are noticed from now on."""
        self.state["mode"] = mode

    def swept(self, at: datetime, seconds: float) -> None:
        """The whole tree was looked at, and how long it took."""
        self.state |= {"swept_at": at.isoformat(timespec="milliseconds"), "sweep_seconds": round(seconds, 4)}

    def found_by_sweep(self, path: str) -> None:
        """A change that no event announced within a sweep's interval."""
        self._say("debug", "found_by_sweep", path=path)

    def changes_noticed(self, folder: str, unannounced: int, changes: int) -> None:
        """How many of the last changes below a folder were found by the sweep only."""
        self.state.setdefault("unannounced", {})[folder] = [unannounced, changes]

    def events_missing(self, folder: str, unannounced: int, changes: int) -> None:
        """Events do not arrive from a folder, though it is watched."""
        message = f"{unannounced} of the last {changes} changes were found by the sweep only: events do not arrive"
        hint = "normal for network file systems; RADIOLOG_POLLING=true stops waiting for them"
        self._say("warning", "events_missing", path=folder, message=message, hint=hint)

    def summary(self, files: int) -> str:
        """One line for `systemctl status`."""
        lines, committed_at = self.counters.get("lines_total", 0), self.state.get("committed_at", "none yet")
        said = f"follows {files} files; {lines} lines stored since the start, the last commit: {committed_at}"
        problems = self.state.get("configuration_problems")
        return (
            f"{said}; the changed configuration is wrong, the old one is in force: {problems[0]}" if problems else said
        )

    def health(self) -> dict[str, Any]:
        """All counters, and how things are now."""
        return {**self.counters, **self.state}

    def committed(self, batches: int, lines: int, rows: int, dead_letters: int, seconds: float) -> None:
        """A commit succeeded, and how long it took."""
        self.counters["commits_total"] = self.counters.get("commits_total", 0) + 1
        self.state["commit_seconds_total"] = round(self.state.get("commit_seconds_total", 0.0) + seconds, 6)
        for name, amount in (("batches", batches), ("lines", lines), ("rows", rows), ("dead_letters", dead_letters)):
            self.counters[f"{name}_total"] = self.counters.get(f"{name}_total", 0) + amount
        self.state["committed_at"] = datetime.now(UTC).isoformat(timespec="milliseconds")
        if dead_letters:
            self._say("warning", "lines_dead_lettered", count=dead_letters)

    def checkpoint_moved(self, message: str) -> None:
        """Another process moved a checkpoint; memory is dropped and read again from there."""
        self._say("warning", "checkpoint_moved", message=message)

    def database_lost(self, message: str, retry_seconds: float) -> None:
        """PostgreSQL refused or is gone; nothing is lost, the files are the buffer."""
        self._say("warning", "database_unavailable", message=message, retry_seconds=round(retry_seconds, 2))

    def database_back(self) -> None:
        """PostgreSQL takes rows again."""
        self._say("info", "database_available")

    def hangs(self, parts: dict[str, list[str]]) -> None:
        """Parts of the daemon have stopped getting on, and where they stand; systemd will end it."""
        self._say("error", "hangs", parts=parts)

    def derived(self, entries: int) -> None:
        """The bookkeeper worked off its queue."""
        self.counters["derived_total"] = self.counters.get("derived_total", 0) + entries
