"""Everything that one instance needs to read logs into the database, wired together: for daemon and backfill."""

import os
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from zoneinfo import ZoneInfo

from psycopg2.extensions import connection as Connection  # noqa: N812 (a class under a function's name)

from ingest.adoption import Adopter
from ingest.alerting import Alerting, Limits, limits_of
from ingest.assignments import assignments_of
from ingest.bookkeeper import Bookkeeper
from ingest.defaults import Defaults
from ingest.errors import DatabaseError
from ingest.foreseen import Thresholds
from ingest.identity import hash_window, stream_key_hash_key
from ingest.instances import Instance
from ingest.machine import boot_id, machine_id, most_open
from ingest.pipeline import Pipeline
from ingest.process import expect_many_lines
from ingest.schema import ready_connection
from ingest.settings import Changes, FollowerSettings, PipelineSettings
from ingest.sources import Source
from ingest.store import Store
from ingest.supervisor import Supervisor
from ingest.telemetry import Telemetry
from logging_module.config import LoggingConfig

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
        thresholds = Thresholds(config.max_open_play_seconds, config.gap_threshold_seconds)
        self._store = Store(self._connect("ingest"), self.instance, self._supervisor, thresholds)
        self.bookkeeper = Bookkeeper(self._connect("bookkeeper"), thresholds, self._supervisor)
        self._follower_settings = FollowerSettings(
            config.batch_rows,
            config.batch_bytes,
            config.max_line_bytes,
            config.progress_interval_seconds,
            ZoneInfo(config.time_zone),
            stream_key_hash_key(self.instance.machine),
        )
        self._defer = defer
        settings, defaults = self._settings_of(config, sources)
        self.pipeline = Pipeline(
            self._store,
            Adopter(self._store, defaults, self._follower_settings, telemetry, settings.root_of),
            settings,
            telemetry,
            wall=lambda: datetime.now(UTC),
            monotonic=time.monotonic,
            on_commit=lambda _: self._wakes(),
        )

        self.alerting = Alerting(
            self._connect("alerts"), self.instance.name,
            self._limits_of(sources),
            lambda: "swept_at" in telemetry.state and not self.pipeline.attention.unread,
            lambda: datetime.now(UTC), self._supervisor,
        )  # fmt: skip

    def open(self) -> None:
        """Connect and take over from whoever ran under this instance's name before."""
        expect_many_lines()
        self.pipeline.committer.call(self._store.take_over)
        self.telemetry.started(self.instance.name, self._store.epoch, list(self.instance.roots))

    def reconfigure(self, config: LoggingConfig, sources: tuple[Source, ...]) -> Changes | None:
        """Read other places, and files as other stations' (`Pipeline.reconfigure`). May be called again after an error.

        Args:
            config: what is said of stations, parsers and globs in it holds from now on, nothing else.
            sources: what to read.
        """
        changes = self.pipeline.reconfigure(*self._settings_of(config, sources))
        if changes is not None:
            roots = tuple(source.path for source in sources)
            self.pipeline.committer.call(lambda: self._store.move(roots, config.station))
            self.alerting.limits = self._limits_of(sources)
        return changes

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

    def _settings_of(self, config: LoggingConfig, sources: tuple[Source, ...]) -> tuple[PipelineSettings, Defaults]:
        settings = PipelineSettings(
            sources, tuple(config.include), self._config.rotate_wait_seconds, self._follower_settings, most_open()
        )
        return settings, Defaults(assignments_of(config), self.instance.host, tuple(config.parser_by_glob), self._defer)

    def _limits_of(self, sources: tuple[Source, ...]) -> Limits:
        return limits_of(self._config, [source.folder for source in sources], self.instance.host)

    def _connect(self, role: str) -> Callable[[], Connection]:
        name = f"radiolog {role}"
        return lambda: ready_connection(self._config, application_name=name, watch=self._supervisor.watch)


def _instance(config: LoggingConfig, sources: tuple[Source, ...], name: str) -> Instance:
    machine = machine_id()[:64]
    all_roots = tuple(source.path for source in sources)
    # Of a file it is the same daemon whatever the file says: places come and go while it runs.
    same = [str(config.config_file.absolute())] if config.config_file and name == "run" else all_roots
    digest = hash_window("\0".join(same).encode("utf-8", "surrogateescape")).hex()[:12]
    return Instance(
        f"{machine[:32]}/{name}/{digest}", machine, all_roots, socket.gethostname()[:256], os.getpid(),
        boot_id(), config.station, config.time_zone,
    )  # fmt: skip
