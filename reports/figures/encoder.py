"""Analytics of the encoder: FFmpeg's sessions and statistics. Says nothing of what was played."""

from datetime import date, datetime
from typing import Any

from reports.figures.base import Figures, span
from reports.frames import FLOAT, INTEGER, framed_one
from reports.reader import Row
from reports.window import Window

# metric, and the key under which it is given
STATISTICS = {"ffmpeg_fps": "fps", "ffmpeg_speed": "speed", "ffmpeg_bitrate_kbps": "bitrate_kbps"}
HOST_METRICS = ("cpu_percent", "memory_percent", "disk_percent")

_HEALTH = {
    "sessions": INTEGER, "failed": INTEGER, "killed": INTEGER, "running": INTEGER, "encoder_seconds": FLOAT,
    "out_time_seconds": FLOAT, "frames": INTEGER, "drop_frames": INTEGER, "dup_frames": INTEGER, "speed_average": FLOAT,
    "speed_worst": FLOAT,
    **{f"{name}_{part}": FLOAT for name in STATISTICS.values() for part in ("average", "median", "low", "high")},
    "samples": INTEGER,
}  # fmt: skip


class EncoderFigures(Figures):
    """See the module."""

    def get_encoder_health(
        self, days: float = 7, *, start: datetime | date | None = None, end: datetime | date | None = None,
        station: str | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """How the encoder ran.

        Args:
            days: how many times 24 hours, up to now.
            start: the first instant instead of `days`.
            end: the first instant behind the window.
            station: None: all stations.

        Returns:
            sessions, failed, killed, running, encoder_seconds (with progress, in the window), out_time_seconds, frames,
            drop_frames, dup_frames (of the whole sessions), speed_average, speed_worst; samples, and of fps, speed
            and bitrate_kbps: …_average, …_median, …_low and …_high (5th and 95th percentile of the samples; these three
            to three significant digits).

        Raises:
            RangeError: the window makes no sense.
            DatabaseError: PostgreSQL cannot be reached or refused.
        """
        window = self.window(days, start=start, end=end, station=station)
        parameters = span(window, station)
        found = {row["metric_name"]: row for row in self.metric_statistics(window, station, tuple(STATISTICS))}
        health = {
            **self._reader.one("encoder.sql", "sessions", parameters),
            "encoder_seconds": self._reader.one("uptime.sql", "encoder_seconds", parameters)["seconds"],
            "samples": sum(row["samples"] for row in found.values()),
        }
        for metric, name in STATISTICS.items():
            for part in ("average", "median", "low", "high"):
                health[f"{name}_{part}"] = found[metric][part] if metric in found else 0.0
        return health

    def metric_statistics(self, window: Window, station: str | None, metrics: tuple[str, ...]) -> list[Row]:
        """Of each metric that has samples: metric_name, unit, samples, average, median, low, high, least, greatest."""
        return self._reader.rows("encoder.sql", "statistics", span(window, station, metrics=list(metrics)))

    def daily_metrics(self, window: Window, station: str | None, metrics: tuple[str, ...]) -> list[Row]:
        """Averages by calendar day: metric_name, day, average; days without samples are left out."""
        parameters = span(window, station, metrics=list(metrics), zone=self.zone(station).key)
        return self._reader.rows("encoder.sql", "daily_statistics", parameters)

    get_encoder_health_frame = framed_one(get_encoder_health, _HEALTH)
