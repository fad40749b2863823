"""The touch after every complete message of a tape, and what follows from it: spread, imbalance, microprice, depth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nowake.core.jit import kernel
from nowake.core.tape import END, F64, I32, I64, U16, Tape
from nowake.market.book import (
    HEAD,
    NO_PRICE,
    TOPS,
    WIDTH,
    WORDS,
    apply_row,
    best_key,
    book_flags,
    level_size,
    new_book,
    repaired,
)
from nowake.market.own import coarsest_step

FIELDS = 5


class Touches(NamedTuple):
    """One entry per complete message, (m,) i64 each; prices and sizes 0 where a side is empty.

    Attributes:
        row: Row of the message's END.
        t_ns: Local time.
        bid_units, ask_units: Best prices.
        bid_qty, ask_qty: Their sizes.
        flags: ``Integrity`` of the book itself.
    """

    row: I64
    t_ns: I64
    bid_units: I64
    ask_units: I64
    bid_qty: I64
    ask_qty: I64
    flags: I64


@kernel(counted=False)
def _scan(
    book: I64, code: U16, price: I32, qty: I32 | I64, lo: int, base: int, out: I64, at: int
) -> tuple[int, int, int]:
    """Apply rows from ``lo``, writing (bid, ask, bid size, ask size, flags) at each END row; (status, row, written)."""
    a = HEAD + 2 * book[WIDTH]
    b = a + 2 * book[WORDS]
    c = b + 2 * book[TOPS]
    head, size, bits, top, table = book[:HEAD], book[HEAD:a], book[a:b], book[b:c], book[c:]
    for i in range(lo, code.shape[0]):
        packed = int(np.int64(code[i]))
        status = apply_row(head, size, bits, top, table, packed, int(price[i]), int(qty[i]))
        if status != 0:
            return status, i, at
        if packed & 0x100:
            for side in range(2):
                key = best_key(head, side)
                out[at, side] = 0 if key == NO_PRICE else base + (key if side == 0 else -key)
                out[at, 2 + side] = 0 if key == NO_PRICE else level_size(head, size, table, side, key)
            out[at, 4] = book_flags(head)
            at += 1
    return 0, code.shape[0], at


def touches(tape: Tape, extra_ns: int = 0) -> Touches:
    """Return the touch after every complete message; ``extra_ns`` is added to the receive times."""
    rows = np.flatnonzero(tape.code & np.uint16(END)).astype(np.int64)
    out = np.zeros((len(rows), FIELDS), dtype=np.int64)
    book = new_book(coarsest_step(tape))
    row = written = 0
    while row < len(tape):
        status, row, written = _scan(book, tape.code, tape.price, tape.qty, row, tape.meta.price_base, out, written)
        if status:
            book = repaired(book, status)
    return Touches(rows, tape.t_local(extra_ns)[rows], *out.T)


def spread_units(bid_units: I64, ask_units: I64) -> I64:
    """Return (n,) ask - bid in price units, 0 where a side is empty."""
    return np.where((bid_units != 0) & (ask_units != 0), ask_units - bid_units, 0)


def spread_bps(bid_units: I64, ask_units: I64) -> F64:
    """Return (n,) the quoted spread in basis points of the mid, NaN where a side is empty."""
    both = (bid_units != 0) & (ask_units != 0)
    total = np.where(both, bid_units + ask_units, 1)
    return np.where(both, 20_000.0 * (ask_units - bid_units) / total, np.nan)


def imbalance(bid_qty: I64, ask_qty: I64) -> F64:
    """Return (n,) (bid size - ask size) / (bid size + ask size) in [-1, 1], 0 where both are empty."""
    total = bid_qty + ask_qty
    return np.where(total > 0, (bid_qty - ask_qty) / np.maximum(total, 1), 0.0)


def microprice_units(bid_units: I64, ask_units: I64, bid_qty: I64, ask_qty: I64) -> F64:
    """Return (n,) bid + spread x bid size / (bid size + ask size), price units (Stoikov 2018, first order)."""
    total = np.maximum(bid_qty + ask_qty, 1)
    return np.asarray(bid_units + spread_units(bid_units, ask_units) * bid_qty / total, dtype=np.float64)


def depth_within(levels: Sequence[tuple[int, int]], mid2: int, bps: float) -> int:
    """Return the size, quantity units, on one side within ``bps`` of the mid.

    Args:
        levels: (price units, size), best first, of one side; only what is given is counted.
        mid2: Twice the mid, price units, > 0.
        bps: Distance, basis points of the mid, >= 0.
    """
    reach = mid2 * bps / 10_000
    return sum(size for price, size in levels if abs(2 * price - mid2) <= reach)
