"""One run: a server, a daemon, writers and faults, all real; then quiet, and the oracle.

Everything is in a folder of its own: `log/` what is watched, `records/` the writers' ledgers, `daemon.log`, and beside
it, reachable for an unprivileged account, the server's data.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psycopg2
from fault_proxy import FaultProxy
from fix_postgres import EmbeddedKind
from process_kit import COMMAND, environment

from ingest import schema
from ingest.database import connect
from logging_module.config import LoggingConfig
from soak import oracle
from soak.daemons import Daemons
from soak.faults import Faults
from soak.lines import POISON_CHECK
from soak.records import read_events, read_written
from soak.writer import WriterSpec

NO_ROTATION = frozenset(
    {"removed", "while_down", "nul_hole", "inode_reused", "twin_left", "twin_removed", "drop_back", "regrown_equal",
     "regrown_larger"}
)  # fmt: skip
OWN_DESCRIPTORS = 64  # of the daemon, besides logs
MOST_RSS_BYTES = 256 << 20
SETTINGS = MappingProxyType({"RADIOLOG_ROTATE_WAIT_SECONDS": "1", "RADIOLOG_SWEEP_INTERVAL_SECONDS": "0.5"})
PROBE_SECONDS = 30.0


@dataclass(frozen=True)
class Plan:
    """What a run does.

    Attributes:
        seconds: how long faults and writers go on.
        families: kinds of `schemes.FAMILIES`, one family each.
        faults: how often each fault of `Faults` is done.
        seed: of everything that is random.
        lines_per_second: of all writers together, on average.
        rotate_every_seconds: of each family, on average.
        writers: processes.
        patience_seconds: at the end, without any progress, until what is missing counts as lost.
        command: that runs the daemon.
        settings: of the daemon, beyond `SETTINGS`.
        at_least: counts below which the run proves nothing, and is red.
        nobody_dies: no fault ends the daemon, so deleted files are read through their descriptors.
    """

    seconds: float
    families: tuple[str, ...]
    faults: Mapping[str, int]
    seed: int
    lines_per_second: float = 4000.0
    rotate_every_seconds: float = 8.0
    writers: int = 3
    patience_seconds: float = 40.0
    command: tuple[str, ...] = (COMMAND, "run")
    settings: Mapping[str, str] = field(default_factory=dict)
    at_least: Mapping[str, int] = field(default_factory=dict)
    nobody_dies: bool = False


@dataclass
class Result:
    """What happened: faults and rotations by kind, and the oracle's verdict."""

    seed: int
    seconds: float
    faults: Counter[str]
    rotations: Counter[str]
    verdict: oracle.Verdict
    most_rss_bytes: int
    most_descriptors: int
    folder: str


def run(plan: Plan, *, keep: bool = False, say: Callable[[str], None] = lambda _: None) -> Result:
    """Do it. The folder is removed when all is well, unless it is to be kept.

    Raises:
        Exception: the campaign itself could not be done.
    """
    folder = Path(tempfile.mkdtemp(prefix="radiolog-soak-", dir="/tmp"))
    folder.chmod(0o755)
    in_memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else "/tmp"  # noqa: S108 (folders made by mkdtemp)
    data = Path(tempfile.mkdtemp(prefix="radiolog-soak-", dir=in_memory))
    data.chmod(0o711)
    try:
        server = EmbeddedKind(data / "data")
        try:
            result = _Run(plan, folder, server, say).result()
        finally:
            server.stop("immediate")
    finally:
        shutil.rmtree(data)
    if result.verdict.is_green and not keep:
        shutil.rmtree(folder)
        result.folder = ""
    return result


