"""Files into rows: what `radiolog once` does, over a real database."""

import gzip
import json
import os
import shutil
from pathlib import Path

from fix_postgres import Database
from ingest_kit import ledger_holds, lines_of, metric, read_once, stored_numbers

from ingest.service import Service
from ingest.sources import source_of
from ingest.telemetry import Telemetry


def test_every_line_becomes_a_row_once(database: Database) -> None:
    log = database.config.log_path / "monitoring.log"
    log.write_text(lines_of(*map(metric, range(100))))

    first, second = read_once(database.config, "1"), read_once(database.config, "2")

    assert (first.lines, first.rows, first.dead_letters) == (100, 100, 0)
    assert (second.lines, second.rows) == (0, 0)
    assert stored_numbers(database) == list(range(100))
    ledger_holds(database)


def test_service_station_and_offsets_come_from_the_file(database: Database) -> None:
    log = database.config.log_path / "now-playing.log"
    text = lines_of(metric(1), metric(2, service="other", station="Second FM", host="h"))
    log.write_text(text)

    read_once(database.config)

    rows = database.rows("SELECT service, station, host, line_offset FROM system_metrics ORDER BY line_offset")
    assert rows[0][:2] == ("now-playing", database.config.station)
    assert rows[1] == ("other", "Second FM", "h", text.index("\n") + 1)
    assert {name for (name,) in database.rows("SELECT name FROM stations")} == {database.config.station, "Second FM"}


def test_half_a_last_line_waits_for_its_end(database: Database) -> None:
    log = database.config.log_path / "a.log"
    whole = lines_of(metric(1), metric(2))
    log.write_text(whole[:-10])
    read_once(database.config, "1")
    assert stored_numbers(database) == [1]

    with log.open("a") as file:
        file.write(whole[-10:])
    read_once(database.config, "2")

    assert stored_numbers(database) == [1, 2]
    assert database.rows("SELECT committed_offset FROM ingest_files") == [(len(whole),)]


def test_a_rotated_files_last_line_needs_no_newline(database: Database) -> None:
    (database.config.log_path / "a.log.1").write_text(lines_of(metric(1), metric(2)).rstrip("\n"))

    read_once(database.config)

    assert stored_numbers(database) == [1, 2]
    assert database.rows("SELECT state FROM ingest_files") == [("finished",)]
    ledger_holds(database)


def test_rotation_by_rename_while_nobody_reads(database: Database) -> None:
    folder = database.config.log_path
    (folder / "a.log").write_text(lines_of(metric(1)))
    read_once(database.config, "1")

    with (folder / "a.log").open("a") as file:
        file.write(lines_of(metric(2)))
    (folder / "a.log").rename(folder / "a.log.2")
    (folder / "a.log.1").write_text(lines_of(metric(3)))
    (folder / "a.log").write_text(lines_of(metric(4)))
    read_once(database.config, "2")
    read_once(database.config, "3")

    assert sorted(stored_numbers(database)) == [1, 2, 3, 4]
    ledger_holds(database)


def test_archive_of_a_half_read_file_is_continued(database: Database) -> None:
    folder = database.config.log_path
    (folder / "a.log").write_text(lines_of(*map(metric, range(500))))
    read_once(database.config, "1")
    everything = lines_of(*map(metric, range(900))).encode()
    with gzip.open(folder / "a.log.1.gz", "wb") as archive:
        archive.write(everything)
    (folder / "a.log").unlink()

    read_once(database.config, "2")
    read_once(database.config, "3")

    assert stored_numbers(database) == list(range(900))
    ledger_holds(database)


def test_archive_of_several_members(database: Database) -> None:
    parts = [lines_of(*map(metric, range(start, start + 300))).encode() for start in (0, 300, 600)]
    (database.config.log_path / "a.log.3.gz").write_bytes(b"".join(map(gzip.compress, parts)))

    read_once(database.config)

    assert stored_numbers(database) == list(range(900))


