"""FFmpeg's events to rows: samples, messages, standstill, sessions, and each line's time. Part of `ingest.rows`."""

from datetime import datetime
from typing import Any, NamedTuple

from ingest.batch import Row
from ingest.encoder_pace import Stall
from ingest.encoder_session import Sample
from ingest.line_clock import Arrival, LineClock
from ingest.sampling import EncoderTracker
from parsers.events import (
    FfmpegMessage,
    FfmpegProgress,
    FfmpegSessionEnded,
    FfmpegSessionResumed,
    FfmpegSessionStarted,
    Severity,
    TimeQuality,
)

FFMPEG_SEVERITY = {
    "panic": Severity.CRITICAL,
    "fatal": Severity.CRITICAL,
    "error": Severity.ERROR,
    "warning": Severity.WARNING,
    "info": Severity.INFO,
}
STALL_TEMPLATE = "encoder makes no progress"
_WALL = ("exact", "zoneless", "arrival")


class Said(NamedTuple):
    """Time, its quality, station, service and host of a row."""

    at: datetime
    quality: str
    station: str
    service: str
    host: str


class EncoderRows:
    """Makes the rows of one file's FFmpeg events.

    Args:
        generation: of the file.
        tracker: its sessions.
        clock: its lines' times.
    """

    def __init__(self, generation: int, tracker: EncoderTracker, clock: LineClock) -> None:
        self._generation = generation
        self._tracker = tracker
        self._clock = clock
        self._error_seconds: float | None = None

    def state(self) -> dict[str, dict[str, Any]]:
        """The parts of the checkpoint's state."""
        return {"encoder": self._tracker.state(), "clock": self._clock.state()}

    def note_arrival(self, offset: int, arrival: Arrival) -> None:
        """Bytes from `offset` on were read."""
        self._clock.note_arrival(offset, arrival)

    def time_of(self, event: Any, offset: int, arrival: Arrival) -> tuple[datetime, str]:
        """Time and quality of any FFmpeg event, in the order of the file."""
        if isinstance(event, FfmpegSessionStarted):
            timed = self._clock.started(event.session, event.timestamp, event.time_quality, arrival)
        elif isinstance(event, FfmpegSessionEnded | FfmpegSessionResumed):
            timed = self._clock.ended(event.timestamp, event.time_quality, arrival)
        else:
            timed = self._clock.time_of(event, offset, arrival)
        self._error_seconds = timed.error_seconds if timed.quality is TimeQuality.ESTIMATED else None
        return timed.at, timed.quality.value

    def count(self, event: FfmpegMessage) -> None:
        """Count a message for its session, whether it becomes a row or not."""
        self._tracker.message(event)

    def message_row(self, event: FfmpegMessage, offset: int, said: Said) -> Row:
        """A message's row of `error_log`."""
        session = self._tracker.session_offset if event.session is None else event.session
        context = {
            "component": list(event.component),
            "ffmpeg_severity": event.severity,
            "severity_source": event.severity_source,
            "effect": event.effect,
            "depth": event.depth,
            "suspect": event.suspect,
            "session": self._key(session),
        }
        severity = FFMPEG_SEVERITY.get(event.severity, Severity.DEBUG)
        return self._error_row(
            said, (severity.value, event.message, event.category[:64], event.template[:512]), context,
            (event.effect == "benign", min(event.count, 2**31 - 1), offset),
        )  # fmt: skip

    def progress_rows(self, event: FfmpegProgress, offset: int, said: Said) -> tuple[list[Row], list[Row]]:
        """Rows of `system_metrics`, when a sample is due, and of `error_log`, when the encoder stands still."""
        own_clock = event.elapsed_seconds if event.elapsed_seconds is not None else event.time_seconds
        clock = said.at.timestamp() if said.quality != "estimated" or own_clock is None else own_clock
        wall = event.elapsed_seconds
        if wall is None and said.quality in _WALL:
            wall = said.at.timestamp()
        step = self._tracker.progress(event, said.at, clock, wall)
        metrics = [] if step.sample is None else self._sample_rows(step.sample, offset, said)
        errors = [] if step.stall is None else [self._stall_row(step.stall, offset, said)]
        return metrics, errors

    def started(self, event: FfmpegSessionStarted, said: Said) -> None:
        """A session began."""
        origin = {"station": said.station, "service": said.service, "host": said.host}
        self._tracker.started(event, said.at, TimeQuality(said.quality), origin)

    def ended(self, event: FfmpegSessionEnded, said: Said) -> None:
        """A session is over."""
        self._tracker.ended(event, said.at)

    def resumed(self, event: FfmpegSessionResumed) -> None:
        """A session goes on after all."""
        self._tracker.resumed(event.session)

    def take_sessions(self) -> list[dict[str, Any]]:
        """The rows of `stream_sessions` that changed since this was last asked."""
        return [
            {
                **row,
                "session_key": self._key(row["session"]),
                "generation": self._generation,
                "line_offset": row["session"],
            }
            for row in self._tracker.take_changed_sessions()
        ]

    # -----------------------------------------------------------------------------------------------------------------

    def _key(self, session: int | None) -> str | None:
        return None if session is None else f"{self._generation}:{session}"

    def _sample_rows(self, sample: Sample, offset: int, said: Said) -> list[Row]:
        session = self._key(self._tracker.session_offset)
        rows: list[Row] = []
        for reading in sample.readings:
            metadata = self._with_error(
                {"min": reading.least, "max": reading.greatest, "lines": sample.lines, "session": session}
            )
            rows.append(
                (said.at, reading.name, reading.last, reading.unit, said.service, metadata, said.station, said.host,
                 said.quality, self._generation, offset)
            )  # fmt: skip
        return rows

    def _stall_row(self, stall: Stall, offset: int, said: Said) -> Row:
        context = {
            "effect": "degraded",
            "depth": 1,
            "suspect": False,
            "session": self._key(self._tracker.session_offset),
            "out_time_seconds": stall.out_time_seconds,
            "stall_seconds": stall.seconds if stall.over else None,
        }
        if stall.over:
            severity, message = Severity.WARNING, f"encoder made no progress for {stall.seconds:g} s"
        else:
            severity = Severity.ERROR
            message = f"encoder makes no progress: its output stands at {stall.out_time_seconds:.1f} s"
        return self._error_row(said, (severity.value, message, "stall", STALL_TEMPLATE), context, (False, 1, offset))

    def _error_row(
        self, said: Said, what: tuple[str, str, str, str], context: dict[str, Any], rest: tuple[bool, int, int]
    ) -> Row:
        severity, message, category, template = what
        noise, occurrences, offset = rest
        return (
            said.at, said.service, severity, message, self._with_error(context), None, said.station, said.host, None,
            category, template, noise, occurrences, said.quality, self._generation, offset,
        )  # fmt: skip

    def _with_error(self, json: dict[str, Any]) -> dict[str, Any]:
        return json if self._error_seconds is None else {**json, "time_error_seconds": self._error_seconds}
