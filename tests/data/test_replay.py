"""The replay kernel equals its plain reference on random streams, near the touch and far from it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowake.core.tape import END, Book, Row, row_code
from nowake.data.replay import book_counts, replay, replay_reference

KINDS = [Row.SET] * 5 + [Row.ADD] * 4 + [Row.REDUCE, Row.DELETE, Row.FILL, Row.TRADE, Row.QUOTE, Row.GAP, Row.CLEAR]


def stream(seed: int, rows: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return random (code, price, qty) with the two sides within ``width`` units of each other."""
    rng = np.random.default_rng(seed)
    kind = np.array(KINDS)[rng.integers(0, len(KINDS), rows)]
    kind[(kind == Row.CLEAR) & (rng.random(rows) < 0.9)] = Row.SET
    side = rng.integers(1, 3, rows)
    away = rng.integers(-2, width, rows)
    price = np.where(side == 1, 100_000 - away, 100_000 + away)
    qty = rng.integers(0, 4, rows)
    code = kind | side << 4 | np.where(rng.random(rows) < 0.5, END, 0)
    return code.astype(np.uint16), price.astype(np.int64), qty.astype(np.int64)


@given(seed=st.integers(0, 2**32), rows=st.integers(1, 3_000), width=st.sampled_from([4, 60, 900, 90_000]))
def test_kernel_equals_reference(seed: int, rows: int, width: int) -> None:
    code, price, qty = stream(seed, rows, width)
    marks = np.sort(np.random.default_rng(seed).integers(0, rows, 9))
    touch, counts, levels = replay(code, price, qty, marks)
    expected_touch, expected_counts, expected_levels = replay_reference(code, price, qty, marks)
    assert np.array_equal(touch, expected_touch)
    assert counts.tolist() == expected_counts.tolist()
    for column, expected in zip(levels, expected_levels, strict=True):
        assert np.array_equal(column, expected)


def test_a_walk_away_from_thousands_of_levels_brings_them_back() -> None:
    n = 3_000
    bids = np.arange(1, n + 1)
    code = np.full(2 * n, row_code(Row.SET, Book.BID, END), dtype=np.uint16)
    price = np.concatenate([bids, bids[::-1]])
    qty = np.concatenate([bids, np.zeros(n, dtype=np.int64)])
    marks = np.arange(n, 2 * n - 1)
    touch, _, levels = replay(code, price, qty, marks)
    assert touch[:, 0].tolist() == touch[:, 1].tolist() == list(range(n - 1, 0, -1))
    assert not len(levels[0])


@pytest.mark.parametrize(("ask", "crossed", "locked"), [(9, 1, 0), (10, 0, 1), (11, 0, 0)])
def test_crossed_and_locked(ask: int, crossed: int, locked: int) -> None:
    code = np.array([row_code(Row.SET, Book.BID), row_code(Row.SET, Book.ASK, END)], dtype=np.uint16)
    _, counts, _ = replay(code, np.array([10, ask]), np.array([1, 1]), np.empty(0, dtype=np.int64))
    assert counts.tolist() == [crossed, locked, 0]


def test_a_book_that_collects_orders_in_a_halt_is_not_crossed() -> None:
    """Crossed at each of three messages: before the halt, in it, and after trading goes on."""
    add = row_code(Row.ADD, Book.BID, END)
    code = [row_code(Row.ADD, Book.ASK, END), add, row_code(Row.HALT, Book.NONE, END), add]
    code += [row_code(Row.RESUME, Book.NONE, END), add]
    price = np.array([10, 11, 0, 12, 0, 13])
    qty = np.array([1, 1, 0, 1, 0, 1])
    assert book_counts(np.array(code, dtype=np.uint16), price, qty) == (2, 0, 0)
    assert book_counts(np.array(code[:2], dtype=np.uint16), price[:2], qty[:2]) == (1, 0, 0)
