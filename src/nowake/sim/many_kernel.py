"""Many worlds on one pass of a tape: the kernel. Each world is one that ``sim.match_l2`` would run alone.

The recorded book is the same in every world, so it is kept once; what differs is ours: orders, queues, what we took.
A row concerns few worlds, and the cost of the others must be nothing: orders stand in lists by (side, key), whatever
world they belong to, so a row at a level finds exactly those it moves, and a row that crosses nobody costs one
comparison. Within a level a world's orders stand in order of arrival; worlds do not see each other.

Orders are rows of ``orders`` (n, 12) i64 (M_*), lists rows of ``groups`` (2, n, 3): key, first, last. ``worlds``
(k, 16) holds for each world the scalars of ``sim.layout`` (V_*), ``taken`` (k + 1, c) what it took; the last row
stays empty, and is the only one where no world remembers what it took.
"""

from __future__ import annotations

import math

from nowake.core.jit import kernel
from nowake.core.tape import F64, I32, I64, U16
from nowake.market.book import (
    EDGES,
    HALT_STATE,
    HEAD,
    LEVELS,
    NEW,
    NO_PRICE,
    OLD,
    TOPS,
    WIDTH,
    WORDS,
    apply_row,
    best_key,
    level_size,
)
from nowake.market.queue import UNKNOWN_FRONT, front_after
from nowake.market.seen import RESTATED, taken_now
from nowake.sim.layout import (
    BAR_OVER,
    F_AHEAD,
    F_TRADED,
    FILLS_FULL,
    LEDGER_FULL,
    NO_ID,
    PRINTED,
    UNPRINTED,
    V_BAR_ROOM,
    V_FILLS,
    V_HALF_NS,
    V_LEDGER,
    V_LIVE,
    V_LOT,
    V_MODEL,
    V_TAKEN,
    X_HOW,
    X_ORDER,
    X_PRICE,
    X_QTY,
    X_T,
)
from nowake.sim.match_l2 import print_side, take
from nowake.sim.overlay import depth_seen, ledger_after_level, seen_best, set_taken
from nowake.sim.requeue import beyond_depth

REFERENCE = "nowake.sim.match_reference:ReferenceMatcher"
"""The plain meaning: one world alone."""

M_STATE, M_SIDE, M_KEY, M_LEAVES, M_WORLD, M_PEG, M_ROW, M_PREV, M_NEXT, M_SEQ, M_HOW, M_LIMIT = range(12)
ORDER_FIELDS = 12
WAITING, LIVE, FILLED, ENDED, REFUSED = 0, 1, 2, 3, 4
RESTS, POSTS, TAKES = 0, 1, 2
"""M_HOW: may take and then rests; is refused if it would take; takes what is there and is over."""

G_KEY, G_FIRST, G_LAST = 0, 1, 2

S_CURSOR, S_EVENT, S_LIVE, S_FILLS, S_STAMP, S_PEGS, S_EDGES, S_TAKEN, S_SEQ, S_DEPTH, S_BAR, S_GROUPS = range(12)
"""S_GROUPS: one a side; S_BAR: when the bar at hand is over (``sim.bars_book``)."""
STATE = 16

LEFT, STAMP, TOUCHED = 0, 1, 2
"""Columns of ``scratch`` (k, 3): what is left of the event at hand for a world, of which event, and who had some."""


@kernel(counted=False)
def find_group(state: I64, groups: I64, side: int, key: int) -> int:
    """Return the list of a level, -1 = none of ours stands there."""
    for i in range(state[S_GROUPS + side]):
        if groups[side, i, G_KEY] == key:
            return i
    return -1


