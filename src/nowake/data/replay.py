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
_NEAR = 256
_FREE = -(2**63)
_SPREAD = -7046029254386353131  # 2^64 / golden ratio, odd, as a signed word

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
def _slot(keys: I64, key: int) -> int:
    """Return where ``key`` is in an open-addressed table (length a power of two), or where it would go."""
    mask = keys.shape[0] - 1
    at: int = ((key * _SPREAD) >> 24) & mask
    while keys[at] != _FREE and keys[at] != key:
        at = (at + 1) & mask
    return at


@kernel
def _grown(keys: I64, sizes: I64) -> tuple[I64, I64, int]:
    """Return a table with room, without the emptied levels, and how many levels it holds."""
    live = int(np.count_nonzero(sizes))
    room = 1024
    while room < 4 * live:
        room *= 2
    new_keys, new_sizes = np.full(room, _FREE, dtype=np.int64), np.zeros(room, dtype=np.int64)
    for i in range(keys.shape[0]):
        if sizes[i] > 0:
            at = _slot(new_keys, keys[i])
            new_keys[at], new_sizes[at] = keys[i], sizes[i]
    return new_keys, new_sizes, live


@kernel
def _far_levels(keys: I64, sizes: I64, s: int) -> tuple[I64, I64]:
    """Return the levels of side ``s`` in the table, worst first: (keys, sizes)."""
    mine = np.flatnonzero((sizes > 0) & ((keys & 1) == s))
    mine = mine[np.argsort(keys[mine])]
    return keys[mine] >> 1, sizes[mine]


