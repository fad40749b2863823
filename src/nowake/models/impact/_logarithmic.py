"""Logarithmic (concave) impact: linear for small orders, ever flatter for large ones.

    peak = a x sigma_D x ln(1 + c)        c = b Q / V_D
    average paid = a x sigma_D x ((1 + 1 / c) ln(1 + c) - 1)

Symbols (paper -> ours): a ``a``, b ``b``, sigma_D ``volatility``, Q ``quantity``, V_D ``adv``. Source: Zarinelli et al.
(2015), Market Microstructure and Liquidity 1, 1550004, who find that it fits better than a power over about five
decades of size. The average follows from the law holding along the order: the mean of ln(1 + c u) over u in [0, 1].

The defaults touch the square-root law with Y = 1 at 1 % of a day's volume: same move, same slope, which gives
u / (1 + u) = ln(1 + u) / 2 for u = b / 100. They are ours, not the paper's fit.

**Limits.** Below about 1 / b of a day's volume it is linear with slope a b; a and b are strongly correlated in a fit.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from nowake.models.impact._form import (
    F64,
    REMAINING,
    Impact,
    coefficient,
    daily_volatility,
    in_blocks,
    sizes,
    together,
    worked,
)

B = 392.1553635
A = 0.1 / math.log1p(B / 100)
_SERIES_BELOW = 1e-3


def _mean_of_log(c: F64, log: F64) -> F64:
    """Return the mean of ln(1 + c u) over u in [0, 1]; by its series where the closed form loses its digits."""
    if not c.size or c.min() >= _SERIES_BELOW:
        return log / c + log - 1
    series = c * (1 / 2 - c * (1 / 6 - c * (1 / 12 - c / 20)))
    safe = np.maximum(c, _SERIES_BELOW)
    made: F64 = np.where(c < _SERIES_BELOW, series, log / safe + log - 1)
    return made


@in_blocks
def logarithmic(
    quantity: ArrayLike,
    adv: ArrayLike,
    volatility: ArrayLike,
    *,
    a: ArrayLike = A,
    b: ArrayLike = B,
    remaining: ArrayLike = REMAINING,
) -> Impact:
    """Return the impact of an order by the logarithmic law.

    Args:
        quantity: Size of the whole order, >= 0; number or array, as the rest.
        adv: Volume of a trading day in the same unit, > 0.
        volatility: Of a trading day, a fraction in (0, 1).
        a: Height, daily volatilities.
        b: Curvature, one over the part of a day's volume where it begins to bend.
        remaining: Part of the peak that stays, in [0, 1].

    Raises:
        InputError: An argument outside its domain, or arrays whose shapes do not go together.

    >>> round(logarithmic(quantity=10_000, adv=1_000_000, volatility=0.02).peak_bps, 6)
    20.0
    """
    x, sigma = sizes(quantity, adv), daily_volatility(volatility)
    height, curve = coefficient("a", a), coefficient("b", b)
    together(quantity=x, volatility=sigma, a=height, b=curve)
    c = curve * x
    log, scale = np.log1p(c), 1e4 * height * sigma
    return worked(log * scale, _mean_of_log(c, log) * scale, remaining)
