"""The FFmpeg parser's memory: held messages, sessions, restarts, hostile names, secrets."""

import json
import random
from collections.abc import Iterable
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parsers.events import (
    Disposition,
    Event,
    FfmpegMessage,
    FfmpegProgress,
    FfmpegSessionEnded,
    FfmpegSessionStarted,
    Outcome,
    Parsed,
    RawLine,
    Rejected,
    TimeQuality,
)
from parsers.ffmpeg import FfmpegParser
from parsers.lines import LineSplitter

DATA = Path(__file__).parent.parent / "data" / "ffmpeg"
LOGS = sorted(path for path in DATA.glob("*.log") if 0 < path.stat().st_size < 60_000)
HEADER = """Input #0, mp3, from 'a.mp3':
  Metadata:
    title           : Track
  Duration: 00:00:03.00, start: 0.025057, bitrate: 65 kb/s
  Stream #0:0: Audio: mp3, 44100 Hz, mono, fltp, 64 kb/s
Stream mapping:
  Stream #0:0 -> #0:0 (mp3 (mp3float) -> aac (native))
Output #0, flv, to 'rtmp://h/live2/secretkey42':
  Metadata:
    encoder         : Lavf63.1.102
  Stream #0:0: Audio: aac (LC), 44100 Hz, mono, fltp, 69 kb/s
"""
BAD = ("warning", "error", "fatal")
STATS = "size=      17KiB time=00:00:0{0}.27 bitrate= 108.2kbits/s speed=2.55x    \r"
LAST_STATS = "size=      17KiB time=00:00:09.27 bitrate= 108.2kbits/s speed=2.55x    \n"
SUMMARY = "[out#0/flv @ 0x5] video:0KiB audio:17KiB subtitle:0KiB other streams:0KiB global headers:0KiB muxing overhead: 7%\n"


def lines_of(text: str | bytes, start: int = 0) -> list[RawLine]:
    splitter = LineSplitter(start, splits_at_cr=True)
    data = text.encode() if isinstance(text, str) else text
    return [*splitter.feed(data), *splitter.flush()]


def feed(parser: FfmpegParser, lines: Iterable[RawLine]) -> list[Outcome]:
    return [outcome for line in lines for outcome in parser.feed(line)]


def events(outcomes: Iterable[Outcome]) -> list[Parsed]:
    return [event for outcome in outcomes for event in outcome.parsed]


def whole(text: str | bytes) -> list[Parsed]:
    parser = FfmpegParser()
    outcomes = feed(parser, lines_of(text))
    return events([*outcomes, *parser.finish()])


def messages(parsed: Iterable[Parsed]) -> list[FfmpegMessage]:
    return [event for event in parsed if isinstance(event, FfmpegMessage)]


def ends(parsed: Iterable[Parsed]) -> list[FfmpegSessionEnded]:
    return [event for event in parsed if isinstance(event, FfmpegSessionEnded)]


def starts(parsed: Iterable[Parsed]) -> list[FfmpegSessionStarted]:
    return [event for event in parsed if isinstance(event, FfmpegSessionStarted)]


# -- holding ---------------------------------------------------------------------------------------------------------


def test_a_message_waits_for_its_repeat_marker() -> None:
    parser = FfmpegParser()
    assert messages(events(feed(parser, lines_of("[aac @ 0x5] bad\n")))) == []
    outcomes = feed(parser, lines_of("    Last message repeated 3 times\n", 16))
    assert [outcome.disposition for outcome in outcomes] == [Disposition.FOLDED]
    (message,) = messages(events(parser.finish()))
    assert (message.message, message.count) == ("bad", 4)


def test_an_idle_second_lets_a_message_go_and_the_marker_counts_later() -> None:
    parser = FfmpegParser()
    feed(parser, lines_of("[aac @ 0x5] bad\n"))
    assert parser.tick(0.5) == []
    (released,) = parser.tick(1.0)
    assert (released.start, released.end, released.disposition) == (0, 16, Disposition.STORED)
    assert messages(released.parsed)[0].count == 1
    (marker,) = feed(parser, lines_of("    Last message repeated 3 times\n", 16))
    assert marker.disposition is Disposition.STORED
    (again,) = messages(marker.parsed)
    assert (again.message, again.count) == ("bad", 3)


