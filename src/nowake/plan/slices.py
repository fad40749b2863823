"""From weights to slices: what every strategy that lays out by intervals ends with."""

from __future__ import annotations

import numpy as np

from nowake.core.errors import Refused
from nowake.core.instrument import ListingKind
from nowake.core.units import INT64_MAX, format_duration
from nowake.plan.randomise import jittered_edges, jittered_weights
from nowake.plan.schedule import Floats, Ints, Schedule
from nowake.plan.slicer import slice_units
from nowake.plan.strategy import Request, tactic_of


def interval_edges(start_ns: int, end_ns: int, count: int) -> Ints:
    """Return the ``count`` + 1 edges of equal intervals, within a nanosecond."""
    span = end_ns - start_ns
    if span * count > INT64_MAX:
        return np.array([start_ns + span * k // count for k in range(count + 1)], dtype=np.int64)
    return start_ns + span * np.arange(count + 1, dtype=np.int64) // count


def lay_edges(request: Request, count: int) -> Ints:
    """Return the edges of ``count`` intervals of the window, UTC ns, (n + 1,): equal, or jittered as the order asks.

    Raises:
        Refused: The window is too short for so many.
    """
    window_ns = request.end_ns - request.start_ns
    if count > window_ns:
        raise Refused(f"{count} slices do not fit in {format_duration(window_ns)}", "ask for fewer slices")
    edges = interval_edges(request.start_ns, request.end_ns, count)
    return jittered_edges(edges, request.order.parameters.randomise_time, request.order.parent_id)


def lay_slices(request: Request, edges: Ints, weights: Floats, patient: str = "post-and-chase") -> Schedule:
    """Return slices in proportion to ``weights``, each released as its interval opens; those of nothing are left out.

    Args:
        request: What is to be laid out.
        edges: (n + 1,) rising instants, UTC ns.
        weights: (n,) one an interval, >= 0, not all 0; jittered here as the order asks.
        patient: The strategy's own tactic where no term of the order names another.

    Raises:
        Refused: The quantity does not fit the venue's lot, minimum and maximum.
    """
    listing, parameters = request.listing, request.order.parameters
    qty_units = slice_units(
        request.qty_units,
        jittered_weights(weights, parameters.randomise_size, request.order.parent_id),
        lot_units=listing.lot_units,
        min_units=request.min_units,
        max_units=listing.max_qty_units,
        show=lambda units: f"{listing.instrument.qty(units):,f}",
    )
    # A venue without a book has one way to trade.
    tactic = "midpoint" if listing.kind is ListingKind.DARK else tactic_of(parameters, patient)
    release_ns, end_ns = edges[:-1], edges[1:]
    if not qty_units.all():
        used = np.flatnonzero(qty_units)
        release_ns, end_ns, qty_units = release_ns[used], end_ns[used], qty_units[used]
    return Schedule(release_ns, end_ns, qty_units, tactic, request.first_index)
