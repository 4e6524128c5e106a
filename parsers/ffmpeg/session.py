"""What is known of one FFmpeg process while its log is read, and how it ended; decides nothing about lines.

The state is a plain structure that `msgspec` turns into JSON and back: a restart loses nothing.
"""

import re
from copy import deepcopy
from datetime import datetime
from typing import Any

from msgspec import Struct, field

from parsers.events import (
    FfmpegProgress,
    FfmpegSessionEnded,
    FfmpegSessionResumed,
    FfmpegSessionStarted,
    TimeQuality,
)
from parsers.ffmpeg.classify import Verdict, exit_status_of, reason_of

_TASK_CODE = re.compile(r"Task finished with error code: (-\d{1,10}) ")
_DECLINED = re.compile(r"File '.*' already exists\. Exiting|Not overwriting - exiting")
_MAPPED_STREAM = re.compile(r"-> (?:Stream )?#(\d{1,4}):(\d{1,5})")
_STATS_BEFORE_GIVING_UP_ON_HEADER = 20
_MOST_SUMMARIES = 32


class Cause(Struct):
    """The best explanation so far of a failure. Echoes of a deeper message do not replace it."""

    message: str
    category: str
    depth: int


class Session(Struct):
    r"""One FFmpeg process.

    Attributes:
        start: byte offset of its first line.
        section: where in the header we are: banner, command, input, output, mapping, or empty.
        item: index in `inputs` or `outputs` of the open section; -1 outside.
        streams_seen: the open section has shown a stream, so that its own metadata is over.
        metadata_seen: the open section has shown the head of its metadata.
        open_name_lines: lines for which an unterminated file name may still go on; 0 when none is open.
        announced, ended: the events have been given out.
        lost: it ended without proof, for it fell silent or another one began: a line of its own takes that back.
        passed_over, waited_seconds: statistics lines of others since its last one, and how far those got on.
        pointers: addresses of contexts that it named, the last ones.
        final: the last statistics line was seen. over: nothing but trailing lines can follow.
        has_stats: it prints statistics lines: `-progress` blocks between them say the same again.
        newline_stats: something turned `\\r` into `\\n`: the terminator no longer shows the last statistics line.
        cr_stats: a statistics line ended with `\r`: the terminator can be trusted.
        exit_status, task_status: what the last reason, and the first failed task, would make of the exit status.
        trailer: the output's end was written, as an FLV muxer says in every session.
        modern: FFmpeg 7 or later (units, exit status); None while nothing tells.
        reported_at: the start as the head of a report says it.
        empty_error: FFmpeg 5 announced an error whose own text is an empty line.
    """

    start: int
    version: str | None = None
    inputs: list[dict[str, Any]] = field(default_factory=list)
    outputs: list[dict[str, Any]] = field(default_factory=list)
    mapping: list[str] = field(default_factory=list)
    section: str = ""
    item: int = -1
    streams_seen: bool = False
    metadata_seen: bool = False
    open_name_lines: int = 0
    announced: bool = False
    ended: bool = False
    lost: bool = False
    passed_over: int = 0
    waited_seconds: float = 0.0
    pointers: list[str] = field(default_factory=list)
    progress_count: int = 0
    has_stats: bool = False
    last: FfmpegProgress | None = None
    final: bool = False
    over: bool = False
    newline_stats: bool = False
    cr_stats: bool = False
    summary: list[str] = field(default_factory=list)
    mark: str = ""
    signal: int | None = None
    cause: Cause | None = None
    worst: Cause | None = None
    exit_status: int | None = None
    task_status: int | None = None
    trailer: bool = False
    modern: bool | None = None
    debug: bool = False
    empty_error: bool = False
    started_at: datetime | None = None
    reported_at: datetime | None = None
    last_at: datetime | None = None
    quality: TimeQuality = TimeQuality.UNKNOWN
    host: str | None = None
    pid: int | None = None

    @property
    def running(self) -> bool:
        """Whether statistics have been printed."""
        return self.progress_count > 0

    @property
    def has_header(self) -> bool:
        """Whether a banner, an input or statistics belong to it already."""
        return bool(self.version or self.inputs or self.outputs or self.progress_count)


def header_is_complete(session: Session) -> bool:
    """Whether every output stream that the mapping names has been described (or will hardly be any more)."""
    if session.progress_count >= _STATS_BEFORE_GIVING_UP_ON_HEADER:
        return True
    if not session.outputs:
        return session.running and not session.mapping and not session.inputs
    mapped = {(int(o), int(s)) for line in session.mapping for o, s in _MAPPED_STREAM.findall(line)}
    described = {(output["index"], stream["index"]) for output in session.outputs for stream in output["streams"]}
    return bool(mapped or session.running) and mapped <= described


