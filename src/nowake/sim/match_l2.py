"""Our orders against a recorded market: the kernel. Its meaning is ``match_reference``; read that first.

The recorded book knows nothing of us. Rules, per row of the venue (event time):

- **print at our price** (aggressor on the other side): it works off what stands ahead (``market.queue``); what of it
  goes beyond fills us, at most the print;
- **print through our price**: whoever printed would have met us first: fills us, at most the print;
- **the other side comes to our price** (a level at or through it appears or grows by ``d``): fills us at our price, at
  most ``d``. Snapshots and levels that merely enter the recorded window (SEEDED) bring nobody;
- of several own orders the better price, then the older, is filled first, and all share one print or one ``d``, so that
  passive fills never exceed what was printed or shown;
- a **hidden** print at our price fills what we display only when nothing displayed stands ahead;
- what we **do not display** (hidden orders, the reserve of an iceberg) stands behind all that is displayed at its
  price: it gets hidden prints there, and of other prints what goes beyond the displayed quantity;
- an **iceberg** whose displayed part is gone shows the next one after the venue's refresh latency, at the back of the
  queue (``sim.requeue``);
- an **aggressive** order walks the seen sizes, ``max(0, recorded - taken)``, at seen prices, ``recorded + shift``
  (``overlay``): ``taken`` is kept with impact ``ledger`` and ``full``, the shift with ``full``. Prices below are
  recorded ones;
- on a tape with order ids, **first come first served** is exact (queue model ``fifo``): ``joined`` says of every row at
  which row its order joined the book, so what leaves counts as ahead of us when it came before us, and an execution of
  an order that stands behind us would have met us first; and what we took is void by name: an aggressor whose
  counterparty we took matches again (``void``);
- a **pegged** order follows the recorded touch at the end of each message, to the back of the queue; a midpoint peg
  cannot trade from the row that changes the mid to that end (``sim.requeue``).

The arrays are those of ``sim.layout``. Fills are whole lots; a print or level finer than a lot gives what it can.
"""

from __future__ import annotations

import math

from nowake.core.jit import kernel
from nowake.core.tape import F64, I32, I64
from nowake.market.book import (
    BASE,
    BEST,
    EDGES,
    HALT_STATE,
    NEW,
    NO_PRICE,
    OLD,
    STEP,
    apply_row,
    best_key,
    level_size,
    next_key,
)
from nowake.market.book_l3 import N_AHEAD, N_HAS, N_REACH
from nowake.market.queue import front_after
from nowake.market.run import LOG_COUNT, LOG_FIRST, LOG_WIDTH
from nowake.market.seen import RESTATED, taken_now
from nowake.market.table import table_get
from nowake.sim.bounds import bounds_after_crossing, bounds_after_level, bounds_after_print
from nowake.sim.layout import (
    BAR_OVER,
    F_AHEAD,
    F_TRADED,
    FILLS_FULL,
    HIDDEN_SEQ,
    LEDGER_FULL,
    LOG_FULL,
    NO_ID,
    NO_LEVEL,
    O_DUE,
    O_KEY,
    O_LEAVES,
    O_LINK,
    O_LIVE,
    O_ROW,
    O_SEQ,
    O_SIDE,
    PRINTED,
    R_BEST,
    R_N,
    R_WORST,
    TOOK,
    UNPRINTED,
    V_BAR_ROOM,
    V_BAR_UNTIL,
    V_DUE,
    V_EDGES,
    V_FILLS,
    V_FLOOR,
    V_HALF_NS,
    V_LEDGER,
    V_LIVE,
    V_LOT,
    V_MIDS,
    V_MODEL,
    V_MOVED,
    V_PEGS,
    V_REFRESH_NS,
    V_SHIFT,
    V_SHIFT_DUE,
    V_SLOTS,
    V_TAKEN,
    V_UNIT,
    X_HOW,
    X_LEVEL,
    X_ORDER,
    X_PRICE,
    X_QTY,
    X_T,
)
from nowake.sim.overlay import age_shift, join_back, ledger_after_level, made_lots, set_taken, shift_fill, taken_lots
from nowake.sim.requeue import is_crossed, pegs_are_due, refresh, repeg
from nowake.sim.void import levels_to, set_void, void_after, void_after_level

