"""The facts of a synthetic station from a fixed seed: what its services and FFmpeg would have logged. No database.

Planted: crashes, stops, silent hours of the whole machine, planned work, encoder restarts that no listener hears,
bursts of errors, tracks that repeat at once, gaps between tracks that are none. Times are whole seconds since 1970.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Berlin")
STATION = "Year FM"
MINUTE, HOUR, DAY = 60, 3600, 86_400
TRACKS = tuple((f"Artist {number % 120}", f"Title {number}") for number in range(400))
ENCODER_METRICS = ("ffmpeg_fps", "ffmpeg_speed", "ffmpeg_bitrate_kbps")
HOST_METRICS = ("cpu_percent", "listeners")


class Play(NamedTuple):
    """`end` is when it really ended, `said_end` whether a line says so."""

    start: int
    end: int
    artist: str
    title: str
    seconds: int
    play_id: str
    said_end: bool
    said_errors: bool


class Problem(NamedTuple):
    """A row of the error log."""

    at: int
    service: str
    severity: str
    message: str
    template: str
    category: str
    occurrences: int = 1
    noise: bool = False


class Session(NamedTuple):
    """An FFmpeg process."""

    start: int
    end: int
    end_kind: str
    cause: str
    frames: int
    drop_frames: int
    dup_frames: int
    speed_average: float
    speed_worst: float


class Sample(NamedTuple):
    """A metric in thousandths. `low` and `high` reach between the samples; where nothing is said they are the value."""

    at: int
    name: str
    value: int
    low: int
    high: int


class Hole(NamedTuple):
    """A planted time in which something is wrong: crash, stop, silence, planned or blink."""

    start: int
    end: int
    kind: str


@dataclass
class Facts:
    """What happened from `start` to `end`, in order of time.

    Attributes:
        every_seconds: between samples of the encoder; the host's are a minute apart.
    """

    start: int
    end: int
    seed: int
    every_seconds: int
    holes: list[Hole] = field(default_factory=list)
    plays: list[Play] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)

    def metrics(self) -> Iterator[Sample]:
        """All samples; the same every time. Too many to keep."""
        dice = random.Random(self.seed + 1)
        bases = {"ffmpeg_fps": (29_000, 2000), "ffmpeg_speed": (970, 60), "ffmpeg_bitrate_kbps": (2_300_000, 400_000),
                 "cpu_percent": (20_000, 45_000)}  # fmt: skip
        spread = dice.random
        for session in self.sessions:
            for at in range(session.start + self.every_seconds, session.end, self.every_seconds):
                for name in ENCODER_METRICS:
                    base, width = bases[name]
                    value = base + int(spread() * width)
                    yield Sample(at, name, value, value - 100, value + 50)
        silences = [hole for hole in self.holes if hole.kind == "silence"]
        listeners = 40
        for at in range(self.start, self.end, MINUTE):
            if any(hole.start < at < hole.end for hole in silences):
                continue
            base, width = bases["cpu_percent"]
            value = base + int(spread() * width)
            yield Sample(at, "cpu_percent", value, value, value)
            listeners = max(1, min(900, listeners + int(spread() * 7) - 3))
            yield Sample(at, "listeners", listeners * 1000, listeners * 1000, listeners * 1000)


def make(first: date, days: int, *, every_seconds: int, seed: int = 20261125) -> Facts:
    """The facts of some local calendar days.

    Args:
        first: the first day.
        days: how many, at least 8.
        every_seconds: between the encoder's samples.
        seed: the same gives the same.
    """
    dice = random.Random(seed)
    start, end = (int(datetime.combine(day, time(), ZONE).timestamp()) for day in (first, first + timedelta(days=days)))
    facts = Facts(start, end, seed, every_seconds)
    facts.holes = _holes(dice, start, end, days)
    facts.plays = _plays(dice, facts)
    facts.sessions = _sessions(dice, facts)
    facts.problems = _problems(dice, facts)
    return facts


def _holes(dice: random.Random, start: int, end: int, days: int) -> list[Hole]:
    """Some a week, in hours that no calendar day's end touches, each in a day of its own."""
    kinds = (("crash", 11, 900), ("blink", 3, 4), ("crash", 45, HOUR), ("planned", 600, HOUR), ("stop", 12, 300),
             ("silence", 1200, 6 * HOUR))  # fmt: skip
    holes = []
    for number in range(1, days):
        kind, shortest, longest = kinds[number % len(kinds)]
        at = start + number * DAY + dice.randrange(3 * HOUR, 14 * HOUR)
        holes.append(Hole(at, at + dice.randint(shortest, longest), kind))
        if kind == "crash":  # back for half a minute: one outage
            back = holes[-1].end + dice.randint(20, 50)
            holes.append(Hole(back, back + dice.randint(20, 200), "crash"))
    return [hole for hole in holes if hole.end < end - DAY / 2]


