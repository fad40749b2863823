"""Controls 13 and 15: messages a second, and open orders."""

from __future__ import annotations

from nowake.core.decisions import Verdict
from nowake.core.units import NS_PER_SECOND
from nowake.engine.gate.base import Candidate, verdict
from nowake.engine.state import ParentState


def message_rate(c: Candidate) -> Verdict:
    """Refuse creates beyond the parent's or the venue's rate (13); cancels are never counted against them."""
    since = c.view.t_ns - NS_PER_SECOND
    parent = sum([t > since for t in c.parent.sends])
    venue = sum([t > since for other in _of_venue(c) for t in other.sends])
    if parent >= c.limits.parent_rate:
        return verdict("rate", False, f"{parent} creates in a second, at most {c.limits.parent_rate} for a parent")
    if venue >= c.limits.venue_rate:
        return verdict("rate", False, f"{venue} creates in a second, at most {c.limits.venue_rate} for a venue")
    return verdict("rate", True)


def _of_venue(c: Candidate) -> list[ParentState]:
    """Return the parents whose children go to the venue of this one."""
    venue = "@" + c.listing.venue
    return [parent for parent in c.state.parents.values() if parent.order.listing.endswith(venue)]


def open_orders(c: Candidate) -> Verdict:
    """Refuse beyond 50 open orders of a parent, 200 of a venue; in-doubt ones count (15, I15)."""
    parent = len(c.parent.live)
    venue = sum([len(other.live) for other in _of_venue(c)])
    ok = parent < c.limits.open_parent and venue < c.limits.open_venue
    return verdict("open-orders", ok, "" if ok else f"{parent} open for the parent, {venue} at the venue")
