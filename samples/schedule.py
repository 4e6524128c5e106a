"""When what was played on 2026-11-22 at the sample station, and when nothing was; writes nothing.

Three outages: the encoder loses its connection (03:12:07 to 03:23:05), again for 40 s (14:26:20 to 14:27:00), and the
playlist runs dry for six minutes (19:40 to 19:46) while the encoder goes on.
"""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

from samples.tracks import Track, library
from samples.writer import uuid_of

ZONE = ZoneInfo("Europe/Berlin")
ENCODER_PIDS = (4711, 5208, 6127)


def local(clock: str) -> datetime:
    """A time of day of the station, as UTC."""
    return datetime.fromisoformat(f"2026-11-22T{clock}").replace(tzinfo=ZONE).astimezone(UTC)


START, END = local("00:00:04"), local("23:59:57")


class Outage(NamedTuple):
    """A time without a track."""

    start: datetime
    end: datetime
    cause: str


CRASH = Outage(local("03:12:07"), local("03:23:05"), "encoder lost: broken pipe")
HICCUP = Outage(local("14:26:20"), local("14:27:00"), "encoder lost: broken pipe")
DRY = Outage(local("19:40:00"), local("19:46:00"), "")
OUTAGES = (CRASH, HICCUP, DRY)


# Plays that something odd happens to (samples/hostile.py), by their number in the day.
START_TWICE, END_FIRST, END_ELSEWHERE, NUL_IN_ARTIST, LONG_TITLE, WRONG_TYPES = 100, 140, 180, 200, 220, 240
ODD = (START_TWICE, END_FIRST, END_ELSEWHERE, NUL_IN_ARTIST, LONG_TITLE, WRONG_TYPES)


class Play(NamedTuple):
    """A track that was played. `said`: how its end got into the log."""

    play_id: str
    track: Track
    start: datetime
    end: datetime
    said: str  # end | next | crash
    encoder_pid: int


def plays(random: Random) -> list[Play]:
    """All plays of the day, in order."""
    tracks = library()
    recent: list[Track] = []
    result: list[Play] = []
    at = START
    outages = list(OUTAGES)
    while at < END - timedelta(seconds=40):
        weights = [
            0 if track in recent else 0.35 if place >= len(tracks) - 8 else 1 for place, track in enumerate(tracks)
        ]
        track = random.choices(tracks, weights)[0]
        recent = [*recent[-20:], track]
        end, said = (
            at + timedelta(seconds=track.duration_seconds),
            "end" if random.random() < 0.65 or len(result) in ODD else "next",
        )
        outage = outages[0] if outages and end > outages[0].start else None
        if outage:
            end, said = outage.start, "crash" if outage.cause else "end"
        elif end >= END:
            end, said = END, "end"
        pid = ENCODER_PIDS[sum(at >= outage.end for outage in (CRASH, HICCUP))]
        result.append(Play(str(uuid_of(random)), track, at, end, said, pid))
        at = end
        if outage:
            at = outages.pop(0).end
        at += timedelta(milliseconds=random.randint(20, 400))
    return result
