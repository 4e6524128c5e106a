"""Proof that the daemon gets on, and systemd's watchdog fed by it (sd_notify(3), WATCHDOG=1).

Each part of the daemon says when it has done a step, and how long it may rest now. systemd is told that all is well
only while no part is late, so a loop that hangs or a thread that is gone ends in a restart. Waiting for PostgreSQL is
no hanging: whoever waits in a call that the supervisor will end in time is as good as at work.
"""

import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from types import FrameType

from ingest.process import notify_systemd
from ingest.telemetry import Telemetry

# sd_watchdog_enabled(3) asks for half of the time at most. A part may be late for half of it, too.
_FEED_SHARE = 0.25
_LATE_SHARE = 0.5
_FRAMES = 8


class Vitals:
    """When each part of the daemon has to get on next.

    Args:
        limit_seconds: how long a step may take.
        waiting: the threads that wait for the database now, in calls that end in time.
        monotonic: a clock in seconds that never jumps.
    """

    def __init__(
        self,
        limit_seconds: float,
        waiting: Callable[[], AbstractSet[int]],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit_seconds = limit_seconds
        self._waiting = waiting
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._due: dict[str, float] = {}
        self._threads: dict[str, set[int]] = {}

    def step(self, part: str, rest_seconds: float = 0.0) -> None:
        """The calling thread, which is `part` or belongs to it, has got on.

        Args:
            part: its name.
            rest_seconds: how long it may do nothing now, on purpose.
        """
        with self._lock:
            self._due[part] = self._monotonic() + rest_seconds + self._limit_seconds
            self._threads.setdefault(part, set()).add(threading.get_ident())

    def join(self, part: str) -> None:
        """The calling thread works for `part`, which waits for it."""
        with self._lock:
            self._threads.setdefault(part, set()).add(threading.get_ident())

    def done(self, part: str) -> None:
        """Nothing more is expected of a part."""
        with self._lock:
            self._due.pop(part, None)

    def late(self) -> dict[str, set[int]]:
        """The parts that should have got on by now, and their threads."""
        waiting = self._waiting()
        now = self._monotonic()
        with self._lock:
            for part in self._due:
                if self._threads[part] & waiting:
                    self._due[part] = max(self._due[part], now + self._limit_seconds)
            return {part: set(self._threads[part]) for part, due in self._due.items() if now > due}


def watchdog_seconds() -> float | None:
    """How soon systemd wants to hear from this process again and again (WatchdogSec=); None where it does not."""
    for_pid = os.environ.get("WATCHDOG_PID", "")
    if for_pid and for_pid != str(os.getpid()):
        return None
    try:
        microseconds = int(os.environ.get("WATCHDOG_USEC", ""))
    except ValueError:
        return None
    return microseconds / 1e6 if microseconds > 0 else None


@contextmanager
def watched(waiting: Callable[[], AbstractSet[int]], telemetry: Telemetry) -> Iterator[Vitals]:
    """Vitals by which systemd's watchdog is fed meanwhile, where there is one.

    Args:
        waiting: as for `Vitals`.
        telemetry: told once when a part hangs, and where it stands.
    """
    seconds = watchdog_seconds()
    vitals = Vitals((seconds or 0.0) * _LATE_SHARE, waiting)
    if seconds is None:
        yield vitals
        return
    ended = threading.Event()

    def feed() -> None:
        told = False
        while not ended.wait(seconds * _FEED_SHARE):
            late = vitals.late()
            if not late:
                notify_systemd("WATCHDOG=1")
            elif not told:
                telemetry.hangs({part: _places(threads) for part, threads in late.items()})
                notify_systemd(f"STATUS=hangs: {', '.join(sorted(late))}")
            told = bool(late)

    feeder = threading.Thread(target=feed, name="systemd watchdog", daemon=True)
    feeder.start()
    try:
        yield vitals
    finally:
        ended.set()
        feeder.join()


def _places(threads: AbstractSet[int]) -> list[str]:
    """Where some threads stand: functions and lines, no values."""
    frames = sys._current_frames()  # noqa: SLF001 (the documented way to see other threads)
    return [_place(frames[ident]) for ident in sorted(threads) if ident in frames]


def _place(frame: FrameType) -> str:
    """The innermost functions, the one that stands first."""
    calls = traceback.extract_stack(frame, _FRAMES)
    return " < ".join(f"{call.name} ({os.path.basename(call.filename)}:{call.lineno})" for call in reversed(calls))
