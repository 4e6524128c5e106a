"""Notices as the services want them: Discord embeds, Slack blocks, plain text. Pure; always within their limits.

Titles and messages come from logs, so everything is taken as hostile: characters that a service obeys are escaped,
mentions are switched off, and lengths are counted in UTF-16 units after escaping, the strictest count there is.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from ingest.notice import Notice
from reports.report.wording import visible

_DISCORD_TITLE, _DISCORD_TEXT, _DISCORD_NAME, _DISCORD_VALUE = 256, 3000, 128, 512
_DISCORD_FIELDS, _DISCORD_TOTAL = 25, 6000
_SLACK_TITLE, _SLACK_TEXT, _SLACK_VALUE, _SLACK_FIELDS, _SLACK_FALLBACK = 150, 3000, 400, 10, 1000
_PLAIN_TITLE, _PLAIN_TEXT = 250, 4000
# Text from a log is never shown at greater length than this, before it is escaped.
_LONGEST = 2000

_COLOURS = {"good": 0x2E7D32, "fair": 0xB26A00, "bad": 0xC62828}
_MARKS = {"good": "\u2705", "fair": "\u26a0\ufe0f", "bad": "\U0001f534"}
_MARKDOWN = frozenset("\\`*_{}[]()#+-.!|~<>@:=/&")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def discord(notice: Notice, message_id: str) -> dict[str, Any]:
    """The body for a Discord webhook.

    Args:
        notice: what to say.
        message_id: shown in the footer; a repeat carries the same one.
    """
    budget = _Budget(_DISCORD_TOTAL)
    footer = budget.take(f"radiolog {message_id}", 256, str)  # a footer is no markdown
    embed: dict[str, Any] = {
        "title": budget.take(_titled(notice), _DISCORD_TITLE, _discord_char) or "radiolog",
        "footer": {"text": footer},
    }
    if text := _paragraphs(notice.lines, _DISCORD_TEXT, budget, _discord_char):
        embed["description"] = text
    fields = []
    for label, value in notice.fields[:_DISCORD_FIELDS]:
        if budget.left < _DISCORD_NAME + _DISCORD_VALUE:
            break
        fields.append(
            {
                "name": budget.take(label, _DISCORD_NAME, _discord_char) or "-",
                "value": budget.take(value, _DISCORD_VALUE, _discord_char) or "-",
                "inline": True,
            }
        )
    if fields:
        embed["fields"] = fields
    if notice.tone in _COLOURS:
        embed["color"] = _COLOURS[notice.tone]
    if _is_moment(notice.at):
        embed["timestamp"] = notice.at
    return {"embeds": [embed], "allowed_mentions": {"parse": []}}


def slack(notice: Notice, message_id: str) -> dict[str, Any]:
    """The body for a Slack incoming webhook, or one that takes the same. Only plain text: nothing in it is markup.

    Args:
        notice: what to say.
        message_id: shown below; a repeat carries the same one.
    """
    room = _Budget(12_000)
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": _plain(room.take(_titled(notice), _SLACK_TITLE, _entity))}
    ]
    if text := _paragraphs(notice.lines, _SLACK_TEXT, room, _entity):
        blocks.append({"type": "section", "text": _plain(text)})
    fields = [
        _plain(room.take(f"{label}: {value}", _SLACK_VALUE, _entity)) for label, value in notice.fields[:_SLACK_FIELDS]
    ]
    if fields:
        blocks.append({"type": "section", "fields": fields})
    blocks.append({"type": "context", "elements": [_plain(room.take(f"radiolog {message_id}", 256, _entity))]})
    fallback = fitted(_titled(notice), _SLACK_FALLBACK, _entity) or "radiolog"
    return {"text": fallback, "blocks": blocks, "mrkdwn": False, "parse": "none", "link_names": False,
            "unfurl_links": False, "unfurl_media": False}  # fmt: skip


def plain(notice: Notice, message_id: str) -> tuple[str, str]:
    """Title and body for apprise. Nothing in them mentions anybody, whatever service they end at.

    Args:
        notice: what to say.
        message_id: the last line; a repeat carries the same one.
    """
    room = _Budget(_PLAIN_TEXT)
    title = fitted(_titled(notice), _PLAIN_TITLE, _unpinged)
    lines = [room.take(text, _LONGEST, _unpinged) for text in notice.lines]
    lines += [room.take(f"{label}: {value}", 500, _unpinged) for label, value in notice.fields]
    return title, "\n".join([*filter(None, lines), f"radiolog {fitted(message_id, 100, _unpinged)}"])


def fitted(text: str, limit: int, escape: Callable[[str], str]) -> str:
    """Text made visible, each character escaped, at most `limit` UTF-16 units; an ellipsis says that there was more.

    Args:
        text: anything.
        limit: of the result.
        escape: one character as the service shows it.
    """
    shown = " ".join(visible(text[: _LONGEST + 1]).split())
    pieces, used = [], 0
    for char in shown:
        piece = escape(char)
        pieces.append(piece)
        used += _units(piece)
        if used > limit:
            break
    if used <= limit and len(text) <= _LONGEST:
        return "".join(pieces)
    while pieces and used + 1 > limit:
        used -= _units(pieces.pop())
    return "".join(pieces) + "\u2026" if limit > 0 else ""


class _Budget:
    """How many UTF-16 units a message still has room for."""

    def __init__(self, left: int) -> None:
        self.left = left

    def take(self, text: str, limit: int, escape: Callable[[str], str]) -> str:
        made = fitted(text, min(limit, self.left), escape)
        self.left -= _units(made)
        return made


def _paragraphs(lines: Iterable[str], limit: int, room: _Budget, escape: Callable[[str], str]) -> str:
    """Lines up to a limit of all; those that have no room are counted."""
    shown: list[str] = []
    wanted = list(lines)
    used = 0
    for number, line in enumerate(wanted):
        free = limit - used - 32
        if free < 40:
            more = f"\u2026 and {len(wanted) - number} more"
            shown.append(room.take(more, 32, str))
            break
        made = room.take(line, min(free, _LONGEST), escape)
        shown.append(made)
        used += _units(made) + 1
        room.left -= 1
    return "\n".join(shown).strip()


def _titled(notice: Notice) -> str:
    return f"{_MARKS[notice.tone]} {notice.title}" if notice.tone in _MARKS else notice.title


def _units(text: str) -> int:
    return len(text) + sum(char > "\uffff" for char in text)


def _discord_char(char: str) -> str:
    return "\\" + char if char in _MARKDOWN else char


def _entity(char: str) -> str:
    return _ENTITIES.get(char, char)


def _unpinged(char: str) -> str:
    return char + "\u200b" if char in "@<" else "'" if char == "`" else char


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text or "-", "emoji": False}


def _is_moment(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
