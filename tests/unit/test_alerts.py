"""When alerts are raised and over: states against time, without a database."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.alerts import RULES, Seen, State, decide
from logging_module.rules import ALERTS

T0 = datetime(2026, 11, 24, 10, tzinfo=UTC)


def history(alert: str, *values: float | None, step_seconds: float = 10, began_before: bool = False) -> list[str]:
    """Looks one after another; gives what was told, with the number of the look."""
    told, known = [], None
    for number, value in enumerate(values):
        now = T0 + timedelta(seconds=number * step_seconds)
        seen = Seen(alert, "radio", value, 10.0, 5.0, T0 - timedelta(hours=1) if began_before else now)
        change = decide(seen, known, now, T0)
        if change is not None:
            known = change.state
            if change.notice is not None:
                told.append(f"{number} {change.notice.title}")
    return told


def test_every_kind_has_a_rule() -> None:
    assert tuple(RULES) == ALERTS


def test_a_trouble_and_its_end_are_told_once_each() -> None:
    told = history("off_air", 0, 12, 30, 40, 0, 0, 0, 0, 0)
    assert told == ["1 radio: Off air", "6 radio: On air again"]


def test_a_flapping_value_is_one_trouble() -> None:
    assert history("off_air", 0, 12, 0, 12, 0, 12, 0, 12) == ["1 radio: Off air"]
    assert history("off_air", 0, 12, 6, 6, 6, 6, 6, 6) == ["1 radio: Off air"], "between the two limits it goes on"


def test_what_must_hold_for_a_minute_and_does_not_is_never_told() -> None:
    assert history("encoder_slow", 0, 12, 12, 12, 0, 12, 12, 12, 0) == []
    assert history("encoder_slow", 0, *[12] * 8) == ["7 radio: The encoder is too slow"]
    assert history("encoder_slow", 0, 12, 12, 12, None, 12, 12, 12, 12) == [], "a look that sees nothing interrupts"


def test_what_was_so_before_anybody_watched_is_no_news() -> None:
    assert history("off_air", 99, 99, 0, 0, 0, 0, began_before=True) == []
    assert history("off_air", 99, 99, 0, 0, 99, began_before=True) == ["4 radio: Off air"]
    assert history("file_suspended", 11) == ["0 radio: A log file is suspended"], "found now, told now"


def test_the_end_says_how_long_it_lasted() -> None:
    known = State("clearing", T0, T0 + timedelta(minutes=5))
    now = T0 + timedelta(minutes=6)
    change = decide(Seen("off_air", "radio", 0.0, 10.0, 5.0, now), known, now, T0)
    assert change is not None
    assert change.notice is not None
    assert change.notice.lines == ("It had lasted 5 min 0 s.",)
    assert change.notice.at == "2026-11-24T10:05:00+00:00"


@given(alert=st.sampled_from(ALERTS), values=st.lists(st.sampled_from([0.0, 4.0, 7.0, 12.0, None]), max_size=60))
def test_raised_and_over_alternate(alert: str, values: list[float | None]) -> None:
    told = [line.split(" ", 1)[1] for line in history(alert, *values)]
    expected = [f"radio: {RULES[alert].raised}", f"radio: {RULES[alert].over}"]
    assert told == [expected[number % 2] for number in range(len(told))]


@pytest.mark.parametrize("alert", ALERTS)
def test_looking_again_at_the_same_tells_nothing_again(alert: str) -> None:
    assert len(history(alert, 0, *[12] * 100)) == 1
    assert history(alert, *[None] * 50) == []
