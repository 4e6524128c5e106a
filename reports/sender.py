"""Sends what the outbox holds, at least once: what was sent is said only after the answer."""

import random
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from ingest.backoff import delay_seconds
from ingest.errors import DatabaseUnavailable
from ingest.notice import Notice
from logging_module.config import LoggingConfig
from reports.daemon_watch import ALERT, DaemonWatch
from reports.outbox import Outbox, Taken
from reports.targets import Outcome, Target, backoff_seconds, deliver
from reports.webhook import NotSent, post

LOOK_EVERY_SECONDS = 1.0
BEAT_EVERY_SECONDS = 60.0
WATCH_EVERY_SECONDS = 5.0
_STATES = {"sent": "sent", "retry": "pending", "refused": "dead", "gone": "gone"}

Tell = Callable[[str], None]


class Sender:
    """Takes notices from the outbox and hands them to their targets.

    Args:
        config: the database, and what a webhook may be.
        targets: all that are known; notices for others stay where they are.
        tell: gets a sentence about each try; it holds no URL.
    """

    def __init__(self, config: LoggingConfig, targets: Sequence[Target], tell: Tell) -> None:
        self._config = config
        self._targets = {target.name: target for target in targets}
        self._tell = tell
        self._beat_at = self._watch_at = 0.0
        self.outbox = Outbox(config)
        self._daemons = DaemonWatch(self.outbox)

    @property
    def names(self) -> list[str]:
        """Of the targets."""
        return list(self._targets)

    def send_due(self, stopping: threading.Event | None = None) -> int:
        """Try every notice that is due, oldest first; gives how many were sent.

        Raises:
            DatabaseError: what was sent and could not be said so is sent again later, with the same id.
        """
        sent = 0
        self.outbox.prepare(self.names)
        tried = True
        while tried:
            tried = False
            for name in self.names:
                if stopping is not None and stopping.is_set():
                    return sent
                row = self.outbox.take(name)
                if row is not None:
                    sent += self._send(row)
                    tried = True
            self.outbox.prepare([])
        return sent

    def run(self, stopping: threading.Event) -> bool:
        """Send until told to stop. Gives False when another notifier runs."""
        failures = 0
        mine = False
        while not stopping.is_set():
            try:
                if not mine or not self.outbox.is_open:
                    mine = self.outbox.begin_notifying()
                    if not mine:
                        return False
                self._watch()
                self.send_due(stopping)
                self._beat()
                failures = 0
                stopping.wait(LOOK_EVERY_SECONDS)
            except DatabaseUnavailable as error:
                failures += 1
                self._tell(str(error))
                stopping.wait(delay_seconds(failures, random.random()))  # noqa: S311 (jitter)
        return True

    def test(self) -> bool:
        """Send a test notice to each target at once, around the outbox; gives whether all took it."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        notice = Notice("test", "info", "Test of radiolog's notifications", ("It works: this arrived.",), at=now)
        good = True
        for target in self._targets.values():
            outcome = self._deliver(target, notice, "test")
            self._tell(f"{target.name}: {_said(outcome)}")
            good &= outcome.verdict == "sent"
            if outcome.verdict == "sent":
                self.outbox.revive(target.name)
        return good

    def _watch(self) -> None:
        """Look after the daemons now and then."""
        if ALERT in self._config.alerts and time.monotonic() >= self._watch_at:
            self._watch_at = time.monotonic() + WATCH_EVERY_SECONDS
            self._daemons.look()

    def _beat(self) -> None:
        """Tell a dead-man monitor, once a minute, that this process, the database and a daemon live."""
        secret = self._config.heartbeat_url
        if secret is None or time.monotonic() < self._beat_at:
            return
        self._beat_at = time.monotonic() + BEAT_EVERY_SECONDS
        if not self.outbox.is_daemon_alive():
            return
        try:
            answer = post(
                secret.get_secret_value(), None, allow_private=self._config.webhook_allow_private,
                timeout_seconds=self._config.webhook_timeout_seconds, method="GET",
            )  # fmt: skip
        except NotSent as error:
            self._tell(f"heartbeat: {error}")
            return
        if not 200 <= answer.status < 300:
            self._tell(f"heartbeat: it answered {answer.status}")

    def _send(self, row: Taken) -> bool:
        target = self._targets[row.target]
        outcome = self._deliver(target, row.notice, row.message_id)
        fraction = random.random()  # noqa: S311 (jitter)
        wait_seconds = backoff_seconds(row.attempts, fraction)
        if outcome.wait_seconds is not None:
            wait_seconds = outcome.wait_seconds + fraction
        again = f", again in {wait_seconds:.0f} s" if outcome.verdict == "retry" else ""
        self._tell(f"{target.name}: message {row.message_id} {_said(outcome)}{again}")
        self.outbox.settle(row.id, _STATES[outcome.verdict], outcome.reason or None, wait_seconds)
        return outcome.verdict == "sent"

    def _deliver(self, target: Target, notice: Notice, message_id: str) -> Outcome:
        return deliver(
            target, notice, message_id, allow_private=self._config.webhook_allow_private,
            timeout_seconds=self._config.webhook_timeout_seconds,
        )  # fmt: skip


def _said(outcome: Outcome) -> str:
    return "sent" if outcome.verdict == "sent" else f"not sent: {outcome.reason}"
