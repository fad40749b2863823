"""From weights to slices: what every strategy that lays out by intervals ends with."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from nowake.core.errors import Refused
from nowake.core.plan import ExecutionSlice
from nowake.core.units import format_duration
from nowake.plan.randomise import jittered_edges, jittered_weights
from nowake.plan.slicer import slice_exactly
from nowake.plan.strategy import Request, tactic_of


def interval_edges(start_ns: int, end_ns: int, count: int) -> list[int]:
    """Return the ``count`` + 1 edges of equal intervals, within a nanosecond."""
    return [start_ns + (end_ns - start_ns) * k // count for k in range(count + 1)]


def lay_edges(request: Request, count: int) -> list[int]:
    """Return the edges of ``count`` intervals of the window, UTC ns: equal, or jittered as the order asks.

    Raises:
        Refused: The window is too short for so many.
    """
    window_ns = request.end_ns - request.start_ns
    if count > window_ns:
        raise Refused(f"{count} slices do not fit in {format_duration(window_ns)}", "ask for fewer slices")
    edges = interval_edges(request.start_ns, request.end_ns, count)
    return jittered_edges(edges, request.order.parameters.randomise_time, request.order.parent_id)


def lay_slices(
    request: Request,
    edges: Sequence[int],
    weights: Sequence[int | float | Fraction],
    patient: str = "post-and-chase",
) -> tuple[ExecutionSlice, ...]:
    """Return slices in proportion to ``weights``, each released as its interval opens; those of nothing are left out.

    Args:
        request: What is to be laid out.
        edges: n + 1 rising instants, UTC ns.
        weights: n, one an interval, >= 0, not all 0; jittered here as the order asks.
        patient: The strategy's own tactic where no term of the order names another.

    Raises:
        Refused: The quantity does not fit the venue's lot, minimum and maximum.
    """
    listing, parameters = request.listing, request.order.parameters
    quantities = slice_exactly(
        request.qty_units,
        jittered_weights(weights, parameters.randomise_size, request.order.parent_id),
        lot_units=listing.lot_units,
        min_units=request.min_units,
        max_units=listing.max_qty_units,
        show=lambda units: f"{listing.instrument.qty(units):,f}",
    )
    tactic = tactic_of(parameters, patient)
    used = [(k, qty) for k, qty in enumerate(quantities) if qty]
    return tuple(
        ExecutionSlice(
            index=request.first_index + number, release_ns=edges[k], end_ns=edges[k + 1], qty_units=qty, tactic=tactic
        )
        for number, (k, qty) in enumerate(used)
    )
