"""Orders for a simulated venue, and its messages as the plain event loop writes them."""

from __future__ import annotations

from market_rows import MS, START_NS

from nowake.core.child import ChildOrder, OrderType, Peg, TimeInForce
from nowake.core.inputs import Acked, AnyInput, CancelRejected, Ended, Filled, Rejected
from nowake.core.order import Side
from nowake.sim.exchange import SimMarket

KEY = "TEST@SIM"


def child(
    name: str,
    side: Side,
    qty: int,
    price: int = 0,
    kind: str = "limit",
    tif: str = "gtc",
    listing: str = KEY,
    least: int = 0,
    peg: str = "none",
    display: int | None = None,
) -> ChildOrder:
    """Return a child order; ``kind`` is an order type, ``least`` its minimum quantity; a peg's price is its limit."""
    order_type = OrderType(kind)
    market = order_type is OrderType.MARKET
    return ChildOrder(
        child_id=name,
        parent_id="p",
        leg="l",
        attempt=0,
        listing=listing,
        side=side,
        order_type=order_type,
        tif=TimeInForce.IOC if market and tif == "gtc" else TimeInForce(tif),
        price_units=0 if market else price,
        qty_units=qty,
        role="x",
        min_qty_units=least,
        peg=Peg(peg),
        display_qty_units=display,
    )


def told(event: AnyInput) -> tuple[int, str, str, int, int, int]:
    """Return a message as the reference writes it."""
    t = event.t_ns
    if isinstance(event, Filled):
        fill = event.fill
        return t, "filled", fill.child_id, fill.t_venue_ns, fill.price_units, fill.qty_units
    kind = {Acked: "acked", Rejected: "rejected", Ended: "ended", CancelRejected: "cancel-rejected"}[type(event)]
    return t, kind, event.child_id, event.t_venue_ns, 0, event.cum_qty if isinstance(event, Ended) else 0


def run_to_end(market: SimMarket, until: int = START_NS + 10**6 * MS) -> list[AnyInput]:
    """Advance to ``until`` and return all that was delivered by then."""
    events: list[AnyInput] = []
    while True:
        t, _ = market.advance(until)
        found = [message.event for message in market.poll(t)]
        if t == until and not found:
            return events
        events += found