REFERENCE = "nowake.sim.match_reference:ReferenceMatcher"
"""The plain meaning, which tests hold the kernels to."""


@kernel(counted=False)
def _fill(venue: I64, orders: I64, fills: I64, i: int, qty: int, t: int, maker: int) -> None:
    """Fill a resting order at its own price."""
    n = venue[V_FILLS]
    key = orders[i, O_KEY]
    fills[n, X_ORDER], fills[n, X_QTY] = i, qty
    fills[n, X_PRICE] = (key if orders[i, O_SIDE] == 0 else -key) + venue[V_SHIFT]
    fills[n, X_T], fills[n, X_HOW], fills[n, X_LEVEL] = t, maker, NO_LEVEL
    venue[V_FILLS] = n + 1
    venue[V_BAR_ROOM] -= qty
    orders[i, O_LEAVES] -= qty
    if orders[i, O_LEAVES] == 0:
        orders[i, O_LIVE] = 0
        venue[V_LIVE] -= 1
        link = orders[i, O_LINK]
        if link != 0 and orders[i, O_SEQ] < HIDDEN_SEQ:
            due = t + venue[V_REFRESH_NS]
            orders[link - 1, O_DUE] = due
            venue[V_DUE] = min(venue[V_DUE], due)


@kernel(counted=False)
def _first_order(orders: I64, slots: int, side: int, key_min: int, last_key: int, last_seq: int) -> int:
    """Return the order next in price-time priority after (last_key, last_seq) with a key >= ``key_min``, -1 = none."""
    best = -1
    for i in range(slots):
        if orders[i, O_LIVE] == 0 or orders[i, O_SIDE] != side:
            continue
        key, seq = orders[i, O_KEY], orders[i, O_SEQ]
        if key < key_min or key > last_key or (key == last_key and seq <= last_seq):
            continue
        if best < 0 or key > orders[best, O_KEY] or (key == orders[best, O_KEY] and seq < orders[best, O_SEQ]):
            best = i
    return best


@kernel(counted=False)
def _shift_made(venue: I64, reals: F64, orders: I64, side: int, qty: int, t: int) -> int:
    """Move the shift by what an order on ``side`` made; returns by how much the keys of its side fell."""
    moved = shift_fill(venue, reals, orders, qty if side == 0 else -qty, t)
    return moved if side == 0 else -moved


@kernel(counted=False)
def _match_print(
    venue: I64, reals: F64, orders: I64, fronts: F64, fills: I64, side: int, key: int, qty: int, hidden: int, t: int,
    came: int,
) -> int:  # fmt: skip
    """Give a print of ``qty`` that hit ``side`` at ``key`` to our orders of that side; returns what they leave of it.

    ``came``: row at which the order that was executed joined; one that came before us is none of our business.
    """
    left = qty
    reals[R_WORST], reals[R_BEST] = float(qty), float(qty)
    slots = venue[V_SLOTS]
    last_key, last_seq = 2**62, -1
    while True:
        i = _first_order(orders, slots, side, key, last_key, last_seq)
        if i < 0:
            return left
        last_key, last_seq = int(orders[i, O_KEY]), int(orders[i, O_SEQ])
        if last_seq < HIDDEN_SEQ and orders[i, O_LINK] == 0:
            bounds_after_print(venue, orders, fronts, reals, i, last_key == key, hidden, came > NO_ID, came)
        reach = left
        if last_key == key:
            unseen = last_seq >= HIDDEN_SEQ
            if (came > NO_ID and (came < orders[i, O_ROW] or unseen)) or venue[V_MOVED] != 0:
                reach = 0
            elif hidden != 0:
                reach = left if unseen or fronts[i, F_AHEAD] < 0.5 else 0
            else:
                fronts[i, F_AHEAD] -= left
                fronts[i, F_TRADED] += qty
                reach = min(left, math.floor(0.5 - fronts[i, F_AHEAD]))
                if fronts[i, F_AHEAD] < 0:
                    fronts[i, F_AHEAD] = 0.0
        take = min(orders[i, O_LEAVES], reach, venue[V_BAR_ROOM])
        take -= take % venue[V_LOT]
        if take > 0:
            if venue[V_UNIT] != 0:
                take = made_lots(venue, reals, side, last_key - key, take, t)
            _fill(venue, orders, fills, i, take, t, PRINTED)
            left -= take
            if venue[V_UNIT] != 0:
                last_key -= _shift_made(venue, reals, orders, side, take, t)


