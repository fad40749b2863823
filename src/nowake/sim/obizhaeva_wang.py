"""The block-shaped book of Obizhaeva and Wang as a market: a truth of which the cheapest schedule is known exactly.

    ask(t) = V(t) + s/2 + D(t)      bid(t) = V(t) - s/2 - D'(t)      depth q behind each, the same at every price
    buying x:  pays ask .. ask + x/q    V += lambda x    D += x (1/q - lambda)      between:  D, D' decay as exp(-rho t)

Symbols (paper -> ours): V the steady price, s ``spread_units``, q ``depth`` (quantity units per price unit), lambda
``permanent`` (price units per quantity unit), rho ``resilience`` per second. Source: Obizhaeva, Wang (2013), J.
Financial Markets 16, section 3; closed forms: ``models.impact.obizhaeva_wang``.

It is a ``World``'s market like a recorded one: orders come through the venue port, walk the book level by level, and
are answered with fills at whole price units. A level at p holds what lies in [p - 1/2, p + 1/2) of the continuous book,
so what whole prices cost too much at one level they give back at the next.

**Limits.** Nobody else trades with us: an order that rests is never filled, because the model knows no flow that would.
The volume of the others is a number that grows evenly and moves nothing; V does not wander. Quotes are looked at for
watches every ``QUOTE_NS``.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from nowake.core.child import ChildOrder, ChildStatus, Fill, Liquidity, OrderStatus, OrderType, Peg, TimeInForce
from nowake.core.ids import digest
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
from nowake.core.instrument import Listing
from nowake.core.order import Side
from nowake.core.ports import VenueMessage
from nowake.core.units import NS_PER_SECOND
from nowake.core.value import Value, check_types, require, to_msgpack
from nowake.core.view import Integrity, View, Watch, WatchKind
from nowake.sim.latency import Latency

QUOTE_NS = 100_000_000
"""Watches are looked at on a grid of this."""
VIEW_LEVELS = 5
_NEVER = 2**62


class BlockBook(Value, frozen=True):
    """A block-shaped book, in price and quantity units of its listing.

    Attributes:
        price_units: V before anybody trades, > 0.
        depth: q, quantity units per price unit, > 0.
        resilience: rho, per second, > 0.
        permanent: lambda, price units per quantity unit, in [0, 1/q).
        spread_units: s, >= 0.
        volume_rate: Quantity units a second that others trade with one another, >= 0.
    """

    price_units: int
    depth: float
    resilience: float
    permanent: float = 0.0
    spread_units: float = 0.0
    volume_rate: float = 0.0

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("price_units", "depth", "resilience"):
            require(0 < getattr(self, name) < math.inf, name, getattr(self, name), "a finite number > 0")
        for name in ("spread_units", "volume_rate"):
            require(0 <= getattr(self, name) < math.inf, name, getattr(self, name), "a finite number >= 0")
        require(0 <= self.permanent < 1 / self.depth, "permanent", self.permanent, "in [0, 1 / depth)")


@dataclass(slots=True)
class _State:
    """The book at one instant: steady price, and by how much each side's quote is away from where it rests."""

    t_ns: int
    steady: float
    away: dict[Side, float]
    mid2_time: float = 0.0
    spread_time: float = 0.0

    def decayed(self, book: BlockBook, t_ns: int) -> _State:
        """Return the book at a later instant with nothing traded between; the integrals are exact."""
        seconds = (t_ns - self.t_ns) / NS_PER_SECOND
        left = math.exp(-book.resilience * seconds)
        buy, sell = self.away[Side.BUY], self.away[Side.SELL]
        area = (1 - left) / book.resilience  # of one unit of displacement, in seconds
        per = NS_PER_SECOND / 1e6
        return _State(
            t_ns,
            self.steady,
            {Side.BUY: buy * left, Side.SELL: sell * left},
            self.mid2_time + per * (2 * self.steady * seconds + (buy - sell) * area),
            self.spread_time + per * (book.spread_units * seconds + (buy + sell) * area),
        )

    def quote(self, book: BlockBook, side: Side) -> float:
        """Return what a first share costs a buyer (BUY: the ask) or brings a seller (SELL: the bid), price units."""
        return self.steady + int(side) * (book.spread_units / 2 + self.away[side])


