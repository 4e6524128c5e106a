"""Plain lines straight to rows: what parser and `BatchBuilder` make of them, several times faster. Pure.

Most of a row is the same from line to line: what follows from who speaks (service, station, host, level, name and
unit of a metric) is found once and remembered.
"""

from collections import defaultdict
from collections.abc import MutableMapping
from datetime import datetime, tzinfo
from typing import NamedTuple, TypeAlias

from ingest.batch import Row
from ingest.copy_text import field
from ingest.file_context import FileContext
from ingest.fit import (
    HOST_LIMIT,
    METRIC_NAME_LIMIT,
    PLAY_ID_LIMIT,
    PLAY_TEXT_LIMIT,
    SERVICE_LIMIT,
    STATION_LIMIT,
    UNIT_LIMIT,
    play_key,
    track_key,
)
from parsers import timestamps
from parsers.json_events import redacted_id
from parsers.json_fields import redacted_context, redacted_text
from parsers.plain_events import PlainRecord, PlainStart, plain_event, plain_severity
from parsers.plain_metrics import MARK, has_plain_level, plain_metric, plain_utc
from parsers.template import template_of

_Said: TypeAlias = tuple[str, str | None, str | None, str | None, str | None, str | None]
MOST_REMEMBERED = 4096
# After so many lines in a row that are no plain events, the others are not tried as such.
MOST_MISSES = 100


class _Frame(NamedTuple):
    """What surrounds time, value and offset in the rows of one metric, and its station."""

    before_value: str
    behind_value: str
    station: str


class _Speaker(NamedTuple):
    """What the rows of events have of who says them. `severity`: empty for records that are below the threshold."""

    severity: str
    service: str
    station: str
    host: str


class Taken(NamedTuple):
    """What became of the lines that were taken.

    Attributes:
        metrics: rows of `system_metrics`, as COPY's text, each with its line feed.
        metric_times: of these rows, by station.
        errors: rows of `error_log`.
        plays: rows of `play_history`.
        touched: times of these two, by station.
        below_threshold: records that are no row.
    """

    metrics: list[str]
    metric_times: dict[str, list[datetime]]
    errors: list[Row]
    plays: list[Row]
    touched: dict[str, list[datetime]]
    below_threshold: int

    @property
    def stored(self) -> int:
        """Lines that are rows."""
        return len(self.metrics) + len(self.errors) + len(self.plays)


