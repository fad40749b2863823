"""The square-root law: what a whole order moves the price, by its size against a day's volume.

    peak = Y x sigma_D x (Q / V_D) ** delta        average paid at constant rate = peak / (1 + delta)

Symbols (paper -> ours): I ``peak_bps``, Y ``y``, sigma_D ``daily_vol_bps``, Q ``qty``, V_D ``day_volume``, delta
``delta``. Source: Toth et al. (2011), Phys. Rev. X 1, 021006, eq. 1. The average follows from the law holding along
the trajectory (Donier, Bonart 2015): the mean of u ** delta over u in [0, 1] is 1 / (1 + delta).

**The unit convention of every form in this room**: impact in basis points of the price before the order, positive =
against the order, the same for both sides; volatility in basis points per trading day (one standard deviation);
volume per trading day; Q and V_D in one unit, whichever. So 1 % of a day's volume at 2 % daily volatility and Y = 1
is 20 bps at its peak and 13.3 bps on average.

The law is about the peak as a function of *size*; the rate forms (Almgren et al. 2005: eta, average, by speed) are
other coordinates: their coefficients are never to be put in here.
"""

from __future__ import annotations

from nowake.core.value import require


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
