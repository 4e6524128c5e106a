"""Eight processes write one log through its rotation and are killed at random: what was completed is stored once.

`make writers` runs it in full: 50,000 lines a process.
"""

import itertools
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from daemon_kit import running
from fix_postgres import Database
from ingest_kit import ledger_holds
from process_kit import finished, wait_until

TESTS = Path(__file__).parents[1]
LINES = int(os.environ.get("WRITERS_LINES", "1200"))
PROCESSES = 8


def fleet(folder: Path) -> dict[str, Any]:
    """Let the processes write; gives their lives, and how many were killed."""
    full = LINES > 10_000
    spec = {
        "folder": str(folder), "processes": PROCESSES, "lines": LINES, "max_bytes": 300_000 if full else 100_000,
        "kills": 200 if full else 20, "seed": int(os.environ.get("WRITERS_SEED", "1")),
    }  # fmt: skip
    path = f"{TESTS}:{TESTS.parent}"
    done = subprocess.run(
        [sys.executable, "-m", "writer_fleet", json.dumps(spec)], env={**os.environ, "PYTHONPATH": path},
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    assert result["kills"] == spec["kills"]
    return result


def stored(database: Database) -> int:
    return int(database.rows("SELECT count(*) FROM system_metrics")[0][0])


@pytest.mark.slow
def test_every_completed_line_of_killed_writers_is_stored_once_and_in_order(database: Database) -> None:
    config = database.config
    with running(config) as daemon:
        result = fleet(config.log_path)
        lives = result["lives"]
        certain = {(process, number) for process, _, first, last, _ in lives for number in range(first, last + 1)}
        wait_until(lambda: stored(database) >= len(certain), "all completed lines")
        daemon.stop()  # and with that nothing more can come

    rows = database.rows(
        """SELECT split_part(metric_name, ' ', 2)::int, split_part(unit, ' ', 2)::int, metric_value::int, generation
           FROM system_metrics ORDER BY generation, line_offset"""
    )
    found = Counter((process, number) for process, _, number, _ in rows)
    assert set(found.values()) == {1}, "nothing twice"
    assert certain <= found.keys(), "nothing lost"
    killed_within = {(process, begun) for process, _, _, completed, begun in lives if begun > completed}
    assert found.keys() <= certain | killed_within, "nothing that nobody wrote"
    assert {life for _, life, _, _ in rows} >= {0, 1}

    # In order: within a file by its lines, and the files of one process one after the other.
    spans: dict[int, list[tuple[int, int]]] = {}
    for process in range(PROCESSES):
        by_file: dict[int, list[int]] = {}
        for whose, _, number, generation in rows:
            if whose == process:
                by_file.setdefault(generation, []).append(number)
        for numbers in by_file.values():
            assert numbers == sorted(numbers)
            spans.setdefault(process, []).append((numbers[0], numbers[-1]))
        ordered = sorted(spans[process])
        assert all(last < first for (_, last), (first, _) in itertools.pairwise(ordered))

    files = list(config.log_path.iterdir())
    # How often depends on the machine: a writer that gets no processor while it holds the lock lets the file grow.
    assert len(files) > 2, "it was rotated again and again"
    # A line that was cut by the kill is a dead letter, and no completed one.
    letters = database.rows("SELECT count(*)::int FROM dead_letters")[0][0]
    assert letters <= len(killed_within)
    ledger_holds(database)
    proof = finished(config, "ledger", "--recount")
    assert proof.returncode == 0, proof.stdout
    verdict = next(line for line in proof.stdout.splitlines() if line.startswith("complete"))
    said = f"{len(rows):,} rows of {len(files)} files, {result['kills']} processes killed, {letters} lines cut by it"
    sys.stdout.write(f"\n{said}\n{verdict}\n")
