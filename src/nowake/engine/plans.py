"""Plans as the engine takes them: the planner's, for what is unsent, by tactics that there are."""

from __future__ import annotations

from nowake.core.errors import Refused
from nowake.core.order import ParentOrder
from nowake.core.plan import ExecutionPlan
from nowake.engine.env import Env
from nowake.engine.state import ParentState
from nowake.engine.tactics import TACTICS
from nowake.models.beliefs import Beliefs
from nowake.plan.planner import Progress, make_plan


def plan_for(order: ParentOrder, progress: Progress, beliefs: Beliefs, env: Env, now_ns: int) -> ExecutionPlan:
    """Return the plan of an order.

    Raises:
        InputError: The order cannot be worked as asked, or its strategy names a tactic that is not there.
    """
    listing = env.listing(order.listing)
    plan = make_plan(order, progress, beliefs, listing, env.session(listing.session), now_ns)
    for tactic in dict.fromkeys(one.tactic for one in plan.slices):
        if tactic not in TACTICS:
            raise Refused(f"{plan.strategy} names the tactic {tactic}", f"there are {', '.join(TACTICS)}")
    return plan


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
