"""When an alert is raised and when it is over. Pure: what is known and what was seen in, the next state out.

    ok ──► pending ──► firing ──► clearing ──► ok          told: on reaching firing, and ok behind clearing
     ◄──────┘            ◄───────────┘
    muted: it was so before anybody watched; never told, neither that nor its end

A state changes by one look at most, and only changes are told: running it again tells nothing again.
"""

from datetime import datetime
from typing import NamedTuple

from ingest.notice import Notice


class Rule(NamedTuple):
    """How many seconds a trouble must hold before it is told, and be gone before its end is; the words for both."""

    up_seconds: float
    down_seconds: float
    tone: str
    raised: str
    over: str


RULES = {
    "off_air": Rule(0, 20, "bad", "Off air", "On air again"),
    "encoder_slow": Rule(60, 60, "fair", "The encoder is too slow", "The encoder keeps up again"),
    "encoder_stalled": Rule(0, 20, "bad", "The encoder stands still", "The encoder makes progress again"),
    "restarts": Rule(0, 60, "fair", "The encoder restarts again and again", "The encoder has stopped restarting"),
    "disk_full": Rule(20, 60, "bad", "A disk is nearly full", "The disk has room again"),
    "ingest_behind": Rule(60, 10, "fair", "radiolog is behind with reading", "radiolog has caught up"),
    "file_suspended": Rule(0, 0, "fair", "A log file is suspended", "No log file is suspended any more"),
    "daemon_silent": Rule(60, 0, "bad", "radiolog's daemon is silent", "radiolog's daemon is back"),
}


class Seen(NamedTuple):
    """What a look found about one alert.

    Attributes:
        alert: its kind, a key of `RULES`.
        station: whose; empty for what concerns a machine.
        value: None: it cannot be told now.
        raise_at: it holds from this value on.
        clear_at: once raised, it holds down to this value.
        since: when it began, if it holds.
        words: more about it; text from logs may stand in it.
        scope: tells machines and folders apart.
    """

    alert: str
    station: str
    value: float | None
    raise_at: float
    clear_at: float
    since: datetime
    words: tuple[str, ...] = ()
    scope: str = ""

    @property
    def name(self) -> str:
        """Its name in `alert_state`."""
        return f"{self.alert}@{self.scope}"[:64] if self.scope else self.alert


class State(NamedTuple):
    """What is known of an alert: `since`: when the trouble began; `phase_at`: when this state did."""

    state: str
    since: datetime
    phase_at: datetime


class Change(NamedTuple):
    """The next state, and what is to be told."""

    state: State
    notice: Notice | None = None


def decide(  # noqa: C901 (a table of states reads best in one place)
    seen: Seen, known: State | None, now: datetime, watching_since: datetime
) -> Change | None:
    """The next state of an alert; None: it stays as it is.

    Args:
        seen: by this look.
        known: from the look before; None at the first one ever.
        now: the present.
        watching_since: when this daemon had caught up for the first time: what began before is no news to it.
    """
    rule = RULES[seen.alert]
    if seen.value is None:
        return _unknown(known, now)
    if known is None:
        if not _holds(seen, known):
            return Change(State("ok", now, now))
        if seen.since < watching_since:
            return Change(State("muted", seen.since, now))
        known = State("ok", now, now)
    held_seconds = (now - known.phase_at).total_seconds()
    if _holds(seen, known):
        if known.state == "ok" and rule.up_seconds > 0:
            return Change(State("pending", seen.since, now))
        if known.state == "ok" or (known.state == "pending" and held_seconds >= rule.up_seconds):
            since = seen.since if known.state == "ok" else known.since
            return Change(State("firing", since, now), _raised(seen, rule, since, now))
        return Change(State("firing", known.since, now)) if known.state == "clearing" else None
    if known.state in {"pending", "muted"}:
        return Change(State("ok", now, now))
    if known.state == "firing" and rule.down_seconds > 0:
        return Change(State("clearing", known.since, now))
    if known.state == "firing" or (known.state == "clearing" and held_seconds >= rule.down_seconds):
        ended_at = now if known.state == "firing" else known.phase_at
        return Change(State("ok", now, now), _over(seen, rule, known.since, ended_at))
    return None


def _holds(seen: Seen, known: State | None) -> bool:
    assert seen.value is not None  # noqa: S101 (asked for by the caller)
    raised = known is not None and known.state in {"firing", "muted"}
    return seen.value >= (seen.clear_at if raised else seen.raise_at)


def _unknown(known: State | None, now: datetime) -> Change | None:
    """A look that sees nothing interrupts what had to hold for a while."""
    if known is not None and known.state == "pending":
        return Change(State("ok", now, now))
    if known is not None and known.state == "clearing":
        return Change(State("firing", known.since, now))
    return None


def _raised(seen: Seen, rule: Rule, since: datetime, now: datetime) -> Notice:
    since_words = f"Since {since:%Y-%m-%d %H:%M:%S} UTC."
    return Notice(seen.alert, rule.tone, _title(rule.raised, seen), (since_words, *seen.words), at=_iso(now))


def _over(seen: Seen, rule: Rule, since: datetime, ended_at: datetime) -> Notice:
    lasted = f"It had lasted {_duration((ended_at - since).total_seconds())}."
    return Notice(seen.alert, "good", _title(rule.over, seen), (lasted,), at=_iso(ended_at))


def _title(words: str, seen: Seen) -> str:
    where = seen.station or seen.scope
    return f"{where}: {words}" if where else words


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


def _duration(seconds: float) -> str:
    minutes, left = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {left} s" if minutes else f"{left} s"
