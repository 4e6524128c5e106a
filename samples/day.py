"""What the services of the sample station write on 2026-11-22: plays, the encoder, measurements and complaints."""

import math
from datetime import datetime, timedelta
from random import Random
from typing import Any

from logging_module import contract
from samples import hostile
from samples.schedule import CRASH, DRY, END, END_ELSEWHERE, END_FIRST, HICCUP, START, START_TWICE, Play, local
from samples.writer import Writer


def write_plays(watcher: Writer, manager: Writer, played: list[Play], random: Random) -> None:
    """Starts and ends, and what the watcher complains about."""
    for place, play in enumerate(played):
        odd_start = hostile.start_line(place, play)
        if odd_start:
            watcher.raw(play.start, odd_start)
        else:
            late = timedelta(seconds=0 if place != END_FIRST else play.track.duration_seconds + 1)
            for _ in range(2 if place == START_TWICE else 1):
                watcher.write(play.start, "info", "track_started", _started(place, play), stands_at=play.start + late)
        if play.said != "next":
            failed = play.said == "crash"
            message = "encoder lost: broken pipe" if failed else None
            ended = contract.track_ended(play.play_id, had_errors=failed, error_message=message)
            (manager if place == END_ELSEWHERE else watcher).write(play.end, "info", "track_ended", ended)
        if random.random() < 0.2:
            fetched = {"song_id": play.track.song_id, "bytes": random.randint(9000, 90_000)}
            watcher.write(play.start + timedelta(seconds=1.5), "info", "artwork_fetched", fetched)
        if random.random() < 0.03:
            slow = {"milliseconds": random.randint(2000, 9000)}
            watcher.write(play.start + timedelta(seconds=30), "warning", "now-playing answer is slow", slow)
    _write_watchers_errors(watcher, played)
    watcher.restart(local("06:00:00"))


def _started(place: int, play: Play) -> dict[str, Any]:
    track = play.track
    info: dict[str, Any] = {
        "artist": track.artist,
        "title": track.title,
        "album": track.album,
        "azuracast_song_id": track.song_id,
        "duration": track.duration_seconds,
    }
    if place % 9 == 0:
        info["playlist"] = "night" if play.start < local("06:00:00") else "day"
    loop = f"/srv/loops/{'night' if place % 2 else 'rain'}.mp4"
    return contract.track_started(play.play_id, info, loop, play.encoder_pid)


def _write_watchers_errors(watcher: Writer, played: list[Play]) -> None:
    for at, play in ((play.start + timedelta(seconds=61), play) for play in played[60::90]):
        failed_request = contract.error(
            "azuracast",
            context={"status": 502, "url": "http://127.0.0.1/api/nowplaying/1"},
            play_history_id=play.play_id,
        )
        watcher.write(at, "error", "now-playing request failed", failed_request)
    trace = 'Traceback (most recent call last):\n  File "watch.py", line 88, in poll\nTimeoutError: timed out'
    watcher.write(local("08:15:31"), "error", "polling failed", {"exception": trace})


def write_encoder(manager: Writer, played: list[Play], random: Random) -> None:
    """What supervises the encoder: progress, the two crashes and the attempts to come back."""
    at = local("00:02:00")
    while at < END:
        if not any(outage.start <= at < outage.end for outage in (CRASH, HICCUP)):
            progress = {"speed": round(random.gauss(1.0, 0.004), 3), "bitrate_kbps": round(random.gauss(432, 6), 1)}
            manager.write(at, "info", "encoder alive", {**progress, "dropped_frames": 0})
        at += timedelta(minutes=2, milliseconds=random.randint(-200, 200))
    for outage, attempts in ((CRASH, crash_attempts()), (HICCUP, [])):
        suffered = next(play for play in played if play.end == outage.start)
        exited = contract.error("ffmpeg", context={"exit_code": 1, "pid": suffered.encoder_pid},
                                play_history_id=suffered.play_id)  # fmt: skip
        manager.write(outage.start + timedelta(seconds=0.4), "critical", "the encoder exited", exited)
        for number, attempt in enumerate(attempts, 1):
            context = {"attempt": number, "exit_code": 1}
            refused = contract.error("ffmpeg", context=context)
            manager.write(attempt + timedelta(seconds=0.3), "error", "the encoder could not be started", refused)
        manager.write(outage.end - timedelta(seconds=2), "info", "encoder started", {"attempt": len(attempts) + 1})
    for message in ("the encoder exited", "the encoder could not be started"):
        resolved = {"service": "ffmpeg", "template": message}
        manager.write(CRASH.end + timedelta(seconds=25), "info", "error_resolved", resolved)
    for clock, frames in (("10:41:12", 14), ("16:20:55", 41), ("21:07:33", 9)):
        dropped = contract.error("ffmpeg", context={"frames": frames})
        manager.write(local(clock), "warning", "frames were dropped", dropped)


def crash_attempts() -> list[datetime]:
    """When the encoder was started in vain, with growing pauses."""
    return [CRASH.start + timedelta(seconds=seconds) for seconds in (2, 7, 17, 37, 77, 157, 317, 477)]


def write_monitoring(monitor: Writer, random: Random) -> None:
    """Measurements every 30 s, 60 s or 5 minutes, and what follows from them."""
    at, free_bytes, tick = START, 412_000_000_000, 0
    while at < END:
        down = any(outage.start <= at < outage.end for outage in (CRASH, HICCUP))
        hour = (at - START).total_seconds() / 3600
        _metric(monitor, at, "cpu_percent", round(max(1.0, random.gauss(9 if down else 31, 3)), 1), "percent")
        if tick % 2 == 0:
            wave = 38 + 30 * math.sin((hour - 13) / 24 * 2 * math.pi)
            listeners = 0 if down else max(0, round(random.gauss(wave, 2)))
            _metric(monitor, at, "listeners", listeners, "listeners")
            if not down:
                _metric(monitor, at, "encoder_speed", round(random.gauss(1.0, 0.005), 3), "x")
        if tick % 10 == 0:
            _metric(monitor, at, "memory_percent", round(random.gauss(43, 0.8), 1), "percent")
            free_bytes -= random.randint(1_000_000, 30_000_000)
            _metric(monitor, at, "disk_free_bytes", free_bytes, "bytes")
        at += timedelta(seconds=30, milliseconds=random.randint(-9, 9))
        tick += 1
    _complaints(monitor)


def _complaints(monitor: Writer) -> None:
    complaints: list[tuple[datetime, str, str, dict[str, Any]]] = [
        (CRASH.start + timedelta(seconds=33), "error", "no data reaches the platform", {"since_seconds": 33}),
        (CRASH.start + timedelta(seconds=153), "critical", "the stream is off air", {"since_seconds": 153}),
        (HICCUP.start + timedelta(seconds=33), "error", "no data reaches the platform", {"since_seconds": 33}),
        (DRY.start + timedelta(seconds=121), "critical", "the stream is silent", {"silence_seconds": 120}),
        (local("11:02:09"), "warning", "processor is busy", {"cpu_percent": 91.5}),
        (local("17:48:51"), "warning", "processor is busy", {"cpu_percent": 93.0}),
        (local("22:30:00"), "info", "nightly check passed", {"checked_files": 61}),
    ]
    for at, level, message, context in complaints:
        monitor.write(at, level, message, contract.error("stream", context=context))
    monitor.lose(local("05:10:00"), local("05:12:00"))


def _metric(monitor: Writer, at: datetime, name: str, value: float, unit: str) -> None:
    monitor.write(at, "info", "metric", contract.metric(name, value, unit=unit))
