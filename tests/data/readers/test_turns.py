"""Rows of a message in the order of the queue: by hand, kernel equals reference, and what must not change."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nowake.core.tape import END, HIDDEN, Row
from nowake.data.readers.order_rows import OrderRows
from nowake.data.readers.turns import in_turn, in_turn_reference
from nowake.data.source import open_tapes

BID, ASK = 1, 2
Told = tuple[Row, int, int, int, bool]


def rows_of(told: list[tuple[Row, int, int, int, int, bool]]) -> OrderRows:
    """Return rows of (kind, side, order, price, qty, last of its message)."""
    table = np.array([(k, side << 4 | (END if last else 0), *rest) for k, side, *rest, last in told], dtype=np.int64)
    table = table.reshape(-1, 5)
    code = (table[:, 0] | table[:, 1]).astype(np.uint16)
    return OrderRows(np.arange(len(told)), table[:, 2], code, table[:, 3], table[:, 4], np.zeros(2, dtype=np.int64))


def told_of(rows: OrderRows) -> list[Told]:
    each = zip(rows.code.tolist(), rows.order.tolist(), rows.price.tolist(), rows.qty.tolist(), strict=True)
    return [(Row(code & 15), order, price, qty, bool(code & END)) for code, order, price, qty in each]


def test_withdrawn_and_last_listed_orders_come_first_by_hand() -> None:
    rows = rows_of(
        [
            (Row.ADD, ASK, 0, 101, 1, True),
            (Row.ADD, ASK, 1, 101, 2, True),
            (Row.ADD, ASK, 2, 101, 3, True),
            (Row.ADD, ASK, 3, 101, 4, True),
            # A buyer of the owner of 0: that one is withdrawn. 1 is an iceberg, listed at its last execution.
            (Row.FILL, ASK, 2, 101, 3, False),
            (Row.FILL, ASK, 3, 101, 2, False),
            (Row.FILL, ASK, 1, 101, 2, False),
            (Row.TRADE, BID, -1, 101, 5, False),
            (Row.DELETE, ASK, 0, 101, 1, False),
            (Row.ADD, ASK, 1, 101, 2, True),
            # 3 was passed over by one behind it and keeps what it has: as listed.
            (Row.FILL, ASK, 1, 101, 2, False),
            (Row.FILL, ASK, 3, 101, 1, True),
        ]
    )
    made, moved = in_turn(rows, 4)
    assert moved == 2
    assert told_of(made)[4:] == [
        (Row.DELETE, 0, 101, 1, False),
        (Row.FILL, 1, 101, 2, False),
        (Row.FILL, 2, 101, 3, False),
        (Row.FILL, 3, 101, 2, False),
        (Row.TRADE, -1, 101, 5, False),
        (Row.ADD, 1, 101, 2, True),
        (Row.FILL, 1, 101, 2, False),
        (Row.FILL, 3, 101, 1, True),
    ]


row = st.tuples(
    st.sampled_from([Row.ADD, Row.ADD, Row.FILL, Row.FILL, Row.DELETE, Row.REDUCE, Row.TRADE]),
    st.sampled_from([BID, ASK, ASK]),
    st.integers(0, 3),
    st.sampled_from([100, 101]),
    st.integers(1, 3),
    st.sampled_from([False, False, True]),
)


@given(st.lists(row, max_size=40))
def test_kernel_equals_reference_and_messages_keep_their_rows(told: list[tuple[Row, int, int, int, int, bool]]) -> None:
    rows = rows_of(told)
    got, moved = in_turn(rows, 4)
    expected, moves = in_turn_reference(rows)
    assert moved == moves
    for name in OrderRows.__slots__:
        np.testing.assert_array_equal(getattr(got, name), getattr(expected, name), err_msg=name)
    np.testing.assert_array_equal(got.code & END, rows.code & END)
    ends: list[int] = [int(code & END > 0) for code in rows.code.tolist()]
    message = [sum(ends[:k]) for k in range(len(ends))]
    before, after = (
        Counter((m, *kept[:4]) for m, kept in zip(message, told_of(one), strict=True)) for one in (rows, got)
    )
    assert before == after


def test_a_recorded_day_is_served_first_come_first_served(recorded_data: Path) -> None:
    """CME matches ES by price and time: with the rows in turn, no execution passes an older order of its level."""
    (tape,) = open_tapes(sorted((recorded_data / "databento").glob("esh4*")))
    queues: dict[tuple[int, int], dict[int, int]] = {}
    passed = executed = 0
    each = zip(tape.code.tolist(), tape.price.tolist(), tape.qty.tolist(), tape.order_id.tolist(), strict=True)
    for code, price, qty, order in each:
        kind, queue = code & 15, queues.setdefault((code & 0x30, price), {})
        if kind == Row.CLEAR:
            queues.clear()
        elif kind == Row.ADD:
            queue[order] = qty
        elif kind in (Row.FILL, Row.REDUCE, Row.DELETE):
            if kind == Row.FILL:
                executed += 1
                passed += next(iter(queue)) != order
            queue[order] -= qty
            if queue[order] == 0:
                del queue[order]
    assert executed > 6_000
    assert passed == 0
    assert tape.meta.figures.reordered > 0
    prints = ((tape.code & 15) == Row.TRADE) & ((tape.code & 0x30) > 0)  # those of the opening have no aggressor
    assert prints.any()
    assert ((tape.code[prints] & HIDDEN) > 0).all()  # all that no displayed order explains was an iceberg's reserve
