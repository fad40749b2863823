"""How much by when: what the plan wants at the venue now. Progress is measured in fills, catch-up is bounded."""

from __future__ import annotations

from nowake.core.order import EndBehaviour
from nowake.core.value import Value
from nowake.engine.following import owed_units
from nowake.engine.state import ParentState

CATCH_UP = 2
"""A slice may carry at most as much again as its own quantity from earlier ones (except in the last slice)."""

NEAR_END = 10
"""The last tenth of the window, and always the last slice, is where must-complete passes the participation cap."""


class Want(Value, frozen=True):
    """What the schedule asks for.

    Attributes:
        position: Position of the current slice in the plan, -1 before the first.
        qty_units: Wanted and neither filled nor possibly live, >= 0.
        slice_units: Planned quantity of the current slice.
        last: Whether this is the plan's last slice.
        near_end: Whether this is the part of the window in which must-complete passes the cap.
        next_ns: Release of the next slice, 0 after the last.
    """

    position: int
    qty_units: int
    slice_units: int
    last: bool
    near_end: bool
    next_ns: int


def end_behaviour(parent: ParentState) -> EndBehaviour:
    """Return the order's end behaviour; planning fills in the strategy's default, ``finish`` where none is set."""
    return parent.order.parameters.end_behaviour or EndBehaviour.FINISH


def want(parent: ParentState, now_ns: int) -> Want:
    """Return what the plan wants now."""
    slices = parent.plan.slices
    position = parent.plan.position(now_ns)
    next_ns = slices[position + 1].release_ns if position + 1 < len(slices) else 0
    if position < 0:
        return Want(position=-1, qty_units=0, slice_units=0, last=False, near_end=False, next_ns=next_ns)
    last = position == len(slices) - 1
    slice_units = slices[position].qty_units
    if parent.plan.follows:
        return _want_following(parent, position, now_ns)
    # A revised plan covers only what was unsent when it was made, so its target counts from the order's own end.
    missing = max(0, min(due_units(parent, now_ns) - parent.filled - parent.reserved, parent.unsent))
    near_end = _near_end(parent, now_ns) or (last and _ends_the_window(parent))
    if not last:
        used = parent.used_by(slices[position].index)
        bound = CATCH_UP * slice_units
        if near_end and parent.order.parameters.must_complete:
            # What is behind is spread over the slices that are left, so that the last one need not do it all.
            bound = max(bound, -(-(missing + used) // (len(slices) - position)))
        missing = max(0, min(missing, bound - used))
    return Want(
        position=position, qty_units=missing, slice_units=slice_units, last=last, near_end=near_end, next_ns=next_ns
    )


def due_units(parent: ParentState, now_ns: int) -> int:
    """Return the cumulative quantity that is due by now: what slices have released, or what the prints ask for."""
    if parent.plan.follows:
        return owed_units(parent, _near_end(parent, now_ns))
    return parent.order.qty_units - parent.plan.qty_units + parent.plan.target_units(now_ns)


def _ends_the_window(parent: ParentState) -> bool:
    """Return whether the plan's last slice is the order's: a schedule that the router chose may end before."""
    return parent.routing is None or parent.plan.slices[-1].end_ns >= parent.order.end_ns


def _near_end(parent: ParentState, now_ns: int) -> bool:
    return now_ns >= parent.order.end_ns - (parent.order.end_ns - parent.order.start_ns) // NEAR_END


def _want_following(parent: ParentState, position: int, now_ns: int) -> Want:
    """Return what the prints of others ask for; the slices only number the legs."""
    near_end = _near_end(parent, now_ns)
    owed = due_units(parent, now_ns)
    return Want(
        position=position,
        qty_units=max(0, min(owed - parent.filled - parent.reserved, parent.unsent)),
        slice_units=parent.plan.slices[position].qty_units,
        last=owed >= parent.order.qty_units,
        near_end=near_end,
        next_ns=0,
    )
