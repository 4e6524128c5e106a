"""`radiolog run` as a process: it follows, ends when asked, survives its own death and the database's."""

import json
import os
import random
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from fix_postgres import Database, Server
from ingest_kit import ledger_holds, lines_of, metric, stored_numbers
from process_kit import COMMAND, environment, finished, start, wait_until


@contextmanager
def daemon(database: Database) -> Iterator["subprocess.Popen[str]"]:
    process = start(database.config, "run", RADIOLOG_ROTATE_WAIT_SECONDS="1")
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def stop(process: "subprocess.Popen[str]") -> str:
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=30)
    assert process.returncode == 0, log
    assert "Traceback" not in log
    return log


def lines_read(database: Database) -> int:
    return int(database.rows("SELECT coalesce(sum(lines), 0) FROM ingest_files")[0][0])


def has_read_more(database: Database, than: int) -> bool:
    return lines_read(database) > than


def has_stored(database: Database, count: int) -> bool:
    return len(stored_numbers(database)) == count


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def test_follows_appends_and_new_files_and_ends_on_sigterm(database: Database) -> None:
    folder = database.config.log_path
    append(folder / "a.log", lines_of(metric(1)))
    with daemon(database) as process:
        wait_until(lambda: stored_numbers(database) == [1], "the line that was there")
        append(folder / "a.log", lines_of(metric(2)))
        wait_until(lambda: stored_numbers(database) == [1, 2], "an appended line")
        (folder / "deep" / "er").mkdir(parents=True)
        append(folder / "deep" / "er" / "b.log", lines_of(metric(3)))
        wait_until(lambda: sorted(stored_numbers(database)) == [1, 2, 3], "a line of a new folder's new file")

        log = stop(process)

    assert [json.loads(line)["event"] for line in log.splitlines()][-1] == "stopped"
    ledger_holds(database)


def test_rename_rotation_with_the_old_descriptor_still_written(database: Database) -> None:
    folder = database.config.log_path
    with (folder / "a.log").open("a") as old, daemon(database) as process:
        old.write(lines_of(metric(1)))
        old.flush()
        wait_until(lambda: stored_numbers(database) == [1], "the first line")
        (folder / "a.log").rename(folder / "a.log.1")
        append(folder / "a.log", lines_of(metric(3)))
        old.write(lines_of(metric(2)))
        old.flush()
        wait_until(lambda: sorted(stored_numbers(database)) == [1, 2, 3], "lines of both files")
        stop(process)

    assert database.rows("SELECT count(*) FROM ingest_files") == [(2,)]


def test_a_deleted_file_is_read_to_its_end(database: Database) -> None:
    path = database.config.log_path / "a.log"
    with path.open("a") as old, daemon(database) as process:
        old.write(lines_of(metric(1)))
        old.flush()
        wait_until(lambda: stored_numbers(database) == [1], "the first line")
        path.unlink()
        old.write(lines_of(metric(2)) + json.dumps(metric(3)))
        old.flush()
        wait_until(lambda: database.rows("SELECT state FROM ingest_files") == [("finished",)], "the deleted file's end")
        stop(process)

    assert stored_numbers(database) == [1, 2, 3]
    ledger_holds(database)


@pytest.mark.slow
def test_killed_at_random_moments_under_a_live_writer_stores_every_line_once(database: Database) -> None:
    """Twenty times kill -9, rotations meanwhile; then the numbers are all there, once, and in order per file."""
    folder = database.config.log_path
    chance = random.Random(20261124)
    stopping = threading.Event()
    written: list[int] = []

    def write() -> None:
        number = 0
        while not stopping.is_set():
            with (folder / "a.log").open("a") as file:
                for _ in range(200):
                    for _ in range(20):
                        file.write(lines_of(metric(number)))
                        number += 1
                    file.flush()
                    if stopping.wait(0.005):
                        break
            for older in range(30, 0, -1):
                if (folder / f"a.log.{older}").exists():
                    (folder / f"a.log.{older}").rename(folder / f"a.log.{older + 1}")
            (folder / "a.log").rename(folder / "a.log.1")
        written.append(number)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        kills_inside = 0
        for _ in range(20):
            before = lines_read(database)
            with daemon(database) as process:
                wait_until(partial(has_read_more, database, before), "progress after a kill")
                stopping.wait(chance.uniform(0.0, 0.3))
                process.send_signal(signal.SIGKILL)
                process.wait()
                kills_inside += 1
    finally:
        stopping.set()
        writer.join()

    with daemon(database) as process:
        wait_until(lambda: len(stored_numbers(database)) >= written[0], "all lines")
        stop(process)
    numbers = database.rows("SELECT metric_value::int FROM system_metrics ORDER BY generation, line_offset")
    assert kills_inside == 20
    assert written[0] > 1000
    assert sorted(number for (number,) in numbers) == list(range(written[0]))
    for (generation,) in database.rows("SELECT generation FROM ingest_files"):
        of_file = [
            number
            for (number,) in database.rows(
                "SELECT metric_value::int FROM system_metrics WHERE generation = %s ORDER BY line_offset", generation
            )
        ]
        assert of_file == sorted(of_file)
    ledger_holds(database)


