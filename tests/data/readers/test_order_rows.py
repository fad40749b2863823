"""Messages about orders -> rows: by hand, kernel equals reference, and the rows' book equals a plain dict of orders."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nowake.core.tape import END, HIDDEN, SNAPSHOT, Row
from nowake.data.readers.order_rows import Op, OrderMessages, OrderRows, order_rows, order_rows_reference

BID, ASK = 1, 2
Message = tuple[int, int, int, int, int, bool, bool]


def messages(rows: list[Message]) -> OrderMessages:
    columns = list(zip(*rows, strict=True)) if rows else [[]] * 7
    kinds = (np.int8, np.int64, np.int8, np.int64, np.int64, np.bool_, np.bool_)
    return OrderMessages(*(np.array(column, dtype=kind) for column, kind in zip(columns, kinds, strict=True)))


def told(rows: OrderRows) -> list[tuple[str, int, int, int, bool]]:
    """Return kind, order, price, qty and whether the message ends."""
    return [
        (Row(code & 0x0F).name, order, price, qty, bool(code & END))
        for code, order, price, qty in zip(
            rows.code.tolist(), rows.order.tolist(), rows.price.tolist(), rows.qty.tolist(), strict=True
        )
    ]


def test_a_trade_its_fills_and_what_follows_by_hand() -> None:
    rows = order_rows(
        messages(
            [
                (Op.ADD, 0, ASK, 101, 5, True, False),
                (Op.ADD, 1, ASK, 101, 4, True, False),
                # A buyer takes 7: order 0 whole, order 1 in part.
                (Op.TRADE, 9, BID, 101, 7, False, False),
                (Op.FILL, 0, ASK, 101, 5, False, False),
                (Op.FILL, 1, ASK, 101, 2, False, False),
                (Op.CANCEL, 0, ASK, 101, 5, False, False),
                (Op.MODIFY, 1, ASK, 101, 2, True, False),
                # An order shrinks, then moves.
                (Op.MODIFY, 1, ASK, 101, 1, True, False),
                (Op.MODIFY, 1, ASK, 102, 1, True, False),
                # Unchanged: no row; the message leaves nothing.
                (Op.MODIFY, 1, ASK, 102, 1, True, False),
                # Implied liquidity: 3 printed, 1 of it from the book; the aggressor's own fill is no print.
                (Op.TRADE, 2, BID, 102, 3, False, False),
                (Op.FILL, 2, BID, 102, 3, False, False),
                (Op.FILL, 1, ASK, 102, 1, False, False),
                (Op.CANCEL, 1, ASK, 102, 1, True, False),
            ]
        ),
        10,
    )
    assert told(rows) == [
        ("ADD", 0, 101, 5, True),
        ("ADD", 1, 101, 4, True),
        ("FILL", 0, 101, 5, False),
        ("FILL", 1, 101, 2, True),
        ("REDUCE", 1, 101, 1, True),
        ("DELETE", 1, 101, 1, False),
        ("ADD", 1, 102, 1, True),
        ("TRADE", -1, 102, 2, False),
        ("FILL", 1, 102, 1, True),
    ]
    assert rows.figures.tolist() == [9, 0]


def test_what_an_iceberg_shows_is_executed_and_its_reserve_is_hidden_by_hand() -> None:
    rows = order_rows(
        messages(
            [
                (Op.ADD, 0, ASK, 101, 2, True, False),
                (Op.ADD, 1, ASK, 101, 1, True, False),
                # A buyer of 9: 2 shown, 1 of the other, 5 of the reserve in one record; 1 is implied.
                (Op.TRADE, 9, BID, 101, 9, False, False),
                (Op.FILL, 1, ASK, 101, 1, False, False),
                (Op.FILL, 0, ASK, 101, 7, False, False),
                (Op.CANCEL, 1, ASK, 101, 1, False, False),
                (Op.MODIFY, 0, ASK, 101, 2, True, False),
            ]
        ),
        10,
    )
    assert told(rows)[2:] == [
        ("TRADE", -1, 101, 1, False),
        ("FILL", 1, 101, 1, False),
        ("FILL", 0, 101, 2, False),
        ("TRADE", -1, 101, 5, False),
        ("ADD", 0, 101, 2, True),
    ]
    assert ((rows.code & HIDDEN) > 0).tolist() == [False] * 5 + [True, False]
    assert rows.figures.tolist() == [4, 0]


def test_an_auction_prints_and_takes_orders_at_their_own_prices() -> None:
    rows = order_rows(
        messages(
            [
                (Op.ADD, 0, BID, 105, 2, True, False),
                (Op.ADD, 1, ASK, 99, 2, True, False),
                (Op.TRADE, -1, 0, 101, 2, False, False),
                (Op.FILL, 0, 0, 101, 2, False, False),
                (Op.FILL, 1, 0, 101, 2, False, False),
                (Op.CANCEL, 0, BID, 105, 2, False, False),
                (Op.CANCEL, 1, ASK, 99, 2, True, False),
            ]
        ),
        2,
    )
    assert told(rows)[2:] == [("TRADE", -1, 101, 2, False), ("DELETE", 0, 105, 2, False), ("DELETE", 1, 99, 2, True)]
    assert rows.figures.tolist() == [2, 0]


def test_snapshots_clear_compare_and_name_what_differs() -> None:
    first = [(Op.ADD, 0, BID, 100, 1, False, True), (Op.ADD, 1, BID, 99, 1, True, True)]
    same = order_rows(messages(first + first), 2)
    assert told(same)[3] == ("CLEAR", -1, 0, 0, False)
    assert (same.code[[0, 1, 3, 4]] & SNAPSHOT).all()
    assert same.figures.tolist() == [2, 0]
    other = [(Op.CLEAR, -1, 0, 0, 0, False, True), (Op.ADD, 0, BID, 100, 2, True, True)]
    assert order_rows(messages(first + other), 2).figures.tolist() == [2, 2]  # one differs, one is not there
    after_gap = [(Op.GAP, -1, 0, 0, 0, True, False), *other]
    assert order_rows(messages(first + after_gap), 2).figures.tolist() == [0, 0]


def test_what_the_book_cannot_take_is_mismatched_and_harmless() -> None:
    rows = order_rows(
        messages(
            [
                (Op.CANCEL, 0, BID, 100, 1, True, False),  # not there
                (Op.ADD, 0, BID, 100, 5, True, False),
                (Op.ADD, 0, BID, 101, 2, True, False),  # there already: replaced
                (Op.CANCEL, 0, BID, 101, 3, True, False),  # more than it has
                (Op.ADD, 1, BID, 100, 5, True, False),
                (Op.FILL, 1, BID, 100, 2, True, False),  # nothing follows: undone
            ]
        ),
        2,
    )
    assert rows.figures.tolist() == [4, 4]
    assert told(rows)[-2:] == [("FILL", 1, 100, 2, False), ("ADD", 1, 100, 2, True)]
    book: Counter[int] = Counter()
    for name, _, price, qty, _ in told(rows):
        book[price] += qty if name == "ADD" else -qty
    assert +book == {100: 5}


# Few orders and prices, and every kind of message: what follows a fill mostly names its order and price.
message = st.integers(0, 2).flatmap(
    lambda order: st.tuples(
        st.sampled_from([int(op) for op in Op] + [Op.ADD, Op.ADD, Op.FILL, Op.FILL, Op.CANCEL, Op.CANCEL, Op.MODIFY]),
        st.just(order),
        st.sampled_from([BID + order % 2] * 5 + [ASK - order % 2]),
        st.sampled_from([100] * 5 + [101]),
        st.integers(1, 4),
        st.sampled_from([False, False, False, True]),
        st.just(False),
    )
)


@given(
    st.lists(message, min_size=20, max_size=40),
    st.lists(st.sampled_from([False] * 9 + [True]), min_size=40, max_size=40),
)
def test_kernel_equals_reference(rows: list[Message], snaps: list[bool]) -> None:
    # Snapshots consist of CLEAR and ADD.
    marked = [(*row[:6], snap and row[0] in (Op.ADD, Op.CLEAR)) for row, snap in zip(rows, snaps, strict=False)]
    given_messages = messages(marked)
    expected, got = order_rows_reference(given_messages), order_rows(given_messages, 4)
    for name in OrderRows.__slots__:
        np.testing.assert_array_equal(getattr(got, name), getattr(expected, name), err_msg=name)


@given(st.data())
def test_the_levels_of_the_rows_are_those_of_a_dict_of_orders(data: st.DataObject) -> None:
    """Draw sound messages from a dict of orders; summing rows by level must give the dict back, and every print."""
    orders: dict[int, tuple[int, int, int]] = {}
    rows: list[Message] = []
    printed = 0
    for number in range(data.draw(st.integers(1, 25))):
        act = data.draw(st.sampled_from(["add", "cancel", "modify", "trade"] if orders else ["add"]))
        if act == "add":
            side, price, size = data.draw(st.sampled_from([BID, ASK])), data.draw(st.integers(90, 110)), 1 + number % 7
            orders[number] = (side, price, size)
            rows.append((Op.ADD, number, side, price, size, True, False))
            continue
        order = data.draw(st.sampled_from(sorted(orders)))
        side, price, size = orders[order]
        take = data.draw(st.integers(1, size))
        left = size - take
        if act == "modify":
            new = (side, data.draw(st.integers(90, 110)), data.draw(st.integers(1, 9)))
            orders[order] = new
            rows.append((Op.MODIFY, order, *new, True, False))
            continue
        if act == "trade":
            printed += take
            rows.append((Op.TRADE, -1, 3 - side, price, take, False, False))
            rows.append((Op.FILL, order, side, price, take, False, False))
        if act == "trade" and left and data.draw(st.booleans()):
            rows.append((Op.MODIFY, order, side, price, left, True, False))
        else:
            rows.append((Op.CANCEL, order, side, price, take, True, False))
        orders.pop(order)
        if left:
            orders[order] = (side, price, left)
    made = order_rows(messages(rows), 25)
    levels: Counter[tuple[int, int]] = Counter()
    prints = 0
    for code, price, qty in zip(made.code.tolist(), made.price.tolist(), made.qty.tolist(), strict=True):
        kind = Row(code & 0x0F)
        prints += qty if kind in (Row.FILL, Row.TRADE) else 0
        if kind is not Row.TRADE:
            levels[(code & 0x30) >> 4, price] += qty if kind is Row.ADD else -qty
    expected: Counter[tuple[int, int]] = Counter()
    for side, price, size in orders.values():
        expected[side, price] += size
    assert {key: value for key, value in levels.items() if value} == dict(expected)
    assert prints == printed
    assert made.figures[1] == 0
