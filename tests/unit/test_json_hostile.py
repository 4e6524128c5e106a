"""JSON lines: every hostile line of the research's list, by its number, and secrets."""

import json
import time
from datetime import UTC
from typing import Any, TypeVar

import msgspec
import pytest

from parsers.events import (
    LogRecord,
    Parsed,
    RawLine,
    Rejected,
    Severity,
    TrackStarted,
)
from parsers.json_decode import MAX_DEPTH
from parsers.json_lines import JsonLinesParser, parse

T = TypeVar("T")
SAID_AT = "2026-11-24T02:00:00Z"


def line(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def as_a(kind: type[T], data: bytes | Parsed) -> T:
    parsed = parse(data, UTC) if isinstance(data, bytes) else data
    assert isinstance(parsed, kind)
    return parsed


def record(**fields: Any) -> LogRecord:
    return as_a(LogRecord, line(**fields))


def rejected(data: bytes) -> str:
    return as_a(Rejected, data).reason


def started(**fields: Any) -> TrackStarted:
    return as_a(TrackStarted, line(event="track_started", **{"artist": "A", "title": "T", **fields}))


# ------------------------------------------------------------------------------------------------ hostile: encoding


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b'{"event":"a\xffb"}', "a\ufffdb", id="B01 invalid byte"),
        pytest.param(b'{"event":"a\xc0\xafb"}', "a\ufffd\ufffdb", id="B02 overlong"),
        pytest.param(b'{"event":"a\xed\xa0\x80b"}', "a\ufffd\ufffd\ufffdb", id="B03 CESU-8"),
        pytest.param(b'{"event":"a\xe2\x82"}', "a\ufffd", id="B04 cut inside a character"),
        pytest.param('{"event":"Müller"}'.encode("latin-1"), "M\ufffdller", id="B13 Latin-1"),
    ],
)
def test_bytes_that_are_not_utf8_are_replaced_and_marked(data: bytes, message: str) -> None:
    result = as_a(LogRecord, data)

    assert result.message == message
    assert result.context == {"_notes": ["invalid_utf8"]}


@pytest.mark.parametrize(
    "data",
    [b'{"event":"a\xe2\x82', b"\xff\xfe\x00", b'\xff{"event":1}', '{"event":"x"}'.encode("utf-16"),
     '{"event":"x"}'.encode("utf-32-be"), '{"event":"x"}'.encode("cp500")],
    ids=["B04 at the end", "garbage", "outside a string", "B12 UTF-16", "B13 UTF-32", "B13 EBCDIC"],
)  # fmt: skip
def test_bytes_that_are_no_json_even_then_are_rejected(data: bytes) -> None:
    assert rejected(data) in ("invalid_utf8", "bad_json")


def test_b05_a_raw_nul_inside_is_no_json_but_around_it_is_padding() -> None:
    assert rejected(b'{"event":"a\0b"}') == "bad_json"
    assert rejected(b"\0\0\0") == "bad_json"

    padded = as_a(LogRecord, b"\0" * 5000 + b'{"event":"x"}\0')
    assert (padded.message, padded.context) == ("x", {"_notes": ["nul_padding"]})


def test_b06_an_escaped_nul_is_replaced_and_marked() -> None:
    result = as_a(LogRecord, rb'{"event":"a\u0000b","k\u0000":["\u0000"]}')

    assert result.message == "a\ufffdb"
    assert result.context == {"k\ufffd": ["\ufffd"], "_notes": ["nul"]}


def test_an_escaped_backslash_before_u0000_is_no_nul() -> None:
    assert as_a(LogRecord, rb'{"event":"a\\u0000b"}').message == r"a\u0000b"


@pytest.mark.parametrize("escape", [r"\ud800", r"\udc00", r"\ud800\ud800", r"\udc00\ud800", r"\ud800x"])
def test_b07_lone_surrogates_are_replaced_and_marked(escape: str) -> None:
    result = as_a(LogRecord, b'{"event":"a%s","k%s":[{"n":"%s"}]}' % ((escape.encode(),) * 3))

    clean = escape.replace(r"\ud800", "\ufffd").replace(r"\udc00", "\ufffd")
    assert result.message == f"a{clean}"
    assert result.context == {f"k{clean}": [{"n": clean}], "_notes": ["surrogate"]}


def test_b08_a_surrogate_pair_is_its_character() -> None:
    result = as_a(LogRecord, rb'{"event":"\ud83d\ude00"}')

    assert (result.message, result.context) == ("😀", None)


@pytest.mark.parametrize(
    "text", ["\uffff", "a\ufeffb", "\u202ertl", "\u200b", "\x7f", "\x1b[31mred\x1b[0m", "\x1b]0;t\x07"]
)
def test_b09_b18_odd_characters_stay(text: str) -> None:
    assert record(event=f"a{text}").message == f"a{text}"


