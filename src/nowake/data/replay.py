"""The touch of a tape, row by row, for checks and for the heads of lake files: a kernel and its plain reference.

Not the market's book: it serves no view and no watch, only says what the best prices and levels were at given rows.
"""

from __future__ import annotations

import numpy as np

from nowake.core.jit import kernel
from nowake.core.tape import END, I64, KIND_MASK, SIDE_MASK, SIDE_SHIFT, U16, Book, Row

_SET, _ADD, _FILL, _CLEAR = int(Row.SET), int(Row.ADD), int(Row.FILL), int(Row.CLEAR)
_GAP, _BID, _END = int(Row.GAP), int(Book.BID), int(END)
_KIND, _SIDE, _SHIFT = KIND_MASK, SIDE_MASK, SIDE_SHIFT

Levels = tuple[I64, I64, I64, I64]
"""Bid prices, bid sizes, ask prices, ask sizes; each side best level first."""


def replay_reference(code: U16, price: I64, qty: I64, marks: I64) -> tuple[I64, I64, Levels]:
    """Say what ``replay_kernel`` does; read this first.

    Args:
        code: (n,) row codes.
        price: (n,) price units.
        qty: (n,) quantity units.
        marks: (m,) row numbers, never falling: the touch is wanted after each.

    Returns:
        ``(touch, counts, levels)``: touch (m, 4) = bid price, bid size, ask price, ask size, zeros for an empty
        side; counts (3,) = END rows with a crossed book, with a locked book, and rows that took more than the level
        held; levels after the last row. From a GAP to the next CLEAR nothing counts as crossed.
    """
    sides: dict[int, dict[int, int]] = {1: {}, 2: {}}
    wanted, counts, touches, trusted = marks.tolist(), [0, 0, 0], [], True
    for i, (c, p, q) in enumerate(zip(code.tolist(), price.tolist(), qty.tolist(), strict=True)):
        kind, side = c & KIND_MASK, sides.get((c & SIDE_MASK) >> SIDE_SHIFT, {})
        if kind == Row.CLEAR:
            sides[1].clear()
            sides[2].clear()
            trusted = True
        elif kind == Row.GAP:
            trusted = False
        elif kind <= Row.FILL:
            had = side.get(p, 0)
            left = q if kind == Row.SET else had + q if kind == Row.ADD else had - q
            counts[2] += left < 0
            side.pop(p, None)
            if left > 0:
                side[p] = left
        bid, ask = max(sides[1], default=0), min(sides[2], default=0)
        if c & END and kind != Row.QUOTE and trusted and bid and ask:
            counts[0] += bid > ask
            counts[1] += bid == ask
        touches += [(bid, sides[1].get(bid, 0), ask, sides[2].get(ask, 0))] * wanted.count(i)
    best_first = [sorted(sides[1].items(), reverse=True), sorted(sides[2].items())]
    columns = [np.array([level[i] for level in side], dtype=np.int64) for side in best_first for i in (0, 1)]
    touch = np.array(touches, dtype=np.int64).reshape(-1, 4)
    return touch, np.array(counts, dtype=np.int64), (columns[0], columns[1], columns[2], columns[3])


@kernel
def replay_kernel(code: U16, price: I64, qty: I64, marks: I64, touch: I64, counts: I64) -> tuple[I64, I64, I64, I64]:
    """Do what ``replay_reference`` does, into ``touch`` and ``counts``.

    Each side is an array of levels with the best one last, so that the many changes near the touch move little.
    """
    room = 256
    px = np.zeros((2, room), dtype=np.int64)
    sz = np.zeros((2, room), dtype=np.int64)
    count = np.zeros(2, dtype=np.int64)
    m = 0
    trusted = True
    for i in range(code.shape[0]):
        c = code[i]
        kind = c & _KIND
        if kind == _CLEAR:
            count[0] = count[1] = 0
            trusted = True
        elif kind == _GAP:
            trusted = False
        elif kind <= _FILL and c & _SIDE:
            s = 0 if (c & _SIDE) >> _SHIFT == _BID else 1
            p = price[i]
            # Keys rise towards the best level: the price itself for bids, its negative for asks.
            key = p if s == 0 else -p
            lo, hi = 0, count[s]
            step = 1
            while hi - step >= 0 and px[s, hi - step] >= key:
                step *= 2
            lo = max(0, hi - step)
            hi = hi - step // 2
            while lo < hi:
                mid = (lo + hi) // 2
                if px[s, mid] < key:
                    lo = mid + 1
                else:
                    hi = mid
            found = lo < count[s] and px[s, lo] == key
            had = sz[s, lo] if found else 0
            left = qty[i]
            if kind == _ADD:
                left = had + qty[i]
            elif kind != _SET:
                left = had - qty[i]
            if left < 0:
                counts[2] += 1
            if left > 0 and found:
                sz[s, lo] = left
            elif left > 0:
                if count[s] == room:
                    bigger_px = np.zeros((2, 2 * room), dtype=np.int64)
                    bigger_sz = np.zeros((2, 2 * room), dtype=np.int64)
                    bigger_px[:, :room] = px
                    bigger_sz[:, :room] = sz
                    px, sz, room = bigger_px, bigger_sz, 2 * room
                for j in range(count[s], lo, -1):
                    px[s, j], sz[s, j] = px[s, j - 1], sz[s, j - 1]
                px[s, lo], sz[s, lo] = key, left
                count[s] += 1
            elif found:
                for j in range(lo, count[s] - 1):
                    px[s, j], sz[s, j] = px[s, j + 1], sz[s, j + 1]
                count[s] -= 1
        two = count[0] > 0 and count[1] > 0
        if c & _END and kind != 9 and trusted and two:
            spread = -px[1, count[1] - 1] - px[0, count[0] - 1]
            if spread < 0:
                counts[0] += 1
            elif spread == 0:
                counts[1] += 1
        while m < marks.shape[0] and marks[m] == i:
            if count[0] > 0:
                touch[m, 0], touch[m, 1] = px[0, count[0] - 1], sz[0, count[0] - 1]
            if count[1] > 0:
                touch[m, 2], touch[m, 3] = -px[1, count[1] - 1], sz[1, count[1] - 1]
            m += 1
    bid, ask = count[0], count[1]
    return (
        px[0, :bid][::-1].copy(),
        sz[0, :bid][::-1].copy(),
        -px[1, :ask][::-1],
        sz[1, :ask][::-1].copy(),
    )


def replay(code: U16, price: I64, qty: I64, marks: I64) -> tuple[I64, I64, Levels]:
    """Return touch, counts and levels; see ``replay_reference``."""
    touch = np.zeros((len(marks), 4), dtype=np.int64)
    counts = np.zeros(3, dtype=np.int64)
    levels = replay_kernel(code, price, qty, marks, touch, counts)
    return touch, counts, levels


def count_crossed(code: U16, price: I64, qty: I64) -> tuple[int, int]:
    """Return how many complete messages leave the book crossed, and how many locked."""
    _, counts, _ = replay(code, price, qty, np.empty(0, dtype=np.int64))
    return int(counts[0]), int(counts[1])
