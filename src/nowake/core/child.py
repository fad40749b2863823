"""What goes to a venue and what comes back: ``ChildOrder``, ``Fill``, ``OrderStatus``."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from nowake.core.order import Side
from nowake.core.value import Value, require

POST, TAKE, WOULD = "post", "take", "would"
"""Roles of children: rest at a price, take for the schedule, take because of the I-would price."""


class OrderType(StrEnum):
    """How a venue treats the price."""

    MARKET = "market"
    LIMIT = "limit"
    POST_ONLY = "post-only"


class TimeInForce(StrEnum):
    """How long it lives: until cancelled; immediate-or-cancel; fill-or-kill: all of it at once, or nothing.

    ``opg`` and ``cls`` are for the opening and the closing auction alone.
    """

    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"
    OPG = "opg"
    CLS = "cls"

    @property
    def immediate(self) -> bool:
        """Return whether it is over as it arrives: it never rests."""
        return self in (TimeInForce.IOC, TimeInForce.FOK)

    @property
    def auction(self) -> bool:
        """Return whether it waits for an auction."""
        return self in (TimeInForce.OPG, TimeInForce.CLS)


class Peg(StrEnum):
    """What the venue moves the price with: nothing, the best price of the order's own side, or the mid."""

    NONE = "none"
    PRIMARY = "primary"
    MIDPOINT = "midpoint"


class Liquidity(StrEnum):
    """Whether a fill made or took liquidity."""

    MAKER = "maker"
    TAKER = "taker"


class ChildStatus(StrEnum):
    """Where a child is in its life; which bucket of I1 its leaves stand in."""

    IN_FLIGHT = "in-flight"
    WORKING = "working"
    PENDING_CANCEL = "pending-cancel"
    IN_DOUBT = "in-doubt"
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"
    EXPIRED = "expired"

    @property
    def terminal(self) -> bool:
        """Return whether it can never trade again (by what we know)."""
        return self in _TERMINAL


_TERMINAL = frozenset({ChildStatus.FILLED, ChildStatus.CANCELED, ChildStatus.REJECTED, ChildStatus.EXPIRED})


class ChildOrder(Value, frozen=True, omit_defaults=True):
    """The exact values sent to a venue under a content id.

    Attributes:
        child_id: ``ids.child_id(parent_id, leg, attempt)``.
        leg: Slice x venue x role; at most one possibly-live child per leg.
        attempt: 0-based.
        price_units: Limit price; 0 for a market order, and for a peg without a limit.
        role: What it is for: ``post``, ``take``, ``would``.
        min_qty_units: Fill at least this at once, or nothing (FIX tag 110); 0 = no minimum. Of immediate orders, and of
            midpoint pegs, for each of whose fills it holds, where the venue keeps one (dark venues).
        display_qty_units: Resting orders only: how much the venue shows at a time (FIX tag 1138): None = all of it,
            0 = hidden, between = an iceberg that the venue refreshes. A midpoint peg is hidden.
        peg: Whether the venue moves the price, never beyond ``price_units``. Pegs rest: they never take.
    """

    child_id: str
    parent_id: str
    leg: str
    attempt: int
    listing: str
    side: Side
    order_type: OrderType
    tif: TimeInForce
    price_units: int
    qty_units: int
    role: str
    min_qty_units: int = msgspec.field(default_factory=int)  # a factory's value is always written, as journals have it
    display_qty_units: int | None = None
    peg: Peg = Peg.NONE

    def __post_init__(self) -> None:
        require(self.qty_units > 0, "qty_units", self.qty_units, "> 0")
        market = self.order_type is OrderType.MARKET
        require(
            self.price_units != 0 if not market and self.peg is Peg.NONE else not market or self.price_units == 0,
            "price_units",
            self.price_units,
            "0 for market orders, > 0 otherwise",
        )
        require(self.price_units >= 0, "price_units", self.price_units, ">= 0")
        rests = self.tif is TimeInForce.GTC
        require(not market or not rests, "tif", self.tif, "ioc, fok, opg or cls for market orders")
        post = self.order_type is OrderType.POST_ONLY
        require(not post or self.tif is TimeInForce.GTC, "tif", self.tif, "gtc for post-only orders")
        require(self.attempt >= 0, "attempt", self.attempt, ">= 0")
        least = self.min_qty_units
        require(0 <= least <= self.qty_units, "min_qty_units", least, f"in [0, {self.qty_units}]")
        may = self.tif is TimeInForce.IOC or self.peg is Peg.MIDPOINT
        require(not least or may, "min_qty_units", least, "0 unless immediate-or-cancel or a midpoint peg")
        shown = self.display_qty_units
        require(rests or self.peg is Peg.NONE, "peg", self.peg, "none unless the order rests")
        if shown is not None:
            require(0 <= shown <= self.qty_units, "display_qty_units", shown, f"in [0, {self.qty_units}]")
            require(rests, "display_qty_units", shown, "left out unless the order rests")
            require(self.peg is not Peg.MIDPOINT or shown == 0, "display_qty_units", shown, "0 for a midpoint peg")

    @property
    def hidden(self) -> bool:
        """Return whether nothing of it is ever shown."""
        return self.display_qty_units == 0 or self.peg is Peg.MIDPOINT

    @property
    def shown_qty_units(self) -> int:
        """Return how much of it is shown at a time, at most."""
        if self.hidden:
            return 0
        return self.qty_units if self.display_qty_units is None else self.display_qty_units


class Fill(Value, frozen=True, omit_defaults=True):
    """One execution as the venue states it; its key is (venue, account, instrument, trade id).

    Attributes:
        trade_id: The venue's id of the trade.
        fee_money: Integer money units of the instrument, positive = paid.
        t_venue_ns: Venue time.
        unprinted: Said by a simulated venue: no print of the recording contains the fill.
        modelled: Said by a simulated venue: what was recorded does not say whether it would have been filled.
    """

    child_id: str
    trade_id: str
    price_units: int
    qty_units: int
    fee_money: int
    liquidity: Liquidity
    t_venue_ns: int
    unprinted: bool = False
    modelled: bool = False

    def __post_init__(self) -> None:
        require(bool(self.trade_id), "trade_id", self.trade_id, "given")
        require(self.qty_units > 0, "qty_units", self.qty_units, "> 0")
        require(self.price_units > 0, "price_units", self.price_units, "> 0")


class OrderStatus(Value, frozen=True, omit_defaults=True):
    """What a venue says of an order when asked.

    Attributes:
        known: Whether the venue knows the id.
        live: Whether it can still trade.
        status: The venue's word for it, when known and not live.
        cum_qty: Filled so far.
        fills: All its fills, so that missed ones can be applied.
        busted: Trades of it that were undone; not among ``fills``, not in ``cum_qty``.
    """

    child_id: str
    known: bool
    live: bool = msgspec.field(default_factory=bool)  # always written, as above
    status: ChildStatus = msgspec.field(default_factory=lambda: ChildStatus.CANCELED)
    cum_qty: int = msgspec.field(default_factory=int)
    fills: tuple[Fill, ...] = msgspec.field(default_factory=lambda: ())
    busted: tuple[Fill, ...] = ()

    @classmethod
    def of(cls, child_id: str, status: ChildStatus, cum_qty: int, fills: Sequence[Fill]) -> OrderStatus:
        """Return what a venue says of an order that it knows."""
        live = not status.terminal
        return cls(child_id=child_id, known=True, live=live, status=status, cum_qty=cum_qty, fills=tuple(fills))
