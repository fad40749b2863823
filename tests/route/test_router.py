"""The router against plans made one by one, by hand-written scores, and by what any chooser must obey."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from planner_fixtures import HOURS, T0

import nowake
from nowake.core.conditions import Conditions, Measure, SizeClass
from nowake.core.errors import InputError, Refused
from nowake.core.instrument import FeeSchedule, Listing
from nowake.core.order import EndBehaviour, ParentOrder
from nowake.core.plan import ExecutionPlan
from nowake.core.routing import StrategyDecision
from nowake.core.sessions import ALWAYS_OPEN, Session
from nowake.core.value import from_json, from_msgpack, replace, to_json, to_msgpack
from nowake.models.beliefs import Beliefs
from nowake.plan import strategies as table
from nowake.plan.planner import Progress, make_plan
from nowake.plan.strategy import COMMON
from nowake.plan.twap import TWAP
from nowake.route.router import STALE_NS, SmartRouter, routed

ROUTER = SmartRouter()
SAME = 1e-8
BPS_ONLY = FeeSchedule(taker_bps=1, maker_bps=-1, source="stated")


@pytest.fixture(scope="session")
def decided(
    order_of: Callable[..., ParentOrder], beliefs_of: Callable[..., Beliefs], equity: Listing
) -> Callable[..., StrategyDecision]:
    """Return the decision over an order of AMZN by quantity and hours; other words are parameters or the router's."""

    def make(
        qty: int = 20_000,
        hours: float = 2.0,
        *,
        router: SmartRouter = ROUTER,
        strategy: str = "auto",
        beliefs: dict[str, Any] | None = None,
        **parameters: Any,
    ) -> StrategyDecision:
        order = replace(order_of(equity, qty, hours, **parameters), strategy=strategy)
        return router.decide(order, Progress.start(order), beliefs_of(equity, **(beliefs or {})), equity, HOURS, T0)

    return make


def hand_score(plan: ExecutionPlan, order: ParentOrder, beliefs: Beliefs) -> float:
    """Return the score of a plan, worked out from the page of the model: no code of the router's."""
    assert plan.cost is not None
    urgency = order.parameters.urgency
    aversion = 0.005 * urgency / (1 - urgency)
    peak = 0.7 * beliefs.volatility.daily_bps * math.sqrt(order.qty_units / beliefs.volume.per_day)
    even = 2 / 3 * peak - peak * (2 / 3) / 2
    in_window = beliefs.volume.expected(order.start_ns, order.end_ns)
    paces = [one.qty_units / beliefs.volume.expected(one.release_ns, one.end_ns) for one in plan.slices]
    pace = sum(p * one.qty_units for p, one in zip(paces, plan.slices, strict=True)) / order.qty_units
    linear = even * pace / (order.qty_units / in_window)
    return plan.cost.mean_bps - plan.cost.temporary_bps + linear + aversion * plan.cost.timing_risk_bps**2


@pytest.mark.parametrize("urgency", [0.0, 0.2, 0.5, 0.8])
@pytest.mark.parametrize(("qty", "hours"), [(2_000, 2.0), (20_000, 2.0), (100_000, 5.0)])
def test_the_choice_is_the_least_over_plans_made_one_by_one(
    order_of: Callable[..., ParentOrder],
    beliefs_of: Callable[..., Beliefs],
    equity: Listing,
    qty: int,
    hours: float,
    urgency: float,
) -> None:
    order = replace(order_of(equity, qty, hours, urgency=urgency), strategy="auto")
    beliefs, progress = beliefs_of(equity), Progress.start(order)
    decision = ROUTER.decide(order, progress, beliefs, equity, HOURS, T0)
    assert 15 <= len(decision.ranking) + len(decision.excluded) <= 20
    scores = []
    for one in decision.ranking:
        worked = replace(order, strategy=one.strategy, end_ns=one.end_ns)
        if one.participation_target is not None:
            pace = replace(order.parameters, participation_target=one.participation_target)
            worked = replace(worked, parameters=pace)
        plan = make_plan(worked, progress, beliefs, equity, HOURS, T0)
        assert plan.cost == one.cost
        assert one.score_bps == pytest.approx(hand_score(plan, order, beliefs), rel=1e-9)
        scores.append(one.score_bps)
    assert decision.chosen == decision.ranking[0]
    assert decision.chosen.score_bps <= min(scores) + SAME


