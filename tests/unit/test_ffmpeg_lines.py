"""One line taken apart: prefixes, colours, statistics, blocks, header lines, known messages."""

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers.events import FfmpegProgress, TimeQuality
from parsers.ffmpeg.classify import classify, exit_status_of, reason_of
from parsers.ffmpeg.header import is_summary, try_parse_banner, try_parse_file
from parsers.ffmpeg.lines import looks_like_text, tokenize, try_parse_repeated
from parsers.ffmpeg.progress_file import add_pair, try_parse_pair
from parsers.ffmpeg.stats import try_parse_stats


@pytest.mark.parametrize(
    ("data", "component", "level", "text"),
    [
        (b"[flv @ 0x55d] hello", ("flv",), None, "hello"),
        (b"[rtsp @ 00000000027e8b20] hello", ("rtsp",), None, "hello"),
        (b"[aist#0:1/aac @ 0x1] [dec:aac @ 0x2] [error] hello", ("aist#0:1/aac", "dec:aac"), "error", "hello"),
        (b"2026-11-23 22:40:42.372 [out#0/flv @ 0x5] [error] x: y", ("out#0/flv",), "error", "x: y"),
        (b"22:40:42.372 [info] hello", (), "info", "hello"),
        (b"[info]   built with gcc", (), "info", "  built with gcc"),
        (b"\x1b[0m\x1b[0;36m[h264 @ 0x5] \x1b[0m\x1b[1;31mbad\x1b[0m", ("h264",), "error", "bad"),
        (b"\x1b[48;5;0m\x1b[38;5;39m[mp3 @ 0x5] \x1b[0mhello", ("mp3",), None, "hello"),
        (b"\x1b[48;5;0m\x1b[38;5;226mcareful\x1b[0m", (), "warning", "careful"),
        (b"Nov 23 22:20:00 vm ffmpeg[4242]:   Metadata:", (), None, "  Metadata:"),
        (b"Nov 23 22:20:00.123456 vm ffmpeg[4242]: [error] x", (), "error", "x"),
        (b"Mon 2026-11-23 22:20:00 UTC vm ffmpeg[4242]: [error] x", (), "error", "x"),
        (b"[ @ 0x7ffd5c8602a0] [Eval @ 0x7ffd5c85fb70] x", ("", "Eval"), None, "x"),
        (b"2026-11-23T22:20:00+0100 vm radio-ffmpeg[4242]: [error] x", (), "error", "x"),
        (b"2026-11-23T22:20:00.123456789Z stderr F [error] x", (), "error", "x"),
        (b"[radio.sh] starting", (), None, "[radio.sh] starting"),
        (b"[hls @ 0x5] Opening 'x\x1b[1;31my' for reading", ("hls",), None, "Opening 'xy' for reading"),
        (b"Nov 23 22:20:00 vm ffmpeg[1]: \x1b[1;31mbad\x1b[0m", (), "error", "bad"),
        (b"caf\xe9 \x1b]0;title\x07", (), None, "caf\ufffd ?]0;title?"),
    ],
)
def test_prefixes(data: bytes, component: tuple[str, ...], level: str | None, text: str) -> None:
    line = tokenize(data)
    assert (line.component, line.level, line.text) == (component, level, text)


def test_times_of_lines_and_how_well_they_are_known() -> None:
    own = tokenize(b"2026-11-23 22:40:42.372 [info] x", ZoneInfo("Europe/Berlin"))
    assert own.timestamp == datetime(2026, 11, 23, 21, 40, 42, 372000, UTC)
    assert own.quality is TimeQuality.ZONELESS
    journal = tokenize(b"2026-11-23T22:20:00+0100 vm ffmpeg[4242]: x")
    assert journal.timestamp == datetime(2026, 11, 23, 21, 20, tzinfo=UTC)
    assert (journal.quality, journal.host, journal.pid) == (TimeQuality.EXACT, "vm", 4242)
    assert tokenize(b"Nov 23 22:20:00 vm ffmpeg[1]: x").timestamp is None
    assert tokenize(b"2026-99-23 22:40:42 x").timestamp is None


@given(st.binary(max_size=200))
def test_any_bytes_can_be_taken_apart(data: bytes) -> None:
    text = tokenize(data).text
    assert not any(ord(letter) < 32 and letter not in "\t\n" for letter in text)
    json.dumps(text).encode()


def test_what_is_not_text() -> None:
    assert looks_like_text("[flv @ 0x1] Ünï\t".encode())
    assert not looks_like_text(b"sparse\0\0\0")
    assert not looks_like_text(bytes(range(1, 9)) * 10)


