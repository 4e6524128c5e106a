"""Replaying dead letters: after a fix every line is a row once, whatever happens meanwhile, and the ledger holds."""

import gzip
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from fix_postgres import Database
from ingest_kit import ledger_holds, lines_of, metric, read_once, stored_numbers

from ingest.assignments import assignments_of
from ingest.errors import CheckpointMoved, SourceError
from ingest.machine import machine_id
from ingest.originals import Originals, one_letter
from ingest.release import end_of, release, suspended
from ingest.replay import Replayer, Report, Selection
from ingest.second_reading import ReplaySettings
from parsers.lines import KEPT_BYTES_OF_LONG_LINE

ALL = Selection()
KEY = "abcd-efgh-ijkl-mnop-qrst"
TAKES_NO_13 = "ALTER TABLE system_metrics ADD CONSTRAINT odd CHECK (metric_value <> 13)"


@dataclass
class Replay:
    replayer: Replayer
    originals: Originals

    def __call__(self, selection: Selection = ALL, **how: Any) -> Report:
        return self.replayer.replay(selection, **how)


@contextmanager
def replaying(
    database: Database, *, by_glob: tuple[tuple[str, str], ...] = (), limit: int = 1 << 20
) -> Iterator[Replay]:
    originals = Originals(machine_id()[:64], limit)
    settings = ReplaySettings(assignments_of(database.config), "host", UTC, by_glob)
    with closing(originals), closing(database.connect()) as connection:
        yield Replay(Replayer(connection, originals, settings, time_zone="UTC"), originals)


def replay(database: Database, selection: Selection = ALL, **how: Any) -> Report:
    with replaying(database) as run:
        return run(selection, **how)


def refuse_13(database: Database, path: Path, numbers: int = 20) -> None:
    """A letter whose row PostgreSQL refused, and the fix."""
    database.rows(TAKES_NO_13)
    path.write_text(lines_of(*map(metric, range(numbers))))
    read_once(database.config, "refused")
    assert 13 not in stored_numbers(database)
    database.rows("ALTER TABLE system_metrics DROP CONSTRAINT odd")


def counters(database: Database) -> tuple[Any, ...]:
    return database.rows("SELECT committed_offset, version, lines, stored, dead_letters FROM ingest_files")[0]


def test_a_refused_line_is_stored_after_the_fix_and_only_once(database: Database) -> None:
    refuse_13(database, database.config.log_path / "a.log")
    before = counters(database)
    assert before[-1] == 1

    first, second = replay(database), replay(database)

    assert (first.found, first.replayed, first.rows, first.from_stored) == (1, 1, 1, 0)
    assert (second.found, second.replayed) == (0, 0)
    assert stored_numbers(database) == list(range(20))
    assert counters(database) == (*before[:3], 20, 0)
    assert database.rows("SELECT replayed_at IS NOT NULL FROM dead_letters") == [(True,)]
    ledger_holds(database)


def test_a_line_that_fails_again_stays_and_says_why(database: Database) -> None:
    (database.config.log_path / "a.log").write_text(lines_of("no json", metric(13), metric(1)))
    database.rows(TAKES_NO_13)
    read_once(database.config)
    database.rows("UPDATE dead_letters SET reason = 'old', detail = 'old', parser_version = 0")

    report = replay(database)

    assert (report.replayed, sum(report.remaining.values())) == (0, 2)
    assert database.rows("SELECT reason, parser_version, replayed_at FROM dead_letters ORDER BY from_offset") == [
        ("bad_json", 1, None), ("refused_by_database", 1, None),
    ]  # fmt: skip
    assert stored_numbers(database) == [1]
    ledger_holds(database)


def test_one_line_that_is_refused_again_keeps_no_other_back(database: Database) -> None:
    database.rows("ALTER TABLE system_metrics ADD CONSTRAINT odd CHECK (metric_value NOT IN (3, 5, 8))")
    (database.config.log_path / "a.log").write_text(lines_of(*map(metric, range(10))))
    read_once(database.config)
    database.rows("ALTER TABLE system_metrics DROP CONSTRAINT odd")
    database.rows("ALTER TABLE system_metrics ADD CONSTRAINT odd CHECK (metric_value <> 5)")

    report = replay(database)

    assert (report.replayed, sum(report.remaining.values())) == (2, 1)
    assert stored_numbers(database) == [0, 1, 2, 3, 4, 6, 7, 8, 9]
    ledger_holds(database)


