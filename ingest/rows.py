"""Events to rows: fills in what a line did not say, fits text to its column, and counts every line once.

Pure. What an event holds can be stored (parsers/events.py); here it is made to fit: text longer than its column is
clipped and kept whole in the row's JSON column, numbers out of range go there too.
"""

from collections import Counter, defaultdict
from datetime import UTC, datetime, tzinfo
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from ingest.batch import COPIED, METRIC_COLUMNS, Batch, Move, Row
from ingest.encoder_rows import FFMPEG_SEVERITY, EncoderRows, Said
from ingest.file_context import FileContext, dead_letter
from ingest.fit import (
    HOST_LIMIT,
    METRIC_NAME_LIMIT,
    PLAY_ID_LIMIT,
    PLAY_TEXT_LIMIT,
    SERVICE_LIMIT,
    STATION_LIMIT,
    UNIT_LIMIT,
    Fit,
    bigint,
    play_key,
    track_key,
)
from ingest.line_clock import Arrival, LineClock
from ingest.plain_lines import PlainLines, Taken
from ingest.producers import run_lines
from ingest.rejected_run import RejectedRun
from ingest.sampling import EncoderTracker
from ingest.spans import clusters
from parsers.events import (
    Disposition,
    ErrorResolved,
    FfmpegMessage,
    FfmpegProgress,
    FfmpegSessionEnded,
    FfmpegSessionResumed,
    FfmpegSessionStarted,
    LogRecord,
    Metric,
    Outcome,
    RawLine,
    Rejected,
    Severity,
    TrackEnded,
    TrackStarted,
)
from parsers.levels import RANK
from parsers.template import template_of

if TYPE_CHECKING:
    from collections.abc import Callable

_LINE_OFFSET = itemgetter(-1)
_METRIC_TIME, _METRIC_STATION = METRIC_COLUMNS.index("timestamp"), METRIC_COLUMNS.index("station")


