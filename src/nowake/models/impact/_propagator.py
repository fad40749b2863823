"""The propagator: impact that dies away as a power of time, and when that leaves prices unpredictable.

    K(t) = scale x (1 + t / t0) ** -beta

    (1 + s) ** -beta = 1 / Gamma(beta) x integral of exp(beta y - e**y) exp(-s e**y) dy        ~ sum over y = k h

Symbols (paper -> ours): G(l) ``value``, beta ``beta``, l0 ``t0``, gamma ``sign_exponent`` of C(l) ~ c0 l ** -gamma, the
autocorrelation of trade signs. Sources: Bouchaud, Gefen, Potters, Wyart (2004), Quantitative Finance 4, 176-190, eq.
9-15: prices diffuse if and only if beta = (1 - gamma) / 2; the sum: Beylkin, Monzon (2010), Appl. Comput. Harmon. Anal.
28, 131-149, the trapezoid rule on an integral that is smooth in y, so its relative error is the same at every s.

**Limits.** Weights > 0 make the sum, like the kernel, completely monotone: it allows no manipulation. Beyond
``horizon`` the sum decays too fast. The kernel is of trades of one size; the law of sizes is another matter.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from nowake.core.errors import Refused
from nowake.core.value import Value, check_types, require
from nowake.models.impact._form import F64
from nowake.models.impact._transient import Exponentials, positive

TOLERANCE = 0.01
"""Relative error that the sum of exponentials may have."""
SPANS_MOST = 1e8
"""``horizon`` / ``t0`` beyond which no sum is looked for."""
_STEPS = (2.5, 2.0, 1.75, 1.5, 1.25, 1.0, 0.75, 0.5)
_HIGH = 2.5
"""e ** y: faster rates have a weight below 1e-4."""


class PowerLawKernel(Value, frozen=True, kw_only=True):
    """K(t) = scale x (1 + t / t0) ** -beta.

    Attributes:
        scale: K(0), price per unit of quantity, > 0.
        beta: Exponent, in (0, 1).
        t0: Time in which decay sets in, > 0.
        horizon: Time up to which its sum of exponentials is to hold, at most 1e8 t0.
    """

    scale: float = 1.0
    beta: float
    t0: float = 1.0
    horizon: float = 1e4

    def __post_init__(self) -> None:
        check_types(self)
        positive("scale", self.scale)
        require(0 < self.beta < 1, "beta", self.beta, "in (0, 1)")
        positive("t0", self.t0)
        most = SPANS_MOST * self.t0
        require(0 < self.horizon <= most, "horizon", self.horizon, f"above 0 and at most {most:g}", "raise t0")

    def value(self, tau: ArrayLike) -> F64:
        """Return K at ``tau`` >= 0."""
        return np.asarray(self.scale * (1 + np.asarray(tau, dtype=np.float64) / self.t0) ** -self.beta)

    def as_exponentials(self) -> Exponentials:
        """Return the fewest terms found whose relative error on [0, ``horizon``] is at most ``TOLERANCE``.

        Raises:
            Refused: There are none, of exponents near nought.
        """
        at = np.concatenate(([0.0], np.geomspace(1e-4, max(self.horizon / self.t0, 1e-3), 4_000)))
        exact = (1 + at) ** -self.beta
        for step in _STEPS:
            for below in (0.0, 1.0, 2.0, 3.0):
                weights, rates = _terms(self.beta, step, -math.log(max(self.horizon / self.t0, 1.0)) - below)
                made = np.exp(-at[:, None] * rates[None, :]) @ weights
                error = float(np.abs(made / exact - 1).max())
                if error <= TOLERANCE:
                    return Exponentials(self.scale * weights, rates / self.t0, error, self.horizon)
        raise Refused(f"no sum of exponentials is within {TOLERANCE:.0%} of this power law", "shorten its horizon")


def _terms(beta: float, step: float, low: float) -> tuple[F64, F64]:
    """Return weights of sum 1 and rates of (1 + s) ** -beta.

    All rates below the lowest, which hardly decay over the horizon, are one term at their mean.

    Args:
        beta: Exponent.
        step: Of y.
        low: Least y.
    """
    y = np.arange(_HIGH, low - step / 2, -step)[::-1]
    weights, rates = step * np.exp(beta * y - np.exp(y)) / math.gamma(beta), np.exp(y)
    edge = y[0] - step / 2
    weights = np.concatenate(([math.exp(beta * edge) / math.gamma(beta + 1)], weights))
    rates = np.concatenate(([beta / (1 + beta) * math.exp(edge)], rates))
    return weights / weights.sum(), rates


def diffusivity(
    lag: int, beta: float, sign_exponent: float, *, sign_correlation: float = 0.2, past: int = 200_000
) -> float:
    """Return D(l) / l of a price moved only by trades: variance of its change over ``lag`` trades, per trade.

    Flat in ``lag``: prices diffuse. Rising: they trend and an earlier trade predicts them; falling: they revert.

    Args:
        lag: Trades, >= 1.
        beta: Exponent of the propagator l ** -beta.
        sign_exponent: gamma, in (0, 1): C(l) = sign_correlation x l ** -gamma.
        sign_correlation: c0, in [0, 1].
        past: Trades before that are remembered.

    Raises:
        InputError: An argument outside its domain.
    """
    require(1 <= lag <= past, "lag", lag, f"between 1 and past, {past:,}")
    require(0 < beta < 1, "beta", beta, "in (0, 1)")
    require(0 < sign_exponent < 1, "sign_exponent", sign_exponent, "in (0, 1)")
    require(0 <= sign_correlation <= 1, "sign_correlation", sign_correlation, "in [0, 1]")
    inside, before = np.arange(1.0, lag + 1), np.arange(1.0, past + 1)
    # The change is a weighed sum of signs: those inside the lag by the propagator, those before by how it falls.
    v = np.concatenate((inside**-beta, (before + lag) ** -beta - before**-beta))
    length = 1 << (2 * len(v) - 1).bit_length()
    products = np.fft.irfft(np.abs(np.fft.rfft(v, length)) ** 2, length)[: len(v)]
    lags = np.arange(1.0, len(v))
    return float(products[0] + 2 * sign_correlation * (products[1:] @ lags**-sign_exponent)) / lag
