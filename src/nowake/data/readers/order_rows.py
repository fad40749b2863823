"""Messages about single orders -> rows: a kernel and its plain reference, shared by the order-by-order readers.

A book of orders is carried forward by the messages alone. What a message says of an order it changes (its price, and
that it still has as much as is taken) is *compared* with the carried order and *mismatched* where it differs, as is a
message of an order that is not there. A snapshot is compared order by order with what was carried up to it; then it is
the book.

Executions. FILL says that a resting order was executed, and does not yet change the source's book: a CANCEL or MODIFY
of the same order follows in the same message. Here the FILL reduces, and what follows is applied to the rest, so the
sizes agree again when the message ends; a FILL without its CANCEL or MODIFY is mismatched and undone. TRADE is the
aggressor's print: FILL rows of the other side at its price explain it, and a TRADE row is written for what they leave
(auctions, implied liquidity). What a FILL has beyond the order's displayed size came out of its reserve (an iceberg is
listed once for all that was executed of it): a TRADE row of hidden liquidity. A FILL of the aggressor's own order, or
on its side, is no print of its own.

Layout of the inputs, arrays of length n. ``op``: see ``Op``. ``order``: dense number of the order, 0 to m - 1; of a
TRADE the aggressor's, -1 = not known. ``side``: 1 bid, 2 ask, 0 none; of a TRADE the aggressor's. ``price``, ``size``:
units; of a MODIFY the new ones, of a CANCEL what is taken off. ``last``: the message of the venue ends here. ``snap``:
part of a snapshot; the first of a run of them clears the book when no CLEAR does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from nowake.core.jit import kernel
from nowake.core.tape import END, HIDDEN, I64, SIDE_SHIFT, SNAPSHOT, U16, Row
from nowake.data.build import Flags

I8 = npt.NDArray[np.int8]


class Op(IntEnum):
    """What a message does."""

    NONE = 0
    ADD = 1
    MODIFY = 2
    CANCEL = 3
    CLEAR = 4
    TRADE = 5
    FILL = 6
    GAP = 7


COMPARED, MISMATCHED = 0, 1
FIGURES = 2

_ADD, _MODIFY, _CANCEL, _CLEAR_OP = int(Op.ADD), int(Op.MODIFY), int(Op.CANCEL), int(Op.CLEAR)
_TRADE_OP, _FILL_OP, _GAP_OP = int(Op.TRADE), int(Op.FILL), int(Op.GAP)
_ROW_ADD, _ROW_REDUCE, _ROW_DELETE = int(Row.ADD), int(Row.REDUCE), int(Row.DELETE)
_ROW_FILL, _ROW_TRADE, _ROW_CLEAR, _ROW_GAP = int(Row.FILL), int(Row.TRADE), int(Row.CLEAR), int(Row.GAP)
_END, _SNAPSHOT, _HIDDEN, _SHIFT = int(END), int(SNAPSHOT), int(HIDDEN), SIDE_SHIFT


@dataclass(frozen=True, slots=True)
class OrderMessages:
    """The inputs, see the module's description."""

    op: I8
    order: I64
    side: I8
    price: I64
    size: I64
    last: Flags
    snap: Flags


@dataclass(frozen=True, slots=True)
class OrderRows:
    """The rows made.

    Attributes:
        index: Message of each row.
        order: Dense number of the row's order, -1 where no single order made it.
        code, price, qty: As in ``core.tape``.
        figures: (FIGURES,) compared, mismatched.
    """

    index: I64
    order: I64
    code: U16
    price: I64
    qty: I64
    figures: I64


