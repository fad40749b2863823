"""What a cost estimate needs of a schedule, in one pass over its slices: ``Numbers``. Formulas: ``plan.cost``.

With X the whole, q what a slice does, V what the others are expected to trade in it (v where they are expected to
trade nothing, which the caller gives per unit of q), x the part of X that is left before a slice and x' after it:

    speed = sum (q / X) (1 + min(q / V, r)) ** delta          pace = sum (q / X) (q / V)         peak = max q / (q + V)
    waiting = sum (x^2 + x x' + x'^2) / 3 (end - release), x = x' where it crosses, + sum x^2 (release - end before)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nowake.core.jit import kernel

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Numbers(NamedTuple):
    """A schedule in numbers.

    Attributes:
        qty_units: X.
        others: Sum of V, quantity units.
        speed: Mean factor on the impact, >= 1.
        pace: Own volume over the others' in each slice, weighed by quantity.
        peak: Largest part of all volume that a slice needs, (0, 1]; a slice without expected volume needs all.
        waiting_ns: Integral of the square of what is left over time.
    """

    qty_units: int
    others: float
    speed: float
    pace: float
    peak: float
    waiting_ns: float


def numbers_of(
    release_ns: Ints, end_ns: Ints, qty_units: Ints, expected: Floats, crosses: Bools, unseen: float, delta: float,
    most: float,
) -> Numbers:  # fmt: skip
    """Return the numbers of a schedule by whole arrays: the reference of the kernel.

    Args:
        release_ns: (n,) begin of each slice, UTC ns; they do not overlap and are in order.
        end_ns: (n,) its end.
        qty_units: (n,) > 0.
        expected: (n,) volume of the others, quantity units; 0 = not known.
        crosses: (n,) or (1,) whether it trades at its release.
        unseen: V per unit of q where none is expected.
        delta: Exponent of the law.
        most: r.
    """
    qty = qty_units.astype(np.float64)
    others = np.where(expected > 0, expected, qty * unseen)
    done = np.cumsum(qty_units)
    part = qty / float(done[-1])
    after = (done[-1] - done) / float(done[-1])
    left = after + part
    start = np.where(crosses, after, left)
    inside = (start * start + start * after + after * after) @ (end_ns - release_ns) / 3
    between = (left * left)[1:] @ (release_ns[1:] - end_ns[:-1])
    return Numbers(
        qty_units=int(done[-1]),
        others=float(others.sum()),
        speed=float(part @ (1 + np.minimum(qty / others, most)) ** delta),
        pace=float(part @ (qty / others)),
        peak=float((qty / (qty + expected)).max()),
        waiting_ns=float(inside + between),
    )


@kernel(counted=False)
def numbers_kernel(
    release_ns: Ints, end_ns: Ints, qty_units: Ints, expected: Floats, crosses: Bools, unseen: float, delta: float,
    most: float,
) -> tuple[int, float, float, float, float, float]:  # fmt: skip
    """Return what ``numbers_of`` does, in its order."""
    total = 0
    for k in range(qty_units.size):
        total += qty_units[k]
    done, sum_others, speed, pace, peak, waiting = 0, 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(qty_units.size):
        qty = float(qty_units[k])
        others = expected[k] if expected[k] > 0 else qty * unseen
        part = qty / total
        done += qty_units[k]
        after = (total - done) / total
        left = after + part
        start = after if crosses[k if crosses.size > 1 else 0] else left
        waiting += (start * start + start * after + after * after) / 3 * (end_ns[k] - release_ns[k])
        if k:
            waiting += left * left * (release_ns[k] - end_ns[k - 1])
        sum_others += others
        speed += part * (1 + min(qty / others, most)) ** delta
        pace += part * (qty / others)
        peak = max(peak, qty / (qty + expected[k]))
    return total, sum_others, speed, pace, peak, waiting
