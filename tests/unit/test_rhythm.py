"""When to look: intervals, and a bound of what looking costs."""

import pytest

from ingest.rhythm import POLL_SECONDS_LEAST, POLL_SECONDS_MOST, Rhythm


def test_the_timer_sweeps_without_any_hint() -> None:
    rhythm = Rhythm(2.0)
    assert rhythm.sweep_due(0.0)
    rhythm.swept(10.0, 10.01)
    assert not rhythm.sweep_due(11.9)
    assert rhythm.pause_seconds(11.0, busy=False) == pytest.approx(1.0)
    assert rhythm.sweep_due(12.0)


def test_a_hint_sweeps_sooner_but_sweeping_leaves_time_for_reading() -> None:
    rhythm = Rhythm(60.0)
    rhythm.swept(10.0, 11.0)
    assert rhythm.wants_sweep(tree_changed=True)
    assert not rhythm.sweep_due(14.9)
    assert rhythm.pause_seconds(14.0, busy=False) == pytest.approx(1.0)
    assert rhythm.wants_sweep(tree_changed=False), "it is not forgotten"
    assert rhythm.sweep_due(15.0)
    rhythm.swept(15.0, 15.001)
    assert not rhythm.wants_sweep(tree_changed=False)


@pytest.mark.parametrize(
    ("lines", "files", "pause"),
    [
        (0, 0, POLL_SECONDS_LEAST),
        (5, 1, POLL_SECONDS_LEAST),
        (50, 1, 0.012),
        (20, 8, 0.02),
        (1000, 1, POLL_SECONDS_MOST),
    ],
)
def test_polling_rests_by_what_it_found(lines: int, files: int, pause: float) -> None:
    rhythm = Rhythm(60.0)
    rhythm.swept(0.0, 0.0)
    rhythm.polled(0, files, lines)
    assert rhythm.pause_seconds(0.0, busy=True) == pytest.approx(pause)


def test_polling_many_files_rests_though_it_finds_nothing() -> None:
    rhythm = Rhythm(60.0)
    rhythm.swept(0.0, 0.0)
    rhythm.polled(1000, 0, 0)
    assert rhythm.pause_seconds(0.0, busy=True) == pytest.approx(0.02)


def test_the_more_files_the_rarer_all_of_them_are_asked() -> None:
    rhythm = Rhythm(60.0)
    assert rhythm.scan_due(0.0, 10_000)
    assert not rhythm.scan_due(1.9, 10_000)
    assert rhythm.scan_due(2.0, 10)
    assert rhythm.scan_due(2.05, 10)


def test_changes_are_judged_twice_a_second() -> None:
    rhythm = Rhythm(60.0)
    assert rhythm.adapt_due(1.0, 3)
    assert not rhythm.adapt_due(1.4, 3)
    assert rhythm.adapt_due(1.5, 3)
    assert rhythm.take_changes() == 9