@dataclass
class _Reference:
    """The carried book of the reference: order -> [side, price, size, filled in this message]."""

    orders: dict[int, list[int]] = field(default_factory=dict)
    before: dict[int, list[int]] | None = None
    rows: list[list[int]] = field(default_factory=list)
    figures: list[int] = field(default_factory=lambda: [0] * FIGURES)
    touched: list[int] = field(default_factory=list)
    print_at: int = -1
    aggressor: tuple[int, int, int] = (-1, 0, 0)
    started: bool = False
    trusted: bool = True

    def row(self, k: int, order: int, code: int, price: int, qty: int) -> None:
        self.rows.append([k, order, code, price, qty])

    def clear(self, k: int, *, compare: bool) -> None:
        """Forget the book; a snapshot that follows a sound one is compared with it."""
        carried = {order: held for order, held in self.orders.items() if held[2]}
        self.before = carried if compare and self.started else None
        self.orders, self.trusted = {}, True
        self.row(k, -1, _ROW_CLEAR | (_SNAPSHOT if compare else 0), 0, 0)

    def snapshot(self, k: int, order: int, side: int, price: int, size: int) -> None:
        """Take an order from a snapshot."""
        if self.before is not None:
            self.hold(self.before.pop(order, [])[:3] == [side, price, size])
        self.orders[order] = [side, price, size, 0]
        self.row(k, order, _ROW_ADD | side << _SHIFT | _SNAPSHOT, price, size)

    def hold(self, good: bool) -> None:
        """Count a comparison."""
        self.figures[COMPARED] += 1
        self.figures[MISMATCHED] += not good

    def remove(self, k: int, order: int, take: int) -> None:
        side, price, size, _ = self.orders[order]
        if take >= size:
            if size:
                self.row(k, order, _ROW_DELETE | side << _SHIFT, price, size)
            del self.orders[order]
        elif take:
            self.row(k, order, _ROW_REDUCE | side << _SHIFT, price, take)
            self.orders[order][2] -= take

    def message(self, k: int, op: int, order: int, side: int, price: int, size: int) -> None:
        known = self.orders.get(order)
        if op == Op.ADD:
            if known:
                self.hold(False)
                self.remove(k, order, known[2])
            self.orders[order] = [side, price, size, 0]
            self.row(k, order, _ROW_ADD | side << _SHIFT, price, size)
        elif op == Op.CANCEL:
            self.hold(known is not None and known[1] == price and known[0] == side and size <= known[2] + known[3])
            if known:
                take, known[3] = max(size - known[3], 0), 0
                self.remove(k, order, take)
        elif op == Op.MODIFY:
            self.hold(known is not None)
            if known and known[0] == side and known[1] == price and size <= known[2] and size:
                take, known[3] = known[2] - size, 0
                self.remove(k, order, take)
            else:
                if known:
                    self.remove(k, order, known[2])
                if size:
                    self.orders[order] = [side, price, size, 0]
                    self.row(k, order, _ROW_ADD | side << _SHIFT, price, size)
        elif op == Op.TRADE:
            self.print_at, self.aggressor = len(self.rows), (order, side, price)
            self.row(k, -1, _ROW_TRADE | side << _SHIFT, price, size)
        elif op == Op.FILL:
            self.fill(k, order, side, price, size)
        elif op == Op.GAP:
            self.row(k, -1, _ROW_GAP, 0, 0)
            self.started = self.trusted = False

    def fill(self, k: int, order: int, side: int, price: int, size: int) -> None:
        known, printed = self.orders.get(order), self.print_at >= 0
        own, toward, at = self.aggressor
        if printed and (toward == 0 or side == toward or order == own):
            return
        self.hold(known is not None and known[0] == side and known[1] == price)
        if known is None or known[1] != price or known[0] != side:
            return
        if printed:
            size = min(size, self.rows[self.print_at][4] if price == at else 0)
            self.rows[self.print_at][4] -= size
        take = min(size, known[2])
        if take:
            self.row(k, order, _ROW_FILL | side << _SHIFT, price, take)
            known[2], known[3] = known[2] - take, known[3] + take
            self.touched.append(order)
        if take < size:
            self.row(k, -1, _ROW_TRADE | HIDDEN | (3 - side) << _SHIFT, price, size - take)

    def drop(self, first: int) -> None:
        """Take out the prints that fills explain."""
        self.rows[first:] = [row for row in self.rows[first:] if row[4] or row[2] & 0x0F >= _ROW_CLEAR]

    def end(self, k: int, first: int, *, snap: bool) -> None:
        """Close a message: undo fills that nothing followed, drop explained prints, mark its last row."""
        for order in self.touched:
            known = self.orders.get(order)
            if known and known[3]:
                self.figures[MISMATCHED] += 1
                self.row(k, order, _ROW_ADD | known[0] << _SHIFT, known[1], known[3])
                known[2], known[3] = known[2] + known[3], 0
        for _ in self.before or {} if snap else {}:
            self.hold(False)  # carried, but not in the snapshot
        self.touched, self.print_at, self.aggressor, self.before = [], -1, (-1, 0, 0), None
        self.started = self.trusted and (self.started or bool(self.orders))
        self.drop(first)
        if len(self.rows) > first:
            self.rows[-1][2] |= _END


