"""What one commit stores, as far as it can be made ready without the database: COPY's text of all rows. Pure.

It is made by the thread that reads, while the commit before is on its way, so that a commit is hardly more than what
PostgreSQL needs for it.
"""

from bisect import insort
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import NamedTuple

from ingest.batch import COPIED, PLAY_COLUMNS, Batch, LineKey, Row
from ingest.copy_text import fields, line, lines
from ingest.foreseen import Thresholds, foresee

# So many are put each into its place.
FEW_METRICS = 16

_PLAY_KEY = itemgetter(PLAY_COLUMNS.index("station"), PLAY_COLUMNS.index("play_key"))
_KEY_AT = {table: (columns.index("generation"), -1) for table, columns in COPIED.items() if table != "dead_letters"}


class Prepared(NamedTuple):
    """All rows of some batches.

    Attributes:
        batches: that they are of.
        plays: rows of PLAY_COLUMNS, in the order of their keys.
        play_keys: of these, station and key; one that is there twice is one play.
        play_texts: of these, PLAY_COLUMNS and FORESEEN_PLAY_COLUMNS; without what is behind these, and line feed. None
            where a play is there twice.
        errors: of `error_log` in the order of the rows, likewise ERROR_COLUMNS, and the place of its play among
            `plays`, where it is foreseen.
        bodies: of the other tables of COPIED, whole.
        sessions: of encoders, as they are at last.
    """

    batches: Sequence[Batch]
    plays: Sequence[Row]
    play_keys: Sequence[tuple[str, str]]
    play_texts: Sequence[str]
    errors: Sequence[tuple[str, int | None]]
    bodies: dict[str, str]
    sessions: Sequence[dict[str, object]]


def prepare(
    batches: Sequence[Batch],
    thresholds: Thresholds,
    without: frozenset[LineKey] = frozenset(),
    letters: Sequence[Row] = (),
) -> Prepared:
    """Make ready what batches store.

    Args:
        batches: of any files.
        thresholds: the bookkeeper's.
        without: lines that are left out.
        letters: more rows of `dead_letters`.
    """
    plays = [row for batch in batches for row in batch.plays if not without or (row[-2], row[-1]) not in without]
    plays.sort(key=_PLAY_KEY)
    keys = [_PLAY_KEY(row) for row in plays]
    copied = {table: _copied(table, batches, without) for table in COPIED if table != "system_metrics"}
    copied["dead_letters"] += letters
    errors = copied.pop("error_log")
    play_texts: list[str] = []
    places: list[int | None] = [None] * len(errors)
    if plays and len(set(keys)) == len(keys):
        foreseen = foresee(plays, copied["play_ends"], errors, thresholds)
        play_texts, places = list(map(fields, foreseen.plays)), foreseen.errors_plays
    bodies = {table: lines(rows) for table, rows in copied.items()}
    bodies["system_metrics"] = "".join(text for batch in batches for text in _metrics(batch, without))
    sessions = {session["session_key"]: session for batch in batches for session in batch.sessions}
    return Prepared(
        batches, plays, keys, play_texts, list(zip(map(fields, errors), places, strict=True)), bodies,
        list(sessions.values()),
    )  # fmt: skip


def _copied(table: str, batches: Iterable[Batch], without: frozenset[LineKey]) -> list[Row]:
    rows = [row for batch in batches for row in batch.copied[table]]
    if without and table != "dead_letters":
        rows = [row for row in rows if key_of_row(table, row) not in without]
    return rows


def _metrics(batch: Batch, without: frozenset[LineKey]) -> list[str]:
    """A file's metrics as COPY's text, in the order of its lines. Few of them are no plain lines, or all are none."""
    texts = [text for text in batch.metric_rows if not without or key_of_text(text) not in without]
    others = [line(row) for row in _copied("system_metrics", [batch], without)]
    if not texts:
        return others
    if len(others) <= FEW_METRICS:
        for text in others:
            insort(texts, text, key=key_of_text)
        return texts
    return sorted(texts + others, key=key_of_text)


def key_of_row(table: str, row: Row) -> LineKey:
    """The line of a row of COPIED, dead letters excepted."""
    generation_at, offset_at = _KEY_AT[table]
    return row[generation_at], row[offset_at]


def key_of_text(text: str) -> LineKey:
    """The line of a row that is COPY's text."""
    _, generation, offset = text.rsplit("\t", 2)
    return int(generation), int(offset)
