"""The sample logs are what samples/README.md says, and the recount that other tests rely on counts right."""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from logging_module import LoggingConfig, RadioLogger
from samples.recount import recount

ROOT = Path(__file__).parents[2]
LOGS = ROOT / "samples" / "logs"
STREAM_KEY = "fak3-n1gh-tdr1-v3fm-0000"


@pytest.fixture(scope="module")
def truth() -> dict[str, Any]:
    return recount(LOGS)


def json_lines(*names: str) -> list[dict[str, Any]]:
    """The lines of sample files that are JSON objects."""
    found = []
    for path in (path for name in names for path in sorted(LOGS.glob(name + "*"))):
        for line in path.read_bytes().split(b"\n"):
            try:
                value = json.loads(line)
            except ValueError:
                continue
            if isinstance(value, dict):
                found.append(value)
    return found


def test_the_script_makes_the_files_that_are_checked_in(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "samples.make_samples", str(tmp_path)], cwd=ROOT, check=True)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        path.name: path.read_bytes() for path in LOGS.iterdir()
    }


def test_the_files_are_there_and_small() -> None:
    assert {path.name for path in LOGS.iterdir()} == {
        "metadata-watcher.log", "metadata-watcher.log.1", "metadata-watcher.log.2", "ffmpeg-manager.log",
        "ffmpeg-manager.log.1", "monitoring.log", "monitoring.log.1", "monitoring.log.2", "ffmpeg-radio.log",
        "ffmpeg-preview.log",
    }  # fmt: skip
    assert sum(path.stat().st_size for path in LOGS.iterdir()) < 3_000_000


def test_every_line_has_one_disposition(truth: dict[str, Any]) -> None:
    for name, counts in truth["files"].items():
        raw = (LOGS / name).read_bytes()
        assert counts["lines"] == raw.count(b"\n"), name
        assert counts["lines"] == sum(counts.values()) - counts["lines"], name
    dead = sum(counts["dead_letters"] for counts in truth["files"].values())
    assert dead == sum(truth["dead_letters"].values())
    stored = sum(counts["stored"] for counts in truth["files"].values())
    starts = truth["plays"] + 1  # one is written twice
    resolutions = 2
    rows = truth["error_rows"] + sum(truth["metrics"].values()) + starts + truth["ends"] + resolutions
    assert stored == rows


def test_the_figures_are_those_of_a_day_of_radio(truth: dict[str, Any]) -> None:
    assert 390 <= truth["plays"] <= 420
    assert 60 <= truth["tracks"] <= 64
    assert sum(truth["plays_by_track"].values()) == truth["plays"]
    assert truth["ended_plays"] == truth["ends"] < truth["plays"]
    assert truth["metrics"]["cpu_percent"] > 2800
    assert set(truth["dead_letters"]) == {
        "bad_json", "invalid_utf8", "missing_field", "not_an_object", "too_deep", "wrong_type",
    }  # fmt: skip
    assert {severity for of in truth["errors"].values() for severity in of} == {"info", "warning", "error", "critical"}
    assert truth["resolved_rows"] == 9, "the first crash and eight attempts, not the second crash"


def test_the_outages_are_in_the_plays() -> None:
    starts = sorted(
        datetime.fromisoformat(line["timestamp"])
        for line in json_lines("metadata-watcher")
        if line.get("event") == "track_started" and "play_id" in line
    )
    assert starts[0] - datetime(2026, 11, 21, 23, tzinfo=UTC) < timedelta(minutes=1)
    assert datetime(2026, 11, 22, 23, tzinfo=UTC) - starts[-1] < timedelta(minutes=5)
    ends = [line for line in json_lines("metadata-watcher") if line.get("event") == "track_ended"]
    for broken_from, broken_to in (
        (datetime(2026, 11, 22, 2, 12, 7, tzinfo=UTC), datetime(2026, 11, 22, 2, 23, 5, tzinfo=UTC)),
        (datetime(2026, 11, 22, 13, 26, 20, tzinfo=UTC), datetime(2026, 11, 22, 13, 27, tzinfo=UTC)),
        (datetime(2026, 11, 22, 18, 40, tzinfo=UTC), datetime(2026, 11, 22, 18, 46, tzinfo=UTC)),
    ):
        assert not [start for start in starts if broken_from <= start < broken_to]
        assert min(start for start in starts if start >= broken_to) - broken_to < timedelta(seconds=1)
        assert broken_from in [datetime.fromisoformat(line["timestamp"]) for line in ends]


def test_numbers_are_complete_but_for_the_full_disk(truth: dict[str, Any]) -> None:
    missing = sorted(run["missing"] for run in truth["runs"].values())
    assert len(missing) == 4
    assert missing[:3] == [0, 0, 0]
    assert 4 <= missing[3] <= 20


