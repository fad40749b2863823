"""Order types of the simulated venue, by hand: what each means when one print, one level or one touch moves.

The book is that of ``two_sided``: 100 at MID - 1, - 2, - 3 and MID + 1, + 2, + 3.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from market_rows import MID, MS, START_NS, make_tape, streams, two_sided
from sim_orders import child
from test_match_l2 import BUY_HITS, SELL_HITS, Driver, filled, level, run_rows, trade

from nowake.core.child import ChildOrder, ChildStatus, Peg, TimeInForce
from nowake.core.errors import InputError
from nowake.core.order import Side
from nowake.core.tape import END, HIDDEN, Book, Row, row_code
from nowake.core.value import from_msgpack, to_msgpack
from nowake.market import book as bk

BID, ASK = Book.BID, Book.ASK


# Fill or kill.


@pytest.mark.parametrize(
    ("qty", "price", "got"),
    [(100, MID + 1, 100), (101, MID + 1, 0), (300, MID + 3, 300), (301, MID + 3, 0), (250, MID + 2, 0), (5, MID, 0)],
)
def test_fill_or_kill_is_all_or_nothing_by_what_is_seen(qty: int, price: int, got: int) -> None:
    driver = run_rows([])
    said = driver.submit(child("f", Side.BUY, qty, price, tif="fok"), START_NS)
    assert (said[0], said[-1]) == ("acked", "filled" if got else "ended")
    assert sum(fill[1] for fill in driver.fills) == got
    status = driver.venue.truth()[0]
    assert (status.live, status.status) == (False, ChildStatus.FILLED if got else ChildStatus.EXPIRED)


def test_fill_or_kill_sees_what_we_took_before() -> None:
    driver = Driver(make_tape(two_sided()), impact="ledger")
    for i in range(6):
        driver.row(i)
    driver.submit(child("a", Side.BUY, 40, kind="market"), START_NS)
    driver.submit(child("b", Side.BUY, 61, MID + 1, tif="fok"), START_NS)
    driver.submit(child("c", Side.BUY, 60, MID + 1, tif="fok"), START_NS)
    assert filled(driver) == [("a", 40, MID + 1), ("c", 60, MID + 1)]


# Hidden.


HIDDEN_BUY = child("h", Side.BUY, 30, MID - 1, display=0)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([trade(1, SELL_HITS, MID - 1, 100)], []),  # the displayed 100
        ([trade(1, SELL_HITS, MID - 1, 110)], [("h", 10, MID - 1)]),  # what goes beyond
        # What is displayed later stands before it all the same: a plain order would have 10 of this.
        ([level(1, BID, MID - 1, 900), trade(2, SELL_HITS, MID - 1, 110)], []),
        ([level(1, BID, MID - 1, 900), trade(2, SELL_HITS, MID - 1, 910)], [("h", 10, MID - 1)]),
        ([trade(1, SELL_HITS, MID - 1, 60), trade(2, SELL_HITS, MID - 1, 60)], [("h", 20, MID - 1)]),
        ([trade(1, SELL_HITS, MID - 1, 60), level(2, BID, MID - 1, 40), trade(3, SELL_HITS, MID - 1, 45)],
         [("h", 5, MID - 1)]),
        ([trade(1, SELL_HITS, MID - 1, 7, HIDDEN)], [("h", 7, MID - 1)]),  # a hidden print there
        ([trade(1, SELL_HITS, MID - 2, 5)], [("h", 5, MID - 1)]),  # through it
        ([level(1, ASK, MID - 1, 9)], [("h", 9, MID - 1)]),  # the ask comes to it
        ([trade(1, BUY_HITS, MID - 1, 500)], []),
        ([(1, row_code(Row.FILL, BID, END), MID - 1, 100)], []),
    ],
)  # fmt: skip
def test_a_hidden_order_stands_behind_all_that_is_displayed(
    rows: list[tuple[int, int, int, int]], expected: list[tuple[str, int, int]]
) -> None:
    assert filled(run_rows(rows, HIDDEN_BUY)) == expected


def test_a_hidden_order_stands_before_later_hidden_ones_and_behind_later_displayed_ones() -> None:
    later = child("later", Side.BUY, 30, MID - 1, display=0)
    plain = child("plain", Side.BUY, 30, MID - 1)
    driver = run_rows([trade(1, SELL_HITS, MID - 1, 170)], HIDDEN_BUY, later, plain)
    assert filled(driver) == [("plain", 30, MID - 1), ("h", 30, MID - 1), ("later", 10, MID - 1)]


def test_a_better_hidden_price_comes_first() -> None:
    inside = child("inside", Side.BUY, 30, MID, display=0)
    driver = run_rows([trade(1, SELL_HITS, MID - 1, 40)], child("plain", Side.BUY, 9, MID - 1), inside)
    assert filled(driver) == [("inside", 30, MID)]


# Icebergs.


ICEBERG = child("i", Side.BUY, 50, MID - 1, display=20)


@pytest.mark.parametrize(
    ("refresh_ms", "rows", "expected"),
    [
        (0, [trade(1, SELL_HITS, MID - 1, 110)], [10]),
        # One print: the displayed 100 and 20, then the reserve.
        (0, [trade(1, SELL_HITS, MID - 1, 125)], [20, 5]),
        (0, [trade(1, SELL_HITS, MID - 1, 500)], [20, 30]),
        # 50 joined behind the shown 20: the print ends it, and the next part stands behind those 50.
        (0, [level(1, BID, MID - 1, 150), trade(2, SELL_HITS, MID - 1, 120), trade(3, SELL_HITS, MID - 1, 50)], [20]),
        (0, [level(1, BID, MID - 1, 150), trade(2, SELL_HITS, MID - 1, 120), trade(3, SELL_HITS, MID - 1, 56)],
         [20, 6]),
        # The part shown at 2 ms has its place: what joins at 3 ms joins behind it, but before a reserve.
        (0, [trade(2, SELL_HITS, MID - 1, 120), level(3, BID, MID - 1, 0), level(4, BID, MID - 1, 80),
             trade(5, SELL_HITS, MID - 1, 15)], [20, 15]),
        (10, [trade(2, SELL_HITS, MID - 1, 120), level(3, BID, MID - 1, 0), level(4, BID, MID - 1, 80),
              trade(5, SELL_HITS, MID - 1, 15)], [20]),
        # 12 ms: shown, behind the 65 that the print left of the 80.
        (10, [trade(2, SELL_HITS, MID - 1, 120), level(3, BID, MID - 1, 0), level(4, BID, MID - 1, 80),
              trade(5, SELL_HITS, MID - 1, 15), trade(12, SELL_HITS, MID - 1, 68)], [20, 3]),
        # Not yet shown, the reserve still gets what goes beyond everything displayed.
        (10, [trade(2, SELL_HITS, MID - 1, 120), level(3, BID, MID - 1, 0), level(4, BID, MID - 1, 80),
              trade(5, SELL_HITS, MID - 1, 82)], [20, 2]),
        (0, [trade(1, SELL_HITS, MID - 2, 500)], [20, 30]),
        (0, [level(1, ASK, MID - 1, 45)], [20, 25]),
    ],
)  # fmt: skip
def test_an_iceberg_shows_part_after_part_at_the_back_of_the_queue(
    refresh_ms: int, rows: list[tuple[int, int, int, int]], expected: list[int]
) -> None:
    driver = run_rows(rows, ICEBERG, refresh=refresh_ms * MS)
    assert [fill[1] for fill in driver.fills] == expected
    status = driver.venue.truth()[0]
    assert (status.cum_qty, status.live) == (sum(expected), sum(expected) < 50)


def test_a_refreshed_iceberg_lets_an_order_of_the_same_price_go_first() -> None:
    plain = child("plain", Side.BUY, 30, MID - 1)
    rows = [trade(1, SELL_HITS, MID - 1, 120), level(2, BID, MID - 1, 0), trade(3, SELL_HITS, MID - 1, 40)]
    assert filled(run_rows(rows, ICEBERG, plain)) == [("i", 20, MID - 1), ("plain", 30, MID - 1), ("i", 10, MID - 1)]


def test_a_cancelled_iceberg_is_gone_with_its_reserve() -> None:
    driver = run_rows([], ICEBERG, refresh=10 * MS)
    assert [report.kind for report in driver.venue.cancel("i", START_NS)] == ["ended"]
    assert not driver.venue.has_live
    assert driver.venue.orders[:, 0].sum() == 0


# Pegs.


def touch(ms: int, bid: int, ask: int) -> list[tuple[int, int, int, int]]:
    """Return the rows of one message that puts a book with this touch in place of ``two_sided``'s."""
    rows = [(ms, row_code(Row.CLEAR, Book.NONE), 0, 0), (ms, row_code(Row.SET, BID), bid, 100)]
    return [*rows, (ms, row_code(Row.SET, ASK, END), ask, 100)]


