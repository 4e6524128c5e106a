"""Masks secrets in text, JSON values and raw bytes; decides by form alone and remembers nothing between calls.

Over-redaction is the right direction: a masked host name costs a look-up, a published stream key costs the channel.
All patterns are ASCII (so that they also hold for bytes read as latin-1), without nested quantifiers (linear time),
and leave `MASK` as it is, so that redacting twice changes nothing.
"""

import re
from typing import Any

from parsers import secret_forms
from parsers.secret_names import HARMLESS_KEYS, holds_secret, masked_argument

MASK = secret_forms.MASK
_DEEPEST_JSON = 200

_HARMLESS = "".join(rf"(?<!{word})(?<!{word}[_-])" for word in HARMLESS_KEYS)
_NAME = (
    r"pass(?:word|wd|phrase|code)|(?<![a-z])pass|(?<![a-z])pwd|secret|token|play_?path|stream_?id|stream[ _-]?keys?"
    r"|(?:api|access|private|encryption|decryption|signing|enc|auth|secret|shared|license)[_-]?key(?:_?id)?|(?<![a-z])psk"
    r"|(?<![a-z])auth|credentials?|signature|(?<![a-z])sig|session[_-]?(?:id|key)|cookies?|webhook(?:[_-]?url)?"
    rf"|(?:(?<=[a-z0-9][_-])|(?<=[A-Za-z0-9])(?-i:(?<=[a-z0-9])(?=K))){_HARMLESS}key"
)
_TRAILING = re.compile(r"[.,:;)\]}]+$")
_URL = re.compile(r"([a-z][a-z0-9+.-]{1,15}:\\?/\\?/)((?:[^\s'\"|<>]|'(?=[a-z0-9_-]))+)", re.IGNORECASE | re.ASCII)
_QUERY = re.compile(
    rf"([?&;#](?:amp;)?(?:[a-z0-9]+[_-])?(?:{_NAME}|key|cid|code|hash|h|jwt|ps|expires|hdnts|hmac)=)[^&\s]+",
    re.IGNORECASE | re.ASCII,
)
_SLASH = re.compile(r"\\?/")
_WEBHOOK = re.compile(
    r"((?:hooks\.slack\.com\\?/(?:services|workflows|triggers)|discord(?:app)?\.com\\?/api(?:\\?/v\d{1,3})?\\?/webhooks"
    r"|webhook\.office\.com|api\.telegram\.org)\\?/)[^\s'\"<>|]+",
    re.IGNORECASE | re.ASCII,
)
_QUOTED = r"\"(?:[^\"\\]|\\.)*\"|'[^']*'|\\\"[^\"\\]*\\\""
_ASSIGNED = re.compile(
    rf"((?:{_NAME}|(?<![a-z])key(?==))\\?[\"']?\s{{0,4}}(?:=|:(?!\\?/))\s{{0,4}})({_QUOTED}|\\?[\"']?[^\s\"'&,;|<>]+)",
    re.IGNORECASE | re.ASCII,
)
_AUTHORIZATION = re.compile(r"(authorization\\?[\"']?\s{0,4}[=:]\s{0,4}\\?[\"']?)[^\"'\r\n]+", re.IGNORECASE | re.ASCII)
_BEARER = re.compile(r"(\bbearer\s{1,4})(?=[^\s]{0,200}?[\d._~+/=-])[a-z0-9._~+/=-]{6,}", re.IGNORECASE | re.ASCII)
_OPTION = re.compile(
    r"((?<!\S)-[\w-]{0,40}?(?:playpath|passphrase|passwo?r?d|streamid|stream[_-]?key|token|secret|[_-]key|[_-]pass|auth"
    rf"|headers|cookies|rtmp_conn|rtmp_tcurl|authorization)\s{{1,4}})({_QUOTED}|[^\s]+)",
    re.IGNORECASE | re.ASCII,
)
_OPTION_ARGUMENT = re.compile(
    r"('-?\w{0,40}?(?:playpath|passphrase|password|streamid|stream_?key|token|secret|_key|auth|headers|cookies"
    r"|rtmp_conn|rtmp_tcurl)'[^']{0,80}(?:'[^']{0,80}'[^']{0,80})?(?:with argument|to value) ')[^'\r\n]*",
    re.IGNORECASE | re.ASCII,
)
_APPLIED = re.compile(
    r"(Applying option \w{0,40}?(?:playpath|passphrase|password|streamid|token|secret|_key|auth|headers|cookies)\b"
    r"[^\r\n]{0,200} with argument )[^\r\n]+",
    re.ASCII,
)
_RTMP_COMMAND = re.compile(r"((?:publish|play|release|FCPublish|FCUnpublish)[^'\r\n]{0,40} for ')[^'\r\n]*", re.ASCII)
_RTMP_PATH = re.compile(r"(path = \\?/[^\s/?,]*)[^\r\n]*?(, app = [^\s/?,]*)[^\r\n]*?(, fname = )[^\r\n]*", re.ASCII)
_SERVER_ERROR = re.compile(r"(?<=Server error: )[^\r\n]+", re.ASCII)
_KEYLIKE_WORD = re.compile(r"(?<![\w*-])(?=[\w-]{0,100}?\d)[A-Za-z0-9_-]{8,}", re.ASCII)
_WELL_KNOWN = re.compile(
    r"\beyJ[\w-]{5,}\.[\w-]{4,}(?:\.[\w-]*)?|\b(?:AKIA|ASIA)[0-9A-Z]{12,20}\b|\bxox[abeoprs]-[\w-]{6,}"
    r"|\bgh[pousr]_\w{16,}|\bgithub_pat_\w{16,}|\bglpat-[\w-]{10,}|\bAIza[\w-]{30,}|\b[sr]k_(?:live|test)_\w{10,}"
    r"|\bsk-[\w-]{16,}|\bbot\d{6,12}:[\w-]{20,}|-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[^-]*(?:-----END)?",
    re.ASCII,
)
# YouTube's form: groups of four. At least one digit and one letter, or hyphenated words and years would be masked.
_BARE_STREAM_KEY = re.compile(
    r"(?<![A-Za-z0-9-])(?=[a-z0-9-]{0,28}?\d)(?=[a-z0-9-]{0,28}?[a-z])[a-z0-9]{4}(?:-[a-z0-9]{4}){3,5}(?![A-Za-z0-9-])",
    re.IGNORECASE | re.ASCII,
)