class _Run:
    def __init__(self, plan: Plan, folder: Path, server: EmbeddedKind, say: Callable[[str], None]) -> None:
        self._plan, self._folder, self._server, self._say = plan, folder, server, say
        self._chance = random.Random(plan.seed)
        self._log, self._records = folder / "log", folder / "records"
        for made in (self._log, self._records, self._log / "flooded"):
            made.mkdir(mode=0o755)
        self._config = LoggingConfig(
            postgres_host=server.host, postgres_port=server.port, postgres_user=server.user, postgres_db="postgres",
            log_path=self._log,
        )  # fmt: skip
        with closing(connect(self._config, application_name="soak")) as connection:
            schema.apply(connection)
            with connection, connection.cursor() as cursor:
                cursor.execute(POISON_CHECK)
                cursor.execute("CREATE INDEX soak_lines ON system_metrics (metric_name, metric_value)")

    def result(self) -> Result:
        plan, log = self._plan, self._folder / "daemon.log"
        begun = time.monotonic()
        with FaultProxy(self._server) as proxy:
            variables = environment(proxy.config(self._config), **SETTINGS, **plan.settings)
            # Mutants are found there, and a copy of the sources elsewhere is tested as it stands.
            variables["PYTHONPATH"] = os.pathsep.join(str(Path(__file__).parents[up]) for up in (1, 2))
            daemons = Daemons(plan.command, variables, log)
            try:
                faults = Faults(
                    daemons,
                    self._server,
                    proxy,
                    self._connect,
                    self._log / "flooded",
                    self._folder / "down",
                    self._chance,
                )
                with self._writers():
                    self._fault_loop(faults, begun)
                seconds = time.monotonic() - begun
                faults.heal()
                self._end(daemons)
            finally:
                daemons.end()
        self._say(f"quiet after {time.monotonic() - begun:.0f} s; counting")
        verdict = oracle.judge(self.ask, read_written(self._records), self._log)
        verdict.wrong += [f"{times} times: {what}" for what, times in daemons.defects.items()]
        self._dump("ingest_files", "ingest_gaps", "ingest_instances")
        events = read_events(self._records)
        counts = faults.counts + daemons.counts
        self._check_all(verdict, counts, events, daemons, log.read_text(errors="replace"))
        return Result(
            plan.seed, seconds, counts, events, verdict, daemons.most_rss_bytes, daemons.most_descriptors, str(self._folder)
        )  # fmt: skip

    # -- the run ------------------------------------------------------------------------------------------------------

    @contextmanager
    def _writers(self) -> Iterator[None]:
        plan = self._plan
        families = [(f"w{number:02}{kind.replace('_', '')}", kind) for number, kind in enumerate(plan.families)]
        processes = []
        count = min(plan.writers, len(families))
        for number in range(count):
            spec = WriterSpec(
                folder=str(self._log), records=str(self._records), families=families[number::count],
                lines_per_second=plan.lines_per_second / count, rotate_every_seconds=plan.rotate_every_seconds,
                seed=self._chance.getrandbits(32), database=self._target(), down=str(self._folder / "down"), zstd=True,
                nobody_dies=plan.nobody_dies,
            )  # fmt: skip
            path = self._folder / f"writer{number}.json"
            path.write_text(json.dumps(spec._asdict()))
            processes.append(
                subprocess.Popen([sys.executable, "-m", "soak.writer", path], cwd=Path(__file__).parents[1])
            )
        try:
            yield
        finally:
            for process in processes:
                process.terminate()
            codes = [process.wait() for process in processes]
        if any(codes):
            raise RuntimeError(f"a writer failed (exit codes {codes}): this is the test's fault, not the daemon's")

    def _fault_loop(self, faults: Faults, begun: float) -> None:
        deck = [kind for kind, times in self._plan.faults.items() for _ in range(times)]
        self._chance.shuffle(deck)
        for at, kind in enumerate(deck):
            due = begun + self._plan.seconds * (at + self._chance.random()) / len(deck)
            time.sleep(max(0.0, due - time.monotonic()))
            faults.do(kind)
            if at % max(1, len(deck) // 20) == 0:
                self._say(f"{time.monotonic() - begun:5.0f} s: {at + 1} of {len(deck)} faults")
        time.sleep(max(0.0, begun + self._plan.seconds - time.monotonic()))

    def _end(self, daemons: Daemons) -> None:
        """Wait until all is stored, or nothing more comes; then one fresh line, and the end."""
        written = read_written(self._records)
        daemons.look()
        left, progress_at = oracle.missing(self.ask, written), time.monotonic()
        while left and time.monotonic() - progress_at < self._plan.patience_seconds:
            time.sleep(0.5)
            daemons.look()
            now = oracle.missing(self.ask, written)
            if now < left:
                progress_at = time.monotonic()
            left = now
        self._probe(daemons, left)
        time.sleep(
            3 * float({**SETTINGS, **self._plan.settings}["RADIOLOG_SWEEP_INTERVAL_SECONDS"])
        )  # for what comes twice
        daemons.look()
        if daemons.older_alive:
            daemons.defects[f"{daemons.older_alive} daemons run on, though another took over from them"] += 1
        daemons.terminate()

    def _probe(self, daemons: Daemons, left: int) -> None:
        """After all that, a fresh line in a fresh file still arrives."""
        if left:
            return  # it is red anyhow, and the daemon may be stuck
        (self._log / "probe.log").write_text(
            '{"timestamp": "2026-11-22T10:00:00Z", "event": "metric", "metric_name": "probe", "metric_value": 1}\n'
        )
        deadline = time.monotonic() + PROBE_SECONDS
        while not self.ask("SELECT FROM system_metrics WHERE metric_name = 'probe'"):
            if time.monotonic() > deadline:
                daemons.defects[f"a fresh line did not arrive within {PROBE_SECONDS:.0f} s"] += 1
                return
            time.sleep(0.1)
        while daemons.open_files() > OWN_DESCRIPTORS + sum(1 for path in self._log.rglob("*") if path.is_file()):
            if time.monotonic() > deadline:
                daemons.defects[f"{daemons.open_files()} files are still open"] += 1
                return
            time.sleep(0.1)

    def _check_all(
        self, verdict: oracle.Verdict, counts: Counter[str], events: Counter[str], daemons: Daemons, log: str
    ) -> None:
        """What the oracle of the lines does not see."""
        if "Traceback" in log:
            verdict.wrong.append("there is a traceback in the daemon's log")
        if daemons.most_rss_bytes > MOST_RSS_BYTES:
            verdict.wrong.append(f"the daemon used {daemons.most_rss_bytes >> 20} MiB of memory")
        files = sum(1 for path in self._log.rglob("*") if path.is_file())
        # Those removed while the database was away are held until they are read; at the end none is (`_probe`).
        removed_a_minute = round(events["removed"] * 60 / max(60, self._plan.seconds))
        if daemons.most_descriptors > 2 * files + removed_a_minute + OWN_DESCRIPTORS:
            verdict.wrong.append(f"the daemon had {daemons.most_descriptors} open files, for {files} logs")
        for what, least in self._plan.at_least.items():
            got = rotation_count(events) if what == "rotations" else counts[what] + events[what]
            if got < least:
                verdict.wrong.append(f"this run proves too little: {what} {got} times instead of {least}")
        recount = self._ledger()
        if recount is not None and recount.returncode:
            verdict.wrong.append(f"radiolog ledger --recount: {(recount.stdout + recount.stderr)[-2000:]}")

    def _ledger(self) -> "subprocess.CompletedProcess[str] | None":
        command = [COMMAND, "ledger", "--recount"]
        variables = environment(self._config)
        helped = subprocess.run([COMMAND, "ledger", "--help"], env=variables, capture_output=True, check=False)
        if helped.returncode:
            return None
        return subprocess.run(command, env=variables, cwd=self._folder, capture_output=True, text=True, check=False)

    # -- the database -------------------------------------------------------------------------------------------------

    def _dump(self, *tables: str) -> None:
        """What the database says of the files, for whoever must find out why a run is red."""
        for table in tables:
            rows = self.ask(f"SELECT to_jsonb(t)::text FROM {table} t ORDER BY 1")
            (self._folder / f"{table}.jsonl").write_text("".join(f"{row[0]}\n" for row in rows))

    def ask(self, sql: str, *args: Any) -> list[tuple[Any, ...]]:
        """What a query gives."""
        with closing(self._connect()) as connection, connection.cursor() as cursor:
            cursor.execute(sql, args or None)
            found: list[tuple[Any, ...]] = cursor.fetchall()
            return found

    def _connect(self) -> Any:
        connection = psycopg2.connect(**self._target(), connect_timeout=2)
        connection.autocommit = True
        return connection

    def _target(self) -> dict[str, Any]:
        server = self._server
        return {"host": server.host, "port": server.port, "user": server.user, "dbname": self._config.postgres_db}


def rotation_count(events: Mapping[str, int]) -> int:
    """How many of the things done to files were rotations."""
    return sum(times for kind, times in events.items() if kind not in NO_ROTATION)


def scaled(faults: Mapping[str, int], share: float) -> dict[str, int]:
    """So much of a longer run's faults, each at least once."""
    return {kind: max(1, round(times * share)) for kind, times in faults.items()}


ALL_KINDS: Sequence[str] = (
    "renamed", "copied", "packed", "mixed", "mixed", "removed", "linked", "lr_create", "lr_compress", "lr_delay", "lr_date",
    "lr_datez", "lr_olddir", "lr_olddirz", "lr_copy", "lr_copyz", "lr_copydz",
)  # fmt: skip
TEN_MINUTES: Mapping[str, int] = MappingProxyType(
    {
        "kill": 230, "stop": 30, "second": 25, "term": 20, "overflow": 10, "immediate": 18, "fast": 10,
        "kill_checkpointer": 22, "kill_backend": 20, "terminate": 25, "read_only": 12, "answer_lost": 60, "commit_lost": 30,
        "copy_cut": 20, "drop": 15,
    }
)  # fmt: skip
