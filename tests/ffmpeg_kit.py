"""An FFmpeg log as a radio's encoder writes it over hours: sessions, statistics, failures, at chosen times."""

from datetime import UTC, datetime, timedelta
from typing import Self

START = datetime(2026, 11, 22, 10, tzinfo=UTC)
KEY = "fak3-k3y0-abcd-1234-wxyz"

HEADER = f"""ffmpeg version 8.0 Copyright (c) 2000-2025 the FFmpeg developers
Input #0, mp3, from 'night.mp3':
  Duration: 00:03:00.00, start: 0.025057, bitrate: 128 kb/s
  Stream #0:0: Audio: mp3 (mp3float), 44100 Hz, stereo, fltp, 128 kb/s
Stream mapping:
  Stream #0:0 -> #0:0 (mp3 (mp3float) -> aac (native))
Output #0, flv, to 'rtmp://a.rtmp.youtube.com/live2/{KEY}':
  Stream #0:0: Audio: aac (LC) ([10][0][0][0] / 0x000A), 44100 Hz, stereo, fltp, 128 kb/s"""

BROKEN_PIPE = """[aost#0:0/aac @ 0x55df76408f00] Error submitting a packet to the muxer: Broken pipe
    Last message repeated 1 times
[out#0/flv @ 0x55df7638bb00] Error muxing a packet
[out#0/flv @ 0x55df7638bb00] Task finished with error code: -32 (Broken pipe)
[out#0/flv @ 0x55df7638bb00] Terminating thread with return code -32 (Broken pipe)
[flv @ 0x55df76417900] Failed to update header with correct duration.
[flv @ 0x55df76417900] Failed to update header with correct filesize.
[out#0/flv @ 0x55df7638bb00] Error writing trailer: Broken pipe
[out#0/flv @ 0x55df7638bb00] Error closing file: Broken pipe"""

REFUSED = f"""[tcp @ 0x55d63e5cbc80] Connection to tcp://a.rtmp.youtube.com:1935?tcp_nodelay=0 failed: Connection refused
[rtmp @ 0x55d63e5cb540] Cannot open connection tcp://a.rtmp.youtube.com:1935?tcp_nodelay=0
[out#0/flv @ 0x55d63e64c280] Error opening output rtmp://a.rtmp.youtube.com/live2/{KEY}: Connection refused
Error opening output file rtmp://a.rtmp.youtube.com/live2/{KEY}.
Error opening output files: Connection refused"""


class EncoderLog:
    """Text that grows.

    Args:
        stamped: every line but the statistics carries its time, as a supervisor puts it in front.
        elapsed: statistics carry the run time, as those of FFmpeg 8 do.
    """

    def __init__(self, *, stamped: bool = True, elapsed: bool = False) -> None:
        self.text = ""
        self.now = START
        self._stamped = stamped
        self._elapsed = elapsed
        self._began = START
        self._out_seconds = 0.0

    def wait(self, seconds: float) -> Self:
        """Time passes, and nobody writes."""
        self.now += timedelta(seconds=seconds)
        return self

    def say(self, text: str, end: str = "\n") -> Self:
        """Lines, at the present."""
        stamp = f"{self.now:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z " if self._stamped else ""
        self.text += "".join(f"{stamp}{line}{end}" for line in text.split("\n"))
        return self

    def start(self) -> Self:
        """A process begins to write."""
        self._began, self._out_seconds = self.now, 0.0
        return self.say(HEADER.split("\n", 1)[0]).say(HEADER.split("\n", 1)[1])

    def play(self, seconds: float, *, every: float = 10.0, speed: float = 1.0, kbps: float = 128.0) -> Self:
        """Statistics while time passes."""
        for _ in range(int(seconds / every)):
            self.wait(every)
            self._out_seconds += every * speed
            self.say(self._statistics(kbps, "    "), end="\r")
        return self

    def fail(self) -> Self:
        """The connection breaks while the stream runs."""
        self.say(BROKEN_PIPE).say(self._statistics(128.0, "    "))
        return self.say("Conversion failed!")

    def refuse(self) -> Self:
        """A process that cannot connect: it begins, and is gone."""
        return (
            self.say(HEADER.split("\n", 1)[0])
            .say(HEADER.partition("Stream mapping")[0].split("\n", 1)[1][:-1])
            .say(REFUSED)
        )

    def stop(self) -> Self:
        """SIGTERM."""
        return self.say(self._statistics(128.0, "    ")).say("Exiting normally, received signal 15.")

    def _statistics(self, kbps: float, tail: str) -> str:
        out, run = self._out_seconds, (self.now - self._began).total_seconds()
        elapsed = f" elapsed={_clock(run, 1)}" if self._elapsed else ""
        size = int(out * kbps * 1000 / 8 / 1024)
        return (
            f"size={size:8d}KiB time={_clock(out, 2)} bitrate={kbps:6.1f}kbits/s speed={out / run if run else 0:4.3g}x"
            f"{elapsed}{tail}"
        )


def _clock(seconds: float, hour_digits: int) -> str:
    hundredths = round(seconds * 100)
    hours, rest = divmod(hundredths, 360_000)
    minutes, rest = divmod(rest, 6_000)
    return f"{hours:0{hour_digits}d}:{minutes:02d}:{rest // 100:02d}.{rest % 100:02d}"
