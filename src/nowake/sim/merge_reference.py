"""What a simulated listing means, in plain Python: one clock, every event in its true order, no look-ahead anywhere.

At equal times: the venue's rows, then commands that arrive, then rows that we receive, then what our own
fills did to the book as we see it, then what is delivered to us.
``merge`` and ``exchange.SimMarket`` are held equal to it by tests, and measured against it by ``bench/kernel.py``.
"""

from __future__ import annotations

import bisect
import copy
from collections.abc import Sequence
from dataclasses import dataclass, field

from nowake.core.child import ChildOrder, OrderType, Peg, TimeInForce
from nowake.core.order import Side
from nowake.core.tape import Tape
from nowake.core.view import Watch
from nowake.market.run_reference import ReferenceMarket
from nowake.sim.latency import Latency, delayed, drawing
from nowake.sim.match_reference import PRINTED, ReferenceMatcher

Message = tuple[int, str, str, int, int, int]
"""(due, kind, child id, venue time, price, quantity)."""

FOREVER = 2**62


@dataclass
class ReferenceWorld:
    """One listing: the venue and our side. Takes orders a venue accepts; checks nothing.

    Attributes:
        unprinted: (due, whether no recorded print contains it) of every fill, in the order they are told.
    """

    tape: Tape
    latency: Latency
    matcher: ReferenceMatcher
    own: ReferenceMarket
    seed: int = 0
    now_ns: int = 0
    messages: list[Message] = field(default_factory=list)
    unprinted: list[tuple[int, bool]] = field(default_factory=list)
    _commands: list[tuple[int, ChildOrder | str]] = field(default_factory=list)
    _children: dict[int, ChildOrder] = field(default_factory=dict)
    marks: list[tuple[int, tuple[int, int] | None, int, int]] = field(default_factory=list)
    _arrivals: list[int] = field(default_factory=list)
    _dues: list[int] = field(default_factory=list)
    own_row: int = 0
    _venue_row: int = 0

    def __post_init__(self) -> None:
        latency = self.latency
        received = delayed(self.tape, latency.data, self.seed).t_local(latency.data_ns)
        self._local = received.tolist()
        self._entry = drawing(latency.entry, "entry", self.tape, received, self.seed)
        self._response = drawing(latency.response, "response", self.tape, received, self.seed)
        order = sorted(range(len(self.tape)), key=lambda i: int(self.tape.t_event[i]))
        self._venue = [(int(self.tape.t_event[i]), i) for i in order]
        columns = (self.tape.code, self.tape.prices(), self.tape.qty)
        self._rows = list(zip(*(column.tolist() for column in columns), strict=True))

    def submit(self, child: ChildOrder, now_ns: int) -> None:
        """Send a child."""
        self._send(now_ns, child)

    def cancel(self, child_id: str, now_ns: int) -> None:
        """Ask to cancel a child."""
        self._send(now_ns, child_id)

    def _send(self, now_ns: int, what: ChildOrder | str) -> None:
        """Let a command leave; unless commands may overtake, it arrives after all that left before it."""
        latency, count = self.latency, len(self._arrivals)
        arrives = now_ns + latency.decision_ns + latency.entry_ns + self._entry(count, now_ns)
        if not latency.overtake:
            arrives = max([arrives, *self._arrivals])
        self._arrivals.append(arrives)
        self._commands.append((arrives, what))
        self._commands.sort(key=lambda command: command[0])  # stable: at equal times in the order in which they left

    def _say(self, kind: str, child_id: str, t: int, price: int = 0, qty: int = 0) -> None:
        due = t + self.latency.response_ns + self._response(len(self._dues), t)
        if not self.latency.overtake:
            due = max([due, *self._dues])
        self._dues.append(due)
        self.messages.append((due, kind, child_id, t, price, qty))
        self.messages.sort(key=lambda message: message[0])

    def _fills(self) -> None:
        for number, qty, price, t, how in self.matcher.fills:
            self._say("filled", self._children[number].child_id, t, price, qty)
            self.unprinted.append((self._dues[-1], how != PRINTED))
            self.unprinted.sort(key=lambda fill: fill[0])
        self.matcher.fills.clear()
        for t, level, qty, moved in self.matcher.marks if self.own.overlay is not None else []:
            at, newest = self._venue[max(bisect.bisect_right(self._venue, (t, FOREVER)) - 1, 0)]
            due = t + max(self._local[newest] - at, 0)
            self.marks.append((max(due, self.now_ns, self.marks[-1][0] if self.marks else 0), level, qty, moved))
        self.matcher.marks.clear()

    def _command(self, t: int, what: ChildOrder | str) -> None:
        self.matcher.refresh(t, self._venue_row)
        if isinstance(what, str):
            self._cancel(t, what)
            return
        child, number = what, len(self._children)
        side = 0 if child.side is Side.BUY else 1
        row = self._venue_row
        self.matcher.look(t, row)
        seen = [(price + self.matcher.shift, qty) for price, qty in self.matcher.seen(1 - side, t)]
        limit = child.price_units or None
        crosses = bool(seen) and int(child.side) * (child.price_units - seen[0][0]) >= 0
        if child.order_type is OrderType.POST_ONLY and crosses:
            self._say("rejected", child.child_id, t)
            return
        self._children[number] = child
        self._say("acked", child.child_id, t)
        left = child.qty_units
        least = child.qty_units if child.tif is TimeInForce.FOK else child.min_qty_units
        enough = not least
        if not enough:  # try it on a copy: own fills move what is seen
            left = copy.deepcopy(self.matcher).take(number, side, limit, left, t, row)
            enough, left = child.qty_units - left >= least, child.qty_units
        if child.order_type is not OrderType.POST_ONLY and child.peg is Peg.NONE and enough:
            left = self.matcher.take(number, side, limit, left, t, row)
            self._fills()
        if left and child.tif is not TimeInForce.GTC:
            self._say("ended", child.child_id, t, 0, child.qty_units - left)
        elif left:
            self.matcher.rest(number, side, limit, left, t, peg=child.peg, display=child.display_qty_units)

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
        """Return when something happens next: a row, a command, a mark of ours to be seen, a message."""
        venue = self._venue[self._venue_row][0] if self._venue_row < len(self._venue) else FOREVER
        command = self._commands[0][0] if self._commands else FOREVER
        own = self._local[self.own_row] if self.own_row < len(self._local) else FOREVER
        mark = self.marks[0][0] if self.marks else FOREVER
        return max(self.now_ns, min(venue, command, own, mark, self.messages[0][0] if self.messages else FOREVER))

    def run(self, until_ns: int, watches: Sequence[Watch]) -> tuple[int, tuple[str, ...]]:
        """Move as ``advance`` does; whether a watch holds is asked after messages only."""
        while True:
            stop = min(until_ns, self.messages[0][0]) if self.messages else until_ns
            stop = max(stop, self.now_ns)
            venue = self._venue[self._venue_row][0] if self._venue_row < len(self._venue) else FOREVER
            command = self._commands[0][0] if self._commands else FOREVER
            own = self._local[self.own_row] if self.own_row < len(self._local) else FOREVER
            mark = self.marks[0][0] if self.marks else FOREVER
            first = min(venue, command, own, mark)
            if first > stop:
                self.now_ns = stop
                return stop, ()
            if venue == first:
                t, i = self._venue[self._venue_row]
                self._venue_row += 1
                self.matcher.row(t, *self._rows[i])
                self._fills()
            elif command == first:
                t, what = self._commands.pop(0)
                self._command(t, what)
            elif own > first:
                self.now_ns = first
                self.own.mark(*self.marks.pop(0))
                if self.own.at_end and (fired := self.own.fired(watches, first)):
                    return self.now_ns, fired
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