def test_a_dry_run_changes_nothing(database: Database) -> None:
    refuse_13(database, database.config.log_path / "a.log")
    before = database.rows("SELECT f, d FROM ingest_files f, dead_letters d")

    report = replay(database, dry_run=True)

    assert (report.replayed, report.rows) == (1, 1)
    assert database.rows("SELECT f, d FROM ingest_files f, dead_letters d") == before
    assert 13 not in stored_numbers(database)


def test_two_replays_at_once_make_one_row_of_each_letter(database: Database) -> None:
    """Both read all letters before either stores one."""
    database.rows("ALTER TABLE system_metrics ADD CONSTRAINT odd CHECK (metric_value NOT IN (3, 5, 8))")
    (database.config.log_path / "a.log").write_text(lines_of(*map(metric, range(10))))
    read_once(database.config)
    database.rows("ALTER TABLE system_metrics DROP CONSTRAINT odd")
    both_have_read = threading.Barrier(2)
    reports: list[Report] = []

    class Together(Originals):
        waited = False

        def find(self, letter: Any) -> Any:
            if not self.waited:
                self.waited = True
                both_have_read.wait(60)
            return super().find(letter)

    def run() -> None:
        settings = ReplaySettings(assignments_of(database.config), "host", UTC, ())
        with (
            closing(Together(machine_id()[:64], 1 << 20)) as originals,
            closing(database.connect()) as connection,
        ):
            reports.append(Replayer(connection, originals, settings, time_zone="UTC").replay(ALL))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [report.found for report in reports] == [3, 3]
    assert sum(report.replayed for report in reports) == 3
    assert sum(report.busy for report in reports) == 3
    assert stored_numbers(database) == list(range(10))
    ledger_holds(database)


@pytest.mark.parametrize("how", ["renamed", "archived", "copied and truncated"])
def test_the_original_is_found_where_rotation_has_put_it(database: Database, how: str) -> None:
    log = database.config.log_path / "a.log"
    secret = {
        "event": "metric",
        "metric_name": "m",
        "metric_value": 13,
        "timestamp": "2026-11-22T00:00:13Z",
        "note": "x",
    }
    refuse_13(database, log)
    data = log.read_bytes()
    if how == "renamed":
        log.rename(log.with_name("a.log.1"))
    elif how == "archived":
        log.with_name("a.log.2.gz").write_bytes(gzip.compress(data))
        log.unlink()
    else:
        log.with_name("a.log.1").write_bytes(data)
        log.write_text(lines_of(secret) * 3)

    report = replay(database)

    assert (report.replayed, report.from_stored) == (1, 0)
    assert 13 in stored_numbers(database)
    ledger_holds(database)


@pytest.mark.parametrize("how", ["gone", "rewritten"])
def test_without_the_original_the_stored_line_is_taken(database: Database, how: str) -> None:
    log = database.config.log_path / "a.log"
    refuse_13(database, log)
    if how == "gone":
        log.unlink()
    else:
        log.write_bytes(bytes(byte ^ 1 for byte in log.read_bytes()))

    report = replay(database)

    assert (report.replayed, report.from_stored) == (1, 1)
    assert 13 in stored_numbers(database)
    ledger_holds(database)


def test_secrets_stay_masked_whether_the_original_is_read_or_the_stored_line(database: Database) -> None:
    url = f"rtmp://a.rtmp.youtube.com/live2/{KEY}"
    database.rows("ALTER TABLE error_log ADD CONSTRAINT odd CHECK (message NOT LIKE '%cannot open%')")
    error = {"level": "error", "event": f"cannot open {url}", "timestamp": "2026-11-22T10:00:00Z", "password": KEY}
    for name in ("a.log", "b.log"):
        (database.config.log_path / name).write_text(lines_of(error))
    read_once(database.config)
    database.rows("ALTER TABLE error_log DROP CONSTRAINT odd")
    (database.config.log_path / "b.log").unlink()

    report = replay(database)

    assert (report.replayed, report.from_stored) == (2, 1)
    for table in ("error_log", "dead_letters"):
        assert KEY not in str(database.rows(f"SELECT row_to_json(t)::text, t FROM {table} t"))
    assert [message for (message,) in database.rows("SELECT message FROM error_log")] == [
        "cannot open rtmp://a.rtmp.youtube.com/live2/***"
    ] * 2
    assert all(KEY.encode() not in bytes(line) for (line,) in database.rows("SELECT line FROM dead_letters"))
    ledger_holds(database)


