"""The queue-reactive book in plain Python: what the kernel in ``flow`` means. Read this first.

Every number drawn is the next of one stream. A step draws the time to the next event, then which event of all: prints
that leave no mark first, then limit orders, cancels, executions, each of bids then asks, each from the reference price
outward. Then the event draws its size, and, if the mid has moved away from the reference price, whether that follows.
"""

from __future__ import annotations

import math

from nowake.core.ids import random_word
from nowake.core.tape import END, SEEDED, Book, Row, row_code
from nowake.sim.queue_reactive.parameters import CLASSES, QueueReactiveBook
from nowake.sim.synthetic.reference import word_reference

RowTuple = tuple[int, int, int, int]
"""Time ns, packed code, price units, quantity units."""
_SIDE = (Book.BID, Book.ASK)


class ReferenceFlow:
    """A book in motion. Levels are dicts from ticks to quantity units > 0.

    Args:
        book: Fitted.
        seed: Any integer.
        t_ns: Where it begins.
    """

    def __init__(self, book: QueueReactiveBook, seed: int, t_ns: int) -> None:
        self.book = book
        self.key, self.draws = random_word(seed, "queue-reactive"), 0
        self.t_ns, self.place = t_ns, book.place
        self.rows: list[RowTuple] = []
        first = book.bank[random_word(seed, "queue-reactive", "first") % len(book.bank)]
        self.levels = [self._placed(first[side].tolist(), side, book.place) for side in (0, 1)]

    def _placed(self, queues: list[int], side: int, place: int) -> dict[int, int]:
        """Return queues by distance as levels by price."""
        return {self.price(side, k + 1, place): qty for k, qty in enumerate(queues) if qty}

    @staticmethod
    def price(side: int, queue: int, place: int) -> int:
        """Return a queue's price, ticks."""
        return place + queue if side else place + 1 - queue

    def _uniform(self) -> float:
        self.draws += 1
        return ((word_reference(self.key, self.draws) >> 11) + 0.5) / 2**53

    def _pick(self, count: int) -> int:
        return int(self._uniform() * count)

    def best(self, side: int) -> int | None:
        """Return the touch of a side, ticks."""
        return (min(self.levels[1]) if side else max(self.levels[0])) if self.levels[side] else None

    def _write(self, code: int, price: int, qty: int) -> None:
        self.rows.append((self.t_ns, code, price * self.book.tick, qty))

    def _set(self, side: int, price: int, qty: int, flags: int = 0) -> None:
        """Change a level and write it."""
        self.levels[side].pop(price, None)
        if qty:
            self.levels[side][price] = qty
        self._write(row_code(Row.SET, _SIDE[side]) | flags, price, qty)

    def state(self, side: int, queue: int) -> int:
        """Return the state of a queue, as ``observe`` numbers them."""
        price = self.price(side, queue, self.place)
        qty, best = self.levels[side].get(price, 0), self.best(side)
        n = min(-(-qty // self.book.unit), self.book.sizes)
        if qty == 0:
            return 0 if best is None or (price < best if side else price > best) else 1
        return 1 + n if price == best else 1 + self.book.sizes + n

    def _weights(self) -> tuple[list[list[list[float]]], float]:
        """Return the intensity of each kind, side and queue, and their sum."""
        book, total = self.book, 0.0
        made = [[[0.0] * book.queues for _ in (0, 1)] for _ in range(3)]
        for side in (0, 1):
            for k in range(book.queues):
                s, qty = self.state(side, k + 1), self.levels[side].get(self.price(side, k + 1, self.place), 0)
                limit, cancel, market = (float(book.rates[what, k, s]) for what in range(3))
                made[0][side][k] = limit
                made[1][side][k] = cancel * max(qty / (book.unit * book.sizes), 1.0) if qty else 0.0
                made[2][side][k] = market if qty and s <= 1 + book.sizes else 0.0
                total += made[0][side][k] + made[1][side][k] + made[2][side][k]
        return made, total

    def run(self, t_end_ns: int) -> None:
        """Run until ``t_end_ns``; the rows of each event are one message."""
        book = self.book
        while True:
            weights, total = self._weights()
            total += book.apart_rate
            if total <= 0:
                break
            t_ns = self.t_ns + max(int(-math.log(self._uniform()) / total * 1e9), 1)
            if t_ns >= t_end_ns:
                break
            self.t_ns, before = t_ns, len(self.rows)
            self._event(weights, self._uniform() * total - book.apart_rate)
            if len(self.rows) > before:
                t, code, price, qty = self.rows[-1]
                self.rows[-1] = (t, code | END, price, qty)
        self.t_ns = t_end_ns

    def _event(self, weights: list[list[list[float]]], left: float) -> None:
        """Let the event happen on which ``left`` falls."""
        if left < 0:
            side, qty = self._pick(2), int(self.book.apart_quantities[self._pick(len(self.book.apart_quantities))])
            self._print(side, self.best(side) or 0, qty)
            return
        last = (2, 1, self.book.queues - 1)
        found = last
        for what, sides in enumerate(weights):
            for side, queues in enumerate(sides):
                for k, weight in enumerate(queues):
                    if left < 0:
                        continue
                    left -= weight
                    if left < 0 and weight > 0:
                        found = (what, side, k)
        what, side, k = found
        if weights[what][side][k] > 0:
            mid2 = (self.best(0) or 0) + (self.best(1) or 0)
            self._change(what, side, k)
            self._follow(mid2)

    def _print(self, side: int, price: int, qty: int) -> None:
        """Write a print against a side of the book: its aggressor is of the other."""
        self._write(row_code(Row.TRADE, _SIDE[1 - side]), price, qty)

    def _change(self, what: int, side: int, k: int) -> None:
        book, price = self.book, self.price(side, k + 1, self.place)
        qty, s = self.levels[side].get(price, 0), self.state(side, k + 1)
        table = book.quantities[what, min(k, CLASSES - 1)]
        size = int(table[self._pick(len(table))])
        if what == 0:
            self._set(side, price, qty + size)
            return
        taken = qty if qty == 1 or self._uniform() < book.empties[what - 1, k, s] else min(size, qty - 1)
        if what == 2:
            self._print(side, price, taken)
        self._set(side, price, qty - taken)

    def _follow(self, before2: int) -> None:
        """Let the reference price follow the mid, by chance."""
        book, bid, ask = self.book, self.best(0), self.best(1)
        if bid is None or ask is None:
            self._redraw(0)
            return
        away, moved = bid + ask - 2 * self.place - 1, bid + ask - before2
        if not moved or not away or (moved > 0) != (away > 0) or self._uniform() >= book.theta:
            return
        by = (abs(away) + 1) // 2 * (1 if away > 0 else -1)
        if self.place + by <= 2 * book.queues:
            return
        self._shift(by)
        if self._uniform() < book.theta_reinit:
            exact = book.jump * int(book.moves[self._pick(len(book.moves))])
            jump = int(exact) + (1 if self._uniform() < exact - int(exact) else 0)
            jump = jump if by > 0 else -jump
            self._redraw(jump if self.place + jump > 2 * book.queues else 0)

    def _shift(self, by: int) -> None:
        """Move the reference price: levels stay, what is too far away leaves, what comes into sight is drawn."""
        book, old, new = self.book, self.place, self.place + by
        for side in (0, 1):
            comes = by * (1 if side else -1)
            if comes > 0:
                for queue in range(book.queues - comes + 1, book.queues + 1):
                    pick, mirror = self._pick(len(book.bank)), self._pick(2)
                    if qty := int(book.bank[pick, mirror, -1]):
                        self._set(side, self.price(side, queue, new), qty, SEEDED)
            else:
                for queue in range(book.queues, book.queues + comes, -1):
                    if (price := self.price(side, queue, old)) in self.levels[side]:
                        self._set(side, price, 0, SEEDED)
        self.place = new

    def _redraw(self, by: int) -> None:
        """Take a recorded shape around a reference price ``by`` ticks on: what goes first, then what comes."""
        book = self.book
        pick, swap = self._pick(len(book.bank)), self._uniform() < 0.5
        old, place = self.place, max(self.place + by, book.queues + 1)
        shapes = [self._placed(book.bank[pick, side ^ swap].tolist(), side, place) for side in (0, 1)]
        for side in (0, 1):
            for queue in range(1, book.queues + 1):
                price = self.price(side, queue, old)
                if price in self.levels[side] and price not in shapes[side]:
                    self._set(side, price, 0)
        for side in (0, 1):
            for price, qty in shapes[side].items():
                if self.levels[side].get(price) != qty:
                    self._set(side, price, qty)
        self.place = place
