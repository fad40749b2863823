"""Impact that dies away in a straight line and is gone after a while.

    K(t) = scale x max(0, 1 - t / span)

Over any window no longer than ``span`` the optimal schedule is half at the start and half at the end (Gatheral, Schied,
Slynko 2012, Math. Finance 22, proposition 2): the most extreme of the convex kernels, a check of solvers more than a
picture of a market. What ends at once is no sum of exponentials, so no simulated market has it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from nowake.core.value import Value, check_types
from nowake.models.impact._form import F64
from nowake.models.impact._transient import positive


class LinearKernel(Value, frozen=True, kw_only=True):
    """K(t) = scale x max(0, 1 - t / span).

    Attributes:
        scale: K(0), price per unit of quantity, > 0.
        span: Time after which nothing is left, > 0.
    """

    scale: float = 1.0
    span: float

    def __post_init__(self) -> None:
        check_types(self)
        positive("scale", self.scale)
        positive("span", self.span)

    def value(self, tau: ArrayLike) -> F64:
        """Return K at ``tau`` >= 0."""
        return np.asarray(self.scale * np.maximum(0.0, 1 - np.asarray(tau, dtype=np.float64) / self.span))
