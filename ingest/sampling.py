"""One encoder session's statistics, thinned out: a sample every few seconds with least and greatest, and its totals.

Pure: the time of a line is an argument. All that is remembered is a plain dict that goes into the checkpoint.
"""

from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple

from ingest.encoder_pace import Pace, Rates, Stall
from parsers.events import FfmpegMessage, FfmpegProgress, FfmpegSessionEnded, FfmpegSessionStarted, TimeQuality

# metric name, field of FfmpegProgress, unit
SAMPLED: tuple[tuple[str, str, str], ...] = (
    ("ffmpeg_frame", "frame", "frames"),
    ("ffmpeg_fps", "fps", "fps"),
    ("ffmpeg_q", "q", ""),
    ("ffmpeg_size_bytes", "size_bytes", "bytes"),
    ("ffmpeg_out_time_seconds", "time_seconds", "s"),
    ("ffmpeg_bitrate_kbps", "bitrate_kbps", "kbit/s"),
    ("ffmpeg_speed", "speed", "x"),
    ("ffmpeg_dup_frames", "dup", "frames"),
    ("ffmpeg_drop_frames", "drop", "frames"),
)
_NAMES = tuple(name for name, _, _ in SAMPLED)
_VALUES = attrgetter(*(field for _, field, _ in SAMPLED))
# The session's columns that hold what its last statistics line says.
_TOTALS = ("frames", "size_bytes", "out_time_seconds", "fps", "speed_average", "dup_frames", "drop_frames")
_TOTAL_VALUES = attrgetter("frame", "size_bytes", "time_seconds", "fps", "speed", "dup", "drop")
LAG_METRIC = "ffmpeg_out_time_lag_seconds"
SPEED_METRIC = "ffmpeg_current_speed"
BITRATE_METRIC = "ffmpeg_current_bitrate_kbps"


class Reading(NamedTuple):
    """One metric of a sample: its last value, and the least and greatest since the sample before."""

    name: str
    unit: str
    last: int | float
    least: int | float
    greatest: int | float


class Sample(NamedTuple):
    """What `lines` statistics lines come down to."""

    readings: tuple[Reading, ...]
    lines: int


class Step(NamedTuple):
    """What a statistics line gives: a sample when one is due, and the news of a standstill."""

    sample: Sample | None
    stall: Stall | None


