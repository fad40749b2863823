"""The order-by-order kernel equals its plain reference, and its sizes are those of the book by price level."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowake.core.errors import InputError
from nowake.core.tape import Book, Row, Tape, row_code
from nowake.data.source import open_tapes
from nowake.market import book as bk
from nowake.market.book_l3 import OrderBook
from nowake.market.book_l3_reference import ReferenceOrderBook

BID, ASK = Book.BID, Book.ASK
IDS = st.integers(0, 12)
KINDS = [Row.ADD] * 5 + [Row.REDUCE, Row.DELETE, Row.FILL] * 2 + [Row.SET, Row.TRADE, Row.CLEAR, Row.QUOTE]
ROW = st.tuples(
    st.sampled_from(KINDS), st.sampled_from([BID, ASK, Book.NONE]), st.integers(-3, 3), st.integers(0, 9), IDS
)


def assert_equal(kernel: OrderBook, reference: ReferenceOrderBook) -> None:
    assert kernel.strays == reference.strays
    assert kernel.executions == reference.executions
    assert kernel.count == len(reference.where)
    for side in (0, 1):
        assert kernel.levels(side) == reference.levels(side)
        for price, size in reference.levels(side):
            assert kernel.queue(side, price) == reference.queue(side, price)
            assert kernel.size(side, price) == size
    for order_id in range(1, 13):
        assert kernel.ahead(order_id) == reference.ahead(order_id)


@given(rows=st.lists(ROW, max_size=120), room=st.integers(1, 8))
def test_kernel_equals_reference(rows: list[tuple[Row, Book, int, int, int]], room: int) -> None:
    kernel, reference = OrderBook(orders=room, places=room), ReferenceOrderBook()
    for kind, side, price, qty, order_id in rows:
        kernel.apply(row_code(kind, side), price, qty, order_id)
        reference.apply(row_code(kind, side), price, qty, order_id)
        assert kernel.strays == reference.strays
    assert_equal(kernel, reference)


def test_first_come_first_served() -> None:
    """By hand: 100 stand unnamed, then three orders come; the middle one leaves, the first is cut, a modified goes
    last."""
    book = OrderBook()
    book.apply(row_code(Row.SET, BID), 5, 100, 0)
    for order_id, qty in ((1, 10), (2, 20), (3, 30)):
        book.apply(row_code(Row.ADD, BID), 5, qty, order_id)
    assert (book.ahead(1), book.ahead(2), book.ahead(3)) == (100, 110, 130)
    book.apply(row_code(Row.DELETE, BID), 5, 20, 2)
    book.apply(row_code(Row.FILL, BID), 5, 60, 77)  # an order nobody saw come: of those that stood there before
    book.apply(row_code(Row.REDUCE, BID), 5, 4, 1)
    assert book.queue(0, 5) == [(0, 40), (1, 6), (3, 30)]
    assert book.ahead(3) == 46
    book.apply(row_code(Row.DELETE, BID), 5, 6, 1)
    book.apply(row_code(Row.ADD, BID), 5, 6, 1)  # a modified order loses its place
    assert book.queue(0, 5) == [(0, 40), (3, 30), (1, 6)]
    assert (book.size(0, 5), book.count, book.strays) == (76, 2, 0)
    assert book.ahead(2) is None


@pytest.mark.parametrize("seed", range(4))
def test_kernel_equals_reference_on_long_streams(seed: int) -> None:
    rng = np.random.default_rng(seed)
    kernel, reference = OrderBook(orders=2, places=2), ReferenceOrderBook()
    for i in range(6_000):
        kind = rng.choice(
            [Row.ADD, Row.ADD, Row.ADD, Row.REDUCE, Row.DELETE, Row.FILL, Row.SET], p=[0.2] * 3 + [0.1] * 4
        )
        code = row_code(Row(kind), BID if rng.random() < 0.5 else ASK)
        order_id = i + 1 if kind == Row.ADD else int(rng.integers(0, i + 2))
        price, qty = int(rng.integers(-40, 40)), int(rng.integers(0, 50))
        if kind == Row.SET and rng.random() < 0.9:
            continue
        known = reference.where.get(order_id)
        if kind != Row.ADD and known is not None:
            code, price = row_code(Row(kind), BID if known[0] == 0 else ASK), known[1]
        kernel.apply(code, price, qty, order_id)
        reference.apply(code, price, qty, order_id)
    assert kernel.count > 500
    for side in (0, 1):
        assert kernel.levels(side) == reference.levels(side)
        assert all(kernel.queue(side, price) == reference.queue(side, price) for price, _ in reference.levels(side))
    assert all(kernel.ahead(order_id) == reference.ahead(order_id) for order_id in reference.where)


def _recorded(folder: Path, pattern: str) -> Tape:
    (tape,) = open_tapes([next(folder.glob(pattern))], allow=("crossed", "gaps"))
    return tape


@pytest.mark.parametrize("pattern", ["lobster/*AMZN*_5.zip", "lobster/*AAPL*_1.zip"])
def test_sizes_are_those_of_the_book_by_level(recorded_data: Path, pattern: str) -> None:
    """Two independent books on one recording: every level, every 5,000 rows; the queues add up to their level."""
    tape = _recorded(recorded_data, pattern)
    orders, levels = OrderBook(), bk.new_book()
    for lo in range(0, len(tape), 5_000):
        hi = min(lo + 5_000, len(tape))
        orders.run(tape, lo, hi)
        for i in range(lo, hi):
            row = int(tape.code[i]), int(tape.price[i]), int(tape.qty[i])
            while status := bk.apply_row(*bk.parts(levels), *row):
                levels = bk.repaired(levels, status)
        for side in (0, 1):
            assert orders.levels(side) == [(k if side == 0 else -k, size) for k, size in bk.levels(levels, side)]
            for price, size in orders.levels(side):
                assert sum(qty for _, qty in orders.queue(side, price)) == size


def test_a_tape_without_ids_is_refused(recorded_data: Path) -> None:
    (tape,) = open_tapes([recorded_data / "binance" / "spot_btcusdt_20240808.gz"])
    with pytest.raises(InputError, match="order by order"):
        OrderBook().run(tape, 0, 10)


def test_the_data_shows_first_come_first_served(recorded_data: Path) -> None:
    """Bitstamp's own order stream, kernel against the plain reference row by row: every execution met the first."""
    (tape,) = open_tapes([recorded_data / "bitstamp" / "orders_2015-05-01.parquet"])
    book, reference = OrderBook(), ReferenceOrderBook()
    for row in zip(*(c.tolist() for c in (tape.code, tape.price, tape.qty, tape.order_id)), strict=True):
        book.apply(*row)
        reference.apply(*row)
    assert book.executions == reference.executions
    assert book.strays == reference.strays == 0
    known, first = book.executions
    assert known == first > 500
