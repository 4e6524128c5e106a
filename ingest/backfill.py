"""Read what is there now, and end: `radiolog once`."""

import random
import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from ingest.backoff import delay_seconds
from ingest.errors import CheckpointMoved, DatabaseUnavailable
from ingest.service import HEARTBEAT_SECONDS, Service

# So many failures in a row, without anything stored between them, end it: after half a minute of waiting.
MOST_FAILURES = 9
LOOK_SECONDS = 0.05

T = TypeVar("T")


class Progress(NamedTuple):
    """How far a backfill is: bytes read of bytes found, and what became of them."""

    done_bytes: int
    total_bytes: int
    lines: int
    rows: int
    dead_letters: int


def backfill(
    service: Service, on_progress: Callable[[Progress], None], should_stop: Callable[[], bool] = lambda: False
) -> Progress:
    """Read what is there now, derive what follows, and end.

    A database that goes away, a deadlock, a lock that is not to be had: such faults pass, and are waited for.

    Args:
        service: opened by this function and closed by the caller.
        on_progress: told after every round of reading.
        should_stop: asked after every round; what was committed stays.

    Raises:
        RadiologError: the database refused; what was committed stays, and the next run goes on there.
    """
    service.open()
    run = _Backfill(service, on_progress, should_stop)
    with service.bookkeeper.alongside():
        run.patiently(run.read_all)
    run.patiently(service.bookkeeper.work_all_at_once)
    service.sign_off()
    return run.progress()


class _Backfill:
    def __init__(
        self, service: Service, on_progress: Callable[[Progress], None], should_stop: Callable[[], bool]
    ) -> None:
        self._service, self._on_progress, self._should_stop = service, on_progress, should_stop
        self._total_bytes = 0
        self._beat_at = 0.0
        self._lost = False

    def patiently(self, action: Callable[[], T]) -> T:
        """Do something again after each fault that passes, as long as that gets on."""
        failures, rows = 0, self.progress().rows
        while True:
            try:
                if self._lost:
                    self._service.pipeline.recover()
                    self._lost = False
                return action()
            except (CheckpointMoved, DatabaseUnavailable) as error:
                now = self.progress().rows
                failures, rows = (failures + 1 if now == rows else 1), now
                if failures > MOST_FAILURES or self._should_stop():
                    raise
                self._lost = True
                self._wait(delay_seconds(failures, random.random()), error)  # noqa: S311 (jitter)

    def _wait(self, seconds: float, error: Exception) -> None:
        self._service.telemetry.database_lost(str(error), seconds)
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self._should_stop():
            time.sleep(LOOK_SECONDS)

    def read_all(self) -> None:
        """Every file to its end."""
        pipeline = self._service.pipeline
        rounds = 0
        while rounds < 2 or pipeline.left_out:  # the second time for what may have been a copy of something unread
            rounds += 1
            open_before = set(pipeline.followers)
            pipeline.sweep()
            if pipeline.left_out and open_before.issuperset(pipeline.followers):
                time.sleep(LOOK_SECONDS)  # no descriptor came free: those that are open wait for time to pass
            self._total_bytes = sum(follower.file.observe().size_bytes for follower in pipeline.followers.values())
            while pipeline.read() and not self._should_stop():
                self._on_progress(self.progress())
                self._beat()
            pipeline.committer.flush()
            if self._should_stop() or not pipeline.sweep_again:
                break
            if pipeline.left_out:
                pipeline.finish_rotated()
        if not self._should_stop():
            pipeline.finish_rotated()
            pipeline.bury()

    def _beat(self) -> None:
        """Others leave our files to us as long as we say that we live."""
        now = time.monotonic()
        if now >= self._beat_at:
            self._service.heartbeat()
            self._beat_at = now + HEARTBEAT_SECONDS

    def progress(self) -> Progress:
        """How far it is."""
        counters = self._service.telemetry.counters
        done_bytes = sum(follower.checkpoint.offset for follower in self._service.pipeline.followers.values())
        return Progress(done_bytes, max(done_bytes, self._total_bytes), *(counters.get(name, 0) for name in _TOTALS))


_TOTALS = ("lines_total", "rows_total", "dead_letters_total")
