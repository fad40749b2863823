"""A recorded book as it is seen through our own mark on it: what we took of its levels, how far we moved its prices.

Seen size = max(0, recorded - taken), seen price = recorded + rounded shift; the mark is kept apart from the book, which
only recorded rows change. The venue keeps one mark (``sim.overlay``), our market another that learns later (``run``).

**Taken**, by level (key x 2 + side): a rise of the recorded level adds to what is seen, a fall takes ``taken`` off pro
rata (rounded up, so nothing comes back for free), the end of the level forgets it, and with a half-life it decays. A
snapshot is no event of the market: it leaves ``taken``, at most all that it shows of the level.

**Shift**: s(t) = permanent x sum q + sum over own fills of q K(t - t_fill), K a sum of exponentials, q signed (a buy is
> 0), so its state is one number a term. It is a row of floats: jump (permanent + K(0)), permanent, what is permanent by
now, then (weight, rate per ns, state as of the last own fill) for each term; price units and quantity units. Rounded to
whole ticks, a half away from 0, so that a buy and a sale are mirror images.
"""

from __future__ import annotations

import math

import numpy as np

from nowake.core.jit import kernel
from nowake.core.tape import F64, I64
from nowake.market.book import NO_PRICE, best_key, level_size, next_key
from nowake.market.table import table_get, table_put

REFERENCE = "nowake.market.seen_reference:ReferenceOverlay"
"""The plain meaning, which tests hold the kernels to."""

S_JUMP, S_PERMANENT, S_LEVEL, S_TERMS = 0, 1, 2, 3
S_WIDTH = 3
LONG = 2**62
"""A time that does not come."""

RESTATED = 0x401
"""Code (of it 0x40F) of a SNAPSHOT row of kind ADD: an order that stood there is stated again, more may follow."""


@kernel(counted=False)
def taken_now(taken: I64, taken_at: I64, half_ns: int, packed: int, t: int) -> int:
    """Return how much of a level we have consumed that is not yet replaced; ``half_ns`` < 0: it never is."""
    amount = table_get(taken, packed)
    if amount == 0 or half_ns < 0:
        return max(amount, 0)
    if half_ns == 0:
        return 0
    return int(amount * 0.5 ** (max(t - table_get(taken_at, packed), 0) / half_ns))


@kernel(counted=False)
def put_taken(taken: I64, taken_at: I64, half_ns: int, packed: int, amount: int, t: int) -> int:
    """Remember what is consumed of a level as of ``t``; returns the change of the number of levels remembered."""
    change = table_put(taken, packed, amount)
    if half_ns > 0:
        table_put(taken_at, packed, t if amount != 0 else 0)
    return change


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
def taken_after_level(
    taken: I64, taken_at: I64, half_ns: int, side: int, key: int, old: int, new: int, flags: int, t: int
) -> int:
    """Carry ``taken`` over a change of its recorded level; returns as ``put_taken``. ``flags``: code of the row."""
    packed = key * 2 + side
    if table_get(taken, packed) == 0:
        return 0
    amount = taken_now(taken, taken_at, half_ns, packed, t)
    if flags & 0x600:  # SEEDED, SNAPSHOT: the market did nothing, we only see more or less of it
        if 0 < new < amount and flags & 0x40F != RESTATED:
            return put_taken(taken, taken_at, half_ns, packed, new, t)
    elif old == 0 or new == 0:
        return put_taken(taken, taken_at, half_ns, packed, 0, t)
    elif new < old:
        return put_taken(taken, taken_at, half_ns, packed, scaled_up(min(amount, old), new, old), t)
    elif amount > old:  # a snapshot did not bring back all that we took of
        return put_taken(taken, taken_at, half_ns, packed, old, t)
    return 0


@kernel(counted=False)
def best_seen(
    head: I64, size: I64, bits: I64, top: I64, table: I64, taken: I64, taken_at: I64, half_ns: int, side: int, t: int
) -> int:
    """Return the recorded key of the best level of which something is still seen, NO_PRICE = none."""
    level = best_key(head, side)
    while level != NO_PRICE:
        gone = taken_now(taken, taken_at, half_ns, level * 2 + side, t)
        if level_size(head, size, table, side, level) > gone:
            return level
        level = next_key(head, bits, top, table, side, level)
    return NO_PRICE


