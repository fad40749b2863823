"""What a book means, in plain Python: two dicts. The kernel (``book``) is held equal to it by property tests."""

from __future__ import annotations

from dataclasses import dataclass, field

from nowake.core.tape import END, KIND_MASK, SIDE_MASK, SIDE_SHIFT, SNAPSHOT, Book, Row
from nowake.core.view import Integrity

DEPTH_ROWS = (Row.SET, Row.ADD, Row.REDUCE, Row.DELETE, Row.FILL)


@dataclass
class ReferenceBook:
    """Sizes by price, bids at index 0 and asks at index 1, and what is wrong with the book.

    Attributes:
        sides: Size by price offset, no zero sizes.
        clamped: Reductions that exceeded their level; the level ends at 0.
        gap: 0 sound, 1 after a GAP row, 2 after the CLEAR that follows it; a snapshot's END row makes it sound.
        old, new: Size of the level before and after the last depth row.
    """

    sides: tuple[dict[int, int], dict[int, int]] = field(default_factory=lambda: ({}, {}))
    clamped: int = 0
    gap: int = 0
    halted: bool = False
    has_depth: bool = False
    old: int = 0
    new: int = 0

    def apply(self, code: int, price: int, qty: int) -> None:
        """Apply one tape row; prints (TRADE) change nothing."""
        kind = Row(code & KIND_MASK)
        side = (code & SIDE_MASK) >> SIDE_SHIFT
        if kind in DEPTH_ROWS and side != Book.NONE:
            self._depth(kind, self.sides[side - 1], price, qty)
        elif kind is Row.QUOTE and side != Book.NONE and not self.has_depth:
            self.sides[side - 1].clear()
            if qty:
                self.sides[side - 1][price] = qty
        elif kind is Row.CLEAR:
            self._clear()
            self.gap = 2 if self.gap else 0
        elif kind is Row.HALT or kind is Row.RESUME:
            self.halted = kind is Row.HALT
        elif kind is Row.GAP:
            self.gap = 1
        if self.gap == 2 and code & END and code & SNAPSHOT:
            self.gap = 0

    def _clear(self) -> None:
        for side in self.sides:
            side.clear()

    def _depth(self, kind: Row, side: dict[int, int], price: int, qty: int) -> None:
        if not self.has_depth:  # what best quotes had built is not a book
            self._clear()
            self.has_depth = True
        old = side.get(price, 0)
        new = qty if kind is Row.SET else old + qty if kind is Row.ADD else old - qty
        if new < 0:
            new, self.clamped = 0, self.clamped + 1
        self.old, self.new = old, new
        if new:
            side[price] = new
        else:
            side.pop(price, None)

    def levels(self, side: int, count: int | None = None) -> list[tuple[int, int]]:
        """Return (price, size), best first, at most ``count``; side 0 bids, 1 asks."""
        return sorted(self.sides[side].items(), reverse=side == 0)[:count]

    def best(self, side: int) -> int | None:
        """Return the best price of a side, None when it is empty."""
        return (max if side == 0 else min)(self.sides[side], default=None)

    def flags(self) -> Integrity:
        """Return what is wrong with the book itself."""
        bid, ask = self.best(0), self.best(1)
        found = Integrity.OK
        if bid is None or ask is None:
            found |= Integrity.EMPTY
        elif bid > ask:
            found |= Integrity.CROSSED
        elif bid == ask:
            found |= Integrity.LOCKED
        if self.gap:
            found |= Integrity.GAP
        if self.halted:
            found |= Integrity.HALTED
        return found
