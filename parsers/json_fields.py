"""The fields of one JSON object, taken out by name and type; what nobody takes is left over, and nothing is lost.

Whatever is given out is redacted. Short texts repeat from line to line (services, names, units, a run's id), so what
redaction makes of them is remembered; a test proves that the result is that of `redact_json`.

A value of another type than its field's is converted where the meaning is plain (`"213.4"` is a number, `"3:33"` a
length, 17 an id). Where it is not, the value stays among the left-over fields and a note says so.
"""

import math
import re
from collections.abc import Sequence
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import Any, cast

from parsers import timestamps
from parsers.events import TimeQuality
from parsers.json_decode import Json
from parsers.redact import redact, redact_json

NOTES = "_notes"
FULL = "_full"  # where ingest.rows keeps what a column is too short for
LONGEST_DURATION_SECONDS = 366 * 86400.0
LONGEST_REMEMBERED_TEXT = 64

WRAPPER_TIME = "wrapper_time"  # what Docker or journald say, when the line inside says nothing better
_TIME_ALIASES = ("@timestamp", "time", "ts", "datetime", "asctime", WRAPPER_TIME)
TIME_FIELDS = ("timestamp", *_TIME_ALIASES)
_NUMBER = re.compile(r"[+-]?[0-9]{1,300}(?:\.[0-9]{1,300})?(?:[eE][+-]?[0-9]{1,4})?", re.ASCII)
_CLOCK = re.compile(r"(?:([0-9]{1,4}):)?([0-9]{1,2}):([0-9]{1,2}(?:\.[0-9]{1,9})?)", re.ASCII)
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False, "": False}


class Fields:
    """Takes fields out of a decoded line. Each method removes what it returns; null counts as missing.

    Args:
        values: the decoded line, which the instance owns from now on.
        notes: stable words for what is odd about the line; grows.
    """

    __slots__ = ("notes", "values")

    def __init__(self, values: Json, notes: list[str]) -> None:
        self.values = values
        self.notes = notes

    def text(self, name: str) -> str | None:
        """A text; numbers and booleans as JSON writes them."""
        value = self.values.pop(name, None)
        if value is None:
            return None
        if type(value) is str:
            return redacted_text(value)
        if type(value) in (int, float):
            return str(value)
        if type(value) is bool:
            return "true" if value else "false"
        self._keep(name, value)
        return None

    def first_text(self, names: Sequence[str]) -> str | None:
        """The first of the fields that holds a text that is not blank; the others stay."""
        for name in names:
            value = self.values.get(name)
            if type(value) is str and value and not value.isspace():
                del self.values[name]
                return redacted_text(value)
        return None

    def whole(self, name: str) -> int | None:
        """A whole number that BIGINT holds, also as text or as a float without fraction."""
        value = self.values.pop(name, None)
        if value is None:
            return None
        number = to_number(value)
        if type(number) is float and number.is_integer():
            number = int(number)
        if type(number) is int and -(2**63) <= number < 2**63:
            return number
        self._keep(name, value)
        return None

    def seconds(self, name: str) -> float | None:
        """A length in seconds: a number of them, also as text, or `M:SS`, `H:MM:SS`; at most a year."""
        value = self.values.pop(name, None)
        if value is None:
            return None
        length = to_number(value)
        if length is None and type(value) is str:
            clock = _CLOCK.fullmatch(value.strip())
            if clock:
                length = int(clock[1] or 0) * 3600 + int(clock[2]) * 60 + float(clock[3])
        if length is not None and 0 <= length <= LONGEST_DURATION_SECONDS:
            return float(length)
        self._keep(name, value)
        return None

    def truth(self, name: str) -> bool:
        """A boolean, also as 0 or 1 or as a word; missing is false."""
        value = self.values.pop(name, None)
        if value is None or type(value) is bool:
            return bool(value)
        said = _TRUTH.get(str(value).strip().lower()) if type(value) in (str, int) else None
        if said is None:
            self._keep(name, value)
        return bool(said)

    def time(self, zone: tzinfo) -> tuple[datetime | None, TimeQuality]:
        """The line's time: `timestamp`, else the first of the names that other loggers use which holds a time."""
        value = self.values.pop("timestamp", None)
        if value is not None:
            at, quality = timestamps.parse(value, zone=zone)
            if at is None:
                self.values["timestamp"] = value
                self.notes.append("bad_timestamp")
            return at, quality
        for alias in _TIME_ALIASES:
            if alias in self.values:
                at, quality = timestamps.parse(self.values[alias], zone=zone)
                if at is not None:
                    del self.values[alias]
                    return at, quality
        return None, TimeQuality.UNKNOWN

    def left_over(self, name: str) -> Json | None:
        """What belongs to no field, as the event's JSON: the object `name`, everything nobody took, and the notes.

        A name that both the object and the line use gets a trailing underscore in the second place; so does a name
        that is ours.
        """
        values, notes = self.values, self.notes
        if not values and not notes:
            return None
        merged: Json = {}
        inner = values.pop(name, None)
        if type(inner) is dict:
            _merge(merged, inner)
        elif inner is not None:
            merged[name] = inner
        _merge(merged, values)
        merged = redacted(merged)
        if notes:
            merged[NOTES] = notes
        return merged or None

    def _keep(self, name: str, value: Any) -> None:
        self.values[name] = value
        self.notes.append(f"wrong_type:{name}")


def redacted(value: Any) -> Any:
    """The JSON value as `parsers.redact.redact_json` gives it, faster for names and texts seen before."""
    kind = type(value)
    if kind is str:
        return redacted_text(value)
    if kind is dict:
        clean: Json = {}
        for name, held in value.items():
            if _is_harmless(name):
                clean[name] = redacted(held)
            else:
                clean.update(redact_json({name: held}))
        return clean
    if kind is list:
        return redact_json(value)  # an argument may be the secret of the option before it
    return value


def redacted_context(context: Json) -> Json:
    """What `Fields.left_over` gives of a line that says nothing but this object besides its known fields."""
    if NOTES in context or FULL in context:
        return Fields({"context": context}, []).left_over("context") or {}
    return cast("Json", redacted(context))


def redacted_text(text: str) -> str:
    """The text as `parsers.redact.redact` gives it."""
    return _remembered(text) if len(text) <= LONGEST_REMEMBERED_TEXT else redact(text)


_remembered = lru_cache(maxsize=8192)(redact)


@lru_cache(maxsize=8192)
def _is_harmless(name: str) -> bool:
    """Whether redaction leaves the name and what stands under it."""
    probe = {name: "a1b2c3d4e5f6g7h8"}  # under some names only what looks like a secret is masked
    return bool(redact_json(probe) == probe)


def to_number(value: Any) -> int | float | None:
    """A finite number that a double can hold, also from text; None for anything else, booleans included."""
    if type(value) is str:
        text = value.strip()
        if _NUMBER.fullmatch(text) is None:
            return None
        value = float(text) if set(text) & set(".eE") else int(text)
    if type(value) is int:
        try:
            float(value)
        except OverflowError:
            return None
        return value
    return value if type(value) is float and math.isfinite(value) else None


def _merge(into: Json, more: Json) -> None:
    for name, value in more.items():
        free = name
        while free in into or free in (NOTES, FULL):
            free += "_"
        into[free] = value