def test_messages_that_ffmpeg_did_not_collapse_are_counted() -> None:
    parsed = whole("[aac @ 0x5] [error] bad\n" * 5 + "[aac @ 0x5] [error] worse\n" + "[aac @ 0x5] [error] bad\n")
    assert [(said.message, said.count) for said in messages(parsed)] == [("bad", 5), ("worse", 1), ("bad", 1)]


def test_a_message_of_several_lines_is_one() -> None:
    parsed = whole(
        "[vcd @ 0x5] VBV buffer size not set, using default size of 130KB\nIf you want the mpeg file\nLike DVD, VCD\n"
    )
    (message,) = messages(parsed)
    assert message.message.count("\n") == 2
    assert message.severity == "warning"


@pytest.mark.parametrize(
    "rest", ["\n", "Stream mapping:\n  Stream #0:0 -> #0:0 (copy)\n    Last message repeated 1 times\n"]
)
def test_an_error_may_be_an_empty_line(rest: str) -> None:
    parsed = whole("Error initializing output stream 0:0 -- \n" + rest)
    assert [(said.severity, said.message) for said in messages(parsed)] == [
        ("error", "Error initializing output stream 0:0 --"),
        ("error", ""),
    ]


# -- sessions --------------------------------------------------------------------------------------------------------


def test_a_session_says_what_its_header_says_once() -> None:
    parsed = whole(HEADER + STATS.format(1) + STATS.format(2) + SUMMARY + LAST_STATS)
    (start,) = starts(parsed)
    assert start.session == 0
    assert start.inputs[0]["url"] == "a.mp3"
    assert start.outputs[0]["url"] == "rtmp://h/live2/***"
    assert start.outputs[0]["streams"] == [{"index": 0, "type": "Audio", "codec": "aac", "lang": None}]
    (end,) = ends(parsed)
    assert (end.end_kind, end.exit_guess, len(end.summary)) == ("finished", 0, 1)
    assert end.final_progress is not None
    assert end.final_progress.final


def test_the_start_comes_with_the_first_statistics_line() -> None:
    parser = FfmpegParser()
    assert events(feed(parser, lines_of(HEADER))) == []
    (outcome,) = feed(parser, lines_of(STATS.format(1), len(HEADER)))
    assert [type(event) for event in outcome.parsed] == [FfmpegSessionStarted, FfmpegProgress]


@pytest.mark.parametrize(
    "next_line",
    ["ffmpeg version 9.0.2 Copyright (c) 2000-2026 the FFmpeg developers\n", "Input #0, mp3, from 'a.mp3':\n"],
)
def test_a_session_without_an_end_was_killed_when_the_next_begins(next_line: str) -> None:
    parser = FfmpegParser()
    text = HEADER + STATS.format(1)
    feed(parser, lines_of(text))
    assert parser.tick(3600.0) == []
    (outcome,) = feed(parser, lines_of(next_line, len(text)))
    assert outcome.disposition is Disposition.FOLDED
    assert [end.end_kind for end in ends(outcome.parsed)] == ["killed"]
    assert [end.session for end in ends(parser.finish()[-1].parsed)] == [len(text)]


