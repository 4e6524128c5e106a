"""One encoder session's statistics: thinned out to a sample every few seconds, and its totals. Pure."""

from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple

from ingest.encoder_pace import Pace, Rates, Stall
from parsers.events import FfmpegProgress, FfmpegSessionEnded

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
# What an end says, and is taken back when there was none.
_END = ("ended_at", "signal", "exit_guess", "cause", "cause_category", "summary")
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


class EncoderSession:
    """Follows one session, or statistics that belong to none that is known.

    Args:
        row: of `stream_sessions`; None while it is not known.
        interval_seconds: a sample is due when so much time passed since the last, and always at the final line.
        state: what `state()` gave before, instead of the row.
    """

    def __init__(
        self, row: dict[str, Any] | None, interval_seconds: float, state: dict[str, Any] | None = None
    ) -> None:
        state = state or {}
        self.row: dict[str, Any] | None = state.get("row", row)
        self.changed = False
        self._interval_seconds = interval_seconds
        self._ranges: dict[str, list[float]] = state.get("ranges", {})
        self._lines: int = state.get("lines", 0)
        self._sampled_at: float | None = state.get("sampled_at")
        self._pace = Pace(state.get("pace"))

    def state(self) -> dict[str, Any]:
        """JSON values from which a new one goes on."""
        return {
            "row": self.row,
            "ranges": self._ranges,
            "lines": self._lines,
            "sampled_at": self._sampled_at,
            "pace": self._pace.state(),
        }

    @property
    def seen(self) -> bool:
        """Whether there is anything to remember."""
        return self.row is not None or self._sampled_at is not None

    @property
    def offset(self) -> int | None:
        """Of the session's first line."""
        return None if self.row is None else self.row["session"]

    def count(self, name: str, count: int) -> None:
        """Messages were said."""
        if self.row is not None:
            self.row[name] = self.row.get(name, 0) + count
            self.changed = True

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
        if self.row is not None:
            self._total(self.row, event, at)
            if stall is not None:
                self._total_stall(self.row, stall)
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
        if self.row is None:
            return
        unseen = event.end_kind == "killed" and event.timestamp is None
        last_seen = self.row.get("last_progress_at", self.row["started_at"])
        self.row |= {
            "ended_at": last_seen if unseen else at.isoformat(),
            "end_kind": event.end_kind,
            "signal": event.signal,
            "exit_guess": event.exit_guess,
            "cause": event.cause,
            "cause_category": event.cause_category,
            "summary": list(event.summary),
        }
        self.changed = True

    def resumed(self) -> None:
        """It was not over."""
        if self.row is not None:
            self.row |= {"end_kind": "running", **dict.fromkeys(_END)}
            self.changed = True

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

    @staticmethod
    def _total(session: dict[str, Any], event: FfmpegProgress, at: datetime) -> None:
        session["progress_count"] += 1
        session["last_progress_at"] = text = at.isoformat()
        if "first_progress_at" not in session:
            session["first_progress_at"] = text
        if event.time_seconds is not None and "first_out_time_seconds" not in session:
            session["first_out_time_seconds"] = event.time_seconds
        values = zip(_TOTALS, _TOTAL_VALUES(event), strict=True)
        session.update({key: value for key, value in values if value is not None})
        # Until a sample gives a current speed, the worst average stands in; that of the very start says nothing.
        if event.speed and not session.get("speed_measured"):
            session["speed_worst"] = min(event.speed, session.get("speed_worst", event.speed))

    def _total_stall(self, session: dict[str, Any], stall: Stall) -> None:
        if stall.over:
            session["stall_seconds"] = round(session.get("stall_seconds", 0.0) + stall.seconds, 1)
        session["stall_count"] = session.get("stall_count", 0) + (not stall.over or not session.get("stalled", False))
        session["stalled"] = not stall.over
        self.changed = True

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
        if rates.speed is not None and self.row is not None and not event.final:
            measured = self.row.get("speed_measured")
            worst = self.row.get("speed_worst", rates.speed) if measured else rates.speed
            self.row |= {"speed_measured": True, "speed_worst": min(worst, rates.speed)}
        sample = Sample(tuple(readings), self._lines)
        self._ranges, self._lines = {}, 0
        self.changed = self.row is not None
        return sample if readings else None

    def _lag(self, event: FfmpegProgress, at: datetime) -> float | None:
        """How far the output's time is behind the wall clock since the session's first statistics line."""
        session = self.row
        if session is None or event.time_seconds is None or session["time_quality"] in ("estimated", "unknown"):
            return None
        origin: list[float] = session.setdefault("lag_origin", [at.timestamp(), event.time_seconds])
        return round((at.timestamp() - origin[0]) - (event.time_seconds - origin[1]), 3)


def _value(event: FfmpegProgress, field: str) -> int | float | None:
    if field == "q":
        return event.q[0] if event.q else None
    value: int | float | None = getattr(event, field)
    return value
