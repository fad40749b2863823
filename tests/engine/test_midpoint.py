"""The tactic of a dark venue: a cap beyond the mid, inside the collars, never over the limit, seldom moved."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from nowake.core.child import OrderType, TimeInForce
from nowake.core.order import Side
from nowake.core.view import Integrity, View
from nowake.engine.tactics import TACTICS, Intent, Situation
from nowake.plan.cost import TAKES
from nowake.plan.strategy import TACTIC_WORDS
from nowake.sim.dark import dark_listing
from nowake.sim.synthetic import LISTING

DARK = dark_listing(LISTING)


def intent(mid: int, side: Side, limit: int | None = None, least: int = 0) -> Intent:
    view = View(
        listing=DARK.key,
        t_ns=10,
        bid_units=mid - 1,
        ask_units=mid + 1,
        bid_qty=0,
        ask_qty=0,
        integrity=Integrity.OK,
        row=0,
    )
    return TACTICS["midpoint"](
        Situation(
            side=side, listing=DARK, view=view, qty_units=100, release_ns=0, end_ns=10**9, last=True, drops_rest=True,
            must=False, urgency=0.5, limit_units=limit, collar=0.005, min_fill_units=least,
        )
    )  # fmt: skip


@settings(deadline=None)
@given(st.integers(1_000, 10**7), st.sampled_from(list(Side)), st.one_of(st.none(), st.integers(900, 10**7)))
def test_the_cap_is_a_quarter_of_a_percent_to_one_beyond_the_mid_or_the_limit(
    mid: int, side: Side, limit: int | None
) -> None:
    made = intent(mid, side, limit)
    beyond = (made.price_units - mid) * int(side) / mid
    assert (made.order_type, made.tif) == (OrderType.LIMIT, TimeInForce.GTC)
    assert beyond < 0.0121  # inside the gate's 2 %, whole units of a small price included
    if limit is None:
        assert beyond >= 0.0024
    else:
        assert (limit - made.price_units) * int(side) >= 0
    assert made.price_units % DARK.tick_units(made.price_units) == 0


def test_the_cap_stays_while_the_mid_moves_by_ticks() -> None:
    assert len({intent(mid, Side.BUY).price_units for mid in range(9_984, 10_016)}) == 1
    assert len({intent(mid, Side.BUY).price_units for mid in range(6_000_000, 6_060_000)}) <= 5  # 1 %
    assert intent(10_000, Side.BUY).price_units == 10_048  # (312 + 2) x 32
    assert intent(10_000, Side.SELL).price_units == 9_952
    assert intent(10_000, Side.BUY, least=40).min_units == 40


def test_the_planner_knows_every_tactic_of_the_engine() -> None:
    assert set(TACTIC_WORDS) == set(TACTICS)
    assert set(TAKES) <= set(TACTICS)
