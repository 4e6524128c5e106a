"""Field values to one JSON line, whatever the values are; writes nothing and reads no clock.

A line is assembled from three parts, so that only what is new in a call is encoded in that call: the time, the body
(what is said) and the origin with the sequence number (who says it).
"""

import math
import re
import time
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime
from datetime import time as time_of_day
from functools import lru_cache
from typing import Any

import msgspec

LONGEST_LINE_BYTES = 1 << 20  # parsers.lines.MAX_LINE_BYTES: a longer one becomes a dead letter
ORIGIN_FIELDS = frozenset({"timestamp", "level", "station", "host", "pid", "run_id", "seq"})
OVERRIDABLE = frozenset({"station", "host", "pid"})

_DEEPEST = 32  # the reader refuses more than 64
_MOST_VALUES = 20_000
_DEPTH_LOOKED_AT, _MOST_LOOKED_AT = 3, 64
_LONGEST_BODY_BYTES = LONGEST_LINE_BYTES - 4096  # leaves room for the origin
_SHORTER_AND_SHORTER = (65_536, 4096, 256, 16)
_SURROGATES = re.compile("[\ud800-\udfff]")
_LONGEST_INTEGER_BITS = 1023  # a double's range: what is beyond no reader takes for a number

_encode = msgspec.json.Encoder().encode


def utc_text(time_ns: int) -> str:
    """RFC 3339 in UTC with microseconds and `Z`.

    Args:
        time_ns: nanoseconds since 1970, as `time.time_ns()` gives them.
    """
    seconds, rest_ns = divmod(time_ns, 1_000_000_000)
    return f"{_whole_second(seconds)}.{rest_ns // 1000:06}Z"


@lru_cache(maxsize=4)
def _whole_second(seconds: int) -> str:
    at = time.gmtime(seconds)
    return f"{at.tm_year:04}-{at.tm_mon:02}-{at.tm_mday:02}T{at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02}"


def origin(fields: Mapping[str, Any]) -> bytes:
    """The end of every line of one run, up to its sequence number.

    Args:
        fields: station, host, pid and run_id.
    """
    return b"," + _encode(plain(fields))[1:-1] + b',"seq":'


def body(level: str, event: Mapping[str, Any]) -> bytes:
    """What a line says, from its level to its last field, with neither braces nor the fields of its origin.

    Never raises, whatever the values are or do: what JSON does not know becomes text.

    Args:
        level: debug, info, warning, error or critical.
        event: the fields. Names of the origin (`ORIGIN_FIELDS`) get a trailing underscore; see `without_origin`.
    """
    fields: dict[str, Any] = {"level": level, "event": event.get("event")}
    for name, value in event.items():
        kind = type(value)
        if not (kind is str or kind is int or kind is bool or value is None):
            value = value if _is_json(value, _DEPTH_LOOKED_AT) else plain(value)  # noqa: PLW2901 (hot loop)
        fields[name] = value
    try:
        encoded = _encode(fields)
    except (OverflowError, UnicodeEncodeError, TypeError, ValueError):
        encoded = _encode(plain(fields))  # an integer that is too long, a lone surrogate, a name that is no text
    for longest_text in _SHORTER_AND_SHORTER:
        if len(encoded) <= _LONGEST_BODY_BYTES:
            break
        encoded = _encode(plain(fields, longest_text=longest_text))
    return encoded[1:-1]


def _is_json(value: Any, depth: int) -> bool:
    """Whether the encoder writes the value as it is: a small one of JSON's own types. A cheap yes for most values."""
    kind = type(value)
    if kind is float:
        return math.isfinite(value)
    if kind is dict:
        items = value.values()
        if not all(type(name) is str for name in value):
            return False
    elif kind is list:
        items = value
    else:
        return False
    if not depth or len(value) > _MOST_LOOKED_AT:
        return False
    for item in items:
        kind = type(item)
        if not (kind is str or kind is int or kind is bool or item is None or _is_json(item, depth - 1)):
            return False
    return True


