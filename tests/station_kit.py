"""Rows of an invented station for tests of the reading side: written straight into the tables, as ingest leaves them."""

import itertools
import json
import random
from datetime import datetime, timedelta
from typing import Any

from psycopg2.extensions import connection as Connection  # noqa: N812 (a class under a function's name)
from psycopg2.extras import execute_values

from ingest.fit import track_key

_numbers = itertools.count(1)


class Station:
    """Collects rows; `store` writes them.

    Args:
        name: of the station.
        zone: its time zone.
    """

    def __init__(self, name: str = "radio", zone: str = "UTC") -> None:
        self.name, self.zone = name, zone
        self.rows: dict[str, list[tuple[Any, ...]]] = {}

    def play(
        self, start: datetime, end: datetime | None, artist: str = "Artist", title: str = "Title", *,
        ended_by: str | None = "event", errors: int = 0, expected: float | None = None, **more: Any,
    ) -> None:  # fmt: skip
        seconds = (end - start).total_seconds() if end else None
        more = {"service": "playout"} | more
        self._add(
            "play_history", track_key=track_key(artist, title), artist=artist[:256], title=title[:256], started_at=start,
            expected_duration_seconds=expected, play_key=f"line:0:{next(_numbers)}", ended_at=end,
            ended_by=ended_by if end else None, duration_seconds=seconds, had_errors=errors > 0, error_count=errors, **more,
        )  # fmt: skip

    def error(self, at: datetime, message: str = "broken", severity: str = "error", **more: Any) -> None:
        row = {"service": "stream", "template": message[:512], "occurrences": 1, "noise": False} | more
        self._add("error_log", timestamp=at, severity=severity, message=message, **row)

    def metric(self, at: datetime, name: str, value: float, unit: str = "", **more: Any) -> None:
        self._add(
            "system_metrics", timestamp=at, metric_name=name, metric_value=value, unit=unit,
            **{"service": "ffmpeg", **more},
        )  # fmt: skip

    def heartbeats(self, start: datetime, end: datetime, every_seconds: float = 60) -> None:
        """Metrics of another service: evidence that the machine was up."""
        at = start
        while at < end:
            self.metric(at, "cpu_percent", 20, "percent", service="host")
            at += timedelta(seconds=every_seconds)

    def session(self, start: datetime, end: datetime | None, **more: Any) -> None:
        row = {
            "progress_count": 100, "first_progress_at": start, "last_progress_at": end,
            "end_kind": "finished", **more,
        }  # fmt: skip
        self._add("stream_sessions", session_key=f"0:{next(_numbers)}", service="ffmpeg", started_at=start,
                  ended_at=end if row["end_kind"] != "running" else None, **row)  # fmt: skip

    def maintenance(self, start: datetime, end: datetime) -> None:
        self._add("maintenance_windows", from_time=start, to_time=end)

    def store(self, connection: Connection) -> None:
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO stations (name, time_zone) VALUES (%s, %s) ON CONFLICT DO NOTHING", (self.name, self.zone)
            )
            for table, rows in self.rows.items():
                columns = sorted({name for row in rows for name, _ in row})
                values = [tuple(dict(row).get(name) for name in columns) for row in rows]
                execute_values(cursor, f"INSERT INTO {table} ({', '.join(columns)}) VALUES %s", values, page_size=5000)
        self.rows.clear()

    def _add(self, table: str, **row: Any) -> None:
        usual = {} if table == "maintenance_windows" else {"time_quality": "exact"}
        self.rows.setdefault(table, []).append(tuple({"station": self.name, **usual, **row}.items()))


TRACKS = (
    ("Nils Frahm", "Says"), ("Boards of Canada", "Roygbiv"), ("Tycho", "Awake"), ("Bonobo", "Kerala"),
    ("Nujabes", "Feather"), ("Ólafur Arnalds", "Near Light"), ("Kiasmos", "Looped"), ("Khruangbin", "White Gloves"),
    ("Emancipator", "First Snow"), ("Röyksopp", "Eple"), ("小瀬村晶", "Light Dance"), ("Air", "La femme d'argent"),
)  # fmt: skip


