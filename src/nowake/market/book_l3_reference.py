"""What an order-by-order book means, in plain Python: a list of orders a level, first come first."""

from __future__ import annotations

from dataclasses import dataclass, field

from nowake.core.tape import KIND_MASK, SIDE_MASK, SIDE_SHIFT, Book, Row

Place = tuple[int, int]
"""(side, price): side 0 bids, 1 asks."""


@dataclass
class ReferenceOrderBook:
    """Queues by price. What stands at a price without being known order by order counts as first in its queue.

    Attributes:
        queues: (order id, quantity > 0) in order of arrival, by place; no empty queues.
        unnamed: Quantity > 0 at a place that no known order explains: the book was not watched when it came.
        where: Place of every known order.
        executions: Executions of known orders, and how many of these met the first at its price.
        strays: Rows that do not fit the book: an id added twice, more taken off than stands there.
    """

    queues: dict[Place, list[tuple[int, int]]] = field(default_factory=dict)
    unnamed: dict[Place, int] = field(default_factory=dict)
    where: dict[int, Place] = field(default_factory=dict)
    strays: int = 0
    executions: tuple[int, int] = (0, 0)

    def apply(self, code: int, price: int, qty: int, order_id: int) -> None:
        """Apply one tape row; an id of 0 is none. Prints, quotes and states change nothing but CLEAR."""
        kind, side = Row(code & KIND_MASK), (code & SIDE_MASK) >> SIDE_SHIFT
        if kind is Row.CLEAR:
            self.queues.clear()
            self.unnamed.clear()
            self.where.clear()
        if kind not in (Row.SET, Row.ADD, Row.REDUCE, Row.DELETE, Row.FILL) or side == Book.NONE:
            return
        place = side - 1, price
        if kind is Row.SET:
            self._set(place, qty)
        elif kind is Row.ADD:
            self._add(place, qty, order_id)
        else:
            if kind is Row.FILL and order_id in self.where:
                met, first = self.executions
                self.executions = met + 1, first + (self.ahead(order_id) == 0)
            self._take_off(place, qty, order_id, whole=kind is Row.DELETE)

    def _set(self, place: Place, qty: int) -> None:
        """Take a level's size as stated: a size that its orders do not add up to forgets who they are."""
        if qty == self.size(*place):
            return
        for order_id, _ in self.queues.pop(place, []):
            del self.where[order_id]
        self.unnamed.pop(place, None)
        if qty:
            self.unnamed[place] = qty

    def _add(self, place: Place, qty: int, order_id: int) -> None:
        if qty <= 0:
            self.strays += qty < 0
            return
        if order_id == 0:
            self.unnamed[place] = self.unnamed.get(place, 0) + qty
            return
        if order_id in self.where:
            self.strays += 1
            self._remove(order_id)
        self.queues.setdefault(place, []).append((order_id, qty))
        self.where[order_id] = place

    def _remove(self, order_id: int) -> None:
        place = self.where.pop(order_id)
        left = [one for one in self.queues[place] if one[0] != order_id]
        if left:
            self.queues[place] = left
        else:
            del self.queues[place]

    def _take_off(self, place: Place, qty: int, order_id: int, *, whole: bool) -> None:
        if order_id not in self.where:
            left = self.unnamed.pop(place, 0) - qty
            self.strays += left < 0
            if left > 0:
                self.unnamed[place] = left
            return
        queue = self.queues[self.where[order_id]]
        at = next(i for i, one in enumerate(queue) if one[0] == order_id)
        has = queue[at][1]
        self.strays += qty > has or self.where[order_id] != place
        if whole or qty >= has:
            self._remove(order_id)
        else:
            queue[at] = order_id, has - qty

    def size(self, side: int, price: int) -> int:
        """Return the size of a level."""
        return self.unnamed.get((side, price), 0) + sum(qty for _, qty in self.queues.get((side, price), []))

    def queue(self, side: int, price: int) -> list[tuple[int, int]]:
        """Return (order id, quantity) of a level, first in the queue first; id 0 = unnamed."""
        unnamed = self.unnamed.get((side, price), 0)
        return ([(0, unnamed)] if unnamed else []) + self.queues.get((side, price), [])

    def levels(self, side: int) -> list[tuple[int, int]]:
        """Return (price, size) of a side, best first."""
        places = {*self.queues, *self.unnamed}
        prices = sorted((price for on, price in places if on == side), reverse=side == 0)
        return [(price, self.size(side, price)) for price in prices]

    def ahead(self, order_id: int) -> int | None:
        """Return the quantity that stands before a known order at its price, None for an unknown one."""
        place = self.where.get(order_id)
        if place is None:
            return None
        queue = self.queues[place]
        at = next(i for i, one in enumerate(queue) if one[0] == order_id)
        return self.unnamed.get(place, 0) + sum(qty for _, qty in queue[:at])