def redact(text: str) -> str:
    """Mask what looks like a secret.

    Args:
        text: any text; a line, a URL, several lines.

    Returns:
        The text with secrets replaced by `MASK`. The same object when there was nothing to mask.
    """
    low = text.lower()
    if "://" in low or ":\\/" in low:
        text = _URL.sub(_masked_url, text)
    if "webhook" in low or "hooks.slack" in low or "telegram" in low:
        text = _WEBHOOK.sub(rf"\1{MASK}", text)
    if "auth" in low or "bearer" in low:
        text = _BEARER.sub(rf"\1{MASK}", _AUTHORIZATION.sub(rf"\1{MASK}", text))
    if "fname" in low or " for '" in low or "server error" in low or "argument" in low or "to value" in low:
        text = _redact_ffmpeg_forms(text)
    if ("=" in low or ":" in low or "-" in low) and _has_secret_word(low):
        text = _OPTION.sub(_masked_assignment, _ASSIGNED.sub(_masked_assignment, text))
    if ("_" in low or "-" in low or "." in low or ":" in low or len(low) >= 16) and _has_known_shape(low):
        known = _WELL_KNOWN.sub(MASK, text)
        # What was masked may have been taken for the scheme of a URL, behind which another one begins.
        text = _URL.sub(_masked_url, known) if known != text and "://" in known else known
    text = secret_forms.mask_forms(text, low)
    if text.count("-") >= 3:
        text = _BARE_STREAM_KEY.sub(MASK, text)
    return text


def _has_secret_word(low: str) -> bool:
    return (
        "key" in low
        or "pass" in low
        or "token" in low
        or "secret" in low
        or "auth" in low
        or "pwd" in low
        or "cred" in low
        or "sig" in low
        or "streamid" in low
        or "stream_id" in low
        or "stream-id" in low
        or "cookie" in low
        or "playpath" in low
        or "play_path" in low
        or "sess" in low
        or "psk" in low
        or "header" in low
        or "rtmp_" in low
        or "webhook" in low
    )


def _has_known_shape(low: str) -> bool:
    return (
        "eyj" in low
        or "akia" in low
        or "asia" in low
        or "xox" in low
        or "ghp_" in low
        or "gho_" in low
        or "ghu_" in low
        or "ghs_" in low
        or "ghr_" in low
        or "github_pat" in low
        or "glpat" in low
        or "aiza" in low
        or "k_" in low
        or "sk-" in low
        or "bot" in low
        or "private key" in low
    )


def _redact_ffmpeg_forms(text: str) -> str:
    """The line forms in which FFmpeg itself prints a key without its URL."""
    text = _RTMP_COMMAND.sub(rf"\1{MASK}", text)
    text = _RTMP_PATH.sub(rf"\1/{MASK}\2\3{MASK}", text)
    text = _OPTION_ARGUMENT.sub(rf"\1{MASK}", text)
    text = _APPLIED.sub(rf"\1{MASK}", text)
    return _SERVER_ERROR.sub(lambda said: _KEYLIKE_WORD.sub(MASK, said.group()), text)


