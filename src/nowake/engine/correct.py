"""Live correction of a plan: when the day's volume is not what the plan expected, plan again what is unsent.

Looked at as slices are released, at most every ``Timing.correct_ns``; adopted where what the rest of the window is
expected to trade has moved by a tenth. Only for strategies that lay out by expected volume (``Strategy.corrects``).
The volume comes with the view of a journaled input, so that a replay corrects the same.
"""

from __future__ import annotations

from nowake.core.decisions import PlanAdopted
from nowake.core.errors import Refused
from nowake.core.plan import ExecutionPlan
from nowake.core.value import replace
from nowake.core.view import View
from nowake.engine.believe import corrected_beliefs
from nowake.engine.draft import Draft
from nowake.engine.state import ParentState
from nowake.plan.planner import Progress, make_plan

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
    plan = _corrected(draft, parent, view)
    if plan is None:
        return
    before = sum(parent.plan.expected_volume[position:])
    moved = sum(plan.expected_volume) / before - 1 if before else 1.0
    if abs(moved) < MOVED:
        return
    reason = f"the rest of the window is expected to trade {100 * moved:+.0f} % of what was thought"
    draft.emit(PlanAdopted(plan=replace(plan, reasons=(reason, *plan.reasons))))


def _corrected(draft: Draft, parent: ParentState, view: View) -> ExecutionPlan | None:
    """Return the plan of what is unsent under corrected beliefs; None where what is left is too little to plan."""
    progress = Progress(
        filled_units=parent.filled,
        open_units=parent.reserved,
        unsent_units=parent.unsent,
        next_slice_index=parent.plan.slices[-1].index + 1,
        revision=parent.plan.revision + 1,
    )
    listing = draft.env.listing(parent.order.listing)
    beliefs = corrected_beliefs(parent, view, draft.env)
    try:
        return make_plan(parent.order, progress, beliefs, listing, draft.env.session(listing.session), view.t_ns)
    except Refused:
        return None
