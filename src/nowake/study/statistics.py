"""Means with their intervals, where orders of one window are not independent of each other."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from nowake.core.tape import F64, I64
from nowake.core.value import Value, require

CONFIDENCE = 0.95
RESAMPLES = 2_000


class Interval(Value, frozen=True):
    """An estimate and the 95 % interval round it."""

    mean: float
    low: float
    high: float

    @property
    def sign(self) -> int:
        """Return +1 where all of it is above 0, -1 where all of it is below, else 0."""
        return (self.low > 0) - (self.high < 0)


def student(strata: Sequence[F64]) -> Interval:
    """Return the mean over strata of the means within each, with Student's t interval.

    The variance is sum(s_m ** 2 / n_m) / M ** 2, its degrees of freedom those of Welch (1947) and Satterthwaite (1946).

    Args:
        strata: (n_m,) values each, one a cluster, n_m >= 2; at least one stratum.
    """
    from scipy.special import stdtrit

    require(bool(strata) and all(len(one) >= 2 for one in strata), "strata", len(strata), "of two clusters or more")
    mean = float(np.mean([one.mean() for one in strata]))
    parts = np.array([one.var(ddof=1) / len(one) for one in strata]) / len(strata) ** 2
    variance = float(parts.sum())
    if variance == 0:
        return Interval(mean=mean, low=mean, high=mean)
    freedom = variance**2 / float((parts**2 / np.array([len(one) - 1 for one in strata])).sum())
    reach = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * math.sqrt(variance)
    return Interval(mean=mean, low=mean - reach, high=mean + reach)


def resampled(clusters: int, stratum: int, *, seed: int = 1, resamples: int = RESAMPLES) -> I64:
    """Return (resamples, clusters) numbers of clusters drawn with replacement, a stream of its own for each stratum."""
    stream = np.random.Generator(np.random.PCG64([seed, stratum]))
    return stream.integers(0, clusters, size=(resamples, clusters))


def percentile(point: float, draws: F64) -> Interval:
    """Return a point estimate with the percentile interval of its bootstrap draws (Efron 1979)."""
    low, high = np.quantile(draws, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(mean=point, low=float(low), high=float(high))


def bootstrap(strata: Sequence[F64], statistic: Callable[[F64], F64], *, seed: int = 1) -> Interval:
    """Return the mean over strata of a statistic, with its interval from resampling clusters within each stratum.

    Args:
        strata: (n_m, ...) arrays, a row a cluster.
        statistic: From (..., n_m, ...) stacked samples, clusters on axis 1, to one number each.
        seed: Of the resampling.
    """
    points = [float(statistic(one[None])[0]) for one in strata]
    draws = [statistic(one[resampled(len(one), number, seed=seed)]) for number, one in enumerate(strata)]
    return percentile(float(np.mean(points)), np.mean(draws, axis=0))


def mean_sd(costs: F64) -> tuple[F64, F64]:
    """Return mean and standard deviation (n - 1) of each sample.

    Args:
        costs: (samples, clusters, orders) basis points.

    Returns:
        Two of (samples,) basis points.
    """
    flat = costs.reshape(len(costs), -1)
    return np.asarray(flat.mean(axis=1)), np.asarray(flat.std(axis=1, ddof=1))
