"""Whatever is done to a family of logs: a line that a sweep could see is stored, once, in order.

`RADIOLOG_TEST_TAILER_EXAMPLES=2000` makes a campaign of it. Lines that no sweep could have seen are not asked for, nor
that a line is whole which was half written while its file was put aside.
"""

import contextlib
import itertools
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from fix_postgres import Database
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ingest_kit import ledger_holds
from logs_kit import PACK, Logs, holes_in
from tailer_kit import Reader, open_below, stored

from ingest.errors import DatabaseError, Fenced

EXAMPLES = int(os.environ.get("RADIOLOG_TEST_TAILER_EXAMPLES", "100"))
STEPS = 16

Action: TypeAlias = tuple[Any, ...]
_TABLES = ("system_metrics", "error_log", "dead_letters", "ingest_gaps", "ingest_ladder", "derive_queue",
           "ingest_files", "ingest_instances")  # fmt: skip
_folders = itertools.count(1)

small = st.integers(0, 3)
kinds = st.sampled_from(sorted(PACK))
ACTIONS: st.SearchStrategy[Action] = st.one_of(
    st.tuples(
        st.just("append"), st.integers(1, 4), st.sampled_from([0, 0, 300, 5000]), st.sampled_from([0, 0, 0, 1, 2])
    ),
    st.tuples(st.just("append_half"), st.sampled_from([0.02, 0.5, 0.99]), st.sampled_from([0, 0, 1])),
    st.tuples(st.just("sync")),
    st.tuples(st.just("read")),
    st.tuples(st.just("look")),
    st.tuples(st.just("settle"), st.integers(1, 3)),
    st.tuples(st.just("rotate"), st.booleans()),
    st.tuples(st.just("open_live"), st.booleans()),
    st.tuples(st.just("delete"), st.booleans()),
    st.tuples(st.just("forget_writers")),
    st.tuples(st.just("truncate")),
    st.tuples(st.just("truncate_same_size")),
    st.tuples(st.just("copytruncate"), st.sampled_from(["", "sync", "append"])),
    st.tuples(st.just("compress"), small, st.booleans(), kinds),
    st.tuples(st.just("compress_slowly"), st.booleans(), kinds),
    st.tuples(st.just("put_away"), st.booleans()),
    st.tuples(st.just("hold")),
    st.tuples(st.just("remove_twin")),
    st.tuples(st.just("copy_back"), small),
    st.tuples(st.just("copy_over")),
    st.tuples(st.just("move_over")),
    st.tuples(st.just("replace")),
    st.tuples(st.just("hard_link")),
    st.tuples(st.just("unpack")),
    st.tuples(st.just("date"), small, st.sampled_from([-1e6, -3600.0, 0.0, 3600.0])),
    st.tuples(st.just("set_clock"), st.sampled_from([-3600.0, 0.0, 3600.0])),
    st.tuples(st.just("remove_oldest")),
    st.tuples(st.just("crash")),
    st.tuples(st.just("take_over")),
    st.tuples(st.just("other"), st.booleans()),
    st.tuples(st.just("kill_connection")),
)


