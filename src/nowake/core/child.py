"""What goes to a venue and what comes back: ``ChildOrder``, ``Fill``, ``OrderStatus``."""

from __future__ import annotations

from enum import StrEnum

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
    """How long it lives: until cancelled, or immediate-or-cancel."""

    GTC = "gtc"
    IOC = "ioc"


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


class ChildOrder(Value, frozen=True):
    """The exact values sent to a venue under a content id.

    Attributes:
        child_id: ``ids.child_id(parent_id, leg, attempt)``.
        leg: Slice x venue x role; at most one possibly-live child per leg.
        attempt: 0-based.
        price_units: Limit price; 0 for a market order.
        role: What it is for: ``post``, ``take``, ``would``.
        min_qty_units: Immediate orders only: fill at least this at once, or nothing (FIX tag 110); 0 = no minimum.
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
    min_qty_units: int = 0

    def __post_init__(self) -> None:
        require(self.qty_units > 0, "qty_units", self.qty_units, "> 0")
        market = self.order_type is OrderType.MARKET
        require(
            market == (self.price_units == 0),
            "price_units",
            self.price_units,
            "0 for market orders, > 0 otherwise",
        )
        require(self.price_units >= 0, "price_units", self.price_units, ">= 0")
        require(not market or self.tif is TimeInForce.IOC, "tif", self.tif, "ioc for market orders")
        post = self.order_type is OrderType.POST_ONLY
        require(not post or self.tif is TimeInForce.GTC, "tif", self.tif, "gtc for post-only orders")
        require(self.attempt >= 0, "attempt", self.attempt, ">= 0")
        least = self.min_qty_units
        require(0 <= least <= self.qty_units, "min_qty_units", least, f"in [0, {self.qty_units}]")
        require(not least or self.tif is TimeInForce.IOC, "min_qty_units", least, "0 unless immediate-or-cancel")


class Fill(Value, frozen=True, omit_defaults=True):
    """One execution as the venue states it; its key is (venue, account, instrument, trade id).

    Attributes:
        trade_id: The venue's id of the trade.
        fee_money: Integer money units of the instrument, positive = paid.
        t_venue_ns: Venue time.
        unprinted: Said by a simulated venue: no print of the recording contains the fill.
    """

    child_id: str
    trade_id: str
    price_units: int
    qty_units: int
    fee_money: int
    liquidity: Liquidity
    t_venue_ns: int
    unprinted: bool = False

    def __post_init__(self) -> None:
        require(bool(self.trade_id), "trade_id", self.trade_id, "given")
        require(self.qty_units > 0, "qty_units", self.qty_units, "> 0")
        require(self.price_units > 0, "price_units", self.price_units, "> 0")


class OrderStatus(Value, frozen=True):
    """What a venue says of an order when asked.

    Attributes:
        known: Whether the venue knows the id.
        live: Whether it can still trade.
        status: The venue's word for it, when known and not live.
        cum_qty: Filled so far.
        fills: All its fills, so that missed ones can be applied.
    """

    child_id: str
    known: bool
    live: bool = False
    status: ChildStatus = ChildStatus.CANCELED
    cum_qty: int = 0
    fills: tuple[Fill, ...] = ()
