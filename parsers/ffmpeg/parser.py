"""The FFmpeg parser: one line after the other into outcomes; all it remembers is a plain structure.

A message waits for the next line, which may say how often it was repeated or carry on its text. A session's start is
given out when its header is complete, its end with the line that proves it: an end mark, or the next session's first
line. Without a mark the end waits for `finish`; only after a last statistics line (or a last fatal one) does a timer
suffice, since nothing but trailing lines can follow.
"""

import re
from collections.abc import Sequence
from datetime import UTC, tzinfo
from typing import Any, ClassVar

from msgspec.structs import replace

from parsers.events import (
    Disposition,
    Event,
    FfmpegMessage,
    FfmpegProgress,
    Outcome,
    RawLine,
    Rejected,
    TimeQuality,
)
from parsers.ffmpeg import header
from parsers.ffmpeg.classify import classify
from parsers.ffmpeg.keys import KeyMemory
from parsers.ffmpeg.lines import Line, looks_like_text, tokenize, try_parse_repeated
from parsers.ffmpeg.memory import Memory, from_plain, to_plain
from parsers.ffmpeg.messages import Held, as_data, carries_on, hold, is_repeat, repeated, said_again
from parsers.ffmpeg.progress_file import add_pair, try_parse_pair
from parsers.ffmpeg.session import Session, note_message, note_summary
from parsers.ffmpeg.stats import try_parse_stats
from parsers.ffmpeg.tracker import SessionTracker
from parsers.json_decode import BOM

_IDLE_ENOUGH_SECONDS = 1.0
_STORED = Disposition.STORED  # an enumeration's member costs more to look up than to use
_BAD = ("panic", "fatal", "error", "warning")
_EMPTY_ERROR = FfmpegMessage(
    severity="error", severity_source="template", message="", category="codec", effect="consequence"
)
# Other people's words inside a message teach no keys.
_QUOTES_OTHERS = re.compile(r"Server error: |Metadata update for |.*StreamTitle")