def test_bytes_that_are_not_utf_8_are_replayed_as_they_stood_there(database: Database) -> None:
    line = b'{"event": "caf\xe9 closed", "level": "error", "timestamp": "2026-11-22T10:00:00Z"}\n'
    database.rows("ALTER TABLE error_log ADD CONSTRAINT odd CHECK (message NOT LIKE '%closed%')")
    (database.config.log_path / "a.log").write_bytes(line)
    read_once(database.config)
    database.rows("ALTER TABLE error_log DROP CONSTRAINT odd")

    assert replay(database).replayed == 1

    assert database.rows("SELECT message, line_offset FROM error_log") == [("caf\ufffd closed", 0)]
    ledger_holds(database)


def test_what_was_too_long_is_read_whole_once_the_limit_allows_it(database: Database) -> None:
    long = metric(7, note="x" * 200_000)
    (database.config.log_path / "a.log").write_text(lines_of(metric(1), long))
    read_once(database.config.model_copy(update={"max_line_bytes": 100_000}))
    assert database.rows("SELECT reason, length(line) FROM dead_letters") == [("too_long", KEPT_BYTES_OF_LONG_LINE)]

    with replaying(database, limit=100_000) as run:
        refused = run()
    report = replay(database)

    assert (refused.replayed, [why[:8] for why in refused.remaining]) == (0, ["too_long"])
    assert (report.replayed, report.from_stored) == (1, 0)
    assert stored_numbers(database) == [1, 7]
    ledger_holds(database)


def test_the_beginning_of_a_long_line_is_not_taken_for_all_of_it(database: Database) -> None:
    log = database.config.log_path / "a.log"
    log.write_text(lines_of(metric(7, note="x" * 200_000)))
    read_once(database.config.model_copy(update={"max_line_bytes": 100_000}))
    log.unlink()

    report = replay(database)

    assert report.replayed == 0
    assert list(report.remaining) == ["its file is gone, and only its beginning is stored"]


def test_a_parser_named_in_the_configuration_reads_what_another_could_not(database: Database) -> None:
    (database.config.log_path / "odd.log").write_text(
        lines_of(metric(1), "2026-11-22 10:00:00 ERROR playlist is empty")
    )
    read_once(database.config)

    with replaying(database, by_glob=(("odd.log", "text"),)) as run:
        report = run()

    assert report.replayed == 1
    assert database.rows("SELECT severity, line_offset > 0 FROM error_log") == [("error", True)]
    ledger_holds(database)


def test_a_whole_traceback_comes_back_and_its_first_line_alone_does_not(database: Database) -> None:
    text = 'Traceback (most recent call last):\n  File "x.py", line 1, in f\nValueError: boom\nINFO next\n'
    database.rows("ALTER TABLE error_log ADD CONSTRAINT odd CHECK (message NOT LIKE '%boom%')")
    for name in ("a.log", "b.log"):
        (database.config.log_path / name).write_text(text)
    read_once(database.config)
    assert database.rows("SELECT reason FROM dead_letters") == [("refused_by_database",)] * 2
    database.rows("ALTER TABLE error_log DROP CONSTRAINT odd")
    (database.config.log_path / "b.log").unlink()

    report = replay(database)

    assert report.replayed == 1
    assert list(report.remaining) == ["it is the first of several lines that belong together, and its file is gone"]
    ((message, trace),) = database.rows("SELECT message, stack_trace FROM error_log")
    assert message == "ValueError: boom"
    assert "x.py" in trace
    ledger_holds(database)


def test_a_message_of_ffmpeg_comes_back_with_its_repeats_and_without_its_key(database: Database) -> None:
    log = (
        "ffmpeg version 6.1 Copyright (c) 2000-2023 the FFmpeg developers\n"
        "Output #0, flv, to 'rtmp://a.rtmp.youtube.com/live2/Zx9Kq7Lm2Pt4':\n"
        "[flv @ 0x55d0c0] Failed to update header with Zx9Kq7Lm2Pt4 duration.\n"
        "    Last message repeated 2 times\n"
        "[flv @ 0x55d0c0] Failed to update header with correct filesize.\n"
    )
    database.rows("ALTER TABLE error_log ADD CONSTRAINT odd CHECK (message NOT LIKE '%duration%')")
    (database.config.log_path / "ffmpeg.log").write_text(log)
    read_once(database.config)
    assert database.rows("SELECT reason FROM dead_letters") == [("refused_by_database",)]
    database.rows("ALTER TABLE error_log DROP CONSTRAINT odd")

    report = replay(database)

    assert report.replayed == 1
    ((message, count),) = database.rows("SELECT message, occurrences FROM error_log WHERE message LIKE '%duration%'")
    assert (message, count) == ("Failed to update header with *** duration.", 3)
    ledger_holds(database)


