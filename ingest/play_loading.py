"""Starts of plays into `play_history`. A play that is known is folded; the bookkeeper derives what follows."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import itemgetter

import msgspec
import psycopg2.errors
from psycopg2.extensions import cursor as Cursor  # noqa: N812 (a class under a function's name)

from ingest.batch import PLAY_COLUMNS, LineKey, Row
from ingest.copying import copy_rows
from ingest.foreseen import FORESEEN_PLAY_COLUMNS, Thresholds, foresee
from ingest.queries import load

# So many at once are a backlog's, of which hardly one is known: COPY finds out more cheaply than a look at each.
SURELY_NEW_PLAYS = 50

_SQL = load("ingest", "store.sql")
_PLAY_KEY = itemgetter(PLAY_COLUMNS.index("station"), PLAY_COLUMNS.index("play_key"))


def store_plays(
    cursor: Cursor, plays: Sequence[Row], ends: Iterable[Row], errors: Sequence[Row], thresholds: Thresholds
) -> tuple[Counter[LineKey], Sequence[int | None]]:
    """Store starts.

    Of a backlog most plays are new: COPY is several times faster, and refuses them all when one is known.

    Args:
        cursor: inside a transaction.
        plays: rows of PLAY_COLUMNS.
        ends: rows of `play_ends` that are stored in the same transaction.
        errors: rows of `error_log`, likewise.
        thresholds: the bookkeeper's.

    Returns:
        The inserted ones by line, and the ids of the errors' plays as far as they are foreseen.
    """
    unforeseen: list[int | None] = [None] * len(errors)
    in_order = sorted(plays, key=_PLAY_KEY)
    keys = [_PLAY_KEY(row) for row in in_order]
    ids = _new_ids(cursor, keys) if plays and len(set(keys)) == len(keys) else []
    if not ids:
        return upsert_plays(cursor, plays), unforeseen
    foreseen = foresee(in_order, ids, ends, errors, thresholds)
    try:
        copy_rows(cursor, "play_history", PLAY_COLUMNS + FORESEEN_PLAY_COLUMNS, foreseen.plays)
    except psycopg2.errors.UniqueViolation:
        cursor.execute("ROLLBACK TO SAVEPOINT plays")
        return upsert_plays(cursor, plays), unforeseen
    return Counter((row[-2], row[-1]) for row in plays), foreseen.links


def _new_ids(cursor: Cursor, keys: Sequence[tuple[str, str]]) -> list[int]:
    """An id for each of new plays, and a savepoint; few of them are looked up, and where one is known there are none.

    The savepoint is not released: every statement is a round trip, and the end of the transaction does it.
    """
    stations, play_keys = map(list, zip(*keys, strict=True)) if len(keys) < SURELY_NEW_PLAYS else ([], [])
    wanted = {"count": len(keys), "stations": stations, "play_keys": play_keys}
    cursor.execute("SAVEPOINT plays;" + _SQL["next_play_ids"], wanted)
    return [row[0] for row in cursor.fetchall()]


def upsert_plays(cursor: Cursor, plays: Sequence[Row]) -> Counter[LineKey]:
    """Store starts of which some may be known; gives the inserted ones by line."""
    if not plays:
        return Counter()
    said = [dict(zip(PLAY_COLUMNS, row, strict=True)) for row in plays]
    cursor.execute(_SQL["upsert_plays"], {"plays": recordset(said)})
    return Counter({(generation, offset): count for generation, offset, count in cursor.fetchall()})


def recordset(rows: Sequence[dict[str, object]]) -> str:
    """Rows as jsonb_to_recordset takes them."""
    return msgspec.json.encode(rows, enc_hook=_encode).decode()


def _encode(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)
