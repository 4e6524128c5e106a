"""Which names of fields and options say that a secret stands under them; masks nothing itself."""

import re

_SECRET = re.compile(
    r"(?:password|passwd|passphrase|passcode|secret|token|apikey|accesskey|privatekey|streamkey|secretkey|encryptionkey"
    r"|signingkey|sharedkey|credentials?|authorization|sessionid|sessionkey|webhookurl|playpath|accesskeyid)$"
    r"|^(?:pass|pwd|auth|psk|sig|signature|cookies?|setcookie|jwt|bearer|streamid)$",
    re.ASCII,
)
_NOT_ALNUM = re.compile(r"[^a-z0-9]+")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", re.ASCII)
_SECRET_WORDS = frozenset({"key", "pass", "passwd", "password", "passphrase", "pw", "pwd", "psk", "token", "secret"})
# What identifies something is called a key, too.
HARMLESS_KEYS = (
    *("track", "play", "primary", "foreign", "sort", "cache", "partition", "song", "group", "unique", "public", "row"),
    *("object", "natural", "musical", "template", "idempotency", "routing", "dedup"),
)
_OPTIONS = frozenset({"headers", "cookies", "rtmp_conn", "rtmp_tcurl", "streamid"})
_USER_OPTIONS = frozenset({"-u", "--user", "-U", "--proxy-user"})


def is_secret_name(name: object) -> bool:
    """Whether whatever stands under the name is a secret: the name's last word, or the whole name, says so."""
    if not isinstance(name, str):
        return False
    if _SECRET.search(_NOT_ALNUM.sub("", name.lower())) is not None:
        return True
    words = [word.lower() for word in _WORD.findall(name[-200:])]
    if len(words) < 2 or words[-1] not in _SECRET_WORDS:
        return False
    return words[-1] != "key" or words[-2] not in HARMLESS_KEYS


def holds_secret(name: object, value: object) -> bool:
    """Whether the value is a secret: by its name, or for a bare `key`, which music has as well, by its own form."""
    if value in (None, "", True, False):
        return False
    return is_secret_name(name) or (
        isinstance(name, str) and name.lower().strip("-_ 0123456789") == "key" and _looks_random(value)
    )


def masked_argument(option: object, value: object, mask: str) -> object:
    """What stays of an argument behind an option in a command's argument list.

    Args:
        option: the item before, for example `-password`.
        value: the argument.
        mask: stands for a secret.

    Returns:
        The value itself where it is no secret; of `user:password`, the user.
    """
    if not isinstance(option, str) or not isinstance(value, str) or not option.startswith("-") or "=" in option:
        return value
    if option in _USER_OPTIONS:
        user, colon, password = value.partition(":")
        return f"{user}:{mask}" if colon and password else value
    if option == "-pass" and value.isdigit():  # FFmpeg's number of an encoding pass
        return value
    name = option.lstrip("-")
    return mask if name.lower() in _OPTIONS or holds_secret(name, value) else value


def _looks_random(value: object) -> bool:
    return (
        isinstance(value, str)
        and len(value) >= 12
        and any(letter.isdigit() for letter in value)
        and any(letter.isalpha() for letter in value)
        and not any(letter.isspace() for letter in value)
    )
