"""The compiled reading of integer tables equals the plain one, and times are exact."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowake.data.scan import scan, scan_reference

numbers = st.one_of(
    st.integers(-(10**18), 10**18).map(str),
    st.integers(0, 10**7).map(str),
    st.decimals(0, 10**6, places=12).map(str),
    st.sampled_from(["", "-", "NaN", "1e5", " 1", "1.", ".5", "1.2.3", "--1", "+1", "9" * 30, "0.9999999999", "\r"]),
)
lines = st.lists(numbers, min_size=1, max_size=4).map(",".join)
ends = st.sampled_from(["\n", "\r\n", "\n\n", ""])
texts = st.lists(st.tuples(lines, ends), max_size=8).map(lambda parts: "".join(a + b for a, b in parts).encode())


@given(data=st.one_of(texts, st.binary(max_size=60)), columns=st.integers(1, 3), decimals=st.sampled_from([0, 3, 9]))
def test_kernel_equals_reference(data: bytes, columns: int, decimals: int) -> None:
    table, ok = scan(data, columns, decimals)
    expected_table, expected_ok = scan_reference(data, columns, decimals)
    assert ok.tolist() == expected_ok.tolist()
    assert np.array_equal(table, expected_table)


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("34200.18960767", 34_200_189_607_670),
        ("34200", 34_200_000_000_000),
        ("43002.632812672004", 43_002_632_812_672),
        ("1.9999999996", 2_000_000_000),
        ("0.000000001", 1),
    ],
)
def test_times_are_exact(text: str, ns: int) -> None:
    table, ok = scan(f"{text},1\n".encode(), 2, 9)
    assert ok.all()
    assert table[0, 0] == ns == int((Decimal(text) * 10**9).to_integral_value(ROUND_HALF_UP))


def test_lines_that_are_not_integers_are_marked_by_number() -> None:
    _, ok = scan(b"1,2\n1,NaN\n-1,2\n1,2,3\n1\n1,2", 2)
    assert ok.tolist() == [True, False, True, False, False, True]
