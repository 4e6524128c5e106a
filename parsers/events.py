"""The vocabulary: what a log line can say. Imports nothing of ours; holds values, decides nothing.

A parser turns every line into exactly one `Outcome`, at once or (a message that waits for its repeat marker) later;
the sum of outcomes and of lines still held is the sum of lines, which is what the ledger proves.

What stands in an event can be stored: strings hold neither NUL nor lone surrogates, floats are finite, datetimes are
aware UTC between 1970 and 2200, and secrets are redacted. Columns' lengths are the business of `ingest.rows`.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Protocol, TypeAlias

from msgspec import Struct


class RawLine(Struct, frozen=True, gc=False):
    """One line of a file as it stood there.

    Attributes:
        start: byte offset of its first byte, in the (decompressed) file.
        end: byte offset after its terminator, so that lines tile the file.
        data: the bytes without the terminator; for a line above the limit, its first bytes only.
        terminator: LF, CR or CR LF, or empty for the last line of a finished file.
        made_of_bytes: how many bytes of the file data and terminator were made of; 0 where they are those bytes.
    """

    start: int
    end: int
    data: bytes
    terminator: bytes = b"\n"
    made_of_bytes: int = 0

    @property
    def clipped(self) -> bool:
        """Whether the line was longer than the limit and `data` holds only its beginning."""
        return self.end - self.start > (self.made_of_bytes or len(self.data) + len(self.terminator))


class TimeQuality(StrEnum):
    """How well the time of a row is known (docs/architecture.md, "Time")."""

    EXACT = "exact"  # the line says it, with its zone
    ZONELESS = "zoneless"  # the line says it without a zone: the station's was assumed
    ARRIVAL = "arrival"  # the line says nothing; it was read as it was appended
    ESTIMATED = "estimated"  # reconstructed from other lines or from the file's times
    UNKNOWN = "unknown"  # the line says something impossible, or nothing is known


class Disposition(StrEnum):
    """What became of a line. Every line has exactly one."""

    STORED = "stored"  # it is a row, or several
    FOLDED = "folded"  # it is part of another line's row: a session header, a sampled progress line, a repeat marker
    BELOW_THRESHOLD = "below_threshold"  # a log record less severe than RADIOLOG_MIN_LEVEL
    BLANK = "blank"
    DUPLICATE = "duplicate"  # the same payload again (AzuraCast sends one a listener)
    DEAD_LETTER = "dead_letter"


class Severity(StrEnum):
    """Severities of log records, as the database has them; `DEBUG` is never stored."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


class _Said(Struct, frozen=True, kw_only=True, gc=False):
    """What any event may say of itself. None: the line did not say; `ingest.rows` fills in the file's defaults."""

    timestamp: datetime | None = None
    time_quality: TimeQuality = TimeQuality.UNKNOWN
    station: str | None = None
    service: str | None = None
    host: str | None = None
    pid: int | None = None
    run_id: str | None = None
    seq: int | None = None
    kept: bytes | None = None


class TrackStarted(_Said, frozen=True, kw_only=True, gc=False):
    """A track began to play. `play_id` None: the line itself is the play's identity."""

    kind: ClassVar[str] = "track_started"
    play_id: str | None = None
    artist: str = ""
    title: str = ""
    album: str | None = None
    azuracast_song_id: str | None = None
    duration_seconds: float | None = None
    loop_path: str | None = None
    ffmpeg_pid: int | None = None
    metadata: dict[str, Any] | None = None


class TrackEnded(_Said, frozen=True, kw_only=True, gc=False):
    """A track stopped. `play_id` None: the play that was running at that station then."""

    kind: ClassVar[str] = "track_ended"
    play_id: str | None = None
    had_errors: bool = False
    error_message: str | None = None
    metadata: dict[str, Any] | None = None


class Metric(_Said, frozen=True, kw_only=True, gc=False):
    """One measured number. An int keeps its digits; a float is finite."""

    kind: ClassVar[str] = "metric"
    name: str
    value: int | float
    unit: str | None = None
    metadata: dict[str, Any] | None = None


class ErrorResolved(_Said, frozen=True, kw_only=True, gc=False):
    """Somebody says that an error is over: one row by id, or all of a service and template up to this time."""

    kind: ClassVar[str] = "error_resolved"
    error_id: int | None = None
    resolved_service: str | None = None
    template: str | None = None


class LogRecord(_Said, frozen=True, kw_only=True, gc=False):
    """Any other line. `explicit_error`: the line says `kind: error`, so it is stored whatever its severity."""

    kind: ClassVar[str] = "log"
    severity: Severity
    message: str
    explicit_error: bool = False
    context: dict[str, Any] | None = None
    stack_trace: str | None = None
    play_id: str | None = None
    category: str | None = None
    template: str | None = None


class FfmpegProgress(_Said, frozen=True, kw_only=True, gc=False):
    """One statistics line, or one block of a `-progress` file.

    `bitrate_kbps` and `speed` are averages since the session's start, as FFmpeg prints them. None: FFmpeg printed N/A
    or nothing. `elapsed_seconds`: wall time since the start, printed by FFmpeg 8 and later. `local_time`: as in
    `FfmpegMessage`. `session`: whose it is, said only while several processes write into the file.
    """

    kind: ClassVar[str] = "ffmpeg_progress"
    frame: int | None = None
    fps: float | None = None
    q: tuple[float, ...] = ()
    size_bytes: int | None = None
    time_seconds: float | None = None
    bitrate_kbps: float | None = None
    speed: float | None = None
    dup: int | None = None
    drop: int | None = None
    elapsed_seconds: float | None = None
    final: bool = False
    local_time: str | None = None
    session: int | None = None


