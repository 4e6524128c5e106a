"""Stack traces that loggers write as JSON instead of text, as text of many lines; decides nothing about the line.

Forms: structlog's `dict_tracebacks`, zerolog's `pkgerrors`, logback's JsonEncoder, lists of lines (Tomcat and others).
Of anything else each item becomes a line of JSON, so that nothing is lost.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

_MOST_LINES = 500
_NAMES, _WORDS = ("className", "exc_type", "type", "name"), ("message", "exc_value", "value")
_FRAMES = ("stepArray", "frames", "stack", "stacktrace")
_WHERE = (
    ("fileName", "filename", "file", "source"),
    ("lineNumber", "lineno", "line"),
    ("methodName", "name", "func", "function"),
)

_encode = msgspec.json.Encoder().encode


def trace_text(value: Any) -> str | None:
    """The stack trace as text; None where there is none.

    Args:
        value: what stands in a field for stack traces, as it was decoded.
    """
    if type(value) is str:
        return value if value and not value.isspace() else None
    if type(value) not in (list, dict) or not value:
        return None
    lines: list[str] = []
    for line in _lines(value, 0):
        if len(lines) >= _MOST_LINES:
            lines.append("…")
            break
        lines.append(line)
    return "\n".join(lines)


def _lines(value: Any, depth: int) -> Iterator[str]:
    if type(value) is str:
        yield value
    elif type(value) is list and depth < 8:
        for item in value:
            yield from _lines(item, depth + 1)
    elif type(value) is dict and _first(value, _FRAMES) is not None and depth < 8:
        yield from _exception(value, depth)
    elif type(value) is dict and (frame := _frame(value)):
        yield frame
    else:
        yield _encode(value).decode()


def _exception(value: dict[str, Any], depth: int) -> Iterator[str]:
    name, words = _first(value, _NAMES), _first(value, _WORDS)
    yield f"{name or 'exception'}: {words}" if words else str(name or "exception")
    yield from _lines(_first(value, _FRAMES), depth + 1)
    cause = value.get("cause")
    if type(cause) is dict:
        yield "caused by:"
        yield from _lines(cause, depth + 1)


def _frame(value: dict[str, Any]) -> str | None:
    file, line, function = (_first(value, names) for names in _WHERE)
    if file is None or line is None:
        return None
    return f"  at {function or '?'} ({file}:{line})"


def _first(value: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((value[name] for name in names if value.get(name) not in (None, "", [])), None)
