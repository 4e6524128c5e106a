"""The severities that FFmpeg's source gives its messages: `severities.txt`, which `scripts/ffmpeg_severities.py` makes.

It knows severities only; category, effect and depth of what matters to a stream are in `templates`, which come first.
The file is part of the code and read with it, once.
"""

from importlib.resources import files
from typing import Final, TypeAlias

_Pieces: TypeAlias = tuple[str, ...]
# Templates are looked for by their first characters; those that begin with a variable stand under the empty string.
_OPENING: Final = 5


def _read() -> dict[str, list[tuple[_Pieces, str]]]:
    found: dict[str, list[tuple[_Pieces, str]]] = {}
    severity = ""
    for line in files("parsers.ffmpeg").joinpath("severities.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("="):
            severity = line[1:]
        elif not line.startswith("# "):
            opening = line[:_OPENING]
            pieces = tuple(line.split("*"))
            found.setdefault("" if "*" in opening else opening, []).append((pieces, severity))
    for templates in found.values():
        templates.sort(key=lambda template: -sum(map(len, template[0])))
    return found


_TEMPLATES: Final = _read()


def severity_in_source(message: str) -> str | None:
    """The severity with which FFmpeg prints a message.

    Args:
        message: its first line, without prefixes.

    Returns:
        That of the template with the most words that fits; None when none does.
    """
    for opening in (message[:_OPENING], ""):
        for pieces, severity in _TEMPLATES.get(opening, ()):
            if _fits(message, pieces):
                return severity
    return None


def _fits(message: str, pieces: _Pieces) -> bool:
    """Whether the pieces stand in the message in this order, from its beginning to its end; in linear time."""
    first, *middle = pieces
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
