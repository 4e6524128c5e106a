"""UTF-16 files and byte order marks through the whole pipeline, also across restarts, rotation and refused rows."""

import codecs
import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from fix_postgres import Database
from ingest_kit import ledger_holds, lines_of, metric, read_once, stored_numbers
from tailer_kit import Reader

from ingest.cli.parsing import parsed_objects

utf_16 = pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
MARKS = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}
BOM = codecs.BOM_UTF8
FFMPEG_LINES = (
    "ffmpeg version 6.1 Copyright (c) 2000-2023 the FFmpeg developers\r\n"
    "[tcp @ 0x55d0c8a1b2c0] Connection to tcp://localhost:1935 failed: Connection refused\r\n"
    "[in#0 @ 0x55d0c8a1b2c0] Error opening input: Input/output error\r\n"
    "frame=  100 fps= 25 q=-1.0 size=     512kB time=00:00:04.00 bitrate=1048.6kbits/s speed=   1x    \r"
)


def packed(text: str, encoding: str) -> bytes:
    return text.encode(encoding, "surrogatepass")


def errors(database: Database) -> list[tuple[Any, ...]]:
    return database.rows("SELECT message, context FROM error_log ORDER BY generation, line_offset")


def letters(database: Database) -> list[tuple[Any, ...]]:
    return database.rows("SELECT from_offset, to_offset, reason FROM dead_letters ORDER BY generation, from_offset")


@utf_16
def test_lines_of_utf_16_are_rows_at_the_files_offsets(database: Database, folder: Path, encoding: str) -> None:
    lines = [json.dumps(metric(number, note="ü😀" * number), ensure_ascii=False) + "\r\n" for number in range(5)]
    (folder / "a.log").write_bytes(MARKS[encoding] + b"".join(packed(line, encoding) for line in lines))

    read_once(database.config)

    rows = database.rows("SELECT metric_value, line_offset, metadata->>'note' FROM system_metrics ORDER BY line_offset")
    offset = 0  # the mark belongs to the first line
    for number, line in enumerate(lines):
        assert (int(rows[number][0]), *rows[number][1:]) == (number, offset, "ü😀" * number)
        offset += len(packed(line, encoding)) + (2 if number == 0 else 0)
    assert database.rows("SELECT committed_offset, dead_letters FROM ingest_files") == [(offset, 0)]
    ledger_holds(database)


@utf_16
@pytest.mark.parametrize("parser", ["text", "ffmpeg"])
def test_text_and_ffmpeg_in_utf_16_are_what_they_are_in_utf_8(
    database: Database, folder: Path, encoding: str, parser: str
) -> None:
    text = "2026-11-22 10:00:00 ERROR no input\r\n" if parser == "text" else FFMPEG_LINES
    (folder / "a.log").write_bytes(MARKS[encoding] + packed(text, encoding))
    (folder / "b.log").write_text(text, newline="")

    read_once(database.config)

    wide, narrow = database.rows(
        """SELECT parser, lines, stored, folded, blank, dead_letters, held,
                  (SELECT array_agg(message) FROM error_log e WHERE e.generation = f.generation),
                  (SELECT array_agg(metric_name || metric_value) FROM system_metrics m WHERE m.generation = f.generation)
           FROM ingest_files f ORDER BY path"""
    )
    assert wide == narrow
    assert wide[0] == parser
    assert wide[7]


@utf_16
def test_reading_goes_on_in_the_middle_of_a_file_of_utf_16(
    database: Database, folder: Path, reader: Reader, encoding: str
) -> None:
    """Over every byte: half characters and half lines wait, and a new daemon knows the encoding again."""
    whole = MARKS[encoding] + packed(lines_of(*map(metric, range(3))), encoding)
    log = folder / "a.log"
    for cut in range(1, len(whole) + 1, 37):
        log.write_bytes(whole[:cut])
        reader.sync(1)
    log.write_bytes(whole)
    reader.sync()
    reader.close()
    with log.open("ab") as file:
        file.write(packed(lines_of(*map(metric, range(3, 6))), encoding))
    later = Reader(database, folder)
    later.sync()
    later.close()

    assert stored_numbers(database) == list(range(6))
    assert letters(database) == []
    assert database.rows("SELECT committed_offset FROM ingest_files") == [(log.stat().st_size,)]
    ledger_holds(database)


@utf_16
def test_rotated_copied_and_packed_utf_16_is_continued(
    database: Database, folder: Path, reader: Reader, encoding: str
) -> None:
    first, second = (packed(lines_of(*map(metric, numbers)), encoding) for numbers in (range(500), range(500, 600)))
    log = folder / "a.log"
    log.write_bytes(MARKS[encoding] + first)
    reader.sync()
    (folder / "a.log.1.gz").write_bytes(gzip.compress(MARKS[encoding] + first + second))
    log.unlink()
    log.write_bytes(MARKS[encoding] + packed(lines_of(metric(600)), encoding))
    reader.sync()
    reader.settle()

    assert stored_numbers(database) == list(range(601))
    assert letters(database) == []
    ledger_holds(database)


