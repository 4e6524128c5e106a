"""The encoder's log of the sample day: real captures, given times, joined by made statistics lines.

What is FFmpeg's own and what is made is said in samples/README.md.
"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from samples.day import crash_attempts
from samples.schedule import CRASH, ENCODER_PIDS, HICCUP, ZONE, local
from samples.writer import HOST

CAPTURES = Path(__file__).parent / "captures"
STATISTICS_EVERY = timedelta(seconds=60)
FRAMES_PER_SECOND = 25
KBPS = 432.9
_LOOPBACK = re.compile(r"((?:tcp|rtmp)://)127\.0\.0\.1:\d+")


def encoder_log(random: Random) -> bytes:
    """All encoder processes of the day, as `journalctl -o short-iso` prints them."""
    lines: list[str] = []
    started = local("00:00:01")
    for pid, start, end, capture in (
        (ENCODER_PIDS[0], started, CRASH.start, "broken-pipe.log"),
        *((4800 + at, attempt, attempt, "refused.log") for at, attempt in enumerate(crash_attempts())),
        (ENCODER_PIDS[1], CRASH.end - timedelta(seconds=2), HICCUP.start, "broken-pipe.log"),
        (ENCODER_PIDS[2], HICCUP.end - timedelta(seconds=2), local("23:59:58"), "sigterm.log"),
    ):
        for at, text in _session(capture, start, end, random):
            lines.append(f"{at.astimezone(ZONE):%Y-%m-%dT%H:%M:%S%z} {HOST} ffmpeg[{pid}]: {text}\n")
    return "".join(lines).encode()


def _session(capture: str, start: datetime, end: datetime, random: Random) -> Iterator[tuple[datetime, str]]:
    """A capture's beginning at `start` and its end at `end`, with statistics between them."""
    text = _LOOPBACK.sub(_platform, (CAPTURES / capture).read_bytes().decode())
    lines = re.split(r"\r\n|\r|\n", text.removesuffix("\n"))
    statistics = [at for at, line in enumerate(lines) if line.startswith("frame=") and "Lsize" not in line]
    if not statistics:
        yield from ((start, line) for line in lines)
        return
    yield from ((start, line) for line in lines[: statistics[0]])
    at = start + STATISTICS_EVERY
    while at < end:
        yield at, _statistics((at - start).total_seconds(), random, "size")
        at += STATISTICS_EVERY
    for line in lines[statistics[-1] + 1 :]:
        yield end, _statistics((end - start).total_seconds(), random, "Lsize") if "Lsize=" in line else line


def _platform(address: re.Match[str]) -> str:
    """What stood there if the station had spoken to its platform instead of the loopback interface."""
    return f"{address[1]}a.rtmp.youtube.com{':1935' if address[1] == 'tcp://' else ''}"


def _statistics(seconds: float, random: Random, size: str) -> str:
    """A line in the form of FFmpeg 5.1's print_report."""
    encoded = seconds + random.uniform(0.01, 0.9)
    speed = encoded / seconds
    hours, rest = divmod(encoded, 3600)
    minutes, rest = divmod(rest, 60)
    kib = encoded * KBPS * 1000 / 8 / 1024
    time = f"{hours:02.0f}:{minutes:02.0f}:{rest:05.2f}"
    return (
        f"frame={encoded * FRAMES_PER_SECOND:5.0f} fps={FRAMES_PER_SECOND:3d} q={random.choice((29, 31, 32, 33)):.1f} "
        f"{size}={kib:8.0f}kB time={time} bitrate={KBPS:6.1f}kbits/s speed={speed:4.3g}x    "
    )
