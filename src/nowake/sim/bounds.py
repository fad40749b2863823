"""What a resting order would have got at worst and at best, where the recording cannot tell: kernels.

Every displayed order of ours is followed in two more worlds, with a place in the queue and a quantity left of its own:

========================================  ==========================  ============================
what happened                             worst                       best
========================================  ==========================  ============================
a level fell by more than was printed     all of it stood behind us   all of it stood ahead of us
a hidden print at our price               not ours                    ours, when nothing is ahead
the other side came to our price,         not ours                    ours
in no print
we joined a level that is not recorded    everything is ahead         nothing is ahead
our level enters the recorded window      at most what it shows       nothing is ahead
========================================  ==========================  ============================

Prints at our price work off the queue in all three, prints through it are ours in all three, and on a tape with order
ids so does what leaves, by name. What is filled at once by crossing is certain. The worlds end when the order does, so
that they say how much of it would have been filled *by then*. A print is taken to be recorded no later than the change
of the level that it made (``sim.merge`` puts rows in the venue's order); where it is later it counts twice in both.
Of a market made from bars neither world gives more than a bar does (``sim.bars_book``), to all orders together.

Arrays are those of ``sim.layout``; ``reals`` holds what of a print is left in either world while it is handed out.
"""

from __future__ import annotations

import math

from nowake.core.jit import kernel
from nowake.core.tape import F64, I64
from nowake.sim.layout import (
    F_AHEAD_MAX,
    F_AHEAD_MIN,
    F_LEFT_MAX,
    F_LEFT_MIN,
    F_TRADED,
    O_ROW,
    R_BEST,
    R_WORST,
    V_BAR_BEST,
    V_BAR_WORST,
    V_LOT,
)

REFERENCE = "nowake.sim.match_reference:ReferenceMatcher"
"""The plain meaning, which tests hold the kernels to."""


@kernel(counted=False, inline=True)
def requeue_bounds(fronts: F64, i: int, ahead: float) -> None:
    """Put an order at the back of a queue of ``ahead`` in both worlds; what is left of it stays."""
    fronts[i, F_AHEAD_MAX], fronts[i, F_AHEAD_MIN] = ahead, ahead


@kernel(counted=False)
def _give(
    venue: I64, fronts: F64, reals: F64, i: int, ahead: int, left: int, purse: int, bar: int, queued: bool
) -> None:
    """Hand a print on in one world.

    ``ahead``, ``left`` are columns of ``fronts``; ``purse`` is its place in ``reals``, ``bar`` that of what the bar
    leaves in ``venue``.
    """
    reach = reals[purse]
    if queued:
        fronts[i, ahead] -= reach
        reach = min(reach, math.floor(0.5 - fronts[i, ahead]))
        fronts[i, ahead] = max(fronts[i, ahead], 0.0)
    take = math.floor(min(fronts[i, left], reach, float(venue[bar])))
    take -= take % venue[V_LOT]
    if take > 0:
        venue[bar] -= take
        fronts[i, left] -= take
        reals[purse] -= take


@kernel(counted=False)
def bounds_after_print(
    venue: I64, orders: I64, fronts: F64, reals: F64, i: int, at_price: bool, hidden: int, named: bool, came: int
) -> None:
    """Give order ``i`` its part of a print that reached it, in both worlds.

    ``at_price``: at its price, not through it. ``named``: it is known at which row the executed order joined, ``came``.
    """
    if at_price and named and came < orders[i, O_ROW]:
        return
    if at_price and hidden != 0:
        if fronts[i, F_AHEAD_MIN] < 0.5:
            _give(venue, fronts, reals, i, F_AHEAD_MIN, F_LEFT_MIN, R_BEST, V_BAR_BEST, False)
        return
    _give(venue, fronts, reals, i, F_AHEAD_MAX, F_LEFT_MAX, R_WORST, V_BAR_WORST, at_price)
    _give(venue, fronts, reals, i, F_AHEAD_MIN, F_LEFT_MIN, R_BEST, V_BAR_BEST, at_price)


@kernel(counted=False)
def bounds_after_crossing(venue: I64, fronts: F64, reals: F64, i: int) -> None:
    """Give order ``i`` its part of what came to its price and is in no print: at best."""
    _give(venue, fronts, reals, i, F_AHEAD_MIN, F_LEFT_MIN, R_BEST, V_BAR_BEST, False)


@kernel(counted=False, inline=True)
def bounds_after_level(
    orders: I64, fronts: F64, i: int, old: int, new: int, seeded: int, named: bool, came: int
) -> None:
    """Move order ``i`` at its level, which went from ``old`` to ``new``, in both worlds; before its estimate moves."""
    if seeded != 0:
        if new > 0:
            fronts[i, F_AHEAD_MAX] = min(fronts[i, F_AHEAD_MAX], float(new))
            fronts[i, F_AHEAD_MIN] = 0.0
        return
    behind, ahead = 0.0, max(old - new - fronts[i, F_TRADED], 0.0)
    if named:
        behind = float(max(old - new, 0)) if came < orders[i, O_ROW] else 0.0
        ahead = behind
    fronts[i, F_AHEAD_MAX] = min(max(fronts[i, F_AHEAD_MAX] - behind, 0.0), float(new))
    fronts[i, F_AHEAD_MIN] = min(max(fronts[i, F_AHEAD_MIN] - ahead, 0.0), float(new))
