"""The exact slicer: nothing is lost, nothing is off the grid, and what cannot be done is refused with the nearest."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nowake.core.errors import InputError, Refused
from nowake.plan.slicer import _nearest_part, nearest_feasible, slice_exactly

WEIGHT = st.one_of(
    st.integers(0, 10**6),
    st.floats(0, 1e12, allow_subnormal=True),
    st.fractions(0, 10**6, max_denominator=10**9),
    st.sampled_from([0.1, 1 / 3, 1e-300, 5e-324, 1e300]),
)
WEIGHTS = st.lists(WEIGHT, min_size=1, max_size=30).filter(lambda w: any(x > 0 for x in w))


def test_equal_split_of_a_thousand_in_seven() -> None:
    # SCIENCE 13, largest remainder.
    assert slice_exactly(1000, [1] * 7) == (143, 143, 143, 143, 143, 143, 142)


def test_volume_weights_give_whole_shares() -> None:
    # SCIENCE 13: the weights are decimal, their floats are not; the shares are exact all the same.
    assert slice_exactly(1000, [0.12, 0.08, 0.07, 0.06, 0.07, 0.1, 0.5]) == (120, 80, 70, 60, 70, 100, 500)


@given(lots=st.integers(1, 10**15), lot=st.integers(1, 10**4), weights=WEIGHTS)
def test_any_weights_lose_no_lot(lots: int, lot: int, weights: list[int | float | Fraction]) -> None:
    parts = slice_exactly(lots * lot, weights, lot_units=lot)
    assert sum(parts) == lots * lot
    total = sum(Fraction(w) for w in weights)
    for part, weight in zip(parts, weights, strict=True):
        assert part % lot == 0
        assert abs(part / Fraction(lot) - lots * Fraction(weight) / total) < 1
        assert weight > 0 or part == 0


@given(lots=st.integers(1, 10**12), n=st.integers(1, 500), lot=st.integers(1, 1000))
def test_equal_weights_are_equal_within_a_lot(lots: int, n: int, lot: int) -> None:
    parts = slice_exactly(lots * lot, [0.1] * n, lot_units=lot)
    assert max(parts) - min(parts) <= lot
    assert list(parts) == sorted(parts, reverse=True)


@given(
    qty=st.integers(1, 3000),
    weights=WEIGHTS,
    lot=st.integers(1, 40),
    least=st.integers(0, 300),
    spread=st.one_of(st.none(), st.integers(0, 300)),
)
def test_limits_hold_or_the_order_is_refused(
    qty: int, weights: list[int | float | Fraction], lot: int, least: int, spread: int | None
) -> None:
    smallest = max(lot, -(-least // lot) * lot)
    largest = smallest + spread if spread is not None else 0
    slots = sum(1 for w in weights if w > 0)
    top = (largest or 10**9) // lot * lot
    feasible = qty % lot == 0 and any(k * smallest <= qty <= k * top for k in range(1, slots + 1))
    if not feasible:
        with pytest.raises(Refused):
            slice_exactly(qty, weights, lot_units=lot, min_units=least, max_units=largest)
        return
    parts = slice_exactly(qty, weights, lot_units=lot, min_units=least, max_units=largest)
    assert sum(parts) == qty
    assert all(part == 0 or (smallest <= part <= top and part % lot == 0) for part in parts)


@given(n=st.integers(2, 40), least=st.integers(2, 50), each=st.integers(1, 49))
def test_dust_waits_for_its_neighbour(n: int, least: int, each: int) -> None:
    assume(each < least <= n * each)
    parts = slice_exactly(n * each, [1] * n, min_units=least)
    done = 0
    last = max(i for i, part in enumerate(parts) if part)
    for i, part in enumerate(parts):
        done += part
        # Before the last order dust is only ever late; that one takes the rest.
        assert done <= (i + 1) * each or i >= last


@given(
    want=st.integers(0, 60),
    left=st.integers(1, 60),
    slots=st.integers(0, 6),
    least=st.integers(1, 20),
    spread=st.integers(0, 20),
)
def test_each_part_is_the_nearest_that_leaves_the_rest_feasible(
    want: int, left: int, slots: int, least: int, spread: int
) -> None:
    most = least + spread

    def fits(lots: int, n: int) -> bool:
        return any(k * least <= lots <= k * most for k in range(n + 1))

    assume(fits(left, slots + 1))
    allowed = [x for x in range(left + 1) if (x == 0 or least <= x <= most) and fits(left - x, slots)]
    chosen = _nearest_part(want, left, slots, least, most)
    assert chosen in allowed
    if want < least and 0 in allowed:
        assert chosen == 0
    else:
        assert abs(chosen - want) == min(abs(x - want) for x in allowed)


@given(
    qty=st.integers(1, 400),
    slots=st.integers(1, 6),
    lot=st.integers(1, 7),
    least=st.integers(1, 9),
    more=st.integers(0, 9),
)
def test_the_nearest_feasible_quantities_are_the_nearest(qty: int, slots: int, lot: int, least: int, more: int) -> None:
    most = least + more
    feasible = [n for n in range(1, 1000) if any(k * least <= n <= k * most for k in range(1, slots + 1))]
    below = max((n for n in feasible if n * lot <= qty), default=None)
    above = min((n for n in feasible if n * lot >= qty), default=None)
    assert set(nearest_feasible(qty, slots, lot, least, most)) == {n for n in (below, above) if n is not None}


def test_refusals_name_the_nearest_plan() -> None:
    with pytest.raises(Refused, match="not a multiple of the lot 100; nearest is 1200 or 1300"):
        slice_exactly(1250, [1], lot_units=100)
    with pytest.raises(Refused, match="under the smallest order 10; nearest is 10"):
        slice_exactly(7, [1, 1], min_units=10)
    with pytest.raises(Refused, match="does not fit in 2 orders of 10 to 50; nearest is 100"):
        slice_exactly(120, [1, 1], min_units=10, max_units=50)


@pytest.mark.parametrize("weights", [[], [0, 0], [-1, 2], [math.nan], [math.inf, 1]])
def test_weights_that_mean_nothing_are_refused(weights: list[float]) -> None:
    with pytest.raises(InputError, match="weights"):
        slice_exactly(10, weights)


@given(
    steps=st.lists(st.integers(0, 400), min_size=1, max_size=20).map(lambda one: one * 3), whole=st.integers(0, 10**9)
)
def test_rests_that_tie_but_for_the_rounding_of_floats_go_to_the_earlier_slices(steps: list[int], whole: int) -> None:
    # 3 n weights of 1, 4, 7, ...: every rest of T whole + T / 3 lots is exactly 1/3, so n lots are left over.
    weights = [3 * step + 1 for step in steps]
    total = sum(weights)
    lots = total * whole + total // 3
    exact = [lots * weight // total + (k < len(weights) // 3) for k, weight in enumerate(weights)]
    for given_as in (weights, [float(one) for one in weights], np.array(weights, dtype=np.float64)):
        assert list(slice_exactly(lots, given_as)) == exact
