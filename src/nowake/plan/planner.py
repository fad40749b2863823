"""``make_plan``: an order, how far it is, and beliefs -> an ``ExecutionPlan``. Pure: same values, same plan.

Re-planning is planning again with another ``Progress``: it lays out only what is unsent, over what is left of the
window, and leg numbers go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nowake.core.errors import Refused
from nowake.core.instrument import Listing
from nowake.core.order import EndBehaviour, ParentOrder
from nowake.core.plan import LIMIT_AWAY, Assumption, CostEstimate, ExecutionPlan, ExecutionSlice, Notice
from nowake.core.sessions import Session, iso
from nowake.core.units import INT64_MAX
from nowake.core.value import Value, replace, require
from nowake.models.beliefs import Beliefs
from nowake.plan.cost import cost_assumptions, cost_of, measured
from nowake.plan.feasibility import check_window, limit_notices, participation_notices, rates_of
from nowake.plan.schedule import Floats, Schedule
from nowake.plan.strategies import check_parameters, end_behaviour, find_strategy
from nowake.plan.strategy import Layout, Request, Strategy

if TYPE_CHECKING:
    from nowake.plan.solvers.numbers import Numbers

PRICE_MARGIN = 10
"""Smallest orders are sized for a price that may move by one part in this before they are sent."""

LEFT_UNDONE = {
    "pov-short": "the expected volume does not do it",
    "over-cap": "the engine keeps to the cap",
    LIMIT_AWAY: "the price may not come to the limit",
}
"""Notices after which part of an order may be left, and why."""


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
    laid = Ground.of(order, progress, beliefs, listing, session, now_ns).laid(order)
    cost, notices = _cost(laid)
    warnings = (*notices, *laid.layout.warnings, *_warnings(laid, session))
    return ExecutionPlan(
        parent_id=order.parent_id,
        strategy=laid.strategy.name,
        listing=listing.key,
        side=order.side,
        revision=progress.revision,
        asof_ns=now_ns,
        qty_units=progress.unsent_units,
        cap=order.parameters.participation_max,
        slices=laid.schedule.slices(np.where(laid.expected > 0, rates_of(laid.schedule, laid.expected), 0.0)),
        expected_volume=tuple(round(one) for one in laid.expected.tolist()),
        cost=cost,
        reasons=_reasons(order, laid.strategy, laid.layout, beliefs),
        assumed=_distinct(
            (
                *beliefs.assumed,
                *laid.layout.assumed,
                *cost_assumptions(order, laid.schedule, beliefs, laid.expected),
                *_of_the_rest(warnings),
            )
        ),
        warnings=warnings,
        beliefs=(beliefs.hash,),
        follows=laid.strategy.follows,
        corrects=laid.strategy.corrects,
    )


class PricedPlan(Value, frozen=True):
    """A plan that was laid out and priced, but not written out.

    Attributes:
        strategy: That lays it out.
        release_ns, end_ns: From its first slice's release to its last one's end.
        slices: How many.
        peak_participation: Largest participation that a slice needs of the expected volume; 0 = volume is unknown.
        pace: Own volume over the others' expected in each slice, weighed by quantity.
        cost: None where no price is known.
        notices: What the strategy has to say of it.
    """

    strategy: str
    release_ns: int
    end_ns: int
    slices: int
    peak_participation: float
    pace: float
    cost: CostEstimate | None
    notices: tuple[Notice, ...] = ()


def price_plan(
    order: ParentOrder, progress: Progress, beliefs: Beliefs, listing: Listing, session: Session, now_ns: int
) -> PricedPlan:
    """Return what ``make_plan`` would lay out and what it would cost, in a small part of its time.

    Arguments, refusals and cost are exactly those of ``make_plan``.
    """
    return Ground.of(order, progress, beliefs, listing, session, now_ns).priced(order)


@dataclass(frozen=True, slots=True, eq=False)
class _Laid:
    """An order laid out: the request, the answer, all its slices, the volume expected in each, (n,), their numbers."""

    strategy: Strategy
    request: Request
    layout: Layout
    schedule: Schedule
    expected: Floats
    numbers: Numbers


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """What all the ways of working one order rest on: checked once, then each is laid out or priced.

    Attributes:
        order, progress, beliefs, listing, now_ns: As for ``make_plan``.
        start_ns: From when on slices may be laid out.
        least_units: Smallest slice.
        owed_units: What the current slice goes on with.
    """

    order: ParentOrder
    progress: Progress
    beliefs: Beliefs
    listing: Listing
    now_ns: int
    start_ns: int
    least_units: int
    owed_units: int

    @classmethod
    def of(
        cls, order: ParentOrder, progress: Progress, beliefs: Beliefs, listing: Listing, session: Session, now_ns: int
    ) -> Ground:
        """Return what is common to the ways of ``order``, whatever its strategy; arguments as for ``make_plan``.

        Raises:
            InputError: Order, beliefs and listing are not of one listing.
            Refused: Look-ahead, nothing to lay out, or a window or smallest slice that cannot be traded.
        """
        _check_consistency(order, progress, beliefs, listing, now_ns)
        least = smallest_piece(order, listing, beliefs.price_units, progress.unsent_units)
        return cls(
            order=order,
            progress=progress,
            beliefs=beliefs,
            listing=listing,
            now_ns=now_ns,
            start_ns=first_release_ns(order, progress, session, now_ns),
            least_units=least,
            owed_units=_owed(progress, least, listing.lot_units),
        )

    def priced(self, worked: ParentOrder) -> PricedPlan:
        """Return one way of working the order, priced; as for ``laid``."""
        laid = self.laid(worked)
        cost, notices = _cost(laid)
        return PricedPlan(
            strategy=laid.strategy.name,
            release_ns=int(laid.schedule.release_ns[0]),
            end_ns=int(laid.schedule.end_ns[-1]),
            slices=len(laid.schedule),
            peak_participation=laid.numbers.peak if self.beliefs.volume.known else 0.0,
            pace=laid.numbers.pace,
            cost=cost,
            notices=(*notices, *laid.layout.warnings),
        )

    def laid(self, worked: ParentOrder) -> _Laid:
        """Return one way of working the order, laid out and checked.

        Args:
            worked: The order with another strategy, rate, end behaviour, or an end at or before its own.

        Raises:
            InputError: The strategy is unknown.
            Refused: A parameter that the strategy does not honour, or a quantity that cannot be traded.
        """
        check_parameters(worked)
        strategy, beliefs, owed_units = find_strategy(worked.strategy), self.beliefs, self.owed_units
        first_index = self.progress.next_slice_index
        require(worked.end_ns <= self.order.end_ns, "end_ns", worked.end_ns, f"at most {self.order.end_ns}")
        request = Request(
            order=worked,
            qty_units=self.progress.unsent_units - owed_units,
            start_ns=self.start_ns,
            end_ns=worked.end_ns,
            first_index=first_index + (owed_units > 0),
            beliefs=beliefs,
            listing=self.listing,
            min_units=self.least_units,
        )
        layout = strategy.layout(request)
        schedule = Schedule.of(layout.slices)
        _check_against_gate(schedule, request)
        if owed_units:
            schedule = schedule.after(_rest_of(self.progress, owed_units, schedule.tactic_of(0), self.now_ns))
        expected = beliefs.volume.expected_each(schedule.release_ns, schedule.end_ns)
        numbers = measured(schedule, beliefs, worked.parameters.participation_max, expected)
        return _Laid(strategy, request, layout, schedule, expected, numbers)


def first_release_ns(order: ParentOrder, progress: Progress, session: Session, now_ns: int) -> int:
    """Return from when on what is unsent may be laid out.

    Raises:
        Refused: The window has ended, or does not lie within trading hours.
    """
    start_ns = max(now_ns, order.start_ns, progress.slice_end_ns)
    if start_ns >= order.end_ns:
        raise Refused(f"the window ended at {iso(order.end_ns)}", "give a later end")
    check_window(start_ns, order.end_ns, session)
    return start_ns


def _owed(progress: Progress, least: int, lot: int) -> int:
    """Return what the current slice is to go on with: a good order that leaves a good rest, else nothing."""
    owed = progress.owed_units // lot * lot if progress.slice_end_ns else 0
    return owed if owed >= least and progress.unsent_units - owed >= least else 0


def _rest_of(progress: Progress, owed_units: int, tactic: str, now_ns: int) -> ExecutionSlice:
    """Return the current slice as it goes on, by the tactic of those that follow."""
    first, end_ns = progress.next_slice_index, progress.slice_end_ns
    return ExecutionSlice(index=first, release_ns=now_ns, end_ns=end_ns, qty_units=owed_units, tactic=tactic)


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


def _check_against_gate(laid: Schedule, request: Request) -> None:
    """Refuse slices that the gate or the venue would refuse: grid, minimum, maximum, sum.

    A child may be as large as its planned slice (gate control 7), so a planned slice must be a good order by itself.
    """
    listing, qty_units = request.listing, laid.qty_units
    total = int(qty_units.sum())
    if total != request.qty_units:
        raise Refused(f"the slices of {request.order.strategy} sum to {total}, not to {request.qty_units}")
    bad = (qty_units < request.min_units) | (qty_units % listing.lot_units != 0)
    large = qty_units > (listing.max_qty_units or INT64_MAX)
    outside = (laid.release_ns < request.start_ns) | (laid.end_ns > request.end_ns)
    if not (bad | large | outside).any():
        return
    at = int(np.argmax(bad | large | outside))
    name = f"slice {laid.first_index + at}"
    if outside[at] and not (bad[at] or large[at]):
        raise Refused(f"{name} lies outside the window")
    qty = listing.instrument.qty(int(qty_units[at]))
    if bad[at]:
        raise Refused(f"{name} of {qty:f} is not an order that {listing.venue} takes", "ask for fewer")
    raise Refused(f"{name} of {qty:f} is over the largest order of {listing.venue}", "ask for more")


def _cost(laid: _Laid) -> tuple[CostEstimate | None, tuple[Notice, ...]]:
    request = laid.request
    if request.beliefs.mid2 > 0:
        return cost_of(request.order, laid.schedule, laid.numbers, request.beliefs, request.listing), ()
    return None, (Notice(code="no-price", text="no price is known yet: no cost is stated"),)


def _warnings(laid: _Laid, session: Session) -> tuple[Notice, ...]:
    request, strategy = laid.request, laid.strategy
    order, beliefs, listing = request.order, request.beliefs, request.listing

    def until(end_ns: int) -> Sequence[ExecutionSlice]:
        return strategy.layout(replace(request, end_ns=end_ns)).slices

    found = participation_notices(order, laid.schedule, beliefs, listing, session, until)
    found += limit_notices(order, beliefs, listing)
    if order.parameters.must_complete and end_behaviour(order) is EndBehaviour.CANCEL:
        text = "must-complete has no effect when the end drops what is left: choose the end behaviour finish"
        found += (Notice(code="must-complete", text=text),)
    return found


def _reasons(order: ParentOrder, strategy: Strategy, laid: Layout, beliefs: Beliefs) -> tuple[str, ...]:
    fallen = f", what {order.strategy} falls back to" if order.strategy != strategy.name else ""
    return (
        f"strategy {strategy.name}{fallen}",
        *laid.reasons,
        *(card.text for card in beliefs.cards),
        f"at the end: {end_behaviour(order)}",
    )


def _of_the_rest(warnings: Sequence[Notice]) -> tuple[Assumption, ...]:
    """Return what the cost assumes of a quantity that may be left undone."""
    why = [text for code, text in LEFT_UNDONE.items() if any(one.code == code for one in warnings)]
    if not why:
        return ()
    value = "costed as if all of it were done as planned"
    return (Assumption(name="what is left undone", value=value, why="; ".join(why)),)


def _distinct(assumed: Iterable[Assumption]) -> tuple[Assumption, ...]:
    return tuple(dict.fromkeys(assumed))
