"""Weigh a running order again when the market or its own progress leaves what its strategy was chosen for.

Looked at when the market's sums are marked, and only as often as ``Env.rerouting`` allows. The present plan is priced
again on the same beliefs as its rivals; one of them must be better by a margin, by twice the margin where it is the
strategy that was left. Everything comes from the journaled view, the state and the environment.
"""

from __future__ import annotations

from nowake.core.decisions import PlanAdopted, Trigger
from nowake.core.errors import InputError
from nowake.core.expected import RECENT_NS, Mark
from nowake.core.plan import ExecutionSlice
from nowake.core.routing import StrategyDecision
from nowake.core.value import replace
from nowake.core.view import View
from nowake.engine.believe import measured_beliefs
from nowake.engine.draft import Draft
from nowake.engine.env import Env, Rerouting
from nowake.engine.plans import adopt, plan_for, revision, weigh
from nowake.engine.schedule import due_units
from nowake.engine.state import ParentState, Routing
from nowake.models.beliefs import Beliefs
from nowake.models.volatility import RETURNS_MIN, SAMPLE_NS
from nowake.route.router import SmartRouter

SHORTEST_NS = 60_000_000_000
"""Less of the window than this is not laid out anew."""


def reroute(draft: Draft, parent_id: str, view: View) -> None:
    """Change the strategy of a running order, or lay it out anew, where there is a reason and it is better."""
    parent, rules, router = draft.parent(parent_id), draft.env.rerouting, draft.env.router
    routing = parent.routing
    if routing is None or router is None or not parent.unsent or routing.marks[-1].t_ns != view.t_ns:
        return
    if view.t_ns - routing.expected.mark.t_ns < rules.apart_ns:
        return
    if parent.order.end_ns - view.t_ns < SHORTEST_NS:
        return
    found = left_band(parent, routing, rules, view)
    if found is None:
        return
    trigger, reason = found
    try:
        beliefs = measured_beliefs(parent, view, draft.env)
        progress = revision(parent, parent.unsent, parent.reserved)
        decision = weigh(router, routing.asked, progress, beliefs, draft.env, view, routing.marks[0])
        if decision.chosen is None:
            return  # nothing can be weighed: what goes on is as good as anything
        if trigger is not Trigger.ENDED:
            if decision.chosen.strategy != parent.order.strategy and routing.changes >= rules.changes_max:
                return
            present = present_score(router, parent, beliefs, draft.env, view)
            asked_bps = margin_bps(rules, routing, decision, present)
            if decision.chosen.score_bps >= present - asked_bps:
                return
            gained = present - decision.chosen.score_bps
            reason += f"; {gained:.2f} bps better than going on, at least {asked_bps:.2f} was asked for"
        made = adopt(router, routing.asked, decision, progress, beliefs, draft.env, view, trigger, reason)
    except InputError:
        return  # what is left is too little to plan
    assert made.chosen is not None
    draft.emit(made.chosen)
    draft.emit(PlanAdopted(plan=replace(made.plan, reasons=(reason, *made.plan.reasons))))


def left_band(parent: ParentState, routing: Routing, rules: Rerouting, view: View) -> tuple[Trigger, str] | None:
    """Return why an order is to be weighed again, with the numbers; None = all is within what was expected."""
    ended = _ended(parent, view)
    if ended is not None or not _time_to_look(routing, rules):
        return ended
    for found in (
        _volume(routing, rules, view),
        _volatility(routing, rules, view),
        _spread(routing, rules, view),
        _behind(parent, rules, view),
    ):
        if found is not None:
            return found
    return None


def _time_to_look(routing: Routing, rules: Rerouting) -> bool:
    """Return whether the newest mark is the first of its stretch of the clock."""
    before, now = routing.marks[-2:] if len(routing.marks) > 1 else (routing.expected.mark, routing.marks[-1])
    return before.t_ns // rules.look_ns != now.t_ns // rules.look_ns


def _outside(ratio: float, most: float) -> bool:
    return ratio >= most or ratio * most <= 1


def _ended(parent: ParentState, view: View) -> tuple[Trigger, str] | None:
    if parent.plan.follows or view.t_ns < parent.plan.slices[-1].end_ns:
        return None
    part = 100 * (parent.order.qty_units - parent.filled) / parent.order.qty_units
    return Trigger.ENDED, f"the schedule has ended and {part:.3g} % of the order is left"