def order_rows_reference(messages: OrderMessages) -> OrderRows:
    """Say what ``order_rows_kernel`` does; read this first."""
    book, first, in_snapshot = _Reference(), 0, False
    columns = [getattr(messages, name).tolist() for name in OrderMessages.__slots__]
    for k, (op, order, side, price, size, last, snap) in enumerate(zip(*columns, strict=True)):
        if op == Op.CLEAR or (snap and not in_snapshot):
            book.clear(k, compare=snap)
        if snap and op == Op.ADD:
            book.snapshot(k, order, side, price, size)
        elif op != Op.CLEAR:
            book.message(k, op, order, side, price, size)
        in_snapshot = snap and not last
        if last:
            book.end(k, first, snap=snap)
            first = len(book.rows)
    book.drop(first)
    table = np.array(book.rows, dtype=np.int64).reshape(-1, 5)
    return OrderRows(
        index=table[:, 0],
        order=table[:, 1],
        code=table[:, 2].astype(np.uint16),
        price=table[:, 3],
        qty=table[:, 4],
        figures=np.array(book.figures, dtype=np.int64),
    )


@kernel(counted=False)
def _put(out: I64, w: int, k: int, order: int, code: int, price: int, qty: int) -> int:
    """Write a row and return where the next goes."""
    out[w, 0], out[w, 1], out[w, 2], out[w, 3], out[w, 4] = k, order, code, price, qty
    return w + 1


@kernel(counted=False)
def _take(out: I64, w: int, k: int, order: int, book: I64, take: int) -> int:
    """Take ``take`` off an order, or all of it, and write the row of that; the order's fills are settled."""
    size = book[order, 2]
    code = book[order, 0] << _SHIFT
    if take >= size:
        if size > 0:
            w = _put(out, w, k, order, _ROW_DELETE | code, book[order, 1], size)
        book[order, 2] = 0
    elif take > 0:
        w = _put(out, w, k, order, _ROW_REDUCE | code, book[order, 1], take)
        book[order, 2] = size - take
    book[order, 3] = 0
    return w


@kernel(counted=False)
def _without_dropped(out: I64, first: int, w: int) -> int:
    """Take out the prints that fills explain and return where the next row goes."""
    at = first
    for i in range(first, w):
        if out[i, 4] != 0 or out[i, 2] & 0x0F >= _ROW_CLEAR:
            if at < i:
                for j in range(5):
                    out[at, j] = out[i, j]
            at += 1
    return at


