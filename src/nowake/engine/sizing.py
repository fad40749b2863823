"""How large a child may be: what size limits, pacing, display and the venue's grid leave of what is wanted."""

from __future__ import annotations

from fractions import Fraction

from nowake.core.child import POST
from nowake.core.order import EndBehaviour, Side
from nowake.core.view import View
from nowake.engine.believe import adv_units
from nowake.engine.draft import Draft
from nowake.engine.pacing import allowance
from nowake.engine.schedule import Want
from nowake.engine.state import ParentState
from nowake.engine.tactics import Intent
from nowake.plan.randomise import uniform


def pass_cap(parent: ParentState, wanted: Want) -> bool:
    """Return whether must-complete lets the order pass its participation cap now."""
    drops = parent.order.parameters.end_behaviour is EndBehaviour.CANCEL
    return parent.order.parameters.must_complete and wanted.near_end and not drops


def sized(draft: Draft, parent: ParentState, wanted: Want, intent: Intent) -> int:
    """Return the largest child the controls on size and pacing will pass, on the lot grid; 0 = nothing sendable."""
    assert draft.view is not None
    listing, limits = draft.env.listing(parent.order.listing), draft.env.limits
    least = listing.min_order_units(intent.price_units)
    largest = max(int(limits.child_fraction * parent.order.qty_units), wanted.slice_units, least)
    if adv := adv_units(draft.env, parent.order.listing):
        largest = min(largest, max(int(limits.adv_fraction * adv), least))
    if listing.max_qty_units:
        largest = min(largest, listing.max_qty_units)
    qty = min(wanted.qty_units, largest, parent.unsent)
    if wanted.last and 0 < parent.unsent - qty < least and parent.unsent <= largest:
        qty = parent.unsent
    if not pass_cap(parent, wanted):
        allowed = allowance(parent, limits, draft.view, least).qty_units
        qty = min(qty, allowed)
    if intent.takes:
        qty = _leave_no_dust(qty, draft.view, parent.order.side, least)
    else:
        qty = min(qty, _shown(parent, least, qty))
    qty -= qty % listing.lot_units
    return qty if qty >= max(least, min(intent.min_units, parent.unsent)) else 0


def _shown(parent: ParentState, least: int, qty: int) -> int:
    """Return how much of a resting quantity may be shown: a synthetic iceberg, whose hidden rest stays unsent."""
    display, spread = parent.order.parameters.display_units, parent.order.parameters.display_randomise or 0.0
    if display is None:
        return qty
    counter = sum(parent.attempts.values())
    shown = int(display * (1 + Fraction(spread) * uniform(parent.order.parent_id, "display", counter)))
    resting = sum(child.leaves for child in parent.live.values() if child.order.role == POST)
    if resting:
        return shown - resting  # the children of earlier slices are seen too
    # A rest too small to be an order of its own would never be shown.
    return qty if qty - shown < least else max(least, shown)


def cap_binds(draft: Draft, parent: ParentState, wanted: Want, qty: int, intent: Intent) -> bool:
    """Return whether it is the participation cap that keeps a child smaller than what is wanted."""
    assert draft.view is not None
    if pass_cap(parent, wanted) or qty >= wanted.qty_units:
        return False
    least = draft.env.listing(parent.order.listing).min_order_units(intent.price_units)
    return allowance(parent, draft.env.limits, draft.view, least).qty_units < wanted.qty_units


def _leave_no_dust(qty: int, view: View, side: Side, least: int) -> int:
    """Return a taking quantity whose rest, after the visible touch has been taken, is still an order."""
    shown = view.ask_qty if side is Side.BUY else view.bid_qty
    return qty - least if 0 < qty - shown < least <= qty - least else qty
