"""Which session a line belongs to: opens, announces and closes sessions, and collects the events of doing so."""

import re
from datetime import tzinfo

from msgspec.structs import replace

from parsers import timestamps
from parsers.events import Event, FfmpegProgress, RawLine
from parsers.ffmpeg.classify import Verdict, reason_of
from parsers.ffmpeg.header import is_summary
from parsers.ffmpeg.interleaved import (
    FORGOTTEN_AFTER_LINES,
    MOST_ASIDE,
    goes_on,
    may_go_on,
    silence_that_ends_seconds,
    speaker_of,
    step_seconds,
    writer_of,
)
from parsers.ffmpeg.lines import Line
from parsers.ffmpeg.session import (
    Session,
    end_event,
    header_is_complete,
    note_progress,
    resumed_event,
    start_event,
)

_MAJOR = re.compile(r"n?(\d{1,3})\.")
_SIGNAL = re.compile(r"Exiting normally, received signal (\d{1,3})\.")
_DEBUG_HINT = re.compile(r"(?:Splitting the commandline\.|Reading option ')")
_MARK = re.compile(r"Exiting normally, received signal \d|Conversion failed!|Received > 3 system signals, hard exiting")
_LAST_WORDS = re.compile(
    r"Error opening (?:input|output) files: \S|Error (?:splitting the argument list|parsing global options): "
    r"|At least one output file must be specified|File '.*' already exists\. Exiting"
)
_BAD = ("panic", "fatal", "error")
# What a process says that was running: it is not gone.
_SAID_WHILE_RUNNING = ("fatal_run", "degraded", "consequence")
_MOST_POINTERS = 32


