"""Whether the daemons still give signs of life: the notifier asks, since a dead or stuck one cannot tell of itself.

The database's clock counts, by which the daemons sign. What is known of the alert lies in `alert_state`, as for those
that the daemon finds, so that a change is told once, whoever starts again meanwhile.
"""

from datetime import datetime

from psycopg2.extras import Json

from ingest.alerts import Change, Seen, State, decide
from ingest.queries import load
from reports.outbox import Outbox

ALERT = "daemon_silent"
SILENT_SECONDS = 120.0
SIGNS_AGAIN_SECONDS = 30.0
_HINT = "It may be dead, stuck, or without a way to the database. On that machine: radiolog status, and its own log."

_SQL = load("ingest", "alerts.sql")


class DaemonWatch:
    """Looks now and then.

    Args:
        outbox: the notifier's, for its connection; what is found goes there.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._watching_since: datetime | None = None

    def look(self) -> None:
        """One look at all machines; changes become messages.

        Raises:
            DatabaseError: the next look sees the same.
        """
        rows = self._outbox.daemons()
        if not rows:
            return
        self._watching_since = self._watching_since or rows[0]["now"]
        states = {row["alert"]: row for row in self._outbox.ask(_SQL["known"])}
        for row in rows:
            seen = Seen(
                ALERT, "", row["silent_seconds"], SILENT_SECONDS, SIGNS_AGAIN_SECONDS, row["heartbeat_at"],
                (_HINT,), scope=row["host"],
            )  # fmt: skip
            found = states.get(seen.name)
            known = None if found is None else State(found["state"], found["since"], found["phase_at"])
            change = decide(seen, known, row["now"], self._watching_since)
            if change is not None:
                self._keep(seen, change, row["now"])

    def _keep(self, seen: Seen, change: Change, now: datetime) -> None:
        state = change.state
        if change.notice is not None:
            # Told before it is noted: a notifier that dies in between tells it again rather than never.
            self._outbox.put(f"alert//{seen.name}/{state.state}/{now:%Y%m%dT%H%M%S.%f}", change.notice)
        self._outbox.ask(
            _SQL["keep"], station="", alert=seen.name, state=state.state, since=state.since, now=now,
            detail=Json({"phase_at": state.phase_at.isoformat()}),
        )  # fmt: skip
