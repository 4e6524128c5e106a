"""Which parser for which file: by configured pattern, by content, by name; and "wait" while nothing can be told."""

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from parsers.events import LogRecord, RawLine, TimeQuality
from parsers.registry import HEAD_BYTES, NAMES, choose, create

JSON = b'{"event":"x"}\n'
BANNER = b"ffmpeg version 5.1.6-0+deb12u1 Copyright (c) 2000-2024 the FFmpeg developers\n"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (JSON, "json"),
        (b"\n  \n" + JSON, "json"),
        (b"  " + JSON, "json"),
        (b"\xef\xbb\xbf" + JSON, "json"),
        (b"\0\0\0\0" + JSON, "json"),
        (b"starting up\n" + JSON * 3, "json"),
        (b"{not json\n", "json"),
        (BANNER, "ffmpeg"),
        (b"\n" + BANNER, "ffmpeg"),
        (b"starting\n" * 50 + BANNER, "ffmpeg"),
        (b"\x1b[48;5;0m" + BANNER, "ffmpeg"),
        (b"2026-11-24T02:00:00+00:00 host ffmpeg[123]: " + BANNER, "ffmpeg"),
        (b"  built with gcc 12 (Debian 12.2.0-14)\n", "ffmpeg"),
        (b"Input #0, mp3, from 'a.mp3':\n", "ffmpeg"),
        (b"[info] Input #0, mp3, from 'a.mp3':\n", "ffmpeg"),
        (
            b"frame=  100 fps= 25 q=-1.0 size=     512kB time=00:00:04.00 bitrate=1048.6kbits/s speed=   1x    \r",
            "ffmpeg",
        ),
        (b"size=     512kB time=00:00:04.00 bitrate=1048.6kbits/s speed=   1x    \r", "ffmpeg"),
        (b"[flv @ 0x55d0c8a1b2c0] Failed to update header with correct duration.\n", "ffmpeg"),
        (b"[rtmp @ 0x55d0c8a1b2c0] [error] Cannot open connection\n", "ffmpeg"),
        (b"frame=12\nfps=25.00\nstream_0_0_q=-1.0\n", "ffmpeg"),
        (b"out_time_us=N/A\n", "ffmpeg"),
        (b"av_interleaved_write_frame(): Broken pipe\n", "ffmpeg"),
        (b"2026-11-24 02:00:00 INFO started\n", "text"),
        (b"we say frame=12 here\n", "text"),
        (b"[1,2]\n", "text"),
        (b"\x7fELF\x02\x01\n", "text"),
        (b"", None),
        (b"\n\n  \n\r\n", None),
        (b'{"event":"x"', None),
        (b"ffmpeg ver", None),
        (b"\0\0\0", None),
    ],
)
def test_by_content(head: bytes, expected: str | None) -> None:
    assert choose("/var/log/radio/player.log", head, ()) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/l/ffmpeg.log", "ffmpeg"), ("/l/radio-FFmpeg-1.log.3", "ffmpeg"), ("/l/ffmpeg/player.log", "text")],
)
def test_a_name_with_ffmpeg_decides_where_content_does_not(path: str, expected: str) -> None:
    assert choose(path, b"/tmp: Is a directory\n", ()) == expected
    assert choose(path, JSON, ()) == "json"
    assert choose(path, b"", ()) is None


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("/var/log/radio/enc.log", "enc.log"),
        ("/var/log/radio/enc.log", "*.log"),
        ("/var/log/radio/enc.log", "radio/enc*"),
        ("/var/log/radio/enc.log", "/var/log/*/enc.log"),
        ("/var/log/radio/enc.log.1", "enc.log"),
        ("/var/log/radio/enc.log.12.gz", "enc.log"),
        ("/var/log/radio/enc.log-20261124.zst", "enc.log"),
        ("/var/log/radio/enc.log-20261124-1732412345", "enc.log"),
        ("/var/log/radio/enc.log.2026-11-24", "enc.log"),
        ("/var/log/radio/enc.log.2026-11-24_03-00-00", "enc.log"),
        ("/var/log/radio/enc.log.2026-11-24_03", "enc.log"),
        ("/var/log/radio/enc.log.old", "*.log"),
        ("/var/log/radio/enc.log.1", "*.1"),
    ],
)
def test_a_configured_pattern_comes_first(path: str, pattern: str) -> None:
    for head in (b"", JSON, BANNER):
        assert choose(path, head, [("nothing*", "json"), (pattern, "text"), ("*", "ffmpeg")]) == "text"


@pytest.mark.parametrize("pattern", ["nc.log", "ENC.log", "enc", "other/enc.log", "log/radio"])
def test_a_pattern_matches_whole_names_only(pattern: str) -> None:
    assert choose("/var/log/radio/enc.log.1", JSON, [(pattern, "text")]) == "json"


def test_a_full_head_without_a_line_end_is_decided() -> None:
    assert choose("/l/a.log", b"x" * HEAD_BYTES, ()) == "text"
    assert choose("/l/a.log", b'{"a":"' + b"x" * HEAD_BYTES, ()) == "json"


def test_every_name_makes_its_parser() -> None:
    for name in NAMES:
        for parser in (create(name, None, UTC), create(name, {}, UTC)):
            assert parser.name == name
            assert parser.state() == {}
            assert parser.splits_at_cr == (name == "ffmpeg")


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="no parser 'xml'; there are json, ffmpeg, text"):
        create("xml", None, UTC)


@pytest.mark.parametrize(
    ("name", "data"), [("json", b'{"event":"x","timestamp":"2026-11-24 02:00:00"}'), ("text", b"2026-11-24 02:00:00 x")]
)
def test_parsers_know_the_zone(name: str, data: bytes) -> None:
    (outcome,) = create(name, None, ZoneInfo("Europe/Berlin")).feed(RawLine(0, len(data) + 1, data))

    (record,) = outcome.parsed
    assert isinstance(record, LogRecord)
    assert record.timestamp is not None
    assert (record.timestamp.hour, record.time_quality) == (1, TimeQuality.ZONELESS)


def test_a_parser_goes_on_from_its_state() -> None:
    first = create("text", None, UTC)
    data = b"Traceback (most recent call last):"
    assert list(first.feed(RawLine(0, len(data) + 1, data))) == []

    second = create("text", first.state(), UTC)

    (outcome,) = second.finish()
    assert (outcome.start, outcome.end) == (0, len(data) + 1)
