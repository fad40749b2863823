"""Tapes as no reader would wish for: rows of one instant, halts, clears, snapshots level by level and order by order.

Plain random numbers, no hypothesis: many thousands of them cost little, and one that fails is named by its seed.
"""

from __future__ import annotations

import numpy as np
from market_rows import MID, MS, make_tape
from test_fifo import with_ids

from nowake.core.tape import END, HIDDEN, OFF_EXCHANGE, SEEDED, SNAPSHOT, Book, Row, Tape, row_code
from nowake.core.value import replace
from nowake.sim.impact import OwnImpact

BID, ASK = Book.BID, Book.ASK
IdRow = tuple[int, int, int, int, int]
"""(ms, code, price, qty, id)."""
Queues = dict[tuple[Book, int], list[list[int]]]
KINDS = ["limit", "limit", "post-only", "market", "primary", "midpoint", "hidden", "iceberg", "cancel"]
PRINT_FLAGS = [0, int(HIDDEN), int(OFF_EXCHANGE)]


class OrderTape:
    """An order-by-order tape in the making; ``contradicts``: some rows name what is not there."""

    def __init__(self, rng: np.random.Generator, *, contradicts: bool = False) -> None:
        self.rng, self.contradicts = rng, contradicts
        self.queues: Queues = {}
        self.rows: list[IdRow] = []
        self.ms, self.next_id = 0, 1

    def say(self, kind: Row, side: Book, price: int, qty: int, name: int = 0, *flags: int) -> None:
        self.rows.append((self.ms, row_code(kind, side, *flags), price, qty, name))

    def end(self) -> int:
        return int(END) if self.rng.random() < 0.7 else 0

    def odd(self) -> None:
        what = str(self.rng.choice(["clear", "clear", "halt", "resume", "resume", "gap", "trade", "trade", "zero"]))
        if what == "clear":
            self.snapshot()
        elif what == "trade":
            price, qty = MID + int(self.rng.integers(-4, 5)), int(self.rng.choice([1, 50, 500]))
            flag = int(self.rng.choice(PRINT_FLAGS))
            self.say(Row.TRADE, Book(int(self.rng.integers(0, 3))), price, qty, 0, self.end(), flag)
        elif what == "zero":
            self.say(Row.ADD, ASK, MID + 1, 0, self.next_id, self.end())
            self.next_id += 1
        else:
            self.say({"halt": Row.HALT, "resume": Row.RESUME, "gap": Row.GAP}[what], Book.NONE, 0, 0, 0, END)

    def snapshot(self) -> None:
        """State the book again, whole levels or order by order: what stood there, or something else."""
        known = {place: [list(one) for one in queue] for place, queue in self.queues.items()}
        self.queues.clear()
        self.say(Row.CLEAR, Book.NONE, 0, 0, 0, SNAPSHOT)
        for side in (BID, ASK):
            for k in range(1, int(self.rng.integers(1, 5))):
                price = MID + (-k if side == BID else k)
                queue = known.get((side, price), [])
                if not queue or self.rng.random() < 0.3:
                    queue = [[self.next_id, int(self.rng.choice([1, 30, 100]))]]
                    self.next_id += 1
                if self.rng.random() < 0.4:
                    queue = [[0, sum(one[1] for one in queue)]]
                    self.say(Row.SET, side, price, queue[0][1], 0, SNAPSHOT)
                else:
                    for name, qty in queue:
                        self.say(Row.ADD, side, price, qty, name, SNAPSHOT)
                self.queues[side, price] = queue
        last = self.rows[-1]
        self.rows[-1] = (last[0], last[1] | END, *last[2:])

    def add(self, side: Book, price: int, qty: int) -> None:
        name = self.next_id if self.rng.random() < 0.9 else 0
        self.next_id += 1
        queue = self.queues.setdefault((side, price), [])
        if name:
            queue.append([name, qty])
        elif queue and queue[0][0] == 0:
            queue[0][1] += qty
        else:
            queue.insert(0, [0, qty])
        self.say(Row.ADD, side, price, qty, name, self.end())

    def sweep(self, side: Book, prices: list[int]) -> None:
        left = int(self.rng.choice([1, 7, 20, 60, 150]))
        for price in prices[: int(self.rng.integers(1, 4))]:
            queue = self.queues[side, price]
            while left and queue:
                part = min(left, queue[0][1])
                self.say(Row.FILL, side, price, part, queue[0][0], self.end())
                queue[0][1] -= part
                left -= part
                if not queue[0][1]:
                    queue.pop(0)
                if self.rng.random() < 0.1:
                    self.say(Row.TRADE, Book(3 - side), price, 5, 0, HIDDEN)
        if left and self.rng.random() < 0.5:
            self.queues.setdefault((Book(3 - side), prices[0]), []).append([self.next_id, left])
            self.say(Row.ADD, Book(3 - side), prices[0], left, self.next_id, END)
            self.next_id += 1

    def restate(self, side: Book, price: int, flag: int) -> None:
        whole = sum(one[1] for one in self.queues[side, price])
        qty = int(self.rng.choice([0, 3, 40, whole]))
        if qty != whole:
            self.queues[side, price] = [[0, qty]] if qty else []
        self.say(Row.SET, side, price, qty, 0, self.end(), flag)

    def one_order(self, what: str, side: Book, price: int) -> None:
        queue = self.queues[side, price]
        one = queue[int(self.rng.integers(len(queue)))]
        qty, name = one[1] if what == "delete" else int(self.rng.integers(1, one[1] + 1)), one[0]
        gone = qty
        if self.contradicts and self.rng.random() < 0.3:
            qty, name = int(self.rng.choice([0, qty + 5, 1])), int(self.rng.choice([name, 0, 10**6, 1]))
        self.say(
            {"fill": Row.FILL, "reduce": Row.REDUCE, "delete": Row.DELETE}[what], side, price, qty, name, self.end()
        )
        one[1] -= gone
        if one[1] == 0:
            queue.remove(one)

    def step(self) -> None:
        self.ms += int(self.rng.choice([0, 0, 0, 1, 20, 300]))
        if self.rng.random() < 0.06:
            self.odd()
            return
        side = BID if self.rng.random() < 0.45 else ASK
        away = -1 if side == BID else 1
        prices = sorted((price for on, price in self.queues if on == side), reverse=side == BID)
        names = ["add", "sweep", "fill", "reduce", "delete", "set", "seen", "cross"]
        what = str(self.rng.choice(names, p=[0.4, 0.28, 0.07, 0.08, 0.08, 0.03, 0.03, 0.03]))
        if not prices or what in ("add", "cross"):
            deep = -int(self.rng.integers(0, 4)) if what == "cross" else int(self.rng.integers(1, 5))
            self.add(side, MID + deep * away, int(self.rng.choice([1, 5, 10, 30, 100])))
        elif what == "sweep":
            self.sweep(side, prices)
        elif what in ("set", "seen"):
            self.restate(side, int(self.rng.choice(prices)), int(SEEDED) if what == "seen" else 0)
        else:
            self.one_order(what, side, int(self.rng.choice(prices)))
        self.queues = {place: queue for place, queue in self.queues.items() if queue}


