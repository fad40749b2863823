"""Our mark on a recorded book, kept apart from it: what we have taken of its levels.

Seen size = max(0, recorded - taken). A rise of the recorded level adds to what is seen, a fall takes ``taken`` off pro
rata (rounded up, so nothing comes back for free), the end of the level forgets it, and with a half-life it decays.
"""

from __future__ import annotations

from nowake.core.jit import kernel
from nowake.core.tape import I64
from nowake.market.book import NO_PRICE, best_key, level_size, next_key
from nowake.market.table import table_get, table_put
from nowake.sim.layout import V_HALF_NS, V_TAKEN

REFERENCE = "nowake.sim.match_reference:ReferenceMatcher"
"""The plain meaning, which tests hold the kernels to."""


@kernel(counted=False)
def taken_now(taken: I64, taken_at: I64, half_ns: int, packed: int, t: int) -> int:
    """Return how much of a level we have consumed that is not yet replaced; ``half_ns`` < 0: it never is."""
    amount = table_get(taken, packed)
    if amount == 0 or half_ns < 0:
        return amount
    if half_ns == 0:
        return 0
    return int(amount * 0.5 ** ((t - table_get(taken_at, packed)) / half_ns))


@kernel(counted=False)
def set_taken(venue: I64, taken: I64, taken_at: I64, packed: int, amount: int, t: int) -> None:
    """Remember what we have consumed of a level, as of venue time ``t``."""
    venue[V_TAKEN] += table_put(taken, packed, amount)
    if venue[V_HALF_NS] > 0:
        table_put(taken_at, packed, t if amount != 0 else 0)


@kernel(counted=False)
def scaled_up(amount: int, new: int, old: int) -> int:
    """Return ceil(amount x new / old) for 0 <= amount, new <= old, without overflow."""
    if old < 2**31:
        return (amount * new + old - 1) // old
    whole, rest = 0, 0
    for bit in range(62, -1, -1):
        whole, rest = 2 * whole, 2 * rest
        if (new >> bit) & 1:
            rest += amount
        whole, rest = whole + rest // old, rest % old
    return whole + (1 if rest > 0 else 0)


@kernel(counted=False)
def ledger_after_level(
    venue: I64, taken: I64, taken_at: I64, side: int, key: int, old: int, new: int, flags: int, t: int
) -> None:
    """Carry ``taken`` over a change of its recorded level."""
    packed = key * 2 + side
    if table_get(taken, packed) == 0:
        return
    amount = taken_now(taken, taken_at, venue[V_HALF_NS], packed, t)
    if flags & 0x600:  # SEEDED, SNAPSHOT: the market did nothing, we only see more or less of it
        if 0 < new < amount:
            set_taken(venue, taken, taken_at, packed, new, t)
    elif old == 0 or new == 0:
        set_taken(venue, taken, taken_at, packed, 0, t)
    elif new < old:
        set_taken(venue, taken, taken_at, packed, scaled_up(min(amount, old), new, old), t)


@kernel(counted=False)
def seen_best(
    head: I64, size: I64, bits: I64, top: I64, table: I64, venue: I64, taken: I64, taken_at: I64, side: int, t: int
) -> int:
    """Return the key of the best level of which something is still seen, NO_PRICE = none."""
    level = best_key(head, side)
    while level != NO_PRICE:
        gone = taken_now(taken, taken_at, venue[V_HALF_NS], level * 2 + side, t)
        if level_size(head, size, table, side, level) > gone:
            return level
        level = next_key(head, bits, top, table, side, level)
    return NO_PRICE


@kernel(counted=False)
def depth_seen(
    head: I64, size: I64, table: I64, venue: I64, taken: I64, taken_at: I64, side: int, key: int, t: int
) -> int:
    """Return the seen size of one level: recorded less taken, not under 0."""
    gone = taken_now(taken, taken_at, venue[V_HALF_NS], key * 2 + side, t)
    return max(level_size(head, size, table, side, key) - gone, 0)