def believable_week(end: datetime, *, days: int = 14, name: str = "night-radio", zone: str = "Europe/Berlin") -> Station:
    """Two weeks of one station with crashes, an outage, a silent night of the logger, planned work, and hostile text."""
    dice = random.Random(20261124)
    station = Station(name, zone)
    start = end - timedelta(days=days)
    off = [(end - timedelta(days=d, hours=h), minutes) for d, h, minutes in
           ((1, 5.2, 23), (2, 17, 4), (4, 9, 2), (9, 3, 55), (11, 12, 6))]  # fmt: skip
    silent = (end - timedelta(days=3, hours=6), end - timedelta(days=3, hours=2))
    planned = (end - timedelta(days=5, hours=4), end - timedelta(days=5, hours=3, minutes=20))
    station.maintenance(*planned)
    at = start
    while at < end:
        length = timedelta(seconds=dice.uniform(150, 420))
        stop = at + length
        hole = next(((a, a + timedelta(minutes=m)) for a, m in off if at <= a < stop), None)
        hole = hole or (planned if at <= planned[0] < stop else None) or (silent if at <= silent[0] < stop else None)
        artist, title = dice.choices(TRACKS, weights=range(len(TRACKS), 0, -1))[0]
        if dice.random() < 0.01:
            artist, title = "<script>alert(1)</script>", "=HYPERLINK(\"http://evil.example\")\x1b[31m\u202egnp"
        last = hole[0] if hole else min(stop, end)
        failed = dice.random() < 0.02
        station.play(at, last if stop < end else None, artist, title, expected=length.total_seconds(),
                     ended_by="crash" if hole and hole is not silent else "next_track", errors=int(failed))  # fmt: skip
        if failed:
            station.error(at + length / 3, f"Past duration 0.{dice.randrange(999)} too large", "warning",
                          template="Past duration <n> too large", category="timestamps")  # fmt: skip
            station.error(at + length / 2, "av_interleaved_write_frame(): Broken pipe", category="network")
        if hole and hole is not silent and hole is not planned:
            station.error(hole[0] + timedelta(seconds=1), "rtmp://a.rtmp.youtube.com/live2/***: I/O error", "critical",
                          category="network", template="<url>: I/O error")  # fmt: skip
            for n in range(8):
                station.error(hole[0] + timedelta(seconds=20 * n), "Connection to tcp://a.rtmp.youtube.com:1935 failed",
                              category="network", occurrences=3)  # fmt: skip
        at = hole[1] if hole else stop
    edges = [start, *sorted([a for a, _ in off] + [silent[0], planned[0]]), end]
    resumes = {a: a + timedelta(minutes=m) for a, m in off} | {silent[0]: silent[1], planned[0]: planned[1]}
    for a, b in itertools.pairwise(edges):
        begin = resumes.get(a, a)
        station.session(begin, b, end_kind="running" if b == end else "failed", pid=dice.randrange(9000),
                        cause=None if b == end else "av_interleaved_write_frame(): Broken pipe", cause_category="network",
                        frames=int((b - begin).total_seconds() * 30), drop_frames=dice.randrange(40),
                        dup_frames=dice.randrange(10), fps=30, speed_average=1.0, speed_worst=0.93,
                        out_time_seconds=(b - begin).total_seconds())  # fmt: skip
    station.session(end - timedelta(days=6, hours=2), end - timedelta(days=6, hours=1), end_kind="killed")
    at = start
    while at < end:
        if not silent[0] + timedelta(minutes=3) < at < silent[1]:
            load = 30 + 15 * dice.random()
            station.metric(at, "cpu_percent", load, "percent", service="host")
            for metric, value in (("ffmpeg_fps", 30 - dice.random()), ("ffmpeg_speed", 1 - dice.random() / 50),
                                  ("ffmpeg_bitrate_kbps", 2500 + dice.uniform(-200, 200))):  # fmt: skip
                if not any(a < at < b for a, b in resumes.items()):
                    station.metric(at, metric, round(value, 3), metadata=json.dumps({"min": value * 0.97, "max": value}))
        at += timedelta(minutes=1)
    return station