def order_rows(rng: np.random.Generator, count: int = 70, *, contradicts: bool = False) -> list[IdRow]:
    """Return some ``count`` rows of an order-by-order tape."""
    made = OrderTape(rng, contradicts=contradicts)
    for _ in range(count):
        made.step()
    return made.rows or [(0, row_code(Row.GAP, Book.NONE, END), 0, 0, 0)]


def level_rows(rng: np.random.Generator, count: int = 60) -> list[IdRow]:
    """Return some ``count`` rows of a tape of levels and prints, of no order and no sense."""
    rows: list[IdRow] = []
    ms = 0
    while len(rows) < count:
        ms += int(rng.choice([0, 0, 0, 1, 3, 40, 2500]))
        luck = rng.random()
        if luck < 0.04:
            kind = Row(int(rng.choice([Row.SET, Row.ADD])))
            rows.append((ms, row_code(Row.CLEAR, Book.NONE, SNAPSHOT), 0, 0, 0))
            for away in (-3, -2, -1, 1, 2, 3) if kind is Row.SET else (-3, -2, -1, -1, 1, 1, 2, 3):
                if rng.random() < 0.7:
                    side = BID if away < 0 else ASK
                    rows.append((ms, row_code(kind, side, SNAPSHOT), MID + away, int(rng.choice([1, 5, 100])), 0))
            rows[-1] = (rows[-1][0], rows[-1][1] | END, *rows[-1][2:])
            continue
        kinds = [Row.SET] * 5 + [Row.ADD, Row.ADD, Row.REDUCE, Row.DELETE, Row.FILL, Row.TRADE, Row.TRADE]
        if luck < 0.1:
            kinds = [Row.CLEAR, Row.HALT, Row.RESUME, Row.RESUME, Row.GAP]
        kind = Row(int(rng.choice(kinds)))
        side = Book(int(rng.integers(0, 3))) if kind is Row.TRADE else Book(int(rng.integers(1, 3)))
        sign = -1 if (side == BID) != (kind is Row.TRADE) else 1
        flags = int(END) if rng.random() < 0.5 else 0
        if kind is Row.TRADE and rng.random() < 0.25:
            flags |= int(rng.choice(PRINT_FLAGS))
        if kind is Row.SET and rng.random() < 0.15:
            flags |= int(rng.choice([int(SEEDED), int(SNAPSHOT)]))
        price, qty = MID + sign * int(rng.integers(-3, 4)), int(rng.choice([0, 0, 1, 2, 5, 10, 100, 1000]))
        rows.append((ms, row_code(kind, side, flags), price, qty, 0))
    return rows


def tape_of(rows: list[IdRow], *, named: bool, recv_ms: list[int] | None = None) -> Tape:
    """Return a tape of the rows, ``named`` with the ids of its orders."""
    made = make_tape([row[:4] for row in rows], recv_ms=recv_ms)
    return with_ids(made, [row[4] for row in rows]) if named else made


def own_impact(rng: np.random.Generator, half_lives: list[float | None]) -> OwnImpact:
    """Return up to a tick for some ten shares, without ties of the rounding."""
    made = OwnImpact(
        permanent=float(rng.choice([0.0, 0.000371317])),
        transient=float(rng.choice([0.0, 0.000513241, 0.001710719])),
        kernel=str(rng.choice(["power-law", "exponential"])),
        t0_s=0.0213, horizon_s=100.0, decay_s=0.0317,
    )  # fmt: skip
    return replace(made, half_life_s=half_lives[int(rng.integers(len(half_lives)))])


def actions(rng: np.random.Generator, rows: int, most: int) -> list[tuple]:
    """Return what we do: (before which row, kind, buy, away, size, tif, displayed at a time)."""
    return [
        (
            int(rng.integers(0, rows)), str(rng.choice(KINDS)), bool(rng.random() < 0.5), int(rng.integers(-3, 4)),
            int(rng.choice([1, 3, 20, 200])), str(rng.choice(["gtc", "gtc", "ioc", "fok"])),
            [None, None, 0, 1, 7][int(rng.integers(5))],
        )
        for _ in range(int(rng.integers(1, most)))
    ]  # fmt: skip


REFRESH_NS = [0, MS, 50 * MS]