def test_an_end_stands_before_its_start_and_another_in_another_file() -> None:
    watcher = [*json_lines("metadata-watcher.log.2"), *json_lines("metadata-watcher.log.1")]
    place = {(line["event"], line.get("play_id")): at for at, line in enumerate(watcher) if "event" in line}
    before = [
        play
        for event, play in place
        if event == "track_ended" and place[event, play] < place.get(("track_started", play), 0)
    ]
    assert len(before) == 1
    elsewhere = [line["play_id"] for line in json_lines("ffmpeg-manager") if line.get("event") == "track_ended"]
    assert len(elsewhere) == 1
    assert ("track_started", elsewhere[0]) in place


def test_lines_have_the_form_that_radio_logger_writes(tmp_path: Path) -> None:
    """Same fields, same order, same kinds of values."""
    config = LoggingConfig(log_path=tmp_path, station="Nightdrive FM")
    with RadioLogger(config, "metadata-watcher") as radio:
        track = {"artist": "a", "title": "t", "album": "b", "azuracast_song_id": "c", "duration": 1.5}
        play_id = radio.log_track_started(track, "/srv/x", 1)
        radio.log_track_ended(play_id)
        radio.log_error("azuracast", "error", "m", {"status": 1}, play_history_id=play_id)
        radio.log_metric("cpu_percent", 1.5, "percent")
        radio.log.info("artwork_fetched", song_id="x", bytes=1)
    written = [json.loads(line) for line in radio.path.read_text().splitlines()]
    samples = json_lines("metadata-watcher", "monitoring")
    for line in written:
        alike = [sample for sample in samples if form(sample) == form(line)]
        assert alike, form(line)


def form(line: dict[str, Any]) -> list[tuple[str, type]]:
    return [(name, type(value)) for name, value in line.items()]


def test_ffmpegs_logs_are_real_and_hold_no_address_of_the_outside() -> None:
    captures = ROOT / "samples" / "captures"
    assert (LOGS / "ffmpeg-preview.log").read_bytes() == (captures / "preview.log").read_bytes()
    bare = re.sub(r"(?m)^\S+ studio ffmpeg\[\d+\]: ", "", (LOGS / "ffmpeg-radio.log").read_text())
    for capture in ("broken-pipe.log", "refused.log", "sigterm.log"):
        lines = re.split(r"[\r\n]+", (captures / capture).read_bytes().decode())
        kept = [line for line in lines if not line.startswith("frame=") and "127.0.0.1" not in line]
        assert set(kept) <= {*bare.split("\n"), ""}
        addresses = set(re.findall(r"(?:rtmp|tcp)://([^/?]+)", "\n".join(lines)))
        assert {address.partition(":")[0] for address in addresses} <= {"127.0.0.1"}


def test_secrets_and_hostile_titles_are_in_it() -> None:
    """Otherwise nothing would prove that they do no harm."""
    everything = b"".join(path.read_bytes() for path in LOGS.iterdir())
    assert everything.count(STREAM_KEY.encode()) > 10
    for hostile in (
        b"=HYPERLINK(",
        b"<script>",
        b"@everyone",
        b"\\u001b[31m",
        b"DROP TABLE",
        "فرقة".encode(),
        b"\\u0000",
    ):
        assert hostile in everything, hostile
    assert max(len(line) for line in everything.split(b"\n")) > 5000


def test_the_recount_counts_what_it_is_given(tmp_path: Path) -> None:
    """Small enough to be counted by eye."""
    (tmp_path / "watcher.log.1").write_bytes(
        b'{"event":"track_started","play_id":"1","artist":"A","title":"B"}\n'
        b'{"event":"track_started","play_id":"1","artist":"A","title":"B"}\n'
        b'{"event":"track_started","play_id":"2","artist":" a ","title":"b"}\n'
        b"\n"
        b"nonsense\n"
    )
    (tmp_path / "watcher.log").write_bytes(
        b'{"event":"track_ended","play_id":"2","run_id":"r","seq":1}\n'
        b'{"event":"metric","metric_name":"m","metric_value":1,"run_id":"r","seq":3}\n'
        b'{"level":"info","event":"hello"}\r\n'
        b'{"level":"warning","event":"careful","timestamp":"2026-11-22T01:00:00Z"}\n'
        b'{"kind":"error","level":"info","service":"x","event":"noted"}\n'
        b'{"event":"error_resolved","service":"watcher","template":"careful","timestamp":"2026-11-22T02:00:00Z"}\n'
        b"[]\n"
    )
    counted = recount(tmp_path)
    names = ("lines", "stored", "below_threshold", "blank", "dead_letters")
    assert counted.pop("files") == {
        "watcher.log": dict(zip(names, (7, 5, 1, 0, 1), strict=True)),
        "watcher.log.1": dict(zip(names, (5, 3, 0, 1, 1), strict=True)),
    }
    assert counted == {
        "plays": 2,
        "tracks": 1,
        "plays_by_track": {"a - b": 2},
        "ends": 1,
        "ended_plays": 1,
        "metrics": {"m": 1},
        "errors": {"watcher": {"warning": 1}, "x": {"info": 1}},
        "error_rows": 2,
        "resolved_rows": 1,
        "dead_letters": {"bad_json": 1, "not_an_object": 1},
        "runs": {"r": {"lines": 2, "missing": 1}},
        "ffmpeg": {},
    }
