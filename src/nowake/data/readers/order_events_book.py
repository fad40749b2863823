"""Life of single orders -> rows: a kernel and its plain reference. ``order_events`` says what the events mean.

An order that could trade at once (its price reaches the best of the other side) is *held*: the venue is matching it,
and it joins the book when what it reaches is gone. So the book is never crossed. Of the two orders of an execution the
older, the maker, is the print: a FILL when it rests at that price, else a TRADE.

Layout of the inputs, arrays of length n: ``action`` see ``Act``; ``order`` dense number, 0 to m - 1; ``side`` 1 bid,
2 ask; ``price`` rank of the price among all that occur, 0 to r - 1; ``volume`` what is left, units; ``role`` of a
decrease, see ``Role``. Rows carry the rank as their price.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from nowake.core.jit import kernel
from nowake.core.tape import END, I64, SIDE_SHIFT, Row


class Act(IntEnum):
    """What happened to an order."""

    CREATED = 0
    CHANGED = 1
    DELETED = 2


class Role(IntEnum):
    """Whose decrease it is: nobody's, of the order that rested, of the one that came, of one whose other is unknown."""

    NONE = 0
    MAKER = 1
    TAKER = 2
    ALONE = 3


_CREATED, _CHANGED, _DELETED = int(Act.CREATED), int(Act.CHANGED), int(Act.DELETED)
_MAKER, _TAKER, _ALONE = int(Role.MAKER), int(Role.TAKER), int(Role.ALONE)
_ADD, _REDUCE, _DELETE = int(Row.ADD), int(Row.REDUCE), int(Row.DELETE)
_FILL, _TRADE, _END, _SHIFT = int(Row.FILL), int(Row.TRADE), int(END), SIDE_SHIFT
_UNSEEN, _RESTS, _HELD, _ENDED = 0, 1, 2, 3
_STATE, _SIDE, _PRICE, _LEFT = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class Events:
    """The inputs, see the module's description; all (n,) i64."""

    action: I64
    order: I64
    side: I64
    price: I64
    volume: I64
    role: I64


@dataclass
class _Reference:
    """Orders by number: [state, side, price, left]; rows: [event, order, code, price, qty]."""

    orders: dict[int, list[int]] = field(default_factory=dict)
    held: list[int] = field(default_factory=list)
    rows: list[list[int]] = field(default_factory=list)

    def reaches(self, side: int, price: int) -> bool:
        """Return whether the price reaches the best resting price of the other side."""
        others = [o[_PRICE] for o in self.orders.values() if o[_STATE] == _RESTS and o[_SIDE] != side]
        return any(price >= p for p in others) if side == 1 else any(price <= p for p in others)

    def enter(self, k: int, order: int, side: int, price: int, volume: int) -> None:
        held = self.reaches(side, price)
        self.orders[order] = [_HELD if held else _RESTS, side, price, volume]
        if held:
            self.held.append(order)
        else:
            self.rows.append([k, order, _ADD | side << _SHIFT, price, volume])

    def take(self, k: int, order: int, qty: int, role: int, price: int) -> None:
        """Take ``qty`` off an order, as an execution at ``price`` or as a cancel."""
        state, side, at, left = self.orders[order]
        printed = role == _MAKER or (role == _ALONE and state == _RESTS)
        fill = printed and state == _RESTS and price == at
        if printed and not fill:
            self.rows.append([k, order, _TRADE | (3 - side) << _SHIFT, price, qty])
        if state == _RESTS:
            kind = _FILL if fill else _DELETE if qty == left else _REDUCE
            self.rows.append([k, order, kind | side << _SHIFT, at, qty])
        self.orders[order][_LEFT] = left - qty

    def event(self, k: int, action: int, order: int, side: int, price: int, volume: int, role: int) -> None:
        state, _, at, left = self.orders.get(order, [_UNSEEN, 0, 0, 0])
        if action == Act.DELETED:
            if state in (_RESTS, _HELD):
                self.take(k, order, left, role, price)
                self.leave(order)
            self.orders[order] = [_ENDED, side, price, 0]
        elif state in (_UNSEEN, _ENDED):
            self.enter(k, order, side, price, volume)
        elif price == at and volume <= left:
            if volume < left:
                self.take(k, order, left - volume, role, price)
        else:
            self.take(k, order, left, 0, at)
            self.leave(order)
            self.enter(k, order, side, price, volume)

    def leave(self, order: int) -> None:
        if order in self.held:
            self.held.remove(order)

    def settle(self, k: int) -> None:
        """Let held orders rest that reach nothing any more, in the order they came."""
        for order in list(self.held):
            _, side, price, left = self.orders[order]
            if not self.reaches(side, price):
                self.held.remove(order)
                self.orders[order][_STATE] = _RESTS
                self.rows.append([k, order, _ADD | side << _SHIFT, price, left])


def event_rows_reference(events: Events) -> I64:
    """Say what ``event_rows_kernel`` does; read this first.

    Returns:
        (w, 5) event, order, code, price rank and quantity of the rows; the last row of an event carries END.
    """
    book = _Reference()
    columns = [getattr(events, name).tolist() for name in Events.__slots__]
    for k, (action, order, side, price, volume, role) in enumerate(zip(*columns, strict=True)):
        before = len(book.rows)
        book.event(k, action, order, side, price, volume, role)
        book.settle(k)
        if len(book.rows) > before:
            book.rows[-1][2] |= _END
    return np.array(book.rows, dtype=np.int64).reshape(-1, 5)


