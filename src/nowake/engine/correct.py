"""Live correction of a plan: when the day's volume is not what the plan expected, plan again what is unsent.

Looked at as slices are released, at most every ``Timing.correct_ns``; adopted where what the rest of the window is
expected to trade has moved by a tenth. Only for strategies that lay out by expected volume (``Strategy.corrects``).
The volume comes with the view of a journaled input, so that a replay corrects the same.
"""

from __future__ import annotations

from nowake.core.decisions import PlanAdopted
from nowake.core.errors import Refused
from nowake.core.value import replace
from nowake.core.view import View
from nowake.engine.believe import corrected_beliefs
from nowake.engine.draft import Draft
from nowake.engine.plans import plan_for, revision

MOVED = 0.10
"""Smallest relative move of the expected volume that is worth another plan."""


def correct(draft: Draft, parent_id: str, view: View) -> None:
    """Adopt a corrected plan where one is due and differs."""
    parent, timing = draft.parent(parent_id), draft.env.timing
    position = parent.plan.position(view.t_ns)
    if not parent.plan.corrects or position < 1 or not parent.unsent:
        return
    released_ns = parent.plan.slices[position].release_ns
    fresh = view.t_ns - released_ns < timing.retry_ns
    if not fresh or view.t_ns < parent.plan.slices[0].release_ns + timing.correct_ns:
        return
    try:
        beliefs = corrected_beliefs(parent, view, draft.env)
        left = parent.plan.slices[position:]
        before, now = sum(parent.plan.expected_volume[position:]), beliefs.volume
        moved = sum(now.expected(one.release_ns, one.end_ns) for one in left) / before - 1 if before else 1.0
        if abs(moved) < MOVED:
            return
        order = parent.order
        if parent.routing is not None:  # a chosen schedule may end before the window does
            order = replace(order, end_ns=parent.plan.slices[-1].end_ns)
        plan = plan_for(order, revision(parent, parent.unsent, parent.reserved), beliefs, draft.env, view.t_ns)
    except Refused:
        return  # what is left is too little to plan
    reason = f"the rest of the window is expected to trade {100 * abs(moved):.0f} % {'more' if moved > 0 else 'less'}"
    draft.emit(PlanAdopted(plan=replace(plan, reasons=(f"{reason} than was thought", *plan.reasons))))
