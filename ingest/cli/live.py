"""`radiolog demo`: writers, FFmpeg and the daemon in one process, and a view of what arrives."""

import sys
import tempfile
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2

from ingest import schema
from ingest.cli.output import cell_text, one_line, say
from ingest.cli.settings import configured
from ingest.daemon import Daemon
from ingest.database import connect, translate
from ingest.demo import write_station
from ingest.process import stopping_on_signals
from ingest.queries import load
from ingest.service import Service
from ingest.sources import Source
from ingest.telemetry import Telemetry
from ingest.wake import Waker
from logging_module.config import LoggingConfig

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812

DEMO_DATABASE = "radiolog_demo"
REFRESH_SECONDS = 1.0

_SQL = load("ingest", "live.sql")


def run_demo(*, seconds: float | None, speed: float) -> None:
    """Run the station until the time is over or somebody presses Ctrl-C.

    Args:
        seconds: how long; None for ever.
        speed: how many times faster than real time the writers are.
    """
    with tempfile.TemporaryDirectory(prefix="radiolog-demo-") as folder:
        config = _demo_config(configured(), Path(folder))
        stop = threading.Event()
        with stopping_on_signals(stop.set), ThreadPoolExecutor(2) as pool:
            daemon = _daemon(config)
            running = pool.submit(daemon.run)
            writing = pool.submit(write_station, config, stop=stop, speed=speed)
            try:
                _watch(config, stop, seconds, (running, writing))
            finally:
                stop.set()
                writing.result()
                daemon.stop()
                running.result()
        _show_last(config)


def _demo_config(config: LoggingConfig, folder: Path) -> LoggingConfig:
    """The configuration for a fresh database of the demo's own, beside the configured one."""
    connection = connect(config, application_name="radiolog demo", autocommit=True)
    try:
        with connection.cursor() as cursor:
            cursor.execute(_SQL["drop_demo"])
            cursor.execute(_SQL["create_demo"])
        where = connection.info
        own = config.model_copy(
            update={
                "postgres_host": where.host,
                "postgres_port": where.port,
                "postgres_user": where.user,
                "postgres_db": DEMO_DATABASE,
                "log_path": folder,
                "extra_paths": (),
                "station": "Demo FM",
            }
        )
    except psycopg2.Error as error:
        raise translate(error) from error
    finally:
        connection.close()
    fresh = connect(own, application_name="radiolog demo")
    try:
        schema.apply(fresh)
    finally:
        fresh.close()
    return own


def _daemon(config: LoggingConfig) -> Daemon:
    telemetry = Telemetry(stream=None)
    source = Source(str(config.log_path), "folder")
    service = Service(config, (source,), "run", telemetry)
    waker = Waker([source.folder], telemetry)
    return Daemon(service, waker, telemetry, config, lambda: config)


def _watch(
    config: LoggingConfig, stop: threading.Event, seconds: float | None, parts: tuple[Future[None], ...]
) -> None:
    from rich.console import Console
    from rich.live import Live

    connection = connect(config, application_name="radiolog demo view", autocommit=True)
    passed = 0.0
    try:
        with Live(console=Console(), auto_refresh=False, screen=False, transient=True) as live:
            while not stop.wait(REFRESH_SECONDS) and (seconds is None or passed < seconds):
                passed += REFRESH_SECONDS
                for part in parts:
                    if part.done():
                        part.result()
                        return
                if sys.stdout.isatty():
                    live.update(_view(connection), refresh=True)
    finally:
        connection.close()


def _rows(connection: "Connection", name: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(_SQL[name])
        return list(cursor.fetchall())


def _view(connection: "Connection") -> Any:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    playing = _rows(connection, "playing")
    now = f"{playing[0][0]} - {playing[0][1]}, for {playing[0][2]} s" if playing else "nothing"
    encoder = _rows(connection, "encoder")
    state = "none yet"
    if encoder:
        kind, frames, fps, speed, out_time = encoder[0]
        state = f"{kind}, frame {frames}, {fps} fps, {speed}x, {out_time} s sent"
    plays, metrics, errors, letters, lines = _rows(connection, "counts")[0]
    errors_table = Table("time", "service", "severity", "message", title="last errors", title_justify="left")
    for row in _rows(connection, "latest_errors"):
        errors_table.add_row(*(Text(one_line(cell_text(cell), 60)) for cell in row))
    return Group(
        Text(one_line(f"now playing  {now}")),
        Text(f"encoder      {state}"),
        Text(f"{lines} lines: {plays} plays, {metrics} metrics, {errors} errors, {letters} dead letters"),
        errors_table,
    )


def _show_last(config: LoggingConfig) -> None:
    connection = connect(config, application_name="radiolog demo view", autocommit=True)
    try:
        plays, metrics, errors, letters, lines = _rows(connection, "counts")[0]
    finally:
        connection.close()
    say(f"{lines} lines: {plays} plays, {metrics} metrics, {errors} errors, {letters} dead letters")
