"""What the plan of one way would be and cost."""

from __future__ import annotations

from nowake.core.instrument import Listing
from nowake.core.order import ParentOrder
from nowake.core.plan import CostEstimate
from nowake.core.sessions import Session
from nowake.core.value import Value
from nowake.models.beliefs import Beliefs
from nowake.plan.cost import others_volume
from nowake.plan.feasibility import peak_participation
from nowake.plan.planner import Progress, make_plan


class PricedPlan(Value, frozen=True):
    """A plan that was priced; ``pace`` is own volume over the others' in each slice, weighed by quantity."""

    strategy: str
    release_ns: int
    end_ns: int
    slices: int
    peak_participation: float
    pace: float
    cost: CostEstimate | None


def price_plan(
    order: ParentOrder, progress: Progress, beliefs: Beliefs, listing: Listing, session: Session, now_ns: int
) -> PricedPlan:
    """Return what ``make_plan`` would lay out and what it would cost; refusals and cost are exactly its own."""
    plan = make_plan(order, progress, beliefs, listing, session, now_ns)
    pace = sum(one.qty_units**2 / others_volume(order, one, beliefs) for one in plan.slices) / plan.qty_units
    return PricedPlan(
        strategy=plan.strategy,
        release_ns=plan.slices[0].release_ns,
        end_ns=plan.slices[-1].end_ns,
        slices=len(plan.slices),
        peak_participation=peak_participation(plan.slices, beliefs),
        pace=pace,
        cost=plan.cost,
    )
