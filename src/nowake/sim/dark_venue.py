"""A dark venue's half: orders that nobody sees, matched with hidden counter-orders at the mid of another market.

The mid is that of the *reference* as the venue knows it: rows reach it by its own data latency. It matches at nothing
but a sound mid: not on a reference that is empty, locked, crossed, halted, gapped, silent or closed. Rules:

- every order is pegged to the mid, and its price a cap: a buy trades at its price or lower;
- an order that may take, as it arrives, trades with the counter-orders that are there, oldest first; what is left
  rests, or expires if it is immediate;
- a counter-order that arrives trades with the orders that rest here, oldest first, at most its size in all;
- a minimum quantity holds for what an order gets at once as it arrives, and for each execution as it rests; an order
  of which less is left asks for no more than that; fill-or-kill asks for all of it;
- prices are in ``price_unit``, so half a tick is possible; half of a unit is rounded against us;
- executions happen only as somebody arrives: a mid that moves under a cap meets nobody until then.

Counter-orders do not know of the lit market's next move: fills carry no adverse selection (docs/models/dark.md says
what was measured).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from nowake.core.child import ChildOrder, ChildStatus, Fill, Liquidity, OrderStatus, OrderType, Peg, TimeInForce
from nowake.core.ids import digest
from nowake.core.instrument import FeeSchedule, Listing
from nowake.core.order import Side
from nowake.market.hours import Hours
from nowake.market.own import OwnMarket
from nowake.models.dark import Arrival, Arrivals
from nowake.sim.reports import Report
from nowake.sim.rules import grid_refusal


@dataclass(slots=True)
class _Order:
    """A child that the venue knows."""

    child: ChildOrder
    cum_qty: int = 0
    status: ChildStatus = ChildStatus.WORKING
    fills: list[Fill] = field(default_factory=list)

    @property
    def leaves(self) -> int:
        return 0 if self.status.terminal else self.child.qty_units - self.cum_qty

    def as_status(self) -> OrderStatus:
        return OrderStatus.of(self.child.child_id, self.status, self.cum_qty, self.fills)


class DarkVenue:
    """The matching of a dark venue, in its own time.

    Args:
        listing: Of kind dark.
        reference: The reference market as the venue receives it.
        arrivals: Its hidden counter-orders.
        fees: What fills cost.
        hours: When it is open.
        seed: Goes into trade ids.
    """

    def __init__(
        self, listing: Listing, reference: OwnMarket, arrivals: Arrivals, fees: FeeSchedule, hours: Hours, seed: int
    ) -> None:
        self.listing = listing
        self.reference = reference
        self.arrivals = arrivals
        self.fees = fees
        self._hours = hours
        self._seed = seed
        self._orders: dict[str, _Order] = {}
        self._gone: dict[tuple[Side, tuple[int, int]], int] = {}
        self._sequence = 0

    @property
    def has_live(self) -> bool:
        """Return whether an order of ours can still trade."""
        return any(order.leaves for order in self._orders.values())

    def truth(self) -> tuple[OrderStatus, ...]:
        """Return every order it ever accepted or refused, with all fills, in order of arrival."""
        return tuple(order.as_status() for order in self._orders.values())

    def mid2(self, t_ns: int) -> int:
        """Return twice the reference mid as the venue knows it at its time ``t_ns``, 0 = there is no sound one."""
        reached, _ = self.reference.advance(t_ns)
        view = self.reference.view(max(reached, t_ns), ())
        return view.mid2 if view.tradable and self._hours.is_open(t_ns) else 0

    def price(self, mid2: int, side: Side) -> int:
        """Return the mid in price units; half a unit is rounded against whoever is on ``side``."""
        return mid2 // 2 if side is Side.SELL else -(-mid2 // 2)

    def _report(self, kind: str, child_id: str, t_ns: int, **more: object) -> Report:
        self._sequence += 1
        return Report(sequence=self._sequence, kind=kind, child_id=child_id, t_venue_ns=t_ns, **more)  # type: ignore[arg-type]

    def submit(self, child: ChildOrder, t_ns: int) -> list[Report]:
        """Accept or refuse a child that arrives, match it, rest or expire what is left."""
        if child.child_id in self._orders:
            text = "this id has been used"
            return [self._report("rejected", child.child_id, t_ns, code="duplicate-id", text=text)]
        order = self._orders[child.child_id] = _Order(child)
        mid2 = self.mid2(t_ns)
        why = self._refusal(child, mid2, t_ns)
        if why is not None:
            order.status = ChildStatus.REJECTED
            return [self._report("rejected", child.child_id, t_ns, code=why[0], text=why[1])]
        reports = [self._report("acked", child.child_id, t_ns)]
        if child.order_type is not OrderType.POST_ONLY and self._meets(order, mid2):
            reports += self._take(order, mid2, t_ns)
        if order.leaves and child.tif is not TimeInForce.GTC:
            order.status = ChildStatus.EXPIRED
            reports.append(self._report("ended", child.child_id, t_ns, status=order.status, cum_qty=order.cum_qty))
        return reports

    def _refusal(self, child: ChildOrder, mid2: int, t_ns: int) -> tuple[str, str] | None:
        """Return (code, text) of why a child cannot be accepted, or None. A bad reference refuses nothing."""
        if not self._hours.is_open(t_ns):
            return "closed", "the session is closed"
        if child.peg is Peg.PRIMARY:
            return "other", "a dark venue shows no best price to peg to"
        if child.tif.auction:
            return "no-auction", "a dark venue holds no auction"
        tick = self.listing.tick_units(max(1, mid2 // 2))
        return grid_refusal(self.listing, child, child.price_units or mid2 // 2 // tick * tick)

    def _meets(self, order: _Order, mid2: int) -> bool:
        """Return whether the mid is sound and within the order's cap."""
        cap, side = order.child.price_units, order.child.side
        return mid2 > 0 and (cap == 0 or int(side) * (cap - self.price(mid2, side)) >= 0)

    def _left(self, one: Arrival) -> int:
        return one.qty - self._gone.get((one.side, one.key), 0)

    def _take(self, order: _Order, mid2: int, t_ns: int) -> list[Report]:
        """Trade an order that arrives with the counter-orders that are there."""
        other = Side.SELL if order.child.side is Side.BUY else Side.BUY
        there = [(one, left) for one in self.arrivals.present(other, t_ns) if (left := self._whole(self._left(one)))]
        whole = order.child.tif is TimeInForce.FOK
        if sum(left for _, left in there) < (order.child.qty_units if whole else order.child.min_qty_units):
            return []
        reports = []
        for one, left in there:
            if qty := min(left, order.leaves):
                reports.append(self._fill(order, one, qty, mid2, t_ns, maker=False))
        return reports

    def _whole(self, qty: int) -> int:
        return qty - qty % self.listing.lot_units

    def arrive(self, one: Arrival) -> list[Report]:
        """Trade a counter-order that arrives with the orders that rest here."""
        mid2 = self.mid2(one.t_ns)
        reports = []
        for order in self._orders.values():
            if order.leaves and order.child.side is not one.side and self._meets(order, mid2):
                qty = self._whole(min(self._left(one), order.leaves))
                if qty > 0 and qty >= min(order.child.min_qty_units, order.leaves):
                    reports.append(self._fill(order, one, qty, mid2, one.t_ns, maker=True))
        return reports

    def _fill(self, order: _Order, one: Arrival, qty: int, mid2: int, t_ns: int, *, maker: bool) -> Report:
        child = order.child
        price_units = self.price(mid2, child.side)
        fill = Fill(
            child_id=child.child_id,
            trade_id=digest("trade", self.listing.key, self._seed, child.child_id, len(order.fills), length=16),
            price_units=price_units,
            qty_units=qty,
            fee_money=self.fees.fee(self.listing.instrument, price_units, qty, maker=maker),
            liquidity=Liquidity.MAKER if maker else Liquidity.TAKER,
            t_venue_ns=t_ns,
            unprinted=True,
        )
        order.fills.append(fill)
        order.cum_qty += qty
        self._gone[one.side, one.key] = self._gone.get((one.side, one.key), 0) + qty
        if order.cum_qty == child.qty_units:
            order.status = ChildStatus.FILLED
        return self._report("filled", child.child_id, t_ns, fill=fill, cum_qty=order.cum_qty)

    def cancel(self, child_id: str, t_ns: int) -> list[Report]:
        """Cancel what is left of an order."""
        order = self._orders.get(child_id)
        if order is None or order.status is ChildStatus.REJECTED:
            return [self._report("cancel-rejected", child_id, t_ns, code="unknown")]
        if order.status.terminal:
            return [self._report("cancel-rejected", child_id, t_ns, code="too-late")]
        order.status = ChildStatus.CANCELED
        return [self._report("ended", child_id, t_ns, status=order.status, cum_qty=order.cum_qty)]

    def query(self, child_id: str, requested_ns: int, t_ns: int) -> list[Report]:
        """Say what became of a child."""
        order = self._orders.get(child_id)
        status = OrderStatus(child_id=child_id, known=False) if order is None else order.as_status()
        return [self._report("status", child_id, t_ns, statuses=(status,), requested_ns=requested_ns)]

    def query_open(self, requested_ns: int, t_ns: int) -> list[Report]:
        """List the orders that can still trade."""
        live = tuple(order.as_status() for order in self._orders.values() if not order.status.terminal)
        return [self._report("open-orders", "", t_ns, statuses=live, requested_ns=requested_ns)]
