"""What the bookkeeper will find out of plays and errors of one commit, as far as the commit itself shows it. Pure.

A row that is stored as it will stay need not be written a second time, which costs more than storing it. The bookkeeper
looks at every one of them all the same, and has the last word (bookkeeper.sql): what is said here are its rules where a
play's end, or the next start soon behind it, is among the same rows. All else is left to it.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple, TypeAlias

from ingest.batch import ERROR_COLUMNS, PLAY_COLUMNS, PLAY_END_COLUMNS, Row

FORESEEN_PLAY_COLUMNS = (
    "ended_at", "ended_by", "duration_seconds", "said_errors", "said_message", "had_errors", "error_count",
    "error_message",
)  # fmt: skip
MOST_ERRORS = 2**31 - 1

_STATION, _STARTED = PLAY_COLUMNS.index("station"), PLAY_COLUMNS.index("started_at")
_EXPECTED = PLAY_COLUMNS.index("expected_duration_seconds")
_PLAY_ID, _PLAY_KEY = PLAY_COLUMNS.index("play_id"), PLAY_COLUMNS.index("play_key")
_station_of = itemgetter(_STATION)
_in_time = itemgetter(_STATION, _STARTED, _PLAY_KEY)
_end = itemgetter(
    *(PLAY_END_COLUMNS.index(name) for name in ("station", "play_id", "ended_at", "had_errors", "error_message"))
)
_error = itemgetter(*(ERROR_COLUMNS.index(name) for name in ("station", "timestamp", "play_id", "time_quality")))
_counted = itemgetter(
    *(ERROR_COLUMNS.index(name) for name in ("severity", "noise", "occurrences", "timestamp", "message"))
)


class Thresholds(NamedTuple):
    """Seconds: how long a play without any end lasts at most, and how long a gap between plays is none."""

    max_open_seconds: float
    gap_seconds: float


# What the configuration says where nobody changed it.
USUAL = Thresholds(900.0, 10.0)


class Foreseen(NamedTuple):
    """Rows of plays with what follows from the commit, and the play of each error, where it is known.

    Attributes:
        plays: PLAY_COLUMNS, then FORESEEN_PLAY_COLUMNS; in the order that was given.
        errors_plays: of each error, its play's place among these.
    """

    plays: list[Row]
    errors_plays: list[int | None]


class _End(NamedTuple):
    at: datetime
    by: str
    had_errors: bool
    message: str | None


_Ends: TypeAlias = Mapping[tuple[str, str], _End]


class _Timeline(NamedTuple):
    """A station's plays in the order of their starts: places in the rows, starts, ends where they are foreseen."""

    places: list[int]
    starts: list[datetime]
    ends: list[_End | None]


def foresee(plays: Sequence[Row], ends: Iterable[Row], errors: Sequence[Row], thresholds: Thresholds) -> Foreseen:
    """What follows for plays and errors that are stored together.

    Args:
        plays: rows of PLAY_COLUMNS; none of them is known to the database.
        ends: rows of `play_ends`.
        errors: rows of `error_log`.
        thresholds: the bookkeeper's.
    """
    named, unclear = _said_ends(ends)
    timelines = _timelines(plays, named, unclear, thresholds)
    by_play_id = {
        (row[_STATION], row[_PLAY_ID]): place
        for place, row in enumerate(plays)
        if row[_PLAY_ID] is not None and "@" not in row[_PLAY_KEY]
    }
    places = [_play_of(error, plays, timelines, by_play_id, thresholds) for error in errors]
    said_of: defaultdict[int, list[Row]] = defaultdict(list)
    for place, error in zip(places, errors, strict=True):
        if place is not None:
            said_of[place].append(error)
    found = {place: end for line in timelines.values() for place, end in zip(line.places, line.ends, strict=True)}
    rows = [row + _derived(row, found[place], said_of.get(place, ())) for place, row in enumerate(plays)]
    return Foreseen(rows, places)


def _said_ends(rows: Iterable[Row]) -> tuple[_Ends, set[str]]:
    """The first end of each named play, and the stations of which ends without a name are said."""
    said: defaultdict[tuple[str, str], list[_End]] = defaultdict(list)
    unclear = set()
    for row in rows:
        station, play_id, at, had_errors, message = _end(row)
        if play_id is None:
            unclear.add(station)
        else:
            said[station, play_id].append(_End(at, "event", had_errors, message))
    return {key: min(found, key=_first_and_worst) for key, found in said.items()}, unclear


def _first_and_worst(end: _End) -> tuple[datetime, bool, bool, str]:
    return end.at, not end.had_errors, end.message is None, end.message or ""


def _timelines(plays: Sequence[Row], named: _Ends, unclear: set[str], thresholds: Thresholds) -> dict[str, _Timeline]:
    in_order = sorted(range(len(plays)), key=lambda place: _in_time(plays[place]))
    timelines = {}
    for station, group in groupby(in_order, lambda place: _station_of(plays[place])):
        places = list(group)
        rows = [plays[place] for place in places]
        starts: list[datetime] = [row[_STARTED] for row in rows]
        following: Iterable[datetime | None] = [None] * len(rows) if station in unclear else [*starts[1:], None]
        ends = [_end_of(row, at, named, thresholds) for row, at in zip(rows, following, strict=True)]
        timelines[station] = _Timeline(places, starts, ends)
    return timelines


def _end_of(row: Row, next_start: datetime | None, named: _Ends, thresholds: Thresholds) -> _End | None:
    started_at: datetime = row[_STARTED]
    if row[_PLAY_ID] is not None and (said := named.get((row[_STATION], row[_PLAY_ID]))):
        # An id that is no UUID may be a counter that began again: whose end it is, all starts of it tell.
        return None if "@" in row[_PLAY_KEY] else said._replace(at=max(said.at, started_at))
    if next_start is None:
        return None
    expected = row[_EXPECTED]
    most = thresholds.max_open_seconds if expected is None else expected + thresholds.gap_seconds
    if not (next_start - started_at).total_seconds() <= most:
        return None
    return _End(next_start, "next_track", had_errors=False, message=None)


def _play_of(
    error: Row, plays: Sequence[Row], timelines: Mapping[str, _Timeline], by_play_id: Mapping[tuple[str, str], int],
    thresholds: Thresholds,
) -> int | None:  # fmt: skip
    """The place of the play that an error names, or during which it happened."""
    station, at, play_id, time_quality = _error(error)
    if play_id is not None:
        return by_play_id.get((station, play_id))
    line = timelines.get(station)
    if line is None or time_quality in ("estimated", "unknown") or (last := bisect_right(line.starts, at) - 1) < 0:
        return None
    place, end = line.places[last], line.ends[last]
    if end is not None:
        return place if at <= end.at else None
    if last + 1 < len(line.places):
        return None
    most = max(plays[place][_EXPECTED] or 0.0, thresholds.max_open_seconds)
    return place if (at - line.starts[last]).total_seconds() <= most else None


def _derived(row: Row, end: _End | None, errors: Sequence[Row]) -> Row:
    counted = [said for said in map(_counted, errors) if said[0] in ("error", "critical") and not said[1]]
    count = min(sum(occurrences for _, _, occurrences, _, _ in counted), MOST_ERRORS)
    first = min(((at, message) for *_, at, message in counted), default=(None, None))[1]
    if end is None:
        return (None, None, None, False, None, bool(counted), count, first)
    length_seconds = (end.at - row[_STARTED]).total_seconds()
    message = first if end.message is None else end.message
    had_errors = end.had_errors or bool(counted)
    return (end.at, end.by, length_seconds, end.had_errors, end.message, had_errors, count, message)
