"""Largest remainder in floats, where their rounding cannot change what integers give: see ``plan.slicer``."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nowake.core.jit import kernel

EXACT_LOTS = 2**50
"""More lots than this are shared out in integers only."""
HALVINGS = 60


@kernel(counted=False)
def shares_kernel(
    lots: int,
    weights: NDArray[np.float64],
    least: int,
    most: int,
    lot_units: int,
    rests: NDArray[np.float64],
    found: NDArray[np.int64],
) -> bool:
    """Write quantity units per weight to ``found``, (n,); False = integers must decide, and it holds nothing.

    Args:
        lots: To share out, > 0.
        weights: (n,) as the user gave them.
        least: Smallest part that is not 0, lots.
        most: Largest.
        lot_units: Quantity units of a lot.
        rests: (n,) scratch.
        found: (n,).
    """
    total, low, high, count = 0.0, math.inf, 0.0, 0
    for weight in weights:
        if not 0 <= weight < math.inf:
            return False
        if weight > 0:
            total += weight
            low, high = min(low, weight), max(high, weight)
            count += 1
    if count == 0 or lots > EXACT_LOTS or total == math.inf or low < total * 1e-200:
        return False
    even = low == high
    error = 0.0 if even else high / total * lots * (weights.size + 8) * 2.0**-52
    left = lots
    for k in range(weights.size):
        rests[k] = -1.0
        found[k] = 0
        if weights[k] > 0:
            share = weights[k] / total * lots
            found[k] = lots // count if even else int(share)
            rests[k] = 0.0 if even else share - found[k]
            left -= found[k]
            if not even and not error < rests[k] < 1 - error:
                return False
    # The lots left over go to the largest rests: those at or above a bound between two that floats can tell apart.
    bound, below, above = 0.0, 0.0, 1.0
    if not even and 0 < left < count:
        for _ in range(HALVINGS):
            bound = (below + above) / 2
            at_or_over = 0
            for rest in rests:
                at_or_over += rest >= bound
            if at_or_over == left:
                break
            below, above = (bound, above) if at_or_over > left else (below, bound)
        over, under = 1.0, 0.0
        for rest in rests:
            if rest >= bound:
                over = min(over, rest)
            else:
                under = max(under, rest)
        if at_or_over != left or over - under <= 2 * error:
            return False
    for k in range(weights.size):
        if rests[k] >= bound and left > 0:
            found[k] += 1
            left -= 1
        if found[k] and not least <= found[k] <= most:
            return False
        found[k] *= lot_units
    return True
