"""`radiolog maintenance …`: planned windows, in which a station is not judged."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ingest.cli import EXIT_USAGE
from ingest.cli.notifying import complain
from ingest.cli.output import say, say_json
from ingest.cli.reporting import End, Start, Station, usage

if TYPE_CHECKING:
    from logging_module.config import LoggingConfig
    from reports.window import Window

app = typer.Typer(help="Planned windows: excluded from uptime, and no alert is raised in them.", no_args_is_help=True)


@app.command()
def add(
    start: Start = None,
    end: End = None,
    minutes: Annotated[
        float | None, typer.Option(min=1, max=366 * 1440, help="How long it takes, instead of --end.")
    ] = None,
    station: Annotated[str | None, typer.Option(help="Which one; not needed where there is only one.")] = None,
    all_stations: Annotated[bool, typer.Option("--all-stations", help="All that exist.")] = False,
    reason: Annotated[str | None, typer.Option(help="For people.")] = None,
) -> None:
    """Plan a window. Without --start it begins now.

    Example: radiolog maintenance add --start "2026-12-01 03:00" --minutes 45 --reason "new disk"
    """
    from ingest import by_hand
    from ingest.cli.settings import configured
    from reports.figures.plays import storable
    from reports.report.wording import duration, full_moment
    from reports.window import zone_named

    if (end is None) == (minutes is None):
        complain("say how long it takes: --end or --minutes")
        raise typer.Exit(EXIT_USAGE)
    config = configured()
    with usage():
        stations, window, zone = _planned(config, (start, end, minutes), station, all_stations=all_stations)
    ids = by_hand.add_windows(config, stations, window.start, window.end, reason and storable(reason))
    shown = zone_named(zone)
    for number, name in zip(ids, stations, strict=True):
        say_safe(f"{number}: {name}, {full_moment(window.start, shown)} to {full_moment(window.end, shown)}, "
                 f"{duration(window.seconds)}")  # fmt: skip


@app.command("list")
def list_windows(
    station: Station = None,
    past: Annotated[bool, typer.Option("--past", help="Those too that are over.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
) -> None:
    """List the windows that are planned or running.

    Example: radiolog maintenance list --past
    """
    from datetime import UTC

    from rich.console import Console

    from ingest import by_hand
    from ingest.cli.settings import configured
    from reports.analytics import Analytics
    from reports.report.wording import duration, full_moment
    from reports.terminal import table

    config = configured()
    with usage(), Analytics(config) as analytics:
        analytics.require_station(station)
        found = by_hand.windows(config, station=station, since=None if past else datetime.now(UTC))
        zones = {row["station"]: analytics.zone(row["station"]) for row in found}
    if as_json:
        say_json({"windows": found})
        return
    if not found:
        say("no window" if past else "no window is planned (--past shows those that are over)")
        return
    rows = [
        (str(row["id"]), row["station"], row["state"], full_moment(row["from_time"], zones[row["station"]]),
         full_moment(row["to_time"], zones[row["station"]]),
         duration((row["to_time"] - row["from_time"]).total_seconds()), row["reason"])
        for row in found
    ]  # fmt: skip
    columns = ("id", "station", "", "from", "to", "length", "reason")
    Console().print(*table("", columns, rows, right=("id", "length")))


@app.command()
def remove(
    ids: Annotated[list[int], typer.Argument(min=1, max=2**63 - 1, metavar="ID", help="As `list` shows them.")],
) -> None:
    """Take windows back; their time counts again.

    Example: radiolog maintenance remove 3
    """
    from ingest import by_hand
    from ingest.cli.settings import configured
    from reports.report.wording import plural

    by_hand.remove_windows(configured(), ids)
    say(f"{plural(len(set(ids)), 'window')} removed")


def say_safe(text: str) -> None:
    """Print a line in which a station's name stands."""
    from ingest.cli.output import one_line

    say(one_line(text))


def _planned(
    config: "LoggingConfig", given: tuple[datetime | None, datetime | None, float | None], station: str | None, *,
    all_stations: bool,
) -> tuple[list[str], "Window", str]:  # fmt: skip
    """The stations, the window and the zone that are meant; RangeError or UnknownStation where they make no sense."""
    from datetime import UTC, timedelta

    from reports.analytics import Analytics
    from reports.window import RangeError, Window, as_instant

    start, end, minutes = given
    with Analytics(config) as analytics:
        analytics.require_station(station)
        known = analytics.stations()
        stations = [station] if station is not None else known
        if not known:
            raise RangeError("no station has logged anything yet, so there is none to plan for")
        if len(stations) > 1 and not all_stations:
            raise RangeError(f"say which station: --station, or --all-stations for all {len(stations)}")
        zone = analytics.zone(stations[0] if len(stations) == 1 else None)
    begins = datetime.now(UTC) if start is None else as_instant(start, zone)
    ends = begins + timedelta(minutes=minutes) if minutes is not None else as_instant(end or begins, zone)
    if begins >= ends:
        raise RangeError("the start must be before the end")
    if ends - begins > timedelta(days=366):
        raise RangeError("a window is at most 366 days long")
    return stations, Window(begins, ends), zone.key
