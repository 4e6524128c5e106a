"""The encoder sessions of one file: whose statistics, messages and ends are whose. Pure.

The time of a line is an argument. All that is remembered is a plain dict that goes into the checkpoint.
"""

from datetime import datetime
from typing import Any

from ingest.encoder_session import EncoderSession, Step
from parsers.events import FfmpegMessage, FfmpegProgress, FfmpegSessionEnded, FfmpegSessionStarted, TimeQuality

_COUNTED = {"warning": "warning_count", "error": "error_count", "fatal": "error_count", "panic": "error_count"}
# Sessions beside the current one: over, but perhaps to be corrected, or written by another process.
_MOST_OTHERS = 4


class EncoderTracker:
    """Follows the FFmpeg sessions of one file.

    Args:
        state: what `state()` gave before, or empty.
        interval_seconds: between two samples of a session.
    """

    def __init__(self, state: dict[str, Any] | None = None, *, interval_seconds: float = 10.0) -> None:
        state = state or {}
        self._interval_seconds = interval_seconds
        self._current = EncoderSession(None, interval_seconds, state.get("current"))
        self._others = [EncoderSession(None, interval_seconds, other) for other in state.get("others", [])]
        self._early: dict[str, Any] = state.get("early", {})  # counts of the session whose start was not told yet

    def state(self) -> dict[str, Any]:
        """JSON values from which a new tracker goes on; empty when nothing was seen."""
        if not self._current.seen and not self._others and not self._early:
            return {}
        return {
            "current": self._current.state(),
            "others": [other.state() for other in self._others],
            "early": self._early,
        }

    def started(self, event: FfmpegSessionStarted, at: datetime, quality: TimeQuality, origin: dict[str, str]) -> None:
        """A session began. `origin`: its station, service and host."""
        row = {
            **origin,
            "session": event.session,
            "pid": event.pid,
            "ffmpeg_version": event.version,
            "inputs": list(event.inputs),
            "outputs": list(event.outputs),
            "mapping": list(event.mapping),
            "started_at": at.isoformat(),
            "time_quality": quality.value,
            "end_kind": "running",
            "progress_count": 0,
        }
        if self._early.get("session") == event.session:
            row |= {name: count for name, count in self._early.items() if name != "session"}
            self._early = {}
        self._turn_to(EncoderSession(row, self._interval_seconds))
        self._current.changed = True

    def message(self, event: FfmpegMessage) -> None:
        """Count a message for the session that said it; its start may be told only later."""
        name = _COUNTED.get(event.severity)
        if name is None or event.session is None or event.effect == "benign" or event.suspect:
            return
        session = self._find(event.session)
        if session is not None:
            session.count(name, event.count)
            return
        if self._early.get("session") != event.session:
            self._early = {"session": event.session}
        self._early[name] = self._early.get(name, 0) + event.count

    def progress(
        self, event: FfmpegProgress, at: datetime, clock_seconds: float, wall_seconds: float | None = None
    ) -> Step:
        """A statistics line, of the session that it names or of the current one; see `EncoderSession.progress`."""
        if event.session is not None and event.session != self._current.offset:
            self._turn_to(self._find(event.session) or EncoderSession(None, self._interval_seconds))
        return self._current.progress(event, at, clock_seconds, wall_seconds)

    def ended(self, event: FfmpegSessionEnded, at: datetime) -> None:
        """A session is over, or over in another way than was concluded before."""
        session = self._find(event.session)
        if session is not None:
            session.ended(event, at)

    def resumed(self, session_offset: int) -> None:
        """A session goes on whose end had been concluded."""
        session = self._find(session_offset)
        if session is not None:
            session.resumed()
            self._turn_to(session)

    @property
    def session_offset(self) -> int | None:
        """Offset of the running session's first line, or None outside of any."""
        return self._current.offset

    def take_changed_sessions(self) -> list[dict[str, Any]]:
        """The rows of sessions that changed since this was last asked."""
        rows = []
        for session in (*self._others, self._current):
            if session.changed and session.row is not None:
                session.changed = False
                rows.append(session.row)
        if self._current.row is not None and self._current.row["end_kind"] != "running":
            self._turn_to(EncoderSession(None, self._interval_seconds))
        return rows

    def _find(self, offset: int) -> EncoderSession | None:
        return next((session for session in (self._current, *self._others) if session.offset == offset), None)

    def _turn_to(self, session: EncoderSession) -> None:
        if session is self._current:
            return
        others = [other for other in (self._current, *self._others) if other is not session and other.row is not None]
        self._current, self._others = session, others[:_MOST_OTHERS]
