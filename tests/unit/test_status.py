"""What `radiolog status` says of a live daemon, from its last heartbeat."""

from datetime import UTC, datetime
from typing import Any

from ingest.cli.status import health_lines

NOW = datetime(2026, 11, 24, 9, 0, 10, tzinfo=UTC)


def lines(**health: Any) -> list[str]:
    return health_lines({"instance": "m/run/1", "health": health or None}, NOW)


def test_a_daemon_that_has_not_said_anything_yet() -> None:
    assert lines() == ["daemon: m/run/1: starting, database never lost"]


def test_all_is_well() -> None:
    said = lines(mode="events", swept_at="2026-11-24T09:00:08+00:00", committed_at="2026-11-24T08:40:10+00:00")
    assert said == ["daemon: m/run/1: waits for events, swept 2 s ago, last commit 20 min ago, database never lost"]


def test_what_went_wrong_is_counted() -> None:
    said = lines(mode="sweep", found_by_sweep=1200, events_overflowed=2, database_unavailable=3)
    assert said == [
        "daemon: m/run/1: sweeps only, events cannot be had, found by sweep 1,200, overflows 2, database lost 3"
    ]


def test_a_folder_without_events_is_named() -> None:
    _, advice = lines(mode="events", unannounced={"/mnt/nfs": [12, 15], "/log": [1, 15]})
    assert advice.startswith("12 of the last 15 changes were found by the sweep only")
    assert "/mnt/nfs; consider RADIOLOG_POLLING=true" in advice
