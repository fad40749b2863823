"""Microstructure in batch equals what views say one by one, and the published rules of trade signs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from market_rows import MS, make_tape, streams, two_sided

from nowake.core.tape import END, Book, Row, row_code
from nowake.market.microstructure.touch import (
    depth_within,
    imbalance,
    microprice_units,
    spread_bps,
    spread_units,
    touches,
)
from nowake.market.microstructure.trades import lee_ready, native_sign, prints, quote_rule, tick_test
from nowake.market.microstructure.volatility import realised_variance
from nowake.market.own import OwnMarket


@given(rows=streams(max_rows=60))
def test_batch_equals_the_views(rows: list[tuple[int, int, int, int]]) -> None:
    tape = make_tape(rows)
    touch = touches(tape, 5)
    sizes = imbalance(touch.bid_qty, touch.ask_qty)
    micro = microprice_units(touch.bid_units, touch.ask_units, touch.bid_qty, touch.ask_qty)
    spread = spread_units(touch.bid_units, touch.ask_units)
    for i, row in enumerate(touch.row.tolist()):
        last_of_its_time = row + 1 == len(tape) or tape.t_event[row + 1] > tape.t_event[row]
        if not last_of_its_time:
            continue
        t = int(touch.t_ns[i])
        market = OwnMarket(tape, 5)
        market.advance(t)
        view = market.view(t)
        touched = tuple(int(column[i]) for column in touch[2:6])
        assert touched == (view.bid_units, view.ask_units, view.bid_qty, view.ask_qty)
        assert (spread[i], sizes[i]) == (view.spread_units, pytest.approx(view.imbalance))
        if view.mid2:
            assert micro[i] == pytest.approx(view.microprice_units)
            assert spread_bps(touch.bid_units, touch.ask_units)[i] == pytest.approx(2e4 * view.spread_units / view.mid2)
        assert touch.flags[i] == view.integrity


@given(rows=streams(max_rows=60, odd=False))
def test_realised_variance_equals_the_views(rows: list[tuple[int, int, int, int]]) -> None:
    # The batch form starts its grid at the first complete message, the view at the first row.
    rows = [(0, row_code(Row.SET, Book.BID, END), 1, 1), *rows]
    tape = make_tape(rows)
    t = int(tape.t_local()[-1]) + 35_000 * MS
    market = OwnMarket(tape)
    market.advance(t)
    view = market.view(t)
    variance, covered = realised_variance(touches(tape), t)
    assert variance == pytest.approx(view.realised_var, rel=1e-9, abs=1e-18)
    assert covered == view.realised_ns


def test_depth_counts_levels_by_their_distance() -> None:
    levels = [(9_999, 5), (9_990, 7), (9_000, 100)]
    assert [depth_within(levels, 20_000, bps) for bps in (0, 1, 10, 9.9, 1_000)] == [0, 5, 12, 5, 112]


def test_signs() -> None:
    code = np.array([row_code(kind, side) for kind in (Row.TRADE, Row.FILL) for side in Book], dtype=np.int64)
    assert native_sign(code).tolist() == [0, 1, -1, 0, -1, 1]
    price = np.array([101, 99, 100, 100, 100, 102])
    bid, ask = np.array([99, 99, 99, 99, 0, 99]), np.array([101, 101, 101, 101, 101, 101])
    assert quote_rule(price, bid, ask).tolist() == [1, -1, 0, 0, 0, 1]
    assert tick_test(price).tolist() == [0, -1, 1, 1, 1, 1]
    assert lee_ready(price, bid, ask).tolist() == [1, -1, 1, 1, 1, 1]
    none = np.array([], dtype=np.int64)
    assert lee_ready(none, none, none).tolist() == []


def test_a_print_meets_the_quotes_before_its_message() -> None:
    rows = [
        (0, row_code(Row.TRADE, Book.BID, END), 10_000, 1),
        *two_sided(1),
        (2, row_code(Row.SET, Book.ASK), 10_001, 0),
        (2, row_code(Row.TRADE, Book.BID, END), 10_001, 100),
    ]
    tape = make_tape(rows)
    found = prints(tape, touches(tape))
    assert (found.bid_units.tolist(), found.ask_units.tolist()) == ([0, 9_999], [0, 10_001])
    assert (found.row.tolist(), found.sign.tolist(), found.qty.tolist()) == ([0, 8], [1, 1], [1, 100])
