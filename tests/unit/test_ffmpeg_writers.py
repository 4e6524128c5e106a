"""Whose line it is: processes that fall silent and go on, that are gone, that write into one file at the same time."""

import json
import random
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parsers.events import (
    FfmpegMessage,
    FfmpegProgress,
    FfmpegSessionEnded,
    FfmpegSessionResumed,
    FfmpegSessionStarted,
    Outcome,
    Parsed,
    RawLine,
)
from parsers.ffmpeg import FfmpegParser
from parsers.ffmpeg.encoder_time import Runs
from parsers.lines import LineSplitter

BROKEN = "[aost#0:0/aac @ 0x55df76408f00] Error submitting a packet to the muxer: Broken pipe\n"
SIGTERM = "Exiting normally, received signal 15.\n"


def header(name: str, address: str = "0x5555") -> str:
    return f"""Input #0, mp3, from '{name}.mp3':
  Metadata:
    title           : {name}
  Duration: 00:03:00.00, start: 0.025057, bitrate: 128 kb/s
  Stream #0:0: Audio: mp3, 44100 Hz, stereo, fltp, 128 kb/s
Stream mapping:
  Stream #0:0 -> #0:0 (mp3 (mp3float) -> aac (native))
[aac @ {address}] Too many bits 8832.000000 > 6144 per frame requested, clamping to max
Output #0, flv, to 'rtmp://h/live/{name}':
  Metadata:
    encoder         : Lavf63.1.102
  Stream #0:0: Audio: aac (LC), 44100 Hz, stereo, fltp, 128 kb/s
"""


def stats(seconds: float, end: str = "    \r") -> str:
    hundredths = round(seconds * 100)
    minutes, rest = divmod(hundredths, 6000)
    clock = f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 100:02d}.{rest % 100:02d}"
    return f"size={int(seconds * 16):8d}KiB time={clock} bitrate= 128.0kbits/s speed=   1x{end}"


def run(first: float, last: float, step: float = 0.5) -> Iterator[str]:
    """Statistics lines of a while."""
    for number in range(round((last - first) / step) + 1):
        yield stats(first + number * step)


def lines_of(parts: Iterable[str], start: int = 0) -> list[RawLine]:
    splitter = LineSplitter(start, splits_at_cr=True)
    return [*splitter.feed("".join(parts).encode()), *splitter.flush()]


class Log:
    """A parser and what it said."""

    def __init__(self) -> None:
        self.parser = FfmpegParser()
        self.outcomes: list[Outcome] = []
        self._at = 0

    def write(self, *parts: str) -> int:
        """Feed some text; gives the offset where it began."""
        began = self._at
        lines = lines_of(parts, began)
        for line in lines:
            self.outcomes += self.parser.feed(line)
        self._at = lines[-1].end
        return began

    def wait(self, seconds: float) -> None:
        self.outcomes += self.parser.tick(seconds)

    def finish(self) -> None:
        self.outcomes += self.parser.finish()

    def said(self, kind: type) -> list[Parsed]:
        return [event for outcome in self.outcomes for event in outcome.parsed if isinstance(event, kind)]

    def ends(self) -> list[tuple[int, str]]:
        events = [event for outcome in self.outcomes for event in outcome.parsed]
        return [(event.session, event.end_kind) for event in events if isinstance(event, FfmpegSessionEnded)]

    def course(self) -> list[tuple[str, int]]:
        """Starts, ends and resumptions of sessions, in order."""
        kinds = (FfmpegSessionStarted, FfmpegSessionEnded, FfmpegSessionResumed)
        events = [event for outcome in self.outcomes for event in outcome.parsed if isinstance(event, kinds)]
        return [(event.kind.removeprefix("ffmpeg_session_"), event.session) for event in events]


# -- silence -----------------------------------------------------------------------------------------------------------


def test_a_process_that_says_nothing_for_five_minutes_is_over() -> None:
    log = Log()
    log.write(header("a"), *run(0.5, 30))
    log.wait(299.0)
    assert log.ends() == []
    assert log.parser.waits
    log.wait(300.0)
    assert log.ends() == [(0, "killed")]
    assert not log.parser.waits
    log.wait(3600.0)
    log.finish()
    assert log.ends() == [(0, "killed")]


def test_a_later_line_takes_that_back() -> None:
    log = Log()
    log.write(header("a"), *run(0.5, 30))
    log.wait(300.0)
    log.write(*run(30.5, 40), stats(40.5, "    \n"), SIGTERM)
    assert log.course() == [("started", 0), ("ended", 0), ("resumed", 0), ("ended", 0)]
    assert log.ends()[-1] == (0, "signal")
    assert len(log.said(FfmpegProgress)) == 60 + 20 + 1


def test_an_error_takes_it_back_as_well() -> None:
    log = Log()
    log.write(header("a"), *run(0.5, 30))
    log.wait(900.0)
    log.write(BROKEN, stats(31, "    \n"), "Conversion failed!\n")
    assert log.course() == [("started", 0), ("ended", 0), ("resumed", 0), ("ended", 0)]
    end = log.said(FfmpegSessionEnded)[-1]
    assert isinstance(end, FfmpegSessionEnded)
    assert (end.end_kind, end.cause) == ("failed", "Error submitting a packet to the muxer: Broken pipe")