class PlainLines:
    """Takes the plain lines of one file.

    Args:
        context: the file, and what stands in for what a line does not say.
        seqs_by_run: where the producers' numbers are collected; the builder's.
        zone: of times that name none.
    """

    def __init__(self, context: FileContext, seqs_by_run: MutableMapping[str, list[int]], zone: tzinfo) -> None:
        self._context = context
        self._generation = context.generation
        self._seqs_by_run = seqs_by_run
        self._zone = zone
        self._frames: dict[_Said, _Frame | None] = {}
        self._speakers: dict[tuple[object, ...], _Speaker | None] = {}
        self._misses = 0
        self._clear()

    def _clear(self) -> None:
        self._metrics: list[str] = []
        self._metric_times: defaultdict[str, list[datetime]] = defaultdict(list)
        self._errors: list[Row] = []
        self._plays: list[Row] = []
        self._touched: defaultdict[str, list[datetime]] = defaultdict(list)
        self._below_threshold = 0

    @property
    def row_count(self) -> int:
        """Rows since `take_rows` was last called."""
        return len(self._metrics) + len(self._errors) + len(self._plays)

    def take(self, data: bytes, start: int) -> bool:
        """Make the row of a line, if it is a plain one.

        Args:
            data: the line out of a chunk that `may_be_plain`, without its line feed.
            start: its offset.

        Returns:
            Whether the line is done with.
        """
        if MARK not in data:
            return self._misses < MOST_MISSES and self._take_event(data, start)
        if (said := plain_metric(data)) is None or (at := plain_utc(said.timestamp)) is None:
            return False
        key = (said.metric_name, said.unit, said.service, said.station, said.host, said.level)
        try:
            frame = self._frames[key]
        except KeyError:
            frame = self._learn(key)
        if frame is None:
            return False
        self._metrics.append(f"{said.timestamp}{frame[0]}{said.metric_value}{frame[1]}{start}\n")
        self._metric_times[frame[2]].append(at)
        if said.seq is not None and said.run_id:
            self._seqs_by_run[redacted_text(said.run_id)].append(said.seq)
        return True

    def take_rows(self) -> Taken:
        """What became of the lines that were taken since this was last asked."""
        taken = Taken(
            self._metrics, dict(self._metric_times), self._errors, self._plays, dict(self._touched),
            self._below_threshold,
        )  # fmt: skip
        self._clear()
        return taken

    def _learn(self, said: _Said) -> _Frame | None:
        name, level = said[0], said[-1]
        own_name, own_unit = redacted_text(name), said[1] and redacted_text(said[1])
        who = self._who(*said[2:5])
        if len(self._frames) >= MOST_REMEMBERED:
            self._frames.clear()
        frame = None
        if (
            name and who is not None and has_plain_level(level)
            and len(own_name) <= METRIC_NAME_LIMIT and len(own_unit or "") <= UNIT_LIMIT
        ):  # fmt: skip
            service, station, host = who
            row = [own_unit, service, None, station, host, "exact", self._generation]
            behind = "\t" + "".join(f"{field(value)}\t" for value in row)
            frame = _Frame(f"\t{field(own_name)}\t", behind, station)
        self._frames[said] = frame
        return frame

    def _who(self, service: str | None, station: str | None, host: str | None) -> tuple[str, str, str] | None:
        """Service, station and host as rows have them; None where one does not fit into its column.

        As `Fields` and `BatchBuilder` have it: redacted, then the file's default for what is empty.
        """
        service = (service and redacted_text(service)) or self._context.service
        station = (station and redacted_text(station)) or self._context.station
        host = (host and redacted_text(host)) or self._context.host
        fits = len(service) <= SERVICE_LIMIT and len(station) <= STATION_LIMIT and len(host) <= HOST_LIMIT
        return (service, station, host) if fits else None

    # -- track starts and records ------------------------------------------------------------------------------------

    def _take_event(self, data: bytes, start: int) -> bool:
        if (said := plain_event(data)) is None:
            self._misses += 1
            return False
        self._misses = 0
        key = (said.level, said.kind, said.service, said.station, said.host)
        try:
            speaker = self._speakers[key]
        except KeyError:
            speaker = self._learn_speaker(said)
            self._speakers[key] = speaker
        at, quality = plain_utc(said.timestamp), "exact"
        if at is None:
            at, found = timestamps.parse(said.timestamp, zone=self._zone)
            quality = found.value
        if speaker is None or at is None:
            return False
        if isinstance(said, PlainStart):
            if not self._add_play(said, speaker, at, quality, start):
                return False
        elif not speaker.severity:
            self._below_threshold += 1
        elif not self._add_error(said, speaker, at, quality, start):
            return False
        if said.seq is not None and said.run_id:
            self._seqs_by_run[redacted_text(said.run_id)].append(said.seq)
        return True

    def _learn_speaker(self, said: PlainStart | PlainRecord) -> _Speaker | None:
        if len(self._speakers) >= MOST_REMEMBERED:
            self._speakers.clear()
        who, severity = self._who(said.service, said.station, said.host), plain_severity(said)
        if who is None or severity is None:
            return None
        stored = self._context.stored_severity(severity, explicit=said.kind == "error")
        return _Speaker(stored.value if stored else "", *who)

    def _add_play(self, said: PlainStart, speaker: _Speaker, at: datetime, quality: str, start: int) -> bool:
        artist, title = redacted_text(said.artist), redacted_text(said.title)
        album, play_id = said.album and redacted_text(said.album), said.play_id and redacted_id(said.play_id)
        if max(len(artist), len(title), len(album or "")) > PLAY_TEXT_LIMIT or len(play_id or "") > PLAY_ID_LIMIT:
            return False
        generation, length = self._generation, said.duration
        _, service, station, host = speaker
        self._plays.append(
            (track_key(artist, title), artist, title, album, None, None, at, None if length is None else float(length),
             None, None, station, service, host, play_id, play_key(play_id, at, generation, start), quality,
             generation, start)
        )  # fmt: skip
        self._touched[station].append(at)
        return True

    def _add_error(self, said: PlainRecord, speaker: _Speaker, at: datetime, quality: str, start: int) -> bool:
        message, play_id = redacted_text(said.event), said.play_id and redacted_id(said.play_id)
        if len(play_id or "") > PLAY_ID_LIMIT:
            return False
        severity, service, station, host = speaker
        self._errors.append(
            (at, service, severity, message, redacted_context(said.context) if said.context else None, None, station,
             host, play_id, None, template_of(message), False, 1, quality, self._generation, start)
        )  # fmt: skip
        self._touched[station].append(at)
        return True
