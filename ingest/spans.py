"""Times as few closed intervals, so that one wrong date does not make years be looked at again. Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TypeAlias

Span: TypeAlias = tuple[datetime, datetime]

# Times of one station further apart than this are looked at separately by the bookkeeper.
CLUSTER_GAP = timedelta(hours=1)


def clusters(times: list[datetime]) -> list[Span]:
    """The spans of some times, at least one; sorts them. None reaches over more than an hour without any."""
    times.sort()
    first = last = times[0]
    if times[-1] - first <= CLUSTER_GAP:
        return [(first, times[-1])]
    found = []
    for at in times:
        if at - last > CLUSTER_GAP:
            found.append((first, last))
            first = at
        last = at
    found.append((first, last))
    return found


def joined(spans: Iterable[Span]) -> list[Span]:
    """Spans, those that overlap or lie less than an hour apart as one; sorted."""
    found: list[Span] = []
    for first, last in sorted(spans):
        if found and first - found[-1][1] <= CLUSTER_GAP:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found
