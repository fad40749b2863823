"""The synthetic market in plain Python: what the kernel in ``flow`` means. Read this first.

A step takes one 64-bit word of the stream "flow": 12 bits choose the time to the next step, 1 the move of the
efficient price, 14 what happens, 12 its size, the top 24 are luck (bit 39 is unused). Market orders and the far edge
of the book take further words from the stream "extra", the regime one word per activity cell.
"""

from __future__ import annotations

from nowake.core.tape import END, Book, Row, row_code
from nowake.sim.synthetic.market import (
    BITS,
    BUYS,
    CELL,
    KEY_EXTRA,
    KEY_FLOW,
    KEY_REGIME,
    RATE,
    REGIME,
    SELLS,
    VALUE,
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

_WORD = (1 << 64) - 1
_SIDE = (Book.BID, Book.ASK)

RowTuple = tuple[int, int, int, int]
"""Time ns, packed code, price units, shares."""


def word_reference(key: int, n: int) -> int:
    """Return the n-th word of the splitmix64 stream ``key``."""
    z = (key + (n + 1) * 0x9E3779B97F4A7C15) & _WORD
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & _WORD
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & _WORD
    return z ^ (z >> 31)


class ReferenceMarket:
    """One synthetic market. Books are dicts from price units to shares > 0."""

    def __init__(self, start: Market, tables: SynthTables) -> None:
        self.tables = tables
        self.t_ns, self.value = int(start.state[T]), int(start.state[VALUE])
        self.cell, self.bits, self.rate = (int(start.state[i]) for i in (CELL, BITS, RATE))
        self.key_flow, self.key_extra, self.key_regime, self.regime = (
            int(start.words[i]) for i in (KEY_FLOW, KEY_EXTRA, KEY_REGIME, REGIME)
        )
        self.edge = [int(start.edge[BUYS]), int(start.edge[SELLS])]
        self.best = [int(start.best[BUYS]), int(start.best[SELLS])]
        self.book: list[dict[int, int]] = [{}, {}]
        for side in (BUYS, SELLS):
            low, high = sorted((self.best[side], self.edge[side]))
            self.book[side] = {p: int(start.book[side, p % RING]) for p in range(low, high + 1)}
        self.buys = [bool(flag) for flag in start.buys]
        self.left = [int(count) for count in start.left]
        self.steps = self.extras = 0
        self.rows: list[RowTuple] = []

    def run(self, t_end: int) -> list[RowTuple]:
        """Run until ``t_end`` (ns, excluded) and return the rows."""
        self.rows = []
        while True:
            draw = word_reference(self.key_flow, self.steps)
            t_ns = self.t_ns + max(int(self.tables.gap_ns[draw % QUANTILES]) * ONE // self.rate, 1)
            if t_ns >= t_end:
                return self.rows
            self.t_ns = t_ns
            self.steps += 1
            self._step(draw)

    def _step(self, draw: int) -> None:
        tables, rows_before = self.tables, len(self.rows)
        while self.cell < self.t_ns // CELL_NS:
            self._next_cell()
        self.value += tables.step_sub if draw >> 12 & 1 else -tables.step_sub
        self.value = max(self.value, tables.floor_sub)
        distance_sub = 2 * self.value - sum(self.best) * SUB
        lean = max(-tables.lean_sub, min(distance_sub, tables.lean_sub)) * LEAN // tables.lean_sub
        what = int(tables.choice[(draw >> 13) % CHOICES])
        size = (draw >> 27) % QUANTILES
        kind, level = divmod(what, LEVELS)
        old_best = list(self.best)
        if what == MARKET:
            self._market_order(int(tables.trade_shares[size]), lean)
        elif kind < 2:
            self._limit_order(kind, level, int(tables.quote_shares[size]), draw >> 40, lean)
        else:
            self._cancel(kind - 2, level, int(tables.quote_shares[size]), draw >> 40, lean)
        for side in (BUYS, SELLS):
            if self.best[side] != old_best[side]:
                self._fit(1 - side)
        if len(self.rows) > rows_before:
            t_ns, code, price, shares = self.rows[-1]
            self.rows[-1] = (t_ns, code | END, price, shares)

    def _next_cell(self) -> None:
        """Enter the next activity cell: one random bit of the regime word flips (Ehrenfest's urn)."""
        self.cell += 1
        self.regime ^= 1 << (word_reference(self.key_regime, self.cell) >> 58)
        level = int(self.tables.regime[self.regime.bit_count()])
        self.rate = max(int(self.tables.curve[self.cell % CELLS]) * level // ONE, 1)

    def _extra(self) -> int:
        self.extras += 1
        return word_reference(self.key_extra, self.extras - 1)

    def _set(self, side: int, price: int, shares: int) -> None:
        """Change a level, write its row, and keep the touch right; an emptied side gets a fresh level at its edge."""
        self.rows.append((self.t_ns, row_code(Row.SET, _SIDE[side]), price, shares))
        self.book[side][price] = shares
        if shares == 0:
            del self.book[side][price]
        if not self.book[side]:
            self._set(side, self.edge[side], int(self.tables.seed_shares[0]))
        self.best[side] = max(self.book[side]) if side == BUYS else min(self.book[side])

    def _limit_order(self, side: int, level: int, shares: int, luck: int, lean: int) -> None:
        """Let an order join ``level + 1`` ticks from the opposite touch, more likely on the side the value leans to."""
        toward = 1 if side == BUYS else -1
        price = self.best[1 - side] - toward * (level + 1)
        ahead = toward * (price - self.best[side])
        chance = self.tables.quote_base
        if ahead >= 0:
            chance += toward * self.tables.quote_slope * lean
        if ahead > 0:
            chance = chance * self.tables.improve // CHANCE
        if luck < chance:
            self._set(side, price, self.book[side].get(price, 0) + shares)

    def _cancel(self, side: int, level: int, shares: int, luck: int, lean: int) -> None:
        """Let an order leave: the fuller the level the likelier, at the touch likelier against the lean."""
        toward = 1 if side == BUYS else -1
        price = self.best[1 - side] - toward * (level + 1)
        resting = self.book[side].get(price, 0)
        if resting == 0:
            return
        tables = self.tables
        chance = min(resting + int(tables.cancel_base[level]), int(tables.cancel_top[level]))
        chance *= int(tables.cancel_slope[level])
        factor = tables.leave_base
        if price == self.best[side]:
            factor -= toward * tables.leave_slope * lean
        if luck < chance * factor // CHANCE:
            self._set(side, price, max(resting - shares, 0))

    def _buys(self, lean: int) -> bool:
        """Draw the side of a market order: informed, or the next child of a hidden order."""
        draw = self._extra()
        if draw >> 40 < abs(lean) * self.tables.trade_slope:
            return lean > 0
        slot = (draw & 0xFFFF) * self.tables.metaorders >> 16
        if self.left[slot] == 0:
            self.left[slot] = int(self.tables.children[(draw >> 16) % QUANTILES])
            self.buys[slot] = bool(draw >> 28 & 1)
        self.left[slot] -= 1
        return self.buys[slot]

    def _market_order(self, shares: int, lean: int) -> None:
        """Take up to ``shares`` within SWEEP ticks of the touch; prints first, then what they leave."""
        buys = self._buys(lean)
        side, away = (SELLS, 1) if buys else (BUYS, -1)
        taken = []
        for price in range(self.best[side], self.best[side] + away * SWEEP, away):
            here = min(self.book[side].get(price, 0), shares)
            if here > 0:
                taken.append((price, here))
                shares -= here
        code = row_code(Row.TRADE, Book.BID if buys else Book.ASK)
        self.rows += [(self.t_ns, code, price, here) for price, here in taken]
        for price, here in taken:
            self._set(side, price, self.book[side][price] - here)

    def _fit(self, side: int) -> None:
        """Extend a side whose edge came too near to the opposite touch, and drop what is too far from it."""
        away = -1 if side == BUYS else 1
        near = self.best[1 - side] + away * LEVELS
        while away * (near - self.edge[side]) > 0:
            self.edge[side] += away
            draw = self._extra() >> 44
            mean = int(self.tables.seed_shares[LEVELS - 1])
            self._set(side, self.edge[side], max(mean * (ONE // 2 + draw) // ONE, 1))
        while away * (self.edge[side] - near) > SLACK and self.edge[side] != self.best[side]:
            if self.edge[side] in self.book[side]:
                self._set(side, self.edge[side], 0)
            self.edge[side] -= away
