"""A message without its variable parts, so that the same error has the same name every time it happens."""

import re

# Order matters: a URL holds paths, a UUID holds numbers.
_VARIABLE = re.compile(
    r"(?P<url>\b[a-z][a-z0-9+.-]{1,20}://\S+)"
    r"|(?P<uuid>\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b)"
    r"|(?P<quoted>'[^'\n]{0,400}'|\"[^\"\n]{0,400}\")"
    r"|(?P<path>(?<![\w/])/(?:[\w.@+-]+/)*[\w.@+-]+)"
    r"|(?P<hex>\b0x[0-9a-fA-F]+\b|\b(?=[0-9a-f]*\d)[0-9a-f]{8,64}\b)"
    r"|(?P<number>[-+]?\d+(?:[.,:]\d+)*)"
)
# A message in which nothing of these stands can only hold plain numbers: they are found ten times as fast.
_MORE_THAN_NUMBERS = re.compile(r"[-+/'\"]")
_HEX = re.compile(r"[0-9a-f]{8}")
_PLAIN_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
LONGEST = 512


def template_of(message: str) -> str:
    """The message with URLs, UUIDs, quoted text, paths, hexadecimal and decimal numbers replaced by `<kind>`.

    Args:
        message: any text; only its first line counts, and of that the first 2,000 characters.

    Returns:
        At most 512 characters.
    """
    first = message.split("\n", 1)[0][:2000]
    if _MORE_THAN_NUMBERS.search(first) or "0x" in first or _HEX.search(first):
        return _VARIABLE.sub(lambda found: f"<{found.lastgroup}>", first)[:LONGEST]
    return _PLAIN_NUMBER.sub("<number>", first)[:LONGEST]
