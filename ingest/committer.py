"""Commits in groups: one worker thread makes them in order, while reading and parsing go on.

At most one group is being committed and one is being filled: that bounds memory and is the back-pressure.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from ingest.batch import Batch
from ingest.portion import Portion
from ingest.prepared import Prepared
from ingest.store import Store
from ingest.telemetry import Telemetry

T = TypeVar("T")


class Committer:
    """Hands groups of batches to the store.

    Args:
        store: used by the worker thread only, but for `prepare`.
        telemetry: told what was committed.
        portion: a group that is full is handed over at once.
        on_commit: called in the worker thread after each commit, with the batches.
    """

    def __init__(
        self, store: Store, telemetry: Telemetry, portion: Portion, on_commit: Callable[[Sequence[Batch]], None]
    ) -> None:
        self._store = store
        self._telemetry = telemetry
        self.portion = portion
        self._on_commit = on_commit
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="commit")
        self._in_flight: Future[None] | None = None
        self._ready: list[Batch] = []
        self._ready_rows = self._ready_bytes = 0

    def add(self, batch: Batch) -> None:
        """Take a batch; raises what the commit before has met when the group is full."""
        self._ready.append(batch)
        self._ready_rows += batch.row_count
        self._ready_bytes += len(batch.raw)
        if self.portion.is_full(self._ready_rows, self._ready_bytes):
            self.submit()

    def submit(self) -> None:
        """Hand what is ready to the worker, when the commit before it is done."""
        if not self._ready:
            return
        prepared = self._store.prepare(self._ready)  # beside the commit that is on its way
        self._await_commit()
        self._drop_ready()
        self._in_flight = self._worker.submit(self._commit, prepared)

    def flush(self) -> None:
        """Commit all that is ready, and wait for it."""
        self.submit()
        self._await_commit()

    def settle(self) -> None:
        """Raise the error of a commit that has failed meanwhile; wait for nothing."""
        if self._in_flight is not None and self._in_flight.done():
            self._await_commit()

    @property
    def is_committing(self) -> bool:
        """Whether a commit is on its way whose outcome nobody has looked at yet."""
        return self._in_flight is not None

    def call(self, function: Callable[[], T]) -> T:
        """Use the store, in its thread, behind all commits handed to it before."""
        return self._worker.submit(function).result()

    def forget(self) -> None:
        """Drop what is ready, and wait for what is in flight: the checkpoints will tell how that went."""
        self._drop_ready()
        self.portion.begin_small()
        in_flight, self._in_flight = self._in_flight, None
        if in_flight is not None:
            in_flight.exception()

    def close(self) -> None:
        """End the thread, after what it was told to do."""
        self._worker.shutdown()

    def _drop_ready(self) -> None:
        self._ready = []
        self._ready_rows = self._ready_bytes = 0

    def _commit(self, prepared: Prepared) -> None:
        began, group = time.monotonic(), prepared.batches
        self._store.commit(prepared)
        self._telemetry.committed(
            len(group),
            sum(batch.lines for batch in group),
            sum(batch.row_count for batch in group),
            sum(len(batch.copied["dead_letters"]) for batch in group),
            time.monotonic() - began,
        )
        self._on_commit(group)

    def _await_commit(self) -> None:
        in_flight, self._in_flight = self._in_flight, None
        if in_flight is not None:
            in_flight.result()
            self.portion.grow()
