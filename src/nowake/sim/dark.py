"""A dark listing in a simulated world: a venue without a book, and our side of it. One member of ``markets.Markets``.

We see its fills when they are reported, and nothing else. Its view is that of its reference market as *we* know it,
without sizes: integrity, mid and volume are the reference's, and a watch on it watches the reference; a watch on a
queue is refused, for there is none. ``dark_venue`` has the matching.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Sequence
from operator import itemgetter

import numpy as np

from nowake.core.child import ChildOrder, OrderStatus
from nowake.core.inputs import Filled
from nowake.core.instrument import FeeSchedule, Listing, ListingKind
from nowake.core.order import Side
from nowake.core.ports import VenueMessage
from nowake.core.sessions import ALWAYS_OPEN, Session
from nowake.core.tape import Tape
from nowake.core.value import replace, require, to_msgpack
from nowake.core.view import View, Watch, WatchKind
from nowake.market import run
from nowake.market.hours import Hours
from nowake.market.own import NOT_BEGUN, OwnMarket
from nowake.models.dark import Arrival, Arrivals, DarkLiquidity
from nowake.sim import merge as mg
from nowake.sim.dark_venue import DarkVenue
from nowake.sim.exchange import SimMarket
from nowake.sim.latency import Latency, delayed, ways
from nowake.sim.rehearsal import Saved
from nowake.sim.reports import Report

_Command = Callable[[int], list[Report]]
LOOK_AHEAD_NS = 3_600_000_000_000
"""No rehearsal is longer than this."""
OTHER = {Side.BUY: Side.SELL, Side.SELL: Side.BUY}


class DarkMarket:
    """A midpoint venue on the market of another listing; implements ``sim.markets.Member``.

    Args:
        listing: Of kind dark, whose reference is the tape's listing.
        tape: Of the reference market.
        liquidity: Hidden counter-orders.
        latency: Of decision, entry, response; and of the reference's rows to us.
        reference_ns: How long a row of the reference takes to the venue.
        session: Trading hours; None = always open.
        fees: Default: those of the listing.
        seed: Of the counter-orders.
    """

    def __init__(
        self,
        listing: Listing,
        tape: Tape,
        liquidity: DarkLiquidity,
        *,
        latency: Latency,
        reference_ns: int = 0,
        session: Session | None = None,
        fees: FeeSchedule | None = None,
        seed: int = 0,
    ) -> None:
        require(listing.kind is ListingKind.DARK, "listing", listing.key, "a dark one")
        good = listing.reference == tape.listing.key
        require(good, "tape", tape.listing.key, f"that of {listing.key}'s reference, {listing.reference}")
        require(reference_ns >= 0, "reference_ns", reference_ns, ">= 0")
        require(len(tape) > 0, "tape", len(tape), "at least one row long")
        self.key = listing.key
        self.listing = listing
        self.tape = delayed(tape, latency.data, seed)
        self.latency = latency
        self.own = OwnMarket(self.tape, latency.data_ns, session)
        received_ns = self.tape.t_local(latency.data_ns) if latency.draws_from_tape else None
        self._there, self._back = ways(latency, tape, received_ns, seed)
        self._venue = DarkVenue(
            listing,
            OwnMarket(as_it_happens(tape), reference_ns, session),
            Arrivals(liquidity, session or ALWAYS_OPEN, seed, listing.key),
            listing.fees if fees is None else fees,
            Hours(session),
            seed,
        )
        self._commands: list[tuple[int, _Command]] = []
        self._messages: list[VenueMessage] = []
        self._saved = Saved(self.own)
        self._saved_ns = 0
        self._t_ns = self._saved_t_ns = NOT_BEGUN
        self._took = False
        self._arrived = dict.fromkeys(OTHER, 0)
        self._live = False
        self.start_ns = self.own.local_ns(0)
        self.end_ns = self.own.local_ns(len(tape) - 1)

    @property
    def now_ns(self) -> int:
        """Return the local time reached."""
        return self._t_ns

    def end_of(self, listing: str) -> int:
        """Return the local time of the reference's last row."""
        require(listing == self.key, "listing", listing, self.key)
        return self.end_ns

    @property
    def next_message_ns(self) -> int:
        """Return when the next message of the venue reaches us, ``merge.NEVER`` = none is on its way."""
        return self._messages[0].event.t_ns if self._messages else mg.NEVER

    @property
    def is_idle(self) -> bool:
        """Return whether nothing can come of it unless it is watched: no order, command or message."""
        return not (self._messages or self._commands or self._live)

    @property
    def undisturbed_ns(self) -> int:
        """Return the local time up to which nobody arrives at the venue and the session does not change."""
        self._look(self._t_ns)
        soon = min(self.own.at_session(self._t_ns), self._t_ns + LOOK_AHEAD_NS)
        return min(soon, self._next_event(soon)[0]) - 1

    def truth(self) -> tuple[OrderStatus, ...]:
        """Return the venue's own record of every order and fill: for judging, never for deciding."""
        return self._venue.truth()

    # -- commands ---------------------------------------------------------------------------------------------------

    def _send(self, command: _Command, now_ns: int) -> None:
        require(now_ns >= self._t_ns, "now_ns", now_ns, f">= {self._t_ns}, where the market stands")
        insort(self._commands, (self._there.arrival_ns(now_ns), command), key=itemgetter(0))

    def submit(self, child: ChildOrder, now_ns: int) -> None:
        """Send a child; its price is the worst at which it trades, 0 = any mid."""
        require(child.listing == self.key, "listing", child.listing, self.key)
        self._send(lambda t: self._venue.submit(child, t), now_ns)

    def cancel(self, child_id: str, now_ns: int) -> None:
        """Ask to cancel a child."""
        self._send(lambda t: self._venue.cancel(child_id, t), now_ns)

    def query(self, child_id: str, now_ns: int) -> None:
        """Ask what became of a child."""
        self._send(lambda t: self._venue.query(child_id, now_ns, t), now_ns)

    def query_open(self, listing: str, now_ns: int) -> None:
        """Ask for all open orders."""
        require(listing == self.key, "listing", listing, self.key)
        self._send(lambda t: self._venue.query_open(now_ns, t), now_ns)

    def poll(self, now_ns: int) -> tuple[VenueMessage, ...]:
        """Return the messages due by ``now_ns``, and count what was filled as our volume."""
        due = []
        while self._messages and self._messages[0].event.t_ns <= now_ns:
            message = self._messages.pop(0)
            if isinstance(message.event, Filled):
                self._look(now_ns)
                self.own.own_print(message.event.fill.price_units, message.event.fill.qty_units, added=True)
            due.append(message)
        return tuple(due)

    # -- time -------------------------------------------------------------------------------------------------------

    def _look(self, t_ns: int) -> None:
        """Bring our picture of the reference up to ``t_ns``."""
        if self.own.now_ns < t_ns:
            self.own.advance(t_ns)

    def view(self, t_ns: int, listing: str = "") -> View:
        """Return the reference market as we know it at ``t_ns``, without what a dark venue does not show."""
        require(listing in ("", self.key), "listing", listing, self.key)
        self._look(t_ns)
        view = self.own.view(t_ns, ())
        return replace(view, listing=self.key, bid_qty=0, ask_qty=0, bids=(), asks=())

    def _watched(self, watches: Sequence[Watch]) -> tuple[Watch, ...]:
        """Return watches on this listing as watches on its reference.

        Raises:
            InputError: One is on a queue.
        """
        for one in watches:
            require(one.listing == self.key, "watch", one.listing, f"on {self.key}")
            queue = one.kind is WatchKind.QUEUE
            require(not queue, "watch", one.watch_id, f"on no queue: {self.key} is dark and shows none")
        return tuple(replace(one, listing=self.own.key) for one in watches)

    def _next_event(self, until_ns: int) -> tuple[int, Arrival | None]:
        """Return when the next command or counter-order arrives, and the latter; NEVER = none by ``until_ns``."""
        command = self._commands[0][0] if self._commands else mg.NEVER
        if not self._live:
            return command, None
        until_ns = min(until_ns, command)
        found = [self._venue.arrivals.next_after(side, after, until_ns) for side, after in self._arrived.items()]
        first = min((one for one in found if one is not None), key=lambda one: one.t_ns, default=None)
        return (command, None) if first is None else (first.t_ns, first)

    def advance(self, until_ns: int, watches: Sequence[Watch] = ()) -> tuple[int, tuple[str, ...]]:
        """Move to the earliest of ``until_ns``, the first watch that holds, the first message due to us.

        Returns:
            (t_ns, fired): local time reached; ids of all watches that hold there, in rising order.
        """
        watched = self._watched(watches)
        if self._t_ns == NOT_BEGUN:
            self._t_ns = min(until_ns, self.start_ns)
        until_ns = max(until_ns, self._t_ns)
        while True:
            stop = max(min(until_ns, self.next_message_ns), self._t_ns)
            event_ns, arrival = self._next_event(stop)
            target = max(min(stop, event_ns), self._t_ns)
            if watched:
                self._look(self._t_ns)
                self._t_ns, fired = self.own.advance(target, watched)
                if fired:
                    return self._t_ns, fired
            self._t_ns = target
            if event_ns > stop:
                return stop, ()
            self._happen(event_ns, arrival)

    def _happen(self, t_ns: int, arrival: Arrival | None) -> None:
        """Let a command or a counter-order arrive at the venue."""
        if arrival is None:
            _, command = self._commands.pop(0)
            lived, reports = self._live, command(t_ns)
            self._live = self._venue.has_live
            if self._live and not lived:
                self._arrived = dict.fromkeys(OTHER, t_ns)
        else:
            reports = self._venue.arrive(arrival)
            self._arrived[arrival.side] = t_ns
            self._live = self._venue.has_live
        for report in reports:
            event = SimMarket.event_of(report, self._back.arrival_ns(report.t_venue_ns))
            insort(self._messages, VenueMessage(event=event, raw=to_msgpack(report)), key=lambda one: one.event.t_ns)

    def rehearse(self, until_ns: int, watches: Sequence[Watch] = ()) -> tuple[int, bool]:
        """Run our side ahead to the first watch; see ``SimMarket.rehearse``. Nobody arrives at the venue meanwhile."""
        self._saved_t_ns, self._took = self._t_ns, bool(watches)
        if not watches:
            self._t_ns = until_ns
            return until_ns, False
        own = self.own
        self._look(self._t_ns)
        self._saved_ns = own.now_ns
        if self._took:
            self._saved.take()
        table = own.watch_table(self._watched(watches))
        own.now_ns = min(own.now_ns, int(own.stats[run.CLOCK]))
        fired = own.run(until_ns, table) == run.FIRED
        own.now_ns = self._t_ns = max(self._saved_ns, int(own.stats[run.CLOCK])) if fired else until_ns
        return self._t_ns, fired

    def put_back(self) -> None:
        """Stand again where the last rehearsal began."""
        self._t_ns = self._saved_t_ns
        if self._took:
            self._saved.put_back()
            self.own.now_ns = self._saved_ns


def as_it_happens(tape: Tape) -> Tape:
    """Return the rows in the order in which they happened, as whoever is near the venue receives them."""
    times, rows = mg.venue_order(tape)
    if len(rows) == 0 and len(tape.recv_delta) == 0:
        return tape
    rows = rows if len(rows) else np.arange(len(tape))
    ids = tape.order_id[rows] if len(tape.order_id) else tape.order_id
    none = np.empty(0, dtype=np.int32)
    return Tape(tape.meta, times, none, tape.code[rows], tape.price[rows], tape.qty[rows], ids)


def dark_listing(reference: Listing, venue: str = "DARK", fees: FeeSchedule | None = None) -> Listing:
    """Return a dark listing of the instrument of a lit one, with its grids, at the mid of its market."""
    changes = {} if fees is None else {"fees": fees}
    return replace(reference, venue=venue, kind=ListingKind.DARK, reference=reference.key, volume_base="", **changes)