@kernel(counted=False)
def _match_level(
    venue: I64, reals: F64, orders: I64, fronts: F64, fills: I64, taken: I64, taken_at: I64, side: int, key: int,
    came: int, t: int,
) -> None:  # fmt: skip
    """Give ``came``, new at ``key`` of ``side``, to our orders on the other side that it crosses."""
    left = came
    reals[R_BEST] = float(came)
    last_key, last_seq = 2**62, -1
    while True:
        i = _first_order(orders, venue[V_SLOTS], 1 - side, -key, last_key, last_seq)
        if i < 0:
            break
        last_key, last_seq = int(orders[i, O_KEY]), int(orders[i, O_SEQ])
        if last_seq < HIDDEN_SEQ and orders[i, O_LINK] == 0:
            bounds_after_crossing(venue, fronts, reals, i)
        take = min(orders[i, O_LEAVES], left, venue[V_BAR_ROOM])
        take -= take % venue[V_LOT]
        if take > 0:
            if venue[V_UNIT] != 0:
                take = made_lots(venue, reals, 1 - side, last_key + key, take, t)
            _fill(venue, orders, fills, i, take, t, UNPRINTED)
            fills[venue[V_FILLS] - 1, X_LEVEL] = key * 2 + side
            left -= take
            if venue[V_UNIT] != 0:
                last_key -= _shift_made(venue, reals, orders, 1 - side, take, t)
    if left < came and venue[V_LEDGER] != 0:
        packed = key * 2 + side
        amount = taken_now(taken, taken_at, venue[V_HALF_NS], packed, t) + came - left
        set_taken(venue, taken, taken_at, packed, amount, t)


@kernel(counted=False, inline=True)
def _orders_after_level(
    head: I64, venue: I64, reals: F64, orders: I64, fronts: F64, fills: I64, taken: I64, taken_at: I64,
    side: int, key: int, old: int, new: int, flags: int, t: int, came: int,
) -> None:  # fmt: skip
    """Move queues at a level that went from ``old`` to ``new`` and match orders that it crosses.

    ``flags``: code of the row; ``came`` as in ``_match_print``.
    """
    crossed = False
    for i in range(venue[V_SLOTS]):
        if orders[i, O_LIVE] == 0:
            continue
        # Which side a row is of cannot be foreseen: asked without a branch.
        other = orders[i, O_SIDE] != side
        crossed = crossed | (other & (orders[i, O_KEY] + key >= 0))
        if other | (orders[i, O_KEY] != key):
            continue
        if orders[i, O_SEQ] >= HIDDEN_SEQ:
            if new > 0 or flags & 0x200 == 0:
                fronts[i, F_AHEAD], fronts[i, F_TRADED] = float(new), 0.0
            continue
        if flags & 0x40F == RESTATED:
            continue  # what stood before us stands there, and more of it may follow
        if orders[i, O_LINK] == 0:
            bounds_after_level(orders, fronts, i, old, new, flags & 0x200, came > NO_ID, came)
        if flags & 0x200:
            if new > 0:
                fronts[i, F_AHEAD] = min(fronts[i, F_AHEAD], float(new))
        elif came > NO_ID:
            if came < orders[i, O_ROW]:
                fronts[i, F_AHEAD] = max(fronts[i, F_AHEAD] - max(old - new, 0), 0.0)
            fronts[i, F_AHEAD] = min(fronts[i, F_AHEAD], float(new))
        else:
            fronts[i, F_AHEAD] = front_after(
                venue[V_MODEL], reals[R_N], fronts[i, F_AHEAD], float(old), float(new), fronts[i, F_TRADED]
            )
            fronts[i, F_TRADED] = 0.0
    if crossed and new > old and (flags & 0x600) == 0 and head[HALT_STATE] == 0:
        _match_level(venue, reals, orders, fronts, fills, taken, taken_at, side, key, new - old, t)


