"""The calculator against the forms themselves, brute force over participation, and simulated costs."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nowake
from nowake.core.errors import InputError, Refused
from nowake.core.value import from_json
from nowake.models.impact import KISSELL, almgren2005, istar, istar_timing_risk, square_root
from nowake.models.impact._laws import LAWS
from nowake.models.impact.calculator import AdvancedMarketImpactCalculator, ImpactTable

ADV, VOL, SHARES = 6.561e6, 0.0157, 1728e6


def calculator(**changes: object) -> AdvancedMarketImpactCalculator:
    return AdvancedMarketImpactCalculator(
        **({"adv": ADV, "volatility": VOL, "shares_outstanding": SHARES} | changes)  # type: ignore[arg-type]
    )


def test_it_is_the_public_name() -> None:
    assert nowake.AdvancedMarketImpactCalculator is AdvancedMarketImpactCalculator


def test_every_form_is_priced_as_it_prices_itself() -> None:
    table = calculator().price(656_100, horizon=0.5)
    rows = {row.form: row for row in table.rows}
    assert set(rows) == set(LAWS)
    assert table.completion_days == 0.5
    assert table.participation == pytest.approx(1 / 6)  # a tenth of a day in half a day of 5 tenths of the others
    athl = almgren2005(656_100, 0.5, ADV, SHARES, VOL)
    assert rows["almgren2005"].total_bps == pytest.approx(athl.total_bps)
    assert rows["almgren2005"].total_bps == pytest.approx(18.418, abs=1e-3)  # the paper's IBM row
    star = istar(0.1, VOL * math.sqrt(250), 1 / 6, *KISSELL["all"])  # a year's volatility: the unit bug to avoid
    assert rows["istar"].total_bps == pytest.approx(star.total_bps)
    root = square_root(656_100, ADV, VOL)
    assert rows["square-root"].permanent_bps == pytest.approx(root.permanent_bps)
    assert rows["square-root"].total_bps == pytest.approx(root.total_bps / math.sqrt(5 / 6))
    assert table.timing_risk_bps == pytest.approx(istar_timing_risk(0.1, VOL * math.sqrt(250), 1 / 6))


@pytest.mark.parametrize("form", sorted(LAWS))
@pytest.mark.parametrize("risk_aversion", [0.0, 0.3, 2.0])
def test_the_optimum_beats_every_other_participation(form: str, risk_aversion: float) -> None:
    pricing = calculator(risk_aversion=risk_aversion)
    row = next(row for row in pricing.price(200_000).rows if row.form == form)

    def burden(p: float) -> float:
        table = pricing.price(200_000, participation=p)
        cost = next(one.total_bps for one in table.rows if one.form == form)
        return cost + risk_aversion * table.timing_risk_bps

    others = [burden(p) for p in np.geomspace(1e-3, 0.30, 40)]
    assert burden(row.optimal_participation) <= min(others) * (1 + 1e-9)
    assert row.at_cap == (row.optimal_participation == 0.30)
    assert row.optimal_days == pytest.approx(
        200_000 / ADV * (1 - row.optimal_participation) / row.optimal_participation
    )


def test_the_almgren_optimum_is_the_closed_form() -> None:
    # In r = x / T, eta r^beta + k sqrt(x / (3 r)) is least where r^(beta + 1/2) = k sqrt(x / 3) / (2 eta beta).
    x, k = 1e-4, 0.3
    expected = (k * math.sqrt(x / 3) / (2 * 0.142 * 0.6)) ** (1 / 1.1)
    found = calculator(forms=["almgren2005"], risk_aversion=k).price(x * ADV).rows[0]
    assert found.optimal_participation / (1 - found.optimal_participation) == pytest.approx(expected, rel=1e-3)


def test_more_risk_aversion_is_faster() -> None:
    found = [calculator(risk_aversion=k).price(300_000).rows for k in (0.1, 0.3, 1.0, 3.0)]
    for form in range(len(LAWS)):
        speeds = [rows[form].optimal_participation for rows in found]
        assert speeds == sorted(speeds)


def test_the_interval_holds_nine_costs_in_ten() -> None:
    # Parameters drawn from the paper's errors, prices from a random walk sold off in a straight line.
    rng = np.random.default_rng(11)
    n, quantity = 40_000, 656_100
    table = calculator(forms=["almgren2005"]).price(quantity, horizon=0.2)
    row = table.rows[0]
    gamma, eta = rng.normal(0.314, 0.041, n), rng.normal(0.142, 0.0062, n)
    beta = np.clip(rng.normal(0.6, 0.038, n), 0.01, 1)
    mean = np.asarray(almgren2005(quantity, 0.2, ADV, SHARES, VOL, gamma=gamma, eta=eta, beta=beta).total_bps)
    assert row.parameter_sd_bps == pytest.approx(float(mean.std()), rel=0.05)
    steps = 50
    left = 1 - (np.arange(steps) + 0.5) / steps
    walk = sum(rng.standard_normal(n) * (1e4 * VOL * math.sqrt(0.2 / steps) * one) for one in left)
    cost = mean + walk
    assert np.mean((cost >= row.low_bps) & (cost <= row.high_bps)) == pytest.approx(0.90, abs=0.01)


def test_many_orders_are_priced_as_one_by_one() -> None:
    pricing, rng = calculator(), np.random.default_rng(2)
    q, p = rng.uniform(1, 1e6, 30), rng.uniform(0.01, 0.9, 30)
    for form in LAWS:
        many = np.asarray(pricing.impact(form, q, participation=p).total_bps)
        for k in range(30):
            one = pricing.impact(form, float(q[k]), participation=float(p[k]))
            assert isinstance(one.total_bps, float)
            assert many[k] == pytest.approx(one.total_bps, rel=1e-12)


def test_the_table_prints_and_round_trips() -> None:
    table = calculator(shares_outstanding=None).price(100_000)
    assert from_json(table.to_json(), ImpactTable) == table
    assert json.loads(table.to_json())["rows"][0]["form"] == "linear"
    assert table.left_out == (("almgren2005", "almgren2005 needs shares_outstanding"),)
    text = str(table)
    assert "square-root" in text
    assert "almgren2005: left out" in text
    assert all(row.source.startswith("assumed") for row in table.rows)


def test_columns_keep_apart_whatever_an_order_costs() -> None:
    lines = str(calculator().price(1e3 * ADV, participation=0.1)).splitlines()[1 : 2 + len(LAWS)]
    assert {len(line) for line in lines} == {len(lines[0])}
    assert [len(line.split()) for line in lines[1:]] == [10] * len(LAWS)  # the interval is three words


def test_stated_parameters_are_used_and_said() -> None:
    pricing = calculator(parameters={"square-root": {"y": 0.5}}, forms=["square-root"])
    row = pricing.price(0.01 * ADV, participation=1e-6).rows[0]
    assert row.total_bps == pytest.approx(0.5 * 157 * 0.1 * 2 / 3, rel=1e-5)
    assert row.source == "stated"


@given(x=st.floats(1e-6, 100), p=st.floats(1e-4, 0.95))
def test_any_order_has_finite_numbers(x: float, p: float) -> None:
    for row in calculator().price(x * ADV, participation=p).rows:
        numbers = (row.total_bps, row.low_bps, row.high_bps, row.optimal_bps, row.optimal_days, row.parameter_sd_bps)
        assert all(math.isfinite(one) for one in numbers)
        assert row.total_bps == pytest.approx(row.permanent_bps + row.temporary_bps)
        assert row.low_bps <= row.total_bps <= row.high_bps


def test_an_order_beyond_the_data_is_said() -> None:
    assert "days' volume" in calculator().price(2 * ADV).warnings[0]
    assert "up to about 10 %" in calculator().price(0.5 * ADV).warnings[0]
    assert calculator().price(0.05 * ADV).warnings == ()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"adv": 0}, "adv"),
        ({"adv": math.nan}, "adv"),
        ({"volatility": 0}, "volatility"),
        ({"volatility": 1.57}, "2 % a day"),
        ({"volatility": "2%"}, "volatility must be a number"),
        ({"shares_outstanding": -1}, "shares_outstanding"),
        ({"forms": ["cubic"]}, "one of linear"),
        ({"forms": []}, "forms"),
        ({"risk_aversion": -1}, "risk_aversion"),
        ({"participation_max": 15}, "0.15 for 15 %"),
        ({"parameters": {"square-root": {"eta": 1}}}, "one of y"),
        ({"parameters": {"power-law": {"delta": 2}}}, "delta"),
        ({"parameters": {"cubic": {}}}, "one of linear"),
    ],
)
def test_a_market_outside_its_domain_is_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        calculator(**wrong)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"quantity": 0}, "quantity"),
        ({"quantity": math.nan}, "quantity"),
        ({"participation": 0.1, "horizon": 1}, "leave one out"),
        ({"participation": 15}, "0.1 for 10 %"),
        ({"participation": 0}, "participation"),
        ({"horizon": 0}, "horizon"),
    ],
)
def test_an_order_outside_its_domain_is_refused(wrong: dict[str, float], said: str) -> None:
    with pytest.raises(InputError, match=said):
        calculator().price(**({"quantity": 1000.0} | wrong))


def test_a_form_that_lacks_something_says_so() -> None:
    with pytest.raises(Refused, match="shares_outstanding"):
        calculator(shares_outstanding=None).impact("almgren2005", 1000)
