"""Almgren-Chriss schedules: published numbers, a general solver, the conditions of optimality, refusals."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from nowake.core.errors import InputError, Refused
from nowake.plan import Trajectory, almgren_chriss
from nowake.plan.solvers import capped

# Almgren, Chriss (2000), section 3.4 as the DROP samples and blotter's AlgoTCA give it: sigma .95 (rounded there).
PAPER: dict[str, Any] = {"volatility": 0.95, "eta": 2.5e-6, "gamma": 2.5e-7, "epsilon": 0.0625}
SALE = (1e6, 5.0, 5)


def cost_of(trades: np.ndarray, quantity: float, horizon: float, **k: float) -> tuple[float, float]:
    """Return E and V by the paper's sums, written out anew."""
    tau = horizon / len(trades)
    left, mean, variance = quantity, 0.0, 0.0
    for n in trades:
        mean += abs(n) * (k["epsilon"] + k["eta"] * abs(n) / tau)  # temporary: paid on this trade
        left -= n
        mean += left * (k["gamma"] * n - k.get("drift", 0.0) * tau)  # permanent and drift: move what is left
        variance += k["volatility"] ** 2 * tau * left**2
    return mean, variance


@pytest.mark.parametrize(
    ("risk_aversion", "half_life", "mean", "sd", "left"),
    [
        (0.0, math.inf, 662_500.0, 1_040_672.86, (800000, 600000, 400000, 200000)),
        (1e-7, 5.137992, 670_057.46, 961_622.90, (757882.39, 544564.31, 351939.68, 172688.75)),
        (1e-6, 1.647240, 911_226.986, 603_430.67, (541955.55, 289854.22, 147897.49, 62141.80)),
        (1e-5, 0.579136, 1_845_211.26, 171_712.41, (177868.31, 31636.20, 5621.63, 969.25)),
    ],
)
def test_published_schedules(
    risk_aversion: float, half_life: float, mean: float, sd: float, left: tuple[float, ...]
) -> None:
    made = almgren_chriss(*SALE, risk_aversion=risk_aversion, **PAPER)
    assert made.half_life == pytest.approx(half_life, abs=6e-7)
    assert made.expected_cost == pytest.approx(mean, abs=6e-3)
    assert made.cost_sd == pytest.approx(sd, abs=6e-3)
    assert made.holdings == pytest.approx([1e6, *left, 0], abs=6e-3)
    assert made.trades.sum() == pytest.approx(1e6, rel=1e-14)


def test_published_variance_and_exact_volatility() -> None:
    assert almgren_chriss(*SALE, risk_aversion=1e-6, **PAPER).cost_sd ** 2 == pytest.approx(
        364_128_572_058.14, rel=1e-9
    )
    exact = almgren_chriss(*SALE, risk_aversion=1e-6, **{**PAPER, "volatility": 50 * 0.3 / math.sqrt(250)})
    assert exact.expected_cost == pytest.approx(910_477.84, abs=6e-3)
    assert 1 / exact.half_life == pytest.approx(0.606260, abs=6e-7)


def test_immediate_sale() -> None:
    made = almgren_chriss(*SALE, risk_aversion=1e12, **PAPER)
    assert made.expected_cost == pytest.approx(2_562_500, rel=1e-9)
    assert made.cost_sd == pytest.approx(0, abs=1e-3)


def test_published_drift() -> None:
    made = almgren_chriss(*SALE, risk_aversion=1e-6, drift=0.02, **PAPER)
    assert made.holdings[1:5] == pytest.approx([546342.29, 296084.12, 154127.39, 66528.53], abs=6e-3)
    still = almgren_chriss(*SALE, risk_aversion=1e-6, **PAPER)
    assert 0.02 * (made.holdings - still.holdings)[1:].sum() == pytest.approx(424.67, abs=6e-3)
    # A rise is to the seller's gain: the expected cost falls, and more is held.
    assert made.expected_cost < still.expected_cost
    assert (made.holdings[1:-1] > still.holdings[1:-1]).all()
    # The closed form of AC eq. 4 with its xbar = alpha / (2 lambda sigma^2), written out.
    kappa, xbar, t = 1 / made.half_life, 0.02 / (2e-6 * 0.95**2), np.arange(6.0)
    assert xbar == pytest.approx(11_080.332, abs=1e-3)
    down, up = np.sinh(kappa * (5 - t)) / np.sinh(5 * kappa), np.sinh(kappa * t) / np.sinh(5 * kappa)
    assert made.holdings == pytest.approx(down * 1e6 + (1 - down - up) * xbar, rel=1e-10, abs=1e-6)


