"""The row of key figures with their change against the period before. Pure."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

from reports.report.findings import Findings
from reports.report.model import Kpi
from reports.report.wording import count, duration, percent
from reports.uptime import Seconds
from reports.window import local_date

# Below this coverage of the period before, a comparison would compare with what nobody knows.
COMPARABLE_COVERAGE = 90.0
NOT_KNOWN = "not known"


def key_figures(findings: Findings, days: tuple[date, ...], *, comparable: bool) -> tuple[Kpi, ...]:
    """Uptime, interruptions, longest outage, time to repair, plays, errors.

    Args:
        findings: the figures.
        days: the calendar days of the series.
        comparable: whether the period before has data enough.
    """
    now, before = findings.uptime, findings.previous_uptime
    by_day = [now.by_day.get(day, Seconds()) for day in days]
    outages_by_day = [
        sum(local_date(outage.start, findings.zone) == day and not outage.continued for outage in now.outages)
        for day in days
    ]
    known = tuple(seconds.up + seconds.down > 0 for seconds in by_day)
    figures = (
        _kpi("Playout uptime", now.total.uptime_percent, before.total.uptime_percent, percent, comparable,
             up_is_good=True, points=True, note=f"{percent(now.total.coverage_percent)} of the time is known",
             series=tuple(s.uptime_percent if k else None for s, k in zip(by_day, known, strict=True)),
             series_label="uptime in percent by day"),
        _kpi("Interruptions", now.interruptions, before.interruptions, count, comparable, up_is_good=False,
             note=f"{count(now.bridged_crashes)} too short to be an outage" if now.bridged_crashes else "",
             series=tuple(map(float, outages_by_day)), series_label="outages by day"),
        _kpi("Longest outage", now.longest_outage_seconds, before.longest_outage_seconds, duration, comparable,
             up_is_good=False, note=f"off air {duration(now.total.down)} in all" if now.total.down else "",
             series=tuple(s.down / 60 for s in by_day), series_label="minutes off air by day"),
        _kpi("Mean time to repair", now.mean_time_to_repair_seconds, before.mean_time_to_repair_seconds, duration,
             comparable, up_is_good=False, note=_budget(findings), series=_repairs_by_day(findings, days),
             series_label="minutes to repair by day"),
        _kpi("Plays", findings.plays["total_plays"], findings.previous_plays["total_plays"], count, comparable,
             up_is_good=None, note=f"{count(findings.plays['unique_tracks'])} different tracks",
             series=tuple(float(findings.plays_by_day.get(day, 0)) for day in days), series_label="plays by day"),
        _kpi("Errors", findings.errors, findings.previous_errors, count, comparable, up_is_good=False,
             note=f"{findings.plays['error_rate']:.1f} % of plays had one",
             series=tuple(float(findings.errors_by_day.get(day, 0)) for day in days), series_label="errors by day"),
    )  # fmt: skip
    if any(known) or now.total.service:
        return figures
    return (
        replace(figures[0], value=NOT_KNOWN, note="no play was logged so far"),
        *figures[1:],
    )


def _kpi(  # noqa: PLR0913 (one call a figure, every part named there)
    label: str, number: float, previous: float, written: Callable[[float], str], comparable: bool, *,
    up_is_good: bool | None, series: tuple[float | None, ...], series_label: str, note: str = "", points: bool = False,
) -> Kpi:  # fmt: skip
    difference = number - previous
    if not comparable:
        change, tone = "", "none"
    elif abs(difference) < (0.005 if points else 0.5):
        change, tone = "no change", "same"
    else:
        amount = f"{abs(difference):.2f} points" if points else written(abs(difference))
        sign = "+" if difference > 0 else "\u2212"
        change = sign + amount
        tone = "none" if up_is_good is None else "better" if (difference > 0) is up_is_good else "worse"
    shown = written(previous) if comparable else ""
    return Kpi(label, written(number), float(number), shown, change, tone, series, series_label, note)


def _repairs_by_day(findings: Findings, days: tuple[date, ...]) -> tuple[float, ...]:
    """Minutes that the outages of each day took on average, by the day on which they began; 0 without any."""
    minutes: dict[date, list[float]] = {day: [] for day in days}
    for outage in findings.uptime.outages:
        day = local_date(outage.start, findings.zone)
        if day in minutes and not outage.continued:
            minutes[day].append(outage.down_seconds / 60)
    return tuple(sum(found) / len(found) if found else 0.0 for found in minutes.values())


def _budget(findings: Findings) -> str:
    if not findings.uptime.total.up + findings.uptime.total.down:
        return ""
    left = findings.uptime.budget_left_seconds(findings.slo_percent)
    target = f"{findings.slo_percent:g} %"
    return (
        f"{duration(left)} left of the {target} target" if left >= 0 else f"{duration(-left)} over the {target} target"
    )
