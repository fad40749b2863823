"""The impact forms against printed tables, hand-computed cases and the mean along an order's own path."""

from __future__ import annotations

import doctest
import importlib
import inspect
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowake.core.errors import InputError
from nowake.models import impact
from nowake.models.impact import (
    KISSELL,
    Impact,
    almgren2005,
    average_bps,
    istar,
    istar_timing_risk,
    kyle,
    kyle_lambda,
    linear,
    logarithmic,
    peak_bps,
    power_law,
    square_root,
)

BY_SIZE: dict[str, Callable[..., Impact]] = {
    "linear": linear, "square_root": square_root, "power_law": power_law, "logarithmic": logarithmic, "kyle": kyle,
}  # fmt: skip
PARTS = ("permanent_bps", "temporary_bps", "total_bps")
IBM = {"quantity": 656_100, "adv": 6.561e6, "shares_outstanding": 1728e6, "volatility": 0.0157}
sizes = st.floats(1e-5, 1.0)
vols = st.floats(0.001, 0.2)


@pytest.mark.parametrize("form", BY_SIZE.values(), ids=BY_SIZE)
def test_one_percent_of_a_day_at_two_percent_is_about_twenty_bps_at_the_peak(form: Callable[..., Impact]) -> None:
    # Toth et al. 2011: 1 % of a day's volume moves the price by about a tenth of a day's volatility.
    assert form(quantity=10_000, adv=1e6, volatility=0.02).peak_bps == pytest.approx(20, rel=0.06)


@pytest.mark.parametrize(("x", "y", "peak"), [(0.01, 1, 20), (0.01, 0.5, 10), (0.1, 1, 63.246), (0.1, 0.5, 31.623)])
def test_square_root_has_the_published_sizes(x: float, y: float, peak: float) -> None:
    found = square_root(x * 5e6, 5e6, 0.02, y=y)
    assert found.peak_bps == pytest.approx(peak, abs=5e-4)
    assert found.total_bps == pytest.approx(peak * 2 / 3, abs=5e-4)  # SCIENCE 6: 20 at the peak, 13.3 on average


def test_the_planners_square_root_is_the_same_law() -> None:
    for x in (1e-4, 0.013, 0.4):
        mine = square_root(x, 1.0, 0.017, y=0.7)
        assert mine.peak_bps == pytest.approx(peak_bps(x, 1.0, daily_vol_bps=170, y=0.7), rel=1e-13)
        assert mine.total_bps == pytest.approx(average_bps(x, 1.0, daily_vol_bps=170, y=0.7), rel=1e-13)
        half = power_law(x, 1.0, 0.017, y=0.7, delta=0.5)
        assert half.total_bps == pytest.approx(mine.total_bps, rel=1e-13)


@pytest.mark.parametrize(
    ("days", "temporary", "total", "printed"),
    [(0.1, 22.294, 32.224, (22, 32)), (0.2, 14.709, 24.638, (15, 25)), (0.5, 8.488, 18.418, (8, 18))],
)
def test_almgren2005_prints_the_papers_ibm_row(
    days: float, temporary: float, total: float, printed: tuple[int, int]
) -> None:
    # Almgren et al. (2005), the worked table: IBM, 10 % of a day; I = 20 bps (19.860), so half of it is permanent cost.
    found = almgren2005(horizon=days, **IBM)
    assert 2 * found.permanent_bps == pytest.approx(19.860, abs=1e-3)
    assert found.temporary_bps == pytest.approx(temporary, abs=1e-3)
    assert found.total_bps == pytest.approx(total, abs=1e-3)
    assert (round(float(found.temporary_bps)), round(float(found.total_bps))) == printed


@given(x=sizes, vol=vols, days=st.floats(0.01, 5), turnover=st.floats(20, 5000), lots=st.floats(0.01, 1e7))
def test_almgren2005_is_the_equation_in_any_unit(
    x: float, vol: float, days: float, turnover: float, lots: float
) -> None:
    found = almgren2005(x * lots, days, lots, turnover * lots, vol)
    move = 0.314 * vol * x * turnover**0.25
    speed = 0.142 * vol * math.exp(0.6 * math.log(x / days))
    assert found.total_bps == pytest.approx(1e4 * (move / 2 + speed), rel=1e-9)


