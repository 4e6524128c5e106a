"""What one commit carries for one file: rows, counters and the checkpoint's move. Builds and stores nothing."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from ingest.identity import Fingerprint
from ingest.producers import RunLines
from ingest.spans import Span

Row: TypeAlias = tuple[Any, ...]
LineKey: TypeAlias = tuple[int, int]  # generation, line_offset

# Columns in the order of the rows' values. What is missing here is filled by the server or by the bookkeeper.
METRIC_COLUMNS = (
    "timestamp", "metric_name", "metric_value", "unit", "service", "metadata", "station", "host", "time_quality",
    "generation", "line_offset",
)  # fmt: skip
ERROR_COLUMNS = (
    "timestamp", "service", "severity", "message", "context", "stack_trace", "station", "host", "play_id", "category",
    "template", "noise", "occurrences", "time_quality", "generation", "line_offset",
)  # fmt: skip
PLAY_COLUMNS = (
    "track_key", "artist", "title", "album", "azuracast_song_id", "loop_file_path", "started_at",
    "expected_duration_seconds", "ffmpeg_pid", "metadata", "station", "service", "host", "play_id", "play_key",
    "time_quality", "generation", "line_offset",
)  # fmt: skip
PLAY_END_COLUMNS = (
    "station", "ended_at", "play_id", "had_errors", "error_message", "metadata", "service", "host", "time_quality",
    "generation", "line_offset",
)  # fmt: skip
RESOLUTION_COLUMNS = (
    "station", "resolved_at", "error_id", "service", "template", "generation", "line_offset",
)  # fmt: skip
DEAD_LETTER_COLUMNS = (
    "generation", "from_offset", "to_offset", "path", "reason", "detail", "line", "raw_sha256", "parser",
    "parser_version", "arrived_at",
)  # fmt: skip

# Tables that are only appended to, by COPY, in this order.
COPIED: dict[str, tuple[str, ...]] = {
    "system_metrics": METRIC_COLUMNS,
    "error_log": ERROR_COLUMNS,
    "play_ends": PLAY_END_COLUMNS,
    "error_resolutions": RESOLUTION_COLUMNS,
    "dead_letters": DEAD_LETTER_COLUMNS,
}


@dataclass(frozen=True, slots=True)
class Move:
    """A checkpoint's compare-and-set: from where it must stand to where it goes, and the proof of the new position.

    `version` and `from_offset` are what the database must still say; `size_bytes` is the file's size when it was read.
    """

    generation: int
    owner: str
    owner_epoch: int
    version: int
    from_offset: int
    to_offset: int
    head: Fingerprint
    proof: Fingerprint
    size_bytes: int
    path: str
    family: str
    state: str = "active"


@dataclass(frozen=True, slots=True)
class Gap:
    """Bytes of a generation that belong to no line, because nobody will ever read them or they are a hole; and why."""

    from_offset: int
    to_offset: int
    reason: str


@dataclass(slots=True)
class Batch:
    """Everything that becomes durable together with one move of one checkpoint."""

    move: Move
    parser: str
    parser_version: int
    parser_state: dict[str, Any]
    lines: int
    dispositions: dict[str, int]  # by Disposition, this batch's lines only
    held: int  # lines that the parser holds after this batch
    copied: dict[str, list[Row]]  # by table of COPIED
    metric_rows: list[str]  # more rows of system_metrics, as COPY's text: what ends a row is generation and offset
    metric_spans: dict[str, list[Span]]  # of all metrics, by station
    plays: list[Row]
    sessions: list[dict[str, Any]]
    touched: dict[str, list[Span]]  # by station: what the bookkeeper has to look at
    stations: frozenset[str]
    read_at: datetime
    rungs: list[tuple[int, bytes]] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    runs: list[RunLines] = field(default_factory=list)  # all its lines that carry a number, whatever became of them
    ends: dict[int, int] = field(default_factory=dict)  # of lines whose rows came later than they: their ends by start
    raw: bytes = b""  # the bytes before move.to_offset, kept until the commit: a refused row's line is found there
    encoding: str = ""  # in which they are, as parsers/encodings.py names it

    @property
    def row_count(self) -> int:
        """Rows that this batch adds, dead letters not counted."""
        copied = sum(len(rows) for table, rows in self.copied.items() if table != "dead_letters")
        return len(self.plays) + len(self.metric_rows) + copied