def test_repeat_markers() -> None:
    assert try_parse_repeated("    Last message repeated 12 times") == 12
    assert try_parse_repeated("Last message repeated 12 times") is None
    assert try_parse_repeated("    Last message repeated 12 times or so") is None


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            b"frame=   20 fps=0.0 q=-1.0 Lq=2.0 size=      32kB time=00:00:02.02 bitrate= 130.4kbits/s speed=38.9x    ",
            FfmpegProgress(
                frame=20,
                fps=0.0,
                q=(-1.0, 2.0),
                size_bytes=32768,
                time_seconds=2.02,
                bitrate_kbps=130.4,
                speed=38.9,
                final=True,
            ),
        ),
        (
            b"size=N/A time=-577014:32:22.77 bitrate=N/A speed=N/A    ",
            FfmpegProgress(),
        ),
        (
            (
                b"frame=    1 fps=0.0 q=3.2 00010000000000000000000000000000size=       0kB time=00:00:00.00"
                b" bitrate=3591.8kbits/s speed=0.0761x    "
            ),
            FfmpegProgress(
                frame=1, fps=0.0, q=(3.2,), size_bytes=0, time_seconds=0.0, bitrate_kbps=3591.8, speed=0.0761
            ),
        ),
        (
            (
                b"frame=    1 fps=0.0 q=3.2 LPSNR=Y:41.20 U:44.01 V:inf *:42.00 size=       5KiB time=111:06:41.85"
                b" bitrate=  -0.0kbits/s dup=3 drop=4 speed=1.48e+03x elapsed=0:01:30.12    "
            ),
            FfmpegProgress(
                frame=1,
                fps=0.0,
                q=(3.2,),
                size_bytes=5120,
                time_seconds=400_001.85,
                bitrate_kbps=0.0,
                speed=1480.0,
                dup=3,
                drop=4,
                elapsed_seconds=90.12,
                final=True,
            ),
        ),
        (
            b"size=      16KiB time=-00:00:00.97 bitrate=N/A speed=   0x    ",
            FfmpegProgress(size_bytes=16384, time_seconds=-0.97, speed=0.0),
        ),
    ],
)
def test_statistics_lines(text: bytes, wanted: FfmpegProgress) -> None:
    assert try_parse_stats(text, ends_with_newline=False) == wanted


@pytest.mark.parametrize(
    "text",
    [
        b"[libx264 @ 0x5] frame I:2     Avg QP:10.00  size:  1024",
        b"    artist          : frame=  999 fps=0.0 q=0.0 size=    1kB time=00:00:09.00 bitrate=   1.0kbits/s speed=9x",
        b"frame=1.2.3 fps=1 q=1 size= 1kB time=00:00:00.00 bitrate=N/A speed=1x",
        b"frame=  1 fps=1.2.3 q=1.0 size=    1kB time=00:00:00.00 bitrate=N/A speed=1x",
        b"size=1kB",
        b"",
    ],
)
def test_what_only_looks_like_statistics(text: bytes) -> None:
    assert try_parse_stats(text, ends_with_newline=True) is None


def test_a_newline_marks_the_last_statistics_line() -> None:
    text = b"size=      16KiB time=00:00:00.97 bitrate=N/A speed=   1x    "
    progress = try_parse_stats(text, ends_with_newline=True)
    assert progress is not None
    assert progress.final


def test_a_progress_block() -> None:
    block: dict[str, str] = {}
    lines = [
        "frame=8",
        "fps=0.00",
        "stream_0_0_q=-1.0",
        "bitrate= 105.6kbits/s",
        "total_size=14104",
        "out_time_us=1068118",
    ]
    lines += [
        "out_time_ms=1068118",
        "out_time=00:00:01.068118",
        "dup_frames=0",
        "drop_frames=2",
        "speed=4.27x",
        "progress=end",
    ]
    found = [add_pair(block, *pair) for line in lines if (pair := try_parse_pair(line))]
    assert found[:-1] == [None] * 11
    assert found[-1] == FfmpegProgress(
        frame=8,
        fps=0.0,
        q=(-1.0,),
        size_bytes=14104,
        time_seconds=1.068118,
        bitrate_kbps=105.6,
        speed=4.27,
        dup=0,
        drop=2,
        final=True,
    )
    assert block == {}
    assert try_parse_pair("artist=frame") is None


def test_a_progress_block_that_knows_nothing_yet() -> None:
    block: dict[str, str] = {}
    for line in [
        "bitrate=N/A",
        "total_size=N/A",
        "out_time_us=-2077252342775807",
        "out_time=-577014:32:22.775807",
        "speed=N/A",
    ]:
        pair = try_parse_pair(line)
        assert pair is not None
        add_pair(block, *pair)
    assert add_pair(block, "progress", "continue") == FfmpegProgress()


