"""What an order would have got at worst and at best: by hand, against whole worlds, and around the exact queue."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from market_rows import MID, START_NS, make_tape, streams, two_sided
from sim_orders import child
from test_fifo import fair_markets, with_ids
from test_match_l2 import ASK, BID, BUY, SELL_HITS, Driver, level, run_rows, trade

from nowake.core.order import Side
from nowake.core.tape import HIDDEN, SEEDED, Row
from nowake.core.value import replace
from nowake.sim import layout as lay
from nowake.sim.exchange import Latency, SimMarket
from nowake.sim.impact import OwnImpact
from nowake.sim.queues import queue_model_of


def bounds_of(driver: Driver, name: str = "b") -> tuple[int, int, int]:
    """Return what an order is filled at worst, by the estimate, and at best, when it is cancelled now."""
    for report in driver.venue.cancel(name, START_NS + 10**9):
        if report.bounds is not None:
            return report.bounds[0], report.cum_qty, report.bounds[1]
    order = driver.venue._by_id[name]
    worst, best = order.bounds(driver.venue.fronts)
    return worst, order.cum_qty, best


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([trade(1, SELL_HITS, MID - 1, 110)], (10, 10, 10)),  # 100 ahead, nothing cancelled: certain
        ([trade(1, SELL_HITS, MID - 2, 12)], (12, 12, 12)),  # through us
        # 60 of the 100 leave: all were ahead of us, whoever they were, because nobody stood behind.
        ([level(1, BID, MID - 1, 40), trade(2, SELL_HITS, MID - 1, 50)], (10, 10, 10)),
        # 100 joined behind us, then 100 of 200 leave: at worst they were behind us, at best ahead.
        ([level(1, BID, MID - 1, 200), level(2, BID, MID - 1, 100), trade(3, SELL_HITS, MID - 1, 60)], (0, 10, 30)),
        ([level(1, ASK, MID - 1, 7)], (0, 7, 7)),  # comes to us, in no print
        ([level(1, BID, MID - 1, 0), trade(2, SELL_HITS, MID - 1, 20, HIDDEN)], (0, 20, 20)),
        ([level(1, BID, MID - 1, 90, SEEDED), trade(2, SELL_HITS, MID - 1, 95)], (5, 5, 30)),
    ],
)  # fmt: skip
def test_by_hand(rows: list[tuple[int, int, int, int]], expected: tuple[int, int, int]) -> None:
    assert bounds_of(run_rows(rows, BUY)) == expected


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (trade(2, SELL_HITS, MID - 2, 50), (0, 0, 0)),  # it stands behind 100 there, in every world
        (trade(2, SELL_HITS, MID - 2, 105), (5, 5, 5)),
        (trade(2, SELL_HITS, MID - 1, 500), (0, 0, 0)),  # as seen a tick above it
        (trade(2, SELL_HITS, MID - 3, 5), (5, 5, 5)),
        (level(2, ASK, MID - 2, 7), (0, 7, 7)),  # comes to it, in no print
    ],
)
def test_with_full_impact_all_worlds_lose_their_place_together(
    last: tuple[int, int, int, int], expected: tuple[int, int, int]
) -> None:
    """60 of the 100 before ours trade; then we buy 6, the shift is a tick, ours is last at another recorded price."""
    before = [*two_sided(), trade(1, SELL_HITS, MID - 1, 60)]
    driver = Driver(make_tape([*before, last]), impact="full", own=OwnImpact(permanent=0.001))
    for i in range(len(before) - 1):
        driver.row(i)
    driver.submit(BUY, START_NS)
    driver.row(len(before) - 1)
    driver.submit(child("m", Side.BUY, 6, kind="market"), START_NS)
    assert driver.venue.shift_units == 1
    driver.row(len(before))
    assert bounds_of(driver) == expected


def certain(rows: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
    """Leave out what the two ends see otherwise than the models do: hidden prints, levels that come into view."""
    return [row for row in rows if not row[1] & (HIDDEN | SEEDED)]


@settings(max_examples=200)
@given(
    rows=streams(max_rows=60, reach=2).map(certain),
    at=st.integers(0, 30),
    side=st.sampled_from([Side.BUY, Side.SELL]),
    away=st.integers(1, 2),
    qty=st.sampled_from([5, 60, 500]),
    model=st.sampled_from(["power-2", "log", "power-1"]),
)
def test_one_order_has_the_ends_of_two_whole_worlds(
    rows: list[tuple[int, int, int, int]], at: int, side: Side, away: int, qty: int, model: str
) -> None:
    """At worst it is what the model ``risk-averse`` fills out of prints, at best what ``optimistic`` fills."""
    worlds = {name: Driver(make_tape(rows or two_sided()), name) for name in (model, "risk-averse", "optimistic")}
    told = worlds[model]
    order = child("b", side, qty, MID - away * int(side), "post-only")
    for i in range(len(told.rows)):
        if i == at and any(world.submit(order, told.rows[i][0]) != ["acked"] for world in worlds.values()):
            return
        for world in worlds.values():
            world.row(i)
        if i < at:
            continue
        if not told.venue._by_id["b"].status.terminal:
            front = told.venue.fronts[0]
            best = worlds["optimistic"].venue
            assert qty - front[lay.F_LEFT_MIN] == sum(fill[1] for fill in worlds["optimistic"].fills)
            if best.has_live:
                assert front[lay.F_AHEAD_MIN] == best.fronts[0, lay.F_AHEAD]
            if worlds["risk-averse"].venue.has_live:
                assert front[lay.F_AHEAD_MAX] == worlds["risk-averse"].venue.fronts[0, lay.F_AHEAD]
            printed = qty - front[lay.F_LEFT_MAX]
            filled = [sum(fill[1] for fill in worlds[name].fills) for name in ("risk-averse", model, "optimistic")]
            assert printed <= filled[0] <= filled[1] <= filled[2]


@settings(max_examples=200)
@given(
    rows=fair_markets(), at=st.integers(0, 80), side=st.sampled_from([0, 1]), away=st.integers(1, 3),
    qty=st.integers(1, 40), model=st.sampled_from(["power-2", "log", "power3-3"]),
)  # fmt: skip
def test_the_exact_fill_lies_between(
    rows: list[tuple[int, int, int, int, int]], at: int, side: int, away: int, qty: int, model: str
) -> None:
    """An L3 tape, and the same with its ids taken away: as long as both rest, the truth is inside the bounds."""
    named = with_ids(make_tape([row[:4] for row in rows]), [row[4] for row in rows])
    exact, told = Driver(named, "fifo"), Driver(dataclasses.replace(named, order_id=named.order_id[:0]), model)
    at = min(at, len(rows) - 1)
    order = child("b", Side.BUY if side == 0 else Side.SELL, qty, MID + away * (-1 if side == 0 else 1), "post-only")
    for i in range(len(rows)):
        if i == at:
            exact.venue.stats[lay.V_CURSOR] = told.venue.stats[lay.V_CURSOR] = i
            if exact.submit(order, exact.rows[i][0]) != ["acked"] or told.submit(order, exact.rows[i][0]) != ["acked"]:
                return
        exact.row(i)
        told.row(i)
        if i >= at and not told.venue._by_id["b"].status.terminal:
            worst, best = told.venue._by_id["b"].bounds(told.venue.fronts)
            printed = sum(qty for _, qty, _, t, _ in exact.fills)
            assert printed <= best
            if not any(Row(row[1] & 15) is Row.ADD for row in rows[at:]):  # nobody comes to our price
                assert worst <= printed


def test_nothing_gives_more_than_the_bar_does() -> None:
    """Of bars that printed 80 and 40, 20 and 10 are to be had: at worst, by the estimate and at best."""
    rows = [
        *two_sided(),
        trade(5, SELL_HITS, MID - 2, 80),
        level(6, ASK, MID - 1, 70),
        trade(105, SELL_HITS, MID - 2, 40),
    ]
    tape = make_tape(rows)
    driver = Driver(dataclasses.replace(tape, meta=replace(tape.meta, modelled="from 100ms bars")))
    for i in range(6):
        driver.row(i)
    driver.submit(child("b", Side.BUY, 500, MID - 1, "post-only"), START_NS)
    driver.submit(child("t", Side.BUY, 7, kind="market"), START_NS)
    for i in range(6, len(rows)):
        driver.row(i)
    assert bounds_of(driver) == (13 + 10, 13 + 10, 13 + 10)


def test_at_best_a_bar_gives_all_it_has_to_a_price_that_is_not_reached_otherwise() -> None:
    rows = [*two_sided(), level(1, BID, MID - 1, 400), level(2, BID, MID - 1, 300), trade(3, SELL_HITS, MID - 1, 80)]
    tape = make_tape(rows)
    driver = Driver(dataclasses.replace(tape, meta=replace(tape.meta, modelled="from 100ms bars")))
    for i in range(len(rows)):
        if i == 6:
            driver.submit(child("b", Side.BUY, 500, MID - 1, "post-only"), START_NS)
        driver.row(i)
    worst, estimate, best = bounds_of(driver)
    assert (worst, best) == (0, 20)
    assert worst <= estimate <= best


def test_two_own_orders_never_share_a_unit_of_a_print_at_worst() -> None:
    orders = [child("first", Side.BUY, 20, MID - 1), child("second", Side.BUY, 20, MID - 1)]
    driver = run_rows([trade(1, SELL_HITS, MID - 1, 130)], *orders)
    assert bounds_of(driver, "first") == (20, 20, 20)
    assert bounds_of(driver, "second") == (10, 10, 10)


def test_a_tape_with_order_ids_is_exact_unless_something_else_is_asked_for() -> None:
    plain = make_tape(two_sided())
    named = with_ids(plain, list(range(1, len(plain) + 1)))
    assert (queue_model_of("auto", plain), queue_model_of("AUTO", named)) == ("power-2", "fifo")
    assert queue_model_of("Log", named) == "log"
    markets = {name: SimMarket(named, latency=Latency(), queue_model=name) for name in ("auto", "power-2")}
    assert {name: one.queue_model for name, one in markets.items()} == {"auto": "fifo", "power-2": "power-2"}
    assert SimMarket(plain, latency=Latency()).queue_model == "power-2"
