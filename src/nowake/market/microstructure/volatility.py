"""Realised variance of the mid, sampled every 10 s on the clock grid: the batch form of ``View.realised_var``."""

from __future__ import annotations

import numpy as np

from nowake.core.tape import I64
from nowake.core.view import Integrity
from nowake.market.microstructure.touch import Touches
from nowake.market.run import GRID_NS

NO_MID = int(Integrity.EMPTY | Integrity.CROSSED | Integrity.GAP | Integrity.HALTED)


def sampled_mid2(touch: Touches, until_ns: int) -> I64:
    """Return twice the mid in force just before each 10 s boundary up to ``until_ns``, 0 where there was none.

    The first boundary is the first one after the first complete message.
    """
    if len(touch.t_ns) == 0:
        return np.empty(0, dtype=np.int64)
    first = int(touch.t_ns[0]) // GRID_NS + 1
    grid = np.arange(first, until_ns // GRID_NS + 1, dtype=np.int64) * GRID_NS
    before = np.searchsorted(touch.t_ns, grid, side="left") - 1
    mid2 = np.where(touch.flags & NO_MID, 0, touch.bid_units + touch.ask_units)
    return mid2[before]


def realised_variance(touch: Touches, until_ns: int) -> tuple[float, int]:
    """Return (sum of squared log returns of the sampled mid, nanoseconds covered) up to ``until_ns``."""
    mid2 = sampled_mid2(touch, until_ns)
    both = (mid2[1:] > 0) & (mid2[:-1] > 0)
    returns = np.log(mid2[1:][both] / mid2[:-1][both])
    return float(np.sum(returns**2)), int(both.sum()) * GRID_NS
