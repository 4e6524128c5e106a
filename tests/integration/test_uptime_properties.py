"""Playout uptime of random histories: equal to a recount second by second, and what must always hold."""

import random
from collections.abc import Iterator

import pytest
from fix_postgres import Database
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from station_kit import Station
from uptime_kit import START, Asker, at, fill

from reports.uptime import Seconds

slow_examples = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture
def read(database: Database) -> Iterator[Asker]:
    asker = Asker(database)
    yield asker
    asker.close()


HORIZON = 3600
spans = st.tuples(st.integers(-300, HORIZON + 60), st.integers(1, 900)).map(lambda pair: (pair[0], sum(pair)))
moments = st.integers(-200, HORIZON + 200)


def planted(plays: list[tuple[int, int]], lines: list[int], planned: list[tuple[int, int]]) -> Station:
    station = Station()
    for start, end in plays:
        station.play(at(0, start), at(0, end))
    for line in lines:
        station.metric(at(0, line), "cpu_percent", 1)
    for start, end in planned:
        station.maintenance(at(0, start), at(0, end))
    return station


def recounted(
    plays: list[tuple[int, int]], lines: list[int], planned: list[tuple[int, int]]
) -> tuple[dict[str, int], int]:
    """Second by second, as docs/uptime.md says it; gives the seconds of each state and the number of outages."""
    first = max(0, min(start for start, _ in plays))
    evidence = [*lines, *(start for start, _ in plays)]
    state: list[str] = []
    for second in range(first, HORIZON):
        if any(a <= second < b for a, b in planned):
            state.append("maintenance")
        elif any(a <= second < b for a, b in plays):
            state.append("up")
        else:
            state.append("down" if any(e - 120 <= second < e + 120 for e in evidence) else "unknown")
    index = 0
    while index < len(state):
        end = index
        while end < len(state) and state[end] == state[index]:
            end += 1
        if state[index] == "down" and end - index <= 10:
            state[index:end] = ["up"] * (end - index)
        index = end
    outages, on_air = 0, 60
    for name in state:
        if name == "down":
            outages += on_air >= 60
            on_air = 0
        on_air += name == "up"
    return {name: state.count(name) for name in ("up", "down", "unknown", "maintenance")}, outages


@slow_examples
@given(
    plays=st.lists(spans, min_size=1, max_size=10), lines=st.lists(moments, max_size=12),
    planned=st.lists(spans, max_size=2),
)  # fmt: skip
def test_equals_a_recount_second_by_second(
    database: Database, read: Asker, plays: list[tuple[int, int]], lines: list[int], planned: list[tuple[int, int]]
) -> None:
    plays.append((HORIZON + 3000, HORIZON + 3001))  # so that the last one in the window is not the running one
    fill(database, planted(plays, lines, planned))
    uptime = read(START, at(0, HORIZON), now=at(0, 2 * HORIZON))
    seconds, outages = recounted(plays, lines, planned)
    assert uptime.total == Seconds(**{name: float(value) for name, value in seconds.items()})
    assert len(uptime.outages) == outages
    assert 0 <= uptime.total.uptime_percent <= 100
    assert 0 <= uptime.total.coverage_percent <= 100


@slow_examples
@given(plays=st.lists(spans, min_size=1, max_size=8), extra=st.data(), seed=st.integers(0, 9))
def test_order_duplicates_and_overlaps_never_lower_uptime(
    database: Database, read: Asker, plays: list[tuple[int, int]], extra: st.DataObject, seed: int
) -> None:
    lines = list(range(-200, HORIZON + 200, 60))
    fill(database, planted(plays, lines, []))
    before = read(START, at(0, HORIZON), now=at(0, 2 * HORIZON))

    shuffled = plays + extra.draw(st.lists(st.sampled_from(plays), max_size=3))
    random.Random(seed).shuffle(shuffled)
    fill(database, planted(shuffled, lines, []))
    assert read(START, at(0, HORIZON), now=at(0, 2 * HORIZON)) == before

    inside = extra.draw(st.sampled_from(plays))
    start = extra.draw(st.integers(*inside))
    overlapping = (start, start + extra.draw(st.integers(1, 900)))
    fill(database, planted([*plays, overlapping], lines, []))
    assert read(START, at(0, HORIZON), now=at(0, 2 * HORIZON)).total.uptime_percent >= before.total.uptime_percent


@slow_examples
@given(plays=st.lists(spans, min_size=1, max_size=8), cut=st.integers(1, HORIZON - 1))
def test_parts_sum_up_to_the_whole(database: Database, read: Asker, plays: list[tuple[int, int]], cut: int) -> None:
    """Days, spans, and two windows side by side (but for a gap that the cut makes short enough to be bridged)."""
    fill(database, planted(plays, list(range(-200, HORIZON + 200, 60)), []))
    whole = read(START, at(0, HORIZON), now=at(0, 2 * HORIZON), zone="Asia/Kathmandu")
    assert sum(whole.by_day.values(), Seconds()) == whole.total
    by_state = {
        state: sum((span.end - span.start).total_seconds() for span in whole.spans if span.state == state)
        for state in ("up", "down")
    }
    assert by_state == {"up": whole.total.up, "down": whole.total.down}
    assert sum(outage.down_seconds for outage in whole.outages) == whole.total.down
    parts = read(START, at(0, cut), now=at(0, 2 * HORIZON)).total + read(at(0, cut), at(0, HORIZON)).total
    assert parts.service == whole.total.service
    assert abs(parts.down - whole.total.down) <= 20
    if whole.outage_count and not any(outage.continued for outage in whole.outages):
        mtbf, mttr = whole.mean_time_between_failures_seconds, whole.mean_time_to_repair_seconds
        assert mtbf / (mtbf + mttr) == pytest.approx(whole.total.uptime_percent / 100)
