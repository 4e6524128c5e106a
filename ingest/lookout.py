"""What the daemon looks at in each round, and how long it waits for the next one."""

import time
from collections.abc import Collection
from datetime import UTC, datetime

from ingest.pipeline import Pipeline
from ingest.rhythm import Rhythm
from ingest.silence import Silence
from ingest.telemetry import Telemetry
from ingest.wake import Hints, Waker


class Lookout:
    """Ties hints, sweeps and polls to the pipeline.

    Args:
        pipeline: reads.
        waker: gives hints.
        telemetry: told of sweeps and of changes that no event announced.
        sweep_interval_seconds: how often the whole tree is looked at, hints or not.
    """

    def __init__(
        self, pipeline: Pipeline, waker: Waker, telemetry: Telemetry, *, sweep_interval_seconds: float
    ) -> None:
        self._pipeline = pipeline
        self._waker = waker
        self._telemetry = telemetry
        self._rhythm = Rhythm(sweep_interval_seconds)
        self._silence = Silence(waker.roots, telemetry)
        self._hints = Hints(frozenset(), tree_changed=True)

    def look(self) -> bool:
        """One round: read what the hints name and what is due. Gives whether there may be more to read at once."""
        hints, now = self._hints, time.monotonic()
        self._pipeline.committer.settle()
        self._silence.heard(hints)
        hinted = self._rhythm.wants_sweep(tree_changed=hints.tree_changed)
        if self._rhythm.sweep_due(now):
            return self._sweep(hints, now, hinted=hinted)
        busy = self._waker.mode == "busy"
        if busy and self._rhythm.scan_due(now, len(self._pipeline.followers)):
            self._pipeline.look(hints.paths)
            more = self._pipeline.read()
        else:
            more = self._pipeline.read_hinted(hints.paths, poll=busy)
        changes = self._pipeline.attention.take_changes()
        self._silence.announced(changes)
        if self._rhythm.adapt_due(now, len(changes)):
            self._waker.adapt(self._rhythm.take_changes())
        return more

    def watch(self, folders: Collection[str]) -> None:
        """Look at these folders from now on, at once."""
        if set(folders) != set(self._waker.roots):
            self._waker.watch(folders)
            self._silence = Silence(self._waker.roots, self._telemetry)
        self._waker.wake(tree_changed=True)

    def _sweep(self, hints: Hints, now: float, *, hinted: bool) -> bool:
        expects_events = self._waker.mode == "events"
        self._waker.check(self._pipeline.folders)
        self._pipeline.sweep()
        more = self._pipeline.read()
        self._rhythm.swept(now, time.monotonic())
        self._telemetry.swept(datetime.now(UTC), self._rhythm.sweep_seconds)
        changes = self._pipeline.attention.take_changes()
        self._silence.swept(changes, hints, by_timer=expects_events and not hinted)
        if self._pipeline.left_out and not more:
            self._waker.wake(tree_changed=True)
        return more

    def wait(self, until: float, *, more: bool) -> None:
        """Wait for the next round.

        Args:
            until: monotonic time by which the daemon has something else to do.
            more: there may be more to read at once: do not wait.
        """
        now = time.monotonic()
        pipeline = self._pipeline
        self._rhythm.polled(pipeline.attention.busy_files, pipeline.found_batches, pipeline.found_lines)
        pause_seconds = self._rhythm.pause_seconds(now, busy=self._waker.mode == "busy")
        self._hints = self._waker.wait(0.0 if more else max(0.0, min(pause_seconds, until - now)))
