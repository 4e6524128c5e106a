"""Analytics of the encoder one by one: FFmpeg's sessions with what came after each, and its incidents."""

from datetime import date, datetime
from typing import Any

from reports.figures.base import Figures, checked_limit, span
from reports.frames import FLAG, FLOAT, INTEGER, OTHER, TEXT, TIME, framed

_SESSIONS = {
    "session_key": TEXT, "station": TEXT, "service": TEXT, "host": TEXT, "pid": INTEGER, "ffmpeg_version": TEXT,
    "started_at": TIME, "ended_at": TIME, "time_quality": TEXT, "end_kind": TEXT, "health": TEXT, "continued": FLAG,
    "signal": INTEGER, "exit_guess": INTEGER, "cause": TEXT, "cause_category": TEXT, "first_progress_at": TIME,
    "last_progress_at": TIME, "inputs": OTHER, "outputs": OTHER, "progress_count": INTEGER, "frames": INTEGER,
    "size_bytes": INTEGER, "out_time_seconds": FLOAT, "speed_average": FLOAT, "speed_worst": FLOAT,
    "dup_frames": INTEGER, "drop_frames": INTEGER, "warning_count": INTEGER, "error_count": INTEGER,
    "stall_count": INTEGER, "stall_seconds": FLOAT, "next_session_key": TEXT, "restart_seconds": FLOAT,
    "silent_seconds": FLOAT,
}  # fmt: skip
_INCIDENTS = {
    "incident_key": TEXT, "station": TEXT, "service": TEXT, "kind": TEXT, "started_at": TIME, "ended_at": TIME,
    "over": FLAG, "outage_seconds": FLOAT, "cause": TEXT, "category": TEXT, "end_kind": TEXT, "session_count": INTEGER,
    "line_count": INTEGER, "occurrences": INTEGER, "recovered_session_key": TEXT, "time_quality": TEXT,
}  # fmt: skip


class SessionFigures(Figures):
    """See the module. Both methods take `start` and `end` in place of `days` (see `Figures.window`)."""

    def get_sessions(
        self, days: float = 7, *, start: datetime | date | None = None, end: datetime | date | None = None,
        station: str | None = None, limit: int | None = None,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """FFmpeg's sessions that ran in the window, the newest first.

        Args:
            days: how many times 24 hours, up to now.
            start: the first instant instead.
            end: the first instant behind the window.
            station: None: all stations.
            limit: how many at most; None: all.

        Returns:
            session_key, station, service, host, pid, ffmpeg_version; started_at, ended_at (None while it runs),
            time_quality; end_kind (running, finished, signal, failed, killed), health by what FFmpeg said (ok,
            degraded, failed), continued (it went on in another file), signal (0: none), exit_guess (-1: cannot
            be told), cause, cause_category; first_progress_at, last_progress_at, inputs, outputs, progress_count,
            frames, size_bytes, out_time_seconds, speed_average, speed_worst, dup_frames, drop_frames; warning_count,
            error_count, stall_count, stall_seconds; next_session_key, restart_seconds (to the next session's first
            line), silent_seconds (from the last progress to the next session's first).

        Raises:
            RangeError: the window makes no sense.
            ValueError: the limit is below 0 or above 1,000,000,000.
            DatabaseError: PostgreSQL cannot be reached or refused.
        """
        return self._one_by_one("sessions", self.window(days, start=start, end=end, station=station), station, limit)

    def get_incidents(
        self, days: float = 7, *, start: datetime | date | None = None, end: datetime | date | None = None,
        station: str | None = None, limit: int | None = None,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """What went wrong with FFmpeg, one row a failure however many lines it printed, the newest first.

        Args:
            days: how many times 24 hours, up to now.
            start: the first instant instead.
            end: the first instant behind the window.
            station: None: all stations.
            limit: how many at most; None: all.

        Returns:
            incident_key, station, service, kind (failure: a session was lost; trouble: errors that it survived),
            started_at, ended_at (None while an outage lasts), over, outage_seconds (from the last progress to the next
            session's first; up to now while it lasts; 0.0 for trouble), cause (the deepest message), category,
            end_kind, session_count (failed attempts included), line_count, occurrences (repeats counted),
            recovered_session_key, time_quality.

        Raises:
            RangeError: the window makes no sense.
            ValueError: the limit is below 0 or above 1,000,000,000.
            DatabaseError: PostgreSQL cannot be reached or refused.
        """
        return self._one_by_one("incidents", self.window(days, start=start, end=end, station=station), station, limit)

    def _one_by_one(self, query: str, window: Any, station: str | None, limit: int | None) -> list[dict[str, Any]]:
        wanted = None if limit is None else checked_limit(limit)
        return self._reader.rows("sessions.sql", query, span(window, station, now=self._now(), limit=wanted))

    get_sessions_frame = framed(get_sessions, _SESSIONS)
    get_incidents_frame = framed(get_incidents, _INCIDENTS)
