"""`--send-notification`: a report's message into the outbox, and on to its webhooks when nobody else sends."""

import hashlib
import threading
import time
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from urllib.parse import urlsplit

from ingest.errors import ConfigurationError, OutputError
from ingest.notice import Notice
from logging_module.config import LoggingConfig
from reports.report.model import Report
from reports.report.wording import clipped, duration
from reports.sender import Sender
from reports.targets import Target, configured, target

PATIENCE_SECONDS = 60.0
ARGV_WARNING = (
    "warning: a URL on the command line can be read by everybody on this machine; --webhook-url @FILE or "
    "RADIOLOG_DISCORD_WEBHOOK_URL keeps it secret"
)


class NotDelivered(OutputError):
    """The report was made, its message was not taken."""


def chosen(
    config: LoggingConfig, *, send: bool, url: str | None, kind: str | None, tell: Callable[[str], None]
) -> tuple[Target, ...] | None:
    """Where a report shall go, before it is made; None: nowhere.

    Args:
        config: has the usual webhooks.
        send: `--send-notification` was given.
        url: of `--webhook-url`, `@FILE` for the first line of a file.
        kind: of `--webhook-kind`.
        tell: gets a warning.

    Returns:
        The one that was given, or an empty tuple for those of the configuration.

    Raises:
        ConfigurationError: there is none, or it is none.
    """
    if url is None:
        if not send:
            if kind is not None:
                raise ConfigurationError("--webhook-kind goes with --webhook-url")
            return None
        if not configured(config):
            raise ConfigurationError(
                "there is no webhook: set RADIOLOG_DISCORD_WEBHOOK_URL, RADIOLOG_SLACK_WEBHOOK_URL or "
                "RADIOLOG_APPRISE_URL, or give --webhook-url; nothing was written and nothing was sent"
            )
        return ()
    if url.startswith("@"):
        url = _first_line(url[1:])
    else:
        tell(ARGV_WARNING)
    made = target(url, kind)
    if made.kind != "apprise" and urlsplit(url).scheme != "https" and not config.webhook_allow_private:
        raise ConfigurationError(
            "the webhook's URL is not https (RADIOLOG_WEBHOOK_ALLOW_PRIVATE permits it in your own network)"
        )
    return (made,)


def announce(
    config: LoggingConfig, report: Report, targets: tuple[Target, ...], tell: Callable[[str], None],
    *, patience_seconds: float = PATIENCE_SECONDS, worded: Callable[[Report], Notice] | None = None,
) -> None:  # fmt: skip
    """Put a report's message into the outbox, and send it unless a notifier does.

    Args:
        config: the database and the usual webhooks.
        report: what to tell of.
        targets: empty for those of the configuration.
        tell: gets a sentence about each try.
        patience_seconds: how long a webhook that does not take it now is tried again.
        worded: makes the message; None: `notice_of`.

    Raises:
        NotDelivered: a webhook did not take it; it stays in the outbox where `radiolog notify` can send it.
        DatabaseError: PostgreSQL cannot be reached or refused.
    """
    sender = Sender(config, targets or configured(config), tell)
    notice = (worded or notice_of)(report)
    whole = f"{report.scope}\0{report.start}\0{report.end}\0{report.generated_at}"
    key = f"{notice.kind}/{hashlib.sha256(whole.encode('utf-8', 'replace')).hexdigest()[:32]}"
    try:
        for name in [to.name for to in targets] or [""]:
            sender.outbox.put(f"{key}@{name}" if name else key, notice, target=name)
        if not targets and sender.outbox.is_notifier_running():
            tell("the message is in the outbox; the running notifier sends it")
            return
        _send(sender, key, patience_seconds, stays=not targets)
    finally:
        sender.outbox.close()


def notice_of(report: Report) -> Notice:
    """A report in a few lines. Pure."""
    tone = {"empty": "info"}.get(report.verdict.tone, report.verdict.tone)
    lines = [report.verdict.sentence, *report.verdict.advice]
    lines += [
        f"{clipped(line.station, 60)}, {line.start:%a %d %b %H:%M}: off air {duration(line.down_seconds)}"
        + (f", {clipped(line.cause, 160)}" if line.cause else "")
        for line in sorted(report.outages, key=lambda line: -line.down_seconds)[:5]
    ]
    fields = tuple((kpi.label, f"{kpi.value} ({kpi.change})" if kpi.change else kpi.value) for kpi in report.kpis)
    at = report.generated_at.astimezone(UTC).isoformat(timespec="seconds")
    return Notice("report", tone, f"{report.title}: {clipped(report.scope, 100)}", tuple(lines), fields, at)


def _send(sender: Sender, key: str, patience_seconds: float, *, stays: bool) -> None:
    until = time.monotonic() + patience_seconds
    while True:
        sender.send_due()
        rows = [row for row in sender.outbox.found(key) if row["state"] != "split"]
        mine = {row["target"]: row for row in rows}
        if rows and all(row["state"] == "sent" for row in rows):
            return
        waits = [row["wait_seconds"] for row in sender.outbox.waiting(list(mine))]
        left = until - time.monotonic()
        if not waits or min(waits) > left:
            break
        threading.Event().wait(max(0.05, min(waits)))
    reasons = "; ".join(
        f"{name}: {row['last_error'] or row['state']}" for name, row in mine.items() if row["state"] != "sent"
    )
    pending = any(row["state"] == "pending" for row in rows)
    later = "`radiolog notify`" if stays else "the next report to the same webhook"
    more = f"; it stays in the outbox for a day, for {later}" if pending else ""
    raise NotDelivered(f"the report was made, but its message was not sent: {reasons}{more}")


def _first_line(path: str) -> str:
    try:
        lines = Path(path).read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no URL"
        raise ConfigurationError(f"--webhook-url: {path} cannot be read: {reason}") from None
    if len(lines) != 1:
        raise ConfigurationError(f"--webhook-url: {path} must hold one URL")
    return lines[0]