@pytest.mark.parametrize("odd", ["\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"])
def test_b17_odd_separators_stay_inside_their_line(odd: str) -> None:
    assert record(event=f"a{odd}b").message == f"a{odd}b"


def test_b10_b11_a_byte_order_mark_is_dropped() -> None:
    """At the start of a file, and where files were concatenated."""
    data = b'\xef\xbb\xbf{"event":"x"}'

    for start in (0, 1000):
        (outcome,) = JsonLinesParser().feed(RawLine(start, start + len(data) + 1, data))
        assert (outcome.start, outcome.end) == (start, start + len(data) + 1)
        assert as_a(LogRecord, outcome.parsed[0]).context is None


def test_b15_lone_carriage_returns_are_white_space_between_values_only() -> None:
    assert as_a(LogRecord, b'{"event":\r"x"}').message == "x"
    assert rejected(b'{"event":"x"}\r{"event":"y"}') == "bad_json"


# ------------------------------------------------------------------------------------------------ hostile: size, shape


def nested(depth: int) -> bytes:
    return b'{"event":"x","a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


def test_nesting_is_limited() -> None:
    """B27, B28."""
    assert as_a(LogRecord, nested(MAX_DEPTH)).message == "x"
    for depth in (MAX_DEPTH + 1, 1_500, 100_000):
        assert rejected(nested(depth)) == "too_deep"


def test_brackets_inside_strings_are_no_nesting() -> None:
    assert record(event="[" * 500 + '"' + "{" * 500).message == "[" * 500 + '"' + "{" * 500


def test_many_shallow_values_are_no_nesting() -> None:
    result = record(event="x", a=[[] for _ in range(500)])

    assert result.context == {"a": [[]] * 500}


def test_b29_b30_many_keys_and_long_keys() -> None:
    context = {f"k{number}": number for number in range(50_000)} | {"k" * 100_000: 1}

    assert record(event="x", **context).context == context


@pytest.mark.parametrize(
    "data",
    [b'{"event":"' + b'\\"' * 500_000, b'"' * 1_000_000, b"[" * 1_000_000, b'{"event":' + b"1" * 1_000_000 + b"}",
     b'{"event":' + b"1" * 1_000_000 + b".5}", b'{"a":[0' + b",[]" * 300_000 + b"]}", b'{"event":"' + b" " * 1_000_000,
     b'{"event":"x","level":"' + b"a" * 1_000_000 + b'"}', b'{"event":"x","timestamp":"' + b"1" * 1_000_000 + b'"}',
     b'{"event":"track_started","title":"x","duration":"' + b"1:" * 500_000 + b'"}', b"{" * 500_000 + b'"' * 500_000],
)  # fmt: skip
def test_b97_a_line_of_a_mebibyte_takes_linear_time(data: bytes) -> None:
    began = time.process_time()

    parse(data, UTC)

    assert time.process_time() - began < 5  # quadratic code takes minutes here; most take a few milliseconds


@pytest.mark.parametrize("data", [b"[]", b'[{"event":"x"}]', b"1", b"1.5", b'"x"', b"null", b"true", b"  false "])
def test_b37_to_b41_a_line_must_be_an_object(data: bytes) -> None:
    assert rejected(data) == "not_an_object"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b'{"a":', id="B42 truncated"),
        pytest.param(b'{"a":"', id="B42 truncated string"),
        pytest.param(b'{"a":1}{"b":2}', id="B43 two objects"),
        pytest.param(b'{"a":1} x', id="B44 trailing garbage"),
        pytest.param(b"{'a':1}", id="B45 single quotes"),
        pytest.param(b'{"a":1,}', id="B46 trailing comma"),
        pytest.param(b'{"a":1/*c*/}', id="B47 comment"),
        pytest.param(b'{"a":0x10}', id="B48 hexadecimal"),
        pytest.param(b'{"a":010}', id="B49 leading zero"),
        pytest.param(b'{"a":1_0}', id="B50 underscore"),
        pytest.param(b'{"a":+1}', id="plus"),
        pytest.param(b'{"a":.5}', id="no digit before the point"),
        pytest.param(b'{"a":NaN}', id="B54 NaN"),
        pytest.param(b'{"a":Infinity}', id="B55 Infinity"),
        pytest.param(b'{"a":-Infinity}', id="B56 -Infinity"),
        pytest.param(b'{"a":"\x01"}', id="B67 control character"),
        pytest.param(b'{"a":"x\ty"}', id="B67 tabulator"),
        pytest.param(rb'{"a":"\x"}', id="unknown escape"),
        pytest.param(b"{a:1}", id="key without quotes"),
        pytest.param(b"frame=  100 fps= 25", id="text"),
        pytest.param(b"\x7fELF\x02\x01\x01", id="binary"),
    ],
)
def test_what_is_no_json_is_rejected(data: bytes) -> None:
    assert rejected(data) == "bad_json"


