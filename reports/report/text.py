"""The report as plain text, 80 columns, UTF-8. Escapes whatever a terminal would obey or that would reorder a line."""

import textwrap
import unicodedata
from collections.abc import Iterable, Sequence

from reports.report.charts import WEEKDAYS
from reports.report.model import Fact, Heat, Kpi, Report, Strip, TemplateLine
from reports.report.wording import clipped, count, day, duration, full_moment, moment, percent, visible
from reports.window import zone_named

WIDTH = 80
_BARS = "▁▂▃▄▅▆▇█"
_STATES = {"up": "█", "down": "x", "unknown": "?", "maintenance": "m", "": "·"}
_COLUMNS = 48  # half hours of a day


def render_text(report: Report) -> str:
    """The whole report; ends with a newline."""
    sections = [
        _head(report), _kpis(report), _strips(report), _outages(report),
        *(_heat(heat, report.weekdays) for heat in report.heat_maps),
        _tracks(report), _templates(report), _facts("Encoder", report.encoder), _facts("Machine", report.host),
        _facts("Data", report.coverage), _facts("What the words mean", report.definitions),
    ]  # fmt: skip
    foot = f"Made {full_moment(report.generated_at, zone_named(report.zone))} by radiolog."
    text = "\n\n".join("\n".join(section) for section in [*sections, [foot]] if section)
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def sparkline(series: Sequence[float | None]) -> str:
    """A line of block characters, the lowest value as the lowest block; a missing value is a space."""
    values = [value for value in series if value is not None]
    if not values:
        return ""
    low, high = min(values), max(values)
    if high == low:
        return "".join(" " if value is None else _BARS[0 if low == 0 else 3] for value in series)
    top = len(_BARS) - 1
    return "".join(" " if value is None else _BARS[round((value - low) / (high - low) * top)] for value in series)


def width_of(text: str) -> int:
    """Columns that a terminal gives to a text: wide East Asian characters take two, combining marks none."""
    return sum(map(_columns, text))


def fitted(text: str, columns: int) -> str:
    """Text made visible, cut and padded to exactly so many columns."""
    shown = visible(text[: 4 * columns])  # a cell takes no more characters than that, marks included
    if len(text) > 4 * columns or width_of(shown) > columns:
        kept, used = [], 0
        for char in shown:
            used += _columns(char)
            if used > columns - 1:
                break
            kept.append(char)
        shown = "".join(kept) + "…"
    return shown + " " * (columns - width_of(shown))