class World:
    """The logs, the reader, and what must have become of each line."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.logs = Logs(folder)
        self.reader = Reader(database, folder)
        self.expected: set[int] = set()
        self.odd_times = False

    def do(self, action: Action) -> None:
        name, *arguments = action
        own: Callable[..., None] | None = getattr(self, f"do_{name}", None)
        if own is not None:
            own(*arguments)
        else:
            getattr(self.logs, name)(*arguments)

    def do_append(self, count: int, padding: int, back: int) -> None:
        self.logs.append(count, padding=padding, back=back)

    def do_append_half(self, share: float, back: int) -> None:
        self.logs.append_half(share, back=back)

    def do_rotate(self, reopen: bool) -> None:
        self.logs.rotate(reopen=reopen)

    def do_open_live(self, append: bool) -> None:
        self.logs.open_live(append=append)

    def do_delete(self, recreate: bool) -> None:
        self.logs.delete(recreate=recreate)

    def do_compress(self, which: int, keep: bool, kind: str) -> None:
        self.logs.compress(which, keep=keep, kind=kind)

    def do_copytruncate(self, between: str) -> None:
        actions: dict[str, Callable[[], None]] = {"": lambda: None, "sync": self.do_sync, "append": lambda: None}
        self.logs.copytruncate(actions[between])
        if between == "append":
            self.logs.append(3)

    def do_compress_slowly(self, sync: bool, kind: str) -> None:
        self.logs.compress_slowly(self.do_sync if sync else lambda: None, kind=kind)

    def do_put_away(self, compressed: bool) -> None:
        self.logs.put_away(compressed=compressed)

    def do_hold(self) -> None:
        """What the daemon does while the database does not answer, instead of looking."""
        self.reader.pipeline.hold()

    def do_date(self, which: int, seconds: float) -> None:
        self.odd_times = True
        self.logs.date(which, seconds)

    def do_set_clock(self, seconds: float) -> None:
        self.odd_times = True
        self.reader.clock_seconds = seconds

    def do_truncate_same_size(self) -> None:
        """Rewritten to the byte: only the content tells."""
        if not self.logs.live.exists():
            return
        self.logs.same_size()

    def do_sync(self) -> None:
        self.reader.sync(1)
        self._expect(self.reader.readable())
        self.reader.sync(1)
        self.check()

    def do_read(self) -> None:
        """Read once around and commit nothing yet."""
        self._tolerating(self.reader.pipeline.read)

    def do_look(self) -> None:
        """What the daemon does for an event on the live name."""
        self._tolerating(lambda: self.reader.pipeline.look([str(self.logs.live)]))
        self._tolerating(self.reader.pipeline.read)

    def do_settle(self, rounds: int) -> None:
        self.logs.excuse_halves()
        self.do_sync()
        self.reader.settle(rounds)

    def do_crash(self) -> None:
        self.reader.close()
        self.reader = Reader(self.database, self.logs.folder)

    def do_take_over(self) -> None:
        """A newer start of the same instance; what the older one still holds must not be stored by it."""
        older = self.reader
        self._tolerating(older.pipeline.read)
        self.reader = Reader(self.database, self.logs.folder)
        with contextlib.suppress(Fenced, DatabaseError):  # it may hold nothing; `check` finds what it stored anyway
            older.pipeline.committer.flush()
        older.close()

    def do_other(self, signs_off: bool) -> None:
        """An instance of another name meets ours, and ends well or by a crash that is noticed later."""
        other = Reader(self.database, self.logs.folder, "other")
        other.sync(1)
        if signs_off:
            other.sign_off()
        else:
            other.close()
            self.database.rows(
                "UPDATE ingest_instances SET heartbeat_at = now() - interval '1 hour' WHERE instance LIKE '%%/other'"
            )

    def do_kill_connection(self) -> None:
        self.database.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'radiolog ingest' AND datname = current_database()"
        )

    def _tolerating(self, action: Callable[[], object]) -> None:
        try:
            action()
        except DatabaseError:
            self.reader.pipeline.recover()

    def _expect(self, numbers: set[int]) -> None:
        self.expected |= numbers

    def check(self) -> None:
        """Everything expected is stored; nothing twice; in order within each generation; the books are right."""
        rows = stored(self.database)
        counts = Counter(number for _, number in rows)
        assert [number for number, count in counts.items() if count > 1] == [], "stored twice"
        missing = self.expected - counts.keys() - self.logs.excused
        if self.odd_times:  # how long a rotated file was quiet, and its half line with it, is told by them
            missing -= self.logs.halves
        assert not missing, "a sweep could see them"
        for (generation, number), (next_generation, next_number) in itertools.pairwise(rows):
            assert generation != next_generation or number < next_number, "out of order"
        ledger_holds(self.database)
        self.check_holes()
        held = len(self.reader.pipeline.followers) + len(self.reader.pipeline.waiting)
        assert len(open_below(self.logs.folder)) == held, "descriptors leak"

    def check_holes(self) -> None:
        """Every hole that a stale writer left in a file that is followed is one gap of its generation."""
        for follower in self.reader.pipeline.followers.values():
            known = follower.checkpoint
            if known.compression:
                continue
            found = self.database.rows(
                f"SELECT from_offset, to_offset, reason FROM ingest_gaps WHERE generation = {known.generation} ORDER BY 1"
            )
            begins_at = max((end for _, end, reason in found if reason == "read_before"), default=0)
            holes = [(max(start, begins_at), end) for start, end in holes_in(follower.file.read(0, 1 << 26))]
            assert [gap[:2] for gap in found if gap[2] == "nul_hole"] == [
                (start, end) for start, end in holes if end - start >= 8
            ]

    def close(self) -> None:
        self.reader.close()
        leaked = open_below(self.logs.folder)
        self.logs.close()
        assert leaked == []


@pytest.fixture
def clean(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], World]:
    """Makes worlds that know nothing of each other, in one database.

    Folders' listings are remembered after a few ticks of the file system's clock, not only after seconds: what relies on
    that is tried too.
    """
    monkeypatch.setattr("ingest.tree.SETTLED_AFTER_NS", 20_000_000)

    def world() -> World:
        connection = database.connect(autocommit=True)
        with connection.cursor() as cursor:
            for table in _TABLES:
                cursor.execute(f"DELETE FROM {table}")
        connection.close()
        return World(database, tmp_path / f"world{next(_folders)}")

    return world


def run(world: World, actions: list[Action]) -> None:
    """Do it, and look at the end."""
    try:
        for action in actions:
            world.do(action)
        world.do_sync()
        world.do_settle(3)
        world.do_sync()
    finally:
        world.close()


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(actions=st.lists(ACTIONS, min_size=3, max_size=STEPS))
def test_every_line_that_could_be_seen_is_stored_once(clean: Callable[[], World], actions: list[Action]) -> None:
    run(clean(), actions)
