"""The square-root law: what a whole order moves the price, by its size against a day's volume.

    peak = Y x sigma_D x (Q / V_D) ** delta        average paid at constant rate = peak / (1 + delta)

Symbols (paper -> ours): I ``peak_bps``, Y ``y``, sigma_D ``daily_vol_bps``, Q ``qty``, V_D ``day_volume``, delta
``delta``. Source: Toth et al. (2011), Phys. Rev. X 1, 021006, eq. 1. The average follows from the law holding along
the trajectory (Donier, Bonart 2015): the mean of u ** delta over u in [0, 1] is 1 / (1 + delta).

``square_root`` takes a day's volatility as a fraction, as every form does (``_form.py``); ``peak_bps`` and
``average_bps``, which the planner calls through ``FORMS``, take it in basis points. 1 % of a day's volume at 2 % daily
volatility and Y = 1 is 20 bps at its peak and 13.3 bps on average.

**Limits.** From about 0.1 % to 10 % of a day's volume. The law is about the peak as a function of *size*; the rate
forms (Almgren et al. 2005: eta, average, by speed) are other coordinates: their coefficients never belong in here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from nowake.core.value import require
from nowake.models.impact._form import (
    REMAINING,
    Impact,
    coefficient,
    daily_volatility,
    in_blocks,
    sizes,
    together,
    worked,
)


@in_blocks
def square_root(
    quantity: ArrayLike, adv: ArrayLike, volatility: ArrayLike, *, y: ArrayLike = 1.0, remaining: ArrayLike = REMAINING
) -> Impact:
    """Return the impact of an order by the square-root law: delta = 1/2.

    Args:
        quantity: Size of the whole order, >= 0; number or array, as the rest.
        adv: Volume of a trading day in the same unit, > 0.
        volatility: Of a trading day, a fraction in (0, 1).
        y: Prefactor Y, dimensionless, order 1.
        remaining: Part of the peak that stays, in [0, 1].

    Raises:
        InputError: An argument outside its domain, or arrays whose shapes do not go together.

    >>> round(square_root(quantity=10_000, adv=1_000_000, volatility=0.02).peak_bps, 6)
    20.0
    """
    x, sigma, factor = sizes(quantity, adv), daily_volatility(volatility), coefficient("y", y)
    together(quantity=x, volatility=sigma, y=factor)
    peak = np.sqrt(x) * (1e4 * factor * sigma)
    return worked(peak, peak / 1.5, remaining)


def peak_bps(qty: float, day_volume: float, *, daily_vol_bps: float, y: float, delta: float = 0.5) -> float:
    """Return how far the price has moved against the order when its last unit trades, in basis points.

    Args:
        qty: Size of the whole order, any quantity unit, >= 0.
        day_volume: Volume of a trading day in the same unit, > 0.
        daily_vol_bps: Daily volatility, basis points, >= 0.
        y: Prefactor Y, dimensionless, order 1, >= 0.
        delta: Exponent, dimensionless, in (0, 1].

    Raises:
        InputError: An argument outside its domain.

    >>> round(peak_bps(1.0, 100.0, daily_vol_bps=200.0, y=1.0), 6)
    20.0
    """
    require(qty >= 0, "qty", qty, ">= 0")
    require(day_volume > 0, "day_volume", day_volume, "> 0")
    require(daily_vol_bps >= 0, "daily_vol_bps", daily_vol_bps, ">= 0")
    require(y >= 0, "y", y, ">= 0")
    require(0 < delta <= 1, "delta", delta, "in (0, 1]")
    return float(y * daily_vol_bps * (qty / day_volume) ** delta)


def average_bps(qty: float, day_volume: float, *, daily_vol_bps: float, y: float, delta: float = 0.5) -> float:
    """Return the mean impact paid over an order executed at a constant rate: peak / (1 + delta), basis points.

    Arguments and errors as for ``peak_bps``.

    >>> round(average_bps(1.0, 100.0, daily_vol_bps=200.0, y=1.0), 6)
    13.333333
    """
    return peak_bps(qty, day_volume, daily_vol_bps=daily_vol_bps, y=y, delta=delta) / (1 + delta)
