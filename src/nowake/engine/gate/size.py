"""Controls 3, 7 and 9: never more than the parent, no outsized child, and the participation cap."""

from __future__ import annotations

from nowake.core.decisions import Verdict
from nowake.engine.gate.base import Candidate, verdict
from nowake.engine.pacing import allowance


def parent_overrun(c: Candidate) -> Verdict:
    """Refuse what, in the worst case of all possibly-live children, exceeds the parent (3)."""
    worst = c.parent.filled + c.parent.reserved + c.child.qty_units
    ok = worst <= c.parent.order.qty_units and c.child.qty_units <= c.parent.unsent
    return verdict("overrun", ok, "" if ok else f"worst case {worst} of {c.parent.order.qty_units}")


def child_size(c: Candidate) -> Verdict:
    """Refuse over max(25 % of parent, its slice, one minimum order), 1 % of ADV, and the venue's grid (7)."""
    problem = c.listing.order_problem(c.price, c.child.qty_units)
    if problem is not None:
        return verdict("size", False, problem)
    least = c.listing.min_order_units(c.price)
    most = max(int(c.limits.child_fraction * c.parent.order.qty_units), c.slice_units, least)
    if c.adv_units:
        most = min(most, max(int(c.limits.adv_fraction * c.adv_units), least))
    ok = c.child.qty_units <= most
    return verdict("size", ok, "" if ok else f"{c.child.qty_units} is over {most}")


def participation(c: Candidate) -> Verdict:
    """Refuse what passes the order's cap (9), unless must-complete does so near the end."""
    allowed = allowance(c.parent, c.limits, c.view, c.listing.min_order_units(c.price))
    if c.child.qty_units <= allowed.qty_units:
        return verdict("participation", True)
    if c.pass_cap:
        return verdict("participation", True, f"must-complete near the end; {allowed.detail}")
    return verdict("participation", False, f"{c.child.qty_units} with {allowed.qty_units} allowed: {allowed.detail}")
