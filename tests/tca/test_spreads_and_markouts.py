"""Spreads and markouts: the numbers of SCIENCE 8 and the identity between them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowake.core.errors import InputError
from nowake.tca.markouts import markout_bps, mid_after
from nowake.tca.spreads import effective_spread, in_bps, price_impact, realised_spread

BUY = np.ones(3)
PRICE = np.array([100.02, 100.05, 100.10])
MID = np.array([99.98, 100.03, 100.06])
LATER = np.array([100.00, 100.09, 100.07])

prices = st.lists(st.tuples(*[st.floats(1, 1e5)] * 3, st.sampled_from([1.0, -1.0])), min_size=1, max_size=20)


def test_the_numbers_of_the_science_page() -> None:
    assert effective_spread(BUY, PRICE, MID) == pytest.approx([0.08, 0.04, 0.08])
    assert realised_spread(BUY, PRICE, LATER) == pytest.approx([0.04, -0.08, 0.06])
    assert price_impact(BUY, MID, LATER) == pytest.approx([0.04, 0.12, 0.02])
    assert markout_bps(BUY, PRICE, LATER) == pytest.approx([-1.9996, 3.9980, -2.9970], abs=5e-5)
    assert in_bps(effective_spread(BUY, PRICE, MID), MID) == pytest.approx([8.0016, 3.9988, 7.9952], abs=5e-5)


@given(rows=prices)
def test_effective_is_realised_plus_impact(rows: list[tuple[float, float, float, float]]) -> None:
    price, mid, later, side = np.array(rows).T
    parts = realised_spread(side, price, later) + price_impact(side, mid, later)
    assert effective_spread(side, price, mid) == pytest.approx(parts, abs=1e-9)
    assert markout_bps(side, price, later) == pytest.approx(-markout_bps(-side, price, later))


def test_the_mid_after_a_horizon_is_the_newest_at_or_before_it() -> None:
    times, mids = np.array([10, 20, 20, 40]), np.array([1.0, 2.0, 3.0, 4.0])
    found = mid_after(np.array([0, 5, 9, 15, 30, 35, 36]), times, mids, 5)
    assert found[[1, 2, 3, 4, 5]].tolist() == [1.0, 1.0, 3.0, 3.0, 4.0]
    assert np.isnan(found[[0, 6]]).all()
    assert np.isnan(mid_after(np.array([1]), np.array([], dtype=np.int64), np.array([]), 0)).all()


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(InputError, match="of one shape"):
        effective_spread(BUY, PRICE, MID[:2])
    with pytest.raises(InputError, match="prices > 0"):
        in_bps(BUY, np.zeros(3))
    with pytest.raises(InputError, match="prices > 0"):
        markout_bps(BUY, np.zeros(3), MID)
    with pytest.raises(InputError, match="rising"):
        mid_after(np.array([1]), np.array([2, 1]), np.array([1.0, 1.0]), 0)
    with pytest.raises(InputError, match="delay_ns must be >= 0"):
        mid_after(np.array([1]), np.array([1]), np.array([1.0]), -1)
