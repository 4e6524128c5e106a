"""The demo's station writes what real services write, and ends at once."""

import json
import shutil
import threading
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest

from ingest import demo
from logging_module import LoggingConfig


def run_until(config: LoggingConfig, enough: Callable[[], bool], speed: float) -> float:
    """Run the station until there is enough; gives the seconds that it took to end."""
    stop = threading.Event()
    station = threading.Thread(target=demo.write_station, args=(config,), kwargs={"stop": stop, "speed": speed})
    station.start()
    deadline = time.monotonic() + 30
    try:
        while not enough():
            assert station.is_alive(), "it ended by itself"
            assert time.monotonic() < deadline, "nothing came"
            stop.wait(0.02)
    finally:
        stopped_at = time.monotonic()
        stop.set()
        station.join()
    return time.monotonic() - stopped_at


def kinds(path: Path) -> set[str]:
    if not path.exists():
        return set()
    return {json.loads(line).get("kind", "log") for line in path.read_bytes().split(b"\n")[:-1]}


def statistics(path: Path) -> int:
    return path.read_bytes().count(b"\rframe=") if path.exists() else 0


@pytest.mark.parametrize("encoder", ["ffmpeg", "capture"])
def test_a_station_writes_everything_and_ends_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoder: str
) -> None:
    if encoder == "capture":
        monkeypatch.setenv("PATH", str(tmp_path))
    elif shutil.which("ffmpeg") is None:
        pytest.skip("FFmpeg is not installed")
    logs = tmp_path / "logs"
    config = LoggingConfig(log_path=logs, station="Demo FM")

    def enough() -> bool:
        return (
            kinds(logs / "metadata-watcher.log") >= {"track_started", "track_ended"}
            and kinds(logs / "monitoring.log") == {"metric"}
            and kinds(logs / "ffmpeg-manager.log") >= {"error"}
            and statistics(logs / "ffmpeg.log") >= 2
        )

    assert run_until(config, enough, speed=200) < demo.TERMINATE_PATIENCE_SECONDS
    if encoder == "ffmpeg":
        assert not processes_that_write(logs / "ffmpeg.log")


def processes_that_write(path: Path) -> list[str]:
    found = []
    for descriptor in Path("/proc").glob("[0-9]*/fd/2"):
        try:
            if descriptor.readlink() == path:
                found.append(str(descriptor))
        except OSError:
            continue
    return found


def test_the_capture_is_replayed_byte_for_byte_with_its_pauses() -> None:
    capture = (files("ingest") / "demo_data" / "ffmpeg.log").read_bytes()
    cut = list(demo.pieces(capture))
    assert b"".join(piece for _, piece in cut) == capture
    assert sum(pause for pause, _ in cut) == pytest.approx(30, abs=2), "it was a run of 30 seconds"
    assert all(piece.endswith((b"\r", b"\n")) for _, piece in cut)


def test_a_part_that_fails_ends_the_station(tmp_path: Path) -> None:
    (tmp_path / "ffmpeg.log").mkdir()
    stop = threading.Event()
    with pytest.raises(IsADirectoryError):
        demo.write_station(LoggingConfig(log_path=tmp_path), stop=stop, speed=1)
    assert stop.is_set()


@pytest.mark.parametrize("speed", [0, -1, float("nan")])
def test_a_speed_must_be_above_zero(tmp_path: Path, speed: float) -> None:
    with pytest.raises(ValueError, match="speed"):
        demo.write_station(LoggingConfig(log_path=tmp_path), stop=threading.Event(), speed=speed)
