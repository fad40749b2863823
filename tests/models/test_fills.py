"""The Kaplan-Meier estimate against published numbers, a textbook's standard errors and plain counting."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nowake.core.errors import InputError
from nowake.models.fills import kaplan_meier, weibull_hazard

# Freireich et al. (1963): weeks of remission of 21 children under 6-MP; + = still in remission when last seen.
FREIREICH = "6 6 6 6+ 7 9+ 10 10+ 11+ 13 16 17+ 19+ 20+ 22 23 25+ 32+ 32+ 34+ 35+"
PUBLISHED = {6: 0.857143, 7: 0.806723, 10: 0.752941, 13: 0.690196, 16: 0.627451, 22: 0.537815, 23: 0.448179}
GREENWOOD = {
    6: 0.0764,
    7: 0.0869,
    10: 0.0963,
    13: 0.1068,
    16: 0.1141,
    22: 0.1282,
    23: 0.1346,
}  # R's survfit prints them
WEEKS = [int(one.rstrip("+")) for one in FREIREICH.split()]
SEEN = [not one.endswith("+") for one in FREIREICH.split()]


def test_freireich() -> None:
    curve = kaplan_meier(WEEKS, SEEN)
    assert dict(zip(curve.times.tolist(), curve.survival.round(6).tolist(), strict=True)) == PUBLISHED
    assert dict(zip(curve.times.tolist(), curve.se.round(4).tolist(), strict=True)) == GREENWOOD
    assert curve.quantile(0.5) == 23
    assert math.isnan(curve.quantile(0.6))
    assert curve.at([0, 5.99, 6, 21, 35]).round(6).tolist() == [1, 1, 0.857143, 0.627451, 0.448179]
    assert math.isnan(float(curve.at(35.1)))
    assert (curve.count, curve.longest) == (21, 35)


@given(st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=60))
def test_equals_counting_by_hand(orders: list[tuple[int, bool]]) -> None:
    curve = kaplan_meier([t for t, _ in orders], [seen for _, seen in orders])
    left, exact = Fraction(1), {}
    for t in sorted({t for t, seen in orders if seen}):
        waiting = sum(u >= t for u, _ in orders)
        left *= 1 - Fraction(sum(u == t and seen for u, seen in orders), waiting)
        exact[t] = left
    assert curve.times.tolist() == list(exact)
    assert curve.survival == pytest.approx([float(one) for one in exact.values()], abs=1e-12)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=80))
def test_without_censoring_it_is_the_share_still_waiting(durations: list[int]) -> None:
    curve = kaplan_meier(durations, [True] * len(durations))
    for t in range(-1, 52):
        assert float(curve.at(t)) == pytest.approx(np.mean(np.array(durations) > t), abs=1e-12)


def test_censored_at_random_it_finds_the_law() -> None:
    rng = np.random.Generator(np.random.PCG64(5))
    fills, ends = rng.exponential(10.0, 40_000), rng.exponential(15.0, 40_000)
    curve = kaplan_meier(np.minimum(fills, ends), fills <= ends)
    for t in (2.0, 10.0, 25.0):
        place = int(np.searchsorted(curve.times, t)) - 1
        assert abs(float(curve.at(t)) - math.exp(-t / 10)) < 4 * curve.se[place]


@pytest.mark.parametrize(
    ("durations", "ended", "names"),
    [
        ([], [], "durations"),
        ([[1.0]], [[True]], "durations"),
        ([1.0, -1.0], [True, True], "durations"),
        ([math.nan], [True], "durations"),
        ([1.0], [True, False], "ended"),
        ([1.0], [1], "ended"),
        (["a"], [True], "durations"),
        ([[1.0], [1.0, 2.0]], [True], "durations"),
    ],
)
def test_what_is_no_sample_is_refused(durations: list[float], ended: list[bool], names: str) -> None:
    with pytest.raises(InputError, match=names):
        kaplan_meier(durations, ended)


# The Weibull hazard


def test_freireich_by_weibull() -> None:
    """The 6-MP arm: 1.3537 and 33.765 are what R's survreg and many courses print; the rest by numbers alone."""
    found = weibull_hazard(WEEKS, SEEN)
    assert (found.shape, found.scale) == (pytest.approx(1.3537, abs=5e-4), pytest.approx(33.765, abs=5e-2))
    assert (found.count, found.ended) == (21, 9)
    t, seen = np.array(WEEKS, dtype=float), np.array(SEEN)

    def likelihood(shape: float, scale: float) -> float:
        hazard = np.log(shape / scale) + (shape - 1) * np.log(t / scale)
        return float(hazard[seen].sum() - ((t / scale) ** shape).sum())

    best = likelihood(found.shape, found.scale)
    assert found.log_likelihood == pytest.approx(best, abs=1e-9)
    for shape, scale in ((1.001, 1), (0.999, 1), (1, 1.001), (1, 0.999)):
        assert likelihood(found.shape * shape, found.scale * scale) < best
    # Standard errors: the curvature of the likelihood by differences.
    h, k = 1e-3 * found.shape, 1e-3 * found.scale
    steps = [(1, 0), (0, 1)]
    curved = np.array(
        [
            [
                -sum(
                    s * r * likelihood(found.shape + h * (a[0] * s + b[0] * r), found.scale + k * (a[1] * s + b[1] * r))
                    for s in (1, -1)
                    for r in (1, -1)
                )
                / (4 * (h if a[0] else k) * (h if b[0] else k))
                for b in steps
            ]
            for a in steps
        ]
    )
    errors = np.sqrt(np.diag(np.linalg.inv(curved)))
    assert (found.shape_se, found.scale_se) == (pytest.approx(errors[0], rel=1e-3), pytest.approx(errors[1], rel=1e-3))


@settings(max_examples=20)
@given(shape=st.floats(0.4, 3.0), scale=st.floats(1e-6, 1e9), seed=st.integers(0, 10**6))
def test_weibull_finds_its_own_law(shape: float, scale: float, seed: int) -> None:
    rng = np.random.Generator(np.random.PCG64(seed))
    fills, ends = scale * rng.weibull(shape, 5_000), scale * rng.exponential(1.5, 5_000)
    found = weibull_hazard(np.minimum(fills, ends), fills <= ends)
    assert abs(found.shape - shape) < 5 * found.shape_se
    assert abs(found.scale - scale) < 5 * found.scale_se
    assert float(found.at(scale)) == pytest.approx(math.exp(-1), abs=0.06)


@pytest.mark.parametrize(("durations", "ended"), [([0.0, 1.0], [True, True]), ([1.0, 2.0], [True, False])])
def test_what_tells_no_shape_is_refused(durations: list[float], ended: list[bool]) -> None:
    with pytest.raises(InputError):
        weibull_hazard(durations, ended)
