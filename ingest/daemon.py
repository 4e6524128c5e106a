"""The daemon: one loop that waits, reads and commits until it is told to stop; and the same once, for a backfill."""

import os
import random
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import FrameType
from zoneinfo import ZoneInfo

from psycopg2.extensions import connection as Connection  # noqa: N812 (a class under a function's name)

from ingest import files
from ingest.adoption import Adopter, Defaults
from ingest.alerting import Alerting, limits_of
from ingest.backoff import delay_seconds
from ingest.bookkeeper import Bookkeeper, Thresholds
from ingest.errors import CheckpointMoved, DatabaseError, DatabaseUnavailable
from ingest.follower import FollowerSettings
from ingest.identity import hash_window, stream_key_hash_key
from ingest.lookout import Lookout
from ingest.pipeline import Pipeline, PipelineSettings
from ingest.schema import ready_connection
from ingest.store import Instance, Store
from ingest.supervisor import Supervisor
from ingest.telemetry import Telemetry
from ingest.wake import Waker
from logging_module.config import LoggingConfig
from parsers.events import Severity

HEARTBEAT_SECONDS = 5.0
# What follows from many small commits is derived together.
DERIVE_REST_SECONDS = 0.1


@dataclass(frozen=True)
class Progress:
    """How far a backfill is: bytes read of bytes found, and what became of them."""

    done_bytes: int
    total_bytes: int
    lines: int
    rows: int
    dead_letters: int


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
        sources: tuple[files.Source, ...],
        name: str,
        telemetry: Telemetry,
        *,
        defer: bool = False,
    ) -> None:
        self._config = config
        self._telemetry = telemetry
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
            PipelineSettings(sources, include, config.rotate_wait_seconds, settings, files.most_open()),
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
        self._telemetry.started(self.instance.name, self._store.epoch, list(self.instance.roots))

    def on_commit(self, wakes: Callable[[], None]) -> None:
        """Call `wakes` after every commit, in the worker's thread."""
        self._wakes = wakes

    def heartbeat(self) -> None:
        """Say that this instance lives. Raises Fenced when it has been replaced."""
        self.pipeline.committer.call(lambda: self._store.heartbeat(self._telemetry.health()))

    def hurry(self) -> None:
        """Wait only a few seconds more for a database that does not answer. Safe in a signal handler."""
        self._supervisor.hurry()

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


def backfill(
    service: Service, on_progress: Callable[[Progress], None], should_stop: Callable[[], bool] = lambda: False
) -> Progress:
    """Read what is there now, derive what follows, and end.

    Args:
        service: opened by this function and closed by the caller.
        on_progress: told after every group.
        should_stop: asked after every group; what was committed stays.

    Raises:
        RadiologError: the database refused; what was committed stays, and the next run goes on there.
    """
    service.open()
    pipeline, counters = service.pipeline, service._telemetry.counters  # noqa: SLF001 (same module)

    def progress(done_bytes: int) -> Progress:
        return Progress(done_bytes, max(done_bytes, total_bytes), *(counters.get(name, 0) for name in _TOTALS))

    def read_bytes() -> int:
        return sum(follower.checkpoint.offset for follower in pipeline.followers.values())

    total_bytes = 0
    rounds = 0
    while rounds < 2 or pipeline.left_out:  # the second time for what may have been a copy of something unread
        rounds += 1
        pipeline.sweep()
        total_bytes = sum(follower.file.observe().size_bytes for follower in pipeline.followers.values())
        while pipeline.read() and not should_stop():
            on_progress(progress(read_bytes()))
        pipeline.committer.flush()
        if should_stop() or not pipeline.sweep_again:
            break
        if pipeline.left_out:
            pipeline.finish_rotated()
    if not should_stop():
        pipeline.finish_rotated()
        pipeline.bury()
    service.bookkeeper.work_all()
    service.sign_off()
    return progress(total_bytes)


_TOTALS = ("lines_total", "rows_total", "dead_letters_total")


