"""Figures as tables for a terminal, and as one JSON object. Text from logs is made harmless; nothing is asked twice."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from reports.analytics import Analytics
from reports.report.text import fitted, sparkline, width_of
from reports.report.wording import clipped, count, duration, full_moment, moment, percent, visible
from reports.window import Window

_TOP = 5
_CELL_CHARACTERS, _TEXT_CHARACTERS = 120, 500
_WIDEST = 24


def asked(
    analytics: Analytics, days: float, *, start: datetime | date | None, end: datetime | date | None,
    station: str | None,
) -> dict[str, Any]:  # fmt: skip
    """The span of time that was asked for, checked: start, end, time_zone, station.

    Arguments and errors are those of `stats_as_json`.
    """
    analytics.require_station(station)
    window = analytics.window(days, start=start, end=end, station=station)
    analytics.require_past(window)
    zone = analytics.zone(station)
    return {"start": window.start, "end": window.end, "time_zone": zone.key, "station": station}


def heading(said: dict[str, Any], zone: ZoneInfo) -> Text:
    """The first line of what is printed: the span of time that `asked` gave."""
    text = f"{full_moment(said['start'], zone)} to {full_moment(said['end'], zone)} ({said['time_zone']})"
    return Text(text, style="bold")


def nothing_yet(analytics: Analytics) -> str:
    """What to do about a database in which nothing was ever stored; empty when something was."""
    return (
        ""
        if analytics.stations()
        else "Nothing has been read yet: radiolog once PATH reads logs, radiolog run follows them."
    )


def stats_as_json(
    analytics: Analytics, *, days: float = 7, start: datetime | date | None = None, end: datetime | date | None = None,
    station: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """What `radiolog stats` shows, as plain values.

    Args:
        analytics: the database.
        days: so many times 24 hours up to now.
        start: the first instant instead.
        end: the first instant behind the window.
        station: None: all stations.

    Returns:
        start, end, time_zone, station, plays, uptime, outages, top_tracks, errors, templates, encoder.

    Raises:
        RangeError: the window makes no sense, or lies in the future.
        UnknownStation: no such station ever logged anything.
        DatabaseError: PostgreSQL cannot be reached or refused.
    """
    said = asked(analytics, days, start=start, end=end, station=station)
    span: dict[str, Any] = {name: said[name] for name in ("start", "end", "station")}
    with analytics.snapshot():
        return {
            **said,
            "plays": analytics.get_play_stats(**span),
            "uptime": analytics.get_uptime(**span),
            "outages": analytics.get_outages(limit=_TOP, **span),
            "top_tracks": analytics.get_most_played_tracks(limit=_TOP, **span),
            "errors": analytics.get_error_summary(**span),
            "templates": analytics.get_error_templates(limit=_TOP, **span),
            "encoder": analytics.get_encoder_health(**span),
        }


def render_stats(
    analytics: Analytics, *, days: float = 7, start: datetime | date | None = None, end: datetime | date | None = None,
    station: str | None = None,
) -> RenderableType:  # fmt: skip
    """What `radiolog stats` prints. Arguments and errors are those of `stats_as_json`."""
    found = stats_as_json(analytics, days=days, start=start, end=end, station=station)
    zone = analytics.zone(station)
    outages = [
        (moment(row["start"], zone), duration(row["down_seconds"]), row["station"], row["cause"] or "not logged")
        for row in found["outages"]
    ]
    tracks = [
        (name_of(row), count(row["play_count"]), duration(row["total_play_seconds"])) for row in found["top_tracks"]
    ]
    errors = [
        (row["severity"], row["service"], count(row["error_count"]), "new" if row["new"] else "", row["template"],
         sparkline([float(number) for number in row["by_day"][-14:]]))
        for row in found["templates"]
    ]  # fmt: skip
    return Group(
        heading(found, zone),
        *((Text(hint),) if (hint := nothing_yet(analytics)) else ()),
        facts_table(_figures(found)),
        *table("Last outages", ("began", "off air", "station", "cause"), outages, right=("off air",)),
        *table("Most played", ("track", "plays", "time"), tracks, right=("plays", "time")),
        *table("Errors by kind", ("severity", "service", "count", "", "message", "by day"), errors, right=("count",)),
    )


def _figures(found: dict[str, Any]) -> list[tuple[str, str]]:
    plays, uptime, encoder = found["plays"], found["uptime"], found["encoder"]
    known = f"{percent(uptime['uptime_percent'])} of the known time"
    figures = [
        ("Playout uptime", known if uptime["up_seconds"] + uptime["down_seconds"] else "not known"),
        ("Known time", percent(uptime["coverage_percent"])),
        ("Interruptions", f"{count(uptime['interruptions'])}, {count(uptime['outages'])} of them outages"),
        (
            "Off air",
            f"{duration(uptime['down_seconds'])}, at most {duration(uptime['longest_outage_seconds'])} at once",
        ),
        ("Plays", f"{count(plays['total_plays'])}, {count(plays['unique_tracks'])} different tracks"),
        ("Plays with errors", f"{count(plays['plays_with_errors'])} ({plays['error_rate']:.1f} %)"),
        ("Average play", duration(plays["average_duration_seconds"])),
    ]
    if encoder["sessions"]:
        crashed = encoder["failed"] + encoder["killed"]
        figures.append(("Encoder sessions", f"{count(encoder['sessions'])}, {count(crashed)} crashed"))
    by_severity: dict[str, int] = {}
    for row in found["errors"]:
        by_severity[row["severity"]] = by_severity.get(row["severity"], 0) + row["error_count"]
    figures.extend((f"Severity {severity}", count(number)) for severity, number in by_severity.items())
    return figures


def facts_table(facts: Iterable[tuple[str, str]]) -> Table:
    """Labels and what stands behind them, without lines."""
    table = Table.grid(padding=(0, 2))
    for label, value in facts:
        table.add_row(Text(visible(label), style="dim"), Text(visible(value)))
    return table


def table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()
) -> Iterable[RenderableType]:
    """A titled table with lines from logs made harmless; nothing where there are no rows.

    Args:
        title: above it.
        columns: their headings.
        rows: cells.
        right: headings of columns of numbers.
    """
    if not rows:
        return
    shown = Table(
        title=title, title_justify="left", title_style="bold", header_style="dim", box=None, padding=(0, 2, 0, 0)
    )
    for column in columns:
        shown.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        shown.add_row(*(Text(clipped(visible(cell), _CELL_CHARACTERS)) for cell in row))
    yield Text("")
    yield shown


def two_lines(
    columns: Sequence[str], entries: Sequence[tuple[Sequence[str], str]], *, right: int, title: str = ""
) -> Iterable[RenderableType]:
    """Rows whose text has a line of its own below the columns; nothing where there are none.

    Args:
        columns: their headings.
        entries: cells, and the text below them.
        right: so many columns from the left are numbers.
        title: above them.
    """
    if not entries:
        return
    lines = [columns, *(cells for cells, _ in entries)]
    widths = [max(min(width_of(visible(line[at])), _WIDEST) for line in lines) for at in range(len(columns))]

    def line(cells: Sequence[str]) -> str:
        shown = [fitted(cell, width) for cell, width in zip(cells, widths, strict=True)]
        numbers = [cell.strip().rjust(width) for cell, width in zip(shown[:right], widths, strict=False)]
        return "  ".join([*numbers, *shown[right:]]).rstrip()

    yield Text("")
    if title:
        yield Text(title, style="bold")
    yield Text(line(columns), style="dim")
    for cells, text in entries:
        yield Text(line(cells))
        if text:
            yield Padding(Text(clipped(visible(text), _TEXT_CHARACTERS)), (0, 0, 0, 4))


def name_of(row: dict[str, Any]) -> str:
    """Artist and title of a row as a person writes them."""
    return " - ".join(part for part in (row["artist"], row["title"]) if part) or "(no title)"


def summary_of(analytics: Analytics, window: Window) -> list[tuple[str, str]]:
    """What the database holds in all, and how the station did in a window: for the end of `make run`.

    Args:
        analytics: the database.
        window: of the outages.
    """
    totals, zone = analytics.totals(), analytics.zone()
    uptime = analytics.uptime(window)
    facts = [
        ("Files read", f"{count(totals['files'])}, {count(totals['lines'])} lines"),
        ("Plays", f"{count(totals['plays'])} of {count(totals['tracks'])} tracks"),
        ("Metrics", count(totals["metrics"])),
        ("Encoder sessions", count(totals["sessions"])),
        *((f"Messages, {row['severity']}", count(row["errors"])) for row in analytics.errors_by_severity()),
        ("Dead letters", count(totals["dead_letters"])),
        ("Period", f"{full_moment(window.start, zone)} to {full_moment(window.end, zone)}"),
        ("Playout uptime", f"{percent(uptime.total.uptime_percent)}, {percent(uptime.total.coverage_percent)} known"),
        ("Interruptions", f"{count(uptime.interruptions)}, {count(len(uptime.outages))} of them outages"),
    ]
    facts.extend(
        (f"  {moment(outage.start, zone)}", f"{duration(outage.down_seconds)} off air: {outage.cause or 'not logged'}")
        for outage in uptime.outages
    )
    return facts
