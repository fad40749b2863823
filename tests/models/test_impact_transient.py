"""Transient impact: published schedules and costs, the theorems of Alfonsi, Schied and Slynko, brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nowake.core.errors import InputError, Refused
from nowake.core.value import from_json, to_json
from nowake.models.impact import (
    ExponentialKernel,
    ExponentialSumKernel,
    LinearKernel,
    PowerLawKernel,
    TransientKernel,
    diffusivity,
    judge,
    obizhaeva_wang,
    obizhaeva_wang_trades,
    refuse_manipulation,
    transient_cost,
    transient_optimal,
)

ELEVEN = np.linspace(0, 1, 11)
MIXED = ExponentialSumKernel(weights=(0.5, 0.5), rates=(1.0, 10.0))
DOME = np.array([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])

# Obizhaeva, Wang (2013), tables 1 and 2: X = 100,000 over a day, q = 5,000, lambda = 1 / (2 q).
OW = [
    (1.0, 33_333.3, 33_333.3, 833_333.3, 867_879.4, 0.0398),
    (2.0, 25_000.0, 50_000.0, 750_000.0, 783_833.8, 0.0432),
    (10.0, 8_333.3, 83_333.3, 583_333.3, 590_000.5, 0.0113),
]


@pytest.mark.parametrize(("rho", "block", "between", "cost", "twap", "saving"), OW)
def test_the_paper_s_table(rho: float, block: float, between: float, cost: float, twap: float, saving: float) -> None:
    found = obizhaeva_wang(1e5, 1.0, depth=5_000, resilience=rho, permanent=1e-4)
    got = (found.block, found.rate, found.cost, found.twap_cost)
    assert got == pytest.approx((block, between, cost, twap), abs=0.1)
    assert round(found.saving, 4) == saving


@pytest.mark.parametrize("rho", [1.0, 2.0, 10.0])
def test_many_trades_become_the_continuous_schedule(rho: float) -> None:
    kernel, exact = ExponentialKernel(scale=1e-4, rate=rho), obizhaeva_wang(1e5, 1.0, depth=1e4, resilience=rho)
    excess = []
    for n in (51, 201, 801):
        times = np.linspace(0, 1, n)
        x = obizhaeva_wang_trades(1e5, n, 1.0, resilience=rho)
        assert x == pytest.approx(transient_optimal(kernel, times, 1e5), rel=1e-7)
        assert x.sum() == pytest.approx(1e5, rel=1e-12)
        excess.append(transient_cost(kernel, times, x) / exact.cost - 1)
        even = transient_cost(kernel, times, np.full(n, 1e5 / n))
        assert even == pytest.approx(exact.twap_cost, rel=2.5 / n)
    assert excess[0] > excess[1] > excess[2] > 0
    assert excess[2] < 1e-3


def test_permanent_impact_costs_every_schedule_the_same() -> None:
    kernel, x = PowerLawKernel(beta=0.4), np.linspace(1, 3, 11)
    more = transient_cost(kernel, ELEVEN, x, permanent=0.3) - transient_cost(kernel, ELEVEN, x)
    assert more == pytest.approx(0.15 * x.sum() ** 2)


def test_power_law_on_eleven_points() -> None:
    kernel = PowerLawKernel(beta=0.4)
    x = transient_optimal(kernel, ELEVEN)
    assert x[:6].round(6).tolist() == [0.349565, 0.035604, 0.033887, 0.032786, 0.032171, 0.031973]
    assert x == pytest.approx(x[::-1])
    assert transient_cost(kernel, ELEVEN, x) == pytest.approx(0.436295, abs=5e-7)
    assert transient_cost(kernel, ELEVEN, np.full(11, 1 / 11)) == pytest.approx(0.446039, abs=5e-7)


def test_linear_and_mixed_on_eleven_points() -> None:
    linear = LinearKernel(span=1.0)
    x = transient_optimal(linear, ELEVEN)
    assert x == pytest.approx([0.5, *[0.0] * 9, 0.5], abs=1e-12)
    assert transient_cost(linear, ELEVEN, x) == pytest.approx(0.25)
    x = transient_optimal(MIXED, ELEVEN)
    assert x[0] == pytest.approx(0.177292, abs=5e-7)
    assert transient_cost(MIXED, ELEVEN, x) == pytest.approx(0.217968, abs=5e-7)


# The guard


def test_a_dome_is_found_out() -> None:
    verdict = judge(lambda t: np.exp(-4 * t**2), DOME)
    assert verdict.schedule.round(3).tolist() == [0.797, -0.824, 0.527, 0.527, -0.824, 0.797]
    assert verdict.positive_definite
    assert not verdict.good
    with pytest.raises(Refused, match="trades against itself"):
        refuse_manipulation(lambda t: np.exp(-4 * t**2))


def test_a_kernel_that_is_not_positive_definite_is_found_out() -> None:
    def flat_top(tau: np.ndarray) -> np.ndarray:
        return (tau <= 0.25).astype(np.float64)

    assert not judge(flat_top).positive_definite
    times = np.linspace(0, 1, 6)
    values, vectors = np.linalg.eigh(flat_top(np.abs(times[:, None] - times[None, :])))
    assert values[0] < 0
    assert transient_cost(flat_top, times, vectors[:, 0]) < 0  # a trade that earns: what the guard is for
    with pytest.raises(Refused, match="earns money"):
        refuse_manipulation(flat_top, times)
    with pytest.raises(Refused, match="not positive definite"):
        transient_optimal(flat_top, times)


@st.composite
def convex_kernels(draw: st.DrawFn) -> TransientKernel:
    """Draw a kernel of each form: all are convex and decreasing."""
    rate = st.floats(0.05, 50.0)
    form = draw(st.sampled_from(["exponential", "sum", "power", "linear"]))
    if form == "exponential":
        return ExponentialKernel(rate=draw(rate))
    if form == "sum":
        rates = tuple(draw(st.lists(rate, min_size=1, max_size=4, unique=True)))
        raw = [draw(st.floats(0.1, 1.0)) for _ in rates]
        return ExponentialSumKernel(weights=tuple(one / math.fsum(raw) for one in raw), rates=rates)
    if form == "power":
        return PowerLawKernel(beta=draw(st.floats(0.05, 0.95)), t0=draw(st.floats(0.01, 10.0)))
    return LinearKernel(span=draw(st.floats(0.2, 10.0)))


GRIDS = st.lists(st.integers(0, 200), min_size=2, max_size=20, unique=True).map(lambda at: np.sort(at) / 200.0)


@settings(deadline=None)
@given(kernel=convex_kernels(), times=GRIDS)
def test_convex_and_decreasing_never_trades_against_itself(kernel: TransientKernel, times: np.ndarray) -> None:
    # Alfonsi, Schied, Slynko (2012), theorem 1, on any grid of times.
    assert judge(kernel, times).good
    assert transient_optimal(kernel, times).min() > -1e-8


@settings(deadline=None)
@given(kernel=convex_kernels(), times=GRIDS, seed=st.integers(0, 2**32 - 1))
def test_no_other_schedule_is_cheaper_and_no_round_trip_earns(
    kernel: TransientKernel, times: np.ndarray, seed: int
) -> None:
    x = transient_optimal(kernel, times, 3.0)
    least = transient_cost(kernel, times, x)
    moved = np.random.Generator(np.random.PCG64(seed)).normal(size=len(times))
    moved -= moved.mean()
    assert transient_cost(kernel, times, moved) > -1e-9
    assert transient_cost(kernel, times, x + moved) >= least - 1e-9


# Sums of exponentials


@pytest.mark.parametrize("beta", [0.05, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("spans", [0.5, 30.0, 1e4, 1e7])
def test_the_power_law_as_exponentials_errs_as_little_as_it_says(beta: float, spans: float) -> None:
    kernel = PowerLawKernel(scale=0.3, beta=beta, t0=2.0, horizon=2.0 * spans)
    sum_of = kernel.as_exponentials()
    assert sum_of.error <= 0.01
    assert len(sum_of.weights) <= 24
    assert sum_of.weights.sum() == pytest.approx(0.3, rel=1e-12)
    assert (sum_of.weights > 0).all()
    assert (sum_of.rates >= 0).all()
    at = np.concatenate(([0.0], np.geomspace(1e-4, 2.0 * spans, 1_777)))  # other points than those it was judged by
    made = np.exp(-at[:, None] * sum_of.rates) @ sum_of.weights
    assert np.abs(made / (0.3 * (1 + at / 2.0) ** -beta) - 1).max() <= sum_of.error + 1e-4


def test_exponentials_are_their_own_sum() -> None:
    tau = np.linspace(0, 5, 50)
    for kernel in (ExponentialKernel(scale=2.0, rate=0.7), MIXED):
        sum_of = kernel.as_exponentials()
        assert (sum_of.error, sum_of.horizon) == (0.0, math.inf)
        assert kernel.value(tau) == pytest.approx(np.exp(-tau[:, None] * sum_of.rates) @ sum_of.weights)


# The propagator


@pytest.mark.parametrize(
    ("beta", "expected"),
    [(0.25, (0.887, 0.819, 0.791)), (0.1, (1.39, 2.41, 4.64)), (0.4, (0.643, 0.348, 0.176))],
)
def test_prices_diffuse_only_at_the_right_exponent(beta: float, expected: tuple[float, float, float]) -> None:
    # gamma = 1/2, so beta = 1/4; below it prices trend, above it they revert.
    found = [diffusivity(lag, beta, 0.5) for lag in (10, 100, 1_000)]
    assert found == pytest.approx(expected, rel=0.05)


def test_diffusivity_is_the_variance_of_a_simulated_price() -> None:
    # Another way to the number: the variance of a sum of correlated signs, by its quadratic form.
    lag, past = 5, 40
    before, weights = np.arange(past, 0, -1.0), []
    weights += list((before + lag) ** -0.3 - before**-0.3)
    weights += list(np.arange(lag, 0, -1.0) ** -0.3)
    lags = np.abs(np.subtract.outer(np.arange(lag + past), np.arange(lag + past)))
    correlation = np.where(lags == 0, 1.0, 0.2 * np.maximum(lags, 1.0) ** -0.5)
    exact = float(np.array(weights) @ correlation @ np.array(weights)) / lag
    assert diffusivity(lag, 0.3, 0.5, past=past) == pytest.approx(exact, rel=1e-12)


# Values


def test_kernels_are_values() -> None:
    for kernel in (ExponentialKernel(rate=2), MIXED, PowerLawKernel(beta=0.4), LinearKernel(span=1)):
        assert from_json(to_json(kernel), type(kernel)) == kernel
        assert kernel.value(0.0) == pytest.approx(kernel.scale)


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda: ExponentialKernel(rate=0), "rate"),
        (lambda: ExponentialKernel(rate=math.nan), "rate"),
        (lambda: ExponentialKernel(rate=1, scale=-1), "scale"),
        (lambda: PowerLawKernel(beta=1.0), "beta"),
        (lambda: PowerLawKernel(beta=0.5, t0=0), "t0"),
        (lambda: PowerLawKernel(beta=0.5, horizon=1e12), "horizon"),
        (lambda: LinearKernel(span=math.inf), "span"),
        (lambda: ExponentialSumKernel(weights=(0.5, 0.4), rates=(1, 2)), "weights"),
        (lambda: ExponentialSumKernel(weights=(1.5, -0.5), rates=(1, 2)), "weights"),
        (lambda: ExponentialSumKernel(weights=(1.0,), rates=(1, 2)), "rates"),
        (lambda: ExponentialSumKernel(weights=(), rates=()), "weights"),
        (lambda: transient_optimal(MIXED, [0, 0]), "times"),
        (lambda: transient_optimal(MIXED, [[0, 1]]), "times"),
        (lambda: transient_optimal(lambda t: 1 / t, [1.0, 2.0]), "kernel"),
        (lambda: transient_cost(MIXED, [0, 1], [1.0]), "sizes"),
        (lambda: transient_cost(MIXED, [0, 1], [1.0, 2.0], permanent=-1), "permanent"),
        (lambda: obizhaeva_wang(0, 1, depth=1, resilience=1), "quantity"),
        (lambda: obizhaeva_wang(1, 1, depth=2, resilience=1, permanent=0.5), "permanent"),
        (lambda: obizhaeva_wang_trades(1, 1, 1.0, resilience=1), "trades"),
        (lambda: diffusivity(0, 0.3, 0.5), "lag"),
        (lambda: diffusivity(5, 0.3, 0.5, sign_correlation=2), "sign_correlation"),
    ],
)
def test_what_makes_no_sense_is_refused(make: object, names: str) -> None:
    with np.errstate(divide="ignore"), pytest.raises(InputError, match=names):
        make()  # type: ignore[operator]
