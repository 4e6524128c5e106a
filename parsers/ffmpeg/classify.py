"""Severity, category and effect of a message: from its label, else from the known templates, else a marked guess.

The guess for an unlabelled, unknown message: words of failure make it an error, words of caution a warning, anything
else info; in a log that shows debug lines, where most lines are neither, an unknown one is debug.
"""

import re
from functools import lru_cache

from msgspec import Struct

from parsers.ffmpeg import templates, templates_media
from parsers.ffmpeg.source_table import severity_in_source
from parsers.ffmpeg.templates import Row
from parsers.template import template_of

# FFmpeg's words for an error code, which end most fatal lines. The number is the exit status of FFmpeg 7 and later.
REASONS: dict[str, tuple[str, int | None]] = {
    "Connection refused": ("network", 145),
    "Connection timed out": ("network", 146),
    "Operation timed out": ("network", 146),
    "Network is unreachable": ("network", 155),
    "No route to host": ("network", 143),
    "Connection reset by peer": ("network", 152),
    "Connection aborted": ("network", 153),
    "Software caused connection abort": ("network", 153),
    "Broken pipe": ("network", 224),
    "Host is down": ("network", 144),
    "Address already in use": ("network", 158),
    "Cannot assign requested address": ("network", 157),
    "Temporary failure in name resolution": ("network", 251),
    "Name or service not known": ("network", 251),
    "End of file": ("input", 187),
    "Input/output error": ("other", 251),
    "I/O error": ("other", 251),
    "Operation not permitted": ("auth", 255),
    "Permission denied": ("input", 243),
    "Unknown error occurred": ("other", 171),
    "Immediate exit requested": ("exit", 0),
    "No such file or directory": ("input", 254),
    "Is a directory": ("input", 235),
    "Not a directory": ("input", 236),
    "Invalid data found when processing input": ("input", 183),
    "Invalid argument": ("config", 234),
    "No space left on device": ("resources", 228),
    "Read-only file system": ("resources", 226),
    "Disk quota exceeded": ("resources", None),
    "Cannot allocate memory": ("resources", 244),
    "Out of memory": ("resources", 244),
    "Too many open files": ("resources", 232),
    "Resource temporarily unavailable": ("resources", 245),
    "No such process": ("other", 253),
    "Interrupted system call": ("exit", 252),
    "Bad file descriptor": ("other", 247),
    "Bad address": ("other", 242),
    "File exists": ("output", 239),
    "Inappropriate ioctl for device": ("input", 231),
    "File too large": ("resources", 229),
    "Illegal seek": ("other", 227),
    "Numerical argument out of domain": ("other", 223),
    "Numerical result out of range": ("other", 222),
    "File name too long": ("config", 220),
    "Message too long": ("network", 166),
    "Protocol not supported": ("network", 163),
    "Transport endpoint is not connected": ("network", 149),
    "Operation now in progress": ("network", 141),
    "Buffer too small": ("codec", 190),
    "Bug detected": ("other", 190),
    "Internal bug, also see AVERROR_BUG2": ("other", 190),
    "Experimental feature": ("codec", 88),
    "Exit requested": ("exit", 0),
    "Device or resource busy": ("resources", 240),
    "No such device": ("resources", 237),
    "Function not implemented": ("codec", 218),
    "Protocol not found": ("config", 8),
    "Encoder not found": ("codec", 8),
    "Decoder not found": ("codec", 8),
    "Demuxer not found": ("config", 8),
    "Muxer not found": ("config", 8),
    "Filter not found": ("filter", 8),
    "Option not found": ("config", 8),
    "Stream not found": ("config", 8),
    "Bitstream filter not found": ("config", 8),
    "Generic error in an external library": ("codec", 187),
    "Internal bug, should not have happened": ("other", None),
    "Not yet implemented in FFmpeg, patches welcome": ("codec", None),
    "Server returned 400 Bad Request": ("network", 8),
    "Server returned 401 Unauthorized (authorization failed)": ("auth", 8),
    "Server returned 403 Forbidden (access denied)": ("auth", 8),
    "Server returned 404 Not Found": ("network", 8),
    "Server returned 429 Too Many Requests": ("network", 8),
    "Server returned 4XX Client Error, but not one of 40{0,1,3,4}": ("network", 8),
    "Server returned 5XX Server Error reply": ("network", 8),
}
_REASON_END = re.compile(
    r"[:(] ?(" + "|".join(re.escape(word) for word in REASONS) + r"|Error number -?\d+ occurred)\)?$"
)
_ROWS: tuple[Row, ...] = (
    *templates.PROCESS,
    *templates.TRANSPORT,
    *templates.OUTPUT,
    *templates.VERBOSE,
    *templates_media.TIMESTAMPS,
    *templates_media.INPUT,
    *templates_media.CODEC,
    *templates_media.FILTER,
    *templates_media.CONFIG,
)
_KNOWN = re.compile("|".join(f"(?P<r{number}>{row[0]})" for number, row in enumerate(_ROWS)))
_CAUTION = re.compile(
    r"\b(?:warning|deprecated|consider|may be|might|ignor(?:e|ed|ing)|skipp(?:ed|ing)|guess(?:ed|ing)?"
    r"|assum(?:e|ed|ing)|fall(?:ing)? ?back|retry(?:ing)?|reconnect\w*|discard(?:ed|ing)|clipping"
    r"|not recommended|experimental|suspicious|discontinuity|using default|defaulting|do not match"
    r"|has not been used"
    r"|too (?:slow|fast)|inaccurate)\b",
    re.IGNORECASE,
)
_FAILURE = re.compile(
    r"\b(?:errors?|fail(?:ed|ure|s|ing)?|invalid|cannot|can't|can not|could not|couldn't|unable|no such|unsupported"
    r"|not (?:found|supported|available|valid|allowed|allocated|permitted|divisible|compatible|enough|known)"
    r"|missing|corrupt(?:ed)?|illegal|over(?:flow|read|run)|underflow|out of (?:range|memory|bounds)|exceeds?"
    r"|mismatch|truncated|refused|denied|unexpected|broken|bad|too (?:many|large|big|small|short|long|high|low)"
    r"|damaged|exhausted|abort(?:ed|ing)?|no frame|unavailable|must be|does not|doesn't|fatal|reject(?:ed)?"
    r"|unknown|incorrect|wrong|not implemented|only (?:\w+ ){1,3}(?:is |are )?supported)\b",
    re.IGNORECASE,
)
# What libraries print to stderr themselves, past FFmpeg's log: FFmpeg repeats in its own words what matters of it.
_FOREIGN_LIBRARY = re.compile(
    r"x26[45] \[\w+\]: |Svt\[\w+\]: |ALSA lib |Fontconfig (?:warning|error): |libva (?:info|error): |libvulkan|MESA"
)
_CATEGORY_BY_COMPONENT = (
    (re.compile(r"^(?:tcp|udp|rtmp\w*|http|srt|rtsp|rtp|hls|async|icecast)$"), "network"),
    (re.compile(r"^(?:tls|https|rtmps)$"), "tls"),
    (re.compile(r"^(?:in#|ist#|concat$|mov,|mp3$|matroska|ogg$|wav$|image2)"), "input"),
    (re.compile(r"^(?:out#|flv$|mp4$|mpegts$|tee$|fifo$|segment$|ipod$|null$|vob$)"), "output"),
    (re.compile(r"^(?:[va]?[io]st#|dec:|enc:|lib\w+|h264|aac|mp3\w*|opus|vorbis|flac)"), "codec"),
    (re.compile(r"^(?:fc#|[va]f#|Parsed_|graph|AVFilterGraph|swscaler|auto_)"), "filter"),
)


