"""`radiolog top`, `errors`, `history`, `now`, `outages`, `maintenance` and `digest` as a person types them."""

import itertools
import json
import re
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fix_command import Command
from fix_postgres import Database
from jinja2 import DictLoader
from report_kit import HOSTILE
from station_kit import Station
from webhook_kit import says, webhook

from reports.report import html
from reports.report.text import width_of

LISTS = ("top", "errors", "errors --each", "history", "outages", "stats", "sessions", "digest")


def ago(minutes: float) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=minutes)


def store(database: Database, *stations: Station) -> None:
    with closing(database.connect()) as connection:
        for station in stations:
            station.store(connection)


@pytest.fixture
def evening(database: Database) -> Database:
    """Three hours: three plays, an outage of ten minutes, errors of two kinds, one of them in FFmpeg's words."""
    station = Station()
    station.play(ago(180), ago(120), "Nina", "Sinnerman")
    station.play(ago(110), ago(60), "NINA ", "Feeling Good", ended_by="next_track", errors=2)
    station.play(ago(60), ago(0.1), "Bonobo", "Kerala")
    station.heartbeats(ago(180), ago(0))
    station.error(ago(119.5), "Broken pipe", category="network", occurrences=3)
    station.error(ago(100), "Broken pipe", "critical", service="ffmpeg")
    station.error(ago(90), "slow", "warning")
    station.error(ago(80), "chatter", "info")
    store(database, station)
    return database


def as_json(radiolog: Command, *words: str) -> dict[str, Any]:
    done = radiolog(*words, "--json")
    assert (done.code, done.err) == (0, "")
    found: dict[str, Any] = json.loads(done.out)
    return found


def test_top_history_and_outages(evening: Database, radiolog: Command) -> None:
    assert [track["title"] for track in as_json(radiolog, "top", "--limit", "2")["tracks"]] == [
        "Kerala",
        "Feeling Good",
    ]
    plays = as_json(radiolog, "history", "--days", "1")["plays"]
    assert [play["title"] for play in plays] == ["Kerala", "Feeling Good", "Sinnerman"]
    for words, titles in (
        (("--artist", " nina"), ["Feeling Good", "Sinnerman"]), (("--title", "KERALA"), ["Kerala"]),
        (("--artist", "Nina", "--title", "Sinnerman"), ["Sinnerman"]), (("--artist", "Nin"), []), (("--artist", "%"), []),
    ):  # fmt: skip
        assert [play["title"] for play in as_json(radiolog, "history", *words)["plays"]] == titles
    (outage,) = as_json(radiolog, "outages")["outages"]
    assert (outage["down_seconds"], outage["cause"]) == (600, "Broken pipe")
    shown = radiolog("outages").out
    assert "10 min" in shown
    assert "Broken pipe" in shown
    assert "Feeling Good" in radiolog("history").out


def test_errors_are_listed_by_kind_and_one_by_one(evening: Database, radiolog: Command) -> None:
    kinds = as_json(radiolog, "errors")["kinds"]
    assert [(kind["template"], kind["service"], kind["error_count"], kind["open_count"]) for kind in kinds] == [
        ("Broken pipe", "stream", 3, 3), ("slow", "stream", 1, 1), ("Broken pipe", "ffmpeg", 1, 1),
    ]  # fmt: skip
    each = as_json(radiolog, "errors", "--each", "--severity", "info")["messages"]
    assert [message["message"] for message in each] == ["chatter", "slow", "Broken pipe", "Broken pipe"]
    assert len(as_json(radiolog, "errors", "--each", "--severity", "error")["messages"]) == 2
    assert [kind["severity"] for kind in as_json(radiolog, "errors", "--severity", "critical")["kinds"]] == ["critical"]
    assert "3 \u00d7 Broken pipe" in radiolog("errors", "--each").out


def test_errors_are_resolved_by_id_and_by_kind(evening: Database, radiolog: Command) -> None:
    ids = {row["message"] + row["service"]: row["id"] for row in as_json(radiolog, "errors", "--each")["messages"]}
    by_id = radiolog("errors", "resolve", str(ids["slowstream"]))
    assert (by_id.code, by_id.out) == (0, "1 message resolved\n")
    assert radiolog("errors", "resolve", str(ids["slowstream"])).out == "0 messages resolved\n"
    missing = radiolog("errors", "resolve", str(ids["Broken pipestream"]), "999999")
    assert (missing.code, "no error 999999" in missing.err) == (1, True)
    by_kind = radiolog("errors", "resolve", "--service", "ffmpeg", "--template", "Broken pipe")
    assert (by_kind.code, by_kind.out) == (0, "1 message resolved\n")
    again = radiolog("errors", "resolve", "--service", "ffmpeg")
    assert (again.code, "no open error" in again.err) == (1, True)
    assert evening.rows("SELECT service, message FROM error_log WHERE NOT resolved ORDER BY id") == [
        ("stream", "Broken pipe"), ("stream", "chatter"),
    ]  # fmt: skip
    (left,) = as_json(radiolog, "errors", "--open")["kinds"]
    assert (left["service"], left["open_count"]) == ("stream", 3)
    assert evening.rows("SELECT count(*) FROM derive_queue") == [(0,)]
    assert radiolog("errors", "resolve", "--service", "stream", "--station", "radio").out == "2 messages resolved\n"


