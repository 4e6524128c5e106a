"""Builds the `Report` from the findings. Pure: the same figures give the same report."""

from datetime import UTC, date, datetime, timedelta

from reports.reader import Row
from reports.report.facts import coverage_facts, definitions, encoder_facts, host_facts
from reports.report.findings import Findings
from reports.report.key_figures import COMPARABLE_COVERAGE, key_figures
from reports.report.model import (
    Heat,
    OutageLine,
    Piece,
    RepeatLine,
    Report,
    RetentionLine,
    Strip,
    StripDay,
    TemplateLine,
    TrackLine,
)
from reports.report.verdict import judge
from reports.uptime import Span
from reports.window import Window, local_date, local_day

MAX_OUTAGES = 200
# Rows of days, all stations together; of each station at least a month.
MAX_DAYS, MIN_DAYS = 400, 31


def build(findings: Findings) -> Report:
    """The report that the findings make."""
    days = calendar_days(findings)
    comparable = findings.previous_uptime.total.coverage_percent >= COMPARABLE_COVERAGE
    empty = _is_empty(findings)
    return Report(
        title="Radio report",
        scope=findings.station or (findings.stations[0] if len(findings.stations) == 1 else "all stations"),
        zone=findings.zone.key,
        start=findings.window.start,
        end=findings.window.end,
        generated_at=findings.generated_at,
        empty=empty,
        comparable=comparable,
        verdict=judge(findings, empty=empty),
        kpis=key_figures(findings, days, comparable=comparable),
        days=days,
        strips=_strips(findings, days),
        outages=_outages(findings),
        heat_maps=_heat_maps(findings),
        plays_by_hour=findings.plays_by_hour,
        tracks=tuple(
            TrackLine(row["artist"], row["title"], row["play_count"], row["total_play_seconds"], row["last_played_at"])
            for row in findings.top_tracks
        ),
        repeats=tuple(
            RepeatLine(row["artist"], row["title"], row["play_count"], row["shortest_seconds"], row["median_seconds"])
            for row in findings.repeats
        ),
        retention=tuple(
            RetentionLine(row["artist"], row["title"], row["play_count"], row["retention_percent"])
            for row in findings.retention
        ),
        templates=tuple(_template(row, len(days)) for row in findings.templates),
        encoder=encoder_facts(findings),
        encoder_speed=tuple(findings.speed_by_day.get(day) for day in days) if findings.speed_by_day else (),
        host=host_facts(findings),
        coverage=coverage_facts(findings, days),
        definitions=definitions(findings),
    )


def calendar_days(findings: Findings) -> tuple[date, ...]:
    """The local days that are shown one by one: those that the window touches, of very many the last, in order."""
    first = local_date(findings.window.start, findings.zone)
    last = local_date(findings.window.end - timedelta(microseconds=1), findings.zone)
    shown = min((last - first).days + 1, max(MIN_DAYS, MAX_DAYS // max(1, len(findings.uptime.by_station))))
    return tuple(last - timedelta(days=number) for number in reversed(range(shown)))


def _is_empty(findings: Findings) -> bool:
    nothing_played = not findings.plays["total_plays"] and not findings.uptime.total.up
    return nothing_played and not findings.templates and not findings.encoder["sessions"]


def _strips(findings: Findings, days: tuple[date, ...]) -> tuple[Strip, ...]:
    by_station: dict[str, list[Span]] = {}
    for span in findings.uptime.spans:
        by_station.setdefault(span.station, []).append(span)
    return tuple(
        Strip(station, tuple(_strip_day(day, local_day(day, findings.zone), spans) for day in days))
        for station, spans in sorted(by_station.items())
    )


def _strip_day(day: date, bounds: Window, spans: list[Span]) -> StripDay:
    pieces, seconds = [], {"up": 0.0, "down": 0.0, "unknown": 0.0, "maintenance": 0.0}
    for span in spans:
        start, end = max(span.start, bounds.start), min(span.end, bounds.end)
        if start < end:
            seconds[span.state] += (end - start).total_seconds()
            offsets = ((moment - bounds.start).total_seconds() / bounds.seconds for moment in (start, end))
            pieces.append(Piece(span.state, *offsets))
    known = seconds["up"] + seconds["down"]
    return StripDay(
        day=day,
        hours=bounds.seconds / 3600,
        pieces=tuple(pieces),
        uptime_percent=100 * seconds["up"] / known if known else 0.0,
        down_seconds=seconds["down"],
        unknown_seconds=seconds["unknown"],
    )


def _outages(findings: Findings) -> tuple[OutageLine, ...]:
    lines = []
    for outage in sorted(findings.uptime.outages, key=lambda outage: (outage.start, outage.station)):
        seconds = (outage.end - outage.start).total_seconds()
        flags = {
            "began before": outage.continued,
            "goes on": outage.ongoing,
            "partly unknown": seconds - outage.down_seconds > 1,
        }
        line = OutageLine(
            station=outage.station, start=outage.start, end=outage.end, seconds=seconds,
            down_seconds=outage.down_seconds, cause=outage.cause, category=outage.category,
            flags=tuple(flag for flag, holds in flags.items() if holds),
        )  # fmt: skip
        lines.append(line)
    worst = sorted(lines, key=lambda line: -line.down_seconds)[:MAX_OUTAGES]
    return tuple(sorted(worst, key=lambda line: (line.start, line.station)))


def _heat_maps(findings: Findings) -> tuple[Heat, ...]:
    errors = [[0] * 24 for _ in range(7)]
    for weekday, hour, number in findings.errors_by_weekday_and_hour:
        errors[weekday - 1][hour] += number
    down = [[0.0] * 24 for _ in range(7)]
    for span in findings.uptime.spans:
        if span.state == "down":
            for start, end in hours_of(span.start, span.end):
                local = start.astimezone(findings.zone)
                down[local.weekday()][local.hour] += (end - start).total_seconds() / 60
    minutes = tuple(tuple(-int(-value // 1) for value in row) for row in down)
    return (
        Heat("Minutes off air by weekday and hour", "minutes", minutes),
        Heat("Errors by weekday and hour", "errors", tuple(map(tuple, errors))),
    )


def hours_of(start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """A span cut at every quarter of an hour (zones differ by quarters, so no piece crosses a local hour)."""
    quarter = timedelta(minutes=15)
    pieces, at = [], start
    while at < end:
        into = timedelta(seconds=at.astimezone(UTC).timestamp() % quarter.total_seconds())
        pieces.append((at, min(end, at - into + quarter)))
        at = pieces[-1][1]
    return pieces


def _template(row: Row, days: int) -> TemplateLine:
    return TemplateLine(
        template=row["template"], example=row["example"], service=row["service"], severity=row["severity"],
        category=row["category"], count=row["error_count"], previous=row["previous_count"], new=row["new"],
        first_seen=row["first_seen"], last_seen=row["last_seen"], by_day=tuple(row["by_day"][-days:]),
    )  # fmt: skip
