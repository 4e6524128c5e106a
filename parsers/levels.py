"""The words and numbers by which loggers say how bad it is, as `Severity`; knows nothing of lines.

Numbers are told apart by their field and size. In `level` and `severity`, 0 to 7 is syslog's scale (RFC 5424) and 8 and
above is pino's and bunyan's (10 trace, 20 debug, 30 info, 40 warn, 50 error, 60 fatal): those libraries write numbers
there, while Python's loggers write the name there and their number, on a scale of their own, in `levelno`.
"""

import re
from typing import Any

from parsers.events import Severity

_NAMES = {
    Severity.DEBUG: "trace debug verbose fine finer finest silly notset default dbg trc",
    Severity.INFO: "info information informational notice success http config inf",
    Severity.WARNING: "warn warning wrn",
    Severity.ERROR: "error err exception severe failure",
    Severity.CRITICAL: "critical crit fatal alert emerg emergency panic dpanic ftl",
}
RANK = {severity: rank for rank, severity in enumerate(Severity)}
BY_NAME = {name: severity for severity, names in _NAMES.items() for name in names.split()}

# log/slog writes a level between its names as "WARN+2"
_NAME = re.compile(r"\s*([A-Za-z]{1,16})(?:[+-][0-9]{1,3})?\s*", re.ASCII)
_NUMBER = re.compile(r"\s*[0-9]{1,3}\s*", re.ASCII)

_SYSLOG = (
    Severity.CRITICAL,  # emergency
    Severity.CRITICAL,  # alert
    Severity.CRITICAL,
    Severity.ERROR,
    Severity.WARNING,
    Severity.INFO,  # notice
    Severity.INFO,
    Severity.DEBUG,
)
# names that are too common as a line's first word
_IN_TEXT = BY_NAME.keys() - {
    "fine",
    "success",
    "default",
    "http",
    "config",
    "verbose",
    "silly",
    "failure",
    "information",
}
_COLOURS = re.compile(r"\x1b\[[0-9;]{0,20}m")
_SD_PREFIX = re.compile(r"<([0-7])>")
_TIMES = re.compile(r"(?:\[?[0-9][0-9T:.,/+Z-]{1,40}\]?[ \t]{1,4}){1,3}", re.ASCII)
_LEADING = re.compile(r"[\[(<]?([A-Za-z]{3,9})(?=[\])>:|, \t-]|$)", re.ASCII)
_CAPITALS = re.compile(r"(?<![A-Za-z_])(DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|CRITICAL|FATAL)(?![A-Za-z_])", re.ASCII)
PINO_STEPS = ((60, Severity.CRITICAL), (50, Severity.ERROR), (40, Severity.WARNING), (30, Severity.INFO))
PYTHON_STEPS = ((50, Severity.CRITICAL), (40, Severity.ERROR), (30, Severity.WARNING), (20, Severity.INFO))


def severity_of(value: Any) -> Severity | None:
    """The severity that the field `level` or `severity` says.

    Args:
        value: a name in any case, or a number, also as text.

    Returns:
        None when it says none that is known.
    """
    if type(value) is str:
        named = BY_NAME.get(value)
        if named is not None:
            return named
        match = _NAME.fullmatch(value)
        if match is not None:
            return BY_NAME.get(match.group(1).lower())
        if _NUMBER.fullmatch(value) is None:
            return None
        value = int(value)
    elif type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is not int or value < 0:
        return None
    return _SYSLOG[value] if value < len(_SYSLOG) else on_scale(value, PINO_STEPS)


def on_scale(number: int, steps: tuple[tuple[int, Severity], ...]) -> Severity | None:
    """The severity of a number on a scale that rises with badness: the highest step that it reaches.

    Returns:
        `DEBUG` below all steps; None for 1,000 and above, which is no level of any logger.
    """
    if number >= 1000:
        return None
    return next((severity for least, severity in steps if number >= least), Severity.DEBUG)


def leading_level(text: str) -> Severity | None:
    """The severity that a line of text says at its beginning, behind times and brackets.

    Behind a time, also one in capitals a little later (`2026-11-24 02:00:00,123 - radio.player - ERROR - …`), and the
    prefix `<3>` of sd-daemon(3).

    Args:
        text: one line; only its first 200 characters are looked at.
    """
    head = text[:200]
    if "\x1b" in head:
        head = _COLOURS.sub("", head)
    prefix = _SD_PREFIX.match(head)
    if prefix is not None:
        return _SYSLOG[int(prefix[1])]
    times = _TIMES.match(head)
    at = times.end() if times is not None else 0
    word = _LEADING.match(head, at)
    if word is not None and word[1].lower() in _IN_TEXT:
        return BY_NAME[word[1].lower()]
    later = _CAPITALS.search(head, at) if at else None
    return None if later is None else BY_NAME[later[1].lower()]
