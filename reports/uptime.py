"""Playout uptime as values (docs/uptime.md). The arithmetic is SQL (`sql/uptime.sql`); this only gives it its names."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from reports.reader import Reader, Row
from reports.window import Window

EVIDENCE_SECONDS = 120.0
FLAP_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Seconds:
    """How a span of time was spent."""

    up: float = 0.0
    down: float = 0.0
    unknown: float = 0.0
    maintenance: float = 0.0

    @property
    def service(self) -> float:
        """Time that counts: all but maintenance."""
        return self.up + self.down + self.unknown

    @property
    def uptime_percent(self) -> float:
        """Share of the known service time that was on air; 0 where nothing is known."""
        known = self.up + self.down
        return 100.0 * self.up / known if known > 0 else 0.0

    @property
    def coverage_percent(self) -> float:
        """Share of the service time that is known; 0 where there was none."""
        return 100.0 * (self.up + self.down) / self.service if self.service > 0 else 0.0

    def __add__(self, other: "Seconds") -> "Seconds":
        return Seconds(
            self.up + other.up,
            self.down + other.down,
            self.unknown + other.unknown,
            self.maintenance + other.maintenance,
        )


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of one state: up, down, unknown or maintenance."""

    station: str
    state: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Outage:
    """Time off the air, shorter returns of less than a minute included.

    Attributes:
        down_seconds: known to be down: less than the whole, where part is unknown, planned, or a short return.
        continued: it had begun before the window.
        ongoing: it had not ended when the figures were made.
        cause: the encoder's exit or the error nearest to its start; empty when nothing was logged.
        source: encoder or log, or empty.
    """

    station: str
    start: datetime
    end: datetime
    down_seconds: float
    continued: bool
    ongoing: bool
    cause: str
    category: str
    source: str


@dataclass(frozen=True, slots=True)
class Uptime:
    """Uptime of a window. Without a station's name: sums over stations."""

    total: Seconds = Seconds()
    by_station: dict[str, Seconds] = field(default_factory=dict)
    by_day: dict[date, Seconds] = field(default_factory=dict)
    spans: tuple[Span, ...] = ()
    outages: tuple[Outage, ...] = ()
    bridged_crashes: int = 0
    encoder_seconds: float = 0.0
    encoder_in_service_seconds: float = 0.0

    @property
    def outage_count(self) -> int:
        """Outages that began in the window."""
        return sum(not outage.continued for outage in self.outages)

    @property
    def interruptions(self) -> int:
        """Outages that began here, and encoder crashes so short that no outage shows them."""
        return self.outage_count + self.bridged_crashes

    @property
    def encoder_percent(self) -> float:
        """Share of the service time with encoder progress; 0 where there was none. It may run before the first play."""
        return min(100.0, 100 * self.encoder_in_service_seconds / self.total.service) if self.total.service else 0.0

    @property
    def mean_time_to_repair_seconds(self) -> float:
        """MTTR: time down for each outage; 0 without one."""
        return self.total.down / self.outage_count if self.outage_count else 0.0

    @property
    def mean_time_between_failures_seconds(self) -> float:
        """MTBF: time up for each outage; 0 without one."""
        return self.total.up / self.outage_count if self.outage_count else 0.0

    @property
    def longest_outage_seconds(self) -> float:
        """Time down of the longest outage."""
        return max((outage.down_seconds for outage in self.outages), default=0.0)

    def budget_left_seconds(self, slo_percent: float) -> float:
        """What may still be down before the target is missed; negative when it is missed.

        Args:
            slo_percent: the target.
        """
        return (1 - slo_percent / 100) * (self.total.up + self.total.down) - self.total.down


@dataclass(frozen=True, slots=True)
class Rules:
    """The thresholds of the definition, in seconds."""

    gap_seconds: float
    max_open_seconds: float
    evidence_seconds: float = EVIDENCE_SECONDS
    flap_seconds: float = FLAP_SECONDS


def read_uptime(
    reader: Reader, window: Window, *, now: datetime, zone: str, rules: Rules, station: str | None = None
) -> Uptime:
    """Uptime of a window; what lies behind `now` does not count.

    Args:
        reader: the database.
        window: the span.
        now: the present.
        zone: of the calendar days, an IANA name.
        rules: thresholds.
        station: None: all of them.

    Raises:
        DatabaseError: PostgreSQL cannot be reached or refused.
    """
    end = min(window.end, now)
    if window.start >= end:
        return Uptime()
    around = timedelta(seconds=rules.evidence_seconds)
    parameters: dict[str, Any] = {
        "station": station, "from_time": window.start, "to_time": end, "now": now, "zone": zone,
        "evidence_from": window.start - around, "evidence_to": end + around,
        "gap_seconds": rules.gap_seconds, "max_open_seconds": rules.max_open_seconds,
        "evidence_seconds": rules.evidence_seconds, "flap_seconds": rules.flap_seconds,
    }  # fmt: skip
    by_kind: dict[str, list[Row]] = defaultdict(list)
    for row in reader.rows("uptime.sql", "playout", parameters):
        by_kind[row["kind"]].append(row)
    found = by_kind["outage"]
    parameters |= {
        "stations": [row["station"] for row in found],
        "from_times": [row["from_time"] for row in found],
        "to_times": [row["to_time"] for row in found],
    }
    causes = reader.rows("uptime.sql", "causes", parameters) if found else []
    encoder = reader.one("uptime.sql", "encoder_seconds", parameters)
    by_station = {station: _seconds(rows) for station, rows in _grouped(by_kind["total"], "station").items()}
    return Uptime(
        total=sum(by_station.values(), Seconds()),
        by_station=by_station,
        by_day={day: _seconds(rows) for day, rows in sorted(_grouped(by_kind["day"], "day").items())},
        spans=tuple(Span(row["station"], row["state"], row["from_time"], row["to_time"]) for row in by_kind["span"]),
        outages=tuple(_outage(row, cause) for row, cause in zip(found, causes, strict=True)),
        bridged_crashes=sum(row["crashes"] for row in reader.rows("uptime.sql", "bridged_crashes", parameters)),
        encoder_seconds=encoder["seconds"],
        encoder_in_service_seconds=encoder["in_service_seconds"],
    )


def _grouped(rows: Iterable[Row], key: str) -> dict[Any, list[Row]]:
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row[key]].append(row)
    return groups


def _seconds(rows: Sequence[Row]) -> Seconds:
    by_state = {"up": 0.0, "down": 0.0, "unknown": 0.0, "maintenance": 0.0}
    for row in rows:
        by_state[row["state"]] += row["seconds"]
    return Seconds(**by_state)


_ENDS = {
    "crash": "the encoder failed",
    "encoder_exit": "the encoder stopped",
    "event": "the track ended and none followed",
}


def _outage(row: Row, cause: Row) -> Outage:
    return Outage(
        station=row["station"],
        start=row["from_time"],
        end=row["to_time"],
        down_seconds=row["seconds"],
        continued=row["continued"],
        ongoing=row["ongoing"],
        cause=cause["cause"] or _ENDS.get(row["ended_by"], ""),
        category=cause["category"],
        source=cause["source"],
    )
