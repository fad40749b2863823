"""Numbers, durations and times: exact, and one sentence for what is not one."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowake.core.errors import InputError, Refused
from nowake.core.sessions import ALWAYS_OPEN, Session, SpecialDay, iso, to_ns
from nowake.core.units import decimal, format_duration, from_units, parse_duration, round_price, to_units

UNIT = Decimal("0.00001")
NEW_YORK = Session(
    name="XNAS",
    zone="America/New_York",
    opens=time(9, 30),
    closes=time(16),
    weekdays=(0, 1, 2, 3, 4),
    closed=(date(2012, 7, 4),),
    special=(SpecialDay(day=date(2012, 7, 3), opens=time(9, 30), closes=time(13)),),
)


@given(count=st.integers(-(10**18), 10**18))
def test_units_round_trip(count):
    assert to_units("x", from_units(count, UNIT), UNIT) == count
    assert to_units("x", str(from_units(count, UNIT)), UNIT) == count


@pytest.mark.parametrize(("text", "value"), [("10k", 10_000), ("5m", 5_000_000), ("1_000", 1000), ("2.5b", 2.5e9)])
def test_numbers_with_suffixes(text, value):
    assert decimal("x", text) == Decimal(str(value))


@pytest.mark.parametrize(("text", "value"), [("1,000", 1000), ("12,345,678.5", 12345678.5), ("1,000k", 1_000_000)])
def test_commas_group_thousands(text, value):
    assert decimal("x", text) == Decimal(str(value))


@pytest.mark.parametrize(
    "bad",
    [
        "0,5",
        "1,5",
        "1,00",
        "1,0000",
        "1000,000",
        ",5",
        "1,000,00",
        "nan",
        "inf",
        "-inf",
        "1e300",
        "ten",
        "",
        "1.2.3",
        float("nan"),
        float("inf"),
        True,
    ],
)
def test_what_is_not_a_sane_number_is_refused(bad):
    with pytest.raises(InputError, match="x must be"):
        to_units("x", bad, UNIT)


@given(price=st.integers(1, 10**9), tick=st.integers(1, 1000), side=st.sampled_from([1, -1]))
def test_rounding_a_limit_never_makes_it_more_aggressive(price, tick, side):
    rounded = round_price(price, tick, side)
    assert rounded % tick == 0
    assert (price - rounded) * side >= 0
    assert abs(price - rounded) < tick


@pytest.mark.parametrize(
    ("text", "seconds"), [("30m", 1800), ("2h", 7200), ("1h30m", 5400), ("500ms", 0.5), ("8m", 480), ("1d", 86400)]
)
def test_durations(text, seconds):
    assert parse_duration("over", text) == seconds * 1e9


@given(seconds=st.integers(1, 300_000))
def test_a_written_duration_reads_back(seconds):
    assert parse_duration("over", format_duration(seconds * 10**9)) == seconds * 10**9


@pytest.mark.parametrize("bad", ["0m", "-5m", "5", "m", "", "5 minutes", "1e3s", 0, -1, "400d"])
def test_what_is_not_a_duration_is_refused(bad):
    with pytest.raises(InputError, match="over must be"):
        parse_duration("over", bad)


@given(moment=st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_instants_are_exact(moment):
    assert to_ns(moment) == (moment - datetime(1970, 1, 1, tzinfo=UTC)) // (moment.resolution) * 1000
    assert datetime.fromisoformat(iso(to_ns(moment))) == moment


def test_nanoseconds_are_printed_whole():
    assert iso(1_340_285_400_017_459_617) == "2012-06-21T13:30:00.017459617Z"


def test_a_naive_time_is_refused_with_the_remedy():
    with pytest.raises(InputError, match=r"a time with a zone.*\+00:00"):
        to_ns(datetime(2024, 1, 1))  # noqa: DTZ001


def test_hours_follow_the_zone_through_the_change_of_clocks():
    # 2012-03-11 clocks go forward in New York: the Friday before opens at 14:30 UTC, the Monday after at 13:30 UTC.
    assert iso(NEW_YORK.hours(date(2012, 3, 9))[0]) == "2012-03-09T14:30:00Z"
    assert iso(NEW_YORK.hours(date(2012, 3, 12))[0]) == "2012-03-12T13:30:00Z"


def test_weekends_holidays_and_half_days():
    assert NEW_YORK.hours(date(2012, 6, 24)) is None
    assert NEW_YORK.hours(date(2012, 7, 4)) is None
    opens, closes = NEW_YORK.hours(date(2012, 7, 3))
    assert (closes - opens) / 3.6e12 == 3.5


def test_open_is_inclusive_close_is_not():
    opens, closes = NEW_YORK.hours(date(2012, 6, 21))
    assert [NEW_YORK.is_open(t) for t in (opens - 1, opens, closes - 1, closes)] == [False, True, True, False]
    saturday = to_ns(datetime(2012, 6, 23, 12, tzinfo=ZoneInfo("America/New_York")))
    assert iso(NEW_YORK.next_open(saturday)) == "2012-06-25T13:30:00Z"
    assert NEW_YORK.next_open(opens + 5) == opens + 5


def test_around_the_clock_is_always_open():
    assert ALWAYS_OPEN.is_open(0)
    opens, closes = ALWAYS_OPEN.hours(date(2024, 8, 8))
    assert closes - opens == 86_400 * 10**9


def test_a_day_outside_the_table_is_refused():
    table = Session(name="X", valid_from=date(2020, 1, 1), valid_to=date(2020, 12, 31))
    with pytest.raises(Refused, match="knows 2020-01-01 to 2020-12-31, not 2021-01-01"):
        table.hours(date(2021, 1, 1))
