"""What a simulated venue says, and what it remembers of an order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from nowake.core.child import ChildOrder, ChildStatus, Fill, OrderStatus
from nowake.core.tape import F64
from nowake.core.value import Value
from nowake.sim.layout import F_LEFT_MAX, F_LEFT_MIN


class Report(Value, frozen=True):
    """One report of the venue, by its own clock.

    Attributes:
        sequence: Counts the venue's reports.
        kind: acked, rejected, filled, ended, cancel-rejected, status, open-orders.
        t_venue_ns: Venue time.
        code, text: Why not, for refusals.
        bounds: With the last report of an order: what it would have been filled at worst and at best
            (``sim.bounds``). No venue says that: it is beside the event that the engine gets, never in it.
    """

    sequence: int
    kind: str
    child_id: str
    t_venue_ns: int
    fill: Fill | None = None
    status: ChildStatus | None = None
    cum_qty: int = 0
    code: str = ""
    text: str = ""
    statuses: tuple[OrderStatus, ...] = ()
    requested_ns: int = 0
    bounds: tuple[int, int] | None = None


class Mark(NamedTuple):
    """What one own fill did to the book, for those who will see it.

    Attributes:
        t_ns: Venue time; as time went on, local time.
        level: Whose recorded quantity it used up: key x 2 + side; NO_LEVEL = none.
        taken: How much of it.
        moved: What moves the shift: the quantity, a buy > 0.
    """

    t_ns: int
    level: int
    taken: int
    moved: int


@dataclass(slots=True, eq=False)
class VenueOrder:
    """A child the venue has accepted or refused.

    Attributes:
        slot, reserve: Its rows of ``orders`` (``sim.layout``), -1 = none.
        cum_qty: Filled so far, by it and by what it replaces.
        lost: Taken off it because it met an own order.
        fills: Its own.
        rested, followed: Whether it has stood on the book; whether its bounds are told (``sim.bounds``).
    """

    child: ChildOrder
    slot: int = -1
    reserve: int = -1
    cum_qty: int = 0
    lost: int = 0
    status: ChildStatus = ChildStatus.WORKING
    fills: list[Fill] = field(default_factory=list)
    rested: bool = False
    followed: bool = False

    @property
    def open_qty(self) -> int:
        """Return what of it may still trade while it is live."""
        return self.child.qty_units - self.cum_qty - self.lost

    def can_trade(self) -> bool:
        """Return whether it is not over."""
        return not self.status.terminal and self.open_qty > 0

    def bounds(self, fronts: F64) -> tuple[int, int] | None:
        """Return what it would have been filled at worst and at best, were it to end now; None = it is not followed."""
        if not self.rested:
            return self.cum_qty, self.cum_qty
        if not self.followed or self.lost:
            return None
        worst, best = (self.child.qty_units - int(fronts[self.slot, left]) for left in (F_LEFT_MAX, F_LEFT_MIN))
        # Own orders that share a print may get in each other's way in one world and not in another.
        return min(worst, self.cum_qty), max(best, self.cum_qty)

    def as_status(self) -> OrderStatus:
        """Return what the venue says of it when asked."""
        return OrderStatus.of(self.child.child_id, self.status, self.cum_qty, self.fills)