class FfmpegParser:
    """Parses stderr, `-progress` files and `-report` files of FFmpeg 4 to 9; see `parsers.events.Parser`.

    Args:
        state: what `state()` of an earlier instance returned; None at the beginning of a file.
        zone: the zone of dates that name none.
        hash_key: a secret of this installation, for the hashes of stream keys in `state()`; at most 64 bytes.
    """

    name: ClassVar[str] = "ffmpeg"
    version: ClassVar[int] = 1
    splits_at_cr: ClassVar[bool] = True

    def __init__(self, state: dict[str, Any] | None = None, *, zone: tzinfo = UTC, hash_key: bytes = b"") -> None:
        kept = from_plain(state)
        self._zone = zone
        self._tracker = SessionTracker(kept.session, kept.aside)
        self._held = kept.held
        self._last = kept.last
        self._block = kept.block
        self._keys = KeyMemory(kept.keys, hash_key)
        self._steady: Session | None = None  # the open session while nothing but statistics come: the fast path

    def state(self) -> dict[str, Any]:
        """What a new instance needs to go on here: JSON values only, no secret. Empty when nothing is held."""
        return to_plain(
            Memory(
                session=self._tracker.session,
                aside=self._tracker.aside,
                held=self._held,
                last=self._last,
                block=self._block,
                keys=self._keys.state(),
            )
        )

    def feed(self, line: RawLine) -> Sequence[Outcome]:
        """Take the next line."""
        steady = self._steady
        if steady is not None and line.terminator == b"\r":
            stats = try_parse_stats(line.data, ends_with_newline=False)
            if stats is not None and not stats.final:
                steady.last = stats
                steady.progress_count += 1
                return (Outcome(line.start, line.end, _STORED, (stats,)),)
        self._steady = None
        data = line.data.removeprefix(BOM)
        stats = try_parse_stats(data, ends_with_newline=b"\n" in line.terminator)
        if stats is not None and not self._expects_data():
            return self._take_stats(line, stats, None)
        if line.clipped:
            return self._reject(line, "too_long", f"a line of {line.end - line.start} bytes")
        if not looks_like_text(data):
            return self._reject(line, "not_text", "NUL bytes or mostly control characters")
        return self._take_text(line, tokenize(data, self._zone))

    @property
    def waits(self) -> bool:
        """While a message is held, or time alone would end a session."""
        return self._held is not None or self._tracker.waits

    def tick(self, idle_seconds: float) -> Sequence[Outcome]:
        """Nothing was appended for so long: let go of a held message, of an end that is proven, of who must be gone."""
        if idle_seconds < _IDLE_ENOUGH_SECONDS:
            return []
        self._steady = None
        outcomes = self._release()
        self._tracker.pass_time(idle_seconds)
        return [*outcomes, *self._told()]

    def finish(self) -> Sequence[Outcome]:
        """The file is finished: let go of what is held, end the session."""
        self._steady = None
        outcomes = self._release()
        self._tracker.close_all()
        outcomes += self._told()
        self._tracker = SessionTracker()
        self._last = None
        self._block = {}
        return outcomes

    def _told(self) -> list[Outcome]:
        """Events of sessions that no line is the reason for."""
        events = self._tracker.drain()
        session = self._tracker.session
        return [Outcome(session.start, session.start, None, events)] if session is not None and events else []

    def _emit(self, line: RawLine, disposition: Disposition, *events: Event | Rejected) -> list[Outcome]:
        """Let go of the held message, then of this line, with the session events that it has proven."""
        return [*self._release(), Outcome(line.start, line.end, disposition, (*self._tracker.drain(), *events))]

    def _release(self) -> list[Outcome]:
        held = self._held
        if held is None:
            return []
        self._held = None
        self._last = held.message
        return [Outcome(held.start, held.end, Disposition.STORED, (held.message,))]

    def _reject(self, line: RawLine, reason: str, detail: str) -> list[Outcome]:
        kept = self._keys.redact(line.data.decode("latin-1"), learn=False).encode("latin-1", "replace")
        return self._emit(line, Disposition.DEAD_LETTER, Rejected(reason=reason, detail=detail, kept=kept))

    def _expects_data(self) -> bool:
        """Whether the header is at a place where only data can stand, whatever it looks like."""
        session = self._tracker.open
        return session is not None and (session.open_name_lines > 0 or header.in_untrusted_metadata(session))

    def _take_stats(self, line: RawLine, stats: FfmpegProgress, token: Line | None) -> list[Outcome]:
        if token is not None and (token.timestamp is not None or token.local_time is not None):
            stats = replace(
                stats, timestamp=token.timestamp, time_quality=token.quality, host=token.host,
                local_time=token.local_time,
            )  # fmt: skip
        stats = self._tracker.take_progress(line, token, stats, has_l=stats.final and b"L" in line.data)
        outcomes = self._emit(line, Disposition.STORED, *self._tracker.drain(), stats)
        session = self._tracker.open
        if session is not None:
            if session.modern is None and session.version is None:
                session.modern = b"KiB" in line.data or b"elapsed=" in line.data
            alone = token is None and not self._tracker.aside
            if alone and session.announced and not session.final and not session.newline_stats:
                self._steady = session
        return outcomes

    def _take_text(self, line: RawLine, token: Line) -> list[Outcome]:
        text = token.text
        if not text.strip() and not (token.labelled and token.level in _BAD):
            session = self._tracker.open
            if session is not None and session.empty_error and not token.labelled:
                return self._take_empty_error(line, session)
            return self._emit(line, Disposition.BLANK)
        count = try_parse_repeated(text)
        if count is not None:
            return self._take_repeat(line, token, count)
        self._tracker.turn_to_speaker(token)
        held = self._held
        if held is not None and not token.component and not token.labelled and carries_on(held, text):
            rest = self._keys.redact(text.rstrip())
            held.message = replace(held.message, message=f"{held.message.message}\n{rest}")
            return [Outcome(line.start, line.end, Disposition.FOLDED)]
        if not token.component and "=" in text:
            taken = self._take_numbers(line, token)
            if taken is not None:
                return taken
        if header.is_summary(text) and (not token.component or token.component[0].startswith("out#")):
            note_summary(self._tracker.at(line, token), self._keys.redact(text.strip()))
            return self._emit(line, Disposition.FOLDED)
        where = ("", -1)
        if self._tracker.open is not None:
            where = self._tracker.open.section, self._tracker.open.item
        if not token.component and token.level not in _BAD and self._take_header(line, token):
            return self._emit(line, Disposition.FOLDED)
        return self._take_message(line, token, where)

    def _take_numbers(self, line: RawLine, token: Line) -> list[Outcome] | None:
        """A statistics line behind prefixes, or a line of a `-progress` block."""
        newline = line.terminator[-1:] == b"\n"
        stats = try_parse_stats(token.text.encode("utf-8", "replace"), ends_with_newline=newline)
        if stats is not None and not self._expects_data():
            return self._take_stats(line, stats, token)
        pair = try_parse_pair(token.text)
        if pair is None:
            return None
        progress = add_pair(self._block, *pair)
        session = self._tracker.open
        if progress is None or (session is not None and session.running and session.has_stats):
            return self._emit(line, Disposition.FOLDED)
        progress = self._tracker.take_progress(line, token, progress, has_l=progress.final, is_block=True)
        return self._emit(line, Disposition.STORED, progress)

    def _take_repeat(self, line: RawLine, token: Line, count: int) -> list[Outcome]:
        session = self._tracker.open
        if self._held is not None:
            self._held.message = repeated(self._held.message, count)
            return [Outcome(line.start, line.end, Disposition.FOLDED)]
        if self._last is not None:
            again = said_again(self._last, count, token.timestamp, token.quality)
            return self._emit(line, Disposition.STORED, again)
        if session is not None and session.empty_error:
            return self._take_empty_error(line, session)
        return self._emit(line, Disposition.FOLDED)

    def _take_empty_error(self, line: RawLine, session: Session) -> list[Outcome]:
        """FFmpeg 5 announces an error whose text is an empty line; it may repeat the line end before it."""
        session.empty_error = False
        return self._emit(line, Disposition.STORED, replace(_EMPTY_ERROR, session=session.start))

    def _take_header(self, line: RawLine, token: Line) -> bool:
        """Whether a line describes the session: banner, report head, inputs, outputs and their sections."""
        text = token.text
        session = self._tracker.open
        if session is not None and header.take_name_line(session, text):
            return True
        if session is not None and self._held is not None and header.is_section_data(text):
            self._resume_section(session, self._held)
        if session is None or not header.in_untrusted_metadata(session):
            version = header.try_parse_banner(text)
            started = header.try_parse_report_head(text)
            file = header.try_parse_file(text)
            if version is not None:
                self._tracker.take_version(line, token, self._keys.redact(version))
            elif started is not None:
                self._tracker.take_report_head(line, token, started, self._zone)
            elif file is not None:
                session = self._tracker.for_file(line, token, file.kind, file.number)
                header.open_section(session, file, self._keys.redact(text))
            if version is not None or started is not None or file is not None:
                self._last = None
                return True
        return self._take_section_line(line, token)

    def _take_section_line(self, line: RawLine, token: Line) -> bool:
        text = token.text
        session = self._tracker.open
        if session is None:
            if text != "Stream mapping:":
                return text.startswith("  ")
            session = self._tracker.begin(line, token)
        if session.section in ("mapping", "command"):
            text = self._keys.redact(text)
        taken = header.take_section_line(session, text)
        if taken:
            self._last = None
        return taken

    def _resume_section(self, session: Session, held: Held) -> None:
        """The section goes on: what stood in its middle was part of a name in it, not a message."""
        threads_may_write = held.section == "output" and held.message.component
        if held.section in ("input", "output") and not session.section and not threads_may_write:
            session.section, session.item = held.section, held.item
            held.message = replace(
                held.message, severity="info", severity_source="guess", effect="unknown", suspect=True
            )

    def _take_message(self, line: RawLine, token: Line, where: tuple[str, int]) -> list[Outcome]:
        raw = token.text.rstrip()
        text = self._keys.redact(raw, learn=_QUOTES_OTHERS.match(raw) is None)
        component = tuple(self._keys.redact(name, learn=False) for name in token.component)
        now = self._tracker.open
        # Inputs are described before other threads run: whatever looks like their message there is part of a name.
        suspect = now is not None and header.in_untrusted_metadata(now) and (not component or now.section == "input")
        suspect = suspect and not (now is not None and now.section == "output" and header.is_end_of_output(text))
        ran = now is not None and now.running
        running = ran and now is not None and not now.over
        debug = now is not None and now.debug
        verdict = classify(text, component, token.level, ran=ran, running=running, debug=debug)
        speaker = None
        if not suspect:
            speaker = self._tracker.for_message(line, token, raw, verdict)
            if speaker is not None:
                verdict = note_message(speaker, text, verdict)
                self._tracker.announce_if_complete()
        timestamp, quality = token.timestamp, token.quality
        if timestamp is None and token.local_time is None and speaker is not None and not speaker.running:
            timestamp = speaker.reported_at  # what a report says before its statistics begin
            quality = TimeQuality.ESTIMATED if timestamp else quality
        message = FfmpegMessage(
            severity=verdict.severity,
            severity_source=verdict.source,
            message=text,
            component=component,
            category=verdict.category,
            template=verdict.template,
            effect=verdict.effect,
            timestamp=timestamp,
            time_quality=quality,
            host=token.host,
            pid=token.pid,
            depth=verdict.depth,
            session=None if speaker is None else speaker.start,
            local_time=token.local_time,
        )
        if suspect:
            message = as_data(message)
        elif verdict.category == "exit" and self._tracker.take_mark(token, raw):
            return self._emit(line, Disposition.STORED, *self._tracker.drain(), message)
        return self._hold(line, message, where)

    def _hold(self, line: RawLine, message: FfmpegMessage, where: tuple[str, int]) -> list[Outcome]:
        held = self._held
        if held is not None and not self._tracker.pending and is_repeat(held.message, message):
            held.message = repeated(held.message, 1)
            return [Outcome(line.start, line.end, Disposition.FOLDED)]
        outcomes = self._release()
        events = self._tracker.drain()
        if events:
            outcomes.append(Outcome(line.start, line.end, None, events))
        self._held = hold(line.start, line.end, message, where)
        return outcomes
