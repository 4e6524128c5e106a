"""Remembers the stream keys that a log has shown, so that they are masked where they stand bare; stores none.

FFmpeg prints a key in URLs (which `parsers.redact` masks by form) and later bare: in debug lines, in a server's own
words. What is stored of a key is its length and a keyed 40-bit hash: enough to find it again, not to compute it.
A key is masked where it stands between characters that are neither letters nor digits.
"""

from hashlib import blake2b

from parsers.redact import MASK, redact, secrets_in_urls

_MOST_KEYS = 16
_SHORTEST_KEY = 6
_LONGEST_KEY = 512
_HASH_BYTES = 5


class KeyMemory:
    """The keys of one log file.

    Args:
        stored: what `state()` returned: [length, hash] pairs.
        hash_key: a secret of this installation, at most 64 bytes; with it, hashes of two installations differ.
    """

    def __init__(self, stored: list[list[int | str]] | None = None, hash_key: bytes = b"") -> None:
        self._hash_key = hash_key
        self._hashes: dict[tuple[int, str], str | None] = {}  # to the key itself once it was seen by this instance
        for length, digest in stored or []:
            self._hashes[int(length), str(digest)] = None

    def state(self) -> list[list[int | str]]:
        """Lengths and hashes, in order of first sight."""
        return [[length, digest] for length, digest in self._hashes]

    def redact(self, text: str, *, learn: bool = True) -> str:
        """Mask secrets by form, then the remembered keys.

        Args:
            text: a line, or part of one.
            learn: remember the keys of the URLs in it first. False for other people's words, which could teach us to
                mask FFmpeg's own.
        """
        if learn:
            for secret in secrets_in_urls(text):
                self._learn(secret)
        text = redact(text)
        for (length, digest), known in list(self._hashes.items()):
            if known is None:
                text = self._mask_by_hash(text, length, digest)
            elif known in text:
                text = _mask_occurrences(text, known)
        return text

    def _learn(self, secret: str) -> None:
        if not _worth_remembering(secret):
            return
        known = len(secret), self._digest(secret)
        self._hashes.setdefault(known, secret)
        self._hashes[known] = secret
        if len(self._hashes) > _MOST_KEYS:
            del self._hashes[next(iter(self._hashes))]

    def _digest(self, secret: str) -> str:
        return blake2b(secret.encode("utf-8", "replace"), key=self._hash_key, digest_size=_HASH_BYTES).hexdigest()

    def _mask_by_hash(self, text: str, length: int, digest: str) -> str:
        """Find a key of which only the hash is known: every place where it could stand is hashed."""
        for at in range(len(text) - length + 1):
            if _stands_alone(text, at, length) and self._digest(text[at : at + length]) == digest:
                secret = text[at : at + length]
                self._hashes[length, digest] = secret
                return _mask_occurrences(text, secret)
        return text


def _worth_remembering(secret: str) -> bool:
    """Short words and plain lower-case ones ("stream", "backup") would be masked all over the log."""
    if not _SHORTEST_KEY <= len(secret) <= _LONGEST_KEY or MASK in secret:
        return False
    return len(secret) >= 12 or not (secret.isalpha() and secret.islower())


def _stands_alone(text: str, at: int, length: int) -> bool:
    end = at + length
    return not (at and text[at - 1].isalnum()) and not (end < len(text) and text[end].isalnum())


def _mask_occurrences(text: str, secret: str) -> str:
    kept: list[str] = []
    done = 0
    at = text.find(secret)
    while at >= 0:
        if _stands_alone(text, at, len(secret)):
            kept.append(text[done:at])
            done = at + len(secret)
            at = text.find(secret, done)
        else:
            at = text.find(secret, at + 1)
    return MASK.join([*kept, text[done:]])
