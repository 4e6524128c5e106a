"""Lines of one file as the batch that a commit stores."""

from datetime import UTC, datetime

from ingest.batch import Batch, Move
from ingest.file_context import FileContext
from ingest.identity import NOTHING
from ingest.line_clock import Arrival
from ingest.rows import BatchBuilder
from ingest.sampling import EncoderTracker
from parsers.events import RawLine, Severity
from parsers.registry import create

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def batch_of(parser_name: str, lines: list[bytes], generation: int = 1) -> Batch:
    """One batch of some lines of one file."""
    parser = create(parser_name, None, UTC)
    context = FileContext(generation, "/l/a.log", "radio", "svc", "host", parser.name, parser.version, Severity.INFO)
    builder = BatchBuilder(context, EncoderTracker())
    arrival = Arrival(NOW, live=True, mtime=NOW)
    offset = 0
    for data in lines:
        line = RawLine(offset, offset + len(data) + 1, data)
        builder.count_line()
        for outcome in parser.feed(line):
            builder.add(outcome, arrival, line)
        offset = line.end
    for outcome in parser.finish():
        builder.add(outcome, arrival, None)
    move = Move(generation, "me", 1, 0, 0, offset, NOTHING, NOTHING, offset, "/l/a.log", "/l/a.log")
    return builder.build(move, parser.state(), 0, NOW, raw=b"\n".join([*lines, b""]))
