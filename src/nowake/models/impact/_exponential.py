"""Impact that dies away exponentially: the block-shaped book of Obizhaeva and Wang, and sums of such.

    K(t) = kappa exp(-rho t)

    N + 1 equidistant trades, a = exp(-rho T / N):  first = last = X / ((N - 1)(1 - a) + 2), inner = (1 - a) first
    continuous:   blocks X / (rho T + 2) at both ends, rate rho X / (rho T + 2) between, cost kappa X**2 / (rho T + 2)
    TWAP:         cost kappa X**2 (rho T - 1 + exp(-rho T)) / (rho T)**2

Symbols (paper -> ours): kappa ``scale`` = 1/q - lambda, q the book's depth (quantity per unit of price), lambda the
permanent part (price per quantity), rho ``rate`` (resilience), T ``horizon``, X ``quantity``. Costs are beyond the
price before the order; the permanent part adds lambda X**2 / 2 to each. Source: Obizhaeva, Wang (2013), J. Financial
Markets 16, propositions 1 and 3 (stated for a buy; the same for a sale).

**Limits.** One time scale. Measured impact dies away over many (``_propagator.py``); a sum of exponentials with
weights > 0 is convex and decreasing, so it allows no manipulation and costs a simulator one number a term.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from nowake.core.value import Value, check_types, require
from nowake.models.impact._form import F64
from nowake.models.impact._transient import Exponentials, numbers_of, positive


class ExponentialKernel(Value, frozen=True, kw_only=True):
    """K(t) = scale x exp(-rate t).

    Attributes:
        scale: K(0), price per unit of quantity, > 0.
        rate: rho, per unit of time, > 0; a half-life is ln 2 / rho.
    """

    scale: float = 1.0
    rate: float

    def __post_init__(self) -> None:
        check_types(self)
        positive("scale", self.scale)
        positive("rate", self.rate)

    def value(self, tau: ArrayLike) -> F64:
        """Return K at ``tau`` >= 0."""
        return np.asarray(self.scale * np.exp(-self.rate * np.asarray(tau, dtype=np.float64)))

    def as_exponentials(self) -> Exponentials:
        """Return the one term, exact for ever."""
        return Exponentials(np.array([self.scale]), np.array([self.rate]), 0.0, math.inf)


class ExponentialSumKernel(Value, frozen=True, kw_only=True):
    """K(t) = scale x sum of weights x exp(-rates t), weights of sum 1: impact of several time scales.

    Attributes:
        scale: K(0), price per unit of quantity, > 0.
        weights: Part of each, > 0; they must sum to 1.
        rates: Per unit of time, >= 0, one for each; 0 never dies away.
    """

    scale: float = 1.0
    weights: tuple[float, ...]
    rates: tuple[float, ...]

    def __post_init__(self) -> None:
        check_types(self)
        positive("scale", self.scale)
        weights, rates = numbers_of("weights", self.weights), numbers_of("rates", self.rates)
        require(len(weights) == len(rates), "rates", len(rates), f"as many as weights, {len(weights)}")
        require(bool((weights > 0).all()), "weights", self.weights, "> 0", "leave terms of nought out")
        total = math.fsum(self.weights)
        require(abs(total - 1) < 1e-9, "weights", total, "of sum 1", "put the size into scale")

    def value(self, tau: ArrayLike) -> F64:
        """Return K at ``tau`` >= 0."""
        at = np.asarray(tau, dtype=np.float64)
        return np.asarray(self.scale * sum(w * np.exp(-r * at) for w, r in zip(self.weights, self.rates, strict=True)))

    def as_exponentials(self) -> Exponentials:
        """Return its own terms, exact for ever."""
        return Exponentials(self.scale * np.array(self.weights), np.array(self.rates), 0.0, math.inf)


class ObizhaevaWang(NamedTuple):
    """The optimal schedule in continuous time, and what it saves.

    Attributes:
        block: Traded at once at the start, and again at the end.
        rate: Traded per unit of time between.
        cost: Of it, money, permanent part included.
        twap_cost: Of an even rate, likewise.
        saving: 1 - cost / TWAP's, of the transient and permanent part together.
    """

    block: float
    rate: float
    cost: float
    twap_cost: float
    saving: float


def obizhaeva_wang(
    quantity: float, horizon: float, *, depth: float, resilience: float, permanent: float = 0.0
) -> ObizhaevaWang:
    """Return the optimal schedule on a block-shaped book in continuous time.

    Args:
        quantity: X, > 0.
        horizon: T, > 0.
        depth: q, quantity per unit of price, > 0.
        resilience: rho, per unit of time, > 0.
        permanent: lambda, price per quantity, in [0, 1/q).

    Raises:
        InputError: An argument outside its domain.

    >>> found = obizhaeva_wang(1e5, 1.0, depth=5_000, resilience=2.0, permanent=1e-4)
    >>> round(found.block), round(found.rate), round(found.cost, 1), round(found.twap_cost, 1)
    (25000, 50000, 750000.0, 783833.8)
    """
    for name, value in (("quantity", quantity), ("horizon", horizon), ("depth", depth), ("resilience", resilience)):
        positive(name, value)
    require(0 <= permanent < 1 / depth, "permanent", permanent, "in [0, 1 / depth)", "part of the move must die away")
    kappa, decays = 1 / depth - permanent, resilience * horizon
    stays = permanent * quantity**2 / 2
    cost = kappa * quantity**2 / (decays + 2) + stays
    # expm1: at small rho T the three terms cancel to rho**2 T**2 / 2.
    twap = kappa * quantity**2 * (decays + math.expm1(-decays)) / decays**2 + stays
    block = quantity / (decays + 2)
    return ObizhaevaWang(block, resilience * block, cost, twap, 1 - cost / twap)


def obizhaeva_wang_trades(quantity: float, trades: int, horizon: float, *, resilience: float) -> F64:
    """Return the optimal sizes of equidistant trades over ``horizon``, (trades,), the first at 0, the last at its end.

    Args:
        quantity: X, signed.
        trades: N + 1, at least 2.
        horizon: T, > 0.
        resilience: rho, per unit of time, > 0.

    Raises:
        InputError: An argument outside its domain.
    """
    require(trades >= 2, "trades", trades, "at least 2")
    positive("horizon", horizon)
    positive("resilience", resilience)
    recovered = -math.expm1(-resilience * horizon / (trades - 1))
    first = quantity / ((trades - 2) * recovered + 2)
    sizes = np.full(trades, recovered * first)
    sizes[[0, -1]] = first
    return sizes