def test_the_plan_of_a_decision_costs_what_its_candidate_does(
    order_of: Callable[..., ParentOrder], beliefs_of: Callable[..., Beliefs], equity: Listing
) -> None:
    order = replace(order_of(equity, 20_000), strategy="auto")
    beliefs, progress = beliefs_of(equity), Progress.start(order)
    decision = ROUTER.decide(order, progress, beliefs, equity, HOURS, T0)
    for one in decision.ranking:
        taken = replace(decision, chosen=one, strategy=one.strategy)
        plan = ROUTER.plan(order, taken, progress, beliefs, equity, HOURS)
        assert plan.cost == one.cost
        assert (plan.strategy, len(plan.slices)) == (one.strategy, one.slices)
        assert (plan.slices[0].release_ns, plan.slices[-1].end_ns) == (one.start_ns, one.done_ns)
        worked = routed(order, taken)
        assert (worked.start_ns, worked.end_ns) == (order.start_ns, order.end_ns)
        assert worked.parameters.end_behaviour is EndBehaviour.FINISH


@settings(max_examples=25)
@given(
    qty=st.integers(500, 200_000),
    hours=st.sampled_from([0.25, 1.0, 2.0, 5.5]),
    urgencies=st.lists(st.floats(0, 1), min_size=2, max_size=4, unique=True),
    cap=st.sampled_from([0.05, 0.15, 0.3, 1.0]),
    vol_bps=st.sampled_from([50.0, 200.0, 800.0]),
)
def test_more_urgency_is_never_riskier(
    decided: Callable[..., StrategyDecision],
    qty: int,
    hours: float,
    urgencies: list[float],
    cap: float,
    vol_bps: float,
) -> None:
    found = [
        decided(qty, hours, urgency=u, participation_max=cap, beliefs={"vol_bps": vol_bps}) for u in sorted(urgencies)
    ]
    for calm, eager in pairwise(found):
        assert calm.risk_aversion <= eager.risk_aversion
        assert calm.chosen is not None
        assert eager.chosen is not None
        assert eager.chosen.cost.timing_risk_bps <= calm.chosen.cost.timing_risk_bps * 1.005


def test_urgency_0_costs_least_and_1_risks_least_and_half_is_between(decided: Callable[..., StrategyDecision]) -> None:
    calm, middle, eager = (decided(20_000, 2.0, urgency=u) for u in (0.0, 0.5, 1.0))
    assert calm.chosen is not None
    assert middle.chosen is not None
    assert eager.chosen is not None
    assert calm.chosen.cost.mean_bps <= min(one.cost.mean_bps for one in calm.ranking) + 0.05
    assert calm.chosen.done_ns == T0 + 2 * 3600 * 10**9
    assert eager.chosen.cost.timing_risk_bps == min(one.cost.timing_risk_bps for one in eager.ranking)
    assert eager.chosen.peak_participation == pytest.approx(0.15, rel=0.1)
    assert calm.chosen.cost.sd_bps > 1.2 * middle.chosen.cost.sd_bps > 1.2 * eager.chosen.cost.sd_bps


@settings(max_examples=25)
@given(
    qty=st.integers(500, 100_000),
    urgency=st.floats(0, 1),
    names=st.lists(st.sampled_from(ROUTER.strategies), min_size=1, max_size=3, unique=True),
)
def test_one_more_strategy_never_worsens_the_choice(
    decided: Callable[..., StrategyDecision], qty: int, urgency: float, names: list[str]
) -> None:
    few, many = (
        decided(qty, router=SmartRouter(strategies=tuple(one)), urgency=urgency) for one in (names, ROUTER.strategies)
    )
    assert few.chosen is not None
    assert many.chosen is not None
    if len(many.ranking) >= len(few.ranking):
        assert many.chosen.score_bps <= few.chosen.score_bps + SAME


@settings(max_examples=25)
@given(qty=st.integers(100, 20_000), factor=st.sampled_from([10, 1000]), urgency=st.floats(0, 0.99))
@example(qty=193, factor=10, urgency=0.0)
def test_an_order_and_a_market_k_times_as_large_give_the_same_decision(
    order_of: Callable[..., ParentOrder],
    beliefs_of: Callable[..., Beliefs],
    equity: Listing,
    qty: int,
    factor: int,
    urgency: float,
) -> None:
    def scores(scale: int) -> list[float]:
        listing = replace(equity, lot_units=scale, min_qty_units=scale, fees=BPS_ONLY)
        order = replace(order_of(listing, qty * scale, urgency=urgency), strategy="auto")
        beliefs = beliefs_of(listing, 2e6 * scale, level_qty=150.0 * scale, fees=BPS_ONLY)
        made = ROUTER.decide(order, Progress.start(order), beliefs, listing, HOURS, T0)
        return sorted(one.score_bps for one in made.ranking)

    assert scores(factor) == pytest.approx(scores(1), rel=5e-3)  # floats may share the last lots otherwise


