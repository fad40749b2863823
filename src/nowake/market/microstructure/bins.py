"""Bins of a market on the clock's grid, and the ``Meter`` that makes them, over a tape at once or as rows arrive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nowake.core.errors import InputError
from nowake.core.sessions import Session
from nowake.core.tape import F64, I64, Tape
from nowake.core.units import NS_PER_SECOND
from nowake.core.value import require
from nowake.market.book import repaired
from nowake.market.microstructure import meter as m
from nowake.market.own import OwnMarket
from nowake.market.run import GRID_NS, NO_LOG

BIN_NS = 60 * NS_PER_SECOND
ROOM = 64
"""Bins that fit at first; the tables double."""


@dataclass(frozen=True)
class Bins:
    """Closed bins of one listing, in order of time; columns are those of ``meter``.

    Attributes:
        listing: Its key.
        bin_ns: Width of a bin; each begins at a whole multiple of it.
        ints: (n, ``meter.INTS``) i64.
        reals: (n, ``meter.REALS``) f64.
    """

    listing: str
    bin_ns: int
    ints: I64
    reals: F64

    def __len__(self) -> int:
        return len(self.ints)

    @property
    def start_ns(self) -> I64:
        """Return (n,) the instants at which the bins begin."""
        return self.ints[:, m.START]

    def until(self, t_ns: int) -> Bins:
        """Return the bins that are closed at ``t_ns``."""
        count = int(np.searchsorted(self.start_ns, t_ns - self.bin_ns, side="right"))
        return Bins(self.listing, self.bin_ns, self.ints[:count], self.reals[:count])

    def since(self, t_ns: int) -> Bins:
        """Return the bins that begin at ``t_ns`` or later."""
        first = int(np.searchsorted(self.start_ns, t_ns, side="left"))
        return Bins(self.listing, self.bin_ns, self.ints[first:], self.reals[first:])

    @cached_property
    def totals(self) -> tuple[I64, F64]:
        """Return running totals (n + 1 rows) of all columns; means are weighted by the time they are of."""
        reals = self.reals.copy()
        reals[:, [m.MID, m.SPREAD]] *= self.ints[:, [m.BOOK_NS]]
        zero = np.zeros((1, m.REALS))
        ints = np.concatenate([np.zeros((1, m.INTS), dtype=np.int64), np.cumsum(self.ints, axis=0)])
        return ints, np.concatenate([zero, np.cumsum(reals, axis=0)])


def joined(parts: Sequence[Bins]) -> Bins:
    """Return the bins of several stretches of one listing as one, in order of time; a bin found twice counts once.

    Raises:
        InputError: Nothing given, or bins of several listings or widths.
    """
    require(bool(parts), "bins", parts, "of at least one stretch")
    for name in ("listing", "bin_ns"):
        found = {getattr(one, name) for one in parts}
        require(len(found) == 1, name, sorted(found), "the same in all")
    ints, reals = (np.concatenate([getattr(one, name) for one in parts]) for name in ("ints", "reals"))
    _, order = np.unique(ints[:, m.START], return_index=True)
    return Bins(parts[0].listing, parts[0].bin_ns, ints[order], reals[order])


class Meter(OwnMarket):
    """Our market as it is received, and its bins so far.

    Args:
        tape: Recorded rows, and the listing and metadata; ``feed`` may append more.
        session: Trading hours; None = always open.
        bin_ns: Width of a bin, a multiple of 10 s that divides a day.
        data_latency_ns: Added to every row's receive time.

    Raises:
        InputError: The width is not one.
    """

    def __init__(
        self, tape: Tape, session: Session | None = None, bin_ns: int = BIN_NS, data_latency_ns: int = 0
    ) -> None:
        check_bin(bin_ns)
        super().__init__(tape, data_latency_ns, session)
        self.bin_ns = bin_ns
        self._state, self._sums = m.new_state(bin_ns, tape.meta.depth_levels)
        self._ints = np.zeros((ROOM, m.INTS), dtype=np.int64)
        self._reals = np.zeros((ROOM, m.REALS), dtype=np.float64)
        self._count = 0

    def run(self, until_ns: int, table: I64, log: I64 = NO_LOG) -> int:  # noqa: ARG002 - no mark is ours
        """Receive rows up to ``until_ns``; a meter takes no watches."""
        require(len(table) == 0, "watches", len(table), "none on a meter")
        hi = len(self.columns[0])
        while True:
            status, self.cursor, self._count = m.meter_until(
                self.book, self.stats, self.reals, self.queues, self._state, self._sums, self._ints, self._reals,
                self._count, *self.columns, self.cursor, hi, self.extra_ns, until_ns,
            )  # fmt: skip
            if status == m.FULL:
                self._grow()
            elif status == 0:
                self.now_ns = until_ns
                return 0
            else:
                self.book = repaired(self.book, status)

    def at_session(self, t_ns: int) -> int:
        """Take over whether the session is open at ``t_ns``, after what was until then is counted."""
        self.settle(t_ns)
        return super().at_session(t_ns)

    def settle(self, t_ns: int) -> None:
        """Close the bins that end by ``t_ns``, whether or not a row says so."""
        while True:
            state = self._state, self._sums, self._ints, self._reals
            status, self._count = m.settle_meter(self.book, self.stats, self.reals, *state, self._count, t_ns)
            if status != m.FULL:
                return
            self._grow()

    @property
    def bins(self) -> Bins:
        """Return the bins closed so far."""
        return Bins(self.key, self.bin_ns, self._ints[: self._count].copy(), self._reals[: self._count].copy())

    @property
    def count(self) -> int:
        """Return how many bins are closed."""
        return self._count

    def last(self, count: int) -> Bins:
        """Return the last ``count`` bins closed."""
        rows = slice(max(0, self._count - count), self._count)
        return Bins(self.key, self.bin_ns, self._ints[rows].copy(), self._reals[rows].copy())

    def _grow(self) -> None:
        self._ints = np.concatenate([self._ints, np.zeros_like(self._ints)])
        self._reals = np.concatenate([self._reals, np.zeros_like(self._reals)])


def check_bin(bin_ns: int) -> None:
    """Refuse a width of bins that is not a multiple of 10 s, or does not divide a day."""
    good = bin_ns > 0 and bin_ns % GRID_NS == 0 and 86_400 * NS_PER_SECOND % bin_ns == 0
    if not good:
        shown = f"{bin_ns / NS_PER_SECOND:g} s"
        raise InputError("bin", shown, "a multiple of 10 s that divides a day", "10s, 30s, 1m, 5m, 15m do")


def bins_of(tape: Tape, session: Session | None = None, bin_ns: int = BIN_NS, data_latency_ns: int = 0) -> Bins:
    """Return the bins of a whole tape, in one call; the last may be cut by the end of the tape and is left out."""
    found = Meter(tape, session, bin_ns, data_latency_ns)
    if len(tape):
        found.advance(int(tape.t_local(data_latency_ns).max()))
    return found.bins
