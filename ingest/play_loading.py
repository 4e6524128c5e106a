"""Starts of plays into `play_history`. A play that is known is folded; the bookkeeper derives what follows."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import msgspec
import psycopg2.errors
from psycopg2.extensions import cursor as Cursor  # noqa: N812 (a class under a function's name)

from ingest.batch import PLAY_COLUMNS, LineKey, Row
from ingest.copying import copy_text
from ingest.foreseen import FORESEEN_PLAY_COLUMNS
from ingest.prepared import Prepared
from ingest.queries import load

# So many at once are a backlog's, of which hardly one is known: COPY finds out more cheaply than a look at each.
SURELY_NEW_PLAYS = 50

_SQL = load("ingest", "store.sql")
_COLUMNS = (*PLAY_COLUMNS, *FORESEEN_PLAY_COLUMNS, "id")


def store_plays(cursor: Cursor, prepared: Prepared) -> tuple[Counter[LineKey], Sequence[int]]:
    """Store starts.

    Of a backlog most plays are new: COPY is several times faster, and refuses them all when one is known.

    Args:
        cursor: inside a transaction.
        prepared: them, and what is foreseen of them.

    Returns:
        The inserted ones by line, and the ids of all where what was foreseen holds: where none was known.
    """
    ids = _new_ids(cursor, prepared.play_keys) if prepared.play_texts else []
    if not ids:
        return upsert_plays(cursor, prepared.plays), []
    body = "".join(f"{text}\t{play_id}\n" for text, play_id in zip(prepared.play_texts, ids, strict=True))
    try:
        copy_text(cursor, "play_history", _COLUMNS, body)
    except psycopg2.errors.UniqueViolation:
        cursor.execute("ROLLBACK TO SAVEPOINT plays")
        return upsert_plays(cursor, prepared.plays), []
    return Counter((row[-2], row[-1]) for row in prepared.plays), ids


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
