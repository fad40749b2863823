"""The book of one market by price level: the kernel. Its meaning is ``book_reference.ReferenceBook``; read that first.

Prices inside are offsets from the tape's ``price_base``. A level's **key** is the price for bids and minus the price
for asks, so that on both sides better is higher and one code serves both. Per side a window of ``WIDTH`` slots, one
per price step, holds the sizes nearest the touch, with a two-level bitset of the occupied ones; levels below the window
are held exactly in a hash table (``table``). Levels above the window cannot exist: the window is moved first. The step
starts as the listing's tick and shrinks to the greatest common divisor with any price off that grid (``REGRID``), the
table doubles when half full (``GROW``); both are done by the caller between rows, so no level is ever lost.

A book is one i64 array: ``HEAD`` scalars, sizes (2 x width), words of the bitset (2 x width / 64), words of its
summary, then the table. Side 0 is bids, side 1 asks.
"""

from __future__ import annotations

import math

import numpy as np

from nowake.core.jit import kernel
from nowake.core.tape import I64
from nowake.market.table import NO_KEY, grown, new_table, table_get, table_put

REFERENCE = "nowake.market.book_reference:ReferenceBook"
"""The plain meaning, which tests hold the kernels to."""

HEAD = 32
WIDTH, STEP, SPAN, WORDS, TOPS = 0, 1, 2, 3, 4
BASE = 5  # +side: key of slot 0 of the window
BEST = 7  # +side: slot of the best level, -1 = none
LEVELS = 9  # +side: levels in all
FAR = 11  # +side: of these, in the table
GAP_STATE = 13  # 0 sound, 1 after a GAP, 2 after the CLEAR that follows it
HALT_STATE = 14
HAS_DEPTH = 15  # depth rows have been seen: QUOTE rows are ignored
CLAMPED = 16  # reductions that exceeded the level
OFF_GRID = 17  # with REGRID: distance of the offending key from the base
QUOTED = 18  # +side: key quoted by the last QUOTE row
HAS_QUOTE = 20  # +side
OLD, NEW = 22, 23  # size of the level before and after the last depth row
EDGES = 24  # counts rows that may have changed more than the size of one level

OK, GROW, REGRID = 0, 1, 2

NO_PRICE = -(2**62)
"""Key of an empty side."""

DEFAULT_WIDTH = 32_768
DEFAULT_TABLE = 256


