"""What void orders mean, in plain Python: every recorded order by name, and how much of it we consumed.

Nothing is worked out from quantities ahead; queues are walked. Kernels: ``void``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from nowake.core.tape import KIND_MASK, SEEDED, SIDE_MASK, SIDE_SHIFT, SNAPSHOT, Row
from nowake.market.book_l3_reference import Place, ReferenceOrderBook
from nowake.market.seen_reference import ReferenceOverlay

UNNAMED = 0


@dataclass
class ReferenceVoids(ReferenceOverlay):
    """A mark that knows which recorded orders it consumed.

    Attributes:
        queue: The recorded book, order by order.
        void: Quantity by (side, price), then order id (0 = what has no name there).
        nobody: Consumed of a level that its known orders do not explain.
    """

    queue: ReferenceOrderBook = field(default_factory=ReferenceOrderBook)
    void: dict[Place, dict[int, int]] = field(default_factory=lambda: defaultdict(dict))
    nobody: dict[Place, int] = field(default_factory=lambda: defaultdict(int))

    def taken_now(self, side: int, price: int, t: int) -> int:  # noqa: ARG002 - as of any time: nothing decays
        """Return what is void of a level."""
        return sum(self.void[side, price].values()) + self.nobody[side, price]

    def take(self, side: int, price: int, amount: int, t: int) -> None:  # noqa: ARG002 - likewise
        """Consume recorded orders of a level, first come first."""
        place = side, price
        for name, has in self.queue.queue(side, price):
            part = min(amount, has - self.void[place].get(name, 0))
            if part > 0:
                self.void[place][name] = self.void[place].get(name, 0) + part
                amount -= part
        self.nobody[place] += amount

    def again(self, side: int, price: int, amount: int) -> None:
        """Forget who was consumed at a level, and consume ``amount`` of those who stand there now."""
        self.void[side, price].clear()
        self.nobody[side, price] = 0
        self.take(side, price, amount, 0)

    def row(self, code: int, price: int, qty: int, name: int, old: int, new: int, left: int) -> int:
        """Apply one recorded row that takes its level from ``old`` to ``new`` to the queues and to what is void.

        ``left`` is what our own orders leave of an execution before its counterparty is met. Returns what of the
        aggressor is loose.
        """
        kind, side = Row(code & KIND_MASK), ((code & SIDE_MASK) >> SIDE_SHIFT) - 1
        place = side, price
        if kind in (Row.SET, Row.ADD) or code & (SEEDED | SNAPSHOT):
            quiet, whole = bool(code & (SEEDED | SNAPSHOT)), kind is not Row.ADD
            amount = self._stated(self.taken_now(side, price, 0), old, new, quiet=quiet, whole=whole)
            forgets = self.queue.size(side, price) != qty if whole else quiet or not name
            self.queue.apply(code, price, qty, name)
            if forgets:
                self.again(side, price, amount)
            self._at_most(place, amount)
            return 0
        known = self.queue.where.get(name) == place
        one = name if known else UNNAMED
        mine = self.void[place].get(one, 0)
        has = max(dict(self.queue.queue(side, price)).get(one, 0), qty)
        least = self.taken_now(side, price, 0) - old + new
        live, loose, rest = has - mine, 0, has - qty
        if kind is Row.FILL:
            hit = min(left, live)
            live, loose = live - hit, left - hit
        elif known:
            live, rest = (0, 0) if kind is Row.DELETE else (max(live - qty, 0), rest)
        else:
            live = rest - -(-mine * rest // max(has, 1))
        self.void[place][one] = rest - min(live, rest)
        self.queue.apply(code, price, qty, name)
        if self.taken_now(side, price, 0) < least:  # the tape contradicts itself
            self.again(side, price, least)
        self._at_most(place, new)
        return loose

    def _at_most(self, place: Place, amount: int) -> None:
        """Let what is void of a level beyond ``amount`` go: of nobody first, then of who came last."""
        excess = self.taken_now(*place, 0) - amount
        part = min(max(excess, 0), self.nobody[place])
        self.nobody[place] -= part
        excess -= part
        names = [name for name, _ in self.queue.queue(*place)]
        for name in sorted(self.void[place], key=lambda one: names.index(one) if one in names else -1, reverse=True):
            part = min(max(excess, 0), self.void[place][name])
            self.void[place][name] -= part
            excess -= part
        self.void[place] = {name: part for name, part in self.void[place].items() if part}

    @staticmethod
    def _stated(amount: int, old: int, new: int, *, quiet: bool, whole: bool) -> int:
        """Return what stays void of a level that is stated (``whole``), or that an order joins."""
        if quiet:
            return new if whole and 0 < new < amount else amount
        if old == 0 or new == 0:
            return 0
        return -(-min(amount, old) * new // old) if new < old else min(amount, old)

    def clear(self) -> None:
        """Forget the recorded book; what was consumed of its levels is of nobody who is known."""
        for place, names in self.void.items():
            self.nobody[place] += sum(names.values())
            names.clear()
        self.queue.apply(int(Row.CLEAR), 0, 0, 0)


def reach_of(rows: Sequence[tuple[int, int, int, int]], i: int) -> int | None:
    """Return the worst price to which the aggressor of row ``i`` of (t, code, price, qty) would have gone."""
    kinds = [Row(code & KIND_MASK) for _, code, _, _ in rows]
    sides = [((code & SIDE_MASK) >> SIDE_SHIFT) - 1 for _, code, _, _ in rows]
    if kinds[i] is not Row.FILL or sides[i] < 0:
        return None
    side, found = sides[i], [rows[i][2]]

    def same(k: int) -> bool:
        quiet = kinds[k] is Row.TRADE or rows[k][1] & SEEDED
        return rows[k][0] == rows[i][0] and bool(quiet or (kinds[k] is Row.FILL and sides[k] == side))

    first, last = i, i
    while first > 0 and same(first - 1):
        first -= 1
    while last + 1 < len(rows) and same(last + 1):
        last += 1
    executed = [k for k in range(first, last + 1) if kinds[k] is Row.FILL and not rows[k][1] & SEEDED]
    if executed:
        first = executed[0]
    for k in range(first, last + 1):
        hit = kinds[k] is Row.TRADE and sides[k] == 1 - side and not rows[k][1] & 0x1000
        if k in executed or hit:
            found.append(rows[k][2])
    after = last + 1
    if after < len(rows) and rows[after][0] == rows[i][0] and kinds[after] is Row.ADD and sides[after] == 1 - side:
        found.append(rows[after][2])
    return min(found) if side == 0 else max(found)