@pytest.mark.parametrize(
    ("side", "bid", "ask", "limit", "price"),
    [
        (Side.BUY, MID - 1, MID + 3, 0, MID + 1),
        (Side.BUY, MID - 1, MID + 2, 0, MID),  # 0.5 rounds away from the other side
        (Side.SELL, MID - 1, MID + 2, 0, MID + 1),
        (Side.BUY, MID - 1, MID + 5, MID + 1, MID + 1),  # never beyond its limit
        (Side.SELL, MID - 5, MID + 1, MID - 1, MID - 1),
        (Side.BUY, MID + 2, MID + 2, 0, MID + 2),  # locked
    ],
)
def test_a_midpoint_peg_stands_at_the_mid_and_moves_with_it(
    side: Side, bid: int, ask: int, limit: int, price: int
) -> None:
    order = child("m", side, 30, limit, peg="midpoint")
    through, hit = (1, SELL_HITS) if side is Side.BUY else (MID * 2, BUY_HITS)
    driver = run_rows([*touch(1, bid, ask), trade(2, hit, through, 4)], order)
    assert filled(driver) == [("m", 4, price)]


def test_a_midpoint_peg_off_the_tick_grid() -> None:
    rows = [(0, row_code(Row.SET, BID), MID - 5, 100), (0, row_code(Row.SET, ASK, END), MID + 10, 100)]
    driver = Driver(make_tape([*rows, trade(1, SELL_HITS, MID - 5, 9)], tick=5))
    for i in (0, 1):
        driver.row(i)
    assert driver.submit(child("m", Side.BUY, 30, peg="midpoint"), START_NS) == ["acked"]
    assert driver.venue.submit(child("p", Side.BUY, 30, MID - 1, peg="midpoint"), START_NS)[0].code == "grid"
    driver.row(2)
    assert filled(driver) == [("m", 9, MID + 2)]


