"""The book kernel equals its plain reference, and means what the rows say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from market_rows import MID, streams

from nowake.core.tape import END, SNAPSHOT, Book, Row, row_code
from nowake.core.view import Integrity
from nowake.market import book as bk
from nowake.market.book_reference import ReferenceBook
from nowake.market.table import grown, new_table, table_get, table_put

BID, ASK = Book.BID, Book.ASK


class Kernel:
    """The kernel book behind the interface of the reference."""

    def __init__(self, step: int = 1, width: int = 64, table: int = 4) -> None:
        self.book = bk.new_book(step, width, table)

    def apply(self, code: int, price: int, qty: int) -> None:
        while status := bk.apply_row(*bk.parts(self.book), code, price, qty):
            self.book = bk.repaired(self.book, status)

    def levels(self, side: int, count: int | None = None) -> list[tuple[int, int]]:
        return [(key if side == 0 else -key, size) for key, size in bk.levels(self.book, side, count)]

    def flags(self) -> Integrity:
        return Integrity(bk.book_flags(self.book[: bk.HEAD]))


def assert_equal(kernel: Kernel, reference: ReferenceBook) -> None:
    assert kernel.flags() == reference.flags()
    for side in (0, 1):
        assert kernel.levels(side) == reference.levels(side)
        assert kernel.levels(side, 3) == reference.levels(side, 3)
        best = bk.best_key(kernel.book[: bk.HEAD], side)
        expected = reference.best(side)
        assert (None if best == bk.NO_PRICE else best if side == 0 else -best) == expected
    assert kernel.book[bk.CLAMPED] == reference.clamped


@given(rows=streams(max_rows=80), width=st.sampled_from([64, 128, 4_160, 32_768]))
def test_kernel_equals_reference(rows: list[tuple[int, int, int, int]], width: int) -> None:
    kernel, reference = Kernel(width=width), ReferenceBook()
    for _, code, price, qty in rows:
        kernel.apply(code, price, qty)
        reference.apply(code, price, qty)
        assert kernel.flags() == reference.flags()
    assert_equal(kernel, reference)


@given(rows=streams(max_rows=40, tick=10, off_grid=True))
def test_prices_off_the_grid_are_kept(rows: list[tuple[int, int, int, int]]) -> None:
    kernel, reference = Kernel(step=10), ReferenceBook()
    for _, code, price, qty in rows:
        kernel.apply(code, price, qty)
        reference.apply(code, price, qty)
    assert_equal(kernel, reference)


@pytest.mark.parametrize("seed", range(8))
def test_kernel_equals_reference_on_long_wandering_streams(seed: int) -> None:
    rng = np.random.default_rng(seed)
    kernel, reference = Kernel(step=5, width=128, table=16), ReferenceBook()
    middle = 0
    for i in range(4_000):
        middle += int(rng.integers(-40, 41)) * (50 if seed % 2 else 1)
        side = int(rng.integers(0, 2))
        far = int(rng.exponential(30 if rng.random() < 0.95 else 5_000))
        price = 5 * (middle - far if side == 0 else middle + far)
        kind = rng.choice([Row.SET, Row.ADD, Row.REDUCE, Row.DELETE, Row.FILL])
        qty = int(rng.choice([0, 1, 10, 50]))
        levels = reference.levels(side)
        if levels and rng.random() < 0.4:  # act on what exists, best levels most often
            price = levels[min(int(rng.exponential(2)), len(levels) - 1)][0]
        code = row_code(Row(kind), Book(side + 1), END)
        kernel.apply(code, price, qty)
        reference.apply(code, price, qty)
        assert kernel.flags() == reference.flags()
        if i % 50 == 0:
            assert_equal(kernel, reference)
    assert_equal(kernel, reference)


def test_a_reduction_below_zero_is_clamped_and_counted() -> None:
    kernel = Kernel()
    kernel.apply(row_code(Row.SET, BID), 100, 5)
    kernel.apply(row_code(Row.FILL, BID), 100, 7)
    assert kernel.levels(0) == []
    assert kernel.book[bk.CLAMPED] == 1


def test_a_gap_lasts_until_the_snapshot_after_a_clear_ends() -> None:
    kernel = Kernel()
    steps = [
        (row_code(Row.SET, BID, END), 99, 5, Integrity.EMPTY),
        (row_code(Row.SET, ASK, END), 101, 5, Integrity.OK),
        (row_code(Row.GAP), 0, 0, Integrity.GAP),
        (row_code(Row.SET, ASK, END, SNAPSHOT), 102, 5, Integrity.GAP),
        (row_code(Row.CLEAR), 0, 0, Integrity.GAP | Integrity.EMPTY),
        (row_code(Row.SET, BID, SNAPSHOT), 99, 5, Integrity.GAP | Integrity.EMPTY),
        (row_code(Row.SET, ASK, SNAPSHOT, END), 101, 5, Integrity.OK),
        (row_code(Row.SET, BID, END), 101, 5, Integrity.LOCKED),
        (row_code(Row.SET, BID, END), 102, 5, Integrity.CROSSED),
        (row_code(Row.HALT), 0, 0, Integrity.CROSSED | Integrity.HALTED),
        (row_code(Row.RESUME), 0, 0, Integrity.CROSSED),
    ]
    for code, price, qty, expected in steps:
        kernel.apply(code, price, qty)
        assert kernel.flags() == expected


def test_best_quotes_make_a_book_only_until_depth_rows_come() -> None:
    kernel = Kernel()
    for side, price in ((BID, 99), (ASK, 101), (BID, 98)):
        kernel.apply(row_code(Row.QUOTE, side), price, 5)
    assert (kernel.levels(0), kernel.levels(1)) == ([(98, 5)], [(101, 5)])
    kernel.apply(row_code(Row.SET, BID), 97, 1)
    kernel.apply(row_code(Row.QUOTE, BID), 99, 5)
    assert (kernel.levels(0), kernel.levels(1)) == ([(97, 1)], [])


def test_a_sparse_book_keeps_levels_far_apart() -> None:
    kernel, reference = Kernel(width=64, table=4), ReferenceBook()
    for i in range(200):
        for side in (BID, ASK):
            price = MID + (i * 7_919 if side is ASK else -i * 7_919)
            kernel.apply(row_code(Row.SET, side), price, i + 1)
            reference.apply(row_code(Row.SET, side), price, i + 1)
    for i in range(199):
        kernel.apply(row_code(Row.SET, BID), MID - i * 7_919, 0)
        reference.apply(row_code(Row.SET, BID), MID - i * 7_919, 0)
        assert_equal(kernel, reference)


@given(st.lists(st.tuples(st.integers(-40, 40), st.integers(0, 3)), max_size=200))
def test_the_table_is_a_dict(steps: list[tuple[int, int]]) -> None:
    table, expected = new_table(4), {}
    for key, value in steps:
        if 4 * (len(expected) + 1) > len(table):
            table = grown(table)
        change = table_put(table, key, value)
        before = len(expected)
        expected.pop(key, None)
        if value:
            expected[key] = value
        assert change == len(expected) - before
    assert {key: table_get(table, key) for key in range(-40, 41) if table_get(table, key)} == expected
