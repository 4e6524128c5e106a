"""What tests of exports share: a morning of plays and errors whose texts are hostile."""

import json
from datetime import UTC, datetime, timedelta

from report_kit import HOSTILE
from station_kit import Station

NOW = datetime(2026, 11, 24, 7, 30, tzinfo=UTC)
TEXTS = [text.replace("\0", "").replace("\ud800", "")[:200] for text in HOSTILE] + [
    "", "NA", "-1+1|cmd", "\uff1d1", 'a"b,c;d',
]  # fmt: skip


def hostile_station() -> Station:
    """A play and an error for each text, five minutes apart, up to some hours before `NOW`."""
    station = Station()
    for number, text in enumerate(TEXTS):
        start = NOW - timedelta(hours=5, minutes=-5 * number)
        station.play(start, start + timedelta(minutes=4, microseconds=1), text, text, metadata=json.dumps({"a": text}),
                     ffmpeg_pid=number or None)  # fmt: skip
        station.error(start, text or "empty", context=json.dumps({"k": [1, text]}))
    return station