@kernel(counted=False, inline=True)
def _is_reached(venue: I64, orders: I64, side: int, key: int) -> bool:
    """Say whether an order of ours on ``side`` stands at ``key`` or better: asked before the costlier call."""
    reached = False
    for i in range(venue[V_SLOTS]):
        reached = reached | ((orders[i, O_LIVE] != 0) & (orders[i, O_SIDE] == side) & (orders[i, O_KEY] >= key))
    return reached


@kernel(counted=False, inline=True)
def print_side(head: I64, code: int, price: int) -> int:
    """Return which side a print hit, by its aggressor or else by the quotes, -1 = not known."""
    aggressor = (code >> 4) & 3
    if aggressor == 1:
        return 1
    if aggressor == 2:
        return 0
    if head[BEST] >= 0 and price <= head[BASE] + head[BEST] * head[STEP]:
        return 0
    if head[BEST + 1] >= 0 and -price <= head[BASE + 1] + head[BEST + 1] * head[STEP]:
        return 1
    return -1


@kernel(counted=False)
def _room_for(
    head: I64, bits: I64, top: I64, table: I64, venue: I64, fills: I64, taken: I64, log: I64, code: int, price: int,
    reach: int,
) -> int:  # fmt: skip
    """Return 0 when there is room for whatever a row does to void orders, else what is to be enlarged."""
    levels, side = 1, ((code >> 4) & 3) - 1
    if code & 15 == 4 and side >= 0:
        levels += levels_to(head, bits, top, table, side, price if side == 0 else -price, reach)
    if venue[V_FILLS] + 2 * venue[V_LIVE] * (levels + 2) > fills.shape[0]:
        return FILLS_FULL
    if 4 * (venue[V_TAKEN] + levels + 2) > taken.shape[0]:
        return LEDGER_FULL
    if log.shape[0] > 0 and LOG_FIRST + LOG_WIDTH * (log[LOG_COUNT] + levels + 2) > log.shape[0]:
        return LOG_FULL
    return 0


@kernel(counted=False)
def _void_row(
    head: I64, size: I64, bits: I64, top: I64, table: I64, venue: I64, reals: F64, orders: I64, fronts: F64,
    fills: I64, taken: I64, taken_at: I64, t: int, code: int, side: int, key: int, qty: int, came: int, note: I64,
    log: I64, source: int,
) -> None:  # fmt: skip
    """Do what a row, already applied to the book, means at a level of which something is void (``void``)."""
    kind, packed, old, new = code & 15, key * 2 + side, head[OLD], head[NEW]
    void, left, loose = table_get(taken, packed), qty, 0
    open_ = head[HALT_STATE] == 0
    if kind == 4 and open_ and venue[V_LIVE] > 0:
        left = _match_print(venue, reals, orders, fronts, fills, side, key, qty, 0, t, came)
    if kind <= 1 or code & 0x600 != 0:
        void_after_level(venue, taken, taken_at, log, source, side, key, old, new, code)
    else:
        now, loose = void_after(void, kind, qty, left, note[N_AHEAD], note[N_HAS])
        set_void(venue, taken, log, source, packed, min(max(now, void - old + new), new))
    before, after = max(old - void, 0), max(new - table_get(taken, packed), 0)
    _orders_after_level(
        head, venue, reals, orders, fronts, fills, taken, taken_at, side, key, before, after, code, t, came
    )
    level = key
    while loose > 0 and level != NO_PRICE and level >= note[N_REACH]:
        if open_ and venue[V_LIVE] > 0:
            loose = _match_print(venue, reals, orders, fronts, fills, side, level, loose, 0, t, NO_ID)
        gone = table_get(taken, level * 2 + side)
        part = min(loose, max(level_size(head, size, table, side, level) - gone, 0))
        if part > 0:
            set_void(venue, taken, log, source, level * 2 + side, gone + part)
            loose -= part
        level = next_key(head, bits, top, table, side, level)
    if loose > 0 and open_ and venue[V_LIVE] > 0:
        _match_print(venue, reals, orders, fronts, fills, side, note[N_REACH], loose, 0, t, NO_ID)


