"""What an order that arrives would take, without taking it: for all-or-nothing and for minimum quantities."""

from __future__ import annotations

import numpy as np

from nowake.core.tape import F64, I64
from nowake.market import book as bk
from nowake.market.seen import S_JUMP
from nowake.sim import layout as lay
from nowake.sim import match_l2 as l2


def takeable(
    book: I64, stats: I64, reals: F64, orders: I64, taken: I64, taken_at: I64, side: int, key: int, qty: int, t_ns: int
) -> int:
    """Return how much of ``qty`` would trade at once; nothing changes. Arguments as for ``match_l2.take``."""
    shown = int(book[bk.LEVELS + 1 - side])
    scratch = stats.copy()
    scratch[[lay.V_LEDGER, lay.V_FILLS]] = 0
    fills = np.zeros((shown + pieces(stats, reals, qty), lay.FILL_FIELDS), dtype=np.int64)
    left = l2.take(
        *bk.views(book), scratch, reals.copy(), orders.copy(), fills, taken, taken_at, 0, side, key, qty, t_ns
    )
    return qty - int(left)


def pieces(stats: I64, reals: F64, qty: int) -> int:
    """Return in how many more pieces ``qty`` may trade because the rounded shift moves on the way, at most."""
    unit = int(stats[lay.V_UNIT])
    # A sum that should be half a tick may fall short of it by its last bit: then it takes another piece to move.
    return 1 + (2 * (int(reals[lay.R_SHIFT + S_JUMP] * qty / unit) + 2) if unit else 0)
