"""The meter: a market as rows arrive, and what it was like in every bin of the clock.

Its plain meaning is ``meter_reference``.

It is our market (``run.own_row``) with a few sums more, so that a bin is the difference of the very cumulants that a
``View`` carries. What it adds: a sample of the book every second (depth, imbalance, density), prints against the mid
they met, order-flow imbalance, and how soon a spread that a trade widened comes back. Only open time counts.
"""

from __future__ import annotations

import numpy as np

from nowake.core.jit import kernel
from nowake.core.tape import F64, I32, I64, U16
from nowake.market import run
from nowake.market.book import BASE, BEST, HEAD, NO_PRICE, STEP, TOPS, WIDTH, WORDS, best_key, level_size, next_key
from nowake.market.run import own_row, sample_grid, settle_time

REFERENCE = "nowake.market.microstructure.meter_reference:ReferenceMeter"
"""The plain meaning, which tests hold the kernels to."""

SAMPLE_NS = 1_000_000_000
"""The book is sampled at every whole second of the clock."""
AFTER_PRINT_NS = 200_000_000
"""A spread that widens within this of a print was widened by a trade: feeds tell of prints and levels apart."""
EPISODE_NS = 60_000_000_000
"""A widening that has not halved by then is given up as not recovered."""
DENSITY_LEVELS = 5
LEVELS_MOST = 5_000
"""Levels of a side walked at most for a sample; a band that goes on beyond them is "at least"."""
BANDS = (5, 10, 25)
"""Distances from the mid, basis points."""

# Columns of whole numbers of a bin.
START = 0  # instant, of the clock's grid
OPEN_NS, BOOK_NS = 1, 2  # open and recorded; of it with a sound two-sided book
SAMPLES = 3  # of the book, at whole seconds
DEPTH = 4  # + 3 x side + band: sum over the samples, quantity units
CUT = 10  # + band: samples in which the book that we see ends within it
DENSE = 13  # samples that have a density
VOLUME, PRINTS, BUYS, SELLS = 14, 15, 16, 17  # quantity printed; number; quantity begun by buyers, by sellers
ON_BOOK = 18  # quantity printed on the exchange with a mid in force: what the effective spread is of
OFI = 19  # order-flow imbalance at the touch, quantity units
WIDENED, RECOVERED, EXPOSED_NS = 20, 21, 22  # widenings by trades, those that halved, time they took or were watched
REALISED_NS = 23
ROWS = 24
BID, ASK = 25, 26  # touch in force at the end, price units; 0 = no sound book
INTS = 27
# Columns of real numbers of a bin.
MID, SPREAD = 0, 1  # time-weighted means, price units; 0 where BOOK_NS is 0
REALISED_VAR = 2
IMBALANCE, DENSITY = 3, 4  # sums over the samples; density in quantity units per bps
EFFECTIVE = 5  # sum over prints of quantity x effective spread in bps
REALS = 6

# The state beyond the bin in progress.
NEXT, BIN_FROM, OPEN_FROM, BEGUN = INTS, INTS + 1, INTS + 2, INTS + 3
TOUCH_OK, T_BID, T_ASK, T_BID_QTY, T_ASK_QTY = INTS + 4, INTS + 5, INTS + 6, INTS + 7, INTS + 8
PRINT_AT = INTS + 9
EPISODE, EP_TARGET, EP_FROM, EP_UNTIL = INTS + 10, INTS + 11, INTS + 12, INTS + 13
WAS = INTS + 14  # cumulants at the start of the bin: mid Q, R, HI, spread Q, R, HI, mid ns, volume, prints, realised ns
BIN_NS, LEVELS_KNOWN = INTS + 24, INTS + 25
STATE = INTS + 26

FULL = 4
"""Status: the table of bins is full; nothing of the row was taken."""
NEVER = -(2**62)


def new_state(bin_ns: int, levels_known: int) -> tuple[I64, F64]:
    """Return the state of a meter that has seen nothing, and its real sums (the last is that of the bin's start)."""
    state = np.zeros(STATE, dtype=np.int64)
    state[[BIN_NS, LEVELS_KNOWN, PRINT_AT]] = bin_ns, levels_known, NEVER
    return state, np.zeros(REALS + 1, dtype=np.float64)


