"""What a tactic sees and what it answers."""

from __future__ import annotations

from nowake.core.child import POST, TAKE, OrderType, TimeInForce
from nowake.core.instrument import Listing
from nowake.core.order import Side
from nowake.core.units import NS_PER_SECOND, format_duration, round_price
from nowake.core.value import Value
from nowake.core.view import View

WAIT = "wait"
"""Role of an intent to have nothing at the venue."""


class Situation(Value, frozen=True):
    """All that a tactic may look at; the view is tradable.

    Attributes:
        qty_units: What is wanted and not yet at the venue.
        release_ns, end_ns: Window of the current slice.
        last: Whether it is the plan's last slice.
        drops_rest: Whether the order's end behaviour is to drop what is left.
        must: Whether the order must be completed and is near its end.
        urgency: 0 to 1.
        limit_units: Never worse than this; None = none.
        collar: Furthest a taking price may be from the mid, fraction.
        min_fill_units: A child must trade at least this or nothing; 0 = anything.
        discretion_units: Take when the far touch is at most this far from the own one; None = never.
        behind: Whether an order that follows volume is under the floor of its band.
    """

    side: Side
    listing: Listing
    view: View
    qty_units: int
    release_ns: int
    end_ns: int
    last: bool
    drops_rest: bool
    must: bool
    urgency: float
    limit_units: int | None
    collar: float
    min_fill_units: int = 0
    discretion_units: int | None = None
    behind: bool = False

    @property
    def own_touch(self) -> int:
        """Return the best price of the own side."""
        return self.view.bid_units if self.side is Side.BUY else self.view.ask_units

    @property
    def far_touch(self) -> int:
        """Return the best price of the opposite side."""
        return self.view.ask_units if self.side is Side.BUY else self.view.bid_units

    def within_limit(self, price_units: int) -> bool:
        """Return whether a price is at the limit or better."""
        return self.limit_units is None or (self.limit_units - price_units) * self.side >= 0

    def at_limit(self, price_units: int) -> int:
        """Return the price, or the limit where the price is worse, on the tick grid and never worse than the limit."""
        if not self.within_limit(price_units):
            assert self.limit_units is not None
            price_units = self.limit_units
        return round_price(price_units, self.listing.tick_units(price_units), int(self.side))


class Intent(Value, frozen=True):
    """What should stand at the venue.

    Attributes:
        role: ``post``, ``take`` or ``would`` name the leg; ``wait`` wants nothing there.
        changes_ns: When the intent will be another one without the market moving; 0 = never.
        until: What it changes to then, where the reason says how long that is; empty = it does not say.
        pause_ns: Shortest time since the last child of this role.
        blocked: Why the tactic would rather do something else but cannot (``limit``), for the record.
        min_units: What the child must trade at once, or nothing.
    """

    role: str
    order_type: OrderType
    tif: TimeInForce
    price_units: int
    reason: str
    changes_ns: int = 0
    pause_ns: int = 0
    blocked: str = ""
    min_units: int = 0
    until: str = ""

    def said(self, now_ns: int) -> str:
        """Return the reason for the record, with how long it still holds: put in words only for what is sent."""
        left = f", {format_duration(self.changes_ns - now_ns)} before {self.until}" if self.until else ""
        return self.reason + left

    @property
    def takes(self) -> bool:
        """Return whether the child is to trade at once."""
        return self.tif is TimeInForce.IOC


def finish_margin_ns(situation: Situation) -> int:
    """Return how long before a slice's end the crossing of its rest begins: a fifth of it, at most 10 s."""
    return min(10 * NS_PER_SECOND, (situation.end_ns - situation.release_ns) // 5)


def closing_ns(situation: Situation) -> int:
    """Return when the last moments of the slice begin; 0 for the last slice of an order that drops its rest."""
    if situation.drops_rest and situation.last:
        return 0
    return situation.end_ns - finish_margin_ns(situation)


def closing(situation: Situation) -> bool:
    """Return whether the last moments of the slice have come."""
    begins_ns = closing_ns(situation)
    return 0 < begins_ns <= situation.view.t_ns


def pause_ns(situation: Situation) -> int:
    """Return how long the touch is given to refill between two crossings: a quarter of the slice, at most 15 s.

    In the slice's last moments half of what they last.
    """
    if closing(situation):
        return finish_margin_ns(situation) // 2
    return min((situation.end_ns - situation.release_ns) // 4, 15 * NS_PER_SECOND)


def post(situation: Situation, reason: str, changes_ns: int = 0, blocked: str = "", until: str = "") -> Intent:
    """Return the intent to join the own touch (or rest at the limit, where that is further away)."""
    return Intent(
        role=POST,
        order_type=OrderType.POST_ONLY,
        tif=TimeInForce.GTC,
        price_units=situation.at_limit(situation.own_touch),
        reason=reason,
        changes_ns=changes_ns,
        blocked=blocked,
        until=until,
    )


def at_discretion(situation: Situation) -> Intent | None:
    """Return the intent to take where the far touch has come within the discretion of the own one, else None."""
    reach = situation.discretion_units
    gap = (situation.far_touch - situation.own_touch) * situation.side
    if reach is None or gap > reach or not situation.within_limit(situation.far_touch):
        return None
    return take(situation, "takes at its discretion")


def wait(situation: Situation, reason: str, blocked: str) -> Intent:
    """Return the intent to have nothing at the venue for now."""
    return Intent(
        role=WAIT,
        order_type=OrderType.LIMIT,
        tif=TimeInForce.IOC,
        price_units=situation.far_touch,
        reason=reason,
        blocked=blocked,
    )


def take(situation: Situation, reason: str) -> Intent:
    """Return the intent to cross: immediate-or-cancel at the far touch.

    In the last moments of a slice the price reaches as deep as the visible book needs for the quantity, inside the
    collar: until then it waits for the touch to refill. Where the limit does not reach the far touch, the order rests
    at the limit instead.
    """
    price = situation.far_touch
    if closing(situation):
        price = _deep_enough(situation)
    if not situation.within_limit(situation.far_touch):
        return post(situation, "waits at the limit, which the far touch is beyond", blocked="limit")
    return Intent(
        role=TAKE,
        order_type=OrderType.LIMIT,
        tif=TimeInForce.IOC,
        price_units=situation.at_limit(price),
        reason=reason,
        changes_ns=closing_ns(situation),
        pause_ns=pause_ns(situation),
    )


def _deep_enough(situation: Situation) -> int:
    """Return the price of the level at which the visible book has the quantity, no further than the collar.

    Where a must-complete order wants more than the visible levels show, the collar itself.
    """
    levels = situation.view.asks if situation.side is Side.BUY else situation.view.bids
    mid2, collar = situation.view.mid2, situation.collar
    price, seen = situation.far_touch, 0
    for level_price, level_qty in levels:
        if abs(2 * level_price - mid2) > collar * mid2:
            return price
        price, seen = level_price, seen + level_qty
        if seen >= situation.qty_units:
            return price
    if not situation.must:
        return price
    reach = int(mid2 * (1 + int(situation.side) * collar) / 2)
    return round_price(reach, situation.listing.tick_units(reach), int(situation.side))
