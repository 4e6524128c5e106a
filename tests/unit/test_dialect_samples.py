"""Real lines of other loggers (tests/data/dialects) become what their messages say that they must become.

`expect LEVEL`, behind it `trace` where the line has a stack trace, and `zoneless` or `timeless` where its time is not
exact; `expect KIND` for reserved events.
"""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from parsers.events import Disposition, LogRecord, Metric, RawLine, TimeQuality, TrackStarted
from parsers.json_fields import NOTES
from parsers.json_lines import JsonLinesParser
from parsers.registry import choose

FOLDER = Path(__file__).parents[1] / "data" / "dialects"
SAMPLES = sorted(FOLDER.glob("*.log"))
MADE = datetime(2026, 11, 25, 17, 13, tzinfo=UTC)
EXPECTED = re.compile(r"expect (debug|info|warning|error|critical)\b( trace)?( zoneless| timeless)?")
QUALITY = {" zoneless": TimeQuality.ZONELESS, " timeless": TimeQuality.UNKNOWN, None: TimeQuality.EXACT}


def lines() -> list[tuple[str, bytes]]:
    return [
        (f"{path.stem}:{number}", line)
        for path in SAMPLES
        for number, line in enumerate(path.read_bytes().splitlines(), 1)
    ]


@pytest.mark.parametrize("line", [line for _, line in lines()], ids=[name for name, _ in lines()])
def test_a_real_line_is_understood(line: bytes) -> None:
    (outcome,) = JsonLinesParser().feed(RawLine(0, len(line) + 1, line))
    (event,) = outcome.parsed
    assert outcome.disposition is Disposition.STORED
    if isinstance(event, Metric):
        assert (event.name, event.value) in {("listeners", 41), ("upload_seconds", 4.2)}
    elif isinstance(event, TrackStarted):
        assert (event.artist, event.title, event.duration_seconds) == ("Odalys Venn", "Night Desk", 213.4)
    else:
        assert isinstance(event, LogRecord)
        expected = EXPECTED.search(event.message)
        assert expected is not None, event.message
        assert not event.message.startswith("{"), "the message alone, not the line"
        assert event.severity == expected[1]
        assert bool(event.stack_trace) is bool(expected[2]), event.stack_trace
        assert not event.stack_trace or "\n" in event.stack_trace
        assert not set((event.context or {}).get(NOTES, ())) - {"nul"}
        assert event.time_quality is QUALITY[expected[3]]
    if event.timestamp is not None:
        assert abs(event.timestamp - MADE) < timedelta(hours=1)


def test_the_samples_are_of_every_logger_that_the_documentation_names() -> None:
    text = (Path(__file__).parents[2] / "docs" / "log-format.md").read_text(encoding="utf-8")
    table = text.partition("## Other loggers")[2].partition("\n## ")[0]
    named = set(re.findall(r"`([a-z_]+\.log)`", table))
    assert named == {path.name for path in SAMPLES}


@pytest.mark.parametrize("path", SAMPLES, ids=[path.stem for path in SAMPLES])
def test_a_file_of_them_is_read_as_json_lines(path: Path) -> None:
    assert choose(path.name, path.read_bytes(), ()) == "json"
    assert all(isinstance(json.loads(line), dict) for line in path.read_bytes().splitlines())
