"""Seeded bugs of the protocol, each in the daemon's own process: every one must turn a short run red.

    python -m soak.mutants                 all of them and the control; prints a table
    python -m soak.mutants NAME run …      `radiolog run …` with that bug; "none" is the daemon as it is

Production code has no hooks for this: each bug replaces one thing before the command line's `main` is called.
"""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any, NamedTuple

import psycopg2

from ingest import adoption, follower, store
from ingest.batch import Batch
from ingest.cli import main as radiolog
from ingest.follow import New, Read
from ingest.follower import Follower
from ingest.foreseen import Thresholds
from ingest.identity import Fingerprint, fingerprint
from ingest.loading import load_rows, load_unrefused
from ingest.pipeline import Pipeline
from ingest.prepared import Prepared, prepare
from ingest.store import Store
from soak.campaign import Plan, Result, run

RUN_SECONDS = 15.0
WIDENED_SECONDS = 0.05  # races are made wide enough to be met within seconds

# Each mutant replaces a function by one that is wrong in one way. What is wrong is the first line of its words.


def offset_first() -> None:
    """The offset is committed before the rows, which come in a transaction of their own."""
    whole = Store.commit

    def commit(self: Store, prepared: Prepared) -> None:
        with self._transaction() as cursor:
            for batch in sorted(prepared.batches, key=lambda batch: (batch.move.generation, batch.move.version)):
                self._advance(cursor, batch)
        _without_advance(whole, self, prepared)

    _replace(Store, "commit", commit)


def rows_first() -> None:
    """The rows are committed before the offset, which comes in a transaction of its own."""
    whole = Store.commit

    def commit(self: Store, prepared: Prepared) -> None:
        _without_advance(whole, self, prepared)
        with self._transaction() as cursor:
            for batch in sorted(prepared.batches, key=lambda batch: (batch.move.generation, batch.move.version)):
                self._advance(cursor, batch)
            time.sleep(WIDENED_SECONDS)

    _replace(Store, "commit", commit)


def no_compare_and_set() -> None:
    """The checkpoint is written whatever it says: no version, no offset, no owner."""
    _edit_sql("advance", " AND version = %(version)s AND committed_offset = %(from_offset)s", "")
    _edit_sql("advance", "AND owner = %(owner)s AND owner_epoch = %(owner_epoch)s", "")
    _edit_sql("heartbeat", " AND epoch = %(epoch)s", "")


def no_fence() -> None:
    """Nobody looks at the owner's epoch."""
    for name in ("advance", "heartbeat", "rebind", "replace", "claim", "create_generation"):
        for condition in (
            " AND owner_epoch = %(owner_epoch)s",
            " AND owner_epoch = %(epoch)s",
            " AND epoch = %(epoch)s",
        ):
            if condition in store._SQL[name]:
                _edit_sql(name, condition, "")
    _replace(Store, "_check_fence", lambda *_: None)


def no_proof() -> None:
    """The bytes before the position are not compared: always read on."""
    _replace(follower, "decide", lambda checkpoint, *_: Read(checkpoint.offset))


def proof_read_again() -> None:
    """The proof of the new position is read from the file once more, not taken from the buffer."""
    build = Follower._build

    def build_later(self: Follower, observed: Any, proof: Fingerprint, *rest: Any, **more: Any) -> Batch:
        time.sleep(WIDENED_SECONDS)
        again = self.file.read(max(0, self._splitter.offset - proof.length), proof.length)
        return build(self, observed, fingerprint(again) if proof.length else proof, *rest, **more)

    advance = Follower._advance

    def advance_later(self: Follower, before: bytes, chunk: bytes) -> None:
        advance(self, before, chunk)
        time.sleep(WIDENED_SECONDS)
        length = self._expected.length
        self._expected = fingerprint(self.file.read(self._position - length, length))

    _replace(Follower, "_build", build_later)
    _replace(Follower, "_advance", advance_later)


def no_copy_rule() -> None:
    """Every unknown file is a new one."""
    _replace(adoption, "recognise", lambda *_, **__: New())


