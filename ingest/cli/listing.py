"""`radiolog top`, `history`, `outages` and `now`."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingest.cli.output import say, say_json
from ingest.cli.reporting import Days, End, Start, Station, usage

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType

    from reports.analytics import Analytics

Limit = Annotated[int, typer.Option(min=1, max=1_000_000, help="At most so many.")]
AsJson = Annotated[bool, typer.Option("--json", help="As one JSON object.")]


def top(
    days: Days = 30,
    start: Start = None,
    end: End = None,
    station: Station = None,
    limit: Limit = 10,
    as_json: AsJson = False,
) -> None:
    """Most played tracks of a span of time.

    Example: radiolog top --days 30 --limit 20
    """
    from reports.terminal_listing import render_top

    span = {"days": days, "start": start, "end": end, "station": station}
    show(
        span, lambda analytics, asked: {"tracks": analytics.get_most_played_tracks(limit=limit, **asked)}, render_top,
        as_json=as_json,
    )  # fmt: skip


def history(
    days: Days = 7,
    start: Start = None,
    end: End = None,
    station: Station = None,
    artist: Annotated[str | None, typer.Option(help="Only of this artist; case and spacing do not matter.")] = None,
    title: Annotated[str | None, typer.Option(help="Only of this title; same.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """What played, newest first: all of it, or one track or artist.

    Example: radiolog history --days 1 --artist Nina
    """
    from reports.terminal_listing import render_plays

    span = {"days": days, "start": start, "end": end, "station": station}
    show(
        span,
        lambda analytics, asked: {"plays": analytics.get_plays(limit=limit, artist=artist, title=title, **asked)},
        render_plays, as_json=as_json,
    )  # fmt: skip


def outages(
    days: Days = 30,
    start: Start = None,
    end: End = None,
    station: Station = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Show times off the air, newest first, with their cause.

    Example: radiolog outages --days 30
    """
    from reports.terminal_listing import render_outages

    span = {"days": days, "start": start, "end": end, "station": station}
    show(
        span, lambda analytics, asked: {"outages": analytics.get_outages(limit=limit, **asked)}, render_outages,
        as_json=as_json,
    )  # fmt: skip


def now(station: Station = None, as_json: AsJson = False) -> None:
    """Show whether each station is on air, what plays, and how the encoder does.

    Example: radiolog now
    """
    from datetime import UTC

    from ingest.cli.settings import configured
    from reports.analytics import Analytics
    from reports.terminal import nothing_yet
    from reports.terminal_listing import render_now

    present = datetime.now(UTC)
    with usage(), Analytics(configured(), now=lambda: present) as analytics:
        analytics.require_station(station)
        found = analytics.get_now(station=station)
        hint = nothing_yet(analytics)
    if as_json:
        say_json({"now": present, "stations": found})
    elif hint:
        say(hint)
    else:
        _print(render_now(found, present))


def show(
    span: dict[str, Any], ask: "Callable[[Analytics, dict[str, Any]], dict[str, Any]]",
    render: "Callable[[dict[str, Any]], RenderableType]", *, as_json: bool,
) -> None:  # fmt: skip
    """Ask for something of a span of time, and print it.

    Args:
        span: days, start, end, station as they were typed.
        ask: gets the analytics and the checked span; gives what is printed beside it.
        render: the whole for a terminal.
        as_json: print one JSON object instead.
    """
    from ingest.cli.settings import configured
    from reports.analytics import Analytics
    from reports.terminal import nothing_yet
    from reports.terminal_listing import span_asked

    with usage(), Analytics(configured()) as analytics:
        said, asked = span_asked(analytics, **span)
        with analytics.snapshot():
            found = {**said, **ask(analytics, asked)}
        if not as_json:
            found["hint"] = nothing_yet(analytics)
    if as_json:
        say_json(found)
    else:
        _print(render(found))


def _print(shown: "RenderableType") -> None:
    from rich.console import Console

    Console().print(shown)
