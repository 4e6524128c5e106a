"""The clock of FFmpeg's lines by itself: arrivals, going on after a time in which nobody looked, run time added up."""

import json
from datetime import UTC, datetime, timedelta

from ffmpeg_kit import EncoderLog
from hypothesis import given
from hypothesis import strategies as st

from ingest.line_clock import Arrival, LineClock
from parsers.events import FfmpegMessage, FfmpegProgress, TimeQuality
from parsers.ffmpeg.encoder_time import Runs, add_up, run_seconds
from parsers.ffmpeg.parser import FfmpegParser
from parsers.lines import LineSplitter

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
MESSAGE = FfmpegMessage(severity="error", severity_source="level", message="x", session=0)


def seconds(number: float) -> timedelta:
    """So many seconds."""
    return timedelta(seconds=number)


def live(after: float) -> Arrival:
    """Read so many seconds after the beginning, as it was appended."""
    return Arrival(NOW + seconds(after), live=True, mtime=NOW + seconds(after))


def test_a_message_that_was_held_has_the_time_at_which_its_bytes_arrived() -> None:
    clock = LineClock()
    for offset, after in ((0, 0), (100, 5), (200, 9)):
        clock.note_arrival(offset, live(after))
    clock = LineClock(json.loads(json.dumps(clock.state())))
    found = [clock.time_of(MESSAGE, offset, live(9)) for offset in (0, 150, 230)]
    assert found == [(NOW + seconds(after), TimeQuality.ARRIVAL, None) for after in (0, 5, 9)]


def test_after_a_time_without_us_the_same_process_is_followed_on() -> None:
    clock = LineClock()
    clock.note_arrival(0, live(0))
    clock.time_of(FfmpegProgress(time_seconds=100.0, speed=1.0), 0, live(0))
    back = Arrival(NOW + seconds(3600), live=False, mtime=NOW + seconds(3599))
    late = clock.time_of(FfmpegProgress(time_seconds=400.0, speed=1.0), 100, back)
    assert late == (NOW + seconds(300), TimeQuality.ESTIMATED, 1.3)
    assert clock.time_of(FfmpegProgress(time_seconds=9000.0, speed=1.0), 200, back).at == back.mtime


def test_without_anything_to_count_by_it_is_the_files_time() -> None:
    late = Arrival(NOW, live=False, mtime=NOW - seconds(60), bytes_from=lambda _: [(0, b"no statistics\n")])
    assert LineClock().time_of(MESSAGE, 0, late) == (NOW - seconds(60), TimeQuality.ESTIMATED, None)


@given(
    runs=st.lists(st.tuples(st.integers(1, 40), st.floats(0.5, 2.0), st.booleans()), min_size=1, max_size=4),
    cut=st.integers(1, 3000),
)
def test_looking_ahead_counts_what_parsing_counts(runs: list[tuple[int, float, bool]], cut: int) -> None:
    log = EncoderLog(stamped=False)
    for lines, speed, _ in runs:
        log.start().play(lines * 10, speed=speed).wait(3)
    data = log.text.encode()
    ahead, parsed = Runs(), Runs()
    add_up((data[at : at + cut] for at in range(0, len(data), cut)), ahead)
    parser = FfmpegParser()
    splitter = LineSplitter(splits_at_cr=True)
    for line in (*splitter.feed(data), *splitter.flush()):
        for outcome in parser.feed(line):
            for event in outcome.parsed:
                if isinstance(event, FfmpegProgress) and (run := run_seconds(event)) is not None:
                    parsed.reach(run)
    assert ahead == parsed
    assert ahead.position > 0


def test_blocks_of_a_progress_file_are_counted_too() -> None:
    block = b"bitrate= 128.0kbits/s\ntotal_size=99\nout_time_us=%d\nout_time_ms=%d\nout_time=00:00:00.0\ndup_frames=0\n"
    block += b"drop_frames=0\nspeed=   1x\nprogress=continue\n"
    runs = Runs()
    add_up([block % (micros, micros) for micros in (10_000_000, 20_000_000, 5_000_000)], runs)
    assert (runs.done, runs.current, runs.count) == (20.0, 5.0, 1)
