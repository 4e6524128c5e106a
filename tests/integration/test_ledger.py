"""`radiolog ledger`: a healthy station is complete; whatever is changed behind its back, missing or doubled is named."""

import itertools
import json
import multiprocessing
import os
import random
import shutil
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fix_postgres import Database
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ingest_kit import lines_of, metric, read_once
from process_kit import finished

from ingest.batch import COPIED, Batch, Move
from ingest.identity import NOTHING
from ingest.ledger import Ledger
from ingest.ledger_reader import read_ledger
from ingest.loading import add_runs
from ingest.machine import machine_id
from ingest.producers import MOST_RANGES, MOST_RUNS, RUN_ID_LIMIT, range_text, ranges_of, run_lines
from logging_module import LoggingConfig, RadioLogger

SAMPLES = Path(__file__).parents[2] / "samples" / "logs"


def proof(database: Database, *paths: Path, recount: bool = True) -> Ledger:
    with closing(database.connect()) as connection:
        return read_ledger(connection, machine_id()[:64], [str(path) for path in paths], recount=recount)


def numbered(run_id: str, *seqs: int) -> list[dict[str, Any]]:
    return [metric(seq, run_id=run_id, seq=seq) for seq in seqs]


def odd(ledger: Ledger) -> list[tuple[Any, ...]]:
    """What is odd about runs, without what explains it."""
    parts = [found.part for found in ledger.runs]
    return sorted((part.kind, part.run_id, part.first_seq, part.last_seq) for part in parts if part.kind != "extra")


def test_an_empty_database_says_so(database: Database) -> None:
    shown = finished(database.config, "ledger", "--recount")
    assert (shown.returncode, shown.stdout.splitlines()[0], shown.stderr) == (0, "nothing was read yet", "")
    assert json.loads(finished(database.config, "ledger", "--json").stdout)["files"] == []


def test_the_sample_station_is_complete_but_for_the_lines_that_a_full_disk_swallowed(database: Database) -> None:
    shutil.copytree(SAMPLES, database.config.log_path, dirs_exist_ok=True)
    read_once(database.config)
    ledger = proof(database)
    assert ledger.findings == []
    assert [(found.part.seq_count, Path(found.first_path).name) for found in ledger.runs] == [(10, "monitoring.log.2")]
    assert (len(ledger.files), ledger.reread, ledger.unread_bytes) == (10, 10, 0)
    shown = finished(database.config, "ledger", "--recount")
    assert shown.returncode == 1
    assert shown.stdout.startswith(f"NOT complete: {ledger.total('lines'):,} lines in 10 files, but 1 run has a hole\n")
    assert "1,356-1,365 (10) in " in shown.stdout
    part = finished(database.config, "ledger", str(database.config.log_path / "metadata-watcher.log"), "--recount")
    assert part.returncode == 0, part.stdout
    assert part.stdout.startswith("complete: 784 lines in 3 files, every one accounted for\n")