def test_wrong_words(evening: Database, radiolog: Command) -> None:
    for words in (
        "errors resolve", "errors resolve 1 --service x", "errors resolve 1 --station radio", "errors resolve 0",
        "errors resolve --service x --station nobody", "errors --severity loud", "maintenance add",
        "maintenance add --minutes 5 --end 2026-11-24", "maintenance add --minutes 5 --station nobody",
        "maintenance add --start 2026-11-24 --end 2026-11-23", "maintenance add --start 2026-01-01 --end 2028-01-01",
        "maintenance add --minutes 5 --start 0001-01-01", "maintenance list --station nobody", "maintenance remove",
        "maintenance remove 0", "maintenance add --minutes 0", "maintenance add --minutes nan", "now --station nobody",
    ):  # fmt: skip
        done = radiolog(*words.split())
        assert (done.code, done.out) == (2, ""), words
        assert done.err
    assert evening.rows("SELECT count(*) FROM maintenance_windows") == [(0,)]


def test_a_planned_window_is_out_of_service_until_it_is_removed(evening: Database, radiolog: Command) -> None:
    begin = ago(121).isoformat()
    until_now = ("--start", ago(200).isoformat(), "--end", ago(0.2).isoformat())  # however long the test takes
    assert as_json(radiolog, "stats", *until_now)["uptime"]["outages"] == 1
    added = radiolog("maintenance", "add", "--start", begin, "--minutes", "12", "--reason", "a \x1b[31mnew disk\udcff")
    assert (added.code, added.err) == (0, "")
    number = added.out.split(":")[0]
    uptime = as_json(radiolog, "stats", *until_now)["uptime"]
    assert (uptime["outages"], uptime["down_seconds"], uptime["maintenance_seconds"]) == (0, 0.0, 720.0)
    assert as_json(radiolog, "outages", *until_now)["outages"] == []
    assert as_json(radiolog, "maintenance", "list")["windows"] == []
    (window,) = as_json(radiolog, "maintenance", "list", "--past")["windows"]
    assert (window["state"], window["reason"]) == ("over", "a \x1b[31mnew disk?")
    listed = radiolog("maintenance", "list", "--past").out
    assert "\x1b" not in listed
    assert "12 min" in listed
    assert radiolog("maintenance", "remove", number).out == "1 window removed\n"
    assert radiolog("maintenance", "remove", number).code == 1
    assert as_json(radiolog, "stats", *until_now)["uptime"]["outages"] == 1


def test_windows_of_several_stations(evening: Database, radiolog: Command) -> None:
    store(evening, Station("other", "Asia/Tokyo"))
    unsaid = radiolog("maintenance", "add", "--minutes", "5")
    assert (unsaid.code, "--all-stations" in unsaid.err) == (2, True)
    assert radiolog("maintenance", "add", "--minutes", "5", "--all-stations").code == 0
    local = radiolog(
        "maintenance", "add", "--station", "other", "--start", "2030-06-01T03:00", "--end", "2030-06-01T04:00"
    )
    assert "03:00 JST" in local.out, "a time without zone is the station's"
    windows = as_json(radiolog, "maintenance", "list", "--station", "other")["windows"]
    assert [(window["state"], window["from_time"][:16]) for window in windows] == [
        ("running", windows[0]["from_time"][:16]), ("planned", "2030-05-31T18:00"),
    ]  # fmt: skip


def test_now_says_what_plays_and_how_it_knows(evening: Database, radiolog: Command) -> None:
    (station,) = as_json(radiolog, "now")["stations"]
    assert station["state"] == "unknown", "no daemon reads"
    shown = radiolog("now").out
    assert "no daemon" in shown
    assert shown.startswith(f"{station['station']} ({station['time_zone']})\n"), "whose zone the times are in"
    evening.rows("INSERT INTO ingest_instances (instance, machine) VALUES ('i', 'm')")
    assert as_json(radiolog, "now")["stations"][0]["state"] == "on air"
    playing = Station()
    playing.play(ago(1), None, "Tycho", "Awake", expected=240.0)
    playing.session(ago(100), ago(0), end_kind="running")
    store(evening, playing)
    shown = radiolog("now").out
    assert "on air" in shown
    assert "Tycho - Awake, for 1 min" in shown
    assert "of 4 min" in shown
    evening.rows("UPDATE stream_sessions SET last_progress_at = now() - interval '10 minutes'")
    assert as_json(radiolog, "now")["stations"][0]["state"] == "off air"
    assert "off air, last sign of life" in radiolog("now").out
    radiolog("maintenance", "add", "--minutes", "5")
    assert "in maintenance until" in radiolog("now").out


def test_an_empty_database_is_answered_helpfully(database: Database, radiolog: Command) -> None:
    for words in (*LISTS, "now", "maintenance list"):
        done = radiolog(*words.split())
        assert (done.code, done.err) == (0, ""), words
        if words not in ("digest", "maintenance list"):
            assert "radiolog once" in done.out, words
        as_json(radiolog, *words.split())
    done = radiolog("maintenance", "add", "--minutes", "5")
    assert (done.code, "no station" in done.err) == (2, True)


