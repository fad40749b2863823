"""One listing in a simulated world: the venue and our side of it on one clock."""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Callable, Sequence
from operator import itemgetter
from struct import Struct

import numpy as np

from nowake.core.child import ChildOrder, ChildStatus, OrderStatus, Peg, TimeInForce
from nowake.core.errors import InputError, Refused
from nowake.core.inputs import (
    Acked,
    AnyInput,
    CancelRejected,
    Ended,
    Filled,
    OpenOrdersReported,
    Rejected,
    StatusReported,
)
from nowake.core.instrument import FeeSchedule
from nowake.core.ports import VenueMessage
from nowake.core.sessions import Session
from nowake.core.tape import I64, Tape
from nowake.core.value import replace, require, to_msgpack
from nowake.core.view import Indication, View, Watch
from nowake.market.own import OwnMarket
from nowake.market.run import CLOCK
from nowake.sim import merge as mg
from nowake.sim.auction_venue import AuctionVenue
from nowake.sim.impact import OwnImpact, charge
from nowake.sim.latency import Latency, delayed, ways
from nowake.sim.queues import AUTO, queue_model_of
from nowake.sim.queues import queue_model as named_queue_model
from nowake.sim.rehearsal import Saved
from nowake.sim.reports import Mark, Report
from nowake.sim.rules import VenueRules

_Command = Callable[[int], list[Report]]
_PACK = Struct("=6q").pack_into
"""Writes the limits of a kernel call; making an array of them takes four times as long."""


def _due_ns(message: VenueMessage) -> int:
    return message.event.t_ns


