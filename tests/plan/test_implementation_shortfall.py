"""Implementation shortfall layouts: sums, caps, urgency monotone in speed and risk, parameters from beliefs."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nowake.core.instrument import Listing
from nowake.core.order import EndBehaviour, ParentOrder, Side
from nowake.core.plan import ExecutionPlan
from nowake.core.sessions import Session
from nowake.core.value import replace
from nowake.models.beliefs import Beliefs, ImpactBelief
from nowake.models.impact import find_form
from nowake.plan.cost import timing_risk_bps
from nowake.plan.implementation_shortfall import IS, RISK_AVERSION, largest_trades, market_terms, trajectory
from nowake.plan.planner import Progress, make_plan
from nowake.plan.slices import interval_edges
from nowake.plan.strategies import find_strategy
from nowake.plan.strategy import Request

BeliefsOf = Callable[..., Beliefs]
OrderOf = Callable[..., ParentOrder]
RequestOf = Callable[..., Request]
PlanOf = Callable[..., ExecutionPlan]
HOUR = 3600 * 10**9


@pytest.fixture(scope="session")
def request_of(equity: Listing, beliefs_of: BeliefsOf, order_of: OrderOf) -> RequestOf:
    def make(qty: int, hours: float = 1.0, beliefs: Beliefs | None = None, **parameters: object) -> Request:
        order = replace(order_of(equity, qty, hours, **parameters), strategy="is")
        return Request(
            order=order,
            qty_units=qty,
            start_ns=order.start_ns,
            end_ns=order.end_ns,
            first_index=0,
            beliefs=beliefs or beliefs_of(equity),
            listing=equity,
            min_units=1,
        )

    return make


@pytest.fixture(scope="session")
def plan_of(equity: Listing, beliefs_of: BeliefsOf, order_of: OrderOf, session: Session, t0: int) -> PlanOf:
    def make(qty: int, hours: float = 1.0, beliefs: Beliefs | None = None, **parameters: object) -> ExecutionPlan:
        order = replace(order_of(equity, qty, hours, **parameters), strategy="is")
        return make_plan(order, Progress.start(order), beliefs or beliefs_of(equity), equity, session, t0)

    return make


def left_after(plan: ExecutionPlan, edges: list[int]) -> np.ndarray:
    """Return what the slices released before each edge leave."""
    return np.array([plan.qty_units - sum(s.qty_units for s in plan.slices if s.release_ns < t) for t in edges[1:]])


@settings(deadline=None)
@given(
    qty=st.integers(1, 100_000),
    hours=st.floats(0.1, 5),
    low=st.floats(0, 1),
    high=st.floats(0, 1),
)
def test_urgency_is_monotone_in_speed_and_in_risk(
    qty: int, hours: float, low: float, high: float, plan_of: PlanOf, equity: Listing, beliefs_of: BeliefsOf
) -> None:
    low, high = sorted((low, high))
    slow, fast = (
        plan_of(qty, hours, urgency=low, slices=min(qty, 20)),
        plan_of(qty, hours, urgency=high, slices=min(qty, 20)),
    )
    assert sum(one.qty_units for one in slow.slices) == sum(one.qty_units for one in fast.slices) == qty
    edges = interval_edges(slow.slices[0].release_ns, slow.slices[0].release_ns + round(hours * HOUR), min(qty, 20))
    assert (left_after(fast, edges) <= left_after(slow, edges) + 20).all()  # a lot for each rounding
    tactic = {"tactic": "cross"}
    risks = [
        timing_risk_bps([replace(one, **tactic) for one in plan.slices], beliefs_of(equity)) for plan in (slow, fast)
    ]
    assert risks[1] <= risks[0] * (1 + 20 / qty) + 1e-9


def test_urgency_nought_is_even_and_one_is_as_fast_as_the_cap_allows(plan_of: PlanOf) -> None:
    even = [one.qty_units for one in plan_of(1000, urgency=0, slices=10).slices]
    assert even == [100] * 10
    plan = plan_of(60_000, 1.0, urgency=1, slices=30)
    rates = [one.participation for one in plan.slices]
    assert all(0.149 < rate <= 0.15 for rate in rates[:-1])
    assert len(rates) < 30
    assert {one.tactic for one in plan.slices} == {"cross"}


def test_default_is_front_loaded_and_between(plan_of: PlanOf) -> None:
    quantities = [one.qty_units for one in plan_of(20_000, slices=20).slices]
    assert quantities == sorted(quantities, reverse=True)
    assert quantities[0] > 1.5 * quantities[-1]


@settings(deadline=None)
@given(qty=st.integers(1000, 200_000), cap=st.floats(0.02, 0.5), urgency=st.floats(0, 1))
def test_no_slice_is_over_the_cap_where_the_caps_suffice(
    qty: int, cap: float, urgency: float, request_of: RequestOf
) -> None:
    request = request_of(qty, 3.0, participation_max=cap, urgency=urgency, slices=36)
    edges = interval_edges(request.start_ns, request.end_ns, 36)
    most = largest_trades(request, edges)
    assert sum(most) >= qty * (1 - 1e-9)
    made = [one.qty_units for one in IS.layout(request).slices]
    assert sum(made) == qty
    volume = request.beliefs.volume
    odds = cap / (1 - cap)
    whole = [int(odds * volume.expected(*edge)) for edge in pairwise(edges)]
    if sum(whole) >= qty:
        assert max(np.array(made) - np.array(whole)[: len(made)]) <= 0


def test_too_little_volume_is_said_and_shared_out(plan_of: PlanOf) -> None:
    plan = plan_of(500_000, 0.5, slices=20)
    assert sum(one.qty_units for one in plan.slices) == 500_000
    assert "over-cap" in {one.code for one in plan.warnings}
    rates = [one.participation for one in plan.slices]
    assert max(rates) - min(rates) < 0.01


def test_unknown_volume_is_planned_and_said(plan_of: PlanOf, equity: Listing, beliefs_of: BeliefsOf) -> None:
    for urgency in (0.0, 0.5, 1.0):
        plan = plan_of(10_000, 1.0, beliefs_of(equity, per_day=0.0), urgency=urgency, slices=10)
        assert sum(one.qty_units for one in plan.slices) == 10_000
        assert max(one.qty_units for one in plan.slices) <= 2_500
        assert "day's volume" in {one.name for one in plan.assumed}


@pytest.mark.parametrize("impact", [ImpactBelief(), ImpactBelief(y=1.0, delta=0.6, remaining=0.3)])
def test_the_linear_law_charges_what_the_believed_one_does_at_an_even_pace(
    impact: ImpactBelief, request_of: RequestOf, equity: Listing, beliefs_of: BeliefsOf
) -> None:
    beliefs = replace(beliefs_of(equity), impact=impact)
    request = request_of(10_000, 2.0, beliefs, urgency=0.0)
    path, _ = trajectory(request, interval_edges(request.start_ns, request.end_ns, 50))
    average = find_form("square-root").average_bps(
        10_000, beliefs.volume.per_day, daily_vol_bps=beliefs.volatility.daily_bps, y=impact.y, delta=impact.delta
    )
    spread = beliefs.spread_bps / 2 * 0.25  # at urgency 0 a quarter takes
    assert path.expected_cost / 10_000 == pytest.approx(average + spread, rel=1e-9)
    # The risk is the volatility of the window: sigma sqrt(T / 3) for even slices, less what few slices leave out.
    days = 2 * HOUR / beliefs.volume.day_ns
    assert path.cost_sd / 10_000 == pytest.approx(beliefs.volatility.daily_bps * (days / 3) ** 0.5, rel=0.02)


def test_risk_aversion_is_almgren_and_chriss_own_at_one_half(request_of: RequestOf) -> None:
    # 1e-6 per dollar x 1e6 shares x 50 dollars is 50 per order, one ten-thousandth of it per basis point.
    assert pytest.approx(1e-6 * 1e6 * 50 / 1e4) == RISK_AVERSION
    terms, _ = market_terms(request_of(1000, urgency=0.5))
    assert terms.risk_aversion * 1000 == pytest.approx(RISK_AVERSION)


def test_drift_against_the_order_makes_it_faster_whichever_the_side(
    plan_of: PlanOf, equity: Listing, beliefs_of: BeliefsOf, order_of: OrderOf, session: Session, t0: int
) -> None:
    still, against = plan_of(20_000, slices=20), plan_of(20_000, slices=20, alpha_bps_per_hour=10.0)
    with_it = plan_of(20_000, slices=20, alpha_bps_per_hour=-10.0)
    first = [plan.slices[0].qty_units for plan in (with_it, still, against)]
    assert first[0] < first[1] < first[2]
    sale = replace(order_of(equity, 20_000, 1.0, slices=20, alpha_bps_per_hour=10.0), side=Side.SELL, strategy="is")
    plan = make_plan(sale, Progress.start(sale), beliefs_of(equity), equity, session, t0)
    assert [one.qty_units for one in plan.slices] == [one.qty_units for one in against.slices]


def test_a_plan_made_again_goes_on_with_the_path(
    equity: Listing, beliefs_of: BeliefsOf, order_of: OrderOf, session: Session, t0: int
) -> None:
    order = replace(order_of(equity, 20_000, 2.0, slices=20), strategy="is")
    beliefs = beliefs_of(equity)
    first = make_plan(order, Progress.start(order), beliefs, equity, session, t0)
    done = sum(one.qty_units for one in first.slices[:10])
    progress = Progress(filled_units=done, open_units=0, unsent_units=20_000 - done, next_slice_index=10, revision=1)
    again = make_plan(order, progress, beliefs, equity, session, t0 + HOUR)
    assert [one.index for one in again.slices] == list(range(10, 20))
    rest = [one.qty_units for one in first.slices[10:]]
    assert np.abs(np.array([one.qty_units for one in again.slices]) - rest).max() <= 2


def test_it_is_in_the_table() -> None:
    assert find_strategy("IS") is IS
    assert IS.end_behaviour is EndBehaviour.FINISH
