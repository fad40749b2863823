"""The synthetic market, compiled. Read ``reference`` first: it says the same in plain Python, and a test compares.

Everything is an integer. Side 0 is the bid, 1 the ask; ``away`` is the direction from the touch into the book.
"""

from __future__ import annotations

import numpy as np

from nowake.core.jit import kernel
from nowake.core.tape import END, Book, Row, row_code
from nowake.sim.synthetic.market import (
    BITS,
    CELL,
    EXTRA,
    KEY_EXTRA,
    KEY_FLOW,
    KEY_REGIME,
    RATE,
    REGIME,
    STEP,
    VALUE,
    Columns,
    Market,
    T,
)
from nowake.sim.synthetic.tables import (
    CELL_NS,
    CELLS,
    CHANCE,
    CHOICES,
    LEAN,
    LEVELS,
    MARKET,
    ONE,
    QUANTILES,
    RING,
    SLACK,
    SUB,
    SWEEP,
    SynthTables,
)

ROWS_PER_STEP_MAX = 512
"""A step never writes more rows than this."""

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)
_S27, _S30, _S31 = np.uint64(27), np.uint64(30), np.uint64(31)
_BIT = np.uint64(1)
_SETS = np.array([row_code(Row.SET, Book.BID), row_code(Row.SET, Book.ASK)], dtype=np.uint16)
_TRADES = np.array([row_code(Row.TRADE, Book.BID), row_code(Row.TRADE, Book.ASK)], dtype=np.uint16)
_END = np.uint16(END)
_MASK = RING - 1
_QUANTILE = QUANTILES - 1

REFERENCE = "nowake.sim.synthetic.reference"


@kernel
def word(key: np.uint64, n: int) -> np.uint64:
    """Return the n-th word of the splitmix64 stream ``key`` (Steele, Lea, Flood 2014), in one jump."""
    z = key + np.uint64(n + 1) * _GAMMA
    z = (z ^ (z >> _S30)) * _MIX1
    z = (z ^ (z >> _S27)) * _MIX2
    return z ^ (z >> _S31)


@kernel
def _bits(random: np.uint64, low: int, mask: int) -> int:
    """Return the bits of a word from bit ``low`` under ``mask``, which is below 2**63."""
    return np.int64(random >> np.uint64(low)) & mask  # type: ignore[return-value]


@kernel
def _put(out: Columns, n: int, t: int, code: np.uint16, price: int, qty: int) -> int:
    """Write row n; return n + 1."""
    out.t_event[n], out.code[n], out.price[n], out.qty[n] = t, code, price, qty
    return n + 1


@kernel
def _settle(side: int, t: int, m: Market, tables: SynthTables, out: Columns, n: int) -> int:
    """Move the touch of ``side`` to its next level that holds shares; a side is never left empty."""
    away = -1 if side == 0 else 1
    while m.book[side, m.best[side] & _MASK] == 0:
        if m.best[side] == m.edge[side]:
            m.book[side, m.best[side] & _MASK] = tables.seed_shares[0]
            return _put(out, n, t, _SETS[side], m.best[side], tables.seed_shares[0])
        m.best[side] += away
    return n


