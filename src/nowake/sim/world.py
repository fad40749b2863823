"""A world: one engine, its simulated markets, one virtual clock.

The loop is the whole shell: move the market to the first thing that concerns us (a timer, a watch, a message), hand it
to the engine, let the effects of the durable batch leave. Python is called per decision, never per market event.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Protocol

from nowake.core.decisions import AnyDecision, ParentStatus
from nowake.core.errors import InvariantBroken
from nowake.core.inputs import AnyInput, MarketClosed, OperatorCommand, OrderReceived, Woken, child_of
from nowake.core.order import ParentOrder
from nowake.core.ports import Venue
from nowake.core.value import replace
from nowake.core.view import View, Watch
from nowake.engine.desk import Desk
from nowake.engine.drop_copy import DropCopy
from nowake.engine.host import Host
from nowake.sim.commands import Scripted

Progress = Callable[[int, Host], None]
"""Called after every handled step with the local time and the host; must not change either."""

AFTER_CLOSE_NS = 120_000_000_000
"""Answers are still awaited for this long after the last recorded row."""


class Market(Venue, Protocol):
    """What the loop needs of a market besides the venue port."""

    def end_of(self, listing: str) -> int:
        """Return the local time of the last row of a listing."""

    def advance(self, until_ns: int, watches: tuple[Watch, ...]) -> tuple[int, tuple[str, ...]]:
        """Move to the earliest of ``until_ns``, the first watch, the first message; return (time, fired ids)."""

    def view(self, t_ns: int, listing: str) -> View:
        """Return the market of a listing as we know it at ``t_ns``."""


class World:
    """Runs orders over one market, or several on one clock, to their end in virtual time."""

    def __init__(
        self,
        market: Market,
        host: Host,
        *,
        progress: Progress | None = None,
        desk: Desk | None = None,
        drop_copy: DropCopy | None = None,
    ) -> None:
        self.market = market
        self.host = host
        self._progress = progress
        self._desk: Desk = desk or Scripted(())
        self._copy = drop_copy
        self._t_ns = 0
        self._orders: deque[ParentOrder] = deque()
        self._ends: dict[str, int] = {}
        self._next_end_ns = 0
        self._closed: set[str] = set()
        self._fired: tuple[str, ...] = ()

    def run(self, order: ParentOrder, commands: tuple[OperatorCommand, ...] = ()) -> None:
        """Work ``order`` from ``order.decided_ns`` until nothing of it is left to do.

        Args:
            order: With ``decided_ns`` inside the recording.
            commands: Operator commands to give at their times, in rising order; in place of the desk's.

        Raises:
            InvariantBroken: The engine contradicted itself, or did not come to an end.
        """
        self.run_all((order,), commands)

    def run_all(self, orders: Sequence[ParentOrder], commands: tuple[OperatorCommand, ...] = ()) -> None:
        """Work several orders, each from its ``decided_ns``, on the listings they name; at one instant in this order.

        Args:
            orders: At least one.
            commands: As for ``run``.

        Raises:
            InvariantBroken: As for ``run``.
        """
        if commands:
            self._desk = Scripted(commands)
        self._orders = deque(sorted(orders, key=lambda order: order.decided_ns))
        self._ends = {order.listing: self.market.end_of(order.listing) for order in self._orders}
        self._next_end_ns = self._find_next_end()
        self._t_ns, _ = self.market.advance(self._orders[0].decided_ns, ())
        self._arrivals(self._t_ns)
        while self._unfinished():
            t_ns = self._advance(self._desk.bound_ns(self._t_ns, self.host))
            self._messages(t_ns)
            self._arrivals(t_ns)
            self._commands(t_ns)
            self._wakes(t_ns)
            if self._copy is not None:
                self._copy.ask(self.host.state, self.market, t_ns)
            if t_ns >= self._next_end_ns:
                self._close(t_ns)
        self.host.store.sync()

    def _close(self, t_ns: int) -> None:
        """Say of every listing whose recording has ended that it is closed; then answers are awaited, not for ever."""
        for listing, end_ns in self._ends.items():
            if t_ns >= end_ns and listing not in self._closed:
                self._closed.add(listing)
                self._handle(MarketClosed(t_ns=t_ns, view=self.market.view(t_ns, listing)), t_ns)
        self._next_end_ns = self._find_next_end()
        if t_ns > max(self._ends.values()) + AFTER_CLOSE_NS:
            raise InvariantBroken("I23", "an order did not end after its market had closed")

    def _find_next_end(self) -> int:
        """Return when the next listing closes, or when the last answers must be here."""
        open_ends = [end_ns for listing, end_ns in self._ends.items() if listing not in self._closed]
        return min(open_ends) if open_ends else max(self._ends.values()) + AFTER_CLOSE_NS + 1

    def _unfinished(self) -> bool:
        """Return whether anything may still happen; a halted parent waits for a person, which no replay has."""
        if self._orders:
            return True
        for parent in self.host.state.parents.values():
            halted = parent.status is ParentStatus.HALTED and parent.order.listing in self._closed
            if parent.live or not (halted or parent.status is ParentStatus.DONE):
                return True
        ears = self._copy is not None and self._t_ns < max(self._ends.values()) + AFTER_CLOSE_NS
        return ears and self._copy is not None and bool(self._copy.unsettled(self.host.state))

    def _advance(self, bound_ns: int) -> int:
        """Move to the next thing that concerns us, not past ``bound_ns``; remembers the watches that fired."""
        until = self._next_end_ns
        if self._orders:
            until = min(until, self._orders[0].decided_ns)
        for bound in (self.host.due_timer(), bound_ns, self._copy.next_ns if self._copy else 0):
            until = min(until, bound) if bound else until
        watches = [watch for parent in self.host.state.parents.values() for watch in parent.watches.values()]
        watches.sort(key=attrgetter("watch_id"))
        self._t_ns, self._fired = self.market.advance(max(until, self._t_ns), tuple(watches))
        return self._t_ns

    def _arrivals(self, t_ns: int) -> None:
        """Hand over the orders that are decided by now."""
        while self._orders and self._orders[0].decided_ns <= t_ns:
            order = self._orders.popleft()
            self._handle(OrderReceived(t_ns=t_ns, order=order, view=self.market.view(t_ns, order.listing)), t_ns)

    def _view_of(self, event: AnyInput, t_ns: int) -> View:
        """Return the market of the parent that an event concerns; of what concerns all, that of the first."""
        state = self.host.state
        parent = state.parents.get(state.find_child(child_of(event)) or next(iter(state.parents), ""))
        return self.market.view(t_ns, parent.order.listing if parent else next(iter(self._ends)))

    def _messages(self, t_ns: int) -> None:
        for message in self.market.poll(t_ns):
            event = message.event
            if self._copy is not None and not self._copy.is_news(event, self.host.state):
                continue
            if hasattr(event, "view"):
                event = replace(event, view=self._view_of(event, t_ns))
            self._handle(event, t_ns, message.raw)

    def _commands(self, t_ns: int) -> None:
        """Hand over what operators ask for; they hear what was decided."""
        while commands := self._desk.take(t_ns, self.host):
            for command in commands:
                parent = self.host.state.parents.get(command.parent_id)
                listing = parent.order.listing if parent else next(iter(self._ends))
                given = replace(command, t_ns=t_ns, view=self.market.view(t_ns, listing))
                self._desk.tell(command, self._handle(given, t_ns), self.host)

    def _wakes(self, t_ns: int) -> None:
        """Wake each parent once for all of its timers and watches that are due, ids in rising order."""
        fired, self._fired = self._fired, ()
        for parent_id, parent in self.host.state.parents.items():
            due = [key for key, timer in parent.timers.items() if timer.t_ns <= t_ns]
            due += [key for key in parent.watches if key in fired]
            if due:
                view = self.market.view(t_ns, parent.order.listing)
                self._handle(Woken(t_ns=t_ns, parent_id=parent_id, fired=tuple(sorted(due)), view=view), t_ns)

    def _handle(self, event: AnyInput, t_ns: int, raw: bytes = b"") -> tuple[AnyDecision, ...]:
        decisions = self.host.handle(event, raw)
        for failed in self.host.release(decisions, self.market, t_ns):
            self._handle(failed, t_ns)
        if self._progress is not None and decisions:
            self._progress(t_ns, self.host)
        return decisions
