"""Randomised schedules: slices of uneven size at uneven times, so that no one can read the schedule from the tape.

Counter-based: the numbers follow from the order's id, so a plan made again is the same plan.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from nowake.core.ids import random_word


def uniform(key: str, purpose: str, counter: int) -> Fraction:
    """Return a number in [-1, 1) that follows from its arguments."""
    return Fraction(random_word(0, key, purpose, counter) >> 11, 2**52) - 1


def jittered_weights(weights: Sequence[int | float | Fraction], fraction: float, key: str) -> list[Fraction]:
    """Return weights each moved by up to ``fraction`` of itself, up or down; ``fraction`` in [0, 1)."""
    share = Fraction(fraction)
    return [Fraction(weight) * (1 + share * uniform(key, "size", k)) for k, weight in enumerate(weights)]


def jittered_edges(edges: Sequence[int], fraction: float, key: str) -> list[int]:
    """Return rising instants with the inner ones moved by up to ``fraction`` of half the interval on that side.

    First and last stay; the order of the others is kept.
    """
    share = Fraction(fraction) / 2
    made = list(edges)
    for k in range(1, len(edges) - 1):
        step = share * uniform(key, "time", k)
        made[k] += int(step * (edges[k + 1] - edges[k] if step > 0 else edges[k] - edges[k - 1]))
    return made
