"""What the meter means, in plain Python: one row after the other, one second after the other. Read this first.

The kernels (``meter``) are held equal to it by tests.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from nowake.core.tape import END, KIND_MASK, OFF_EXCHANGE, SIDE_MASK, SIDE_SHIFT, Book, Row
from nowake.core.view import Integrity
from nowake.market.microstructure.meter import (
    AFTER_PRINT_NS,
    BANDS,
    DENSITY_LEVELS,
    EPISODE_NS,
    LEVELS_MOST,
    SAMPLE_NS,
)
from nowake.market.run_reference import ReferenceMarket


@dataclass
class Episode:
    """A spread that a trade widened: recovered once it is at most ``target2`` / 2 wide, half way back."""

    target2: int
    until: int
    counted_to: int


@dataclass
class Bin:
    """What a bin adds up; prices in price units, sizes in quantity units. See the columns of ``meter``."""

    start: int
    open_ns: int = 0
    samples: int = 0
    depth: list[int] = field(default_factory=lambda: [0] * 6)
    cut: list[int] = field(default_factory=lambda: [0] * 3)
    dense: int = 0
    prints: int = 0
    buys: int = 0
    sells: int = 0
    on_book: int = 0
    ofi: int = 0
    widened: int = 0
    recovered: int = 0
    exposed_ns: int = 0
    rows: int = 0
    imbalance: float = 0.0
    density: float = 0.0
    effective: float = 0.0


class ReferenceMeter:
    """Our market and its bins. ``closed`` are rows of (whole numbers, real numbers), columns as in ``meter``."""

    def __init__(self, silence_ns: int, bin_ns: int, levels_known: int) -> None:
        self.market = ReferenceMarket(silence_ns)
        self.bin_ns, self.levels_known = bin_ns, levels_known
        self.closed: list[tuple[list[int], list[float]]] = []
        self.bin: Bin | None = None
        self.open_from = self.next_second = 0
        self.was = (0, 0, 0, 0, 0.0, 0)
        self.touch: tuple[int, int, int, int] | None = None
        self.print_at: int | None = None
        self.episode: Episode | None = None

    def row(self, t: int, code: int, price: int, qty: int) -> None:
        """Apply one row received at local time ``t`` (not before the last one)."""
        self.pass_to(t)
        assert self.bin is not None
        mid, kind = self.market.mid, Row(code & KIND_MASK)
        self.market.row(t, code, price, qty)
        self.bin.rows += 1
        if kind in (Row.TRADE, Row.FILL) and not self.market.external:
            self._print(mid, kind, code, price, qty)
            if not code & OFF_EXCHANGE:
                self.print_at = t
        if code & END:
            self._after_message(t)

    def pass_to(self, t: int) -> None:
        """Pass every whole second, and every end of a bin, up to ``t`` with what is in force."""
        if self.bin is None:
            self.bin = Bin(t // self.bin_ns * self.bin_ns)
            self.open_from, self.next_second = t, (t // SAMPLE_NS + 1) * SAMPLE_NS
        while self.next_second <= t:
            now = self.next_second
            if self.market.mid is not None:
                self._sample(self.market.mid[0])
            if now % self.bin_ns == 0:
                self._bring_to(now)
                self._close(now)
            self.next_second = now + SAMPLE_NS

    def set_external(self, t: int, flags: Integrity) -> None:
        """Take over that the session closed or opened at ``t``."""
        if self.bin is not None:
            self.pass_to(t)
            self._bring_to(t)
        self.market.set_external(t, flags)

    def _bring_to(self, t: int) -> None:
        assert self.bin is not None
        self.market.settle(t)
        if not self.market.external:
            self.bin.open_ns += max(0, t - self.open_from)
        self.open_from = max(t, self.open_from)
        self._watch_episode(t)

    def _close(self, now: int) -> None:
        one, market = self.bin, self.market
        assert one is not None
        mid2, spread, mid_ns, volume, variance, realised_ns = self.was
        self.was = (
            market.mid2_time,
            market.spread_time,
            market.mid_ns,
            market.volume_all,
            market.realised_var,
            market.realised_ns,
        )
        if one.open_ns:
            ns = market.mid_ns - mid_ns
            touch = market.touch if market.mid is not None else (0, 0)
            ints = [one.start, one.open_ns, ns, one.samples, *one.depth, *one.cut, one.dense]
            ints += [market.volume_all - volume, one.prints, one.buys, one.sells, one.on_book, one.ofi]
            ints += [one.widened, one.recovered, one.exposed_ns, market.realised_ns - realised_ns, one.rows]
            means = [(market.mid2_time - mid2) / (2 * ns), (market.spread_time - spread) / ns] if ns else [0.0, 0.0]
            reals = [*means, market.realised_var - variance, one.imbalance, one.density, one.effective]
            self.closed.append(([*ints, *(price or 0 for price in touch)], reals))
        self.bin = Bin(now)

    def _sample(self, mid2: int) -> None:
        one, sides = self.bin, [self.market.book.levels(side) for side in (0, 1)]
        assert one is not None
        cut, near, ends = set(), 0, []
        for side, levels in enumerate(sides):
            seen = len(levels) if self.levels_known == 0 else min(len(levels), self.levels_known)
            for band, bps in enumerate(BANDS):
                reach = mid2 * bps // 10_000
                away = [(mid2 - 2 * price if side == 0 else 2 * price - mid2) for price, _ in levels[:LEVELS_MOST]]
                inside = [size for far, (_, size) in zip(away, levels, strict=False) if far <= reach]
                one.depth[3 * side + band] += sum(inside)
                if len(inside) == len(levels) and seen == self.levels_known > 0:
                    cut.add(band)
            near += sum(size for _, size in levels[:DENSITY_LEVELS])
            ends += [price for price, _ in levels[:DENSITY_LEVELS]][-1:]
        one.samples += 1
        for band in cut:
            one.cut[band] += 1
        first = [levels[0][1] if levels else 0 for levels in sides]
        if sum(first):
            one.imbalance += (first[0] - first[1]) / sum(first)
        if len(ends) == 2 and ends[1] > ends[0]:
            one.density += near * (mid2 / (20_000.0 * (ends[1] - ends[0])))
            one.dense += 1

    def _print(self, mid: tuple[int, int] | None, kind: Row, code: int, price: int, qty: int) -> None:
        one, side = self.bin, Book((code & SIDE_MASK) >> SIDE_SHIFT)
        assert one is not None
        one.prints += 1
        sign = {Book.NONE: 0, Book.BID: 1, Book.ASK: -1}[side] * (-1 if kind is Row.FILL else 1)
        if sign == 0 and mid is not None:
            sign = (2 * price > mid[0]) - (2 * price < mid[0])
        one.buys += qty if sign > 0 else 0
        one.sells += qty if sign < 0 else 0
        if mid is not None and not code & OFF_EXCHANGE:
            one.on_book += qty
            one.effective += qty * (20_000.0 * abs(2 * price - mid[0]) / mid[0])

    def _watch_episode(self, t: int) -> None:
        one = self.episode
        if one is not None:
            assert self.bin is not None
            self.bin.exposed_ns += max(0, min(t, one.until) - one.counted_to)
            one.counted_to = max(one.counted_to, min(t, one.until))
            if t >= one.until:
                self.episode = None

    def _after_message(self, t: int) -> None:
        self._watch_episode(t)
        assert self.bin is not None
        (bid, ask), book = self.market.touch, self.market.book
        if self.market.mid is None or bid is None or ask is None:
            self.touch = self.episode = None
            return
        bid_qty, ask_qty = book.sides[0][bid], book.sides[1][ask]
        if self.touch is not None:
            old_bid, old_ask, old_bid_qty, old_ask_qty = self.touch
            self.bin.ofi += bid_qty * (bid >= old_bid) - old_bid_qty * (bid <= old_bid)
            self.bin.ofi += old_ask_qty * (ask >= old_ask) - ask_qty * (ask <= old_ask)
            spread, was = ask - bid, old_ask - old_bid
            if spread > was and self.print_at is not None and t - self.print_at <= AFTER_PRINT_NS:
                self.bin.widened += 1
                self.episode = Episode(spread + was, t + EPISODE_NS, t)
            elif self.episode is not None and 2 * spread <= self.episode.target2:
                self.bin.recovered += 1
                self.episode = None
        self.touch = (bid, ask, bid_qty, ask_qty)
