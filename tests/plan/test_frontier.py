"""The frontier against plans made one by one, and what must hold along it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowake.core.instrument import Listing
from nowake.core.order import ParentOrder
from nowake.core.sessions import Session
from nowake.core.value import from_json, replace, to_json
from nowake.models.beliefs import Beliefs
from nowake.plan.frontier import Frontier, cost_frontier
from nowake.plan.planner import Progress, make_plan

BeliefsOf = Callable[..., Beliefs]
OrderOf = Callable[..., ParentOrder]
HOUR = 3600 * 10**9


def frontier_of(order: ParentOrder, beliefs: Beliefs, listing: Listing, session: Session, t0: int) -> Frontier:
    return cost_frontier(order, Progress.start(order), beliefs, listing, session, t0)


@pytest.mark.parametrize("name", ["twap", "vwap", "is", "pov"])
def test_every_point_costs_what_its_own_plan_says(
    name: str, equity: Listing, session: Session, t0: int, beliefs_of: BeliefsOf, order_of: OrderOf
) -> None:
    order, beliefs = replace(order_of(equity, 20_000, 3.0), strategy=name), beliefs_of(equity)
    found = frontier_of(order, beliefs, equity, session, t0)
    assert found.chosen is not None
    assert len(found.points) >= 3
    for one in found.points:
        if name == "pov":
            how = replace(order.parameters, participation_target=one.rate)
            asked = replace(order, parameters=how)
        else:
            asked = replace(order, end_ns=one.end_ns)
        plan = make_plan(asked, Progress.start(asked), beliefs, equity, session, t0)
        assert one.cost == plan.cost
        assert one.end_ns == plan.slices[-1].end_ns
        if name != "pov":  # which keeps to its rate, whatever whole lots make of the slices that show it
            assert one.over_cap == any(notice.code == "over-cap" for notice in plan.warnings)
        assert one.chosen == (asked == order or (name == "pov" and one.rate == 0.10))
    assert from_json(to_json(found), Frontier) == found


@given(qty=st.integers(500, 200_000), hours=st.floats(0.1, 5.5), per_day=st.sampled_from([0.0, 2e6, 2e7]))
def test_slower_is_cheaper_and_less_certain(
    qty: int,
    hours: float,
    per_day: float,
    equity: Listing,
    session: Session,
    t0: int,
    beliefs_of: BeliefsOf,
    order_of: OrderOf,
) -> None:
    order = order_of(equity, qty, hours)
    found = frontier_of(order, beliefs_of(equity, per_day=per_day), equity, session, t0)
    assert found.chosen is not None
    assert found.chosen.end_ns == order.end_ns
    assert found.points[-1].end_ns <= session.at(session.trading_day(t0), session.closes)
    for fast, slow in pairwise(found.points):
        assert slow.horizon_ns > fast.horizon_ns
        assert slow.cost.timing_risk_bps > fast.cost.timing_risk_bps
        if per_day:  # of an unknown volume the order is taken to be at its cap whatever the horizon
            assert slow.peak_participation < fast.peak_participation
            assert slow.cost.mean_bps < fast.cost.mean_bps


def test_the_shortest_horizon_is_what_the_cap_allows(
    coin: Listing, always: Session, t0: int, beliefs_of: BeliefsOf, order_of: OrderOf
) -> None:
    # 24 million a day, a million an hour: at 20 % of all volume 250,000 an hour, so a million takes four hours.
    order = order_of(coin, 1_000_000, 8.0, participation_max=0.2)
    found = frontier_of(order, beliefs_of(coin, per_day=24e6), coin, always, t0)
    assert abs(found.points[0].horizon_ns - 4 * HOUR) <= 60 * 10**9
    assert found.points[0].peak_participation == pytest.approx(0.2, abs=1e-3)
    assert found.points[-1].horizon_ns == 32 * HOUR
    assert [one.horizon_ns for one in found.points if one.chosen] == [8 * HOUR]


def test_a_rate_that_does_not_suffice_is_left_out_with_the_reason(
    equity: Listing, session: Session, t0: int, beliefs_of: BeliefsOf, order_of: OrderOf
) -> None:
    order = replace(order_of(equity, 20_000, 3.0), strategy="pov")
    found = frontier_of(order, beliefs_of(equity), equity, session, t0)
    assert [one.rate for one in found.points] == [0.15, 0.10, 0.05]
    assert [note.text.split(":")[0] for note in found.left_out] == ["1 % of volume", "2 % of volume"]
    assert "the expected volume gives about" in found.left_out[0].text


def test_without_a_price_nothing_is_priced(
    equity: Listing, session: Session, t0: int, beliefs_of: BeliefsOf, order_of: OrderOf
) -> None:
    found = frontier_of(order_of(equity, 1000), replace(beliefs_of(equity), mid2=0), equity, session, t0)
    assert found.points == ()
    assert "no price is known" in found.left_out[0].text
