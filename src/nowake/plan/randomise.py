"""Randomised schedules: slices of uneven size at uneven times, so that no one can read the schedule from the tape.

Counter-based: the numbers follow from the order's id, so a plan made again is the same plan.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from nowake.core.ids import random_word


def uniform(key: str, purpose: str, counter: int) -> Fraction:
    """Return a number in [-1, 1) that follows from its arguments."""
    return Fraction(random_word(0, key, purpose, counter) >> 11, 2**52) - 1


def jittered_weights(weights: NDArray[np.float64], fraction: float, key: str) -> list[Fraction] | NDArray[np.float64]:
    """Return weights each moved by up to ``fraction`` of itself, up or down; ``fraction`` in [0, 1)."""
    if fraction == 0:
        return weights
    share = Fraction(fraction)
    return [Fraction(weight) * (1 + share * uniform(key, "size", k)) for k, weight in enumerate(weights.tolist())]


def jittered_edges(edges: NDArray[np.int64], fraction: float, key: str) -> NDArray[np.int64]:
    """Return rising instants with the inner ones moved by up to ``fraction`` of half the interval on that side.

    First and last stay; the order of the others is kept.
    """
    if fraction == 0:
        return edges
    share = Fraction(fraction) / 2
    even = edges.tolist()
    made = list(even)
    for k in range(1, len(even) - 1):
        step = share * uniform(key, "time", k)
        made[k] += int(step * (even[k + 1] - even[k] if step > 0 else even[k] - even[k - 1]))
    return np.array(made, dtype=np.int64)