def test_the_money_that_prices_are_in_does_not_matter(
    order_of: Callable[..., ParentOrder], beliefs_of: Callable[..., Beliefs], equity: Listing
) -> None:
    listing = replace(equity, fees=BPS_ONLY)
    order = replace(order_of(listing, 20_000), strategy="auto")
    found = [
        ROUTER.decide(order, Progress.start(order), beliefs_of(listing, mid2=mid2, fees=BPS_ONLY), listing, HOURS, T0)
        for mid2 in (4_400_000, 440_000_000)
    ]
    assert found[0].ranking == found[1].ranking


def test_of_equals_the_first_strategy_is_taken_and_the_same_one_always(
    order_of: Callable[..., ParentOrder], beliefs_of: Callable[..., Beliefs], coin: Listing
) -> None:
    order = replace(order_of(coin, 500_000_000, urgency=0.0), strategy="auto")
    beliefs = beliefs_of(coin, 2e12)
    for names, first in ((("twap", "vwap"), "twap"), (("vwap", "twap"), "vwap")):
        router = SmartRouter(strategies=names)
        decisions = [router.decide(order, Progress.start(order), beliefs, coin, ALWAYS_OPEN, T0) for _ in range(2)]
        assert decisions[0] == decisions[1]
        assert decisions[0].chosen is not None
        assert decisions[0].chosen.strategy == first
        assert decisions[0].ranking[0].cost == decisions[0].ranking[1].cost


def test_a_decision_round_trips(decided: Callable[..., StrategyDecision]) -> None:
    for made in (decided(), decided(strategy="twap"), decided(beliefs={"mid2": 0}), decided(urgency=1.0)):
        assert from_json(to_json(made), StrategyDecision) == made
        assert from_msgpack(to_msgpack(made), StrategyDecision) == made


def test_a_decision_prints_as_a_table(decided: Callable[..., StrategyDecision]) -> None:
    made = decided(strategy="twap")
    text = str(made)
    assert text.count(" * ") == 1
    assert "twap over 2h" in text
    assert "the router would choose" in text
    assert "<table>" in made._repr_html_()
    assert all(len(line) < 200 for line in text.splitlines())


@pytest.mark.parametrize(
    ("parameters", "left"),
    [
        ({"participation_target": 0.1}, {"pov"}),
        ({"participation_min": 0.05}, {"pov"}),
        ({"participation_by_time": ((0, 0.05), (10**12, 0.1))}, {"pov"}),
        ({"alpha_bps_per_hour": 5.0}, {"is"}),
        ({"slices": 12}, {"twap", "vwap", "is"}),
        ({"randomise_time": 0.2}, {"twap", "vwap", "is"}),
        ({"display_units": 100, "never_take": True}, {"twap", "vwap", "is", "pov"}),
        ({"min_fill_units": 200, "must_complete": True}, {"twap", "vwap", "is", "pov"}),
        ({"limit_units": 2_300_000, "i_would_units": 2_200_000, "i_would_fraction": 0.5}, set(ROUTER.strategies)),
        ({"end_behaviour": EndBehaviour.RUN_ON}, set(ROUTER.strategies)),
    ],
)
def test_only_strategies_that_honour_what_is_asked_are_weighed(
    decided: Callable[..., StrategyDecision], parameters: dict[str, Any], left: set[str]
) -> None:
    made = decided(**parameters)
    assert {one.strategy for one in made.ranking} == left
    excluded = {one.what: one.reason for one in made.excluded}
    for name in set(ROUTER.strategies) - left:
        assert "does not honour" in excluded[name]


def test_a_rate_that_is_asked_is_kept_and_a_floor_too(decided: Callable[..., StrategyDecision]) -> None:
    asked = decided(participation_target=0.07)
    assert [one.participation_target for one in asked.ranking] == [0.07]
    floored = decided(participation_min=0.08)
    assert all((one.participation_target or 0) >= 0.08 for one in floored.ranking)


@pytest.mark.parametrize("cap", [0.06, 0.15, 0.4])
def test_every_way_keeps_to_the_cap_and_the_others_say_why_not(
    decided: Callable[..., StrategyDecision], cap: float
) -> None:
    made = decided(30_000, participation_max=cap)
    for one in made.ranking:
        assert (one.participation_target or one.peak_participation) <= cap * 1.001
    assert all("over the cap" in one.reason for one in made.excluded)