@pytest.mark.slow
def test_database_restarts_lose_and_double_nothing(database: Database, server: Server) -> None:
    folder = database.config.log_path
    total = 0
    with daemon(database) as process:
        for mode in ("fast", "immediate", "fast"):
            for _ in range(5):
                append(folder / "a.log", lines_of(*map(metric, range(total, total + 100))))
                total += 100
            server.restart(mode)
            append(folder / "a.log", lines_of(*map(metric, range(total, total + 100))))
            total += 100
            wait_until(partial(has_stored, database, total), "all lines after a restart")
        log = stop(process)

    assert stored_numbers(database) == list(range(total))
    assert "database_unavailable" in log
    ledger_holds(database)


def test_a_second_daemon_takes_over_and_the_first_says_so(database: Database) -> None:
    folder = database.config.log_path
    append(folder / "a.log", lines_of(metric(1)))
    with daemon(database) as first:
        wait_until(lambda: stored_numbers(database) == [1], "the first daemon reads")
        with daemon(database) as second:
            _, log = first.communicate(timeout=60)
            assert first.returncode == 75
            assert "taken over" in log
            append(folder / "a.log", lines_of(metric(2)))
            wait_until(lambda: stored_numbers(database) == [1, 2], "the second daemon reads on")
            stop(second)


def test_once_leaves_the_files_of_a_running_daemon_to_it(database: Database) -> None:
    folder = database.config.log_path
    append(folder / "a.log", lines_of(metric(1)))
    with daemon(database) as process:
        wait_until(lambda: stored_numbers(database) == [1], "the daemon reads")

        beside = finished(database.config, "once")

        assert beside.returncode == 0
        assert "left to the running radiolog" in beside.stderr
        append(folder / "a.log", lines_of(metric(2)))
        wait_until(lambda: stored_numbers(database) == [1, 2], "the daemon still reads")
        stop(process)


def test_log_folder_that_comes_later_and_goes_again(database: Database) -> None:
    """It is waited for in silence: one word that it is missing, each time, and no busy loop."""
    folder = database.config.log_path / "later"
    log = database.config.log_path.parent / "daemon.log"
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [COMMAND, "run"], env=environment(database.config, LOG_PATH=str(folder), RADIOLOG_SWEEP_INTERVAL_SECONDS="0.1"),
            stderr=stderr, cwd=database.config.log_path,
        )  # fmt: skip
    try:
        wait_until(lambda: "source_missing" in log.read_text(), "the word that the folder is missing")
        folder.mkdir()
        append(folder / "a.log", lines_of(metric(1)))
        wait_until(lambda: stored_numbers(database) == [1], "a line in the new folder")
        shutil.rmtree(folder)
        wait_until(lambda: log.read_text().count("source_missing") == 2, "the word that it is gone")
        folder.mkdir()
        append(folder / "a.log", lines_of(metric(2)))
        wait_until(lambda: sorted(stored_numbers(database)) == [1, 2], "a line in the folder made again")
    finally:
        process.terminate()
        process.wait()
    assert len(log.read_text().splitlines()) < 20


def test_paused_daemon_comes_back_after_once_took_its_files(database: Database) -> None:
    """A daemon that was stopped for long loses its files to a backfill; back again, it doubles nothing."""
    folder = database.config.log_path
    append(folder / "a.log", lines_of(metric(1)))
    with daemon(database) as process:
        wait_until(lambda: stored_numbers(database) == [1], "the daemon reads")
        os.kill(process.pid, signal.SIGSTOP)
        append(folder / "a.log", lines_of(metric(2)))
        with database.connect(autocommit=True) as connection, connection.cursor() as cursor:
            cursor.execute("UPDATE ingest_instances SET heartbeat_at = now() - interval '1 hour'")
        connection.close()
        assert finished(database.config, "once").returncode == 0
        assert stored_numbers(database) == [1, 2]

        os.kill(process.pid, signal.SIGCONT)
        append(folder / "a.log", lines_of(metric(3)))
        wait_until(lambda: stored_numbers(database) == [1, 2, 3], "the daemon reads on")
        stop(process)
    ledger_holds(database)


def test_waits_for_a_database_that_is_not_there_and_ends_when_asked(database: Database) -> None:
    process = start(database.config, "run", POSTGRES_HOST="127.0.0.1", POSTGRES_PORT="1")
    assert process.stderr is not None
    line = process.stderr.readline()
    process.terminate()
    rest = process.stderr.read()
    process.communicate()
    assert json.loads(line)["event"] == "database_unavailable"
    assert process.returncode == 0
    assert "Traceback" not in rest
