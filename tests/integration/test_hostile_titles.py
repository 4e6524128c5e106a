"""Titles that want to be something else, from the log line to each place where a person reads them."""

import json
import re
import unicodedata
from datetime import UTC, datetime, timedelta
from pathlib import Path

from browser_kit import dom_of, needs_chromium
from fix_command import Command
from fix_postgres import Database
from ingest_kit import lines_of, read_once
from webhook_kit import says, webhook

TITLES = (
    '=HYPERLINK("http://127.0.0.1:1/x","click")', "<script>document.title='pwned'</script>", "@everyone <!channel> <@U1>",
    "\x1b[31mred\x1b]0;title\x07", "long " + "x" * 10_000, "\u202egnp.exe\u200f\u2066", "**bold** [a](http://127.0.0.1:1/)",
)  # fmt: skip

STATION = "<script>document.title='pwned'</script>@everyone <!channel> **b** [a](http://127.0.0.1:1/)"


def log_of(titles: tuple[str, ...]) -> str:
    """A play and an error for each title, within the last hour."""
    begin = datetime.now(UTC) - timedelta(minutes=50)
    lines = []
    for number, title in enumerate(titles):
        at = begin + timedelta(minutes=2 * number)
        track = {"event": "track_started", "artist": title, "title": title, "duration": 119, "play_id": str(number)}
        lines.append({"timestamp": at.isoformat(), "station": STATION, **track})
        failed = {"level": "error", "event": title, "service": title, "station": STATION}
        lines.append({"timestamp": (at + timedelta(seconds=9)).isoformat(), **failed})
    return lines_of(*map(json.dumps, lines))


def is_calm(text: str) -> bool:
    """Whether nothing in it is obeyed by a terminal or reorders a line."""
    return not [char for char in text if unicodedata.category(char) in {"Cc", "Cf", "Cs"} and char != "\n"]


@needs_chromium
def test_hostile_titles_are_harmless_wherever_they_are_read(
    database: Database, radiolog: Command, tmp_path: Path
) -> None:
    (database.config.log_path / "a.log").write_text(log_of(TITLES), encoding="utf-8")
    read_once(database.config)
    assert database.rows("SELECT count(*) FROM play_history") == [(len(TITLES),)]
    assert database.rows("SELECT max(length(metadata ->> '_full')) FROM play_history")[0][0] > 10_000, "kept whole"

    done = radiolog("report", "--days", "1", "--output-dir", str(tmp_path / "out"))
    assert done.code == 0, done.err
    text, page = map(Path, done.out.splitlines())
    assert is_calm(text.read_text(encoding="utf-8"))
    assert max(map(len, text.read_text(encoding="utf-8").splitlines())) <= 80
    assert page.stat().st_size < 500_000
    dom = dom_of(page)
    assert "<title>Radio report: &lt;script&gt;" in dom, "no script changed the title"
    assert not re.search(r"<(script|a|img|iframe)[ >]", dom)
    assert is_calm(dom)

    (as_json,) = radiolog(
        "report", "--days", "1", "--format", "json", "--output-dir", str(tmp_path / "out")
    ).out.split()
    assert Path(as_json).read_text(encoding="utf-8").isascii()
    for words in ("top", "history", "errors", "errors --each", "outages", "now", "stats", "digest"):
        shown = radiolog(*words.split())
        assert (shown.code, shown.err) == (0, "")
        assert is_calm(shown.out), words
        assert radiolog(*words.split(), "--json").out.isascii()

    for kind in ("discord", "slack"):
        with webhook(says(200)) as hook:
            settings = {"RADIOLOG_WEBHOOK_ALLOW_PRIVATE": "true"}
            for command in (("report", "--format", "text"), ("digest",)):
                done = radiolog(*command, "--webhook-url", hook.url, "--webhook-kind", kind, **settings)
                assert done.code == 0, done.err
            sent = json.dumps(hook.bodies, ensure_ascii=False)
        assert len(hook.bodies) == 2
        assert "everyone" in sent
        assert is_calm(sent)
        for body in hook.bodies:
            if kind == "discord":
                assert body["allowed_mentions"] == {"parse": []}
                bare = re.sub(r"\\.", "", body["embeds"][0]["title"] + body["embeds"][0]["description"])
                assert not re.search(r"[*_`~|\[\]()<>@#:]", bare), "nothing that Discord obeys is unescaped"
            else:
                assert (body["mrkdwn"], body["parse"], body["link_names"]) == (False, "none", False)
                assert not re.search("[<>]", json.dumps(body))
                parts = [
                    part for block in body["blocks"] for part in [block.get("text"), *block.get("fields", [])] if part
                ]
                assert {part["type"] for part in parts} == {"plain_text"}
