"""Planted parameters come back; what data cannot tell is refused. Truths are drawn here, not by the code under test."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest

from nowake.core.errors import InputError, Refused
from nowake.models.calibrate.impact import Executions, ImpactFit, calibrate_impact
from nowake.models.impact.calculator import AdvancedMarketImpactCalculator

VOL = 0.02
PLANTED: dict[str, dict[str, float]] = {
    "linear": {"y": 8.0},
    "square-root": {"y": 0.7},
    "power-law": {"y": 0.7, "delta": 0.5},
    "logarithmic": {"a": 0.05, "b": 300.0},
    "kyle": {"imbalance": 0.12},
}


def peaks(form: str, x: np.ndarray) -> np.ndarray:
    """Return the move in daily volatilities, written out once more."""
    planted = PLANTED[form]
    if form in ("linear", "kyle"):
        return x * planted["y"] if form == "linear" else x / planted["imbalance"]
    if form == "logarithmic":
        return planted["a"] * np.log(1 + planted["b"] * x)
    return planted["y"] * np.exp(planted.get("delta", 0.5) * np.log(x))


def drawn(form: str, n: int, seed: int, low: float = 1e-4, high: float = 1e-1, pov: float = 0.1) -> Executions:
    """Return executions of log-uniform sizes; price noise sigma sqrt(T) at the peak (SCIENCE 6)."""
    rng = np.random.default_rng(seed)
    x = np.exp(rng.uniform(math.log(low), math.log(high), n))
    days = x / pov
    move = 1e4 * VOL * (peaks(form, x) + np.sqrt(days) * rng.standard_normal(n))
    return Executions(quantity=x * 1e6, adv=1e6, volatility=VOL, horizon=days, outcome_bps=move, measured="peak")


def almgren(n: int, seed: int, spread_x: float = 1.0, spread_days: float = 0.7) -> Executions:
    """Return costs as in Almgren et al. 2005: X/V lognormal, median .62 %, T median .32 d, noise sigma sqrt(T/3)."""
    rng = np.random.default_rng(seed)
    x, days = 0.0062 * rng.lognormal(0, spread_x, n), 0.32 * rng.lognormal(0, spread_days, n)
    theta, vol = rng.lognormal(5.5, 0.5, n), rng.uniform(0.01, 0.03, n)
    cost = vol * (0.314 * x * theta**0.25 / 2 + 0.142 * (x / days) ** 0.6)
    cost = cost + vol * np.sqrt(days / 3) * rng.standard_normal(n)
    return Executions(
        quantity=x, adv=1.0, volatility=vol, horizon=days, outcome_bps=1e4 * cost, shares_outstanding=theta
    )


def distance(fit: ImpactFit, name: str, planted: float) -> float:
    return abs(fit.value(name) - planted) / fit.error(name)


@pytest.mark.parametrize("form", sorted(PLANTED))
def test_planted_parameters_come_back(form: str) -> None:
    fit = calibrate_impact(form, drawn(form, 20_000, seed=1))
    assert fit.free == tuple(PLANTED[form])
    for name, planted in PLANTED[form].items():
        assert distance(fit, name, planted) < 2
    assert 0 < fit.r2 < 0.2


def test_errors_are_as_wide_as_the_estimates_scatter() -> None:
    fits = [calibrate_impact("power-law", drawn("power-law", 5_000, seed)) for seed in range(40)]
    inside = [distance(fit, name, planted) < 2 for fit in fits for name, planted in PLANTED["power-law"].items()]
    assert np.mean(inside) > 0.88
    for name in ("y", "delta"):
        scatter = float(np.std([fit.value(name) for fit in fits], ddof=1))
        assert scatter == pytest.approx(float(np.mean([fit.error(name) for fit in fits])), rel=0.35)
    at_one_percent = [fit.value("y") * 0.01 ** fit.value("delta") for fit in fits]
    assert np.std(at_one_percent) / 0.07 < 0.5 * np.std([fit.value("y") for fit in fits]) / 0.7


def test_the_method_is_ordinary_least_squares_where_there_is_a_closed_form() -> None:
    found = drawn("linear", 500, seed=3)
    scale = VOL * np.sqrt(found.horizon)
    column, target = found.size / np.sqrt(found.horizon), found.outcome_bps / 1e4 / scale
    expected = np.linalg.lstsq(column[:, None], target, rcond=None)[0][0]
    left = target - column * expected
    white = math.sqrt(float((column**2 * left**2).sum()) * 500 / 499) / float((column**2).sum())
    fit = calibrate_impact("linear", found)
    assert fit.value("y") == pytest.approx(expected, rel=1e-6)
    assert fit.error("y") == pytest.approx(white, rel=1e-5)


def test_the_papers_own_accuracy_comes_out() -> None:
    # SCIENCE 2: on 29,509 orders beta has a standard error of .038 and eta of .0062-.0085, R2 is below 1 %.
    fit = calibrate_impact("almgren2005", almgren(29_509, seed=6))
    assert distance(fit, "beta", 0.600) < 2
    assert distance(fit, "eta", 0.142) < 2
    assert 0.02 < fit.error("beta") < 0.07
    assert 0.004 < fit.error("eta") < 0.02
    assert 0 < fit.r2 < 0.02
    assert fit.error("gamma") == 0
    small = calibrate_impact("almgren2005", almgren(5_000, seed=6))
    assert small.error("beta") == pytest.approx(fit.error("beta") * math.sqrt(29_509 / 5_000), rel=0.5)
    assert abs(small.value("beta") - 0.5) < 2 * small.error("beta")  # 5,000 orders cannot reject one half


def test_half_of_the_permanent_move_is_in_the_cost() -> None:
    rng = np.random.default_rng(88)
    found = almgren(4_000, seed=8)
    x, theta = found.quantity, found.shares_outstanding
    cost = found.volatility * (0.314 * x * theta**0.25 / 2 + 0.142 * (x / found.horizon) ** 0.6)
    cost += found.volatility * np.sqrt(found.horizon / 3) * rng.standard_normal(4_000) * 0.01
    near = Executions(
        quantity=x, adv=1.0, volatility=found.volatility, horizon=found.horizon, outcome_bps=1e4 * cost,
        shares_outstanding=theta,
    )  # fmt: skip
    fit = calibrate_impact("almgren2005", near, fixed={"gamma": None})
    for name, planted in (("gamma", 0.314), ("eta", 0.142), ("beta", 0.6)):
        assert distance(fit, name, planted) < 3
        assert fit.value(name) == pytest.approx(planted, rel=0.05)


def test_istar_comes_back() -> None:
    rng = np.random.default_rng(9)
    n = 20_000
    x, days, vol = rng.lognormal(-4.5, 1, n), rng.uniform(0.05, 1, n), rng.uniform(0.008, 0.04, n)
    pov = x / (x + days)
    instant = 708 * x**0.55 * (vol * math.sqrt(250)) ** 0.71
    cost = instant * (0.98 * np.sqrt(pov) + 0.02) + 1e4 * vol * np.sqrt(days / 3) * rng.standard_normal(n)
    fit = calibrate_impact("istar", Executions(quantity=x, adv=1.0, volatility=vol, horizon=days, outcome_bps=cost))
    assert fit.free == ("a1", "a2")
    assert distance(fit, "a1", 708) < 2
    assert distance(fit, "a2", 0.55) < 2


def test_costs_hold_the_speed_of_their_orders_only_once() -> None:
    # Costs of orders worked at 20 %, charged (1 - p) ** -1/2 for speed: the calculator gives that cost back at 20 %.
    x = np.geomspace(1e-4, 0.1, 200)
    days, rng = x * 0.8 / 0.2, np.random.default_rng(10)
    cost = 1e4 * VOL * (0.7 * np.sqrt(x) / 1.5 / math.sqrt(0.8) + 1e-4 * rng.standard_normal(200))
    found = Executions(quantity=x, adv=1.0, volatility=VOL, horizon=days, outcome_bps=cost)
    base = AdvancedMarketImpactCalculator(adv=1.0, volatility=VOL, forms=["square-root"])
    fitted = base.calibrate("square-root", found)
    expected = 1e4 * VOL * 0.7 * 0.1 / 1.5
    assert fitted.impact("square-root", 0.01, participation=0.2).total_bps == pytest.approx(
        expected / math.sqrt(0.8), rel=0.01
    )
    assert fitted.impact("square-root", 0.01, participation=1e-6).total_bps == pytest.approx(expected, rel=0.01)
    belief = fitted.fits["square-root"].belief()
    assert belief.y == pytest.approx(0.7, rel=0.01)
    row = fitted.price(0.01, participation=0.2).rows[0]
    assert row.source.startswith("calibrated: square-root impact of 200 own executions")
    assert row.parameter_sd_bps < 0.1 * base.price(0.01, participation=0.2).rows[0].parameter_sd_bps


def test_the_card_says_what_it_rests_on() -> None:
    found = drawn("power-law", 2_000, seed=5)
    dated = Executions(
        quantity=found.quantity, adv=1e6, volatility=VOL, horizon=found.horizon, outcome_bps=found.outcome_bps,
        measured="peak", newest=date(2024, 3, 1),
    )  # fmt: skip
    fit = calibrate_impact("power-law", dated)
    card = fit.card
    assert card.belief == "impact"
    assert "2,000 own executions" in card.text
    assert card.sources == (dated.hash(),) == (found.hash(),)
    scores = dict(card.score)
    assert scores["r2"] == fit.r2
    assert scores["r2_out_of_sample"] <= fit.r2
    assert scores["delta_se"] == fit.error("delta")
    assert card.valid_until is not None
    assert card.valid_until > date(2024, 3, 1)
    belief = fit.belief()
    assert (belief.y, belief.delta) == (fit.value("y"), fit.value("delta"))
    with pytest.raises(Refused, match="coordinates"):
        calibrate_impact("linear", found).belief()


def test_too_few_and_too_narrow_are_refused() -> None:
    with pytest.raises(Refused, match="99 executions"):
        calibrate_impact("power-law", drawn("power-law", 99, seed=1))
    narrow = drawn("power-law", 10_000, seed=1, low=0.01, high=0.04)
    for form in ("power-law", "square-root", "logarithmic", "linear"):
        with pytest.raises(Refused, match="span only 4 times"):
            calibrate_impact(form, narrow)
    fit = calibrate_impact("power-law", narrow, fixed={"delta": 0.5})
    assert distance(fit, "y", 0.7) < 2
    assert "could not be tested" in fit.card.warnings[0]


def test_what_the_orders_do_not_tell_is_refused() -> None:
    found = drawn("power-law", 2_000, seed=6)
    one_vol = Executions(
        quantity=found.quantity, adv=1e6, volatility=VOL, horizon=found.horizon, outcome_bps=np.abs(found.outcome_bps)
    )
    with pytest.raises(Refused, match=r"apart|edge"):
        calibrate_impact("istar", one_vol, fixed={"a3": None})  # a1 and a3 are one number at a single volatility
    with pytest.raises(Refused, match="edge"):
        calibrate_impact(
            "power-law",
            Executions(
                quantity=found.quantity, adv=1e6, volatility=VOL, horizon=found.horizon,
                outcome_bps=1e4 * found.size**2,
            ),
        )  # fmt: skip
    with pytest.raises(Refused, match="shares_outstanding"):
        calibrate_impact("almgren2005", found)
    with pytest.raises(Refused, match="peak"):
        calibrate_impact("istar", found)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"quantity": np.zeros(3)}, "quantity"),
        ({"quantity": 1.0}, "one dimension"),
        ({"horizon": np.ones(2)}, "horizon"),
        ({"horizon": np.array([1, 0, 1])}, "horizon"),
        ({"outcome_bps": np.array([1, math.nan, 1])}, r"outcome_bps\[1\]"),
        ({"volatility": 2.0}, "2 % a day"),
        ({"measured": "slippage"}, "one of cost, peak"),
    ],
)
def test_executions_outside_their_domain_are_refused(wrong: dict[str, object], said: str) -> None:
    sound = {
        "quantity": np.ones(3), "adv": 10.0, "volatility": 0.02, "horizon": np.ones(3), "outcome_bps": np.ones(3)
    }  # fmt: skip
    with pytest.raises(InputError, match=said):
        Executions(**(sound | wrong))  # type: ignore[arg-type]


def test_unknown_parameters_are_refused() -> None:
    found = drawn("linear", 200, seed=1)
    with pytest.raises(InputError, match="one of y"):
        calibrate_impact("linear", found, fixed={"eta": 1.0})
    with pytest.raises(InputError, match="one of y"):
        calibrate_impact("linear", found, fixed={"eta": None})
    with pytest.raises(InputError, match="fewer than all"):
        calibrate_impact("linear", found, fixed={"y": 1.0})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "sd_delta", "sd_y", "sd_impact"), [(10_000, 0.019, 0.076, 0.046), (100_000, 0.007, 0.028, 0.015)]
)
def test_accuracy_of_the_square_root_fit(n: int, sd_delta: float, sd_y: float, sd_impact: float) -> None:
    # SCIENCE 6: Y = .7, delta = .5, sizes 1e-4 to 1e-1 log-uniform, POV 10 %, 60 runs.
    fits = [calibrate_impact("power-law", drawn("power-law", n, 1_000 + seed)) for seed in range(60)]
    delta, y = (np.array([fit.value(name) for fit in fits]) for name in ("delta", "y"))
    assert abs(delta.mean() - 0.5) < 3 * sd_delta / math.sqrt(60) + 1e-3
    assert delta.std() == pytest.approx(sd_delta, rel=0.4)
    assert y.std() == pytest.approx(sd_y, rel=0.4)
    assert (y * 0.01**delta).std() / 0.07 == pytest.approx(sd_impact, rel=0.4)


@pytest.mark.slow
def test_accuracy_of_the_almgren_fit() -> None:
    # SCIENCE 2: n = 29,509 -> beta sd .039; n = 5,000 -> .107. The spread of sizes is not printed; a factor of 2 is.
    for n, sd in ((29_509, 0.039), (5_000, 0.107)):
        fits = [calibrate_impact("almgren2005", almgren(n, 50 + seed)) for seed in range(40)]
        beta = np.array([fit.value("beta") for fit in fits])
        assert sd / 2 < beta.std() < sd * 2
        assert np.mean([distance(fit, "beta", 0.6) < 2 for fit in fits]) > 0.85