def test_an_order_over_the_cap_is_weighed_over_its_whole_window(decided: Callable[..., StrategyDecision]) -> None:
    made = decided(3_000_000)
    assert made.ranking
    assert {one.end_ns for one in made.ranking} == {T0 + 2 * 3600 * 10**9}
    assert any("no way keeps to the cap 15 %" in one for one in made.reasons)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"alpha_bps_per_hour": 5.0, "participation_target": 0.1}, "no strategy honours all that is asked"),
        ({"slices": 5, "participation_target": 0.1}, "no strategy honours all that is asked"),
        ({"auctions": True}, "no strategy honours all that is asked"),
        ({"never_take": True, "must_complete": True}, "never_take contradicts must_complete"),
        ({"never_take": True, "urgency": 1.0}, "never_take contradicts urgency 1"),
        ({"participation_min": 0.1, "participation_target": 0.05}, "min_participation is over participation"),
        ({"min_fill_units": 30_000}, "min_fill is over the order's quantity"),
        ({"slices": 100_000}, "nearest is"),
    ],
)
def test_constraints_that_cannot_be_met_are_refused_in_one_sentence(
    decided: Callable[..., StrategyDecision], parameters: dict[str, Any], said: str
) -> None:
    with pytest.raises(Refused, match=said) as error:
        decided(**parameters)
    assert "\n" not in str(error.value)
    assert error.value.remedy


@pytest.mark.parametrize(
    ("beliefs", "said", "priced"),
    [
        ({"mid2": 0}, "no price is known", False),
        ({"per_day": 0}, "no volume is known", True),
    ],
)
def test_without_a_price_or_volume_twap_is_taken_and_says_so(
    decided: Callable[..., StrategyDecision], beliefs: dict[str, Any], said: str, priced: bool
) -> None:
    made = decided(beliefs=beliefs)
    assert (made.strategy, made.ranking) == ("twap", ())
    assert said in made.fallback
    assert said in made.reasons[0]
    assert "twap is taken" in made.reasons[0]
    assert (made.chosen is not None) is priced
    follows = decided(beliefs=beliefs, participation_target=0.1)
    assert (follows.strategy, routed_of(follows)) == ("pov", "pov")


def routed_of(made: StrategyDecision) -> str:
    order = ParentOrder(
        parent_id="p", listing="AMZN@XNAS", side=1, qty_units=20_000, decided_ns=T0, start_ns=T0, end_ns=T0 + 10**12,
        strategy="auto",
    )  # fmt: skip
    return routed(order, made).strategy


@pytest.mark.parametrize(("late_ns", "weighed"), [(0, True), (STALE_NS, True), (STALE_NS + 1, False)])
def test_beliefs_older_than_an_hour_are_not_weighed_by(
    order_of: Callable[..., ParentOrder],
    beliefs_of: Callable[..., Beliefs],
    equity: Listing,
    late_ns: int,
    weighed: bool,
) -> None:
    order = replace(order_of(equity, 20_000), strategy="auto")
    made = ROUTER.decide(order, Progress.start(order), beliefs_of(equity), equity, HOURS, T0 + late_ns)
    assert bool(made.ranking) is weighed
    assert ("ago" in made.fallback) is not weighed
    assert made.chosen is not None


def test_an_override_is_recorded_beside_the_ranking_with_what_it_costs_more(
    decided: Callable[..., StrategyDecision],
) -> None:
    free, named = decided(), decided(strategy="twap")
    assert free.override == ""
    assert (named.override, named.strategy) == ("twap", "twap")
    assert named.ranking == free.ranking
    assert named.chosen is not None
    assert free.chosen is not None
    assert named.chosen.done_ns == T0 + 2 * 3600 * 10**9
    assert named.costs_more_bps == named.chosen.score_bps - free.chosen.score_bps
    assert named.costs_more_bps > 5
    assert "the router would choose is" in named.reasons[1]
    assert decided(strategy="pov").chosen.participation_target == 0.1  # type: ignore[union-attr]


