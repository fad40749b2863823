"""What our mark on a recorded book means, in plain Python: sums over all own fills, no state. Kernels: ``seen``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from nowake.market.book_reference import ReferenceBook


@dataclass
class ReferenceOverlay:
    """What we took and how far we moved prices, as known at one place.

    Attributes:
        half_ns: Half-life of ``taken``, -1 = it stays, 0 = nothing is remembered.
        unit: The shift is rounded to multiples of it; 0 = no shift.
        permanent: Price units per quantity unit.
        terms: (weight, rate per ns) of the transient kernel.
        taken: (amount, since) by (side, price).
        moves: (time, signed quantity) of every own fill.
    """

    half_ns: int = -1
    unit: int = 0
    permanent: float = 0.0
    terms: Sequence[tuple[float, float]] = ()
    taken: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    moves: list[tuple[int, int]] = field(default_factory=list)

    def taken_now(self, side: int, price: int, t: int) -> int:
        """Return what we consumed of a level that is not yet replaced."""
        amount, since = self.taken.get((side, price), (0, 0))
        return int(amount * 0.5 ** (max(t - since, 0) / self.half_ns)) if amount and self.half_ns > 0 else amount

    def take(self, side: int, price: int, amount: int, t: int) -> None:
        """Add to what we consumed of a level."""
        self._set(side, price, self.taken_now(side, price, t) + amount, t)

    def _set(self, side: int, price: int, amount: int, t: int) -> None:
        if amount and self.half_ns:
            self.taken[side, price] = amount, t
        else:
            self.taken.pop((side, price), None)

    def carry(self, side: int, price: int, old: int, new: int, t: int, *, quiet: bool, whole: bool = True) -> None:
        """Carry ``taken`` over a change of its level; ``quiet``: the market did nothing, we only see more of it.

        ``whole``: the row states the level; else one order of it, and more may follow.
        """
        if (side, price) not in self.taken:
            return
        amount = self.taken_now(side, price, t)
        if quiet:
            if whole and 0 < new < amount:
                self._set(side, price, new, t)
        elif old == 0 or new == 0:
            self._set(side, price, 0, t)
        elif new < old:
            self._set(side, price, -(-min(amount, old) * new // old), t)
        elif amount > old:
            self._set(side, price, old, t)

    def move(self, qty: int, t: int) -> None:
        """Note an own fill, a buy > 0."""
        if self.unit:
            self.moves.append((t, qty))

    def value(self, t: int) -> float:
        """Return the shift at ``t``: the sum over all own fills of what each still does."""
        return sum(
            qty * (self.permanent + sum(weight * math.exp(-rate * (t - at)) for weight, rate in self.terms))
            for at, qty in self.moves
        )

    def shift(self, t: int) -> int:
        """Return the shift in whole units, a half away from 0."""
        if not self.unit:
            return 0
        value = self.value(t)
        return int(math.copysign(math.floor(abs(value) / self.unit + 0.5) * self.unit, value))

    def recorded(self, book: ReferenceBook, side: int, t: int) -> list[tuple[int, int]]:
        """Return (recorded price, seen size > 0) of a side, best first."""
        found = [(price, size - self.taken_now(side, price, t)) for price, size in book.levels(side)]
        return [(price, size) for price, size in found if size > 0]

    def seen(self, book: ReferenceBook, side: int, t: int) -> list[tuple[int, int]]:
        """Return (seen price, seen size > 0) of a side, best first."""
        shift = self.shift(t)
        return [(price + shift, size) for price, size in self.recorded(book, side, t)]
