"""The morning digest: what happened, in five lines. Pure; text from logs is made harmless by whoever shows it."""

from collections.abc import Callable
from datetime import UTC

from ingest.notice import Notice
from reports.report.model import Report
from reports.report.wording import clipped, count, duration, moment, percent, plural
from reports.window import zone_named

NOTHING_TO_DO = "Nothing to do."


def digest(report: Report) -> tuple[str, ...]:
    """Five lines: the verdict, the outages, the encoder, plays and errors, what to do."""
    return tuple(line(report) for line in _LINES)


def digest_notice(report: Report) -> Notice:
    """The digest as a message."""
    tone = {"empty": "info"}.get(report.verdict.tone, report.verdict.tone)
    at = report.generated_at.astimezone(UTC).isoformat(timespec="seconds")
    return Notice("digest", tone, f"Morning digest: {clipped(report.scope, 100)}", digest(report), at=at)


def _outages(report: Report) -> str:
    if not report.outages:
        states = {piece.state for strip in report.strips for day in strip.days for piece in day.pieces}
        if not states & {"up", "down"}:
            return "Outages: not known, nothing tells whether it was on air."
        return "Outages: none in the time that is known." if "unknown" in states else "Outages: none."
    zone = zone_named(report.zone)
    worst = max(report.outages, key=lambda line: line.down_seconds)
    cause = f", {clipped(worst.cause, 120)}" if worst.cause else ", no cause was logged"
    others = len(report.outages) - 1
    more = f"; and {plural(others, 'other')}" if others else ""
    return f"Outages: {moment(worst.start, zone)}, {duration(worst.down_seconds)}{cause}{more}."


def _encoder(report: Report) -> str:
    if not report.encoder:
        return "Encoder: no log of it in this time."
    wanted = ("Sessions", "Slowest speed", "Frames dropped")
    said = {fact.label: fact.value for fact in report.encoder if fact.label in wanted}
    words = {"Sessions": "sessions {}", "Slowest speed": "slowest at {}", "Frames dropped": "frames dropped {}"}
    return f"Encoder: {', '.join(words[label].format(said[label]) for label in wanted if label in said)}."


def _plays_and_errors(report: Report) -> str:
    figures = {kpi.label: kpi for kpi in report.kpis}
    plays, errors = figures["Plays"], figures["Errors"]
    new = [line for line in report.templates if line.new]
    news = f", {plural(len(new), 'new kind')}, first of them: {clipped(new[0].template, 120)}" if new else ""
    shown = (f"{kpi.label}: {count(kpi.number)}{_change(kpi.change)}" for kpi in (plays, errors))
    return f"{'; '.join(shown)}{news}."


def _change(change: str) -> str:
    return f" ({change})" if change else ""


def _to_do(report: Report) -> str:
    known = next((fact.value for fact in report.coverage if fact.label == "Known time"), percent(0.0))
    todo = report.verdict.advice or ((NOTHING_TO_DO,) if report.verdict.tone == "good" else ())
    return " ".join((*todo, f"Known: {known}."))


_LINES: tuple[Callable[[Report], str], ...] = (
    lambda report: report.verdict.sentence, _outages, _encoder, _plays_and_errors, _to_do
)  # fmt: skip
