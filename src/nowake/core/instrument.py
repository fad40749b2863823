"""What is traded, and where: ``Instrument``, ``Listing``, and the ``Catalogue`` that names them."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal
from enum import StrEnum

from nowake.core.errors import InputError
from nowake.core.units import Number, from_units, to_units
from nowake.core.value import Value, check_types, require

CONTRACTS = "contracts"
"""Base of what is counted in contracts: no asset."""


class InstrumentKind(StrEnum):
    """What kind of thing is traded."""

    EQUITY = "equity"
    SPOT = "spot"
    FUTURE = "future"
    PERPETUAL = "perpetual"


class ListingKind(StrEnum):
    """How a venue trades it."""

    LIT = "lit"
    DARK = "dark"
    AUCTION = "auction"


class Instrument(Value, frozen=True):
    """What is traded.

    Attributes:
        symbol: Name on every venue that lists it, e.g. ``AMZN``, ``BTCUSDT``.
        base: What one quantity unit is a part of, as printed: ``shares``, ``BTC``, ``contracts``.
        quote: Currency of prices.
        kind: Equity, spot, future, perpetual.
        inverse: Whether contracts are worth a fixed quote amount and settle in base.
        multiplier: Quote value of one base unit at price 1 (linear), or quote value of a contract (inverse).
        price_unit: The finest price ever quoted or printed; every price is an integer count of it.
        qty_unit: The finest quantity ever quoted or printed.
        money_unit: The unit in which cash and fees are kept, rounded half-even.
    """

    symbol: str
    base: str
    quote: str
    kind: InstrumentKind
    price_unit: Decimal
    qty_unit: Decimal
    inverse: bool = False
    multiplier: Decimal = Decimal(1)
    money_unit: Decimal = Decimal("0.00000001")

    def __post_init__(self) -> None:
        check_types(self)
        require(bool(self.symbol) and "@" not in self.symbol, "symbol", self.symbol, 'a name without "@"')
        for name in ("price_unit", "qty_unit", "multiplier", "money_unit"):
            value = getattr(self, name)
            require(value.is_finite() and value > 0, name, value, "> 0")

    @property
    def currency(self) -> str:
        """Return what value, cost and fees are in: quote, or what an inverse contract settles in.

        Where quantities are contracts, that is what the symbol names before the quote: ``BTC`` of ``BTCUSD_PERP``.
        """
        if not self.inverse:
            return self.quote
        named, found, _ = self.symbol.partition(self.quote)
        return named if found and named and self.base == CONTRACTS else self.base

    def price_units(self, value: Number, field: str = "price") -> int:
        """Return a human price as units; refuses what is off the grid of ``price_unit``."""
        return to_units(field, value, self.price_unit)

    def qty_units(self, value: Number, field: str = "quantity") -> int:
        """Return a human quantity as units; refuses what is off the grid of ``qty_unit``."""
        return to_units(field, value, self.qty_unit)

    def price(self, units: int) -> Decimal:
        """Return a price in human units, exactly."""
        return from_units(units, self.price_unit)

    def qty(self, units: int) -> Decimal:
        """Return a quantity in human units, exactly."""
        return from_units(units, self.qty_unit)

    def notional(self, price_units: int, qty_units: int) -> Decimal:
        """Return the exact value in ``currency``."""
        if self.inverse:
            return self.qty(qty_units) * self.multiplier / self.price(price_units)
        return self.price(price_units) * self.qty(qty_units) * self.multiplier

    def money_units(self, amount: Decimal) -> int:
        """Return an amount of money as integer money units, rounded half-even."""
        return int((amount / self.money_unit).to_integral_value(rounding=ROUND_HALF_EVEN))

    def money(self, units: int) -> Decimal:
        """Return money units as an exact amount."""
        return units * self.money_unit


class FeeSchedule(Value, frozen=True):
    """What a fill costs. Positive = paid, negative = a rebate.

    Attributes:
        maker_bps, taker_bps: Of the fill's notional.
        maker_per_qty, taker_per_qty: Quote currency per human quantity unit (per share, per contract).
        source: Where the numbers come from; ``assumed`` marks numbers nobody stated.
    """

    maker_bps: Decimal = Decimal(0)
    taker_bps: Decimal = Decimal(0)
    maker_per_qty: Decimal = Decimal(0)
    taker_per_qty: Decimal = Decimal(0)
    source: str = "assumed"

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("maker_bps", "taker_bps", "maker_per_qty", "taker_per_qty"):
            value = getattr(self, name)
            require(value.is_finite() and abs(value) < 10_000, name, value, "finite and below 10,000")

    def fee(self, instrument: Instrument, price_units: int, qty_units: int, *, maker: bool) -> int:
        """Return the fee of one fill in integer money units."""
        bps, per_qty = (self.maker_bps, self.maker_per_qty) if maker else (self.taker_bps, self.taker_per_qty)
        amount = instrument.notional(price_units, qty_units) * bps / 10_000 + instrument.qty(qty_units) * per_qty
        return instrument.money_units(amount)


class GridBand(Value, frozen=True):
    """From ``from_units`` upwards the grid step is ``step_units``."""

    from_units: int
    step_units: int

    def __post_init__(self) -> None:
        require(self.from_units >= 0, "from_units", self.from_units, ">= 0")
        require(self.step_units > 0, "step_units", self.step_units, "> 0")


def _check_bands(name: str, bands: tuple[GridBand, ...]) -> None:
    starts = [band.from_units for band in bands]
    require(bool(bands) and starts[0] == 0, name, starts, "a table that starts at 0")
    require(starts == sorted(set(starts)), name, starts, "in rising order")


def grid_step(bands: tuple[GridBand, ...], value_units: int) -> int:
    """Return the grid step that holds at ``value_units``."""
    step = bands[0].step_units
    for band in bands:
        if value_units >= band.from_units:
            step = band.step_units
    return step


class Listing(Value, frozen=True):
    """An instrument on a venue: the grids, limits, fees and hours that bind orders (never prints).

    Attributes:
        venue: ``XNAS``, ``binance-spot``, ...
        ticks: Price grid by price, in price units.
        lot_units: Quantities of orders are multiples of this, in quantity units.
        min_qty_units, max_qty_units: Of one order; a maximum of 0 means none.
        min_notional: Quote currency; 0 means none.
        session: Name of its session table (``XNAS``, ``24/7``).
        reference: Key of the listing whose book judges this one, for a dark listing.
        volume_base: What volume its prints count, in words.
    """

    instrument: Instrument
    venue: str
    ticks: tuple[GridBand, ...]
    kind: ListingKind = ListingKind.LIT
    lot_units: int = 1
    min_qty_units: int = 0
    max_qty_units: int = 0
    min_notional: Decimal = Decimal(0)
    fees: FeeSchedule = FeeSchedule()
    session: str = "24/7"
    reference: str | None = None
    volume_base: str = ""

    def __post_init__(self) -> None:
        check_types(self)
        require(bool(self.venue) and "@" not in self.venue, "venue", self.venue, 'a name without "@"')
        _check_bands("ticks", self.ticks)
        require(self.lot_units > 0, "lot_units", self.lot_units, "> 0")
        require(self.min_qty_units >= 0, "min_qty_units", self.min_qty_units, ">= 0")
        require(
            self.max_qty_units == 0 or self.max_qty_units >= max(self.min_qty_units, self.lot_units),
            "max_qty_units",
            self.max_qty_units,
            "0 (none) or at least the minimum",
        )
        require(self.min_notional >= 0, "min_notional", self.min_notional, ">= 0")
        dark = self.kind is ListingKind.DARK
        require(
            dark == (self.reference is not None),
            "reference",
            self.reference,
            "set for dark listings, and only there",
        )

    @property
    def key(self) -> str:
        """Return ``symbol@venue``."""
        return f"{self.instrument.symbol}@{self.venue}"

    def tick_units(self, price_units: int) -> int:
        """Return the price step at a price."""
        return grid_step(self.ticks, price_units)

    def min_order_units(self, price_units: int) -> int:
        """Return the smallest order quantity accepted at a price: lot, minimum quantity and notional together."""
        need = max(self.lot_units, self.min_qty_units)
        if self.min_notional > 0:
            one = self.instrument.notional(price_units, 1)
            # Decimal's // rounds toward zero, so the ceiling is asked for by name.
            need = max(need, int((self.min_notional / one).to_integral_value(rounding=ROUND_CEILING)))
        return -(-need // self.lot_units) * self.lot_units

    def order_problem(self, price_units: int, qty_units: int) -> str | None:
        """Return why the venue would refuse an order of these exact values, or None."""
        if qty_units <= 0 or qty_units % self.lot_units:
            return f"quantity {qty_units} is not a positive multiple of the lot {self.lot_units}"
        if qty_units < (least := self.min_order_units(price_units)):
            return f"quantity {qty_units} is under the venue's minimum {least}"
        if self.max_qty_units and qty_units > self.max_qty_units:
            return f"quantity {qty_units} is over the venue's maximum {self.max_qty_units}"
        if price_units <= 0 or price_units % self.tick_units(price_units):
            return f"price {price_units} is off the tick grid of {self.tick_units(price_units)}"
        return None


class Catalogue(Value, frozen=True):
    """Known listings, looked up by ``SYMBOL`` or ``SYMBOL@VENUE``, letter case ignored."""

    listings: tuple[Listing, ...]

    def __post_init__(self) -> None:
        keys = [listing.key.lower() for listing in self.listings]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        require(not twice, "listings", twice, "listed once each")

    def find(self, symbol: str, held_by: str = "") -> Listing:
        """Return the listing that ``symbol`` names.

        Args:
            symbol: ``AMZN`` or ``AMZN@XNAS``.
            held_by: The lake or tapes whose listings these are, for the refusal; empty = a table of listings.

        Raises:
            InputError: No listing fits, or a bare symbol fits several (they are named).
        """
        require(isinstance(symbol, str), "symbol", symbol, "a text such as AMZN or AMZN@XNAS")
        wanted = symbol.strip().lower()
        if "@" in wanted:
            found = [listing for listing in self.listings if listing.key.lower() == wanted]
        else:
            found = [listing for listing in self.listings if listing.instrument.symbol.lower() == wanted]
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(listing.key for listing in found)
            raise InputError("symbol", symbol, "one listing", f"say which: {names}")
        known = ", ".join(sorted(listing.key for listing in self.listings)[:8])
        if held_by:
            more = ", ..." if len(self.listings) > 8 else ""
            remedy = f"that holds {known}{more} and not {symbol.strip()}: name one of these, or add its tape"
            raise InputError("symbol", symbol, f"a listing of {held_by}", remedy)
        raise InputError(
            "symbol",
            symbol,
            "a known listing",
            f"known are {known}; others come with a tape or a catalogue file",
        )

    def with_listings(self, more: Iterable[Listing]) -> Catalogue:
        """Return a catalogue in which ``more`` override listings of the same key."""
        table = {listing.key: listing for listing in (*self.listings, *more)}
        return Catalogue(listings=tuple(table.values()))