@given(st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_two_processes_that_write_at_once_lose_no_error(seed: int) -> None:
    """Nothing tells whose line is whose, but none may vanish: it is said, or marked where it stands between metadata."""
    names = ("rtmp_server_killed__9.0.log", "net_refused__9.0.log")
    logs = [[line.data + line.terminator for line in lines_of((DATA / name).read_bytes())] for name in names]
    alone = {event.message for log in logs for event in messages(whole(b"".join(log))) if event.severity in BAD}
    chance = random.Random(seed)
    order = chance.sample([0] * len(logs[0]) + [1] * len(logs[1]), len(logs[0]) + len(logs[1]))
    together = whole(b"".join(logs[number].pop(0) for number in order))
    assert alone <= {event.message for event in messages(together) if event.severity in BAD or event.suspect}
    assert {start.session for start in starts(together)} == {end.session for end in ends(together)}


def test_an_idle_second_gives_out_an_end_that_is_proven() -> None:
    parser = FfmpegParser()
    feed(parser, lines_of(HEADER + STATS.format(1)))
    assert not parser.waits
    feed(parser, lines_of(LAST_STATS, 2000))
    assert parser.waits
    (outcome,) = parser.tick(1.0)
    assert outcome.disposition is None
    assert not parser.waits
    assert [end.end_kind for end in ends(outcome.parsed)] == ["finished"]
    assert parser.tick(1.0) == []
    late = feed(parser, lines_of("[aac @ 0x5] Qavg: 101.8\nExiting normally, received signal 15.\n"))
    assert [(end.end_kind, end.signal) for end in ends(events(late))] == [("signal", 15)]
    assert parser.finish() == []


def test_end_marks_end_at_once() -> None:
    parser = FfmpegParser()
    outcomes = feed(parser, lines_of(HEADER + STATS.format(1) + LAST_STATS + "Exiting normally, received signal 15.\n"))
    assert [(end.end_kind, end.signal, end.exit_guess) for end in ends(outcomes[-1].parsed)] == [("signal", 15, 255)]


def test_a_failure_names_its_deepest_cause() -> None:
    parsed = whole(
        HEADER[: HEADER.index("Stream mapping")]
        + "[tcp @ 0x5] Connection to tcp://h:1935 failed: Connection refused\n"
        + "[rtmp @ 0x5] Cannot open connection tcp://h:1935\n"
        + "[out#0/flv @ 0x5] Error opening output rtmp://h/live2/k: Connection refused\n"
        + "Error opening output file rtmp://h/live2/k.\nError opening output files: Connection refused\n"
    )
    (end,) = ends(parsed)
    assert (end.end_kind, end.exit_guess, end.cause_category) == ("failed", 145, "network")
    assert end.cause == "Connection to tcp://h:1935 failed: Connection refused"
    assert [said.effect for said in messages(parsed)] == ["fatal_start"] + ["consequence"] * 4


def test_an_error_that_the_session_survived_is_no_cause() -> None:
    parsed = whole(
        HEADER + STATS.format(1) + "[flv @ 0x5] Packet is missing PTS\n" + STATS.format(2) + SUMMARY + LAST_STATS
    )
    assert [end.end_kind for end in ends(parsed)] == ["finished"]


def test_the_same_input_failing_again_and_again_is_a_session_each_time() -> None:
    parsed = whole("gone.mp3: No such file or directory\n" * 3)
    assert [end.end_kind for end in ends(parsed)] == ["failed"] * 3


def test_lines_of_a_supervisor_open_no_session() -> None:
    parsed = whole("[radio.sh] starting\nsleeping 5 seconds\n")
    assert starts(parsed) == []
    assert [said.severity for said in messages(parsed)] == ["info", "info"]


@pytest.mark.parametrize("metadata", ["", "  Metadata:\n    encoder         : Lavf59.27.100\n"])
@pytest.mark.parametrize(
    "words", ["Output file #0 does not contain any stream", "[out#0/mp3 @ 0x5] Output file does not contain any stream"]
)
def test_an_output_without_streams_is_an_error_and_no_data(metadata: str, words: str) -> None:
    parsed = whole(f"{HEADER[: HEADER.index('Stream mapping')]}Output #0, mp3, to 'x.mp3':\n{metadata}{words}\n")
    (message,) = messages(parsed)
    assert (message.severity, message.suspect) == ("error", False)
    (end,) = ends(parsed)
    assert (end.end_kind, end.cause) == ("failed", message.message)


def test_a_process_that_died_of_an_error_that_nobody_knows_has_failed() -> None:
    banner = "ffmpeg version 5.1.9 Copyright (c) 2000-2026 the FFmpeg developers\n"
    (end,) = ends(whole(banner + "-to value smaller than -ss; aborting.\n"))
    assert (end.end_kind, end.exit_guess) == ("failed", 1)
    (end,) = ends(whole(banner + "[foo @ 0x5] the frobnicator failed\n"))
    assert (end.end_kind, end.cause) == ("failed", "the frobnicator failed")
    (end,) = ends(whole(HEADER + STATS.format(1) + "[foo @ 0x5] the frobnicator failed\n"))
    assert end.end_kind == "killed"


def test_a_fatal_word_after_the_last_statistics_begins_no_session() -> None:
    tail = "Output file is empty, nothing was encoded (check -ss / -t / -frames parameters if used)\nEmpty output\n"
    parsed = whole(HEADER + STATS.format(1) + LAST_STATS + SUMMARY + tail + "Conversion failed!\n")
    (end,) = ends(parsed)
    assert (end.end_kind, end.cause) == ("failed", "Empty output")


def test_statistics_of_an_output_that_has_no_streams_by_nature() -> None:
    text = HEADER[: HEADER.index("Stream mapping")]
    parsed = whole(text + "Output #0, ffmetadata, to 'pipe:':\n  Metadata:\n    title           : x\n" + LAST_STATS)
    assert len([event for event in parsed if isinstance(event, FfmpegProgress)]) == 1
    assert [end.end_kind for end in ends(parsed)] == ["finished"]


@pytest.mark.parametrize(("version", "status"), [("5.1.9", 1), ("7.0.2", 0), ("n9.0.2-17", 0)])
def test_an_existing_file_is_declined_with_the_versions_own_status(version: str, status: int) -> None:
    banner = f"ffmpeg version {version} Copyright (c) 2000-2026 the FFmpeg developers\n"
    (end,) = ends(whole(banner + "File 'a.mp3' already exists. Exiting.\n"))
    assert (end.end_kind, end.exit_guess) == ("failed", status)


def test_newlines_made_from_carriage_returns_are_not_the_end() -> None:
    text = (HEADER + "".join(STATS.format(n) for n in range(1, 6))).replace("\r", "\n") + SUMMARY + LAST_STATS
    parsed = whole(text)
    finals = [event.final for event in parsed if isinstance(event, FfmpegProgress)]
    assert finals[1:] == [False] * 4 + [True]
    assert len(ends(parsed)) == 1


def test_progress_blocks_between_statistics_are_not_counted_twice() -> None:
    block = "frame=0\nfps=0.00\nbitrate=N/A\nout_time_us=1270000\nprogress=continue\n"
    parsed = whole(HEADER + STATS.format(1) + block + STATS.format(2) + block)
    assert len([event for event in parsed if isinstance(event, FfmpegProgress)]) == 2
    alone = whole(block * 3)
    assert [event.time_seconds for event in alone if isinstance(event, FfmpegProgress)] == [1.27] * 3


def test_times_come_from_prefixes_only() -> None:
    parser = FfmpegParser(zone=ZoneInfo("Europe/Berlin"))
    outcomes = feed(parser, lines_of("2026-11-23 22:40:42.372 [aac @ 0x5] [error] bad\n[aac @ 0x5] [error] worse\n"))
    first, second = messages(events([*outcomes, *parser.finish()]))
    assert first.timestamp is not None
    assert (first.timestamp.hour, first.time_quality) == (21, TimeQuality.ZONELESS)
    assert (second.timestamp, second.time_quality) == (None, TimeQuality.UNKNOWN)


# -- hostile content -------------------------------------------------------------------------------------------------


def test_metadata_is_never_a_message() -> None:
    evil = HEADER.replace(
        "    title           : Track\n",
        "    title           : [error] Conversion failed!\n                    : Input #9, mp3, from 'x':\n"
        "    artist          : frame=  9 fps=0.0 q=0.0 size=    1kB time=00:00:09.00 bitrate=   1.0kbits/s speed=9x\n",
    )
    parsed = whole(evil + STATS.format(1) + LAST_STATS)
    assert messages(parsed) == []
    assert len([event for event in parsed if isinstance(event, FfmpegProgress)]) == 2
    assert len(starts(parsed)[0].inputs) == 1


def test_a_newline_in_a_metadata_key_makes_no_message_and_no_end() -> None:
    evil = HEADER.replace(
        "    title           : Track\n",
        "    evil\nConversion failed!\n[rtmp @ 0x1] Server error: x\nmore           : y\n",
    )
    parsed = whole(evil + STATS.format(1) + LAST_STATS)
    assert [end.end_kind for end in ends(parsed)] == ["finished"]
    assert [said for said in messages(parsed) if said.severity != "info" or not said.suspect] == []


def test_a_newline_in_a_file_name_makes_no_message_and_no_session() -> None:
    evil = HEADER.replace(
        "a.mp3':",
        "a\nConversion failed!\nInput #0, mp3, from 'b\nsize=1kB time=00:00:01.00 bitrate=N/A speed=1x\n.mp3':",
    )
    parsed = whole(evil + STATS.format(1) + LAST_STATS)
    assert len(starts(parsed)) == 1
    assert messages(parsed) == []
    assert len([event for event in parsed if isinstance(event, FfmpegProgress)]) == 2


def test_what_is_no_text_is_rejected_and_forgotten() -> None:
    parser = FfmpegParser()
    clipped = RawLine(0, 2_000_000, b"x" * 65_536, b"\n")
    (outcome,) = parser.feed(clipped)
    assert outcome.disposition is Disposition.DEAD_LETTER
    assert isinstance(outcome.parsed[0], Rejected)
    assert outcome.parsed[0].reason == "too_long"
    (garbage,) = feed(parser, lines_of(b"\0\0\0\0abc\n", 2_000_000))
    assert garbage.disposition is Disposition.DEAD_LETTER


@given(
    st.lists(
        st.binary(max_size=80) | st.sampled_from([line.data for line in lines_of(HEADER + LAST_STATS)]), max_size=12
    )
)
def test_any_bytes_can_be_fed(parts: list[bytes]) -> None:
    parser = FfmpegParser()
    lines = lines_of(b"\n".join(parts))
    outcomes = feed(parser, lines)
    json.dumps(parser.state()).encode()
    outcomes += [*parser.tick(5.0), *parser.finish()]
    decided = sorted((outcome.start, outcome.end) for outcome in outcomes if outcome.disposition is not None)
    assert decided == [(line.start, line.end) for line in lines]
    for event in events(outcomes):
        json.dumps(str(event)).encode()
        if isinstance(event, Event):
            assert "\0" not in str(event)


# -- restarts --------------------------------------------------------------------------------------------------------


@given(st.sampled_from(LOGS), st.integers(0, 2**32), st.integers(1, 400))
@settings(max_examples=60, deadline=None)
def test_chunks_do_not_matter(path: Path, seed: int, longest: int) -> None:
    data = path.read_bytes()
    whole_lines = lines_of(data)
    splitter = LineSplitter(splits_at_cr=True)
    chance = random.Random(seed)
    parser, at = FfmpegParser(), 0
    outcomes: list[Outcome] = []
    while at < len(data):
        step = chance.randint(1, longest)
        outcomes += feed(parser, splitter.feed(data[at : at + step]))
        at += step
    outcomes += feed(parser, splitter.flush())
    reference = FfmpegParser()
    assert [*outcomes, *parser.finish()] == [*feed(reference, whole_lines), *reference.finish()]


@given(st.sampled_from(LOGS), st.integers(0, 2**32), st.floats(0.01, 1.0))
@settings(max_examples=60, deadline=None)
def test_a_restart_between_any_two_lines_changes_nothing(path: Path, seed: int, chance_of_restart: float) -> None:
    lines = lines_of(path.read_bytes())
    chance = random.Random(seed)
    parser = FfmpegParser()
    outcomes: list[Outcome] = []
    for line in lines:
        if chance.random() < chance_of_restart:
            state = json.dumps(parser.state())
            assert "fak3" not in state
            assert "s3cretpw" not in state
            parser = FfmpegParser(json.loads(state))
        outcomes += parser.feed(line)
    reference = FfmpegParser()
    assert [*outcomes, *parser.finish()] == [*feed(reference, lines), *reference.finish()]


def test_nothing_is_remembered_of_nothing() -> None:
    assert FfmpegParser().state() == {}
    assert FfmpegParser({}).state() == {}


def test_a_key_is_masked_where_it_stands_bare_also_after_a_restart() -> None:
    parser = FfmpegParser()
    feed(parser, lines_of(HEADER + STATS.format(1)))
    parser = FfmpegParser(json.loads(json.dumps(parser.state())))
    assert "secretkey42" not in json.dumps(parser.state())
    outcomes = feed(parser, lines_of("[rtmp @ 0x5] stream secretkey42 is gone\n"))
    (message,) = messages(events([*outcomes, *parser.finish()]))
    assert message.message == "stream *** is gone"
    assert "secretkey42" not in message.template


def test_a_dead_letter_keeps_no_key_that_stands_bare_in_it() -> None:
    parser = FfmpegParser()
    feed(parser, lines_of(HEADER + STATS.format(1)))
    outcomes = feed(parser, lines_of("stream secretkey42 \0\0\0\0 is gone\n"))
    (rejected,) = [parsed for outcome in outcomes for parsed in outcome.parsed if isinstance(parsed, Rejected)]
    assert rejected.kept == b"stream *** \0\0\0\0 is gone"