TAMPERED = {
    "a row is gone": (
        "DELETE FROM system_metrics WHERE line_offset = (SELECT max(line_offset) FROM system_metrics)",
        "rows in the tables, the counters say 25 (-1)",
    ),
    "a row is there twice": (
        (
            "INSERT INTO error_log (timestamp, service, severity, message, station, template, generation, line_offset)"
            " SELECT timestamp, service, severity, message, station, template, generation, line_offset FROM error_log"
        ),
        "has its row more than once, first at byte",
    ),
    "a metric is there twice": (
        (
            "INSERT INTO system_metrics (timestamp, metric_name, metric_value, service, station, generation, line_offset)"
            " SELECT timestamp, metric_name, metric_value, service, station, generation, line_offset FROM system_metrics"
            " WHERE line_offset = 0"
        ),
        "has its row more than once, first at byte 0",
    ),
    "a counter": ("UPDATE ingest_files SET stored = stored + 1", "28 lines, but their dispositions are 29"),
    "a counter of rows": ("UPDATE ingest_files SET rows_stored = rows_stored + 1", "the counters say 26 (-1)"),
    "a counter below zero": ("UPDATE ingest_files SET blank = -1, stored = stored + 2", "blank is -1, below zero"),
    "a line is counted elsewhere": (
        "UPDATE ingest_files SET stored = stored - 1, folded = folded + 1",
        "rows of 25 lines, the counter says 24 stored",
    ),
    "a line more": (
        "UPDATE ingest_files SET lines = lines + 1, blank = blank + 1",
        "its bytes hold 28 lines, the ledger says 29",
    ),
    "a letter is gone": ("DELETE FROM dead_letters", "0 dead letters in the table, the counter says 1"),
    "the offset, nearer": (
        "UPDATE ingest_files SET committed_offset = committed_offset - 400",
        "outside of what was read",
    ),
    "the offset, farther": (
        "UPDATE ingest_files SET committed_offset = committed_offset + 1",
        "are not those that were read there",
    ),
    "a row's offset": ("UPDATE play_history SET line_offset = -5", "a row stands at byte -5, outside of what was read"),
    "the ladder": (
        "UPDATE ingest_ladder SET window_hash = '\\x00' WHERE at_offset = 512",
        "the ladder's hash at byte 512 is not that of the file",
    ),
    "the ladder's end": (
        "INSERT INTO ingest_ladder VALUES (1, 99999999, '\\x00')",
        "a hash of the ladder stands at byte 99,999,999, outside",
    ),
    "a stored line is dead too": (
        "UPDATE dead_letters SET from_offset = 0",
        "the line at byte 0 is a row and a dead letter",
    ),
    "the checkpoint is gone": ("DELETE FROM ingest_files", "of a file that no checkpoint knows"),
    "unread bytes are called finished": (
        "UPDATE ingest_files SET state = 'finished', size_bytes = size_bytes + 100",
        "were there, were not read, and no gap says so",
    ),
}


@pytest.fixture
def station(database: Database) -> Path:
    """A file with a line of every disposition that JSON lines have."""
    log = database.config.log_path / "station.log"
    log.write_text(
        lines_of(
            *(metric(number) for number in range(22)),
            {"event": "track_started", "artist": "A", "title": "B", "play_id": "p", "timestamp": "2026-11-22T10:00:00Z"},
            {"event": "track_ended", "play_id": "p", "timestamp": "2026-11-22T10:01:00Z"},
            {"event": "boom", "level": "error"}, {"event": "well", "level": "info"}, "", "rubbish",
        )
    )  # fmt: skip
    read_once(database.config)
    return log


@pytest.mark.parametrize("what", TAMPERED)
def test_what_was_changed_is_named(database: Database, station: Path, what: str) -> None:
    assert proof(database).findings == []
    statement, named = TAMPERED[what]
    database.rows(statement.replace("%", "%%"))
    shown = finished(database.config, "ledger", "--recount")
    assert shown.returncode == 1, shown.stdout
    assert any(named in line for line in shown.stdout.splitlines() if line.startswith("wrong: ")), shown.stdout
    if what != "the checkpoint is gone":
        assert str(station) in shown.stdout
        assert shown.stdout.startswith("NOT complete: ")


def test_counters_that_cannot_be_are_named(database: Database, station: Path) -> None:
    """One after the other, each over what the one before has left."""
    for statement, named in (
        ("stored = stored - 1, held = 1, state = 'finished'", "finished, and 1 lines are still held by its parser"),
        ("rows_retired = rows_stored + 1", "26 of 25 rows retired"),
        ("lines = lines + 1000000, blank = blank + 1000000", "1,000,028 lines do not fit into"),
    ):
        database.rows(f"UPDATE ingest_files SET {statement}")
        ledger = proof(database, recount=False)
        assert not ledger.complete
        assert any(named in finding.what for finding in ledger.findings), ledger.findings


def test_counters_are_checked_without_recounting(database: Database, station: Path) -> None:
    database.rows("UPDATE ingest_files SET blank = blank + 5")
    told = json.loads(finished(database.config, "ledger", "--json").stdout)
    assert (told["complete"], told["recounted"], told["totals"]["blank"]) == (False, False, 6)
    assert [(wrong["path"], wrong["generation"]) for wrong in told["wrong"]] == [(str(station), 1)]


def test_an_unread_tail_is_no_fault_and_is_counted(database: Database, station: Path) -> None:
    with station.open("a") as file:
        file.write(lines_of(metric(1)))
    ledger = proof(database)
    assert ledger.complete
    assert ledger.unread_bytes == len(lines_of(metric(1)))
    assert "bytes are yet to be read" in ledger.verdict()


