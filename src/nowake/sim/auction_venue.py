"""A venue that holds auctions beside trading continuously: orders gather, then trade at one price (``sim.auction``)."""

from __future__ import annotations

from typing import Any

from nowake.core.child import ChildOrder, ChildStatus, TimeInForce
from nowake.core.order import Side
from nowake.sim import layout as lay
from nowake.sim.auction import auction_ns, inside_print, interest_of
from nowake.sim.reports import Report, VenueOrder
from nowake.sim.rules import grid_refusal
from nowake.sim.venue import SimVenue


class AuctionVenue(SimVenue):
    """What ``SimVenue`` does, and the auctions of its session."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._gathered: list[VenueOrder] = []

    def submit(self, child: ChildOrder, t_ns: int) -> list[Report]:
        """Accept or refuse a child that arrives at venue time ``t_ns``: for an auction, or for the book."""
        if not child.tif.auction:
            return super().submit(child, t_ns)
        order = VenueOrder(child)
        refused = self._refuse_message(order, t_ns)
        return self._gather(order, t_ns) if refused is None else refused

    def _gather(self, order: VenueOrder, t_ns: int) -> list[Report]:
        """Take an order on for an auction."""
        child = order.child
        instant = auction_ns(self._session, child.tif, t_ns)
        if instant is None or t_ns >= instant:
            code = "no-auction" if instant is None else "too-late"
            return self._reject(order, t_ns, code, "there is no such auction any more on this day, or at this venue")
        if why := grid_refusal(self.listing, child, child.price_units):
            return self._reject(order, t_ns, *why)
        self._gathered.append(order)
        return [self._report("acked", child.child_id, t_ns)]

    def hold_auction(self, tif: TimeInForce, price_units: int, qty: int, t_ns: int) -> list[Report]:
        """Let what gathered trade inside the recorded print of an auction (0, 0 = none); the rest expires."""
        ready = [order for order in self._gathered if order.child.tif is tif and order.can_trade()]
        self._gathered = [order for order in self._gathered if order.child.tif is not tif]
        interest = [interest_of(order.child, order.open_qty) for order in ready]
        had = dict.fromkeys(Side, 0)  # of the same print, by orders that rest on the book
        for one in self._by_id.values():
            had[one.child.side] += sum(fill.qty_units for fill in one.fills if fill.t_venue_ns == t_ns)
        got = inside_print(interest, price_units, qty, self.rules.auction_share, self.listing.lot_units, had)
        reports = []
        for order, part in zip(ready, got, strict=True):
            if part:
                reports.append(self._filled(order, price_units, part, t_ns, lay.PRINTED, modelled=True))
            if order.can_trade():
                order.status = ChildStatus.EXPIRED
                reports += self._ended(order, t_ns)
        return reports
