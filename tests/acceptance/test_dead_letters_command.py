"""`radiolog dead-letters …` as a person types it: hostile lines, wrong words, beside a live daemon."""

import base64
import json
import os
import subprocess
from pathlib import Path

import pytest
from fix_postgres import Database
from ingest_kit import ledger_holds, lines_of, metric, stored_numbers
from process_kit import COMMAND, environment, finished, start, wait_until

HOSTILE = b'\x1b]0;owned\x07\x1b[2J {"half \xe2\x80\xae \xff \xc2\x9b\t'


def read(database: Database, *lines: bytes, name: str = "a.log") -> Path:
    path = database.config.log_path / name
    path.write_bytes(b"".join(line + b"\n" for line in (b'{"event": "ok"}', *lines)))
    finished(database.config, "once")
    return path


def ids(database: Database) -> list[str]:
    return [str(number) for (number,) in database.rows("SELECT id FROM dead_letters ORDER BY id")]


@pytest.mark.parametrize(
    "words",
    [("show",), ("show", "x"), ("show", "0"), ("replay",), ("replay", "--all", "--reason", "x"), ("replay", "--id", "x"),
     ("export", "--format", "xml"), ("release",), ("release", "a.log", "--generation", "1"), ("show", str(2**64))],
    ids=" ".join,
)  # fmt: skip
def test_wrong_usage_is_2(database: Database, words: tuple[str, ...]) -> None:
    result = finished(database.config, "dead-letters", *words)
    assert (result.returncode, "Traceback" in result.stderr) == (2, False), result


@pytest.mark.parametrize("command", ["list", "show", "replay", "export", "release"])
def test_help_has_an_example(database: Database, command: str) -> None:
    assert "Example: radiolog dead-letters" in finished(database.config, "dead-letters", command, "--help").stdout


def test_an_empty_database_is_no_error_and_what_is_not_there_is(database: Database) -> None:
    for words, said in ((("replay", "--all"), "no dead letters to replay\n"), (("list",), "no dead letters\n"),
                        (("export",), "")):  # fmt: skip
        result = finished(database.config, "dead-letters", *words)
        assert (result.returncode, result.stdout, result.stderr) == (0, said, ""), words
    for missing in (("show", "7"), ("replay", "--id", "7"), ("release", "/nowhere/a.log")):
        result = finished(database.config, "dead-letters", *missing)
        assert result.returncode == 1
        assert missing[-1] in result.stderr
        assert "Traceback" not in result.stderr


def test_hostile_bytes_are_shown_harmlessly_and_exported_exactly(database: Database) -> None:
    read(database, HOSTILE)
    (letter_id,) = ids(database)

    shown = finished(database.config, "dead-letters", "show", letter_id).stdout
    as_json = finished(database.config, "dead-letters", "show", letter_id, "--json").stdout
    exported = json.loads(finished(database.config, "dead-letters", "export").stdout)
    raw = subprocess.run(
        [COMMAND, "dead-letters", "export", "--format", "raw"], env=environment(database.config), check=True,
        capture_output=True, timeout=60,
    ).stdout  # fmt: skip

    for text in (shown, as_json, finished(database.config, "dead-letters", "list").stdout):
        assert not set(text) & set("\x1b\x07\x9b\u202e"), text
    assert "the very bytes" in shown
    assert "1b 5d 30 3b" in shown
    assert json.loads(as_json)["original"] == "proven"
    assert base64.b64decode(exported["line_base64"]) == HOSTILE
    assert raw == HOSTILE + b"\n"


def test_show_says_what_became_of_the_file(database: Database) -> None:
    path = read(database, b"no json")
    (letter_id,) = ids(database)

    path.write_bytes(path.read_bytes().replace(b"no json", b"no JSON"))
    assert "holds other bytes" in finished(database.config, "dead-letters", "show", letter_id).stdout
    path.unlink()
    assert "is gone" in finished(database.config, "dead-letters", "show", letter_id).stdout


def test_export_to_a_file_is_whole_or_not_there(database: Database) -> None:
    """More letters than are read at a time; a good line between them, or their file is suspended."""
    read(database, *(b"rubbish %d" % number if number % 2 else b'{"event": "ok"}' for number in range(300)))
    folder = database.config.log_path.parent / "out"
    folder.mkdir()

    written = finished(database.config, "dead-letters", "export", "--output", str(folder / "letters.jsonl"))
    failed = finished(database.config, "dead-letters", "export", "--output", str(folder / "missing" / "x"))

    letters = [json.loads(line) for line in (folder / "letters.jsonl").read_text().splitlines()]
    assert [letter["line"] for letter in letters] == [f"rubbish {number}" for number in range(1, 300, 2)]
    assert "150 dead letters" in written.stdout
    assert os.listdir(folder) == ["letters.jsonl"]
    assert (failed.returncode, "Traceback" in failed.stderr) == (1, False)
    assert "missing" in failed.stderr