def test_a_file_that_rotation_moved_is_found_and_read_again(database: Database, station: Path) -> None:
    station.rename(station.with_name("station.log.1"))
    ledger = proof(database)
    assert (ledger.complete, ledger.reread) == (True, 1)
    assert [Path(place.path).name for place in ledger.places.values()] == ["station.log.1"]


def test_a_file_that_was_written_anew_since_is_for_the_next_sweep_to_find(database: Database, station: Path) -> None:
    station.write_text("x" * len(station.read_bytes()) + "\n")
    ledger = proof(database)
    assert (ledger.findings, ledger.reread) == ([], 0)


def test_another_file_with_an_old_time_is_not_blamed_on_the_checkpoint(database: Database, station: Path) -> None:
    """`cp -p` into an inode that was just freed: the modification time is from before the last commit."""
    times = station.stat()
    station.write_text("x" * len(station.read_bytes()) + "\n")
    os.utime(station, ns=(times.st_atime_ns, times.st_mtime_ns))
    ledger = proof(database)
    assert (ledger.findings, ledger.reread) == ([], 0)


def test_hostile_names_are_shown_escaped(database: Database, station: Path) -> None:
    database.rows("UPDATE ingest_files SET path = path || E'\\x1b[31m', blank = blank + 1")
    assert "\x1b" not in finished(database.config, "ledger").stdout


def test_retired_rows_are_not_missed(database: Database, station: Path) -> None:
    database.rows("SELECT archive_old_play_history(0)")
    ledger = proof(database)
    assert ledger.findings == []
    assert ledger.total("rows_retired") == 2


# -- producers -----------------------------------------------------------------------------------------------------------


def write_numbers(config: LoggingConfig, count: int) -> None:
    with RadioLogger(config, "service") as radio:
        for number in range(count):
            radio.log_metric("n", number)
            radio.log.debug("below every threshold")