def _plays(dice: random.Random, facts: Facts) -> list[Play]:
    plays: list[Play] = []
    stops = [hole for hole in facts.holes if hole.kind != "blink"]
    weights = [1 / (number + 1) ** 0.5 for number in range(len(TRACKS))]
    chosen = dice.choices(TRACKS, weights, k=(facts.end - facts.start) // 100)
    at = facts.start
    while at < facts.end:
        number = len(plays)
        artist, title = (plays[-1].artist, plays[-1].title) if number % 997 == 500 else chosen[number]
        seconds = dice.randint(110, 250)
        stop = next((hole for hole in stops if hole.start > at), Hole(facts.end, facts.end, "stop"))
        gap = dice.randint(1, 9) if dice.random() < 0.05 else 0
        until, resume = at + seconds, at + seconds + gap
        cut = resume + 15 > stop.start
        if cut:
            until, resume = stop.start, stop.end
            seconds = max(seconds, until - at)
            stops = [hole for hole in stops if hole is not stop]
        said = bool(gap) if not cut else stop.kind != "crash"
        plays.append(Play(at, until, artist, title, seconds, f"{number:08x}-0000-4000-8000-000000000000", said,
                          said and dice.random() < 0.05))  # fmt: skip
        at = resume
    return plays


def _sessions(dice: random.Random, facts: Facts) -> list[Session]:
    sessions: list[Session] = []
    at = facts.start
    ends = {"crash": "failed", "blink": "failed", "planned": "finished", "silence": "signal"}
    for hole in [*(hole for hole in facts.holes if hole.kind in ends), Hole(facts.end, facts.end, "end")]:
        kind = ends.get(hole.kind, "running")
        cause = f"Broken pipe {len(sessions)}" if kind == "failed" else ""
        sessions.append(
            Session(at, hole.start, kind, cause, (hole.start - at) * 30, dice.randrange(100), dice.randrange(10),
                    dice.randint(90, 110) / 100, dice.randint(40, 90) / 100)
        )  # fmt: skip
        at = hole.end
    return sessions


def _problems(dice: random.Random, facts: Facts) -> list[Problem]:
    problems = [
        Problem(hole.start + 1, "ffmpeg", "critical", f"rtmp broke at {hole.start}", "rtmp broke at <n>", "network")
        for hole in facts.holes
        if hole.kind == "crash"
    ]
    for start in range(facts.start, facts.end, DAY):
        for _ in range(dice.randint(2, 12)):
            at = start + dice.randrange(DAY)
            severity = dice.choice(("warning", "warning", "error", "info"))
            number = dice.randrange(6)
            problems.append(Problem(at, f"service-{number % 3}", severity, f"odd {number}: {at}", f"odd {number}: <n>",
                                    "", dice.choice((1, 1, 1, 5))))  # fmt: skip
        problems.append(Problem(start + 30, "ffmpeg", "warning", "banner", "banner", "", noise=True))
    for number, start in enumerate(range(facts.start + 5 * DAY, facts.end, 9 * DAY)):
        problems += [
            Problem(start + 7 * HOUR + 2 * step, "playout", "error", f"burst {number}.{step}", f"burst {number}.<n>",
                    "input")
            for step in range(dice.randint(100, 600))
        ]  # fmt: skip
    silences = [hole for hole in facts.holes if hole.kind == "silence"]
    return sorted(
        problem
        for problem in problems
        if problem.at < facts.end and not any(hole.start < problem.at < hole.end for hole in silences)
    )
