"""Almgren, Thum, Hauptmann, Li (2005): permanent by size, temporary by speed.

    I = gamma sigma (X / V) (Theta / V) ** (1/4)        J = I / 2 + eta sigma |X / (V T)| ** beta

Symbols (paper -> ours): X ``quantity``, V ``adv``, Theta ``shares_outstanding``, sigma ``volatility`` (a day's, a
fraction), T ``horizon`` in trading days (volume time). I, the permanent move, is twice ``permanent_bps``; J is
``total_bps``; gamma = .314 (standard error .041), eta = .142 (.0062), beta = .600 (.038), R2 below 1 %. Source:
"Direct estimation of equity market impact", Risk, July 2005, from 29,509 of 682,562 orders in US shares, 2001-2003.

**Limits.** Orders of about 0.1 % to 10 % of a day (median 0.62 %), worked at a constant rate over a part of a day, in
large and mid US shares of twenty years ago. gamma and eta are of a *rate* form, averages: never use eta as the Y of the
square-root law, they differ by 3 to 11 times. Theta has no counterpart in a future or a currency pair.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from nowake.models.impact._form import (
    HORIZON_LEAST,
    HORIZON_MOST,
    HORIZON_RULE,
    Impact,
    coefficient,
    column,
    daily_volatility,
    exponent,
    in_blocks,
    plain,
    sizes,
    together,
)

GAMMA, GAMMA_SE = 0.314, 0.041
ETA, ETA_SE = 0.142, 0.0062
BETA, BETA_SE = 0.600, 0.038


@in_blocks
def almgren2005(
    quantity: ArrayLike,
    horizon: ArrayLike,
    adv: ArrayLike,
    shares_outstanding: ArrayLike,
    volatility: ArrayLike,
    *,
    gamma: ArrayLike = GAMMA,
    eta: ArrayLike = ETA,
    beta: ArrayLike = BETA,
) -> Impact:
    """Return the impact of an order worked at a constant rate over ``horizon``.

    Args:
        quantity: Shares of the whole order, >= 0; number or array, as the rest.
        horizon: Trading days it takes, > 0.
        adv: Shares a trading day, > 0.
        shares_outstanding: Of the company, > 0.
        volatility: Of a trading day, a fraction in (0, 1).
        gamma: Permanent coefficient, dimensionless.
        eta: Temporary coefficient, dimensionless.
        beta: Temporary exponent in (0, 1].

    Raises:
        InputError: An argument outside its domain, or arrays whose shapes do not go together.

    >>> round(almgren2005(656_100, 0.5, 6.561e6, 1728e6, 0.0157).total_bps, 3)
    18.418
    """
    x, sigma = sizes(quantity, adv), daily_volatility(volatility)
    days = column("horizon", horizon, HORIZON_LEAST, HORIZON_MOST, HORIZON_RULE, "a trading day is 1")
    theta = column("shares_outstanding", shares_outstanding, 0.0, math.inf, "> 0")
    volume = np.asarray(adv, dtype=np.float64)
    factors = {"gamma": coefficient("gamma", gamma), "eta": coefficient("eta", eta), "beta": exponent("beta", beta)}
    together(quantity=x, volatility=sigma, horizon=days, shares_outstanding=theta, **factors)
    bps = 1e4 * sigma
    # Roots before the ratio: two of them are quicker than a power, and no ratio of the two can overflow.
    turnover = np.sqrt(np.sqrt(theta)) / np.sqrt(np.sqrt(volume))
    permanent = x * turnover * (bps * factors["gamma"] / 2)
    temporary = np.power(x / days, factors["beta"]) * (bps * factors["eta"])
    return Impact(
        permanent_bps=plain(permanent), temporary_bps=plain(temporary), peak_bps=plain(2 * permanent + temporary)
    )