@kernel(counted=False)
def _put(out: I64, w: int, k: int, order: int, code: int, price: int, qty: int) -> int:
    out[w, 0], out[w, 1], out[w, 2], out[w, 3], out[w, 4] = k, order, code, price, qty
    return w + 1


@kernel(counted=False)
def _move(levels: I64, best: I64, side: int, price: int, qty: int) -> None:
    """Change a level of the resting book and follow the best price; best is [bid, ask], -1 and r when empty."""
    s = side - 1
    levels[s, price] += qty
    if levels[s, price] > 0:
        if s == 0 and price > best[0]:
            best[0] = price
        elif s == 1 and price < best[1]:
            best[1] = price
        return
    while s == 0 and best[0] >= 0 and levels[0, best[0]] == 0:
        best[0] -= 1
    while s == 1 and best[1] < levels.shape[1] and levels[1, best[1]] == 0:
        best[1] += 1


@kernel(counted=False)
def _take(out: I64, w: int, k: int, book: I64, levels: I64, best: I64, o: int, qty: int, role: int, price: int) -> int:
    state, side, at, left = book[o, _STATE], book[o, _SIDE], book[o, _PRICE], book[o, _LEFT]
    printed = role == _MAKER or (role == _ALONE and state == _RESTS)
    fill = printed and state == _RESTS and price == at
    if printed and not fill:
        w = _put(out, w, k, o, _TRADE | (3 - side) << _SHIFT, price, qty)
    if state == _RESTS:
        kind = _REDUCE
        if fill:
            kind = _FILL
        elif qty == left:
            kind = _DELETE
        w = _put(out, w, k, o, kind | side << _SHIFT, at, qty)
        _move(levels, best, side, at, -qty)
    book[o, _LEFT] = left - qty
    return w


@kernel(counted=False)
def _reaches(best: I64, side: int, price: int) -> bool:
    return bool(price >= best[1]) if side == 1 else bool(price <= best[0])


@kernel
def event_rows_kernel(
    action: I64,
    order: I64,
    side: I64,
    price: I64,
    volume: I64,
    role: I64,
    book: I64,
    levels: I64,
    held: I64,
    out: I64,
) -> int:
    """Do what ``event_rows_reference`` does and return how many rows were written.

    ``book`` (m, 4) zeros, ``levels`` (2, r) zeros, ``held`` (m,), ``out`` (4 n, 5).
    """
    best = np.empty(2, dtype=np.int64)
    best[0], best[1] = -1, levels.shape[1]
    w = count = 0
    for k in range(action.shape[0]):
        first = w
        a, o, s, p, v = action[k], order[k], side[k], price[k], volume[k]
        state, at, left = book[o, _STATE], book[o, _PRICE], book[o, _LEFT]
        inside = state in (_RESTS, _HELD)
        enters = False
        leaves = False
        if a == _DELETED:
            if inside:
                w = _take(out, w, k, book, levels, best, o, left, role[k], p)
                leaves = True
        elif not inside:
            enters = True
        elif p == at and v <= left:
            if v < left:
                w = _take(out, w, k, book, levels, best, o, left - v, role[k], p)
        else:
            w = _take(out, w, k, book, levels, best, o, left, 0, at)
            leaves = enters = True
        if leaves and state == _HELD:
            at_held = 0
            while held[at_held] != o:
                at_held += 1
            for i in range(at_held, count - 1):
                held[i] = held[i + 1]
            count -= 1
        if a == _DELETED:
            book[o, _STATE] = _ENDED
        if enters:
            book[o, _SIDE], book[o, _PRICE], book[o, _LEFT] = s, p, v
            if _reaches(best, s, p):
                book[o, _STATE] = _HELD
                held[count] = o
                count += 1
            else:
                book[o, _STATE] = _RESTS
                w = _put(out, w, k, o, _ADD | s << _SHIFT, p, v)
                _move(levels, best, s, p, v)
        kept = 0
        for i in range(count):
            h = held[i]
            if _reaches(best, book[h, _SIDE], book[h, _PRICE]):
                held[kept] = h
                kept += 1
            else:
                book[h, _STATE] = _RESTS
                w = _put(out, w, k, h, _ADD | book[h, _SIDE] << _SHIFT, book[h, _PRICE], book[h, _LEFT])
                _move(levels, best, book[h, _SIDE], book[h, _PRICE], book[h, _LEFT])
        count = kept
        if w > first:
            out[w - 1, 2] |= _END
    return w


def event_rows(events: Events, orders: int, prices: int) -> I64:
    """Return the rows of events about ``orders`` orders at ``prices`` prices; see ``event_rows_reference``."""
    n = len(events.action)
    out = np.empty((3 * n + orders + 1, 5), dtype=np.int64)
    columns = (events.action, events.order, events.side, events.price, events.volume, events.role)
    levels = np.zeros((2, max(prices, 1)), dtype=np.int64)
    book, held = np.zeros((max(orders, 1), 4), dtype=np.int64), np.zeros(max(orders, 1), dtype=np.int64)
    return out[: event_rows_kernel(*columns, book, levels, held, out)].copy()