class Verdict(Struct, frozen=True, gc=False):
    """What is known of a message. `depth` ranks it as a cause (see `templates`)."""

    severity: str
    source: str
    category: str
    effect: str
    depth: int
    template: str


def classify(
    message: str, component: tuple[str, ...], level: str | None, *, running: bool, debug: bool, ran: bool = False
) -> Verdict:
    """Find severity, category, effect and template of a message.

    Args:
        message: its first line, redacted.
        component: the contexts it was said in.
        level: the label that the line carried, which wins over every table; None without one.
        running: the session has made progress: a failed URL no longer means a failed start.
        debug: the log shows debug lines.
        ran: the session has made progress at some time, though it may be over now.
    """
    severity, source, category, effect, depth = _looked_up(message, component, running, debug)
    if level is not None:
        severity, source = level, "level"
    if effect == "unknown" and severity in ("panic", "fatal"):
        effect = "fatal_run" if ran else "fatal_start"
    return Verdict(severity, source, category, effect, depth, template_of(message))


@lru_cache(maxsize=4096)
def _looked_up(message: str, component: tuple[str, ...], running: bool, debug: bool) -> tuple[str, str, str, str, int]:
    known = _KNOWN.match(message)
    if known is not None and known.lastgroup is not None:
        _, severity, category, effect, depth = _ROWS[int(known.lastgroup[1:])]
        if category in ("output", "input", "other"):
            category = _reason_category(message) or category
        return severity, "template", category, effect, depth
    if _FOREIGN_LIBRARY.match(message):
        return "info", "guess", "codec", "unknown", 0
    ended = _REASON_END.search(message)
    if ended is not None and not component:
        return "error", "template", _reason_category(message) or "other", "degraded" if running else "fatal_start", 1
    category = _component_category(component)
    said_in_source = severity_in_source(message)
    if said_in_source is not None:
        depth = 1 if said_in_source in ("fatal", "error") else 0
        return said_in_source, "template", _reason_category(message) or category, "unknown", depth
    if debug:
        return "debug", "guess", category, "unknown", 0
    if ended is not None:
        return "error", "guess", _reason_category(message) or category, "unknown", 1
    if _CAUTION.search(message):
        return "warning", "guess", category, "unknown", 0
    if _FAILURE.search(message):
        return "error", "guess", category, "unknown", 1
    return "info", "guess", category, "unknown", 0


def reason_of(message: str) -> str | None:
    """The error code's text that ends a message, as FFmpeg words it."""
    found = _REASON_END.search(message.rstrip("."))
    return found.group(1) if found else None


def exit_status_of(reason: str) -> int | None:
    """The exit status with which FFmpeg 7 and later leaves for that reason; None where it is not known."""
    return REASONS.get(reason, ("", None))[1]


def _reason_category(message: str) -> str | None:
    reason = reason_of(message)
    if reason is None:
        return None
    category = REASONS.get(reason, ("other", None))[0]
    if category == "auth" and reason == "Operation not permitted" and "rtmp" not in message:
        return None  # EPERM: a refused publish when an RTMP URL is named, anything otherwise
    return None if category == "other" else category


def _component_category(component: tuple[str, ...]) -> str:
    for name in reversed(component):
        for pattern, category in _CATEGORY_BY_COMPONENT:
            if pattern.match(name):
                return category
    return "other"