@pytest.mark.parametrize(
    "rows",
    [
        [level(1, ASK, MID + 1, 0), level(1, ASK, MID + 2, 0), level(1, ASK, MID + 3, 0)],  # one side empty
        [level(1, BID, MID + 2, 10)],  # crossed
    ],
)
def test_without_a_mid_a_midpoint_peg_does_not_trade_at_the_last_one(rows: list[tuple[int, int, int, int]]) -> None:
    """A stale mid fills nobody; when there is a mid again, it is that one."""
    order = child("m", Side.BUY, 30, peg="midpoint")
    back = [*touch(3, MID - 4, MID - 2), trade(4, SELL_HITS, MID - 4, 6)]
    driver = run_rows([*rows, trade(2, SELL_HITS, MID - 3, 500), *back], order)
    assert filled(driver) == [("m", 6, MID - 3)]


def test_a_stale_mid_fills_nobody() -> None:
    """The touch went down; a print between the old and the new mid passes no order."""
    order = child("m", Side.BUY, 30, peg="midpoint")
    down = touch(1, MID - 5, MID - 3)
    assert filled(run_rows([*down, trade(2, SELL_HITS, MID - 1, 50)], order)) == []
    assert filled(run_rows([*down, trade(2, SELL_HITS, MID - 5, 50)], order)) == [("m", 30, MID - 4)]
    # The quotes move one after the other in one message: the ask first makes a crossed book, which has no mid.
    ask_first = [(1, row_code(Row.SET, ASK), MID - 2, 70)]
    ask_first += [(1, row_code(Row.SET, BID), MID - 1 - i, 0) for i in range(2)]
    ask_first += [(1, row_code(Row.SET, BID, END), MID - 3, 100)]
    assert filled(run_rows(ask_first, order)) == []


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_a_mid_between_two_rows_of_a_message_fills_nobody(side: Side) -> None:
    """The touch is requoted one tick better, old quote off first: in between, the mid seems to go the other way."""
    sign = -int(side)  # of the quotes that move
    book = BID if side is Side.SELL else ASK
    rows = touch(1, MID - 3, MID + 3)
    rows += [level(2, book, MID - 9 * sign, 50)]
    rows += [(3, row_code(Row.SET, book), MID - 3 * sign, 0), level(3, book, MID - 2 * sign, 70)]
    order = child("m", side, 30, peg="midpoint")
    driver = run_rows(rows, order)
    assert filled(driver) == []
    through, hit = (1, SELL_HITS) if side is Side.BUY else (MID * 2, BUY_HITS)
    driver = run_rows([*rows, trade(4, hit, through, 4)], order)
    assert filled(driver) == [("m", 4, MID - 1 if side is Side.BUY else MID + 1)]


