"""Compiled forms of ``VolumeBelief.day_fraction``, the reference: of many intervals, and the search in it.

A belief hands itself over as a ``Table``: arrays of its trading hours and of the curve that is used in each.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nowake.core.jit import kernel


class Table(NamedTuple):
    """A belief's hours and curves.

    Attributes:
        hours: (w, 2) opening and close of each window, UTC ns.
        curves: (w, b + 1) cumulative fraction of the day at the edges of its bins, padded.
        bins: (w,) how many bins; 0 = no curve, the assumed U.
        shares: (w,) volume of the window as a fraction of a regular day's.
        u_shape: Depth of the U.
    """

    hours: NDArray[np.int64]
    curves: NDArray[np.float64]
    bins: NDArray[np.int64]
    shares: NDArray[np.float64]
    u_shape: float


@kernel(inline=True)
def fraction_kernel(t0_ns: int, t1_ns: int, table: Table) -> float:
    """Return ``day_fraction`` of one interval."""
    total = 0.0
    for w in range(table.hours.shape[0]):
        opens, closes = table.hours[w, 0], table.hours[w, 1]
        low, high = max(t0_ns, opens), min(t1_ns, closes)
        if low >= high:
            continue
        before, after = (low - opens) / (closes - opens), (high - opens) / (closes - opens)
        bins = table.bins[w]
        if bins > 0:
            at = before * bins
            k = min(int(at), bins - 1)
            first = table.curves[w, k] + (table.curves[w, k + 1] - table.curves[w, k]) * (at - k)
            at = after * bins
            k = min(int(at), bins - 1)
            last = table.curves[w, k] + (table.curves[w, k + 1] - table.curves[w, k]) * (at - k)
        else:
            off = before - 0.5
            first = (1 - table.u_shape) * before + 4 * table.u_shape * (off * off * off + 0.125)
            off = after - 0.5
            last = (1 - table.u_shape) * after + 4 * table.u_shape * (off * off * off + 0.125)
        total += table.shares[w] * (last - first)
    return total


@kernel(counted=False)
def fractions_kernel(
    t0_ns: NDArray[np.int64], t1_ns: NDArray[np.int64], table: Table, found: NDArray[np.float64]
) -> None:
    """Write ``day_fraction`` of each interval, (n,), to ``found``."""
    for k in range(t0_ns.size):
        found[k] = fraction_kernel(t0_ns[k], t1_ns[k], table)


@kernel(counted=False)
def reached_kernel(per_day: float, qty: float, start_ns: int, step_ns: int, low: int, high: int, table: Table) -> int:
    """Return the least k in [low, high] whose [start, start + k step) is expected to bring ``qty``; ``high`` = none."""
    while low < high:
        middle = (low + high) // 2
        if per_day * fraction_kernel(start_ns, start_ns + middle * step_ns, table) < qty:
            low = middle + 1
        else:
            high = middle
    return low
