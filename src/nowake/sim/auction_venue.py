"""A venue that holds auctions beside trading continuously, and whose session ends: what it does by itself.

Orders gather in the call phase of an auction (``sim.calls``) and trade at one price (``sim.auction``): with the
recorded book where that collected orders and crosses, else inside the recorded print. Which print that was shows only
when ``auction.WINDOW_NS`` are over: it is asked for then, never before. ``due_ns`` says when the venue acts next.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable
from functools import partial
from operator import itemgetter
from typing import Any

from nowake.core.child import ChildOrder, ChildStatus, OrderType, Peg, TimeInForce
from nowake.core.order import Side
from nowake.core.tape import Tape
from nowake.core.view import Indication
from nowake.market import book as bk
from nowake.sim import auction as au
from nowake.sim import layout as lay
from nowake.sim import own_orders as own
from nowake.sim.calls import Auction, Call, Calls
from nowake.sim.merge import VenueRows
from nowake.sim.reports import Report, VenueOrder
from nowake.sim.rules import SelfTrade, WhileHalted, grid_refusal
from nowake.sim.venue import SimVenue, same_terms


def _plain(child: ChildOrder) -> bool:
    """Return whether an order that rests may wait for an auction too."""
    limit = child.order_type is OrderType.LIMIT and child.peg is Peg.NONE and not child.min_qty_units
    return limit and child.tif is TimeInForce.GTC


class AuctionVenue(SimVenue):
    """What ``SimVenue`` does; the auctions of its session and after halts; the end of orders at the close.

    Args:
        tape: The market.
        rows: Of the tape, as the venue sees them.
        more: As for ``SimVenue``.

    Attributes:
        indicated: (venue time, what is indicated from then on; None = no call any more) since it was last emptied.
    """

    def __init__(self, tape: Tape, *, rows: VenueRows, **more: Any) -> None:
        super().__init__(tape, **more)
        self._tape, self._rows = tape, rows
        self._gathered: dict[Auction, list[VenueOrder]] = {auction: [] for auction in Auction}
        self._calls = Calls(tape, rows, self._session, self.rules)
        self._events: list[tuple[int, Callable[[], list[Report]]]] = []
        self._planned: set[tuple[Auction, int]] = set()
        self._crossing: list[VenueOrder] = []  # in an auction whose print is not known yet
        self._held_ns = dict.fromkeys(Auction, -lay.NEVER)  # the newest that was held
        self._close_ns = lay.NEVER
        self.indicated: list[tuple[int, Indication | None]] = []
        self._plan_indication(int(rows.times[0]) - 1)
        for instant in self._calls.reopenings:
            self._plan_auction(Auction.REOPEN, instant)

    @property
    def due_ns(self) -> int:
        """Return the venue time at which it acts by itself, after the rows of that time; ``layout.NEVER`` = never."""
        first = self._events[0][0] if self._events else lay.NEVER
        return self._close_ns - 1 if self._close_ns <= first and self._stands else first

    @property
    def _stands(self) -> bool:
        """Return whether an order waits that the close of the session ends."""
        return self.has_live or bool(self._gathered[Auction.REOPEN])

    def act(self) -> list[Report]:
        """Do what is due."""
        if self._stands and self._close_ns - 1 == self.due_ns:
            return self._close(self._close_ns)
        _, run = self._events.pop(0)
        return run()

    def _plan(self, t_ns: int, run: Callable[[], list[Report]]) -> None:
        insort(self._events, (t_ns, run), key=itemgetter(0))

    def submit(self, child: ChildOrder, t_ns: int) -> list[Report]:
        """Accept or refuse a child that arrives at venue time ``t_ns``: for an auction, or for the book."""
        auction = self._waits_for(child, t_ns)
        if auction is None:
            return super().submit(child, t_ns)
        order = VenueOrder(child)
        refused = self._refuse_message(order, t_ns)
        return self._gather(order, auction, t_ns) if refused is None else refused

    def _waits_for(self, child: ChildOrder, t_ns: int) -> Auction | None:
        """Return the auction that an order gathers for, None = it is for the book."""
        if child.tif.auction:
            return Auction.OPEN if child.tif is TimeInForce.OPG else Auction.CLOSE
        if not _plain(child):
            return None
        rests = self.rules.reopen_by_auction and self.rules.while_halted is WhileHalted.REST
        if rests and self.book[bk.HALT_STATE] and self._hours.is_open(t_ns):
            return Auction.REOPEN
        if self.rules.limits_in_auctions and not self._hours.is_open(t_ns):
            opens = au.auction_ns(self._session, TimeInForce.OPG, t_ns)
            if opens is not None and opens - self.rules.call_ns <= t_ns < opens:
                return Auction.OPEN
        return None

    def _gather(self, order: VenueOrder, auction: Auction, t_ns: int) -> list[Report]:
        """Take an order on for an auction."""
        child = order.child
        if t_ns < self._held_ns[auction]:
            return self._reject(order, t_ns, "too-late", "this auction has been held")
        if auction.tif is not None:
            instant = au.auction_ns(self._session, auction.tif, t_ns)
            if instant is None or t_ns >= instant - 1:  # what arrives as it is held comes after it
                code = "no-auction" if instant is None else "too-late"
                return self._reject(
                    order, t_ns, code, "there is no such auction any more on this day, or at this venue"
                )
            self._plan_auction(auction, instant)
        if why := grid_refusal(self.listing, child, child.price_units):
            return self._reject(order, t_ns, *why)
        self._gathered[auction].append(order)
        self._await_close(t_ns)
        return [self._report("acked", child.child_id, t_ns)]

    def _plan_auction(self, auction: Auction, instant: int) -> None:
        """Hold an auction after all rows before its instant."""
        if (auction, instant) not in self._planned:
            self._planned.add((auction, instant))
            self._plan(instant - 1, partial(self._uncross, auction, instant))

    def _frozen(self, order: VenueOrder, t_ns: int) -> bool:
        """Return whether it is too late to take an order out of its auction: whatever it gets there, it has got."""
        if order in self._crossing:
            return True
        tif = next((one.tif for one, orders in self._gathered.items() if order in orders), None)
        instant = au.auction_ns(self._session, tif, t_ns) if tif else None
        return instant is not None and self.rules.freeze_ns > 0 and t_ns >= instant - self.rules.freeze_ns

    def cancel(self, child_id: str, t_ns: int) -> list[Report]:
        """Cancel what is left of an order at venue time ``t_ns``."""
        order = self._by_id.get(child_id)
        if order is not None and order.can_trade() and self._frozen(order, t_ns):
            return [self._report("cancel-rejected", child_id, t_ns, code="frozen", text="too near its auction")]
        return super().cancel(child_id, t_ns)

    def replace(self, old_id: str, child: ChildOrder, t_ns: int) -> list[Report]:
        """Let ``child`` take the place of an order, as ``SimVenue`` does; in an auction's book too."""
        old = self._by_id.get(old_id)
        waiting = (*self._gathered.values(), self._crossing)
        gathered = next((orders for orders in waiting if old in orders), None)
        if old is None or gathered is None or not old.can_trade():
            return super().replace(old_id, child, t_ns)
        order = VenueOrder(child, cum_qty=old.cum_qty)
        if (refused := self._refuse_message(order, t_ns)) is not None:
            return refused
        why = ("frozen", "too near its auction") if self._frozen(old, t_ns) else None
        if child.side is not old.child.side or child.tif is not old.child.tif:
            why = "other", "a replacement has the side and the time in force of the old order"
        elif not (child.tif.auction or _plain(child)):
            why = "other", "only a limit order can wait for this auction"
        why = why or grid_refusal(self.listing, child, child.price_units)
        if why is not None:
            return self._reject(order, t_ns, *why)
        keeps = order.open_qty <= old.open_qty and same_terms(child, old.child)
        gathered.insert(gathered.index(old) if keeps else len(gathered), order)
        gathered.remove(old)
        reports = [*self._cancel(old, t_ns), self._report("acked", child.child_id, t_ns)]
        return reports if order.open_qty > 0 else reports + self._cancel(order, t_ns)

    def _rest(self, order: VenueOrder, side: int, key: int, left: int, t_ns: int) -> None:
        super()._rest(order, side, key, left, t_ns)
        self._await_close(t_ns)

    def _await_close(self, t_ns: int) -> None:
        if self._hours.is_open(t_ns):
            self._close_ns = self._hours.next_change(t_ns)

    def _close(self, t_ns: int) -> list[Report]:
        """End what waits as the session closes at ``t_ns``; what rests may wait for the closing auction."""
        if self._hours.is_open(t_ns):
            self._await_close(t_ns)  # a session around the clock: another day begins
            return []
        self._close_ns = lay.NEVER
        joins = self.rules.limits_in_auctions and au.auction_ns(self._session, TimeInForce.CLS, t_ns) == t_ns
        waiting = self._pulled() if joins else []
        if waiting:
            self._gathered[Auction.CLOSE] = waiting + self._gathered[Auction.CLOSE]
            self._plan_auction(Auction.CLOSE, t_ns)
        ended = [*self._standing(), *self._gathered[Auction.REOPEN]]
        self._gathered[Auction.REOPEN] = []
        return [report for order in ended if order.can_trade() for report in self._expire(order, t_ns)]

    def _expire(self, order: VenueOrder, t_ns: int) -> list[Report]:
        bounds = order.bounds(self.fronts)
        self._free(order)
        order.status = ChildStatus.EXPIRED
        return self._ended(order, t_ns, bounds)

    def _standing(self) -> list[VenueOrder]:
        """Return what rests on the book, in order of arrival."""
        return [order for order in self._by_id.values() if order.slot >= 0]

    def _pulled(self) -> list[VenueOrder]:
        """Take what rests off the book, in order of arrival, to trade in an auction; pegs stay."""
        found = [order for order in self._standing() if order.child.peg is Peg.NONE]
        for order in found:
            order.followed = False
            self._free(order)
        return found

    def _recorded_interest(self, auction: Auction) -> list[au.Interest]:
        """Return what the recorded book would do: before an opening and in a halt, or where its orders take part."""
        if auction is Auction.CLOSE and not self.rules.limits_in_auctions:
            return []
        return au.interest_of_book(self.book, self._base + self.shift_units)

    def _reference(self) -> int:
        """Return the price nearest to which an auction is held: the last print, else the recorded mid, else 1."""
        if price := au.last_print(self._tape, self._rows, int(self.stats[lay.V_CURSOR])):
            return price
        bid, ask = (bk.levels(self.book, side, 1) for side in (0, 1))
        mid = (bid[0][0] - ask[0][0]) // 2 if bid and ask else 0
        return max(1, self._base + mid)

    def _uncross(self, auction: Auction, instant: int) -> list[Report]:
        """Hold an auction with the recorded book if that crosses; else those that are for it alone wait for its print.

        The others trade continuously from now on: a print of the auction meets them as any print meets what rests.
        """
        self._held_ns[auction] = instant
        best = [bk.levels(self.book, side, 1) for side in (0, 1)]
        crossed = auction is not Auction.CLOSE and all(best) and best[0][0][0] + best[1][0][0] >= 0
        gathered, self._gathered[auction] = self._gathered[auction], []
        pulled = self._pulled() if auction is Auction.REOPEN else []
        ready = [order for order in pulled + gathered if order.can_trade()]
        reports = self._held_with_book(auction, ready, instant) if crossed else []
        waits = [order for order in ready if auction is Auction.CLOSE or order.child.tif.auction]
        if waits and not crossed:
            self._crossing += waits
            self._plan(instant + au.WINDOW_NS, partial(self._inside_print, waits, instant))
        for order in ready:
            if order not in waits:
                reports += self._go_on(order, instant, takes=not crossed)
            elif crossed and order.can_trade():
                reports += self._expire(order, instant)
        return reports

    def _held_with_book(self, auction: Auction, ready: list[VenueOrder], t_ns: int) -> list[Report]:
        """Let what gathered trade with the recorded book at one price; recorded orders are before ours at a limit."""
        others = self._recorded_interest(auction)
        interest = others + [au.interest_of(order.child, order.open_qty) for order in ready]
        cross, filled = au.uncross(interest, self._reference())
        price = cross.price_units if cross is not None else 0
        return self._shared_out(ready, filled[len(others) :], price, t_ns, t_ns)

    def _shared_out(
        self, ready: list[VenueOrder], got: list[int], price: int, t_ns: int, traded_ns: int
    ) -> list[Report]:
        """Report at ``t_ns`` what orders got of what traded at ``traded_ns``, whose bar limits it."""
        reports, lot = [], self.listing.lot_units
        running, (most, until) = self._bar_room(t_ns), self._bars.room(traded_ns)
        is_running = until == self.stats[lay.V_BAR_UNTIL]
        room = running if is_running else most - self._filled_in_bar(until)
        for order, part in zip(ready, got, strict=True):
            if part := max(min(part, room), 0) // lot * lot:
                room -= part
                if is_running:
                    self._use_bar(part)
                reports.append(self._filled(order, price, part, t_ns, lay.PRINTED, modelled=True))
        return reports

    def _filled_in_bar(self, until_ns: int) -> int:
        """Return what was filled in the bar that ended at a time."""
        fills = [fill for order in self._by_id.values() for fill in order.fills]
        return sum(fill.qty_units for fill in fills if self._bars.room(fill.t_venue_ns)[1] == until_ns)

    def _inside_print(self, waits: list[VenueOrder], instant: int) -> list[Report]:
        """Let what waited trade inside the recorded print of an auction, now that it is known; the rest is over."""
        t_ns = instant + au.WINDOW_NS
        self._crossing = [order for order in self._crossing if order not in waits]
        printed_ns, price, qty = au.recorded_print(self._tape, self._rows, instant)
        had = dict.fromkeys(Side, 0)  # of the same print, by orders that rested on the book
        for one in self._by_id.values():
            had[one.child.side] += sum(fill.qty_units for fill in one.fills if fill.t_venue_ns == printed_ns)
        interest = [au.interest_of(order.child, order.open_qty) for order in waits]
        got = au.inside_print(interest, price, qty, self.rules.auction_share, self.listing.lot_units, had)
        reports = self._shared_out(waits, got, price, t_ns, printed_ns)
        return reports + [report for order in waits if order.can_trade() for report in self._expire(order, t_ns)]

    def _go_on(self, order: VenueOrder, t_ns: int, *, takes: bool) -> list[Report]:
        """Let what an auction left of an order trade continuously; where that would meet own orders, their rule holds.

        With ``takes`` what crosses the recorded book takes from it before it rests: that book had no part yet. An order
        that cannot take rests. The newest that would be refused for an own order ends: it was accepted long since.
        """
        if not order.can_trade():
            return []
        side = 0 if order.child.side is Side.BUY else 1
        self._age(t_ns)
        key = self._arrival_key(order.child, side)
        passive = order.child.order_type is OrderType.POST_ONLY
        meets = own.first_met(self.orders, self._in_slot, side, key) is not None
        if meets and (passive or self.rules.self_trade is SelfTrade.REJECT_NEWEST):
            return self._cancel(order, t_ns)
        reports = [] if passive else self._match(order, side, key, t_ns, walks=takes)
        if order.status.terminal:
            return reports
        if order.open_qty <= 0:
            return reports + self._cancel(order, t_ns)
        self._rest(order, side, self._arrival_key(order.child, side), order.open_qty, t_ns)
        return reports

    def _plan_indication(self, t_ns: int) -> None:
        due = self._calls.next_ns(t_ns)
        if due is not None:
            self._plan(due, partial(self._indicate, due))

    def _indicate(self, t_ns: int) -> list[Report]:
        """Publish what would trade now, or that a call is over."""
        call = self._calls.call_at(t_ns)
        self.indicated.append((t_ns, None if call is None else self._indication(call, t_ns)))
        self._plan_indication(t_ns)
        return []

    def _indication(self, call: Call, t_ns: int) -> Indication:
        orders = [order for order in self._gathered[call.auction] if order.can_trade()]
        if call.auction is Auction.REOPEN or (call.auction is Auction.CLOSE and self.rules.limits_in_auctions):
            orders += [order for order in self._standing() if order.child.peg is Peg.NONE]
        interest = self._recorded_interest(call.auction)
        interest += [au.interest_of(order.child, order.open_qty) for order in orders]
        reference = self._reference()
        cross = au.indicative(interest, reference)
        surplus = (cross or au.crosses_at(interest, [reference])[0]).surplus_units
        return Indication(
            t_venue_ns=t_ns,
            uncross_ns=call.ends_ns if call.known else 0,
            price_units=cross.price_units if cross else 0,
            qty_units=cross.qty_units if cross else 0,
            surplus_units=surplus,
        )