def test_it_tends_to_the_continuous_schedule() -> None:
    # kappa .600833, E without epsilon 902,037.148, V 732,447,761,815: AC in continuous time.
    costs = []
    for periods in (5, 50, 500, 5000, 50_000):
        made = almgren_chriss(1e6, 5, periods, risk_aversion=1e-6, **{**PAPER, "epsilon": 0.0})
        costs.append(made.expected_cost + 1e-6 * made.cost_sd**2)
    # V counts what is left at the end of each period, so that few periods leave out risk: the sum rises to its limit.
    assert costs == sorted(costs)
    assert made.expected_cost == pytest.approx(902_037.148, rel=1e-4)
    assert made.cost_sd**2 == pytest.approx(732_447_761_815.0, rel=1e-4)
    assert 1 / made.half_life == pytest.approx(0.600833, rel=1e-4)


NUMBERS = {
    "volatility": st.floats(0.01, 10),
    "eta": st.floats(1e-6, 1e-3),
    "gamma": st.floats(0, 1e-7),
    "epsilon": st.floats(0, 1),
    "risk_aversion": st.one_of(st.just(0.0), st.floats(1e-10, 1e-2)),
}


@settings(deadline=None)
@given(
    periods=st.integers(1, 40),
    drift=st.one_of(st.just(0.0), st.floats(-5, 5)),
    caps=st.one_of(
        st.none(), st.floats(1.0, 4.0), st.lists(st.one_of(st.just(0.0), st.floats(1e-6, 1)), min_size=40, max_size=40)
    ),
    **NUMBERS,
)
def test_every_schedule_satisfies_the_conditions_of_optimality(
    periods: int, drift: float, caps: float | list[float] | None, **numbers: float
) -> None:
    quantity, horizon = 1e5, 2.0
    most = np.full(periods, math.inf)
    if isinstance(caps, float):
        most = np.full(periods, caps * quantity / periods)
    elif caps is not None:
        raw = np.array(caps[:periods])
        if raw.sum() < 1e-3:
            return
        most = raw * 1.2 * quantity / raw.sum()
    made = almgren_chriss(quantity, horizon, periods, drift=drift, max_trade=most, **numbers)
    trades = made.trades
    assert trades.sum() == pytest.approx(quantity, rel=1e-9)
    assert (trades >= 0).all()
    assert (trades <= most * (1 + 1e-9)).all()
    mean, variance = cost_of(trades, quantity, horizon, drift=drift, **numbers)
    assert made.expected_cost == pytest.approx(mean, rel=1e-9, abs=1e-9 * quantity)
    assert made.cost_sd == pytest.approx(math.sqrt(variance), rel=1e-9, abs=1e-6)
    # Karush-Kuhn-Tucker: one multiplier that no trade over 0 exceeds and no trade under its cap is above.
    tau = horizon / periods
    eta_tilde = numbers["eta"] - numbers["gamma"] * tau / 2
    of_holding = 2 * numbers["risk_aversion"] * numbers["volatility"] ** 2 * tau * made.holdings[1:] - drift * tau
    slope = 2 * eta_tilde / tau * trades - of_holding[::-1].cumsum()[::-1]
    scale = 2 * eta_tilde / tau * quantity + np.abs(of_holding).sum()
    raised = np.max(slope[trades > 1e-7 * quantity], initial=-math.inf)
    lowered = np.min(slope[trades < np.minimum(most, quantity) * (1 - 1e-6)], initial=math.inf)
    assert raised <= lowered + 1e-6 * scale


@settings(deadline=None, max_examples=25)
@given(periods=st.integers(2, 8), seed=st.integers(0, 10**6), drift=st.sampled_from([0.0, 0.3, -0.3]))
def test_a_general_solver_finds_nothing_better(periods: int, seed: int, drift: float) -> None:
    rng = np.random.default_rng(seed)
    numbers = {"volatility": 0.95, "eta": 1e-5, "gamma": 1e-7, "epsilon": 0.0625}
    risk_aversion = float(10 ** rng.uniform(-8, -4))
    caps = rng.uniform(0.2, 1, periods)
    caps *= 1.5e5 / caps.sum()
    made = almgren_chriss(1e5, 1, periods, risk_aversion=risk_aversion, drift=drift, max_trade=caps, **numbers)

    def objective(parts: np.ndarray) -> float:
        mean, variance = cost_of(parts * 1e5, 1e5, 1.0, drift=drift, **numbers)
        return (mean + risk_aversion * variance) / 1e5

    whole = {"type": "eq", "fun": lambda parts: parts.sum() - 1}
    found = minimize(
        objective, caps / caps.sum(), method="SLSQP", bounds=[(0, cap / 1e5) for cap in caps], constraints=whole,
        options={"ftol": 1e-13, "maxiter": 500},
    )  # fmt: skip
    ours = objective(made.trades / 1e5)
    assert ours <= found.fun + 1e-7 * abs(found.fun)
    assert ours >= found.fun - 1e-4 * abs(found.fun)  # else it would not keep to the same constraints


