"""Values made to fit their columns, and the keys by which plays and tracks are told apart. Pure."""

import re
import unicodedata
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

BIGINT_LIMIT = 2**63
_UUID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)  # as str(UUID) has it
# Characters of columns (schema.sql).
STATION_LIMIT, SERVICE_LIMIT, HOST_LIMIT = 128, 64, 256
METRIC_NAME_LIMIT, UNIT_LIMIT = 128, 32
PLAY_TEXT_LIMIT, PLAY_ID_LIMIT = 256, 256  # artist, title and album; ids


@lru_cache(maxsize=4096)
def track_key(artist: str, title: str) -> str:
    """The name under which plays of one track are counted: NFC, trimmed, white space collapsed, case-folded."""
    if not (artist.isascii() and title.isascii()):
        artist, title = unicodedata.normalize("NFC", artist), unicodedata.normalize("NFC", title)
    return f"{' '.join(artist.split()).casefold()} - {' '.join(title.split()).casefold()}"[:512]


def play_key(play_id: str | None, started_at: datetime, generation: int, offset: int) -> str:
    """What makes a play one play.

    A UUID or AzuraCast's `sh:` number is unique by itself. Any other id may be a counter that starts again, so its
    start belongs to the key. Without an id the line is the identity.
    """
    if play_id is None:
        return f"line:{generation}:{offset}"
    if play_id.startswith("sh:"):
        return play_id[:512]
    if _UUID.fullmatch(play_id):
        return play_id
    try:
        return str(UUID(play_id))
    except ValueError:
        return f"{play_id[:480]}@{started_at.timestamp():.3f}"


class Fit:
    """Fits values to their columns; what does not fit is kept whole under `_full` in the row's JSON column."""

    def __init__(self, json: dict[str, Any] | None) -> None:
        self.json = json

    def text(self, name: str, value: str | None, limit: int) -> str | None:
        """The text, clipped to its column."""
        if value is None or len(value) <= limit:
            return value
        self._keep(name, value)
        return value[:limit]

    def bigint(self, name: str, value: int | None) -> int | None:
        """The number, or None where BIGINT cannot hold it."""
        fits = bigint(value)
        if value is not None and fits is None:
            self._keep(name, str(value))
        return fits

    def _keep(self, name: str, value: str) -> None:
        json = dict(self.json or {})
        json["_full"] = {**json.get("_full", {}), name: value}
        self.json = json


def bigint(value: int | None) -> int | None:
    """The number, or None where BIGINT cannot hold it."""
    return value if value is not None and -BIGINT_LIMIT <= value < BIGINT_LIMIT else None