@dataclass(slots=True)
class _Order:
    child: ChildOrder
    status: ChildStatus = ChildStatus.WORKING
    fills: list[Fill] = field(default_factory=list)

    @property
    def cum_qty(self) -> int:
        return sum(fill.qty_units for fill in self.fills)

    def as_status(self) -> OrderStatus:
        return OrderStatus.of(self.child.child_id, self.status, self.cum_qty, self.fills)


def levels(book: BlockBook, quote: float, side: Side) -> Iterator[tuple[int, int]]:
    """Yield (price units, quantity units) of what ``side`` would take, best first, without end; none is empty.

    Args:
        book: The market.
        quote: Where it begins, price units, any number.
        side: Of the taker: BUY walks up the asks, SELL down the bids.
    """
    sign = int(side)
    price, taken = math.ceil(sign * quote - 0.5), 0
    while True:
        upto = math.floor(book.depth * (price + 0.5 - sign * quote) + 0.5)
        if upto > taken:
            yield sign * price, upto - taken
            taken = upto
        price += 1


class BlockMarket:
    """An Obizhaeva-Wang book that orders are sent to; a ``World``'s market and a ``core.ports.Venue``.

    Args:
        listing: Of a price grid of one unit and a lot of one.
        book: The market.
        start_ns: Local time at which it opens.
        end_ns: Local time at which it closes, > start_ns.
        latency: Decision, entry and response, fixed; data has none.
        seed: Goes into trade ids.

    Raises:
        InputError: One of them is not what it must be.
    """

    def __init__(
        self,
        listing: Listing,
        book: BlockBook,
        *,
        start_ns: int,
        end_ns: int,
        latency: Latency = Latency(),  # noqa: B008 - a frozen value
        seed: int = 0,
    ) -> None:
        require(end_ns > start_ns, "end_ns", end_ns, f"after the start, {start_ns}")
        drawn = latency.entry or latency.response or latency.data
        require(drawn is None, "latency", "partly drawn", "fixed", "this market knows fixed latencies only")
        require(listing.tick_units(book.price_units) == 1, "listing", listing.key, "of a price grid of one unit")
        self.listing, self.book, self.key = listing, book, listing.key
        self.start_ns, self.end_ns = start_ns, end_ns
        self._latency, self._seed = latency, seed
        self._lead_ns = latency.decision_ns + latency.entry_ns
        self._state = _State(start_ns, float(book.price_units), {Side.BUY: 0.0, Side.SELL: 0.0})
        self._orders: dict[str, _Order] = {}
        self._commands: deque[tuple[int, Callable[[int], None]]] = deque()
        self._messages: deque[VenueMessage] = deque()
        self._own: list[Fill] = []
        self._volume_own = 0
        self._notional_own = 0
        self.now_ns = start_ns

    # The venue port

    def submit(self, child: ChildOrder, now_ns: int) -> None:
        """Send a child; it arrives after decision and entry latency."""
        require(child.listing == self.key, "listing", child.listing, self.key)
        self._send(lambda t: self._submit(child, t), now_ns)

    def cancel(self, child_id: str, now_ns: int) -> None:
        """Ask to cancel a child."""
        self._send(lambda t: self._cancel(child_id, t), now_ns)

    def query(self, child_id: str, now_ns: int) -> None:
        """Ask what became of a child."""
        self._send(lambda t: self._query(child_id, now_ns, t), now_ns)

    def query_open(self, listing: str, now_ns: int) -> None:
        """Ask for all open orders."""
        require(listing == self.key, "listing", listing, self.key)
        self._send(lambda t: self._query_open(now_ns, t), now_ns)

    def poll(self, now_ns: int) -> tuple[VenueMessage, ...]:
        """Return the messages due by ``now_ns``, in the venue's order."""
        due = []
        while self._messages and self._messages[0].event.t_ns <= now_ns:
            message = self._messages.popleft()
            if isinstance(message.event, Filled):
                fill = message.event.fill
                self._own.append(fill)
                self._volume_own += fill.qty_units
                self._notional_own += fill.qty_units * fill.price_units
            due.append(message)
        return tuple(due)

    def truth(self) -> tuple[OrderStatus, ...]:
        """Return the venue's own record of every order and fill: for judging, never for deciding."""
        return tuple(order.as_status() for order in self._orders.values())

    # The market

    def first_valid_ns(self) -> int:
        """Return the first local time with a sound book: the start."""
        return self.start_ns

    def advance(self, until_ns: int, watches: Sequence[Watch] = ()) -> tuple[int, tuple[str, ...]]:
        """Move to the earliest of ``until_ns``, the first message due to us, the first quote at which a watch holds.

        Returns:
            (t_ns, fired): local time reached; ids of all watches that hold there, in rising order.
        """
        until_ns = max(until_ns, self.now_ns)
        while True:
            fired = tuple(sorted(one.watch_id for one in watches if self._holds(one)))
            message = self._messages[0].event.t_ns if self._messages else _NEVER
            command = self._commands[0][0] if self._commands else _NEVER
            if fired or message <= self.now_ns:
                return self.now_ns, fired
            quote = self.now_ns - self.now_ns % QUOTE_NS + QUOTE_NS if watches else _NEVER
            goal = min(until_ns, message, quote)
            if command <= goal:
                arrives, run = self._commands.popleft()
                self.now_ns = max(self.now_ns, arrives)
                self._state = self._state.decayed(self.book, self.now_ns)
                run(self.now_ns)
                continue
            reached = goal == until_ns
            self.now_ns = goal
            if reached:
                return self.now_ns, tuple(sorted(one.watch_id for one in watches if self._holds(one)))

    def end_of(self, listing: str) -> int:
        """Return the local time at which the market closes."""
        require(listing == self.key, "listing", listing, self.key)
        return self.end_ns

    def view(self, t_ns: int, listing: str = "") -> View:
        """Return the market at ``t_ns``, which is not before any trade so far."""
        require(listing in ("", self.key), "listing", listing, self.key)
        now, book = self._state.decayed(self.book, max(t_ns, self._state.t_ns)), self.book
        asks, bids = (self._top(now, side) for side in (Side.BUY, Side.SELL))
        ran_ns = max(t_ns - self.start_ns, 0)
        others = int(book.volume_rate * (ran_ns / NS_PER_SECOND))
        return View(
            listing=self.key,
            t_ns=t_ns,
            row=ran_ns // QUOTE_NS,
            integrity=Integrity.OK if t_ns <= self.end_ns else Integrity.CLOSED,
            bid_units=bids[0][0],
            ask_units=asks[0][0],
            bid_qty=bids[0][1],
            ask_qty=asks[0][1],
            bids=bids,
            asks=asks,
            volume_all=others + self._volume_own,
            volume_own=self._volume_own,
            notional_all=others * book.price_units + self._notional_own,
            mid2_time=int(now.mid2_time),
            mid_ns=ran_ns,
            spread_time=int(now.spread_time),
            since_ns=self.start_ns,
            last_units=self._own[-1].price_units if self._own else book.price_units if others else 0,
            last_row_ns=t_ns,
        )

    def _top(self, state: _State, side: Side) -> tuple[tuple[int, int], ...]:
        walk = levels(self.book, state.quote(self.book, side), side)
        return tuple(next(walk) for _ in range(VIEW_LEVELS))

    def _holds(self, watch: Watch) -> bool:
        view, a = self.view(self.now_ns), watch.a
        return {
            WatchKind.BID_NOT: view.bid_units != a,
            WatchKind.ASK_NOT: view.ask_units != a,
            WatchKind.BID_AT_LEAST: view.bid_units >= a,
            WatchKind.ASK_AT_MOST: view.ask_units <= a,
            WatchKind.VOLUME: view.volume_all >= a,
            WatchKind.QUEUE: False,
            WatchKind.INTEGRITY: view.integrity != a,
        }[watch.kind]

    # What happens at the venue

    def _send(self, command: Callable[[int], None], now_ns: int) -> None:
        require(now_ns >= self.now_ns, "now_ns", now_ns, f">= {self.now_ns}, where the market stands")
        self._commands.append((now_ns + self._lead_ns, command))

    def _say(self, event: AnyInput) -> None:
        self._messages.append(VenueMessage(event=event, raw=to_msgpack(event)))

    def _submit(self, child: ChildOrder, t_ns: int) -> None:
        said_ns = t_ns + self._latency.response_ns
        problem = self._problem(child)
        if problem is not None:
            if child.child_id not in self._orders:
                self._orders[child.child_id] = _Order(child, ChildStatus.REJECTED)
            code, text = problem
            self._say(Rejected(t_ns=said_ns, child_id=child.child_id, t_venue_ns=t_ns, code=code, text=text))
            return
        order = self._orders[child.child_id] = _Order(child)
        self._say(Acked(t_ns=said_ns, child_id=child.child_id, t_venue_ns=t_ns))
        for price, qty in self._taken(child):
            self._fill(order, price, qty, t_ns)
        if order.cum_qty == child.qty_units:
            order.status = ChildStatus.FILLED
        elif child.tif.immediate:
            self._end(order, ChildStatus.EXPIRED, t_ns)

    def _problem(self, child: ChildOrder) -> tuple[str, str] | None:
        """Return (code, text) of why a child cannot be accepted, or None."""
        if child.child_id in self._orders:
            return "duplicate-id", "this id has been used"
        if child.tif.auction or child.peg is not Peg.NONE:
            return "other", "this market knows neither auctions nor pegs"
        market = child.order_type is OrderType.MARKET
        touch = self._top(self._state, child.side)[0][0]
        if said := self.listing.order_problem(touch if market else child.price_units, child.qty_units):
            return "grid", said
        if child.order_type is OrderType.POST_ONLY and int(child.side) * (child.price_units - touch) >= 0:
            return "would-cross", "it would take liquidity"
        return None

    def _taken(self, child: ChildOrder) -> list[tuple[int, int]]:
        """Return (price, quantity) of what a child takes at once, best first, none under its minimum."""
        quote, sign = self._state.quote(self.book, child.side), int(child.side)
        left, found = child.qty_units, []
        for price, qty in levels(self.book, quote, child.side):
            beyond = child.order_type is not OrderType.MARKET and sign * (price - child.price_units) > 0
            if not left or beyond or price <= 0:
                break
            found.append((price, min(qty, left)))
            left -= found[-1][1]
        least = child.qty_units if child.tif is TimeInForce.FOK else child.min_qty_units
        return found if child.qty_units - left >= least else []

    def _fill(self, order: _Order, price: int, qty: int, t_ns: int) -> None:
        """Execute ``qty`` at one level: the venue's record, the message, and the mark it leaves on the book."""
        child, book = order.child, self.book
        fill = Fill(
            child_id=child.child_id,
            trade_id=digest("trade", self.key, self._seed, child.child_id, len(order.fills), length=16),
            price_units=price,
            qty_units=qty,
            fee_money=self.listing.fees.fee(self.listing.instrument, price, qty, maker=False),
            liquidity=Liquidity.TAKER,
            t_venue_ns=t_ns,
            unprinted=True,
        )
        order.fills.append(fill)
        self._state.steady += int(child.side) * book.permanent * qty
        self._state.away[child.side] += qty * (1 / book.depth - book.permanent)
        self._say(Filled(t_ns=t_ns + self._latency.response_ns, fill=fill))

    def _end(self, order: _Order, status: ChildStatus, t_ns: int) -> None:
        order.status = status
        said_ns, child_id = t_ns + self._latency.response_ns, order.child.child_id
        self._say(Ended(t_ns=said_ns, child_id=child_id, t_venue_ns=t_ns, status=status, cum_qty=order.cum_qty))

    def _cancel(self, child_id: str, t_ns: int) -> None:
        order = self._orders.get(child_id)
        if order is not None and not order.status.terminal:
            self._end(order, ChildStatus.CANCELED, t_ns)
            return
        code = "unknown" if order is None or order.status is ChildStatus.REJECTED else "too-late"
        said_ns = t_ns + self._latency.response_ns
        self._say(CancelRejected(t_ns=said_ns, child_id=child_id, t_venue_ns=t_ns, code=code))

    def _query(self, child_id: str, requested_ns: int, t_ns: int) -> None:
        order = self._orders.get(child_id)
        status = OrderStatus(child_id=child_id, known=False) if order is None else order.as_status()
        self._say(StatusReported(t_ns=t_ns + self._latency.response_ns, status=status, requested_ns=requested_ns))

    def _query_open(self, requested_ns: int, t_ns: int) -> None:
        live = tuple(order.as_status() for order in self._orders.values() if not order.status.terminal)
        said_ns = t_ns + self._latency.response_ns
        self._say(OpenOrdersReported(t_ns=said_ns, requested_ns=requested_ns, statuses=live))
