"""The distribution C = centre + normal(0, s_n) + I (M - 1), M lognormal of mean 1, and its quantiles.

    P(C <= c) = E_z Phi((c - centre - I (m(z) - 1)) / s_n)        m(z) = exp(s z - s^2 / 2), z normal(0, 1)

inverted by ``solvers.quantiles``.
"""

from __future__ import annotations

import math

import numpy as np

from nowake.core.value import Value

NARROW = 1e-7
"""A spread under this part of the mean is none: floats could not tell its quantiles apart."""
STARTS = {0.05: -1.6448536269514722, 0.5: 0.0, 0.95: 1.6448536269514722}


class Cost(Value, frozen=True):
    """The distribution C = centre + normal(0, normal_sd) + impact x (M - 1).

    Attributes:
        centre_bps: Its mean.
        normal_sd_bps: Of timing and posting together.
        impact_bps: Mean of the impact part, >= 0.
        log_sd: Standard deviation of ln M.
    """

    centre_bps: float
    normal_sd_bps: float
    impact_bps: float
    log_sd: float

    @property
    def impact_sd_bps(self) -> float:
        """Return the standard deviation of the impact part."""
        return self.impact_bps * math.sqrt(math.expm1(self.log_sd**2))

    @property
    def sd_bps(self) -> float:
        """Return the standard deviation of the whole."""
        return math.hypot(self.normal_sd_bps, self.impact_sd_bps)

    def quantile(self, p: float) -> float:
        """Return the cost that is not exceeded with probability ``p`` in (0, 1), to 1e-7 of the sd."""
        return self.quantiles(p)[0]

    def quantiles(self, *p: float) -> tuple[float, ...]:
        """Return the costs that are not exceeded with the probabilities ``p``, each in (0, 1), to 1e-7 of the sd."""
        sd = self.sd_bps
        if sd <= NARROW * max(1.0, abs(self.centre_bps)):
            return (self.centre_bps,) * len(p)
        from nowake.plan.solvers.quantiles import quantiles_kernel  # compiles: only who needs it pays

        found = np.array([sd * STARTS.get(one, 0.0) for one in p])
        quantiles_kernel(self.normal_sd_bps, self.impact_bps, self.log_sd, np.array(p), found)
        return tuple((self.centre_bps + found).tolist())
