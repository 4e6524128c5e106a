"""AzuraCast's payloads through the pipeline: one play a `sh_id`, in whatever files and order its payloads are read."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from fix_postgres import Database
from ingest_kit import ledger_holds, lines_of, read_once

BEGAN = 1591548000


def played(number: int, **more: Any) -> dict[str, Any]:
    title = f"Track {number}"
    song = {"id": f"song-{title}", "text": f"Odalys Venn - {title}", "artist": "Odalys Venn", "title": title}
    return {
        "sh_id": number,
        "played_at": BEGAN + 180 * number,
        "duration": 180,
        "playlist": "night",
        "song": song,
        **more,
    }


def payload(number: int, *history: int, **more: Any) -> dict[str, Any]:
    return {
        "station": {"shortcode": "night"},
        "listeners": {"current": number},
        "now_playing": {**played(number), "elapsed": 5},
        "song_history": [played(past) for past in history],
        **more,
    }


FIRST, SECOND = payload(11), payload(12)
LIVE = payload(13, 12, 11, live={"is_live": True, "streamer_name": "DJ Ada"})
REPAIR = payload(16, 15, 14, 13, 12, 11)
OFF_AIR = {**payload(0), "now_playing": {"sh_id": 0, "played_at": 0}, "song_history": [], "listeners": None}
FILES = {
    "a.log": lines_of(FIRST, FIRST, {"msg": "webhook", "body": SECOND}, LIVE),
    "b.log": lines_of(SECOND, OFF_AIR, json.dumps(FIRST), REPAIR, REPAIR),
    "c.log": lines_of({"timestamp": BEGAN + 180 * 16 + 90, "body": OFF_AIR}, {"event": "x", "nowplaying": [LIVE]}),
}


@pytest.mark.parametrize("order", list(itertools.permutations(FILES))[::2])
def test_a_play_is_stored_once_whatever_the_order_of_its_payloads(database: Database, order: tuple[str, ...]) -> None:
    folder: Path = database.config.log_path
    folder.mkdir(parents=True, exist_ok=True)
    for name in order:
        (folder / name).write_text(FILES[name], encoding="utf-8")
        read_once(database.config, name, folder / name)
    read_once(database.config, "rest")
    plays = database.rows(
        """SELECT station, play_key, title, extract(epoch FROM started_at)::int - %s,
                  extract(epoch FROM ended_at - started_at)::int, ended_by, metadata - 'via', metadata ? 'via'
           FROM play_history ORDER BY started_at""",
        BEGAN,
    )
    # 14 and 15 are known from the history alone. What a payload said while they were on air is kept of the others.
    show = {"playlist": "night", "live": True, "streamer": "DJ Ada"}
    assert [tuple(play) for play in plays] == [
        ("night", f"sh:{number}", f"Track {number}", 180 * number, 90 if number == 16 else 180,
         "event" if number == 16 else "next_track", show if number == 13 else {"playlist": "night"}, number in {14, 15})
        for number in range(11, 17)
    ]  # fmt: skip
    assert not database.rows("SELECT * FROM dead_letters")
    assert database.rows("SELECT sum(duplicate)::int FROM ingest_files") == [(2,)]
    ledger_holds(database)


def test_listeners_are_counted_once_a_moment(database: Database) -> None:
    folder: Path = database.config.log_path
    folder.mkdir(parents=True, exist_ok=True)
    later = payload(11, now_playing={**played(11), "elapsed": 65}, listeners={"current": 19, "unique": 17})
    path = folder / "webhook.log"
    path.write_text(lines_of(FIRST, FIRST, later), encoding="utf-8")
    read_once(database.config, "first")
    with path.open("a", encoding="utf-8") as log:
        log.write(lines_of(later, FIRST))  # another process reads these: the checkpoint remembers
    read_once(database.config, "second")
    assert database.rows(
        """SELECT metric_name, metric_value::int, extract(epoch FROM timestamp)::int - %s, time_quality, station
           FROM system_metrics ORDER BY timestamp, metric_name""",
        BEGAN + 180 * 11,
    ) == [
        ("listeners", 11, 5, "exact", "night"),
        ("listeners", 19, 65, "exact", "night"),
        ("listeners_unique", 17, 65, "exact", "night"),
    ]
    ledger_holds(database)