def events_only() -> None:
    """After the first look at the tree only events are believed."""
    sweep = Pipeline.sweep
    swept: list[bool] = []

    def sweep_once(self: Pipeline) -> None:
        if not swept:
            swept.append(True)
            sweep(self)

    _replace(Pipeline, "sweep", sweep_once)


def memory_kept() -> None:
    """After a failed commit it goes on from what it has in memory."""

    def forget_nothing(self: Pipeline) -> None:
        self.committer.forget()

    _replace(Pipeline, "recover", forget_nothing)


def bad_batch_swallowed() -> None:
    """A row that PostgreSQL refuses takes its whole batch with it, as ON CONFLICT DO NOTHING would."""

    def load_or_not(cursor: Any, prepared: Prepared, thresholds: Thresholds) -> Any:
        cursor.execute("SAVEPOINT mutant")
        try:
            load_unrefused(cursor, prepared)
        except (psycopg2.DataError, psycopg2.IntegrityError):
            cursor.execute("ROLLBACK TO SAVEPOINT mutant")
            return load_rows(cursor, prepare([], thresholds), thresholds)
        cursor.execute("ROLLBACK TO SAVEPOINT mutant")
        return load_rows(cursor, prepared, thresholds)

    _replace(store, "load_rows", load_or_not)


def descriptor_closed() -> None:
    """A file that is renamed or removed is let go of, read to its end or not."""
    sweep = Pipeline.sweep

    def sweep_and_close(self: Pipeline) -> None:
        before = {key: reader.path for key, reader in self.followers.items()}
        sweep(self)
        for key, reader in list(self.followers.items()):
            if key in before and (reader.missed_sweeps or reader.path != before[key]):
                del self.followers[key]
                reader.file.close()

    _replace(Pipeline, "sweep", sweep_and_close)


# ---------------------------------------------------------------------------------------------------------------------


class Scenario(NamedTuple):
    """What a short run does, so that a bug shows: kinds of families, and faults."""

    families: tuple[str, ...]
    faults: Mapping[str, int]
    rotate_every_seconds: float = 2.0
    nobody_dies: bool = False
    settings: Mapping[str, str] = MappingProxyType({})


_KILLS = Scenario(("renamed", "renamed", "copied"), {"kill": 10, "terminate": 3, "drop": 3})
_COMMITS = Scenario(("renamed", "renamed", "copied"), {"commit_lost": 6, "copy_cut": 4, "drop": 3, "answer_lost": 4})
_FENCE = Scenario(("renamed", "renamed"), {"second": 6})
_ROTATIONS = Scenario(("copied", "copied", "packed", "mixed"), {"stop": 6}, rotate_every_seconds=0.7)
_OVERFLOW = Scenario(("renamed", "linked", "mixed"), {"overflow": 5}, rotate_every_seconds=1.0)
_DELETED = Scenario(("removed", "removed", "removed"), {"stop": 8}, rotate_every_seconds=0.5, nobody_dies=True)

SCENARIOS: Mapping[str, Scenario] = MappingProxyType(
    {
        "kills": _KILLS,
        "commits": _COMMITS,
        "fence": _FENCE,
        "rotations": _ROTATIONS,
        "overflow": _OVERFLOW,
        "deleted": _DELETED,
    }
)
MUTANTS: Mapping[Callable[[], None], tuple[str, str]] = MappingProxyType(
    {
        offset_first: ("kills", "lost"),
        rows_first: ("kills", "doubled"),
        no_compare_and_set: ("fence", "doubled"),
        no_fence: ("fence", "run on"),
        no_proof: ("rotations", "lost"),
        proof_read_again: ("rotations", "doubled"),
        no_copy_rule: ("rotations", "doubled"),
        events_only: ("overflow", "lost"),
        memory_kept: ("commits", "lost"),
        bad_batch_swallowed: ("rotations", "lost"),
        descriptor_closed: ("deleted", "lost"),
    }
)
"""Each with its scenario, and the symptom that must be among what is found; another one would be an accident."""