def test_spans_of_time_that_make_no_sense(evening: Database, radiolog: Command) -> None:
    spans = (
        ("--start 2026-11-24 --end 2026-11-20", "before the end"), ("--start 2150-01-01", "future"),
        ("--start 2150-01-01 --end 2150-01-02", "future"), ("--station nobody", "no station"), ("--days 0", "days"),
        ("--days -3", "days"), ("--days 1e12", "days"), ("--days nan", "days"), ("--days x", "days"),
        ("--start tomorrow", "no date or time"), ("--end 9999-12-31", "1970 to 2200"),
    )  # fmt: skip
    for words, (span, told) in itertools.product((*LISTS, "export", "report"), spans):
        done = radiolog(*words.split(), *span.split(), COLUMNS="200")
        assert (done.code, done.out) == (2, ""), (words, span)
        assert told in done.err, (words, span, done.err)
        assert "Traceback" not in done.err


def test_folders_and_names_that_cannot_be(evening: Database, radiolog: Command, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "sub", "/proc/nowhere", tmp_path / ("x" * 300)):
        for words in ("report", "export"):
            done = radiolog(words, "--output-dir", str(folder))
            assert (done.code, done.out) == (1, ""), (words, folder)
            assert "cannot be" in done.err
    for name in ("../x", "x/y", "", ".hidden"):
        done = radiolog("report", "--name", name, "--output-dir", str(tmp_path / "new"))
        assert (done.code, done.out, "name" in done.err) == (2, "", True), name
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("text", ["{% if %}", "{{ nothing.there }}", None], ids=["syntax", "unknown name", "missing"])
def test_a_damaged_template_is_one_sentence_and_no_file(
    database: Database, radiolog: Command, tmp_path: Path, text: str | None
) -> None:
    environment = html._environment()
    whole = environment.loader
    try:
        environment.loader = DictLoader({} if text is None else {"report.html.j2": text})
        environment.cache.clear()  # type: ignore[union-attr]
        done = radiolog("report", "--output-dir", str(tmp_path / "out"))
        assert (done.code, done.out) == (1, "")
        assert done.err.startswith("radiolog: the report's template report.html.j2 is broken")
        assert list((tmp_path / "out").iterdir()) == []
    finally:
        environment.loader = whole
        environment.cache.clear()  # type: ignore[union-attr]


def test_hostile_text_is_harmless_on_every_terminal(database: Database, radiolog: Command) -> None:
    station, at = Station(), ago(60)
    for number, text in enumerate(HOSTILE):
        clean = text.replace("\0", "").replace("\ud800", "")
        begin = at + timedelta(minutes=2 * number)
        station.play(begin, begin + timedelta(minutes=1), clean[:200], clean[:200])
        station.error(begin, clean, template=clean[:512], service=clean[:60], category=clean[:60])
        station.session(begin, begin + timedelta(minutes=1), end_kind="failed", cause=clean, cause_category=clean[:60])
    store(database, station)
    for words in (*LISTS, "now"):
        done = radiolog(*words.split(), *(() if words in ("now", "stats", "digest") else ("--limit", "200")))
        assert (done.code, done.err) == (0, "")
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", done.out), words
        assert max(map(width_of, done.out.splitlines())) <= 80, words
        assert radiolog(*words.split(), "--json").out.isascii()


def test_the_digest_has_five_lines_and_goes_through_the_outbox(evening: Database, radiolog: Command) -> None:
    found = as_json(radiolog, "digest")
    assert len(found["lines"]) == 5
    assert "1 outage, 10 min in all" in found["lines"][0]
    assert "Broken pipe" in found["lines"][1]
    assert found["lines"][3] == "Plays: 3; Errors: 4, 3 new kinds, first of them: Broken pipe."
    with webhook(says(500), says(204)) as hook:
        settings = {"RADIOLOG_DISCORD_WEBHOOK_URL": hook.url, "RADIOLOG_WEBHOOK_ALLOW_PRIVATE": "true"}
        done = radiolog("digest", "--send-notification", **settings)
        assert done.code == 0, done.err
        assert "s3cret" not in done.out + done.err
        titles = [body["embeds"][0]["title"] for body in hook.bodies]
        assert titles == ["\u26a0\ufe0f Morning digest\\: radio"] * 2 or "Morning digest" in titles[-1]
    assert evening.rows("SELECT kind, state FROM notification_outbox WHERE target <> ''") == [("digest", "sent")]
    with webhook(says(404)) as hook:
        done = radiolog(
            "digest", "--webhook-url", hook.url, "--webhook-kind", "slack", RADIOLOG_WEBHOOK_ALLOW_PRIVATE="true"
        )
        assert (done.code, "404" in done.err) == (1, True)
    done = radiolog("digest", "--webhook-url", "gopher://s3cret")
    assert (done.code, "is none" in done.err, "s3cret" in done.err.replace("warning", "")) == (2, True, False)
