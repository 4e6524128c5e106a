"""AzuraCast's payloads through the pipeline: one play a `sh_id`, in whatever files and order its payloads are read."""

import json
from pathlib import Path
from typing import Any

import pytest
from fix_postgres import Database
from ingest_kit import lines_of, read_once


def payload(sh_id: int, played_at: int, title: str) -> dict[str, Any]:
    song = {"id": f"song-{title}", "text": f"Odalys Venn - {title}", "artist": "Odalys Venn", "title": title}
    return {
        "station": {"shortcode": "night"},
        "now_playing": {"sh_id": sh_id, "played_at": played_at, "duration": 180, "song": song},
    }


FIRST = payload(11, 1591548000, "Night Desk")
SECOND = payload(12, 1591548180, "Low Tide")
OFF_AIR = payload(0, 0, "Station Offline")


@pytest.mark.parametrize("order", [("1.log", "2.log"), ("2.log", "1.log")])
def test_a_play_is_stored_once_whatever_the_order_of_its_payloads(database: Database, order: tuple[str, str]) -> None:
    folder: Path = database.config.log_path
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "1.log").write_text(lines_of(FIRST, FIRST, {"msg": "webhook", "body": SECOND}), encoding="utf-8")
    (folder / "2.log").write_text(lines_of(SECOND, OFF_AIR, json.dumps(FIRST), SECOND), encoding="utf-8")
    for name in order:
        read_once(database.config, name, folder / name)
    read_once(database.config, "rest")
    plays = database.rows(
        "SELECT station, play_key, title, extract(epoch FROM started_at)::int, extract(epoch FROM ended_at)::int"
        " FROM play_history ORDER BY started_at"
    )
    assert [tuple(play) for play in plays] == [
        ("night", "sh:11", "Night Desk", 1591548000, 1591548180),
        ("night", "sh:12", "Low Tide", 1591548180, None),
    ]
    assert not database.rows("SELECT * FROM dead_letters")