def plan_of(mutant: str, scenario: str, seed: int) -> Plan:
    """The short run of a mutant, or with "none" the control."""
    chosen = SCENARIOS[scenario]
    return Plan(
        seconds=RUN_SECONDS, families=chosen.families, faults=chosen.faults, seed=seed, lines_per_second=2500.0,
        rotate_every_seconds=chosen.rotate_every_seconds, writers=2, patience_seconds=8.0 if mutant != "none" else 30.0,
        command=(sys.executable, "-m", "soak.mutants", mutant, "run"), settings=chosen.settings,
        nobody_dies=chosen.nobody_dies,
    )  # fmt: skip


def said(result: Result) -> str:
    """What a run found, on one line."""
    verdict = result.verdict
    wrong = next((text for text in verdict.wrong if not text.startswith(("lost", "doubled"))), "")
    return f"{verdict.written:>8} {len(verdict.lost):>8} {len(verdict.doubled):>8}  {wrong[:100]}"


def shows(result: Result, symptom: str) -> bool:
    """Whether a run found what a mutant should bring about."""
    verdict = result.verdict
    found = {"lost": bool(verdict.lost), "doubled": bool(verdict.doubled)}
    return found.get(symptom, any(symptom in text for text in verdict.wrong))


def campaign(names: Iterable[str], seed: int) -> int:
    """Every control green, every mutant red? Prints a table; gives the exit code."""
    failed = 0
    print(f"{'mutant':22}{'scenario':12}{'verdict':9}{'lines':>8} {'lost':>8} {'doubled':>8}  also", flush=True)
    runs = [("none", scenario, "") for scenario in SCENARIOS]
    runs += [(mutant.__name__, *rest) for mutant, rest in MUTANTS.items()]
    wanted = set(names)
    for mutant, scenario, symptom in runs:
        if wanted and not wanted & {mutant, scenario}:
            continue
        result = run(plan_of(mutant, scenario, seed))
        is_right = shows(result, symptom) if symptom else result.verdict.is_green
        colour = "green" if result.verdict.is_green else "red"
        failed += not is_right
        print(
            f"{mutant:22}{scenario:12}{colour:9}{said(result)}{'' if is_right else '  NOT AS IT SHOULD BE'}", flush=True
        )
        if not is_right:
            print("\n".join(result.verdict.wrong), result.folder, sep="\n", flush=True)
        elif result.folder:
            shutil.rmtree(result.folder)
    print("as it should be" if not failed else f"{failed} runs are not as they should be")
    return min(failed, 1)


# -- how a mutant is made ---------------------------------------------------------------------------------------------


def _replace(where: Any, name: str, mutated: Callable[..., Any]) -> None:
    assert hasattr(where, name), f"{where} has no {name} any more: the mutant must be written anew"
    setattr(where, name, mutated)


def _edit_sql(name: str, old: str, new: str) -> None:
    assert old in store._SQL[name], f"{name} does not say {old!r} any more: the mutant must be written anew"
    store._SQL[name] = store._SQL[name].replace(old, new)


def _without_advance(commit: Callable[..., None], self: Store, prepared: Prepared) -> None:
    """The rest of a commit, in a transaction that takes long: so that what comes within is met."""

    def wait(cursor: Any, _batch: Batch) -> None:
        cursor.execute("SELECT 1")
        time.sleep(WIDENED_SECONDS / len(prepared.batches))

    self._advance = wait  # type: ignore[method-assign, assignment]
    try:
        commit(self, prepared)
    finally:
        del self._advance  # the class's own again


def main() -> int:
    """The process."""
    if sys.argv[2:3] == ["run"]:
        name = sys.argv.pop(1)
        for mutant in MUTANTS:
            if mutant.__name__ == name:
                mutant()
        sys.argv[0] = "radiolog"
        with suppress(KeyboardInterrupt):
            radiolog()
        return 0
    return campaign(sys.argv[1:], int(os.environ.get("SOAK_SEED") or 1))


if __name__ == "__main__":
    sys.exit(main())