class SessionTracker:
    """Keeps the current session, and beside it those whose end is not proven.

    Attributes:
        session: the one that wrote last.
        aside: others that may still write.
        pending: events for the line that is being taken.
    """

    def __init__(self, session: Session | None = None, aside: list[Session] | None = None) -> None:
        self.session = session
        self.aside: list[Session] = aside or []
        self.pending: list[Event] = []

    @property
    def open(self) -> Session | None:
        """The session that has not ended."""
        return self.session if self.session is not None and not self.session.ended else None

    def drain(self) -> tuple[Event, ...]:
        """Take the events that the current line has proven."""
        events = tuple(self.pending)
        self.pending.clear()
        return events

    def begin(self, line: RawLine, token: Line | None) -> Session:
        """A new process writes from this line on; the one before must have ended, or goes on beside it."""
        before = self.session
        self.close()
        if before is not None and before.lost and may_go_on(before):
            self.aside = [before, *self.aside]
            self._forget(self.aside[MOST_ASIDE:])
        self.session = Session(start=line.start)
        self.see(self.session, token)
        self.session.started_at = self.session.last_at
        return self.session

    def at(self, line: RawLine, token: Line | None) -> Session:
        """The open session; a new one when there is none."""
        session = self.open or self.begin(line, token)
        self.see(session, token)
        return session

    def see(self, session: Session, token: Line | None) -> None:
        """Take what a line's prefixes say of the process."""
        if token is None:
            return
        if token.timestamp is not None:
            session.last_at, session.quality = token.timestamp, token.quality
        session.host = token.host or session.host
        session.pid = token.pid if token.pid is not None else session.pid

    def close(self) -> None:
        """End the open session, if any."""
        session = self.open
        if session is not None:
            self._end(session)

    def close_all(self) -> None:
        """End all that are open."""
        for session in self._all_open():
            self._end(session)

    @property
    def waits(self) -> bool:
        """Whether time alone would end a session: it is over without an end mark, or its silence would tell."""
        return any(session.over or silence_that_ends_seconds(session) is not None for session in self._all_open())

    def pass_time(self, idle_seconds: float) -> None:
        """End what is over, and what has been silent for so long that its process must be gone."""
        for session in self._all_open():
            enough = silence_that_ends_seconds(session)
            if session.over:
                self._end(session)
            elif enough is not None and idle_seconds >= enough:
                self._end(session)
                session.lost = True

    def turn_to_speaker(self, token: Line) -> None:
        """Where several processes write, let the line's be the current one."""
        if self.aside and self.session is not None:
            is_end = is_summary(token.text) or _MARK.match(token.text) is not None
            speaker = speaker_of(token, (self.session, *self.aside), is_end=is_end)
            if speaker is not None:
                self._turn_to(speaker)

    def _all_open(self) -> list[Session]:
        sessions = (*self.aside, self.session)
        return [session for session in sessions if session is not None and not session.ended]

    def _turn_to_writer(self, progress: FfmpegProgress) -> None:
        """The same for a statistics line."""
        session = self.session
        if session is None or not (self.aside or session.lost):
            return
        if self.aside:
            writer = writer_of(progress, session, self.aside)
            if writer is not None:
                step = step_seconds(writer, progress)
                self._turn_to(writer)
                for other in self.aside:
                    other.passed_over += 1
                    other.waited_seconds += step
            self._forget([other for other in self.aside if other.passed_over > FORGOTTEN_AFTER_LINES])
        elif goes_on(session, progress):
            self._resume(session)

    def _turn_to(self, session: Session) -> None:
        if session is not self.session:
            others = [other for other in (self.session, *self.aside) if other is not None and other is not session]
            self.session, self.aside = session, others
        session.passed_over, session.waited_seconds = 0, 0.0
        self._resume(session)

    def _resume(self, session: Session) -> None:
        if session.lost:
            session.lost = session.ended = False
            self.pending.append(resumed_event(session))

    def _forget(self, sessions: list[Session]) -> None:
        for session in sessions:
            if not session.ended:
                self._end(session)
        self.aside = [other for other in self.aside if all(other is not session for session in sessions)]

    def _end(self, session: Session) -> None:
        self.announce(session)
        self.pending.append(end_event(session))
        session.ended = True
        session.lost = may_go_on(session)

    def announce(self, session: Session) -> None:
        """Give out the session's start, once."""
        if not session.announced:
            self.pending.append(start_event(session))
            session.announced = True

    def announce_if_complete(self) -> None:
        """Give out the start when the header can say no more."""
        session = self.open
        if session is not None and not session.announced and header_is_complete(session):
            self.announce(session)

    def take_version(self, line: RawLine, token: Line, version: str) -> None:
        """A banner: the first line of a process, but for complaints about its options."""
        session = self.open
        if session is None or session.has_header or session.over:
            session = self.begin(line, token)
        self.see(session, token)
        session.version = version
        session.section, session.item = "banner", -1
        major = _MAJOR.match(version)
        if major is not None and int(major.group(1)) != 6:  # 6 leaves with either kind of exit status
            session.modern = int(major.group(1)) >= 7

    def take_report_head(self, line: RawLine, token: Line, started: str, zone: tzinfo) -> None:
        """`ffmpeg started on …`: the first line of a `-report` file, or of stderr with `-report`."""
        session = self.begin(line, token)
        moment, quality = timestamps.parse(started, zone=zone)
        if moment is not None and session.started_at is None:
            session.started_at, session.quality = moment, quality
            session.reported_at = moment

    def for_file(self, line: RawLine, token: Line, kind: str, index: int) -> Session:
        """The session that an `Input #` or `Output #` line belongs to."""
        session = self.open
        if (
            kind == "input"
            and index == 0
            and session is not None
            and (session.running or session.over or session.outputs or any(i["index"] == 0 for i in session.inputs))
        ):
            return self.begin(line, token)
        return self.at(line, token)

    def take_progress(
        self, line: RawLine, token: Line | None, progress: FfmpegProgress, *, has_l: bool, is_block: bool = False
    ) -> FfmpegProgress:
        """A statistics line or block: counts, and announces the session when its header is complete."""
        self._turn_to_writer(progress)
        session = self.open
        if session is not None and session.final and session.last is not None:
            before, now = session.last.time_seconds, progress.time_seconds
            if before is not None and now is not None and now < before:
                session = None
                self.begin(line, token)
        session = session or self.at(line, token)
        if session.final and not has_l:
            session.newline_stats = True
        if session.newline_stats and progress.final and not has_l and not session.summary:
            progress = replace(progress, final=False)
        self.see(session, token)
        note_progress(session, progress, has_l=has_l)
        session.has_stats = session.has_stats or not is_block
        session.section, session.item = "", -1
        if not session.announced:
            self.announce_if_complete()
        return replace(progress, session=session.start) if self.aside else progress

    def for_message(self, line: RawLine, token: Line, message: str, verdict: Verdict) -> Session | None:
        """The session that a message belongs to; None when it is nobody's (a supervisor's own line)."""
        session = self.session
        bad = verdict.severity in _BAD
        if session is not None and session.lost and bad and verdict.effect in _SAID_WHILE_RUNNING:
            self._resume(session)
        if session is None:
            begins = bool(token.component or _DEBUG_HINT.match(message)) or (bad and verdict.source != "guess")
        elif session.ended:
            begins = (bad and verdict.effect == "fatal_start") or bool(_DEBUG_HINT.match(message))
        else:
            begins = session.over and bad and verdict.effect == "fatal_start" and not session.mark
        if begins:
            session = self.begin(line, token)
        elif self.open is None:
            return None
        if session is not None:
            self.see(session, token)
            _note_traits(session, token, message, verdict)
        return session

    def take_mark(self, token: Line, message: str) -> bool:
        """Whether a line is an end mark, after which a process says nothing more of weight."""
        session = self.session
        if session is None or token.component:
            return False
        signal = _SIGNAL.match(message)
        if signal is not None:
            session.mark, session.signal = "signal", int(signal.group(1))
        elif message.startswith("Conversion failed!"):
            session.mark = session.mark or "failed"
        elif message.startswith("Received > 3 system signals, hard exiting"):
            session.mark = "hard_exit"
        else:
            return False
        self.see(session, token)
        session.ended = session.lost = False  # a timer may have ended it as finished: the mark says better
        self.close()
        return True


def _note_traits(session: Session, token: Line, message: str, verdict: Verdict) -> None:
    if token.pointer is not None and token.pointer not in session.pointers:
        session.pointers = [*session.pointers[1 - _MOST_POINTERS :], token.pointer]
    if _DEBUG_HINT.match(message) or (token.labelled and token.level in ("debug", "trace")):
        session.debug = True
    if _LAST_WORDS.match(message):
        session.over = True
        if message.startswith("Error opening") and session.version is None and session.modern is None:
            session.modern = True  # FFmpeg 6.1 and later print the reason on this line
    elif verdict.effect == "fatal_start" and not token.component and not session.running and reason_of(message):
        session.over = True
    if message.startswith("Failed to update header with correct "):
        session.trailer = True
    session.empty_error = message.startswith("Error initializing output stream ") and message.endswith(" --")