class BatchBuilder:
    """Collects the outcomes of one file's lines into a `Batch`.

    Args:
        context: the file.
        tracker: the file's encoder sessions, going on from batch to batch.
        clock: the times of FFmpeg's lines, going on likewise.
        rejected: dead letters in a row, going on likewise.
        zone: of times of plain lines that name none.

    Attributes:
        is_rubbish: so many lines in a row were dead letters that the file should not be read any further.
    """

    def __init__(
        self,
        context: FileContext,
        tracker: EncoderTracker,
        clock: LineClock | None = None,
        rejected: RejectedRun | None = None,
        *,
        zone: tzinfo = UTC,
    ) -> None:
        self._context = context
        self._rejected = rejected or RejectedRun()
        self.is_rubbish = False
        self._encoder = EncoderRows(context.generation, tracker, clock or LineClock())
        self._arrival: Arrival | None = None
        self._min_rank = RANK[context.min_severity]
        self._add_by_type: dict[type, Callable[[Any, int, Arrival], Disposition | None]] = {
            Metric: self._metric,
            TrackStarted: self._track_started,
            TrackEnded: self._track_ended,
            LogRecord: self._log_record,
            ErrorResolved: self._error_resolved,
            FfmpegProgress: self._progress,
            FfmpegMessage: self._message,
            FfmpegSessionStarted: self._session_started,
            FfmpegSessionEnded: self._session_ended,
            FfmpegSessionResumed: self._session_resumed,
        }
        self._overlong: dict[str, Any] | None = None
        self._seqs_by_run: defaultdict[str, list[int]] = defaultdict(list)
        self._plain = PlainLines(context, self._seqs_by_run, zone)
        # Offered a line's bytes and offset before the parser: makes the row of a plain line, or gives False.
        self.take_plain = self._plain.take
        self._clear()

    def _clear(self) -> None:
        self._lines = 0
        self._row_count = 0
        self._dispositions = Counter[str]()
        self._copied: dict[str, list[Row]] = {table: [] for table in COPIED}
        self._plays: list[Row] = []
        self._sessions: dict[str, dict[str, Any]] = {}
        self._times: dict[str, list[datetime]] = {}
        self._stations: set[str] = set()
        self._seqs_by_run.clear()
        self._ends: dict[int, int] = {}

    def count_line(self) -> None:
        """A line was given to the parser."""
        self._lines += 1

    @property
    def row_count(self) -> int:
        """Rows so far."""
        return self._row_count + self._plain.row_count

    def add(self, outcome: Outcome, arrival: Arrival, line: RawLine | None) -> None:
        """Take what became of a line.

        Args:
            outcome: from the parser.
            arrival: when the bytes were read.
            line: the line just fed, whose bytes a dead letter keeps; None from `tick` and `finish`.
        """
        without_row: Disposition | None = None
        has_row = False
        if arrival is not self._arrival and self._context.parser == "ffmpeg":
            self._arrival = arrival
            self._encoder.note_arrival(outcome.start if line is None else line.start, arrival)
        if line is None or line.start != outcome.start:
            self._ends[outcome.start] = outcome.end
        for parsed in outcome.parsed:
            if parsed.seq is not None and parsed.run_id:
                self._seqs_by_run[parsed.run_id].append(parsed.seq)
            if type(parsed) is Rejected:
                self._dead_letter(parsed, outcome, arrival, line)
                continue
            refined = self._add_by_type[type(parsed)](parsed, outcome.start, arrival)
            if refined is None:
                has_row = True
            else:
                without_row = refined
        disposition = outcome.disposition
        if disposition is Disposition.STORED and not has_row and without_row is not None:
            disposition = without_row
        if disposition is not None:
            self._dispositions[disposition.value] += 1

    def build(
        self, move: Move, parser_state: dict[str, Any], held_before: int, read_at: datetime, **extra: Any
    ) -> Batch:
        """The batch of all that was added since the last build.

        Args:
            move: the checkpoint's move.
            parser_state: the parser's state behind the last line.
            held_before: lines that were held at the last build.
            read_at: when the bytes were read.
            extra: `rungs`, `gaps` and `raw` of the batch.
        """
        self._take_sessions()
        taken = self._plain.take_rows()
        metric_times = taken.metric_times
        for row in self._copied["system_metrics"]:
            metric_times.setdefault(row[_METRIC_STATION], []).append(row[_METRIC_TIME])
        lines = self._lines + self._add_taken(taken)
        states = {"parser": parser_state, **self._encoder.state(), "rejected": self._rejected.state()}
        state = {key: value for key, value in states.items() if value}
        batch = Batch(
            move=move,
            parser=self._context.parser,
            parser_version=self._context.parser_version,
            parser_state=state,
            lines=lines,
            dispositions=dict(self._dispositions),
            held=held_before + lines - sum(self._dispositions.values()),
            copied=self._copied,
            metric_rows=taken.metrics,
            metric_spans={station: clusters(times) for station, times in metric_times.items()},
            plays=self._plays,
            sessions=list(self._sessions.values()),
            touched={station: clusters(times) for station, times in self._times.items()},
            stations=frozenset(self._stations.union(metric_times)),
            runs=run_lines(self._seqs_by_run),
            read_at=read_at,
            ends=self._ends,
            **extra,
        )
        self._clear()
        return batch

    def _add_taken(self, taken: Taken) -> int:
        """Put what became of plain lines among the rest, in the order of lines; gives how many lines there were."""
        for rows, more in ((self._copied["error_log"], taken.errors), (self._plays, taken.plays)):
            mixed = bool(rows) and bool(more)
            rows.extend(more)
            if mixed:
                rows.sort(key=_LINE_OFFSET)
        for station, times in taken.touched.items():
            self._times.setdefault(station, []).extend(times)
            self._stations.add(station)
        for disposition, count in (
            (Disposition.STORED, taken.stored), (Disposition.BELOW_THRESHOLD, taken.below_threshold)
        ):  # fmt: skip
            if count:
                self._dispositions[disposition.value] += count
        return taken.stored + taken.below_threshold

    # -- one method an event -------------------------------------------------------------------------------------

    def _said(self, event: Any, arrival: Arrival, offset: int | None = None) -> Said:
        """What an event says of itself, with the file's defaults. `offset`: FFmpeg's have a clock of their own."""
        context = self._context
        if offset is not None:
            at, quality = self._encoder.time_of(event, offset, arrival)
        elif event.timestamp is not None:
            at, quality = event.timestamp, event.time_quality.value
        elif arrival.live:
            at, quality = arrival.at, "arrival"
        else:
            at, quality = arrival.mtime, "estimated"
        station, service, host = event.station or context.station, event.service or context.service, event.host
        self._overlong = None
        if len(station) > STATION_LIMIT or len(service) > SERVICE_LIMIT or (host and len(host) > HOST_LIMIT):
            limits = (
                ("station", station, STATION_LIMIT),
                ("service", service, SERVICE_LIMIT),
                ("host", host, HOST_LIMIT),
            )
            self._overlong = {name: value for name, value, limit in limits if value and len(value) > limit}
            station, service = station[:STATION_LIMIT], service[:SERVICE_LIMIT]
            host = host[:HOST_LIMIT] if host else host
        self._stations.add(station)
        self._row_count += 1
        return Said(at, quality, station, service, host or context.host)

    def _with_overlong(self, json: dict[str, Any] | None) -> dict[str, Any] | None:
        """The row's JSON column, with station, service and host kept whole where `_said` had to clip them."""
        if self._overlong is None:
            return json
        return {**(json or {}), "_full": {**(json or {}).get("_full", {}), **self._overlong}}

    def _touch(self, station: str, at: datetime) -> None:
        self._times.setdefault(station, []).append(at)

    def _metric(self, event: Metric, offset: int, arrival: Arrival) -> None:
        at, quality, station, service, host = self._said(event, arrival)
        name, unit, metadata = event.name, event.unit, event.metadata
        if len(name) > METRIC_NAME_LIMIT or (unit is not None and len(unit) > UNIT_LIMIT):
            metadata = {**(metadata or {}), "_full": {"metric_name": name, "unit": unit}}
            name, unit = name[:METRIC_NAME_LIMIT], unit[:UNIT_LIMIT] if unit else unit
        self._copied["system_metrics"].append(
            (
                at,
                name,
                event.value,
                unit,
                service,
                self._with_overlong(metadata),
                station,
                host,
                quality,
                self._context.generation,
                offset,
            )
        )

    def _track_started(self, event: TrackStarted, offset: int, arrival: Arrival) -> None:
        at, quality, station, service, host = self._said(event, arrival)
        fit = Fit(event.metadata)
        generation = self._context.generation
        artist, title = (
            fit.text("artist", event.artist, PLAY_TEXT_LIMIT),
            fit.text("title", event.title, PLAY_TEXT_LIMIT),
        )
        album, song_id = (
            fit.text("album", event.album, PLAY_TEXT_LIMIT),
            fit.text("azuracast_song_id", event.azuracast_song_id, 128),
        )
        loop_path, pid = fit.text("loop_file_path", event.loop_path, 1024), fit.bigint("ffmpeg_pid", event.ffmpeg_pid)
        play_id = fit.text("play_id", event.play_id, PLAY_ID_LIMIT)
        json = self._with_overlong(fit.json)
        self._plays.append(
            (track_key(event.artist, event.title), artist, title, album, song_id, loop_path, at, event.duration_seconds,
             pid, json, station, service, host, play_id, play_key(event.play_id, at, generation, offset), quality,
             generation, offset)
        )  # fmt: skip
        self._touch(station, at)

    def _track_ended(self, event: TrackEnded, offset: int, arrival: Arrival) -> None:
        at, quality, station, service, host = self._said(event, arrival)
        fit = Fit(event.metadata)
        play_id = fit.text("play_id", event.play_id, PLAY_ID_LIMIT)
        json = self._with_overlong(fit.json)
        self._copied["play_ends"].append(
            (station, at, play_id, event.had_errors, event.error_message, json, service, host, quality,
             self._context.generation, offset)
        )  # fmt: skip
        self._touch(station, at)

    def _error_resolved(self, event: ErrorResolved, offset: int, arrival: Arrival) -> None:
        at, _, station, _, _ = self._said(event, arrival)
        service, template = event.resolved_service, event.template
        self._copied["error_resolutions"].append(
            (station, at, bigint(event.error_id), service[:64] if service else None,
             template[:512] if template else None, self._context.generation, offset)
        )  # fmt: skip
        self._touch(station, at)

    def _log_record(self, event: LogRecord, offset: int, arrival: Arrival) -> Disposition | None:
        severity = self._context.stored_severity(event.severity, explicit=event.explicit_error)
        if severity is None:
            return Disposition.BELOW_THRESHOLD
        at, quality, station, service, host = self._said(event, arrival)
        fit = Fit(event.context)
        play_id = fit.text("play_id", event.play_id, PLAY_ID_LIMIT)
        template = event.template or template_of(event.message)
        json = self._with_overlong(fit.json)
        self._copied["error_log"].append(
            (at, service, severity.value, event.message, json, event.stack_trace, station, host, play_id,
             event.category and event.category[:64], template[:512], False, 1, quality,
             self._context.generation, offset)
        )  # fmt: skip
        self._touch(station, at)
        return None

    def _message(self, event: FfmpegMessage, offset: int, arrival: Arrival) -> Disposition | None:
        self._encoder.count(event)
        if RANK[FFMPEG_SEVERITY.get(event.severity, Severity.DEBUG)] < self._min_rank:
            return Disposition.BELOW_THRESHOLD
        said = self._said(event, arrival, offset)
        self._copied["error_log"].append(self._encoder.message_row(event, offset, said))
        self._touch(said.station, said.at)
        return None

    def _progress(self, event: FfmpegProgress, offset: int, arrival: Arrival) -> Disposition | None:
        said = self._said(event, arrival, offset)
        metrics, errors = self._encoder.progress_rows(event, offset, said)
        self._row_count += len(metrics) + len(errors) - 1
        self._copied["system_metrics"] += metrics
        self._copied["error_log"] += errors
        if errors:
            self._touch(said.station, said.at)
        return None if metrics or errors else Disposition.FOLDED

    def _session_started(self, event: FfmpegSessionStarted, offset: int, arrival: Arrival) -> Disposition:
        self._take_sessions()
        said = self._said(event, arrival, offset)
        self._encoder.started(event, said)
        self._row_count -= 1
        self._touch(said.station, said.at)
        return Disposition.FOLDED

    def _session_ended(self, event: FfmpegSessionEnded, offset: int, arrival: Arrival) -> Disposition:
        said = self._said(event, arrival, offset)
        self._encoder.ended(event, said)
        self._take_sessions()
        self._row_count -= 1
        self._touch(said.station, said.at)
        return Disposition.FOLDED

    def _session_resumed(self, event: FfmpegSessionResumed, offset: int, arrival: Arrival) -> Disposition:
        said = self._said(event, arrival, offset)
        self._encoder.resumed(event)
        self._row_count -= 1
        self._touch(said.station, said.at)
        return Disposition.FOLDED

    def _take_sessions(self) -> None:
        for session in self._encoder.take_sessions():
            self._sessions[session["session_key"]] = session

    def _dead_letter(self, rejected: Rejected, outcome: Outcome, arrival: Arrival, line: RawLine | None) -> None:
        self.is_rubbish = self._rejected.add(outcome.start, outcome.end)
        data = line.data if line is not None and line.start == outcome.start else None
        self._copied["dead_letters"].append(
            dead_letter(self._context, outcome.start, outcome.end, data, rejected, arrival.at)
        )
