"""Markets and orders that are not what they should be: refused in a sentence, or a wide band that says why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from planner_fixtures import HOURS, T0

from nowake.core.errors import InputError, NowakeError, Refused
from nowake.core.instrument import Listing
from nowake.core.order import ParentOrder
from nowake.core.plan import ExecutionPlan
from nowake.core.routing import StrategyDecision
from nowake.core.value import replace
from nowake.core.view import Integrity, View
from nowake.models.beliefs import Beliefs, ImpactBelief, beliefs_from_view
from nowake.models.volatility import VolatilityBelief
from nowake.models.volume import VolumeBelief
from nowake.plan.planner import Progress
from nowake.route.router import SmartRouter

ROUTER = SmartRouter()
NAN, INF = float("nan"), float("inf")
SEEN_NS = 1800 * 10**9


def view_of(listing: Listing, **fields: Any) -> View:
    """Return a market seen for half an hour up to 10:00: 220.00 to 220.10, 40,000 shares, 2 % a day."""
    quiet = {
        "listing": listing.key,
        "t_ns": T0,
        "row": 1000,
        "integrity": Integrity.OK,
        "bid_units": 2_200_000,
        "ask_units": 2_201_000,
        "bid_qty": 200,
        "ask_qty": 300,
        "volume_all": 200_000,
        "mid2_time": 4_401_000 * SEEN_NS // 10**6,
        "mid_ns": SEEN_NS,
        "spread_time": 1_000 * SEEN_NS // 10**6,
        "since_ns": T0 - SEEN_NS,
        "last_units": 2_200_500,
        "realised_var": 4e-4 / 13,
        "realised_ns": SEEN_NS,
        "last_row_ns": T0,
    }
    return View(**(quiet | fields))


@pytest.fixture(scope="session")
def routed(
    order_of: Callable[..., ParentOrder], equity: Listing
) -> Callable[..., tuple[StrategyDecision, ExecutionPlan]]:
    """Return decision and plan for an order of so many shares over two hours of a market."""

    def make(qty: int = 5_000, parameters: dict[str, Any] | None = None, **fields: Any) -> Any:
        order = replace(order_of(equity, qty, **(parameters or {})), strategy="auto")
        beliefs, progress = beliefs_from_view(view_of(equity, **fields), equity, HOURS), Progress.start(order)
        decision = ROUTER.decide(order, progress, beliefs, equity, HOURS, T0)
        return decision, ROUTER.plan(order, decision, progress, beliefs, equity, HOURS)

    return make


def spread_out(plan: ExecutionPlan) -> float:
    """Return how uncertain the impact is, as a part of it."""
    assert plan.cost is not None
    return plan.cost.parameter_sd_bps / (plan.cost.temporary_bps + plan.cost.permanent_bps)


NO_VOLUME = {"volume_all": 0, "last_units": 0}
FROZEN = {"realised_var": 0.0}
UNSEEN = {"realised_var": 0.0, "realised_ns": 0}
EMPTY = {"bid_units": 0, "bid_qty": 0, "ask_units": 0, "ask_qty": 0, "mid2_time": 0, "mid_ns": 0, "spread_time": 0}
ONE_SIDED = EMPTY | {"bid_units": 2_200_000, "bid_qty": 200}


@pytest.mark.parametrize(
    ("market", "name", "said"),
    [
        (NO_VOLUME, "volume", "no prints seen yet"),
        (FROZEN, "volatility", "the price never moved"),
        (UNSEEN, "volatility", "only 0.0 min of prices seen"),
        ({"since_ns": T0 - 70 * 10**9, "volume_all": 8_000}, "volume", "widened: under 10 min"),
    ],
)
def test_what_a_market_does_not_show_widens_the_band_and_is_said(
    routed: Callable[..., Any], market: dict[str, Any], name: str, said: str
) -> None:
    _, usual = routed()
    _, plan = routed(**market)
    assert spread_out(plan) > 1.02 * spread_out(usual)
    assert any(said in one.why for one in plan.assumed if one.name == name)
    assert not any(said in one.why for one in usual.assumed)


@pytest.mark.parametrize("market", [ONE_SIDED, EMPTY, {"integrity": Integrity.EMPTY} | ONE_SIDED])
def test_without_two_sides_the_last_print_is_the_price_and_the_spread_assumed(
    routed: Callable[..., Any], market: dict[str, Any]
) -> None:
    decision, plan = routed(**market)
    assert decision.ranking
    assert any(one.why == "no two-sided book seen" for one in plan.assumed if one.name == "spread")
    blind, unpriced = routed(**market, last_units=0)
    assert "no price is known" in blind.fallback
    assert (blind.strategy, unpriced.cost) == ("twap", None)
    assert any("no cost is stated" in one.text for one in unpriced.warnings)


def test_without_volume_nothing_is_weighed_and_twap_says_why(routed: Callable[..., Any]) -> None:
    decision, plan = routed(**NO_VOLUME)
    assert (decision.strategy, decision.ranking) == ("twap", ())
    assert "no volume is known" in decision.fallback
    assert [one.code for one in plan.warnings] == ["unknown-volume"]


@pytest.mark.parametrize("part", [1.0, 3.0])
def test_an_order_over_the_days_volume_has_a_wide_band_and_says_why(routed: Callable[..., Any], part: float) -> None:
    _, usual = routed()
    decision, plan = routed(int(4e6 * part))
    assert spread_out(plan) > 1.5 * spread_out(usual)
    assert any(one.name == "impact of size" and "a day's volume" in one.value for one in plan.assumed)
    assert any("no way keeps to the cap" in one for one in decision.reasons)
    assert any(one.code == "over-cap" for one in plan.warnings)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"never_take": True, "urgency": 1.0}, "never_take contradicts urgency 1"),
        ({"never_take": True, "must_complete": True}, "never_take contradicts must_complete"),
        ({"participation_min": 0.1, "participation_target": 0.05}, "min_participation is over participation"),
        ({"participation_target": 0.1, "alpha_bps_per_hour": 3.0}, "no strategy honours all"),
        ({"limit_units": 2_000_000, "i_would_units": 2_100_000, "i_would_fraction": 0.5}, "beyond the limit"),
        ({"min_fill_units": 6_000}, "min_fill is over the order's quantity"),
    ],
)
def test_constraints_that_contradict_each_other_are_refused_by_name(
    routed: Callable[..., Any], parameters: dict[str, Any], said: str
) -> None:
    with pytest.raises(Refused, match=said) as caught:
        routed(parameters=parameters)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("bad", [0.0, -1.0, NAN, INF, -INF])
@pytest.mark.parametrize(
    ("made", "allowed"),
    [
        (lambda x: VolatilityBelief(daily_bps=x, relative_sd=0.2), ()),
        (lambda x: VolatilityBelief(daily_bps=200.0, relative_sd=x), (0.0,)),
        (lambda x: VolumeBelief(per_day=x, day_ns=10**9), (0.0,)),
        (lambda x: VolumeBelief(per_day=1e6, day_ns=10**9, relative_sd=x), (0.0,)),
        (lambda x: ImpactBelief(y=x), ()),
        (lambda x: ImpactBelief(y_sd=x), (0.0,)),
        (lambda x: ImpactBelief(delta=x), ()),
        (lambda x: ImpactBelief(remaining=x), (0.0,)),
    ],
)
def test_a_belief_that_is_no_number_of_its_kind_is_refused(
    made: Callable[[float], object], allowed: tuple[float, ...], bad: float
) -> None:
    if bad in allowed:
        made(bad)
        return
    with pytest.raises(InputError, match="must be"):
        made(bad)


@pytest.mark.parametrize("field", ["spread_bps", "level_qty"])
@pytest.mark.parametrize("bad", [-1.0, NAN, INF])
def test_a_market_that_is_no_number_is_refused(
    beliefs_of: Callable[..., Beliefs], equity: Listing, field: str, bad: float
) -> None:
    with pytest.raises(NowakeError, match=field):
        beliefs_of(equity, **{field: bad})


def test_a_volatility_of_nought_is_refused_with_what_to_believe_instead() -> None:
    with pytest.raises(InputError, match="daily_bps must be > 0, was 0") as caught:
        VolatilityBelief(daily_bps=0, relative_sd=0.2)
    assert "a common one, 200 bps" in caught.value.remedy
