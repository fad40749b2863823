"""Run a market to the first watch that holds: the only evaluator, over a tape or over a ring that a feed fills.

``own_row`` applies one received row to our book and its statistics; ``run_until`` loops over it and stops after the
first complete message (END row) at which a watch holds. ``sim.world`` interleaves the same ``own_row`` with the venue's
rows. Statistics are of what is seen: where own trades have left a mark (``seen``), touch, prints and levels are those
of the book with it, as of the newest row or mark. Plain meaning: ``run_reference``. Sums are exact: prices are offsets
from the tape's base, products are split in words, remainders are kept (the caller adds the base back in Python
integers).
"""

from __future__ import annotations

import math

import numpy as np

from nowake.core.jit import kernel
from nowake.core.tape import F64, I32, I64, U16
from nowake.market.book import (
    EDGES,
    HEAD,
    NEW,
    NO_PRICE,
    OLD,
    TOPS,
    WIDTH,
    WORDS,
    apply_row,
    best_key,
    book_flags,
    level_size,
    parts,
)
from nowake.market.queue import Q_FRONT, Q_KEY, Q_LIVE, Q_SIDE, Q_TRADED, queues_after_level, queues_after_print
from nowake.market.seen import (
    RESTATED,
    best_seen,
    move_shift,
    put_taken,
    rounded,
    shift_at,
    size_seen,
    still_until,
    taken_after_level,
    taken_now,
)
from nowake.market.table import table_get

REFERENCE = "nowake.market.run_reference:ReferenceMarket"
"""The plain meaning, which tests hold the kernels to."""

STATS = 44
VOLUME_ALL, VOLUME_OWN = 0, 1
NOTIONAL_LO, NOTIONAL_HI = 2, 3  # sum of offset x quantity = HI * 2^30 + LO
LAST_PRICE, HAS_PRINT = 4, 5
SINCE, SEEN_EDGES, STARTED = 6, 7, 8  # SEEN_EDGES: of the book, when BID, ASK and FLAGS were taken over
CURSOR = 9  # rows consumed of the arrays at hand
AT_END = 10  # the last row applied was an END row, or none was
BID, ASK, FLAGS = 11, 12, 13  # keys and flags in force since the last END row
MID_FROM, MID_OK = 14, 15  # from when, and whether, they count for the time averages
MID_Q, MID_R, MID_HI = 16, 17, 18  # integral of bid + ask offsets: ((HI * 2^60 + Q) * 10^6 + R) units x ns
SPREAD_Q, SPREAD_R, SPREAD_HI = 19, 20, 21
MID_NS = 22
NEXT_GRID, SAMPLE, SAMPLE_OK, REALISED_NS = 23, 24, 25, 26
CLOCK = 27  # greatest local time of a row applied: that of the newest row
LAST_ROW = CLOCK
QUEUES = 28  # rows of the queue table in use
QUEUE_MODEL = 29
EXTERNAL_FLAGS = 30  # session closed: set by the caller, constant over a call
SILENCE_NS = 31
PRINTS = 32
MARKED = 33  # own trades have left a mark on the book (``seen``): then its tables follow the scalars
SHIFT, SHIFT_AT, SHIFT_DUE, SHIFT_UNIT = 34, 35, 36, 37  # rounded; when its state was made; how long it stands still
HALF_NS, TAKEN, SEEN_AT = 38, 39, 40  # levels taken from; the time that the mark is seen as of
NAMED = 41  # what we took changes as the venue says, row by row (``follow_venue``), not by a rule of ours

REALS = 4  # then the shift of own trades (``seen``), if any
REALISED_VAR, BASE_PRICE, QUEUE_N = 0, 1, 2

GRID_NS = 10_000_000_000
MILLION = 1_000_000
LOW30 = (1 << 30) - 1
CARRY = 1 << 60

REACHED, FIRED, STOPPED_GROW, STOPPED_REGRID = 0, 3, 1, 2
TAKEN_FULL = 8

