"""VWAP: slices in proportion to the volume that is expected in them.

With n equal intervals of the window and F the volume curve of the day (``models.volume``), slice k is released as its
interval opens and has the weight

    w_k = (F(t_k+1) - F(t_k)) / (F(end) - F(start))

of the order's own window only: a curve of the whole day is cut, never squeezed into the window. An order that trades
this way has the same share of the expected volume in every slice, and its average price comes near the market's VWAP
as far as the curve is right: the tracking error is proportional to the sum of |w_k - share_k| (Satish, Saxena, Palmer
2014, J. Trading 9, 3). The level of volume does not move the weights; it decides how many slices, and what
participation they need.

n is TWAP's: it rises with size and duration. It is raised where the heaviest slice would be over what one order may be
or over 1 % of a measured day. Re-planning lays out what is unsent over what is left of the window, with the curve as it
is then believed: the dynamic weights of Chen, Feng, Palomar (2016), w_i = v_i / sum of v_j, j >= i, of what is left.
"""

from __future__ import annotations

import math

import numpy as np

from nowake.core.order import EndBehaviour
from nowake.core.plan import Assumption
from nowake.core.units import format_duration
from nowake.models.volume import VolumeBelief
from nowake.plan.schedule import Floats, Ints
from nowake.plan.slices import lay_edges, lay_slices
from nowake.plan.strategy import TACTIC_WORDS, Layout, Request, Strategy
from nowake.plan.twap import ADV_FRACTION_MAX, SLICES_MAX, TWAP, slice_count


def volume_weights(edges: Ints, volume: VolumeBelief) -> Floats:
    """Return the part of a day's volume in each interval, (n,); all 0 where the belief says nothing of any of them.

    The level does not matter, so a belief that knows no level still gives its curve.
    """
    return volume.day_fractions(edges[:-1], edges[1:])


def layout(request: Request) -> Layout:
    """Return slices in proportion to expected volume, each released as its interval opens.

    They follow the curve within one lot where no venue limit binds and nothing is to be randomised.

    Raises:
        Refused: The quantity does not fit the venue's lot, minimum and maximum.
    """
    count, why, assumed = slice_count(request)
    edges, weights = _weighted(request, count)
    first = count
    while request.order.parameters.slices is None and (wanted := _enough(request, weights)) > count:
        count = wanted
        edges, weights = _weighted(request, count)
    if count > first:
        why = f"{count} slices: the heaviest of {first} would be too large for one order"
    notes = assumed
    if not weights.any():
        weights = np.ones(count)
        note = Assumption(name="volume curve", value="flat", why="the window lies outside the hours that are known")
        notes = (*assumed, note)
    slices = lay_slices(request, edges, weights)
    return Layout(slices=slices, reasons=(why, *_reasons(request, weights, slices.tactic_of(0))), assumed=notes)


def _weighted(request: Request, count: int) -> tuple[Ints, Floats]:
    edges = lay_edges(request, count)
    return edges, volume_weights(edges, request.beliefs.volume)


def _enough(request: Request, weights: Floats) -> int:
    """Return how many slices keep the heaviest within one order and 1 % of a measured day, as far as slices go.

    A guess, as if weights scaled as 1 / n: finer slices may find a busier bin, so it is asked again until it rests.
    """
    total = float(weights.sum())
    if total <= 0:
        return len(weights)
    listing, volume = request.listing, request.beliefs.volume
    most = [listing.max_qty_units // listing.lot_units * listing.lot_units] if listing.max_qty_units else []
    if volume.known and not volume.assumed:
        most.append(int(ADV_FRACTION_MAX * volume.per_day))
    heaviest = request.qty_units * float(weights.max()) / total
    least = max(1, min(most)) if most else heaviest
    if heaviest <= least:
        return len(weights)
    fits = max(1, request.qty_units // request.min_units)
    return min(math.ceil(len(weights) * heaviest / least), fits, max(SLICES_MAX, len(weights)))


def _reasons(request: Request, weights: Floats, tactic: str) -> tuple[str, ...]:
    most, least = float(weights.max()), float(weights[weights > 0].min())
    every = format_duration((request.end_ns - request.start_ns) // len(weights))
    shape = "in proportion to expected volume"
    if most > 1.001 * least:
        shape += f", the heaviest {most / least:.1f}x the lightest"
    return f"one every {every}", shape, TACTIC_WORDS[tactic]


VWAP = Strategy(
    name="vwap",
    honours=TWAP.honours,
    end_behaviour=EndBehaviour.FINISH,
    layout=layout,
    corrects=True,
)