@kernel
def _fit(side: int, t: int, m: Market, tables: SynthTables, out: Columns, n: int) -> int:
    """Make ``side`` reach LEVELS to LEVELS + SLACK ticks from the opposite touch."""
    away = -1 if side == 0 else 1
    near = m.best[1 - side] + away * LEVELS
    while away * (near - m.edge[side]) > 0:
        m.edge[side] += away
        draw = _bits(word(m.words[KEY_EXTRA], m.state[EXTRA]), 44, ONE - 1)
        m.state[EXTRA] += 1
        shares = max(tables.seed_shares[LEVELS - 1] * (ONE // 2 + draw) // ONE, 1)
        m.book[side, m.edge[side] & _MASK] = shares
        n = _put(out, n, t, _SETS[side], m.edge[side], shares)
    far = near + away * SLACK
    while away * (m.edge[side] - far) > 0 and m.edge[side] != m.best[side]:
        if m.book[side, m.edge[side] & _MASK] > 0:
            m.book[side, m.edge[side] & _MASK] = 0
            n = _put(out, n, t, _SETS[side], m.edge[side], 0)
        m.edge[side] -= away
    return n


@kernel
def _activity(t: int, m: Market, tables: SynthTables) -> None:
    """Bring the activity to the cell of ``t``: the volume curve times the regime, one bit of which flips per cell."""
    while m.state[CELL] < t // CELL_NS:
        m.state[CELL] += 1
        bit = word(m.words[KEY_REGIME], m.state[CELL]) >> np.uint64(58)
        m.words[REGIME] ^= _BIT << bit
        m.state[BITS] += 1 if (m.words[REGIME] >> bit) & _BIT else -1
        m.state[RATE] = max(tables.curve[m.state[CELL] % CELLS] * tables.regime[m.state[BITS]] // ONE, 1)


@kernel
def _buys(lean: int, m: Market, tables: SynthTables) -> bool:
    """Draw the side of a market order: informed, or the next child of a hidden order."""
    draw = word(m.words[KEY_EXTRA], m.state[EXTRA])
    m.state[EXTRA] += 1
    if _bits(draw, 40, CHANCE - 1) < abs(lean) * tables.trade_slope:
        return lean > 0
    slot = _bits(draw, 0, 0xFFFF) * tables.metaorders >> 16
    if m.left[slot] == 0:
        m.left[slot] = tables.children[_bits(draw, 16, _QUANTILE)]
        m.buys[slot] = _bits(draw, 28, 1)
    m.left[slot] -= 1
    return m.buys[slot] == 1  # type: ignore[no-any-return]


@kernel
def run(t_end: int, m: Market, tables: SynthTables, out: Columns) -> int:
    """Run ``m`` until ``t_end`` (ns) or until ``out`` is nearly full; return the number of rows written.

    The step that would reach ``t_end`` is left for the next call, so a run can be continued exactly. ``out`` is longer
    than ROWS_PER_STEP_MAX.
    """
    # Arrays are taken out of their tuples once: each access to one inside a tuple counts references.
    state, book, best, edge = m.state, m.book, m.best, m.edge
    gap_ns, choice, quote_shares = tables.gap_ns, tables.choice, tables.quote_shares
    cancel_base, cancel_top, cancel_slope = tables.cancel_base, tables.cancel_top, tables.cancel_slope
    t_out, code, price, qty = out.t_event, out.code, out.price, out.qty
    key, t, value, rate = m.words[KEY_FLOW], state[T], state[VALUE], state[RATE]
    cell_end = (state[CELL] + 1) * CELL_NS
    steps = state[STEP]
    room = len(t_out) - ROWS_PER_STEP_MAX
    n = 0
    while n <= room:
        draw = word(key, steps)
        t_next = t + max(gap_ns[_bits(draw, 0, _QUANTILE)] * ONE // rate, 1)
        if t_next >= t_end:
            break
        t = t_next
        steps += 1
        if t >= cell_end:
            _activity(t, m, tables)
            rate, cell_end = state[RATE], (state[CELL] + 1) * CELL_NS
        value = max(value + (2 * _bits(draw, 12, 1) - 1) * tables.step_sub, tables.floor_sub)
        gap = 2 * value - (best[0] + best[1]) * SUB
        lean = min(max(gap, -tables.lean_sub), tables.lean_sub) * LEAN // tables.lean_sub
        what = choice[_bits(draw, 13, CHOICES - 1)]
        size = _bits(draw, 27, _QUANTILE)
        luck = _bits(draw, 40, CHANCE - 1)
        if what == MARKET:  # prints first, then the levels they leave
            buys = _buys(lean, m, tables)
            side, away = (1, 1) if buys else (0, -1)
            wanted = tables.trade_shares[size]
            level = best[side]
            last = level + away * (SWEEP - 1)
            first = n
            while wanted > 0 and away * (last - level) >= 0 and away * (edge[side] - level) >= 0:
                taken = min(book[side, level & _MASK], wanted)
                if taken > 0:
                    t_out[n], code[n], price[n], qty[n] = t, _TRADES[1 - side], level, taken
                    n += 1
                    wanted -= taken
                level += away
            for row in range(first, n):
                spot = price[row] & _MASK
                book[side, spot] -= qty[row]
                t_out[n], code[n], price[n], qty[n] = t, _SETS[side], price[row], book[side, spot]
                n += 1
        elif what >= 2 * LEVELS:  # a cancel
            side = what // LEVELS - 2
            distance = what % LEVELS
            away = 2 * side - 1
            level = best[1 - side] + away * (distance + 1)
            spot = level & _MASK
            shares = book[side, spot]
            chance = min(shares + cancel_base[distance], cancel_top[distance]) * cancel_slope[distance]
            factor = tables.leave_base
            if level == best[side]:
                factor += away * tables.leave_slope * lean
            if luck >= chance * factor >> 24 or shares == 0 or away * (level - best[side]) < 0:
                continue
            book[side, spot] = max(shares - quote_shares[size], 0)
            t_out[n], code[n], price[n], qty[n] = t, _SETS[side], level, book[side, spot]
            n += 1
        else:  # a limit order
            side = what // LEVELS
            away = 2 * side - 1
            level = best[1 - side] + away * (what % LEVELS + 1)
            ahead = away * (best[side] - level)
            chance = tables.quote_base
            if ahead >= 0:
                chance -= away * tables.quote_slope * lean
            if ahead > 0:
                chance = chance * tables.improve >> 24
            if luck >= chance:
                continue
            spot = level & _MASK
            book[side, spot] += quote_shares[size]
            t_out[n], code[n], price[n], qty[n] = t, _SETS[side], level, book[side, spot]
            n += 1
            if ahead > 0:
                best[side] = level
                n = _fit(1 - side, t, m, tables, out, n)
        if book[side, best[side] & _MASK] == 0:
            touch = best[side]
            n = _settle(side, t, m, tables, out, n)
            if best[side] != touch:
                n = _fit(1 - side, t, m, tables, out, n)
        code[n - 1] |= _END
    state[T], state[VALUE], state[STEP] = t, value, steps
    return n