@kernel
def replay_kernel(code: U16, price: I64, qty: I64, marks: I64, touch: I64, counts: I64) -> tuple[I64, I64, I64, I64]:
    """Do what ``replay_reference`` does, into ``touch`` and ``counts``.

    The levels near the touch are a short sorted array a side, the best one last; those beyond ``edge`` are in a hash
    table and come back when the near ones are used up. Keys rise towards the best level: the price itself for bids,
    its negative for asks; in the table they are doubled, with the side in the last bit.
    """
    px = np.zeros((2, _NEAR), dtype=np.int64)
    sz = np.zeros((2, _NEAR), dtype=np.int64)
    count = np.zeros(2, dtype=np.int64)
    edge = np.full(2, _FREE, dtype=np.int64)
    far_live = np.zeros(2, dtype=np.int64)
    keys, sizes, used = np.full(1024, _FREE, dtype=np.int64), np.zeros(1024, dtype=np.int64), 0
    m = 0
    trusted = True
    for i in range(code.shape[0]):
        c = code[i]
        kind = c & _KIND
        if kind == _CLEAR:
            count[:] = 0
            edge[:] = _FREE
            far_live[:] = 0
            if used:
                keys[:] = _FREE
                sizes[:] = 0
                used = 0
            trusted = True
        elif kind == _GAP:
            trusted = False
        elif kind <= _FILL and (c & _SIDE == 16 or c & _SIDE == 32):
            s = 0 if (c & _SIDE) >> _SHIFT == _BID else 1
            key = price[i] if s == 0 else -price[i]
            near = key >= edge[s]
            at, found, had = 0, False, 0
            if near:
                at = count[s]
                while at > 0 and px[s, at - 1] >= key:
                    at -= 1
                found = at < count[s] and px[s, at] == key
                had = sz[s, at] if found else 0
            else:
                at = _slot(keys, 2 * key + s)
                had = sizes[at]
            left = qty[i]
            if kind == _ADD:
                left = had + qty[i]
            elif kind != _SET:
                left = had - qty[i]
            if left < 0:
                counts[2] += 1
                left = 0
            if not near:
                if keys[at] == _FREE and left > 0:
                    keys[at] = 2 * key + s
                    used += 1
                if keys[at] != _FREE:
                    sizes[at] = left
                far_live[s] += int(left > 0) - int(had > 0)
                if 2 * used > keys.shape[0]:
                    keys, sizes, used = _grown(keys, sizes)
            elif found and left > 0:
                sz[s, at] = left
            elif found:
                for j in range(at, count[s] - 1):
                    px[s, j], sz[s, j] = px[s, j + 1], sz[s, j + 1]
                count[s] -= 1
                if count[s] == 0 and far_live[s] == 0:
                    edge[s] = _FREE
                elif count[s] == 0:
                    back_px, back_sz = _far_levels(keys, sizes, s)
                    take = min(_NEAR // 2, back_px.shape[0])
                    for j in range(take):
                        k = back_px.shape[0] - take + j
                        px[s, j], sz[s, j] = back_px[k], back_sz[k]
                        sizes[_slot(keys, 2 * back_px[k] + s)] = 0
                    count[s] = take
                    far_live[s] -= take
                    edge[s] = px[s, 0] if far_live[s] > 0 else _FREE
            elif left > 0:
                if count[s] == _NEAR:
                    half = _NEAR // 2
                    for j in range(half):
                        k = _slot(keys, 2 * px[s, j] + s)
                        used += int(keys[k] == _FREE)
                        keys[k], sizes[k] = 2 * px[s, j] + s, sz[s, j]
                        if 2 * used > keys.shape[0]:
                            keys, sizes, used = _grown(keys, sizes)
                    for j in range(half, _NEAR):
                        px[s, j - half], sz[s, j - half] = px[s, j], sz[s, j]
                    count[s] -= half
                    far_live[s] += half
                    edge[s] = px[s, 0]
                    at -= half
                if at < 0:
                    k = _slot(keys, 2 * key + s)
                    used += int(keys[k] == _FREE)
                    keys[k], sizes[k] = 2 * key + s, left
                    far_live[s] += 1
                    if 2 * used > keys.shape[0]:
                        keys, sizes, used = _grown(keys, sizes)
                else:
                    for j in range(count[s], at, -1):
                        px[s, j], sz[s, j] = px[s, j - 1], sz[s, j - 1]
                    px[s, at], sz[s, at] = key, left
                    count[s] += 1
                    # At place 0 it lies between the edge and what was kept: it is the edge now.
                    if at == 0 and far_live[s] > 0:
                        edge[s] = min(edge[s], key)
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
    bid_px, bid_sz = _far_levels(keys, sizes, 0)
    ask_px, ask_sz = _far_levels(keys, sizes, 1)
    bid_px, bid_sz = np.append(bid_px, px[0, : count[0]]), np.append(bid_sz, sz[0, : count[0]])
    ask_px, ask_sz = np.append(ask_px, px[1, : count[1]]), np.append(ask_sz, sz[1, : count[1]])
    return bid_px[::-1].copy(), bid_sz[::-1].copy(), -ask_px[::-1], ask_sz[::-1].copy()


def replay(code: U16, price: I64, qty: I64, marks: I64) -> tuple[I64, I64, Levels]:
    """Return touch, counts and levels; see ``replay_reference``."""
    touch = np.zeros((len(marks), 4), dtype=np.int64)
    counts = np.zeros(3, dtype=np.int64)
    levels = replay_kernel(code, price, qty, marks, touch, counts)
    return touch, counts, levels


def book_counts(code: U16, price: I64, qty: I64) -> tuple[int, int, int]:
    """Return the counts of ``replay_reference``; a book that collects orders while trading is halted may be crossed.

    HALT and RESUME rows are no messages about the book: what it is after them was counted, or halted, before.
    """
    kinds = code & np.uint16(KIND_MASK)
    turns = np.flatnonzero((kinds == Row.HALT) | (kinds == Row.RESUME))
    if len(turns):
        stretches = np.diff(np.concatenate([turns, [len(code)]]))
        quiet = np.zeros(len(code), dtype=np.bool_)
        quiet[turns[0] :] = np.repeat(kinds[turns] == Row.HALT, stretches)
        quiet[turns] = True
        code = np.where(quiet, code & np.uint16(0xFFFF ^ END), code)
    _, counts, _ = replay(code, price, qty, np.empty(0, dtype=np.int64))
    return int(counts[0]), int(counts[1]), int(counts[2])


def count_crossed(code: U16, price: I64, qty: I64) -> tuple[int, int]:
    """Return how many complete messages leave the book crossed, and how many locked."""
    crossed, locked, _ = book_counts(code, price, qty)
    return crossed, locked