@settings(deadline=None)
@given(
    size=st.integers(1, 30),
    seed=st.integers(0, 10**6),
    beta=st.one_of(st.just(0.0), st.floats(1e-6, 100)),
    drift=st.one_of(st.just(0.0), st.floats(-1, 1)),
)
def test_the_kernel_equals_its_reference(size: int, seed: int, beta: float, drift: float) -> None:
    rng = np.random.default_rng(seed)
    caps = rng.exponential(1, size) + 1e-3
    caps *= 1.5 / caps.sum()
    caps = np.where(caps >= 1, 2.0, caps)
    held = rng.integers(1, 4, size).astype(float)
    plain, rests = capped.solve_reference(beta, drift, caps, held)
    fast, exact = capped.solve(beta, drift, caps, held)
    if rests:
        assert exact
        assert fast == pytest.approx(plain, rel=1e-6, abs=1e-8)
    near, sets = np.empty(size), np.empty(size, dtype=np.int8)
    capped.approach(beta, drift, caps, held, near, sets)
    assert near == pytest.approx(fast, abs=2e-5)  # the interior point, which stands behind, comes to the same
    assert objective_of(near, beta, drift, held) <= objective_of(fast, beta, drift, held) + 1e-7


def objective_of(trades: np.ndarray, beta: float, drift: float, held: np.ndarray) -> float:
    left = 1 - np.cumsum(trades)
    left[-1] = 0
    return float((trades**2 / 2).sum() + (held * (beta * left**2 / 2 - drift * left)).sum())


@settings(deadline=None)
@given(periods=st.integers(1, 30), **NUMBERS)
def test_never_dearer_than_even_slices_or_at_once(periods: int, **numbers: float) -> None:
    terms: dict[str, Any] = dict(numbers)
    made = almgren_chriss(1e4, 1, periods, **terms)
    best = made.expected_cost + numbers["risk_aversion"] * made.cost_sd**2
    for other in (np.full(periods, 1e4 / periods), np.eye(1, periods)[0] * 1e4):
        mean, variance = cost_of(other, 1e4, 1.0, **numbers)
        assert best <= (mean + numbers["risk_aversion"] * variance) * (1 + 1e-9)


@pytest.mark.parametrize("terms", [{}, {"max_trade": 3e5}, {"drift": 0.02}, {"lot": 100.0, "max_trade": 250_050}])
def test_a_buy_mirrors_a_sale(terms: dict[str, float]) -> None:
    given: dict[str, Any] = terms
    sale = almgren_chriss(*SALE, risk_aversion=1e-6, **PAPER, **given)
    buy = almgren_chriss(-1e6, 5, 5, risk_aversion=1e-6, **PAPER, **{**given, "drift": -terms.get("drift", 0.0)})
    assert np.array_equal(buy.holdings, -sale.holdings)
    assert np.array_equal(buy.trades, -sale.trades)
    assert (buy.expected_cost, buy.cost_sd) == (sale.expected_cost, sale.cost_sd)


def test_a_cap_of_one_period_binds_there_only() -> None:
    caps = [math.inf, 100_000, math.inf, math.inf, math.inf]
    made = almgren_chriss(*SALE, risk_aversion=1e-6, max_trade=caps, **PAPER)
    free = almgren_chriss(*SALE, risk_aversion=1e-6, **PAPER)
    assert made.trades[1] == pytest.approx(100_000)
    assert made.trades[0] > free.trades[0]
    assert made.trades[2] > free.trades[2]
    assert made.expected_cost + 1e-6 * made.cost_sd**2 > free.expected_cost + 1e-6 * free.cost_sd**2


def test_it_never_trades_against_itself() -> None:
    made = almgren_chriss(*SALE, risk_aversion=1e-8, drift=2.0, **PAPER)
    assert (made.trades >= 0).all()
    assert made.trades[0] == 0  # the price is expected to rise: a seller waits


@settings(deadline=None)
@given(
    lots=st.integers(1, 5000),
    periods=st.integers(1, 30),
    lot=st.sampled_from([1.0, 100.0, 0.001]),
    spare=st.one_of(st.none(), st.floats(1.0, 3.0)),
    risk_aversion=st.sampled_from([0.0, 1e-6, 1e-3]),
)
def test_lots_are_whole_and_keep_to_the_caps(
    lots: int, periods: int, lot: float, spare: float | None, risk_aversion: float
) -> None:
    quantity = round(lots * lot, 6)
    cap = None if spare is None else math.ceil(spare * lots / periods) * lot * 1.0001
    made = almgren_chriss(quantity, 1, periods, risk_aversion=risk_aversion, max_trade=cap, lot=lot, **PAPER)
    whole = made.trades / lot
    assert np.abs(whole - whole.round()).max() < 1e-6
    assert whole.round().sum() == lots
    if cap is not None:
        assert made.trades.max() <= cap
    free = almgren_chriss(quantity, 1, periods, risk_aversion=risk_aversion, max_trade=cap, **PAPER)
    assert np.abs(made.trades - free.trades).max() < lot * (1 + 1e-6) or cap is not None