def test_istar_by_hand() -> None:
    # 10 % of ADV, 30 % a year, POV 20 %, Kissell's "all": logarithms by hand, then the book's two lines.
    instant = math.exp(math.log(708) + 0.55 * math.log(0.1) + 0.71 * math.log(0.3))
    found = istar(0.1, 0.3, 0.2, *KISSELL["all"])
    assert instant == pytest.approx(84.877, abs=1e-3)
    assert found.permanent_bps == pytest.approx(0.02 * instant, rel=1e-12)
    assert found.temporary_bps == pytest.approx(0.98 * instant * 0.4472135955, rel=1e-9)
    assert found.peak_bps is None
    assert istar(0.1, 0.3, 1.0, *KISSELL["all"]).total_bps == pytest.approx(instant, rel=1e-12)  # all at once
    assert istar(0.1, 0.3, 0.0, *KISSELL["all"]).total_bps == pytest.approx(0.02 * instant, rel=1e-12)


def test_istar_timing_risk_is_a_straight_line_sold_off() -> None:
    # Integrate sigma^2 (x_t / X)^2 over T = S (1 - p) / (p ADV) days of 1/250 year: midpoint rule.
    size, vol, pov, n = 0.1, 0.3, 0.2, 2000
    days = size * (1 - pov) / pov
    left = [(1 - (k + 0.5) / n) ** 2 for k in range(n)]
    expected = 1e4 * vol * math.sqrt(days / 250 * math.fsum(left) / n)
    assert istar_timing_risk(size, vol, pov) == pytest.approx(expected, rel=1e-6)


def test_kyles_lambda_times_the_order_is_the_move() -> None:
    # A 50 dollar share, 1 M a day, 2 % a day, net flow 100,000 a day: 1 dollar per 100,000 shares.
    lam = kyle_lambda(50.0, 1e6, 0.02, imbalance=0.1)
    assert lam == pytest.approx(1e-5)
    found = kyle(20_000, 1e6, 0.02, imbalance=0.1)
    assert found.peak_bps == pytest.approx(1e4 * 1e-5 * 20_000 / 50)
    assert (found.temporary_bps, found.permanent_bps) == (0.0, pytest.approx(20.0))


def test_logarithmic_touches_the_square_root_at_one_percent() -> None:
    step = 1e-6
    for x, touches in ((0.01, True), (0.1, False)):
        mine, root = (
            [float(form(x + d, 1.0, 0.02).peak_bps) for d in (-step, 0, step)] for form in (logarithmic, square_root)
        )
        assert (abs(mine[1] - root[1]) < 1e-5 and abs((mine[2] - mine[0]) - (root[2] - root[0])) < 1e-6) is touches


@pytest.mark.parametrize("x", [0.0, 1e-12, 1e-9, 2.549e-6, 2.551e-6, 1e-4, 0.02, 1.0])
def test_logarithmic_mean_keeps_its_digits(x: float) -> None:
    # Gauss-Legendre over the order's own path; both sides of the switch to the series.
    nodes, weights = np.polynomial.legendre.leggauss(200)
    path = np.asarray(logarithmic(x * (nodes + 1) / 2, 1.0, 0.02).peak_bps)
    assert logarithmic(x, 1.0, 0.02).total_bps == pytest.approx(float(weights @ path) / 2, rel=1e-9, abs=1e-300)


@given(x=sizes, vol=vols, name=st.sampled_from(sorted(BY_SIZE)))
def test_what_a_size_form_charges_is_the_mean_of_the_path(x: float, vol: float, name: str) -> None:
    path = (np.arange(20_000) + 0.5) / 20_000 * x
    mean = float(np.mean(np.asarray(BY_SIZE[name](path, 1.0, vol).peak_bps)))
    assert BY_SIZE[name](x, 1.0, vol).total_bps == pytest.approx(mean, rel=1e-3)


@given(x=sizes, vol=vols, remaining=st.floats(0, 1), name=st.sampled_from(sorted(set(BY_SIZE) - {"kyle"})))
def test_permanent_is_half_of_what_stays(x: float, vol: float, remaining: float, name: str) -> None:
    found = BY_SIZE[name](x, 1.0, vol, remaining=remaining)
    assert found.permanent_bps == pytest.approx(remaining * found.peak_bps / 2)
    assert found.temporary_bps >= -1e-9
    assert found.total_bps == pytest.approx(found.permanent_bps + found.temporary_bps)


