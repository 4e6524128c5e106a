"""A dead letter's line read again by today's parser, alone: what it would store, or why it stays a dead letter.

A parser that remembers (FFmpeg's, plain text's) begins anew at the line and may look at the lines behind it, as it
would have done then; of what it says only that line's own outcome counts. What has a meaning only together with the
lines before it (a line of FFmpeg's header) is refused. FFmpeg's parser is given the hashes of the stream keys that the
file has shown, so that a bare key is masked in a replay as well.
"""

from collections.abc import Iterable, Iterator
from datetime import tzinfo
from typing import Any, NamedTuple

from msgspec.structs import replace

from ingest.assignments import Assignments
from ingest.batch import Batch, Move
from ingest.file_context import FileContext
from ingest.identity import NOTHING, family, service_of, stream_key_hash_key
from ingest.line_clock import Arrival
from ingest.originals import Found, Letter, Originals
from ingest.rows import BatchBuilder
from ingest.sampling import EncoderTracker
from parsers.events import (
    Disposition,
    Event,
    FfmpegMessage,
    FfmpegSessionEnded,
    FfmpegSessionResumed,
    FfmpegSessionStarted,
    Outcome,
    Parser,
    RawLine,
    Rejected,
)
from parsers.ffmpeg import FfmpegParser
from parsers.registry import choose, create

_NO_FILE = {
    "changed": "its file holds other bytes at that place now",
    "gone": "its file is gone",
    "elsewhere": "its file is on another machine",
}


class ReplaySettings(NamedTuple):
    """What stands in for what lines do not say, as for the daemon."""

    assignments: Assignments
    host: str
    zone: tzinfo
    parser_by_glob: tuple[tuple[str, str], ...]


class Ready(NamedTuple):
    """A letter whose line can be read now, and its rows. `line`: the original, None where the stored one was taken."""

    letter: Letter
    batch: Batch
    line: RawLine | None


class Remains(NamedTuple):
    """A letter that stays one.

    Attributes:
        letter: it.
        why: a sentence for a person.
        rejected: what the parser says of the line now; None where it could not be tried.
        parser: name and version of that parser.
        line: the original, where it was found.
    """

    letter: Letter
    why: str
    rejected: Rejected | None = None
    parser: tuple[str, int] = ("", 0)
    line: RawLine | None = None


def read_again(letter: Letter, originals: Originals, settings: ReplaySettings) -> Ready | Remains:
    """Read a letter's line with the parser of its file as it is now, or the one that the configuration names.

    Args:
        letter: not replayed yet.
        originals: finds the line's bytes.
        settings: as the daemon's.
    """
    forced = settings.assignments.of(_live_name(letter)).parser
    name = forced or choose(letter.path, b"", settings.parser_by_glob) or letter.parser
    if name == FfmpegParser.name and letter.file is None:
        return Remains(letter, "what its file has shown of stream keys is no longer kept, so none could be masked")
    try:
        parser = _fresh_parser(name, letter, settings.zone)
    except ValueError as error:
        return Remains(letter, str(error))
    found = originals.find(letter)
    line = found.line or _stored_line(letter)
    if line is None:
        kept = "only its beginning is stored" if letter.line else "nothing of it is stored"
        return Remains(letter, f"{_NO_FILE[found.state]}, and {kept}")
    if parser.splits_at_cr and b"\r" in line.data:
        return Remains(letter, f"the parser {parser.name} would make several lines of it")
    behind = originals.behind(found, letter) if found.line else iter(())
    outcome = _own_outcome(parser, line, behind)
    if outcome is None:
        return Remains(letter, f"it is the first of several lines that belong together, and {_NO_FILE[found.state]}")
    rejected = next((parsed for parsed in outcome.parsed if isinstance(parsed, Rejected)), None)
    if rejected is not None:
        why = f"{rejected.reason}: {rejected.detail}"
        return Remains(letter, why, rejected, (parser.name, parser.version), found.line)
    events = tuple(_alone(outcome.parsed))
    if not events and outcome.disposition in (Disposition.STORED, Disposition.FOLDED):
        return Remains(letter, "it has a meaning only together with the lines before it")
    alone = Outcome(outcome.start, outcome.end, outcome.disposition, events)
    return Ready(letter, _batch(alone, line, found, letter, parser, settings), found.line)


def _fresh_parser(name: str, letter: Letter, zone: tzinfo) -> Parser:
    if name != FfmpegParser.name or letter.file is None:
        return create(name, None, zone)
    state = {"keys": letter.file.stream_keys}
    return create(name, state, zone, hash_key=stream_key_hash_key(letter.file.machine))


def _stored_line(letter: Letter) -> RawLine | None:
    """The stored line, redacted, where it is all of the line."""
    if letter.clipped or not letter.line:
        return None
    return RawLine(letter.from_offset, letter.from_offset + len(letter.line) + 1, letter.line)


def _own_outcome(parser: Parser, line: RawLine, behind: Iterator[RawLine]) -> Outcome | None:
    """What becomes of the line, after as many of the lines behind it as the parser wants to see.

    None where text would need lines that are not there: of a traceback the first line alone says nothing.
    """

    def own(outcomes: Iterable[Outcome]) -> Outcome | None:
        return next((out for out in outcomes if out.start == line.start and out.disposition is not None), None)

    outcome = own(parser.feed(line))
    seen = 0
    while outcome is None and (following := next(behind, None)) is not None:
        outcome = own(parser.feed(following))
        seen += 1
    if outcome is None and not seen and parser.name == "text":
        return None
    return outcome or own(parser.finish())


def _alone(parsed: Iterable[Any]) -> Iterator[Event]:
    """The events of the line itself: that a session began or ended here is what the lines around it would say."""
    for event in parsed:
        if isinstance(event, FfmpegMessage):
            yield replace(event, session=None)
        elif not isinstance(event, FfmpegSessionStarted | FfmpegSessionEnded | FfmpegSessionResumed):
            yield event


def _live_name(letter: Letter) -> str:
    return letter.file.family if letter.file else family(letter.path)


def _batch(
    outcome: Outcome, line: RawLine, found: Found, letter: Letter, parser: Parser, settings: ReplaySettings
) -> Batch:
    """The line's rows. It was written at the latest when it was read, and when its file was last changed."""
    live_name = _live_name(letter)
    attributes = settings.assignments.of(live_name)
    host = (letter.file.host if letter.file else None) or settings.host
    context = FileContext(
        letter.generation, letter.path, attributes.station, attributes.service or service_of(live_name), host,
        parser.name, parser.version, attributes.min_severity,
    )  # fmt: skip
    builder = BatchBuilder(context, EncoderTracker(interval_seconds=0.0))
    builder.count_line()
    latest = min(letter.arrived_at, found.mtime or letter.arrived_at)
    builder.add(outcome, Arrival(letter.arrived_at, live=False, mtime=latest), line)
    move = Move(
        letter.generation, "", 0, 0, letter.from_offset, letter.to_offset, NOTHING, NOTHING, 0, letter.path, live_name
    )
    return builder.build(move, {}, 0, letter.arrived_at)