@pytest.mark.parametrize(
    ("terms", "text"),
    [
        ({"max_trade": 1e5}, "nearest is a max_trade of 200000.0, or a horizon of 10.0 in 10 periods"),
        ({"max_trade": 0}, "nearest is a max_trade of 200000.0"),
        ({"max_trade": [1e5] * 5}, "2 times as large"),
        ({"max_trade": [0] * 5}, "let some period trade"),
        ({"max_trade": [1e6] * 4}, "one for each of the 5 periods"),
        ({"max_trade": -1}, ">= 0 everywhere"),
        ({"max_trade": math.nan}, ">= 0 everywhere"),
        ({"max_trade": "many"}, "a number, or one for each period"),
        ({"lot": 7}, "a multiple of the lot 7"),
        ({"lot": 0}, "lot must be > 0"),
        ({"volatility": -1}, "volatility must be >= 0"),
        ({"volatility": math.nan}, "volatility must be a finite number"),
        ({"eta": 1e-7}, "take more periods or a smaller gamma"),
        ({"risk_aversion": -1e-9}, "risk_aversion must be >= 0"),
        ({"drift": math.inf}, "drift must be a finite number"),
    ],
)
def test_refusals(terms: dict[str, Any], text: str) -> None:
    with pytest.raises((InputError, Refused), match=re.escape(text)):
        almgren_chriss(*SALE, **{**PAPER, "risk_aversion": 1e-6, **terms})


@pytest.mark.parametrize(("where", "value"), [(0, 0), (0, None), (1, 0), (2, 0), (2, 2.5), (2, True), (2, 10**9)])
def test_bad_shapes_are_refused(where: int, value: Any) -> None:
    sale: list[Any] = list(SALE)
    sale[where] = value
    with pytest.raises(InputError):
        almgren_chriss(*sale, risk_aversion=1e-6, **PAPER)


@given(share=st.floats(0.01, 0.99), periods=st.integers(1, 50))
@settings(deadline=None)
def test_the_nearest_cap_and_horizon_that_are_named_do(share: float, periods: int) -> None:
    terms: dict[str, Any] = {**PAPER, "risk_aversion": 1e-6}
    with pytest.raises(Refused) as refused:
        almgren_chriss(1e6, 5, periods, max_trade=share * 1e6 / periods, **terms)
    found = re.search(r"max_trade of (\S+), or a horizon of (\S+) in (\d+) periods", str(refused.value))
    assert found
    assert almgren_chriss(1e6, 5, periods, max_trade=float(found[1]), **terms).trades.sum() == pytest.approx(1e6)
    longer = almgren_chriss(1e6, float(found[2]), int(found[3]), max_trade=share * 1e6 / periods, **terms)
    assert longer.trades.sum() == pytest.approx(1e6)


def test_extremes_stay_finite() -> None:
    for risk_aversion in (0.0, 1e-300, 1e-30, 1e30, 1e300):
        for drift in (0.0, 0.02, -0.02):
            made: Trajectory = almgren_chriss(*SALE, risk_aversion=risk_aversion, drift=drift, **PAPER)
            assert np.isfinite(made.holdings).all()
            assert made.trades.sum() == pytest.approx(1e6, rel=1e-9)
            held = almgren_chriss(*SALE, risk_aversion=risk_aversion, drift=drift, max_trade=3e5, **PAPER)
            assert held.trades.sum() == pytest.approx(1e6, rel=1e-9)
            assert held.trades.max() <= 3e5 * (1 + 1e-12)
            if risk_aversion >= 1e30:
                assert held.trades == pytest.approx([3e5, 3e5, 3e5, 1e5, 0], abs=1e-2)


def test_the_price_is_the_multiplier_of_both_sweeps() -> None:
    # By hand: two periods, beta 1, no drift, cap .5 on the first: n = (.5, .5), p_2 = .5, p_1 = p_2 + x_1 = 1 > .5.
    sets = np.array([1, 0], dtype=np.int8)
    trades, prices = capped.sweep_dense(1.0, 0.0, np.array([0.5, 2.0]), np.ones(2), sets)
    assert trades == pytest.approx([0.5, 0.5])
    assert prices == pytest.approx([1.0, 0.5])
