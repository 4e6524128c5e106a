"""FFmpeg's statistics line, the hot path: one regular expression on bytes; holds no state.

The form is `print_report` of fftools/ffmpeg.c in FFmpeg 4 to 9. `size` counts 1024 bytes whatever the unit is called.
"""

import re
from functools import lru_cache

from parsers.events import FfmpegProgress

# Possessive quantifiers: nothing is ever tried twice, which takes a third of the time.
_Q = rb"(?:L?q= *+-?[\d.]{1,12}+ )*+"
_STATS = re.compile(
    rb"(?:frame= *+(\d{1,18}+) fps= *+([\d.]{1,12}+) )?+"
    rb"(" + _Q + rb"L?+(?:[0-9A-Fa-f]{32})?+(?:L?PSNR=Y:\S+ U:\S+ V:\S+ \*:\S+ )?+" + _Q + rb"L?+)"
    rb"size= *+(?:(-?\d{1,15}+)[kK]i?B|N/A)"
    rb" time= *+(?:(-?)(\d{1,9}+:\d\d):(\d\d\.\d\d)|N/A)"
    rb" bitrate= *+(?:(-?[\d.]{1,18}+)kbits/s|N/A)"
    rb"(?: dup=(\d{1,18}+) drop=(\d{1,18}+))?+"
    rb"(?: speed= *+(?:(\d{1,9}+(?:\.\d{1,9}+)?+(?:e\+?\d\d)?+)x|\S++))?+"
    rb"(?: elapsed= *+(\d{1,9}+:\d\d):(\d\d\.\d\d))?+ *+$"
)
_Q_VALUE = re.compile(rb"q= *(-?\d{1,9}(?:\.\d{1,3})?) ")
HOURS_BELIEVED = 100_000  # FFmpeg 6.0 prints INT64_MIN (-577014 hours) while no timestamp is known


@lru_cache(maxsize=1024)
def _qualities(text: bytes) -> tuple[float, ...]:
    return tuple(float(value) for value in _Q_VALUE.findall(text))


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
    frame, fps, q, size, sign, clock, rest, kbps, dup, drop, speed, run_clock, run_rest = found.groups()
    time_seconds: float | None = None
    if clock is not None and (whole := _clock_hundredths(clock)) < HOURS_BELIEVED * 360_000:
        time_seconds = (whole + _hundredths(rest)) / 100
        if sign:
            time_seconds = -time_seconds
    try:
        return FfmpegProgress(
            frame=None if frame is None else int(frame),
            fps=None if fps is None else _number(fps),
            q=_qualities(q) if q else (),
            size_bytes=None if size is None else int(size) * 1024,
            time_seconds=time_seconds,
            bitrate_kbps=None if kbps is None else _number(kbps),
            speed=None if speed is None else _number(speed),
            dup=None if dup is None else int(dup),
            drop=None if drop is None else int(drop),
            elapsed_seconds=None if run_clock is None else (_clock_hundredths(run_clock) + _hundredths(run_rest)) / 100,
            final=ends_with_newline or b"L" in q,
        )
    except ValueError:  # what only looks like a number: 1.2.3
        return None


# Rates hardly change from line to line.
@lru_cache(maxsize=8192)
def _number(text: bytes) -> float:
    return float(text) + 0.0  # minus zero becomes zero


# Lines come several a second: hours and minutes are nearly always those of the line before.
@lru_cache(maxsize=64)
def _clock_hundredths(clock: bytes) -> int:
    hours, minutes = clock.split(b":")
    return int(hours) * 360_000 + int(minutes) * 6_000


@lru_cache(maxsize=8192)
def _hundredths(rest: bytes) -> int:
    return int(rest[:2]) * 100 + int(rest[3:])
