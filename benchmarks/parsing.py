"""Parsers alone: FFmpeg statistics and JSON metric lines, beside the standard library reading the same bytes."""

import json
import re
import time
from datetime import UTC

from benchmarks.figures import Figure, alternate
from parsers.lines import LineSplitter
from parsers.registry import create

STATS = b"frame=%5d fps= 25 q=-1.0 size=  %6dkB time=00:%02d:%02d.00 bitrate=2500.1kbits/s speed=1.01x    \r"
_NUMBERS = re.compile(rb"(\w+)=\s*([^ ]+)")


def _rate(parser_name: str, data: bytes, count: int) -> float:
    parser = create(parser_name, None, UTC)
    splitter = LineSplitter(splits_at_cr=parser.splits_at_cr)
    began = time.perf_counter()
    for at in range(0, len(data), 1 << 20):
        for line in splitter.feed(data[at : at + (1 << 20)]):
            parser.feed(line)
    return count / (time.perf_counter() - began)


def measure(count: int, rounds: int) -> list[Figure]:
    """Lines a second of one core."""
    stats = b"".join(STATS % (n * 25, n * 300, n // 60 % 60, n % 60) for n in range(count))
    metric = json.dumps({"timestamp": "2026-11-22T10:00:00.123456Z", "event": "metric", "service": "m",
                         "metric_name": "cpu_percent", "metric_value": 41.5}).encode() + b"\n"  # fmt: skip

    def by_regex() -> float:
        began = time.perf_counter()
        for line in stats.split(b"\r"):
            dict(_NUMBERS.findall(line))
        return count / (time.perf_counter() - began)

    def by_json() -> float:
        began = time.perf_counter()
        for line in (metric * count).splitlines():
            json.loads(line)
        return count / (time.perf_counter() - began)

    ffmpeg = alternate(lambda: _rate("ffmpeg", stats, count), by_regex, rounds)
    lines = alternate(lambda: _rate("json", metric * count, count), by_json, rounds)
    return [
        Figure("FFmpeg statistics lines parsed", "lines/s", ffmpeg[0], "one regex a line", ffmpeg[1], 1.0),
        Figure("JSON metric lines parsed", "lines/s", lines[0], "json.loads alone", lines[1], 0.5),
    ]
