"""Orders for a simulated venue, and its messages as the plain event loop writes them."""

from __future__ import annotations

from hypothesis import strategies as st
from market_rows import MS, START_NS

from nowake.core.child import ChildOrder, OrderType, Peg, TimeInForce
from nowake.core.inputs import Acked, AnyInput, CancelRejected, Ended, Filled, Rejected
from nowake.core.instrument import Listing
from nowake.core.order import Side
from nowake.market.seen_reference import ReferenceOverlay
from nowake.sim.exchange import SimMarket
from nowake.sim.impact import OwnImpact

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


def own_impacts() -> st.SearchStrategy[OwnImpact]:
    """Return own impacts on the random tapes: nothing, or up to a tick for some ten shares."""
    return st.builds(
        OwnImpact,
        permanent=st.sampled_from([0.0, 0.000371317]),  # no tie of the rounding
        transient=st.sampled_from([0.0, 0.000513241, 0.001710719]),
        kernel=st.sampled_from(["power-law", "exponential"]),
        t0_s=st.just(0.0213),
        horizon_s=st.just(100.0),
        decay_s=st.just(0.0317),
        half_life_s=st.sampled_from([None, 0.0, 0.03]),
    )


def plain_overlay(own: OwnImpact, listing: Listing | None = None) -> ReferenceOverlay:
    """Return the plain form of an own impact, by default on the listing of the random tapes: cents, ticks, shares."""
    unit = 1 if listing is None else max(band.step_units for band in listing.ticks)
    scale = 100.0 if listing is None else float(listing.instrument.qty_unit / listing.instrument.price_unit)
    made = own.transient_kernel().as_exponentials()
    terms = [(scale * own.transient * float(w), float(r) / 1e9) for w, r in zip(made.weights, made.rates, strict=True)]
    return ReferenceOverlay(half_ns=own.half_ns, unit=unit, permanent=scale * own.permanent, terms=terms)
