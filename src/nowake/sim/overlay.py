"""Our mark on the venue's book: what we took of its levels (``taken``) and how far our fills moved it (``shift``).

The book itself is recorded rows only; ``market.seen`` says what the mark does to what is seen. Orders are kept by their
**recorded** key, that is their seen price less the shift, so that matching compares recorded prices only. When the
rounded shift moves, their seen prices stay: their recorded keys move, and they join the back of the queue there. A peg
follows at the end of the message. Nothing is filled by that: what fills is a print or new quantity, after it.

Each lot of ours, taken or made, trades at the seen price that stands before it and moves the shift after it.
"""

from __future__ import annotations

from nowake.core.jit import kernel
from nowake.core.tape import F64, I64
from nowake.market.book import level_size
from nowake.market.queue import UNKNOWN_FRONT
from nowake.market.seen import (
    best_seen,
    lots_before,
    move_shift,
    put_taken,
    rounded,
    shift_at,
    size_seen,
    still_until,
    taken_after_level,
)
from nowake.sim.bounds import requeue_bounds
from nowake.sim.layout import (
    F_AHEAD,
    F_AHEAD_MIN,
    F_TRADED,
    NO_LIMIT,
    O_KEY,
    O_LIMIT,
    O_LIVE,
    O_ROW,
    O_SIDE,
    PARKED,
    R_SHIFT,
    V_EDGES,
    V_HALF_NS,
    V_LOT,
    V_MIDS,
    V_MOVED,
    V_SHIFT,
    V_SHIFT_AT,
    V_SHIFT_DUE,
    V_SLOTS,
    V_TAKEN,
    V_UNIT,
)
from nowake.sim.requeue import repeg

REFERENCE = "nowake.sim.match_reference:ReferenceMatcher"
"""The plain meaning, which tests hold the kernels to."""


@kernel(counted=False)
def set_taken(venue: I64, taken: I64, taken_at: I64, packed: int, amount: int, t: int) -> None:
    """Remember what we have consumed of a level, as of venue time ``t``."""
    venue[V_TAKEN] += put_taken(taken, taken_at, venue[V_HALF_NS], packed, amount, t)


@kernel(counted=False)
def ledger_after_level(
    venue: I64, taken: I64, taken_at: I64, side: int, key: int, old: int, new: int, flags: int, t: int
) -> None:
    """Carry ``taken`` over a change of its recorded level."""
    venue[V_TAKEN] += taken_after_level(taken, taken_at, venue[V_HALF_NS], side, key, old, new, flags, t)


@kernel(counted=False)
def seen_best(
    head: I64, size: I64, bits: I64, top: I64, table: I64, venue: I64, taken: I64, taken_at: I64, side: int, t: int
) -> int:
    """Return the recorded key of the best level of which something is still seen, NO_PRICE = none."""
    return best_seen(head, size, bits, top, table, taken, taken_at, venue[V_HALF_NS], side, t)


@kernel(counted=False)
def depth_seen(
    head: I64, size: I64, table: I64, venue: I64, taken: I64, taken_at: I64, side: int, key: int, t: int
) -> int:
    """Return the seen size of one level by its recorded key: recorded less taken, not under 0."""
    return size_seen(head, size, table, taken, taken_at, venue[V_HALF_NS], side, key, t)


@kernel(counted=False)
def _take_over(venue: I64, reals: F64, orders: I64, t: int) -> int:
    """Round the shift as it is at ``t``; own orders keep their seen prices. Returns by how much it moved."""
    shift, since, unit = reals[R_SHIFT:], venue[V_SHIFT_AT], venue[V_UNIT]
    venue[V_SHIFT_DUE] = still_until(shift, since, t, unit)
    moved = rounded(shift_at(shift, since, t), unit) - venue[V_SHIFT]
    if moved != 0:
        venue[V_SHIFT] += moved
        venue[V_MOVED], venue[V_EDGES] = 1, -1  # pegs are looked at again after the message
        for i in range(venue[V_SLOTS]):
            # Also the displayed part of an iceberg that is to be shown again.
            fell = moved if orders[i, O_SIDE] == 0 else -moved
            if orders[i, O_KEY] != PARKED:
                orders[i, O_KEY] -= fell
            if orders[i, O_LIMIT] != NO_LIMIT:
                orders[i, O_LIMIT] -= fell
    return int(moved)


@kernel(counted=False)
def shift_fill(venue: I64, reals: F64, orders: I64, qty: int, t: int) -> int:
    """Move the shift by an own fill of signed ``qty``; returns by how much the rounded shift moved."""
    move_shift(reals[R_SHIFT:], venue[V_SHIFT_AT], t, qty)
    venue[V_SHIFT_AT] = t
    return _take_over(venue, reals, orders, t)


@kernel(counted=False)
def taken_lots(venue: I64, reals: F64, side: int, want: int, t: int) -> int:
    """Return how much of ``want`` a taker on ``side`` trades of a level before its seen price moves a unit."""
    sign = 1 if side == 0 else -1
    return lots_before(reals[R_SHIFT:], venue[V_SHIFT_AT], t, venue[V_UNIT], venue[V_LOT], sign, want, 1)


@kernel(counted=False)
def made_lots(venue: I64, reals: F64, side: int, slack: int, want: int, t: int) -> int:
    """Return how much of ``want`` a resting order of ``side`` makes before its own fills carry the market away from it.

    ``slack``: by how much it is better than the price that reaches it, price units.
    """
    unit = venue[V_UNIT]
    steps = max((slack + unit - 1) // unit, 1)
    sign = 1 if side == 0 else -1
    return lots_before(reals[R_SHIFT:], venue[V_SHIFT_AT], t, unit, venue[V_LOT], sign, want, steps)


@kernel(counted=False)
def join_back(
    head: I64, size: I64, table: I64, venue: I64, orders: I64, fronts: F64, taken: I64, taken_at: I64, t: int, row: int
) -> None:
    """Put every own order behind all that is seen at its price, after the rounded shift has moved; next is ``row``."""
    venue[V_MOVED] = 0
    for i in range(venue[V_SLOTS]):
        if orders[i, O_LIVE] != 0:
            side, key = orders[i, O_SIDE], orders[i, O_KEY]
            ahead = float(depth_seen(head, size, table, venue, taken, taken_at, side, key, t))
            # Deeper than the source shows its book, nobody knows.
            unknown = fronts[i, F_AHEAD] >= UNKNOWN_FRONT and level_size(head, size, table, side, key) == 0
            if key == PARKED:
                ahead, unknown = 0.0, False
            fronts[i, F_AHEAD] = UNKNOWN_FRONT if unknown else ahead
            fronts[i, F_TRADED] = 0.0
            requeue_bounds(fronts, i, fronts[i, F_AHEAD])
            if unknown:
                fronts[i, F_AHEAD_MIN] = 0.0
            orders[i, O_ROW] = row


@kernel(counted=False)
def age_shift(
    head: I64, size: I64, table: I64, venue: I64, reals: F64, orders: I64, fronts: F64, taken: I64, taken_at: I64,
    t: int, row: int,
) -> None:  # fmt: skip
    """Bring the rounded shift to ``t``, before row ``row``; own orders lose their place when it moves."""
    _take_over(venue, reals, orders, t)
    if venue[V_MOVED] != 0:
        join_back(head, size, table, venue, orders, fronts, taken, taken_at, t, row)
        if venue[V_MIDS] > 0:
            repeg(head, size, table, venue, orders, fronts, row, 0)
