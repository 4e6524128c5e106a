"""`/metrics`, `/healthz` and `/readyz` over HTTP: a process of its own, so that the daemon needs no network for it."""

import socket
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import psycopg2
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ

from ingest.errors import DatabaseError, OutputError
from ingest.exposition import HealthCollector
from ingest.health import ingest_facts, present_facts
from ingest.schema import ready_connection
from logging_module.config import LoggingConfig

if TYPE_CHECKING:
    from ingest.database import Connection

# A scrape never makes the database work more often than this.
FACTS_SECONDS = 1.0
UPTIME_SECONDS = 60.0


class HealthReader:
    """Facts from the database, read again when they are old; safe from several threads.

    Args:
        config: the database.
        uptime_today: gives share of uptime and coverage by station.
        monotonic: a clock in seconds that never jumps.
    """

    def __init__(
        self, config: LoggingConfig, uptime_today: Callable[[list[str]], dict[str, tuple[float, float]]],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._config = config
        self._uptime_today = uptime_today
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._facts: dict[str, Any] | None = None
        self._uptime: dict[str, tuple[float, float]] = {}
        self._read_at = self._uptime_at = float("-inf")

    def read(self) -> dict[str, Any] | None:
        """The facts; None while the database does not answer."""
        with self._lock:
            if self._monotonic() >= self._read_at + FACTS_SECONDS:
                try:
                    self._facts = self._asked()
                except (psycopg2.Error, DatabaseError):
                    self._facts = None
                    self._close()
                self._read_at = self._monotonic()
            return self._facts

    def close(self) -> None:
        """Give the connection back."""
        with self._lock:
            self._close()

    def _asked(self) -> dict[str, Any]:
        if self._connection is None:
            self._connection = ready_connection(self._config, "radiolog metrics")
            # A checkpoint that goes meanwhile is counted once: among the files or among the forgotten.
            self._connection.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ, readonly=True)
        facts = {**ingest_facts(self._connection), **present_facts(self._connection)}
        if self._monotonic() >= self._uptime_at + UPTIME_SECONDS:
            self._uptime = self._uptime_today([row["station"] for row in facts["stations"]])
            self._uptime_at = self._monotonic()
        return {**facts, "uptime_today": self._uptime}

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def registry_of(config: LoggingConfig, reader: HealthReader) -> CollectorRegistry:
    """The metrics of what a reader reads."""
    registry = CollectorRegistry()
    registry.register(HealthCollector(reader.read, config.silence_seconds, time.time))
    return registry


class HealthServer(ThreadingHTTPServer):
    """Listens from the start on; `serve_forever` answers.

    Args:
        config: says address and port.
        reader: of the facts.

    Raises:
        OutputError: the address cannot be listened on.
    """

    daemon_threads = True

    def __init__(self, config: LoggingConfig, reader: HealthReader) -> None:
        self.reader = reader
        self.registry = registry_of(config, reader)
        self.address_family = socket.AF_INET6 if ":" in config.metrics_address else socket.AF_INET
        try:
            super().__init__((config.metrics_address, config.metrics_port), _Handler)
        except OSError as error:
            where = f"{config.metrics_address} port {config.metrics_port}"
            raise OutputError(f"{where} cannot be listened on: {error.strerror}") from error


def liveness(facts: dict[str, Any] | None) -> tuple[bool, str]:
    """Whether a daemon of this machine lives, and in words. Without a database nobody knows: then this does."""
    if facts is None:
        return True, "the database does not answer"
    live = [row for row in facts["instances"] if row["live"]]
    return bool(live), f"{len(live)} live" if live else "no daemon of this machine gave a sign within 30 s"


def readiness(facts: dict[str, Any] | None) -> tuple[bool, str]:
    """Whether lines that are written now are stored soon, and in words."""
    if facts is None:
        return False, "the database does not answer"
    if not any(row["live"] and "swept_at" in (row["health"] or {}) for row in facts["instances"]):
        return False, "no daemon has looked at its files yet"
    return True, "ready"


class _Handler(BaseHTTPRequestHandler):
    server: HealthServer
    server_version = "radiolog"
    sys_version = ""
    timeout = 10  # seconds without a word

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/metrics":
            encode, kind = choose_encoder(self.headers.get("Accept", ""))
            self._answer(HTTPStatus.OK, kind, encode(self.server.registry))
            return
        judge = {"/healthz": liveness, "/readyz": readiness}.get(path)
        if judge is None:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"/metrics, /healthz or /readyz\n")
            return
        good, words = judge(self.server.reader.read())
        status = HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE
        self._answer(status, "text/plain; charset=utf-8", f"{words}\n".encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (its name there)
        """Say nothing: a scrape is no news."""

    def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
