"""Every figure of `Analytics`, counted anew from the facts in plain Python. Independent of the SQL on purpose.

Methods have the names and give the keys of `Analytics`; windows are seconds since 1970.
"""

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from benchmarks.year.loading import instant
from benchmarks.year.station import ENCODER_METRICS, STATION, ZONE, Facts, Play, Problem
from benchmarks.year.timeline import Timeline, day_of, days_between, midnight, percentile, running_at

WORST_FIRST = ("critical", "error", "warning", "info")


class Recount:
    """The figures of some windows.

    Args:
        facts: what happened.
        windows: all that will be asked of the metrics.
    """

    def __init__(self, facts: Facts, windows: Iterable[tuple[int, int]]) -> None:
        self.facts = facts
        self._values: dict[tuple[int, int], dict[str, Counter[int]]] = {
            window: defaultdict(Counter) for window in windows
        }
        self._listeners: list[tuple[int, int]] = []
        host = []
        for sample in facts.metrics():
            for (start, end), counters in self._values.items():
                if start <= sample.at < end:
                    counters[sample.name][sample.value] += 1
            if sample.name == "cpu_percent":
                host.append(sample)
            elif sample.name == "listeners":
                self._listeners.append((sample.at, sample.value // 1000))
        self.timeline = Timeline(facts, host)
        self._starts = [play.start for play in facts.plays]
        self._failed = self._plays_with_errors()

    def _plays_with_errors(self) -> set[int]:
        failed = {number for number, play in enumerate(self.facts.plays) if play.said_errors}
        for problem in self.facts.problems:
            number = running_at(self._starts, problem.at)
            serious = problem.severity in {"error", "critical"} and not problem.noise
            if serious and number >= 0 and problem.at <= self.facts.plays[number].end:
                failed.add(number)
        return failed

    def _plays(self, start: int, end: int) -> list[tuple[int, Play]]:
        return [(number, play) for number, play in enumerate(self.facts.plays) if start <= play.start < end]

    def _problems(self, start: int, end: int) -> list[Problem]:
        return [problem for problem in self.facts.problems if start <= problem.at < end and not problem.noise]

    def uptime_percent(self, start: int, end: int) -> float:
        """On air, of what is known."""
        seconds = self.timeline.seconds(start, end)
        return 100 * seconds["up"] / (seconds["up"] + seconds["down"])

    def coverage_percent(self, start: int, end: int) -> float:
        """Known, of what was in service."""
        seconds = self.timeline.seconds(start, end)
        known = seconds["up"] + seconds["down"]
        return 100 * known / (known + seconds["unknown"])

    def get_play_stats(self, start: int, end: int) -> dict[str, Any]:
        """See `Analytics`."""
        plays = self._plays(start, end)
        failed, total = sum(number in self._failed for number, _ in plays), sum(p.end - p.start for _, p in plays)
        return {
            "total_plays": len(plays), "unique_tracks": len({(p.artist, p.title) for _, p in plays}),
            "plays_with_errors": failed, "error_rate": 100 * failed / len(plays), "total_play_seconds": float(total),
            "average_duration_seconds": total / len(plays), "uptime_percent": self.uptime_percent(start, end),
            "coverage_percent": self.coverage_percent(start, end), "interruptions": self._interruptions(start, end),
        }  # fmt: skip

    def _interruptions(self, start: int, end: int) -> int:
        return len(self.timeline.outages(start, end)) + self.timeline.bridged_crashes(start, end)

    def get_most_played_tracks(self, start: int, end: int, limit: int) -> list[dict[str, Any]]:
        """See `Analytics`."""
        by_track: dict[tuple[str, str], list[Play]] = defaultdict(list)
        for _, play in self._plays(start, end):
            by_track[play.artist, play.title].append(play)
        ranked = sorted(by_track.items(), key=lambda item: (-len(item[1]), -item[1][-1].start))
        return [
            {"artist": artist, "title": title, "play_count": len(plays), "last_played_at": instant(plays[-1].start),
             "total_play_seconds": float(sum(play.end - play.start for play in plays))}
            for (artist, title), plays in ranked[:limit]
        ]  # fmt: skip

    def get_hourly_play_distribution(self, start: int, end: int) -> list[dict[str, Any]]:
        """See `Analytics`."""
        hours = Counter(_local_hour(play.start) for _, play in self._plays(start, end))
        return [{"hour_of_day": hour, "play_count": hours[hour]} for hour in range(24)]

    def get_track_history(self, artist: str, title: str, limit: int) -> list[Any]:
        """When it began, newest first."""
        found = [play.start for play in self.facts.plays if (play.artist, play.title) == (artist, title)]
        return [instant(at) for at in sorted(found, reverse=True)[:limit]]

    def get_repeat_distances(self, start: int, end: int, limit: int) -> list[tuple[Any, ...]]:
        """Artist, title, plays, shortest, median; the soonest first."""
        times: dict[tuple[str, str], list[int]] = defaultdict(list)
        for _, play in self._plays(start, end):
            times[play.artist, play.title].append(play.start)
        found = []
        for (artist, title), starts in times.items():
            apart = [b - a for a, b in pairwise(starts)]
            if apart:
                row = (artist, title, len(starts), float(min(apart)), float(statistics.median(apart)))
                found.append(((min(apart), -len(starts), f"{artist} - {title}".casefold()), row))
        return [row for _, row in sorted(found)[:limit]]

    def get_listener_retention(self, start: int, end: int) -> dict[tuple[str, str], tuple[Any, ...]]:
        """By track: plays heard, listeners at their starts and ends on average, percent kept."""
        heard: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
        counts = [(at, number) for at, number in self._listeners if start <= at < end]
        at = 0
        for _, play in self._plays(start, end):
            while at < len(counts) and counts[at][0] < play.start:
                at += 1
            inside = []
            while at < len(counts) and counts[at][0] < play.end:
                inside.append(counts[at][1])
                at += 1
            if inside:
                heard[play.artist, play.title].append((inside[0], inside[-1]))
        return {
            track: (len(pairs), _mean(a for a, _ in pairs), _mean(b for _, b in pairs),
                    100 * sum(b for _, b in pairs) / sum(a for a, _ in pairs))
            for track, pairs in heard.items()
        }  # fmt: skip

    def get_error_summary(self, start: int, end: int) -> list[dict[str, Any]]:
        """See `Analytics`."""
        groups: dict[tuple[str, str], list[Problem]] = defaultdict(list)
        for problem in self._problems(start, end):
            groups[problem.service, problem.severity].append(problem)
        rows = [
            {"service": service, "severity": severity, "error_count": sum(p.occurrences for p in found),
             "first_seen": instant(found[0].at), "last_seen": instant(found[-1].at)}
            for (service, severity), found in groups.items()
        ]  # fmt: skip
        return sorted(rows, key=lambda row: (-int(str(row["error_count"])), row["service"], row["severity"]))

    def get_error_timeline(self, start: int, end: int, severity: str | None) -> list[tuple[Any, ...]]:
        """Time and message, newest first."""
        found = [p for p in self._problems(start, end) if severity in {None, p.severity}]
        return sorted(((instant(p.at), p.message) for p in found), reverse=True)

    def get_error_templates(self, start: int, end: int) -> dict[tuple[str, str], tuple[Any, ...]]:
        """By service and template: worst severity, count, count before, new, counts by day."""
        found: dict[tuple[str, str], list[Problem]] = defaultdict(list)
        for problem in self.facts.problems:
            if problem.at < end and not problem.noise:
                found[problem.service, problem.template].append(problem)
        result = {}
        for key, problems in found.items():
            inside = [p for p in problems if start <= p.at and p.severity != "info"]
            if not inside:
                continue
            before = [p for p in problems if start - (end - start) <= p.at < start and p.severity != "info"]
            earlier = [p for p in problems if p.at < start - (end - start)]
            by_day = Counter[date]()
            for problem in inside:
                by_day[day_of(problem.at)] += problem.occurrences
            result[key] = (
                min((p.severity for p in inside), key=WORST_FIRST.index), sum(p.occurrences for p in inside),
                sum(p.occurrences for p in before), not before and not earlier,
                [by_day[day] for day in days_between(start, end)],
            )  # fmt: skip
        return result

    def errors(self, start: int, end: int) -> int:
        """Error and critical, repeats counted."""
        return sum(p.occurrences for p in self._problems(start, end) if p.severity in {"error", "critical"})

    def get_daily_summary(self, day: date) -> dict[str, Any]:
        """See `Analytics`."""
        start, end = midnight(day), midnight(day + timedelta(days=1))
        return {"date": day, **self.get_play_stats(start, end), "errors": self.errors(start, end),
                "top_tracks": self.get_most_played_tracks(start, end, 5)}  # fmt: skip

    def compared(self, start: int, end: int) -> dict[str, Any]:
        """What weeks are compared by."""
        stats = {**self.get_play_stats(start, end), "errors": self.errors(start, end)}
        names = ("total_plays", "unique_tracks", "uptime_percent", "coverage_percent", "interruptions", "errors")
        return {name: stats[name] for name in names}

    def get_uptime_by_day(self, first: date, last: date) -> list[dict[str, Any]]:
        """See `Analytics`."""
        rows = []
        for number in range((last - first).days + 1):
            day = first + timedelta(days=number)
            start, end = midnight(day), midnight(day + timedelta(days=1))
            seconds = self.timeline.seconds(start, end)
            rows.append({
                "date": day, "uptime_percent": self.uptime_percent(start, end),
                "coverage_percent": self.coverage_percent(start, end),
                **{f"{name}_seconds": value for name, value in seconds.items()},
            })  # fmt: skip
        return rows

    def get_uptime(self, start: int, end: int, slo_percent: float) -> dict[str, Any]:
        """See `Analytics`."""
        seconds, outages = self.timeline.seconds(start, end), self.timeline.outages(start, end)
        known = seconds["up"] + seconds["down"]
        return {
            "uptime_percent": self.uptime_percent(start, end), "coverage_percent": self.coverage_percent(start, end),
            **{f"{name}_seconds": value for name, value in seconds.items()},
            "encoder_seconds": self.timeline.encoder_seconds(start, end),
            "encoder_percent": 100 * self.timeline.encoder_seconds(start, end) / (known + seconds["unknown"]),
            "platform_percent": 0.0, "platform_samples": 0, "outages": len(outages),
            "interruptions": self._interruptions(start, end),
            "mean_time_to_repair_seconds": seconds["down"] / len(outages) if outages else 0.0,
            "mean_time_between_failures_seconds": seconds["up"] / len(outages) if outages else 0.0,
            "longest_outage_seconds": float(max((o.down_seconds for o in outages), default=0)),
            "budget_left_seconds": (1 - slo_percent / 100) * known - seconds["down"], "slo_percent": slo_percent,
        }  # fmt: skip

    def get_outages(self, start: int, end: int) -> list[tuple[Any, ...]]:
        """Start, end, seconds down, newest first."""
        return [
            (instant(outage.start), instant(outage.end), float(outage.down_seconds))
            for outage in reversed(self.timeline.outages(start, end))
        ]

    def get_encoder_health(self, start: int, end: int) -> dict[str, Any]:
        """See `Analytics`."""
        sessions = [s for s in self.facts.sessions if s.start < end and s.end >= start]
        out = sum(s.end - s.start for s in sessions)
        values = self._values[start, end]
        health = {
            "sessions": len(sessions), "failed": sum(s.end_kind == "failed" for s in sessions),
            "killed": 0, "running": sum(s.end_kind == "running" for s in sessions),
            "frames": sum(s.frames for s in sessions), "drop_frames": sum(s.drop_frames for s in sessions),
            "dup_frames": sum(s.dup_frames for s in sessions), "out_time_seconds": float(out),
            "speed_worst": min(s.speed_worst for s in sessions),
            "encoder_seconds": self.timeline.encoder_seconds(start, end),
            "samples": sum(values[name].total() for name in ENCODER_METRICS),
        }  # fmt: skip
        for metric in ENCODER_METRICS:
            statistics_of = self.statistics(start, end, metric)
            name = metric.removeprefix("ffmpeg_")
            health |= {f"{name}_{part}": statistics_of[part] for part in ("average", "median", "low", "high")}
        return health

    def statistics(self, start: int, end: int, metric: str) -> dict[str, float]:
        """Average, and percentiles to three significant digits."""
        values = self._values[start, end][metric]
        rounded = Counter[int]()
        for value, count in values.items():
            rounded[three_digits(value)] += count
        total = sum(value * count for value, count in values.items())
        return {
            "average": total / values.total() / 1000,
            **{name: percentile(rounded, share) / 1000
               for name, share in (("median", 0.5), ("low", 0.05), ("high", 0.95))},
        }  # fmt: skip

    def daily_average(self, start: int, end: int, metric: str) -> dict[date, float]:
        """By local day."""
        totals, counts = Counter[date](), Counter[date]()
        for sample in self.facts.metrics():
            if sample.name == metric and start <= sample.at < end:
                day = day_of(sample.at)
                totals[day] += sample.value
                counts[day] += 1
        return {day: totals[day] / counts[day] / 1000 for day in counts}

    def get_incidents(self, start: int, end: int) -> list[tuple[Any, ...]]:
        """Causes and lengths of the failures that were not over before the window, newest first."""
        found = []
        for session, following in pairwise(self.facts.sessions):
            if session.end_kind == "failed" and session.end < end and following.start >= start:
                found.append((session.cause, float(following.start - session.end), STATION))
        return found[::-1]


def three_digits(value: int) -> int:
    """A whole number above zero to three significant digits, halves up."""
    step = int(f"1{'0' * max(0, len(str(value)) - 3)}")
    return (value + step // 2) // step * step


def _mean(values: Iterable[int]) -> float:
    return statistics.fmean(values)


def _local_hour(at: int) -> int:
    return instant(at).astimezone(ZONE).hour
