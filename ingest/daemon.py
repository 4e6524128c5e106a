"""The daemon: one loop that waits, reads and commits until it is told to stop."""

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from ingest.backoff import delay_seconds
from ingest.errors import CheckpointMoved, DatabaseError, DatabaseUnavailable
from ingest.lookout import Lookout
from ingest.process import notify_systemd
from ingest.reloading import Reloading
from ingest.service import HEARTBEAT_SECONDS, Service
from ingest.telemetry import Telemetry
from ingest.vitals import Vitals, watched
from ingest.wake import Waker
from logging_module.config import LoggingConfig

# What follows from many small commits is derived together.
DERIVE_REST_SECONDS = 0.5


class Daemon:
    """Runs a service until it is told to stop.

    Args:
        service: what to run; closed at the end.
        waker: says when to look.
        telemetry: told what happens.
        config: in force at the start.
        read_config: gives the configuration as it is now, or raises ConfigurationError.
    """

    def __init__(
        self,
        service: Service,
        waker: Waker,
        telemetry: Telemetry,
        config: LoggingConfig,
        read_config: Callable[[], LoggingConfig],
    ) -> None:
        sweep_interval_seconds = config.sweep_interval_seconds
        self._service = service
        self._waker = waker
        self._telemetry = telemetry
        self._sweep_interval_seconds = sweep_interval_seconds
        self._lookout = Lookout(service.pipeline, waker, telemetry, sweep_interval_seconds=sweep_interval_seconds)
        self._reloading = Reloading(config, read_config, service, self._lookout, telemetry)
        self._stopping = threading.Event()
        self._failures = 0
        self._trusted_at = 0.0  # monotonic: without another failure until then, the database is back
        self._derive_wanted = threading.Event()
        self._deriving: Future[None] = Future()
        self._vitals = Vitals(0.0, service.waiting)  # until it runs

    def stop(self) -> None:
        """Ask the daemon to commit what it has read and to end. Safe in a signal handler."""
        self._service.hurry()
        self._stopping.set()
        self._derive_wanted.set()
        self._waker.wake()

    def reload(self) -> None:
        """Ask the daemon to read its configuration again. Safe in a signal handler."""
        self._reloading.ask()
        self._waker.wake()

    def run(self) -> None:
        """Run until `stop`. Raises Fenced when another instance took over, RadiologError when it cannot begin."""
        with watched(self._service.waiting, self._telemetry) as self._vitals:
            self._vitals.step("loop")
            self._service.pipeline.committer.call(lambda: self._vitals.join("loop"))  # the loop waits for commits
            self._run()

    def _run(self) -> None:
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
            self._vitals.step("loop")
            if self._deriving.done():
                self._deriving.result()  # it ends only with us, or by a defect that must not stay hidden
            try:
                if now >= beat_at:
                    self._service.heartbeat()
                    beat_at = now + HEARTBEAT_SECONDS
                    if not self._failures:
                        notify_systemd(f"STATUS={self._telemetry.summary(len(self._service.pipeline.followers))}")
                if self._reloading.work():
                    beat_at = now  # who asked for it wants to see what came of it
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
            self._vitals.step("loop", HEARTBEAT_SECONDS)  # so long it waits at most
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
        self._vitals.step("loop", seconds)
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
        idle_seconds = self._sweep_interval_seconds * 5
        while not self._stopping.is_set():
            self._vitals.step("bookkeeper", idle_seconds)
            self._derive_wanted.wait(idle_seconds)
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
                self._vitals.step("bookkeeper", seconds)
                self._stopping.wait(seconds)
                self._derive_wanted.set()
        self._vitals.done("bookkeeper")
