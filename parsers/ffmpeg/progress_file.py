"""The `key=value` blocks of FFmpeg's `-progress` option, in a file of their own or between stderr's lines."""

import re

from parsers.events import FfmpegProgress
from parsers.ffmpeg.stats import HOURS_BELIEVED

_PAIR = re.compile(
    r"(frame|fps|stream_\d{1,4}_\d{1,4}_(?:q|psnr_[a-z]{1,3})|bitrate|total_size|out_time(?:_us|_ms)?|dup_frames"
    r"|drop_frames|speed|progress)= *([^\s=]{0,40})\s*$"
)
_QUALITY = re.compile(r"stream_\d+_\d+_q$")
_MOST_PAIRS = 256
_MICROSECONDS_BELIEVED = HOURS_BELIEVED * 3600 * 1_000_000


def try_parse_pair(text: str) -> tuple[str, str] | None:
    """One line of a block; None for another line. Keys that FFmpeg does not print are another line."""
    found = _PAIR.match(text)
    return (found.group(1), found.group(2)) if found else None


def add_pair(block: dict[str, str], key: str, value: str) -> FfmpegProgress | None:
    """Add a line to its block.

    Args:
        block: what came since the last `progress=`; is emptied when the block is complete.
        key: as `try_parse_pair` gave it.
        value: same.

    Returns:
        The progress when this line completes the block, without a time of its own.
    """
    if key != "progress":
        if len(block) < _MOST_PAIRS:
            block[key] = value
        return None
    done = _progress(block, final=value == "end") if block else None
    block.clear()
    return done


def _progress(block: dict[str, str], *, final: bool) -> FfmpegProgress:
    qualities = [_float(value) for key, value in block.items() if _QUALITY.match(key)]
    # out_time_ms is in microseconds as well, whatever its name says (fftools/ffmpeg.c:print_report)
    micros = _int(block.get("out_time_us", block.get("out_time_ms", "")))
    believed = micros is not None and abs(micros) < _MICROSECONDS_BELIEVED
    return FfmpegProgress(
        frame=_int(block.get("frame", "")),
        fps=_float(block.get("fps", "")),
        q=tuple(value for value in qualities if value is not None),
        size_bytes=_int(block.get("total_size", "")),
        time_seconds=micros / 1_000_000 if micros is not None and believed else None,
        bitrate_kbps=_float(block.get("bitrate", "").removesuffix("kbits/s")),
        speed=_float(block.get("speed", "").removesuffix("x")),
        dup=_int(block.get("dup_frames", "")),
        drop=_int(block.get("drop_frames", "")),
        final=final,
    )


def _int(text: str) -> int | None:
    return int(text) if re.fullmatch(r"-?[0-9]{1,18}", text) else None


def _float(text: str) -> float | None:
    if not re.fullmatch(r"-?[0-9.]{1,18}(?:e[+-]?[0-9]{1,3})?", text):
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    return value + 0.0 if -1e300 < value < 1e300 else None
