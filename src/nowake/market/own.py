"""Our market: the book as we receive it, over a tape or over rows that a feed pushes."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import numpy as np

from nowake.core.errors import DataError, InputError
from nowake.core.order import Side
from nowake.core.sessions import Session
from nowake.core.tape import F64, I32, I64, U16, Tape
from nowake.core.units import INT64_MAX
from nowake.core.view import Integrity, View, Watch, WatchKind
from nowake.market import run
from nowake.market.book import level_size, new_book, repaired, views
from nowake.market.hours import Hours
from nowake.market.queue import Q_FRONT, Q_LIVE, UNKNOWN_FRONT, new_queues
from nowake.market.seen import LONG, size_seen
from nowake.market.snapshot import build_view, watch_price
from nowake.market.table import grown, new_table

Columns = tuple[I64, I32 | I64, U16, I32, I32 | I64]
"""t_event, recv_delta, code, price, qty."""

VIEW_QUEUES = 8
CLOSED = int(Integrity.CLOSED)
NO_WATCHES: I64 = np.zeros((0, 4), dtype=np.int64)
NOT_BEGUN = -INT64_MAX
"""Local time of a market that has not been advanced."""


def columns_of(tape: Tape) -> Columns:
    """Return the columns that kernels read; an absent receive column always has the same type (one compilation)."""
    delta = tape.recv_delta if len(tape.recv_delta) else np.empty(0, dtype=np.int32)
    return tape.t_event, delta, tape.code, tape.price, tape.qty


def coarsest_step(tape: Tape) -> int:
    """Return the price step a book starts with: the widest tick; finer prices refine it as they come."""
    return max(band.step_units for band in tape.listing.ticks)


class OwnMarket:
    """One listing as we know it at local time ``now_ns``.

    Args:
        tape: Recorded rows, and the listing and metadata; ``feed`` may append more.
        data_latency_ns: Added to every row's receive time.
        session: Trading hours; None = always open.

    Attributes:
        now_ns: Local time reached.
        row: Rows included.
    """

    def __init__(self, tape: Tape, data_latency_ns: int = 0, session: Session | None = None) -> None:
        self.meta = tape.meta
        self.key = tape.listing.key
        self.data_latency_ns = data_latency_ns
        self.extra_ns = data_latency_ns - (tape.meta.clock_offset_ns if len(tape.recv_delta) else 0)
        self.columns: Columns = columns_of(tape)
        self.hours = Hours(session)
        self.book: I64 = new_book(coarsest_step(tape))
        self.stats: I64 = run.new_stats(tape.meta.silence_ns)
        self.reals: F64 = run.new_reals(tape.meta.price_base)
        self.queues: F64 = new_queues(VIEW_QUEUES)
        self._slots: dict[str, int] = {}
        self._dropped = 0
        self.now_ns = NOT_BEGUN

    def local_ns(self, row: int) -> int:
        """Return the local time of a row at hand, ``row`` counted from the rows not yet dropped."""
        t_event, recv_delta = self.columns[0], self.columns[1]
        return int(t_event[row]) + (int(recv_delta[row]) if len(recv_delta) else 0) + self.extra_ns

    @property
    def cursor(self) -> int:
        """Return the index of the next row at hand."""
        return int(self.stats[run.CURSOR])

    @cursor.setter
    def cursor(self, row: int) -> None:
        self.stats[run.CURSOR] = row

    @property
    def row(self) -> int:
        """Return the number of rows included."""
        return self._dropped + self.cursor

    def feed(self, rows: Tape) -> None:
        """Append rows of the same listing, in receive order and in whole messages; rows already applied are let go.

        Raises:
            DataError: Another listing, or prices too far from the first base for the column.
        """
        if rows.listing.key != self.key:
            raise DataError(rows.meta.source, f"rows of {rows.listing.key} fed to the market of {self.key}")
        prices = rows.prices() - np.int64(self.meta.price_base)
        if len(prices) and max(abs(int(prices.min())), abs(int(prices.max()))) >= 2**31:
            raise DataError(rows.meta.source, "prices are more than 2^31 units from the first price")
        left = slice(self.cursor, None)
        t_event, recv_delta, code, price, qty = self.columns
        delta = recv_delta if len(recv_delta) else np.zeros(len(t_event), dtype=np.int32)
        # Local times are made here: the buffer has no receive column of its own.
        local = t_event[left] + delta[left] + np.int64(self.extra_ns)
        fed = rows.t_local(self.data_latency_ns)
        self.columns = (
            np.concatenate([local, fed]),
            np.empty(0, dtype=np.int32),
            np.concatenate([code[left], rows.code]),
            np.concatenate([price[left], prices.astype(np.int32)]),
            np.concatenate([qty[left], rows.qty]),
        )
        self._dropped += self.cursor
        self.cursor, self.extra_ns = 0, 0

    def advance(self, until_ns: int, watches: Sequence[Watch] = ()) -> tuple[int, tuple[str, ...]]:
        """Receive rows up to ``until_ns``, or to the first complete message at which a watch holds.

        Returns:
            (t_ns, fired): the local time reached, and the ids of all watches that hold there, in rising order.
        """
        table = self.watch_table(watches)
        until_ns = self.begin(until_ns)
        while True:
            change = self.at_session(self.now_ns)
            stop = min(until_ns, change - 1)
            if self.run(stop, table) == run.FIRED:
                return self.now_ns, self.fired(table, watches)
            if until_ns < change:
                return self.now_ns, ()
            self.now_ns = change

    def begin(self, until_ns: int) -> int:
        """Return ``until_ns``, not before where the market stands; it begins with the first row, or before it."""
        if self.now_ns == NOT_BEGUN:
            self.now_ns = min(until_ns, self.local_ns(0)) if len(self.columns[0]) else until_ns
        return max(until_ns, self.now_ns)

    def at_session(self, t_ns: int) -> int:
        """Take over whether the session is open at ``t_ns``; returns the instant at which that changes."""
        is_open, change_ns = self.hours.stretch(t_ns)
        flags = 0 if is_open else CLOSED
        if self.stats[run.EXTERNAL_FLAGS] != flags:
            run.set_external(self.stats, self.reals, t_ns, flags)
        return change_ns

    def run(self, until_ns: int, table: I64, log: I64 = run.NO_LOG) -> int:
        """Run the kernel to ``until_ns`` or a watch of ``table``, making room as it asks; returns which."""
        hi = len(self.columns[0])
        while True:
            status, row = run.run_until(
                self.book, self.stats, self.reals, self.queues, table, len(table), *self.columns,
                self.cursor, hi, self.extra_ns, self.now_ns, until_ns, log,
            )  # fmt: skip
            moved = row > self.cursor
            self.cursor = row
            if status == run.FIRED:
                if moved:
                    self.now_ns = max(self.now_ns, int(self.stats[run.CLOCK]))
                return status
            if status == run.REACHED:
                self.now_ns = until_ns
                return status
            self.make_room(status)

    def make_room(self, status: int) -> None:
        """Enlarge what a kernel found too small (its status)."""
        if status == run.TAKEN_FULL:
            self.stats = np.concatenate([self.stats[: run.STATS], *map(grown, run.table_views(self.stats))])
        else:
            self.book = repaired(self.book, status)

    def watch_table(self, watches: Sequence[Watch]) -> I64:
        """Return (k, 4) i64: kind, argument, queue slot, 0; prices as keys of the book."""
        if not watches:
            return NO_WATCHES
        base, rows = self.meta.price_base, []
        for watch in watches:
            if watch.listing != self.key:
                raise InputError("watch", watch.listing, f"on {self.key}")
            kind, a, slot = watch.kind, watch.a, -1
            if kind in (WatchKind.BID_NOT, WatchKind.BID_AT_LEAST):
                a = watch_price(a, base, 1)
            elif kind in (WatchKind.ASK_NOT, WatchKind.ASK_AT_MOST):
                a = watch_price(a, base, -1)
            elif kind is WatchKind.QUEUE:
                slot = self._slots.get(watch.child_id, -1)
            rows.append((kind, a, slot, 0))
        return np.array(rows, dtype=np.int64)

    @staticmethod
    def fired(table: I64, watches: Sequence[Watch]) -> tuple[str, ...]:
        """Return the ids of the watches that the kernel marked, in rising order."""
        return tuple(
            sorted(w.watch_id for w, held in zip(watches, table[:, run.W_HOLDS].tolist(), strict=True) if held)
        )

    def view(self, t_ns: int, queues: tuple[tuple[str, int], ...] | None = None) -> View:
        """Return the market at local time ``t_ns``, to which it must have been advanced.

        Args:
            t_ns: Not before ``now_ns``; rows received in between must have been applied.
            queues: Shown in place of our own estimates.
        """
        if t_ns < self.now_ns:
            raise InputError("t_ns", t_ns, f">= {self.now_ns}, where the market stands")
        self.at_session(t_ns)
        state = (self.book, self.stats, self.reals)
        return build_view(
            self.key, self.meta.price_base, self.row, t_ns, state, self.queue_estimates() if queues is None else queues
        )

    def own_print(self, price_units: int, qty: int, *, added: bool) -> None:
        """Count an own fill. ``added``: it took liquidity, so no recorded print contains it."""
        self.stats[run.VOLUME_OWN] += qty
        if added:
            run.add_print(self.stats, price_units - self.meta.price_base, qty)

    def show_own(self, half_ns: int, unit: int, shift: F64, *, named: bool = False) -> None:
        """Be ready to see own trades in the book (``seen``); before the first row.

        Args:
            half_ns: Half-life of what we took, -1 = it stays, 0 = it is back at once.
            unit: The shift is rounded to multiples of it; 0 = there is none.
            shift: State of the shift (``seen.new_shift``), empty = none.
            named: The venue follows what we took order by order, and says what becomes of it.
        """
        self.stats = np.concatenate([self.stats[: run.STATS], new_table(64), new_table(64)])
        self.stats[[run.HALF_NS, run.SHIFT_UNIT, run.NAMED]] = -1 if named else half_ns, unit, int(named)
        self.stats[run.SHIFT_DUE] = LONG
        self.reals = np.concatenate([self.reals[: run.REALS], shift])

    def mark(self, t_ns: int, level: int, taken: int, moved: int) -> None:
        """See at local time ``t_ns`` what an own fill did; all rows received by then have been applied.

        Args:
            t_ns: Not before ``now_ns``.
            level: Key x 2 + side of the level that ``taken`` was taken of.
            taken: Quantity units; 0 = of none.
            moved: Signed quantity that moves the shift.
        """
        if 4 * (int(self.stats[run.TAKEN]) + 2) > len(run.table_views(self.stats)[0]):
            self.make_room(run.TAKEN_FULL)
        run.leave_mark(self.book, self.stats, self.reals, self.queues, t_ns, level, taken, moved)
        self.now_ns = max(self.now_ns, t_ns)

    def _front(self, book_side: int, key: int) -> float:
        """Return what a level shows now, by its recorded key."""
        head, size, _, _, table = views(self.book)
        if not self.stats[run.MARKED]:
            return float(level_size(head, size, table, book_side, key))
        half, at = int(self.stats[run.HALF_NS]), int(self.stats[run.SEEN_AT])
        return float(size_seen(head, size, table, *run.table_views(self.stats), half, book_side, key, at))

    def track(self, child_id: str, side: Side, price_units: int) -> None:
        """Start to estimate the queue ahead of a resting order: all that the level shows now (unknown if deeper)."""
        if child_id in self._slots:
            return
        book_side = 0 if side is Side.BUY else 1
        key = (price_units - self.meta.price_base - int(self.stats[run.SHIFT])) * int(side)
        front = self._front(book_side, key)
        if front == 0 and self.is_beyond_depth(book_side, key):
            front = UNKNOWN_FRONT
        used = int(self.stats[run.QUEUES])
        slot = next((i for i in range(used) if self.queues[i, Q_LIVE] == 0), used)
        if slot == len(self.queues):
            self.queues = np.concatenate([self.queues, new_queues(len(self.queues))])
        self.queues[slot] = 1, book_side, key, front, 0  # by the columns of ``market.queue``
        self.stats[run.QUEUES] = max(used, slot + 1)
        self._slots[child_id] = slot

    def is_beyond_depth(self, book_side: int, key: int) -> bool:
        """Return whether a price lies deeper than the source keeps its book complete."""
        depth = self.meta.depth_levels
        if depth == 0:
            return False
        from nowake.market.book import levels

        shown = levels(self.book, book_side, depth)
        return len(shown) == depth and key < shown[-1][0]

    def untrack(self, child_id: str) -> None:
        """Forget the queue of an order that no longer rests."""
        slot = self._slots.pop(child_id, None)
        if slot is not None:
            self.queues[slot, Q_LIVE] = 0
        if not self._slots:
            self.stats[run.QUEUES] = 0

    def queue_estimates(self) -> tuple[tuple[str, int], ...]:
        """Return (child id, estimated ahead of it, rounded up) of at most 8 tracked orders, oldest first."""
        shown = list(self._slots.items())[:VIEW_QUEUES]
        return tuple([(child, ceil(min(self.queues.item(slot, Q_FRONT), UNKNOWN_FRONT))) for child, slot in shown])

    def first_valid_ns(self) -> int | None:
        """Return the first instant at which the book is sound (a locked one counts) and the session open, None = never.

        Advances this market to that instant.
        """
        table = np.zeros((1, 4), dtype=np.int64)
        if len(self.columns[0]) == 0:
            return None
        end = self.begin(self.local_ns(len(self.columns[0]) - 1))
        while True:
            change = self.at_session(self.now_ns)
            if self.run(min(end, change - 1), table) == run.FIRED:
                return self.now_ns
            if end < change:
                return None
            self.now_ns = change
