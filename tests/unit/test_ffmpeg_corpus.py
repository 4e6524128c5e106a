"""Every real capture against its measured facts; what deviates is listed, with its reason, in deviations.json."""

import json
import re
from collections import Counter
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from parsers.describe import to_json_object
from parsers.events import (
    Disposition,
    FfmpegMessage,
    FfmpegProgress,
    FfmpegSessionEnded,
    FfmpegSessionStarted,
    Outcome,
    RawLine,
)
from parsers.ffmpeg import FfmpegParser
from parsers.lines import LineSplitter
from parsers.redact import redact

DATA = Path(__file__).parent.parent / "data" / "ffmpeg"
CAPTURES = sorted(path.name.removesuffix(".expect.json") for path in DATA.glob("*.expect.json"))
SECRETS = ("fak3-k3y0", "k3y0-abcd", "1234-wxyz", "s3cretpw")
FAILURES = ("warning", "error", "fatal", "panic")
VERSIONS = ("4.2", "5.1", "6.0", "7.0", "8.0", "9.0")


def expected(name: str) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((DATA / f"{name}.expect.json").read_text(encoding="utf-8"))
    return facts


@cache
def parsed(file_name: str) -> tuple[tuple[RawLine, ...], tuple[Outcome, ...]]:
    splitter = LineSplitter(splits_at_cr=True)
    data = (DATA / file_name).read_bytes()
    lines = (*splitter.feed(data), *splitter.flush())
    parser = FfmpegParser()
    outcomes = [outcome for line in lines for outcome in parser.feed(line)]
    return lines, (*outcomes, *parser.finish())


def events_of(file_name: str, kind: type) -> list[Any]:
    return [event for outcome in parsed(file_name)[1] for event in outcome.parsed if isinstance(event, kind)]


def failures(name: str) -> list[str]:
    """Warnings and worse as comparable text."""
    return [
        json.dumps([said.severity, list(said.component), said.message.rstrip(), said.count])
        for said in events_of(f"{name}.log", FfmpegMessage)
        if said.severity in FAILURES
    ]


def expected_failures(name: str) -> list[str]:
    return [
        json.dumps([event["severity"], event["component"], redact(event["message"]).rstrip(), event["count"]])
        for event in expected(name)["events"]
    ]


def event_differences(name: str) -> tuple[list[str], list[str]]:
    wanted, got = expected_failures(name), failures(name)
    missing: list[str] = []
    extra: list[str] = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, wanted, got, autojunk=False).get_opcodes():
        if tag != "equal":
            missing += wanted[i1:i2]
            extra += got[j1:j2]
    return missing, extra


def described(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "index": item["index"],
            "format": item["format"],
            "url": redact(item["url"]),
            "streams": [
                {key: stream.get(key) for key in ("index", "type", "codec", "lang")} for stream in item["streams"]
            ],
        }
        for item in items
    ]


def differences(name: str) -> dict[str, Any]:
    """Where the parser and the measured facts disagree; empty when nowhere."""
    facts, file_name = expected(name), f"{name}.log"
    started, ended = events_of(file_name, FfmpegSessionStarted), events_of(file_name, FfmpegSessionEnded)
    session = facts["session"]
    missing, extra = event_differences(name)
    pairs = {
        "inputs": ([item for start in started for item in start.inputs], described(session["inputs"])),
        "outputs": ([item for start in started for item in start.outputs], described(session["outputs"])),
        "mapping": ([line for start in started for line in start.mapping], session["mapping"]),
        "summary": ([line for end in ended for line in end.summary], facts["final_summary"]),
        "banners": (len([start for start in started if start.version]), session["banner_count"]),
    }
    found: dict[str, Any] = {what: {"got": got, "expected": want} for what, (got, want) in pairs.items() if got != want}
    if session["version"] and session["version"] not in [start.version for start in started]:
        found["version"] = session["version"]
    finals = sum(progress.final for progress in events_of(file_name, FfmpegProgress))
    if facts["progress"].get("final_count") not in (None, finals):
        found["final_count"] = finals
    if missing or extra:
        found["events"] = {"missing": missing, "extra": extra}
    return found


def test_the_corpus_is_complete() -> None:
    assert len(CAPTURES) == 257
    assert {name.split("__")[1] for name in CAPTURES} == set(VERSIONS)


