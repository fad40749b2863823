"""Effective, realised and quoted spread, and price impact, of prints against mids.

Symbols (ours -> literature): side D, price p, mid m, later_mid m+; effective = 2D(p - m), realised = 2D(p - m+),
impact = effective - realised = 2D(m+ - m). Source: Huang & Stoll (1996), J. Financial Economics 41, 313.
All arrays have shape (n,) and one price unit; nothing is modified.
"""

from __future__ import annotations

import numpy as np

from nowake.core.tape import F64
from nowake.core.value import require


def effective_spread(side: F64, price: F64, mid: F64) -> F64:
    """Return twice the signed distance of prints from the mid when they happened; positive = paid.

    Args:
        side: (n,) +1 = the aggressor (or we) bought, -1 = sold.
        price: (n,) of the prints.
        mid: (n,) at the prints.

    >>> effective_spread(np.array([1.0]), np.array([101.0]), np.array([100.0]))
    array([2.])
    """
    _same_shape(side, price, mid)
    return 2.0 * side * (price - mid)


def realised_spread(side: F64, price: F64, later_mid: F64) -> F64:
    """Return twice the signed distance from a later mid: what the other side kept. Arguments as above."""
    _same_shape(side, price, later_mid)
    return 2.0 * side * (price - later_mid)


def price_impact(side: F64, mid: F64, later_mid: F64) -> F64:
    """Return twice the signed move of the mid after the print: effective less realised."""
    _same_shape(side, mid, later_mid)
    return 2.0 * side * (later_mid - mid)


def in_bps(amount: F64, mid: F64) -> F64:
    """Return (n,) amounts as basis points of (n,) mids > 0.

    Raises:
        InputError: A mid is not a price.
    """
    _same_shape(amount, mid)
    require(bool(np.all(mid > 0)), "mid", mid, "prices > 0")
    return amount / mid * 10_000.0


def _same_shape(*arrays: F64) -> None:
    shapes = {array.shape for array in arrays}
    require(len(shapes) == 1, "arrays", sorted(shapes), "of one shape")
