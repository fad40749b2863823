"""Session tables say what the calendar they were made from says, and what is known to have happened."""

from __future__ import annotations

import warnings
from datetime import UTC, date, datetime, time, timedelta

import pytest

from nowake.core.errors import InputError, Refused
from nowake.core.sessions import to_ns
from nowake.data.sessions import session, session_names

DAYS = [date(1995, 1, 1) + timedelta(days=i) for i in range(0, 365 * 32, 11)]
# Known from the exchange's own notices: half days, closures without a rule, the days around both clock changes.
SPECIAL = {
    date(2012, 6, 21): (time(9, 30), time(16)),
    date(2012, 11, 23): (time(9, 30), time(13)),
    date(2013, 7, 3): (time(9, 30), time(13)),
    date(2024, 12, 24): (time(9, 30), time(13)),
    date(2001, 9, 11): None,
    date(2012, 10, 29): None,
    date(2018, 12, 5): None,
    date(2025, 1, 9): None,
    date(2024, 3, 8): (time(9, 30), time(16)),
    date(2024, 3, 11): (time(9, 30), time(16)),
    date(2024, 11, 1): (time(9, 30), time(16)),
    date(2024, 11, 4): (time(9, 30), time(16)),
    date(2024, 3, 10): None,
    date(2024, 6, 16): None,
}


@pytest.mark.parametrize("name", ["XNAS", "XNYS"])
@pytest.mark.parametrize("day", sorted(SPECIAL))
def test_known_days(name: str, day: date) -> None:
    table, hours = session(name), SPECIAL[day]
    assert table.hours(day) == (None if hours is None else (table.at(day, hours[0]), table.at(day, hours[1])))


@pytest.mark.parametrize(
    ("day", "hour"), [(date(2024, 3, 8), 14), (date(2024, 3, 11), 13), (date(2024, 11, 1), 13), (date(2024, 11, 4), 14)]
)
def test_opening_follows_the_clock_change(day: date, hour: int) -> None:
    opened = session("XNAS").hours(day)
    assert opened is not None
    assert opened[0] == to_ns(datetime(day.year, day.month, day.day, hour, 30, tzinfo=UTC))


@pytest.mark.parametrize("name", ["XNAS", "XNYS"])
def test_tables_equal_the_calendar(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exchange_calendars = pytest.importorskip("exchange_calendars")
        calendar = exchange_calendars.get_calendar(name, start="1995-01-01", end="2027-12-31")
    table = session(name)
    schedule = {
        day.date(): (opened.value, closed.value)
        for day, opened, closed in zip(
            calendar.schedule.index, calendar.schedule["open"], calendar.schedule["close"], strict=True
        )
    }
    halves = [day.date() for day in calendar.early_closes]
    assert len(halves) > 30
    for day in (*DAYS, *halves, *(d + timedelta(days=1) for d in halves)):
        assert table.hours(day) == schedule.get(day), day


def test_around_the_clock_and_unknown_days() -> None:
    assert session("24/7").is_open(1)
    assert session_names() == ("24/7", "XNAS", "XNYS")
    with pytest.raises(Refused, match="knows"):
        session("XNAS").hours(date(1980, 1, 2))
    with pytest.raises(InputError, match="one of 24/7, XNAS, XNYS"):
        session("XLON")
