"""Forms of text in which a secret stands without an assignment or a URL's scheme; all else is `parsers.redact`'s."""

import re

MASK = "***"

_VALUE = r"(?!\*\*\*)[^\s'\"|<>,;)\]}]+"
_SLASH = r"%(?:25){0,3}2f"
_ENCODED_URL = re.compile(
    rf"(rtmp[a-z]{{0,2}}(?::|%(?:25){{0,3}}3a){_SLASH}{_SLASH}[\w.:@-]{{1,200}}{_SLASH}[\w.-]{{1,100}}{_SLASH})"
    r"[^\s'\"|<>&]+",
    re.IGNORECASE | re.ASCII,
)
_NO_SCHEME = re.compile(
    r"((?:rtmps?[\w-]{0,20}\.[\w.-]{1,100}(?::\d{1,5})?\\?/[\w.-]{1,40}"
    r"|(?:\.youtube\.com|\.facebook\.com|\.live-video\.net|\.twitch\.tv)(?::\d{1,5})?\\?/(?:live2|rtmp|app))\\?/)"
    rf"{_VALUE}",
    re.IGNORECASE | re.ASCII,
)
_SAID = re.compile(
    r"((?:key|password|passphrase|token|secret)\s{1,4}"
    r"(?:is|was|(?:(?:is|was)\s{1,4})?(?:set|changed) to)"
    r"(?:\s{0,4}:)?\s{1,4}[\"']?)"
    r"(?=[^\s\"']{0,200}?\d)[^\s\"',;]{6,}",
    re.IGNORECASE | re.ASCII,
)
_USER = re.compile(
    r"((?<!\S)(?:-u|--user|--proxy-user)(?:\s{1,4}|=)['\"]?[^\s:'\"]{1,100}:)[^\s'\"]+", re.IGNORECASE | re.ASCII
)
# Base64 mixes cases, digits or `=`; "basic authentication" does not.
_BASIC = re.compile(
    r"(\b(?:[Bb]asic|BASIC)\s{1,4})(?=[A-Za-z0-9+/]{0,200}?(?:\d|=|[a-z][A-Z]))[A-Za-z0-9+/]{6,}={0,2}", re.ASCII
)


def mask_forms(text: str, low: str) -> str:
    """Mask the secrets of these forms.

    Args:
        text: any text.
        low: the same text in lower case, by which whole forms are ruled out.
    """
    if "2f" in low and "rtmp" in low:
        text = _ENCODED_URL.sub(rf"\1{MASK}", text)
    if "/" in low and ("rtmp" in low or "live2" in low or "/app" in low):
        text = _NO_SCHEME.sub(rf"\1{MASK}", text)
    if " is" in low or " was" in low or " to " in low:
        text = _SAID.sub(rf"\1{MASK}", text)
    if "-u" in low:
        text = _USER.sub(rf"\1{MASK}", text)
    if "basic" in low:
        text = _BASIC.sub(rf"\1{MASK}", text)
    return text