@kernel(counted=False)
def _sample(
    head: I64, size: I64, bits: I64, top: I64, table: I64, stats: I64, state: I64, sums: F64, base: int
) -> None:
    """Take a sample of the book into the bin; the mid in force is sound."""
    mid2 = 2 * base + stats[run.BID] - stats[run.ASK]
    if mid2 <= 0:
        return
    known = state[LEVELS_KNOWN]
    first, total, ends, sides, gap, nearest = 0, 0, 0, 0, 0, 0
    for side in range(2):
        sign = 1 - 2 * side
        key = best_key(head, side)
        count, depth, near, last = 0, 0, 0, key
        band = 0
        while key != NO_PRICE and count < LEVELS_MOST:
            away = sign * (mid2 - 2 * base) - 2 * key
            while band < 3 and away > mid2 * (5 if band == 0 else 10 if band == 1 else 25) // 10_000:
                state[DEPTH + 3 * side + band] += depth
                band += 1
            if band == 3 and count >= DENSITY_LEVELS:
                break
            qty = level_size(head, size, table, side, key)
            depth += qty
            count += 1
            if count <= DENSITY_LEVELS:
                near += qty
                last = key
            if count == 1:
                first = qty if side == 0 else first
                total = first if side == 0 else total + qty
            key = next_key(head, bits, top, table, side, key)
        ended = (known > 0 and count >= known) or count >= LEVELS_MOST
        while band < 3:
            state[DEPTH + 3 * side + band] += depth
            ends |= (1 << band) if ended else 0
            band += 1
        if count > 0:
            sides += 1
            gap -= last
            nearest += near
    for band in range(3):
        if ends & (1 << band):
            state[CUT + band] += 1
    state[SAMPLES] += 1
    if total > 0:
        sums[IMBALANCE] += (2 * first - total) / total
    if sides == 2 and gap > 0:
        sums[DENSITY] += nearest * (mid2 / (20_000.0 * gap))
        state[DENSE] += 1


@kernel(counted=False)
def _mean(stats: I64, state: I64, at: int, was: int, duration_ns: int) -> float:
    """Return the mean since the start of the bin of what is integrated at ``at``."""
    high = float(stats[at + 2] - state[was + 2]) * run.CARRY
    whole = float(stats[at] - state[was]) + high
    return (whole * run.MILLION + float(stats[at + 1] - state[was + 1])) / duration_ns


@kernel(counted=False)
def close_bin(stats: I64, reals: F64, state: I64, sums: F64, base: int, out: I64, real_out: F64) -> None:
    """Write the bin in progress into a row of each table and begin another; all is brought up to its end already."""
    duration = stats[run.MID_NS] - state[WAS + 6]
    state[BOOK_NS] = duration
    state[VOLUME] = stats[run.VOLUME_ALL] - state[WAS + 7]
    state[PRINTS] = stats[run.PRINTS] - state[WAS + 8]
    state[REALISED_NS] = stats[run.REALISED_NS] - state[WAS + 9]
    sound = stats[run.MID_OK] != 0
    state[BID] = base + stats[run.BID] if sound else 0
    state[ASK] = base - stats[run.ASK] if sound else 0
    state[START] = state[BIN_FROM]
    if duration > 0:
        sums[MID] = base + _mean(stats, state, run.MID_Q, WAS, duration) / 2
        sums[SPREAD] = _mean(stats, state, run.SPREAD_Q, WAS + 3, duration)
    sums[REALISED_VAR] = reals[run.REALISED_VAR] - sums[REALS]
    for i in range(INTS):
        out[i], state[i] = state[i], 0
    for i in range(REALS):
        real_out[i], sums[i] = sums[i], 0.0
    for i in range(3):
        state[WAS + i] = stats[run.MID_Q + i]
        state[WAS + 3 + i] = stats[run.SPREAD_Q + i]
    state[WAS + 6] = stats[run.MID_NS]
    state[WAS + 7] = stats[run.VOLUME_ALL]
    state[WAS + 8] = stats[run.PRINTS]
    state[WAS + 9] = stats[run.REALISED_NS]
    sums[REALS] = reals[run.REALISED_VAR]


@kernel(counted=False, inline=True)
def _watch_episode(state: I64, t: int) -> None:
    """Count the time that a widening is watched up to ``t``; at its end it is given up."""
    if state[EPISODE] != 0:
        until = min(t, state[EP_UNTIL])
        if until > state[EP_FROM]:
            state[EXPOSED_NS] += until - state[EP_FROM]
            state[EP_FROM] = until
        if t >= state[EP_UNTIL]:
            state[EPISODE] = 0


