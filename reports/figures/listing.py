"""Rows one by one (plays, messages), and each station as it is now. Sums nothing."""

from datetime import date, datetime
from typing import Any

from ingest.fit import track_key
from reports.figures.base import Figures, checked_limit, checked_station, span
from reports.figures.errors import SEVERITIES
from reports.figures.plays import PLAY, storable
from reports.frames import FLAG, FLOAT, INTEGER, TEXT, TIME, framed
from reports.reader import Row
from reports.window import Window

_MESSAGES = {
    "id": INTEGER, "timestamp": TIME, "station": TEXT, "service": TEXT, "severity": TEXT, "message": TEXT,
    "template": TEXT, "category": TEXT, "occurrences": INTEGER, "resolved": FLAG, "resolved_at": TIME,
    "play_history_id": INTEGER,
}  # fmt: skip
_NOW = {
    "station": TEXT, "time_zone": TEXT, "state": TEXT, "last_sign_at": TIME, "artist": TEXT, "title": TEXT,
    "started_at": TIME, "expected_duration_seconds": FLOAT, "encoder_progress_at": TIME, "encoder_speed": FLOAT,
    "errors_last_hour": INTEGER, "maintenance_until": TIME,
}  # fmt: skip


class ListingFigures(Figures):
    """See the module."""

    def get_plays(
        self, days: float = 7, limit: int | None = None, *, start: datetime | date | None = None,
        end: datetime | date | None = None, station: str | None = None, artist: str | None = None,
        title: str | None = None,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """The plays that began in a window, newest first.

        Args:
            days: how many times 24 hours, up to now.
            limit: how many at most; None: all.
            start: the first instant instead.
            end: the first instant behind the window.
            station: None: all stations.
            artist: only of this one; case, spacing and Unicode form do not matter.
            title: only of this one; same.

        Returns:
            The keys of `get_track_history`.

        Raises:
            RangeError: the window makes no sense, or the limit is below 0 or above 1,000,000,000.
            DatabaseError: PostgreSQL cannot be reached or refused.
        """
        window = self.window(days, start=start, end=end, station=station)
        parameters = span(
            window, station, limit=None if limit is None else checked_limit(limit), artist_key=_folded(artist),
            title_key=_folded(title),
        )  # fmt: skip
        return self._reader.rows("listing.sql", "plays", parameters)

    def get_messages(
        self, days: float = 7, limit: int | None = None, *, start: datetime | date | None = None,
        end: datetime | date | None = None, station: str | None = None, severity: str = "info", only_open: bool = False,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """Logged messages one by one, newest first, each with the number by which it can be resolved.

        Args:
            days: how many times 24 hours, up to now.
            limit: how many at most; None: all.
            start: the first instant instead.
            end: the first instant behind the window.
            station: None: all stations.
            severity: from this one up.
            only_open: without those that were resolved.

        Returns:
            id, timestamp, station, service, severity, message, template, category, occurrences, resolved, resolved_at
            (None while open), play_history_id (0 where no play is known).

        Raises:
            RangeError: the window makes no sense, or the limit is below 0 or above 1,000,000,000.
            ValueError: there is no such severity.
            DatabaseError: PostgreSQL cannot be reached or refused.
        """
        if severity not in SEVERITIES:
            raise ValueError(f"severity must be one of {', '.join(SEVERITIES)}, not {severity!r}")
        window = self.window(days, start=start, end=end, station=station)
        parameters = span(
            window, station, limit=None if limit is None else checked_limit(limit), only_open=only_open,
            severities=list(SEVERITIES[SEVERITIES.index(severity) :]),
        )  # fmt: skip
        return self._reader.rows("listing.sql", "messages", parameters)

    def open_errors(self, *, start: datetime, end: datetime, station: str | None = None) -> dict[tuple[str, str], int]:
        """Of each kind in a window, by service and template: how often it was said and not resolved since."""
        found = self._reader.rows("listing.sql", "open_by_kind", span(Window(start, end), station))
        return {(row["service"], row["template"]): row["open_count"] for row in found}

    def get_now(self, *, station: str | None = None) -> list[dict[str, Any]]:
        """Each station as it is now.

        Args:
            station: None: all stations.

        Returns:
            station, time_zone, state (on air, off air, maintenance; unknown where nothing was ever heard, or while no
            daemon reads), last_sign_at (progress of the encoder, else up to when the last play is believed in; None:
            never), artist, title, started_at (of the running play; None where none is known),
            expected_duration_seconds, encoder_progress_at, encoder_speed (over two minutes; 0.0: not known),
            errors_last_hour, maintenance_until.

        Raises:
            DatabaseError: PostgreSQL cannot be reached or refused.
        """
        found = self._reader.rows("listing.sql", "present", {"station": checked_station(station)})
        return [self._present(row) for row in found]

    def _present(self, row: Row) -> dict[str, Any]:
        sign_at, known = row["last_sign_at"], row.pop("known")
        if row["maintenance_until"] is not None:
            state = "maintenance"
        elif not known or sign_at is None:
            state = "unknown"
        else:
            silent_seconds = (self._now() - sign_at).total_seconds()
            state = "off air" if silent_seconds >= self.config.silence_seconds else "on air"
        return {"station": row["station"], "time_zone": row["time_zone"], "state": state, **row}

    get_plays_frame = framed(get_plays, PLAY)
    get_messages_frame = framed(get_messages, _MESSAGES)
    get_now_frame = framed(get_now, _NOW)


def _folded(name: str | None) -> str | None:
    """A name as it stands in a track_key: what `track_key` makes of it before the joining dash."""
    return None if name is None else track_key(storable(name), "").removesuffix(" - ")
