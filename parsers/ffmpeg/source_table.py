"""The severities that FFmpeg's source gives its messages: `severities.txt`, which `scripts/ffmpeg_severities.py` makes.

It knows severities only; category, effect and depth of what matters to a stream are in `templates`, which come first.
The file is part of the code and read with it, once.
"""

from pkgutil import get_data
from typing import Final

# Templates are looked for by so many of their first characters, or as many as stand before the first variable.
_OPENING: Final = 16


def _read() -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    severity = ""
    for line in (get_data("parsers.ffmpeg", "severities.txt") or b"").decode().splitlines():
        if line.startswith("="):
            severity = line[1:]
        elif not line.startswith("# "):
            opening = line[:_OPENING].partition("*")[0]
            found.setdefault(opening, []).append((line, severity))
    for templates in found.values():
        templates.sort(key=lambda template: template[0].count("*") - len(template[0]))
    return found


_TEMPLATES: Final = _read()


def severity_in_source(message: str) -> str | None:
    """The severity with which FFmpeg prints a message.

    Args:
        message: its first line, without prefixes.

    Returns:
        That of the template that fits and begins with most of the message, then has most words; None when none does.
    """
    for length in range(min(_OPENING, len(message)), -1, -1):
        for template, severity in _TEMPLATES.get(message[:length], ()):
            if _fits(message, template):
                return severity
    return None


def _fits(message: str, template: str) -> bool:
    """Whether the template's words stand in the message in this order, from beginning to end; in linear time."""
    first, *middle = template.split("*")
    if not message.startswith(first):
        return False
    if not middle:
        return len(message) == len(first)
    last = middle.pop()
    end = len(message) - len(last)
    at = len(first)
    for piece in middle:
        at = message.find(piece, at, end) + len(piece)
        if at < len(piece):
            return False
    return at <= end and message.endswith(last)
