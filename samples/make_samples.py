"""Writes the sample logs: `python -m samples.make_samples [FOLDER]`. The same bytes every time, from a fixed seed."""

import shutil
import sys
from pathlib import Path
from random import Random

from samples import day, hostile, schedule
from samples.ffmpeg_log import CAPTURES, encoder_log
from samples.writer import Writer, rotated

SEED = 7
MAX_BYTES = {"metadata-watcher": 120_000, "ffmpeg-manager": 150_000, "monitoring": 640_000}


def make(folder: Path) -> None:
    """Write all sample logs.

    Args:
        folder: is made; files of the same names are replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    random = Random(SEED)  # noqa: S311 (the same day every time)
    watcher = Writer("metadata-watcher", 812, random)
    manager = Writer("ffmpeg-manager", 907, random)
    monitor = Writer("monitoring", 1033, random)
    played = schedule.plays(random)
    day.write_plays(watcher, manager, played, random)
    day.write_encoder(manager, played, random)
    day.write_monitoring(monitor, random)
    hostile.write_broken(watcher, manager, monitor)
    hostile.write_odd(watcher, manager, monitor)
    for writer in (watcher, manager, monitor):
        for number, content in enumerate(rotated(writer.lines(), MAX_BYTES[writer.service])):
            suffix = f".{number}" if number else ""
            (folder / f"{writer.service}.log{suffix}").write_bytes(content)
    (folder / "ffmpeg-radio.log").write_bytes(encoder_log(random))
    shutil.copyfile(CAPTURES / "preview.log", folder / "ffmpeg-preview.log")


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "logs")
