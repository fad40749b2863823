"""Linear impact: every further unit moves the price as far as the first.

    peak = Y x sigma_D x Q / V_D        average paid at constant rate = peak / 2

Symbols (paper -> ours): Y ``y``, sigma_D ``volatility``, Q ``quantity``, V_D ``adv``. Source: the linear case of
Almgren, Chriss (2000), section 2.2, in units of a day's volume and volatility; Bucci et al. (2019), Phys. Rev. Lett.
122, 108302, find it below about 0.1 % of a day's volume.

The default Y = 10 makes 1 % of a day's volume move the price by a tenth of a day's volatility (Toth et al. 2011).

**Limits.** There is no universal Y: a line fits only near the size at which it was measured. One set at 1 % of a day's
volume says 200 bps at 10 % where the square-root law, and the data, say 63.
"""

from __future__ import annotations

from numpy.typing import ArrayLike

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

Y = 10.0


@in_blocks
def linear(
    quantity: ArrayLike, adv: ArrayLike, volatility: ArrayLike, *, y: ArrayLike = Y, remaining: ArrayLike = REMAINING
) -> Impact:
    """Return the impact of an order in proportion to its size.

    Args:
        quantity: Size of the whole order, >= 0; number or array, as the rest.
        adv: Volume of a trading day in the same unit, > 0.
        volatility: Of a trading day, a fraction in (0, 1).
        y: Daily volatilities that a whole day's volume moves the price.
        remaining: Part of the peak that stays, in [0, 1].

    Raises:
        InputError: An argument outside its domain, or arrays whose shapes do not go together.

    >>> round(linear(quantity=10_000, adv=1_000_000, volatility=0.02).peak_bps, 6)
    20.0
    """
    x, sigma, factor = sizes(quantity, adv), daily_volatility(volatility), coefficient("y", y)
    together(quantity=x, volatility=sigma, y=factor)
    peak = x * (1e4 * factor * sigma)
    return worked(peak, peak / 2, remaining)