def test_raw_lines_go_back_through_parse(database: Database) -> None:
    read(database, b"not json", b"[]")
    raw = finished(database.config, "dead-letters", "export", "--format", "raw").stdout

    parsed = subprocess.run(
        [COMMAND, "parse", "-", "--parser", "json"], env=environment(database.config), check=True, input=raw, text=True,
        capture_output=True, timeout=60,
    ).stdout  # fmt: skip

    assert [json.loads(line)["reason"] for line in parsed.splitlines()] == ["bad_json", "not_an_object"]


def test_replay_ends_with_1_while_something_remains(database: Database) -> None:
    read(database, b"no json", b"2026-11-22 10:00:00 ERROR text")
    remaining = finished(database.config, "dead-letters", "replay", "--all")
    dry = finished(
        database.config, "dead-letters", "replay", "--all", "--dry-run", "--json", RADIOLOG_PARSERS="a.log=text"
    )
    done = finished(database.config, "dead-letters", "replay", "--all", RADIOLOG_PARSERS="a.log=text")

    assert (remaining.returncode, dry.returncode, done.returncode) == (1, 0, 0), (remaining, dry, done)
    assert remaining.stdout.count("1 remain: bad_json: not JSON at character") == 2
    assert json.loads(dry.stdout)["replayed"] == 2
    assert "2 of 2 dead letters replayed" in done.stdout
    assert finished(database.config, "dead-letters", "list").stdout == "no dead letters\n"
    assert len(finished(database.config, "dead-letters", "list", "--all", "--json").stdout.splitlines()) == 2
    assert finished(database.config, "dead-letters", "replay", "--all").returncode == 0
    ledger_holds(database)


def test_replays_beside_a_live_daemon_disturb_it_not(database: Database) -> None:
    """The daemon goes on from its own memory: a checkpoint moved under it would be said in its log."""
    log = database.config.log_path / "a.log"
    database.rows("ALTER TABLE system_metrics ADD CONSTRAINT odd CHECK (metric_value::int % 50 <> 13)")
    log.write_text(lines_of(*map(metric, range(500))))
    process = start(database.config, "run")
    try:
        wait_until(lambda: database.rows("SELECT dead_letters FROM ingest_files") == [(10,)], "ten dead letters")
        database.rows("ALTER TABLE system_metrics DROP CONSTRAINT odd")
        replays = [start(database.config, "dead-letters", "replay", "--all") for _ in range(2)]
        for number in range(500, 1500):
            with log.open("a") as file:
                file.write(lines_of(metric(number)))
        for replay in replays:
            _, errors = replay.communicate(timeout=60)
            assert replay.returncode in (0, 1), errors  # 1: the other one had some of them in its hands
        wait_until(lambda: len(stored_numbers(database)) == 1500, "all lines")
        process.terminate()
        _, said = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()

    assert process.returncode == 0
    assert "checkpoint_moved" not in said
    assert "database_unavailable" not in said
    assert stored_numbers(database) == list(range(1500))
    assert database.rows("SELECT dead_letters FROM ingest_files") == [(0,)]
    ledger_holds(database)


def test_a_suspended_file_is_released_by_its_path(database: Database) -> None:
    path = read(database, b"no json")
    database.rows("UPDATE ingest_files SET state = 'suspended', version = version + 1")
    with path.open("a") as file:
        file.write("rubbish\n" * 3)

    other = finished(database.config, "dead-letters", "release", "b.log")
    done = finished(database.config, "dead-letters", "release", str(path), "--skip")
    again = finished(database.config, "dead-letters", "release", str(path))

    assert other.returncode == 1
    assert str(path) in other.stderr
    assert (done.returncode, "24 bytes skipped" in done.stdout) == (0, True), done
    assert again.returncode == 1
    assert database.rows("SELECT state, committed_offset FROM ingest_files") == [("active", path.stat().st_size)]


def test_the_daemon_reads_on_in_a_released_file(database: Database) -> None:
    log = database.config.log_path / "a.log"
    log.write_text(lines_of(metric(1), *["rubbish"] * 150, metric(2)))
    process = start(database.config, "run")
    try:
        wait_until(lambda: database.rows("SELECT state FROM ingest_files") == [("suspended",)], "the suspension")
        assert finished(database.config, "dead-letters", "release", str(log)).returncode == 0
        wait_until(lambda: stored_numbers(database) == [1, 2], "the line behind the rubbish")
        process.terminate()
        _, said = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()

    assert process.returncode == 0
    assert "checkpoint_moved" not in said
    ledger_holds(database)
