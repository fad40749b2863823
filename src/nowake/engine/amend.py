"""Amend a running order: check the change, plan again what is unsent, withdraw what the new terms do not allow.

A change that cannot be kept is refused whole, before anything of it takes effect. Leg numbers go on in the revised
plan, so no intent is ever sent twice; what may be live keeps its reservation, and a quantity never falls below it.
"""

from __future__ import annotations

from typing import NamedTuple

from nowake.core.child import ChildStatus
from nowake.core.decisions import CancelRequested, OrderAmended, PlanAdopted, Trigger
from nowake.core.errors import Refused
from nowake.core.inputs import OperatorCommand
from nowake.core.instrument import Listing
from nowake.core.order import ParentOrder
from nowake.core.sessions import iso
from nowake.core.units import NS_PER_SECOND
from nowake.core.view import View
from nowake.engine.draft import Draft
from nowake.engine.pacing import allowance, own_limit
from nowake.engine.plans import Routed, plan_for, revision, route
from nowake.engine.schedule import due_units
from nowake.engine.state import ChildState, ParentState
from nowake.models.beliefs import Beliefs
from nowake.plan.feasibility import limit_notices
from nowake.plan.planner import smallest_piece
from nowake.plan.strategies import check_parameters

SHORTEST_NS = NS_PER_SECOND
"""A window that is left is at least this long."""


class Rule(NamedTuple):
    """What changing a parameter does: whether it needs a revised plan, and its effect in words."""

    needs_plan: bool
    effect: str


MUTABLE: dict[str, Rule] = {
    "qty_units": Rule(True, "what is unsent grows or shrinks; never below filled + possibly live"),
    "end_ns": Rule(True, "what is unsent is spread over the window that is left"),
    "limit_units": Rule(False, "working children at a worse price are cancelled"),
    "participation_max": Rule(False, "counts since the start; working children over it are cancelled"),
    "participation_target": Rule(False, "the prints are followed at this rate from now on"),
    "urgency": Rule(True, "moves the mix of posting and taking"),
    "must_complete": Rule(False, "counts in the last tenth of the window"),
    "end_behaviour": Rule(False, "counts at the end of the window"),
    "display_units": Rule(False, "counts for what is posted from now on"),
    "never_take": Rule(True, "the revised plan only posts, or takes again"),
}
"""Every parameter that may be amended, and what happens then. Any other means another order."""


