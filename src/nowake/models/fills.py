"""How long an order waits for its fill, when many are cancelled or still waiting: Kaplan-Meier, and a Weibull hazard.

    S(t) = product over t_i <= t of (1 - d_i / n_i)          var ln S(t) = sum of d_i / (n_i (n_i - d_i))

Symbols (paper -> ours): S ``survival``, the probability of still waiting after t; t_i ``times`` of fills; d_i
``ended``, fills at t_i; n_i ``at_risk``, orders waiting until t_i. An order that ended otherwise (a cancel, the end of
the data) is *censored*: it counts among those at risk until then, and at its own instant. Sources: Kaplan, Meier
(1958), J. Am. Stat. Assoc. 53, 457-481; the variance: Greenwood (1926).

    S(t) = exp(-(t / scale) ** shape)          hazard = shape / scale x (t / scale) ** (shape - 1)

The Weibull law (``weibull_hazard``) is fitted by maximum likelihood, sum of (ended x ln hazard) - sum of (t / scale) **
shape; shape 1 is a constant hazard, below 1 those that have waited long go on waiting. Standard errors are those of the
observed information. Source: Kalbfleisch, Prentice (2002), The Statistical Analysis of Failure Time Data, 3.4.

**Limits.** Censoring must tell nothing of the fill that would have come. Traders cancel when the queue turns against
them, so the curve of other people's orders is of orders *as they are managed*, not of one left alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nowake.core.errors import InputError
from nowake.core.value import require

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SurvivalCurve:
    """A Kaplan-Meier estimate: a falling step function, one step at each time with a fill.

    Attributes:
        times: (n,) increasing times with fills, unit of the durations.
        survival: (n,) probability of still waiting right after each.
        se: (n,) standard error of it; nan where nobody is left.
        at_risk: (n,) orders waiting until each.
        ended: (n,) fills at each.
        longest: Longest duration seen, fill or not: beyond it nothing is known.
        count: Orders, censored ones included.
    """

    times: F64
    survival: F64
    se: F64
    at_risk: I64
    ended: I64
    longest: float
    count: int

    def at(self, t: ArrayLike) -> F64:
        """Return S at ``t``, any shape; nan beyond ``longest`` unless nobody was left."""
        when = np.asarray(t, dtype=np.float64)
        steps = np.concatenate(([1.0], self.survival))
        found = steps[np.searchsorted(self.times, when, side="right")]
        known = (when <= self.longest) | (found == 0.0)
        return np.where(known, found, np.nan)

    def quantile(self, part: float) -> float:
        """Return the first time by which ``part`` of the orders are filled; nan when that was never seen.

        Raises:
            InputError: ``part`` is not in (0, 1].
        """
        require(0 < part <= 1, "part", part, "in (0, 1]")
        reached = np.flatnonzero(self.survival <= 1 - part + 1e-12)
        return float(self.times[reached[0]]) if len(reached) else float("nan")


def kaplan_meier(durations: ArrayLike, ended: ArrayLike) -> SurvivalCurve:
    """Return the Kaplan-Meier estimate of a waiting time.

    Args:
        durations: (n,) how long each waited, finite and >= 0, any unit.
        ended: (n,) whether it ended by a fill; else it is censored.

    Raises:
        InputError: No orders, lengths that differ, or a duration that is negative or no number.

    >>> kaplan_meier([1, 2, 2, 3], [True, True, False, True]).survival.tolist()
    [0.75, 0.5, 0.0]
    """
    waited, filled = _sample(durations, ended)
    order = np.sort(waited)
    times, counts = np.unique(waited[filled], return_counts=True)
    at_risk = len(waited) - np.searchsorted(order, times, side="left")
    survival = np.cumprod(1 - counts / at_risk, dtype=np.float64)
    left = at_risk - counts
    with np.errstate(divide="ignore", invalid="ignore"):
        se = np.asarray(survival * np.sqrt(np.cumsum(counts / (at_risk * left))), dtype=np.float64)
    return SurvivalCurve(times, survival, se, at_risk, counts.astype(np.int64), float(order[-1]), len(waited))


@dataclass(frozen=True, slots=True)
class WeibullHazard:
    """A Weibull law of waiting times.

    Attributes:
        shape, scale: Of it, > 0; the scale has the unit of the durations.
        shape_se, scale_se: Standard errors.
        log_likelihood: At the estimate.
        count, ended: Orders, and those of them that ended by a fill.
    """

    shape: float
    scale: float
    shape_se: float
    scale_se: float
    log_likelihood: float
    count: int
    ended: int

    def at(self, t: ArrayLike) -> F64:
        """Return the probability of still waiting after ``t`` >= 0, any shape."""
        return np.asarray(np.exp(-((np.asarray(t, dtype=np.float64) / self.scale) ** self.shape)))


def weibull_hazard(durations: ArrayLike, ended: ArrayLike) -> WeibullHazard:
    """Return the Weibull law of most likelihood.

    Args:
        durations: (n,) how long each waited, finite and > 0, any unit.
        ended: (n,) whether it ended by a fill; else it is censored.

    Raises:
        InputError: As for ``kaplan_meier``, a duration of 0, or fills of fewer than two different durations: the
            shape cannot be told from those.
    """
    waited, filled = _sample(durations, ended)
    require(bool((waited > 0).all()), "durations", 0, "> 0", "leave out what was filled at once, and count it apart")
    times = waited[filled]
    require(len(np.unique(times)) > 1, "ended", len(times), "fills of at least two different durations")
    unit = float(np.exp(np.log(waited).mean()))
    logs, mean_log = np.log(waited / unit), float(np.log(times / unit).mean())

    def score(shape: float) -> float:
        powers = np.exp(shape * logs - (shape * logs).max())
        return float(1 / shape + mean_log - (powers @ logs) / powers.sum())  # falls in shape: its root is the estimate

    low, high = 1e-3, 1e3
    for _ in range(200):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if score(middle) > 0 else (low, middle)
    shape, n = (low * high) ** 0.5, len(times)
    scale = (float(np.exp(shape * logs).sum()) / n) ** (1 / shape)
    powers, away = (np.exp(logs) / scale) ** shape, logs - np.log(scale)
    # Second derivatives of -log likelihood in (shape, ln scale) at the estimate, where the sum of powers is n.
    information = np.array(
        [
            [n / shape**2 + powers @ away**2, -shape * (powers @ away)],
            [-shape * (powers @ away), shape**2 * n],
        ]
    )
    errors = np.sqrt(np.diag(np.linalg.inv(information)))
    likelihood = n * np.log(shape / (scale * unit)) + (shape - 1) * away[filled].sum() - powers.sum()
    return WeibullHazard(
        shape=shape,
        scale=scale * unit,
        shape_se=float(errors[0]),
        scale_se=float(errors[1] * scale * unit),
        log_likelihood=float(likelihood),
        count=len(waited),
        ended=n,
    )


def _sample(durations: ArrayLike, ended: ArrayLike) -> tuple[F64, NDArray[np.bool_]]:
    """Return durations and whether each ended, checked."""
    try:
        waited, filled = np.asarray(durations, dtype=np.float64), np.asarray(ended)
    except (TypeError, ValueError):  # text, or rows of different lengths
        raise InputError("durations", durations, "numbers, and ended truth values") from None
    require(waited.ndim == 1 and len(waited) > 0, "durations", waited.shape, "a row of at least one number")
    require(filled.shape == waited.shape, "ended", filled.shape, f"one for each duration, {waited.shape}")
    if filled.dtype != np.bool_:
        raise InputError("ended", str(filled.dtype), "True or False for each")
    require(bool(np.isfinite(waited).all() and (waited >= 0).all()), "durations", "not all so", "finite and >= 0")
    return waited, filled
