"""Where notices go: the webhooks of the configuration and of the command line, and what their answers mean."""

import hashlib
import json
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

from ingest.errors import ConfigurationError
from ingest.notice import Notice
from logging_module.config import LoggingConfig
from reports import notify
from reports.webhook import Answer, NotSent, post

Verdict = Literal["sent", "retry", "refused", "gone"]
KINDS = ("discord", "slack", "apprise")
LONGEST_WAIT_SECONDS = 3600.0
_FIRST_WAIT_SECONDS, _LONGEST_BACKOFF_SECONDS = 1.0, 300.0
_GONE = (401, 403, 404, 410)


@dataclass(frozen=True)
class Target:
    """A place for notices.

    Attributes:
        name: the kind with a short hash of the URL; what the outbox and messages call it.
        url: a secret.
    """

    name: str
    kind: str
    url: str = field(repr=False)


@dataclass(frozen=True)
class Outcome:
    """What became of a try. `wait_seconds`: not before then again; None: whoever asks decides."""

    verdict: Verdict
    reason: str = ""
    wait_seconds: float | None = None


def target(url: str, kind: str | None = None) -> Target:
    """The target of a URL.

    Args:
        url: of the webhook.
        kind: discord, slack or apprise; None: as the URL tells.

    Raises:
        ConfigurationError: it is no webhook, or of an unknown kind; the URL is not repeated.
    """
    if kind is not None and kind not in KINDS:
        raise ConfigurationError(f"a webhook's kind is one of {', '.join(KINDS)}")
    told_by_url = None if kind == "apprise" else recognised(url)  # raises where it is no URL
    found = kind or told_by_url
    if found is None:
        raise ConfigurationError(
            "the webhook's kind cannot be told from its URL: --webhook-kind discord, slack or apprise says it"
        )
    digest = hashlib.sha256(url.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return Target(f"{found}-{digest}", found, url)


def recognised(url: str) -> str | None:
    """The kind, discord or slack, as the URL tells; None when it does not.

    Raises:
        ConfigurationError: it is no URL.
    """
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
    except ValueError:
        raise ConfigurationError("the webhook is none: its URL begins with https://") from None
    if parts.scheme not in {"http", "https"} or not host or any(char <= " " or char > "~" for char in url):
        raise ConfigurationError("the webhook is none: its URL begins with https://")
    if host in {"discord.com", "discordapp.com"} or host.endswith((".discord.com", ".discordapp.com")):
        return "discord"
    return "slack" if host in {"hooks.slack.com", "hooks.slack-gov.com"} else None


def configured(config: LoggingConfig) -> list[Target]:
    """The targets of the configuration."""
    pairs = (
        ("discord", config.discord_webhook_url), ("slack", config.slack_webhook_url), ("apprise", config.apprise_url),
    )  # fmt: skip
    return [target(secret.get_secret_value(), kind) for kind, secret in pairs if secret is not None]


def deliver(to: Target, notice: Notice, message_id: str, *, allow_private: bool, timeout_seconds: float) -> Outcome:
    """Try once.

    Args:
        to: where.
        notice: what.
        message_id: the same for every repeat.
        allow_private: addresses of the own network are permitted.
        timeout_seconds: for the whole exchange.
    """
    if to.kind == "apprise":
        return _by_apprise(to, notice, message_id)
    url = to.url
    if to.kind == "discord":
        parts = urlsplit(url)  # wait=true: otherwise Discord says nothing of a message that it did not store
        url = urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, "wait=true"))), fragment=""))
    body: Any = (notify.discord if to.kind == "discord" else notify.slack)(notice, message_id)
    try:
        answer = post(url, body, allow_private=allow_private, timeout_seconds=timeout_seconds)
    except NotSent as error:
        return Outcome("refused" if error.final else "retry", str(error))
    return judged(answer, datetime.now(UTC))


def judged(answer: Answer, now: datetime) -> Outcome:
    """What an answer means. Pure.

    Args:
        answer: of the server.
        now: for a Retry-After that is a date.
    """
    said = f"it answered {answer.status}"
    if 200 <= answer.status < 300:
        return Outcome("sent")
    if answer.status == 429 or answer.status >= 500 or answer.status in {408, 425}:
        return Outcome("retry", said, _retry_after(answer, now))
    if answer.status in _GONE:
        return Outcome("gone", f"{said}: the webhook was removed or forbidden")
    if 300 <= answer.status < 400:
        return Outcome("refused", f"{said}: it redirects, which is not followed")
    return Outcome("refused", said)


def backoff_seconds(attempt: int, fraction: float) -> float:
    """Between half of an exponential wait and all of it.

    Args:
        attempt: tries so far, from 1.
        fraction: a random number in [0, 1).
    """
    ceiling = min(_LONGEST_BACKOFF_SECONDS, _FIRST_WAIT_SECONDS * float(1 << min(max(attempt, 1) - 1, 16)))
    return ceiling * (0.5 + fraction / 2)


def _retry_after(answer: Answer, now: datetime) -> float | None:
    waits = [_seconds(answer.headers.get("retry-after", ""), now)]
    try:
        body = json.loads(answer.body)
        waits.append(_seconds(str(body.get("retry_after", "")), now) if isinstance(body, dict) else None)
    except (ValueError, RecursionError):
        pass
    known = [wait for wait in waits if wait is not None]
    return max(known) if known else None


def _seconds(text: str, now: datetime) -> float | None:
    """A Retry-After in seconds, or as a date; between 0 and an hour."""
    try:
        found = float(text)
    except ValueError:
        try:
            at = parsedate_to_datetime(text)
        except (ValueError, TypeError):
            return None
        found = ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds()
    return None if math.isnan(found) else min(max(found, 0.0), LONGEST_WAIT_SECONDS)


def _by_apprise(to: Target, notice: Notice, message_id: str) -> Outcome:
    try:
        import apprise  # noqa: PLC0415 (an extra that most do not have)
    except ImportError:
        return Outcome("retry", "apprise is not installed: pip install 'radiolog[apprise]'")
    title, body = notify.plain(notice, message_id)
    service = apprise.Apprise()
    if not service.add(to.url):
        return Outcome("refused", "apprise does not know such a URL")
    kinds = {"good": "success", "fair": "warning", "bad": "failure"}
    done = service.notify(title=title, body=body, notify_type=kinds.get(notice.tone, "info"), body_format="text")
    return Outcome("sent") if done else Outcome("retry", "apprise could not send it")
