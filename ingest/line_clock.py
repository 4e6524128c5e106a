"""When a line of FFmpeg's was written, and how well that is known (docs/ffmpeg.md, "Times").

In this order: what the line's prefix says (a missing year or date is completed, the second of two equal local hours is
told by the order of lines); the arrival of the bytes it stands in, when they were appended while we looked; forward
from the last line of the same process whose time is known, by the run time that the statistics tell; backward from the
file's last line, which was written when the file was last modified.

Pure: time and bytes are arguments. What is remembered is a plain dict in the checkpoint, so that a restart between any
two lines gives the same times.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, NamedTuple

from msgspec.structs import astuple

from parsers.events import FfmpegMessage, FfmpegProgress, TimeQuality
from parsers.ffmpeg.encoder_time import DRIFT, Runs, add_up, run_seconds

# A file system's clock, and a line that was written in pieces.
_MTIME_ERROR_SECONDS = 2.0
# Prefixes are cut to the second, and what stands in one read did not arrive in one moment.
_KNOWN_ERROR_SECONDS = 1.0
_MOST_PAIRS = 8
_REPEATED_HOUR = timedelta(minutes=30)
_LOCAL_TIME = re.compile(r"(?:(\d\d)-(\d\d) )?(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?$")


class Arrival(NamedTuple):
    """When a chunk was read.

    Attributes:
        at: the present.
        live: it was appended after this daemon had reached the end of the file.
        mtime: when the file was last modified.
        bytes_from: gives the file's pieces from an offset to its end, each with its offset; None where nobody can look
            ahead.
    """

    at: datetime
    live: bool
    mtime: datetime
    bytes_from: Callable[[int], Iterable[tuple[int, bytes]]] | None = None


class Timed(NamedTuple):
    """A line's time. `error_seconds`: how far an estimate may be off; None where nothing bounds it, or it is none."""

    at: datetime
    quality: TimeQuality
    error_seconds: float | None = None