def test_a_line_held_since_an_earlier_batch_has_its_place_and_no_hash_of_other_bytes(database: Database) -> None:
    log = database.config.log_path / "ffmpeg.log"
    head = "ffmpeg version 6.1 Copyright (c) 2000-2023 the FFmpeg developers\n"
    message = "[flv @ 0x55d0c0] Failed to update header with correct duration.\n"
    log.write_text(head + message)
    read_once(database.config, "1")
    assert database.rows("SELECT held FROM ingest_files") == [(1,)]
    database.rows("ALTER TABLE error_log ADD CONSTRAINT odd CHECK (message NOT LIKE '%duration%')")
    with log.open("a") as file:
        file.write("[flv @ 0x55d0c0] Failed to update header with correct filesize.\n")
    read_once(database.config, "2")

    ((start, end, line, digest, id_),) = database.rows(
        "SELECT from_offset, to_offset, line, raw_sha256, id FROM dead_letters"
    )
    assert (start, end) == (len(head), len(head) + len(message))
    assert (bytes(line), bytes(digest)) == (b"", b"")
    database.rows("ALTER TABLE error_log DROP CONSTRAINT odd")
    with replaying(database) as run, closing(database.connect()) as connection:
        letter = one_letter(connection, id_)
        assert letter is not None
        found = run.originals.find(letter)
        assert found.line is not None
        assert found.line.data + b"\n" == message.encode()
        assert run().replayed == 1
    assert database.rows("SELECT message FROM error_log WHERE message LIKE '%duration%'") != []
    ledger_holds(database)


def test_without_a_hash_the_file_itself_must_prove_to_be_that_file(database: Database) -> None:
    log = database.config.log_path / "a.log"
    refuse_13(database, log)
    database.rows("UPDATE dead_letters SET line = '', raw_sha256 = ''")
    data = log.read_bytes()
    inode = log.stat().st_ino
    log.write_bytes(data[:-20] + b"x" + data[-19:])
    assert log.stat().st_ino == inode

    rewritten = replay(database)
    log.write_bytes(data)
    mended = replay(database)

    assert list(rewritten.remaining) == ["its file holds other bytes at that place now, and nothing of it is stored"]
    assert (mended.replayed, mended.from_stored) == (1, 0)
    assert stored_numbers(database) == list(range(20))
    ledger_holds(database)


def test_the_hash_is_that_of_the_raw_line(database: Database) -> None:
    raw = f"no json password={KEY}".encode()
    (database.config.log_path / "a.log").write_bytes(lines_of(metric(1)).encode() + raw + b"\r\n")
    read_once(database.config)

    ((line, digest),) = database.rows("SELECT line, raw_sha256 FROM dead_letters")

    assert KEY.encode() not in bytes(line)
    assert bytes(digest) == hashlib.sha256(raw).digest()


def test_a_play_that_comes_late_gets_its_end_and_its_errors(database: Database) -> None:
    """The bookkeeper is told which times a replay has touched."""
    start = {"event": "track_started", "artist": "A", "title": "odd", "timestamp": "2026-11-22T10:00:00Z"}
    database.rows("ALTER TABLE play_history ADD CONSTRAINT odd CHECK (title <> 'odd')")
    (database.config.log_path / "a.log").write_text(
        lines_of(start, {**start, "title": "next", "timestamp": "2026-11-22T10:03:00Z"})
    )
    read_once(database.config)
    database.rows("ALTER TABLE play_history DROP CONSTRAINT odd")
    assert database.rows("SELECT * FROM derive_queue") == []

    assert replay(database).replayed == 1

    spans = database.rows("SELECT to_char(from_time, 'HH24:MI'), to_char(to_time, 'HH24:MI') FROM derive_queue")
    assert spans == [("10:00", "10:00")]


