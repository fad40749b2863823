"""Square-root impact against the numbers of the literature."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowake.core.errors import InputError
from nowake.models.impact import FORMS, average_bps, find_form, peak_bps


@pytest.mark.parametrize(
    ("fraction", "y", "expected"),
    [(0.01, 1.0, 20.0), (0.01, 0.5, 10.0), (0.10, 1.0, 63.246), (0.10, 0.5, 31.623)],
)
def test_peak_has_the_published_size(fraction: float, y: float, expected: float) -> None:
    # Toth et al. 2011, Y of order 1, sigma = 2 % a day: 1 % of a day's volume moves a tenth of a day's volatility.
    assert peak_bps(fraction * 5e6, 5e6, daily_vol_bps=200, y=y) == pytest.approx(expected, abs=5e-4)


def test_average_of_the_one_percent_order() -> None:
    assert average_bps(1, 100, daily_vol_bps=200, y=1.0) == pytest.approx(13.3, abs=0.05)


@given(fraction=st.floats(1e-6, 1.0), vol=st.floats(1, 1000), y=st.floats(0.05, 3), delta=st.floats(0.2, 1.0))
def test_average_is_the_mean_of_the_path(fraction: float, vol: float, y: float, delta: float) -> None:
    # The law holds along the trajectory, so the average paid is the mean of the peak of each part: midpoint rule.
    n = 4000
    path = [peak_bps(fraction * (i + 0.5) / n, 1.0, daily_vol_bps=vol, y=y, delta=delta) for i in range(n)]
    assert average_bps(fraction, 1.0, daily_vol_bps=vol, y=y, delta=delta) == pytest.approx(
        math.fsum(path) / n, rel=1e-3
    )


@given(qty=st.one_of(st.just(0.0), st.floats(1e-6, 1e9)), more=st.floats(1.001, 1e3), volume=st.floats(1, 1e12))
def test_peak_rises_with_size_and_less_than_in_proportion(qty: float, more: float, volume: float) -> None:
    small = peak_bps(qty, volume, daily_vol_bps=200, y=0.7)
    large = peak_bps(qty * more, volume, daily_vol_bps=200, y=0.7)
    assert small <= large <= small * more * (1 + 1e-12)


@pytest.mark.parametrize(
    "wrong",
    [
        {"qty": -1},
        {"day_volume": 0},
        {"daily_vol_bps": -1},
        {"y": -0.1},
        {"delta": 0},
        {"delta": 1.5},
        {"qty": math.nan},
    ],
)
def test_arguments_outside_their_domain_are_refused(wrong: dict[str, float]) -> None:
    given_all = {"qty": 1.0, "day_volume": 100.0, "daily_vol_bps": 200.0, "y": 1.0, "delta": 0.5} | wrong
    with pytest.raises(InputError, match=next(iter(wrong))):
        peak_bps(**given_all)


def test_forms_are_found_by_name_and_unknown_ones_refused() -> None:
    assert find_form("square-root") is FORMS["square-root"]
    with pytest.raises(InputError, match="square-root"):
        find_form("cubic")