@pytest.mark.parametrize("name", CAPTURES)
def test_facts_equal_the_measured_ones(name: str) -> None:
    listed = json.loads((DATA / "deviations.json").read_text(encoding="utf-8"))
    found = differences(name)
    assert sorted(found) == sorted(listed.get(name, {}).get("aspects", {}))
    for aspect, difference in found.items():
        if aspect == "events":
            assert difference == listed[name]["aspects"][aspect]
    if found:
        assert listed[name]["reason"]


@pytest.mark.parametrize("name", CAPTURES)
def test_progress_equals_the_measured_one(name: str) -> None:
    wanted = expected(name)["progress"]
    got = events_of(f"{name}.log", FfmpegProgress)
    assert len(got) == wanted["count"]
    if got:
        assert_progress(got[0], wanted["first"])
        assert_progress(got[-1], wanted["last"])


def assert_progress(got: FfmpegProgress, wanted: dict[str, Any]) -> None:
    assert got.frame == (int(wanted["frame"]) if "frame" in wanted else None)
    assert got.fps == (float(wanted["fps"]) if "fps" in wanted else None)
    assert got.q == tuple(float(value) for value in wanted.get("q", []))
    size = re.fullmatch(r"(-?\d+)(?:kB|KiB)", wanted["size"])
    assert got.size_bytes == (int(size.group(1)) * 1024 if size else None)
    assert got.bitrate_kbps == number(wanted["bitrate"].removesuffix("kbits/s"))
    assert got.speed == number(wanted["speed"].removesuffix("x"))
    assert got.time_seconds == seconds(wanted["time"])
    assert got.dup == (int(wanted["dup"]) if "dup" in wanted else None)
    assert got.drop == (int(wanted["drop"]) if "drop" in wanted else None)
    assert got.elapsed_seconds == (seconds(wanted["elapsed"]) if "elapsed" in wanted else None)


def number(text: str) -> float | None:
    return None if text == "N/A" else float(text)


def seconds(text: str) -> float | None:
    if text == "N/A" or text.startswith("-577014:"):
        return None
    hours, minutes, rest = text.removeprefix("-").split(":")
    value = (int(hours) * 360_000 + int(minutes) * 6_000 + round(float(rest) * 100)) / 100
    return -value if text.startswith("-") else value


@pytest.mark.parametrize("version", VERSIONS)
def test_events_are_exact_for_every_version(version: str) -> None:
    names = [name for name in CAPTURES if name.endswith(f"__{version}")]
    total = sum(len(expected(name)["events"]) for name in names)
    wrong = sum(max(map(len, event_differences(name))) for name in names)
    assert total > 300
    assert wrong <= (1 if version == "7.0" else 0)


def test_events_are_exact_in_every_category() -> None:
    total, right = Counter[str](), Counter[str]()
    for name in CAPTURES:
        wanted = Counter(expected_failures(name))
        for said in events_of(f"{name}.log", FfmpegMessage):
            if said.severity in FAILURES:
                total[said.category] += 1
                key = json.dumps([said.severity, list(said.component), said.message.rstrip(), said.count])
                right[said.category] += wanted[key] > 0
                wanted[key] -= 1
    wrong = {category: total[category] - right[category] for category in total if total[category] != right[category]}
    assert wrong == {"codec": 1}
    assert len(total) >= 8


def test_no_severity_in_the_corpus_is_a_guess() -> None:
    """Every warning and error of the corpus is in the table, except the line that two threads wrote together."""
    guessed = {
        said.message
        for name in CAPTURES
        for said in events_of(f"{name}.log", FfmpegMessage)
        if said.severity_source == "guess" and said.severity in FAILURES
    }
    assert len(guessed) <= 1
    assert all(message.endswith("(192 -> 155)corrupt decoded frame") for message in guessed)


@pytest.mark.parametrize("name", CAPTURES)
def test_every_line_has_exactly_one_disposition(name: str) -> None:
    lines, outcomes = parsed(f"{name}.log")
    decided = sorted((outcome.start, outcome.end) for outcome in outcomes if outcome.disposition is not None)
    assert decided == [(line.start, line.end) for line in lines]
    assert not [outcome for outcome in outcomes if outcome.disposition is Disposition.DEAD_LETTER]