LOG_COUNT, LOG_DONE, LOG_FIRST, LOG_WIDTH = 0, 1, 2, 3
"""A log of the venue: entries written, entries seen; then (row of the tape, level, change of ``taken``) each."""
NO_LOG = np.empty(0, dtype=np.int64)

W_KIND, W_A, W_SLOT, W_HOLDS = 0, 1, 2, 3
VALID = 0
"""Kind of an internal watch: the book is sound (flags are 0)."""


def new_stats(silence_ns: int, queue_model: int = 1) -> I64:
    """Return the integer statistics of a market nothing has been received of."""
    stats = np.zeros(STATS, dtype=np.int64)
    stats[[BID, ASK, FLAGS, AT_END]] = NO_PRICE, NO_PRICE, 1, 1
    stats[[QUEUE_MODEL, SILENCE_NS]] = queue_model, silence_ns
    return stats


def new_reals(price_base: int, queue_n: float = 2.0) -> F64:
    """Return the float statistics: realised variance, price base, exponent of the queue model."""
    reals = np.zeros(REALS, dtype=np.float64)
    reals[[BASE_PRICE, QUEUE_N]] = price_base, queue_n
    return reals


@kernel(counted=False)
def add_time(stats: I64, at: int, value: int, duration_ns: int) -> None:
    """Add ``value x duration_ns`` to the integral at ``at`` (Q, R, HI), exactly for |value| < 2^34."""
    left = duration_ns
    while left > 0:
        part = min(left, 1 << 44)
        whole, rest = part // MILLION, part % MILLION
        low = stats[at + 1] + value * rest
        stats[at] += value * whole + low // MILLION
        stats[at + 1] = low % MILLION
        if stats[at] >= CARRY or stats[at] <= -CARRY:
            carry = stats[at] // CARRY
            stats[at] -= carry * CARRY
            stats[at + 2] += carry
        left -= part


@kernel(counted=False)
def settle_time(stats: I64, t: int) -> None:
    """Bring the time integrals up to ``t`` with the mid and spread in force."""
    duration = t - stats[MID_FROM]
    if stats[MID_OK] != 0 and duration > 0:
        add_time(stats, MID_Q, stats[BID] - stats[ASK], duration)
        add_time(stats, SPREAD_Q, -stats[ASK] - stats[BID], duration)
        stats[MID_NS] += duration
    if duration > 0:
        stats[MID_FROM] = t