@pytest.mark.parametrize(
    "first", [header("b", "0x7777"), stats(0.5), "ffmpeg version 8.0 Copyright (c) 2000-2025 the FFmpeg\n"]
)
def test_another_process_does_not(first: str) -> None:
    log = Log()
    log.write(header("a"), *run(0.5, 30))
    log.wait(300.0)
    other = log.write(first, stats(1.0))
    log.finish()
    assert [kind for kind, _ in log.course()] == ["started", "ended", "started", "ended"]
    assert log.ends() == [(0, "killed"), (other, "killed")]


def test_what_a_supervisor_says_belongs_to_nobody_then() -> None:
    log = Log()
    log.write(header("a"), *run(0.5, 30))
    log.wait(300.0)
    log.write("[radio.sh] the encoder is gone\n")
    log.finish()
    assert log.course() == [("started", 0), ("ended", 0)]
    last = log.said(FfmpegMessage)[-1]
    assert isinstance(last, FfmpegMessage)
    assert last.session is None


def test_nor_when_two_are_gone() -> None:
    log = Log()
    log.write(header("a"), *run(0.5, 60))
    second = log.write(header("b", "0x7777"), *run(0.5, 3))
    log.wait(300.0)
    log.write("[radio.sh] both are gone\n")
    log.finish()
    assert log.course() == [("started", 0), ("ended", 0), ("started", second), ("ended", second)]


def test_who_seldom_prints_statistics_may_be_silent_for_longer() -> None:
    log = Log()
    log.write(header("a"), *run(60, 600, step=60))
    log.wait(599.0)
    assert log.ends() == []
    log.wait(600.0)
    assert log.ends() == [(0, "killed")]


def test_the_silence_of_one_that_prints_no_statistics_proves_nothing() -> None:
    log = Log()
    log.write(header("a"), "[aac @ 0x5555] Queue input is backward in time\n")
    log.wait(86_400.0)
    assert log.ends() == []
    assert not log.parser.waits


# -- two at once -------------------------------------------------------------------------------------------------------


def test_two_processes_are_told_apart_by_their_statistics() -> None:
    log = Log()
    log.write(header("a"), *run(0.5, 60))
    second = log.write(header("b", "0x7777"))
    for number in range(1, 201):
        log.write(stats(60 + number * 0.5), stats(number * 0.5))
    log.write(stats(161, "    \n"), SIGTERM, stats(101, "    \n"), "Conversion failed!\n")
    log.finish()
    assert log.course() == [
        ("started", 0),
        ("ended", 0),
        ("resumed", 0),
        ("started", second),
        ("ended", 0),
        ("ended", second),
    ]
    assert log.ends() == [(0, "killed"), (0, "signal"), (second, "failed")]
    progress = [event for event in log.said(FfmpegProgress) if isinstance(event, FfmpegProgress)]
    assert len(progress) == 120 + 402
    whose = {True: 0, False: second}
    while_both = [event for event in progress[120:] if event.session is not None]
    assert len(while_both) >= 400
    assert all(
        event.session == whose[(event.time_seconds or 0) > 60 and index % 2 == 0]
        for index, event in enumerate(while_both[:400])
    )


def test_the_older_of_two_falls_silent_behind_the_end_of_the_younger() -> None:
    log = Log()
    log.write(header("a"), *run(0.5, 60))
    second = log.write(header("b", "0x7777"), stats(60.5), stats(0.5), stats(61), stats(1, "    \n"), SIGTERM)
    assert log.ends() == [(0, "killed"), (second, "signal")]
    assert log.parser.waits
    log.wait(300.0)
    assert log.ends() == [(0, "killed"), (second, "signal"), (0, "killed")]
    log.write(*run(361, 362))
    assert log.course()[-1] == ("resumed", 0)


def test_messages_are_told_apart_by_addresses() -> None:
    log = Log()
    log.write(header("a"), *run(0.5, 60))
    second = log.write(header("b", "0x7777"), stats(60.5), stats(0.5), stats(61), stats(1.0))
    log.write("[aac @ 0x5555] Queue input is backward in time\n", "[aac @ 0x7777] Queue input is backward in time\n")
    log.write("[flv @ 0x9999] Packets are not in the proper order with respect to DTS\n")
    log.finish()
    said = [event for event in log.said(FfmpegMessage) if isinstance(event, FfmpegMessage)]
    assert [event.session for event in said[-3:]] == [0, second, second]


def test_the_supervisors_process_id_tells_them_apart() -> None:
    def by(pid: int, text: str) -> str:
        return "".join(f"Nov 23 22:20:00 vm ffmpeg[{pid}]: {line}\n" for line in text.splitlines())

    log = Log()
    log.write(by(1, header("a") + "".join(run(0.5, 60)).replace("\r", "\n")))
    second = log.write(by(2, header("b")))
    log.write(by(1, "av_interleaved_write_frame(): Broken pipe"), by(2, "something else happened"))
    log.finish()
    said = [event for event in log.said(FfmpegMessage) if isinstance(event, FfmpegMessage)]
    assert [event.session for event in said[-2:]] == [0, second]


