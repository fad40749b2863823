"""A plan that is only priced is the plan that is made; arrays give what slice-by-slice arithmetic gave."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowake.core.errors import NowakeError
from nowake.core.instrument import Listing
from nowake.core.order import ParentOrder
from nowake.core.plan import ExecutionSlice
from nowake.core.sessions import Session
from nowake.core.value import replace
from nowake.models.beliefs import Beliefs, ImpactBelief
from nowake.plan.cost import PARTICIPATION_LIMIT, estimate, take_fraction
from nowake.plan.feasibility import peak_participation
from nowake.plan.planner import Progress, make_plan, price_plan
from nowake.plan.schedule import Schedule
from nowake.plan.slicer import slice_exactly

BeliefsOf = Callable[..., Beliefs]
OrderOf = Callable[..., ParentOrder]
NAMES = ("twap", "vwap", "pov", "is")


def slow_parts(order: ParentOrder, slices: Sequence[ExecutionSlice], beliefs: Beliefs) -> tuple[float, ...]:
    """Return impact, timing risk and take share, slice by slice: the form that the estimate had first."""
    impact, volume, volatility = beliefs.impact, beliefs.volume, beliefs.volatility
    cap, qty = order.parameters.participation_max, sum(one.qty_units for one in slices)
    taking = sum(one.qty_units * take_fraction(order.parameters.urgency, one.tactic) for one in slices) / qty
    others = []
    for one in slices:
        at_cap = one.qty_units * max(1 - cap, 1 - PARTICIPATION_LIMIT) / cap
        others.append(volume.expected(one.release_ns, one.end_ns) or at_cap)
    day_volume = volume.per_day
    if not volume.known:
        day_volume = sum(others) / volume.day_fraction(slices[0].release_ns, slices[-1].end_ns)
    average = impact.y * volatility.daily_bps * (qty / day_volume) ** impact.delta / (1 + impact.delta)
    speed = sum(
        one.qty_units / qty * (1 + min(one.qty_units / market, 19.0)) ** impact.delta
        for one, market in zip(slices, others, strict=True)
    )
    left = float(qty)
    weighted, before = 0.0, slices[0].release_ns
    for one in slices:
        weighted += left**2 * (one.release_ns - before)
        after = left - one.qty_units
        start = after if one.tactic == "cross" else left
        weighted += (start**2 + start * after + after**2) / 3 * (one.end_ns - one.release_ns)
        left, before = after, one.end_ns
    days = weighted / qty**2 / volume.day_ns
    timing = volatility.daily_bps * math.sqrt((1 + volatility.relative_sd**2) * days)
    return average * speed, timing, taking


@given(
    name=st.sampled_from(NAMES),
    qty=st.integers(1, 300_000),
    hours=st.floats(0.05, 5.9),
    urgency=st.sampled_from([0.0, 0.3, 0.5, 1.0]),
    per_day=st.sampled_from([0.0, 1e5, 2e6]),
    cap=st.sampled_from([0.05, 0.15, 1.0]),
    owed=st.booleans(),
)
def test_a_priced_plan_is_the_plan_that_is_made(
    name: str,
    qty: int,
    hours: float,
    urgency: float,
    per_day: float,
    cap: float,
    owed: bool,
    equity: Listing,
    session: Session,
    t0: int,
    beliefs_of: BeliefsOf,
    order_of: OrderOf,
) -> None:
    order = replace(order_of(equity, qty, hours, urgency=urgency, participation_max=cap), strategy=name)
    beliefs = beliefs_of(equity, per_day=per_day)
    progress = Progress.start(order)
    if owed and qty > 10:
        gone = Progress(filled_units=0, open_units=0, unsent_units=qty, next_slice_index=3, revision=1)
        progress = replace(gone, owed_units=qty // 3, slice_end_ns=t0 + (order.end_ns - t0) // 4)
    plan = make_plan(order, progress, beliefs, equity, session, t0)
    priced = price_plan(order, progress, beliefs, equity, session, t0)
    assert priced.cost == plan.cost
    if progress.owed_units:  # the current slice goes on with what it owes, the rest is laid out after it
        first = plan.slices[0]
        assert (first.index, first.release_ns, first.end_ns) == (3, t0, progress.slice_end_ns)
        assert first.qty_units == progress.owed_units
        assert plan.slices[1].release_ns >= first.end_ns
    assert (priced.strategy, priced.slices) == (plan.strategy, len(plan.slices))
    assert (priced.release_ns, priced.end_ns) == (plan.slices[0].release_ns, plan.slices[-1].end_ns)
    assert priced.peak_participation == peak_participation(plan.slices, beliefs)
    assert set(priced.notices) <= set(plan.warnings)
    impact, timing, taking = slow_parts(order, plan.slices, beliefs)
    assert priced.cost is not None
    assert priced.cost.temporary_bps + priced.cost.permanent_bps == pytest.approx(impact, rel=1e-12)
    assert priced.cost.timing_risk_bps == pytest.approx(timing, rel=1e-9, abs=1e-12)
    assert priced.cost.spread_bps == pytest.approx(beliefs.spread_bps / 2 * taking, rel=1e-12)
    assert plan.expected_volume == tuple(
        round(beliefs.volume.expected(one.release_ns, one.end_ns)) for one in plan.slices
    )


@pytest.mark.parametrize("name", NAMES)
def test_what_make_plan_refuses_is_not_priced(
    name: str, equity: Listing, session: Session, t0: int, beliefs_of: BeliefsOf, order_of: OrderOf
) -> None:
    late = replace(order_of(equity, 1000, 12.0), strategy=name)
    future = replace(beliefs_of(equity), asof_ns=t0 + 1)
    for order, beliefs in ((late, beliefs_of(equity)), (order_of(equity, 1000), future)):
        said = []
        for make in (make_plan, price_plan):
            with pytest.raises(NowakeError) as caught:
                make(order, Progress.start(order), beliefs, equity, session, t0)
            said.append(str(caught.value))
        assert said[0] == said[1]


def test_slices_of_several_tactics_are_costed_one_by_one(
    equity: Listing, beliefs_of: BeliefsOf, order_of: OrderOf
) -> None:
    order, beliefs = order_of(equity, 900, 1.5), beliefs_of(equity)
    hour = (order.end_ns - order.start_ns) // 3
    slices = tuple(
        ExecutionSlice(
            index=k,
            release_ns=order.start_ns + k * hour + k,
            end_ns=order.start_ns + (k + 1) * hour,
            qty_units=200 + 100 * k,
            tactic=tactic,
        )
        for k, tactic in enumerate(("cross", "post", "post-and-chase"))
    )
    made = estimate(order, slices, beliefs, equity)
    impact, timing, taking = slow_parts(order, slices, beliefs)
    assert made.temporary_bps + made.permanent_bps == pytest.approx(impact)
    assert made.timing_risk_bps == pytest.approx(timing)
    assert made.spread_bps == pytest.approx(2 * taking)
    laid = Schedule.of(slices)
    assert tuple(laid) == slices
    assert laid.after(replace(slices[0], release_ns=0, end_ns=9))[1].tactic == "cross"


def exact_shares(lots: int, weights: Sequence[float]) -> list[int]:
    """Return Hamilton's apportionment in fractions."""
    exact = [Fraction(one) for one in weights]
    ideal = [lots * one / sum(exact) for one in exact]
    parts = [int(one) for one in ideal]
    by_rest = sorted(range(len(ideal)), key=lambda k: (parts[k] - ideal[k], k))
    for k in by_rest[: lots - sum(parts)]:
        parts[k] += 1
    return parts


