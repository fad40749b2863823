"""What running a market means, in plain Python. The kernels (``run``, ``snapshot``) are held equal to it by tests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from nowake.core.tape import END, HIDDEN, KIND_MASK, OFF_EXCHANGE, SEEDED, SIDE_MASK, SIDE_SHIFT, SNAPSHOT, Row, Tape
from nowake.core.view import Integrity, Watch, WatchKind
from nowake.market.book_reference import DEPTH_ROWS, ReferenceBook
from nowake.market.queue import front_after_reference
from nowake.market.seen_reference import ReferenceOverlay

GRID_NS = 10_000_000_000
NO_MID = Integrity.EMPTY | Integrity.CROSSED | Integrity.GAP | Integrity.HALTED


@dataclass
class TrackedOrder:
    """An own resting order whose queue we estimate; side 0 buys; ``price`` as recorded."""

    side: int
    price: int
    front: float
    traded: float = 0.0


@dataclass
class ReferenceMarket:
    """Our market: the book as received, statistics since the first row. Prices are absolute price units.

    Attributes:
        overlay: Own trades as we know them, seen as of the newest row or mark; None = not shown.
        mid2_time: Exact integral of bid + ask over local time, price units x ns; spread_time likewise.
        touch: (bid, ask) in force since the last complete message, None where empty.
    """

    silence_ns: int
    model: int = 1
    n: float = 2.0
    book: ReferenceBook = field(default_factory=ReferenceBook)
    overlay: ReferenceOverlay | None = None
    shift: int = 0
    seen_at: int = 0
    tracked: dict[str, TrackedOrder] = field(default_factory=dict)
    volume_all: int = 0
    notional_all: int = 0
    last_units: int = 0
    since_ns: int | None = None
    last_row_ns: int = 0
    mid2_time: int = 0
    spread_time: int = 0
    mid_ns: int = 0
    realised_var: float = 0.0
    realised_ns: int = 0
    touch: tuple[int | None, int | None] = (None, None)
    flags: Integrity = Integrity.EMPTY
    at_end: bool = True
    external: Integrity = Integrity.OK
    _mid_from: int = 0
    _next_grid: int | None = None
    _sample: int | None = None

    @property
    def mid(self) -> tuple[int, int] | None:
        """Return (bid + ask, ask - bid) in force, None when there is no mid to speak of."""
        bid, ask = self.touch
        return None if self.flags & NO_MID or self.external or bid is None or ask is None else (bid + ask, ask - bid)

    def settle(self, t: int) -> None:
        """Bring the time integrals and the 10 s samples up to ``t`` with the mid in force."""
        if self._next_grid is None:
            self._next_grid = (t // GRID_NS + 1) * GRID_NS
        while self._next_grid <= t:
            if self.mid is None:
                self._sample = None
            else:
                if self._sample is not None:
                    self.realised_var += math.log(self.mid[0] / self._sample) ** 2
                    self.realised_ns += GRID_NS
                self._sample = self.mid[0]
            self._next_grid += GRID_NS
        if self.mid is not None:
            duration = t - self._mid_from
            self.mid2_time += self.mid[0] * duration
            self.spread_time += self.mid[1] * duration
            self.mid_ns += duration
        self._mid_from = t

    def set_external(self, t: int, flags: Integrity) -> None:
        """Take over flags from outside the book at local time ``t``: a closed market has no mid, and no volume."""
        if self.since_ns is not None:
            self.settle(t)
        self.external = flags
        self._mid_from = max(self._mid_from, t)
        if flags:
            self._sample = None

    def row(self, t: int, code: int, price: int, qty: int) -> None:
        """Apply one row received at local time ``t`` (not before the last one)."""
        self.settle(t)
        kind = Row(code & KIND_MASK)
        self.book.apply(code, price, qty)
        if kind in (Row.TRADE, Row.FILL) and not self.external:
            self.volume_all += qty
            self.notional_all += (price + self.shift) * qty
            self.last_units = price + self.shift
        self.since_ns = t if self.since_ns is None else self.since_ns
        self.last_row_ns = t
        self._follow(kind, code, price, qty)
        self.at_end = bool(code & END)
        if self.at_end:
            self.seen_at = t
            self._touch(t)

    def levels(self, side: int, count: int | None = None) -> list[tuple[int, int]]:
        """Return (price, size) of a side as it is seen."""
        if self.overlay is None:
            return self.book.levels(side, count)
        found = self.overlay.recorded(self.book, side, self.seen_at)
        return [(price + self.shift, size) for price, size in found][:count]

    def _touch(self, t: int) -> None:
        """Put the touch as it is seen in force."""
        if self.overlay is not None and (moved := self.overlay.shift(t) - self.shift):
            self.shift += moved
            for order in self.tracked.values():
                order.price -= moved
                order.front, order.traded = float(self._size(order)), 0.0
        bids, asks = self.levels(0, 1), self.levels(1, 1)
        flags = self.book.flags()
        if self.overlay is not None:
            flags &= ~(Integrity.EMPTY | Integrity.CROSSED | Integrity.LOCKED)
            if not bids or not asks:
                flags |= Integrity.EMPTY
            elif bids[0][0] >= asks[0][0]:
                flags |= Integrity.CROSSED if bids[0][0] > asks[0][0] else Integrity.LOCKED
        self.touch, self.flags = (bids[0][0] if bids else None, asks[0][0] if asks else None), flags

    def _size(self, order: TrackedOrder) -> int:
        assert self.overlay is not None
        return dict(self.overlay.recorded(self.book, order.side, self.seen_at)).get(order.price, 0)

    def mark(self, t: int, level: tuple[int, int] | None, taken: int, moved: int) -> None:
        """See at local time ``t`` that an own fill used up ``taken`` of a level, and moved the shift."""
        assert self.overlay is not None
        if level is not None and dict(self.book.levels(level[0])).get(level[1]):
            self.overlay.take(*level, taken, t)
        self.overlay.move(moved, t)
        self.seen_at = t
        if self.at_end:
            self.settle(t)
            self._touch(t)

    def _follow(self, kind: Row, code: int, price: int, qty: int) -> None:
        side = ((code & SIDE_MASK) >> SIDE_SHIFT) - 1
        if side < 0:
            return
        if self.overlay is not None and kind in DEPTH_ROWS:
            quiet = bool(code & (SEEDED | SNAPSHOT))
            sizes, whole = (self.book.old, self.book.new), kind is not Row.ADD
            self.overlay.carry(side, price, *sizes, self.last_row_ns, quiet=quiet, whole=whole)
        for order in self.tracked.values():
            if order.price != price:
                continue
            hit = (kind is Row.FILL and side == order.side) or (
                kind is Row.TRADE and not code & (HIDDEN | OFF_EXCHANGE) and side != order.side
            )
            if hit:
                order.front = max(order.front - qty, 0.0)
                order.traded += qty
            if kind in DEPTH_ROWS and side == order.side:
                if kind is Row.ADD and code & SNAPSHOT:
                    continue  # stated again, and more of the level may follow
                if code & SEEDED:
                    order.front = min(order.front, float(self.book.new)) if self.book.new else order.front
                    continue
                old, new = float(self.book.old), float(self.book.new)
                order.front = front_after_reference(self.model, self.n, order.front, old, new, order.traded)
                order.traded = 0.0

    def integrity(self, t: int) -> Integrity:
        """Return all flags at local time ``t``."""
        silent = self.since_ns is not None and t - self.last_row_ns > self.silence_ns
        return self.flags | self.external | (Integrity.SILENT if silent else Integrity.OK)

    def holds(self, watch: Watch, t: int) -> bool:
        """Return whether a watch holds at ``t``."""
        bid, ask = self.touch
        order = self.tracked.get(watch.child_id)
        return {
            WatchKind.BID_NOT: lambda: (bid or 0) != watch.a,
            WatchKind.ASK_NOT: lambda: (ask or 0) != watch.a,
            WatchKind.BID_AT_LEAST: lambda: bid is not None and bid >= watch.a,
            WatchKind.ASK_AT_MOST: lambda: ask is not None and ask <= watch.a,
            WatchKind.VOLUME: lambda: self.volume_all >= watch.a,
            WatchKind.QUEUE: lambda: order is not None and order.front <= watch.a,
            WatchKind.INTEGRITY: lambda: self.integrity(t) != watch.a,
        }[watch.kind]()

    def fired(self, watches: Sequence[Watch], t: int) -> tuple[str, ...]:
        """Return the ids of the watches that hold, in rising order."""
        return tuple(sorted(watch.watch_id for watch in watches if self.holds(watch, t)))

    def run_until(
        self, tape: Tape, watches: Sequence[Watch], lo: int, *, now_ns: int, until_ns: int, extra_ns: int = 0
    ) -> tuple[int, int, tuple[str, ...]]:
        """Apply rows from ``lo`` until ``until_ns``, or to the first complete message at which a watch holds.

        Returns:
            (t, row, fired): local time reached, first row not applied, watches that hold.
        """
        if self.at_end and (fired := self.fired(watches, now_ns)):
            return now_ns, lo, fired
        local, prices = tape.t_local(extra_ns), tape.prices()
        for i in range(lo, len(tape)):
            t = int(local[i])
            if t > until_ns:
                return until_ns, i, ()
            self.row(t, int(tape.code[i]), int(prices[i]), int(tape.qty[i]))
            if self.at_end and (fired := self.fired(watches, t)):
                return max(t, now_ns), i + 1, fired
        return until_ns, len(tape), ()
