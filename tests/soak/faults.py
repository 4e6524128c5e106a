"""The faults: what each does to the daemon, to PostgreSQL, and to the connection between them."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg2
from fault_proxy import FaultProxy
from fix_postgres import Server

from soak.daemons import Daemons

QUEUE_LIMIT = Path("/proc/sys/fs/inotify/max_queued_events")
AWAY_SHARE = 0.1
ANSWER_SECONDS = 30.0
TRIES_FOR_TRANSACTION = 30


class Faults:
    """All of them, each a method of its kind's name.

    Args:
        daemons: to be killed.
        server: to be crashed; `connect` reaches it past the proxy.
        proxy: what the daemon's connections go through.
        connect: opens a connection with autocommit.
        flooded: a folder that the daemon watches, without logs.
        down: the file that tells writers to rotate now.
        chance: seeded.

    Attributes:
        counts: what was done, and what it hit.
    """

    def __init__(
        self,
        daemons: Daemons,
        server: Server,
        proxy: FaultProxy,
        connect: Callable[[], Any],
        flooded: Path,
        down: Path,
        chance: random.Random,
    ) -> None:
        self._daemons, self._server, self._proxy, self._connect = daemons, server, proxy, connect
        self._flooded, self._down, self._chance = flooded, down, chance
        self._episodes = 0
        self.counts = Counter[str]()

    def do(self, kind: str) -> None:
        """One fault."""
        self._daemons.look()
        getattr(self, kind)()
        self.counts[kind] += 1
        self._proxy.messages.clear()

    # -- the daemon ---------------------------------------------------------------------------------------------------

    def kill(self) -> None:
        """SIGKILL at a random moment, or at one inside a transaction; stopped before, so that it is known what it did."""
        self._daemons.pause()
        tries = TRIES_FOR_TRANSACTION if self._chance.random() < 0.5 else 0
        while not self._in_transaction() and tries:
            tries -= 1
            self._daemons.resume()
            time.sleep(self._chance.uniform(0.001, 0.01))
            self._daemons.pause()
        self.counts["kills_in_transaction"] += self._in_transaction()
        self._daemons.kill()
        self._perhaps_away()
        self._daemons.start()

    def stop(self) -> None:
        """SIGSTOP for a while."""
        self._daemons.pause()
        self.counts["stops_in_transaction"] += self._in_transaction()
        self._perhaps_away()
        time.sleep(self._chance.uniform(0.1, 1.0))
        self._daemons.resume()

    def second(self) -> None:
        """Another daemon for the same folder, and the first still runs, or is stopped meanwhile."""
        paused = self._chance.random() < 0.3
        first = self._daemons.current
        if paused:
            self._daemons.pause()
            self.counts["stops_in_transaction"] += self._in_transaction()
        self._daemons.start()
        if paused:
            time.sleep(self._chance.uniform(0.3, 1.5))
            first.send_signal(signal.SIGCONT)

    def term(self) -> None:
        """SIGTERM, most often in the middle of a batch."""
        self._daemons.terminate()
        self._daemons.start()

    def overflow(self) -> None:
        """More events than inotify's queue holds, while the daemon does not take them; rotations are among the lost."""
        self._daemons.pause()
        for turn in range(int(QUEUE_LIMIT.read_text()) // 2 + 500):
            for name in ("a", "b"):  # the same event twice in a row would be merged
                with (self._flooded / name).open("a") as file:
                    file.write(str(turn % 10))
        for name in ("a", "b"):
            (self._flooded / name).unlink()
        with self._away():
            time.sleep(0.3)
        self._daemons.resume()

    # -- PostgreSQL ---------------------------------------------------------------------------------------------------

    def immediate(self) -> None:
        """The server dies without a checkpoint and recovers."""
        self._server.stop("immediate")
        self._perhaps_away()
        self._server.start()

    def fast(self) -> None:
        """The server ends in good order and is started again."""
        self._server.stop("fast")
        self._perhaps_away()
        self._server.start()

    def kill_checkpointer(self) -> None:
        """A server process is killed: the postmaster ends all others and recovers."""
        self._kill_process("backend_type = 'checkpointer'")

    def kill_backend(self) -> None:
        """The same to the one that commits, where there is one just then."""
        self._kill_process("application_name = 'radiolog ingest'")

    def terminate(self) -> None:
        """All of the daemon's connections are ended, a few times in a row."""
        for _ in range(3):
            for row in self._ask(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name ~ 'radiolog'"
            ):
                self.counts["connections_ended"] += bool(row[0])
            time.sleep(self._chance.uniform(0.0, 0.1))

    def read_only(self) -> None:
        """As after a failover to a standby, for a while."""
        for setting in ("on", "off"):
            self._ask(f"ALTER SYSTEM SET default_transaction_read_only = {setting}", "SELECT pg_reload_conf()")
            time.sleep(self._chance.uniform(0.1, 0.6) if setting == "on" else 0.0)

    # -- the connection -----------------------------------------------------------------------------------------------

    def answer_lost(self) -> None:
        """The next COMMIT is done, and nobody hears of it."""
        self._proxy.arm("after", b"COMMIT")

    def commit_lost(self) -> None:
        """The next COMMIT never arrives."""
        self._proxy.arm("before", b"COMMIT")

    def copy_cut(self) -> None:
        """The connection ends within the rows."""
        self._proxy.arm("before", b"COPYDONE")

    def drop(self) -> None:
        """All connections end without a word."""
        self._proxy.drop_all()

    # -----------------------------------------------------------------------------------------------------------------

    def heal(self) -> None:
        """No fault lasts: the server runs and writes, the daemon runs, nothing is armed."""
        self._proxy.disarm()
        self._daemons.resume()
        self._wait_for_server()
        self._ask("ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()")
        self.counts["commits_whose_answer_was_lost"] = self._proxy.done["after"]
        self.counts["commits_and_copies_cut"] = self._proxy.done["before"]

    def _in_transaction(self) -> bool:
        sql = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'radiolog ingest' AND xact_start IS NOT NULL"
        return bool(self._ask(sql))

    def _kill_process(self, which: str) -> None:
        for (pid,) in self._ask(f"SELECT pid FROM pg_stat_activity WHERE {which}") or self._ask(
            "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'"
        ):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._wait_for_server()

    def _wait_for_server(self) -> None:
        deadline = time.monotonic() + ANSWER_SECONDS
        while not self._ask("SELECT 1"):
            if time.monotonic() > deadline:
                raise TimeoutError("PostgreSQL did not come back: this is the test's fault, not the daemon's")
            time.sleep(0.05)

    def _ask(self, *statements: str) -> list[tuple[Any, ...]]:
        """Rows of the last statement; none where the server does not answer."""
        try:
            with closing(self._connect()) as connection, connection.cursor() as cursor:
                for sql in statements:
                    cursor.execute(sql)
                return cursor.fetchall() if cursor.description else []
        except psycopg2.Error:
            return []

    def _perhaps_away(self) -> None:
        if self._chance.random() < AWAY_SHARE:
            with self._away():
                time.sleep(self._chance.uniform(0.2, 0.8))

    @contextmanager
    def _away(self) -> Any:
        """Writers rotate, twice each, while this lasts."""
        self._episodes += 1
        self._down.write_text(str(self._episodes))
        yield
        self._down.unlink()
