"""Parsers alone: FFmpeg's statistics lines in the forms of its versions, and JSON lines; split, parsed, no database.

The reference reads the same bytes with the standard library, and checks nothing.
"""

import json
import random
import re
import time
from collections.abc import Callable
from datetime import UTC

from benchmarks.figures import Figure, alternate
from benchmarks.lines import SEED, mixed_lines
from parsers.lines import LineSplitter
from parsers.registry import create

AT_LEAST_PER_SECOND = 300_000.0
CHUNK_BYTES = 1 << 20
_NUMBERS = re.compile(rb"(\w+)=\s*([^ ]+)")


VERSIONS = ("4 to 6", "7", "8 and 9", "audio", "two outputs")


def stats_lines(version: str, count: int, seed: int = SEED) -> list[bytes]:
    """Two statistics lines a second of an encoder that holds its pace, as a version of FFmpeg prints them.

    Args:
        version: one of `VERSIONS`; "audio" (no video stream) and "two outputs" as version 5 prints them.
        count: how many.
        seed: of what wavers: rate, quality, bitrate, speed.
    """
    chance = random.Random(seed)
    unit = "KiB" if version in ("7", "8 and 9") else "kB"
    lines = []
    for number in range(1, count + 1):
        hours, minutes, seconds = number // 7200, number // 120 % 60, number // 2 % 60
        clock = f"{minutes:02d}:{seconds:02d}.{50 * (number % 2) + number % 7:02d}"
        q = f"q={chance.randint(22, 29)}.0 " * (2 if version == "two outputs" else 1)
        frame = "" if version == "audio" else f"frame={number * 12:5d} fps={chance.choice([25, 25, 24]):3d} {q}"
        size, rate = f"size={number * 150:8d}{unit}", f"bitrate={chance.uniform(2480, 2520):6.1f}kbits/s"
        dup = f" dup={number // 900} drop={number // 1700}" if version == "two outputs" else ""
        speed = f"speed={chance.choice(['1x', '1x', '1.01x', '0.999x']):>5}"
        elapsed = f" elapsed={hours}:{clock}" if version == "8 and 9" else ""
        lines.append(f"{frame}{size} time={hours:02d}:{clock} {rate}{dup} {speed}{elapsed}    \r".encode())
    return lines


def measure(count: int, rounds: int, seed: int = SEED) -> list[Figure]:
    """Lines a second of one core."""
    figures = []
    for version in VERSIONS:
        stats = b"".join(stats_lines(version, count, seed))
        value, regex = alternate(_parsing("ffmpeg", stats, count), _by(_regex, stats, count), rounds)
        name = f"FFmpeg progress, {version}"
        figures.append(Figure(name, "lines/s", value, "at least", AT_LEAST_PER_SECOND, 1.0))
        figures.append(Figure(f"{name}: the same", "lines/s", value, "a regular expression alone", regex, None))
    mixed = b"".join(mixed_lines(count, seed))
    value, decoded = alternate(_parsing("json", mixed, count), _by(_json, mixed, count), rounds)
    return [*figures, Figure("JSON lines parsed", "lines/s", value, "json.loads alone", decoded, None)]


def _parsing(parser_name: str, data: bytes, count: int) -> Callable[[], float]:
    return lambda: _rate(parser_name, data, count)


def _rate(parser_name: str, data: bytes, count: int) -> float:
    parser = create(parser_name, None, UTC)
    splitter = LineSplitter(splits_at_cr=parser.splits_at_cr)
    began = time.perf_counter()
    for at in range(0, len(data), CHUNK_BYTES):
        for line in splitter.feed(data[at : at + CHUNK_BYTES]):
            parser.feed(line)
    return count / (time.perf_counter() - began)


def _by(read: Callable[[bytes], None], data: bytes, count: int) -> Callable[[], float]:
    def rate() -> float:
        began = time.perf_counter()
        read(data)
        return count / (time.perf_counter() - began)

    return rate


def _regex(data: bytes) -> None:
    for line in data.split(b"\r"):
        dict(_NUMBERS.findall(line))


def _json(data: bytes) -> None:
    for line in data.splitlines():
        json.loads(line)
