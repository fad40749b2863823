"""Intervals against scipy: Welch's test for two strata, a one-sample t for one, scipy's own bootstrap."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from nowake.core.errors import InputError
from nowake.study.router.findings import score
from nowake.study.statistics import bootstrap, mean_sd, student

stream = np.random.Generator(np.random.PCG64(7))
FIRST, SECOND = stream.normal(1.0, 2.0, 9), stream.normal(-2.0, 5.0, 5)


def test_one_stratum_is_the_t_interval_of_its_mean() -> None:
    found = student([FIRST])
    low, high = stats.t.interval(0.95, len(FIRST) - 1, FIRST.mean(), stats.sem(FIRST))
    assert (found.mean, found.low, found.high) == pytest.approx((FIRST.mean(), low, high), rel=1e-12)


def test_two_strata_are_half_of_welchs_difference() -> None:
    # The mean of two means is half the difference of the first and the negative of the second.
    found = student([FIRST, SECOND])
    welch = stats.ttest_ind(FIRST, -SECOND, equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((welch.low / 2, welch.high / 2), rel=1e-9)
    assert found.mean == pytest.approx((FIRST.mean() + SECOND.mean()) / 2)


def test_the_bootstrap_is_that_of_scipy_up_to_chance() -> None:
    found = bootstrap([FIRST], lambda sample: sample.mean(axis=1))
    other = stats.bootstrap((FIRST,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(3))
    low, high = other.confidence_interval
    assert found.mean == pytest.approx(FIRST.mean())
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.1 * (high - low))
    again = bootstrap([FIRST], lambda sample: sample.mean(axis=1))
    assert (found.low, found.high) == (again.low, again.high)


def test_strata_are_resampled_each_by_itself() -> None:
    # Two equal strata drawn together would cancel; drawn apart their difference varies.
    found = bootstrap([FIRST, -FIRST], lambda sample: sample.mean(axis=1))
    assert found.mean == pytest.approx(0, abs=1e-12)
    assert found.high - found.low > 0.5 * 2 * stats.sem(FIRST)


def test_mean_and_sd_of_samples_and_what_they_score() -> None:
    costs = np.array([[[1.0, 3.0], [5.0, 7.0]], [[2.0, 2.0], [2.0, 2.0]]])
    mean, sd = mean_sd(costs)
    assert mean.tolist() == [4.0, 2.0]
    assert sd.tolist() == pytest.approx([np.std([1, 3, 5, 7], ddof=1), 0.0])
    # At urgency 0.5 the odds are 1; at 0.75 they are 3; a variance of 400 bps squared counts 0.005 x 3 x 400 = 6 bps.
    assert score(np.array([10.0]), np.array([20.0]), 0.75).tolist() == pytest.approx([16.0])
    assert score(np.array([10.0]), np.array([20.0]), 0.75, "sd").tolist() == pytest.approx([70.0])
    assert score(np.array([10.0]), np.array([20.0]), 0.0).tolist() == [10.0]
    assert score(np.array([10.0]), np.array([20.0]), 1.0).tolist() == [20.0]


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    draws = np.random.Generator(np.random.PCG64(11)).normal(0.0, 1.0, (600, 2, 6))
    held = [student([one[0], 3 * one[1]]) for one in draws]
    assert np.mean([one.low <= 0 <= one.high for one in held]) == pytest.approx(0.95, abs=0.025)


def test_a_single_cluster_is_refused() -> None:
    with pytest.raises(InputError, match="two clusters or more"):
        student([FIRST, SECOND[:1]])
