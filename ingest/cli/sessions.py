"""`radiolog sessions`."""

from typing import Annotated

import typer

from ingest.cli.output import say_json
from ingest.cli.reporting import Days, End, Start, Station, usage


def sessions(
    days: Days = 7,
    start: Start = None,
    end: End = None,
    station: Station = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="At most so many of each, the newest.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
) -> None:
    """FFmpeg's sessions and incidents of a span of time: when, how long, how they ended and why, when it was back.

    Example: radiolog sessions --days 1
    """
    from ingest.cli.settings import configured
    from reports.analytics import Analytics
    from reports.terminal_sessions import render_sessions, sessions_as_json

    with usage(), Analytics(configured()) as analytics:
        if as_json:
            say_json(sessions_as_json(analytics, days=days, start=start, end=end, station=station, limit=limit))
            return
        from rich.console import Console

        Console().print(render_sessions(analytics, days=days, start=start, end=end, station=station, limit=limit))
