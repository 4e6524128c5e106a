"""Spans of time: what arguments mean, and calendar days."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.window import RangeError, Window, local_date, local_day, parse_moment, resolve, zone_named

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def test_days_are_counted_back_from_now() -> None:
    assert resolve(7, NOW) == Window(NOW - timedelta(days=7), NOW)
    assert resolve(0.5, NOW).seconds == 43_200
    assert resolve(7, NOW).before == Window(NOW - timedelta(days=14), NOW - timedelta(days=7))


def test_start_and_end() -> None:
    assert resolve(7, NOW, start=date(2026, 11, 20), zone=BERLIN) == Window(datetime(2026, 11, 19, 23, tzinfo=UTC), NOW)
    assert resolve(2, NOW, end=date(2026, 11, 20)).start == datetime(2026, 11, 18, tzinfo=UTC)
    naive = datetime(2026, 11, 20, 6)  # noqa: DTZ001 (as typer gives it)
    assert resolve(7, NOW, start=naive, zone=BERLIN).start == datetime(2026, 11, 20, 5, tzinfo=UTC)


@pytest.mark.parametrize("days", [0, -1, 36_526, float("nan"), float("inf"), 10**400])
def test_absurd_days(days: float) -> None:
    with pytest.raises(RangeError, match="days must be"):
        resolve(days, NOW)


def test_start_not_before_end() -> None:
    for start in (NOW, NOW + timedelta(seconds=1)):
        with pytest.raises(RangeError, match="must be before the end"):
            resolve(7, NOW, start=start, end=NOW)


def test_a_start_in_the_future() -> None:
    with pytest.raises(RangeError, match="is in the future"):
        resolve(7, NOW, start=NOW + timedelta(days=1))


@pytest.mark.parametrize(
    "value", [date(1, 1, 1), date(1969, 1, 1), datetime(9999, 12, 31, tzinfo=UTC), date(2202, 1, 1)]
)
def test_years_that_no_log_has(value: date) -> None:
    with pytest.raises(RangeError, match="of the years 1970 to 2200"):
        resolve(7, NOW, start=value, zone=BERLIN)
    with pytest.raises(RangeError, match="of the years 1970 to 2200"):
        resolve(7, NOW, end=value, zone=BERLIN)


def test_what_is_no_date_at_all() -> None:
    with pytest.raises(RangeError, match="a date or time is needed, not str"):
        resolve(7, NOW, start="2026-11-20")  # type: ignore[arg-type]


@given(
    st.dates(date(1970, 1, 1), date(2200, 12, 31)), st.floats(0.001, 36_525),
    st.sampled_from(["UTC", "Pacific/Kiritimati", "America/Los_Angeles"]),
)  # fmt: skip
def test_a_window_can_be_asked_for_again(day: date, days: float, name: str) -> None:
    """A report asks for its window's parts by start and end, and for the window before."""
    zone = ZoneInfo(name)
    for window in (
        local_day(day, zone),
        resolve(days, NOW),
        resolve(7, NOW, start=day, end=day + timedelta(days=1), zone=zone),
    ):
        if window.start < window.end:
            assert resolve(7, NOW, start=window.start, end=window.end) == window
            assert window.before.seconds == window.seconds


def test_texts() -> None:
    assert parse_moment("2026-11-24") == datetime(2026, 11, 24)  # noqa: DTZ001 (its zone is the station's)
    assert parse_moment(" 2026-11-24T06:00:00Z ") == datetime(2026, 11, 24, 6, tzinfo=UTC)
    assert parse_moment("2026-11-24T06:00+01:00") == datetime(2026, 11, 24, 5, tzinfo=UTC)
    for text in ("", "yesterday", "2026-13-01", "0001-01-01", "9999-12-31T23:59:59Z"):
        with pytest.raises(RangeError):
            parse_moment(text)


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 6, 1), 24)])
def test_local_days(day: date, hours: int) -> None:
    assert local_day(day, BERLIN).seconds == hours * 3600


@given(
    st.dates(date(1990, 1, 1), date(2036, 1, 1)),
    st.sampled_from(["Asia/Kathmandu", "America/St_Johns", "Pacific/Kiritimati"]),
)
def test_every_moment_of_a_day_belongs_to_it(day: date, name: str) -> None:
    zone = ZoneInfo(name)
    window = local_day(day, zone)
    if window.start < window.end:  # some zones skipped a whole day once
        assert local_date(window.start, zone) == day
        assert local_date(window.end - timedelta(microseconds=1), zone) == day


def test_unknown_zone_is_utc() -> None:
    assert zone_named("Mars/Olympus").key == "UTC"
    assert zone_named("").key == "UTC"
