"""Markouts: where the market stood some time after each fill, seen from our side.

Sign: positive = the price moved our way (a buy before a rise). It is a gain, unlike every cost in this room.
"""

from __future__ import annotations

import numpy as np

from nowake.core.tape import F64, I64
from nowake.core.value import require


def markout_bps(side: F64, price: F64, later_mid: F64) -> F64:
    """Return the signed move from each fill to a later mid, in basis points of the fill's price.

    Args:
        side: (n,) +1 = bought, -1 = sold.
        price: (n,) of the fills, > 0.
        later_mid: (n,) same unit; NaN where there is none.

    Returns:
        (n,) bps, positive = gained; NaN where the mid is.

    >>> markout_bps(np.array([-1.0]), np.array([100.0]), np.array([99.0]))
    array([100.])
    """
    require(side.shape == price.shape == later_mid.shape, "arrays", price.shape, "of one shape")
    require(bool(np.all(price > 0)), "price", price, "prices > 0")
    return side * (later_mid - price) / price * 10_000.0


def mid_after(times_ns: I64, mid_times_ns: I64, mids: F64, delay_ns: int) -> F64:
    """Return the mid that held ``delay_ns`` after each time: the newest at or before it.

    Args:
        times_ns: (n,) of the fills.
        mid_times_ns: (m,) of the mids, rising.
        mids: (m,) the mid from that instant on.
        delay_ns: Horizon, >= 0.

    Returns:
        (n,) mids; NaN before the first one, and where the horizon lies beyond the last one (nothing is known of it).
    """
    require(delay_ns >= 0, "delay_ns", delay_ns, ">= 0")
    require(mid_times_ns.shape == mids.shape, "mids", mids.shape, f"of shape {mid_times_ns.shape}")
    require(bool(np.all(np.diff(mid_times_ns) >= 0)), "mid_times_ns", "falling", "rising")
    wanted = times_ns + delay_ns
    at = np.searchsorted(mid_times_ns, wanted, side="right") - 1
    known = (at >= 0) & (wanted <= (mid_times_ns[-1] if len(mid_times_ns) else 0))
    found = np.full(len(wanted), np.nan)
    found[known] = mids[at[known]]
    return found