def _volume(routing: Routing, rules: Rerouting, view: View) -> tuple[Trigger, str] | None:
    wanted = routing.expected.volume_by(view.t_ns)
    seen = Mark.of(view).others - routing.expected.mark.others
    if not routing.expected.volume:
        return (Trigger.VOLUME, "no volume was expected, and others trade") if seen > 0 else None
    if wanted < 1 or not _outside(seen / wanted, rules.volume_ratio):
        return None
    return Trigger.VOLUME, f"others traded {100 * seen / wanted:.0f} % of what was expected since the decision"


def _volatility(routing: Routing, rules: Rerouting, view: View) -> tuple[Trigger, str] | None:
    since, believed = routing.marks[0], routing.expected.volatility_bps
    covered_ns, variance = view.realised_ns - since.realised_ns, view.realised_var - since.realised_var
    if covered_ns < RETURNS_MIN * SAMPLE_NS or variance <= 0 or believed <= 0:
        return None
    seen = 1e4 * (variance * routing.expected.day_ns / covered_ns) ** 0.5
    if not _outside(seen / believed, rules.volatility_ratio):
        return None
    minutes = covered_ns / 60e9
    return Trigger.VOLATILITY, f"volatility of the last {minutes:.0f} min is {seen:.0f} bps a day, not {believed:.0f}"


def _spread(routing: Routing, rules: Rerouting, view: View) -> tuple[Trigger, str] | None:
    since, believed = routing.marks[0], routing.expected.spread_bps
    seen = Mark.of(view).spread_bps(since)
    if view.t_ns - since.t_ns < RECENT_NS or seen is None or believed <= 0:
        return None
    if not _outside(seen / believed, rules.spread_ratio):
        return None
    minutes = (view.t_ns - since.t_ns) / 60e9
    return Trigger.SPREAD, f"the spread of the last {minutes:.0f} min is {seen:.3g} bps, not {believed:.3g}"


def _behind(parent: ParentState, rules: Rerouting, view: View) -> tuple[Trigger, str] | None:
    """Judge by the slices that have ended: what the current one asks for has time until its end."""
    position = parent.plan.position(view.t_ns)
    if parent.plan.follows or position < 1:
        return None
    due = due_units(parent, view.t_ns) - parent.plan.slices[position].qty_units
    late = (due - parent.filled) / parent.order.qty_units
    if late < rules.behind:
        return None
    held = f", held back by {parent.held_back[0]}" if parent.held_back[0] else ""
    return Trigger.BEHIND, f"{100 * late:.3g} % of the order is behind its schedule{held}"


def margin_bps(rules: Rerouting, routing: Routing, decision: StrategyDecision, present_bps: float) -> float:
    """Return by how much the choice must be better than going on."""
    margin = max(rules.margin_bps, rules.margin * abs(present_bps))
    back = decision.chosen is not None and decision.chosen.strategy == routing.left
    return margin * (rules.return_factor if back else 1)


def present_score(router: SmartRouter, parent: ParentState, beliefs: Beliefs, env: Env, view: View) -> float:
    """Return the score of going on as planned, on today's beliefs: what is owed now, then the slices that follow.

    Raises:
        InputError: It cannot be priced.
    """
    if parent.plan.follows:  # its slices only show what was expected of the prints
        progress = revision(parent, parent.unsent, parent.reserved)
        left = plan_for(parent.order, progress, beliefs, env, view.t_ns).slices
    else:
        left = slices_left(parent, view.t_ns)
    return router.score_bps(parent.asked, left, beliefs, env.listing(parent.order.listing))


def slices_left(parent: ParentState, now_ns: int) -> tuple[ExecutionSlice, ...]:
    """Return the rest of a schedule: later slices as planned, and now whatever else is unsent."""
    slices, position = parent.plan.slices, max(0, parent.plan.position(now_ns))
    left, made = parent.unsent, []
    for one in reversed(slices[position + 1 :]):
        qty = min(one.qty_units, left)
        if qty:
            made.append(replace(one, qty_units=qty))
        left -= qty
    if left:
        here = slices[position]
        until_ns = max(here.end_ns, now_ns + SHORTEST_NS) if position == len(slices) - 1 else here.end_ns
        start_ns = max(now_ns, here.release_ns)
        made.append(replace(here, release_ns=start_ns, end_ns=max(until_ns, start_ns + 1), qty_units=left))
    return tuple(reversed(made))
