"""What all lines of a file share, and the row of a line that could not be stored. Pure."""

import hashlib
from datetime import datetime
from typing import NamedTuple

from ingest.batch import Row
from parsers.events import Rejected, Severity
from parsers.levels import RANK
from parsers.redact import redact_bytes


class FileContext(NamedTuple):
    """What holds for all lines of a file: its generation, and what stands in for what a line does not say."""

    generation: int
    path: str
    station: str
    service: str
    host: str
    parser: str
    parser_version: int
    min_severity: Severity = Severity.WARNING

    def stored_severity(self, severity: Severity, *, explicit: bool) -> Severity | None:
        """A log record's severity in its row; None where it is no row. `explicit`: its writer called it an error."""
        if RANK[severity] < RANK[self.min_severity] and not explicit:
            return None
        return Severity.INFO if severity is Severity.DEBUG else severity


def dead_letter(
    context: FileContext, start: int, end: int, data: bytes | None, rejected: Rejected, at: datetime
) -> Row:
    """The row that keeps a line nobody could store: its redacted bytes and a hash of the raw ones.

    `data` None: they are not in memory any more (the line was held since an earlier batch). Then both are empty, for no
    hash is better than that of other bytes. `end` is `start` where nobody knows it any more.
    """
    kept, digest = b"", b""
    if data is not None:
        kept = redact_bytes(data if rejected.kept is None else rejected.kept)
        digest = hashlib.sha256(data).digest()
    return (
        context.generation, start, end, context.path, rejected.reason[:64], rejected.detail,
        kept, digest, context.parser, context.parser_version, at,
    )  # fmt: skip
