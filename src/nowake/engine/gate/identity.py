"""Controls 2, 4 and 14: what may be traded, and nothing twice."""

from __future__ import annotations

from nowake.core.decisions import Verdict
from nowake.core.units import NS_PER_SECOND
from nowake.engine.gate.base import Candidate, verdict


def listing_allowed(c: Candidate) -> Verdict:
    """Refuse listings that are not on the allow-list, or are restricted (2)."""
    key = c.child.listing
    if key in c.limits.restricted:
        return verdict("listing", False, f"{key} is restricted")
    if key not in c.limits.allowed:
        return verdict("listing", False, f"{key} is not on the allow-list")
    return verdict("listing", True)


def duplicate(c: Candidate) -> Verdict:
    """Refuse an id used before, a leg that is live, and an equal order of another parent just now (4)."""
    child, now = c.child, c.view.t_ns
    if c.state.find_child(child.child_id) is not None:
        return verdict("duplicate", False, f"id {child.child_id} was used before")
    if c.parent.leg_live(child.leg):
        return verdict("duplicate", False, f"leg {child.leg} has a possibly-live child")
    for other in c.state.parents.values():
        if other.order.parent_id == child.parent_id:
            continue
        for one in other.live.values():
            same = (one.order.listing, one.order.side, one.order.price_units, one.order.qty_units) == (
                child.listing,
                child.side,
                child.price_units,
                child.qty_units,
            )
            if same and now - one.sent_ns < c.limits.duplicate_ns:
                return verdict("duplicate", False, f"equal to {one.order.child_id} of {other.order.parent_id}")
    return verdict("duplicate", True)


def repeat_throttle(c: Candidate) -> Verdict:
    """Refuse more aggressive children than max(3 x plan, 500) (14).

    Of an order that follows the prints, or takes at an I-would price, the plan is one child a second at most.
    """
    order, planned = c.parent.order, len(c.parent.plan.slices)
    most = max(c.limits.aggressive_factor * planned, c.limits.aggressive_floor)
    if c.limits.aggressive_factor and (c.parent.plan.follows or order.parameters.i_would_units is not None):
        most = max(most, (order.end_ns - order.start_ns) // NS_PER_SECOND)
    ok = not c.takes or c.parent.aggressive < most
    return verdict("repeat", ok, "" if ok else f"{c.parent.aggressive} aggressive children sent, at most {most}")
