"""The kernel of a schedule's numbers against whole arrays, and both against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowake.plan.solvers.numbers import Numbers, numbers_kernel, numbers_of


@given(
    rows=st.lists(
        st.tuples(
            st.integers(0, 10**12),  # gap before it, ns
            st.integers(1, 10**13),  # length, ns
            st.integers(1, 10**9),
            st.one_of(st.just(0.0), st.floats(1e-3, 1e12)),
            st.booleans(),
        ),
        min_size=1,
        max_size=40,
    ),
    one_tactic=st.booleans(),
    unseen=st.floats(0.05, 100),
    delta=st.sampled_from([0.4, 0.5, 1.0]),
)
def test_the_kernel_is_the_reference(
    rows: list[tuple[int, int, int, float, bool]], one_tactic: bool, unseen: float, delta: float
) -> None:
    at, release, end = 1_700_000_000_000_000_000, [], []
    for gap, length, *_ in rows:
        release.append(at + gap)
        at = at + gap + length
        end.append(at)
    crosses = np.array([row[4] for row in rows[: 1 if one_tactic else None]])
    columns = (np.array(release), np.array(end), np.array([r[2] for r in rows]), np.array([r[3] for r in rows]))
    made = Numbers(*numbers_kernel(*columns, crosses, unseen, delta, 19.0))
    expected = numbers_of(*columns, crosses, unseen, delta, 19.0)
    assert made.qty_units == expected.qty_units
    assert made.peak == expected.peak
    assert made == pytest.approx(expected, rel=1e-9)


def test_numbers_by_hand() -> None:
    # 30 of 40 at once against 10, then 10 in the second hour, whose volume is not known: taken as 3 per unit, so 30.
    hour = 3600 * 10**9
    columns = (np.array([0, hour]), np.array([hour // 2, 2 * hour]), np.array([30, 10]), np.array([10.0, 0.0]))
    for form in (numbers_of, numbers_kernel):
        made = Numbers(*form(*columns, np.array([True, False]), 3.0, 0.5, 19.0))
        assert (made.qty_units, made.others, made.peak) == (40, 40.0, 1.0)
        assert made.pace == pytest.approx(0.75 * 3 + 0.25 / 3)
        assert made.speed == pytest.approx(0.75 * 2 + 0.25 * (4 / 3) ** 0.5)
        # A quarter is left from the first release on; it falls to nothing through the second hour.
        assert made.waiting_ns == pytest.approx(hour / 16 + hour / 16 / 3)
