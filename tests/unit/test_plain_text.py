"""Plain text: severities, tracebacks as one record, one outcome a line whatever happens in between."""

import gzip
import json
import random
import traceback
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers.events import Disposition, LogRecord, Outcome, RawLine, Rejected, Severity, TimeQuality
from parsers.lines import LineSplitter
from parsers.plain_text import MAX_HELD_LINES, PlainTextParser

STORED, FOLDED, BLANK = Disposition.STORED, Disposition.FOLDED, Disposition.BLANK


def raw_lines(text: str | bytes) -> list[RawLine]:
    splitter = LineSplitter()
    data = text.encode() if isinstance(text, str) else text
    return [*splitter.feed(data), *splitter.flush()]


def outcomes_of(text: str | bytes) -> list[Outcome]:
    parser = PlainTextParser()
    return [outcome for line in raw_lines(text) for outcome in parser.feed(line)] + list(parser.finish())


def records_of(text: str | bytes) -> list[LogRecord]:
    parsed = [parsed for outcome in outcomes_of(text) for parsed in outcome.parsed]
    records = [event for event in parsed if isinstance(event, LogRecord)]
    assert len(records) == len(parsed)
    return records


def traceback_of(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def simple() -> str:
    try:
        return str(1 // 0)
    except ZeroDivisionError as error:
        return traceback_of(error)


def chained() -> str:
    try:
        try:
            int("x")
        except ValueError as error:
            raise RuntimeError("no\n  indented second line") from error
    except RuntimeError as error:
        return traceback_of(error)
    raise AssertionError


def group() -> str:
    try:
        raise ExceptionGroup("two at once", [ValueError("a"), OSError("b")])
    except ExceptionGroup as error:
        return traceback_of(error)


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("starting", "info"),
        ("ERROR: no input", "error"),
        ("error: no input", "error"),
        ("[warning] slow", "warning"),
        ("WARN slow", "warning"),
        ("<3>sd-daemon", "error"),
        ("CRITICAL:root:gone", "critical"),
        ("Fatal, giving up", "critical"),
        ("\x1b[31mERROR\x1b[0m red", "error"),
        ("2026-11-24 02:00:00,123 ERROR gone", "error"),
        ("[2026-11-24T02:00:00Z] [error] gone", "error"),
        ("2026-11-24 02:00:00,123 - radio.player - WARNING - slow", "warning"),
        ("2026/11/24 02:00:00 [debug] x", "debug"),
        ("errors were found", "info"),
        ("no ERROR here", "info"),
        ("errorless", "info"),
        ("success", "info"),
    ],
)
def test_the_severity_is_the_leading_level_word(text: str, severity: str) -> None:
    (record,) = records_of(text)

    assert (record.severity, record.message, record.stack_trace, record.explicit_error) == (severity, text, None, False)


def test_a_leading_time_is_the_lines_time() -> None:
    (exact,) = records_of("2026-11-24T02:00:00.5Z ERROR x")
    assert (exact.timestamp, exact.time_quality) == (
        datetime(2026, 11, 24, 2, 0, 0, 500_000, tzinfo=UTC), TimeQuality.EXACT,
    )  # fmt: skip

    (outcome,) = PlainTextParser(zone=ZoneInfo("Europe/Berlin")).feed(RawLine(0, 26, b"[2026-11-24 03:00:00,0] x"))
    local = outcome.parsed[0]
    assert isinstance(local, LogRecord)
    assert (local.timestamp, local.time_quality) == (datetime(2026, 11, 24, 2, 0, tzinfo=UTC), TimeQuality.ZONELESS)

    (none,) = records_of("x 2026-11-24T02:00:00Z")
    assert (none.timestamp, none.time_quality) == (None, TimeQuality.UNKNOWN)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (simple(), "ZeroDivisionError: integer division or modulo by zero"),
        (chained(), "RuntimeError: no"),
        (group(), "ExceptionGroup: two at once (2 sub-exceptions)"),
        (
            'Traceback (most recent call last):\n  File "x", line 1\n    f(\n     ^\nSyntaxError: bad\n',
            "SyntaxError: bad",
        ),
        ('Traceback (most recent call last):\n  File "x", line 1, in f\nKeyboardInterrupt\n', "KeyboardInterrupt"),
        ('Traceback (most recent call last):\n  File "x", line 1, in f\n', "Traceback (most recent call last):"),
    ],
)
def test_a_traceback_is_one_record(text: str, message: str) -> None:
    outcomes = outcomes_of(f"before\n{text}ERROR: after\n")

    records = [event for outcome in outcomes for event in outcome.parsed if isinstance(event, LogRecord)]
    assert [record.message for record in records] == ["before", message, "ERROR: after"]
    assert records[1].severity is Severity.ERROR
    assert records[1].stack_trace == text.rstrip()
    middle = [outcome.disposition for outcome in outcomes[1:-1]]
    assert middle == [STORED, *(FOLDED if line.strip() else BLANK for line in text.splitlines()[1:])]


