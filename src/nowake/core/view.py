"""What a decision may see of a market, and what it may ask to be woken for."""

from __future__ import annotations

from enum import IntEnum, IntFlag

from msgspec import UNSET, UnsetType

from nowake.core.value import Value, require


class Integrity(IntFlag):
    """What is wrong with a book; 0 means it may be traded on."""

    OK = 0
    EMPTY = 1
    CROSSED = 2
    LOCKED = 4
    GAP = 8
    HALTED = 16
    SILENT = 32
    CLOSED = 64
    CLOCK = 128

    def __str__(self) -> str:
        """Return the flags in words."""
        return " and ".join(one.name.lower() for one in Integrity if one in self and one.name) or "ok"


class Indication(Value, frozen=True):
    """What a venue indicates in the call phase of an auction: what would trade if it were held now.

    Attributes:
        t_venue_ns: When it was made, venue time.
        uncross_ns: When the auction is to be held, 0 = not known: trading is halted.
        price_units: The one price, 0 = nothing would trade.
        qty_units: How much would trade.
        surplus_units: What would be left over: buyers > 0, sellers < 0.
    """

    t_venue_ns: int
    uncross_ns: int
    price_units: int
    qty_units: int
    surplus_units: int


class View(Value, frozen=True):
    """The market of one listing as we know it at local time ``t_ns``: a value of fixed size.

    Attributes:
        listing: Its key.
        t_ns: Local time of the view; every row it includes had been received by then.
        row: Number of tape or feed rows included (exclusive end).
        integrity: Flags; decisions trade on OK only.
        bid_units, ask_units: Touch prices, 0 = side empty.
        bid_qty, ask_qty: Sizes at the touch, quantity units.
        bids, asks: Up to 5 levels (price_units, qty_units), best first.
        volume_all: Quantity printed in open sessions since the market opened to us, own prints included.
        volume_own: Own part of it.
        notional_all: Sum of price_units x qty_units over ``volume_all`` (a Python int: never overflows).
        mid2_time: Integral of twice the mid over time since the first valid book, price units x ns / 1e6 (floor).
        mid_ns: Nanoseconds over which that integral ran.
        spread_time: Integral of the spread over the same time, price units x ns / 1e6 (floor).
        since_ns: Local time of the first row we received: ``volume_all`` counts from there.
        last_units: Price of the last print, 0 = none.
        realised_var: Sum of squared log returns of the mid, sampled every 10 s (grid of the clock).
        realised_ns: Nanoseconds covered by it.
        last_row_ns: Local receive time of the newest row.
        queues: (child id, quantity estimated ahead of it) of own resting orders, at most 8.
        indicated: In a call phase that the venue publishes, the newest of its indications; else unset, and then no
            part of what is written down.
    """

    listing: str
    t_ns: int
    row: int
    integrity: Integrity
    bid_units: int
    ask_units: int
    bid_qty: int
    ask_qty: int
    bids: tuple[tuple[int, int], ...] = ()
    asks: tuple[tuple[int, int], ...] = ()
    volume_all: int = 0
    volume_own: int = 0
    notional_all: int = 0
    mid2_time: int = 0
    mid_ns: int = 0
    spread_time: int = 0
    since_ns: int = 0
    last_units: int = 0
    realised_var: float = 0.0
    realised_ns: int = 0
    last_row_ns: int = 0
    queues: tuple[tuple[str, int], ...] = ()
    indicated: Indication | UnsetType = UNSET

    @property
    def tradable(self) -> bool:
        """Return whether a decision may trade on this view."""
        return self.integrity == Integrity.OK

    @property
    def mid2(self) -> int:
        """Return bid + ask in price units: twice the mid, exactly; 0 when a side is empty."""
        return self.bid_units + self.ask_units if self.bid_units and self.ask_units else 0

    @property
    def spread_units(self) -> int:
        """Return ask - bid, 0 when a side is empty."""
        return self.ask_units - self.bid_units if self.mid2 else 0

    @property
    def imbalance(self) -> float:
        """Return (bid size - ask size) / (bid size + ask size) at the touch, in [-1, 1]."""
        total = self.bid_qty + self.ask_qty
        return (self.bid_qty - self.ask_qty) / total if total else 0.0

    @property
    def microprice_units(self) -> float:
        """Return the size-weighted mid: bid + spread x bid_qty / (bid_qty + ask_qty) (Stoikov 2018, first order)."""
        total = self.bid_qty + self.ask_qty
        return self.bid_units + self.spread_units * self.bid_qty / total if total else self.mid2 / 2


class WatchKind(IntEnum):
    """When a watch fires; every kind is a level, true or false after each complete event."""

    BID_NOT = 1
    """The best bid is another price than ``a``."""
    ASK_NOT = 2
    """The best ask is another price than ``a``."""
    BID_AT_LEAST = 3
    """The best bid is ``a`` or higher."""
    ASK_AT_MOST = 4
    """The best ask is ``a`` or lower (and not empty)."""
    VOLUME = 5
    """``volume_all`` has reached ``a``."""
    QUEUE = 6
    """At most ``a`` is estimated ahead of own order ``child_id``."""
    INTEGRITY = 7
    """The integrity is another than ``a``."""


class Watch(Value, frozen=True):
    """A one-shot request: wake me when. Level-triggered; of several that hold, the lowest id is named first.

    Attributes:
        watch_id: Unique among the armed ones.
        parent_id: Whom it wakes.
        listing: Whose market.
        kind: What to look for.
        a: Its argument, see ``WatchKind``.
        child_id: For QUEUE.
    """

    watch_id: str
    parent_id: str
    listing: str
    kind: WatchKind
    a: int
    child_id: str = ""

    def __post_init__(self) -> None:
        require(self.watch_id != "", "watch_id", self.watch_id, "given")
        queue = self.kind is WatchKind.QUEUE
        require(queue == (self.child_id != ""), "child_id", self.child_id, "given for QUEUE only")


class Timer(Value, frozen=True):
    """Wake ``parent_id`` at local time ``t_ns``, once."""

    timer_id: str
    parent_id: str
    t_ns: int
