"""Controls 5 and 6: the collar against a fresh reference mid, and the parent's limit."""

from __future__ import annotations

from nowake.core.decisions import Verdict
from nowake.engine.gate.base import Candidate, verdict


def collar(c: Candidate) -> Verdict:
    """Refuse prices far from the mid: 2 % when aggressive, 10 % when passive; no reference = refused (5).

    Only the dangerous direction counts for a taking order (paying too much); a resting one may not be far on either.
    """
    mid2 = c.view.mid2
    if not mid2:
        return verdict("collar", False, "no reference mid")
    distance = (2 * c.price - mid2) * int(c.child.side) / mid2
    most = c.limits.collar_aggressive if c.takes else c.limits.collar_passive
    off = distance if c.takes else abs(distance)
    ok = off <= most
    return verdict("collar", ok, "" if ok else f"{off:.2%} from the mid, at most {most:.0%}")


def parent_limit(c: Candidate) -> Verdict:
    """Refuse a price worse than the parent's limit (6); an unpriced order under a limit is refused too."""
    limit = c.parent.order.parameters.limit_units
    if limit is None:
        return verdict("limit", True)
    if not c.child.price_units:
        return verdict("limit", False, "a market order under a limit")
    ok = (limit - c.child.price_units) * int(c.child.side) >= 0
    return verdict("limit", ok, "" if ok else f"{c.child.price_units} is worse than the limit {limit}")
