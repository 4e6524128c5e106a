"""`radiolog parse` without its printing: a file's bytes to JSON objects with line numbers."""

from collections.abc import Iterable, Iterator
from datetime import UTC
from typing import Any

from parsers.describe import to_json_object
from parsers.encodings import MARK_BYTES, encoding_of, splitter_for
from parsers.events import Outcome
from parsers.registry import HEAD_BYTES, choose, create


def parsed_objects(path: str, data: bytes, parser_name: str | None) -> Iterator[dict[str, Any]]:
    """What a file says, in the order in which it is known.

    Args:
        path: its name, which may tell the parser.
        data: its content.
        parser_name: the parser to use; None to find out.

    Yields:
        One object an event, with `line` (from 1, split as the parser splits) and `offset` of the line it comes from.
    """
    parser = create(parser_name or choose(path, data[:HEAD_BYTES], ()) or "text", None, UTC)
    splitter = splitter_for(encoding_of(data[:MARK_BYTES]), splits_at_cr=parser.splits_at_cr)
    numbers: dict[int, int] = {}

    def objects(outcomes: Iterable[Outcome]) -> Iterator[dict[str, Any]]:
        for outcome in outcomes:
            for parsed in outcome.parsed:
                yield to_json_object(parsed, numbers.get(outcome.start, 0), outcome.start)

    for source in (splitter.feed(data), splitter.flush()):
        for line in source:
            numbers[line.start] = len(numbers) + 1
            yield from objects(parser.feed(line))
    yield from objects(parser.finish())