class SimMarket:
    """A recorded listing with a simulated venue on it; implements ``core.ports.Venue``.

    Args:
        tape: Shared, never written.
        latency: Entry, response, data and decision latency.
        fees: Default: those of the listing.
        session: Trading hours, None = always open.
        queue_model: Name of a queue model, or ``auto`` (``sim.queues``).
        impact: ``off`` = the book ignores us, ``ledger`` = what we took stays taken, ``full`` = and moves the price.
        half_life_ns: With ``ledger``: resilience half-life of what we took; None = never, 0 = instant refill.
        own_impact: With ``full``: by how much (``sim.impact``).
        seed: Goes into trade ids, and latencies that are drawn are counted from it.
        rows: Of ``merge.venue_rows(tape)``, to share it between worlds.
        rules: What the venue does beside matching.
    """

    def __init__(
        self,
        tape: Tape,
        *,
        latency: Latency,
        fees: FeeSchedule | None = None,
        session: Session | None = None,
        queue_model: str = AUTO,
        impact: str = "off",
        half_life_ns: int | None = None,
        own_impact: OwnImpact | None = None,
        seed: int = 0,
        rows: mg.VenueRows | None = None,
        rules: VenueRules | None = None,
    ) -> None:
        require(len(tape) > 0, "tape", len(tape), "at least one row long")
        self.tape = delayed(tape, latency.data, seed)
        self.key, self.latency = tape.listing.key, latency
        self.queue_model = queue_model_of(queue_model, tape)
        charged = charge(impact, tape.listing, half_life_ns=half_life_ns, own=own_impact)
        fifo = self.queue_model == "fifo"
        void = fifo and charged.half_ns != 0
        rows = mg.venue_rows(tape, fifo=fifo, void=void) if rows is None else rows
        require(fifo == bool(len(rows.joined)), "rows", "shared", "made for the same queue model")
        require(not void or len(rows.notes) > 0, "rows", "shared", "made to follow what we take by name")
        self.venue_rows = rows if void else rows._replace(notes=rows.notes[:0])
        self.venue = AuctionVenue(
            tape,
            fees=tape.listing.fees if fees is None else fees,
            session=session,
            model=named_queue_model(self.queue_model),
            impact=charged,
            seed=seed,
            rules=rules,
            rows=self.venue_rows,
        )
        self.own = OwnMarket(self.tape, latency.data_ns, session)
        if charged.marks:
            self.own.show_own(charged.half_ns, charged.unit, charged.shift.copy(), named=void)
        if void:
            self.venue.name_taken(log=charged.marks)
        # With a mark to be seen, a fill stops the kernel at once: what it did to the book is data on its way to us.
        self._hears_ns = 0 if charged.marks else latency.back_ns
        self._marks: deque[Mark] = deque()
        self._joining: list[tuple[int, ChildOrder]] = []
        self._indications: deque[tuple[int, Indication | None]] = deque()
        self._indicated: Indication | None = None
        self._session = session
        self._commands: list[tuple[int, _Command]] = []
        self._messages: list[VenueMessage] = []
        self._left, self._cum = dict[str, int](), dict[str, int]()
        self._replaced: dict[str, str] = {}
        self._saved = Saved(self.venue, self.own)
        self._saved_ns = 0
        self._lead_ns = latency.lead_ns
        received_ns = self.tape.t_local(latency.data_ns) if latency.draws_from_tape else None
        self._there, self._back = ways(latency, tape, received_ns, seed)
        self.start_ns = self.own.local_ns(0)
        self.end_ns = self.own.local_ns(len(tape) - 1)

    @property
    def now_ns(self) -> int:
        """Return the local time reached."""
        return self.own.now_ns

    def first_valid_ns(self) -> int:
        """Return the first local time with a sound book in an open session.

        Raises:
            Refused: There is none.
        """
        found = OwnMarket(self.tape, self.latency.data_ns, self._session).first_valid_ns()
        if found is None:
            why = f"the tape of {self.key} has no sound book in an open session"
            raise Refused(why, "look at it with `nowake tape check`, or name other recordings")
        return found

    def _send(self, command: _Command, now_ns: int) -> None:
        if now_ns < self.now_ns:
            raise InputError("now_ns", now_ns, f">= {self.now_ns}, where the market stands")
        insort(self._commands, (self._there.arrival_ns(now_ns), command), key=itemgetter(0))

    def submit(self, child: ChildOrder, now_ns: int) -> None:
        """Send a child; it arrives after decision and entry latency."""
        require(child.listing == self.key, "listing", child.listing, self.key)
        self._send(lambda t: self.venue.submit(child, t), now_ns)

    def replace(self, old_id: str, child: ChildOrder, now_ns: int) -> None:
        """Ask to put ``child`` in the place of an order; its quantity is the total, fills of the old one included."""
        require(child.listing == self.key, "listing", child.listing, self.key)
        self._replaced[child.child_id] = old_id
        self._send(lambda t: self.venue.replace(old_id, child, t), now_ns)

    def cancel(self, child_id: str, now_ns: int) -> None:
        """Ask to cancel a child."""
        self._send(lambda t: self.venue.cancel(child_id, t), now_ns)

    def query(self, child_id: str, now_ns: int) -> None:
        """Ask what became of a child."""
        self._send(lambda t: self.venue.query(child_id, now_ns, t), now_ns)

    def query_open(self, listing: str, now_ns: int) -> None:
        """Ask for all open orders."""
        require(listing == self.key, "listing", listing, self.key)
        self._send(lambda t: self.venue.query_open(now_ns, t), now_ns)

    def poll(self, now_ns: int) -> tuple[VenueMessage, ...]:
        """Return the messages due by ``now_ns``, in the venue's order, and take them into our own picture."""
        due = []
        while self._messages and self._messages[0].event.t_ns <= now_ns:
            message = self._messages.pop(0)
            self._take_in(message.event)
            due.append(message)
        return tuple(due)

    def _take_in(self, event: AnyInput) -> None:
        """Follow our resting orders and own volume as a live shell would: from what we were told."""
        if isinstance(event, Acked):
            child = self.venue.child(event.child_id)
            carried = self._cum.get(self._replaced.get(child.child_id, ""), 0)
            left = self._left.setdefault(
                child.child_id, child.qty_units - carried
            )  # a fill or its end may have overtaken it
            if left > 0 and child.tif is TimeInForce.GTC and child.peg is Peg.NONE and not child.hidden:
                # Who joined before us may be on its way: the queue is what the feed shows when it has come that far.
                insort(self._joining, (self._heard_ns(event.t_venue_ns), child), key=itemgetter(0))
                self._join(self.now_ns)
        elif isinstance(event, Filled):
            fill = event.fill
            self.own.own_print(fill.price_units, fill.qty_units, added=fill.unprinted)
            left = self._left.setdefault(fill.child_id, self.venue.child(fill.child_id).qty_units) - fill.qty_units
            self._left[fill.child_id] = left
            if left <= 0:
                self._leave(fill.child_id)
        elif isinstance(event, Ended):
            self._left[event.child_id] = 0
            self._cum[event.child_id] = event.cum_qty
            self._leave(event.child_id)

    def _join(self, t_ns: int) -> None:
        """Estimate the queues of the orders whose arrival at the venue the feed has reached by ``t_ns``."""
        while self._joining and self._joining[0][0] <= t_ns:
            _, child = self._joining.pop(0)
            self.own.track(child.child_id, child.side, child.price_units)

    def _leave(self, child_id: str) -> None:
        """Forget the queue of an order that does not rest any more."""
        if self._joining:
            self._joining = [(t_ns, child) for t_ns, child in self._joining if child.child_id != child_id]
        self.own.untrack(child_id)

    def end_of(self, listing: str) -> int:
        """Return the local time of the last row."""
        require(listing == self.key, "listing", listing, self.key)
        return self.end_ns

    def view(self, t_ns: int, listing: str = "") -> View:
        """Return the market as we know it at ``t_ns``."""
        require(listing in ("", self.key), "listing", listing, self.key)
        while self._indications and self._indications[0][0] <= t_ns:
            self._indicated = self._indications.popleft()[1]
        found = self.own.view(t_ns)
        return found if self._indicated is None else replace(found, indicated=self._indicated)

    @property
    def next_message_ns(self) -> int:
        """Return when the next message of the venue reaches us, ``merge.NEVER`` = none is on its way."""
        return self._messages[0].event.t_ns if self._messages else mg.NEVER

    @property
    def is_idle(self) -> bool:
        """Return whether nothing can come of this market unless it is watched: no order, command or message."""
        return not (
            self._messages or self._commands or self._marks or self.venue.has_live or self.venue.due_ns < mg.NEVER
        )

    @property
    def undisturbed_ns(self) -> int:
        """Return the local time up to which no command arrives, the session stays and no own mark comes to be seen."""
        command = self._command_ns - self._lead_ns
        return min(self.own.at_session(self.now_ns), command, self._shown_ns) - 1

    @property
    def _shown_ns(self) -> int:
        """Return when the feed next comes to something of ours: a mark, or an order's place in the queue."""
        mark = self._marks[0].t_ns if self._marks else mg.NEVER
        return min(mark, self._joining[0][0]) if self._joining else mark

    @property
    def _command_ns(self) -> int:
        """Return when the next command arrives at the venue, or the venue acts by itself; ``merge.NEVER`` = not yet."""
        return min(self._commands[0][0] if self._commands else mg.NEVER, self.venue.due_ns)

    def truth(self) -> tuple[OrderStatus, ...]:
        """Return the venue's own record of every order and fill: for judging, never for deciding."""
        return self.venue.truth()

    def advance(self, until_ns: int, watches: Sequence[Watch] = ()) -> tuple[int, tuple[str, ...]]:
        """Move to the earliest of ``until_ns``, the first watch that holds, the first message due to us.

        Returns:
            (t_ns, fired): local time reached; ids of all watches that hold there, in rising order.
        """
        table = self.own.watch_table(watches)
        until_ns = self.own.begin(until_ns)
        while True:
            change = self.own.at_session(self.now_ns)
            due = self._messages[0].event.t_ns if self._messages else mg.NEVER
            goal = max(min(until_ns, due), self.now_ns)
            limit = min(goal, change - 1, self._shown_ns)
            outcome, reached = self._merge(limit, table)
            if outcome == mg.FIRED:
                self.own.now_ns = max(self.now_ns, int(self.own.stats[CLOCK]))
                return self.now_ns, self.own.fired(table, watches)
            if outcome == mg.REACHED:
                told = bool(self._messages) and self._messages[0].event.t_ns <= reached
                shown = self._shown_ns <= reached
                if reached < limit and not (told or shown):
                    continue  # the kernel stops where an answer could have come at the earliest
                self.own.now_ns = reached
                if shown:
                    self._join(reached)
                    if self._marks and self._marks[0].t_ns <= reached:
                        self.own.mark(*self._marks.popleft())
                elif told or reached >= goal:
                    return reached, ()
                elif reached == change - 1:
                    self.own.now_ns = change

    def run_kernels(self, limit_ns: int, table: I64) -> tuple[int, int]:
        """Run the merged kernel once, to ``limit_ns`` or a watch of ``table``; returns (outcome, local time reached).

        What the venue filled waits in its arrays; a fill ends the run when it would be delivered.
        """
        venue, own = self.venue, self.own
        command = self._command_ns
        limits = np.empty(6, dtype=np.int64)
        _PACK(limits.data, 0, limit_ns, command, self._lead_ns, self._hears_ns, own.extra_ns, own.now_ns)
        t_event, delta, code, price, qty = own.columns
        outcome = mg.REACHED
        if len(table):
            outcome = mg.merge(
                *self.venue_rows, t_event, delta, code, price, qty, venue.book, venue.stats, venue.reals, venue.orders,
                venue.fronts, venue.fills, venue.taken, venue.taken_at, venue.log, own.book, own.stats, own.reals,
                own.queues, table, len(table), limits,
            )  # fmt: skip
        elif venue.has_live or command < mg.NEVER or venue.is_followed:
            outcome = mg.run_venue(
                *self.venue_rows, code, price, qty, venue.book, venue.stats, venue.reals, venue.orders, venue.fronts,
                venue.fills, venue.taken, venue.taken_at, venue.log, limits,
            )  # fmt: skip
        limit_ns = limits.item(mg.L_LIMIT)
        if outcome == mg.REACHED and not len(table):
            own.run(limit_ns, table, venue.log)
        return outcome, limit_ns

    def rehearse(self, until_ns: int, watches: Sequence[Watch] = ()) -> tuple[int, bool]:
        """Run ahead to the earliest of ``until_ns``, the first watch, the first delivery of a fill.

        Nothing is said or delivered of it. It stays where it stops, as ``advance`` would have left it, unless it is
        told to go back with ``put_back``.

        Args:
            until_ns: Not after ``undisturbed_ns``, nor after the next message.
            watches: None of them holds now.

        Returns:
            (t_ns, fired): where it stands, and whether a watch holds there.
        """
        own, self._saved_ns = self.own, self.own.now_ns
        self._saved.take()
        table = own.watch_table(watches)
        # Watches were looked at where it stands: silence alone, which time brings, is noticed by a timer.
        own.now_ns = min(own.now_ns, int(own.stats[CLOCK]))
        while True:
            outcome, until_ns = self.run_kernels(until_ns, table)
            if outcome in (mg.REACHED, mg.FIRED):
                own.now_ns = max(self._saved_ns, int(own.stats[CLOCK])) if outcome == mg.FIRED else until_ns
                return own.now_ns, outcome == mg.FIRED
            self.make_room(outcome)

    def put_back(self) -> None:
        """Stand again where the last rehearsal began."""
        self._saved.put_back()
        self.own.now_ns = self._saved_ns

    def make_room(self, outcome: int) -> None:
        """Enlarge what the kernels found too small."""
        if outcome > mg.OWN_SIDE:
            self.own.make_room(outcome - mg.OWN_SIDE)
        else:
            self.venue.make_room(outcome)

    def _merge(self, limit_ns: int, table: I64) -> tuple[int, int]:
        """Run the kernels once; returns (outcome, limit) after repairs and due commands."""
        outcome, limit = self.run_kernels(limit_ns, table)
        if reports := self.venue.collect():
            self._deliver(reports)
        # At one instant what the venue does by itself comes first, as its rows do: a command of that instant may not
        # have been sent yet.
        if outcome == mg.COMMAND and self._commands and self._commands[0][0] < self.venue.due_ns:
            arrives, run = self._commands.pop(0)
            self._deliver(run(arrives))
        elif outcome == mg.COMMAND:
            self._deliver(self.venue.act())
        elif outcome not in (mg.REACHED, mg.FIRED):
            self.make_room(outcome)
        return outcome, limit

    def _deliver(self, reports: list[Report]) -> None:
        for mark in self.venue.marks:
            self._marks.append(mark._replace(t_ns=self._seen_ns(mark.t_ns)))
        self.venue.marks.clear()
        for at_ns, indicated in self.venue.indicated:
            self._indications.append((self._seen_ns(at_ns), indicated))
        self.venue.indicated.clear()
        for report in reports:
            event = self.event_of(report, self._back.arrival_ns(report.t_venue_ns))
            insort(self._messages, VenueMessage(event=event, raw=to_msgpack(report)), key=_due_ns)

    def _heard_ns(self, t_venue_ns: int) -> int:
        """Return when the newest row that the venue had published by a time of its own is received."""
        if not len(self.own.columns[1]):
            return t_venue_ns + self.own.extra_ns  # every row takes as long
        v = int(np.searchsorted(self.venue_rows.times, t_venue_ns, side="right")) - 1
        if v < 0:
            return self.now_ns
        rows = self.venue_rows.rows
        return self.own.local_ns(int(rows[v]) if len(rows) else v)

    def _seen_ns(self, t_venue_ns: int) -> int:
        """Return when we see what happened at a venue time: as late as the newest row of that time, never before."""
        times, rows = self.venue_rows.times, self.venue_rows.rows
        v = max(int(np.searchsorted(times, t_venue_ns, side="right")) - 1, 0)
        row = int(rows[v]) if len(rows) else v
        delay = max(self.own.local_ns(row) - int(times[v]), 0)
        return max(t_venue_ns + delay, self.now_ns, self._marks[-1].t_ns if self._marks else 0)

    @staticmethod
    def event_of(report: Report, t_ns: int) -> AnyInput:
        """Return a report as the input it is for the engine, at its delivery time."""
        child_id, t_venue = report.child_id, report.t_venue_ns
        if report.kind == "acked":
            return Acked(t_ns=t_ns, child_id=child_id, t_venue_ns=t_venue)
        if report.kind == "rejected":
            return Rejected(t_ns=t_ns, child_id=child_id, t_venue_ns=t_venue, code=report.code, text=report.text)
        if report.kind == "filled":
            assert report.fill is not None
            return Filled(t_ns=t_ns, fill=report.fill)
        if report.kind == "ended":
            status = report.status or ChildStatus.CANCELED
            return Ended(t_ns=t_ns, child_id=child_id, t_venue_ns=t_venue, status=status, cum_qty=report.cum_qty)
        if report.kind == "cancel-rejected":
            return CancelRejected(t_ns=t_ns, child_id=child_id, t_venue_ns=t_venue, code=report.code)
        if report.kind == "status":
            return StatusReported(t_ns=t_ns, status=report.statuses[0], requested_ns=report.requested_ns)
        return OpenOrdersReported(t_ns=t_ns, requested_ns=report.requested_ns, statuses=report.statuses)
