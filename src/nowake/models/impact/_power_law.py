"""The power law: the square-root law with its exponent free.

    peak = Y x sigma_D x (Q / V_D) ** delta        average paid at constant rate = peak / (1 + delta)

Symbols (paper -> ours): Y ``y``, sigma_D ``volatility``, Q ``quantity``, V_D ``adv``, delta ``delta``. Sources: Toth et
al. (2011), Phys. Rev. X 1, 021006, eq. 1; Sato, Kanazawa (2024), arXiv 2411.13965, who measure delta = .489 (standard
error .0015) over eight years of the Tokyo exchange: the default here. The literature lies between .4 and .7.

**Limits.** As for the square root: from about 0.1 % to 10 % of a day's volume. Y depends strongly on delta when both
are fitted: never take one from one fit and the other from another.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from nowake.models.impact._form import (
    REMAINING,
    Impact,
    coefficient,
    daily_volatility,
    exponent,
    in_blocks,
    sizes,
    together,
    worked,
)

DELTA = 0.489


@in_blocks
def power_law(
    quantity: ArrayLike,
    adv: ArrayLike,
    volatility: ArrayLike,
    *,
    y: ArrayLike = 1.0,
    delta: ArrayLike = DELTA,
    remaining: ArrayLike = REMAINING,
) -> Impact:
    """Return the impact of an order by the power law.

    Args:
        quantity: Size of the whole order, >= 0; number or array, as the rest.
        adv: Volume of a trading day in the same unit, > 0.
        volatility: Of a trading day, a fraction in (0, 1).
        y: Prefactor Y, dimensionless, order 1.
        delta: Exponent in (0, 1].
        remaining: Part of the peak that stays, in [0, 1].

    Raises:
        InputError: An argument outside its domain, or arrays whose shapes do not go together.

    >>> round(power_law(quantity=100_000, adv=1_000_000, volatility=0.02, delta=0.5).peak_bps, 3)
    63.246
    """
    x, sigma = sizes(quantity, adv), daily_volatility(volatility)
    factor, power = coefficient("y", y), exponent("delta", delta)
    together(quantity=x, volatility=sigma, y=factor, delta=power)
    peak = np.power(x, power) * (1e4 * factor * sigma)
    return worked(peak, peak / (1 + power), remaining)
