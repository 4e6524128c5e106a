"""The report as a value: what it says, in words and numbers, without any markup. Pure: figures in, `Report` out."""

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer in one sentence. `tone`: good, fair, bad or empty."""

    tone: str
    sentence: str
    advice: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Kpi:
    """A key figure.

    Attributes:
        value: of the period, as text; `number` is the figure itself.
        change: against the period before, as text; empty where that cannot be compared.
        tone: whether the change is for the better: better, worse, same or none.
        series: the figure of each day, None where a day has none.
        series_label: what the series shows.
    """

    label: str
    value: str
    number: float
    previous: str
    change: str
    tone: str
    series: tuple[float | None, ...]
    series_label: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a day, from 0 (its midnight) to 1 (the next), in one state: up, down, unknown, maintenance."""

    state: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class StripDay:
    """A calendar day of a station. `hours`: its length, 23 to 25."""

    day: date
    hours: float
    pieces: tuple[Piece, ...]
    uptime_percent: float
    down_seconds: float
    unknown_seconds: float


@dataclass(frozen=True, slots=True)
class Strip:
    """The on-air strip of a station."""

    station: str
    days: tuple[StripDay, ...]


@dataclass(frozen=True, slots=True)
class OutageLine:
    """An outage. Text from logs is as it was logged; whoever renders it makes it harmless."""

    station: str
    start: datetime
    end: datetime
    seconds: float
    down_seconds: float
    cause: str
    category: str
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TrackLine:
    """A track and how often it played."""

    artist: str
    title: str
    plays: int
    seconds: float
    last_played_at: datetime


@dataclass(frozen=True, slots=True)
class RepeatLine:
    """A track and how soon it came again."""

    artist: str
    title: str
    plays: int
    shortest_seconds: float
    median_seconds: float


@dataclass(frozen=True, slots=True)
class RetentionLine:
    """A track and what it did to the number of listeners."""

    artist: str
    title: str
    plays: int
    percent: float


@dataclass(frozen=True, slots=True)
class TemplateLine:
    """An error without its variable parts. `previous`: its count in the period before; `new`: never seen before."""

    template: str
    example: str
    service: str
    severity: str
    category: str
    count: int
    previous: int
    new: bool
    first_seen: datetime
    last_seen: datetime
    by_day: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Fact:
    """A label and what stands behind it."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Heat:
    """A week of hours: seven rows from Monday, 24 columns. `unit` in the plural."""

    title: str
    unit: str
    cells: tuple[tuple[int, ...], ...]

    @property
    def total(self) -> int:
        """Sum of all cells."""
        return sum(map(sum, self.cells))


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that any rendering shows.

    Attributes:
        empty: nothing at all was logged in the period.
        comparable: the period before has data enough to be compared with.
    """

    title: str
    scope: str
    zone: str
    start: datetime
    end: datetime
    generated_at: datetime
    empty: bool
    comparable: bool
    verdict: Verdict
    kpis: tuple[Kpi, ...]
    days: tuple[date, ...]
    strips: tuple[Strip, ...]
    outages: tuple[OutageLine, ...]
    heat_maps: tuple[Heat, ...]
    plays_by_hour: tuple[int, ...]
    tracks: tuple[TrackLine, ...]
    repeats: tuple[RepeatLine, ...]
    retention: tuple[RetentionLine, ...]
    templates: tuple[TemplateLine, ...]
    encoder: tuple[Fact, ...]
    encoder_speed: tuple[float | None, ...]
    host: tuple[Fact, ...]
    coverage: tuple[Fact, ...]
    definitions: tuple[Fact, ...]

    @property
    def length_seconds(self) -> float:
        """Of the period."""
        return (self.end - self.start).total_seconds()

    @property
    def weekdays(self) -> tuple[int, ...]:
        """Those that the period touches, 0 for Monday: rows of the heat maps."""
        return tuple(sorted({day.weekday() for day in self.days}))
