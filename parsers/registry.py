"""Which parser reads which file, by its name first and then by its beginning; opens no file."""

import re
from collections.abc import Sequence
from datetime import tzinfo
from fnmatch import fnmatchcase
from typing import Any

from parsers.encodings import encoding_of, to_utf8
from parsers.events import Parser
from parsers.ffmpeg import FfmpegParser
from parsers.ffmpeg.lines import tokenize
from parsers.json_decode import BOM
from parsers.json_lines import JsonLinesParser
from parsers.plain_text import PlainTextParser

NAMES = (JsonLinesParser.name, FfmpegParser.name, PlainTextParser.name)

HEAD_BYTES = 64 * 1024
MOST_LINES_LOOKED_AT = 200

# What logrotate, logging.handlers and people append: .1, .gz, -20261124, .2026-11-24_03 …
_ROTATED = re.compile(
    r"(?:\.(?:gz|zst|xz|bz2|old|bak|[0-9]{1,5})|[.-][0-9]{4}-?[0-9]{2}-?[0-9]{2}(?:[-_T.]?[0-9]{2,10}){0,3})$", re.ASCII
)
_LINE_END = re.compile(rb"[\r\n]")
_FFMPEG = re.compile(
    r"ff(?:mpeg|probe|play) (?:version \S|started on )"
    r"|  built with |  configuration: |  lib(?:av|sw|postproc)\w+ +[0-9]+\."
    r"|ffmpeg stats and -progress period|-\w+ is deprecated\. Use -|Splitting the commandline\.$|Invalid loglevel \""
    r"|Unrecognized option '|Unknown (?:decoder|encoder) '|Error splitting the argument list: "
    r"|Error opening (?:in|out)put|Error (?:writing trailer of|closing file) |av_interleaved_write_frame\(\): "
    r"|    Last message repeated [0-9]+ times$|Conversion failed!$|Exiting normally, received signal [0-9]"
    r"|Input #[0-9]+, |Output #[0-9]+, |Stream mapping:|Press \[q\] to stop"
    r"|frame= *[0-9]+ +fps=|size= *(?:N/A|[0-9]+ ?[kKM]i?B) +time="
    r"|(?:frame|fps|stream_[0-9]+_[0-9]+_q|total_size|out_time(?:_us|_ms)?|dup_frames|drop_frames|progress)"
    r"= *[\w.:/-]+\s*$",
    re.ASCII,
)


def choose(path: str, head: bytes, by_glob: Sequence[tuple[str, str]], *, is_whole: bool = False) -> str | None:
    """Choose the parser of a new file.

    Args:
        path: the file's path.
        head: its first bytes, at most `HEAD_BYTES`, decompressed.
        by_glob: pairs of a pattern and a parser's name; the first pattern that matches the path, or its end from a
            `/` on, decides. What rotation appends to a name (`.1`, `-20261124`, `.gz`) may be left out of the pattern.
        is_whole: no more will come: half a line is a line.

    Returns:
        One of `NAMES`; None when nothing can be told yet, because no line that is not blank is complete.
    """
    names = _names_without_rotation(path)
    for pattern, parser in by_glob:
        if any(fnmatchcase(name, pattern) or fnmatchcase(name, f"*/{pattern}") for name in names):
            return parser
    lines = _complete_lines(head, is_whole=is_whole or len(head) >= HEAD_BYTES)
    if not lines:
        return None
    objects = [line.lstrip().startswith(b"{") for line in lines]
    if objects[0] or sum(objects) * 2 > len(lines):
        return JsonLinesParser.name
    if "ffmpeg" in path.rsplit("/", 1)[-1].lower() or any(map(_is_ffmpeg, lines)):
        return FfmpegParser.name
    return PlainTextParser.name


def create(name: str, state: dict[str, Any] | None, zone: tzinfo, *, hash_key: bytes = b"") -> Parser:
    """Make a parser.

    Args:
        name: one of `NAMES`.
        state: what `Parser.state()` gave at the point of the file where this one goes on; None or empty at its start.
        zone: the station's time zone, for times that name none.
        hash_key: keys the hashes by which FFmpeg's parser remembers stream keys in its state.

    Raises:
        ValueError: there is no parser of that name.
    """
    if name == JsonLinesParser.name:
        return JsonLinesParser(state, zone=zone)
    if name == FfmpegParser.name:
        return FfmpegParser(state, zone=zone, hash_key=hash_key)
    if name == PlainTextParser.name:
        return PlainTextParser(state, zone=zone)
    raise ValueError(f"there is no parser {name!r}; there are {', '.join(NAMES)}")


def _names_without_rotation(path: str) -> list[str]:
    names = [path]
    while (shorter := _ROTATED.sub("", names[-1])) != names[-1]:
        names.append(shorter)
    return names


def _complete_lines(head: bytes, *, is_whole: bool) -> list[bytes]:
    """The first complete lines that are not blank, in UTF-8. The last one of a whole head counts as complete."""
    text = to_utf8(head, encoding_of(head))
    lines = _LINE_END.split(text.lstrip(b"\0").removeprefix(BOM), MOST_LINES_LOOKED_AT)
    if len(lines) > MOST_LINES_LOOKED_AT or not is_whole:
        lines.pop()
    return [line for line in lines if line and not line.isspace()]


def _is_ffmpeg(line: bytes) -> bool:
    said = tokenize(line[:1000])
    return bool(said.component) or _FFMPEG.match(said.text) is not None
