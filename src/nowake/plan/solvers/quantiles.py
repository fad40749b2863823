"""Quantiles of normal(0, s_n) + I (M - 1), M lognormal of mean 1: what a cost estimate's band is read off.

    P(C <= c) = E_z Phi((c - I (m(z) - 1)) / s_n)        m(z) = exp(s z - s^2 / 2), z normal(0, 1)

by the trapezoidal rule, whose error falls faster than any power of the step while the integrand is smooth: the step is
1/8 where the normal part is at least half the lognormal one, 1/16 down to a tenth of it. Below that the normal part is
integrated out instead: P(C <= c) = E_z Phi((ln((c + I - s_n z) / I) + s^2 / 2) / s).

The inverse is Halley's iteration, which has the density and its slope from the same sum, kept within a bracket.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nowake.core.jit import kernel

REACH = 7.5
"""Integrals end here: beyond lie 1e-13 of the normal distribution."""


@kernel
def quantiles_kernel(
    normal_sd: float, impact: float, log_sd: float, p: NDArray[np.float64], found: NDArray[np.float64]
) -> None:
    """Write the quantiles at ``p`` of normal(0, normal_sd) + impact x (M - 1) to ``found``, in which a guess stands.

    All in one unit; normal_sd + impact x log_sd > 0.
    """
    spread = impact * math.sqrt(math.expm1(log_sd * log_sd))
    sd = math.sqrt(normal_sd * normal_sd + spread * spread)
    direct = 10 * normal_sd >= spread
    step = 0.125 if 2 * normal_sd >= spread and log_sd <= 1.0 else 0.0625
    count = 2 * int(REACH / step) + 1
    # With one part alone the other's integral is a single point.
    alone = normal_sd == 0.0 or spread == 0.0
    if alone:
        count = 1
    weights, shifts = np.empty(count), np.empty(count)
    for k in range(count):
        z = 0.0 if alone else (k - count // 2) * step
        weights[k] = 1.0 if alone else step * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        shifts[k] = impact * math.expm1(log_sd * z - log_sd * log_sd / 2) if direct else normal_sd * z
        if alone and direct:
            shifts[k] = 0.0
    for q in range(p.size):
        low, high, at = -math.inf, math.inf, found[q]
        for _ in range(200):
            below, density, slope = 0.0, 0.0, 0.0
            for k in range(count):
                if direct:
                    u = (at - shifts[k]) / normal_sd
                    rate, bend = 1 / normal_sd, 0.0
                else:
                    value = at + impact - shifts[k]
                    if value <= 0:
                        continue
                    u = (math.log(value / impact) + log_sd * log_sd / 2) / log_sd
                    if u < -38.0:  # nothing, where a rate without bound would make it nothing times infinity
                        continue
                    rate = 1 / (log_sd * value)
                    bend = -rate / value
                below += weights[k] * 0.5 * math.erfc(-u / math.sqrt(2.0))
                bell = weights[k] * math.exp(-u * u / 2) / math.sqrt(2 * math.pi)
                density += bell * rate
                slope += bell * (bend - u * rate * rate)
            error = below - p[q]
            if error == 0:
                break
            if error > 0:
                high = at
            else:
                low = at
            bottom = 2 * density * density - error * slope
            move = -2 * error * density / bottom if bottom > 0 else (-sd if error > 0 else sd)
            move = min(max(move, -2 * sd), 2 * sd)
            ahead = at + move
            if ahead == at:
                break
            if not low < ahead < high:
                ahead = (low + high) / 2  # both finite: one end is where we are, and no move reaches an infinite one
                move = ahead - at
            at = ahead
            if abs(move) <= 1e-7 * sd or high - low <= 1e-9 * sd:
                break
        found[q] = at
