"""`radiolog validate` without its printing: a file's bytes to findings, by the parsers and rows that ingest uses.

Pure, and of constant memory: findings are given chunk by chunk, and only counted afterwards.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, tzinfo
from typing import Any, NamedTuple

from ingest.batch import COPIED, PLAY_COLUMNS, Batch, Move
from ingest.contract_findings import ADVICE, ERRORS, OF_NOTE, OF_REASON
from ingest.file_context import FileContext
from ingest.identity import Fingerprint
from ingest.line_clock import Arrival
from ingest.rows import BatchBuilder
from ingest.sampling import EncoderTracker
from parsers import azuracast, dialects
from parsers.encodings import MARK_BYTES, encoding_of, splitter_for
from parsers.events import Outcome, Parsed, RawLine, Rejected, Severity, TimeQuality
from parsers.json_decode import BOM, decode
from parsers.json_events import MESSAGE_FIELDS, READERS, RESERVED_EVENTS
from parsers.json_fields import FULL, NOTES
from parsers.json_lines import JsonLinesParser
from parsers.plain_text import MAX_HELD_LINES
from parsers.redact import redact, redact_bytes, redact_json
from parsers.registry import HEAD_BYTES, choose, create

_EXCERPT_BYTES = 300
_NOT_A_LETTER = re.compile(r"[^a-z]+")
_RESERVED = {_NOT_A_LETTER.sub("", name): name for name in RESERVED_EVENTS}
_NOWHERE = Fingerprint(0, b"")
_MOVE = Move(0, "", 0, 0, 0, 0, _NOWHERE, _NOWHERE, 0, "", "")


class Finding(NamedTuple):
    """Something about a line that its writer should know.

    Attributes:
        line: its number, from 1; 0 of the file as a whole.
        offset: byte offset of its first byte.
        code: a stable word, a key of `ADVICE`.
        what: what was found, for a person.
        excerpt: the line's beginning, redacted; of errors only.
    """

    line: int
    offset: int
    code: str
    what: str
    excerpt: str = ""

    @property
    def is_error(self) -> bool:
        """Whether the line becomes a dead letter."""
        return self.code in ERRORS


class ContractCheck:
    """Checks one file, chunk by chunk.

    Args:
        path: its name, which may tell the parser.
        head: its first bytes, up to `HEAD_BYTES`.
        is_whole: whether the head is all there is.
        parser_name: the parser to use; None to find out.
        settings: what of the configuration counts.

    Attributes:
        parser: the parser's name.
        lines: lines checked.
        dispositions: what would become of them, counted.
        codes: findings, counted by code.
        forms: lines by the logger whose form they have.
    """

    def __init__(
        self, path: str, head: bytes, settings: "CheckSettings", *, is_whole: bool, parser_name: str | None = None
    ) -> None:
        chosen = parser_name or choose(path, head[:HEAD_BYTES], settings.by_glob, is_whole=is_whole)
        self.parser = chosen or JsonLinesParser.name
        self.lines = 0
        self.dispositions: Counter[str] = Counter()
        self.codes: Counter[str] = Counter()
        self.forms: Counter[str] = Counter()
        self._parser = create(self.parser, None, settings.zone)
        self._splitter = splitter_for(
            encoding_of(head[:MARK_BYTES]),
            splits_at_cr=self._parser.splits_at_cr,
            max_line_bytes=settings.max_line_bytes,
        )
        context = FileContext(0, path, "", "", "", self.parser, 0, settings.min_severity)
        tracker = EncoderTracker(None, interval_seconds=settings.progress_interval_seconds)
        self._builder = BatchBuilder(context, tracker)
        self._arrival = Arrival(settings.now, live=True, mtime=settings.now)
        self._numbers: dict[int, int] = {}  # of this chunk's lines, and of lines that the parser holds
        self._said_no_json = False

    def feed(self, chunk: bytes) -> list[Finding]:
        """Take the next bytes; gives what is to be said of the lines that they complete, in their order."""
        return self._told(self._lines(self._splitter.feed(chunk)))

    def finish(self) -> list[Finding]:
        """The file ends here."""
        findings: list[Finding] = []
        for line in self._splitter.flush():
            findings += self._lines([line])
            findings.append(self._finding(line.start, "no_line_end", f"{line.end - line.start:,} bytes without an end"))
        for outcome in self._parser.finish():
            findings += self._outcome(outcome, None)
        return self._told(findings)

    @property
    def errors(self) -> int:
        """How many lines would become dead letters."""
        return sum(count for code, count in self.codes.items() if code in ERRORS)

    # -----------------------------------------------------------------------------------------------------------------

    def _told(self, found: Iterable[Finding]) -> list[Finding]:
        findings = list(found)
        for start, end in self._splitter.take_holes():
            following = self._numbers.get(end, self.lines + 1)  # the line behind it may not be complete yet
            findings.append(Finding(following, start, "nul_hole", f"{end - start:,} NUL bytes"))
        findings += self._clipped()
        if self.parser != JsonLinesParser.name and self.lines and not self._said_no_json:
            self._said_no_json = True
            findings.append(Finding(0, 0, "no_json", f"read as {self.parser}"))
        oldest = self.lines - MAX_HELD_LINES if self._parser.waits else self.lines
        self._numbers = {start: number for start, number in self._numbers.items() if number > oldest}
        findings.sort(key=lambda finding: (finding.line, finding.offset))
        self.codes.update(finding.code for finding in findings)
        return findings

    def _lines(self, lines: Iterable[RawLine]) -> Iterator[Finding]:
        for line in lines:
            self.lines += 1
            self._numbers[line.start] = self.lines
            self._builder.count_line()
            for outcome in self._parser.feed(line):
                yield from self._outcome(outcome, line)
            if self.parser == JsonLinesParser.name and not line.clipped:
                yield from self._object(line)

    def _outcome(self, outcome: Outcome, line: RawLine | None) -> Iterator[Finding]:
        self._builder.add(outcome, self._arrival, line)
        for parsed in outcome.parsed[:1]:  # further ones are of the same line
            yield from self._event(parsed, outcome.start, line)

    def _event(self, parsed: Parsed, offset: int, line: RawLine | None) -> Iterator[Finding]:
        if isinstance(parsed, Rejected):
            kept = parsed.kept if parsed.kept is not None or line is None else line.data
            excerpt = redact_bytes(kept or b"")[:_EXCERPT_BYTES].decode("utf-8", "replace")
            code = OF_REASON.get(parsed.reason, parsed.reason)
            yield self._finding(offset, code, parsed.detail, excerpt)
            return
        notes = _noted(parsed)
        if self.parser == JsonLinesParser.name:
            if parsed.timestamp is None and "bad_timestamp" not in notes:
                yield self._finding(offset, "no_timestamp", "no time")
            elif parsed.time_quality is TimeQuality.ZONELESS:
                yield self._finding(offset, "no_zone", "a time without a zone")
        for note in notes:
            code, _, field = note.partition(":")
            code = OF_NOTE.get(code, code)
            if code in ADVICE:
                yield self._finding(offset, code, f"field {field}" if field else code.replace("_", " "))

    def _object(self, line: RawLine) -> Iterator[Finding]:
        """What a line's own fields say, before anything is made of them."""
        data = line.data.removeprefix(BOM)
        decoded = decode(data) if data.strip() else Rejected(reason="", detail="")
        if isinstance(decoded, Rejected):
            return
        values, _ = decoded
        kind, event, form = values.get("kind"), values.get("event"), dialects.name_of(values)
        is_payload = azuracast.MARK in data and bool(azuracast.find(values))
        self.forms[form or ("azuracast" if is_payload else "the contract")] += 1
        if redact_json(values) != values:
            yield self._finding(line.start, "secret", "something that looks like a secret")
        if kind is not None and (type(kind) is not str or kind not in READERS):
            yield self._finding(line.start, "unknown_kind", f"kind {redact(str(kind))[:60]!r}")
        if type(event) is str and event not in RESERVED_EVENTS and "kind" not in values:
            meant = _RESERVED.get(_NOT_A_LETTER.sub("", event.lower()))
            if meant is not None:
                yield self._finding(line.start, "almost_reserved", f"event {event!r} is not {meant}")
        if "kind" not in values and form is None and not is_payload and not _has_message(values):
            yield self._finding(line.start, "unknown_form", "none of event, message, msg")
        if ("run_id" in values) != ("seq" in values):
            yield self._finding(line.start, "half_numbered", "run_id and seq belong together")

    def _clipped(self) -> Iterator[Finding]:
        """Rows of what was read that hold a text whole beside its column."""
        batch = self._builder.build(_MOVE, {}, 0, self._arrival.at)
        self.dispositions.update(batch.dispositions)
        for offset, fields in _clipped_fields(batch):
            names = ", ".join(sorted(fields))
            yield self._finding(offset, "clipped", f"longer than the column: {names}")

    def _finding(self, offset: int, code: str, what: str, excerpt: str = "") -> Finding:
        return Finding(self._numbers.get(offset, 0), offset, code, what, excerpt)


class CheckSettings(NamedTuple):
    """What of the configuration decides what becomes of a line."""

    by_glob: tuple[tuple[str, str], ...]
    zone: tzinfo
    min_severity: Severity
    max_line_bytes: int
    progress_interval_seconds: float
    now: datetime


def _noted(parsed: Any) -> list[str]:
    json = getattr(parsed, "context", None) or getattr(parsed, "metadata", None) or {}
    return list(json.get(NOTES, ()))


def _has_message(values: Mapping[str, Any]) -> bool:
    return any(type(values.get(name)) is str and values[name].strip() for name in MESSAGE_FIELDS)


def _clipped_fields(batch: Batch) -> Iterator[tuple[int, Iterable[str]]]:
    for table, columns in {**COPIED, "plays": PLAY_COLUMNS}.items():
        json_at = next((at for at, name in enumerate(columns) if name in ("metadata", "context")), None)
        if json_at is None:
            continue
        for row in batch.plays if table == "plays" else batch.copied[table]:
            if row[json_at] and FULL in row[json_at]:
                yield row[-1], row[json_at][FULL]