@kernel
def order_rows_kernel(
    op: I8,
    order: I64,
    side: I8,
    price: I64,
    size: I64,
    last: Flags,
    snap: Flags,
    book: I64,
    out: I64,
    figures: I64,
) -> int:
    """Do what ``order_rows_reference`` does.

    The first seven are the columns of ``OrderMessages``; ``book`` is (m, 5) zeros: side, price, size, filled in this
    message, and the snapshot that they belong to; ``out`` (3 n + 3, 5) takes message, order, code, price and qty of
    the rows; ``figures`` is (FIGURES,) zeros. Returns how many rows were written.
    """
    w = first = live = found = carried = 0
    age, before = 1, -1
    started, trusted, in_snapshot = False, True, False
    print_at, own, toward, at_price = -1, -1, 0, 0
    for k in range(op.shape[0]):
        what, o, s, p, q = op[k], order[k], int(side[k]), price[k], size[k]
        if what == _CLEAR_OP or (snap[k] and not in_snapshot):
            before, carried, found, live = age if snap[k] and started else -1, live, 0, 0
            age += 1
            trusted = True
            w = _put(out, w, k, -1, _ROW_CLEAR | (_SNAPSHOT if snap[k] else 0), 0, 0)
        known = o >= 0 and book[o, 4] == age and book[o, 2] + book[o, 3] > 0
        if snap[k] and what == _ADD:
            if before >= 0:
                was = book[o, 4] == before and book[o, 2] > 0
                found += int(was)
                figures[0] += 1
                figures[1] += int(not (was and book[o, 0] == s and book[o, 1] == p and book[o, 2] == q))
            live += int(not (known and book[o, 2] > 0))
            book[o, 0], book[o, 1], book[o, 2], book[o, 3], book[o, 4] = s, p, q, 0, age
            w = _put(out, w, k, o, _ROW_ADD | s << _SHIFT | _SNAPSHOT, p, q)
        elif what in (_ADD, _MODIFY):
            if known or what == _MODIFY:
                figures[0] += 1
                figures[1] += int(known == (what == _ADD))
            had = known and book[o, 2] > 0
            if what == _MODIFY and known and book[o, 0] == s and book[o, 1] == p and 0 < q <= book[o, 2]:
                w = _take(out, w, k, o, book, book[o, 2] - q)
            else:
                if known:
                    w = _take(out, w, k, o, book, book[o, 2])
                live -= int(had)
                if q > 0:
                    book[o, 0], book[o, 1], book[o, 2], book[o, 3], book[o, 4] = s, p, q, 0, age
                    live += 1
                    w = _put(out, w, k, o, _ROW_ADD | s << _SHIFT, p, q)
        elif what == _CANCEL:
            good = known and book[o, 0] == s and book[o, 1] == p and q <= book[o, 2] + book[o, 3]
            figures[0] += 1
            figures[1] += int(not good)
            if known:
                had = book[o, 2] > 0
                w = _take(out, w, k, o, book, max(q - book[o, 3], 0))
                live -= int(had and book[o, 2] == 0)
        elif what == _TRADE_OP:
            print_at, own, toward, at_price = w, o, s, p
            w = _put(out, w, k, -1, _ROW_TRADE | s << _SHIFT, p, q)
        elif what == _FILL_OP and (print_at < 0 or not (toward == 0 or s == toward or o == own)):
            good = known and book[o, 0] == s and book[o, 1] == p
            figures[0] += 1
            figures[1] += int(not good)
            if good:
                if print_at >= 0:
                    q = min(q, out[print_at, 4]) if p == at_price else 0
                    out[print_at, 4] -= q
                take = min(q, book[o, 2])
                if take > 0:
                    w = _put(out, w, k, o, _ROW_FILL | s << _SHIFT, p, take)
                    book[o, 2] -= take
                    book[o, 3] += take
                    live -= int(book[o, 2] == 0)
                if take < q:
                    w = _put(out, w, k, -1, _ROW_TRADE | _HIDDEN | (3 - s) << _SHIFT, p, q - take)
        elif what == _GAP_OP:
            w = _put(out, w, k, -1, _ROW_GAP, 0, 0)
            started = trusted = False
        in_snapshot = snap[k] and not last[k]
        if last[k]:
            for i in range(first, w):
                f = out[i, 1]
                if out[i, 2] & 0x0F == _ROW_FILL and book[f, 4] == age and book[f, 3] > 0:
                    figures[1] += 1
                    w = _put(out, w, k, f, _ROW_ADD | book[f, 0] << _SHIFT, book[f, 1], book[f, 3])
                    live += int(book[f, 2] == 0)
                    book[f, 2] += book[f, 3]
                    book[f, 3] = 0
            if snap[k] and before >= 0:
                figures[0] += carried - found
                figures[1] += carried - found
            before, print_at, own, toward = -1, -1, -1, 0
            started = trusted and (started or live > 0)
            w = _without_dropped(out, first, w)
            if w > first:
                out[w - 1, 2] |= _END
            first = w
    return _without_dropped(out, first, w)


def order_rows(messages: OrderMessages, orders: int) -> OrderRows:
    """Return the rows of messages about ``orders`` orders; see ``order_rows_reference``."""
    n = len(messages.op)
    out = np.empty((3 * n + 3, 5), dtype=np.int64)
    figures = np.zeros(FIGURES, dtype=np.int64)
    m, book = messages, np.zeros((max(orders, 1), 5), dtype=np.int64)
    count = order_rows_kernel(m.op, m.order, m.side, m.price, m.size, m.last, m.snap, book, out, figures)
    index, order, code, price, qty = (out[:count, j].copy() for j in range(5))
    return OrderRows(index, order, code.astype(np.uint16), price, qty, figures)
