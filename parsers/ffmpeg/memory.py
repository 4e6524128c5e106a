"""All that the parser remembers between two lines, and its form in the checkpoint: JSON values only."""

from typing import Any

import msgspec
from msgspec import Struct, field

from parsers.events import FfmpegMessage
from parsers.ffmpeg.messages import Held
from parsers.ffmpeg.session import Session


class Memory(Struct):
    """The parser's memory.

    Attributes:
        version: of this structure.
        session: the current session, ended or not.
        aside: sessions without a proven end, whose processes may still write.
        held: the message that waits for the next line.
        last: the message before the current line, to which a repeat marker refers.
        block: the lines of an unfinished `-progress` block.
        keys: lengths and keyed hashes of stream keys.
    """

    version: int = 1
    session: Session | None = None
    aside: list[Session] = field(default_factory=list)
    held: Held | None = None
    last: FfmpegMessage | None = None
    block: dict[str, str] = field(default_factory=dict)
    keys: list[list[int | str]] = field(default_factory=list)


def to_plain(memory: Memory) -> dict[str, Any]:
    """As JSON values; empty when there is nothing to remember."""
    if memory == Memory():
        return {}
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(memory))
    return plain


def from_plain(plain: dict[str, Any] | None) -> Memory:
    """The opposite of `to_plain`.

    Raises:
        msgspec.ValidationError: it is not what `to_plain` returned.
    """
    return msgspec.convert(plain, Memory) if plain else Memory()