@kernel(counted=False)
def link(state: I64, groups: I64, orders: I64, worlds: I64, i: int, key: int) -> None:
    """Put an order into the list of its level: at the end, but before a younger one of its own world."""
    side = orders[i, M_SIDE]
    orders[i, M_KEY] = key
    g = find_group(state, groups, side, key)
    if g < 0:
        g = state[S_GROUPS + side]
        state[S_GROUPS + side] = g + 1
        groups[side, g, G_KEY], groups[side, g, G_FIRST], groups[side, g, G_LAST] = key, i, i
        orders[i, M_PREV] = orders[i, M_NEXT] = -1
        return
    after = groups[side, g, G_LAST]
    if worlds[orders[i, M_WORLD], V_LIVE] > 1:
        j = groups[side, g, G_FIRST]
        while j >= 0:
            if orders[j, M_WORLD] == orders[i, M_WORLD] and orders[j, M_SEQ] > orders[i, M_SEQ]:
                after = orders[j, M_PREV]
                break
            j = orders[j, M_NEXT]
    before = groups[side, g, G_FIRST] if after < 0 else orders[after, M_NEXT]
    orders[i, M_PREV], orders[i, M_NEXT] = after, before
    if after < 0:
        groups[side, g, G_FIRST] = i
    else:
        orders[after, M_NEXT] = i
    if before < 0:
        groups[side, g, G_LAST] = i
    else:
        orders[before, M_PREV] = i


@kernel(counted=False)
def unlink(state: I64, groups: I64, orders: I64, i: int) -> None:
    """Take an order out of the list of its level; an empty list goes."""
    side = orders[i, M_SIDE]
    g = find_group(state, groups, side, orders[i, M_KEY])
    before, after = orders[i, M_PREV], orders[i, M_NEXT]
    if before < 0:
        groups[side, g, G_FIRST] = after
    else:
        orders[before, M_NEXT] = after
    if after < 0:
        groups[side, g, G_LAST] = before
    else:
        orders[after, M_PREV] = before
    if groups[side, g, G_FIRST] < 0:
        state[S_GROUPS + side] -= 1
        for column in range(3):
            groups[side, g, column] = groups[side, state[S_GROUPS + side], column]


@kernel(counted=False)
def end_order(state: I64, groups: I64, orders: I64, worlds: I64, i: int, how: int) -> None:
    """Let a live order end as ``how``."""
    unlink(state, groups, orders, i)
    orders[i, M_STATE] = how
    worlds[orders[i, M_WORLD], V_LIVE] -= 1
    state[S_LIVE] -= 1
    state[S_PEGS] -= orders[i, M_PEG]


@kernel(counted=False)
def fill(state: I64, groups: I64, orders: I64, worlds: I64, fills: I64, i: int, qty: int, t: int, how: int) -> None:
    """Fill a resting order at its own price."""
    n = state[S_FILLS]
    key = orders[i, M_KEY]
    fills[n, X_ORDER], fills[n, X_QTY] = i, qty
    fills[n, X_PRICE] = key if orders[i, M_SIDE] == 0 else -key
    fills[n, X_T], fills[n, X_HOW] = t, how
    state[S_FILLS] = n + 1
    orders[i, M_LEAVES] -= qty
    worlds[orders[i, M_WORLD], V_BAR_ROOM] -= qty
    if orders[i, M_LEAVES] == 0:
        end_order(state, groups, orders, worlds, i, FILLED)


@kernel(counted=False)
def next_group(state: I64, groups: I64, side: int, key_min: int, last_key: int) -> int:
    """Return the list with the best key in [``key_min``, ``last_key``), -1 = none."""
    best = -1
    for g in range(state[S_GROUPS + side]):
        key = groups[side, g, G_KEY]
        if key_min <= key < last_key and (best < 0 or key > groups[side, best, G_KEY]):
            best = g
    return best