def test_a_start_that_was_known_meanwhile_is_folded_into_its_play(database: Database) -> None:
    start = {
        "event": "track_started", "artist": "A", "title": "T", "timestamp": "2026-11-22T10:00:00Z",
        "play_id": "6f1c1f9e-0000-4000-8000-000000000001",
    }  # fmt: skip
    database.rows("ALTER TABLE play_history ADD CONSTRAINT odd CHECK (artist <> 'A')")
    (database.config.log_path / "a.log").write_text(lines_of(start))
    read_once(database.config, "1")
    database.rows("ALTER TABLE play_history DROP CONSTRAINT odd")
    (database.config.log_path / "b.log").write_text(lines_of(start))
    read_once(database.config, "2")

    assert replay(database).replayed == 1

    assert database.rows("SELECT count(*) FROM play_history") == [(1,)]
    assert database.rows("SELECT stored, folded, rows_stored FROM ingest_files ORDER BY path") == [(0, 1, 0), (1, 0, 1)]
    ledger_holds(database)


def test_a_selection_leaves_the_others_alone(database: Database) -> None:
    (database.config.log_path / "a.log").write_text(lines_of(metric(1), "no json", "[]"))
    read_once(database.config)

    report = replay(database, Selection(reason="bad_json"))
    nothing = replay(database, Selection(path_pattern="%/b.log%"))
    ((some_id,),) = database.rows("SELECT id FROM dead_letters WHERE reason = 'not_an_object'")
    one = replay(database, Selection(ids=(some_id,)))

    assert [item.found for item in (report, nothing, one)] == [1, 0, 1]
    assert [word[:13] for word in one.remaining] == ["not_an_object"]


# -- suspended files --------------------------------------------------------------------------------------------------


def suspend(database: Database) -> None:
    database.rows("UPDATE ingest_files SET state = 'suspended', version = version + 1")


def test_a_released_file_is_read_on_where_it_was_left(database: Database) -> None:
    log = database.config.log_path / "a.log"
    log.write_text(lines_of(metric(1)))
    read_once(database.config, "1")
    suspend(database)
    with log.open("a") as file:
        file.write(lines_of(metric(2)))
    read_once(database.config, "2")
    assert stored_numbers(database) == [1]

    with closing(database.connect()) as connection:
        (file_,) = suspended(connection, machine_id()[:64], path=str(log))
        release(connection, file_)
        with pytest.raises(CheckpointMoved):
            release(connection, file_)
    read_once(database.config, "3")

    assert stored_numbers(database) == [1, 2]
    ledger_holds(database)


def test_a_file_of_rubbish_is_suspended_and_read_on_once_released(database: Database) -> None:
    log = database.config.log_path / "a.log"
    log.write_text(lines_of(metric(1), *["rubbish"] * 150, metric(2)))
    read_once(database.config, "1")
    read_once(database.config, "2")
    assert database.rows("SELECT state, dead_letters FROM ingest_files") == [("suspended", 100)]

    with closing(database.connect()) as connection:
        (file_,) = suspended(connection, machine_id()[:64])
        release(connection, file_)
    read_once(database.config, "3")

    assert stored_numbers(database) == [1, 2]
    assert database.rows("SELECT state, dead_letters FROM ingest_files") == [("active", 150)]
    ledger_holds(database)


def test_what_is_skipped_is_a_gap_and_half_a_line_is_not_skipped(database: Database) -> None:
    log = database.config.log_path / "a.log"
    first, rubbish, last = lines_of(metric(1)), "rubbish\n" * 2000, lines_of(metric(3))
    log.write_text(first)
    read_once(database.config, "1")
    suspend(database)
    log.write_text(first + rubbish + last[:20])

    with closing(database.connect()) as connection:
        (file_,) = suspended(connection, machine_id()[:64])
        release(connection, file_, end_of(file_))
    log.write_text(first + rubbish + last)
    read_once(database.config, "2")

    assert stored_numbers(database) == [1, 3]
    assert database.rows("SELECT from_offset, to_offset, reason FROM ingest_gaps") == [
        (len(first), len(first + rubbish), "skipped_by_operator")
    ]
    assert database.rows("SELECT count(*) FROM ingest_files") == [(1,)]
    ledger_holds(database)


def test_another_file_at_the_place_is_not_skipped(database: Database) -> None:
    log = database.config.log_path / "a.log"
    log.write_text(lines_of(metric(1)))
    read_once(database.config)
    suspend(database)
    log.write_text(json.dumps(metric(2)) + "\n" * 500)

    with closing(database.connect()) as connection:
        (file_,) = suspended(connection, machine_id()[:64])
        with pytest.raises(SourceError, match="is not the file any more"):
            end_of(file_)
    assert database.rows("SELECT state FROM ingest_files") == [("suspended",)]