@kernel
def sample_grid(stats: I64, reals: F64, t: int) -> None:
    """Take the mid in force at every 10 s boundary up to ``t`` into the realised variance; begins at the first call."""
    if stats[NEXT_GRID] == 0:
        stats[NEXT_GRID] = (t // GRID_NS + 1) * GRID_NS
        if stats[STARTED] == 0:
            stats[STARTED], stats[SINCE] = 1, t
        return
    passed = (t - stats[NEXT_GRID]) // GRID_NS + 1
    if stats[MID_OK] != 0:
        mid2 = stats[BID] - stats[ASK]
        if stats[SAMPLE_OK] != 0:
            old = 2 * reals[BASE_PRICE] + stats[SAMPLE]
            new = 2 * reals[BASE_PRICE] + mid2
            if mid2 != stats[SAMPLE] and old > 0 and new > 0:
                step = math.log(new / old)
                reals[REALISED_VAR] += step * step
            stats[REALISED_NS] += GRID_NS
        stats[REALISED_NS] += (passed - 1) * GRID_NS
        stats[SAMPLE], stats[SAMPLE_OK] = mid2, 1
    else:
        stats[SAMPLE_OK] = 0
    stats[NEXT_GRID] += passed * GRID_NS


@kernel(counted=False, inline=True)
def add_print(stats: I64, price: int, qty: int) -> None:
    """Count a print of ``qty`` at an offset price, exactly for qty < 2^60."""
    stats[VOLUME_ALL] += qty
    low = stats[NOTIONAL_LO] + price * (qty & LOW30)
    stats[NOTIONAL_HI] += price * (qty >> 30) + (low >> 30)
    stats[NOTIONAL_LO] = low & LOW30
    stats[LAST_PRICE], stats[HAS_PRINT] = price, 1
    stats[PRINTS] += 1


@kernel(counted=False, inline=True)
def _follow_queues(head: I64, stats: I64, reals: F64, queues: F64, code: int, price: int, qty: int) -> None:
    """Move our queue estimates by one row that has been applied to the book."""
    kind, side = code & 15, ((code >> 4) & 3) - 1
    count = stats[QUEUES]
    if kind == 5:
        if (code & 0x1800) == 0 and side >= 0:
            hit = 1 - side  # the aggressor's other side
            queues_after_print(queues, count, hit, price if hit == 0 else -price, qty)
    elif kind <= 4 and side >= 0:
        key = price if side == 0 else -price
        if kind == 4:
            queues_after_print(queues, count, side, key, qty)
        if code & 0x40F != RESTATED:  # more of the level may follow
            model, n, old, new = stats[QUEUE_MODEL], reals[QUEUE_N], head[OLD], head[NEW]
            queues_after_level(queues, count, model, n, side, key, old, new, code & 0x200)


@kernel(counted=False, inline=True)
def _take_over(stats: I64, bid: int, ask: int, flags: int, t: int) -> None:
    """Put a new touch in force; the time averages get what held until now."""
    if bid != stats[BID] or ask != stats[ASK] or flags != stats[FLAGS]:
        settle_time(stats, t)
        stats[BID], stats[ASK], stats[FLAGS] = bid, ask, flags
        ok = ((flags | stats[EXTERNAL_FLAGS]) & ~4) == 0  # a locked book has a mid, a closed market none
        if ok and stats[MID_OK] == 0:
            stats[MID_FROM] = t
        stats[MID_OK] = 1 if ok else 0


@kernel(counted=False)
def _message_end(head: I64, stats: I64, t: int) -> None:
    """Take over the touch after a complete message."""
    stats[SEEN_EDGES] = head[EDGES]
    _take_over(stats, best_key(head, 0), best_key(head, 1), book_flags(head), t)


@kernel
def tables(stats: I64) -> tuple[I64, I64]:
    """Return (taken, since when): the tables that follow the scalars of a market that shows own trades."""
    middle = STATS + (stats.shape[0] - STATS) // 2
    return stats[STATS:middle], stats[middle:]


def table_views(stats: I64) -> tuple[I64, I64]:
    """Return what ``tables`` does, for Python (``book.views``)."""
    middle = STATS + (len(stats) - STATS) // 2
    return stats[STATS:middle], stats[middle:]


@kernel(counted=False)
def _shift_to(head: I64, size: I64, table: I64, stats: I64, reals: F64, queues: F64, t: int) -> None:
    """Bring the rounded shift to ``t``: our orders keep their seen prices, and stand last at their recorded ones."""
    unit = stats[SHIFT_UNIT]
    stats[SHIFT_DUE] = still_until(reals[REALS:], stats[SHIFT_AT], t, unit)
    moved = rounded(shift_at(reals[REALS:], stats[SHIFT_AT], t), unit) - stats[SHIFT]
    if moved == 0:
        return
    stats[SHIFT] += moved
    middle = STATS + (stats.shape[0] - STATS) // 2
    taken, since = stats[STATS:middle], stats[middle:]
    for i in range(stats[QUEUES]):
        if queues[i, Q_LIVE] != 0:
            side = int(queues[i, Q_SIDE])
            queues[i, Q_KEY] += -moved if side == 0 else moved
            front = size_seen(head, size, table, taken, since, stats[HALF_NS], side, int(queues[i, Q_KEY]), t)
            queues[i, Q_FRONT], queues[i, Q_TRADED] = front, 0.0


@kernel(counted=False)
def _marked_end(
    head: I64, size: I64, bits: I64, top: I64, table: I64, stats: I64, reals: F64, queues: F64, t: int
) -> None:
    """Take over the touch as it is seen through our mark, after a complete message or a new mark."""
    # While something is taken of a level, its size counts too: the next message is looked at whatever it changes.
    stats[SEEN_EDGES], stats[SEEN_AT] = head[EDGES] if stats[TAKEN] == 0 else -1, t
    if stats[SHIFT_UNIT] != 0 and t >= stats[SHIFT_DUE]:
        _shift_to(head, size, table, stats, reals, queues, t)
    bid, ask = best_key(head, 0), best_key(head, 1)
    if stats[TAKEN] > 0:
        middle = STATS + (stats.shape[0] - STATS) // 2
        taken, since = stats[STATS:middle], stats[middle:]
        bid = best_seen(head, size, bits, top, table, taken, since, stats[HALF_NS], 0, t)
        ask = best_seen(head, size, bits, top, table, taken, since, stats[HALF_NS], 1, t)
    flags = book_flags(head) & ~7
    if bid == NO_PRICE or ask == NO_PRICE:
        flags |= 1
    elif bid + ask > 0:
        flags |= 2
    elif bid + ask == 0:
        flags |= 4
    bid = bid if bid == NO_PRICE else bid + stats[SHIFT]
    ask = ask if ask == NO_PRICE else ask - stats[SHIFT]
    _take_over(stats, bid, ask, flags, t)


@kernel(counted=False)
def _carry_mark(head: I64, stats: I64, code: int, price: int, t: int) -> None:
    """Carry what we took over a change of its level, by one row that has been applied to the book."""
    side = ((code >> 4) & 3) - 1
    if code & 15 <= 4 and side >= 0:
        middle = STATS + (stats.shape[0] - STATS) // 2
        taken, since = stats[STATS:middle], stats[middle:]
        stats[TAKEN] += taken_after_level(
            taken, since, stats[HALF_NS], side, price if side == 0 else -price, head[OLD], head[NEW], code, t
        )


@kernel
def leave_mark(book: I64, stats: I64, reals: F64, queues: F64, t: int, level: int, took: int, moved: int) -> None:
    """Take in, at local time ``t``, what an own fill did: ``took`` of a level (key x 2 + side), ``moved`` the shift.

    The caller made room in the tables and applied all rows received by ``t``.
    """
    head, size, bits, top, table = parts(book)
    stats[MARKED], stats[SEEN_AT] = 1, t
    taken, since = tables(stats)
    if took > 0 and stats[NAMED] != 0:
        stats[TAKEN] += put_taken(taken, since, -1, level, table_get(taken, level) + took, t)
    elif took > 0 and stats[HALF_NS] != 0 and level_size(head, size, table, level & 1, level >> 1) > 0:
        amount = taken_now(taken, since, stats[HALF_NS], level, t) + took
        stats[TAKEN] += put_taken(taken, since, stats[HALF_NS], level, amount, t)
    if stats[SHIFT_UNIT] != 0 and moved != 0:
        move_shift(reals[REALS:], stats[SHIFT_AT], t, moved)
        stats[SHIFT_AT] = stats[SHIFT_DUE] = t
    if stats[AT_END] != 0:
        if t >= stats[NEXT_GRID]:
            sample_grid(stats, reals, t)
        _marked_end(head, size, bits, top, table, stats, reals, queues, t)


@kernel(counted=False)
def follow_venue(log: I64, stats: I64, row: int) -> int:
    """Take in what the venue wrote of rows up to ``row``, the one to be applied next; returns OK or TAKEN_FULL."""
    taken, since = tables(stats)
    while log[LOG_DONE] < log[LOG_COUNT]:
        at = LOG_FIRST + LOG_WIDTH * log[LOG_DONE]
        if log[at] > row:
            break
        if 4 * (stats[TAKEN] + 2) > taken.shape[0]:
            return TAKEN_FULL
        level = log[at + 1]
        stats[MARKED] = 1
        stats[TAKEN] += put_taken(taken, since, -1, level, table_get(taken, level) + log[at + 2], 0)
        log[LOG_DONE] += 1
    return 0


@kernel(counted=False, inline=True)
def own_row(
    head: I64,
    size: I64,
    bits: I64,
    top: I64,
    table: I64,
    stats: I64,
    reals: F64,
    queues: F64,
    t: int,
    code: int,
    price: int,
    qty: int,
) -> int:
    """Apply one received row to our book and statistics; returns OK, or GROW or REGRID with nothing changed."""
    if t < stats[CLOCK]:
        t = stats[CLOCK]
    if t >= stats[NEXT_GRID]:
        sample_grid(stats, reals, t)
    kind = code & 15
    counts = stats[EXTERNAL_FLAGS] == 0  # what prints while the session is closed is no volume one could have traded in
    if kind == 5:
        if counts:
            add_print(stats, price + stats[SHIFT], qty)
    else:
        status = apply_row(head, size, bits, top, table, code, price, qty)
        if status != 0:
            return int(status)
        if kind == 4 and counts:
            add_print(stats, price + stats[SHIFT], qty)
    if stats[QUEUES] > 0:
        _follow_queues(head, stats, reals, queues, code, price, qty)
    stats[CLOCK], stats[AT_END] = t, code & 0x100
    if stats[MARKED] != 0:
        if stats[TAKEN] > 0 and stats[NAMED] == 0:
            _carry_mark(head, stats, code, price, t)
        if code & 0x100:
            stats[SEEN_AT] = t
            moves = stats[SHIFT_UNIT] != 0 and t >= stats[SHIFT_DUE]
            if head[EDGES] != stats[SEEN_EDGES] or stats[TAKEN] > 0 or moves:
                _marked_end(head, size, bits, top, table, stats, reals, queues, t)
    elif code & 0x100 and head[EDGES] != stats[SEEN_EDGES]:
        _message_end(head, stats, t)
    return 0


@kernel
def set_external(stats: I64, reals: F64, t: int, flags: int) -> None:
    """Take over flags from outside the book (session closed) at local time ``t``; averages count what held until now.

    The mid of a closed market enters no average and no variance: its night is neither calm nor an hour of trading.
    """
    if stats[EXTERNAL_FLAGS] == flags:
        return
    if stats[STARTED] != 0 and t >= stats[NEXT_GRID]:
        sample_grid(stats, reals, t)
    settle_time(stats, t)
    stats[EXTERNAL_FLAGS] = flags
    stats[MID_OK] = 1 if ((stats[FLAGS] | flags) & ~4) == 0 else 0
    if stats[MID_FROM] < t:
        stats[MID_FROM] = t
    if flags != 0:
        stats[SAMPLE_OK] = 0


@kernel(counted=False)
def integrity(stats: I64, t: int) -> int:
    """Return all flags of our market at local time ``t``."""
    flags = int(stats[FLAGS] | stats[EXTERNAL_FLAGS])
    if stats[STARTED] != 0 and t - stats[CLOCK] > stats[SILENCE_NS]:
        flags |= 32
    return flags


@kernel(counted=False, inline=True)
def any_watch_holds(watches: I64, count: int, stats: I64, queues: F64, t: int) -> bool:
    """Say whether a watch holds after a complete message, and mark those that do."""
    fired = False
    for i in range(count):
        kind, a = watches[i, W_KIND], watches[i, W_A]
        if kind == 1:
            holds = stats[BID] != a
        elif kind == 2:
            holds = stats[ASK] != a
        elif kind == 3:
            holds = stats[BID] >= a and stats[BID] != NO_PRICE
        elif kind == 4:
            holds = stats[ASK] >= a and stats[ASK] != NO_PRICE
        elif kind == 5:
            holds = stats[VOLUME_ALL] >= a
        elif kind == 6:
            slot = watches[i, W_SLOT]
            holds = slot >= 0 and queues[slot, Q_LIVE] != 0 and queues[slot, Q_FRONT] <= a
        elif kind == 7:
            holds = integrity(stats, t) != a
        else:
            holds = (integrity(stats, t) & ~4) == 0
        if holds:
            watches[i, W_HOLDS] = 1
            fired = True
    return fired


@kernel(counted=False, inline=True)
def watches_queue(watches: I64, count: int) -> bool:
    """Say whether a watch looks at what stands ahead of an order, which any row may change."""
    found = False
    for i in range(count):
        found = found | (watches[i, W_KIND] == 6)
    return found


@kernel(counted=False)
def run_until(
    book: I64,
    stats: I64,
    reals: F64,
    queues: F64,
    watches: I64,
    count: int,
    t_event: I64,
    recv_delta: I32 | I64,
    code: U16,
    price: I32,
    qty: I32 | I64,
    lo: int,
    hi: int,
    extra_ns: int,
    now_ns: int,
    until_ns: int,
    log: I64,
) -> tuple[int, int]:
    """Apply rows ``lo`` to ``hi`` with local time <= ``until_ns``; stop after the first END row at which a watch holds.

    A watch that holds already, before the first row, stops it at once.

    ``book``, ``stats``, ``reals`` and ``queues`` are our market (``own.OwnMarket``), updated in place. ``watches`` is
    (k, 4), ``count`` of them used: kind, argument (prices as keys), slot in ``queues``, and the mark that is set where
    it holds. ``t_event`` to ``qty`` are columns of a tape, ``recv_delta`` perhaps empty; ``extra_ns`` is added to the
    receive time. ``now_ns`` is the local time at the start, ``log`` what a simulated venue says of our mark (NO_LOG).

    Returns:
        (status, row): REACHED, FIRED, or GROW, REGRID or TAKEN_FULL (call again from ``row`` with more room);
        ``row`` is the first row not applied.
    """
    if stats[AT_END] != 0 and any_watch_holds(watches, count, stats, queues, now_ns):
        return FIRED, lo
    a = HEAD + 2 * book[WIDTH]
    b = a + 2 * book[WORDS]
    c_ = b + 2 * book[TOPS]
    head, size, bits, top, table = book[:HEAD], book[HEAD:a], book[a:b], book[b:c_], book[c_:]
    has_delta, has_log = recv_delta.shape[0] > 0, log.shape[0] > 0
    # What held nothing holds nothing until what it looks at has changed: most messages are not looked at.
    always, looked, bid, ask, flags, volume = watches_queue(watches, count), False, 0, 0, 0, 0
    for i in range(lo, hi):
        r = np.uint64(i)  # unsigned: no index counts from the end
        t = t_event[r] + extra_ns
        if has_delta:
            t += np.int64(recv_delta[r])
        if t > until_ns:
            return REACHED, i
        if has_log and log[LOG_DONE] < log[LOG_COUNT] and follow_venue(log, stats, i) != 0:
            return TAKEN_FULL, i
        c = int(np.int64(code[r]))
        status = own_row(head, size, bits, top, table, stats, reals, queues, t, c, int(price[r]), int(qty[r]))
        if status != 0:
            return status, i
        if c & 0x100 and count > 0:
            same = (stats[BID] == bid) & (stats[ASK] == ask) & (stats[FLAGS] == flags) & (stats[VOLUME_ALL] == volume)
            if always or not (looked and same):
                if any_watch_holds(watches, count, stats, queues, stats[CLOCK]):
                    return FIRED, i + 1
                looked, bid, ask, flags, volume = True, stats[BID], stats[ASK], stats[FLAGS], stats[VOLUME_ALL]
    return REACHED, hi
