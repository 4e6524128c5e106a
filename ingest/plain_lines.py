"""Plain metrics straight to the text of their rows: what `BatchBuilder` makes of them, in a sixth of the time. Pure.

Most of a row is the same from line to line: all but time, value and offset is made once for each metric and remembered.
"""

from collections import defaultdict
from collections.abc import MutableMapping
from datetime import datetime
from typing import NamedTuple, TypeAlias

from ingest.copy_text import field
from ingest.fit import HOST_LIMIT, METRIC_NAME_LIMIT, SERVICE_LIMIT, STATION_LIMIT, UNIT_LIMIT
from parsers.json_fields import redacted_text
from parsers.plain_metrics import MARK, has_plain_level, plain_metric, plain_utc

_Said: TypeAlias = tuple[str, str | None, str | None, str | None, str | None, str | None]
MOST_REMEMBERED = 4096


class _Frame(NamedTuple):
    """What surrounds time, value and offset in the rows of one metric, and where its times are collected."""

    before_value: str
    behind_value: str
    times: list[datetime]


class PlainLines:
    """Takes the plain metrics of one file.

    Args:
        generation: of the file.
        station, service, host: what stands in for what a line does not say.
        seqs_by_run: where the producers' numbers are collected; the builder's.

    Attributes:
        rows: of `system_metrics`, as COPY's text, each with its line feed.
        times: of the rows, by station.
    """

    def __init__(
        self, generation: int, station: str, service: str, host: str, seqs_by_run: MutableMapping[str, list[int]]
    ) -> None:
        self._generation = generation
        self._defaults = station, service, host
        self._seqs_by_run = seqs_by_run
        self.rows: list[str] = []
        self.times: defaultdict[str, list[datetime]] = defaultdict(list)
        self._frames: dict[_Said, _Frame | None] = {}

    def take(self, data: bytes, start: int) -> bool:
        """Make the row of a line, if it is a plain metric.

        Args:
            data: the line out of a chunk that `may_be_plain`, without its line feed.
            start: its offset.

        Returns:
            Whether the line is done with.
        """
        if MARK not in data or (said := plain_metric(data)) is None or (at := plain_utc(said.timestamp)) is None:
            return False
        key = (said.metric_name, said.unit, said.service, said.station, said.host, said.level)
        try:
            frame = self._frames[key]
        except KeyError:
            frame = self._learn(key)
        if frame is None:
            return False
        self.rows.append(f"{said.timestamp}{frame[0]}{said.metric_value}{frame[1]}{start}\n")
        frame[2].append(at)
        if said.seq is not None and said.run_id:
            self._seqs_by_run[redacted_text(said.run_id)].append(said.seq)
        return True

    def take_rows(self) -> tuple[list[str], dict[str, list[datetime]]]:
        """The rows and their times by station since this was last asked."""
        rows, times = self.rows, {station: found for station, found in self.times.items() if found}
        self.rows = []
        self.times.clear()
        self._frames.clear()  # they hold the lists of times
        return rows, times

    def _learn(self, said: _Said) -> _Frame | None:
        name, level = said[0], said[-1]
        # As `Fields` and `BatchBuilder` have it: redacted, then the file's default for what is empty.
        own_name, own_unit, service, station, host = (text and redacted_text(text) for text in said[:-1])
        station, service, host = (
            text or default for text, default in zip((station, service, host), self._defaults, strict=True)
        )
        limits = (
            (own_name, METRIC_NAME_LIMIT), (own_unit, UNIT_LIMIT), (service, SERVICE_LIMIT), (station, STATION_LIMIT),
            (host, HOST_LIMIT),
        )  # fmt: skip
        if len(self._frames) >= MOST_REMEMBERED:
            self._frames.clear()
        fits = bool(name) and has_plain_level(level) and all(len(text or "") <= limit for text, limit in limits)
        frame = None
        if fits:
            row = [own_unit, service, None, station, host, "exact", self._generation]
            frame = _Frame(
                f"\t{field(own_name)}\t", "\t" + "".join(f"{field(value)}\t" for value in row), self.times[station]
            )
        self._frames[said] = frame
        return frame