def test_who_improves_the_quote_past_the_mid_meets_the_peg_there() -> None:
    order = child("m", Side.BUY, 30, peg="midpoint")
    wide = touch(1, MID - 4, MID + 4)
    assert filled(run_rows([*wide, level(2, ASK, MID - 1, 12)], order)) == [("m", 12, MID)]


def test_a_primary_peg_never_goes_beyond_its_limit_and_joins_at_the_back() -> None:
    order = child("p", Side.BUY, 30, MID, peg="primary")
    resting = child("r", Side.BUY, 30, MID)
    rows = [level(1, BID, MID, 10), level(2, BID, MID, 0), *touch(3, MID + 2, MID + 3)]
    rows.append(trade(4, SELL_HITS, MID - 1, 35))
    driver = run_rows(rows, order, resting)
    assert filled(driver) == [("r", 30, MID), ("p", 5, MID)]  # it came to MID later than the order that was there


def test_a_peg_with_nothing_to_follow_and_no_limit_is_refused() -> None:
    driver = Driver(make_tape([level(0, ASK, MID, 5)]))
    driver.row(0)
    order = child("p", Side.BUY, 5, peg="primary")
    assert driver.venue.submit(order, START_NS)[0].code == "no-reference"


# What a child may say.


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("peg", {"tif": "ioc", "peg": "primary"}),
        ("display_qty_units", {"tif": "fok", "display": 0}),
        ("display_qty_units", {"display": 31}),
        ("display_qty_units", {"display": -1}),
        ("display_qty_units", {"peg": "midpoint", "display": 5}),
        ("price_units", {"price": 0}),
        ("min_qty_units", {"tif": "fok", "least": 3}),
    ],
)
def test_orders_that_mean_nothing_are_refused(field: str, values: dict[str, object]) -> None:
    with pytest.raises(InputError, match=field):
        child(**({"name": "x", "side": Side.BUY, "qty": 30, "price": MID} | values))


def test_an_ordinary_child_is_written_as_before() -> None:
    """Journals hold children: what is not used adds no byte to them, and old ones stay readable."""
    plain = child("c", Side.BUY, 30, MID)
    data = to_msgpack(plain)
    assert b"peg" not in data
    assert b"display" not in data
    assert b"min_qty_units" in data
    assert from_msgpack(data, ChildOrder) == plain
    odd = child("c", Side.BUY, 30, MID, peg="primary", display=7)
    again = from_msgpack(to_msgpack(odd), ChildOrder)
    assert (again, again.peg, again.shown_qty_units, again.tif) == (odd, Peg.PRIMARY, 7, TimeInForce.GTC)


def test_display_quantities_are_whole_lots() -> None:
    driver = Driver(make_tape(two_sided(), lot_units=5))
    for i in range(6):
        driver.row(i)
    assert driver.venue.submit(child("i", Side.BUY, 30, MID - 1, display=7), START_NS)[0].code == "grid"
    assert driver.submit(child("j", Side.BUY, 30, MID - 1, display=10), START_NS) == ["acked"]


# No print is used twice.


@settings(max_examples=200)
@given(
    rows=streams(max_rows=60, reach=3),
    orders=st.lists(
        st.tuples(st.integers(1, 80), st.sampled_from(["plain", "hidden", "iceberg", "midpoint", "primary"])),
        min_size=1, max_size=6,
    ),
    sell=st.booleans(),
)  # fmt: skip
def test_all_that_rests_shares_one_print_or_one_arrival(
    rows: list[tuple[int, int, int, int]], orders: list[tuple[int, str]], sell: bool
) -> None:
    driver = Driver(make_tape(rows))
    side = Side.SELL if sell else Side.BUY
    for n, (qty, kind) in enumerate(orders):
        peg = kind if kind in ("midpoint", "primary") else "none"
        display = {"hidden": 0, "iceberg": max(qty // 3, 1)}.get(kind)
        driver.submit(child(f"o{n}", side, qty, MID - int(side) * (n % 2), peg=peg, display=display), START_NS)
    other = 0 if sell else 1
    old: dict[int, int] = {}
    for i, (_, code, _, qty) in enumerate(driver.rows):
        before = len(driver.fills)
        driver.row(i)
        got = sum(fill[1] for fill in driver.fills[before:])
        new = dict(bk.levels(driver.venue.book, other))
        arrived = max([0, *(size - old.get(key, 0) for key, size in new.items())])
        old = new
        assert got <= max(qty if code & 15 in (Row.TRADE, Row.FILL) else 0, arrived)
    for status in driver.venue.truth():
        assert status.cum_qty == sum(fill[1] for fill in driver.fills if fill[0] == status.child_id)