@kernel(counted=False)
def give_print(
    state: I64, groups: I64, orders: I64, fronts: F64, worlds: I64, fills: I64, scratch: I64,
    side: int, key: int, qty: int, hidden: int, t: int, came: int,
) -> None:  # fmt: skip
    """Give a print that hit ``side`` at ``key`` to the orders of every world; as ``match_l2`` does for one."""
    state[S_STAMP] += 1
    stamp = state[S_STAMP]
    last_key = 2**62
    while True:
        g = next_group(state, groups, side, key, last_key)
        if g < 0:
            return
        last_key = groups[side, g, G_KEY]
        i = groups[side, g, G_FIRST]
        while i >= 0:
            after = orders[i, M_NEXT]
            w = orders[i, M_WORLD]
            if scratch[w, STAMP] != stamp:
                scratch[w, STAMP], scratch[w, LEFT] = stamp, qty
            left = scratch[w, LEFT]
            reach = left
            if last_key == key:
                if NO_ID < came < orders[i, M_ROW]:
                    reach = 0
                elif hidden != 0:
                    reach = left if fronts[i, F_AHEAD] < 0.5 else 0
                else:
                    fronts[i, F_AHEAD] -= left
                    fronts[i, F_TRADED] += qty
                    reach = min(left, math.floor(0.5 - fronts[i, F_AHEAD]))
                    fronts[i, F_AHEAD] = max(fronts[i, F_AHEAD], 0.0)
            part = min(orders[i, M_LEAVES], reach, worlds[w, V_BAR_ROOM])
            part -= part % worlds[w, V_LOT]
            if part > 0:
                fill(state, groups, orders, worlds, fills, i, part, t, PRINTED)
                scratch[w, LEFT] = left - part
            i = after


@kernel(counted=False)
def give_level(
    state: I64, groups: I64, orders: I64, worlds: I64, fills: I64, taken: I64, taken_at: I64, scratch: I64,
    side: int, key: int, grown: int, t: int,
) -> None:  # fmt: skip
    """Give ``grown``, new at ``key`` of ``side``, to the orders on the other side that it crosses, in every world."""
    state[S_STAMP] += 1
    stamp = state[S_STAMP]
    touched = 0
    last_key = 2**62
    while True:
        g = next_group(state, groups, 1 - side, -key, last_key)
        if g < 0:
            break
        last_key = groups[1 - side, g, G_KEY]
        i = groups[1 - side, g, G_FIRST]
        while i >= 0:
            after = orders[i, M_NEXT]
            w = orders[i, M_WORLD]
            if scratch[w, STAMP] != stamp:
                scratch[w, STAMP], scratch[w, LEFT] = stamp, grown
                scratch[touched, TOUCHED] = w
                touched += 1
            part = min(orders[i, M_LEAVES], scratch[w, LEFT], worlds[w, V_BAR_ROOM])
            part -= part % worlds[w, V_LOT]
            if part > 0:
                fill(state, groups, orders, worlds, fills, i, part, t, UNPRINTED)
                scratch[w, LEFT] -= part
            i = after
    packed = key * 2 + side
    for j in range(touched):
        w = scratch[j, TOUCHED]
        gone = grown - scratch[w, LEFT]
        if gone > 0 and worlds[w, V_LEDGER] != 0:
            amount = taken_now(taken[w], taken_at[w], worlds[w, V_HALF_NS], packed, t) + gone
            set_taken(worlds[w], taken[w], taken_at[w], packed, amount, t)
            state[S_TAKEN] = 1


@kernel(counted=False)
def move_queues(
    head: I64, state: I64, groups: I64, orders: I64, fronts: F64, worlds: I64, exponents: F64,
    side: int, key: int, flags: int, came: int,
) -> None:  # fmt: skip
    """Move the queues of all orders at a changed level; ``flags``: code of the row."""
    g = find_group(state, groups, side, key)
    if g < 0 or flags & 0x40F == RESTATED:
        return
    old, new = float(head[OLD]), float(head[NEW])
    i = groups[side, g, G_FIRST]
    while i >= 0:
        if flags & 0x200 != 0:
            if new > 0:
                fronts[i, F_AHEAD] = min(fronts[i, F_AHEAD], new)
        elif came > NO_ID:
            if came < orders[i, M_ROW]:
                fronts[i, F_AHEAD] = max(fronts[i, F_AHEAD] - max(old - new, 0.0), 0.0)
            fronts[i, F_AHEAD] = min(fronts[i, F_AHEAD], new)
        else:
            model, n = worlds[orders[i, M_WORLD], V_MODEL], exponents[orders[i, M_WORLD]]
            fronts[i, F_AHEAD] = front_after(model, n, fronts[i, F_AHEAD], old, new, fronts[i, F_TRADED])
            fronts[i, F_TRADED] = 0.0
        i = orders[i, M_NEXT]


