"""The router against plans made one by one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import nowake
from nowake.core.instrument import Listing
from nowake.core.order import ParentOrder
from nowake.core.sessions import Session
from nowake.core.value import replace
from nowake.models.beliefs import Beliefs
from nowake.plan.planner import Progress, make_plan


def test_the_choice_is_the_least_score_over_plans_made_one_by_one(
    order_of: Callable[..., ParentOrder], beliefs_of: Callable[..., Beliefs], equity: Listing, session: Session, t0: int
) -> None:
    order = replace(order_of(equity, 20_000), strategy="auto")
    beliefs, progress = beliefs_of(equity), Progress.start(order)
    router = nowake.get_smart_router()
    decision = router.decide(order, progress, beliefs, equity, session, t0)
    assert decision.chosen is not None
    assert decision.chosen == decision.ranking[0]
    made = router.plan(order, decision, progress, beliefs, equity, session)
    assert made.cost == decision.chosen.cost
    for name in router.strategies:
        plan = make_plan(replace(order, strategy=name), progress, beliefs, equity, session, t0)
        assert plan.cost is not None
        score = plan.cost.mean_bps + decision.risk_aversion * plan.cost.sd_bps
        assert decision.chosen.score_bps <= score


@pytest.mark.parametrize("settings", [{"strategies": "twap"}, {"strategies": ()}, {"strategy": "twap"}])
def test_a_setting_that_is_none_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(nowake.InputError):
        nowake.get_smart_router(**settings)


def test_get_smart_router_gives_the_real_class() -> None:
    assert isinstance(nowake.get_smart_router(), nowake.SmartRouter)
