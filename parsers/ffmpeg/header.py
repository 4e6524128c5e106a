"""The lines in which FFmpeg describes a session: banner, report head, inputs, outputs, mapping, final summary.

Names, URLs and metadata in these sections are data that anybody may have written. Indented lines of a section are
never messages, whatever they say; a file name with a newline in it goes on until its closing quote.
"""

import re
from typing import Any, NamedTuple

from parsers.ffmpeg.session import Session

_BANNER = re.compile(r"ffmpeg version (\S{1,200}) [^\n]{0,200}?Copyright \(c\) ")
_REPORT_HEAD = re.compile(r"ffmpeg started on (\d{4}-\d\d-\d\d) at (\d\d:\d\d:\d\d)$")
_REPORT_LINE = re.compile(r"(?:Report written to \"|Log level: -?\d+$|Command line:$)")
_FILE = re.compile(r"(Input|Output) #(\d{1,4}), (.{1,300}?), (?:from|to) '(.*)$")
_STREAM = re.compile(
    r" {2,8}Stream #\d{1,4}:(\d{1,5})(?:\[0x[0-9a-f]+\])?(?:\(([^()]{0,100})\))?(?:, [^:]{1,60})?"
    r": (Video|Audio|Subtitle|Data|Attachment|Unknown)(?:: ([^ ,(]{1,100}))?"
)
_SECTION_SHAPE = re.compile(r"  (?:Metadata:|Duration: |Stream #|Chapters:|Program )")
_SECTION_DATA = re.compile(
    r"  (?:  |Stream #|Duration: |Metadata:|Side data|Chapters|Program |No Program|Stream group)"
)
_SUMMARY = re.compile(r"video: ?\d+[kK]i?B .*muxing overhead")
_NO_STREAMS = re.compile(r"Output file (?:#\d{1,4} )?does not contain any stream$")
_PRESS = re.compile(r"Press \[q\] to stop|Press ctrl-c to stop")
_LONGEST_NAME_LINES = 16
_MOST_ITEMS = 64


def try_parse_banner(text: str) -> str | None:
    """The version of `ffmpeg version X Copyright`, None for another line."""
    found = _BANNER.match(text)
    return found.group(1) if found else None


def try_parse_report_head(text: str) -> str | None:
    """Local date and time of `ffmpeg started on D at T`, as `D T`; None for another line."""
    found = _REPORT_HEAD.match(text)
    return f"{found.group(1)} {found.group(2)}" if found else None


class File(NamedTuple):
    """`Input #0, flv, from 'URL':` taken apart. `kind`: input or output. `closed`: the line ends its name."""

    kind: str
    number: int
    form: str
    url: str
    closed: bool


def try_parse_file(text: str) -> File | None:
    """The first line of an input or output; None for another line."""
    found = _FILE.match(text)
    if found is None:
        return None
    name = found.group(4)
    closed = name.endswith("':")
    return File(found.group(1).lower(), int(found.group(2)), found.group(3), name[:-2] if closed else name, closed)


def is_summary(text: str) -> bool:
    """Whether it is the line of sizes that FFmpeg prints for an output at the end."""
    return _SUMMARY.match(text) is not None


def open_section(session: Session, file: File, redacted: str) -> None:
    """Begin the section of an input or output.

    Args:
        session: takes the new item.
        file: the line taken apart.
        redacted: the whole line without secrets, from which the URL is taken.
    """
    items = session.inputs if file.kind == "input" else session.outputs
    session.section, session.item, session.metadata_seen = file.kind, -1, False
    session.streams_seen = file.form == "ffmetadata"  # which has none
    session.open_name_lines = 0 if file.closed else _LONGEST_NAME_LINES
    if len(items) < _MOST_ITEMS:  # a number that was there is another process's, which writes between: shown as well
        shown = try_parse_file(redacted)
        url = shown.url if shown else ""
        items.append({"index": file.number, "format": file.form, "url": url, "streams": []})
        session.item = len(items) - 1


def take_section_line(session: Session, text: str) -> bool:
    """Whether a line without contexts belongs to the open section, is part of the header, or ends no section.

    Args:
        session: takes what the line says.
        text: the line without its prefixes, redacted.
    """
    if session.section == "command":
        session.section = ""
        return True
    if _REPORT_LINE.match(text):
        session.section = "command" if text.startswith("Command") else session.section
        return True
    if text == "Stream mapping:":
        session.section, session.item = "mapping", -1
        return True
    if _PRESS.match(text):
        return True
    if not text.startswith("  "):
        if not in_untrusted_metadata(session):
            session.section, session.item = "", -1
        return False
    if session.section == "mapping" and len(session.mapping) < _MOST_ITEMS:
        session.mapping.append(text.strip())
    elif session.section in ("input", "output"):
        session.metadata_seen = session.metadata_seen or text == "  Metadata:"
        if text.startswith("  Duration: "):
            session.streams_seen = True
        _take_stream(session, text)
    return True


def take_name_line(session: Session, text: str) -> bool:
    """Whether a line is still part of a file name with newlines in it, by its closing quote still to come."""
    if not session.open_name_lines:
        return False
    if _SECTION_SHAPE.match(text):
        session.open_name_lines = 0
        return False
    session.open_name_lines = 0 if text.endswith("':") else session.open_name_lines - 1
    return True


def in_untrusted_metadata(session: Session) -> bool:
    """Whether the open section still prints its own metadata, between which nobody else is expected to write."""
    if session.section == "output":
        return session.metadata_seen and not session.streams_seen
    return session.section == "input" and not session.streams_seen


def is_end_of_output(text: str) -> bool:
    """Whether it is the message with which FFmpeg breaks off the section of an output without streams."""
    return _NO_STREAMS.match(text) is not None


def is_section_data(text: str) -> bool:
    """Whether a line can only be the continuation of an input's or output's section."""
    return _SECTION_DATA.match(text) is not None


def _take_stream(session: Session, text: str) -> None:
    found = _STREAM.match(text)
    if found is None:
        return
    session.streams_seen = True
    items = session.inputs if session.section == "input" else session.outputs
    if 0 <= session.item < len(items):
        streams: list[dict[str, Any]] = items[session.item]["streams"]
        if len(streams) < _MOST_ITEMS:
            number, language, kind, codec = found.groups()
            streams.append({"index": int(number), "type": kind, "codec": codec, "lang": language})
