"""Rows of one message in the order of the queue: a kernel and its plain reference.

A message of the venue is one event: an order came and took what it could. Its rows are listed as the source lists them,
which is not always the order in which the queue stood (CME, seen on ESH4):

- an order that the incoming one must not meet (self-match prevention) is withdrawn, listed after the executions of
  those behind it;
- an iceberg that was executed, refreshed and executed again is listed once, at the place of its last execution.

So an order that this message empties comes before the executions of those that joined its level after it. What is only
executed in part stays where it is listed: an order that keeps its place while one behind it is executed was passed
over, and that is for a study to say (``study.rerun``). Times and the end of the message belong to the places, not to
what is moved: nothing is known earlier than the source told it.
"""

from __future__ import annotations

import numpy as np

from nowake.core.jit import kernel
from nowake.core.tape import END, I64, U16, Row
from nowake.data.readers.order_rows import OrderRows

REFERENCE = "nowake.data.readers.turns:in_turn_reference"

_ADD, _REDUCE, _DELETE, _FILL = int(Row.ADD), int(Row.REDUCE), int(Row.DELETE), int(Row.FILL)
_END = int(END)


def in_turn_reference(rows: OrderRows) -> tuple[OrderRows, int]:
    """Say what ``in_turn`` does; read this first."""
    held: dict[int, list[int]] = {}  # order -> [row at which it joined, left]
    made: list[list[int]] = []
    first = moved = 0
    for i, (order, code, price, qty) in enumerate(
        zip(rows.order.tolist(), rows.code.tolist(), rows.price.tolist(), rows.qty.tolist(), strict=True)
    ):
        kind, joined, emptied = code & 15, -1, False
        if kind == Row.ADD:
            held[order] = [i, qty]
        elif kind in (Row.REDUCE, Row.DELETE, Row.FILL) and order in held:
            held[order][1] -= qty
            joined, emptied = held[order][0], held[order][1] <= 0
        made.append([order, code & ~END, price, qty, joined, emptied])
        if code & END:
            for k in range(first, i + 1):
                one = made[k]
                if one[1] & 15 not in (Row.DELETE, Row.FILL) or not one[5]:
                    continue
                behind = (
                    j
                    for j in range(first, k)
                    if made[j][1] & 15 == Row.FILL
                    and (made[j][1] & 0x30, made[j][2]) == (one[1] & 0x30, one[2])
                    and made[j][4] > one[4] >= 0
                )
                before = next(behind, k)
                made.insert(before, made.pop(k))
                moved += before < k
            first = i + 1
    table = np.array(made, dtype=np.int64).reshape(-1, 6)
    code_out = (table[:, 1] | (rows.code & np.uint16(END))).astype(np.uint16)
    return OrderRows(rows.index, table[:, 0], code_out, table[:, 2], table[:, 3], rows.figures), moved


@kernel
def in_turn_kernel(order: I64, code: U16, price: I64, qty: I64, held: I64, notes: I64) -> int:
    """Do what ``in_turn_reference`` does, in place.

    The first four are columns of ``OrderRows``; ``held`` (m, 2) takes by order where it joined and what is left, -1 and
    0 to begin with; ``notes`` (n, 2) by row where its order joined (-1 = not known), and whether it was emptied.

    Returns:
        How many rows were moved.
    """
    first = moved = 0
    for i in range(order.shape[0]):
        o, kind = order[i], int(code[i]) & 15
        notes[i, 0], notes[i, 1] = -1, 0
        if o >= 0 and kind == _ADD:
            held[o, 0], held[o, 1] = i, qty[i]
        elif o >= 0 and held[o, 0] >= 0 and kind in (_REDUCE, _DELETE, _FILL):
            held[o, 1] -= qty[i]
            notes[i, 0], notes[i, 1] = held[o, 0], int(held[o, 1] <= 0)
        if int(code[i]) & _END == 0:
            continue
        for k in range(first, i + 1):
            kind = int(code[k]) & 15
            if notes[k, 1] == 0 or (kind != _DELETE and kind != _FILL):
                continue
            at, level, limit = k, int(code[k]) & 0x30, price[k]
            for j in range(first, k):
                here = int(code[j])
                if here & 15 == _FILL and here & 0x30 == level and price[j] == limit and notes[j, 0] > notes[k, 0]:
                    at = j
                    break
            if at == k:
                continue
            moved += 1
            was_order, was_code, was_qty = order[k], int(code[k]) & ~_END, qty[k]
            was_joined, was_emptied = notes[k, 0], notes[k, 1]
            for j in range(k, at, -1):
                order[j], price[j], qty[j] = order[j - 1], price[j - 1], qty[j - 1]
                code[j] = (int(code[j]) & _END) | (int(code[j - 1]) & ~_END)
                notes[j, 0], notes[j, 1] = notes[j - 1, 0], notes[j - 1, 1]
            order[at], price[at], qty[at] = was_order, limit, was_qty
            code[at] = (int(code[at]) & _END) | was_code
            notes[at, 0], notes[at, 1] = was_joined, was_emptied
        first = i + 1
    return moved


def in_turn(rows: OrderRows, orders: int) -> tuple[OrderRows, int]:
    """Return the rows of messages about ``orders`` orders in the order of the queue, and how many were moved."""
    held = np.zeros((max(orders, 1), 2), dtype=np.int64)
    held[:, 0] = -1
    order, code, price, qty = rows.order.copy(), rows.code.copy(), rows.price.copy(), rows.qty.copy()
    moved = in_turn_kernel(order, code, price, qty, held, np.empty((len(order), 2), dtype=np.int64))
    return OrderRows(rows.index, order, code, price, qty, rows.figures), int(moved)
