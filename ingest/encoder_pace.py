"""How fast an encoder goes just now: rates between two moments of its statistics, and standstill. Pure.

FFmpeg's own `speed` and `bitrate` are averages since the start: after a day they hardly move whatever happens.
"""

from typing import Any, NamedTuple

from parsers.events import FfmpegProgress

# The output's time stands still for so long, or falls behind by so much between two lines: that is a stall.
STALL_SECONDS = 10.0
# Shorter spans say more about rounding than about the encoder.
_SHORTEST_SECONDS = 1.0


class Rates(NamedTuple):
    """Since the sample before; None where it cannot be told."""

    speed: float | None
    bitrate_kbps: float | None


class Stall(NamedTuple):
    """The output's time does not advance (`over` False: said once), or did not for `seconds`."""

    over: bool
    seconds: float
    out_time_seconds: float


class Pace:
    """Follows one session.

    Args:
        state: what `state()` gave before, or empty.
    """

    def __init__(self, state: dict[str, Any] | None = None) -> None:
        state = state or {}
        self._mark: list[float | None] | None = state.get("mark")  # wall, output time, bytes at the last sample
        self._advanced: list[float] | None = state.get("advanced")  # wall and output time when it last advanced
        self._stalled: bool = state.get("stalled", False)

    def state(self) -> dict[str, Any]:
        """JSON values from which a new one goes on."""
        return {"mark": self._mark, "advanced": self._advanced, "stalled": self._stalled}

    def rates(self, event: FfmpegProgress, wall_seconds: float | None) -> Rates:
        """The rates since the last call.

        Args:
            event: the statistics line of a sample.
            wall_seconds: a clock that goes on whether the encoder does or not; None where there is none.
        """
        before, self._mark = self._mark, [wall_seconds, event.time_seconds, event.size_bytes]
        if before is None or event.time_seconds is None:
            return Rates(None, None)
        wall, stood_at, size = before
        if stood_at is None:
            return Rates(None, None)
        passed = event.time_seconds - stood_at
        speed = kbps = None
        if wall is not None and wall_seconds is not None and wall_seconds - wall >= _SHORTEST_SECONDS and passed >= 0:
            speed = round(passed / (wall_seconds - wall), 3)
        if size is not None and event.size_bytes is not None and passed >= _SHORTEST_SECONDS:
            added = event.size_bytes - size
            kbps = round(added * 8 / 1000 / passed, 1) if added >= 0 else None
        return Rates(speed, kbps)

    def stall(self, event: FfmpegProgress, wall_seconds: float | None) -> Stall | None:
        """What a statistics line says about standstill; None nearly always.

        Args:
            event: the line.
            wall_seconds: as for `rates`.
        """
        if event.time_seconds is None:
            return None
        if wall_seconds is None:
            self._advanced, self._stalled = None, False
            return None
        if self._advanced is None:
            self._advanced = [wall_seconds, event.time_seconds]
            return None
        waited, passed = wall_seconds - self._advanced[0], event.time_seconds - self._advanced[1]
        if passed <= 0:
            if self._stalled or waited < STALL_SECONDS:
                return None
            self._stalled = True
            return Stall(over=False, seconds=round(waited, 1), out_time_seconds=self._advanced[1])
        stood_at = self._advanced[1]
        self._advanced = [wall_seconds, event.time_seconds]
        stalled, self._stalled = self._stalled, False
        # Statistics that come seldom, or late and all at once, are no stall: the output's time moved with the clock.
        if stalled or (waited - passed >= STALL_SECONDS and passed < waited / 2):
            return Stall(over=True, seconds=round(max(0.0, waited - passed), 1), out_time_seconds=stood_at)
        return None
