"""POV: a fixed share of the volume, own / (own + others) = rate, whatever the volume turns out to be.

The plan shows the path that the expected volume would give; the engine follows the prints instead
(``engine.following``) and never the clock. The rate may vary, as price-, size- and time-variant orders do: in steps of
the market price, of the quantity left, or of the time since the start. The band around it: at or above its floor the
order waits in the queue, under the floor it crosses; its top is the participation cap.
"""

from __future__ import annotations

import numpy as np

from nowake.core.errors import Refused
from nowake.core.order import EndBehaviour
from nowake.core.plan import Notice
from nowake.core.units import format_duration
from nowake.plan.rates import target_rate
from nowake.plan.schedule import Floats, Ints
from nowake.plan.slices import interval_edges, lay_slices
from nowake.plan.strategy import COMMON, Layout, Request, Strategy

BINS = 24
"""The expected path is drawn in this many intervals."""


def layout(request: Request) -> Layout:
    """Return the path that the expected volume would give at the order's rate, as slices.

    Where that volume would not do the order, the slices show it all the same, in proportion, and a notice says what to
    expect; where no volume is known, one slice.
    """
    rate = target_rate(request.order.parameters)
    if rate >= 1:
        raise Refused("participation_target is 1: nobody else's volume would be left to follow", "ask for less than 1")
    edges, weights, notices = _expected_path(request, rate)
    slices = lay_slices(request, edges, weights, patient="follow")
    reasons = (f"follows the prints of others at {100 * rate:.3g} % of all volume; the slices are what is expected",)
    return Layout(slices=slices, reasons=reasons, warnings=notices)


def _expected_path(request: Request, rate: float) -> tuple[Ints, Floats, tuple[Notice, ...]]:
    """Return the edges of the intervals, what each is expected to do, and what should be said of it."""
    volume, instrument = request.beliefs.volume, request.listing.instrument
    odds = rate / (1 - rate)
    expected = odds * volume.expected(request.start_ns, request.end_ns)
    if expected <= 0:
        return np.array([request.start_ns, request.end_ns]), np.ones(1), ()
    end_ns = request.end_ns
    if expected > request.qty_units:
        end_ns = volume.reached(request.qty_units / odds, request.start_ns, end_ns)
    span = end_ns - request.start_ns
    bins = max(1, min(BINS, span, request.qty_units // request.min_units))
    edges = interval_edges(request.start_ns, end_ns, bins)
    weights = volume.expected_each(edges[:-1], edges[1:])
    if expected >= request.qty_units:
        over = format_duration(max(1, round(span / 1e9)) * 10**9)
        done = Notice(code="pov-done", text=f"expected to be done after {over}, when the volume comes as expected")
        return edges, weights, (done,)
    lot = request.listing.lot_units
    units = int(expected) // lot * lot
    needed = request.qty_units / (request.qty_units + expected / odds)
    text = (
        f"at {100 * rate:.3g} % the expected volume gives about {instrument.qty(units):,f} of "
        f"{instrument.qty(request.qty_units):,f} {instrument.base}: all of it needs {100 * needed:.3g} %"
    )
    return edges, weights, (Notice(code="pov-short", text=text),)


POV = Strategy(
    name="pov",
    honours=(COMMON - {"randomise_time", "randomise_size"})
    | {
        "participation_target",
        "participation_min",
        "participation_by_price",
        "participation_by_size",
        "participation_by_time",
    },
    end_behaviour=EndBehaviour.CANCEL,
    layout=layout,
    follows=True,
)