def line(time_ns: int, said: bytes, origin_of_run: bytes, seq: int) -> bytes:
    """The finished line, with its line end."""
    return b'{"timestamp":"%b",%b%b%d}\n' % (utc_text(time_ns).encode(), said, origin_of_run, seq)


def without_origin(event: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Separate the fields that a line's origin has, too.

    Returns:
        The event, with time, level, run and number renamed (only the logger knows them); and what it says of its
        station, host and pid, which holds instead of the logger's own.
    """
    rest: dict[str, Any] = {}
    said: dict[str, Any] = {}
    for name, value in event.items():
        if name in OVERRIDABLE:
            said[name] = value
        else:
            rest[f"{name}_" if name in ORIGIN_FIELDS else name] = value
    return rest, said


def plain(value: Any, *, longest_text: int | None = None) -> Any:
    """The value as JSON knows it. Never raises `Exception`; ends on cycles and on the very deep and very many.

    Args:
        value: anything.
        longest_text: texts are clipped to so many characters; None leaves them whole.
    """
    return _Plain(longest_text).of(value)


class _Plain:
    """One walk through a value. Bounded, because a few nested lists that share their items can unfold to billions."""

    def __init__(self, longest_text: int | None) -> None:
        self._longest_text = longest_text
        self._left = _MOST_VALUES
        self._path: set[int] = set()

    def of(self, value: Any) -> Any:
        self._left -= 1
        try:
            return self._of(value)
        except Exception as error:  # noqa: BLE001 (a value's __iter__, even __class__, is somebody else's code)
            return f"(unreadable {type(value).__name__}: {type(error).__name__})"

    def _of(self, value: Any) -> Any:
        if value is None or type(value) is bool:
            return value
        if isinstance(value, str):
            return self._text(str.__str__(value))
        if isinstance(value, int):
            number = int.__int__(value)
            return number if number.bit_length() <= _LONGEST_INTEGER_BITS else self._text(text_of(number))
        if isinstance(value, float):
            real = float.__float__(value)
            return real if math.isfinite(real) else str(real)
        if isinstance(value, (Mapping, Sequence, AbstractSet)) and not isinstance(
            value, (bytes, bytearray, memoryview)
        ):
            return self._container(value)
        return self._text(text_of(value))

    def _container(self, value: Any) -> Any:
        if id(value) in self._path:
            return "(cycle)"
        if len(self._path) >= _DEEPEST or self._left <= 0:
            return self._text(f"(not written: {type(value).__name__})")
        self._path.add(id(value))
        try:
            return self._mapping(value) if isinstance(value, Mapping) else self._items(value)
        finally:
            self._path.discard(id(value))

    def _mapping(self, value: Mapping[Any, Any]) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for key, item in value.items():
            name = self._text(str.__str__(key) if isinstance(key, str) else text_of(key))
            while name in out:
                name += "_"
            if self._left <= 0:
                out["(more)"] = "not written"
                break
            out[name] = self.of(item)
        return out

    def _items(self, value: Sequence[Any] | AbstractSet[Any]) -> list[Any]:
        out: list[Any] = []
        for item in value:
            if self._left <= 0:
                out.append("(more not written)")
                break
            out.append(self.of(item))
        return out

    def _text(self, text: str) -> str:
        longest = self._longest_text
        if longest is not None and len(text) > longest:
            text = f"{text[:longest]}… ({len(text) - longest} more characters)"
        return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def text_of(value: Any) -> str:
    """Any value as text: times in ISO 8601, bytes as UTF-8, an exception with its name. Never raises `Exception`."""
    try:
        if isinstance(value, (datetime, date, time_of_day)):
            return value.isoformat()
        if isinstance(value, (bytes, bytearray, memoryview)):
            return bytes(value).decode("utf-8", "backslashreplace")
        if isinstance(value, BaseException):
            return f"{type(value).__name__}: {value}"
        return str(value)
    except Exception as error:  # noqa: BLE001 (somebody else's __str__ may raise anything; a log call must not)
        return f"(unprintable {type(value).__name__}: {type(error).__name__})"