class FfmpegMessage(_Said, frozen=True, kw_only=True, gc=False):
    """A message of FFmpeg or its libraries.

    Attributes:
        severity: as FFmpeg names it: panic, fatal, error, warning, info, verbose, debug, trace.
        severity_source: "level" (printed by `-loglevel level+…`), "template" (known message) or "guess".
        component: context names, outermost first, without pointers.
        count: how often it was said, repeats expanded.
        category: network, auth, tls, input, output, codec, timestamps, resources, filter, config, exit, other …
        template: the message with its variable parts replaced, stable between runs.
        effect: what it means for the stream: fatal_start, fatal_run, consequence, degraded, transient, warning,
            benign, end_normal, end_abnormal, or unknown.
        suspect: the line may be data (a title, a file name) that looks like a message.
        depth: how well it explains a failure (`parsers.ffmpeg.templates`): 3 the system or the peer said it, 0 an echo.
        session: offset of the first line of the session that said it, as in `FfmpegSessionStarted`; None: nobody's.
        local_time: what a prefix says that lacks a part of the date: `11-23 22:40:42` or `22:40:42.372`.
    """

    kind: ClassVar[str] = "ffmpeg_message"
    severity: str
    severity_source: str
    message: str
    component: tuple[str, ...] = ()
    count: int = 1
    category: str = "other"
    template: str = ""
    effect: str = "unknown"
    suspect: bool = False
    depth: int = 0
    session: int | None = None
    local_time: str | None = None


class FfmpegSessionStarted(_Said, frozen=True, kw_only=True, gc=False):
    """An FFmpeg process began to write, known by its banner or its first input. `session` is its first line's offset.

    Emitted once, when its header is complete (first statistics line, first message after the mapping, or its end), so
    that it can say all that the header says. `inputs` and `outputs`: {"index", "format", "url", "streams": [{"index",
    "type", "codec", "lang"}]}, URLs redacted. `mapping`: the lines of "Stream mapping:".
    """

    kind: ClassVar[str] = "ffmpeg_session_started"
    session: int
    version: str | None = None
    inputs: tuple[dict[str, Any], ...] = ()
    outputs: tuple[dict[str, Any], ...] = ()
    mapping: tuple[str, ...] = ()


class FfmpegSessionEnded(_Said, frozen=True, kw_only=True, gc=False):
    """An FFmpeg process ended, as far as its log tells.

    Attributes:
        session: offset of the session's first line, as in `FfmpegSessionStarted`.
        end_kind: finished, signal, failed, killed (the next session began, or the file ended, without an end mark).
        exit_guess: exit status that this version gives in this case; None where it cannot be told.
        cause: the deepest message that explains a failure; None otherwise.
        cause_category: that message's category.
        summary: the final summary lines ("video:31kB audio:…").
    """

    kind: ClassVar[str] = "ffmpeg_session_ended"
    session: int
    end_kind: str
    signal: int | None = None
    exit_guess: int | None = None
    cause: str | None = None
    cause_category: str | None = None
    final_progress: FfmpegProgress | None = None
    summary: tuple[str, ...] = ()


class FfmpegSessionResumed(_Said, frozen=True, kw_only=True, gc=False):
    """A session goes on whose end had been concluded from silence, or from another's first line; `session` as there."""

    kind: ClassVar[str] = "ffmpeg_session_resumed"
    session: int


class Rejected(Struct, frozen=True, kw_only=True, gc=False):
    """A line that cannot be an event. It becomes a dead letter: kept, listed, replayable.

    `reason` is a stable word (bad_json, not_an_object, invalid_utf8, too_long, too_deep, missing_field, wrong_type …);
    `detail` a sentence for a person, free of the line's own secrets. `run_id` and `seq`: the writer's, where the line
    could be read that far. `kept`: the line's bytes without the secrets that only the parser knows, where it knows any.
    """

    kind: ClassVar[str] = "rejected"
    reason: str
    detail: str
    run_id: str | None = None
    seq: int | None = None
    kept: bytes | None = None


Event: TypeAlias = (
    TrackStarted
    | TrackEnded
    | Metric
    | ErrorResolved
    | LogRecord
    | FfmpegProgress
    | FfmpegMessage
    | FfmpegSessionStarted
    | FfmpegSessionEnded
    | FfmpegSessionResumed
)
Parsed: TypeAlias = Event | Rejected


class Outcome(Struct, frozen=True, gc=False):
    """What became of the line [start, end): its events and its disposition.

    `disposition` None marks events that belong to no line of their own (a session found ended by a timer).
    STORED means "these events become rows"; `ingest.rows` may turn it into BELOW_THRESHOLD or FOLDED.
    """

    start: int
    end: int
    disposition: Disposition | None
    parsed: tuple[Parsed, ...] = ()


class Parser(Protocol):
    """Turns the lines of one file, in order, into outcomes; keeps what it must remember as a plain dict.

    Every fed line gets exactly one outcome with a disposition: from the same `feed`, or from a later `feed`, `tick`
    or `finish` while it is held. No method raises on any content.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    splits_at_cr: ClassVar[bool]  # a lone carriage return ends a line, as FFmpeg's statistics lines do

    @property
    def waits(self) -> bool:
        """Whether `tick` may give something: a line is held, or an end is proven and not yet told."""
        ...

    def feed(self, line: RawLine) -> Sequence[Outcome]:
        """Take the next line."""
        ...

    def tick(self, idle_seconds: float) -> Sequence[Outcome]:
        """Nothing was appended for so long: let go of what only waited for a next line."""
        ...

    def finish(self) -> Sequence[Outcome]:
        """The file is finished: let go of everything held."""
        ...

    def state(self) -> dict[str, Any]:
        """What a new instance needs to go on here: JSON values only, no secret. Empty when nothing is held."""
        ...