def _masked_assignment(found: re.Match[str]) -> str:
    value = found.group(2)
    opening = re.match(r"\\?[\"']?", value)
    quote = opening.group() if opening else ""
    closing = quote if quote and len(value) > len(quote) and value.endswith(quote) else ""
    return f"{found.group(1)}{quote}{MASK}{closing}"


def _masked_url(found: re.Match[str]) -> str:
    head, tail, _ = _split_url(found.group(1), found.group(2))
    return head + tail


def _split_url(scheme: str, rest: str) -> tuple[str, str, list[str]]:
    """Return what stays of a URL, its trailing punctuation, and the secrets that were in it."""
    trailing = _TRAILING.search(rest)
    tail = trailing.group() if trailing else ""
    body = rest[: len(rest) - len(tail)]
    secrets: list[str] = []
    user, body = _split_user(body)
    if user:
        secrets += [user, *user.split(":", 1)]
        scheme += f"{MASK}@"
    if scheme.lower().startswith("rtmp"):
        kept, secret = _split_rtmp(body)
        body = kept
        if secret:
            secrets += [secret, *re.split(r"[/?&=]", secret)]
    elif any(sign in body for sign in "?#"):
        secrets += [found.group()[len(found.group(1)) :] for found in _QUERY.finditer(body)]
        body = _QUERY.sub(rf"\1{MASK}", body)
    return scheme + body, tail, secrets


def _split_user(body: str) -> tuple[str, str]:
    """Return the user information of a URL and the rest. It ends at the last `@`, for a password may hold one."""
    if "@" not in body:
        return "", body
    authority = re.match(r"[^/?#\\]*", body)
    end = authority.end() if authority else 0
    at = body.rfind("@", 0, end)
    if at < 0:
        # A password may hold a slash as well; `host:8000/path@x` does not look like that.
        if re.match(r"[^/?#\\:]*:(?!\d{1,5}(?:[/?#\\]|$))", body) is None:
            return "", body
        at = body.rfind("@")
    elif ":" in body[:at]:
        path = re.search(r"[?#]", body[at:])
        at = body.rfind("@", 0, at + path.start() if path else len(body))
    return body[:at], body[at + 1 :]


def _split_rtmp(body: str) -> tuple[str, str]:
    """Return `host/app/***` and what followed the application: the stream's name is the key."""
    first = _SLASH.search(body)
    if first is None:
        host, mark, query = body.partition("?")
        return (f"{host}{mark}{MASK}", query) if query else (body, "")
    path = body[first.end() :]
    end = re.search(r"\\?/|[?&#]", path)
    if end is None:
        if _KEYLIKE_WORD.fullmatch(path) and len(path) >= 14:
            return body[: first.end()] + MASK, path
        return body, ""
    secret = path[end.end() :]
    return (body[: first.end()] + path[: end.end()] + MASK, secret) if secret else (body, "")


def secrets_in_urls(text: str) -> list[str]:
    """The secret parts of the URLs in a text: stream names, user information, secret query values.

    Returns:
        Every part alone and, for a stream name of several segments, as a whole. Empty when no URL holds one.
    """
    if "://" not in text:
        return []
    found: list[str] = []
    for url in _URL.finditer(text):
        found += _split_url(url.group(1), url.group(2))[2]
    return [secret for secret in found if secret and secret != MASK]


def redact_json(value: Any, _depth: int = 0) -> Any:
    """Mask the strings of a JSON value, and whatever stands under a name that says it is a secret.

    Args:
        value: what a JSON decoder returns. Values nested deeper than 200 levels are masked whole.

    Returns:
        A new value; numbers, booleans and nulls under harmless names are kept.
    """
    if isinstance(value, str):
        return redact(value)
    if _depth >= _DEEPEST_JSON and isinstance(value, dict | list):
        return MASK
    if isinstance(value, dict):
        return {
            (redact(name) if isinstance(name, str) else name): (
                MASK if holds_secret(name, held) else redact_json(held, _depth + 1)
            )
            for name, held in value.items()
        }
    if isinstance(value, list | tuple):
        return [
            redact_json(masked_argument(before, item, MASK), _depth + 1)
            for before, item in zip([None, *value], value, strict=False)
        ]
    return value


def redact_bytes(data: bytes) -> bytes:
    """Mask secrets in bytes that may not be text: what a dead letter keeps.

    NUL bytes are dropped when a secret shows without them (UTF-16, sparse files): the ledger keeps the raw hash.
    """
    text = data.decode("latin-1")
    masked = redact(text)
    if "\0" in masked:
        dense = masked.replace("\0", "")
        if redact(dense) != dense:
            masked = redact(dense)
    return data if masked == text else masked.encode("latin-1")
