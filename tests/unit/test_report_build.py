"""From figures to the report's words: verdict, comparison, strips, heat maps."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_kit import NOW, WINDOW, empty_findings, findings, outage, template, uptime

from reports.report.build import build, hours_of
from reports.report.digest import digest
from reports.report.model import Kpi, Report
from reports.uptime import Seconds, Span, Uptime
from reports.window import Window


def kpi(report: Report, label: str) -> Kpi:
    return next(found for found in report.kpis if found.label == label)


@pytest.mark.parametrize(
    ("changed", "tone", "words"),
    [
        ({}, "good", "no outage"),
        ({"uptime": uptime(bridged_crashes=2)}, "good", "2 brief encoder restarts"),
        ({"uptime": uptime(bridged_crashes=26)}, "fair", "26 brief encoder restarts"),
        ({"uptime": uptime(600.0, outages=(outage(NOW, 600),))}, "fair", "1 outage, 10 min in all"),
        ({"uptime": uptime(9000.0, outages=(outage(NOW, 9000),))}, "bad", "1 outage, 2 h 30 min in all"),
    ],
)  # fmt: skip
def test_verdict(changed: dict[str, object], tone: str, words: str) -> None:
    verdict = build(findings(**changed)).verdict
    assert verdict.tone == tone
    assert words in verdict.sentence


def test_verdict_of_nothing() -> None:
    report = build(empty_findings())
    assert report.empty
    assert report.verdict.tone == "empty"
    assert report.scope == "all stations"


def test_the_layers_stand_beside_each_other() -> None:
    """Playout is the headline; the encoder's share stands with it, and the platform's where somebody asks for it."""
    unasked = {fact.label: fact.value for fact in build(findings()).encoder}
    asked = {fact.label: fact.value for fact in build(findings(platform={"percent": 98.5, "samples": 1440})).encoder}
    assert unasked["Encoder uptime"].endswith(" of the time in service")
    assert "Platform live" not in unasked
    assert asked["Platform live"] == "98.50 % of 1\u202f440 checks"


def test_a_digest_says_none_only_where_that_is_known() -> None:
    def line(*states: str) -> str:
        spans = tuple(
            Span("radio", state, WINDOW.start + timedelta(hours=hour), WINDOW.start + timedelta(hours=hour + 1))
            for hour, state in enumerate(states)
        )
        return digest(build(findings(uptime=uptime(spans=spans))))[1]

    assert line("up", "maintenance") == "Outages: none."
    assert line("up", "unknown") == "Outages: none in the time that is known."
    assert (
        line("unknown")
        == digest(build(empty_findings()))[1]
        == "Outages: not known, nothing tells whether it was on air."
    )


def test_low_coverage_is_said() -> None:
    half = replace(uptime(), total=Seconds(up=1000, unknown=1000))
    verdict = build(findings(uptime=half)).verdict
    assert verdict.tone == "fair"
    assert any("Insufficient data" in advice for advice in verdict.advice)


def test_change_is_coloured_by_what_is_good_not_by_sign() -> None:
    report = build(findings(uptime=uptime(6048.0, outages=(outage(NOW, 6048),)), errors=2))
    assert (kpi(report, "Playout uptime").change, kpi(report, "Playout uptime").tone) == ("\u22121.00 points", "worse")
    assert (kpi(report, "Interruptions").change, kpi(report, "Interruptions").tone) == ("+1", "worse")
    assert (kpi(report, "Errors").change, kpi(report, "Errors").tone) == ("\u221210", "better")
    assert kpi(report, "Plays").tone == "same"


def test_no_comparison_with_a_period_that_nobody_knows() -> None:
    report = build(findings(previous_uptime=replace(uptime(), total=Seconds(up=80, unknown=20))))
    assert not report.comparable
    assert all(figure.change == "" for figure in report.kpis)
    assert any(fact.label == "Comparison" for fact in report.coverage)


def test_uptime_below_100_is_never_shown_as_100() -> None:
    report = build(findings(uptime=replace(uptime(), total=Seconds(up=999_999, down=1))))
    assert kpi(report, "Playout uptime").value == "99.99 %"


def test_strip_cuts_spans_at_local_midnight_and_knows_short_days() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    start, end = datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC)
    spans = (
        Span("radio", "up", start, start + timedelta(hours=11.5)),
        Span("radio", "down", start + timedelta(hours=11.5), end),
    )
    report = build(findings(window=Window(start, end), zone=berlin, uptime=uptime(spans=spans)))
    (day,) = report.strips[0].days
    assert (day.day, day.hours, day.down_seconds) == (date(2026, 3, 29), 23, 11.5 * 3600)
    assert [(piece.state, piece.start, piece.end) for piece in day.pieces] == [("up", 0.0, 0.5), ("down", 0.5, 1.0)]


def test_down_minutes_fall_into_local_hours() -> None:
    kathmandu = ZoneInfo("Asia/Kathmandu")  # UTC+05:45
    start = datetime(2026, 11, 18, 0, 10, tzinfo=UTC)  # Wednesday 05:55 there
    spans = (Span("radio", "down", start, start + timedelta(minutes=10)),)
    heat = build(findings(zone=kathmandu, uptime=uptime(600.0, spans=spans))).heat_maps[0]
    assert (heat.cells[2][5], heat.cells[2][6], heat.total) == (5, 5, 10)


@given(st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)), st.integers(1, 100_000))  # noqa: DTZ001
def test_hours_of_tiles_the_span(start: datetime, seconds: int) -> None:
    start = start.replace(tzinfo=UTC)
    end = start + timedelta(seconds=seconds)
    pieces = hours_of(start, end)
    assert pieces[0][0] == start
    assert pieces[-1][1] == end
    assert all(before[1] == after[0] for before, after in pairwise(pieces))
    assert all(a < b and a.hour == (b - timedelta(microseconds=1)).hour for a, b in pieces)


def test_new_templates_are_marked() -> None:
    report = build(findings(templates=(template(), template("old", new=False))))
    assert [line.new for line in report.templates] == [True, False]
    assert any("1 kind of error never seen before" in advice for advice in report.verdict.advice)


def test_many_outages_keep_the_worst_in_order_of_time() -> None:
    outages = tuple(outage(WINDOW.start + timedelta(minutes=10 * n), 60 + n) for n in range(300))
    lines = build(findings(uptime=uptime(1.0, outages=outages))).outages
    assert len(lines) == 200
    assert [line.start for line in lines] == sorted(line.start for line in lines)
    assert min(line.down_seconds for line in lines) == 160


def test_series_has_a_hole_where_a_day_is_unknown() -> None:
    days = list(uptime().by_day)
    by_day = {**uptime().by_day, days[2]: Seconds(unknown=86_400.0)}
    report = build(findings(uptime=uptime(by_day=by_day)))
    assert kpi(report, "Playout uptime").series == (100.0, 100.0, None, 100.0, 100.0, 100.0, 100.0)


def test_uptime_of_nothing_is_zero() -> None:
    assert (Uptime().total.uptime_percent, Uptime().total.coverage_percent, Uptime().interruptions) == (0.0, 0.0, 0)
