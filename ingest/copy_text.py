"""Python values to PostgreSQL's COPY text format (documentation of COPY, "Text Format"). Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
NULL = "\\N"
# Stands for it until it is known whether the row holds a backslash: no text that can be stored has this character.
_NO_VALUE = "\0"
_encode_json = msgspec.json.Encoder().encode


def field(value: Any) -> str:
    """One value of a row.

    Strings, numbers, booleans, aware datetimes, bytes (as bytea hex), dicts and lists (as JSON) and None are taken.
    """
    if value is None:
        return NULL
    kind = type(value)
    if kind is str:
        return escape(value)
    if kind is bool:
        return "t" if value else "f"
    if kind is datetime:
        return _encode_json(value)[1:-1].decode()  # ISO 8601, as `isoformat` has it, in a third of its time
    if kind is dict or kind is list:
        return escape(_encode_json(value).decode())
    if kind is bytes:
        return f"\\\\x{value.hex()}"
    return str(value)


def escape(text: str) -> str:
    """A string with what COPY's text format gives a meaning to escaped."""
    if "\\" in text or "\n" in text or "\t" in text or "\r" in text:
        return text.translate(_ESCAPES)
    return text


def lines(rows: Iterable[Sequence[Any]]) -> str:
    """Rows as the body of a COPY … FROM STDIN."""
    return "".join(map(line, rows))


def line(row: Sequence[Any]) -> str:
    """A row, with its line feed."""
    return fields(row) + "\n"


def fields(row: Sequence[Any]) -> str:
    """A row's values, or some of them. Most hold nothing that must be escaped, which one look at the whole tells."""
    text = "\t".join([value if type(value) is str else _NO_VALUE if value is None else field(value) for value in row])
    if "\\" in text or "\n" in text or "\r" in text or text.count("\t") >= len(row):
        return "\t".join(map(field, row))
    return text.replace(_NO_VALUE, NULL)
