"""What stands in for what lines do not say, file by file."""

from datetime import UTC
from typing import NamedTuple

from ingest.assignments import Assignments
from ingest.file_context import FileContext
from ingest.identity import service_of, stored_path
from parsers.registry import create


class Defaults(NamedTuple):
    """What stands in for what lines do not say, and which parser reads which file."""

    assignments: Assignments
    host: str
    parser_by_glob: tuple[tuple[str, str], ...]
    defer: bool = False  # leave files below the folders of other live instances to them

    def context(self, generation: int, path: str, live_name: str, parser: tuple[str, int]) -> FileContext:
        """What holds for a generation's lines. `parser`: name and version of the one that reads them."""
        attributes = self.assignments.of(live_name)
        return FileContext(
            generation, stored_path(path), attributes.station, attributes.service or service_of(live_name), self.host,
            *parser, attributes.min_severity,
        )  # fmt: skip

    def renewed(self, known: FileContext, live_name: str) -> FileContext:
        """What should hold by now for a generation; its parser stays unless another one is named for such files."""
        parser = (known.parser, known.parser_version)
        named = self.assignments.of(live_name).parser
        if named is not None and named != known.parser:
            made = create(named, None, UTC)
            parser = (made.name, made.version)
        return self.context(known.generation, known.path, live_name, parser)
