"""A small live station for `radiolog demo`: three services that log, and an encoder. Knows no database."""

import random
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from importlib.resources import files
from pathlib import Path

from logging_module.config import LoggingConfig
from logging_module.logger import RadioLogger

TRACK_SECONDS = (12.0, 26.0)
ENCODER_SECONDS = 45
# Every so many starts the encoder is sent to a port where nobody listens, so that there is an error of its own to see.
REFUSED_EVERY = 3
ENCODER_PAUSE_SECONDS = 2.0
TERMINATE_PATIENCE_SECONDS = 3.0

_TRACKS = (
    ("Marlow Teal", "Sodium Lights"),
    ("Odalys Venn", "Glass Commute"),
    ("Kassette Nord", "Auto Reverse"),
    ("Paper Antenna", "Shortwave Lullaby"),
    ("Télégramme Bleu", "Gare de nuit"),
    ("夜行列車クラブ", "最終電車"),
    ("فرقة الليل", "طريق الصحراء"),
    ("<script>alert(1)</script>", '=HYPERLINK("http://example.invalid")'),
)
_COMPLAINTS = (
    ("warning", "now-playing answer is slow", {"milliseconds": 4200}),
    ("warning", "frames were dropped", {"frames": 14}),
    ("error", "upload to rtmp://127.0.0.1/live2/fak3-d3m0-k3y0-0000-0000 stalled", {"seconds": 3}),
    ("info", "backup finished", {"files": 61}),
    ("critical", "the stream is silent", {"silence_seconds": 5}),
)
_INPUTS = "-re -f lavfi -i testsrc2=size=320x180:rate=25 -re -f lavfi -i sine=frequency=220:sample_rate=44100"
_random = random.Random()  # noqa: S311 (no secret comes of it)
_STATISTICS = re.compile(rb"frame= *\d")


def write_station(config: LoggingConfig, *, stop: threading.Event, speed: float) -> None:
    """Log as a station does until `stop` is set; returns at once then.

    The encoder is FFmpeg when it is installed, encoding a test picture into nothing; else a real capture of it is
    replayed. FFmpeg itself always runs in real time.

    Args:
        config: where to write, and the station's name.
        stop: ends everything. It is also set when a part of the station fails.
        speed: how many times faster than life tracks and measurements follow each other; above zero.

    Raises:
        ValueError: the speed is not above zero.
    """
    if not speed > 0:
        raise ValueError(f"speed must be above zero, not {speed}")
    Path(config.log_path).mkdir(parents=True, exist_ok=True)
    encode = _run_ffmpeg if shutil.which("ffmpeg") else _replay_capture
    parts = (_play_tracks, _measure, _complain, encode)
    with ThreadPoolExecutor(len(parts), thread_name_prefix="demo") as pool:
        running = [pool.submit(part, config, stop, speed) for part in parts]
        try:
            for ended in as_completed(running):
                ended.result()
        finally:
            stop.set()


def _play_tracks(config: LoggingConfig, stop: threading.Event, speed: float) -> None:
    """One track after the other; some ends are logged, others follow from the next start."""
    with RadioLogger(config, "metadata-watcher") as radio:
        while not stop.is_set():
            artist, title = _random.choice(_TRACKS)
            seconds = _random.uniform(*TRACK_SECONDS)
            play_id = radio.log_track_started(
                {"artist": artist, "title": title, "duration": round(seconds / speed, 3)}, "/srv/loops/demo.mp4"
            )
            if not stop.wait(seconds / speed) and _random.random() < 0.7:
                radio.log_track_ended(play_id)


def _measure(config: LoggingConfig, stop: threading.Event, speed: float) -> None:
    with RadioLogger(config, "monitoring") as radio:
        listeners = 40
        while not stop.wait(1 / speed):
            listeners = max(0, listeners + _random.randint(-2, 2))
            radio.log_metric("listeners", listeners, "listeners")
            radio.log_metric("cpu_percent", round(_random.gauss(31, 4), 1), "percent")


def _complain(config: LoggingConfig, stop: threading.Event, speed: float) -> None:
    with RadioLogger(config, "ffmpeg-manager") as radio:
        while not stop.wait(_random.uniform(5, 15) / speed):
            severity, message, context = _random.choice(_COMPLAINTS)
            radio.log_error("stream", severity, message, context)
            radio.log.info("encoder alive", speed=round(_random.gauss(1, 0.01), 3))


def _run_ffmpeg(config: LoggingConfig, stop: threading.Event, _speed: float) -> None:
    """FFmpeg, started again whenever it ends, with its stderr appended to the log as a service would do it."""
    log_path = Path(config.log_path) / "ffmpeg.log"
    start = 0
    while not stop.is_set():
        start += 1
        refused = start % REFUSED_EVERY == 0
        output = "-f flv rtmp://127.0.0.1:1/live2/fak3-d3m0-k3y0-0000-0000" if refused else "-f null -"
        command = f"ffmpeg -nostdin {_INPUTS} -t {ENCODER_SECONDS} {output}".split()
        with log_path.open("ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)
        try:
            _wait_for_either(process, stop)
        finally:
            _end(process)
        stop.wait(ENCODER_PAUSE_SECONDS)


def _wait_for_either(process: subprocess.Popen[bytes], stop: threading.Event) -> None:
    """Return when the process has ended or `stop` is set, whichever comes first."""
    while process.poll() is None and not stop.wait(0.1):
        pass


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(TERMINATE_PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _replay_capture(config: LoggingConfig, stop: threading.Event, speed: float) -> None:
    """Append a real capture of FFmpeg's stderr again and again, as fast as it was written."""
    log_path = Path(config.log_path) / "ffmpeg.log"
    capture = (files("ingest") / "demo_data" / "ffmpeg.log").read_bytes()
    while not stop.is_set():
        with log_path.open("ab", buffering=0) as log:
            for pause_seconds, piece in pieces(capture):
                if stop.wait(pause_seconds / speed):
                    return
                log.write(piece)
        stop.wait(ENCODER_PAUSE_SECONDS / speed)


def pieces(capture: bytes) -> Iterator[tuple[float, bytes]]:
    r"""A capture in the pieces in which FFmpeg wrote it, each with the seconds that passed before it.

    Args:
        capture: stderr with its `\r`s.

    Returns:
        Lines with their `\n` or `\r`; a statistics line comes half a second after what was before it.
    """
    for match in re.finditer(rb"[^\r\n]*(?:\r\n|\r|\n|$)", capture):
        if match.group():
            yield (0.5 if _STATISTICS.match(match.group()) else 0.0), match.group()