class LineClock:
    """Tells the times of one file's lines, in order.

    Args:
        state: what `state()` gave before, or empty.
        zone: of prefixes that name none.
    """

    def __init__(self, state: dict[str, Any] | None = None, *, zone: tzinfo = UTC) -> None:
        state = state or {}
        self._zone = zone
        self._runs = Runs(*state.get("runs", ()))
        self._pairs: list[list[float]] = state.get("pairs", [])  # [offset, when the bytes from there on arrived]
        self._anchor: dict[str, Any] | None = state.get("anchor")  # the last line whose time is more than an estimate
        self._end: dict[str, Any] | None = state.get("end")  # where a look ahead found the file's end
        self._latest: float | None = state.get("latest")
        self._session: int | None = state.get("session")

    def state(self) -> dict[str, Any]:
        """JSON values from which a new clock goes on; empty when nothing was seen."""
        if self._latest is None and not self._pairs:
            return {}
        return {
            "runs": list(astuple(self._runs)),
            "pairs": self._pairs,
            "anchor": self._anchor,
            "end": self._end,
            "latest": self._latest,
            "session": self._session,
        }

    def note_arrival(self, offset: int, arrival: Arrival) -> None:
        """Bytes from `offset` on were read. Messages are let go of later than they arrive: these pairs tell when."""
        if arrival.live:
            self._pairs = [*self._pairs[1 - _MOST_PAIRS :], [offset, arrival.at.timestamp()]]

    def time_of(self, event: FfmpegMessage | FfmpegProgress, offset: int, arrival: Arrival) -> Timed:
        """The time of a message or a statistics line.

        Args:
            event: what the line says.
            offset: of its first byte.
            arrival: of the bytes that were read last.
        """
        if type(event) is FfmpegMessage and event.session is not None:
            self._session = event.session
        if event.timestamp is None and not arrival.live and not self._anchored():
            self._look_ahead(offset, arrival)
        if type(event) is FfmpegProgress:
            run = run_seconds(event)
            if run is not None:
                self._runs.reach(run)
        return self._keep(self._timed(event, offset, arrival))

    def started(self, session: int, said: datetime | None, quality: TimeQuality, arrival: Arrival) -> Timed:
        """The time of a session's first line, which stands at `session`; it is told when its header is complete."""
        self._session = session
        if said is not None and not (quality is TimeQuality.ESTIMATED and arrival.live):
            timed = Timed(self._in_order(said), quality)
        elif arrival.live:
            timed = Timed(self._arrived(session, arrival), TimeQuality.ARRIVAL)
        elif self._anchored():
            anchor = self._anchor or {}
            timed = Timed(_moment(anchor["first"]), TimeQuality.ESTIMATED, anchor["error"])
        else:
            self._look_ahead(session, arrival)
            timed = self._backward(arrival)
        if not self._anchored():
            self._keep(timed)
        return timed

    def ended(self, said: datetime | None, quality: TimeQuality, arrival: Arrival) -> Timed:
        """The time of a session's last line. It is told late, so the last line's time counts, not the present."""
        if said is not None:
            return Timed(said, quality)
        if self._latest is not None:
            return Timed(_moment(self._latest), TimeQuality.ESTIMATED)
        return Timed(arrival.at if arrival.live else arrival.mtime, TimeQuality.ESTIMATED)

    # -----------------------------------------------------------------------------------------------------------------

    def _timed(self, event: FfmpegMessage | FfmpegProgress, offset: int, arrival: Arrival) -> Timed:
        said, quality = event.timestamp, event.time_quality
        if said is not None and quality is not TimeQuality.ESTIMATED:
            return Timed(self._in_order(said) if quality is TimeQuality.ZONELESS else said, quality)
        if event.local_time is not None:
            near = self._arrived(offset, arrival) if arrival.live else self._estimated(arrival).at
            completed = _completed(event.local_time, near, self._zone)
            if completed is not None:
                return Timed(self._in_order(completed), TimeQuality.ZONELESS)
        if arrival.live:
            return Timed(self._arrived(offset, arrival), TimeQuality.ARRIVAL)
        if said is not None:
            return Timed(said, quality)
        return self._estimated(arrival)

    def _estimated(self, arrival: Arrival) -> Timed:
        anchor = self._anchor
        if anchor is None or not self._anchored():
            return self._backward(arrival)
        passed = max(0.0, self._runs.position - anchor["position"])
        at = min(anchor["at"] + passed, max(anchor["at"], arrival.mtime.timestamp()))
        return Timed(_moment(at), TimeQuality.ESTIMATED, round(anchor["error"] + DRIFT * passed, 3))

    def _backward(self, arrival: Arrival) -> Timed:
        end = self._end
        if end is None:
            return Timed(arrival.mtime, TimeQuality.ESTIMATED)
        left = max(0.0, end["position"] - self._runs.position)
        at = max(end["at"] - left, self._latest if self._latest is not None else 0.0)
        # Between processes an unknown time passed; and without statistics nothing tells how long the file was written.
        bounded = self._runs.count == end["count"] and end["position"] > 0
        error = round(_MTIME_ERROR_SECONDS + DRIFT * left, 3) if bounded else None
        return Timed(_moment(at), TimeQuality.ESTIMATED, error)

    def _anchored(self) -> bool:
        """Whether the last known time is that of a line of the same process."""
        anchor = self._anchor
        return (
            anchor is not None
            and anchor["count"] == self._runs.count
            and (self._session is None or anchor["session"] in (None, self._session))
        )

    def _look_ahead(self, offset: int, arrival: Arrival) -> None:
        if arrival.bytes_from is None or (self._end is not None and offset < self._end["until"]):
            return
        ahead = Runs(*astuple(self._runs))
        ends = [offset]

        def chunks(pieces: Iterable[tuple[int, bytes]]) -> Iterator[bytes]:
            for start, chunk in pieces:
                ends.append(start + len(chunk))
                yield chunk

        add_up(chunks(arrival.bytes_from(offset)), ahead)
        self._end = {
            "until": ends[-1], "at": arrival.mtime.timestamp(), "position": ahead.position, "count": ahead.count,
        }  # fmt: skip

    def _arrived(self, offset: int, arrival: Arrival) -> datetime:
        """When the bytes at an offset arrived, or the first ones behind it that we know of."""
        found: float | None = None
        for start, at in reversed(self._pairs):
            found = at
            if start <= offset:
                break
        return arrival.at if found is None else _moment(found)

    def _in_order(self, at: datetime) -> datetime:
        """A local time that a clock change repeats is the second of the two when the lines before it say so."""
        if self._latest is None or at.timestamp() > self._latest - _REPEATED_HOUR.total_seconds():
            return at
        again = at.astimezone(self._zone).replace(fold=1).astimezone(UTC)
        return again if again > at and again.timestamp() >= self._latest - 1 else at

    def _keep(self, timed: Timed) -> Timed:
        at = timed.at.timestamp()
        if timed.quality is not TimeQuality.ESTIMATED:
            first = at
            if self._anchor is not None and self._anchored():
                first = self._anchor["first"]
            self._anchor = {
                "at": at, "position": self._runs.position, "count": self._runs.count, "session": self._session,
                "error": _KNOWN_ERROR_SECONDS, "first": first,
            }  # fmt: skip
        self._latest = at
        return timed


def _completed(text: str, near: datetime, zone: tzinfo) -> datetime | None:
    """A local time without year, or without date, as the moment nearest to `near`."""
    found = _LOCAL_TIME.match(text)
    if found is None:
        return None
    month, day, hour, minute, second, fraction = found.groups()
    clock = int(hour), int(minute), int(second), int((fraction or "0").ljust(6, "0"))
    local = near.astimezone(zone)
    if month is not None:
        dates = [(local.year + years, int(month), int(day)) for years in (-1, 0, 1)]
    else:
        days = [local.date() + timedelta(days=days) for days in (-1, 0, 1)]
        dates = [(date.year, date.month, date.day) for date in days]
    moments = []
    for date in dates:
        try:
            moments.append(datetime(*date, *clock, tzinfo=zone).astimezone(UTC))
        except (ValueError, OverflowError):
            continue
    return min(moments, key=lambda moment: abs(moment - near), default=None)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