def amend(draft: Draft, command: OperatorCommand, view: View, beliefs: Beliefs) -> None:
    """Decide the amended order and, where there is something to plan, its revised plan.

    Raises:
        InputError: The change cannot be kept; nothing was decided.
    """
    parent, amendment = draft.parent(command.parent_id), command.amendment
    assert amendment is not None
    order, listing = amendment.applied_to(parent.asked), draft.env.listing(parent.order.listing)
    if order == parent.asked:
        raise Refused("the order is like that already", "nothing was changed")
    _check(parent, order, listing, view)
    draft.env.limits.check_cap(order.parameters.participation_max)
    check_parameters(order)
    smallest_piece(order, listing, view.mid2 // 2, order.qty_units)
    reason = f"{describe(parent.asked, order, listing)}, by {command.actor}"
    made = None
    needs_plan = any(MUTABLE[name].needs_plan for name in amendment.changes())
    if needs_plan or (parent.routing is not None and view.t_ns + SHORTEST_NS < order.end_ns):
        made = _revised(draft, parent, order, view, beliefs, reason)
    notices = limit_notices(order, beliefs, listing)
    draft.emit(OrderAmended(parent_id=command.parent_id, order=order, reason=reason, notices=notices))
    if made is not None:
        if made.chosen is not None:
            draft.emit(made.chosen)
        draft.emit(PlanAdopted(plan=made.plan))


def _check(parent: ParentState, order: ParentOrder, listing: Listing, view: View) -> None:
    """Refuse a quantity off the grid or below what is filled and may be live, a limit off the grid, an end now."""
    unit, taken = listing.instrument, parent.filled + parent.reserved
    if order.qty_units % listing.lot_units:
        raise Refused(
            f"quantity {unit.qty(order.qty_units):f} is not a multiple of the lot {unit.qty(listing.lot_units):f}",
            "choose one that is",
        )
    if order.qty_units < taken:
        pause = "; pause the order first to have its live children cancelled" if parent.reserved else ""
        raise Refused(
            f"quantity {unit.qty(order.qty_units):f} is below the {unit.qty(parent.filled):f} filled and "
            f"{unit.qty(parent.reserved):f} possibly live",
            f"the least is {unit.qty(taken):f}{pause}",
        )
    limit = order.parameters.limit_units
    if limit is not None and limit % listing.tick_units(limit):
        raise Refused(f"limit {unit.price(limit):f} is off the tick grid", "choose a price on it")
    if order.end_ns != parent.order.end_ns and order.end_ns < view.t_ns + SHORTEST_NS:
        raise Refused(f"the end {iso(order.end_ns)} is not after now, {iso(view.t_ns)}", "give a later one, or cancel")


def _revised(
    draft: Draft, parent: ParentState, order: ParentOrder, view: View, beliefs: Beliefs, reason: str
) -> Routed | None:
    """Return strategy and plan of what is unsent under the new terms; None where nothing is left.

    A strategy that the router chose is chosen again; one that the user named stays.

    When everything left may be live, its plan is made all the same: what comes back unfilled is worked by it. The
    current slice goes on with what it owes, so that amending often releases nothing ahead of its time.
    """
    unsent = parent.unsent + order.qty_units - parent.order.qty_units
    left = unsent or parent.reserved
    if not left:
        return None
    position = parent.plan.position(view.t_ns)
    slice_end_ns = parent.plan.slices[position].end_ns if position >= 0 else parent.plan.slices[0].release_ns
    if slice_end_ns + SHORTEST_NS > order.end_ns or parent.plan.follows:
        slice_end_ns = 0
    owed = max(0, due_units(parent, view.t_ns) - parent.filled - parent.reserved)
    progress = revision(parent, left, parent.reserved if unsent else 0, min(owed, left), slice_end_ns)
    if parent.routing is None:
        return Routed(plan_for(order, progress, beliefs, draft.env, view.t_ns), None)
    return route(order, progress, beliefs, draft.env, view, Trigger.AMENDMENT, reason)


def describe(old: ParentOrder, new: ParentOrder, listing: Listing) -> str:
    """Return what changed between two versions of an order, in human units."""
    unit = listing.instrument
    before, after = old.parameters, new.parameters

    def limit(units: int | None) -> str:
        return "none" if units is None else f"{unit.price(units):f}"

    def shown(units: int | None) -> str:
        return "any" if units is None else f"{unit.qty(units):f}"

    pairs = {
        "quantity": (f"{unit.qty(old.qty_units):f}", f"{unit.qty(new.qty_units):f}"),
        "end": (iso(old.end_ns), iso(new.end_ns)),
        "limit": (limit(before.limit_units), limit(after.limit_units)),
        "participation": (f"{100 * before.participation_max:g} %", f"{100 * after.participation_max:g} %"),
        "urgency": (f"{before.urgency:g}", f"{after.urgency:g}"),
        "must-complete": (_yes(before.must_complete), _yes(after.must_complete)),
        "rate": (_rate(before.participation_target), _rate(after.participation_target)),
        "display": (shown(before.display_units), shown(after.display_units)),
        "never take": (_yes(before.never_take), _yes(after.never_take)),
        "end behaviour": (str(before.end_behaviour or "default"), str(after.end_behaviour or "default")),
    }
    return ", ".join(f"{name} {was} -> {now}" for name, (was, now) in pairs.items() if was != now)


def _rate(value: float | None) -> str:
    return "default" if value is None else f"{100 * value:g} %"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def withdraw_broken(draft: Draft, parent_id: str) -> None:
    """Cancel working children that the order's present terms would not send: worse than the limit, or over the cap.

    What an amendment finds in flight is judged when it works. The cap is asked of children of earlier plans only:
    those of the present one were sent under it.
    """
    parent = draft.parent(parent_id)
    for child_id, child in parent.live.items():
        if child.status is not ChildStatus.WORKING:
            continue
        if reason := _broken(draft, parent, child):
            draft.emit(CancelRequested(child_id=child_id, reason=reason))
            draft.wake(draft.now_ns + draft.env.timing.answer_ns)


def _broken(draft: Draft, parent: ParentState, child: ChildState) -> str:
    """Return which term a child breaks, in words, or nothing."""
    price, terms = child.order.price_units, parent.order.parameters
    if terms.limit_units is not None and (terms.limit_units - price) * int(child.order.side) < 0:
        return "worse than the amended limit"
    if child.slice_index >= parent.plan.slices[0].index or draft.view is None:
        return ""
    least = draft.env.listing(parent.order.listing).min_order_units(price)
    allowed = allowance(parent, draft.env.limits, draft.view, least)
    over = allowed.own_units > max(least, own_limit(allowed.others_units, terms.participation_max))
    return "over the amended participation cap" if over else ""