@pytest.mark.parametrize("name", CAPTURES)
def test_no_secret_leaves_the_parser(name: str) -> None:
    for file_name in (f"{name}.log", f"{name}.report"):
        if not (DATA / file_name).exists():
            continue
        lines, outcomes = parsed(file_name)
        parser = FfmpegParser()
        for line in lines:
            parser.feed(line)
        said = [json.dumps(to_json_object(event, 1, o.start)) for o in outcomes for event in o.parsed]
        everything = "\n".join([*said, *map(str, outcomes), json.dumps(parser.state())])
        assert not [secret for secret in SECRETS if secret in everything]


def test_secret_lines_are_in_the_corpus() -> None:
    """The test above would prove nothing about captures without secrets."""
    assert sum(bool(expected(name)["secret_lines"]) for name in CAPTURES) > 100


@pytest.mark.parametrize("name", CAPTURES)
def test_the_end_agrees_with_the_exit_status(name: str) -> None:
    ends = events_of(f"{name}.log", FfmpegSessionEnded)
    exit_facts = expected(name)["exit"]
    if len(ends) != 1:
        assert not ends or len(ends) == 2 + name.startswith("restart_loop")
        return
    end = ends[0]
    if exit_facts["killed_by_signal"] is not None or exit_facts["code"] < 0:
        assert end.end_kind == "killed"
    elif end.end_kind == "finished":
        assert exit_facts["code"] == 0
    elif end.end_kind == "signal":
        assert "sig" in name
    else:
        assert end.end_kind == "failed"
        assert exit_facts["code"] != 0
        assert end.cause
        assert end.cause_category
    if end.exit_guess is not None:
        assert end.exit_guess == exit_facts["code"]


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("restart_loop_append__5.1", ["finished", "failed", "finished"]),
        ("restart_loop_append__9.0", ["finished", "failed", "finished"]),
        ("sigkill_then_restart_append__5.1", ["killed", "finished"]),
        ("sigkill_then_restart_append__9.0", ["killed", "finished"]),
    ],
)
def test_several_sessions_in_one_file(name: str, kinds: list[str]) -> None:
    ends = events_of(f"{name}.log", FfmpegSessionEnded)
    starts = events_of(f"{name}.log", FfmpegSessionStarted)
    assert [end.end_kind for end in ends] == kinds
    assert [end.session for end in ends] == [start.session for start in starts]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("scenario", "cause", "category", "effect"),
    [
        ("net_refused", "Connection to tcp://", "network", "fatal_start"),
        ("rtmp_server_killed", ("av_interleaved_write_frame", "Error submitting a packet"), "network", "fatal_run"),
    ],
)
def test_the_lines_of_one_failure_are_one_incident(
    scenario: str, cause: str | tuple[str, ...], category: str, effect: str, version: str
) -> None:
    name = f"{scenario}__{version}.log"
    said = [m for m in events_of(name, FfmpegMessage) if m.severity in FAILURES]
    effects = [message.effect for message in said if message.effect not in ("benign", "degraded")]
    assert len(effects) > 1
    assert effects == [effect] + ["consequence"] * (len(effects) - 1)
    (end,) = events_of(name, FfmpegSessionEnded)
    assert end.cause.startswith(cause)
    assert end.cause_category == category


def test_progress_files_say_what_the_blocks_say() -> None:
    for path in DATA.glob("*.progress"):
        facts = expected(path.name.removesuffix(".progress"))["progress_keyvalue"]
        got = events_of(path.name, FfmpegProgress)
        assert len(got) == facts["blocks"]
        assert [progress.final for progress in got] == [False] * (len(got) - 1) + [facts["last"] == "end"]
        assert got[0].frame is not None
        assert got[-1].time_seconds is not None
        assert got[-1].dup == 0


def test_report_files_are_one_session() -> None:
    for path in DATA.glob("*.report"):
        (start,) = events_of(path.name, FfmpegSessionStarted)
        (end,) = events_of(path.name, FfmpegSessionEnded)
        assert start.timestamp is not None
        assert start.outputs[0]["url"].endswith("/***")
        assert end.end_kind == "finished"
        assert len(events_of(path.name, FfmpegProgress)) >= 1
