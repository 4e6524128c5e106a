"""Bytes of one line to a JSON object whose every value can be stored; gives its fields no meaning.

Strict about JSON (RFC 8259): what is not JSON is `Rejected`. Lenient about what JSON allows and PostgreSQL does not:
NUL and lone surrogates become U+FFFD, as do bytes that are not UTF-8, and numbers that are no finite double stay text.
Whatever was changed is named in the notes. Of keys that occur twice the last one counts.
"""

import json
import math
import re
from typing import Any, NoReturn, TypeAlias

import msgspec

from parsers.events import Rejected

MAX_DEPTH = 64
LONGEST_INTEGER_DIGITS = 4300  # Python's own bound (sys.set_int_max_str_digits); JSONB takes 131,072

BOM = b"\xef\xbb\xbf"
INVALID_UTF8 = "invalid_utf8"
NUL = "nul"
SURROGATE = "surrogate"
NUMBER = "number_out_of_range"
NUL_PADDING = "nul_padding"

Json: TypeAlias = dict[str, Any]
Decoded: TypeAlias = tuple[Json, list[str]]  # plain: this is the hot path

_decode = msgspec.json.Decoder().decode
_SURROGATES = re.compile("[\ud800-\udfff]")
# the closing quote may be missing: then the rest of the line is one string, and is looked at once
_STRUCTURE = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[{]+|[\]}]+', re.DOTALL)


def decode(data: bytes) -> Decoded | Rejected:
    """Decode a line.

    Args:
        data: the line without its terminator, not blank.

    Returns:
        The object, and in stable words what was changed in it; or why there is none: too_deep, bad_json, invalid_utf8
        or not_an_object.
    """
    if data.count(b"{") + data.count(b"[") > MAX_DEPTH and depth(data) > MAX_DEPTH:
        return Rejected(reason="too_deep", detail=f"nested deeper than {MAX_DEPTH} levels")
    notes: list[str] = []
    strange = b"\\" in data and b"\\u0000" in data
    try:
        value = _decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        strange = True
        value = _decode_strange(data, notes)
        if type(value) is Rejected:
            return value
    if type(value) is not dict:
        return Rejected(reason="not_an_object", detail=f"the line is a JSON {_kind(value)}, not an object")
    if strange:
        value = _storable(value, notes)
    return value, notes


def depth(data: bytes) -> int:
    """How deep the brackets of a line are nested, those inside strings not counted. Linear in its length."""
    level = deepest = 0
    for match in _STRUCTURE.finditer(data):
        first, length = data[match.start()], match.end() - match.start()
        if first in b"[{":
            level += length
            deepest = max(deepest, level)
        elif first in b"]}":
            level -= length
    return deepest


def _decode_strange(data: bytes, notes: list[str]) -> Any:
    """Decode what msgspec refused: it may be JSON with lone surrogates, huge numbers, or bytes that are not UTF-8."""

    def keep(digits: str) -> str:
        _note(NUMBER, notes)
        return digits

    def integer(digits: str) -> int | str:
        return int(digits) if len(digits) <= LONGEST_INTEGER_DIGITS else keep(digits)

    def number(digits: str) -> float | str:
        value = float(digits)
        return value if math.isfinite(value) else keep(digits)

    text = _text(data, notes)
    try:
        return json.loads(text, parse_int=integer, parse_float=number, parse_constant=_refuse)
    except RecursionError:
        return Rejected(reason="too_deep", detail="nested too deep")
    except ValueError as error:
        if INVALID_UTF8 in notes:
            return Rejected(reason="invalid_utf8", detail="holds bytes that are not UTF-8, and is no JSON without them")
        if isinstance(error, json.JSONDecodeError):
            return Rejected(reason="bad_json", detail=f"not JSON at character {error.pos + 1}: {error.msg}")
        return Rejected(reason="bad_json", detail=f"not JSON: {error}")


def _text(data: bytes, notes: list[str]) -> str:
    """The characters of a line, without what stands before or behind it that is no text."""
    unpadded = data.strip(b"\0")  # the hole before what a stale writer appends to a truncated file
    if len(unpadded) < len(data):
        notes.append(NUL_PADDING)
    unpadded = unpadded.removeprefix(BOM)
    try:
        return unpadded.decode("utf-8")
    except UnicodeDecodeError:
        notes.append(INVALID_UTF8)
        return unpadded.decode("utf-8", "replace")


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")


def _storable(value: Any, notes: list[str]) -> Any:
    """The value with everything replaced that PostgreSQL refuses. Notes what was replaced, each kind once."""
    kind = type(value)
    if kind is str:
        return _storable_text(value, notes)
    if kind is dict:
        return {_storable_text(name, notes): _storable(item, notes) for name, item in value.items()}
    if kind is list:
        return [_storable(item, notes) for item in value]
    return value


def _storable_text(text: str, notes: list[str]) -> str:
    if "\0" in text:
        _note(NUL, notes)
        text = text.replace("\0", "\ufffd")
    if not text.isascii() and _SURROGATES.search(text):
        _note(SURROGATE, notes)
        text = _SURROGATES.sub("\ufffd", text)
    return text


def _note(word: str, notes: list[str]) -> None:
    if word not in notes:
        notes.append(word)


def _kind(value: Any) -> str:
    return {list: "array", str: "string", bool: "boolean", type(None): "null"}.get(type(value), "number")
