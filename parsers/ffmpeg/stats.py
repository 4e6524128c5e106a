"""FFmpeg's statistics line, the hot path: one regular expression on bytes; holds no state.

The form is `print_report` of fftools/ffmpeg.c in FFmpeg 4 to 9. `size` counts 1024 bytes whatever the unit is called.
"""

import re
from collections.abc import Callable
from typing import TypeVar

from parsers.events import FfmpegProgress

# Possessive quantifiers: nothing is ever tried twice, which takes a third of the time.
_Q = rb"(?:L?q= *+-?[\d.]{1,12}+ )*+"
# What hardly changes from line to line (rate and qualities; dup, drop, speed) is a group, remembered as a whole.
_STATS = re.compile(
    rb"(?:frame= *+(\d{1,18}+) (?=fps=))?+"
    rb"((?:(?<=\d )fps= *+[\d.]{1,12}+ )?+"
    rb"" + _Q + rb"L?+(?:[0-9A-Fa-f]{32})?+(?:L?PSNR=Y:\S+ U:\S+ V:\S+ \*:\S+ )?+" + _Q + rb"L?+)"
    rb"size= *+(?:(-?\d{1,15}+)[kK]i?B|N/A)"
    rb" time= *+(?:(-?)(\d{1,9}+:\d\d):(\d\d\.\d\d)|N/A)"
    rb" bitrate= *+(?:(-?[\d.]{1,18}+)kbits/s|N/A)"
    rb"((?: dup=\d{1,18}+ drop=\d{1,18}+)?+"
    rb"(?: speed= *+(?:\d{1,9}+(?:\.\d{1,9}+)?+(?:e\+?\d\d)?+x|\S++))?+)"
    rb"(?: elapsed= *+(\d{1,9}+:\d\d):(\d\d\.\d\d))?+ *+$"
)
_FPS = re.compile(rb"fps= *([\d.]+) ")
_Q_VALUE = re.compile(rb"q= *(-?\d{1,9}(?:\.\d{1,3})?) ")
_DUP = re.compile(rb" dup=(\d+) drop=(\d+)")
_SPEED = re.compile(rb" speed= *+(\d++(?:\.\d++)?+(?:e\+?\d\d)?+)x$")
HOURS_BELIEVED = 100_000  # FFmpeg 6.0 prints INT64_MIN (-577014 hours) while no timestamp is known

T = TypeVar("T")


class _Remembered(dict[bytes, T]):
    """What texts mean, computed once each: half the cost of `lru_cache`. Forgets all when it is full."""

    def __init__(self, meaning: Callable[[bytes], T], most: int) -> None:
        super().__init__()
        self._meaning, self._most = meaning, most

    def __missing__(self, text: bytes) -> T:
        if len(self) >= self._most:
            self.clear()
        value = self[text] = self._meaning(text)
        return value


def _number(text: bytes) -> float:
    return float(text) + 0.0  # minus zero becomes zero


def _head(text: bytes) -> tuple[float | None, tuple[float, ...], bool]:
    """Frames a second, qualities, and whether FFmpeg marked the line as the last."""
    fps = _FPS.match(text)
    qualities = tuple(float(value) for value in _Q_VALUE.findall(text))
    return None if fps is None else _number(fps.group(1)), qualities, b"L" in text


def _tail(text: bytes) -> tuple[int | None, int | None, float | None]:
    """Frames doubled, frames dropped, speed."""
    dup, speed = _DUP.match(text), _SPEED.search(text)
    dropped = (None, None) if dup is None else (int(dup.group(1)), int(dup.group(2)))
    return *dropped, None if speed is None else _number(speed.group(1))


def _hundredths_of_clock(clock: bytes) -> int:
    hours, minutes = clock.split(b":")
    return int(hours) * 360_000 + int(minutes) * 6_000


def _hundredths_of_seconds(rest: bytes) -> int:
    return int(rest[:2]) * 100 + int(rest[3:])


_HEADS = _Remembered(_head, 4096)
_TAILS = _Remembered(_tail, 4096)
_NUMBERS = _Remembered(_number, 8192)
_CLOCKS = _Remembered(_hundredths_of_clock, 64)  # lines come several a second: mostly that of the line before
_SECONDS = _Remembered(_hundredths_of_seconds, 6000)  # as many as there are


def try_parse_stats(data: bytes, *, ends_with_newline: bool) -> FfmpegProgress | None:
    r"""Read one statistics line without its prefixes.

    Args:
        data: the line, without colours, date, level.
        ends_with_newline: FFmpeg ends intermediate lines with `\\r` and the last one with `\\n`.

    Returns:
        The progress, without a time of its own; None when the line is something else.
    """
    found = _STATS.match(data)
    if found is None:
        return None
    frame, head, size, sign, clock, rest, kbps, tail, run_clock, run_rest = found.groups()
    time_seconds: float | None = None
    if clock is not None and (whole := _CLOCKS[clock]) < HOURS_BELIEVED * 360_000:
        time_seconds = (whole + _SECONDS[rest]) / 100
        if sign:
            time_seconds = -time_seconds
    try:
        fps, qualities, last = _HEADS[head]
        dup, drop, speed = _TAILS[tail]
        return FfmpegProgress(
            frame=None if frame is None else int(frame),
            fps=fps,
            q=qualities,
            size_bytes=None if size is None else int(size) * 1024,
            time_seconds=time_seconds,
            bitrate_kbps=None if kbps is None else _NUMBERS[kbps],
            speed=speed,
            dup=dup,
            drop=drop,
            elapsed_seconds=None if run_clock is None else (_CLOCKS[run_clock] + _SECONDS[run_rest]) / 100,
            final=ends_with_newline or last,
        )
    except ValueError:  # what only looks like a number: 1.2.3
        return None