def test_a_last_line_with_half_a_character_is_taken_when_its_file_is_over(
    database: Database, folder: Path, reader: Reader
) -> None:
    text = packed("one\n", "utf-16-le") + packed("ERROR two", "utf-16-le") + b"x"
    (folder / "a.log.1").write_bytes(codecs.BOM_UTF16_LE + text)
    reader.sync()
    assert [message for message, _ in errors(database)] == ["one"]
    reader.settle()

    assert errors(database)[1] == ("ERROR two\ufffd", {"_notes": ["invalid_utf8"]})
    assert database.rows("SELECT state, committed_offset FROM ingest_files") == [("finished", 2 + len(text))]


def test_half_a_surrogate_pair_is_replaced_and_marked(database: Database, folder: Path) -> None:
    """As bytes are that are no UTF-8."""
    line = '{"level":"error","event":"a\ud83db","timestamp":"2026-11-22T10:00:00Z"}\n'
    (folder / "a.log").write_bytes(codecs.BOM_UTF16_BE + packed(line, "utf-16-be"))
    (folder / "b.log").write_bytes(codecs.BOM_UTF16_LE + packed("ERROR \ude00 b\n", "utf-16-le"))

    read_once(database.config)

    (first, second) = errors(database)
    assert first[0] == "a\ufffdb"
    assert "invalid_utf8" in first[1]["_notes"]
    assert second == ("ERROR \ufffd b", {"_notes": ["invalid_utf8"]})


def test_a_refused_row_of_utf_16_has_its_line_in_its_letter(database: Database, folder: Path) -> None:
    database.rows("ALTER TABLE system_metrics ADD CONSTRAINT odd CHECK (metric_value <> 13)")
    text = lines_of(*map(metric, range(20)))
    (folder / "a.log").write_bytes(codecs.BOM_UTF16_LE + packed(text, "utf-16-le"))

    read_once(database.config)

    before = text.split(json.dumps(metric(13)))[0]
    start = 2 + 2 * len(before)
    line = json.dumps(metric(13)).encode()
    assert letters(database) == [(start, start + 2 * len(line) + 2, "refused_by_database")]
    ((stored, digest),) = database.rows("SELECT line, raw_sha256 FROM dead_letters")
    assert (bytes(stored), bytes(digest)) == (line, hashlib.sha256(line).digest())


def test_a_line_of_utf_16_above_the_limit_is_one_letter(database: Database, folder: Path, reader: Reader) -> None:
    long = packed("x" * 100_000 + "\n", "utf-16-le")
    after = packed(lines_of(metric(1)), "utf-16-le")
    (folder / "a.log").write_bytes(codecs.BOM_UTF16_LE + packed(lines_of(metric(0)), "utf-16-le") + long + after)

    reader.sync()  # its limit is 64 KiB

    ((start, end, reason),) = letters(database)
    assert (end - start, reason) == (len(long), "too_long")
    assert stored_numbers(database) == [0, 1]
    ledger_holds(database)


@pytest.mark.parametrize("encoding", ["utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize("name", ["a.log", "ffmpeg.log"])
def test_utf_32_is_dead_letters_and_no_rows(
    database: Database, folder: Path, encoding: str, marked: bool, name: str
) -> None:
    text = lines_of(*map(metric, range(5))) + "ERROR plain\n"
    mark = ("\ufeff" if marked else "").encode(encoding)
    data = mark + text.encode(encoding)
    (folder / name).write_bytes(data)

    read_once(database.config)

    for table in ("system_metrics", "error_log", "play_history", "ingest_gaps"):
        assert database.rows(f"SELECT * FROM {table}") == [], table
    assert {reason for _, _, reason in letters(database)} <= {"not_text", "bad_json"}
    assert len(letters(database)) == 6
    ledger_holds(database)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_dead_letters(database: Database, folder: Path, encoding: str) -> None:
    (folder / "a.log").write_bytes(packed(lines_of(*map(metric, range(5))), encoding))

    read_once(database.config)

    assert stored_numbers(database) == []
    assert database.rows("SELECT * FROM ingest_gaps") == []
    assert {reason for _, _, reason in letters(database)} <= {"not_text", "bad_json"}
    assert len(letters(database)) >= 5
    ledger_holds(database)


@pytest.mark.parametrize(
    ("parser", "line"),
    [
        ("json", b'{"level":"error","event":"no input"}\n'),
        ("text", b"ERROR no input\n"),
        ("ffmpeg", b"[in#0 @ 0x55d0c8a1b2c0] Error opening input: Input/output error\n"),
    ],
)
def test_a_mark_of_utf_8_is_no_part_of_a_line(database: Database, folder: Path, parser: str, line: bytes) -> None:
    """At the file's beginning, and where files were joined."""
    (folder / "a.log").write_bytes((BOM + line) * 2 + BOM + b"\n")
    (folder / "b.log").write_bytes(line * 2 + b"\n")

    read_once(database.config)

    marked, plain = database.rows(
        """SELECT parser, lines, stored, folded, blank, dead_letters, held,
                  (SELECT array_agg(message) FROM error_log e WHERE e.generation = f.generation)
           FROM ingest_files f ORDER BY path"""
    )
    assert marked == plain
    assert marked[0] == parser
    assert marked[7]


@utf_16
def test_parse_reads_utf_16(encoding: str) -> None:
    data = MARKS[encoding] + packed(lines_of(metric(1), metric(2)), encoding)
    objects = list(parsed_objects("a.log", data, None))
    assert [(item["line"], item["value"]) for item in objects] == [(1, 1.0), (2, 2.0)]
    assert objects[1]["offset"] == 2 + 2 * len(lines_of(metric(1)))
