"""What a recorded book does at each distance from its reference price: the one pass over a tape that a fit needs.

The **reference price** lies half a tick off the grid: half way between the touches where the spread is an odd number of
ticks, else the nearer of the two such places to the last. Queue i (1 = first) of the asks stands i - 1/2 ticks above
it, of the bids below. A queue's **state** is one of ``states(sizes)``: nothing there, in front of its side's touch (0)
or behind it (1); the touch with n units of size (1 + n); behind the touch with n (1 + sizes + n); n is capped at
``sizes``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nowake.core.jit import kernel
from nowake.core.tape import F64, I32, I64, KIND_MASK, U16, Row, Tape
from nowake.core.units import NS_PER_SECOND
from nowake.market.book import NEW, OLD, apply_row, best_key, book_flags, level_size, new_book, parts, repaired
from nowake.market.own import coarsest_step
from nowake.market.table import grown, new_table, table_get, table_put

LIMIT, CANCEL, MARKET, APART = 0, 1, 2, 3
"""What happens to a queue; APART: a print that leaves no mark on the shown book."""
NO_PLACE = -(2**60)
# Slots of ``state``.
PLACE, LAST, LIVE, LOGGED, BANKED, NEXT, MOVES, PENDING, VOLUME = range(9)
SPREAD, DEPTH = 0, 1


def states(sizes: int) -> int:
    """Return how many states a queue has."""
    return 2 + 2 * sizes


@kernel(counted=False, inline=True)
def units_of(qty: int, unit: int, sizes: int) -> int:
    """Return a queue's size in units, rounded up, capped."""
    return min((qty + unit - 1) // unit, sizes)


@kernel(counted=False)
def _look(
    head: I64, size: I64, table: I64, side: int, place: int, scale: I64, dt: float, expo: F64, bank: I64, at: int
) -> None:
    """Count ``dt`` seconds of every queue's state on one side; with ``at`` >= 0 also keep the queues in the bank."""
    base, tick, unit, sizes, depth = scale[0], scale[1], scale[2], scale[3], scale[4]
    seen = 0
    for i in range(1, expo.shape[0] + 1):
        ticks = place + i if side == 1 else place + 1 - i
        price = ticks * tick - base
        qty = level_size(head, size, table, side, price if side == 0 else -price)
        if at >= 0:
            bank[at, side, i - 1] = qty
        if qty == 0:
            expo[i - 1, 0 if seen == 0 else 1] += dt
        else:
            n = units_of(qty, unit, sizes)
            expo[i - 1, 1 + n if seen == 0 else 1 + sizes + n] += dt
            seen += 1
            if seen == depth:  # what lies behind is not recorded
                if at >= 0:
                    for k in range(i, expo.shape[0]):
                        bank[at, side, k] = -1
                break


@kernel(counted=False)
def _pass_time(
    head: I64, size: I64, table: I64, scale: I64, t: int, state: I64, reals: F64, expo: F64, bank: I64
) -> None:
    """Bring the counts to time ``t``; a silence longer than the feed's own is no market time."""
    dt, place = t - state[LAST], state[PLACE]
    if place == NO_PLACE or dt <= 0:
        state[LAST] = max(state[LAST], t)
        return
    state[LAST] = t
    if dt > scale[5]:
        return
    at = -1
    if state[LIVE] + dt > state[NEXT] and state[BANKED] < bank.shape[0]:
        at = state[BANKED]
        state[BANKED] += 1
        state[NEXT] += scale[6] * ((state[LIVE] + dt - state[NEXT]) // scale[6] + 1)
    state[LIVE] += dt
    seconds = dt / 1e9
    for side in range(2):
        _look(head, size, table, side, place, scale, seconds, expo, bank, at)
    bid, ask = best_key(head, 0), best_key(head, 1)
    reals[SPREAD] += (-ask - bid) / scale[1] * seconds
    both = level_size(head, size, table, 0, bid) + level_size(head, size, table, 1, ask)
    reals[DEPTH] += both / 2 * seconds


@kernel(counted=False)
def _log(state: I64, log: I64, what: int, queue: int, qty: int) -> None:
    log[state[LOGGED], 0], log[state[LOGGED], 1], log[state[LOGGED], 2] = what, queue, qty
    state[LOGGED] += 1


@kernel(counted=False)
def _take_event(
    head: I64, side: int, key: int, best: int, traded: int, scale: I64, state: I64, count: F64, emptied: F64, log: I64
) -> None:
    """Count one change of one level, of which ``traded`` was executed."""
    tick, unit, sizes = scale[1], scale[2], scale[3]
    price = scale[0] + (key if side == 0 else -key)
    queue = price // tick - state[PLACE] if side == 1 else state[PLACE] + 1 - price // tick
    if queue < 1 or queue > count.shape[1] or price % tick != 0:
        return
    old, new = head[OLD], head[NEW]
    if old == 0:
        s = 0 if key > best else 1
    else:
        n = units_of(old, unit, sizes)
        s = 1 + n if key == best else 1 + sizes + n
    if new > old:
        count[LIMIT, queue - 1, s] += 1
        _log(state, log, LIMIT, queue, new - old)
        return
    if traded > 0:
        count[MARKET, queue - 1, s] += 1
        emptied[1, queue - 1, s] += 1 if traded == old else 0
        _log(state, log, MARKET, queue, traded)
        if old - traded == new:
            return
        old -= traded
        n = units_of(old, unit, sizes)
        s = 1 + n if key == best else 1 + sizes + n
    count[CANCEL, queue - 1, s] += 1
    emptied[0, queue - 1, s] += 1 if new == 0 else 0
    _log(state, log, CANCEL, queue, old - new)


@kernel(counted=False)
def _settle(head: I64, scale: I64, state: I64, moves: I64) -> None:
    """Find the reference price after a complete message."""
    if book_flags(head) != 0:
        state[PLACE] = NO_PLACE
        return
    twice = (2 * scale[0] + best_key(head, 0) - best_key(head, 1)) // scale[1]
    before, place = state[PLACE], twice // 2
    if twice % 2 == 0 and (before == NO_PLACE or before < place):
        place -= 1
    if before != NO_PLACE and place != before:
        moves[state[MOVES] % moves.shape[0]] = abs(place - before)
        state[MOVES] += 1
    state[PLACE] = place


@kernel(counted=False)
def _observe(
    head: I64, size: I64, bits: I64, top: I64, table: I64, t: I64, code: U16, price: I32, qty: I32 | I64, lo: int,
    scale: I64, state: I64, reals: F64, expo: F64, count: F64, emptied: F64, log: I64, bank: I64, moves: I64,
    pending: I64,
) -> tuple[int, int]:  # fmt: skip
    """Go through rows from ``lo``; returns (status, row): not OK = repair the book, or the table (3), and go on."""
    fills = scale[7] == 1
    for i in range(lo, code.shape[0]):
        packed = int(np.int64(code[i]))
        kind, side = packed & 15, ((packed >> 4) & 3) - 1
        if 2 * (state[PENDING] + 2) > pending.shape[0] // 2:
            return 3, i
        _pass_time(head, size, table, scale, int(t[i]), state, reals, expo, bank)
        live = state[PLACE] != NO_PLACE
        if kind == 5 and not packed & 0x1000 and live:
            state[VOLUME] += qty[i]
            if fills or packed & 0x800 or side < 0:
                _log(state, log, APART, 1, int(qty[i]))
            else:  # a buyer takes from the asks
                key = int(price[i]) if side == 1 else -int(price[i])
                state[PENDING] += table_put(
                    pending, key * 2 + (1 - side), table_get(pending, key * 2 + 1 - side) + qty[i]
                )
        real = kind <= 4 and side >= 0 and not packed & 0x600 and live
        key = int(price[i]) if side == 0 else -int(price[i])
        best = best_key(head, side) if kind <= 4 and side >= 0 else 0
        status = apply_row(head, size, bits, top, table, packed, int(price[i]), int(qty[i]))
        if status != 0:
            return status, i
        if real and head[OLD] != head[NEW]:
            traded, fallen = 0, max(head[OLD] - head[NEW], 0)
            if kind == 4:
                traded = fallen
                state[VOLUME] += qty[i]
            elif fallen > 0 and not fills:
                waiting = table_get(pending, key * 2 + side)
                if waiting > 0:
                    traded = min(waiting, fallen)
                    state[PENDING] += table_put(pending, key * 2 + side, waiting - traded)
            _take_event(head, side, key, best, traded, scale, state, count, emptied, log)
        if packed & 0x100:
            _settle(head, scale, state, moves)
    return 0, code.shape[0]


@dataclass(frozen=True, slots=True)
class Observed:
    """What a tape showed, K queues a side, S states; bids and asks together.

    Attributes:
        tick: Price units.
        unit: Quantity units of one unit of a queue's size.
        sizes: Cap of a queue's size, units.
        expo: (K, S) f64 s, both sides added.
        count: (3, K, S) f64 events: limit orders, cancels, executions.
        emptied: (2, K, S) f64 of the cancels and executions, those that emptied the queue.
        log: (n, 3) i64: what, queue, quantity units of every event.
        bank: (m, 2, K) i64 quantity units: the queues of bids and asks at m evenly spaced instants, -1 = not recorded.
        moves: (n,) i64 ticks: size of each move of the reference price.
        seconds: Market time.
        volume: Quantity units printed in it.
        spread_ticks, touch_qty: Means over market time; the touch's of its two sides.
        place: Reference price at the end less half a tick, ticks.
    """

    tick: int
    unit: int
    sizes: int
    expo: F64
    count: F64
    emptied: F64
    log: I64
    bank: I64
    moves: I64
    seconds: float
    volume: int
    spread_ticks: float
    touch_qty: float
    place: int


def observe(tape: Tape, *, queues: int, sizes: int, unit: int, snapshots: int, every_ns: int) -> Observed:
    """Go through a tape once.

    Args:
        tape: With a book; prints of other venues (``OFF_EXCHANGE``) are left out.
        queues: K, distances a side.
        sizes: Cap of a queue's size, units.
        unit: Quantity units of one.
        snapshots: How many to keep at most.
        every_ns: Market time between two of them.
    """
    kinds = tape.code & np.uint16(KIND_MASK)
    fills = bool((kinds == Row.FILL).any())
    tick = tape.listing.tick_units(int(tape.prices()[kinds <= Row.FILL].max(initial=1)))
    meta = tape.meta
    scale = np.array(
        [meta.price_base, tick, unit, sizes, meta.depth_levels or 2**40, meta.silence_ns, every_ns, fills],
        dtype=np.int64,
    )
    state = np.zeros(9, dtype=np.int64)
    state[[PLACE, LAST]] = NO_PLACE, int(tape.t_event[0]) if len(tape) else 0
    reals, s = np.zeros(2), states(sizes)
    expo, count, emptied = np.zeros((queues, s)), np.zeros((3, queues, s)), np.zeros((2, queues, s))
    log = np.zeros((2 * len(tape) + 1, 3), dtype=np.int64)
    bank = np.zeros((snapshots, 2, queues), dtype=np.int64)
    moves, pending = np.zeros(1 << 16, dtype=np.int64), new_table(1 << 12)
    book, row, t_local = new_book(coarsest_step(tape)), 0, tape.t_local()
    state[LAST] = int(t_local[0]) if len(tape) else 0
    while row < len(tape):
        status, row = _observe(
            *parts(book), t_local, tape.code, tape.price, tape.qty, row, scale, state, reals, expo, count, emptied, log,
            bank, moves, pending,
        )  # fmt: skip
        if status == 3:
            pending = grown(pending)
        elif status:
            book = repaired(book, status)
    seconds = int(state[LIVE]) / NS_PER_SECOND
    return Observed(
        tick=tick,
        unit=unit,
        sizes=sizes,
        expo=expo,
        count=count,
        emptied=emptied,
        log=log[: state[LOGGED]],
        bank=bank[: state[BANKED]],
        moves=moves[: min(int(state[MOVES]), len(moves))],
        seconds=seconds,
        volume=int(state[VOLUME]),
        spread_ticks=float(reals[SPREAD]) / max(seconds, 1e-9),
        touch_qty=float(reals[DEPTH]) / max(seconds, 1e-9),
        place=int(state[PLACE]),
    )
