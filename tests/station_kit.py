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
            if times := [dict(row)["timestamp"] for row in self.rows.get("system_metrics", [])]:
                span = (self.name, min(times), max(times))
                cursor.execute("INSERT INTO rollup_queue (station, from_time, to_time) VALUES (%s, %s, %s)", span)
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


def believable_week(
    end: datetime, *, days: int = 14, name: str = "night-radio", zone: str = "Europe/Berlin"
) -> Station:
    """Two weeks of one station with crashes, an outage, a silent night of the logger, planned work, and hostile text."""
    station = Station(name, zone)
    _Week(station, end, days).write()
    return station


class _Week:
    def __init__(self, station: Station, end: datetime, days: int) -> None:
        self.dice = random.Random(20261124)
        self.station, self.start, self.end = station, end - timedelta(days=days), end
        off = ((1, 5.2, 23), (2, 17, 4), (4, 9, 2), (9, 3, 55), (11, 12, 6))
        self.off = {end - timedelta(days=d, hours=h): timedelta(minutes=m) for d, h, m in off}
        self.silent = {end - timedelta(days=3, hours=6): timedelta(hours=4)}
        self.planned = {end - timedelta(days=5, hours=4): timedelta(minutes=40)}
        self.holes = {a: a + length for a, length in (self.off | self.silent | self.planned).items()}

    def write(self) -> None:
        for begin, length in self.planned.items():
            self.station.maintenance(begin, begin + length)
        at = self.start
        while at < self.end:
            at = self._play(at)
        for hours in (5, 29):
            self.station.error(self.end - timedelta(hours=hours), "cover image of a track is missing", "warning",
                               service="metadata-watcher", template="cover image of a track is missing")  # fmt: skip
        self._sessions()
        self._metrics()

    def _play(self, at: datetime) -> datetime:
        """A track from here, up to its end or the hole it falls into; gives where the next one starts."""
        dice, length = self.dice, timedelta(seconds=self.dice.uniform(150, 420))
        stop = at + length
        hole = next((begin for begin in self.holes if at <= begin < stop), None)
        artist, title = dice.choices(TRACKS, weights=range(len(TRACKS), 0, -1))[0]
        if dice.random() < 0.01:
            artist, title = "<script>alert(1)</script>", '=HYPERLINK("http://evil.example")\x1b[31m\u202egnp'
        failed = dice.random() < 0.02
        self.station.play(
            at, (hole or stop) if stop < self.end else None, artist, title, expected=length.total_seconds(),
            ended_by="crash" if hole in self.off else "next_track", errors=int(failed),
        )  # fmt: skip
        if failed:
            self.station.error(at + length / 3, f"Past duration 0.{dice.randrange(999)} too large", "warning",
                               template="Past duration <n> too large", category="timestamps")  # fmt: skip
            self.station.error(at + length / 2, "av_interleaved_write_frame(): Broken pipe", category="network")
        if hole in self.off:
            self._complaints(hole)
        return self.holes[hole] if hole else stop

    def _complaints(self, at: datetime) -> None:
        self.station.error(at + timedelta(seconds=1), "rtmp://a.rtmp.youtube.com/live2/***: I/O error", "critical",
                           category="network", template="<url>: I/O error")  # fmt: skip
        for number in range(8):
            self.station.error(at + timedelta(seconds=20 * number), "Connection to a.rtmp.youtube.com:1935 failed",
                               category="network", occurrences=3)  # fmt: skip

    def _sessions(self) -> None:
        for a, b in itertools.pairwise([self.start, *sorted(self.holes), self.end]):
            begin = self.holes.get(a, a)
            seconds = (b - begin).total_seconds()
            self.station.session(
                begin, b, end_kind="running" if b == self.end else "failed", pid=self.dice.randrange(9000),
                cause=None if b == self.end else "av_interleaved_write_frame(): Broken pipe", cause_category="network",
                frames=int(seconds * 30), drop_frames=self.dice.randrange(40), dup_frames=self.dice.randrange(10),
                fps=30, speed_average=1.0, speed_worst=0.93, out_time_seconds=seconds,
            )  # fmt: skip
        self.station.session(
            self.end - timedelta(days=6, hours=2), self.end - timedelta(days=6, hours=1), end_kind="killed"
        )

    def _metrics(self) -> None:
        dice, at = self.dice, self.start
        begin, length = next(iter(self.silent.items()))
        while at < self.end:
            if not begin + timedelta(minutes=3) < at < begin + length:
                self.station.metric(at, "cpu_percent", 30 + 15 * dice.random(), "percent", service="host")
                if not any(a < at < b for a, b in self.holes.items()):
                    self._statistics(at)
            at += timedelta(minutes=1)

    def _statistics(self, at: datetime) -> None:
        for metric, value in (
            ("ffmpeg_fps", 30 - self.dice.random()), ("ffmpeg_speed", 1 - self.dice.random() / 50),
            ("ffmpeg_bitrate_kbps", 2500 + self.dice.uniform(-200, 200)),
        ):  # fmt: skip
            self.station.metric(at, metric, round(value, 3), metadata=json.dumps({"min": value * 0.97, "max": value}))
