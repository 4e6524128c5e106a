"""Stack traces that are no text become one, whatever stands in them; nothing of them grows without bound."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parsers.stack_traces import trace_text

LOGBACK = {
    "className": "java.io.IOException",
    "message": "status 502",
    "stepArray": [{"className": "radio.Uploader", "methodName": "send", "fileName": "Uploader.java", "lineNumber": 34}],
    "cause": {"className": "SocketException", "message": "Broken pipe", "stepArray": [{"methodName": "write"}]},
}

LOGBACK_TEXT = """\
java.io.IOException: status 502
  at send (Uploader.java:34)
caused by:
SocketException: Broken pipe
{"methodName":"write"}"""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Traceback …", "Traceback …"),
        ("", None), (" ", None), (None, None), (True, None), (7, None), ([], None), ({}, None),
        (["Error: x", "  at a.js:1"], "Error: x\n  at a.js:1"),
        ([{"func": "inner", "line": "20", "source": "errors.go"}], "  at inner (errors.go:20)"),
        ([{"exc_type": "E", "exc_value": "", "frames": [{"filename": "a.py", "lineno": 3, "name": "f"}]}],
         "E\n  at f (a.py:3)"),
        (LOGBACK, LOGBACK_TEXT),
        ({"unknown": [1]}, '{"unknown":[1]}'),
    ],
)  # fmt: skip
def test_a_form_is_text(value: Any, expected: str | None) -> None:
    assert trace_text(value) == expected


def test_a_long_one_is_cut() -> None:
    text = trace_text([{"func": "again", "line": 1, "source": "a.go"}] * 100_000)
    assert text is not None
    assert text.count("\n") == 500
    assert text.endswith("…")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["", "a", "a.py"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["className", "message", "frames", "stepArray", "stack", "cause", "line", "file"]), inner
        )
    ),
    max_leaves=20,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(JSON)
def test_any_json_is_text_or_nothing(value: Any) -> None:
    text = trace_text(json.loads(json.dumps(value)))
    assert (text is None) == (type(value) not in (str, list, dict) or not value)
