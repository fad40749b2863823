"""``SmartRouter``: conditions -> candidate plans -> cost distributions -> the choice. Pure: same values, same decision.

The choice is the least mean + risk aversion x sd (basis points of arrival notional), where the risk aversion follows
the urgency u as u / (1 - u): 0 takes the least expected cost, 0.5 weighs a standard deviation like the mean.
"""

from __future__ import annotations

from nowake.core.errors import InputError
from nowake.core.instrument import Listing
from nowake.core.order import ParentOrder
from nowake.core.plan import ExecutionPlan
from nowake.core.routing import Candidate, Exclusion, StrategyDecision
from nowake.core.sessions import Session
from nowake.core.value import Value, check_types, replace, require
from nowake.models.beliefs import Beliefs
from nowake.plan.feasibility import peak_participation
from nowake.plan.planner import Progress, make_plan
from nowake.plan.strategies import AUTO, FALLBACK

RISK_AVERSION_MAX = 100.0
"""Urgency 1, as fast as the cap allows, weighs risk like this."""


def risk_aversion(urgency: float) -> float:
    """Return how much a basis point of standard deviation counts against one of the mean, for an urgency in [0, 1]."""
    return min(urgency / (1 - urgency), RISK_AVERSION_MAX) if urgency < 1 else RISK_AVERSION_MAX


class SmartRouter(Value, frozen=True):
    """Chooses between strategies for one order.

    Attributes:
        strategies: Names of those it weighs.
    """

    strategies: tuple[str, ...] = ("twap", "vwap", "pov", "is")

    def __post_init__(self) -> None:
        check_types(self)
        require(bool(self.strategies), "strategies", self.strategies, "at least one")

    def decide(
        self, order: ParentOrder, progress: Progress, beliefs: Beliefs, listing: Listing, session: Session, now_ns: int
    ) -> StrategyDecision:
        """Return which way what is unsent of ``order`` is to be worked from ``now_ns`` on.

        Args:
            order: As asked for; a strategy other than ``auto`` is the user's choice, recorded beside the ranking.
            progress: How far it is.
            beliefs: As of ``now_ns`` or earlier.
            listing: The order's.
            session: Its trading hours.
            now_ns: When the decision falls.
        """
        aversion = risk_aversion(order.parameters.urgency)
        ranking, excluded = [], []
        for name in self.strategies:
            try:
                plan = make_plan(replace(order, strategy=name), progress, beliefs, listing, session, now_ns)
            except InputError as error:
                excluded.append(Exclusion(what=name, reason=str(error)))
                continue
            if plan.cost is None:
                excluded.append(Exclusion(what=name, reason="no price is known, so it has no cost"))
                continue
            ranking.append(
                Candidate(
                    strategy=name,
                    end_ns=plan.slices[-1].end_ns,
                    cost=plan.cost,
                    score_bps=plan.cost.mean_bps + aversion * plan.cost.sd_bps,
                    peak_participation=peak_participation(plan.slices, beliefs),
                    slices=len(plan.slices),
                )
            )
        ranking.sort(key=lambda one: one.score_bps)
        override = "" if order.strategy == AUTO else order.strategy
        chosen = next((one for one in ranking if override in ("", one.strategy)), None)
        return StrategyDecision(
            parent_id=order.parent_id,
            asof_ns=now_ns,
            qty_units=progress.unsent_units,
            risk_aversion=aversion,
            chosen=chosen,
            ranking=tuple(ranking),
            excluded=tuple(excluded),
            fallback="" if chosen or override else "nothing could be priced",
            override=override,
            beliefs=beliefs.hash,
        )

    def plan(
        self,
        order: ParentOrder,
        decision: StrategyDecision,
        progress: Progress,
        beliefs: Beliefs,
        listing: Listing,
        session: Session,
    ) -> ExecutionPlan:
        """Return the plan of a decision: the chosen candidate's, else TWAP's over the whole window.

        Raises:
            InputError: The order cannot be worked as asked.
        """
        worked = routed(order, decision)
        if decision.chosen is not None:
            worked = replace(worked, end_ns=decision.chosen.end_ns)
        return make_plan(worked, progress, beliefs, listing, session, decision.asof_ns)


def routed(order: ParentOrder, decision: StrategyDecision) -> ParentOrder:
    """Return the order as the decision works it; its window stays as asked."""
    if decision.chosen is not None:
        return decision.chosen.order(order)
    return replace(order, strategy=decision.override or FALLBACK.name)


def get_smart_router(**settings: object) -> SmartRouter:
    """Return a router with ``settings``, the attributes of ``SmartRouter``.

    Raises:
        InputError: A setting is not what it must be.
    """
    known = SmartRouter.__struct_fields__
    for name in settings:
        if name not in known:
            raise InputError("setting", name, f"one of {', '.join(known)}")
    return SmartRouter(**settings)  # type: ignore[arg-type]
