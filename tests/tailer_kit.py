"""A real pipeline over a folder of logs, with clocks of the test's own."""

import os
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from fix_postgres import Database
from logs_kit import content, numbers_in

from ingest.adoption import Adopter
from ingest.assignments import Assignments, Attributes
from ingest.batch import Batch
from ingest.defaults import Defaults
from ingest.errors import DatabaseError
from ingest.instances import Instance
from ingest.pipeline import Pipeline
from ingest.schema import ready_connection
from ingest.settings import FollowerSettings, PipelineSettings
from ingest.sources import source_of
from ingest.store import Store
from ingest.telemetry import Telemetry
from parsers.events import Severity

ROTATE_WAIT_SECONDS = 5.0


class Reader:
    """A pipeline with a clock that stands still until told.

    Args:
        database: where to.
        folder: what to read.
        name: of the instance; the same name again is a newer start of it.
        batch_bytes, line_bytes: bounds.
        boot_id: of the machine's present boot.
        on_commit: called after each commit, in the worker's thread.
        look_seconds: pass at each look at the clock.

    Attributes:
        clock_seconds: by how much somebody has set the time of day.
    """

    def __init__(
        self,
        database: Database,
        folder: Path,
        name: str = "run",
        *,
        batch_bytes: int = 1 << 20,
        line_bytes: int = 65536,
        boot_id: str = "boot",
        on_commit: Callable[[Sequence[Batch]], None] = lambda _: None,
        look_seconds: float = 0.0,
    ) -> None:
        self.database, self.folder = database, folder
        self.seconds, self._look_seconds = 0.0, look_seconds  # since the beginning
        self.clock_seconds = 0.0
        self.telemetry = Telemetry(stream=None)
        roots = (str(folder),)
        instance = Instance(f"model/{name}", "model", roots, "host", os.getpid(), boot_id, "Station", "UTC")
        self.store = Store(lambda: ready_connection(database.config, application_name="radiolog ingest"), instance)
        settings = FollowerSettings(1000, batch_bytes, line_bytes, 10.0, ZoneInfo("UTC"))
        defaults = Defaults(Assignments(Attributes("Station", Severity.INFO)), "host", ())
        self.adopter = Adopter(self.store, defaults, settings, self.telemetry, lambda _: str(folder))
        self.pipeline = Pipeline(
            self.store,
            self.adopter,
            PipelineSettings((source_of(folder),), tuple(database.config.include), ROTATE_WAIT_SECONDS, settings),
            self.telemetry,
            wall=lambda: datetime.now(UTC) + timedelta(seconds=self.seconds + self.clock_seconds),
            monotonic=self._monotonic,
            on_commit=on_commit,
        )
        self.pipeline.committer.call(self.store.take_over)

    def _monotonic(self) -> float:
        self.seconds += self._look_seconds
        return self.seconds

    def drain(self) -> None:
        """Read all there is and commit it."""
        while self.pipeline.read():
            pass
        self.pipeline.committer.flush()

    def sync(self, rounds: int = 2) -> None:
        """Sweep and read until nothing is left, as the daemon's loop does, through every fault of the database."""
        for _ in range(rounds):
            self.recovering(self.pipeline.sweep)
            self.recovering(self.drain)

    def settle(self, rounds: int = 4) -> None:
        """As many sweeps as it takes until all that rotated is finished."""
        for _ in range(rounds):
            self.seconds += ROTATE_WAIT_SECONDS + 1
            self.sync(1)

    def recovering(self, action: Callable[[], None], attempts: int = 5) -> None:
        """Do something as the daemon does it: after an error, drop memory and do it again."""
        for _ in range(attempts):
            try:
                action()
            except DatabaseError:
                self.pipeline.recover()
            else:
                return
        action()

    def readable(self) -> set[int]:
        """Numbers of all complete lines that a sweep can see now, by name or through a descriptor that it holds."""
        paths = [path for path in self.folder.rglob("*") if path.is_file() and ".log" in path.name]
        found = set().union(*(numbers_in(content(path)) for path in paths)) if paths else set()
        for follower in self.pipeline.followers.values():
            if not follower.checkpoint.compression:
                found |= numbers_in(follower.file.read(0, 1 << 26))
        for file in self.pipeline.waiting.values():
            found |= numbers_in(file.read(0, 1 << 26))
        return found

    def sign_off(self) -> None:
        """End in good order."""
        self.pipeline.committer.call(self.store.sign_off)
        self.close()

    def close(self) -> None:
        """End as a crash does: whatever was not committed is gone."""
        self.pipeline.close()
        self.store.close()


def stored(database: Database) -> list[tuple[int, int]]:
    """Generation and number of every stored line, in the order of generation and offset."""
    rows = database.rows("SELECT generation, metric_value FROM system_metrics ORDER BY generation, line_offset")
    return [(generation, int(value)) for generation, value in rows]


def open_below(folder: Path) -> list[str]:
    """What this process holds open for reading below a folder."""
    return [target for target, writes in _descriptors() if not writes and target.startswith(str(folder) + "/")]


def _descriptors() -> Iterator[tuple[str, bool]]:
    for number in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{number}")
            flags = Path(f"/proc/self/fdinfo/{number}").read_text().split("flags:")[1].split()[0]
        except OSError:
            continue
        yield target, bool(int(flags, 8) & (os.O_WRONLY | os.O_RDWR))