def _columns(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _head(report: Report) -> list[str]:
    zone = zone_named(report.zone)
    return [
        fitted(f"{report.title.upper()}: {report.scope}", WIDTH),
        f"{full_moment(report.start, zone)} to {full_moment(report.end, zone)} ({report.zone})",
        *([f"compared with the {duration(report.length_seconds)} before"] if report.comparable else ()),
        "=" * WIDTH,
        *_wrapped(report.verdict.sentence),
        *(line for advice in report.verdict.advice for line in _wrapped(advice, "  * ")),
    ]


def _kpis(report: Report) -> list[str]:
    lines = []
    for kpi in report.kpis:
        lines.append(f"{kpi.label:<20} {kpi.value:>12}  {_change(kpi):<22} {sparkline(kpi.series[-22:])}")
        if kpi.note:
            lines.append(f"{'':<35}{fitted(kpi.note, WIDTH - 35)}")
    return lines


def _change(kpi: Kpi) -> str:
    if not kpi.change:
        return ""
    marks = {"better": " (better)", "worse": " (worse)"}
    return f"{kpi.change}{marks.get(kpi.tone, '')}"


def _strips(report: Report) -> list[str]:
    if not report.strips:
        return []
    lines = ["ON AIR (x off air, ? unknown, m maintenance, · no data)"]
    for strip in report.strips:
        if len(report.strips) > 1:
            lines.append(fitted(strip.station, WIDTH).rstrip())
        lines.append(f"{'':<11}0           6           12          18          24")
        lines.extend(_strip_lines(strip))
    return lines


def _strip_lines(strip: Strip) -> Iterable[str]:
    for row in strip.days:
        cells = []
        for index in range(_COLUMNS):
            start, end = index / _COLUMNS, (index + 1) / _COLUMNS
            present = {piece.state for piece in row.pieces if piece.start < end and piece.end > start}
            worst = next((state for state in ("down", "unknown", "maintenance", "up") if state in present), "")
            cells.append(_STATES[worst])
        known = any(piece.state in {"up", "down"} for piece in row.pieces)
        note = percent(row.uptime_percent) if known else ""
        yield f"{day(row.day):<11}{''.join(cells)} {note:>9}"


def _outages(report: Report) -> list[str]:
    if not report.outages:
        return []
    zone = zone_named(report.zone)
    lines = [f"OUTAGES ({len(report.outages)})"]
    for outage in report.outages:
        cause = outage.cause or "no cause was logged"
        flags = f" [{', '.join(outage.flags)}]" if outage.flags else ""
        lines.append(f"{moment(outage.start, zone)}  {duration(outage.down_seconds):>14}  {fitted(cause, 42)}")
        station = fitted(outage.station, 24).rstrip() if len(report.strips) > 1 else ""
        if flags or station:
            lines.append(f"{'':<37} {(station + flags).strip()}")
    return lines


def _heat(heat: Heat, weekdays: Sequence[int]) -> list[str]:
    if not heat.total:
        return []
    largest = max(map(max, heat.cells))
    lines = [f"{heat.title.upper()} (largest cell: {count(largest)} {heat.unit})", f"{'':<5}0     6     12    18"]
    for weekday in weekdays:
        name, row = WEEKDAYS[weekday], heat.cells[weekday]
        cells = "".join(_BARS[round(value / largest * 7)] if value else "·" for value in row)
        lines.append(f"{name:<5}{cells}  {count(sum(row)):>7}")
    return lines


def _tracks(report: Report) -> list[str]:
    if not report.tracks:
        return []
    lines = [f"MOST PLAYED{'':<49}{'plays':>8}{'time':>12}"]
    lines.extend(
        f"{fitted(_name(track.artist, track.title), 60)}{count(track.plays):>8}{duration(track.seconds):>12}"
        for track in report.tracks
    )
    if report.repeats:
        lines += ["", f"SOONEST REPEATS{'':<40}{'soonest':>12} {'median':>12}"]
        lines.extend(
            f"{fitted(_name(row.artist, row.title), 55)}{duration(row.shortest_seconds):>12} "
            f"{duration(row.median_seconds):>12}"
            for row in report.repeats
        )
    if report.retention:
        lines += ["", f"LISTENERS KEPT{'':<46}{'plays':>8}{'kept':>12}"]
        lines.extend(
            f"{fitted(_name(row.artist, row.title), 60)}{count(row.plays):>8}{row.percent:>10.0f} %"
            for row in report.retention
        )
    return lines


def _templates(report: Report) -> list[str]:
    if not report.templates:
        return []
    lines = [f"ERRORS BY KIND{'':<38}{'count':>8}{'before':>9}  by day"]
    for template in report.templates:
        lines.extend(_template_lines(template))
    return lines


def _template_lines(template: TemplateLine) -> Iterable[str]:
    mark = "NEW " if template.new else ""
    head = f"{mark}{template.severity} {template.service}"
    trend = sparkline([float(number) for number in template.by_day[-9:]])
    yield f"{fitted(head, 52)}{count(template.count):>8}{count(template.previous):>9}  {trend}"
    yield f"  {fitted(template.template, WIDTH - 2)}"


def _facts(title: str, facts: Sequence[Fact]) -> list[str]:
    if not facts:
        return []
    lines = [title.upper()]
    for fact in facts:
        lines.extend(_wrapped(fact.value, f"{fact.label:<25}", indent=25))
    return lines


def _name(artist: str, title: str) -> str:
    return " - ".join(part for part in (clipped(artist, 200), clipped(title, 200)) if part) or "(no title)"


def _wrapped(text: str, lead: str = "", *, indent: int = 0) -> list[str]:
    return textwrap.wrap(
        visible(text), WIDTH, initial_indent=lead, subsequent_indent=" " * (indent or len(lead)),
        break_on_hyphens=False,
    )  # fmt: skip
