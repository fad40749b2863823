"""Own orders that the venue moves: pegs that follow the touch, and icebergs whose next part is shown.

Both join the back of a queue. The plain meaning is in ``match_reference``.

- A **primary** peg stands at the recorded best price of its side, or, when that side is empty, where it was.
- A **midpoint** peg stands at the recorded mid, rounded to the price unit away from the other side (so never more
  aggressive than the mid), at the end of each message; while the book is crossed or one side empty there is no mid, and
  it cannot trade. Nor can it from the row of a message that changes the mid to the end of the message: neither at a mid
  that is gone, nor at one between two rows that nobody ever saw.
- Neither goes beyond its limit.
- The part of an **iceberg** that is shown next joins behind all that is displayed at its price.
"""

from __future__ import annotations

from nowake.core.jit import kernel
from nowake.core.tape import F64, I64
from nowake.market.book import NO_PRICE, best_key, level_size, next_key
from nowake.sim.bounds import requeue_bounds
from nowake.sim.layout import (
    F_AHEAD,
    F_TRADED,
    HIDDEN_SEQ,
    NEVER,
    O_DISPLAY,
    O_DUE,
    O_KEY,
    O_LEAVES,
    O_LIMIT,
    O_LINK,
    O_LIVE,
    O_PEG,
    O_ROW,
    O_SEQ,
    O_SIDE,
    PARKED,
    PEG_MIDPOINT,
    V_ARRIVALS,
    V_BAR_UNTIL,
    V_DUE,
    V_LIVE,
    V_SLOTS,
)

REFERENCE = "nowake.sim.match_reference:ReferenceMatcher"
"""The plain meaning, which tests hold the kernels to."""


@kernel(counted=False, inline=True)
def peg_key(head: I64, side: int, peg: int, limit: int) -> int:
    """Return where a peg stands now: a key of ``side``, PARKED without a mid, NO_PRICE = where it was."""
    key = best_key(head, side)
    if peg == PEG_MIDPOINT:
        other = best_key(head, 1 - side)
        if key == NO_PRICE or other == NO_PRICE or key + other > 0:
            return PARKED
        key = (key - other) >> 1
    if key == NO_PRICE:
        return NO_PRICE
    return min(key, limit)


@kernel(counted=False)
def is_crossed(head: I64) -> bool:
    """Return whether the best bid is above the best ask."""
    bid, ask = best_key(head, 0), best_key(head, 1)
    return bid != NO_PRICE and ask != NO_PRICE and bid + ask > 0


@kernel(counted=False, inline=True)
def pegs_are_due(head: I64, venue: I64, orders: I64) -> bool:
    """Say whether ``repeg`` would move an order: asked first, because most levels that come or go are not the touch."""
    due = False
    for i in range(venue[V_SLOTS]):
        if orders[i, O_LIVE] != 0 and orders[i, O_PEG] != 0:
            key = peg_key(head, orders[i, O_SIDE], orders[i, O_PEG], orders[i, O_LIMIT])
            due = due | ((key != NO_PRICE) & (key != orders[i, O_KEY]))
    return due


@kernel(counted=False)
def repeg(head: I64, size: I64, table: I64, venue: I64, orders: I64, fronts: F64, row: int, primary: int) -> None:
    """Move pegged orders with the touch, in the order of their arrival; ``row`` is the next to come.

    ``primary``: 0 = within a message: midpoint pegs only, and whose mid changed waits nowhere for the end of it.
    """
    before, last = venue[V_ARRIVALS], -1
    while True:
        i = -1
        for k in range(venue[V_SLOTS]):
            seq = orders[k, O_SEQ]
            if orders[k, O_LIVE] == 0 or orders[k, O_PEG] == 0 or seq <= last or seq & (HIDDEN_SEQ - 1) > before:
                continue
            if primary == 0 and orders[k, O_PEG] != PEG_MIDPOINT:
                continue
            if i < 0 or seq < orders[i, O_SEQ]:
                i = k
        if i < 0:
            return
        last = int(orders[i, O_SEQ])
        side = orders[i, O_SIDE]
        key = peg_key(head, side, orders[i, O_PEG], orders[i, O_LIMIT])
        if primary == 0 and key != orders[i, O_KEY]:
            key = PARKED
        if key != NO_PRICE and key != orders[i, O_KEY]:
            venue[V_ARRIVALS] += 1
            orders[i, O_SEQ] = venue[V_ARRIVALS] + (HIDDEN_SEQ if last >= HIDDEN_SEQ else 0)
            orders[i, O_KEY], orders[i, O_ROW] = key, row
            fronts[i, F_AHEAD] = float(level_size(head, size, table, side, key)) if key > PARKED else 0.0
            fronts[i, F_TRADED] = 0.0
            requeue_bounds(fronts, i, fronts[i, F_AHEAD])


@kernel(counted=False)
def refresh(venue: I64, orders: I64, fronts: F64, t: int, row: int) -> None:
    """Show the next part of every iceberg that is due by ``t``, the earliest first; ``row`` is the next to come."""
    while True:
        i, due = -1, NEVER
        for k in range(venue[V_SLOTS]):
            when = int(orders[k, O_DUE])
            if orders[k, O_LIVE] == 0 or when >= NEVER:
                continue
            if i < 0 or when < due or (when == due and orders[k, O_SEQ] < orders[i, O_SEQ]):
                i, due = k, when
        if due > t:
            venue[V_DUE] = min(due, venue[V_BAR_UNTIL])
            return
        part = min(orders[i, O_DISPLAY], orders[i, O_LEAVES])
        shown = orders[i, O_LINK] - 1
        venue[V_ARRIVALS] += 1
        orders[shown, O_LIVE], orders[shown, O_LEAVES] = 1, part
        orders[shown, O_KEY], orders[shown, O_SEQ], orders[shown, O_ROW] = orders[i, O_KEY], venue[V_ARRIVALS], row
        # What stands before the reserve is all that is displayed.
        fronts[shown, F_AHEAD], fronts[shown, F_TRADED] = fronts[i, F_AHEAD], fronts[i, F_TRADED]
        orders[i, O_LEAVES] -= part
        orders[i, O_DUE] = NEVER
        if orders[i, O_LEAVES] == 0:
            orders[i, O_LIVE] = 0
        else:
            venue[V_LIVE] += 1


@kernel(counted=False)
def beyond_depth(head: I64, bits: I64, top: I64, table: I64, side: int, key: int, depth: int) -> bool:
    """Say whether a price lies deeper than the ``depth`` levels that the source keeps."""
    level = best_key(head, side)
    for _ in range(depth - 1):
        if level == NO_PRICE:
            return False
        level = next_key(head, bits, top, table, side, level)
    return level != NO_PRICE and key < level
