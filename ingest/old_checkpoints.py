"""Checkpoints of files that are gone for good. They are what keeps a copy that turns up from being read as new."""

import os
from collections.abc import Iterable

from psycopg2.extensions import cursor as Cursor  # noqa: N812 (a class under a function's name)

from ingest.identity import family, service_of
from ingest.queries import load

_SQL = load("ingest", "retention.sql")
_SERVICE_CHARACTERS = 255


def is_on_disk(live_name: str, paths: Iterable[str]) -> bool:
    """Whether a file of a family is on disk, or may be.

    A folder that is missing, empty or unreadable proves nothing: it may be a disk that is not mounted.

    Args:
        live_name: of the family.
        paths: where its files were seen.
    """
    stem = os.path.basename(live_name)
    for folder in {os.path.dirname(path) for path in (live_name, *paths)}:
        try:
            names = os.listdir(folder)
        except OSError:
            return True
        if not names or any(family(name) == stem for name in names):
            return True
    return False


def forget_checkpoint(cursor: Cursor, generation: int, days: int) -> int:
    """Remove a checkpoint with its hashes and gaps; 0 when it is in use again. Its counters and lines' numbers stay.

    Args:
        cursor: in a transaction.
        generation: whose.
        days: for how long it must have been over.

    Raises:
        psycopg2.Error: PostgreSQL refused.
    """
    cursor.execute(_SQL["lock_checkpoint"], {"generation": generation, "days": days})
    found = cursor.fetchone()
    if found is None:
        return 0
    service = service_of(family(found[0]))[:_SERVICE_CHARACTERS]
    cursor.execute(_SQL["keep_counters"], {"generation": generation, "service": service})
    cursor.execute(_SQL["bequeath_runs"], {"generation": generation})
    cursor.execute(_SQL["forget_generation"], {"generation": generation})
    return cursor.rowcount
