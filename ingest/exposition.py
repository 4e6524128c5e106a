"""Health as Prometheus metrics. Base units, timestamps instead of ages, no label that a log line could make many of."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from importlib.metadata import version
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from ingest.identity import family, service_of

# What only grows. Dead letters are no such: a replay makes rows of them.
_RESULTS = ("stored", "folded", "below_threshold", "blank", "duplicate")

# Of the instance's own counters (telemetry): name, the counter, what it says.
_COUNTED = (
    ("radio_ingest_batches", "batches_total", "Batches committed since the daemon's start."),
    ("radio_ingest_rows", "rows_total", "Rows committed since the daemon's start."),
    ("radio_ingest_lines", "lines_total", "Lines committed since the daemon's start."),
    ("radio_ingest_dead_letters", "dead_letters_total", "Lines that could not be stored, since the daemon's start."),
    ("radio_sweep_finds", "found_by_sweep", "Changes that the sweep found and no event announced."),
    ("radio_events_overflows", "events_overflowed", "Times that the kernel dropped events."),
    ("radio_watch_renewals", "watch_renewed", "Times that folders had to be watched anew."),
    ("radio_db_losses", "database_unavailable", "Times that PostgreSQL refused or was gone."),
)
_MOMENTS = (
    ("radio_sweep_timestamp_seconds", "swept_at", "When the whole tree was last looked at."),
    ("radio_ingest_commit_timestamp_seconds", "committed_at", "When the last commit succeeded."),
)


class HealthCollector(Collector):
    """Gives metrics of what was read from the database; all families are there also without samples.

    Args:
        read: the facts (`ingest.health`, and `uptime_today` by station); None: the database does not answer.
        off_air_seconds: a station without a sign of life for so long is off air.
        now: the clock, seconds since 1970.
    """

    def __init__(
        self, read: Callable[[], dict[str, Any] | None], off_air_seconds: float, now: Callable[[], float]
    ) -> None:
        self._read = read
        self._off_air_seconds = off_air_seconds
        self._now = now

    def collect(self) -> Iterator[Metric]:
        """See prometheus_client."""
        facts = self._read()
        yield GaugeMetricFamily("radio_db_up", "Whether PostgreSQL answers.", value=facts is not None)
        info = GaugeMetricFamily("radio_build_info", "The version of radiolog.", labels=["version"])
        info.add_metric([version("radiolog")], 1)
        yield info
        facts = facts or {}
        yield from _instances([row for row in facts.get("instances", []) if row["live"]], known=bool(facts))
        yield from _counted_lines([*facts.get("files", []), *facts.get("forgotten", [])])
        yield from _files(facts.get("files", []))
        yield from _queues(facts)
        yield from self._stations(facts)

    def _stations(self, facts: dict[str, Any]) -> Iterator[Metric]:
        stations = facts.get("stations", [])
        alive_since = self._now() - self._off_air_seconds

        def gauge(name: str, said: str, values: Iterable[tuple[str, float | None]]) -> Metric:
            found = GaugeMetricFamily(name, said, labels=["station"])
            for station, value in values:
                if value is not None:
                    found.add_metric([station], value)
            return found

        def each(name: str) -> list[tuple[str, float | None]]:
            return [(row["station"], row[name]) for row in stations]

        on_air = [(station, None if sign is None else float(sign > alive_since)) for station, sign in each("sign_at")]
        yield gauge("radio_station_on_air", "Whether the station gave a sign of life lately.", on_air)
        yield gauge("radio_station_last_sign_timestamp_seconds", "Its last sign of life.", each("sign_at"))
        yield gauge(
            "radio_station_last_play_start_timestamp_seconds", "When its last play began.", each("play_started_at")
        )
        yield gauge("radio_station_maintenance", "Whether a maintenance window runs.", each("is_maintained"))
        yield gauge("radio_encoder_speed_ratio", "Speed of its encoder; 1 is real time.", each("encoder_speed"))
        today = facts.get("uptime_today", {})
        yield gauge("radio_station_uptime_today_ratio", "Uptime since midnight in its zone (docs/uptime.md).",
                    [(name, uptime) for name, (uptime, _) in today.items()])  # fmt: skip
        yield gauge("radio_station_coverage_today_ratio", "Share of today of which anything is known.",
                    [(name, coverage) for name, (_, coverage) in today.items()])  # fmt: skip
        # No counter: retention removes sessions, and a counter that falls looks like a restart.
        yield gauge("radio_encoder_starts_last_hour", "FFmpeg processes begun within the last hour.", each("starts"))


def _instances(live: list[dict[str, Any]], *, known: bool) -> Iterator[Metric]:
    """What live instances said of themselves; `known`: the database could be asked for them."""
    up = GaugeMetricFamily("radio_collector_up", "Live daemons of this machine.")
    if known:
        up.add_metric([], len(live))
    yield up
    started = GaugeMetricFamily("radio_collector_start_timestamp_seconds", "When it started.", labels=["instance_name"])
    starts = CounterMetricFamily("radio_collector_starts", "How often it was started.", labels=["instance_name"])
    for row in live:
        started.add_metric([row["instance"]], row["started_at"].timestamp())
        starts.add_metric([row["instance"]], row["epoch"])
    yield started
    yield starts
    for name, counter, said in _COUNTED:
        counted = CounterMetricFamily(name, said, labels=["instance_name"])
        for row in live:
            counted.add_metric([row["instance"]], (row["health"] or {}).get(counter, 0))
        yield counted
    for name, moment, said in _MOMENTS:
        at = GaugeMetricFamily(name, said, labels=["instance_name"])
        for row in live:
            if moment in (row["health"] or {}):
                at.add_metric([row["instance"]], datetime.fromisoformat(row["health"][moment]).timestamp())
        yield at
    commits = SummaryMetricFamily("radio_ingest_commit_duration_seconds", "Time of commits.", labels=["instance_name"])
    sweeps = GaugeMetricFamily("radio_sweep_duration_seconds", "Time of the last sweep.", labels=["instance_name"])
    for row in live:
        health = row["health"] or {}
        commits.add_metric([row["instance"]], health.get("commits_total", 0), health.get("commit_seconds_total", 0.0))
        if "sweep_seconds" in health:
            sweeps.add_metric([row["instance"]], health["sweep_seconds"])
    yield commits
    yield sweeps


def _counted_lines(rows: list[dict[str, Any]]) -> Iterator[Metric]:
    """Counters, also of what retention has forgotten: they never fall."""
    lines: Counter[tuple[str, str]] = Counter()
    read: Counter[str] = Counter()
    for row in rows:
        service = row["service"] if "service" in row else service_of(family(row["path"]))
        for result in _RESULTS:
            lines[service, result] += row[result]
        read[service] += row["committed_offset"]
    by_result = CounterMetricFamily(
        "radio_log_lines", "Lines by what became of them; dead letters apart.", labels=["service", "result"]
    )
    for (service, result), count in sorted(lines.items()):
        by_result.add_metric([service, result], count)
    yield by_result
    bytes_read = CounterMetricFamily("radio_log_bytes", "Bytes read.", labels=["service"])
    for service, count in sorted(read.items()):
        bytes_read.add_metric([service], count)
    yield bytes_read


def _files(rows: list[dict[str, Any]]) -> Iterator[Metric]:
    lag: Counter[str] = Counter()
    late: dict[str, float] = {}
    last: dict[str, float] = {}
    suspended = 0
    for row in rows:
        service = service_of(family(row["path"]))
        lag[service] += row["lag_bytes"]
        late[service] = max(late.get(service, 0.0), row["lag_seconds"])
        last[service] = max(last.get(service, 0.0), row["updated_at"].timestamp())
        suspended += row["state"] == "suspended"
    for name, said, values in (
        ("radio_tail_lag_bytes", "Bytes written and not stored yet.", lag),
        ("radio_tail_lag_seconds", "For how long the oldest of them may have waited.", late),
        ("radio_tail_last_line_timestamp_seconds", "When a line was last stored.", last),
    ):
        gauge = GaugeMetricFamily(name, said, labels=["service"])
        for service, value in sorted(values.items()):
            gauge.add_metric([service], value)
        yield gauge
    yield GaugeMetricFamily(
        "radio_files_suspended", "Files not read any further until somebody looks.", value=suspended
    )


def _queues(facts: dict[str, Any]) -> Iterator[Metric]:
    for name, fact, said in (
        ("radio_derive_queue_entries", "derive", "Spans that wait for the bookkeeper."),
        ("radio_rollup_queue_entries", "rollup", "Spans of metrics that wait to be rolled up."),
        ("radio_notifications_pending", "notifications", "Notifications that wait to be sent."),
        ("radio_dead_letters", "dead_letters", "Lines that could not be stored and were not replayed."),
        ("radio_lost_bytes", "lost_bytes", "Bytes that vanished before anybody could read them."),
    ):
        gauge = GaugeMetricFamily(name, said)
        if fact in facts:
            gauge.add_metric([], facts[fact])
        yield gauge
