"""Lines of plain text to log records, a Python traceback to one; knows neither JSON nor FFmpeg.

A traceback has the form that CPython prints: `Traceback (most recent call last):`, indented lines (those of an
exception group begin with `|`), the exception, and again after "During handling of …" or "The above exception …" with
a blank line before and after. Its last line is known only by the line behind it, so lines are held until then.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, tzinfo
from typing import Any, ClassVar

from parsers import timestamps
from parsers.events import Disposition, LogRecord, Outcome, RawLine, Rejected, Severity, TimeQuality
from parsers.json_decode import BOM, INVALID_UTF8
from parsers.json_fields import NOTES
from parsers.levels import BY_NAME, leading_level
from parsers.redact import redact

MAX_HELD_LINES = 1000
MAX_HELD_CHARACTERS = 256 * 1024
IDLE_SECONDS = 2.0  # a writer prints a traceback at once; behind such a pause no line of it comes any more

_OPENING = re.compile(r"[ \t|+]{0,40}(?:Exception Group )?Traceback \(most recent call last\):\s*")
_CHAINED = re.compile(r"(?:During handling of the above exception|The above exception was the direct cause)")
_EXCEPTION = re.compile(r"([A-Za-z_][\w.]{0,200})(?::|$)", re.ASCII)
_GROUP_EXCEPTION = re.compile(r"[ \t]{1,40}\| ([\w.]{0,200}ExceptionGroup: .*)", re.ASCII)
_TIME = re.compile(
    r"\[?([0-9]{4}[-/][0-9]{2}[-/][0-9]{2}[Tt ][0-9:]{8}(?:[.,][0-9]{1,9})?(?: ?(?:[Zz]|[+-][0-9:]{4,6}))?)"
)

# Neither tab, CR and the like nor ESC, which begins a colour.
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_UTF_16 = "UTF-16 without a byte order mark, or UTF-32"
# A line in Latin-1 has an umlaut in every tenth place at most; random bytes are odd in more than every third.
_MOST_ODD = 4
_ODD_SHARE = 0.2

# Where a traceback stands: in its frames, in those of an exception group, which ends with its indentation, at the
# exception's text, at a blank line behind it, or at the sentence that joins another traceback to it.
_FRAMES, _GROUP, _MESSAGE, _GAP, _CHAIN = "frames", "group", "message", "gap", "chain"


class PlainTextParser:
    """`Parser` for files of text.

    Args:
        state: what `state()` gave, of a parser that stood at this point of the file.
        zone: the station's time zone, for times that name none.
    """

    name: ClassVar[str] = "text"
    version: ClassVar[int] = 1
    splits_at_cr: ClassVar[bool] = False

    def __init__(self, state: Mapping[str, Any] | None = None, *, zone: tzinfo = UTC) -> None:
        held = state or {}
        self._zone = zone
        self._spans: list[tuple[int, int]] = [(start, end) for start, end in held.get("spans", ())]
        self._texts: list[str] = list(held.get("texts", ()))
        self._notes: list[str] = list(held.get("notes", ()))
        self._stands: str = held.get("stands", _FRAMES)
        self._characters = sum(map(len, self._texts))

    def feed(self, line: RawLine) -> Sequence[Outcome]:
        """Take the next line; gives the outcomes of what it completes, and its own unless it is held."""
        why_not = None if line.clipped else _not_text(line.data)
        if why_not is not None:
            rejected = Rejected(reason="not_text", detail=why_not)
            return [*self.finish(), Outcome(line.start, line.end, Disposition.DEAD_LETTER, (rejected,))]
        text, notes = _text(line)
        if self._spans and self._continues(text) and not line.clipped:
            return self._hold(line, text, notes)
        done = list(self.finish())
        if line.clipped:
            done.append(Outcome(line.start, line.end, Disposition.DEAD_LETTER, (_too_long(line),)))
        elif not text or text.isspace():
            done.append(Outcome(line.start, line.end, Disposition.BLANK))
        elif _OPENING.fullmatch(text):
            self._stands = _GROUP if text[0] in " \t|+" else _FRAMES
            self._hold(line, text, notes)
        else:
            severity = leading_level(text)
            record = self._record(severity or Severity.INFO, redact(text), text, notes)
            done.append(Outcome(line.start, line.end, Disposition.STORED, (record,)))
        return done

    @property
    def waits(self) -> bool:
        """While a traceback may go on."""
        return bool(self._spans)

    def tick(self, idle_seconds: float) -> Sequence[Outcome]:
        """Let go of a traceback when nothing came for a while."""
        return self.finish() if idle_seconds >= IDLE_SECONDS else ()

    def finish(self) -> Sequence[Outcome]:
        """Let go of the held traceback: one record with its first line, the other lines folded into it."""
        if not self._spans:
            return ()
        spans, texts, notes = self._spans, self._texts, self._notes
        self._spans, self._texts, self._notes, self._characters = [], [], [], 0
        whole = redact("\n".join(texts)).rstrip()
        record = self._record(Severity.ERROR, redact(_exception(texts)), texts[0], notes, whole)
        done = [Outcome(*spans[0], Disposition.STORED, (record,))]
        for (start, end), text in zip(spans[1:], texts[1:], strict=True):
            done.append(Outcome(start, end, Disposition.FOLDED if text.strip() else Disposition.BLANK))
        return done

    def state(self) -> dict[str, Any]:
        """The held lines, redacted; empty when none are."""
        if not self._spans:
            return {}
        return {
            "spans": [list(span) for span in self._spans],
            "texts": list(self._texts),
            "notes": list(self._notes),
            "stands": self._stands,
        }

    def _hold(self, line: RawLine, text: str, notes: list[str]) -> Sequence[Outcome]:
        self._spans.append((line.start, line.end))
        self._texts.append(redact(text))
        self._notes += [note for note in notes if note not in self._notes]
        self._characters += len(text)
        if len(self._spans) >= MAX_HELD_LINES or self._characters >= MAX_HELD_CHARACTERS:
            return self.finish()
        return ()

    def _continues(self, text: str) -> bool:
        """Whether the line belongs to the held traceback; moves on what it stands at."""
        blank = not text or text.isspace()
        indented = not blank and text[0] in " \t|+"
        if self._stands == _GROUP:
            return indented
        if self._stands == _FRAMES:
            if not blank and not indented and _is_exception(text):
                self._stands = _MESSAGE
                return True
            return indented
        if self._stands == _MESSAGE:
            if blank:
                self._stands = _GAP
            return blank or indented
        if self._stands == _GAP:
            if _CHAINED.match(text):
                self._stands = _CHAIN
            return self._stands == _CHAIN
        if _OPENING.fullmatch(text):
            self._stands = _FRAMES
            return True
        return blank

    def _record(
        self, severity: Severity, message: str, first: str, notes: list[str], stack_trace: str | None = None
    ) -> LogRecord:
        said = _TIME.match(first)
        at, quality = timestamps.parse(said[1], zone=self._zone) if said else (None, TimeQuality.UNKNOWN)
        return LogRecord(
            timestamp=at,
            time_quality=quality,
            severity=severity,
            message=message,
            stack_trace=stack_trace,
            context={NOTES: notes} if notes else None,
        )


def _is_exception(text: str) -> bool:
    """Whether a line is an exception's name, with or without its text; `ERROR: …` is another line that came between."""
    match = _EXCEPTION.match(text)
    if match is None:
        return False
    word = match.group(1)
    return not (word.isupper() and word.lower() in BY_NAME)


