"""How a person's words become an order: times, windows, quantities; one sentence where they do not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from nowake.app.request import MarketHours, OrderRequest, covered_ns, resolve
from nowake.core.errors import InputError, Refused
from nowake.core.order import Side
from nowake.core.sessions import ALWAYS_OPEN, iso, to_ns
from nowake.core.terms import parse_terms
from nowake.core.value import replace
from nowake.data.catalogue import load_catalogue
from nowake.data.sessions import session

COIN = load_catalogue().find("BTCUSDT@binance-spot")
STOCK = load_catalogue().find("AMZN")
NIGHT = MarketHours(
    first_ns=to_ns(datetime(2024, 8, 8, 23, 54, 15, tzinfo=UTC)),
    last_ns=to_ns(datetime(2024, 8, 9, 0, 5, tzinfo=UTC)),
)
DAY = MarketHours(
    first_ns=to_ns(datetime(2012, 6, 21, 13, 30, tzinfo=UTC)), last_ns=to_ns(datetime(2012, 6, 21, 20, tzinfo=UTC))
)


def coin(**changes):
    return resolve(
        OrderRequest(**{"side": "sell", "quantity": "5", "symbol": "BTCUSDT@binance-spot", "over": "4m"} | changes),
        COIN,
        ALWAYS_OPEN,
        NIGHT,
        "key",
    )


def stock(**changes):
    values = {"side": "buy", "quantity": "100", "symbol": "AMZN", "start": "10:00", "over": "1h"} | changes
    return resolve(OrderRequest(**values), STOCK, session("XNAS"), DAY, "key")


def test_no_start_is_the_first_valid_book():
    assert coin().start_ns == NIGHT.first_ns


@pytest.mark.parametrize(
    ("clock", "instant"), [("23:55", "2024-08-08T23:55:00Z"), ("00:00:30", "2024-08-09T00:00:30Z")]
)
def test_a_clock_time_that_a_tape_over_midnight_holds_once_is_that_time(clock, instant):
    assert iso(coin(start=clock).start_ns) == instant


def test_a_clock_time_that_fits_twice_is_refused_with_candidates_that_can_be_typed():
    two_days = replace(NIGHT, last_ns=to_ns(datetime(2024, 8, 10, tzinfo=UTC)), first_ns=NIGHT.first_ns - 10**15)
    with pytest.raises(InputError, match=r"candidates: 2024-08-08T10:00:00Z, 2024-08-09T10:00:00Z"):
        resolve(
            OrderRequest(side="buy", quantity="1", symbol="BTCUSDT@binance-spot", start="10:00", over="1h"),
            COIN,
            ALWAYS_OPEN,
            replace(two_days, first_ns=to_ns(datetime(2024, 8, 8, tzinfo=UTC))),
            "key",
        )


@pytest.mark.parametrize(
    ("start", "instant"),
    [
        ("10:00", "2012-06-21T14:00:00Z"),
        ("open+30m", "2012-06-21T14:00:00Z"),
        ("close-2h", "2012-06-21T18:00:00Z"),
        ("2012-06-21T10:00-04:00", "2012-06-21T14:00:00Z"),
    ],
)
def test_a_stock_start_is_understood_in_the_zone_of_its_session(start, instant):
    assert iso(stock(start=start).start_ns) == instant


def test_a_stated_zone_moves_clock_times_but_not_the_hours():
    assert iso(stock(start="15:00", tz="Europe/London").start_ns) == "2012-06-21T14:00:00Z"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"over": "1ns"}, "over must be at least 1s"),
        ({"start": "2012-06-21T10:00"}, r"write 2012-06-21T10:00-04:00 if it is in America/New_York, or 10:00$"),
        ({"start": "2012-06-21T10:00", "tz": "UTC"}, r"write 2012-06-21T10:00\+00:00 if it is in UTC, or 10:00$"),
        (
            {"participation": "30%", "strategy": "pov"},
            "^participation must be at most max_participation 0.15, was 0.3$",
        ),
        ({"start": "25:00"}, "a clock time such as 10:00"),
        ({"start": "15:30", "over": "2h"}, r"longest that fits from there is --over 30m"),
        ({"start": "09:00"}, "before the first valid book"),
        ({"quantity": "0,5"}, "write a decimal point"),
        ({"quantity": "0.5"}, "a multiple of 1"),
        ({"quantity": "5m-EUR"}, "a value in USD"),
        ({"limit": "223.00001"}, "limit must be a multiple of 0.0001"),
        ({"end_behaviour": "stop"}, "finish, cancel or run-on"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(change, words):
    with pytest.raises(InputError, match=words):
        stock(**change)


def test_a_limit_off_the_tick_is_rounded_to_the_safe_side():
    assert stock(limit="223.0050").parameters.limit_units == 2_230_000
    assert stock(limit="223.0050", side="sell").parameters.limit_units == 2_230_100


@pytest.mark.parametrize(
    ("clock", "instant"),
    [
        ("17:30", "2023-12-25T23:30:00Z"),  # the evening before: the trading day is the 26th
        ("23:59:59", "2023-12-26T05:59:59Z"),
        ("08:00", "2023-12-26T14:00:00Z"),
        ("open+1h", "2023-12-26T00:00:00Z"),
        ("close-30m", "2023-12-26T21:30:00Z"),
    ],
)
def test_a_clock_time_of_a_session_that_opens_the_evening_before(clock, instant):
    globex = replace(
        NIGHT,
        first_ns=to_ns(datetime(2023, 12, 25, 23, tzinfo=UTC)),
        last_ns=to_ns(datetime(2023, 12, 26, 22, tzinfo=UTC)),
    )
    request = OrderRequest(side="buy", quantity="5", symbol="ESH4", start=clock, over="1s")
    order = resolve(request, load_catalogue().find("ESH4"), session("CMES"), globex, "key")
    assert iso(order.start_ns) == instant


WEEK = MarketHours(  # Wednesday to Monday around Thanksgiving; Friday closes at 13:00
    first_ns=to_ns(datetime(2023, 11, 22, 14, 30, tzinfo=UTC)), last_ns=to_ns(datetime(2023, 11, 27, 21, tzinfo=UTC))
)


def week(**changes):
    values = {"side": "buy", "quantity": "100", "symbol": "QQQ"} | changes
    return resolve(OrderRequest(**values), STOCK, session("XNAS"), WEEK, "key")


@pytest.mark.parametrize(
    ("start", "end", "tz", "instant"),
    [
        ("2023-11-24T12:30-05:00", "close", "", "2023-11-24T18:00:00Z"),  # an early close
        ("2023-11-24T12:30-05:00", "close-5m", "", "2023-11-24T17:55:00Z"),
        ("2023-11-24T09:30-05:00", "open+30m", "", "2023-11-24T15:00:00Z"),
        ("2023-11-24T12:30-05:00", "12:45", "", "2023-11-24T17:45:00Z"),
        ("2023-11-27T12:30-05:00", "close", "", "2023-11-27T21:00:00Z"),
        ("2023-11-27T12:30-05:00", "05:30", "Asia/Tokyo", "2023-11-27T20:30:00Z"),  # after midnight there
        ("", "close", "", "2023-11-22T21:00:00Z"),
    ],
)
def test_an_end_is_of_the_session_day_of_its_start(start, end, tz, instant):
    assert iso(week(start=start, end=end, tz=tz).end_ns) == instant


def test_a_start_without_a_date_is_still_refused_on_a_tape_of_several_days():
    with pytest.raises(InputError, match="days: 2023-11-22, 2023-11-24, 2023-11-27"):
        week(start="open+30m", end="close")
    with pytest.raises(InputError, match="end must be after the start"):
        week(start="2023-11-24T12:30-05:00", end="10:00")


def test_an_end_around_the_clock_is_the_next_such_time():
    days = replace(
        NIGHT, first_ns=to_ns(datetime(2024, 8, 7, tzinfo=UTC)), last_ns=to_ns(datetime(2024, 8, 11, tzinfo=UTC))
    )
    request = OrderRequest(side="buy", quantity="1", symbol="BTCUSDT", start="2024-08-08T23:58+00:00", end="00:03")
    assert iso(resolve(request, COIN, ALWAYS_OPEN, days, "key").end_ns) == "2024-08-09T00:03:00Z"


@pytest.mark.parametrize(
    ("start", "words"),
    [
        ("2023-11-23T12:00-05:00", "from 2023-11-24T14:30:00Z to 2023-11-24T18:00:00Z"),  # a holiday
        ("2023-11-24T14:00-05:00", "from 2023-11-27T14:30:00Z to 2023-11-27T21:00:00Z"),
        ("2023-11-27T17:00-05:00", "was last open from 2023-11-27T14:30:00Z to 2023-11-27T21:00:00Z"),
    ],
)
def test_a_closed_session_names_its_hours_on_the_tape(start, words):
    with pytest.raises(Refused, match=f"XNAS is closed at .*; on this tape .*{words}"):
        week(start=start, over="30m")


@pytest.mark.parametrize(
    ("name", "last_row", "silence_s", "covered"),
    [
        ("XNAS", "2012-06-21T19:59:59.960359+00:00", 60, "2012-06-21T20:00:00Z"),
        ("XNAS", "2012-06-21T19:58:59+00:00", 60, "2012-06-21T19:58:59Z"),
        ("XNAS", "2023-11-24T17:59:30+00:00", 60, "2023-11-24T18:00:00Z"),
        ("XNAS", "2012-06-21T20:00:10+00:00", 60, "2012-06-21T20:00:10Z"),  # prints after the close
        ("CMES", "2023-12-26T21:59:59+00:00", 60, "2023-12-26T22:00:00Z"),  # opened the evening before
        ("CMES", "2023-12-27T04:59:59+00:00", 60, "2023-12-27T04:59:59Z"),
        ("24/7", "2023-12-27T23:59:59+00:00", 60, "2023-12-27T23:59:59Z"),
    ],
)
def test_a_tape_covers_the_close_that_is_within_its_normal_silence(name, last_row, silence_s, covered):
    last_ns = to_ns(datetime.fromisoformat(last_row))
    assert iso(covered_ns(session(name), last_ns, silence_s * 10**9)) == covered


@pytest.mark.parametrize(("part", "fraction"), [("", 1.0), ("30%", 0.3), ("1", 1.0)])
def test_an_i_would_price_is_for_the_whole_order_unless_a_part_is_named(part, fraction):
    listing = load_catalogue().find("AMZN")
    given = {"i_would": "223.5", "i_would_part": part}
    found = parse_terms({name: text for name, text in given.items() if text}, listing, Side.BUY)
    assert (found["i_would_units"], found["i_would_fraction"]) == (22_350 * 100, fraction)