@kernel(counted=False)
def repeg_all(
    head: I64, size: I64, table: I64, state: I64, groups: I64, orders: I64, fronts: F64, worlds: I64, row: int
) -> None:
    """Move every pegged order to the best price of its side, within its limit, to the back of the queue."""
    for side in range(2):
        best = best_key(head, side)
        if best == NO_PRICE:
            continue
        top, low, high = state[S_SEQ], 2**62, -1
        for g in range(state[S_GROUPS + side]):
            i = groups[side, g, G_FIRST] if groups[side, g, G_KEY] != best else -1
            while i >= 0:
                if orders[i, M_PEG] != 0 and min(best, orders[i, M_LIMIT]) != orders[i, M_KEY]:
                    low, high = min(low, orders[i, M_SEQ]), max(high, orders[i, M_SEQ])
                i = orders[i, M_NEXT]
        if high < 0:
            continue
        state[S_SEQ] = top + 1 + high - low
        g = 0
        while g < state[S_GROUPS + side]:
            held = groups[side, g, G_KEY]
            i = groups[side, g, G_FIRST] if held != best else -1
            while i >= 0:
                after = orders[i, M_NEXT]
                key = min(best, orders[i, M_LIMIT])
                if orders[i, M_PEG] != 0 and key != held:
                    unlink(state, groups, orders, i)
                    orders[i, M_SEQ] += top + 1 - low  # after all others, those that move in the order they had
                    link(state, groups, orders, worlds, i, key)
                    orders[i, M_ROW] = row
                    fronts[i, F_AHEAD] = float(level_size(head, size, table, side, key))
                    fronts[i, F_TRADED] = 0.0
                i = after
            # The list went with its last order and another stands in its place: look at that one too.
            if g < state[S_GROUPS + side] and groups[side, g, G_KEY] == held:
                g += 1


@kernel(counted=False)
def own_side_crossed(state: I64, groups: I64, orders: I64, worlds: I64, w: int, side: int, key: int) -> bool:
    """Say whether an incoming order of world ``w`` would trade with one of its own."""
    if worlds[w, V_LIVE] == 0:
        return False
    for g in range(state[S_GROUPS + 1 - side]):
        if key == NO_PRICE or key + groups[1 - side, g, G_KEY] >= 0:
            i = groups[1 - side, g, G_FIRST]
            while i >= 0:
                if orders[i, M_WORLD] == w:
                    return True
                i = orders[i, M_NEXT]
    return False


