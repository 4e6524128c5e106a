"""The commonest line, a metric in the contract's plainest form, read in one step; anything else is left to the parser.

What `plain_metric` takes is exactly what `parsers.json_lines` makes a `Metric` of, with the same values: a test holds
the two together. It exists because a metric is what nine of ten lines are, and building nothing but its few values is
several times faster.
"""

from datetime import datetime
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from parsers import azuracast
from parsers.levels import severity_of

# A line without it is not looked at; nor is any line near one of the others, which the parser treats as special.
MARK = b'"metric_name"'
_SPECIAL = (b"\\u0000", azuracast.MARK)
_INT64 = 2**63

_Whole: TypeAlias = Annotated[int, Meta(ge=0, lt=2**62)]


class PlainMetric(Struct, forbid_unknown_fields=True, gc=False):
    """A line's values as they stand there, not redacted; `at` is its timestamp, which is ISO 8601 in UTC."""

    event: Literal["metric"]
    timestamp: str
    metric_name: str
    metric_value: int | float
    kind: Literal["metric"] | UnsetType = UNSET
    service: str | None = None
    station: str | None = None
    unit: str | None = None
    host: str | None = None
    level: str | None = None
    pid: _Whole | None = None
    run_id: str | None = None
    seq: _Whole | None = None


_decode = msgspec.json.Decoder(PlainMetric).decode


def may_be_plain(chunk: bytes) -> bool:
    """Whether nothing in these bytes needs the parser's special care."""
    return not any(special in chunk for special in _SPECIAL)


def plain_metric(data: bytes) -> PlainMetric | None:
    """Read a line; None when it is anything but a plain metric.

    Args:
        data: the line, with or without its terminator, out of bytes that `may_be_plain`.
    """
    try:
        said = _decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    value = said.metric_value
    if type(value) is int and not -_INT64 <= value < _INT64:
        return None
    return said


def has_plain_level(level: str | None) -> bool:
    """Whether a metric's level says nothing that its row would keep."""
    return level is None or severity_of(level) is not None


def plain_utc(text: str) -> datetime | None:
    """The time that a text says as `YYYY-MM-DDTHH:MM:SS[.digits]Z`, at most six digits; None for any other form.

    PostgreSQL reads such a text as the very same time.
    """
    length = len(text)
    # What `fromisoformat` takes besides: week dates, other separators, other zones, longer fractions.
    if (
        not 20 <= length <= 27
        or text[-1] != "Z"
        or text[10] != "T"
        or text[4] != "-"
        or text[7] != "-"
        or text[13] != ":"
        or (length > 20 and (text[19] != "." or length == 21))
    ):
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if 1970 <= at.year <= 2200 else None