class Daemon:
    """Runs a service until it is told to stop.

    Args:
        service: what to run; closed at the end.
        waker: says when to look.
        telemetry: told what happens.
        sweep_interval_seconds: how often the whole tree is looked at, events or not.
    """

    def __init__(self, service: Service, waker: Waker, telemetry: Telemetry, *, sweep_interval_seconds: float) -> None:
        self._service = service
        self._waker = waker
        self._telemetry = telemetry
        self._sweep_interval_seconds = sweep_interval_seconds
        self._lookout = Lookout(service.pipeline, waker, telemetry, sweep_interval_seconds=sweep_interval_seconds)
        self._stopping = threading.Event()
        self._failures = 0
        self._trusted_at = 0.0  # monotonic: without another failure until then, the database is back
        self._derive_wanted = threading.Event()
        self._deriving: Future[None] = Future()

    def stop(self) -> None:
        """Ask the daemon to commit what it has read and to end. Safe in a signal handler."""
        self._service.hurry()
        self._stopping.set()
        self._derive_wanted.set()
        self._waker.wake()

    def run(self) -> None:
        """Run until `stop`. Raises Fenced when another instance took over, RadiologError when it cannot begin."""
        if not self._open():
            self._service.close()
            self._telemetry.stopped("asked to, before the database could be reached")
            return
        self._service.on_commit(self._committed)
        deriver = ThreadPoolExecutor(1, thread_name_prefix="bookkeeper")
        self._deriving = deriver.submit(self._derive)
        try:
            self._waker.start()
            notify_systemd("READY=1")
            self._loop()
            self._drain()
        finally:
            notify_systemd("STOPPING=1")
            self._stopping.set()
            self._derive_wanted.set()
            self._waker.stop()
            deriver.shutdown()
            self._service.close()

    def _open(self) -> bool:
        """Connect; a server that is not there yet is waited for, a refusal (wrong password, no schema) is final.

        Returns:
            False when it was told to stop meanwhile.
        """
        while not self._stopping.is_set():
            try:
                self._service.open()
            except DatabaseUnavailable as error:
                notify_systemd("READY=1")  # it does what it can; being late would end it (TimeoutStartSec)
                self._back_off(error)
            else:
                return True
        return False

    def _loop(self) -> None:
        beat_at = 0.0
        while not self._stopping.is_set():
            now = time.monotonic()
            if self._deriving.done():
                self._deriving.result()  # it ends only with us, or by a defect that must not stay hidden
            try:
                if now >= beat_at:
                    self._service.heartbeat()
                    beat_at = now + HEARTBEAT_SECONDS
                more = self._lookout.look()
            except CheckpointMoved as error:
                self._telemetry.checkpoint_moved(str(error))
                self._recover()
                more = True
            except DatabaseError as error:
                self._back_off(error)
                self._recover()
                more = True
            else:
                self._succeeded()
            self._lookout.wait(beat_at, more=more)

    def _drain(self) -> None:
        """Commit what was read. If the database does not take it now, it is read again at the next start."""
        try:
            self._service.pipeline.committer.flush()
            self._deriving.result()  # two threads on one connection would commit each other's halves
            self._service.bookkeeper.work_all()
        except DatabaseUnavailable as error:  # nor will it hear that we go
            self._telemetry.database_lost(str(error), 0.0)
        except DatabaseError as error:
            self._telemetry.database_lost(str(error), 0.0)
            self._service.sign_off()
        else:
            self._service.sign_off()
        self._telemetry.stopped("asked to")

    def _recover(self) -> None:
        while not self._stopping.is_set():
            try:
                self._service.pipeline.recover()
            except DatabaseError as again:
                self._service.pipeline.hold()
                self._back_off(again)
            else:
                return

    def _back_off(self, error: DatabaseError) -> None:
        self._failures += 1
        seconds = delay_seconds(self._failures, random.random())  # noqa: S311 (jitter)
        self._telemetry.database_lost(str(error), seconds)
        notify_systemd(f"STATUS=database unavailable: {error}")
        self._stopping.wait(seconds)
        self._trusted_at = time.monotonic() + seconds

    def _succeeded(self) -> None:
        """Nothing failed this time. Where only some commits fail, waiting does not begin anew after each good one."""
        if (
            self._failures
            and not self._service.pipeline.committer.is_committing
            and time.monotonic() >= self._trusted_at
        ):
            self._failures = 0
            self._telemetry.database_back()
            notify_systemd("STATUS=reading")

    def _committed(self) -> None:
        self._derive_wanted.set()

    def _derive(self) -> None:
        """The bookkeeper's thread: after commits, and now and then for what another process left."""
        failures = 0
        while not self._stopping.is_set():
            self._derive_wanted.wait(self._sweep_interval_seconds * 5)
            self._derive_wanted.clear()
            try:
                self._telemetry.derived(self._service.bookkeeper.work_all())
                self._service.alerting.look()
                failures = 0
                self._stopping.wait(DERIVE_REST_SECONDS)
            except DatabaseError as error:
                failures += 1
                seconds = delay_seconds(failures, random.random())  # noqa: S311 (jitter)
                self._telemetry.database_lost(str(error), seconds)
                self._stopping.wait(seconds)
                self._derive_wanted.set()


@contextmanager
def stopping_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """SIGTERM and the first Ctrl-C ask to stop; a second Ctrl-C ends at once."""

    def handle(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before[signal.SIGINT])
        stop()

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def notify_systemd(state: str) -> None:
    """Tell systemd (sd_notify(3)) when it started us with Type=notify; else do nothing."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        try:
            channel.connect(address)
            channel.sendall(state.encode())
        except OSError:
            return  # systemd's own affair; the daemon works without


def _instance(config: LoggingConfig, sources: tuple[files.Source, ...], name: str) -> Instance:
    machine = files.machine_id()[:64]
    all_roots = tuple(source.path for source in sources)
    digest = hash_window("\0".join(all_roots).encode("utf-8", "surrogateescape")).hex()[:12]
    return Instance(
        f"{machine[:32]}/{name}/{digest}", machine, all_roots, socket.gethostname()[:256], os.getpid(),
        files.boot_id(), config.station, config.time_zone,
    )  # fmt: skip
