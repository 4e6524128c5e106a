"""`radiolog validate`: each finding of a line, with its place; what it calls an error is what ingest makes a dead letter."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.contract_check import CheckSettings, ContractCheck, Finding
from ingest.contract_findings import ADVICE, ERRORS, WARNINGS
from parsers.events import Severity
from parsers.json_lines import JsonLinesParser
from parsers.lines import LineSplitter

AT = "2026-11-22T03:12:07Z"
SETTINGS = CheckSettings((), UTC, Severity.WARNING, 4096, 10.0, datetime(2026, 11, 22, 4, tzinfo=UTC))


def check_of(data: bytes, path: str = "a.log", chunk: int = 0) -> tuple[ContractCheck, list[Finding]]:
    check = ContractCheck(path, data, SETTINGS, is_whole=True)
    chunks: Iterator[bytes] = (data[at : at + chunk] for at in range(0, len(data), chunk)) if chunk else iter([data])
    findings = [finding for part in chunks for finding in check.feed(part)]
    return check, findings + check.finish()


def codes(line: Any) -> set[str]:
    data = line if isinstance(line, bytes) else json.dumps(line).encode()
    _, findings = check_of(b'{"event":"x","timestamp":"%s"}\n' % AT.encode() + data + b"\n")
    assert {finding.line for finding in findings} <= {2}
    return {finding.code for finding in findings}


def line(**fields: Any) -> dict[str, Any]:
    return {"timestamp": AT, **fields}


FOUND: list[tuple[Any, set[str]]] = [
    (line(event="fine", level="info", context={"a": 1}), set()),
    (line(event="track_started", title="T", play_id="1"), set()),
    ({"level": 30, "time": 1_795_485_600_123, "pid": 7, "hostname": "h", "msg": "pino"}, set()),
    (b"", set()),
    (b"no json", {"bad_json"}),
    (b'{"event":"torn"', {"bad_json"}),
    (b'{"a":"\xff"', {"invalid_utf8"}),
    (b"[1]", {"not_an_object"}),
    (b"[" * 100 + b"]" * 100, {"too_deep"}),
    (b'{"event":"' + b"x" * 5000 + b'"}', {"too_long"}),
    (line(event="metric", metric_name="m"), {"missing_field"}),
    (line(event="metric", metric_name="m", metric_value="NaN"), {"wrong_value"}),
    (line(kind="track_started"), {"missing_field"}),
    ({"event": "x"}, {"no_timestamp"}),
    ({"event": "x", "timestamp": "yesterday"}, {"bad_timestamp"}),
    ({"event": "x", "timestamp": "2026-11-22 03:12:07"}, {"no_zone"}),
    (line(event="x", level="loud"), {"unknown_level"}),
    (line(event="x", kind="music"), {"unknown_kind"}),
    (line(event="x", kind=["metric"]), {"unknown_kind"}),
    (line(event="track-started", title="T"), {"almost_reserved"}),
    (line(event="TrackEnded"), {"almost_reserved"}),
    (line(a=1), {"unknown_form"}),
    (line(event="track_started", title="T", duration="long"), {"wrong_type"}),
    (line(event="x", pid=[1]), {"wrong_type"}),
    (line(event="track_started", title="T" * 300), {"clipped"}),
    (line(event="x", level="error", station="s" * 200), {"clipped"}),
    (line(event="x", seq=4), {"half_numbered"}),
    (line(event="x", run_id="r"), {"half_numbered"}),
    (line(event="rtmp://a.rtmp.youtube.com/live2/abcd-efgh-ijkl-mnop"), {"secret"}),
    (line(event="x", password="hunter2"), {"secret"}),
    (line(event="a\0b"), {"nul"}),
    (b'{"timestamp":"%s","event":"\\ud800"}' % AT.encode(), {"surrogate"}),
    (b'{"timestamp":"%s","event":"a\xff"}' % AT.encode(), {"replaced_bytes"}),
    (b'\0\0\0{"timestamp":"%s","event":"a"}' % AT.encode(), {"nul_padding"}),
    (b'{"timestamp":"%s","event":"a","n":1e999}' % AT.encode(), {"number_out_of_range"}),
]  # fmt: skip


@pytest.mark.parametrize(("said", "expected"), FOUND, ids=[" ".join(sorted(found)) or "fine" for _, found in FOUND])
def test_a_line_has_its_findings(said: Any, expected: set[str]) -> None:
    assert codes(said) == expected


def test_a_hole_and_a_last_line_without_an_end_are_found() -> None:
    whole = b'{"event":"x","timestamp":"%s"}' % AT.encode()
    check, findings = check_of(whole + b"\n" + bytes(100) + whole)
    assert [(finding.code, finding.line) for finding in findings] == [("nul_hole", 2), ("no_line_end", 2)]
    assert (check.errors, check.dispositions) == (0, {"below_threshold": 2})


def test_a_file_of_text_is_said_to_be_none_of_ours_and_has_no_dead_letter() -> None:
    check, findings = check_of(b"ERROR broken\n" * 3)
    assert [(finding.line, finding.code) for finding in findings] == [(0, "no_json")]
    assert (check.parser, check.errors) == ("text", 0)
    _, rubbish = check_of(b"ERROR broken\n\x01\x02\x03\0\0\xff\xfe\xff\xff\xff\n")
    assert ("not_text", 2) in [(finding.code, finding.line) for finding in rubbish]


def test_every_finding_has_its_advice_and_a_test() -> None:
    found = {code for _, codes_of in FOUND for code in codes_of}
    elsewhere = {"nul_hole", "no_line_end", "no_json", "not_text"}
    assert found | elsewhere == set(ADVICE)
    assert not set(ERRORS) & set(WARNINGS)
    assert all(advice.why and advice.mend for advice in ADVICE.values())


def test_an_error_shows_its_line_without_its_secrets() -> None:
    (finding,) = [found for found in check_of(b'{"password":"hunter2" broken\n{}\n')[1] if found.is_error]
    assert "hunter2" not in str(finding)
    assert "broken" in finding.excerpt


def test_what_is_written_by_whom() -> None:
    pino = b'{"level":30,"time":1795485600123,"pid":7,"hostname":"h","msg":"a"}\n'
    payload = b'{"station":{},"now_playing":{"sh_id":1,"song":{"title":"T"}}}\n'
    check, _ = check_of(pino * 2 + b'{"event":"x"}\n' + payload)
    assert check.forms == {"pino": 2, "the contract": 1, "azuracast": 1}


LINES = st.lists(
    st.sampled_from([
        *(json.dumps(said).encode() if isinstance(said, dict) else said for said, _ in FOUND), b"\r", b" ", b"\0" * 20, b"{}",
    ]),
    max_size=8,
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(LINES, st.booleans(), st.integers(60, 5000))
def test_errors_are_the_dead_letters_of_ingest_however_the_file_is_read(
    said: list[bytes], ended: bool, chunk: int
) -> None:
    data = b"{}\n" + b"\n".join(said) + (b"\n" if ended else b"")
    check, findings = check_of(data, chunk=chunk)
    parser, splitter = JsonLinesParser(), LineSplitter(max_line_bytes=SETTINGS.max_line_bytes)
    lines = [*splitter.feed(data), *splitter.flush()]
    outcomes = [parser.feed(raw)[0] for raw in lines]
    dead = [number for number, outcome in enumerate(outcomes, 1) if outcome.disposition == "dead_letter"]
    assert [finding.line for finding in findings if finding.is_error] == dead
    assert check.errors == len(dead) == check.dispositions["dead_letter"]
    assert check.lines == len(lines) == sum(check.dispositions.values())
    assert all(finding.offset == lines[finding.line - 1].start for finding in findings if finding.code in ERRORS)
    assert check_of(data)[1] == findings