def _exception(texts: Sequence[str]) -> str:
    """What a traceback says at its end; for an exception group, what the group says."""
    for text in texts:
        group = _GROUP_EXCEPTION.match(text)
        if group is not None:
            return group[1]
    return next((text for text in reversed(texts) if _is_exception(text)), texts[0]).strip()


def _text(line: RawLine) -> tuple[str, list[str]]:
    """The line as text that can be stored, and what had to be changed."""
    data, notes = line.data.removeprefix(BOM), []  # also where files with marks were joined
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("utf-8", "replace")
        notes.append(INVALID_UTF8)
    return text, notes


def _not_text(data: bytes) -> str | None:
    """Why a line cannot be read as text; None when it can. A few bytes of another encoding do not hinder."""
    if data.isascii() and not _CONTROL.search(data):
        return None
    if b"\0" in data:
        return _why_nul(data)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _UTF_16
    odd = len(_CONTROL.findall(data))
    if _is_much(odd, data):
        return f"{odd} of {len(data)} bytes are control characters"
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        odd += data.decode("utf-8", "replace").count("\ufffd")
    if _is_much(odd, data):
        return f"{odd} of {len(data)} bytes are no text"
    return None


def _is_much(odd: int, data: bytes) -> bool:
    return odd * 2 > len(data) or (odd > _MOST_ODD and odd > len(data) * _ODD_SHARE)


def _why_nul(data: bytes) -> str:
    """Two-byte characters have NUL in every second place; a cut at the newline's byte may shift it by one."""
    half = len(data) // 2
    most = max(data[::2].count(0), data[1::2].count(0))
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or (most * 4 >= half * 3 and data.count(0) <= half + 1 < len(data)):
        return _UTF_16
    return f"{data.count(0)} of {len(data)} bytes are NUL"


def _too_long(line: RawLine) -> Rejected:
    size = line.end - line.start
    return Rejected(reason="too_long", detail=f"{size} bytes; the first {len(line.data)} are kept")
