"""The quick ways for plain lines give what the general way gives: same events, same rows, same counters."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.batch import METRIC_COLUMNS, Batch, Move
from ingest.copy_text import field
from ingest.copy_text import lines as copy_text
from ingest.file_context import FileContext
from ingest.identity import NOTHING
from ingest.line_clock import Arrival
from ingest.plain_lines import MOST_MISSES
from ingest.rows import BatchBuilder
from ingest.sampling import EncoderTracker
from logging_module import LoggingConfig, RadioLogger
from parsers.json_lines import JsonLinesParser
from parsers.lines import LineSplitter
from parsers.plain_metrics import may_be_plain, plain_utc

ZONE = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
CONTEXT = FileContext(7, "/logs/a.log", "default station", "default service", "default host", "json", 1)

SECRET = "rtmp://a.rtmp.youtube.com/live2/abcd-1234-efgh-5678-ijkl"
TEXTS = st.one_of(
    st.sampled_from(["", " ", "a", "listeners", "Ünïcode", "tab\there", "back\\slash", "line\nfeed", "\u2028", "\ud800",
                     "nul\0", SECRET, "token=abc123def456", "x" * 300, "metric", "track_started", "track_ended"]),
    st.text(max_size=12),
)  # fmt: skip
TIMES = st.one_of(
    st.datetimes(datetime.fromisoformat("1969-12-30"), datetime.fromisoformat("2201-01-02")).flatmap(
        lambda at: st.sampled_from(
            [at.isoformat() + "Z", at.isoformat(timespec="milliseconds") + "Z", at.isoformat(timespec="seconds") + "Z",
             at.isoformat() + "+00:00", at.isoformat() + "+02:00", at.isoformat(), at.isoformat(" ") + "Z"]
        )
    ),
    st.sampled_from(
        ["2026-W47-2T10:20:30Z", "2026-11-20T10:20:30,123Z", "2026-11-20T10:20:30.Z", "2026-11-20T10:20:30.123456789Z",
         "2026-11-20T102030.1234Z", "20261120T10:20:30.12Z", "2026-11-20T24:00:00Z", "2026-12-31T23:59:60Z", "now",
         "2026-02-30T10:20:30Z", "2026-11-20T10:20:30.1Z", "٢٠٢٦-11-20T10:20:30Z", "2026-11-20t10:20:30z"]
    ),
    st.integers(0, 2**62), st.none(),
)  # fmt: skip
NUMBERS = st.one_of(
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.sampled_from([0, -0.0, 1e22, 97.50, 31_622_401, True, False, None, "12"]),
)
VALUES = st.recursive(
    st.one_of(TEXTS, NUMBERS), lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=5,
)  # fmt: skip
UUIDS = st.uuids().map(str)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "service": TEXTS, "station": TEXTS, "host": TEXTS, "unit": TEXTS, "run_id": TEXTS, "seq": NUMBERS, "pid": NUMBERS,
    "level": st.sampled_from(["info", "ERROR", "warning", "odd", "", 30, None]), "artist": TEXTS, "title": TEXTS,
    "album": TEXTS, "duration": NUMBERS, "play_id": st.one_of(TEXTS, UUIDS, UUIDS.map(str.upper)), "context": VALUES,
    "metadata": VALUES, "kind": st.sampled_from(["metric", "track_started", "log", "error", "odd", None]),
    "message": TEXTS, "extra": VALUES, "now_playing": VALUES,
}  # fmt: skip
EVENTS = st.one_of(st.sampled_from(["metric", "track_started", "track_ended"]), TEXTS)


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    """A line that begins as a plain one and has some fields more, some of them odd."""
    chosen = draw(st.lists(st.sampled_from(sorted(FIELDS)), max_size=4, unique=True))
    said: dict[str, Any] = {"timestamp": draw(TIMES), "event": draw(EVENTS)}
    if said["event"] == "metric":
        said |= {"metric_name": draw(TEXTS), "metric_value": draw(NUMBERS)}
    if said["event"] == "track_started":
        said |= {"artist": draw(TEXTS), "title": draw(TEXTS)}
    said |= {name: draw(FIELDS[name]) for name in chosen}
    names = draw(st.permutations(sorted(said)))
    text = json.dumps({name: said[name] for name in names}, ensure_ascii=draw(st.booleans()))
    if draw(st.booleans()):  # a name twice: the last one counts
        text = '{"service": "first", "timestamp": 1, ' + text[1:]
    return text.encode("utf-8", "surrogatepass")


def batch_of(data: bytes, *, offered: bool) -> Batch:
    """What becomes of some lines, plain ones offered to the quick way or not."""
    builder = BatchBuilder(CONTEXT, EncoderTracker(), zone=ZONE)
    parser = JsonLinesParser(zone=ZONE)
    arrival = Arrival(NOW, live=False, mtime=NOW, bytes_from=lambda _: iter(()))
    splitter = LineSplitter()
    for line in splitter.feed(data, builder.take_plain if offered and may_be_plain(data) else None):
        builder.count_line()
        for outcome in parser.feed(line):
            builder.add(outcome, arrival, line)
    move = Move(7, "me", 1, 0, 0, splitter.offset, NOTHING, NOTHING, len(data), "/logs/a.log", "/logs/a.log")
    return builder.build(move, {}, 0, NOW)


def metrics(batch: Batch) -> list[list[object]]:
    """Rows of metrics as PostgreSQL would read them, by offset."""
    text = copy_text(batch.copied["system_metrics"]) + "".join(batch.metric_rows)
    rows = [dict(zip(METRIC_COLUMNS, row.split("\t"), strict=True)) for row in text.split("\n")[:-1]]
    read = [[datetime.fromisoformat(row.pop("timestamp")), *row.values()] for row in rows]
    return sorted(read, key=lambda row: int(str(row[-1])))


@given(st.lists(lines(), max_size=6).map(lambda found: b"".join(line + b"\n" for line in found)))
@example(b'{"event":"metric","timestamp":"2026-11-20T10:20:30.5Z","metric_name":"a","metric_value":1e400}\n')
@example(
    b'{"event":"metric","timestamp":"2026-11-20T10:20:30Z","metric_name":"a","metric_value":9223372036854775808}\r\n'
)
def test_lines_that_are_taken_become_the_same_rows(data: bytes) -> None:
    taken, general = batch_of(data, offered=True), batch_of(data, offered=False)
    assert metrics(taken) == metrics(general)
    for name in ("lines", "dispositions", "held", "plays", "touched", "stations", "runs", "metric_spans", "row_count"):
        assert getattr(taken, name) == getattr(general, name), name
    assert {**taken.copied, "system_metrics": []} == {**general.copied, "system_metrics": []}


def test_what_services_write_every_second_goes_the_quick_way(tmp_path: Path) -> None:
    config = LoggingConfig(log_path=tmp_path, station="Radio One")
    logger = RadioLogger(config, "watcher")
    logger.log_metric("listeners", 17)
    logger.log_metric("cpu_percent", 17.25, unit="%")
    logger.log_error("watcher", "error", "boom", context={"try": 1})
    logger.log_error("watcher", "info", "explicit, so stored", context={"try": 2})
    (log,) = tmp_path.glob("*.log")
    start = b'{"event":"track_started","timestamp":"2026-11-20T10:20:30Z","artist":"A","title":"T","duration":3,"play_id":"7"}\n'
    quiet = b'{"event":"nothing to see","timestamp":"2026-11-20T10:20:30+01:00","level":"info"}\n'
    data = log.read_bytes() + start + quiet
    assert list(LineSplitter().feed(data, BatchBuilder(CONTEXT, EncoderTracker()).take_plain)) == []
    batch = batch_of(data, offered=True)
    assert (len(batch.metric_rows), len(batch.copied["error_log"]), len(batch.plays)) == (2, 2, 1)
    assert batch.dispositions == {"stored": 5, "below_threshold": 1}


def test_plain_events_are_looked_for_until_a_hundred_lines_were_none() -> None:
    builder = BatchBuilder(CONTEXT, EncoderTracker())
    plain = b'{"event": "boom", "level": "error", "timestamp": "2026-11-20T10:20:30Z"}'
    odd = plain[:-1] + b', "odd": 1}'
    assert [builder.take_plain(odd, 0) for _ in range(MOST_MISSES - 1)] == [False] * (MOST_MISSES - 1)
    assert builder.take_plain(plain, 0)
    assert [builder.take_plain(odd, 0) for _ in range(MOST_MISSES)] == [False] * MOST_MISSES
    assert not builder.take_plain(plain, 0)


@pytest.mark.parametrize("size", [1, 7, 64, 4096])
@given(data=st.binary(max_size=200).map(lambda raw: raw.replace(b"a", b"\n").replace(b"b", b"\r\n")), odd=st.booleans())
def test_taken_and_yielded_lines_tile_the_bytes(size: int, data: bytes, odd: bool) -> None:
    chunks = [data[at : at + size] for at in range(0, len(data), size)]
    plain, offering = LineSplitter(max_line_bytes=20), LineSplitter(max_line_bytes=20)
    expected = [(line.start, line.data) for chunk in chunks for line in plain.feed(chunk)]
    found: list[tuple[int, bytes]] = []

    def take(line: bytes, start: int) -> bool:
        if len(line) % 2 == odd:
            found.append((start, line.removesuffix(b"\r")))
            return True
        return False

    for chunk in chunks:
        for line in offering.feed(chunk, take):
            found.append((line.start, line.data))  # noqa: PERF401 (in the order of the lines that were taken)
    assert found == expected
    assert (offering.offset, offering.pending_bytes) == (plain.offset, plain.pending_bytes)
    assert offering.take_holes() == plain.take_holes()


@given(TIMES)
def test_a_plain_time_is_one_that_postgresql_reads_the_same(said: Any) -> None:
    if type(said) is str and (at := plain_utc(said)) is not None:
        assert at == datetime.strptime(said, "%Y-%m-%dT%H:%M:%S.%fZ" if "." in said else "%Y-%m-%dT%H:%M:%SZ").replace(
            tzinfo=UTC
        )


STORABLE = TEXTS.filter(lambda text: not {"\0", "\ud800"} & set(text))
CELLS = st.one_of(
    STORABLE, st.none(), st.booleans(), st.integers(), st.binary(), st.dictionaries(STORABLE, STORABLE, max_size=2)
)


@given(st.lists(CELLS, min_size=1, max_size=5))
def test_a_row_looked_at_as_a_whole_is_its_fields(row: list[Any]) -> None:
    assert copy_text([row]) == "\t".join(map(field, row)) + "\n"