@kernel(counted=False, inline=True)
def is_plain(venue: I64, joined: I32) -> bool:
    """Say whether a venue keeps no mark of ours, pegs nothing to the mid and estimates its queues: until a command."""
    marked = venue[V_LEDGER] != 0 or venue[V_TAKEN] != 0 or venue[V_UNIT] != 0
    return not marked and venue[V_MIDS] == 0 and joined.shape[0] == 0


@kernel(counted=False, inline=True)
def venue_row(
    head: I64, size: I64, bits: I64, top: I64, table: I64, venue: I64, reals: F64, orders: I64, fronts: F64,
    fills: I64, taken: I64, taken_at: I64, t: int, code: int, price: int, qty: int, row: int, joined: I32,
    notes: I64, log: I64, source: int, plain: bool,
) -> int:  # fmt: skip
    """Apply one recorded row at the venue and match our orders.

    ``row`` is its number in the venue's order, ``source`` that of the tape; ``joined`` (n,) of all rows, empty = queues
    are estimated; ``notes`` (n, 3), empty = what we took is not followed by name; ``log`` says what becomes of it.
    ``plain``: as ``is_plain`` says; given as a constant it leaves out what a plain venue need not look at.

    Returns:
        0; or GROW, REGRID (``market.book``), FILLS_FULL, LEDGER_FULL or LOG_FULL: nothing changed, make room and call
        again; or BAR_OVER: as well, say what may be filled from ``t`` on.
    """
    kind = code & 15
    if venue[V_LIVE] == 0 and venue[V_LEDGER] == 0:
        return apply_row(head, size, bits, top, table, code, price, qty) if kind != 5 else 0
    if t >= venue[V_DUE]:
        if t >= venue[V_BAR_UNTIL]:
            venue[V_BAR_UNTIL] = t
            return BAR_OVER
        refresh(venue, orders, fronts, t, row)
    if venue[V_FILLS] + 2 * venue[V_LIVE] > fills.shape[0]:
        return FILLS_FULL
    if not plain and 4 * (venue[V_TAKEN] + 2) > taken.shape[0]:
        return LEDGER_FULL
    if not plain and notes.shape[0] > 0 and venue[V_TAKEN] > 0 and kind <= 4:
        status = _room_for(head, bits, top, table, venue, fills, taken, log, code, price, notes[row, N_REACH])
        if status != 0:
            return status
    if not plain and venue[V_UNIT] != 0 and t >= venue[V_SHIFT_DUE]:
        age_shift(head, size, table, venue, reals, orders, fronts, taken, taken_at, t, row)
    if kind == 5:
        # A print made away from the book (0x1000) passes no order that rests in it.
        if venue[V_LIVE] > 0 and head[HALT_STATE] == 0 and code & 0x1000 == 0:
            hit = print_side(head, code, price)
            key = price if hit == 0 else -price
            if hit >= 0 and _is_reached(venue, orders, hit, key):
                _match_print(venue, reals, orders, fronts, fills, hit, key, qty, code & 0x800, t, NO_ID)
                if not plain and venue[V_MOVED] != 0:
                    join_back(head, size, table, venue, orders, fronts, taken, taken_at, t, row + 1)
        return 0
    status = apply_row(head, size, bits, top, table, code, price, qty)
    if status != 0:
        return status
    side = ((code >> 4) & 3) - 1
    if not plain and venue[V_MIDS] > 0 and is_crossed(head):
        repeg(head, size, table, venue, orders, fronts, row + 1, 0)
    if kind <= 4 and side >= 0:
        key = price if side == 0 else -price
        named = not plain and notes.shape[0] > 0
        void = table_get(taken, key * 2 + side) if named and venue[V_TAKEN] > 0 else 0
        # What we took of the level first: what the level brings may be taken at once.
        if not plain and venue[V_TAKEN] > 0 and not named:
            ledger_after_level(venue, taken, taken_at, side, key, head[OLD], head[NEW], code, t)
        if not plain and void > 0:
            _void_row(
                head, size, bits, top, table, venue, reals, orders, fronts, fills, taken, taken_at, t, code, side, key,
                qty, int(joined[row]), notes[row], log, source,
            )  # fmt: skip
            if venue[V_MOVED] != 0:
                join_back(head, size, table, venue, orders, fronts, taken, taken_at, t, row + 1)
        elif venue[V_LIVE] > 0:
            came = int(joined[row]) if not plain and joined.shape[0] > 0 else NO_ID
            if kind == 4 and head[HALT_STATE] == 0:
                _match_print(venue, reals, orders, fronts, fills, side, key, qty, 0, t, came)
            old, new = head[OLD], head[NEW]
            _orders_after_level(
                head, venue, reals, orders, fronts, fills, taken, taken_at, side, key, old, new, code, t, came
            )
            if not plain and venue[V_MOVED] != 0:
                join_back(head, size, table, venue, orders, fronts, taken, taken_at, t, row + 1)
    if code & 0x100 and venue[V_PEGS] > 0 and venue[V_EDGES] != head[EDGES]:
        venue[V_EDGES] = head[EDGES]
        if pegs_are_due(head, venue, orders):
            repeg(head, size, table, venue, orders, fronts, row + 1, 1)
    elif not plain and venue[V_MIDS] > 0:
        repeg(head, size, table, venue, orders, fronts, row + 1, 0)
    return 0