@pytest.mark.parametrize("lived", [10.0, 12.27, 30.13, 49.9])
def test_what_passes_the_place_where_a_dead_one_stood_is_not_the_dead_one(lived: float) -> None:
    log = Log()
    log.write(header("a"), *run(0.5, lived), stats(lived))
    second = log.write(header("b", "0x7777"), *run(0.5, 120, 0.49))
    log.finish()
    assert log.course() == [("started", 0), ("ended", 0), ("started", second), ("ended", second)]


def test_of_two_that_begin_at_once_no_input_and_no_output_is_lost() -> None:
    said = "[aac @ 0x5555] Too many bits 8832.000000 > 6144 per frame requested, clamping to max\n"
    a, b = (header(name).replace(said, "").replace("/live/", "/").partition("Stream mapping:\n") for name in "ab")
    log = Log()
    log.write(a[0], b[0], a[1] + a[2], b[1] + b[2], *run(0.5, 5))
    log.finish()
    begun = [event for event in log.said(FfmpegSessionStarted) if isinstance(event, FfmpegSessionStarted)]
    assert [item["url"] for event in begun for item in event.inputs] == ["a.mp3", "b.mp3"]
    assert [item["url"] for event in begun for item in event.outputs] == ["rtmp://h/a", "rtmp://h/b"]
    assert sum(len(event.mapping) for event in begun) == 2


def test_one_that_writes_no_more_is_forgotten() -> None:
    log = Log()
    log.write(header("a"), *run(0.5, 60))
    second = log.write(header("b", "0x7777"), *run(0.5, 100))
    assert log.parser.state()["aside"] == []
    log.write(stats(100.5, "    \n"), SIGTERM)
    assert log.ends() == [(0, "killed"), (second, "signal")]


@given(st.integers(0, 2**32), st.floats(20.0, 100_000.0), st.integers(20, 120))
@settings(max_examples=40, deadline=None)
def test_no_statistics_line_is_lost_or_counted_twice(seed: int, ahead: float, count: int) -> None:
    """Two real-time encoders in any order of lines: each line goes to its own session, and each end is told."""
    chance = random.Random(seed)
    log = Log()
    log.write(header("a"), *run(ahead, ahead + 30))
    second = log.write(header("b", "0x7777"))
    queues = {
        0: [stats(ahead + 30.5 + n * 0.5) for n in range(count)],
        second: [stats(0.5 + n * 0.5) for n in range(count)],
    }
    truth: list[int] = []
    while any(queues.values()):
        whose = chance.choice([session for session, queue in queues.items() if queue])
        ready = len(queues[0]) - len(queues[second])
        if abs(ready) > 6:  # they run side by side
            whose = 0 if ready > 0 else second
        truth.append(whose)
        log.write(queues[whose].pop(0))
    log.finish()
    progress = [event for event in log.said(FfmpegProgress) if isinstance(event, FfmpegProgress)][61:]
    assert len(progress) == 2 * count
    assert [event.session for event in progress] == truth
    assert {session for kind, session in log.course() if kind == "started"} == {0, second}
    last = {session: kind for kind, session in log.course()}
    assert set(last.values()) == {"ended"}


@given(st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_a_restart_and_any_waiting_between_two_lines_change_nothing(seed: int) -> None:
    """State through JSON at every line, of two processes at once, with silences in between."""
    chance = random.Random(seed)
    parts = [header("a"), *run(0.5, 40), header("b", "0x7777")]
    for number in range(1, 40):
        parts += [stats(40 + number * 0.5), stats(number * 0.5)]
        if number % 13 == 0:
            parts.append("[aac @ 0x5555] Queue input is backward in time\n    Last message repeated 2 times\n")
    parts += [BROKEN, stats(21, "    \n"), "Conversion failed!\n", stats(61, "    \n"), SIGTERM]
    lines = lines_of(parts)
    whole, cut = FfmpegParser(), FfmpegParser()
    expected: list[Outcome] = []
    got: list[Outcome] = []
    for line in lines:
        cut = FfmpegParser(json.loads(json.dumps(cut.state())))
        expected += whole.feed(line)
        got += cut.feed(line)
        if chance.random() < 0.05:
            idle = chance.choice([0.5, 2.0, 400.0])
            expected += whole.tick(idle)
            got += FfmpegParser.tick(cut, idle)
    assert [*got, *cut.finish()] == [*expected, *whole.finish()]
    decided = sorted((out.start, out.end) for out in got if out.disposition is not None)
    assert decided == [(line.start, line.end) for line in lines]


def test_run_time_of_two_processes_at_once_is_not_added_up() -> None:
    runs = Runs()
    for second in range(600):
        runs.reach(float(second))
    for second in range(1, 300):
        runs.reach(599.0 + second)
        runs.reach(float(second))
    assert runs.position == pytest.approx(600 + 299, abs=2)
    assert runs.count == 1
