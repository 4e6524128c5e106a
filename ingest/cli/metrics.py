"""`radiolog metrics`: health over HTTP for Prometheus and for whoever asks whether all is well."""

import sys
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from ingest.cli.output import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from reports.analytics import Analytics


def metrics(
    once: Annotated[bool, typer.Option("--once", help="Print the metrics and end; nothing is listened on.")] = False,
) -> None:
    """Serve /metrics, /healthz and /readyz on RADIOLOG_METRICS_ADDRESS and RADIOLOG_METRICS_PORT until stopped.

    It only reads: the database, and the sizes of log files. The daemon need not run.

    Example: radiolog metrics --once | grep on_air
    """
    from ingest.cli.settings import configured
    from ingest.health_server import HealthReader, HealthServer, registry_of
    from ingest.process import stopping_on_signals
    from reports.analytics import Analytics

    config = configured()
    with Analytics(config) as analytics:
        reader = HealthReader(config, _uptime_of(analytics))
        try:
            if once:
                from prometheus_client import generate_latest

                text = generate_latest(registry_of(config, reader)).decode()
                sys.stdout.write(text)
                raise typer.Exit(0 if reader.read() is not None else 1)
            server = HealthServer(config, reader)
            say(f"http://{config.metrics_address}:{server.server_port}/metrics")
            sys.stdout.flush()
            # shutdown() waits for the loop, which the handler itself interrupts
            with server, stopping_on_signals(lambda: threading.Thread(target=server.shutdown).start()):
                server.serve_forever(poll_interval=0.2)
        finally:
            reader.close()


def _uptime_of(analytics: "Analytics") -> "Callable[[list[str]], dict[str, tuple[float, float]]]":
    def uptime_today(stations: list[str]) -> dict[str, tuple[float, float]]:
        found = {}
        for station in stations:
            (day,) = analytics.get_uptime_by_day(days=1, station=station)[-1:]
            found[station] = tuple(round(day[name] / 100, 6) for name in ("uptime_percent", "coverage_percent"))
        return found

    return uptime_today
