"""Kyle's lambda: the price moves in proportion to net order flow, and stays.

    dP = lambda dX        lambda = sigma_D P / sigma_u        peak = lambda Q / P        average paid = peak / 2

Symbols (paper -> ours): x, the insider's flow: ``quantity``; sigma_u, noise flow of a day: ``imbalance`` x ``adv``;
sigma_v, a day's volatility of the value: ``volatility`` x price. Source: Kyle (1985), Econometrica 53, 1315: in his
continuous auction all that is known comes into prices through the flow, so dP = lambda dX and lambda = sigma_v /
sigma_u (theorem 3; the single auction of theorem 1 has half of it). Worked in pieces the order pays half of the move.

All of it is permanent: there is no temporary part and speed does not matter.

The default, a net flow of a tenth of a day's volume (one standard deviation), makes 1 % of a day's volume move the
price by a tenth of a day's volatility, as measured (Toth et al. 2011). Measure ``lambda`` on the listing and turn it
around: imbalance = sigma_D P / (lambda V_D).

**Limits.** Linear, so good near the sizes at which lambda was measured; net flow over minutes, not a whole day's order.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from nowake.models.impact._form import F64, Impact, column, daily_volatility, in_blocks, plain, sizes, together, worked

IMBALANCE = 0.1


def _imbalance(value: ArrayLike) -> F64:
    return column("imbalance", value, 1e-9, 1e3, "above 1e-9 and at most 1,000")


@in_blocks
def kyle(quantity: ArrayLike, adv: ArrayLike, volatility: ArrayLike, *, imbalance: ArrayLike = IMBALANCE) -> Impact:
    """Return the impact of an order by Kyle's lambda.

    Args:
        quantity: Size of the whole order, >= 0; number or array, as the rest.
        adv: Volume of a trading day in the same unit, > 0.
        volatility: Of a trading day, a fraction in (0, 1).
        imbalance: Standard deviation of a day's net order flow, as part of ``adv``.

    Raises:
        InputError: An argument outside its domain, or arrays whose shapes do not go together.

    >>> round(kyle(quantity=10_000, adv=1_000_000, volatility=0.02).peak_bps, 6)
    20.0
    """
    x, sigma, flow = sizes(quantity, adv), daily_volatility(volatility), _imbalance(imbalance)
    together(quantity=x, volatility=sigma, imbalance=flow)
    peak = x * (1e4 * sigma / flow)
    return worked(peak, peak / 2, 1.0)


def kyle_lambda(
    price: ArrayLike, adv: ArrayLike, volatility: ArrayLike, *, imbalance: ArrayLike = IMBALANCE
) -> float | F64:
    """Return lambda, price units per unit of quantity; arguments as for ``kyle``, ``price`` > 0.

    Raises:
        InputError: An argument outside its domain, or arrays whose shapes do not go together.

    >>> round(kyle_lambda(price=50.0, adv=1_000_000, volatility=0.02), 9)
    1e-05
    """
    level = column("price", price, 0.0, math.inf, "> 0")
    volume = column("adv", adv, 0.0, math.inf, "> 0", "give the volume of a trading day")
    sigma, flow = daily_volatility(volatility), _imbalance(imbalance)
    together(price=level, adv=volume, volatility=sigma, imbalance=flow)
    return plain(np.asarray(level * sigma / flow / volume))