@kernel(counted=False)
def arrive(
    head: I64, size: I64, bits: I64, top: I64, table: I64, state: I64, groups: I64, orders: I64, fronts: F64,
    worlds: I64, fills: I64, taken: I64, taken_at: I64, i: int, t: int,
) -> int:  # fmt: skip
    """Let an order arrive at ``t``: refused, matched, rested or over; returns 0, or what must be enlarged."""
    w, side, how, peg = orders[i, M_WORLD], orders[i, M_SIDE], orders[i, M_HOW], orders[i, M_PEG]
    levels = head[LEVELS + 1 - side]
    if state[S_FILLS] + levels + 2 > fills.shape[0]:
        return FILLS_FULL
    table_of = w if worlds[w, V_LEDGER] != 0 else taken.shape[0] - 1  # the last stays empty
    mine, since, venue = taken[table_of], taken_at[table_of], worlds[w]
    if venue[V_LEDGER] != 0 and 4 * (venue[V_TAKEN] + levels + 2) > taken.shape[1]:
        return LEDGER_FULL
    key = orders[i, M_KEY]
    if peg != 0 and best_key(head, side) != NO_PRICE:
        key = min(best_key(head, side), orders[i, M_LIMIT])
    other = seen_best(head, size, bits, top, table, venue, mine, since, 1 - side, t)
    crosses = other != NO_PRICE and (key == NO_PRICE or key + other >= 0)
    nowhere = key == NO_PRICE and how != TAKES  # a peg without a price, and no touch to follow
    refused = nowhere or head[HALT_STATE] != 0 or (how == POSTS and crosses)
    if refused or own_side_crossed(state, groups, orders, worlds, w, side, key):
        orders[i, M_STATE] = REFUSED
        return 0
    if how != POSTS and peg == 0:
        venue[V_FILLS] = state[S_FILLS]
        wanted = min(orders[i, M_LEAVES], venue[V_BAR_ROOM])
        took = wanted - take(
            head, size, bits, top, table, venue, fronts[i], orders, fills, mine, since, i, side, key, wanted, t,
        )  # fmt: skip
        orders[i, M_LEAVES] -= took
        venue[V_BAR_ROOM] -= took
        state[S_FILLS] = venue[V_FILLS]
        if venue[V_TAKEN] > 0:
            state[S_TAKEN] = 1
    if orders[i, M_LEAVES] == 0 or how == TAKES:
        orders[i, M_STATE] = FILLED if orders[i, M_LEAVES] == 0 else ENDED
        return 0
    ahead = float(depth_seen(head, size, table, venue, mine, since, side, key, t))
    depth = state[S_DEPTH]
    unseen = depth > 0 and level_size(head, size, table, side, key) == 0
    if unseen and beyond_depth(head, bits, top, table, side, key, depth):
        ahead = UNKNOWN_FRONT
    state[S_SEQ] += 1
    orders[i, M_STATE], orders[i, M_SEQ], orders[i, M_ROW] = LIVE, state[S_SEQ], state[S_CURSOR]
    fronts[i, F_AHEAD], fronts[i, F_TRADED] = ahead, 0.0
    worlds[w, V_LIVE] += 1
    state[S_LIVE] += 1
    state[S_PEGS] += peg
    state[S_EDGES] = -1
    link(state, groups, orders, worlds, i, key)
    return 0


@kernel(counted=False, inline=True)
def row_of_all(
    head: I64, size: I64, bits: I64, top: I64, table: I64, state: I64, groups: I64, orders: I64, fronts: F64,
    worlds: I64, exponents: F64, fills: I64, taken: I64, taken_at: I64, scratch: I64,
    t: int, code: int, price: int, qty: int, came: int,
) -> int:  # fmt: skip
    """Apply one recorded row and match the orders of every world; returns 0, or what must be enlarged."""
    kind = code & 15
    if state[S_FILLS] + 2 * state[S_LIVE] > fills.shape[0]:
        return FILLS_FULL
    if kind == 5:
        if state[S_LIVE] > 0 and head[HALT_STATE] == 0 and code & 0x1000 == 0:
            hit = print_side(head, code, price)
            if hit >= 0 and state[S_GROUPS + hit] > 0:
                key = price if hit == 0 else -price
                give_print(state, groups, orders, fronts, worlds, fills, scratch, hit, key, qty, code & 0x800, t, NO_ID)
        return 0
    if state[S_TAKEN] != 0:
        for w in range(worlds.shape[0]):
            if 4 * (worlds[w, V_TAKEN] + 2) > taken.shape[1]:
                return LEDGER_FULL
    status = apply_row(head, size, bits, top, table, code, price, qty)
    if status != 0:
        return int(status)
    side = ((code >> 4) & 3) - 1
    if kind <= 4 and side >= 0:
        key = price if side == 0 else -price
        old, new = head[OLD], head[NEW]
        if state[S_TAKEN] != 0:
            state[S_TAKEN] = 0
            for w in range(worlds.shape[0]):
                if worlds[w, V_TAKEN] > 0:
                    ledger_after_level(worlds[w], taken[w], taken_at[w], side, key, old, new, code, t)
                    state[S_TAKEN] = 1
        if state[S_LIVE] > 0:
            if kind == 4 and head[HALT_STATE] == 0 and state[S_GROUPS + side] > 0:
                give_print(state, groups, orders, fronts, worlds, fills, scratch, side, key, qty, 0, t, came)
            if state[S_GROUPS + side] > 0:
                move_queues(head, state, groups, orders, fronts, worlds, exponents, side, key, code, came)
            grows = new > old and code & 0x600 == 0 and head[HALT_STATE] == 0
            if grows and next_group(state, groups, 1 - side, -key, 2**62) >= 0:
                give_level(state, groups, orders, worlds, fills, taken, taken_at, scratch, side, key, new - old, t)
    if code & 0x100 and state[S_PEGS] > 0 and state[S_EDGES] != head[EDGES]:
        state[S_EDGES] = head[EDGES]
        repeg_all(head, size, table, state, groups, orders, fronts, worlds, state[S_CURSOR] + 1)
    return 0


