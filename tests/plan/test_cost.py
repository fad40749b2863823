"""The cost estimate against an independent Monte Carlo and against what any cost must do."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowake.core.errors import Refused
from nowake.core.instrument import Listing
from nowake.core.order import ParentOrder, Side
from nowake.core.plan import CostEstimate, ExecutionSlice
from nowake.core.value import replace
from nowake.models.beliefs import Beliefs, ImpactBelief
from nowake.models.volatility import VolatilityBelief
from nowake.plan.cost import estimate, take_fraction, timing_risk_bps
from nowake.plan.feasibility import peak_participation

BeliefsOf = Callable[..., Beliefs]
OrderOf = Callable[..., ParentOrder]


def schedule(order: ParentOrder, n: int, tactic: str = "post-and-chase") -> tuple[ExecutionSlice, ...]:
    span = order.end_ns - order.start_ns
    edges = [order.start_ns + span * k // n for k in range(n + 1)]
    done = [order.qty_units * k // n for k in range(n + 1)]
    return tuple(
        ExecutionSlice(index=k, release_ns=a, end_ns=b, qty_units=done[k + 1] - done[k], tactic=tactic)
        for k, (a, b) in enumerate(pairwise(edges))
    )


def cost_of(order: ParentOrder, beliefs: Beliefs, listing: Listing, n: int = 24) -> CostEstimate:
    return estimate(order, schedule(order, n), beliefs, listing)


def test_one_percent_of_a_day_pays_the_law(equity: Listing, beliefs_of: BeliefsOf, order_of: OrderOf) -> None:
    # SCIENCE 6: 20 bps at the peak, 13.3 on average; 6.67 of it for the two thirds that remain, half paid.
    beliefs = beliefs_of(equity, per_day=2e6, impact=ImpactBelief(y=1.0))
    cost = cost_of(order_of(equity, 20_000, 6.0), beliefs, equity)
    speed = 1 + 0.5 * 20_000 / 2e6 / (6 / 6.5)  # first order in the participation
    assert cost.permanent_bps == pytest.approx(20 / 3)
    assert cost.permanent_bps + cost.temporary_bps == pytest.approx(40 / 3 * speed, rel=2e-3)


@pytest.mark.parametrize("hours", [0.5, 3.0])
@pytest.mark.parametrize("urgency", [0.0, 0.5, 1.0])
def test_distribution_equals_an_independent_monte_carlo(
    hours: float, urgency: float, equity: Listing, beliefs_of: BeliefsOf, order_of: OrderOf
) -> None:
    n, draws, steps = 12, 200_000, 48
    order = order_of(equity, 60_000, hours, urgency=urgency)
    tactic = "cross" if urgency == 1 else "post-and-chase"
    beliefs = beliefs_of(equity, volatility=VolatilityBelief(daily_bps=120, relative_sd=0.3))
    slices = schedule(order, n, tactic)
    cost = estimate(order, slices, beliefs, equity)
    rng = np.random.default_rng(7)
    # A price path in `steps` steps; the order fills evenly at their ends (posting) or at the start of each slice.
    span_days = hours / 6.5
    daily = 120 * np.sqrt(1 + 0.3**2)
    path = rng.standard_normal((draws, steps)) @ np.triu(np.ones((steps, steps))) * daily * np.sqrt(span_days / steps)
    path = np.hstack([np.zeros((draws, 1)), path])
    fills = path[:, :-1][:, :: steps // n] if urgency == 1 else (path[:, 1:] + path[:, :-1]) / 2
    market = fills.mean(axis=1)
    # Parameters: independent lognormal errors, each impact multiplier of mean one.
    log_sd = [np.sqrt(np.log1p((0.3 / 0.7) ** 2)), 0.5 * np.sqrt(np.log1p(0.4**2)), np.sqrt(np.log1p(0.3**2))]
    log_sd.append(0.05 * abs(np.log(60_000 / 2e6)))
    multiplier = np.exp(sum(s * rng.standard_normal(draws) - s * s / 2 for s in log_sd))
    impact = 0.7 * 120 * np.sqrt(0.03) / 1.5
    q = 60_000 / n
    others = [beliefs.volume.expected(one.release_ns, one.end_ns) for one in slices]
    impact *= np.mean([np.sqrt((q + v) / v) for v in others])
    taken = 1.0 if urgency == 1 else 0.25 + 0.75 * urgency
    spread = 2.0 * (taken + (1 - taken) * rng.standard_normal(draws))
    fees = (0.003 * taken - 0.002 * (1 - taken)) / 220 * 1e4
    total = market + spread + fees + impact * multiplier
    assert cost.mean_bps == pytest.approx(total.mean(), abs=5 * total.std() / np.sqrt(draws))
    assert cost.sd_bps == pytest.approx(total.std(), rel=0.015)
    for p, value in ((0.05, cost.p05_bps), (0.5, cost.p50_bps), (0.95, cost.p95_bps)):
        assert np.mean(total <= value) == pytest.approx(p, abs=0.005)


@given(qty=st.integers(100, 200_000), more=st.floats(1.05, 10), hours=st.floats(0.25, 6))
def test_larger_costs_more(
    qty: int, more: float, hours: float, equity: Listing, beliefs_of: BeliefsOf, order_of: OrderOf
) -> None:
    beliefs = beliefs_of(equity)
    small, large = (cost_of(order_of(equity, size, hours), beliefs, equity) for size in (qty, int(qty * more)))
    assert small.mean_bps < large.mean_bps
    assert small.parameter_sd_bps < large.parameter_sd_bps


@given(qty=st.integers(1000, 200_000), hours=st.floats(0.25, 3), more=st.floats(1.1, 2))
def test_slower_has_less_impact_and_more_risk(
    qty: int, hours: float, more: float, coin: Listing, beliefs_of: BeliefsOf, order_of: OrderOf
) -> None:
    beliefs = beliefs_of(coin)
    fast, slow = (cost_of(order_of(coin, qty, h), beliefs, coin) for h in (hours, hours * more))
    assert slow.temporary_bps + slow.permanent_bps < fast.temporary_bps + fast.permanent_bps
    assert slow.timing_risk_bps > fast.timing_risk_bps


@given(
    qty=st.integers(10, 10**6),
    hours=st.floats(0.1, 6),
    urgency=st.floats(0, 1),
    per_day=st.sampled_from([0.0, 1e4, 2e6, 1e9]),
    vol=st.floats(0, 2000, exclude_min=True),
)
def test_every_estimate_is_ordered_adds_up_and_has_no_side(
    qty: int,
    hours: float,
    urgency: float,
    per_day: float,
    vol: float,
    equity: Listing,
    beliefs_of: BeliefsOf,
    order_of: OrderOf,
) -> None:
    beliefs = beliefs_of(equity, per_day=per_day, vol_bps=vol)
    buy = cost_of(order_of(equity, qty, hours, urgency=urgency), beliefs, equity, n=min(qty, 24))
    sell = cost_of(order_of(equity, qty, hours, Side.SELL, urgency=urgency), beliefs, equity, n=min(qty, 24))
    assert buy == sell
    assert buy.p05_bps <= buy.p50_bps <= buy.p95_bps
    assert buy.p05_bps <= buy.mean_bps
    assert buy.temporary_bps >= 0
    assert buy.sd_bps == pytest.approx(np.hypot(buy.timing_risk_bps, buy.parameter_sd_bps))


def test_unknown_volume_widens_the_band(equity: Listing, beliefs_of: BeliefsOf, order_of: OrderOf) -> None:
    order = order_of(equity, 20_000)
    blind = cost_of(order, beliefs_of(equity, per_day=0.0), equity)
    # The blind plan takes the order to run at its cap; a market in which it does is the fair comparison.
    at_cap = beliefs_of(equity, per_day=1.0)
    per_day = 20_000 * 0.85 / 0.15 / at_cap.volume.expected(order.start_ns, order.end_ns)
    seen = cost_of(order, beliefs_of(equity, per_day=per_day), equity)
    assert blind.mean_bps == pytest.approx(seen.mean_bps, rel=0.02)
    assert blind.parameter_sd_bps > 1.5 * seen.parameter_sd_bps


def test_timing_risk_of_a_crossing_slice_ends_at_its_release(
    equity: Listing, beliefs_of: BeliefsOf, order_of: OrderOf
) -> None:
    order, beliefs = order_of(equity, 1000), beliefs_of(equity)
    assert timing_risk_bps(schedule(order, 1, "cross"), beliefs) == 0
    # Constant rate over T: sigma sqrt(T / 3), Almgren & Chriss 2000.
    flat = 200 * (1 + 0.25**2) ** 0.5 * (2 / 6.5 / 3) ** 0.5
    assert timing_risk_bps(schedule(order, 1), beliefs) == pytest.approx(flat)
    assert timing_risk_bps(schedule(order, 50), beliefs) == pytest.approx(flat)


def test_timing_risk_runs_on_between_slices(equity: Listing, beliefs_of: BeliefsOf, order_of: OrderOf) -> None:
    first, last = schedule(order_of(equity, 1000), 2, "cross")
    # All at risk from nothing to the first release; half of it from there to the second, an hour later.
    half_an_hour = 200 * (1 + 0.25**2) ** 0.5 * (0.25 / 6.5) ** 0.5
    assert timing_risk_bps((first, last), beliefs_of(equity)) == pytest.approx(half_an_hour)
    gap = replace(first, end_ns=first.release_ns + 1)
    assert timing_risk_bps((gap, last), beliefs_of(equity)) == pytest.approx(half_an_hour)


def test_urgency_moves_the_take_share_and_fees_follow(coin: Listing, beliefs_of: BeliefsOf, order_of: OrderOf) -> None:
    costs = [cost_of(order_of(coin, 100_000, urgency=u), beliefs_of(coin), coin) for u in (0.0, 0.5, 0.99)]
    assert [c.spread_bps for c in costs] == pytest.approx([0.5, 1.25, 1.985])
    assert [c.fees_bps for c in costs] == pytest.approx([4.0, 7.0, 9.94])
    assert take_fraction(0.2, "cross") == 1


def test_no_price_no_cost(equity: Listing, beliefs_of: BeliefsOf, order_of: OrderOf) -> None:
    order = order_of(equity, 100)
    with pytest.raises(Refused, match="no price"):
        cost_of(order, replace(beliefs_of(equity), mid2=0), equity, n=1)


def test_peak_participation_is_of_the_thinnest_slice(equity: Listing, beliefs_of: BeliefsOf, order_of: OrderOf) -> None:
    slices, beliefs = schedule(order_of(equity, 24_000, 6.0), 24), beliefs_of(equity)
    thinnest = min(beliefs.volume.expected(one.release_ns, one.end_ns) for one in slices)
    assert peak_participation(slices, beliefs) == pytest.approx(1000 / (1000 + thinnest))
