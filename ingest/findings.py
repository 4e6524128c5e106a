"""What `radiolog doctor` finds: one fact with its weight and, where it is not well, what mends it."""

from collections.abc import Iterable
from typing import Literal, NamedTuple, TypeAlias

Level: TypeAlias = Literal["ok", "warning", "error"]


class Finding(NamedTuple):
    """One fact.

    Attributes:
        area: what was looked at, in a word or two.
        level: ok; warning: it works, but not for long or not as wanted; error: it does not work.
        message: what is so.
        mend: what to do; empty where all is well.
    """

    area: str
    level: Level
    message: str
    mend: str = ""


def ok(area: str, message: str) -> Finding:
    """All is well."""
    return Finding(area, "ok", message)


def warning(area: str, message: str, mend: str) -> Finding:
    """It works, but somebody should look."""
    return Finding(area, "warning", message, mend)


def error(area: str, message: str, mend: str) -> Finding:
    """It does not work."""
    return Finding(area, "error", message, mend)


def count(findings: Iterable[Finding], level: Level) -> int:
    """How many there are of a level."""
    return sum(found.level == level for found in findings)