@given(
    lots=st.integers(1, 2**52),
    weights=st.one_of(
        st.lists(st.floats(1e-12, 1e6), min_size=1, max_size=40),
        st.lists(st.sampled_from([0.1, 0.2, 0.1 + 1e-16, 1 / 3]), min_size=1, max_size=40),
        st.lists(st.integers(1, 9).map(float), min_size=1, max_size=40),
        st.integers(1, 60).map(lambda n: np.diff(np.linspace(0, 1, n + 1) ** 2).tolist()),
    ),
)
def test_floats_share_out_what_fractions_do(lots: int, weights: list[float]) -> None:
    expected = exact_shares(lots, weights)
    assert list(slice_exactly(lots, weights)) == expected
    assert list(slice_exactly(lots, np.array(weights))) == expected
    assert list(slice_exactly(lots, [Fraction(one) for one in weights])) == expected


def test_fees_are_those_of_the_listing(equity: Listing, beliefs_of: BeliefsOf, order_of: OrderOf) -> None:
    order = order_of(equity, 900, 1.5, urgency=1.0)
    crossing = (ExecutionSlice(index=0, release_ns=order.start_ns, end_ns=order.end_ns, qty_units=900, tactic="cross"),)
    assert equity.fees.taker_per_qty == Decimal("0.003")
    assert estimate(order, crossing, beliefs_of(equity), equity).fees_bps == pytest.approx(0.003 / 220 * 1e4)


