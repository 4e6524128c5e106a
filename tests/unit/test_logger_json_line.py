"""What a line says is one JSON object with the right fields, whatever the values are or do."""

import json
import math
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, NoReturn
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logging_module import contract, json_line

ORIGIN = {"station": "Nightdrive FM", "host": "studio", "pid": 4711, "run_id": "5f2c"}


def write(event: dict[str, Any], level: str = "info") -> dict[str, Any]:
    """The line of an event, as a strict reader sees it."""
    line = json_line.line(1_795_000_000_123_456_789, json_line.body(level, event), json_line.origin(ORIGIN), 7)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1

    def refuse(constant: str) -> NoReturn:
        raise AssertionError(f"{constant} is no JSON")

    decoded: dict[str, Any] = json.loads(line.decode("utf-8"), parse_constant=refuse, object_pairs_hook=unique)
    return decoded


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len({name for name, _ in pairs}) == len(pairs), "a name occurs twice"
    return dict(pairs)


class Raising:
    def __str__(self) -> str:
        raise RuntimeError("no text for you")

    __repr__ = __str__


class RaisingClass:
    @property  # type: ignore[misc]
    def __class__(self) -> type:
        raise RuntimeError("no class for you")


class RaisingMapping(dict[str, Any]):
    def items(self) -> NoReturn:
        raise KeyError("changed while it was read")


@dataclass
class Bitrate:
    kbps: int


class Colour(Enum):
    RED = 1


def test_a_line_has_the_fields_of_the_contract() -> None:
    line = write({"event": "metric", "service": "monitoring", **contract.metric("cpu_percent", 12.5, unit="percent")})
    assert line == {
        "timestamp": "2026-11-18T11:06:40.123456Z",
        "level": "info",
        "event": "metric",
        "service": "monitoring",
        "kind": "metric",
        "metric_name": "cpu_percent",
        "metric_value": 12.5,
        "unit": "percent",
        **ORIGIN,
        "seq": 7,
    }


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (datetime(2026, 11, 22, 3, 12, 7, tzinfo=UTC), "2026-11-22T03:12:07+00:00"),
        (date(2026, 11, 22), "2026-11-22"),
        (Decimal("12.50"), "12.50"),
        (b"broken \xff pipe", "broken \\xff pipe"),
        (ValueError("no such key"), "ValueError: no such key"),
        (Path("/srv/loops/a.mp4"), "/srv/loops/a.mp4"),
        (UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        (math.nan, "nan"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (2**64, 2**64),
        (-(2**63), -(2**63)),
        (1 << 20_000, "(unprintable int: ValueError)"),
        ("lone \ud800 surrogate", "lone \ufffd surrogate"),
        ("nul \0 escape \x1b[31m", "nul \0 escape \x1b[31m"),
        ({"a"}, ["a"]),
        ((1, [2, {"x": None}]), [1, [2, {"x": None}]]),
        ({1: "a", "1": "b", None: "c"}, {"1": "a", "1_": "b", "None": "c"}),
        (Bitrate(128), "test_a_value…"),
        (Colour.RED, "Colour.RED"),
        (Raising(), "(unprintable Raising: RuntimeError)"),
        (RaisingMapping(a=1), "(unreadable RaisingMapping: KeyError)"),
        ([RaisingClass()], ["(unreadable RaisingClass: RuntimeError)"]),
        (RaisingClass(), "(unreadable RaisingClass: RuntimeError)"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_that_json_does_not_know_becomes_text(value: Any, written: Any) -> None:
    if type(value) is Bitrate:
        written = str(value)
    assert write({"event": "x", "value": value})["value"] == written
    assert write({"event": "x", "context": {"deep": [value]}})["context"]["deep"] == [written]


def test_cycles_and_depth_and_number_are_bounded() -> None:
    cycle: dict[str, Any] = {"name": "a"}
    cycle["self"] = cycle
    assert write({"event": "x", "value": cycle})["value"] == {"name": "a", "self": "(cycle)"}

    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    assert "(not written: list)" in json.dumps(write({"event": "x", "value": deep})["value"])

    doubled: list[Any] = ["a"]
    for _ in range(30):  # a billion items, if it were unfolded
        doubled = [doubled, doubled]
    assert "not written" in json.dumps(write({"event": "x", "value": doubled})["value"])


def test_the_same_value_twice_is_no_cycle() -> None:
    shared = {"a": 1}
    assert write({"event": "x", "value": [shared, shared]})["value"] == [shared, shared]


def test_a_line_is_never_longer_than_the_reader_takes() -> None:
    event = {"event": "x", "context": {f"part_{number}": "ü" * 200_000 for number in range(40)}}
    body = json_line.body("error", event)
    assert len(json_line.line(0, body, json_line.origin(ORIGIN), 1)) < json_line.LONGEST_LINE_BYTES
    assert "more characters)" in write(event)["context"]["part_0"]


def test_what_only_the_logger_knows_is_renamed_and_what_a_caller_may_say_is_taken() -> None:
    event, said = json_line.without_origin(
        {"event": "x", "seq": 99, "timestamp": "now", "level": "loud", "station": "B"}
    )
    assert event == {"event": "x", "seq_": 99, "timestamp_": "now", "level_": "loud"}
    assert said == {"station": "B"}


@pytest.mark.parametrize(
    ("time_ns", "text"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (999, "1970-01-01T00:00:00.000000Z"),
        (1_795_000_000_000_001_000, "2026-11-18T11:06:40.000001Z"),
        (1_795_000_000_999_999_999, "2026-11-18T11:06:40.999999Z"),
    ],
)
def test_times_have_microseconds_and_are_utc(time_ns: int, text: str) -> None:
    assert json_line.utc_text(time_ns) == text


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.binary()
    | st.decimals()
    | st.datetimes()
    | st.builds(Raising),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters()) | st.integers(), inner, max_size=4)
    ),
    max_leaves=20,
)