@kernel(counted=False)
def size_seen(
    head: I64, size: I64, table: I64, taken: I64, taken_at: I64, half_ns: int, side: int, key: int, t: int
) -> int:
    """Return the seen size of a level by its recorded key: recorded less taken, not under 0."""
    gone = taken_now(taken, taken_at, half_ns, key * 2 + side, t)
    return max(level_size(head, size, table, side, key) - gone, 0)


@kernel(counted=False)
def fill_seen(
    head: I64, size: I64, bits: I64, top: I64, table: I64, taken: I64, taken_at: I64, half_ns: int, side: int,
    shift: int, t: int, out: I64,
) -> int:  # fmt: skip
    """Write the best seen levels of a side into ``out`` (k, 2) as (seen key, size), best first; returns how many."""
    level, n = best_key(head, side), 0
    while level != NO_PRICE and n < out.shape[0]:
        amount = size_seen(head, size, table, taken, taken_at, half_ns, side, level, t)
        if amount > 0:
            out[n, 0], out[n, 1] = level + (shift if side == 0 else -shift), amount
            n += 1
        level = next_key(head, bits, top, table, side, level)
    return n


def new_shift(permanent: float, weights: F64, rates: F64) -> F64:
    """Return the state of a shift that nothing has moved.

    Args:
        permanent: Price units per quantity unit.
        weights: (n,) of the terms, price units per quantity unit.
        rates: (n,) of the terms, per ns.
    """
    terms = np.stack([weights, rates, np.zeros(len(weights))], axis=1).ravel()
    return np.concatenate([[permanent + float(np.sum(weights)), permanent, 0.0], terms])


@kernel(counted=False)
def shift_at(shift: F64, since: int, t: int) -> float:
    """Return the shift at ``t``, price units; its state is as of ``since`` <= t."""
    total = shift[S_LEVEL]
    for k in range(S_TERMS, shift.shape[0], S_WIDTH):
        if shift[k + 2] != 0.0:
            total += shift[k + 2] * math.exp(-shift[k + 1] * (t - since))
    return float(total)


@kernel(counted=False)
def move_shift(shift: F64, since: int, t: int, qty: int) -> None:
    """Add an own fill of signed ``qty`` at ``t``; the state is as of ``t`` from now on."""
    shift[S_LEVEL] += shift[S_PERMANENT] * qty
    for k in range(S_TERMS, shift.shape[0], S_WIDTH):
        shift[k + 2] = shift[k + 2] * math.exp(-shift[k + 1] * (t - since)) + shift[k] * qty


@kernel(counted=False)
def rounded(value: float, unit: int) -> int:
    """Return the multiple of ``unit`` next to ``value``, a half away from 0."""
    whole = math.floor(abs(value) / unit + 0.5) * unit
    return whole if value >= 0 else -whole


@kernel(counted=False)
def still_until(shift: F64, since: int, t: int, unit: int) -> int:
    """Return a time up to which the rounded shift cannot change by itself: the room there is over the greatest pace."""
    now, pace = shift_at(shift, since, t), 0.0
    for k in range(S_TERMS, shift.shape[0], S_WIDTH):
        if shift[k + 2] != 0.0:
            pace += abs(shift[k + 2]) * shift[k + 1] * math.exp(-shift[k + 1] * (t - since))
    room = 0.5 * unit - abs(now - rounded(now, unit))
    if room >= pace * 1e18:
        return LONG
    return t + int(room / pace * (1 - 1e-9))


@kernel(counted=False)
def lots_before(shift: F64, since: int, t: int, unit: int, lot: int, sign: int, want: int, steps: int) -> int:
    """Return how much of ``want``, in whole lots, trades before the rounded shift has gone on ``steps`` units.

    Each lot trades at the seen price that stands before it, the shift moves after it: so the lot with which the shift
    reaches the step still counts. ``sign`` is +1 for a buy of ours.
    """
    jump = shift[S_JUMP]
    if jump <= 0.0:
        return want
    now = shift_at(shift, since, t)
    goal = sign * rounded(now, unit) + steps * unit
    most = want // lot
    guess = (goal - 0.5 * unit - sign * now) / (jump * lot)
    n = most if guess >= most else max(int(guess), 1)
    while n > 1 and sign * rounded(now + sign * jump * ((n - 1) * lot), unit) >= goal:
        n -= 1
    while n < most and sign * rounded(now + sign * jump * (n * lot), unit) < goal:
        n += 1
    return n * lot