def test_several_processes_over_rotations_have_neither_hole_nor_repeat(database: Database) -> None:
    config = database.config.model_copy(
        update={"log_file_max_bytes": 20_000, "log_file_backup_count": 100, "log_level": "DEBUG"}
    )
    writers = [multiprocessing.get_context("spawn").Process(target=write_numbers, args=(config, 200)) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    names = sorted(config.log_path.iterdir())
    assert len(names) > 5
    random.Random(20261124).shuffle(names)
    for name in names:
        read_once(config, "test", name)
        assert not [found for found in proof(database, recount=False).runs if found.part.kind == "repeat"]
    ledger = proof(database)
    assert (ledger.complete, odd(ledger)) == (True, [])
    assert (ledger.run_count, ledger.numbered_lines) == (3, 1200)


def test_a_file_removed_before_it_was_read_is_a_hole_between_two_files(database: Database) -> None:
    log = database.config.log_path / "a.log"
    for name, first in (("a.log.2", 1), ("a.log", 201)):
        log.with_name(name).write_text(lines_of(*numbered("run", *range(first, first + 100))))
    read_once(database.config)
    shown = finished(database.config, "ledger", "--recount")
    assert shown.returncode == 1
    assert shown.stdout.startswith("NOT complete: 200 lines in 2 files, but 1 run has a hole\n")
    folder = database.config.log_path
    assert f"missing: run run: 101-200 (100) between {folder}/a.log.2 and {folder}/a.log\n" in shown.stdout


def test_what_is_yet_to_be_read_explains_a_hole(database: Database) -> None:
    log = database.config.log_path / "a.log"
    log.write_text(lines_of(*numbered("run", 1, 2)))
    read_once(database.config)
    with log.open("a") as file:
        file.write(lines_of(*numbered("run", 3, 4)))
    (database.config.log_path / "b.log").write_text(lines_of(*numbered("run", 5)))
    read_once(database.config, "test", database.config.log_path / "b.log")
    ledger = proof(database)
    assert odd(ledger) == [("hole", "run", 3, 4)]
    assert "yet to be read" in ledger.runs[0].explained
    assert ledger.complete


def test_lines_that_are_there_twice_are_repeats_with_their_numbers(database: Database) -> None:
    log = database.config.log_path
    (log / "a.log").write_text(lines_of(*numbered("run", *range(1, 11), 4, 5)))
    (log / "copy.log").write_text(lines_of(*numbered("run", 8, 9)))
    read_once(database.config)
    ledger = proof(database)
    assert odd(ledger) == [("repeat", "run", 4, 5), ("repeat", "run", 8, 9)]
    assert [found.part.seq_count for found in ledger.runs if found.part.kind == "extra"] == [4]
    shown = finished(database.config, "ledger", "--gaps", str(log / "copy.log"))
    assert (shown.returncode, "│" in shown.stdout) == (1, False)
    assert "repeated: run run: 8-9 was read more than once" in shown.stdout


def test_dead_letters_explain_so_many_missing_lines_and_no_more(database: Database) -> None:
    log = database.config.log_path / "a.log"
    log.write_text(lines_of(*numbered("run", 1), '{"seq": 2, "run_id": "ru', *numbered("run", 3, 5)))
    read_once(database.config)
    ledger = proof(database)
    assert [(found.part.first_seq, bool(found.explained)) for found in ledger.runs] == [(2, True), (4, False)]
    assert not ledger.complete


def test_a_dead_letter_that_could_be_read_as_far_as_its_number_is_no_hole(database: Database) -> None:
    log = database.config.log_path / "a.log"
    unnamed = {"event": "metric", "run_id": "run", "seq": 2}
    log.write_text(lines_of(*numbered("run", 1), unnamed, *numbered("run", 3)))
    read_once(database.config)
    assert (odd(proof(database)), proof(database).total("dead_letters")) == ([], 1)


def test_a_line_whose_row_the_database_refuses_is_no_hole(database: Database) -> None:
    database.rows("ALTER TABLE system_metrics ADD CHECK (metric_value <> 2)")
    (database.config.log_path / "a.log").write_text(lines_of(*numbered("run", 1, 2, 3)))
    read_once(database.config)
    ledger = proof(database)
    assert (ledger.findings, odd(ledger), ledger.total("dead_letters")) == ([], [], 1)


def test_bytes_that_vanished_are_shown_with_file_and_range_and_explain_a_hole(database: Database) -> None:
    log = database.config.log_path / "a.log"
    first, lost = lines_of(*numbered("run", 1, 2)), lines_of(*numbered("run", 3, 4))
    log.write_text(first)
    read_once(database.config)
    database.rows(
        "WITH gone AS (UPDATE ingest_files SET state = 'replaced', size_bytes = %s RETURNING generation)"
        " INSERT INTO ingest_gaps (generation, path, from_offset, to_offset, reason)"
        " SELECT generation, %s, %s, %s, 'truncated' FROM gone",
        len(first + lost), str(log), len(first), len(first + lost),
    )  # fmt: skip
    os.replace(shutil.copy(log, log.with_name("new")), log)
    log.write_text(lines_of(*numbered("run", 5)))
    read_once(database.config)
    shown = finished(database.config, "ledger", "--recount")
    assert shown.returncode == 0, shown.stdout
    assert f"{len(lost):,} bytes vanished before they were read" in shown.stdout.splitlines()[0]
    assert f"lost: {log}: bytes [{len(first):,}, {len(first + lost):,}), truncated\n" in shown.stdout
    assert f"missing: run run: 3-4 (2) in {log}; they may be in the bytes of {log} that vanished" in shown.stdout


def test_numbers_that_are_none_are_bounded_and_nothing_is_concluded_from_them(database: Database) -> None:
    log = database.config.log_path / "a.log"
    wild = numbered("wild", *range(1, 2 * MOST_RANGES + 10, 2))
    many = [metric(1, run_id=f"request-{number}", seq=1) for number in range(MOST_RUNS + 5)]
    odd_ones = [
        metric(1, run_id="x" * 5000, seq=1), metric(1, run_id="x" * 5000 + "y", seq=1), metric(1, run_id="", seq=1),
        *numbered("edge", -1, 2**63 - 1, 2**63, 2**70), metric(1, run_id="edge", seq="three"), metric(1, run_id="edge"),
        metric(1, run_id="edge", seq=1), metric(1, seq=1),
    ]  # fmt: skip
    log.write_text(lines_of(*wild, *odd_ones, *many))
    read_once(database.config)
    ledger = proof(database)
    assert (ledger.complete, odd(ledger)) == (True, [("irregular", "", None, None), ("irregular", "wild", None, None)])
    rows = dict(database.rows("SELECT run_id, lines FROM ingest_runs"))
    assert len(rows) == MOST_RUNS + 2  # a batch's most, the one without a name, and `wild`, which fills a batch before
    assert (rows["edge"], sum(rows.values())) == (1, len(wild) + len(many) + 3)
    assert sum(name.startswith("xxx") for name in rows) == 2
    assert max(map(len, rows)) == RUN_ID_LIMIT
    with log.open("a") as file:
        file.write(lines_of(*numbered("wild", 2, 2)))
    read_once(database.config)
    assert odd(proof(database)) == odd(ledger)
    assert database.rows("SELECT seqs::text FROM ingest_runs WHERE run_id = 'wild'") == [("{[1,2010)}",)]


# -- ranges, against sets ------------------------------------------------------------------------------------------------

SEQS = st.lists(st.integers(0, 30), min_size=1, max_size=25)


@given(SEQS)
def test_ranges_are_the_numbers(seqs: list[int]) -> None:
    found, repeated = ranges_of(seqs)
    assert {seq for first, behind in found for seq in range(first, behind)} == set(seqs)
    counts = Counter(seqs)
    assert [seq for first, behind in repeated for seq in range(first, behind)] == sorted(
        seq for seq in counts if counts[seq] > 1
    )
    for ranges in (found, repeated):
        assert all(first < behind for first, behind in ranges)
        assert all(before[1] < after[0] for before, after in itertools.pairwise(ranges))
    assert range_text([(1, 3), (5, 6)]) == "{[1,3),[5,6)}"


@given(st.lists(st.tuples(st.integers(1, 3), st.sampled_from(["a", "b"]), SEQS), min_size=1, max_size=12))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_holes_and_repeats_are_those_of_sets(database: Database, batches: list[tuple[int, str, list[int]]]) -> None:
    """Batches of three files and two runs, committed in any order and grouping: what SQL finds is what sets say."""
    with closing(database.connect()) as connection:
        with connection, connection.cursor() as cursor:
            cursor.execute("TRUNCATE ingest_runs, ingest_files")
            for generation in (1, 2, 3):
                cursor.execute(
                    "INSERT INTO ingest_files (generation, machine, owner, owner_epoch, path, family, device, inode, parser,"
                    " parser_version) VALUES (%s, 'm', 'o', 1, 'p', 'p', 1, %s, 'json', 1)",
                    (generation, generation),
                )
            add_runs(cursor, [_batch(*batch) for batch in batches])
        ledger = read_ledger(connection, "m")
    expected = []
    for run_id in ("a", "b"):
        counts = Counter(seq for _, name, seqs in batches if name == run_id for seq in seqs)
        if counts:
            missing = set(range(min(1, *counts), max(counts))) - set(counts)
            expected += [("hole", run_id, *span) for span in _spans(missing)]
            expected += [("repeat", run_id, *span) for span in _spans({seq for seq in counts if counts[seq] > 1})]
    assert odd(ledger) == sorted(expected)
    extra = {found.part.run_id: found.part.seq_count for found in ledger.runs if found.part.kind == "extra"}
    said = Counter(name for _, name, seqs in batches for _ in seqs)
    known = {name: len({seq for _, other, seqs in batches if other == name for seq in seqs}) for name in said}
    assert extra == {name: said[name] - known[name] for name in said if said[name] > known[name]}


def _batch(generation: int, run_id: str, seqs: list[int]) -> Batch:
    """A batch of nothing but numbered lines."""
    move = Move(generation, "o", 1, 0, 0, 0, NOTHING, NOTHING, 0, "p", "p")
    return Batch(
        move, "json", 1, {}, len(seqs), {}, 0, {table: [] for table in COPIED}, [], {}, [], [], {}, frozenset(),
        datetime.now(UTC), runs=run_lines({run_id: seqs}),
    )  # fmt: skip


def _spans(seqs: set[int]) -> list[tuple[int, int]]:
    return [(first, behind - 1) for first, behind in ranges_of(sorted(seqs))[0]] if seqs else []