def test_what_is_left_is_weighed_by_the_same_yardstick(
    order_of: Callable[..., ParentOrder], beliefs_of: Callable[..., Beliefs], equity: Listing
) -> None:
    order = replace(order_of(equity, 20_000), strategy="auto")
    now = T0 + 1800 * 10**9
    progress = Progress(filled_units=5_000, open_units=0, unsent_units=15_000, next_slice_index=7, revision=1)
    made = ROUTER.decide(order, progress, beliefs_of(equity), equity, HOURS, now)
    assert made.qty_units == 15_000
    assert all(now <= one.start_ns < one.end_ns <= order.end_ns for one in made.ranking)
    plan = ROUTER.plan(order, made, progress, beliefs_of(equity), equity, HOURS)
    assert made.chosen is not None
    assert plan.cost == made.chosen.cost
    assert (plan.slices[0].index, plan.revision, plan.qty_units) == (7, 1, 15_000)


@pytest.mark.parametrize(
    ("now_ns", "said"),
    [(T0 - 1, "look-ahead"), (T0 + 2 * 3600 * 10**9, "the window ended"), (T0 + 9 * 3600 * 10**9, "the window ended")],
)
def test_an_order_that_cannot_be_planned_is_refused_as_the_planner_does(
    order_of: Callable[..., ParentOrder], beliefs_of: Callable[..., Beliefs], equity: Listing, now_ns: int, said: str
) -> None:
    order = replace(order_of(equity, 20_000), strategy="auto")
    with pytest.raises(Refused, match=said):
        SmartRouter(stale_ns=10**18).decide(order, Progress.start(order), beliefs_of(equity), equity, HOURS, now_ns)


@pytest.mark.parametrize(
    "settings",
    [
        {"strategies": "twap"},
        {"strategies": ()},
        {"strategies": ("twap", "twap")},
        {"strategy": "twap"},
        {"speeds": 1},
        {"speeds": float("nan")},
        {"stale_ns": 0},
    ],
)
def test_a_setting_that_is_none_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(nowake.InputError):
        nowake.get_smart_router(**settings)


def test_a_strategy_that_is_not_known_is_named(decided: Callable[..., StrategyDecision]) -> None:
    with pytest.raises(InputError, match="strategy must be one of"):
        decided(router=SmartRouter(strategies=("twap", "iceberg")))
    with pytest.raises(InputError, match="strategy must be one of"):
        decided(strategy="iceberg")


def test_get_smart_router_gives_the_real_class(session: Session) -> None:
    assert isinstance(nowake.get_smart_router(), nowake.SmartRouter)
    assert nowake.get_smart_router(speeds=3) == SmartRouter(speeds=3)


def test_what_is_unusual_about_the_market_is_said_with_its_numbers(
    order_of: Callable[..., ParentOrder], beliefs_of: Callable[..., Beliefs], equity: Listing
) -> None:
    order = replace(order_of(equity, 20_000), strategy="auto")
    now = Conditions(
        listing=equity.key,
        asof_ns=T0,
        side=order.side,
        qty_units=order.qty_units,
        spread_score=0.97,
        volatility_score=0.5,
        size_class=SizeClass.BLOCK,
        size_why="40 x the depth within 10 bps",
        measures=(
            Measure(name="spread", value=9.5, unit="bps"),
            Measure(name="volatility", value=210.0, unit="bps a day"),
            Measure(name="volume_rate", why="no prints"),
        ),
    )
    plain = ROUTER.decide(order, Progress.start(order), beliefs_of(equity), equity, HOURS, T0)
    made = ROUTER.decide(order, Progress.start(order), beliefs_of(equity), equity, HOURS, T0, now)
    assert made.conditions == now
    assert made.ranking == plain.ranking
    assert made.reasons[len(plain.reasons) :] == (
        "spread is 9.5 bps, above 97 % of its own history, weighed by 4",
        "a block order here: 40 x the depth within 10 bps",
    )
    assert from_json(to_json(made), StrategyDecision) == made


def test_a_strategy_of_somebody_else_joins_by_name(
    monkeypatch: pytest.MonkeyPatch, decided: Callable[..., StrategyDecision]
) -> None:
    theirs = dataclasses.replace(TWAP, name="theirs", honours=COMMON)
    point = SimpleNamespace(name="theirs", value="they:THEIRS", load=lambda: theirs)
    monkeypatch.setattr(table, "entry_points", lambda group: [point])
    made = decided(router=SmartRouter(strategies=("is", "theirs")))
    assert {one.strategy for one in made.ranking} == {"is", "theirs"}
    assert "theirs: does not honour slices" in str(decided(router=SmartRouter(strategies=("is", "theirs")), slices=9))


@pytest.mark.parametrize("name", ["nope", "auto"])
def test_a_strategy_that_is_none_is_refused_when_the_router_is_made(name: str) -> None:
    with pytest.raises(InputError, match=name):
        nowake.get_smart_router(strategies=("twap", name))