@kernel(counted=False)
def _bring_to(stats: I64, reals: F64, state: I64, t: int) -> None:
    """Bring the sums of the bin in progress up to ``t``, which lies in it."""
    if t >= stats[run.NEXT_GRID]:
        sample_grid(stats, reals, t)
    settle_time(stats, t)
    if stats[run.EXTERNAL_FLAGS] == 0 and t > state[OPEN_FROM]:
        state[OPEN_NS] += t - state[OPEN_FROM]
    state[OPEN_FROM] = max(t, state[OPEN_FROM])
    _watch_episode(state, t)


@kernel(counted=False)
def pass_to(
    head: I64,
    size: I64,
    bits: I64,
    top: I64,
    table: I64,
    stats: I64,
    reals: F64,
    state: I64,
    sums: F64,
    out: I64,
    real_out: F64,
    at: int,
    t: int,
) -> tuple[int, int]:
    """Pass every second and every end of a bin up to ``t`` with what is in force.

    Returns:
        (status, bins written): OK or FULL.
    """
    base = int(reals[run.BASE_PRICE])
    if state[BEGUN] == 0:
        state[BEGUN], state[OPEN_FROM] = 1, t
        state[BIN_FROM] = t // state[BIN_NS] * state[BIN_NS]
        state[NEXT] = (t // SAMPLE_NS + 1) * SAMPLE_NS
        return 0, at
    while state[NEXT] <= t:
        now = state[NEXT]
        end = state[BIN_FROM] + state[BIN_NS]
        if stats[run.EXTERNAL_FLAGS] != 0 and now < end:
            now = min(end, t // SAMPLE_NS * SAMPLE_NS)  # nothing is sampled of a closed market
        if now == end and at == out.shape[0]:
            return FULL, at
        if stats[run.MID_OK] != 0:
            _sample(head, size, bits, top, table, stats, state, sums, base)
        state[NEXT] = now + SAMPLE_NS
        if now == end:
            _bring_to(stats, reals, state, now)
            if state[OPEN_NS] > 0:
                close_bin(stats, reals, state, sums, base, out[at], real_out[at])
                at += 1
            else:
                state[ROWS] = 0
            state[BIN_FROM] = now
            if stats[run.EXTERNAL_FLAGS] != 0:
                state[BIN_FROM] = t // state[BIN_NS] * state[BIN_NS]
                state[NEXT] = (t // SAMPLE_NS + 1) * SAMPLE_NS
                state[OPEN_FROM] = max(t, state[OPEN_FROM])
    return 0, at


@kernel(counted=False, inline=True)
def _follow_touch(head: I64, size: I64, stats: I64, state: I64, t: int) -> None:
    """After a complete message: order-flow imbalance, and the widenings of the spread and their recovery."""
    _watch_episode(state, t)
    if stats[run.MID_OK] == 0:
        state[TOUCH_OK] = state[EPISODE] = 0
        return
    step, width = head[STEP], head[WIDTH]
    bid = head[BASE] + head[BEST] * step
    ask = -(head[BASE + 1] + head[BEST + 1] * step)
    bid_qty, ask_qty = size[head[BEST]], size[width + head[BEST + 1]]
    old_bid, old_ask = state[T_BID], state[T_ASK]
    if state[TOUCH_OK] != 0:
        flow = 0
        if bid >= old_bid:
            flow += bid_qty
        if bid <= old_bid:
            flow -= state[T_BID_QTY]
        if ask <= old_ask:
            flow -= ask_qty
        if ask >= old_ask:
            flow += state[T_ASK_QTY]
        state[OFI] += flow
        spread, was = ask - bid, old_ask - old_bid
        if spread > was and t - state[PRINT_AT] <= AFTER_PRINT_NS:
            state[WIDENED] += 1
            state[EPISODE], state[EP_TARGET], state[EP_FROM], state[EP_UNTIL] = 1, spread + was, t, t + EPISODE_NS
        elif state[EPISODE] != 0 and 2 * spread <= state[EP_TARGET]:
            state[RECOVERED] += 1
            state[EPISODE] = 0
    state[TOUCH_OK], state[T_BID], state[T_ASK], state[T_BID_QTY], state[T_ASK_QTY] = 1, bid, ask, bid_qty, ask_qty


@kernel(counted=False, inline=True)
def _take_print(
    state: I64, sums: F64, base: int, bid: int, ask: int, sound: bool, code: int, price: int, qty: int
) -> None:
    """Take a print of an open session: who began it, and how far from the mid in force; keys of the touch before it."""
    side = ((code >> 4) & 3) - 1
    sign = 0 if side < 0 else 1 - 2 * side
    if (code & 15) == 4:
        sign = -sign  # a FILL names the resting side
    away = 2 * price - bid + ask
    if sign == 0 and sound:
        sign = 1 if away > 0 else -1 if away < 0 else 0
    if sign > 0:
        state[BUYS] += qty
    elif sign < 0:
        state[SELLS] += qty
    mid2 = 2 * base + bid - ask
    if sound and mid2 > 0 and (code & 0x1000) == 0:
        state[ON_BOOK] += qty
        sums[EFFECTIVE] += qty * (20_000.0 * abs(away) / mid2)


@kernel(counted=False)
def meter_until(
    book: I64,
    stats: I64,
    reals: F64,
    queues: F64,
    state: I64,
    sums: F64,
    out: I64,
    real_out: F64,
    at: int,
    t_event: I64,
    recv_delta: I32 | I64,
    code: U16,
    price: I32,
    qty: I32 | I64,
    lo: int,
    hi: int,
    extra_ns: int,
    until_ns: int,
) -> tuple[int, int, int]:
    """Apply rows ``lo`` to ``hi`` with local time <= ``until_ns`` to our market and to the meter.

    ``book``, ``stats``, ``reals`` and ``queues`` are our market (``own.OwnMarket``); ``state`` and ``sums`` the meter's
    (``new_state``); bins are written to ``out`` (n, INTS) and ``real_out`` (n, REALS) from row ``at`` on.

    Returns:
        (status, row, bins written): OK, or GROW, REGRID or FULL (call again from ``row`` with what was asked for).
    """
    a = HEAD + 2 * book[WIDTH]
    b = a + 2 * book[WORDS]
    c_ = b + 2 * book[TOPS]
    head, size, bits, top, table = book[:HEAD], book[HEAD:a], book[a:b], book[b:c_], book[c_:]
    has_delta = recv_delta.shape[0] > 0
    base = int(reals[run.BASE_PRICE])
    for i in range(lo, hi):
        t = t_event[i] + extra_ns
        if has_delta:
            t += np.int64(recv_delta[i])
        if t > until_ns:
            return 0, i, at
        if t < stats[run.CLOCK]:
            t = stats[run.CLOCK]
        if t >= state[NEXT]:
            full, at = pass_to(head, size, bits, top, table, stats, reals, state, sums, out, real_out, at, t)
            if full != 0:
                return full, i, at
        c, p, q = int(np.int64(code[i])), int(price[i]), int(qty[i])
        bid, ask, sound = stats[run.BID], stats[run.ASK], stats[run.MID_OK] != 0
        status = own_row(head, size, bits, top, table, stats, reals, queues, t, c, p, q)
        if status != 0:
            return status, i, at
        state[ROWS] += 1
        kind = c & 15
        if (kind == 5 or kind == 4) and stats[run.EXTERNAL_FLAGS] == 0:
            _take_print(state, sums, base, bid, ask, sound, c, p, q)
            if c & 0x1000 == 0:
                state[PRINT_AT] = t
        if c & 0x100:
            _follow_touch(head, size, stats, state, t)
    return 0, hi, at


@kernel(counted=False)
def settle_meter(
    book: I64, stats: I64, reals: F64, state: I64, sums: F64, out: I64, real_out: F64, at: int, t: int
) -> tuple[int, int]:
    """Pass to ``t`` without a row and bring the bin in progress up to it. Returns as ``pass_to``."""
    a = HEAD + 2 * book[WIDTH]
    b = a + 2 * book[WORDS]
    c = b + 2 * book[TOPS]
    head, size, bits, top, table = book[:HEAD], book[HEAD:a], book[a:b], book[b:c], book[c:]
    if state[BEGUN] == 0:
        return 0, at
    full, at = pass_to(head, size, bits, top, table, stats, reals, state, sums, out, real_out, at, t)
    if full == 0:
        _bring_to(stats, reals, state, t)
    return full, at
