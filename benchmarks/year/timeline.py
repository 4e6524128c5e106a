"""Uptime recounted in plain Python, as docs/uptime.md says it: one byte a second. Independent of the SQL on purpose."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from benchmarks.year.station import ZONE, Facts, Sample

UP, DOWN, UNKNOWN, MAINTENANCE = range(4)
NAMES = ("up", "down", "unknown", "maintenance")
GAP_SECONDS, EVIDENCE_SECONDS, FLAP_SECONDS = 10, 120, 60


class Outage(NamedTuple):
    """From the first second off the air to the last, and how many of them were."""

    start: int
    end: int
    down_seconds: int


class Timeline:
    """What each second of a station was.

    Args:
        facts: of the station.
        samples: of its host, as evidence that something ran; those of FFmpeg lie within its sessions.
    """

    def __init__(self, facts: Facts, samples: Iterable[Sample]) -> None:
        self._facts = facts
        length = facts.end - facts.start
        known, self._states = bytearray(length), bytearray([DOWN]) * length
        lines = [(sample.at, sample.at) for sample in samples]
        lines += [(problem.at, problem.at) for problem in facts.problems]
        lines += [(play.start, play.start) for play in facts.plays]
        lines += [(play.end, play.end) for play in facts.plays if play.said_end]
        lines += [(session.start, session.end) for session in facts.sessions]
        for first, last in lines:
            _mark(known, first - EVIDENCE_SECONDS - facts.start, last + EVIDENCE_SECONDS - facts.start, 1)
        for play in facts.plays:
            _mark(self._states, play.start - facts.start, play.end - facts.start, UP)
        for hole in facts.holes:
            if hole.kind == "planned":
                _mark(self._states, hole.start - facts.start, hole.end - facts.start, MAINTENANCE)
        self._judge_gaps(known)

    def _judge_gaps(self, known: bytearray) -> None:
        states, at = self._states, 0
        while (at := states.find(DOWN, at)) >= 0:
            end = at
            while end < len(states) and states[end] == DOWN and known[end] == known[at]:
                end += 1
            if not known[at]:
                states[at:end] = bytes([UNKNOWN]) * (end - at)
            elif end - at <= GAP_SECONDS:
                states[at:end] = bytes(end - at)
            at = end

    def seconds(self, start: int, end: int) -> dict[str, float]:
        """Seconds of each state in a window."""
        part = self._states[start - self._facts.start : end - self._facts.start]
        return {name: float(part.count(state)) for state, name in enumerate(NAMES)}

    def outages(self, start: int, end: int) -> list[Outage]:
        """Those of a window, short returns joined."""
        states, base = self._states, self._facts.start
        found: list[Outage] = []
        at = start - base
        while (at := states.find(DOWN, at, end - base)) >= 0:
            until = at
            while until < end - base and states[until] == DOWN:
                until += 1
            last = found[-1] if found else None
            if last and states.count(UP, last.end - base, at) < FLAP_SECONDS:
                found[-1] = Outage(last.start, until + base, last.down_seconds + until - at)
            else:
                found.append(Outage(at + base, until + base, until - at))
            at = until
        return found

    def bridged_crashes(self, start: int, end: int) -> int:
        """Encoders that failed and were back before anybody could call it an outage."""
        outages = self.outages(start, end)
        return sum(
            session.end_kind == "failed"
            and start <= session.end < end
            and not any(outage.start - GAP_SECONDS <= session.end <= outage.end for outage in outages)
            for session in self._facts.sessions
        )

    def encoder_seconds(self, start: int, end: int) -> float:
        """With an encoder at work."""
        return float(sum(max(0, min(s.end, end) - max(s.start, start)) for s in self._facts.sessions))


def _mark(line: bytearray, start: int, end: int, value: int) -> None:
    first, last = max(0, start), min(len(line), end)
    if first < last:
        line[first:last] = bytes([value]) * (last - first)


def midnight(day: date) -> int:
    """When a local day begins."""
    return int(datetime.combine(day, time(), ZONE).timestamp())


def day_of(at: int) -> date:
    """The local day of a second."""
    return datetime.fromtimestamp(at, ZONE).date()


def days_between(start: int, end: int) -> list[date]:
    """The local days that a window touches."""
    first, last = day_of(start), day_of(end - 1)
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def percentile(counts: Counter[int], share: float) -> int:
    """The smallest value that at least this share of the counted ones do not exceed."""
    ordered, total, so_far = sorted(counts), counts.total(), 0
    for value in ordered:
        so_far += counts[value]
        if so_far >= share * total:
            return value
    return 0


def running_at(starts: list[int], at: int) -> int:
    """The index of the last start that is not behind a second; -1 where there is none."""
    return bisect_right(starts, at) - 1