def test_arrays_give_what_single_orders_give() -> None:
    rng = np.random.default_rng(3)
    q, v, s, d, t, p = (rng.uniform(*r, 50) for r in ((1, 9), (50, 90), (0.01, 0.05), (0.1, 2), (1e3, 1e4), (0.01, 1)))
    calls: list[tuple[Callable[..., Impact], tuple[np.ndarray, ...]]] = [
        *((form, (q, v, s)) for form in BY_SIZE.values()),
        (almgren2005, (q, d, v, t, s)),
        (lambda x, vol, pov: istar(x, vol, pov, *KISSELL["small-cap"]), (q / v, s * 16, p)),
    ]
    for form, columns in calls:
        many = form(*columns)
        for k in range(50):
            one = form(*(float(column[k]) for column in columns))
            assert isinstance(one.total_bps, float)
            for part in PARTS:
                assert np.asarray(getattr(many, part))[k] == pytest.approx(getattr(one, part), rel=1e-12)
    assert np.shape(square_root(np.array([]), 1.0, 0.02).total_bps) == (0,)
    assert np.shape(square_root(q[:, None], v[None, :], 0.02).total_bps) == (50, 50)


def test_a_million_orders_are_priced_as_the_same_in_small_numbers() -> None:
    rng = np.random.default_rng(5)
    x, vol = rng.lognormal(-5, 1, 100_000), rng.uniform(0.005, 0.05, 100_000)
    for form in BY_SIZE.values():
        many = form(x, 1.0, volatility=vol)
        few = [form(x[k : k + 1000], 1.0, vol[k : k + 1000]) for k in range(0, 100_000, 1000)]
        for part in (*PARTS, "peak_bps"):
            assert np.array_equal(getattr(many, part), np.concatenate([getattr(one, part) for one in few]))
    assert istar(x, 0.3, 0.1, *KISSELL["all"]).peak_bps is None
    vol[70_000] = -1.0
    with pytest.raises(InputError, match=r"volatility\[70000\] must be .*, was -1.0"):
        square_root(x, 1.0, vol)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"quantity": -1}, "quantity must be >= 0"),
        ({"quantity": math.nan}, "quantity"),
        ({"quantity": math.inf}, "quantity"),
        ({"quantity": "1"}, "quantity must be a number"),
        ({"quantity": None}, "quantity must be a number"),
        ({"quantity": np.array([1.0, -2.0])}, r"quantity\[1\] must be >= 0, was -2.0"),
        ({"quantity": 2e10}, "same unit"),
        ({"adv": 0}, "adv must be > 0"),
        ({"volatility": 0}, "volatility"),
        ({"volatility": -0.01}, "volatility"),
        ({"volatility": 1.57}, "write 0.02 for 2 % a day"),
        ({"volatility": 157}, "volatility"),
        ({"volatility": np.array([0.01, math.nan])}, r"volatility\[1\]"),
        ({"horizon": 0}, "horizon"),
        ({"shares_outstanding": 0}, "shares_outstanding"),
        ({"beta": 0}, "beta"),
        ({"beta": 1.5}, "beta"),
        ({"eta": -1}, "eta"),
        ({"horizon": np.ones(3), "volatility": np.full(2, 0.01)}, "of one shape"),
    ],
)
def test_what_is_outside_its_domain_is_refused(wrong: dict[str, object], said: str) -> None:
    arguments: dict[str, object] = {"horizon": 0.5, **IBM} | wrong
    with pytest.raises(InputError, match=said):
        almgren2005(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [((2000, 0.3, 0.2), "size"), ((0.1, 30, 0.2), "0.3 for 30 % a year"), ((0.1, 0.3, 20), "pov")],
)
def test_istar_refuses_percent(wrong: tuple[float, float, float], said: str) -> None:
    with pytest.raises(InputError, match=said):
        istar(*wrong, *KISSELL["all"])


@pytest.mark.parametrize(
    "name", ["_almgren2005", "_istar", "_kyle", "_linear", "_logarithmic", "_power_law", "_square_root"]
)
def test_the_examples_of_the_docstrings(name: str) -> None:
    module = importlib.import_module(f"nowake.models.impact.{name}")
    public = [one for one in vars(module).values() if getattr(one, "__module__", "") == module.__name__]
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner()
    for one in (inspect.unwrap(one) for one in public if inspect.isfunction(one)):
        for example in finder.find(one, globs=dict(vars(module))):
            runner.run(example)
    assert runner.tries > 0
    assert runner.failures == 0


def test_no_function_has_the_name_of_a_module() -> None:
    for name in ("almgren2005", "istar", "kyle", "linear", "logarithmic", "power_law", "square_root"):
        assert callable(getattr(impact, name))