def test_truncated_archive_gives_what_it_holds(database: Database) -> None:
    noise = [metric(n, note=os.urandom(20).hex()) for n in range(2000)]
    packed = gzip.compress(lines_of(*noise).encode())
    (database.config.log_path / "a.log.1.gz").write_bytes(packed[: len(packed) // 2])

    read_once(database.config)

    stored = stored_numbers(database)
    assert stored == list(range(len(stored)))
    assert 500 < len(stored) < 1500


def test_copies_are_not_read_again(database: Database) -> None:
    folder = database.config.log_path
    (folder / "a.log").write_text(lines_of(*map(metric, range(400))))
    read_once(database.config, "1")
    shutil.copy(folder / "a.log", folder / "a.log.1")
    with (folder / "a.log").open("rb") as plain, gzip.open(folder / "a.log.2.gz", "wb") as archive:
        archive.write(plain.read())

    read_once(database.config, "2")

    assert stored_numbers(database) == list(range(400))


def test_a_truncated_file_begins_anew(database: Database) -> None:
    log = database.config.log_path / "a.log"
    log.write_text(lines_of(*map(metric, range(50))))
    read_once(database.config, "1")
    inode = log.stat().st_ino
    with log.open("r+") as file:
        file.truncate(0)
        file.write(lines_of(*map(metric, range(100, 200))))  # longer than before: only the proof can tell
    assert log.stat().st_ino == inode

    read_once(database.config, "2")

    assert sorted(stored_numbers(database)) == [*range(50), *range(100, 200)]
    ledger_holds(database)


def test_copytruncate_with_an_unread_tail_loses_nothing(database: Database) -> None:
    folder = database.config.log_path
    (folder / "a.log").write_text(lines_of(*map(metric, range(50))))
    read_once(database.config, "1")
    with (folder / "a.log").open("a") as file:
        file.write(lines_of(*map(metric, range(50, 80))))
    shutil.copy(folder / "a.log", folder / "a.log.1")
    with (folder / "a.log").open("r+") as file:
        file.truncate(0)
        file.write(lines_of(metric(80)))

    read_once(database.config, "2")
    read_once(database.config, "3")

    assert sorted(stored_numbers(database)) == list(range(81))
    assert database.rows("SELECT * FROM ingest_gaps") == []
    ledger_holds(database)


def test_two_logs_with_the_same_beginning_are_two(database: Database) -> None:
    banner = lines_of(*[metric(0, note="x" * 100)] * 60)
    for name in ("job1.log", "job2.log"):
        (database.config.log_path / name).write_text(banner + lines_of(metric(1)))

    read_once(database.config)

    assert len(stored_numbers(database)) == 122


def test_dead_letters_keep_the_line(database: Database) -> None:
    log = database.config.log_path / "a.log"
    log.write_bytes(b'{"event": "metric"}\nnot json\n\n{"half": \n' + lines_of(metric(7)).encode())

    progress = read_once(database.config)

    assert progress.dead_letters == 3
    letters = database.rows("SELECT from_offset, to_offset, reason, line FROM dead_letters ORDER BY from_offset")
    assert [bytes(line) for *_, line in letters] == [b'{"event": "metric"}', b"not json", b'{"half": ']
    assert [(start, end) for start, end, *_ in letters] == [(0, 20), (20, 29), (30, 40)]
    assert stored_numbers(database) == [7]
    ledger_holds(database)


def test_empty_file_and_folder_of_other_things(database: Database) -> None:
    folder = database.config.log_path
    (folder / "empty.log").touch()
    (folder / "notes.txt").write_text("not ours\n")
    os.mkfifo(folder / "pipe.log")
    (folder / "dir.log").mkdir()

    progress = read_once(database.config)

    assert progress.lines == 0
    assert database.rows("SELECT path FROM ingest_files") == []


def test_text_longer_than_its_column_is_clipped_and_kept(database: Database) -> None:
    title = "t" * 5000
    line = {"timestamp": "2026-11-22T10:00:00Z", "event": "track_started", "artist": "A" * 300, "title": title}
    (database.config.log_path / "a.log").write_text(json.dumps(line) + "\n")

    read_once(database.config)

    ((artist, short, metadata),) = database.rows("SELECT artist, title, metadata FROM play_history")
    assert (artist, short) == ("A" * 256, "t" * 256)
    assert metadata["_full"] == {"artist": "A" * 300, "title": title}


def test_a_row_that_postgresql_refuses_is_set_apart(database: Database) -> None:
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("ALTER TABLE system_metrics ADD CONSTRAINT odd CHECK (metric_value <> 13)")
    connection.close()
    (database.config.log_path / "a.log").write_text(lines_of(*map(metric, range(40))))

    read_once(database.config)

    assert stored_numbers(database) == [number for number in range(40) if number != 13]
    ((reason, line),) = database.rows("SELECT reason, line FROM dead_letters")
    assert reason == "refused_by_database"
    assert json.loads(bytes(line))["metric_value"] == 13
    ledger_holds(database)


def test_the_same_play_said_twice_is_one(database: Database) -> None:
    start = {"event": "track_started", "artist": "A", "title": "T", "play_id": "6f1c1f9e-0000-4000-8000-000000000001"}
    (database.config.log_path / "a.log").write_text(
        lines_of({**start, "timestamp": "2026-11-22T10:00:05Z"}, {**start, "timestamp": "2026-11-22T10:00:00Z"})
    )

    read_once(database.config)

    ((started_at,),) = database.rows("SELECT to_char(started_at, 'HH24:MI:SS') FROM play_history")
    assert started_at == "10:00:00"
    assert database.rows("SELECT stored, folded FROM ingest_files") == [(1, 1)]
    ledger_holds(database)


def test_a_single_file_is_read_alone(database: Database) -> None:
    folder = database.config.log_path
    (folder / "a.log").write_text(lines_of(metric(1)))
    (folder / "a.log.1").write_text(lines_of(metric(2)))

    read_once(database.config, "file", folder / "a.log.1")

    assert stored_numbers(database) == [2]


def test_a_file_rewritten_to_the_same_size_begins_anew(database: Database) -> None:
    log = database.config.log_path / "a.log"
    log.write_text(lines_of(*map(metric, range(100, 400))))
    service = Service(database.config, (source_of(log.parent),), "once-live", Telemetry(stream=None))
    try:
        service.open()
        service.pipeline.sweep()
        service.pipeline.read()
        service.pipeline.committer.flush()
        with log.open("r+") as file:
            file.truncate(0)
            file.write(lines_of(*map(metric, range(500, 800))))
        service.pipeline.read()
        service.pipeline.read()
        service.pipeline.committer.flush()
    finally:
        service.close()

    assert sorted(stored_numbers(database)) == [*range(100, 400), *range(500, 800)]
    ledger_holds(database)


def test_the_configured_station_has_the_configured_zone(database: Database) -> None:
    (database.config.log_path / "a.log").write_text(lines_of(metric(1), metric(2, station="Other FM")))
    read_once(database.config, "1")
    moved = database.config.model_copy(update={"time_zone": "Europe/Berlin"})

    read_once(moved, "2")

    zones = dict(database.rows("SELECT name, time_zone FROM stations"))
    assert zones == {database.config.station: "Europe/Berlin", "Other FM": "UTC"}


def test_a_file_and_its_archive_seen_together_for_the_first_time(database: Database) -> None:
    folder = database.config.log_path
    text = lines_of(*map(metric, range(400)))
    (folder / "a.log.1").write_text(text)
    (folder / "a.log.1.gz").write_bytes(gzip.compress(text.encode()))
    (folder / "b.log").write_text(text)
    (folder / "b.log.1").write_text(text)  # as `copytruncate` leaves it between its copy and its truncation

    read_once(database.config, "1")
    read_once(database.config, "2")

    assert sorted(stored_numbers(database)) == sorted([*range(400)] * 2)
    ledger_holds(database)


def test_an_archive_still_being_written_is_continued(database: Database) -> None:
    archive = database.config.log_path / "a.log.1.gz"
    packed = gzip.compress(lines_of(*[metric(n, note=os.urandom(9).hex()) for n in range(2000)]).encode())
    for number, length in enumerate((30, len(packed) // 3, len(packed) // 2, len(packed))):
        archive.write_bytes(packed[:length])
        read_once(database.config, str(number))

    assert stored_numbers(database) == list(range(2000))
    assert database.rows("SELECT state, parser, dead_letters FROM ingest_files") == [("finished", "json", 0)]
    ledger_holds(database)


def test_links_out_of_the_tree_are_refused(database: Database, tmp_path: Path) -> None:
    folder = database.config.log_path
    outside = tmp_path / "outside.log"
    outside.write_text(lines_of(metric(1)))
    (folder / "out.log").symlink_to(outside)
    (folder / "real.txt").write_text(lines_of(metric(2)))
    (folder / "in.log").symlink_to("real.txt")

    read_once(database.config)

    assert stored_numbers(database) == [2]


def test_a_backlog_in_which_some_plays_are_known_folds_those_and_stores_the_rest(database: Database) -> None:
    """Many new plays at once go another way than one that is known."""

    def starts(numbers: range) -> str:
        return lines_of(
            *({"timestamp": f"2026-11-22T{number // 60:02d}:{number % 60:02d}:00Z", "event": "track_started",
               "artist": "a", "title": f"t{number}", "play_id": f"{number:08x}-0000-4000-8000-000000000000"}
              for number in numbers)
        )  # fmt: skip

    (database.config.log_path / "a.log").write_text(starts(range(100)))
    read_once(database.config, "first")
    assert database.rows("SELECT count(*), count(DISTINCT play_key) FROM play_history") == [(100, 100)]
    (database.config.log_path / "b.log").write_text(starts(range(80, 300)))
    read_once(database.config, "second")
    (database.config.log_path / "c.log").write_text(starts(range(300, 360)) + starts(range(350, 370)))
    read_once(database.config, "third")
    assert database.rows("SELECT stored, folded FROM ingest_files ORDER BY path") == [(100, 0), (200, 20), (70, 10)]
    plays = database.rows("SELECT count(*), count(DISTINCT play_key), count(ended_at) FROM play_history")
    assert plays == [(370, 370, 369)]
    ledger_holds(database)


def test_metrics_are_stored_in_the_order_of_their_lines_however_they_are_written(database: Database) -> None:
    """Plain ones and those with more fields take different ways."""
    odd = ({"metadata": {"a": 1}} if number % 3 else {} for number in range(200))
    text = lines_of(*(metric(number, **more) for number, more in enumerate(odd)))
    (database.config.log_path / "a.log").write_text(text)
    read_once(database.config)
    rows = database.rows("SELECT metric_value::int, metadata IS NULL FROM system_metrics ORDER BY id")
    assert rows == [(number, number % 3 == 0) for number in range(200)]
