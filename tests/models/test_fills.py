"""The Kaplan-Meier estimate against published numbers, a textbook's standard errors and plain counting."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowake.core.errors import InputError
from nowake.models.fills import kaplan_meier

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
    ],
)
def test_what_is_no_sample_is_refused(durations: list[float], ended: list[bool], names: str) -> None:
    with pytest.raises(InputError, match=names):
        kaplan_meier(durations, ended)
