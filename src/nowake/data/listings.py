"""Listings that no catalogue holds: written in one line, in a file, or derived from what a recording shows."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from nowake.core.errors import DataError, InputError
from nowake.core.instrument import Catalogue, FeeSchedule, GridBand, Instrument, InstrumentKind, Listing
from nowake.core.units import decimal, to_units
from nowake.core.value import from_json, replace, require

US_CENT = Decimal("0.01")
_HUMAN = ("tick", "lot", "min_qty", "max_qty")
_INSTRUMENT = ("price_unit", "qty_unit", "multiplier")
_FEES = ("maker_bps", "taker_bps", "maker_per_qty", "taker_per_qty")
_TEXT = ("base", "quote", "kind", "session", "volume_base")
NAMES = (*_TEXT, *_HUMAN, "min_notional", *_INSTRUMENT, *_FEES)
"""What may follow ``SYMBOL@VENUE`` in ``--listing``."""


def parse_listing(text: str, catalogue: Catalogue) -> Listing:
    """Return the listing that ``--listing`` names.

    ``SYMBOL@VENUE`` of the catalogue; the same with rules, ``MSFT@XNAS,tick=0.01,lot=1,session=XNAS``, which start
    from the catalogue's listing where there is one; or a JSON file with one listing in the catalogue's form.

    Raises:
        InputError: It is none of these, or a rule is not what it must be.
        DataError: The file cannot be read.
    """
    text = text.strip()
    if text.startswith("{"):
        return from_json(text, Listing)
    if text.lower().endswith(".json"):
        return _from_file(Path(text))
    key, *rules = (part.strip() for part in text.split(","))
    symbol, at, venue = key.partition("@")
    if not rules:
        try:
            return catalogue.find(key)
        except InputError as error:
            known = venue_listing(symbol, venue) if at else None
            if known is None:
                raise InputError(
                    "listing", key, "a known listing", f"add its rules, as in --listing {key},tick=0.01,lot=1"
                ) from error
            return known
    if not (symbol and at and venue):
        raise InputError("listing", key, "SYMBOL@VENUE", "as in --listing MSFT@XNAS,tick=0.01")
    given: dict[str, str] = {}
    for rule in rules:
        name, equals, value = (part.strip() for part in rule.partition("="))
        if name not in NAMES or not equals or not value:
            raise InputError("listing", rule, f"name=value with one of {', '.join(NAMES)}")
        given[name] = value
    start: Listing | None
    try:
        start = catalogue.find(key)
    except InputError:
        start = venue_listing(symbol, venue)
    return _with_rules(symbol, venue, start, given)


def _from_file(path: Path) -> Listing:
    try:
        return from_json(path.read_bytes(), Listing)
    except OSError as error:
        raise DataError(
            path.name, f"cannot be read ({error.strerror})", remedy="give a JSON file of a listing"
        ) from error
    except ValueError as error:
        raise DataError(
            path.name, f"is not a listing: {error}", remedy="compare it with docs/how-to/listings-and-venue-rules.md"
        ) from error


def _with_rules(symbol: str, venue: str, start: Listing | None, given: dict[str, str]) -> Listing:
    """Return a listing from rules in human units; what is not said is the start's, or common for its kind."""
    if start is None:
        start = plain_listing(symbol, venue, decimal("tick", given.get("tick", "0.01")), Decimal(1))
        finest = {
            name: decimal(name, given[human])
            for name, human in (("price_unit", "tick"), ("qty_unit", "lot"))
            if human in given
        }
        start = replace(start, instrument=replace(start.instrument, **finest))
    for name in ("tick", "lot"):
        if name in given:
            require(decimal(name, given[name]) > 0, name, given[name], "> 0")
    old = start.instrument
    try:
        kind = InstrumentKind(given.get("kind", old.kind.value))
    except ValueError:
        raise InputError("kind", given["kind"], f"one of {', '.join(InstrumentKind)}") from None
    numbers = {name: decimal(name, given[name]) for name in _INSTRUMENT if name in given}
    made = replace(old, kind=kind, base=given.get("base", old.base), quote=given.get("quote", old.quote), **numbers)
    changes: dict[str, Any] = {name: given[name] for name in ("session", "volume_base") if name in given}
    ticks = [(band.from_units * old.price_unit, band.step_units * old.price_unit) for band in start.ticks]
    if "tick" in given:
        ticks = [(Decimal(0), decimal("tick", given["tick"]))]
    changes["ticks"] = tuple(
        GridBand(from_units=to_units("tick", low, made.price_unit), step_units=to_units("tick", step, made.price_unit))
        for low, step in ticks
    )
    for name, field in (("lot", "lot_units"), ("min_qty", "min_qty_units"), ("max_qty", "max_qty_units")):
        human = decimal(name, given[name]) if name in given else getattr(start, field) * old.qty_unit
        changes[field] = to_units(name, human, made.qty_unit)
    if "min_notional" in given:
        changes["min_notional"] = decimal("min_notional", given["min_notional"])
    fees = {name: decimal(name, given[name]) for name in _FEES if name in given}
    if fees:
        changes["fees"] = FeeSchedule(**fees, source="stated by the user")
    return replace(start, instrument=made, **changes)


def plain_listing(symbol: str, venue: str, price_unit: Decimal, qty_unit: Decimal, **more: Any) -> Listing:
    """Return a listing around the clock whose grids are the finest price and quantity that its recording shows.

    Args:
        symbol: On that venue.
        venue: Its name.
        price_unit: Tick and unit.
        qty_unit: Lot and unit.
        **more: Further fields of ``Listing``, and ``base``, ``quote``, ``kind`` of its instrument.
    """
    instrument = Instrument(
        symbol=symbol,
        base=more.pop("base", "units"),
        quote=more.pop("quote", "USD"),
        kind=more.pop("kind", InstrumentKind.SPOT),
        price_unit=price_unit,
        qty_unit=qty_unit,
    )
    one = GridBand(from_units=0, step_units=1)
    fields = {"volume_base": f"{venue} prints only", "min_qty_units": 1, **more}
    return Listing(instrument=instrument, venue=venue, ticks=(one,), **fields)


VENUES: dict[str, tuple[str, str]] = {
    "XNAS": ("XNAS", "Nasdaq prints only"),
    "XNYS": ("XNYS", "NYSE prints only"),
    "NBBO": ("XNYS", "consolidated prints, off-exchange included"),
}
"""US markets for shares: session and volume base. NBBO is the best of all of them, traded as if it were one venue."""


def venue_listing(symbol: str, venue: str) -> Listing | None:
    """Return a symbol on a venue whose rules are known for every symbol, None for other venues."""
    rules = VENUES.get(venue.upper())
    return us_share(symbol.upper(), venue.upper(), *rules) if rules else None


def us_share(symbol: str, venue: str, session: str, volume_base: str) -> Listing:
    """Return a US share: cents from 1 USD up (Regulation NMS, rule 612), lots of one share, fees assumed."""
    listing = plain_listing(
        symbol, venue, Decimal("0.0001"), Decimal(1),
        base="shares", kind=InstrumentKind.EQUITY, session=session, volume_base=volume_base,
    )  # fmt: skip
    ticks = (GridBand(from_units=0, step_units=1), GridBand(from_units=10_000, step_units=100))
    fees = FeeSchedule(taker_per_qty=Decimal("0.0030"), maker_per_qty=Decimal("-0.0020"), source="assumed")
    return replace(listing, ticks=ticks, fees=fees)


def listing_text(listing: Listing) -> str:
    """Return a listing as the text that ``parse_listing`` reads again."""
    return msgspec.json.encode(listing).decode()
