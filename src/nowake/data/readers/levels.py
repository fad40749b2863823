"""Books that are written down level by level, or order by order at one instant, as rows of a tape."""

from __future__ import annotations

import hashlib

import numpy as np

from nowake.core.errors import DataError
from nowake.core.tape import END, I64, SNAPSHOT, U16, Book, Row, row_code
from nowake.data.build import I32_MAX, Columns, Flags


def level_rows(source: str, t: I64, recv: I64, side: I64, price: I64, qty: I64, snapshot: Flags) -> Columns:
    """Return updates of levels ("the size at this price is now that") as SET rows; rows of one time are a message.

    Args:
        source: File name.
        t: (n,) UTC ns, never falling.
        recv: (n,) UTC ns, or length 0.
        side: (n,) BID or ASK.
        price: (n,) price units.
        qty: (n,) quantity units, 0 = the level is gone.
        snapshot: (n,) part of a snapshot of the whole book: the first row of such a run forgets the book before it.

    Raises:
        DataError: The book has no snapshot to start from.
    """
    n = len(t)
    changes = np.concatenate([[True], np.diff(t) != 0])
    if len(recv):
        changes[1:] |= np.diff(recv) != 0
    if not snapshot.any():
        # Nobody marked one: the first message is one if it has both sides.
        first = np.cumsum(changes) == 1
        if len(np.unique(side[first])) < 2:
            raise DataError(
                source,
                "its first message is no snapshot of a book with both sides",
                remedy="name the column that marks snapshots, as in --map snapshot=is_snapshot,...",
            )
        snapshot = first
    starts = snapshot & np.concatenate([[True], ~snapshot[:-1]])
    used = np.arange(n) >= int(np.argmax(snapshot))
    message = changes | starts
    code = row_code(Row.SET) | side << 4 | np.where(snapshot, SNAPSHOT, 0)
    code |= np.where(np.concatenate([message[1:], [True]]), END, 0)
    at = np.flatnonzero(starts)
    columns = [
        np.insert(column, at, value)[np.insert(used, at, values=True)]
        for column, value in (
            (t, t[at]),
            (code, row_code(Row.CLEAR, Book.NONE, SNAPSHOT)),
            (price, 0),
            (qty, 0),
            *(((recv, recv[at]),) if len(recv) else ()),
        )
    ]
    return Columns(columns[0], columns[1].astype(np.uint16), columns[2], columns[3], *columns[4:])


def order_rows(t_ns: int, side: I64, price: I64, qty: I64, rank: I64, order_id: list[str]) -> tuple[Columns, int]:
    """Return one book as ADD rows of a snapshot at one instant, in queue order, and how many orders were left out.

    Left out is what is priced beyond 32 bits of price units, which no tape can hold and no trade will reach.

    Args:
        t_ns: The instant.
        side: (n,) BID or ASK.
        price: (n,) price units.
        qty: (n,) quantity units, > 0.
        rank: (n,) place in the queue of its side: lower is earlier.
        order_id: n texts; they become 63-bit numbers by content.
    """
    order = np.lexsort((rank, side))
    order = order[price[order] <= I32_MAX]
    n = len(order)
    ids = np.array([_number(order_id[i]) for i in order.tolist()], dtype=np.int64)
    code: U16 = (row_code(Row.ADD, Book.NONE, SNAPSHOT) | side[order] << 4).astype(np.uint16)
    code = np.concatenate([np.array([row_code(Row.CLEAR, Book.NONE, SNAPSHOT)], dtype=np.uint16), code])
    code[-1] |= END
    zero = np.zeros(1, dtype=np.int64)
    columns = Columns(
        np.full(n + 1, t_ns, dtype=np.int64),
        code,
        np.concatenate([zero, price[order]]),
        np.concatenate([zero, qty[order]]),
        order_id=np.concatenate([zero, ids]),
    )
    return columns, len(price) - n


def _number(text: str) -> int:
    """Return an order id as a positive 63-bit number: itself where it is one, else from its content."""
    if text.isdigit() and len(text) <= 18:
        return int(text)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1
