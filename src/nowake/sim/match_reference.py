"""What matching against a recorded L2 market means, in plain Python; the rules stand in ``match_l2``."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from nowake.core.child import Peg
from nowake.core.tape import END, HIDDEN, KIND_MASK, OFF_EXCHANGE, SEEDED, SIDE_MASK, SIDE_SHIFT, SNAPSHOT, Book, Row
from nowake.market.book_reference import DEPTH_ROWS, ReferenceBook
from nowake.market.queue import UNKNOWN_FRONT, front_after_reference
from nowake.market.seen_reference import ReferenceOverlay
from nowake.sim.void_reference import ReferenceVoids

TOOK, PRINTED, UNPRINTED = 0, 1, 2


@dataclass
class World:
    """What stands ahead of an order, and what is left of it, if all that cannot be told goes one way."""

    ahead: float
    left: int

    def give(self, qty: int, lot: int, room: int, *, queued: bool) -> int:
        """Let ``qty`` reach the order, past the queue unless not ``queued``; return what it takes, at most ``room``."""
        reach = qty
        if queued:
            reach = max(qty - int(self.ahead), 0)
            self.ahead = max(self.ahead - qty, 0.0)
        part = max(min(self.left, reach, room), 0) // lot * lot
        self.left -= part
        return part


@dataclass
class RestingOrder:
    """An own order on the book; side 0 buys; ``row`` is the venue's row at which it joined.

    Attributes:
        price: None = a midpoint peg while there is no mid.
        display: How much is shown at a time, None = all.
        limit: A peg goes no further.
        shown: What of ``leaves`` is displayed now.
        behind, passed: Displayed at the price, before the part that is not; printed since the level's last row.
        due: When the next part is shown.
        rank: What its hidden part has in place of ``seq``, which changes with every part that is shown.
    """

    number: int
    side: int
    price: int | None
    leaves: int
    seq: int
    peg: Peg = Peg.NONE
    ahead: float = 0.0
    traded: float = 0.0
    row: int = 0
    display: int | None = None
    limit: int | None = None

    def __post_init__(self) -> None:
        self.shown = self.leaves if self.display is None else min(self.display, self.leaves)
        self.behind, self.passed, self.rank = self.ahead, 0.0, self.seq
        self.due: int | None = None
        self.plain = self.shown == self.leaves  # what is not shown has no worlds
        best = self.ahead if self.ahead < UNKNOWN_FRONT else 0.0
        self.worlds = World(self.ahead, self.leaves), World(best, self.leaves)  # worst, best: ``sim.bounds``

    @property
    def better(self) -> int:
        """Return the price, signed so that more is more aggressive."""
        assert self.price is not None
        return self.price if self.side == 0 else -self.price


@dataclass
class ReferenceMatcher:
    """A venue: the recorded book, our resting orders, what we took.

    Attributes:
        model, n: Queue model (``market.queue``).
        overlay: What we took and how far we moved prices; a half-life of 0 remembers nothing.
        lot: Fills are whole multiples of it.
        refresh_ns: How long the venue takes to show the next part of an iceberg.
        fills: (order number, quantity, seen price, venue time, how: see ``match_l2``).
        given: What orders that rest got at worst and at best, as ``fills``.
        marks: (venue time, (side, price) used up or None, quantity, signed quantity) of every fill.
        shift: By how much seen prices differ from recorded ones, as last looked at.
    """

    model: int = 1
    n: float = 2.0
    overlay: ReferenceOverlay = field(default_factory=lambda: ReferenceOverlay(half_ns=0))
    lot: int = 1
    refresh_ns: int = 0
    book: ReferenceBook = field(default_factory=ReferenceBook)
    orders: list[RestingOrder] = field(default_factory=list)
    fills: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    arrivals: int = 0
    marks: list[tuple[int, tuple[int, int] | None, int, int]] = field(default_factory=list)
    bar_room: Callable[[int, Sequence[tuple[int, int, int, int, int]]], int] | None = None
    given: tuple[list[tuple[int, int, int, int, int]], ...] = field(default_factory=lambda: ([], []))
    shift: int = 0
    _lost: bool = False
    _at: int = 0

    def seen(self, side: int, t: int) -> list[tuple[int, int]]:
        """Return (recorded price, seen size > 0) of a side, best first."""
        return self.overlay.recorded(self.book, side, t)

    def room(self, t: int, qty: int) -> int:
        """Return how much of ``qty`` a bar leaves us at ``t``, given all that was filled; all of it without bars."""
        return qty if self.bar_room is None else min(qty, self.bar_room(t, self.fills))

    def _give(self, order: RestingOrder, world: int, qty: int, t: int, *, queued: bool) -> int:
        """Let ``qty`` reach an order at worst (world 0) or at best (1); return what it leaves to the next."""
        took = [fill for fill in self.fills if fill[4] == TOOK]
        room = qty if self.bar_room is None else self.bar_room(t, took + self.given[world])
        part = order.worlds[world].give(qty, self.lot, room, queued=queued)
        self.given[world].append((order.number, part, 0, t, PRINTED))
        return qty - part

    def look(self, t: int, row: int) -> None:
        """Bring the rounded shift to ``t``: own orders keep their seen prices, and lose their places when it moves."""
        self._round(t)
        if self._lost:
            self._join_back(t, row)
            self._repeg(row, within=True)

    def _round(self, t: int) -> None:
        moved = self.overlay.shift(t) - self.shift
        if moved:
            self.shift += moved
            self._lost = True
            for order in self.orders:
                order.price = None if order.price is None else order.price - moved
                order.limit = None if order.limit is None else order.limit - moved

    def _join_back(self, t: int, row: int) -> None:
        if self._lost:
            for order in self.orders:
                there = None if order.price is None else dict(self.seen(order.side, t)).get(order.price)
                order.ahead = order.behind = float(there or 0)
                order.traded, order.passed, order.row = 0.0, 0.0, row
                for world in order.worlds:
                    world.ahead = order.ahead
        self._lost = False

    def _trade(
        self, number: int, side: int, price: int, qty: int, t: int, how: int, level: tuple[int, int] | None, *,
        again: bool,
    ) -> int:  # fmt: skip
        """Trade one lot of ours, ``again`` after another of the same; the shift moves after it. Returns how much."""
        part = self.lot if self.overlay.unit else qty  # where nothing moves, all at once
        moved, seen = part if side == 0 else -part, max(price + self.shift, 1)
        again, self._at = again and self._at == price + self.shift, price + self.shift
        if again:
            self.fills[-1] = number, self.fills[-1][1] + part, seen, t, how
            self.marks[-1] = t, level, self.marks[-1][2] + part, self.marks[-1][3] + moved
        else:
            self.fills.append((number, part, seen, t, how))
            self.marks.append((t, level, part, moved))
        self.overlay.move(moved, t)
        self._round(t)
        return part

    def _make(
        self, order: RestingOrder, qty: int, reach: int, t: int, how: int, level: tuple[int, int] | None, *,
        hidden: bool,
    ) -> int:  # fmt: skip
        """Fill a resting order lot by lot while the seen price ``reach`` still comes to it; returns how much."""
        made, slack, before = 0, order.better - reach, self.shift
        sign = 1 if order.side == 0 else -1
        while made < qty:
            assert order.price is not None
            made += self._trade(order.number, order.side, order.price, qty, t, how, level, again=made > 0)
            gone = sign * (self.shift - before)
            if gone > 0 and gone >= slack:
                break
        order.leaves -= made
        if not hidden:
            order.shown -= made
        if order.leaves == 0:
            self.orders.remove(order)
        elif not hidden and order.shown == 0:
            order.due = t + self.refresh_ns
        return made

    def _priority(self, side: int, at_least: int) -> list[tuple[RestingOrder, bool]]:
        """Return our orders of a side that a signed price reaches: by price, then what is shown, then by time.

        An order may stand there twice: with what it shows, and (True) with what it does not.
        """
        found = []
        for order in self.orders:
            if order.side == side and order.price is not None and order.better >= at_least:
                found += [(order, False)] if order.shown else []
                found += [(order, True)] if order.leaves > order.shown else []
        return sorted(found, key=lambda part: (-part[0].better, part[1], part[0].rank if part[1] else part[0].seq))

    def rest(
        self,
        number: int,
        side: int,
        price: int | None,
        leaves: int,
        t: int,
        *,
        peg: Peg = Peg.NONE,
        display: int | None = None,
        row: int = 0,
    ) -> None:
        """Put an order on the book behind all that is seen at its price; ``price``: as seen; of a peg, its limit."""
        price = None if price is None else price - self.shift
        at = self.peg_price(side, peg, price, price) if peg is not Peg.NONE else price
        ahead = 0.0 if at is None else float(dict(self.seen(side, t)).get(at, 0))
        display = 0 if peg is Peg.MIDPOINT else display
        self.orders.append(
            RestingOrder(number, side, at, leaves, self.next_seq(), peg, ahead, 0.0, row, display, price)
        )

    def next_seq(self) -> int:
        """Return the next place in time."""
        self.arrivals += 1
        return self.arrivals

    def refresh(self, t: int, number: int) -> None:
        """Show what icebergs were to show by ``t``, before the venue's row ``number``."""
        due = [order for order in self.orders if order.due is not None and order.due <= t]
        for order in sorted(due, key=lambda order: (order.due, order.rank)):
            assert order.display is not None
            order.shown, order.due = min(order.display, order.leaves), None
            order.seq, order.row = self.next_seq(), number
            order.ahead, order.traded = order.behind, order.passed

    def _repeg(self, number: int, *, within: bool = False) -> None:
        """Move pegs with the touch, in the order of their arrival, each part by itself.

        ``within`` a message a midpoint peg whose mid changed waits nowhere for its end, and a primary one stays.
        """
        pegs = (Peg.MIDPOINT,) if within else (Peg.PRIMARY, Peg.MIDPOINT)
        parts = [(order, False) for order in self.orders if order.shown and order.peg in pegs]
        parts += [(order, True) for order in self.orders if order.leaves > order.shown and order.peg in pegs]
        moved: list[tuple[RestingOrder, int | None]] = []
        for order, hidden in sorted(parts, key=lambda part: (part[1], part[0].rank if part[1] else part[0].seq)):
            place = self.peg_price(order.side, order.peg, order.limit, order.price)
            place = None if within and place != order.price else place
            if place == order.price:
                continue
            seq, there = self.next_seq(), 0 if place is None else self.book.sides[order.side].get(place, 0)
            if hidden:
                order.rank, order.behind, order.passed = seq, float(there), 0.0
            else:
                order.seq, order.ahead, order.traded = seq, float(there), 0.0
            moved.append((order, place))
            for world in order.worlds:
                world.ahead = float(there)
        for order, place in moved:
            order.price, order.row = place, number

    def peg_price(self, side: int, peg: Peg, limit: int | None, was: int | None) -> int | None:
        """Return where a peg stands now that stood at ``was``, None = nowhere."""
        bid, ask = self.book.best(0), self.book.best(1)
        if peg is Peg.MIDPOINT:
            if bid is None or ask is None or bid > ask:
                return None
            price = (bid + ask) // 2 if side == 0 else -((-bid - ask) // 2)
        else:
            own = (bid, ask)[side]
            if own is None:
                return was
            price = own
        if limit is None:
            return price
        return min(price, limit) if side == 0 else max(price, limit)

    def take(self, number: int, side: int, limit: int | None, qty: int, t: int, row: int = 0) -> int:
        """Walk what is seen of the other side, lot by lot, to a seen limit; returns what is left."""
        sign = 1 if side == 0 else -1
        over = qty - self.room(t, qty)
        qty -= over
        for price, size in self.seen(1 - side, t):
            used = 0
            while part := min(qty, size - used) // self.lot * self.lot:
                if limit is not None and sign * (price + self.shift) > sign * limit:
                    break
                part = self._trade(number, side, price, part, t, TOOK, (1 - side, price), again=used > 0)
                used, qty = used + part, qty - part
            if used:
                self.overlay.take(1 - side, price, used, t)
        self._join_back(t, row)
        return qty + over

    def _print(self, side: int, price: int, qty: int, t: int, *, hidden: bool, came: int | None = None) -> int:
        """Give a print that hit ``side`` to our orders there; returns what they leave of it.

        ``came``: when the order that was executed joined.
        """
        left, worst, best = qty, qty, qty
        at = price if side == 0 else -price
        for order, unseen in self._priority(side, at):
            if order.better < at:
                continue  # our own fills have carried the market away from it
            at_price = order.price == price
            if not order.plain:
                pass
            elif at_price and hidden and (came is None or came >= order.row):
                if order.worlds[1].ahead < 0.5:
                    best = self._give(order, 1, best, t, queued=False)
            elif not at_price or came is None or came >= order.row:
                worst = self._give(order, 0, worst, t, queued=at_price)
                best = self._give(order, 1, best, t, queued=at_price)
            reach = left
            if order.price == price and self._lost:
                reach = 0  # it has just lost its place
            elif order.price == price and came is not None and (came < order.row or unseen):
                reach = 0  # it stood before us
            elif order.price == price and hidden:
                reach = left if unseen or order.ahead < 0.5 else 0
            elif order.price == price and unseen:
                order.behind -= left
                order.passed += qty
                reach = min(left, math.floor(0.5 - order.behind))
                order.behind = max(order.behind, 0.0)
            elif order.price == price:
                order.ahead -= left
                order.traded += qty
                reach = min(left, math.floor(0.5 - order.ahead))
                order.ahead = max(order.ahead, 0.0)
            part = (
                min(order.leaves - order.shown if unseen else order.shown, self.room(t, reach)) // self.lot * self.lot
            )
            if part > 0:
                left -= self._make(order, part, at, t, PRINTED, None, hidden=unseen)
        return left

    def _void_row(self, row: tuple[int, int, int, int], name: int, came: int | None, reach: int | None) -> None:
        """Do what a row means where orders are known by name; ``reach``: how far its aggressor would have gone."""
        t, code, price, qty = row
        assert isinstance(self.overlay, ReferenceVoids)
        side, left, old, new = ((code & SIDE_MASK) >> SIDE_SHIFT) - 1, qty, self.book.old, self.book.new
        fills = Row(code & KIND_MASK) is Row.FILL
        before = max(old - self.overlay.taken_now(side, price, t), 0)
        if fills and not self.book.halted:
            left = self._print(side, price, qty, t, hidden=False, came=came)
        loose = self.overlay.row(code, price, qty, name, old, new, left)
        after = max(new - self.overlay.taken_now(side, price, t), 0)
        self._level(side, price, code, t, came, before, after)
        if not loose:
            return
        sign = 1 if side == 0 else -1
        assert reach is not None
        for at in sorted({price, *self.book.sides[side]}, reverse=side == 0):
            if sign * at > sign * price or sign * at < sign * reach:
                continue
            loose = loose if self.book.halted else self._print(side, at, loose, t, hidden=False)
            part = min(loose, max(self.book.sides[side].get(at, 0) - self.overlay.taken_now(side, at, t), 0))
            self.overlay.take(side, at, part, t)
            loose -= part
            if not loose:
                return
        if not self.book.halted:
            self._print(side, reach, loose, t, hidden=False)

    def _level(self, side: int, price: int, code: int, t: int, came: int | None, old: int, new: int) -> None:
        """Move queues at a changed level, match what it crosses, carry ``taken`` over."""
        whole = code & KIND_MASK != Row.ADD
        for order in self.orders:
            if order.side == side and order.price == price:
                if new or not code & SEEDED:
                    order.behind, order.passed = float(new), 0.0
                if code & SNAPSHOT and not whole:
                    continue  # an order that stood there is stated again: nobody has moved
                self._move_worlds(order, old, new, came, seeded=bool(code & SEEDED))
                if code & SEEDED:
                    order.ahead = min(order.ahead, float(new)) if new else order.ahead
                elif came is not None:
                    gone = max(old - new, 0) if came < order.row else 0
                    order.ahead = min(max(order.ahead - gone, 0.0), float(new))
                else:
                    ahead = front_after_reference(self.model, self.n, order.ahead, float(old), float(new), order.traded)
                    order.ahead, order.traded = ahead, 0.0
        quiet = bool(code & (SEEDED | SNAPSHOT))
        if not isinstance(self.overlay, ReferenceVoids):
            self.overlay.carry(side, price, old, new, t, quiet=quiet, whole=whole)
        if new > old and not quiet and not self.book.halted:
            left, at = new - old, -price if side == 0 else price
            best = left
            for order, unseen in self._priority(1 - side, at):
                if order.better < at:
                    continue  # our own fills have carried the market away from it
                best = self._give(order, 1, best, t, queued=False) if order.plain else best
                part = (
                    min(order.leaves - order.shown if unseen else order.shown, self.room(t, left))
                    // self.lot
                    * self.lot
                )
                if part > 0:
                    left -= self._make(order, part, at, t, UNPRINTED, (side, price), hidden=unseen)
            if left < new - old:
                self.overlay.take(side, price, new - old - left, t)

    @staticmethod
    def _move_worlds(order: RestingOrder, old: int, new: int, came: int | None, *, seeded: bool) -> None:
        """Move the queue of an order at a changed level as it would be at worst and at best."""
        worst, best = order.worlds
        if seeded and new:
            worst.ahead, best.ahead = min(worst.ahead, float(new)), 0.0
        if seeded:
            return
        if came is None:
            best.ahead = max(best.ahead - max(old - new - order.traded, 0.0), 0.0)
        elif came < order.row:
            for world in order.worlds:
                world.ahead = max(world.ahead - max(old - new, 0), 0.0)
        for world in order.worlds:
            world.ahead = min(world.ahead, float(new))

    def _hit_side(self, code: int, price: int) -> int | None:
        aggressor = (code & SIDE_MASK) >> SIDE_SHIFT
        if aggressor != Book.NONE:
            return 1 if aggressor == Book.BID else 0
        bid, ask = self.book.best(0), self.book.best(1)
        if bid is not None and price <= bid:
            return 0
        return 1 if ask is not None and price >= ask else None

    def row(
        self, t: int, code: int, price: int, qty: int, number: int = 0, came: int | None = None, name: int = 0,
        reach: int | None = None,
    ) -> None:  # fmt: skip
        """Apply one recorded row at venue time ``t`` and match our orders.

        ``number`` is its place in the venue's order, ``came`` that at which its order joined (-1 = before the first);
        None = queues are estimated. ``name`` is the id of that order, ``reach`` how far its aggressor would have gone.
        """
        self.refresh(t, number)
        self.look(t, number)
        kind, side = Row(code & KIND_MASK), ((code & SIDE_MASK) >> SIDE_SHIFT) - 1
        if kind is Row.TRADE:
            hit = self._hit_side(code, price)
            if hit is not None and not self.book.halted and not code & OFF_EXCHANGE:
                self._print(hit, price, qty, t, hidden=bool(code & HIDDEN))
            self._join_back(t, number + 1)
            return
        self.book.apply(code, price, qty)
        if self._crossed():
            self._repeg(number + 1, within=True)  # nothing meets a mid that is gone
        if kind is Row.CLEAR and isinstance(self.overlay, ReferenceVoids):
            self.overlay.clear()
        if kind in DEPTH_ROWS and side >= 0:
            if isinstance(self.overlay, ReferenceVoids):
                self._void_row((t, code, price, qty), name, came, reach)
            else:
                if kind is Row.FILL and not self.book.halted:
                    self._print(side, price, qty, t, hidden=False, came=came)
                self._level(side, price, code, t, came, self.book.old, self.book.new)
            self._join_back(t, number + 1)
        self._repeg(number + 1, within=not code & END)

    def _crossed(self) -> bool:
        bid, ask = self.book.best(0), self.book.best(1)
        return bid is not None and ask is not None and bid > ask
