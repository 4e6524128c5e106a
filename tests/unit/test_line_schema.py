"""The JSON Schema of a line and the parser agree: what the schema accepts becomes the event that it says."""

import json
import re
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from logging_module import LoggingConfig, RadioLogger
from parsers.events import Rejected
from parsers.json_fields import NOTES
from parsers.json_lines import parse
from parsers.line_schema import line_schema, line_schema_text

DOCS = Path(__file__).parents[2] / "docs"
SCHEMA = line_schema()
VALIDATOR = Draft202012Validator(SCHEMA)
# What the schema cannot say: whether a date exists, and which numbers of an epoch lie beyond the year 2200.
BEYOND_THE_SCHEMA = {"bad_timestamp"}
KINDS = sorted(SCHEMA["$defs"])


def test_the_file_beside_the_documentation_is_what_would_be_generated() -> None:
    """Mend it with `radiolog validate --schema > docs/log-format.schema.json`."""
    assert (DOCS / "log-format.schema.json").read_text(encoding="utf-8") == line_schema_text()


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def property_names(kind: str) -> list[str]:
    return [*SCHEMA["properties"], *SCHEMA["$defs"][kind]["properties"]]


def test_every_field_is_in_the_documentation() -> None:
    text = (DOCS / "log-format.md").read_text(encoding="utf-8")
    for kind in KINDS:
        for name in property_names(kind):
            assert f"`{name}`" in text, name


POOL: list[Any] = [
    "", " ", "a", "夜", "3:33", "999:59:59.9", "4711", "/srv/loop.mp4", "a/ /", "/", "true", "track_started", "metric", "log",
    "error", "WARN", "info", "loud", "2026-11-22T03:12:07.250Z", "2026-02-31t00:00:00 +0130", "2026-11-22 03:12:07", "now",
    None, True, False, 0, 1, 7, -1, 999, 1000, 3.0, 0.5, 1e30, -1e308, 1_795_485_600_123, 2**63 - 1, 2**63, -(2**63), 10**400,
    [], [1, 2], {}, {"x": 1, "event": "y", "_notes": ["z"], "metadata": 2},
]  # fmt: skip
ACCEPTED = {
    (kind, name): [value for value in POOL if Draft202012Validator(schema).is_valid(value)]
    for kind in KINDS
    for name, schema in {**SCHEMA["properties"], **SCHEMA["$defs"][kind]["properties"]}.items()
}


@st.composite
def lines(draw: Any, *, accepted: bool) -> tuple[str, dict[str, Any]]:
    """A line of some kind; field by field what the schema accepts, or anything."""
    kind = draw(st.sampled_from(KINDS))
    own = list(SCHEMA["$defs"][kind]["properties"])
    names = {
        *draw(st.lists(st.sampled_from([*SCHEMA["properties"], "extra"]), max_size=4)),
        *draw(st.lists(st.sampled_from(own))),
    }
    if draw(st.booleans()):
        names.update(own)
    line = {
        name: draw(st.sampled_from(ACCEPTED[kind, name] if accepted and name != "extra" else POOL))
        for name in sorted(names)
    }
    says_it = kind not in ("log", "error") and draw(st.booleans())
    line["event" if says_it else "kind"] = kind
    if says_it:
        line.pop("kind", None)
    return kind, line


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(lines(accepted=True))
def test_what_the_schema_accepts_is_no_dead_letter_and_what_it_says(said: tuple[str, dict[str, Any]]) -> None:
    kind, line = said
    assume(VALIDATOR.is_valid(line))
    parsed = parse(json.dumps(line).encode(), UTC)
    assert not isinstance(parsed, Rejected), parsed
    assert parsed.kind == {"error": "log"}.get(kind, kind)
    assert getattr(parsed, "explicit_error", False) is (kind == "error")
    json_of_row = getattr(parsed, "context", None) or getattr(parsed, "metadata", None) or {}
    assert set(json_of_row.get(NOTES, ())) <= BEYOND_THE_SCHEMA


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(lines(accepted=False))
def test_what_the_parser_refuses_the_schema_refuses(said: tuple[str, dict[str, Any]]) -> None:
    """The same promise from its other end, over lines most of which are wrong."""
    _, line = said
    if isinstance(parse(json.dumps(line).encode(), UTC), Rejected):
        assert not VALIDATOR.is_valid(line)


GOOD = [
    {"event": "anything"},
    {"message": "anything", "level": "WARN", "timestamp": 1_795_485_600},
    {"kind": "error", "event": "x", "stack_trace": "Traceback"},
    {"event": "track_started", "artist": "A", "duration": "3:33", "play_id": 7},
    {"event": "track_started", "loop_path": "/srv/loop.mp4"},
    {"kind": "track_ended", "event": "over", "play_id": None},
    {"event": "metric", "metric_name": "m", "metric_value": 1},
    {"event": "error_resolved", "error_id": 4},
    {"event": "error_resolved", "service": "s", "template": "t"},
]
BAD = [
    {"event": "metric", "metric_name": "m"},
    {"event": "metric", "metric_name": "m", "metric_value": "1"},
    {"event": "metric", "metric_name": " ", "metric_value": None},
    {"kind": "track_started"},
    {"kind": "track_started", "artist": " ", "title": "", "loop_path": "/"},
    {"event": "error_resolved", "service": "s"},
    {"kind": "something else"},
    {"event": "x", "timestamp": "yesterday"},
    {"event": "x", "level": "loud"},
    {"event": "x", "seq": "one"},
    {"event": "x", "context": "text"},
    ["no object"],
]


@pytest.mark.parametrize("line", GOOD)
def test_a_line_as_documented_is_accepted(line: Any) -> None:
    VALIDATOR.validate(line)


@pytest.mark.parametrize("line", BAD)
def test_a_line_that_loses_something_is_refused(line: Any) -> None:
    assert not VALIDATOR.is_valid(line)


def test_the_documented_lines_are_accepted() -> None:
    text = (DOCS / "log-format.md").read_text(encoding="utf-8")
    found = [line for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    assert len(found) >= 5
    for line in found:
        VALIDATOR.validate(json.loads(line))


def test_every_line_of_radio_logger_is_accepted(tmp_path: Path) -> None:
    with RadioLogger(LoggingConfig(log_path=tmp_path)) as radio:
        play = radio.log_track_started({"artist": "A", "title": "B", "duration": 1.5, "x": {1: 2}}, "/l.mp4", 7)
        radio.log_track_started({})
        radio.log_track_ended(play, had_errors=True, error_message="cut")
        radio.log_track_ended(17)
        for severity in ("info", "warning", "error", "critical"):
            radio.log_error("encoder", severity, "m", {"a": object()}, "trace", play)
        radio.log_metric("m", 1.5, "s", "studio", {"a": 1})
        radio.log.warning("plain", value=float("nan"))
    lines = radio.path.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 10
    for line in lines:
        VALIDATOR.validate(json.loads(line))