def test_the_detail_says_where_and_quotes_nothing() -> None:
    result = as_a(Rejected, b'{"stream_key":"abcd-1234-efgh-5678"')

    assert result.detail == "not JSON at character 36: Expecting ',' delimiter"


def test_b51_of_duplicate_keys_the_last_one_counts() -> None:
    assert as_a(LogRecord, b'{"event":"a","event":"b"}').message == "b"


def test_b52_b53_strange_keys_are_keys() -> None:
    assert record(event="x", **{"": 1, "__proto__": 2, "constructor": 3}).context == {
        "": 1, "__proto__": 2, "constructor": 3,
    }  # fmt: skip


@pytest.mark.parametrize("number", ["1e400", "-1e400", "1e200000", "1" * 4301, "-" + "1" * 4301])
def test_b57_to_b61_numbers_that_no_double_holds_stay_text(number: str) -> None:
    result = as_a(LogRecord, b'{"event":"x","a":{"b":[%s]}}' % number.encode())

    assert result.context == {"a": {"b": [number]}, "_notes": ["number_out_of_range"]}


def test_b59_b60_small_and_long_numbers_are_numbers() -> None:
    result = as_a(LogRecord, b'{"event":"x","small":1e-400,"long":%s}' % (b"1" * 4300))

    assert result.context == {"small": 0.0, "long": int("1" * 4300)}


def test_b63_b64_b65_wrong_types_of_known_fields() -> None:
    result = as_a(LogRecord, b'{"level":[],"event":null,"timestamp":{}}')

    assert result.severity is Severity.INFO
    assert result.message == '{"level":[],"event":null,"timestamp":{}}'
    assert result.context == {
        "level": [], "event": None, "timestamp": {}, "_notes": ["unknown_level", "bad_timestamp"],
    }  # fmt: skip


def test_b68_fields_that_are_called_like_our_columns() -> None:
    names = {"id": 1, "generation": 2, "line_offset": 3, "_raw": 4, "severity_": 5, "template": "t", "category": "c"}

    assert record(event="x", **names).context == names


@pytest.mark.parametrize("size", [257, 100_000])
def test_b34_b69_long_texts_stay_whole(size: int) -> None:
    assert started(title="😀" * size).title == "😀" * size


@pytest.mark.parametrize(
    "text",
    ["<script>alert(1)</script>", '"><svg/onload=x>', "=HYPERLINK(1)", "@everyone", "<!channel>", "```",
     "'); DROP TABLE plays; --", "%s %(x)s", "\\x41", "$1", "${jndi:ldap://x}", "{{7*7}}", "{0.__class__}",
     'ok\n{"level":"error"}', "\tx", "frame=  100 fps= 25 speed=1x"],
)  # fmt: skip
def test_b91_to_b97_content_is_kept_as_it_is(text: str) -> None:
    assert record(event=text).message == text
    assert started(title=text).title == text


# ------------------------------------------------------------------------------------------------ secrets

KEY = "abcd-1234-efgh-5678"
URL = f"rtmp://a.rtmp.youtube.com/live2/{KEY}"


@pytest.mark.parametrize(
    "fields",
    [
        {"event": f"connecting to {URL}"},
        {"event": "x", "url": URL},
        {"event": "x", "context": {"deep": [{"argv": ["ffmpeg", URL]}]}},
        {"event": "x", "stream_key": KEY},
        {"event": "x", "a": {"streamKey": KEY}},
        {"event": "x", URL: 1},
        {"event": "x", "exception": f"ValueError: {URL}"},
        {"event": "x", "service": URL, "station": URL, "host": URL, "run_id": URL},
        {"event": "x", "level": URL, "timestamp": URL, "pid": URL, "seq": URL},
        {"unknown": {"stream_key": KEY}},
        {"event": "track_started", "title": URL, "loop_path": URL, "album": URL, "duration": URL, "id": URL},
        {"event": "track_ended", "play_id": URL, "error_message": URL, "had_errors": URL},
        {"event": "metric", "metric_name": URL, "metric_value": 1, "unit": URL, "output": URL},
        {"event": "metric", "metric_name": "x", "metric_value": URL},
        {"event": "error_resolved", "service": URL, "template": URL},
        {"event": "error_resolved", "error_id": URL},
        {"log": json.dumps({"event": "x", "url": URL}) + "\n", "stream": "stderr", "time": SAID_AT},
        {"log": f"ERROR {URL}\n", "stream": "stderr", "time": SAID_AT},
        {"__REALTIME_TIMESTAMP": "1764000000000000", "MESSAGE": list(URL.encode())},
    ],
)
def test_b98_no_secret_reaches_an_event(fields: dict[str, Any]) -> None:
    escaped = json.dumps(fields).replace("/", "\\/").encode()

    for data in (line(**fields), escaped):
        assert KEY.encode() not in msgspec.json.encode(parse(data, UTC))