@settings(max_examples=200)
@given(st.dictionaries(st.text(st.characters()), values, max_size=6))
def test_every_event_is_one_line_of_strict_json(event: dict[str, Any]) -> None:
    event, said = json_line.without_origin(event)
    line = json_line.line(0, json_line.body("info", event), json_line.origin({**ORIGIN, **said}), 1)
    assert line.count(b"\n") == 1
    decoded = json.loads(line.decode("utf-8"), parse_constant=pytest.fail)
    assert decoded["seq"] == 1
    assert decoded["level"] == "info"
    assert len(decoded) >= len(event)


def test_track_started_takes_azuracasts_id_and_keeps_the_rest() -> None:
    track = {"artist": "Ada", "title": "Engine", "duration": 213.4, "id": "9f2c", "isrc": "X", "metadata": {"bpm": 120}}
    assert contract.track_started("p-1", track, Path("/a.mp4"), 99) == {
        "kind": "track_started",
        "play_id": "p-1",
        "artist": "Ada",
        "title": "Engine",
        "azuracast_song_id": "9f2c",
        "duration": 213.4,
        "loop_path": "/a.mp4",
        "ffmpeg_pid": 99,
        "metadata": {"bpm": 120, "isrc": "X"},
    }
    assert track["id"] == "9f2c", "the caller's dictionary stays as it is"


def test_an_own_song_id_comes_before_azuracasts() -> None:
    fields = contract.track_started("p", {"title": "B", "azuracast_song_id": "own", "id": 7})
    assert (fields["azuracast_song_id"], fields["metadata"]) == ("own", {"id": 7})


@pytest.mark.parametrize(
    ("given_id", "field", "written"),
    [(UUID(int=1), "play_id", str(UUID(int=1))), ("abc", "play_id", "abc"), (17, "play_history_id", 17)],
)
def test_an_error_names_its_play_by_id_or_by_row(given_id: Any, field: str, written: Any) -> None:
    assert contract.error("encoder", play_history_id=given_id)[field] == written


def test_an_end_names_its_play_by_id_or_by_row() -> None:
    assert contract.track_ended(17)["play_id"] == 17
    assert contract.track_ended(UUID(int=1), had_errors=True, error_message="cut") == {
        "kind": "track_ended", "play_id": str(UUID(int=1)), "had_errors": True, "error_message": "cut",
    }  # fmt: skip
