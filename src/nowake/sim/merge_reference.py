"""What a simulated listing means, in plain Python: one clock, every event in its true order, no look-ahead anywhere.

At equal times: the venue's rows, then commands that arrive, then rows that we receive, then what is delivered to us.
``merge`` and ``exchange.SimMarket`` are held equal to it by tests, and measured against it by ``bench/kernel.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from nowake.core.child import ChildOrder, OrderType, TimeInForce
from nowake.core.order import Side
from nowake.core.tape import Tape
from nowake.core.view import Watch
from nowake.market.run_reference import ReferenceMarket
from nowake.sim.exchange import Latency
from nowake.sim.match_reference import PRINTED, ReferenceMatcher, RestingOrder

Message = tuple[int, str, str, int, int, int]
"""(due, kind, child id, venue time, price, quantity)."""

FOREVER = 2**62


@dataclass
class ReferenceWorld:
    """One listing: the venue and our side. Takes orders a venue accepts; checks nothing.

    Attributes:
        unprinted: For every fill in the order it is told, whether no recorded print contains it.
    """

    tape: Tape
    latency: Latency
    matcher: ReferenceMatcher
    own: ReferenceMarket
    now_ns: int = 0
    messages: list[Message] = field(default_factory=list)
    unprinted: list[bool] = field(default_factory=list)
    _commands: list[tuple[int, ChildOrder | str, bool]] = field(default_factory=list)
    _children: dict[int, ChildOrder] = field(default_factory=dict)
    own_row: int = 0
    _venue_row: int = 0

    def __post_init__(self) -> None:
        self._local = self.tape.t_local(self.latency.data_ns).tolist()
        order = sorted(range(len(self.tape)), key=lambda i: int(self.tape.t_event[i]))
        self._venue = [(int(self.tape.t_event[i]), i) for i in order]
        columns = (self.tape.code, self.tape.prices(), self.tape.qty)
        self._rows = list(zip(*(column.tolist() for column in columns), strict=True))

    def submit(self, child: ChildOrder, now_ns: int, *, peg: bool = False) -> None:
        """Send a child."""
        self._commands.append((now_ns + self.latency.decision_ns + self.latency.entry_ns, child, peg))

    def cancel(self, child_id: str, now_ns: int) -> None:
        """Ask to cancel a child."""
        self._commands.append((now_ns + self.latency.decision_ns + self.latency.entry_ns, child_id, False))

    def _say(self, kind: str, child_id: str, t: int, price: int = 0, qty: int = 0) -> None:
        self.messages.append((t + self.latency.response_ns, kind, child_id, t, price, qty))

    def _fills(self) -> None:
        for number, qty, price, t, how in self.matcher.fills:
            self._say("filled", self._children[number].child_id, t, price, qty)
            self.unprinted.append(how != PRINTED)
        self.matcher.fills.clear()

    def _command(self, t: int, what: ChildOrder | str, *, peg: bool) -> None:
        if isinstance(what, str):
            self._cancel(t, what)
            return
        child, number = what, len(self._children)
        side = 0 if child.side is Side.BUY else 1
        seen = self.matcher.seen(1 - side, t)
        limit = child.price_units or None
        crosses = bool(seen) and int(child.side) * (child.price_units - seen[0][0]) >= 0
        if child.order_type is OrderType.POST_ONLY and crosses:
            self._say("rejected", child.child_id, t)
            return
        self._children[number] = child
        self._say("acked", child.child_id, t)
        left = child.qty_units
        reach = [qty for price, qty in seen if limit is None or int(child.side) * (limit - price) >= 0]
        enough = not child.min_qty_units or sum(reach) >= child.min_qty_units
        if child.order_type is not OrderType.POST_ONLY and not peg and enough:
            left = self.matcher.take(number, side, limit, left, t)
            self._fills()
        if left and child.tif is TimeInForce.IOC:
            self._say("ended", child.child_id, t, 0, child.qty_units - left)
        elif left:
            best = self.matcher.book.best(side)
            price = best if peg and best is not None else child.price_units
            ahead = dict(self.matcher.seen(side, t)).get(price, 0)
            self.matcher.orders.append(RestingOrder(number, side, price, left, number, peg, float(ahead)))

    def _cancel(self, t: int, child_id: str) -> None:
        for order in self.matcher.orders:
            child = self._children[order.number]
            if child.child_id == child_id:
                self.matcher.orders.remove(order)
                self._say("ended", child_id, t, 0, child.qty_units - order.leaves)
                return
        self._say("cancel-rejected", child_id, t)

    def advance(self, until_ns: int, watches: Sequence[Watch] = ()) -> tuple[int, tuple[str, ...]]:
        """Move to the earliest of ``until_ns``, the first watch that holds, the first message due."""
        if self.own.at_end and (fired := self.own.fired(watches, self.now_ns)):
            return self.now_ns, fired
        return self.run(until_ns, watches)

    def next_ns(self) -> int:
        """Return when something happens next: a row, a command, a message."""
        venue = self._venue[self._venue_row][0] if self._venue_row < len(self._venue) else FOREVER
        command = self._commands[0][0] if self._commands else FOREVER
        own = self._local[self.own_row] if self.own_row < len(self._local) else FOREVER
        return max(self.now_ns, min(venue, command, own, self.messages[0][0] if self.messages else FOREVER))

    def run(self, until_ns: int, watches: Sequence[Watch]) -> tuple[int, tuple[str, ...]]:
        """Move as ``advance`` does; whether a watch holds is asked after messages only."""
        while True:
            stop = min(until_ns, self.messages[0][0]) if self.messages else until_ns
            stop = max(stop, self.now_ns)
            venue = self._venue[self._venue_row][0] if self._venue_row < len(self._venue) else FOREVER
            command = self._commands[0][0] if self._commands else FOREVER
            own = self._local[self.own_row] if self.own_row < len(self._local) else FOREVER
            first = min(venue, command, own)
            if first > stop:
                self.now_ns = stop
                return stop, ()
            if venue == first:
                t, i = self._venue[self._venue_row]
                self._venue_row += 1
                self.matcher.row(t, *self._rows[i])
                self._fills()
            elif command == first:
                t, what, peg = self._commands.pop(0)
                self._command(t, what, peg=peg)
            else:
                self.own.row(own, *self._rows[self.own_row])
                self.own_row += 1
                if self.own.at_end and (fired := self.own.fired(watches, own)):
                    self.now_ns = max(self.now_ns, own)
                    return self.now_ns, fired

    def poll(self, now_ns: int) -> list[Message]:
        """Return the messages due by ``now_ns`` and forget them."""
        due = [message for message in self.messages if message[0] <= now_ns]
        self.messages = self.messages[len(due) :]
        return due
