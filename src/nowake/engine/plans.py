"""Plans as the engine takes them: the strategy chosen, laid out for what is unsent, by tactics that there are."""

from __future__ import annotations

from typing import NamedTuple

from nowake.core.conditions import Conditions
from nowake.core.decisions import StrategyChosen, Trigger
from nowake.core.errors import InputError, Refused
from nowake.core.expected import Expected, Mark
from nowake.core.order import ParentOrder
from nowake.core.plan import ExecutionPlan
from nowake.core.routing import StrategyDecision
from nowake.core.view import View
from nowake.engine.env import Env
from nowake.engine.state import ParentState
from nowake.engine.tactics import TACTICS
from nowake.market.liquidity import conditions_from_view
from nowake.models.beliefs import Beliefs
from nowake.plan.planner import Progress, make_plan
from nowake.plan.strategies import AUTO
from nowake.route.router import SmartRouter, routed

CERTAIN = 0.99
"""At a participation of all volume no time to trade can be told."""
EXPECTED_PARTS = 24
"""The expected volume is remembered at the ends of this many equal parts of the window that is left."""


def plan_for(order: ParentOrder, progress: Progress, beliefs: Beliefs, env: Env, now_ns: int) -> ExecutionPlan:
    """Return the plan of an order.

    Raises:
        InputError: The order cannot be worked as asked, or its strategy names a tactic that is not there.
    """
    listing = env.listing(order.listing)
    return _by_known_tactics(make_plan(order, progress, beliefs, listing, env.session(listing.session), now_ns))


def _by_known_tactics(plan: ExecutionPlan) -> ExecutionPlan:
    for tactic in dict.fromkeys(one.tactic for one in plan.slices):
        if tactic not in TACTICS:
            raise Refused(f"{plan.strategy} names the tactic {tactic}", f"there are {', '.join(TACTICS)}")
    return plan


class Routed(NamedTuple):
    """How an order is to be worked; ``chosen`` is None where there is no router."""

    plan: ExecutionPlan
    chosen: StrategyChosen | None


def route(
    order: ParentOrder,
    progress: Progress,
    beliefs: Beliefs,
    env: Env,
    view: View,
    trigger: Trigger = Trigger.ADMISSION,
    reason: str = "",
) -> Routed:
    """Return strategy and plan of an order as asked: the router's choice, or the strategy that the user named.

    Raises:
        InputError: The order cannot be worked as asked.
    """
    if env.router is None:
        return Routed(plan_for(order, progress, beliefs, env, view.t_ns), None)
    if order.strategy != AUTO:
        return _named(env.router, order, progress, beliefs, env, view)
    decision = weigh(env.router, order, progress, beliefs, env, view)
    return adopt(env.router, order, decision, progress, beliefs, env, view, trigger, reason)


def _named(
    router: SmartRouter, order: ParentOrder, progress: Progress, beliefs: Beliefs, env: Env, view: View
) -> Routed:
    """Return the plan of the strategy that the user named, and what the router would have made of it."""
    plan = plan_for(order, progress, beliefs, env, view.t_ns)
    try:
        decision = weigh(router, order, progress, beliefs, env, view)
    except InputError:  # there is nothing to weigh it against, which refuses no order
        return Routed(plan, None)
    return Routed(plan, StrategyChosen(decision=decision, order=order))


def weigh(
    router: SmartRouter,
    order: ParentOrder,
    progress: Progress,
    beliefs: Beliefs,
    env: Env,
    view: View,
    since: Mark | None = None,
) -> StrategyDecision:
    """Return what the router makes of an order as asked, with what the market is like for what is unsent of it."""
    listing = env.listing(order.listing)
    found = conditions(order, progress, beliefs, env, view, since)
    return router.decide(order, progress, beliefs, listing, env.session(listing.session), view.t_ns, found)


def conditions(
    order: ParentOrder, progress: Progress, beliefs: Beliefs, env: Env, view: View, since: Mark | None = None
) -> Conditions:
    """Return what the market is like for what is unsent; rates count from ``since`` or the background's sums."""
    seen = next((one for one in env.backgrounds if one.listing == order.listing), None)
    return conditions_from_view(
        view,
        env.listing(order.listing),
        order.side,
        progress.unsent_units,
        norms=seen.norms if seen is not None else None,
        earlier=since or (seen.earlier if seen is not None else None),
        day_volume=beliefs.volume.per_day,
        day_ns=beliefs.volume.day_ns,
        participation=min(order.parameters.participation_max, CERTAIN),
        levels_known=seen.levels_known if seen is not None else 0,
    )


def adopt(
    router: SmartRouter,
    order: ParentOrder,
    decision: StrategyDecision,
    progress: Progress,
    beliefs: Beliefs,
    env: Env,
    view: View,
    trigger: Trigger,
    reason: str,
) -> Routed:
    """Return the plan of a decision on an order that names no strategy, and the record of it.

    Raises:
        InputError: The order cannot be worked as asked.
    """
    listing = env.listing(order.listing)
    session = env.session(listing.session)
    plan = _by_known_tactics(router.plan(order, decision, progress, beliefs, listing, session))
    chosen = StrategyChosen(
        decision=decision,
        order=routed(order, decision),
        trigger=trigger,
        reason=reason,
        expected=expected(order, beliefs, view),
    )
    return Routed(plan, chosen)


def expected(order: ParentOrder, beliefs: Beliefs, view: View) -> Expected:
    """Return what the rest of an order's window is expected to be like."""
    since_ns, volume = view.t_ns, beliefs.volume
    span = order.end_ns - since_ns
    ends = (since_ns + span * (k + 1) // EXPECTED_PARTS for k in range(EXPECTED_PARTS))
    path = tuple(round(volume.expected(since_ns, at_ns)) for at_ns in ends)
    return Expected(
        mark=Mark.of(view),
        until_ns=order.end_ns,
        volume=path if path[-1] else (),
        volatility_bps=beliefs.volatility.daily_bps,
        day_ns=volume.day_ns,
        spread_bps=beliefs.spread_bps,
    )


def revision(
    parent: ParentState, unsent_units: int, open_units: int, owed_units: int = 0, slice_end_ns: int = 0
) -> Progress:
    """Return the progress from which a plan is revised: leg numbers and the revision go on."""
    return Progress(
        filled_units=parent.filled,
        open_units=open_units,
        unsent_units=unsent_units,
        next_slice_index=parent.plan.slices[-1].index + 1,
        revision=parent.plan.revision + 1,
        owed_units=owed_units,
        slice_end_ns=slice_end_ns,
    )