def test_header_lines() -> None:
    assert (
        try_parse_banner("ffmpeg version 7.0.2-static https://johnvansickle.com/ffmpeg/  Copyright (c) 2000-2024 the")
        == "7.0.2-static"
    )
    file = try_parse_file("Input #0, mp3, from 'it's a 'quoted' näme.mp3':")
    assert file is not None
    assert (file.kind, file.number, file.form, file.url, file.closed) == (
        "input",
        0,
        "mp3",
        "it's a 'quoted' näme.mp3",
        True,
    )
    assert is_summary(
        "video:31kB audio:31kB subtitle:0kB other streams:0kB global headers:0kB muxing overhead: 6.679102%"
    )


@pytest.mark.parametrize(
    ("message", "component", "severity", "category", "effect"),
    [
        ("Connection to tcp://h:1935 failed: Connection refused", ("tcp",), "error", "network", "fatal_start"),
        ("Failed to update header with correct duration.", ("flv",), "warning", "output", "benign"),
        ("gone.mp3: No such file or directory", (), "error", "input", "fatal_start"),
        ("rtmp://h/live2/***: Operation not permitted", (), "error", "auth", "fatal_start"),
        ("Error opening output files: I/O error", (), "fatal", "output", "consequence"),
        ("Stream ends prematurely at 10, should be 18446744073709551615", ("http",), "error", "input", "benign"),
        ("Stream ends prematurely at 10, should be 20", ("http",), "error", "network", "degraded"),
        ("av_interleaved_write_frame(): No space left on device", (), "error", "resources", "fatal_run"),
        ("error:0A000086:SSL routines::certificate verify failed", ("tls",), "error", "tls", "fatal_start"),
    ],
)
def test_known_messages(message: str, component: tuple[str, ...], severity: str, category: str, effect: str) -> None:
    verdict = classify(message, component, None, running=False, debug=False)
    assert (verdict.severity, verdict.source, verdict.category, verdict.effect) == (
        severity,
        "template",
        category,
        effect,
    )


@pytest.mark.parametrize(
    ("message", "debug", "severity"),
    [
        ("the frobnicator failed", False, "error"),
        ("option is deprecated", False, "warning"),
        ("warming up", False, "info"),
        ("the frobnicator failed", True, "debug"),
    ],
)
def test_unknown_messages_are_guessed_and_say_so(message: str, debug: bool, severity: str) -> None:
    verdict = classify(message, ("h264",), None, running=True, debug=debug)
    assert (verdict.severity, verdict.source, verdict.category) == (severity, "guess", "codec")


def test_a_label_wins_over_the_table() -> None:
    verdict = classify("Failed to update header with correct duration.", ("flv",), "error", running=True, debug=False)
    assert (verdict.severity, verdict.source) == ("error", "level")


def test_templates_are_stable_between_runs() -> None:
    first = classify("stream 1, offset 0xebde: partial file", (), None, running=True, debug=False)
    second = classify("stream 0, offset 0x1234: partial file", (), None, running=True, debug=False)
    assert first.template == second.template


def test_reasons() -> None:
    assert reason_of("Error opening output files: Connection refused") == "Connection refused"
    assert reason_of("Task finished with error code: -32 (Broken pipe)") == "Broken pipe"
    assert reason_of("all is well") is None
    assert exit_status_of("Broken pipe") == 224


ROWS = [
    ("Connection to h failed (Connection refused), trying next address", "warning"),
    ("Server error: Already publishing", "error"),
    ("HTTP error 404 Not Found", "warning"),
    ("Will reconnect at 10 in 1 second(s).", "warning"),
    ("Error opening input: End of file", "error"),
    ("Slave muxer #0 failed: Broken pipe, continuing with 1/2 slaves.", "error"),
    ("Recovery failed: Broken pipe", "info"),
    ("FIFO queue full", "warning"),
    ("Invalid DTS: 1 PTS: 2, replacing by guess", "warning"),
    ("Thread message queue blocking; consider raising the thread_queue_size option (current value: 8)", "warning"),
    ("More than 1000 frames duplicated", "warning"),
    ("Impossible to open 'gone.mp3'", "error"),
    ("x.mp4: corrupt input packet in stream 1", "warning"),
    ("Unknown encoder 'x'", "fatal"),
    ("Error encoding a frame: Buffer too small", "error"),
    ("The text file '/x' could not be read or is empty", "error"),
    ("Stream map '0:v' matches no streams.", "fatal"),
    ("File 'a.mp3' already exists. Exiting.", "fatal"),
    ("Device creation failed: -22.", "error"),
    ("Could not dynamically load CUDA", "error"),
]


@pytest.mark.parametrize(("message", "severity"), ROWS)
def test_messages_that_the_corpus_does_not_hold(message: str, severity: str) -> None:
    verdict = classify(message, (), None, running=False, debug=False)
    assert (verdict.severity, verdict.source) == (severity, "template")
