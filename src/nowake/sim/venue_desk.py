"""The clerk's half of a simulated venue: who sent what, what it answers, what a fill costs.

It numbers the reports, knows every order that ever came, and counts messages and volume by ``sim.rules``. What an order
meets is the business of ``sim.venue``.
"""

from __future__ import annotations

from nowake.core.child import ChildOrder, ChildStatus, OrderStatus
from nowake.core.instrument import FeeSchedule, Listing
from nowake.sim.reports import Report, VenueOrder
from nowake.sim.rules import MessageMeter, VenueRules


def retry_text(wait_ns: int) -> str:
    """Return when a message that came too soon may come again, in words."""
    return f"retry after {wait_ns} ns"


class VenueDesk:
    """Orders by id, reports by number.

    Args:
        listing: What is traded.
        fees: What fills cost below the first tier.
        rules: Message rates and fee tiers.
    """

    def __init__(self, listing: Listing, fees: FeeSchedule, rules: VenueRules) -> None:
        self.listing = listing
        self.fees = fees
        self.rules = rules
        self.volume = rules.volume_before
        self._by_id: dict[str, VenueOrder] = {}
        self._sequence = 0
        self._meter = MessageMeter(rules)

    def truth(self) -> tuple[OrderStatus, ...]:
        """Return every order it ever accepted or refused, with all fills, in order of arrival."""
        return tuple(order.as_status() for order in self._by_id.values())

    def child(self, child_id: str) -> ChildOrder:
        """Return a child it knows."""
        return self._by_id[child_id].child

    def _report(self, kind: str, child_id: str, t_ns: int, **more: object) -> Report:
        self._sequence += 1
        return Report(sequence=self._sequence, kind=kind, child_id=child_id, t_venue_ns=t_ns, **more)  # type: ignore[arg-type]

    def _reject(self, order: VenueOrder, t_ns: int, code: str, text: str) -> list[Report]:
        order.status = ChildStatus.REJECTED
        return [self._report("rejected", order.child.child_id, t_ns, code=code, text=text)]

    def _fees_now(self, price_units: int, qty: int) -> FeeSchedule:
        """Return the fees of a fill: those of the tier that the volume before it has reached."""
        fees = self.rules.fees_at(self.volume, self.fees)
        if self.rules.fee_tiers:
            self.volume += self.listing.instrument.notional(price_units, qty)
        return fees

    def query(self, child_id: str, requested_ns: int, t_ns: int) -> list[Report]:
        """Say what became of a child."""
        order = self._by_id.get(child_id)
        status = OrderStatus(child_id=child_id, known=False) if order is None else order.as_status()
        return [self._report("status", child_id, t_ns, statuses=(status,), requested_ns=requested_ns)]

    def query_open(self, requested_ns: int, t_ns: int) -> list[Report]:
        """List the orders that can still trade."""
        live = tuple(order.as_status() for order in self._by_id.values() if not order.status.terminal)
        return [self._report("open-orders", "", t_ns, statuses=live, requested_ns=requested_ns)]
