"""TWAP: equal slices at equal intervals, as many as are worth it.

The number of slices minimises a cost per unit of half a spread h. With Q the order, d the size of a book level, v the
rate at which others trade, T the window and n slices:

- a slice that crosses walks Q / (n d) levels and pays, on average, half of them beyond the touch: h Q / (2 n d);
- a slice that posts needs the queue at the touch, d long and traded at v / 2, to turn over, 2 d / v, within its
  interval T / n; the part of it that must cross after all pays h, about h n 2 d / (v T).

The sum a / n + n / b with a = Q / (2 d), b = v T / (2 d) is least at n = sqrt(a b) = sqrt(Q v T) / (2 d): the
geometric mean of the own and the market's quantity in the window, in units of two levels. It rises with size and
with duration. Limits keep that: no interval under ``INTERVAL_MIN_NS``, no slice under the venue's smallest order, at
most ``SLICES_MAX``, at least one; and no slice over the venue's largest order. The ceiling on participation does not
depend on n: own and others' volume per interval shrink alike. The rule is ours; what it rests on (queue turnover,
linear book) is as in Cont, Kukanov (2017), Quant. Finance 17, section 2.
"""

from __future__ import annotations

import math

import numpy as np

from nowake.core.errors import Refused
from nowake.core.order import EndBehaviour
from nowake.core.plan import Assumption
from nowake.core.units import NS_PER_SECOND, format_duration
from nowake.plan.slices import lay_edges, lay_slices
from nowake.plan.strategy import COMMON, TACTIC_WORDS, Layout, Request, Strategy

INTERVAL_MIN_NS = 30 * NS_PER_SECOND
SLICES_MAX = 400
NEEDED_MAX = 10_000
"""Where the bounds of a child ask for more slices than this, the order is too large for its market."""
LEVEL_MIN_ORDERS = 10
"""A book level is taken for this many smallest orders when no depth is known."""
ADV_FRACTION_MAX = 0.01
"""Largest child as a fraction of a measured day (gate control 7)."""


def slice_count(request: Request) -> tuple[int, str, tuple[Assumption, ...]]:
    """Return how many slices, why in a clause, and what was assumed for it.

    At least 1; does not fall when quantity or window grow, all else equal.

    Raises:
        Refused: The user's own number of slices cannot be kept, or no sensible number can.
    """
    listing, qty = request.listing, request.qty_units
    fits = max(1, qty // request.min_units)
    largest = listing.max_qty_units // listing.lot_units * listing.lot_units if listing.max_qty_units else 0
    needed = -(-qty // largest) if largest else 1
    wanted = request.order.parameters.slices
    if wanted is not None:
        return _as_asked(request, wanted, needed, fits)
    best, assumed = _best_count(request)
    window_ns = request.end_ns - request.start_ns
    volume = request.beliefs.volume
    if volume.known and not volume.assumed:
        needed = max(needed, math.ceil(qty / (ADV_FRACTION_MAX * volume.per_day)))
    limits = {
        f"no interval under {format_duration(INTERVAL_MIN_NS)}": max(1, window_ns // INTERVAL_MIN_NS),
        "no slice under the smallest order": fits,
        f"at most {SLICES_MAX}": SLICES_MAX,
    }
    count = min(best, *limits.values())
    binding = [text for text, limit in limits.items() if limit == count < best]
    count = max(count, min(needed, fits))
    if count > NEEDED_MAX:
        most = listing.instrument.qty(qty * NEEDED_MAX // count)
        raise Refused(
            f"the order would need {count:,} slices: none may be over the venue's largest order, or over "
            f"{ADV_FRACTION_MAX:.0%} of a day's volume",
            f"ask for at most about {most:,f} {listing.instrument.base} at once",
        )
    why = f"{count} slice{'s' * (count > 1)}: sqrt(own x market volume) over two book levels gives {best}"
    return count, why + (f", {binding[0]}" if binding else ""), assumed


def _as_asked(request: Request, wanted: int, needed: int, fits: int) -> tuple[int, str, tuple[Assumption, ...]]:
    """Return the user's number of slices; of a re-plan, the part of it that is left by time."""
    if request.first_index:
        order = request.order
        left = round(wanted * (request.end_ns - request.start_ns) / (order.end_ns - order.start_ns))
        count = min(max(left, needed, 1), fits)
        return count, f"{count} slices left of {wanted} asked", ()
    if not needed <= wanted <= fits:
        instrument = request.listing.instrument
        smallest, quantity = instrument.qty(request.min_units), instrument.qty(request.qty_units)
        bound = f"under the smallest order {smallest}" if wanted > fits else "over the largest order"
        raise Refused(
            f"{wanted} slices of {quantity} {instrument.base} would be {bound}",
            f"nearest is {min(max(wanted, needed), fits)}",
        )
    return wanted, f"{wanted} slices as asked", ()


def _best_count(request: Request) -> tuple[int, tuple[Assumption, ...]]:
    """Return sqrt(Q v T) / (2 d), rounded up, and what had to be assumed for d and v."""
    beliefs, qty = request.beliefs, float(request.qty_units)
    assumed: list[Assumption] = []
    level = max(beliefs.level_qty, float(request.min_units))
    if beliefs.level_qty <= 0:
        level = float(LEVEL_MIN_ORDERS * request.min_units)
        assumed.append(Assumption(name="depth", value=f"{LEVEL_MIN_ORDERS} smallest orders", why="no book seen"))
    market = beliefs.volume.expected(request.start_ns, request.end_ns)
    if market <= 0:
        cap = request.order.parameters.participation_max
        market = qty * (1 - cap) / cap
    return max(1, math.ceil(min(math.sqrt(qty * market) / (2 * level), 1e9))), tuple(assumed)


def layout(request: Request) -> Layout:
    """Return equal slices, each released as its interval opens and working until the next.

    Unless they are to be randomised, quantities differ by at most one lot and intervals by at most one nanosecond.

    Raises:
        Refused: The quantity does not fit the venue's lot, minimum and maximum.
    """
    count, why, assumed = slice_count(request)
    slices = lay_slices(request, lay_edges(request, count), np.ones(count))
    every = format_duration((request.end_ns - request.start_ns) // count)
    words = TACTIC_WORDS[slices.tactic_of(0)]
    return Layout(slices=slices, reasons=(why, f"one every {every}", words), assumed=assumed)


TWAP = Strategy(
    name="twap",
    honours=COMMON | {"slices"},
    end_behaviour=EndBehaviour.FINISH,
    layout=layout,
)
