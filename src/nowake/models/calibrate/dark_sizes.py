"""Whether hidden orders are larger when more of them come: the slope of their size over their intensity.

In half hours with n arrivals, of n0 on average, sizes are taken as log-normal about a (n / n0)^slope. The slope is used
only where it tells the sizes of days left out, one after the other, better than no slope does (by log-likelihood);
nothing but the days given is looked at. n stands for the intensity: its Poisson noise makes the slope a little small.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nowake.core.tape import F64, I64
from nowake.core.units import NS_PER_SECOND

HALF_HOUR_NS = 1800 * NS_PER_SECOND
LEAST_DAYS = 3
"""One is left out, and one day alone would not tell a slope from the day itself."""


class SizeSlope(NamedTuple):
    """Slope of log size over log intensity.

    Attributes:
        slope: In use, 0 = none; at least 0 and at most 1.
        gain: Log-likelihood of the sizes of left-out days with a slope less that without.
        relative: (k,) each arrival's half hour over the mean half hour of all days.
    """

    slope: float
    gain: float
    relative: F64


def size_slope(t_ns: I64, qty: I64, day: I64, hours: Sequence[tuple[int, int]]) -> SizeSlope:
    """Return the slope, from arrivals and the (open, close) of each day.

    Args:
        t_ns: (k,) of the arrivals.
        qty: (k,) quantity units, > 0.
        day: (k,) number of the day in ``hours``.
        hours: ns.
    """
    opens = np.array([begin for begin, _ in hours], dtype=np.int64)
    halves = np.maximum([(end - begin) // HALF_HOUR_NS for begin, end in hours], 1)
    which = np.minimum((t_ns - opens[day]) // HALF_HOUR_NS, halves[day] - 1) + 1000 * day
    _, number, counts = np.unique(which, return_inverse=True, return_counts=True)
    count, sizes = counts[number].astype(np.float64), np.log(qty.astype(np.float64))
    relative = count * halves.sum() / max(len(t_ns), 1)
    if len(hours) < LEAST_DAYS:
        return SizeSlope(0.0, 0.0, relative)
    gain = sum(_gain(count, sizes, day, left_out) for left_out in range(len(hours)))
    slope = float(np.clip(_line(np.log(count), sizes)[0], 0.0, 1.0)) if gain > 0 else 0.0
    return SizeSlope(slope, float(gain), relative)


def _line(x: F64, y: F64) -> tuple[float, float]:
    """Return slope and level of the least squares line; no slope where x does not vary."""
    apart = x - x.mean()
    square = float(apart @ apart)
    slope = float(apart @ y) / square if square > 0 else 0.0
    return slope, float(y.mean() - slope * x.mean())


def _gain(count: F64, sizes: F64, day: I64, left_out: int) -> float:
    """Return how much better a slope tells the sizes of one day, from the others."""
    fit, held = day != left_out, day == left_out
    if fit.sum() < LEAST_DAYS or not held.any():
        return 0.0
    slope, level = _line(np.log(count[fit]), sizes[fit])
    likelihood = []
    for rise, base in ((slope, level), (0.0, float(sizes[fit].mean()))):
        sd = max(float(np.std(sizes[fit] - base - rise * np.log(count[fit]))), 1e-9)
        miss = (sizes[held] - base - rise * np.log(count[held])) / sd
        likelihood.append(-0.5 * float(miss @ miss) - len(miss) * np.log(sd))
    return float(likelihood[0] - likelihood[1])
