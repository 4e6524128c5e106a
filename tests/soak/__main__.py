"""`make soak`: the long fault campaign. `SOAK_MINUTES`, `SOAK_SEED` and `SOAK_REPORT` (a JSON file) may be set."""

import json
import os
import random
import sys
from dataclasses import asdict
from pathlib import Path

from soak.campaign import ALL_KINDS, TEN_MINUTES, Plan, Result, rotation_count, run, scaled
from soak.schemes import has_logrotate

CRASHES = ("immediate", "kill_checkpointer", "kill_backend")


def plan_of(minutes: float, seed: int) -> Plan:
    """The campaign of so many minutes; what it must have done at least is in proportion."""
    share = minutes / 10
    least = {
        "kill": 200,
        "rotations": 500,
        "kills_in_transaction": 20,
        "fenced": 10,
        "commits_whose_answer_was_lost": 30,
    }
    kinds = tuple(kind for kind in ALL_KINDS if has_logrotate() or not kind.startswith("lr_"))
    return Plan(
        seconds=minutes * 60,
        families=kinds,
        faults=scaled(TEN_MINUTES, share),
        seed=seed,
        at_least={what: int(times * share) for what, times in least.items()},
    )


def table(result: Result) -> str:
    """The result for people."""
    verdict = result.verdict
    rows: list[tuple[str, object]] = [("FAULTS", "")]
    rows += [(f"  {kind}", times) for kind, times in sorted(result.faults.items())]
    rows += [("  database crashes", crashes(result)), ("ROTATIONS", rotation_count(result.rotations))]
    rows += [(f"  {kind}", times) for kind, times in sorted(result.rotations.items())]
    rows += [
        ("lines written", verdict.written), ("rows", verdict.rows), ("dead letters", verdict.dead_letters),
        ("  of torn lines", verdict.fragments), ("destroyed by rotation", verdict.destroyed), ("gaps", verdict.gaps),
        ("generations", verdict.generations), ("LOST", len(verdict.lost)), ("DOUBLED", len(verdict.doubled)),
        ("seconds", round(result.seconds)), ("lines/s", round(verdict.written / result.seconds)),
        ("most memory, MiB", result.most_rss_bytes >> 20), ("most open files", result.most_descriptors),
        ("seed", result.seed),
    ]  # fmt: skip
    return "\n".join(f"{name:34}{value!s:>12}" for name, value in rows)


def as_json(result: Result) -> dict[str, object]:
    """The result for programs."""
    rest = {name: value for name, value in vars(result).items() if name not in {"faults", "rotations", "verdict"}}
    return {
        **rest, "faults": dict(result.faults), "rotations": dict(result.rotations), "verdict": asdict(result.verdict),
        "crashes": crashes(result), "rotation_count": rotation_count(result.rotations),
    }  # fmt: skip


def crashes(result: Result) -> int:
    """How often the database died without a checkpoint."""
    return sum(result.faults[kind] for kind in CRASHES)


def main() -> int:
    """Exit code 0 when every line was stored exactly once."""
    minutes = float(os.environ.get("SOAK_MINUTES", "10"))
    seed = int(os.environ.get("SOAK_SEED") or random.SystemRandom().randrange(10**6))
    print(f"{minutes:g} minutes; again with SOAK_SEED={seed}", flush=True)
    result = run(plan_of(minutes, seed), say=lambda text: print(text, flush=True))
    print(table(result))
    report = Path(os.environ.get("SOAK_REPORT", "../build/soak.json"))
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(json.dumps(as_json(result), indent=1))
    for wrong in result.verdict.wrong:
        print(f"WRONG: {wrong}")
    print("green" if result.verdict.is_green else f"RED; kept: {result.folder}")
    return 0 if result.verdict.is_green else 1


if __name__ == "__main__":
    sys.exit(main())