def new_book(step: int = 1, width: int = DEFAULT_WIDTH, table: int = DEFAULT_TABLE) -> I64:
    """Return an empty book.

    Args:
        step: Price units between neighbouring slots, > 0.
        width: Slots a side, a multiple of 64.
        table: Capacity of the table of far levels, a power of two.
    """
    words = width // 64
    tops = -(-words // 64)
    book = np.zeros(HEAD + 2 * (width + words + tops) + 2 * table, dtype=np.int64)
    book[[WIDTH, STEP, SPAN, WORDS, TOPS]] = width, step, width * step, words, tops
    book[[BEST, BEST + 1]] = -1
    book[-2 * table :] = new_table(table)
    return book


@kernel
def parts(book: I64) -> tuple[I64, I64, I64, I64, I64]:
    """Return (head, sizes, bits, summary, table): views of one book."""
    width, words, tops = book[WIDTH], book[WORDS], book[TOPS]
    a = HEAD + 2 * width
    b = a + 2 * words
    c = b + 2 * tops
    return book[:HEAD], book[HEAD:a], book[a:b], book[b:c], book[c:]


def views(book: I64) -> tuple[I64, I64, I64, I64, I64]:
    """Return what ``parts`` does, for Python: a kernel takes several times as long to hand arrays back to it."""
    a = HEAD + 2 * int(book[WIDTH])
    b = a + 2 * int(book[WORDS])
    c = b + 2 * int(book[TOPS])
    return book[:HEAD], book[HEAD:a], book[a:b], book[b:c], book[c:]


@kernel(counted=False)
def highest_bit(word: int) -> int:
    """Return the index of the highest set bit of a 64-bit word that is not 0."""
    if word < 0:
        return 63
    bit = 0
    for shift in (32, 16, 8, 4, 2, 1):
        if word >> shift:
            word >>= shift
            bit += shift
    return bit


@kernel(counted=False)
def next_below(head: I64, bits: I64, top: I64, side: int, slot: int) -> int:
    """Return the highest occupied slot of the window under ``slot``, -1 = none."""
    words, tops = head[WORDS], head[TOPS]
    one = int(np.int64(1))
    w = slot >> 6
    word = int(bits[side * words + w]) & ((one << (slot & 63)) - one) if w < words else 0
    if word != 0:
        return (w << 6) + highest_bit(word)
    t = w >> 6
    summary = int(top[side * tops + t]) & ((one << (w & 63)) - one) if t < tops else 0
    while summary == 0:
        t -= 1
        if t < 0:
            return -1
        summary = int(top[side * tops + t])
    w = (t << 6) + highest_bit(summary)
    return (w << 6) + highest_bit(int(bits[side * words + w]))


@kernel(counted=False, inline=True)
def _mark(head: I64, bits: I64, top: I64, side: int, slot: int) -> None:
    """Set the bit of a slot."""
    w = slot >> 6
    bits[side * head[WORDS] + w] |= np.int64(1) << (slot & 63)
    top[side * head[TOPS] + (w >> 6)] |= np.int64(1) << (w & 63)


@kernel(counted=False, inline=True)
def _unmark(head: I64, bits: I64, top: I64, side: int, slot: int) -> None:
    """Clear the bit of a slot."""
    w = slot >> 6
    at = side * head[WORDS] + w
    bits[at] &= ~(np.int64(1) << (slot & 63))
    if bits[at] == 0:
        top[side * head[TOPS] + (w >> 6)] &= ~(np.int64(1) << (w & 63))


@kernel(counted=False)
def _far_best(table: I64, side: int, below: int) -> int:
    """Return the best key of a side in the table that is under ``below``, NO_PRICE = none."""
    best = NO_PRICE
    for slot in range(table.shape[0] // 2):
        packed = table[2 * slot]
        if packed != NO_KEY and (packed & 1) == side:
            key = packed >> 1
            if best < key < below:
                best = key
    return best


@kernel
def _far_keys(head: I64, table: I64, side: int) -> I64:
    """Return the keys of a side in the table, in no order."""
    found = np.empty(head[FAR + side], np.int64)
    n = 0
    for slot in range(table.shape[0] // 2):
        packed = table[2 * slot]
        if packed != NO_KEY and (packed & 1) == side:
            found[n] = packed >> 1
            n += 1
    return found


@kernel(counted=False)
def _window_put(head: I64, size: I64, bits: I64, top: I64, side: int, slot: int, new: int) -> None:
    """Give an occupied or free slot of the window a size > 0; keeps BEST."""
    size[side * head[WIDTH] + slot] = new
    _mark(head, bits, top, side, slot)
    if slot > head[BEST + side]:
        head[BEST + side] = slot


@kernel
def _recentre(head: I64, size: I64, bits: I64, top: I64, table: I64, side: int, key: int) -> None:
    """Move a side's window so that ``key`` stands at three quarters of it; every level keeps its size."""
    width, step = head[WIDTH], head[STEP]
    base = key - (3 * width // 4) * step
    count = head[LEVELS + side] - head[FAR + side]
    keys = np.empty(count, np.int64)
    sizes = np.empty(count, np.int64)
    slot, n = head[BEST + side], 0
    while slot >= 0:
        keys[n], sizes[n] = head[BASE + side] + slot * step, size[side * width + slot]
        size[side * width + slot] = 0
        _unmark(head, bits, top, side, slot)
        n += 1
        slot = next_below(head, bits, top, side, slot)
    head[BASE + side], head[BEST + side] = base, -1
    for i in range(n):
        if keys[i] >= base:
            _window_put(head, size, bits, top, side, (keys[i] - base) // step, sizes[i])
        else:
            head[FAR + side] += table_put(table, keys[i] * 2 + side, sizes[i])
    if head[FAR + side] > 0:
        found = _far_keys(head, table, side)
        for i in range(found.shape[0]):
            far = found[i]
            if far >= base:
                moved = table_get(table, far * 2 + side)
                head[FAR + side] += table_put(table, far * 2 + side, 0)
                _window_put(head, size, bits, top, side, (far - base) // step, moved)


@kernel(counted=False)
def put_level(head: I64, size: I64, bits: I64, top: I64, table: I64, side: int, key: int, new: int) -> int:
    """Set the size of a level; returns OK, GROW or REGRID (then nothing was changed)."""
    if new > 0 and 2 * (head[LEVELS] + head[LEVELS + 1] + 2) > table.shape[0] // 2:
        return GROW
    if head[LEVELS + side] == 0:
        if new == 0:
            return OK
        head[BASE + side] = key - (3 * head[WIDTH] // 4) * head[STEP]
    step = head[STEP]
    off = key - head[BASE + side]
    slot = off if step == 1 else off // step
    if slot * step != off:
        if new == 0:
            return OK  # no level can stand there
        head[OFF_GRID] = off
        return REGRID
    if off >= head[SPAN]:
        if new == 0:
            return OK
        _recentre(head, size, bits, top, table, side, key)
        slot = (key - head[BASE + side]) // step
    if slot < 0:
        change = table_put(table, key * 2 + side, new)
        head[FAR + side] += change
        head[LEVELS + side] += change
        return OK
    at = side * head[WIDTH] + slot
    old = size[at]
    if new > 0:
        size[at] = new
        if old == 0:
            head[LEVELS + side] += 1
            _mark(head, bits, top, side, slot)
            if slot > head[BEST + side]:
                head[BEST + side] = slot
    elif old > 0:
        size[at] = 0
        head[LEVELS + side] -= 1
        _unmark(head, bits, top, side, slot)
        if slot == head[BEST + side]:
            head[BEST + side] = next_below(head, bits, top, side, slot)
            if head[BEST + side] < 0 and head[FAR + side] > 0:
                _recentre(head, size, bits, top, table, side, _far_best(table, side, 2**62))
    return OK


@kernel(counted=False)
def level_size(head: I64, size: I64, table: I64, side: int, key: int) -> int:
    """Return the size of a level, 0 when there is none."""
    if head[LEVELS + side] == 0:
        return 0
    off = key - head[BASE + side]
    if off >= head[SPAN]:
        return 0
    if off < 0:
        return table_get(table, key * 2 + side)
    step = head[STEP]
    slot = off if step == 1 else off // step
    return int(size[side * head[WIDTH] + slot]) if slot * step == off else 0


@kernel(counted=False, inline=True)
def best_key(head: I64, side: int) -> int:
    """Return the key of the best level of a side, NO_PRICE = empty."""
    slot = head[BEST + side]
    return int(head[BASE + side] + slot * head[STEP]) if slot >= 0 else NO_PRICE


@kernel(counted=False)
def next_key(head: I64, bits: I64, top: I64, table: I64, side: int, key: int) -> int:
    """Return the key of the next worse level after ``key`` (any key), NO_PRICE = none."""
    if head[LEVELS + side] == 0:
        return NO_PRICE
    off = key - head[BASE + side]
    if off > 0:
        slot = min((off + head[STEP] - 1) // head[STEP], head[WIDTH])
        below = next_below(head, bits, top, side, slot)
        if below >= 0:
            return int(head[BASE + side] + below * head[STEP])
    return _far_best(table, side, key) if head[FAR + side] > 0 else NO_PRICE


@kernel(counted=False)
def clear_book(head: I64, size: I64, bits: I64, top: I64, table: I64) -> None:
    """Forget every level."""
    for side in range(2):
        slot = head[BEST + side]
        while slot >= 0:
            size[side * head[WIDTH] + slot] = 0
            slot = next_below(head, bits, top, side, slot)
        if head[FAR + side] > 0:
            for i in range(table.shape[0] // 2):
                table[2 * i], table[2 * i + 1] = NO_KEY, 0
        head[BEST + side], head[LEVELS + side], head[FAR + side], head[HAS_QUOTE + side] = -1, 0, 0, 0
    bits[:] = 0
    top[:] = 0


@kernel(counted=False)
def _apply_edge(head: I64, size: I64, bits: I64, top: I64, table: I64, kind: int, side: int, key: int, qty: int) -> int:
    """Do what ``apply_depth`` does for any row: levels that come, go, are clamped or lie outside the window."""
    head[EDGES] += 1
    if head[HAS_DEPTH] == 0:
        clear_book(head, size, bits, top, table)
        head[HAS_DEPTH] = 1
    old = level_size(head, size, table, side, key)
    new = qty if kind == 0 else old + qty if kind == 1 else old - qty
    if new < 0:
        new = 0
        head[CLAMPED] += 1
    head[OLD], head[NEW] = old, new
    return OK if old == new else put_level(head, size, bits, top, table, side, key, new)


@kernel(counted=False, inline=True)
def apply_depth(head: I64, size: I64, bits: I64, top: I64, table: I64, kind: int, side: int, key: int, qty: int) -> int:
    """Apply a SET, ADD, REDUCE, DELETE or FILL row (kinds 0-4); OLD and NEW say what became of the level.

    Returns:
        OK, or GROW or REGRID: then the book is unchanged and the row is to be applied again.
    """
    # The common case first: a level inside the window that stays. BASE of an empty side puts every key outside.
    off = key - head[BASE + side]
    if 0 <= off < head[SPAN] and head[HAS_DEPTH] != 0:
        step = head[STEP]
        slot = off if step == 1 else off // step
        at = side * head[WIDTH] + slot
        old = size[at]
        new = qty if kind == 0 else old + qty if kind == 1 else old - qty
        if old > 0 and new > 0 and (step == 1 or slot * step == off):
            size[at] = new
            head[OLD], head[NEW] = old, new
            return OK
    return _apply_edge(head, size, bits, top, table, kind, side, key, qty)


@kernel(counted=False)
def apply_quote(head: I64, size: I64, bits: I64, top: I64, table: I64, side: int, key: int, qty: int) -> int:
    """Apply a QUOTE row: the only level of its side, unless depth rows have been seen. Returns as ``apply_depth``."""
    if head[HAS_DEPTH] != 0:
        return OK
    head[EDGES] += 1
    if head[HAS_QUOTE + side] != 0 and head[QUOTED + side] != key:
        put_level(head, size, bits, top, table, side, head[QUOTED + side], 0)
        head[HAS_QUOTE + side] = 0
    status = put_level(head, size, bits, top, table, side, key, qty)
    if status == OK:
        head[QUOTED + side], head[HAS_QUOTE + side] = key, 1
    return status


@kernel(counted=False)
def apply_state(head: I64, size: I64, bits: I64, top: I64, table: I64, kind: int) -> None:
    """Apply a CLEAR, HALT, RESUME or GAP row (kinds 6, 7, 8, 10)."""
    head[EDGES] += 1
    if kind == 6:
        clear_book(head, size, bits, top, table)
        if head[GAP_STATE] == 1:
            head[GAP_STATE] = 2
    elif kind == 7:
        head[HALT_STATE] = 1
    elif kind == 8:
        head[HALT_STATE] = 0
    elif kind == 10:
        head[GAP_STATE] = 1


@kernel(counted=False, inline=True)
def apply_row(head: I64, size: I64, bits: I64, top: I64, table: I64, code: int, price: int, qty: int) -> int:
    """Apply one tape row of any kind to the book (prints change nothing). Returns as ``apply_depth``.

    ``code`` is packed as in ``core.tape``, ``price`` an offset from the price base, ``qty`` in quantity units.
    """
    kind = code & 15
    status = OK
    if kind <= 4 or kind == 9:
        side = ((code >> 4) & 3) - 1
        if side >> 1 == 0:
            key = price * (1 - 2 * side)  # no branch: which side a row is of cannot be foreseen
            if kind == 9:
                status = apply_quote(head, size, bits, top, table, side, key, qty)
            else:
                status = apply_depth(head, size, bits, top, table, kind, side, key, qty)
    elif kind != 5:
        apply_state(head, size, bits, top, table, kind)
    if head[GAP_STATE] == 2 and (code & 0x500) == 0x500 and status == OK:
        head[GAP_STATE] = 0
        head[EDGES] += 1
    return status


@kernel(counted=False, inline=True)
def book_flags(head: I64) -> int:
    """Return what is wrong with the book itself: EMPTY 1, CROSSED 2, LOCKED 4, GAP 8, HALTED 16 (``core.view``)."""
    flags = 0
    bid, ask = head[BEST], head[BEST + 1]
    if bid < 0 or ask < 0:
        flags = 1
    else:
        spread = -(head[BASE + 1] + ask * head[STEP]) - (head[BASE] + bid * head[STEP])
        if spread < 0:
            flags = 2
        elif spread == 0:
            flags = 4
    if head[GAP_STATE] != 0:
        flags |= 8
    if head[HALT_STATE] != 0:
        flags |= 16
    return flags


@kernel
def fill_levels(book: I64, side: int, out: I64) -> int:
    """Write the best levels of a side into ``out`` (k, 2) as (key, size), best first; returns how many there are."""
    head, size, bits, top, table = parts(book)
    key, n = best_key(head, side), 0
    while key != NO_PRICE and n < out.shape[0]:
        out[n, 0], out[n, 1] = key, level_size(head, size, table, side, key)
        n += 1
        key = next_key(head, bits, top, table, side, key)
    return n


def levels(book: I64, side: int, count: int | None = None) -> list[tuple[int, int]]:
    """Return up to ``count`` levels (all when None) of side 0 or 1 as (key, size), best first."""
    inside = int(book[LEVELS + side] - book[FAR + side])
    out = np.zeros((inside if count is None else min(inside, count), 2), dtype=np.int64)
    fill_levels(book, side, out)
    found = [(key, size) for key, size in out.tolist()]
    if (count is None or count > inside) and book[FAR + side]:
        pairs = parts(book)[4].reshape(-1, 2)
        pairs = pairs[(pairs[:, 0] != NO_KEY) & (pairs[:, 0] & 1 == side)]
        found += [(packed >> 1, size) for packed, size in pairs[np.argsort(-pairs[:, 0])].tolist()]
    return found if count is None else found[:count]


def repaired(book: I64, status: int) -> I64:
    """Return the same book with room for what stopped a kernel: a larger table (GROW) or a finer step (REGRID)."""
    head, table = book[:HEAD], parts(book)[4]
    if status == GROW:
        bigger = grown(table)
        return np.concatenate([book[: len(book) - len(table)], bigger])
    step = math.gcd(int(head[STEP]), int(head[OFF_GRID]))
    finer = new_book(step, int(head[WIDTH]), len(table) // 2)
    for side in (0, 1):
        for key, qty in levels(book, side):
            put_level(*parts(finer), side, key, qty)
    for first in (GAP_STATE, HALT_STATE, HAS_DEPTH, CLAMPED, QUOTED, QUOTED + 1, HAS_QUOTE, HAS_QUOTE + 1, EDGES):
        finer[first] = head[first]
    return finer
