"""Everything that one instance needs to read logs into the database, wired together: for daemon and backfill."""

import os
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from zoneinfo import ZoneInfo

from psycopg2.extensions import connection as Connection  # noqa: N812 (a class under a function's name)

from ingest.adoption import Adopter, Defaults
from ingest.alerting import Alerting, limits_of
from ingest.bookkeeper import Bookkeeper, Thresholds
from ingest.errors import DatabaseError
from ingest.identity import hash_window, stream_key_hash_key
from ingest.instances import Instance
from ingest.machine import boot_id, machine_id, most_open
from ingest.pipeline import Pipeline
from ingest.schema import ready_connection
from ingest.settings import FollowerSettings, PipelineSettings
from ingest.sources import Source
from ingest.store import Store
from ingest.supervisor import Supervisor
from ingest.telemetry import Telemetry
from logging_module.config import LoggingConfig
from parsers.events import Severity

HEARTBEAT_SECONDS = 5.0
VERSION = version("radiolog")


class Service:
    """Everything that one instance needs, wired together.

    Args:
        config: from the environment.
        sources: what to read.
        name: "run" for the daemon; anything unique for a backfill.
        telemetry: told what happens.
        defer: leave the files of other live instances to them.
    """

    def __init__(
        self,
        config: LoggingConfig,
        sources: tuple[Source, ...],
        name: str,
        telemetry: Telemetry,
        *,
        defer: bool = False,
    ) -> None:
        self._config = config
        self.telemetry = telemetry
        self.instance = _instance(config, sources, name)
        self._wakes: Callable[[], None] = lambda: None
        self._supervisor = Supervisor(config.database_timeout_seconds)
        self._store = Store(self._connect("ingest"), self.instance, self._supervisor)
        self.bookkeeper = Bookkeeper(
            self._connect("bookkeeper"),
            Thresholds(config.max_open_play_seconds, config.gap_threshold_seconds),
            self._supervisor,
        )
        settings = FollowerSettings(
            config.batch_rows,
            config.batch_bytes,
            config.max_line_bytes,
            config.progress_interval_seconds,
            ZoneInfo(config.time_zone),
            stream_key_hash_key(self.instance.machine),
        )
        defaults = Defaults(
            config.station, self.instance.host, Severity(config.min_level), tuple(config.parser_by_glob), defer
        )
        include = tuple(config.include)

        def root_of(path: str) -> str | None:
            return next((at.path for at in sources if at.kind == "folder" and at.matches(path, include)), None)

        self.pipeline = Pipeline(
            self._store,
            Adopter(self._store, defaults, settings, telemetry, root_of),
            PipelineSettings(sources, include, config.rotate_wait_seconds, settings, most_open()),
            telemetry,
            wall=lambda: datetime.now(UTC),
            monotonic=time.monotonic,
            on_commit=lambda _: self._wakes(),
        )

        self.alerting = Alerting(
            self._connect("alerts"), self.instance.name,
            limits_of(config, [source.folder for source in sources], self.instance.host),
            lambda: "swept_at" in telemetry.state and not self.pipeline.attention.unread,
            lambda: datetime.now(UTC), self._supervisor,
        )  # fmt: skip

    def open(self) -> None:
        """Connect and take over from whoever ran under this instance's name before."""
        self.pipeline.committer.call(self._store.take_over)
        self.telemetry.started(self.instance.name, self._store.epoch, list(self.instance.roots))

    def on_commit(self, wakes: Callable[[], None]) -> None:
        """Call `wakes` after every commit, in the worker's thread."""
        self._wakes = wakes

    def heartbeat(self) -> None:
        """Say that this instance lives. Raises Fenced when it has been replaced."""
        self.pipeline.committer.call(lambda: self._store.heartbeat({**self.telemetry.health(), "version": VERSION}))

    def hurry(self) -> None:
        """Wait only a few seconds more for a database that does not answer. Safe in a signal handler."""
        self._supervisor.hurry()

    def waiting(self) -> set[int]:
        """The threads that wait for the database in calls that end in time."""
        return self._supervisor.waiting()

    def close(self) -> None:
        """Give files, threads and connections back."""
        self.pipeline.close()
        self._store.close()
        self.bookkeeper.close()
        self.alerting.close()

    def sign_off(self) -> None:
        """Say that this instance stopped; if the database does not take it, the heartbeat grows old."""
        try:
            self.pipeline.committer.call(self._store.sign_off)
        except DatabaseError:
            return

    def _connect(self, role: str) -> Callable[[], Connection]:
        name = f"radiolog {role}"
        return lambda: ready_connection(self._config, application_name=name, watch=self._supervisor.watch)


def _instance(config: LoggingConfig, sources: tuple[Source, ...], name: str) -> Instance:
    machine = machine_id()[:64]
    all_roots = tuple(source.path for source in sources)
    digest = hash_window("\0".join(all_roots).encode("utf-8", "surrogateescape")).hex()[:12]
    return Instance(
        f"{machine[:32]}/{name}/{digest}", machine, all_roots, socket.gethostname()[:256], os.getpid(),
        boot_id(), config.station, config.time_zone,
    )  # fmt: skip