UNDONE = [
    *((name, 3_000_000, {}, "over-cap", "the engine keeps to the cap") for name in NAMES),
    *(
        (name, 20_000, {"limit_units": 2_000_000}, "limit-away", "the price may not come to the limit")
        for name in NAMES
    ),
    ("pov", 400_000, {"participation_target": 0.02}, "pov-short", "the expected volume does not do it"),
]


@pytest.mark.parametrize(("name", "size", "terms", "code", "why"), UNDONE)
def test_what_may_be_left_undone_is_said_with_how_it_is_costed(
    name: str,
    size: int,
    terms: dict[str, object],
    code: str,
    why: str,
    equity: Listing,
    session: Session,
    t0: int,
    beliefs_of: BeliefsOf,
    order_of: OrderOf,
) -> None:
    order, beliefs = replace(order_of(equity, size, **terms), strategy=name), beliefs_of(equity)
    plan = make_plan(order, Progress.start(order), beliefs, equity, session, t0)
    assert code in [notice.code for notice in plan.warnings]
    (said,) = [one for one in plan.assumed if one.name == "what is left undone"]
    assert why in said.why
    fine = replace(order_of(equity, 1000, participation_max=1.0), strategy=name)
    plain = make_plan(fine, Progress.start(fine), beliefs, equity, session, t0)
    assert "what is left undone" not in [one.name for one in plain.assumed]


@pytest.mark.parametrize("name", NAMES)
def test_an_order_over_the_days_volume_has_a_wide_band_that_says_why(
    name: str, equity: Listing, session: Session, t0: int, beliefs_of: BeliefsOf, order_of: OrderOf
) -> None:
    beliefs = beliefs_of(equity)

    def priced(qty: int) -> tuple[float, list[str]]:
        order = replace(order_of(equity, qty, participation_max=1.0), strategy=name)
        plan = make_plan(order, Progress.start(order), beliefs, equity, session, t0)
        assert plan.cost is not None
        impact = plan.cost.temporary_bps + plan.cost.permanent_bps
        return plan.cost.parameter_sd_bps / impact, [one.value for one in plan.assumed if one.name == "impact of size"]

    ordinary, nothing = priced(100_000)
    extreme, (said,) = priced(4_000_000)
    assert nothing == []
    assert said == "the law at 200 % of a day's volume"
    assert extreme > 1.7 * ordinary


def test_the_risk_of_is_is_almgren_and_chriss_sum(
    equity: Listing, session: Session, t0: int, beliefs_of: BeliefsOf, order_of: OrderOf
) -> None:
    # V = sigma^2 tau sum x_k^2 (their eq. 5) holds x_k through period k; a slice that posts falls through it instead.
    order = replace(order_of(equity, 40_000, 5.0), strategy="is")
    plan = make_plan(order, Progress.start(order), beliefs_of(equity), equity, session, t0)
    trades = np.array([one.qty_units for one in plan.slices]) / 40_000
    left = 1 - np.cumsum(trades)
    tau = 5.0 / 6.5 / len(trades)
    upper, lower = (np.sqrt(tau * np.sum(x**2)) for x in (left + trades, left))
    sigma = 200 * np.sqrt(1 + 0.25**2)
    assert plan.cost is not None
    assert sigma * lower < plan.cost.timing_risk_bps < sigma * upper
    assert plan.cost.timing_risk_bps == pytest.approx(sigma * (upper + lower) / 2, rel=1e-3)


@pytest.mark.parametrize(("part", "peak"), [(0.01, 20.0), (0.10, 63.246)])
@pytest.mark.parametrize("name", NAMES)
def test_magnitudes_are_those_of_the_literature(
    name: str,
    part: float,
    peak: float,
    equity: Listing,
    session: Session,
    t0: int,
    beliefs_of: BeliefsOf,
    order_of: OrderOf,
) -> None:
    # Square root at 2 % a day and Y = 1: 1 % of a day's volume moves 20 bps, 10 % 63.2; two thirds of it remain.
    beliefs = beliefs_of(equity, per_day=2e8, impact=ImpactBelief(y=1.0))
    order = replace(order_of(equity, int(2e8 * part), 5.9), strategy=name)
    cost = price_plan(order, Progress.start(order), beliefs, equity, session, t0).cost
    assert cost is not None
    assert cost.permanent_bps == pytest.approx(peak / 3, rel=1e-4)
    paid = cost.permanent_bps + cost.temporary_bps
    assert peak / 1.5 < paid < peak / 1.5 * 1.09  # speed adds at most sqrt(1 / (1 - 15 %))
