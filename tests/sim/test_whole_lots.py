"""Fills are whole lots, and what no recorded print contains is added to the prints we see."""

from __future__ import annotations

import pytest
from market_rows import MS, START_NS, make_tape
from sim_orders import child, run_to_end

from nowake.core.child import Liquidity
from nowake.core.inputs import Filled
from nowake.core.order import Side
from nowake.core.tape import END, Book, Row, row_code
from nowake.sim.exchange import SimMarket
from nowake.sim.latency import Latency

SET_BID, SET_ASK = row_code(Row.SET, Book.BID), row_code(Row.SET, Book.ASK)
SELLER = row_code(Row.TRADE, Book.ASK, END)
OPENING = [(0, SET_BID, 9_999, 5), (0, SET_ASK | END, 10_001, 37)]
LATE = (900, SET_ASK | END, 10_002, 50)


def market(*rows: tuple[int, int, int, int]) -> SimMarket:
    """Return a market whose listing trades in lots of ten."""
    made = SimMarket(make_tape([*OPENING, *rows, LATE], lot_units=10), latency=Latency())
    made.advance(START_NS + 10 * MS)
    return made


def fills(made: SimMarket) -> list[tuple[int, int, Liquidity]]:
    """Return (quantity, price, liquidity) of every fill until the end."""
    events = [event.fill for event in run_to_end(made, START_NS + 1000 * MS) if isinstance(event, Filled)]
    return [(fill.qty_units, fill.price_units, fill.liquidity) for fill in events]


def test_a_print_finer_than_a_lot_fills_whole_lots_only():
    made = market((100, SELLER, 9_999, 21), (200, SELLER, 9_999, 9), (300, SELLER, 9_998, 26))
    made.submit(child("a", Side.BUY, 40, 9_999), START_NS + 10 * MS)
    # Five stand ahead: 16 of the first print reach us, the second is under a lot, the third goes through our price.
    assert fills(made) == [(10, 9_999, Liquidity.MAKER), (20, 9_999, Liquidity.MAKER)]


def test_a_level_finer_than_a_lot_gives_whole_lots_only():
    made = market()
    made.submit(child("a", Side.BUY, 50, 10_001, tif="ioc"), START_NS + 10 * MS)
    assert fills(made) == [(30, 10_001, Liquidity.TAKER)]


@pytest.mark.parametrize(
    ("row", "volume_all"),
    [
        ((100, SELLER, 9_999, 45), 45),  # inside a recorded print
        ((100, SET_ASK | END, 9_999, 40), 40),  # the other side came to our price: in the book, not in the prints
    ],
)
def test_own_volume_never_exceeds_all_volume(row, volume_all):
    made = market(row)
    made.submit(child("a", Side.BUY, 40, 9_999), START_NS + 10 * MS)
    assert fills(made) == [(40, 9_999, Liquidity.MAKER)]
    view = made.view(made.now_ns)
    assert (view.volume_own, view.volume_all) == (40, volume_all)


def test_what_we_took_is_an_added_print():
    made = market()
    made.submit(child("a", Side.BUY, 30, 10_001, tif="ioc"), START_NS + 10 * MS)
    fills(made)
    view = made.view(made.now_ns)
    assert (view.volume_own, view.volume_all, view.notional_all) == (30, 30, 30 * 10_001)
