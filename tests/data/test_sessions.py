"""Session tables say what the calendar they were made from says, and what is known to have happened."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

import pytest

from nowake.core.errors import InputError, Refused
from nowake.core.sessions import Session, to_ns
from nowake.core.value import replace
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
    assert session_names() == ("24/7", "CMES", "XNAS", "XNYS")
    with pytest.raises(Refused, match="knows"):
        session("XNAS").hours(date(1980, 1, 2))
    with pytest.raises(InputError, match="one of 24/7, CMES, XNAS, XNYS"):
        session("XLON")


def utc(text: str) -> int:
    return to_ns(datetime.fromisoformat(text).replace(tzinfo=UTC))


# From CME's holiday notices and the clock changes of Chicago: UTC of opening and close by trading day.
GLOBEX = {
    date(2023, 12, 22): ("2023-12-21T23:00", "2023-12-22T22:00"),
    date(2023, 12, 25): None,
    date(2023, 12, 26): ("2023-12-25T23:00", "2023-12-26T22:00"),
    date(2024, 7, 2): ("2024-07-01T22:00", "2024-07-02T21:00"),
    date(2024, 7, 4): ("2024-07-03T22:00", "2024-07-04T17:00"),
    date(2024, 3, 11): ("2024-03-10T22:00", "2024-03-11T21:00"),  # Sunday evening, hours after the clock change
    date(2024, 11, 4): ("2024-11-03T23:00", "2024-11-04T22:00"),
    date(2024, 3, 10): None,
}


@pytest.mark.parametrize("day", sorted(GLOBEX))
def test_globex_opens_the_evening_before(day: date) -> None:
    hours = GLOBEX[day]
    assert session("CMES").hours(day) == (None if hours is None else (utc(hours[0]), utc(hours[1])))


def test_globex_is_open_across_midnight_and_closed_in_the_break() -> None:
    table = session("CMES")
    assert table.overnight
    assert not session("XNAS").overnight
    for text, opened, day in (
        ("2024-07-02T04:59:59", True, date(2024, 7, 2)),  # a second before midnight in Chicago
        ("2024-07-02T05:00:01", True, date(2024, 7, 2)),
        ("2024-07-02T20:59:59", True, date(2024, 7, 2)),
        ("2024-07-02T21:00:00", False, date(2024, 7, 2)),
        ("2024-07-02T22:00:00", True, date(2024, 7, 3)),
        ("2023-12-25T22:59:59", False, date(2023, 12, 25)),  # pre-opening on Christmas day
        ("2023-12-25T23:00:00", True, date(2023, 12, 26)),
        ("2024-07-06T15:00:00", False, date(2024, 7, 6)),
    ):
        assert (table.is_open(utc(text)), table.trading_day(utc(text))) == (opened, day), text
    assert table.next_open(utc("2024-07-02T21:30")) == utc("2024-07-02T22:00")
    assert table.next_open(utc("2024-07-05T21:00")) == utc("2024-07-07T22:00")


def test_the_globex_table_equals_the_calendar_but_for_the_daily_break() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exchange_calendars = pytest.importorskip("exchange_calendars")
        calendar = exchange_calendars.get_calendar("CMES", start="2006-01-01", end="2027-12-31")
    table, rows = session("CMES"), calendar.schedule
    for day, opened, closed in zip(rows.index, rows["open"], rows["close"], strict=True):
        ends = min(closed.value, table.at(day.date(), time(16)))
        assert table.hours(day.date()) == (opened.value, ends), day


def sunday_in_the_calendar(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sunday is a trading day like any other."""
    real = session
    monkeypatch.setitem(globals(), "session", lambda name: replace(real(name), weekdays=(0, 1, 2, 3, 4, 6)))


def clock_change_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """For three days after a clock change the hours are still those of the other clock, one hour off."""
    real = Session.at
    late = timedelta(days=3)
    monkeypatch.setattr(Session, "at", lambda self, day, clock: real(self, day - late, clock) + 3 * 86_400 * 10**9)


def holidays_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only weekends are closed."""
    real = session
    monkeypatch.setitem(globals(), "session", lambda name: replace(real(name), closed=()))


@pytest.mark.parametrize(
    "bug", [sunday_in_the_calendar, clock_change_missed, holidays_forgotten], ids=lambda bug: bug.__name__
)
@pytest.mark.parametrize("name", ["XNAS", "CMES"])
def test_a_planted_bug_is_caught(
    bug: Callable[[pytest.MonkeyPatch], None], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each must be noticed by days known from the exchange's own notices, without a calendar library."""
    known: dict[str, list[Callable[[], None]]] = {
        "XNAS": [lambda day=day: test_known_days("XNAS", day) for day in SPECIAL],
        "CMES": [lambda day=day: test_globex_opens_the_evening_before(day) for day in GLOBEX],
    }
    known["XNAS"].append(lambda: test_opening_follows_the_clock_change(date(2024, 3, 11), 13))
    for meaning in known[name]:
        meaning()
    bug(monkeypatch)
    failed = 0
    for meaning in known[name]:
        try:
            meaning()
        except AssertionError:
            failed += 1
    assert failed, bug.__doc__
