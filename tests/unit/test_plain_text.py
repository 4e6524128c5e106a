"""Plain text: severities, tracebacks as one record, one outcome a line whatever happens in between."""

import json
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
    (record,) = records_of(b"caf\xe9 \0")

    assert record.message == "caf\ufffd \ufffd"
    assert record.context == {"_notes": ["invalid_utf8", "nul"]}
    assert records_of(b"\xef\xbb\xbfhello")[0].message == "hello"


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
    assert all((outcome.disposition is STORED) == bool(outcome.parsed) for outcome in outcomes)


@given(st.binary())
def test_no_bytes_raise(data: bytes) -> None:
    for outcome in outcomes_of(data):
        for event in outcome.parsed:
            assert isinstance(event, LogRecord)
            assert "\0" not in event.message + (event.stack_trace or "")
            event.message.encode()
