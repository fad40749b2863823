"""What haste is charged: the equations of the sources by hand, and the form itself where the pace is even."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nowake.models.impact import KISSELL, almgren2005, istar
from nowake.study.router.charges import (
    TURNOVER,
    Law,
    MarketTruth,
    Trading,
    almgren_charge_bps,
    draw_law,
    istar_charge_bps,
)
from nowake.study.router.charges import trading_of as trading

TRUTH = MarketTruth(daily_bps=157.0, day_volume=6_561_000.0)
LAW = Law()


def even(cap: float = 0.15) -> Trading:
    return Trading(own=(100.0,) * 4, others=(900.0,) * 4, rest=0.0, cap=cap)


def test_an_even_pace_is_the_form_at_its_own_horizon() -> None:
    # X / (V T) = 0.1 of all volume; the permanent part is of size only.
    qty = 400.0
    horizon = qty / (0.1 * TRUTH.day_volume)
    form = almgren2005(qty, horizon, TRUTH.day_volume, TURNOVER * TRUTH.day_volume, 0.0157)
    assert almgren_charge_bps(even(), TRUTH, LAW) == pytest.approx(form.total_bps, rel=1e-12)
    whole = istar(qty / TRUTH.day_volume, 0.0157 * math.sqrt(250), 0.1, *KISSELL["all"])
    assert istar_charge_bps(even(), TRUTH, LAW) == pytest.approx(whole.total_bps, rel=1e-12)


def test_parts_are_weighted_by_what_they_trade_and_a_rest_counts_at_the_cap() -> None:
    done = Trading(own=(300.0, 0.0, 100.0), others=(300.0, 50.0, 900.0), rest=100.0, cap=0.2)
    speed = 3 / 5 * 0.5**0.6 + 1 / 5 * 0.1**0.6 + 1 / 5 * 0.2**0.6
    permanent = 0.314 / 2 * 157.0 * 500 / 6_561_000 * TURNOVER**0.25
    assert almgren_charge_bps(done, TRUTH, LAW) == pytest.approx(0.142 * 157.0 * speed + permanent, rel=1e-12)
    instant = 708 * (500 / 6_561_000) ** 0.55 * (0.0157 * math.sqrt(250)) ** 0.71
    paces = 3 / 5 * 0.5**0.5 + 1 / 5 * 0.1**0.5 + 1 / 5 * 0.2**0.5
    assert istar_charge_bps(done, TRUTH, LAW) == pytest.approx(instant * (0.98 * paces + 0.02), rel=1e-12)


def test_haste_costs_more() -> None:
    fast = Trading(own=(400.0, 0.0, 0.0, 0.0), others=(900.0,) * 4, rest=0.0, cap=0.15)
    for charge in (almgren_charge_bps, istar_charge_bps):
        assert charge(fast, TRUTH, LAW) > charge(even(), TRUTH, LAW)


def test_fills_go_to_the_part_they_were_made_in() -> None:
    fills = [(9, 1), (10, 2), (19, 4), (20, 8), (39, 16), (45, 32), (3, 64)]
    done = trading(fills, [10, 20, 30, 40], np.array([5.0, 6.0, 7.0]), 200, 0.15)
    assert done.own == (1 + 2 + 4 + 64, 8, 16 + 32)  # before the first and after the last: the nearest part
    assert done.rest == 200 - 127
    assert done.qty == 200


def test_parameters_are_drawn_once_a_window_from_their_errors() -> None:
    assert draw_law(0, "a") == draw_law(0, "a") != draw_law(0, "b")
    drawn = [draw_law(0, str(k)) for k in range(2_000)]
    for name, mean, sd in (("eta", 0.142, 0.0062), ("gamma", 0.314, 0.041), ("beta", 0.600, 0.038)):
        values = np.array([getattr(one, name) for one in drawn])
        assert values.mean() == pytest.approx(mean, abs=4 * sd / math.sqrt(len(values)))
        assert values.std() == pytest.approx(sd, rel=0.08)
    logs = np.log([one.a1 / 708 for one in drawn])
    assert logs.std() == pytest.approx(0.3, rel=0.08)
