"""``make_plan``: an order, how far it is, and beliefs -> an ``ExecutionPlan``. Pure: same values, same plan.

Re-planning is planning again with another ``Progress``: it lays out only what is unsent, over what is left of the
window, and leg numbers go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nowake.core.errors import Refused
from nowake.core.instrument import Listing
from nowake.core.order import EndBehaviour, ParentOrder
from nowake.core.plan import Assumption, CostEstimate, ExecutionPlan, ExecutionSlice, Notice
from nowake.core.sessions import Session, iso
from nowake.core.units import INT64_MAX
from nowake.core.value import Value, replace, require
from nowake.models.beliefs import Beliefs
from nowake.plan.cost import cost_assumptions, estimate
from nowake.plan.feasibility import check_window, limit_notices, participation, participation_notices
from nowake.plan.strategies import check_parameters, end_behaviour, find_strategy
from nowake.plan.strategy import Layout, Request, Strategy

PRICE_MARGIN = 10
"""Smallest orders are sized for a price that may move by one part in this before they are sent."""


class Progress(Value, frozen=True):
    """How far an order is when it is planned.

    Attributes:
        filled_units: Done.
        open_units: In flight, working, in doubt or pending cancel; planning leaves it alone.
        unsent_units: What a plan may lay out.
        next_slice_index: Leg number that the first slice gets.
        revision: Of the plan to be made; 0 for the first.
        owed_units: Of these, what the current slice still owes; it keeps its time, the rest is laid out after it.
        slice_end_ns: When the current slice ends; 0 = there is none, everything is laid out from now.
    """

    filled_units: int
    open_units: int
    unsent_units: int
    next_slice_index: int
    revision: int
    owed_units: int = 0
    slice_end_ns: int = 0

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            require(getattr(self, name) >= 0, name, getattr(self, name), ">= 0")

    @classmethod
    def start(cls, order: ParentOrder) -> Progress:
        """Return the progress of an order of which nothing has been done."""
        return cls(filled_units=0, open_units=0, unsent_units=order.qty_units, next_slice_index=0, revision=0)


def make_plan(
    order: ParentOrder, progress: Progress, beliefs: Beliefs, listing: Listing, session: Session, now_ns: int
) -> ExecutionPlan:
    """Return how what is unsent of ``order`` is to be worked from ``now_ns`` on, and what that will cost.

    Args:
        order: The parent.
        progress: ``Progress.start(order)`` for a first plan.
        beliefs: Of the order's listing, as of ``now_ns`` or earlier.
        listing: The order's.
        session: Its trading hours.
        now_ns: When the decision falls.

    Raises:
        InputError: Order, beliefs and listing are not of one listing, or the strategy is unknown.
        Refused: Look-ahead; a parameter the strategy does not honour; a window or quantity that cannot be traded.
    """
    _check_consistency(order, progress, beliefs, listing, now_ns)
    check_parameters(order)
    least = smallest_piece(order, listing, beliefs.price_units, progress.unsent_units)
    owed_units = _owed(progress, least, listing.lot_units)
    start_ns = max(now_ns, order.start_ns, progress.slice_end_ns)
    if start_ns >= order.end_ns:
        raise Refused(f"the window ended at {iso(order.end_ns)}", "give a later end")
    check_window(start_ns, order.end_ns, session)
    strategy = find_strategy(order.strategy)
    request = Request(
        order=order,
        qty_units=progress.unsent_units - owed_units,
        start_ns=start_ns,
        end_ns=order.end_ns,
        first_index=progress.next_slice_index + (owed_units > 0),
        beliefs=beliefs,
        listing=listing,
        min_units=least,
    )
    laid = strategy.layout(request)
    _check_against_gate(laid.slices, request)
    slices = tuple(
        _with_participation(one, beliefs) for one in (*_rest_of(progress, owed_units, laid, now_ns), *laid.slices)
    )
    cost, notices = _cost(order, slices, beliefs, listing)
    return ExecutionPlan(
        parent_id=order.parent_id,
        strategy=strategy.name,
        listing=listing.key,
        side=order.side,
        revision=progress.revision,
        asof_ns=now_ns,
        qty_units=progress.unsent_units,
        cap=order.parameters.participation_max,
        slices=slices,
        expected_volume=tuple(round(beliefs.volume.expected(one.release_ns, one.end_ns)) for one in slices),
        cost=cost,
        reasons=_reasons(order, strategy, laid, beliefs),
        assumed=_distinct((*beliefs.assumed, *laid.assumed, *cost_assumptions(order, slices, beliefs))),
        warnings=(*notices, *laid.warnings, *_warnings(request, slices, strategy, session)),
        beliefs=(beliefs.hash,),
        follows=strategy.follows,
        corrects=strategy.corrects,
    )


def _owed(progress: Progress, least: int, lot: int) -> int:
    """Return what the current slice is to go on with: a good order that leaves a good rest, else nothing."""
    owed = progress.owed_units // lot * lot if progress.slice_end_ns else 0
    return owed if owed >= least and progress.unsent_units - owed >= least else 0


def _rest_of(progress: Progress, owed_units: int, laid: Layout, now_ns: int) -> tuple[ExecutionSlice, ...]:
    """Return the current slice as it goes on, by the tactic of those that follow."""
    if not owed_units:
        return ()
    first, tactic = progress.next_slice_index, laid.slices[0].tactic
    end_ns = progress.slice_end_ns
    return (ExecutionSlice(index=first, release_ns=now_ns, end_ns=end_ns, qty_units=owed_units, tactic=tactic),)


def smallest_order(listing: Listing, price_units: int, qty_units: int) -> int:
    """Return the smallest order a slice may be: the venue's minimum, with room for the price to move.

    A whole quantity that only the exact minimum admits is planned with that. Without a price a minimum notional
    cannot be judged, and only lot and minimum quantity count.
    """
    if price_units <= 0:
        need = max(listing.lot_units, listing.min_qty_units)
        return -(-need // listing.lot_units) * listing.lot_units
    margin = price_units // PRICE_MARGIN
    roomy = max(listing.min_order_units(max(1, price_units - margin)), listing.min_order_units(price_units + margin))
    return roomy if qty_units >= roomy else listing.min_order_units(price_units)


def smallest_piece(order: ParentOrder, listing: Listing, price_units: int, qty_units: int) -> int:
    """Return the smallest slice: one order, or the smallest fill that the user accepts.

    Raises:
        Refused: What may be shown is less than an order.
    """
    smallest, display = smallest_order(listing, price_units, qty_units), order.parameters.display_units
    if display is not None and display < smallest:
        shown, least = (f"{listing.instrument.qty(units):,f}" for units in (display, smallest))
        raise Refused(f"display {shown} is under the smallest order {least}", f"show at least {least}")
    least_fill = min(order.parameters.min_fill_units or 0, qty_units)
    return max(smallest, -(-least_fill // listing.lot_units) * listing.lot_units)


def _check_consistency(order: ParentOrder, progress: Progress, beliefs: Beliefs, listing: Listing, now_ns: int) -> None:
    require(order.listing == listing.key, "listing", listing.key, f"the order's, {order.listing}")
    require(beliefs.listing == listing.key, "beliefs", beliefs.listing, f"of {listing.key}")
    if beliefs.asof_ns > now_ns:
        raise Refused(f"look-ahead: the beliefs are of {iso(beliefs.asof_ns)}, after the decision at {iso(now_ns)}")
    if beliefs.price_units * order.qty_units > INT64_MAX:
        raise Refused("the order's value is more than 64 bits hold", "ask for less")
    unsent = progress.unsent_units
    require(unsent <= order.qty_units, "unsent_units", unsent, f"at most the order's {order.qty_units}")
    if unsent == 0:
        raise Refused(f"nothing of {order.parent_id} is left to plan")


def _check_against_gate(slices: Sequence[ExecutionSlice], request: Request) -> None:
    """Refuse slices that the gate or the venue would refuse: grid, minimum, maximum, sum.

    A child may be as large as its planned slice (gate control 7), so a planned slice must be a good order by itself.
    """
    listing = request.listing
    total = sum(one.qty_units for one in slices)
    if total != request.qty_units:
        raise Refused(f"the slices of {request.order.strategy} sum to {total}, not to {request.qty_units}")
    for one in slices:
        qty = listing.instrument.qty(one.qty_units)
        if one.qty_units % listing.lot_units or one.qty_units < request.min_units:
            raise Refused(f"slice {one.index} of {qty:f} is not an order that {listing.venue} takes", "ask for fewer")
        if listing.max_qty_units and one.qty_units > listing.max_qty_units:
            raise Refused(f"slice {one.index} of {qty:f} is over the largest order of {listing.venue}", "ask for more")
        if one.release_ns < request.start_ns or one.end_ns > request.end_ns:
            raise Refused(f"slice {one.index} lies outside the window")


def _with_participation(one: ExecutionSlice, beliefs: Beliefs) -> ExecutionSlice:
    others = beliefs.volume.expected(one.release_ns, one.end_ns)
    return replace(one, participation=participation(one.qty_units, others)) if others > 0 else one


def _cost(
    order: ParentOrder, slices: Sequence[ExecutionSlice], beliefs: Beliefs, listing: Listing
) -> tuple[CostEstimate | None, tuple[Notice, ...]]:
    if beliefs.mid2 > 0:
        return estimate(order, slices, beliefs, listing), ()
    return None, (Notice(code="no-price", text="no price is known yet: no cost is stated"),)


def _warnings(
    request: Request, slices: Sequence[ExecutionSlice], strategy: Strategy, session: Session
) -> tuple[Notice, ...]:
    order, beliefs, listing = request.order, request.beliefs, request.listing

    def until(end_ns: int) -> tuple[ExecutionSlice, ...]:
        return strategy.layout(replace(request, end_ns=end_ns)).slices

    found = participation_notices(order, slices, beliefs, listing, session, until)
    found += limit_notices(order, beliefs, listing)
    if order.parameters.must_complete and end_behaviour(order) is EndBehaviour.CANCEL:
        text = "must-complete has no effect when the end drops what is left: choose the end behaviour finish"
        found += (Notice(code="must-complete", text=text),)
    return found


def _reasons(order: ParentOrder, strategy: Strategy, laid: Layout, beliefs: Beliefs) -> tuple[str, ...]:
    chosen = (
        strategy.name if order.strategy == strategy.name else f"{strategy.name}, what {order.strategy} falls back to"
    )
    return (chosen, *laid.reasons, *(card.text for card in beliefs.cards), f"at the end: {end_behaviour(order)}")


def _distinct(assumed: Iterable[Assumption]) -> tuple[Assumption, ...]:
    return tuple(dict.fromkeys(assumed))
