"""Dead letters as people and programs read them: one letter described, many of them written to a file."""

import base64
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ingest.errors import OutputError
from ingest.originals import Found, Letter, letter_of
from ingest.queries import load

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812

_SQL = load("ingest", "dead_letters.sql")
# A line may have a MiB.
_LETTERS_AT_ONCE = 50
_SHOWN_BYTES = 512
_SHOWN_CHARACTERS = 4000
_FILE_MODE = 0o640
_WHERE = {
    "proven": "is there, and holds the very bytes that this letter was made of",
    "changed": "is there, but holds other bytes at that place",
    "gone": "is gone",
    "elsewhere": "is on another machine",
}


def as_object(letter: Letter, found: Found | None = None) -> dict[str, Any]:
    """A letter as a JSON object: `line` as text, `line_base64` too where that is not all of it."""
    text, is_exact = _text(letter.line)
    said: dict[str, Any] = {
        "id": letter.id, "generation": letter.generation, "path": letter.path, "from_offset": letter.from_offset,
        "to_offset": letter.to_offset, "reason": letter.reason, "detail": letter.detail, "line": text,
    }  # fmt: skip
    if not is_exact:
        said["line_base64"] = base64.b64encode(letter.line).decode()
    said |= {
        "clipped": letter.clipped, "raw_sha256": letter.raw_sha256.hex() or None, "parser": letter.parser,
        "parser_version": letter.parser_version, "arrived_at": _iso(letter.arrived_at),
        "replayed_at": _iso(letter.replayed_at),
    }  # fmt: skip
    if found is not None:
        said |= {"original": found.state, "original_path": found.path or None}
    return said


def described(letter: Letter, found: Found) -> Iterator[str]:
    """Lines for a person; the caller makes them safe for a terminal."""
    to = letter.to_offset if letter.to_offset > letter.from_offset else "?"
    yield f"dead letter {letter.id}"
    yield f"file        {_flat(letter.path)} (generation {letter.generation})"
    yield f"bytes       {letter.from_offset} to {to}"
    yield f"reason      {_flat(letter.reason)}: {_flat(letter.detail)}"
    yield f"parser      {letter.parser} version {letter.parser_version}"
    yield f"arrived     {_iso(letter.arrived_at)}"
    yield f"replayed    {_iso(letter.replayed_at) or 'no'}"
    yield f"SHA-256     {letter.raw_sha256.hex() or 'unknown: the bytes were not in memory any more'}"
    yield f"original    {_flat(found.path) or 'its file'} {_WHERE[found.state]}"
    if not letter.line:
        yield "line        (nothing of it is stored)"
        return
    beginning = ", its beginning" if letter.clipped else ""
    text, _ = _text(letter.line)
    yield f"line        {len(letter.line)} bytes stored, secrets masked{beginning}:"
    yield _flat(text[:_SHOWN_CHARACTERS]) + ("…" if len(text) > _SHOWN_CHARACTERS else "")
    if not text.isprintable() or not letter.line.isascii():
        yield from _dump(letter.line)


def write_letters(connection: "Connection", parameters: dict[str, object], stream: IO[bytes], *, raw: bool) -> int:
    """Write all letters that there are now, oldest first, a few in memory at a time.

    Pages rather than a cursor: a reader that pauses (`| less`) must not keep a transaction open.

    Args:
        connection: in autocommit.
        parameters: of the query `letters`.
        stream: where to.
        raw: the stored lines alone, without those of which nothing is stored.

    Returns:
        How many were written.
    """
    count = after_id = 0
    with connection.cursor() as cursor:
        cursor.execute(_SQL["last_id"])
        row = cursor.fetchone()
        last_id = row[0] if row else 0
        while True:
            page = {"after_id": after_id, "last_id": last_id, "limit": _LETTERS_AT_ONCE}
            cursor.execute(_SQL["letters"], {**parameters, **page})
            letters = [letter_of(row) for row in cursor.fetchall()]
            if not letters:
                return count
            after_id = letters[-1].id
            for letter in letters:
                if raw and not letter.line:
                    continue
                stream.write(letter.line + b"\n" if raw else json.dumps(as_object(letter)).encode() + b"\n")
                count += 1


@contextmanager
def destination(output: Path) -> Iterator[IO[bytes]]:
    """Standard output for `-`, else a file that gets its name when it is complete. Raises OutputError."""
    if str(output) == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    partial = output.with_name(f".{output.name}.{os.getpid()}.partial")
    try:
        if output.is_dir():
            raise OutputError(f"{output}: is a folder")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        with os.fdopen(os.open(partial, flags, _FILE_MODE), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, output)
    except OSError as error:
        raise OutputError(f"{output}: cannot be written: {error.strerror or type(error).__name__}") from error
    finally:
        with suppress(OSError):  # it has its name by now
            partial.unlink()


def _dump(data: bytes) -> Iterator[str]:
    for at in range(0, min(len(data), _SHOWN_BYTES), 16):
        part = data[at : at + 16]
        readable = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        yield f"{at:08x}  {part.hex(' '):<47}  |{readable}|"
    if len(data) > _SHOWN_BYTES:
        yield f"… {len(data) - _SHOWN_BYTES} bytes more: radiolog dead-letters export"


def _text(data: bytes) -> tuple[str, bool]:
    """The bytes as text, and whether that is exactly they."""
    try:
        return data.decode(), True
    except UnicodeDecodeError:
        return data.decode("utf-8", "backslashreplace"), False


def _flat(text: str) -> str:
    return text.replace("\n", "\\n").replace("\t", "\\t")


def _iso(at: Any) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")