def test_a_blank_line_behind_a_traceback_ends_it_unless_another_is_joined() -> None:
    outcomes = outcomes_of(simple() + "\nnext\n")

    assert [outcome.disposition for outcome in outcomes[-3:]] == [FOLDED, BLANK, STORED]
    assert records_of(simple() + "\nnext\n")[-1].message == "next"


def test_two_tracebacks_in_a_row_are_two_records() -> None:
    messages = [record.message for record in records_of(simple() + simple())]

    assert messages == ["ZeroDivisionError: integer division or modulo by zero"] * 2


def test_a_line_of_another_thread_ends_a_traceback() -> None:
    text = 'Traceback (most recent call last):\n  File "x", line 1, in f\nINFO: other\n'

    assert [record.message for record in records_of(text)] == ["Traceback (most recent call last):", "INFO: other"]


def test_a_traceback_is_held_until_it_has_been_quiet() -> None:
    parser = PlainTextParser()

    assert [outcome for line in raw_lines(simple()) for outcome in parser.feed(line)] == []
    assert list(parser.tick(0.1)) == []
    assert len(parser.tick(5.0)) == len(raw_lines(simple()))
    assert parser.state() == {}
    assert list(parser.finish()) == []


def test_a_traceback_goes_on_in_a_new_parser_at_any_line() -> None:
    text = f"before\n{chained()}after\n"
    lines, whole = raw_lines(text), outcomes_of(text)

    for cut in range(len(lines) + 1):
        first = PlainTextParser()
        outcomes = [outcome for line in lines[:cut] for outcome in first.feed(line)]
        second = PlainTextParser(json.loads(json.dumps(first.state())))
        outcomes += [outcome for line in lines[cut:] for outcome in second.feed(line)]
        assert outcomes + list(second.finish()) == whole, cut


def test_held_lines_are_bounded() -> None:
    text = "Traceback (most recent call last):\n" + "  frame\n" * 3 * MAX_HELD_LINES

    outcomes = outcomes_of(text)

    assert len(outcomes) == 3 * MAX_HELD_LINES + 1
    first = outcomes[0].parsed[0]
    assert isinstance(first, LogRecord)
    assert first.stack_trace is not None
    assert first.stack_trace.count("\n") == MAX_HELD_LINES - 1


def test_no_secret_reaches_an_event_or_the_state() -> None:
    key = "abcd-1234-efgh-5678"
    text = f'Traceback (most recent call last):\n  File "x"\n    connect("rtmp://a/live2/{key}")\nOSError: {key}\n'
    parser = PlainTextParser()

    for line in raw_lines(text):
        parser.feed(line)
    assert key not in json.dumps(parser.state())
    (record,) = records_of(text)
    assert key not in repr(record)
    assert key not in repr(records_of(f"publishing to rtmp://a/live2/{key}"))


def test_hostile_bytes_are_replaced_and_marked() -> None:
    (record,) = records_of(b"caf\xe9 ")

    assert record.message == "caf\ufffd "
    assert record.context == {"_notes": ["invalid_utf8"]}
    assert records_of(b"\xef\xbb\xbfhello")[0].message == "hello"


def rejections_of(data: bytes) -> list[Rejected]:
    parsed = [parsed for outcome in outcomes_of(data) for parsed in outcome.parsed]
    rejections = [event for event in parsed if isinstance(event, Rejected)]
    assert len(rejections) == len(parsed)
    assert all(rejection.reason == "not_text" for rejection in rejections)
    return rejections


UTF_16_TEXT = "2026-11-24 ERROR: no input\nERROR: it is gone\n"


