"""Rates as people write them, and periods as their calendars have them."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_apiguard.quotas import Rate, parse_rates
from flask_apiguard.quotas.periods import PERIODS, period

BERLIN = ZoneInfo("Europe/Berlin")
# Half-hour offsets and steps, clocks that go forward at midnight, a day that was left out.
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "America/Santiago",
         "Asia/Beirut", "Pacific/Apia", "Africa/Casablanca", "Asia/Kathmandu"]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20/second", (Rate(20, 1),)),
        ("100 per 5 minutes", (Rate(100, 300),)),
        ("1000/day", (Rate(1000, 86_400),)),
        ("5 / 2 Hours", (Rate(5, 7200),)),
        ("20/second; 1000 per hour", (Rate(20, 1), Rate(1000, 3600))),
    ],
)
def test_a_rate_is_read_as_it_is_written(text: str, expected: tuple[Rate, ...]) -> None:
    assert parse_rates(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "20", "20/sec", "0/second", "-1/second", "1/month", "2 per 2 days", "1/0 seconds", ";", None, 20, "٣/second"],
)
def test_what_is_no_rate_is_refused(text: object) -> None:
    with pytest.raises(ValueError):
        parse_rates(text)


@given(st.integers(1, 10**9), st.integers(1, 86_400))
def test_a_rate_reads_back_what_it_shows(amount: int, seconds: int) -> None:
    assert parse_rates(str(Rate(amount, seconds))) == (Rate(amount, seconds),)


@given(st.sampled_from(PERIODS), st.sampled_from(ZONES), st.floats(0, 4e9), st.floats(0, 1e7))
def test_periods_cover_time_without_gap_or_overlap(per: str, zone: str, at: float, later: float) -> None:
    where = ZoneInfo(zone)
    start, end = period(per, where, at)
    assert start <= at * 1000 < end
    assert period(per, where, start / 1000) == (start, end)
    assert period(per, where, end / 1000)[0] == end
    other = period(per, where, at + later)
    assert other == (start, end) or other[0] >= end


def at(*moment: int) -> float:
    return dt.datetime(*moment, tzinfo=BERLIN).timestamp()


def hours(span: tuple[int, int]) -> float:
    return (span[1] - span[0]) / 3_600_000


def test_a_day_has_the_hours_that_the_clocks_leave_it() -> None:
    assert hours(period("day", BERLIN, at(2026, 3, 29, 12))) == 23
    assert hours(period("day", BERLIN, at(2026, 10, 25, 12))) == 25
    assert hours(period("day", BERLIN, at(2026, 7, 1, 12))) == 24


def test_a_week_begins_on_monday_and_a_month_on_its_first() -> None:
    week = period("week", BERLIN, at(2026, 11, 22, 23))
    assert week == (at(2026, 11, 16) * 1000, at(2026, 11, 23) * 1000)
    month = period("month", BERLIN, at(2026, 10, 31, 23))
    assert month == (at(2026, 10, 1) * 1000, at(2026, 11, 1) * 1000)
    assert hours(month) == 31 * 24 + 1


def test_the_hour_that_comes_twice_is_two_hours() -> None:
    first = dt.datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=0).timestamp()
    second = dt.datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1).timestamp()
    assert period("hour", BERLIN, first)[1] == period("hour", BERLIN, second)[0]


def test_hours_are_those_of_utc() -> None:
    start, end = period("hour", ZoneInfo("Asia/Kolkata"), dt.datetime(2026, 1, 1, 12, 10, tzinfo=dt.UTC).timestamp())
    assert dt.datetime.fromtimestamp(start / 1000, dt.UTC) == dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
    assert end - start == 3_600_000
