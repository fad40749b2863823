"""Quantiles of the cost distribution against adaptive quadrature, the slow form of old, and textbook cases."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, special

from nowake.plan.distribution import Cost


def probability(cost: Cost, at: float) -> float:
    """Return P(C <= at) by adaptive quadrature over the lognormal part, told where the integrand turns."""
    s, normal, impact = cost.log_sd, cost.normal_sd_bps, cost.impact_bps
    value = (at - cost.centre_bps) / impact + 1 if impact else 0.0
    if normal <= 1e-12 * cost.sd_bps:
        return float(special.ndtr((math.log(value) + s * s / 2) / s)) if value > 0 else 0.0
    turn = (math.log(value) + s * s / 2) / s if value > 0 else -9.0
    slope = impact * s * max(value, 1e-3) / normal
    near = [turn + k / max(1.0, slope) for k in (-8, -2, 0, 2, 8)]
    edges = sorted({-9.0, 9.0, *(min(9.0, max(-9.0, z)) for z in near)})

    def weighted(z: float) -> float:
        u = (at - cost.centre_bps - impact * math.expm1(s * z - s * s / 2)) / normal
        return math.exp(-z * z / 2) / math.sqrt(2 * math.pi) * float(special.ndtr(u))

    parts = (integrate.quad(weighted, a, b, epsabs=1e-13, limit=200)[0] for a, b in pairwise(edges))
    return math.fsum(parts)


def slow_quantile(cost: Cost, p: float) -> float:
    """Return the quantile as the estimate first found it: bisection of a trapezoidal rule at 257 points."""
    grid = np.linspace(-8, 8, 257)
    weights = np.exp(-grid * grid / 2) / math.sqrt(2 * math.pi) / 16
    moved = cost.impact_bps * np.expm1(cost.log_sd * grid - cost.log_sd**2 / 2)
    low, high = -20 * cost.sd_bps, 20 * cost.sd_bps
    while high - low > 1e-9 * cost.sd_bps:
        middle = (low + high) / 2
        below = float(weights @ special.ndtr((middle - moved) / cost.normal_sd_bps))
        low, high = (middle, high) if below < p else (low, middle)
    return cost.centre_bps + (low + high) / 2


@given(
    centre=st.floats(-50, 50),
    normal=st.one_of(st.just(0.0), st.floats(1e-3, 100)),
    impact=st.floats(0.1, 100),
    log_sd=st.floats(0.01, 1.5),
    p=st.floats(0.01, 0.99),
)
def test_quantile_inverts_the_distribution(
    centre: float, normal: float, impact: float, log_sd: float, p: float
) -> None:
    cost = Cost(centre_bps=centre, normal_sd_bps=normal, impact_bps=impact, log_sd=log_sd)
    at = cost.quantile(p)
    width = 2e-7 * cost.sd_bps
    # Where more than ten times as much of the spread is lognormal, the lower tail is known to a ten-thousandth of it.
    width *= 1000 if normal and cost.impact_sd_bps > 10 * normal else 1
    assert probability(cost, at - width) - 1e-9 <= p <= probability(cost, at + width) + 1e-9


@given(
    normal=st.floats(0.01, 500),
    ratio=st.floats(0.0, 1.0),
    log_sd=st.floats(0.01, 1.2),
    p=st.sampled_from([0.05, 0.5, 0.95]),
)
def test_the_kernel_equals_the_slow_form(normal: float, ratio: float, log_sd: float, p: float) -> None:
    impact = ratio * normal / math.sqrt(math.expm1(log_sd**2))
    cost = Cost(centre_bps=10.0, normal_sd_bps=normal, impact_bps=impact, log_sd=log_sd)
    assert cost.quantile(p) == pytest.approx(slow_quantile(cost, p), abs=1e-7 * cost.sd_bps)


@given(
    normal=st.one_of(st.just(0.0), st.floats(1e-6, 1e4)),
    impact=st.one_of(st.just(0.0), st.floats(1e-6, 1e4)),
    log_sd=st.floats(0.0, 3.0),
    p=st.lists(st.floats(1e-4, 1 - 1e-4), min_size=1, max_size=6),
)
def test_quantiles_rise_and_are_finite(normal: float, impact: float, log_sd: float, p: list[float]) -> None:
    cost = Cost(centre_bps=5.0, normal_sd_bps=normal, impact_bps=impact, log_sd=log_sd)
    made = cost.quantiles(*sorted(p))
    assert all(math.isfinite(one) for one in made)
    assert list(made) == sorted(made) or np.diff(made).min() > -1e-6 * cost.sd_bps
    assert [cost.quantile(one) for one in sorted(p)] == list(made)


@pytest.mark.parametrize("p", [0.05, 0.5, 0.95])
def test_pure_cases_have_their_textbook_quantiles(p: float) -> None:
    z = NormalDist().inv_cdf(p)
    normal = Cost(centre_bps=3, normal_sd_bps=10, impact_bps=0, log_sd=0.5)
    assert normal.quantile(p) == pytest.approx(3 + 10 * z, abs=1e-6)
    lognormal = Cost(centre_bps=8, normal_sd_bps=0, impact_bps=5, log_sd=0.5)
    assert lognormal.quantile(p) == pytest.approx(8 + 5 * (np.exp(0.5 * z - 0.125) - 1), abs=1e-6)


@pytest.mark.parametrize("spread", [5e-324, 1e-300, 1e-12, 1.1e-4, 1e-2])
def test_next_to_no_spread_around_a_large_mean_ends(spread: float) -> None:
    normal = Cost(centre_bps=1e3, normal_sd_bps=spread, impact_bps=0, log_sd=0.5)
    impact = Cost(centre_bps=1e3, normal_sd_bps=0, impact_bps=spread, log_sd=0.5)
    assert normal.quantile(0.95) == pytest.approx(1e3, abs=0.1)
    assert impact.quantile(0.95) == pytest.approx(1e3, abs=0.1)