@pytest.mark.parametrize(
    "data",
    [
        UTF_16_TEXT.encode("utf-16"),
        UTF_16_TEXT.encode("utf-16-le"),
        UTF_16_TEXT.encode("utf-16-be"),
        b"\xfe\xff" + UTF_16_TEXT.encode("utf-16-be"),
        UTF_16_TEXT.replace("\n", "\r\n").encode("utf-16"),
        b"\xff\xfe" + "夜の放送".encode("utf-16-le") + b"\n",
    ],
)
def test_utf_16_is_refused_by_its_name(data: bytes) -> None:
    details = [rejection.detail for rejection in rejections_of(data)]
    assert details[0] == "UTF-16 without a byte order mark, or UTF-32"
    assert all(detail == details[0] or detail == "1 of 1 bytes are NUL" for detail in details)


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        (b"ERROR: \0", "1 of 8 bytes are NUL"),
        (b"x" + bytes(19), "19 of 20 bytes are NUL"),
        (b"\x01\x02\x03\x04\x05\x06 ERROR", "6 of 12 bytes are control characters"),
        (b"\x81\x82", "2 of 2 bytes are no text"),
        (b"\x80\x81\x82\x83\xfe\xff abc", "6 of 10 bytes are no text"),
    ],
)
def test_what_is_no_text_is_a_dead_letter(data: bytes, detail: str) -> None:
    (rejection,) = rejections_of(data)
    assert rejection.detail == detail


def test_compressed_data_is_not_taken_for_lines() -> None:
    data = gzip.compress(random.Random(7).randbytes(20_000), mtime=0)
    long_lines = b"\n".join(line for line in data.split(b"\n") if len(line) > 20)
    assert len(rejections_of(long_lines)) > 20


@pytest.mark.parametrize(
    "text",
    [
        "Sch\u00f6ne gr\u00fc\u00dfe \u00fcber \u00e4ther \u00f6ffnen".encode("latin-1"),
        "\x1b[31m夜の放送\x1b[0m\t続く".encode(),
        b"\x07bell",
        b"caf\xe9",
    ],
)
def test_another_encodings_letters_and_colours_are_text(text: bytes) -> None:
    assert len(records_of(text)) == 1


def test_bytes_that_are_no_text_end_a_traceback() -> None:
    outcomes = outcomes_of(simple().encode() + b"\0\0\n")
    assert [outcome.disposition for outcome in (outcomes[0], outcomes[-1])] == [STORED, Disposition.DEAD_LETTER]


def test_a_clipped_line_is_a_dead_letter() -> None:
    (outcome,) = PlainTextParser().feed(RawLine(0, 2_000_000, b"x"))

    assert outcome.disposition is Disposition.DEAD_LETTER
    (parsed,) = outcome.parsed
    assert isinstance(parsed, Rejected)
    assert parsed.reason == "too_long"


PIECES = st.lists(
    st.one_of(
        st.sampled_from(
            ["Traceback (most recent call last):", '  File "x", line 1', "ValueError: x", "", " ", "text", "KeyError",
             "During handling of the above exception, another exception occurred:",
             "  + Exception Group Traceback (most recent call last):", "  | ExceptionGroup: g (1 sub-exception)",
             "    +----", "INFO: x"]
        ),
        st.text(max_size=8),
    ),
    max_size=25,
)  # fmt: skip


@given(PIECES, st.lists(st.integers(0, 25)))
def test_every_line_has_exactly_one_outcome_in_order(pieces: list[str], pauses: list[int]) -> None:
    lines = raw_lines("\n".join(pieces).encode("utf-8", "replace"))
    parser = PlainTextParser()
    outcomes = list[Outcome]()

    for number, line in enumerate(lines):
        outcomes += parser.feed(line)
        if number in pauses:
            outcomes += parser.tick(10)
    outcomes += parser.finish()

    assert [(outcome.start, outcome.end) for outcome in outcomes] == [(line.start, line.end) for line in lines]
    assert all(outcome.disposition is not None for outcome in outcomes)
    assert all(
        (outcome.disposition in (STORED, Disposition.DEAD_LETTER)) == bool(outcome.parsed) for outcome in outcomes
    )


@given(st.binary())
def test_no_bytes_raise(data: bytes) -> None:
    for outcome in outcomes_of(data):
        for event in outcome.parsed:
            if isinstance(event, Rejected):
                assert event.reason == "not_text"
                continue
            assert isinstance(event, LogRecord)
            assert "\0" not in event.message + (event.stack_trace or "")
            event.message.encode()
