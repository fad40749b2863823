"""Slices as columns: what layout, cost and feasibility calculate with. It reads as a sequence of ``ExecutionSlice``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

from nowake.core.plan import ExecutionSlice

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Schedule(Sequence[ExecutionSlice]):
    """Slices in order of release, not overlapping. The ``ExecutionSlice`` are made when one is first asked for.

    Attributes:
        release_ns, end_ns: (n,) each slice may work in [release_ns, end_ns), UTC ns.
        qty_units: (n,) quantity units, > 0.
        tactics: One name for all of them, or (n,) of them.
        first_index: Leg number of the first; they count up by one.
    """

    __slots__ = ("_made", "end_ns", "first_index", "qty_units", "release_ns", "tactics")

    def __init__(
        self, release_ns: Ints, end_ns: Ints, qty_units: Ints, tactics: str | tuple[str, ...], first_index: int
    ) -> None:
        self.release_ns = release_ns
        self.end_ns = end_ns
        self.qty_units = qty_units
        self.tactics = tactics
        self.first_index = first_index
        self._made: tuple[ExecutionSlice, ...] | None = None

    @classmethod
    def of(cls, slices: Sequence[ExecutionSlice]) -> Schedule:
        """Return slices, at least one, as columns; a schedule is returned as it is."""
        if isinstance(slices, Schedule):
            return slices
        rows = np.array([(one.release_ns, one.end_ns, one.qty_units) for one in slices], dtype=np.int64)
        tactics = tuple(one.tactic for one in slices)
        release_ns, end_ns, qty_units = (np.ascontiguousarray(column) for column in rows.T)
        return cls(release_ns, end_ns, qty_units, tactics[0] if len(set(tactics)) == 1 else tactics, slices[0].index)

    def after(self, first: ExecutionSlice) -> Schedule:
        """Return the schedule with another slice before it."""
        columns = ((first.release_ns, self.release_ns), (first.end_ns, self.end_ns), (first.qty_units, self.qty_units))
        release_ns, end_ns, qty_units = (np.concatenate(([one], rest)) for one, rest in columns)
        same = first.tactic == self.tactics
        tactics = self.tactics if same else (first.tactic, *(self.tactic_of(k) for k in range(len(self))))
        return Schedule(release_ns, end_ns, qty_units, tactics, first.index)

    def tactic_of(self, position: int) -> str:
        """Return the tactic of the slice at a position."""
        return self.tactics if isinstance(self.tactics, str) else self.tactics[position]

    def having(self, tactic: str) -> NDArray[np.bool_]:
        """Return which slices have a tactic: (1,) where all have the same, else (n,)."""
        tactics = (self.tactics,) if isinstance(self.tactics, str) else self.tactics
        return np.array([one == tactic for one in tactics])

    def slices(self, participation: Floats | None = None) -> tuple[ExecutionSlice, ...]:
        """Return them as values, with the participation of each, (n,), where it is known."""
        count = len(self)
        rates = [0.0] * count if participation is None else participation.tolist()
        columns = (self.release_ns.tolist(), self.end_ns.tolist(), self.qty_units.tolist(), rates)
        return tuple(
            ExecutionSlice(
                index=self.first_index + k,
                release_ns=release_ns,
                end_ns=end_ns,
                qty_units=qty,
                participation=rate,
                tactic=self.tactic_of(k),
            )
            for k, (release_ns, end_ns, qty, rate) in enumerate(zip(*columns, strict=True))
        )

    def __len__(self) -> int:
        """Return how many slices there are."""
        return int(self.qty_units.size)

    @overload
    def __getitem__(self, at: int) -> ExecutionSlice: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[ExecutionSlice, ...]: ...
    def __getitem__(self, at: int | slice) -> ExecutionSlice | tuple[ExecutionSlice, ...]:
        """Return a slice, or a stretch of them."""
        if self._made is None:
            self._made = self.slices()
        return self._made[at]

    def __iter__(self) -> Iterator[ExecutionSlice]:
        """Go over the slices."""
        return iter(self[:])
