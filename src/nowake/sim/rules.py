"""Rules of a simulated venue that no tape records: self-trades, halts, message rates, fee tiers."""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from enum import StrEnum

from nowake.core.child import ChildOrder
from nowake.core.instrument import FeeSchedule, Listing
from nowake.core.value import Value, check_types, require

SECOND_NS = 1_000_000_000
LEAST_NS = 1_000_000
"""What is indicated comes no faster: every instant of it is an event of the run."""


class SelfTrade(StrEnum):
    """What happens when an incoming order meets a resting one of the same account; they never trade.

    ``decrement`` takes the smaller quantity off both.
    """

    REJECT_NEWEST = "reject-newest"
    CANCEL_OLDEST = "cancel-oldest"
    CANCEL_BOTH = "cancel-both"
    DECREMENT = "decrement"


class WhileHalted(StrEnum):
    """What becomes of orders that arrive while trading is halted: refused, or taken on if they would rest."""

    REFUSE = "refuse"
    REST = "rest"


class FeeTier(Value, frozen=True):
    """The fees from a traded volume on.

    Attributes:
        from_volume: Account's volume, in the instrument's currency, from which they hold.
        fees: What fills then cost, or earn.
    """

    from_volume: Decimal
    fees: FeeSchedule

    def __post_init__(self) -> None:
        check_types(self)
        good = self.from_volume.is_finite() and self.from_volume >= 0
        require(good, "from_volume", self.from_volume, ">= 0")


class VenueRules(Value, frozen=True):
    """What a simulated venue does beside matching.

    Attributes:
        refresh_ns: From the fill that ends the displayed part of an iceberg to the next part in the queue; 0 = at once,
            for whoever comes next.
        self_trade: What happens when an order would meet one of our own.
        while_halted: What becomes of orders that arrive in a halt.
        messages_per_second: New orders, replacements and cancels accepted in any second, 0 = any number.
        cancel_reserve: How many of these are kept for cancels.
        fee_tiers: By rising volume; below the first, the listing's own fees hold.
        volume_before: The account's volume before the run that counts for the tiers (at most venues: of 30 days). What
            is filled in the run is added; within a run nothing falls out of the 30 days.
        auction_share: How much of a recorded auction's print each of our sides may have had, assumed.
        call_ns: How long before an opening or closing its call phase begins, in which price, size and surplus are
            indicated; 0 = nothing is. With ``reopen_by_auction`` more than 0 says that halts are call phases too.
        indicate_ns: How often they are.
        freeze_ns: So long before the instant of an auction its orders can no longer be cancelled or replaced.
        limits_in_auctions: Limit orders that would rest take part in the auctions of the session: they are accepted
            in the call before the opening, and what of them is on the book at the close is in the closing auction.
        reopen_by_auction: After a halt trading begins with an auction, of what rests and of what came meanwhile.
    """

    refresh_ns: int = 0
    self_trade: SelfTrade = SelfTrade.REJECT_NEWEST
    while_halted: WhileHalted = WhileHalted.REFUSE
    messages_per_second: int = 0
    cancel_reserve: int = 0
    fee_tiers: tuple[FeeTier, ...] = ()
    volume_before: Decimal = Decimal(0)
    auction_share: float = 0.1
    call_ns: int = 0
    indicate_ns: int = SECOND_NS
    freeze_ns: int = 0
    limits_in_auctions: bool = False
    reopen_by_auction: bool = False

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("refresh_ns", "call_ns", "freeze_ns"):
            require(getattr(self, name) >= 0, name, getattr(self, name), ">= 0")
        require(self.indicate_ns >= LEAST_NS, "indicate_ns", self.indicate_ns, f">= {LEAST_NS:,} (1 ms)")
        most, kept = self.messages_per_second, self.cancel_reserve
        require(most >= 0, "messages_per_second", most, ">= 0")
        room = 0 <= kept < most or kept == most == 0
        require(room, "cancel_reserve", kept, f">= 0 and below the {most} messages a second")
        require(0 <= self.auction_share <= 1, "auction_share", self.auction_share, "in [0, 1]")
        starts = [tier.from_volume for tier in self.fee_tiers]
        require(starts == sorted(set(starts)), "fee_tiers", starts, "by rising volume")
        good = self.volume_before.is_finite() and self.volume_before >= 0
        require(good, "volume_before", self.volume_before, ">= 0")

    def fees_at(self, volume: Decimal, listed: FeeSchedule) -> FeeSchedule:
        """Return the fees in force for an account with ``volume``; ``listed`` below the first tier."""
        reached = [tier.fees for tier in self.fee_tiers if tier.from_volume <= volume]
        return reached[-1] if reached else listed


class MessageMeter:
    """Counts the messages of the second that has passed; what is refused does not count."""

    def __init__(self, rules: VenueRules) -> None:
        self._most = rules.messages_per_second
        self._for_orders = rules.messages_per_second - rules.cancel_reserve
        self._taken: deque[int] = deque()

    def wait_ns(self, t_ns: int, *, cancel: bool) -> int:
        """Take a message at ``t_ns`` (never before the last) and return 0, or return after how long there is room."""
        if self._most == 0:
            return 0
        taken = self._taken
        while taken and taken[0] <= t_ns - SECOND_NS:
            taken.popleft()
        limit = self._most if cancel else self._for_orders
        if len(taken) < limit:
            taken.append(t_ns)
            return 0
        return taken[len(taken) - limit] + SECOND_NS - t_ns


def grid_refusal(listing: Listing, child: ChildOrder, price_units: int) -> tuple[str, str] | None:
    """Return (code, text) of why price and quantities are off a venue's tables, or None; price 0 = not known."""
    qty = child.qty_units
    if price_units > 0 and (problem := listing.order_problem(price_units, qty)):
        if qty % listing.lot_units or price_units % listing.tick_units(price_units):
            return "grid", problem
        return "min-notional" if qty < listing.min_order_units(price_units) else "max-quantity", problem
    if qty % listing.lot_units:
        return "grid", f"quantity {qty} is not a multiple of the lot {listing.lot_units}"
    if (child.display_qty_units or 0) % listing.lot_units:
        return "grid", f"display quantity {child.display_qty_units} is not a multiple of the lot"
    return None