def start_event(session: Session) -> FfmpegSessionStarted:
    """The session's start, with all that its header has said so far."""
    return FfmpegSessionStarted(
        session=session.start,
        version=session.version,
        inputs=tuple(deepcopy(session.inputs)),
        outputs=tuple(deepcopy(session.outputs)),
        mapping=tuple(session.mapping),
        timestamp=session.started_at,
        time_quality=session.quality if session.started_at else TimeQuality.UNKNOWN,
        host=session.host,
        pid=session.pid,
    )


def end_event(session: Session) -> FfmpegSessionEnded:
    """The session's end, by what it printed: its marks first, then its last statistics line, then its errors."""
    kind = _end_kind(session)
    cause = (session.cause or session.worst) if kind == "failed" else None
    return FfmpegSessionEnded(
        session=session.start,
        end_kind=kind,
        signal=session.signal,
        exit_guess=_exit_guess(session, kind),
        cause=cause.message if cause else None,
        cause_category=cause.category if cause else None,
        final_progress=session.last,
        summary=tuple(session.summary),
        timestamp=session.last_at,
        time_quality=session.quality if session.last_at else TimeQuality.UNKNOWN,
        host=session.host,
        pid=session.pid,
    )


def resumed_event(session: Session) -> FfmpegSessionResumed:
    """The session goes on after all."""
    return FfmpegSessionResumed(session=session.start, host=session.host, pid=session.pid)


def _end_kind(session: Session) -> str:
    if session.mark in ("signal", "hard_exit"):
        return "signal"
    if session.mark == "failed":
        return "failed"
    if session.final or session.summary:
        # Without a header, info lines are hidden, and with them "Conversion failed!": then the errors must tell.
        return "failed" if session.cause is not None and not session.outputs else "finished"
    # No last statistics line: a failure explains it where one was printed; else somebody took the process away.
    # One that never got as far as statistics, and whose last words were an error, will have ended by it.
    began = session.has_header and not session.running
    if session.cause is not None or (session.worst is not None and began):
        return "failed"
    return "finished" if session.trailer else "killed"


def _exit_guess(session: Session, kind: str) -> int | None:
    if kind == "finished":
        return 0
    if kind == "signal":
        if session.mark == "hard_exit":
            return 123
        if session.running:
            return 255
        return None if session.modern is None else ((session.exit_status or 0) if session.modern else 1)
    if kind != "failed" or session.modern is None:
        return None
    if session.modern and session.cause is not None and _DECLINED.match(session.cause.message):
        return 0
    if session.cause is not None and session.cause.message.startswith("Decode error rate "):
        return 69
    if not session.modern:
        # Of one that ran, decode errors alone: 1, or 69 by -max_error_rate.
        return 1 if session.cause is not None or not session.running else None
    return session.exit_status if session.task_status is None else session.task_status


def note_message(session: Session, message: str, verdict: Verdict) -> Verdict:
    """Let a message bear on the session's end.

    Returns:
        The verdict, its effect turned into `consequence` when a deeper message of the same failure came before.
    """
    if verdict.severity not in ("panic", "fatal", "error", "warning"):
        return verdict
    if verdict.severity != "warning":
        _note_exit_status(session, message)
    if verdict.effect in ("fatal_start", "fatal_run"):
        deeper = session.cause is None or verdict.depth > session.cause.depth
        if deeper:
            session.cause = Cause(message, verdict.category, verdict.depth)
        elif session.cause is not None and session.cause.message != message:
            verdict = Verdict(
                verdict.severity, verdict.source, verdict.category, "consequence", verdict.depth, verdict.template
            )
    elif verdict.severity != "warning" and verdict.effect not in ("benign", "consequence"):
        session.worst = Cause(message, verdict.category, verdict.depth)
    elif verdict.effect == "consequence" and session.cause is None and verdict.severity != "warning":
        session.cause = Cause(message, verdict.category, -1)
    return verdict


def _note_exit_status(session: Session, message: str) -> None:
    code = _TASK_CODE.match(message)
    if code is not None:
        if session.task_status is None:
            session.task_status = int(code.group(1)) & 0xFF
        return
    reason = reason_of(message)
    status = exit_status_of(reason) if reason is not None else None
    if status is not None:
        session.exit_status = status


def note_progress(session: Session, progress: FfmpegProgress, *, has_l: bool) -> None:
    """Take the next statistics line. `has_l`: it carries FFmpeg's own mark of the last one."""
    if not progress.final and not session.newline_stats:
        session.cr_stats = True
    session.last = progress
    session.progress_count += 1
    session.final = progress.final
    if progress.final:
        # A newline alone proves little: a log pipe may have made it from a carriage return.
        session.over = session.over or has_l or session.cr_stats or bool(session.summary)
    elif session.cause is not None and session.cause.depth >= 0:
        session.cause = None  # it went on: whatever failed before was survived


def note_summary(session: Session, text: str) -> None:
    """Keep a line of the final summary."""
    if len(session.summary) < _MOST_SUMMARIES:
        session.summary.append(text)
    session.over = session.over or session.final
