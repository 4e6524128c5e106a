"""`radiolog validate` as a service author uses it: exit codes, a live pipe, archives, huge files, hostile lines."""

import gzip
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from process_kit import COMMAND

GOOD = b'{"timestamp":"2026-11-22T03:12:07Z","event":"metric","metric_name":"listeners","metric_value":41}\n'
BAD = b'{"event":"metric","metric_name":"listeners"}\n'


def validate(*arguments: str, said: bytes = b"", cwd: Path | None = None) -> "subprocess.CompletedProcess[bytes]":
    result = subprocess.run([COMMAND, "validate", *arguments], input=said, capture_output=True, cwd=cwd, check=False)
    assert b"Traceback" not in result.stderr
    return result


def test_a_good_log_is_0_and_one_with_a_dead_letter_is_1(tmp_path: Path) -> None:
    log = tmp_path / "watcher.log"
    log.write_bytes(GOOD * 3)
    good = validate("watcher.log", cwd=tmp_path)
    assert (good.returncode, good.stderr) == (0, b"")
    assert b"3 to be stored" in good.stdout
    assert b"0 errors\n0 warnings" in good.stdout
    log.write_bytes(GOOD + BAD)
    bad = validate("watcher.log", cwd=tmp_path)
    assert bad.returncode == 1
    said = bad.stdout.decode()
    assert "watcher.log:2: error: missing_field: metric without metric_value" in said
    assert "why: " in said
    assert "mend: " in said
    assert "1 error: missing_field 1" in said


def test_warnings_alone_are_no_failure_and_are_bounded_unless_asked_for() -> None:
    few = validate("-", said=b'{"event":"x"}\n' * 100)
    assert few.returncode == 0
    assert few.stdout.count(b"warning: no_timestamp") == 20
    assert b"100 warnings: no_timestamp 100" in few.stdout
    assert validate("-", "--all", said=b'{"event":"x"}\n' * 100).stdout.count(b"warning: no_timestamp") == 100


def test_json_has_every_finding_and_the_summary_last(tmp_path: Path) -> None:
    archive = tmp_path / "old.log.1.gz"
    archive.write_bytes(gzip.compress(GOOD + BAD * 30))
    result = validate("--json", str(archive))
    *findings, last = map(json.loads, result.stdout.splitlines())
    assert result.returncode == 1
    assert [(found["line"], found["offset"]) for found in findings if found["severity"] == "error"] == [
        (number + 2, len(GOOD) + number * len(BAD)) for number in range(30)
    ]
    assert all(found["why"] and found["mend"] for found in findings)
    assert (last["summary"]["lines"], last["summary"]["errors"]) == (31, 30)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("no-such.log",), 1),
        ((), 2),
        (("a", "b"), 2),
        (("-", "--parser", "cobol"), 2),
        (("-", "--nonsense"), 2),
        (("/",), 1),
    ],
    ids=str,
)
def test_what_cannot_be_checked_is_one_clear_line(tmp_path: Path, arguments: tuple[str, ...], code: int) -> None:
    result = validate(*arguments, cwd=tmp_path)
    assert result.returncode == code
    assert result.stderr


def test_nothing_is_nothing_wrong() -> None:
    assert validate("-").stdout == b"no lines\n"
    assert json.loads(validate("-", "--json").stdout)["summary"]["lines"] == 0


def test_a_pipe_is_told_at_once() -> None:
    """Before its end, and before there is enough to fill any buffer."""
    with subprocess.Popen([COMMAND, "validate", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(BAD)
        process.stdin.flush()
        assert b"missing_field" in process.stdout.readline() + process.stdout.readline()
        process.stdin.write(GOOD)
        rest, _ = process.communicate(timeout=60)
    assert b"2 lines" in rest
    assert process.returncode == 1


def test_a_log_cannot_speak_to_the_terminal() -> None:
    result = validate("-", said=b'\x1b]0;owned\x07 {"password":"hunter2" \xe2\x80\xae\n')
    assert b"\x1b" not in result.stdout
    assert b"hunter2" not in result.stdout


def peak_bytes(path: Path) -> int:
    process = subprocess.Popen([COMMAND, "validate", str(path)], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 1
    return usage.ru_maxrss * 1024


def test_a_huge_file_takes_no_more_memory_than_a_small_one(tmp_path: Path) -> None:
    padded: dict[str, Any] = {"event": "x" * 8000, "context": {"n": 1}}
    small, huge = tmp_path / "small.log", tmp_path / "huge.log"
    lines = json.dumps(padded).encode() + b"\n" + BAD
    small.write_bytes(lines * 200)
    huge.write_bytes(lines * 2000)
    assert peak_bytes(huge) - peak_bytes(small) < 8_000_000 < huge.stat().st_size / 2


def test_the_schema_is_printed() -> None:
    assert json.loads(validate("--schema").stdout)["type"] == "object"
