"""Times as log lines say them: what is understood, what is refused, and that nothing raises."""

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from parsers.events import TimeQuality
from parsers.timestamps import parse

BERLIN = ZoneInfo("Europe/Berlin")
AT = datetime(2026, 11, 24, 2, 0, 0, tzinfo=UTC)
IN_RANGE = st.datetimes(min_value=datetime(1973, 4, 1), max_value=datetime(2200, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("2026-11-24T02:00:00Z", AT),
        ("2026-11-24T02:00:00z", AT),
        ("2026-11-24t02:00:00Z", AT),
        ("2026-11-24 02:00:00Z", AT),
        ("2026/11/24 02:00:00Z", AT),
        ("2026-11-24T02:00:00+00:00", AT),
        ("2026-11-24T02:00:00-00:00", AT),
        ("2026-11-24T04:00:00+02:00", AT),
        ("2026-11-24T04:00:00+0200", AT),
        ("2026-11-24T04:00:00+02", AT),
        ("2026-11-24 04:00:00 +0200", AT),
        ("2026-11-24 02:00:00 UTC", AT),
        ("2026-11-23T20:30:00-05:30", AT),
        ("2026-11-24T16:00:00+14:00", AT),
        ("2026-11-24T02:00:00.5Z", AT.replace(microsecond=500_000)),
        ("2026-11-24T02:00:00,5Z", AT.replace(microsecond=500_000)),
        ("2026-11-24T02:00:00.123Z", AT.replace(microsecond=123_000)),
        ("2026-11-24T02:00:00.123456Z", AT.replace(microsecond=123_456)),
        ("2026-11-24T02:00:00.123456789Z", AT.replace(microsecond=123_456)),
        ("2026-11-24T02:00:00,123456789+00:00", AT.replace(microsecond=123_456)),
        ("  2026-11-24T02:00:00Z ", AT),
        ("1970-01-01T00:00:00Z", datetime(1970, 1, 1, tzinfo=UTC)),
        ("2200-12-31T23:59:59.999999Z", datetime(2200, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
        # B77, B78
        ("2016-12-31T23:59:60Z", datetime(2016, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
        ("2016-12-31T23:59:60.25Z", datetime(2016, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
        ("2017-01-01T05:29:60+05:30", datetime(2016, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
        ("2026-11-24T24:00:00Z", datetime(2026, 11, 25, tzinfo=UTC)),
        ("2026-12-31T24:00:00.000Z", datetime(2027, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_text_with_a_zone_is_exact(said: str, expected: datetime) -> None:
    at, quality = parse(said, zone=BERLIN)

    assert at == expected
    assert at is not None
    assert at.tzinfo is UTC
    assert quality is TimeQuality.EXACT


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("2026-11-24T03:00:00", AT),
        ("2026-11-24 03:00:00", AT),
        ("2026-11-24 03:00:00,123", AT.replace(microsecond=123_000)),
        ("2026-07-24 04:00:00.000001", datetime(2026, 7, 24, 2, 0, 0, 1, tzinfo=UTC)),
        # B89: 02:30 happens twice on this day; the first one is meant
        ("2026-10-25 02:30:00", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        # and never on this one: as if the clock had not been changed yet
        ("2026-03-29 02:30:00", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
    ],
)
def test_a_text_without_a_zone_is_the_stations(said: str, expected: datetime) -> None:
    assert parse(said, zone=BERLIN) == (expected, TimeQuality.ZONELESS)


@pytest.mark.parametrize(
    "said",
    [
        1_764_000_000,
        1_764_000_000.0,
        "1764000000",
        "1764000000.0",
        1_764_000_000_000,
        1_764_000_000_000.0,
        "1764000000000",
        1_764_000_000_000_000,
        "1764000000000000",
        1_764_000_000_000_000_000,
        1.764e18,
        "1764000000000000000",
    ],
)
def test_an_epoch_time_is_known_by_its_magnitude(said: object) -> None:
    assert parse(said, zone=BERLIN) == (datetime(2025, 11, 24, 16, 0, tzinfo=UTC), TimeQuality.EXACT)


def test_an_epoch_time_keeps_its_microseconds() -> None:
    expected = datetime(2025, 11, 24, 16, 0, 0, 123_456, tzinfo=UTC)

    for said in (1_764_000_000.123456, "1764000000.123456", "1764000000.123456789", 1_764_000_000_123_456_789):
        assert parse(said, zone=UTC)[0] == expected, said


@pytest.mark.parametrize(
    "said",
    [
        # B79 to B82: offsets and years that no clock has
        "2026-11-24T02:00:00+25:00",
        "2026-11-24T02:00:00+23:59:59.999",
        "2026-11-24T02:00:00+14:01",
        "2026-11-24T02:00:00-15:00",
        "2026-11-24T02:00:00+05:75",
        "0000-01-01T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+01:00",
        "2201-01-01T00:00:00Z",
        "2200-12-31T23:59:59-01:00",
        "9999-12-31T23:59:59-14:00",
        "9999-12-31T24:00:00Z",
        "99999-01-01T00:00:00Z",
        "294277-01-01T00:00:00Z",
        # B85: what PostgreSQL would take
        "now",
        "infinity",
        "-infinity",
        "epoch",
        "tomorrow",
        "today",
        # B86, B87
        10**20,
        10**500,
        7_289_654_400,  # the first second of 2201
        10**13,
        -1,
        -1.5,
        "-1764000000",
        math.nan,
        math.inf,
        -math.inf,
        1e300,
        "NaN",
        "1e9",
        "1764000000.",
        "20261124",
        True,
        False,
        # B88
        "2024-02-30T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "2024-W01-1",
        "2024-W01-1T00:00:00Z",
        "20240101T000000Z",
        "20240101T000000",
        "2024-001T00:00:00Z",
        "２０２６-11-24T02:00:00Z",  # noqa: RUF001 (fullwidth digits)
        "2026-11-24T02:00:00\u22125:00",
        "2026-11-24",
        "2026-11-24T02:00Z",
        "2026-11/24T02:00:00Z",
        "2026-11-24T25:00:00Z",
        "2026-11-24T24:00:01Z",
        "2026-11-24T02:60:00Z",
        "2026-11-24T02:00:61Z",
        "2026-11-24T12:00:60Z",
        "2026-11-24T02:00:00.Z",
        "2026-11-24T02:00:00.1234567890Z",
        "2026-11-24T02:00:00Z\n",
        "2026-11-24T02:00:00Z2026-11-24T02:00:00Z",
        "",
        " ",
        None,
        {},
        [],
        ["2026-11-24T02:00:00Z"],
        b"2026-11-24T02:00:00Z",
    ],
)
def test_what_is_no_time_is_unknown(said: object) -> None:
    assert parse(said, zone=UTC) == (None, TimeQuality.UNKNOWN)


@given(IN_RANGE)
def test_what_python_writes_is_read_back(at: datetime) -> None:
    assert parse(at.isoformat(), zone=BERLIN) == (at, TimeQuality.EXACT)
    assert parse(at.isoformat().replace("+00:00", "Z"), zone=BERLIN) == (at, TimeQuality.EXACT)


@given(IN_RANGE, st.integers(-14 * 60, 14 * 60))
def test_any_offset_says_the_same_moment(at: datetime, minutes: int) -> None:
    local = at.astimezone(timezone(timedelta(minutes=minutes)))

    assert parse(local.isoformat(), zone=BERLIN) == (at, TimeQuality.EXACT)


@given(IN_RANGE, st.sampled_from([1, 10**3, 10**6]))
def test_any_epoch_unit_says_the_same_moment(at: datetime, per_second: int) -> None:
    microseconds = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    count = microseconds * per_second // 10**6

    expected = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=count * 10**6 // per_second)
    assert parse(count, zone=BERLIN) == (expected, TimeQuality.EXACT)
    assert parse(str(count), zone=BERLIN) == (expected, TimeQuality.EXACT)


@given(
    st.one_of(
        st.text(),
        st.from_regex(r"[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}([.,][0-9]{0,9})?.{0,7}"),
        st.integers(),
        st.floats(),
        st.none(),
        st.booleans(),
        st.lists(st.integers(), max_size=2),
    )
)
@example("0001-01-01T00:00:00+14:00")
@example("9999-12-31T23:59:59.999999999-14:00")
def test_whatever_is_said_the_answer_is_utc_in_range_or_unknown(said: Any) -> None:
    at, quality = parse(said, zone=BERLIN)

    if at is None:
        assert quality is TimeQuality.UNKNOWN
    else:
        assert at.tzinfo is UTC
        assert 1970 <= at.year <= 2200
        assert quality in (TimeQuality.EXACT, TimeQuality.ZONELESS)
