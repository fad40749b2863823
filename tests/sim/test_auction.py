"""Auctions: the price against all prices tried one by one, the shares against the rules, cases by hand."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from market_rows import MID, MS, START_NS, make_tape, two_sided
from sim_orders import child, run_to_end

from nowake.core.child import ChildStatus
from nowake.core.errors import InputError
from nowake.core.inputs import Ended, Filled, Rejected
from nowake.core.order import Side
from nowake.core.sessions import Session
from nowake.core.tape import END, Book, Row, row_code
from nowake.sim.auction import Cross, Interest, indicative, inside_print, uncross
from nowake.sim.exchange import Latency, SimMarket
from nowake.sim.rules import VenueRules

ORDERS = st.lists(
    st.builds(
        Interest,
        side=st.sampled_from(list(Side)),
        qty_units=st.integers(1, 12),
        limit_units=st.one_of(st.none(), st.integers(3, 14)),
    ),
    max_size=12,
)


def brute_force(orders: list[Interest], reference: int) -> tuple[int, int, int] | None:
    """Try every price there is."""
    rows = {}
    for price in range(1, 25):
        buyers = sum(o.qty_units for o in orders if o.side == 1 and (o.limit_units is None or o.limit_units >= price))
        sellers = sum(o.qty_units for o in orders if o.side == -1 and (o.limit_units is None or o.limit_units <= price))
        rows[price] = (price, min(buyers, sellers), buyers - sellers)
    most = max(row[1] for row in rows.values())
    if most == 0:
        return None
    ours = [rows[price] for price in {o.limit_units for o in orders if o.limit_units}] or [rows[reference]]
    best = [row for row in ours if row[1] == most]
    assert best  # no price between the limits is better
    best = [row for row in best if abs(row[2]) == min(abs(row[2]) for row in best)]
    if min(row[2] for row in best) > 0:
        return max(best)
    if max(row[2] for row in best) < 0:
        return min(best)
    between = [row for row in rows.values() if min(best)[0] <= row[0] <= max(best)[0]]
    return min(between, key=lambda row: abs(row[0] - reference))


@settings(max_examples=1_000)
@given(orders=ORDERS, reference=st.integers(1, 20))
def test_the_price_is_the_best_of_all_prices(orders: list[Interest], reference: int) -> None:
    found = indicative(orders, reference)
    assert (None if found is None else tuple(found)) == brute_force(orders, reference)


@settings(max_examples=500)
@given(orders=ORDERS, reference=st.integers(1, 20))
def test_both_sides_trade_the_volume_by_priority(orders: list[Interest], reference: int) -> None:
    cross, filled = uncross(orders, reference)
    if cross is None:
        assert sum(filled) == 0
        return
    for side in Side:
        own = [i for i, one in enumerate(orders) if one.side is side]
        assert sum(filled[i] for i in own) == cross.qty_units
        for i in own:
            assert 0 <= filled[i] <= orders[i].qty_units
            assert filled[i] == 0 or orders[i].accepts(cross.price_units)
            for j in own:
                a, b = orders[i].limit_units, orders[j].limit_units
                sooner = (a is None and b is not None) or (a is not None and b is not None and side * (a - b) > 0)
                sooner = sooner or (a == b and i < j)
                assert not (sooner and filled[j] > 0) or filled[i] == orders[i].qty_units


def buy(qty: int, limit: int | None = None) -> Interest:
    return Interest(side=Side.BUY, qty_units=qty, limit_units=limit)


def sell(qty: int, limit: int | None = None) -> Interest:
    return Interest(side=Side.SELL, qty_units=qty, limit_units=limit)


@pytest.mark.parametrize(
    ("orders", "reference", "cross"),
    [
        ([buy(10, 105), sell(10, 100)], 102, Cross(102, 10, 0)),  # all of 100 to 105 are as good
        ([buy(10, 105), sell(10, 100)], 90, Cross(100, 10, 0)),
        ([buy(20, 105), sell(10, 100)], 102, Cross(105, 10, 10)),  # buyers are left over
        ([buy(10, 105), sell(20, 100)], 102, Cross(100, 10, -10)),
        ([buy(10, 103), buy(5, 101), sell(12, 100), sell(9, 102)], 101, Cross(101, 12, 3)),
        ([buy(5), sell(7)], 77, Cross(77, 5, -2)),
        ([buy(5, 99), sell(7, 100)], 77, None),
        ([], 77, None),
    ],
)
def test_by_hand(orders: list[Interest], reference: int, cross: Cross | None) -> None:
    assert indicative(orders, reference) == cross


def test_ours_trade_inside_the_recorded_print() -> None:
    orders = [buy(40, 100), buy(30), buy(50, 101), sell(25, 101), sell(25, 99), buy(9, 98)]
    # A tenth of 605 is 60 in whole lots of 5: the market order, then the better limit; the seller's limit is passed.
    assert inside_print(orders, 100, 605, 0.1, lot_units=5) == [0, 30, 30, 0, 25, 0]
    assert inside_print(orders, 100, 605, 0.0) == [0] * 6
    with pytest.raises(InputError, match="share"):
        inside_print(orders, 100, 605, 1.5)


@pytest.mark.parametrize("values", [{"qty_units": 0}, {"limit_units": 0}])
def test_interest_that_means_nothing_is_refused(values: dict[str, int]) -> None:
    with pytest.raises(InputError):
        Interest(**({"side": Side.BUY, "qty_units": 5} | values))


def clock(ms: int) -> time:
    """Return the time of day of an instant on the tape."""
    moment = datetime.fromtimestamp(START_NS // 10**9, UTC) + timedelta(milliseconds=ms)
    return moment.time()


def test_orders_at_the_close_trade_inside_the_recorded_print_and_the_rest_expires() -> None:
    """The session closes at 100 ms; the auction prints 500 at MID + 2 at 130 ms, as shows when the minute is over."""
    session = Session(name="S", opens=time(0), closes=clock(100))
    rows = [*two_sided(), (90, row_code(Row.TRADE, Book.NONE, END), MID, 900)]
    rows += [
        (120, row_code(Row.TRADE, Book.NONE, END), MID + 3, 5),
        (130, row_code(Row.TRADE, Book.NONE, END), MID + 2, 500),
    ]
    rows += [(200, row_code(Row.SET, Book.BID, END), MID - 1, 90)]
    market = SimMarket(make_tape(rows), latency=Latency(), session=session, rules=VenueRules(auction_share=0.1))
    now, _ = market.advance(START_NS + 10 * MS)
    for order in (
        child("market", Side.BUY, 30, kind="market", tif="cls"),
        child("limit", Side.BUY, 30, MID + 2, tif="cls"),
        child("passed", Side.BUY, 30, MID + 1, tif="cls"),
        child("gone", Side.BUY, 30, kind="market", tif="cls"),
        child("early", Side.BUY, 30, kind="market", tif="opg"),
        child("sell", Side.SELL, 7, MID, tif="cls"),
    ):
        market.submit(order, now)
    market.cancel("gone", now + MS)
    early = run_to_end(market, START_NS + 60_100 * MS - 1)
    assert not [event for event in early if isinstance(event, Filled)]
    events = early + run_to_end(market)
    rejected = [(event.child_id, event.code) for event in events if isinstance(event, Rejected)]
    assert rejected == [("early", "too-late")]
    fills = [event.fill for event in events if isinstance(event, Filled)]
    assert [(f.child_id, f.qty_units, f.price_units) for f in fills] == [
        ("market", 30, MID + 2), ("limit", 20, MID + 2), ("sell", 7, MID + 2),
    ]  # fmt: skip
    assert all(fill.modelled and not fill.unprinted and fill.t_venue_ns == START_NS + 60_100 * MS for fill in fills)
    ended = {event.child_id: event.status for event in events if isinstance(event, Ended)}
    assert ended == {
        "gone": ChildStatus.CANCELED, "limit": ChildStatus.EXPIRED, "passed": ChildStatus.EXPIRED,
    }  # fmt: skip


@pytest.mark.parametrize(("resting", "at_open"), [(450, 50), (480, 20), (500, 0), (600, 0)])
def test_a_print_is_never_shared_out_twice(resting: int, at_open: int) -> None:
    """An order that rests on the book, since the opening, is inside the print of the auction too."""
    session = Session(name="S", opens=clock(100), closes=time(23, 59))
    rows = [*two_sided(), (130, row_code(Row.TRADE, Book.NONE, END), MID + 2, 500)]
    rules = VenueRules(auction_share=0.2)
    market = SimMarket(make_tape(rows), latency=Latency(), session=session, rules=rules)
    now, _ = market.advance(START_NS + 10 * MS)
    market.submit(child("opens", Side.SELL, 50, MID, tif="opg"), now)
    run_to_end(market, START_NS + 110 * MS)
    market.submit(child("rests", Side.SELL, resting, MID), market.now_ns)
    fills = [event.fill for event in run_to_end(market) if isinstance(event, Filled)]
    got = {name: sum(fill.qty_units for fill in fills if fill.child_id == name) for name in ("rests", "opens")}
    assert got == {"rests": min(resting, 500), "opens": at_open}


def test_a_market_order_for_an_auction_is_in_whole_lots() -> None:
    session = Session(name="S", opens=time(0), closes=time(23, 59))
    market = SimMarket(make_tape(two_sided(), lot_units=10, min_qty_units=10), latency=Latency(), session=session)
    now, _ = market.advance(START_NS + 10 * MS)
    market.submit(child("m", Side.BUY, 35, kind="market", tif="cls"), now)
    assert [event.code for event in run_to_end(market, now + 500 * MS)] == ["grid"]


def test_a_venue_that_never_closes_has_no_auction() -> None:
    market = SimMarket(make_tape(two_sided()), latency=Latency())
    now, _ = market.advance(START_NS + 10 * MS)
    market.submit(child("m", Side.BUY, 30, kind="market", tif="cls"), now)
    assert [event.code for event in run_to_end(market)] == ["no-auction"]