@kernel(counted=False)
def take(
    head: I64, size: I64, bits: I64, top: I64, table: I64, venue: I64, reals: F64, orders: I64, fills: I64, taken: I64,
    taken_at: I64, order: int, side: int, key: int, qty: int, t: int,
) -> int:  # fmt: skip
    """Walk the other side's seen sizes for an incoming order; the caller made room in ``fills`` and ``taken``.

    ``order`` is the number to write into the fills, ``side`` 0 for a buy, ``key`` the limit as a recorded key of that
    side (NO_PRICE for a market order), ``qty`` what is wanted, ``t`` the venue time, to which the shift was brought.
    Own orders whose place is lost are the caller's business (``V_MOVED``).

    Returns:
        What is left of ``qty``.
    """
    other, left, here = 1 - side, qty, 0
    level = best_key(head, other)
    while left > 0 and level != NO_PRICE and (key == NO_PRICE or key + level >= 0):
        packed = level * 2 + other
        gone = taken_now(taken, taken_at, venue[V_HALF_NS], packed, t)
        amount = min(left, level_size(head, size, table, other, level) - gone - here)
        amount -= amount % venue[V_LOT]
        more = False
        if amount > 0:
            if venue[V_UNIT] != 0:
                there = amount
                amount = taken_lots(venue, reals, side, amount, t)
                more = amount < there
            n = venue[V_FILLS]
            fills[n, X_ORDER], fills[n, X_QTY] = order, amount
            fills[n, X_PRICE] = (level if other == 0 else -level) + venue[V_SHIFT]
            if venue[V_UNIT] != 0:
                fills[n, X_PRICE] = max(fills[n, X_PRICE], venue[V_FLOOR])
            fills[n, X_T], fills[n, X_HOW], fills[n, X_LEVEL] = t, TOOK, packed
            venue[V_FILLS] = n + 1
            left -= amount
            if venue[V_LEDGER] != 0:
                set_taken(venue, taken, taken_at, packed, gone + amount, t)
            else:
                here += amount
            if venue[V_UNIT] != 0:
                moved = _shift_made(venue, reals, orders, side, amount, t)
                key = key if key == NO_PRICE else key - moved
        if not more:  # else the same level again, at its new seen price
            level = next_key(head, bits, top, table, other, level)
            here = 0
    return left