class EncoderTracker:
    """Follows the FFmpeg sessions of one file.

    Args:
        state: what `state()` gave before, or empty.
        interval_seconds: a sample is due when so much time passed since the last, and always at the final line.
    """

    def __init__(self, state: dict[str, Any] | None = None, *, interval_seconds: float = 10.0) -> None:
        state = state or {}
        self._interval_seconds = interval_seconds
        self._session: dict[str, Any] | None = state.get("session")
        self._closed: dict[str, Any] | None = state.get("closed")  # the last one, which may yet be corrected
        self._ranges: dict[str, list[float]] = state.get("ranges", {})
        self._lines: int = state.get("lines", 0)
        self._sampled_at: float | None = state.get("sampled_at")
        self._pace = Pace(state.get("pace"))
        self._counts: dict[str, int] = state.get("counts", {})  # of the session whose messages came last
        self._changed = False

    def state(self) -> dict[str, Any]:
        """JSON values from which a new tracker goes on; empty when nothing was seen."""
        if self._session is None and self._closed is None and self._sampled_at is None and not self._counts:
            return {}
        return {
            "session": self._session,
            "closed": self._closed,
            "ranges": self._ranges,
            "lines": self._lines,
            "sampled_at": self._sampled_at,
            "pace": self._pace.state(),
            "counts": self._counts,
        }

    def started(self, event: FfmpegSessionStarted, at: datetime, quality: TimeQuality, origin: dict[str, str]) -> None:
        """A session began. `origin`: its station, service and host."""
        self._session = {
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
        self._ranges, self._lines, self._sampled_at = {}, 0, None
        self._pace = Pace()
        self._changed = True

    def message(self, event: FfmpegMessage) -> None:
        """Count a message for the session that said it; its start may be told only later."""
        if event.session is None or event.effect == "benign" or event.suspect:
            return
        name = {"warning": "warning_count"}.get(event.severity, "error_count")
        if event.severity not in ("warning", "error", "fatal", "panic"):
            return
        if self._counts.get("session") != event.session:
            self._counts = {"session": event.session}
        self._counts[name] = self._counts.get(name, 0) + event.count
        if self._session is None and self._closed is not None and self._closed["session"] == event.session:
            self._session = self._closed  # its last words came after its end had been concluded
        self._changed = self._changed or self._session is not None

    def progress(
        self, event: FfmpegProgress, at: datetime, clock_seconds: float, wall_seconds: float | None = None
    ) -> Step:
        """A statistics line.

        Args:
            event: the line.
            at: its time.
            clock_seconds: a clock that advances with the session: the time of the line, or where that is not known the
                encoder's own.
            wall_seconds: a clock that goes on whether the encoder does or not; None where there is none.
        """
        self._widen(event)
        self._lines += 1
        stall = self._pace.stall(event, wall_seconds)
        if self._session is not None:
            self._total(event, at)
            if stall is not None:
                self._total_stall(stall)
        if self._sampled_at is None:
            self._sampled_at = clock_seconds
            due = True
        else:
            due = event.final or not 0 <= clock_seconds - self._sampled_at < self._interval_seconds
        if not due:
            return Step(None, stall)
        self._sampled_at = clock_seconds
        return Step(self._take(event, at, self._pace.rates(event, wall_seconds)), stall)

    def ended(self, event: FfmpegSessionEnded, at: datetime) -> None:
        """The session is over. Of a killed one nobody saw the end: it lived at least until its last statistics line."""
        if self._session is None and self._closed is not None and self._closed["session"] == event.session:
            self._session = self._closed  # its last words came after its end had been concluded
        if self._session is None:
            return
        unseen = event.end_kind == "killed" and event.timestamp is None
        self._session |= {
            "ended_at": self._session.get("last_progress_at", self._session["started_at"])
            if unseen
            else at.isoformat(),
            "end_kind": event.end_kind,
            "signal": event.signal,
            "exit_guess": event.exit_guess,
            "cause": event.cause,
            "cause_category": event.cause_category,
            "summary": list(event.summary),
        }
        self._changed = True

    @property
    def session_offset(self) -> int | None:
        """Offset of the running session's first line, or None outside of any."""
        return self._session["session"] if self._session else None

    def take_changed_session(self) -> dict[str, Any] | None:
        """The session's row where it changed since it was last taken; an ended one is then forgotten."""
        session = self._session
        if session is None or not self._changed:
            return None
        self._changed = False
        if self._counts.get("session") == session["session"]:
            session |= {name: count for name, count in self._counts.items() if name != "session"}
        if session["end_kind"] != "running":
            self._session, self._closed = None, session
        return session

    def _widen(self, event: FfmpegProgress) -> None:
        ranges = self._ranges
        for name, value in zip(_NAMES, _VALUES(event), strict=True):
            if value is None:
                continue
            if name == "ffmpeg_q":
                if not value:
                    continue
                value = value[0]  # noqa: PLW2901 (hot loop)
            known = ranges.get(name)
            if known is None:
                ranges[name] = [value, value]
            elif value < known[0]:
                known[0] = value
            elif value > known[1]:
                known[1] = value

    def _total(self, event: FfmpegProgress, at: datetime) -> None:
        session = self._session
        assert session is not None  # noqa: S101 (the caller asked)
        session["progress_count"] += 1
        session["last_progress_at"] = text = at.isoformat()
        if "first_progress_at" not in session:
            session["first_progress_at"] = text
        if event.time_seconds is not None and "first_out_time_seconds" not in session:
            session["first_out_time_seconds"] = event.time_seconds
        for key, value in zip(_TOTALS, _TOTAL_VALUES(event), strict=True):
            if value is not None:
                session[key] = value
        # Until a sample gives a current speed, the worst average stands in; that of the very start says nothing.
        if event.speed and not session.get("speed_measured"):
            session["speed_worst"] = min(event.speed, session.get("speed_worst", event.speed))

    def _total_stall(self, stall: Stall) -> None:
        session = self._session
        assert session is not None  # noqa: S101 (the caller asked)
        if stall.over:
            session["stall_seconds"] = round(session.get("stall_seconds", 0.0) + stall.seconds, 1)
        session["stall_count"] = session.get("stall_count", 0) + (not stall.over or not session.get("stalled", False))
        session["stalled"] = not stall.over
        self._changed = True

    def _take(self, event: FfmpegProgress, at: datetime, rates: Rates) -> Sample | None:
        readings = [
            Reading(name, unit, value, self._ranges[name][0], self._ranges[name][1])
            for name, field, unit in SAMPLED
            if (value := _value(event, field)) is not None
        ]
        lag = self._lag(event, at)
        if lag is not None:
            readings.append(Reading(LAG_METRIC, "s", lag, lag, lag))
        readings += [
            Reading(name, unit, value, value, value)
            for name, unit, value in ((SPEED_METRIC, "x", rates.speed), (BITRATE_METRIC, "kbit/s", rates.bitrate_kbps))
            if value is not None
        ]
        if rates.speed is not None and self._session is not None and not event.final:
            measured = self._session.get("speed_measured")
            worst = self._session.get("speed_worst", rates.speed) if measured else rates.speed
            self._session |= {"speed_measured": True, "speed_worst": min(worst, rates.speed)}
        sample = Sample(tuple(readings), self._lines)
        self._ranges, self._lines = {}, 0
        self._changed = self._session is not None
        return sample if readings else None

    def _lag(self, event: FfmpegProgress, at: datetime) -> float | None:
        """How far the output's time is behind the wall clock since the session's first statistics line."""
        session = self._session
        if session is None or event.time_seconds is None or session["time_quality"] in ("estimated", "unknown"):
            return None
        origin: list[float] = session.setdefault("lag_origin", [at.timestamp(), event.time_seconds])
        return round((at.timestamp() - origin[0]) - (event.time_seconds - origin[1]), 3)


def _value(event: FfmpegProgress, field: str) -> int | float | None:
    if field == "q":
        return event.q[0] if event.q else None
    value: int | float | None = getattr(event, field)
    return value
