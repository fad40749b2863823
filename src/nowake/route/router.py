"""``SmartRouter``: conditions -> candidate plans -> cost distributions -> the choice. Pure: same values, same decision.

The choice is the least score (``route.score``) over strategies at several speeds (``route.candidates``), all of which
keep to what the user set. Of equals the first in the router's list of strategies is taken, and of one strategy the
slower.
"""

from __future__ import annotations

from collections.abc import Sequence

from nowake.core.conditions import Conditions
from nowake.core.errors import InputError
from nowake.core.instrument import Listing
from nowake.core.order import ParentOrder
from nowake.core.plan import ExecutionPlan, ExecutionSlice
from nowake.core.routing import Candidate, StrategyDecision
from nowake.core.sessions import Session
from nowake.core.units import NS_PER_SECOND
from nowake.core.value import Value, check_types, replace, require
from nowake.models.beliefs import Beliefs
from nowake.plan.cost import estimate, measured
from nowake.plan.planner import Progress, make_plan
from nowake.plan.strategies import AUTO, FALLBACK, find_strategy
from nowake.route.candidates import usable, worked_by
from nowake.route.reasons import reasons_of
from nowake.route.score import risk_aversion, yardstick
from nowake.route.weigh import Case, fallback_of

STALE_NS = 3600 * NS_PER_SECOND
"""Beliefs older than this describe another market: within an hour of the open or the close, volume, spread and
volatility halve or double."""


class SmartRouter(Value, frozen=True):
    """Chooses between strategies for one order.

    Attributes:
        strategies: Names of those it weighs, the preferred of equals first; those of third parties join by name.
        speeds: At how many speeds each is weighed, at most.
        stale_ns: Beliefs that are older are not weighed by.
    """

    strategies: tuple[str, ...] = ("twap", "vwap", "is", "pov")
    speeds: int = 5
    stale_ns: int = STALE_NS

    def __post_init__(self) -> None:
        check_types(self)
        require(bool(self.strategies), "strategies", self.strategies, "at least one")
        require(len(set(self.strategies)) == len(self.strategies), "strategies", self.strategies, "named once each")
        require(2 <= self.speeds <= 100, "speeds", self.speeds, "2 to 100")
        require(self.stale_ns > 0, "stale_ns", self.stale_ns, "> 0")

    def decide(
        self,
        order: ParentOrder,
        progress: Progress,
        beliefs: Beliefs,
        listing: Listing,
        session: Session,
        now_ns: int,
        conditions: Conditions | None = None,
    ) -> StrategyDecision:
        """Return which way what is unsent of ``order`` is to be worked from ``now_ns`` on.

        Args:
            order: As asked for; a strategy other than ``auto`` is the user's choice, recorded beside the ranking.
            progress: How far it is.
            beliefs: As of ``now_ns`` or earlier.
            listing: The order's.
            session: Its trading hours.
            now_ns: When the decision falls.
            conditions: What the market is like, where that was measured.

        Raises:
            InputError: A strategy is not known, or a parameter not what it must be.
            Refused: What the user asks contradicts itself, no strategy honours all of it, or the order cannot be
                worked in its window.
        """
        override = "" if order.strategy == AUTO else find_strategy(order.strategy).name
        case = Case(order, progress, beliefs, listing, session, now_ns)
        strategies, excluded = usable(order, self.strategies)
        fallback = case.unweighable(self.stale_ns)
        measure = yardstick(order, beliefs, listing, known=not fallback)
        ranking: tuple[Candidate, ...] = ()
        if not fallback:
            ranking, more = case.weigh(strategies, self.speeds, measure)
            excluded += more
        strategy = override or (ranking[0].strategy if ranking else fallback_of(strategies))
        if override or not ranking:
            chosen = case.candidate(worked_by(order, strategy), measure)
        else:
            chosen = ranking[0]
        made = StrategyDecision(
            parent_id=order.parent_id,
            asof_ns=now_ns,
            qty_units=progress.unsent_units,
            risk_aversion=measure.risk_aversion,
            chosen=chosen,
            ranking=ranking,
            excluded=excluded,
            fallback=fallback,
            override=override,
            beliefs=beliefs.hash,
            strategy=strategy,
            conditions=conditions,
        )
        return replace(made, reasons=reasons_of(made, order, beliefs))

    def score_bps(
        self, order: ParentOrder, slices: Sequence[ExecutionSlice], beliefs: Beliefs, listing: Listing
    ) -> float:
        """Return what slices score by the yardstick of ``decide``, basis points: to compare going on with changing.

        Args:
            order: As asked, over its whole window.
            slices: Of what is unsent.
            beliefs: Of its listing; a price is known.
            listing: Its own.
        """
        known = beliefs.volume.expected(order.start_ns, order.end_ns) > 0
        measure = yardstick(order, beliefs, listing, known=known)
        pace = measured(slices, beliefs, order.parameters.participation_max).pace
        return measure.score_bps(estimate(order, slices, beliefs, listing), pace)

    def plan(
        self,
        order: ParentOrder,
        decision: StrategyDecision,
        progress: Progress,
        beliefs: Beliefs,
        listing: Listing,
        session: Session,
    ) -> ExecutionPlan:
        """Return the plan of a decision.

        Raises:
            InputError: The order cannot be worked as asked.
        """
        worked = routed(order, decision)
        if decision.chosen is not None:
            worked = replace(worked, end_ns=decision.chosen.end_ns)
        return make_plan(worked, progress, beliefs, listing, session, decision.asof_ns)


def routed(order: ParentOrder, decision: StrategyDecision) -> ParentOrder:
    """Return the order as the decision works it; its window stays as asked, only a schedule may end before."""
    chosen = decision.chosen
    if decision.override:
        return replace(order, strategy=decision.override)
    rate = chosen.participation_target if chosen is not None else None
    return worked_by(order, decision.strategy or FALLBACK.name, rate=rate)


def get_smart_router(**settings: object) -> SmartRouter:
    """Return a router with ``settings``, the attributes of ``SmartRouter``.

    Raises:
        InputError: A setting is not what it must be, or a strategy is not there.
    """
    known = SmartRouter.__struct_fields__
    for name in settings:
        if name not in known:
            raise InputError("setting", name, f"one of {', '.join(known)}")
    made = SmartRouter(**settings)  # type: ignore[arg-type]
    for name in made.strategies:
        # Not in the value itself: a journal stays readable where a third party's strategy is not installed.
        require(name != AUTO, "strategies", name, "strategies between which to choose")
        find_strategy(name)
    return made


__all__ = ["STALE_NS", "SmartRouter", "get_smart_router", "risk_aversion", "routed"]