@kernel(counted=False)
def run_many(
    t_venue: I64, rows: I64, joined: I32, code: U16, price: I32, qty: I32 | I64, book: I64, state: I64, groups: I64,
    orders: I64, fronts: F64, worlds: I64, exponents: F64, events: I64, fills: I64, taken: I64, taken_at: I64,
    scratch: I64, stop: int,
) -> int:  # fmt: skip
    """Run all worlds to row ``stop`` of the venue's order, or to the end of their events where that is the last.

    ``events`` (e, 3) i64 by rising time: time, order, 0 = arrives, 1 = is cancelled; at equal times rows come first.
    ``t_venue``, ``rows`` and ``joined`` are ``merge.VenueRows``, ``code`` to ``qty`` columns of the tape.

    Returns:
        0; or GROW, REGRID, FILLS_FULL, LEDGER_FULL, BAR_OVER: make room, or say what a bar leaves, and call again.
    """
    a = HEAD + 2 * book[WIDTH]
    b = a + 2 * book[WORDS]
    c = b + 2 * book[TOPS]
    head, size, bits, top, table = book[:HEAD], book[HEAD:a], book[a:b], book[b:c], book[c:]
    n, as_recorded = code.shape[0], rows.shape[0] == 0
    while True:
        v, e = state[S_CURSOR], state[S_EVENT]
        arrives = e < events.shape[0] and (v >= n or events[e, 0] < t_venue[v])
        if not arrives and v >= stop:
            return 0
        t = events[e, 0] if arrives else t_venue[v]
        if t >= state[S_BAR]:
            state[S_BAR] = t
            return BAR_OVER
        if arrives:
            i = events[e, 1]
            if events[e, 2] == 1:
                if orders[i, M_STATE] == LIVE:
                    end_order(state, groups, orders, worlds, i, ENDED)
            else:
                status = arrive(
                    head, size, bits, top, table, state, groups, orders, fronts, worlds, fills, taken, taken_at, i, t
                )
                if status != 0:
                    return int(status)
            state[S_EVENT] = e + 1
            continue
        # To the next event without looking at events again.
        horizon = min(state[S_BAR] - 1, events[e, 0] if e < events.shape[0] else 2**62)
        while v < stop and t_venue[v] <= horizon:
            r = v if as_recorded else rows[v]
            k = int(code[r])
            if state[S_LIVE] == 0 and state[S_TAKEN] == 0:
                status = apply_row(head, size, bits, top, table, k, int(price[r]), int(qty[r])) if k & 15 != 5 else 0
            else:
                came = int(joined[v]) if joined.shape[0] > 0 else NO_ID
                state[S_CURSOR] = v
                status = row_of_all(
                    head, size, bits, top, table, state, groups, orders, fronts, worlds, exponents, fills, taken,
                    taken_at, scratch, t_venue[v], k, int(price[r]), int(qty[r]), came,
                )  # fmt: skip
            if status != 0:
                state[S_CURSOR] = v
                return int(status)
            v += 1
        state[S_CURSOR] = v
