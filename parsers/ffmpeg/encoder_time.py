"""How long an FFmpeg process has been running, as its statistics tell: the clock of logs without times. Pure.

FFmpeg 8 and later print `elapsed=`. Before, the run time is the output's time over the average speed, of which FFmpeg
prints three digits: 0.05 % of uncertainty.
"""

import re
from collections.abc import Iterable

from msgspec import Struct

from parsers.events import FfmpegProgress
from parsers.ffmpeg.stats import HOURS_BELIEVED

# Of run time that was counted: how much of it may be wrong.
DRIFT = 0.001
_OVERLAP_BYTES = 512
# A line is another process's, whose log goes on beside this one's, when it leaps from here and follows closely there.
_LEAP_SECONDS = 10.0
_LEAP_STEPS = 5
_BESIDE_SECONDS = 60.0
_STATS = re.compile(
    rb" time= *(\d{1,9}):(\d\d):(\d\d\.\d\d) bitrate=[^\r\n]{0,60}? speed= *(?:(\d[\d.e+]{0,12})x|N/A)"
    rb"(?: elapsed= *(\d{1,9}):(\d\d):(\d\d\.\d\d))?"
    rb"|\nout_time_us=(\d{1,18})\r?\n(?:[a-z_]+=[^\n]{0,60}\n){1,4}speed= *(?:(\d[\d.e+]{0,12})x|N/A)"
)


class Runs(Struct):
    """Run time added up over the processes that wrote a log one after the other.

    Attributes:
        done: seconds of the processes before the current one.
        current: seconds of the current one.
        count: how many there were before it.
        step: from the statistics line before to the last one.
        beside: run time of a process that may still write beside it; its lines do not count.
    """

    done: float = 0.0
    current: float = 0.0
    count: int = 0
    step: float = 0.0
    beside: float | None = None

    @property
    def position(self) -> float:
        """Seconds of all of them so far."""
        return self.done + self.current

    def reach(self, seconds: float) -> None:
        """A statistics line says that its process has run for so long. Much less than before: it is another process."""
        if seconds >= self.current:
            step = seconds - self.current
            leaps = step > max(_LEAP_SECONDS, _LEAP_STEPS * self.step)
            if leaps and self.beside is not None and self.beside <= seconds <= self.beside + _BESIDE_SECONDS:
                self.beside = seconds
                return
            self.step = step
            self.current = seconds
        elif seconds < self.current - max(2.0, 0.01 * self.current):
            self.done += self.current
            self.beside = self.current
            self.current, self.step = seconds, 0.0
            self.count += 1


def run_seconds(progress: FfmpegProgress) -> float | None:
    """How long the process has run when it prints a statistics line; None where the line does not tell."""
    return _run_seconds(progress.time_seconds, progress.speed, progress.elapsed_seconds)


def add_up(chunks: Iterable[bytes], runs: Runs) -> None:
    """Go through the bytes of a log and count the run time in it; faster than parsing, and as exact.

    Args:
        chunks: the log from some line's first byte on, cut anywhere.
        runs: where the count stands there; is moved on.
    """
    rest = b""
    for chunk in chunks:
        data = rest + chunk
        taken = 0
        for found in _STATS.finditer(data, 0, max(0, len(data) - _OVERLAP_BYTES)):
            _reach(found, runs)
            taken = found.end()
        rest = data[max(taken, len(data) - 2 * _OVERLAP_BYTES) :]
    for found in _STATS.finditer(rest):
        _reach(found, runs)


def _reach(found: "re.Match[bytes]", runs: Runs) -> None:
    hours, minutes, seconds, speed, e_hours, e_minutes, e_seconds, micros, block_speed = found.groups()
    elapsed = None
    if micros is not None:
        time_seconds, speed = int(micros) / 1_000_000, block_speed
    else:
        time_seconds = _seconds(hours, minutes, seconds)
        if e_hours is not None:
            elapsed = _seconds(e_hours, e_minutes, e_seconds)
    try:
        run = _run_seconds(time_seconds, float(speed) if speed else None, elapsed)
    except ValueError:  # what only looks like a number: 1.2.3
        return
    if run is not None:
        runs.reach(run)


def _seconds(hours: bytes, minutes: bytes, seconds: bytes) -> float:
    return (int(hours) * 360_000 + int(minutes) * 6_000 + int(seconds[:2]) * 100 + int(seconds[3:])) / 100


def _run_seconds(time_seconds: float | None, speed: float | None, elapsed_seconds: float | None) -> float | None:
    if elapsed_seconds is not None:
        return elapsed_seconds
    if time_seconds is None or not 0 <= time_seconds < HOURS_BELIEVED * 3600:
        return None
    return time_seconds / speed if speed else time_seconds
