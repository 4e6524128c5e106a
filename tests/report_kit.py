"""Findings for tests of the report, without a database: a quiet week that a test changes where it looks."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from reports.report.findings import Findings
from reports.uptime import Outage, Seconds, Span, Uptime
from reports.window import Window

NOW = datetime(2026, 11, 24, tzinfo=UTC)
WINDOW = Window(NOW - timedelta(days=7), NOW)
DAY = 86_400.0

HOSTILE = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "' onmouseover='alert(1)", "{{ 7*7 }}{% raw %}",
    "\x1b[31mred\x1b]0;title\x07", "abc\u202egnp.exe", "line\r\nbreak\ttab", "nul\x00byte", "]]>--><svg/onload=alert(1)>",
    '=HYPERLINK("http://evil.example")', "@everyone", "&lt;b&gt;", "x" * 10_000, "\ud800 lone", "http://evil.example/a.css",
)  # fmt: skip


def uptime(down_seconds: float = 0.0, **more: Any) -> Uptime:
    total = Seconds(up=7 * DAY - down_seconds, down=down_seconds)
    by_day = {(WINDOW.start + timedelta(days=number)).date(): Seconds(up=DAY) for number in range(7)}
    spans = (Span("radio", "up", WINDOW.start, WINDOW.end),)
    return replace(Uptime(total=total, by_station={"radio": total}, by_day=by_day, spans=spans), **more)


def outage(start: datetime, seconds: float, **more: Any) -> Outage:
    made = Outage(
        station="radio", start=start, end=start + timedelta(seconds=seconds), down_seconds=seconds, continued=False,
        ongoing=False, cause="Broken pipe", category="network", source="log",
    )  # fmt: skip
    return replace(made, **more)


def track(artist: str = "Artist", title: str = "Title", plays: int = 3) -> dict[str, Any]:
    return {
        "artist": artist,
        "title": title,
        "play_count": plays,
        "total_play_seconds": 60.0 * plays,
        "last_played_at": NOW,
    }


def template(text: str = "Broken pipe", **more: Any) -> dict[str, Any]:
    return {
        "template": text, "example": text, "service": "stream", "severity": "error", "category": "network",
        "error_count": 5, "previous_count": 0, "new": True, "first_seen": NOW, "last_seen": NOW,
        "by_day": [0, 1, 0, 0, 2, 2, 0], **more,
    }  # fmt: skip


def findings(**changed: Any) -> Findings:
    plays = {
        "total_plays": 2000, "unique_tracks": 40, "uptime_percent": 100.0, "coverage_percent": 100.0, "interruptions": 0,
        "error_rate": 0.5, "plays_with_errors": 10, "total_play_seconds": 7 * DAY, "average_duration_seconds": 300.0,
    }  # fmt: skip
    encoder = {
        "sessions": 2, "failed": 0, "killed": 0, "running": 1, "encoder_seconds": 7 * DAY, "out_time_seconds": 7 * DAY,
        "frames": 18_144_000, "drop_frames": 3, "dup_frames": 0, "speed_average": 1.0, "speed_worst": 0.98, "samples": 9,
        **{f"{name}_{part}": 1.0 for name in ("fps", "speed", "bitrate_kbps")
           for part in ("average", "median", "low", "high")},
    }  # fmt: skip
    coverage = {
        "dead_letters": 0, "gaps": 0, "gap_bytes": 0, "unread_bytes": 0, "suspended_files": 0, "files": 3, "lines": 9999,
        "underived": 0,
    }  # fmt: skip
    usual = Findings(
        window=WINDOW, generated_at=NOW, station=None, stations=("radio",), zone=ZoneInfo("UTC"), slo_percent=99.5,
        gap_threshold_seconds=10.0, uptime=uptime(), previous_uptime=uptime(), plays=plays, previous_plays=plays, errors=12,
        previous_errors=12, plays_by_day=dict.fromkeys(uptime().by_day, 285), errors_by_day={}, plays_by_hour=(83,) * 24,
        errors_by_weekday_and_hour=((1, 3, 12),), top_tracks=(track(),), repeats=(), retention=(), templates=(template(),),
        encoder=encoder, platform={"percent": 0.0, "samples": 0}, speed_by_day={}, host=(), coverage=coverage,
    )  # fmt: skip
    return replace(usual, **changed)


def empty_findings() -> Findings:
    nothing = dict.fromkeys(findings().plays, 0)
    return findings(
        stations=(), uptime=Uptime(), previous_uptime=Uptime(), plays=nothing, previous_plays=nothing, errors=0,
        previous_errors=0, plays_by_day={}, plays_by_hour=(0,) * 24, errors_by_weekday_and_hour=(), top_tracks=(),
        templates=(), encoder=dict.fromkeys(findings().encoder, 0), coverage=dict.fromkeys(findings().coverage, 0),
    )  # fmt: skip


def hostile_findings() -> Findings:
    """Hostile text wherever text from logs can stand."""
    outages = tuple(
        outage(WINDOW.start + timedelta(hours=number), 60, cause=text, category=text, station=text)
        for number, text in enumerate(HOSTILE)
    )
    spans = tuple(Span(text, "up", WINDOW.start, WINDOW.end) for text in HOSTILE)
    repeats = tuple(
        {**track(text, text), "shortest_seconds": 1.0, "median_seconds": 2.0, "retention_percent": 3.0}
        for text in HOSTILE
    )
    return findings(
        station=HOSTILE[1], uptime=uptime(600.0, outages=outages, spans=spans), repeats=repeats, retention=repeats,
        top_tracks=tuple(track(text, text) for text in HOSTILE),
        templates=tuple(template(text, service=text, category=text, severity=text) for text in HOSTILE),
    )  # fmt: skip
