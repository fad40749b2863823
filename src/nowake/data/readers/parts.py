"""From a table to the good rows of each listing in it: ``Part``; what is wrong with a row is kept with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import numpy as np

from nowake.core.errors import DataError, InputError
from nowake.core.instrument import Listing
from nowake.core.sessions import to_ns
from nowake.core.tape import F64, I64
from nowake.data.build import QUARANTINED_LINES_MAX, Flags, count_disordered
from nowake.data.listings import plain_listing, venue_listing
from nowake.data.readers import columns as cols
from nowake.data.readers.base import ReadOptions
from nowake.data.readers.layouts import Layout, layout_of
from nowake.data.readers.mapping import BARS, BOOK, ORDERS, QUOTES, Mapping
from nowake.data.readers.table import Table, column_names, is_table, read_table

Units = tuple[Decimal, Decimal]
"""Price unit and quantity unit of a listing."""


@dataclass(frozen=True, slots=True)
class Part:
    """The good rows of one listing in one file, in time order.

    Attributes:
        source: File name.
        listing: Whose rows these are.
        mapping: What they are.
        values: Columns by role, (n,) i64 each: ``t``, ``line`` (its number in the file), and those of its kind.
        floats: Columns by role that stay numbers: spread and depth of bars.
        order_ids: Of orders, as text.
        lines, bad: Rows of the file for this listing, and those left out.
        bad_numbers: Their line numbers, the first of them.
        disordered: Places where the file went back in time by more than a second.
    """

    source: str
    listing: Listing
    mapping: Mapping
    values: dict[str, I64]
    floats: dict[str, F64] = field(default_factory=dict)
    order_ids: list[str] = field(default_factory=list)
    lines: int = 0
    bad: int = 0
    bad_numbers: tuple[int, ...] = ()
    disordered: int = 0


def fitting(path: Path, mappings: Sequence[Mapping]) -> Mapping | None:
    """Return the first of the user's mappings whose columns a file has.

    Raises:
        DataError: A table of no known layout that no mapping fits: says which columns are missing, and which are there.
    """
    if not mappings or not is_table(path):
        return None
    names = column_names(path)
    for mapping in mappings:
        if not mapping.missing(names):
            return mapping
    if layout_of(names) is not None:
        return None
    lacking = min((mapping.missing(names) for mapping in mappings), key=len)
    there = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "") if names else "none that can be read"
    raise DataError(path.name, f"has no column {', '.join(lacking)}", remedy=f"its columns are {there}")


def parts_of(path: Path, options: ReadOptions) -> list[Part]:
    """Return the rows of one file, a part for each listing in it."""
    mapping, layout = fitting(path, options.mappings), None
    if mapping is None:
        layout = layout_of(column_names(path))
        if layout is None:
            raise DataError(path.name, "is a table of no known kind", remedy="name its columns with --map")
        mapping = layout.mapping
    table = read_table(path, mapping.columns)
    options.tell(0.4, f"{path.name}: {table.rows:,} rows")
    found = []
    for chosen, symbol, venue in _split(table, mapping):
        part = _only(table, chosen)
        listing = _listing(part, mapping, layout, symbol, venue, options)
        if listing is not None:
            found.append(_part(part, mapping, listing, chosen, layout, whole=chosen is None))
    if not found:
        names = sorted({symbol for _, symbol, _ in _split(table, mapping)})
        wanted = options.listing.key if options.listing else ""
        raise DataError(path.name, f"has no rows of {wanted}", remedy=f"it has {', '.join(names[:8])}")
    return found


def _split(table: Table, mapping: Mapping) -> list[tuple[I64 | None, str, str]]:
    """Return (row numbers, symbol, venue) of every listing in a table; None = all its rows."""
    if not mapping.symbol and not mapping.venue:
        return [(None, "", "")]
    import polars as pl

    names = [name for name in (mapping.symbol, mapping.venue) if name]
    frame = pl.DataFrame({name: table.columns[name].cast(pl.String).fill_null("") for name in names})
    groups = frame.with_row_index("row").group_by(names, maintain_order=True).agg(pl.col("row"))
    if len(groups) > 2000:
        raise DataError(table.source, f"holds {len(groups):,} symbols", remedy="check which column is the symbol")
    made: list[tuple[I64 | None, str, str]] = []
    for one in groups.iter_rows(named=True):
        symbol = one[mapping.symbol] if mapping.symbol else ""
        if mapping.symbol_until:
            symbol = symbol.partition(mapping.symbol_until)[0]
        made.append((np.array(one["row"], dtype=np.int64), symbol, one[mapping.venue] if mapping.venue else ""))
    return made


def _only(table: Table, chosen: I64 | None) -> Table:
    """Return the table with the chosen rows."""
    if chosen is None:
        return table
    columns = {name: column.gather(chosen) for name, column in table.columns.items()}
    return Table(table.source, columns, len(chosen), len(chosen), 0, (), table.first_line)


def _listing(
    table: Table, mapping: Mapping, layout: Layout | None, symbol: str, venue: str, options: ReadOptions
) -> Listing | None:
    """Return the listing of a part; None = it is of another one than the user named.

    Raises:
        DataError: Nothing says what the file is of.
    """
    told = options.listing
    if told is not None:
        named = symbol.lower() in ("", told.instrument.symbol.lower())
        return told if named and venue.lower() in ("", told.venue.lower()) else None
    if layout is not None:
        symbol = symbol or layout.said_by(table.source).get("symbol", "").upper()
        symbol = layout.symbols.get(symbol.lower(), symbol)
        venue = layout.venues.get(venue, venue) or layout.venue
    if not symbol:
        raise DataError(table.source, "does not say what it is of", remedy="name it: --listing SYMBOL@VENUE")
    if "@" in symbol:
        symbol, _, venue = symbol.partition("@")
    try:
        return options.catalogue.find(f"{symbol}@{venue}" if venue else symbol)
    except InputError as error:
        if not venue:
            remedy = f"name it: --listing {symbol}@VENUE"
            raise DataError(table.source, f"is of {symbol}, on no venue that it names", remedy=remedy) from error
    known = venue_listing(symbol, venue)
    if known is not None:
        return known
    base, quote = (layout.base, layout.quote) if layout else ("units", "USD")
    price_unit, qty_unit = _finest(table, mapping)
    return plain_listing(symbol, venue, price_unit, qty_unit, base=base, quote=quote)


def _finest(table: Table, mapping: Mapping) -> Units:
    """Return the finest price and quantity that the columns of a table show."""
    roles = {QUOTES: ("bid ask", "bid_qty ask_qty"), BARS: ("open high low close", "volume")}
    found = []
    scales = (mapping.price_scale, mapping.qty_scale)
    for names, scale in zip(roles.get(mapping.kind, ("price", "qty")), scales, strict=True):
        columns = [cols.floats(table, getattr(mapping, role)) for role in names.split()]
        values = np.concatenate([values for values, _ in columns])
        found.append(cols.finest(values * scale, np.concatenate([ok for _, ok in columns])))
    return found[0], found[1]


class _Rows:
    """The columns of a part as they are checked: what is wrong is kept with its reason."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.ok: Flags = np.ones(table.rows, dtype=np.bool_)
        self.reasons: list[tuple[int, str, str]] = []

    def need(self, ok: Flags, problem: str, remedy: str = "check the file") -> None:
        """Mark the rows that are not ok."""
        wrong = int(np.count_nonzero(self.ok & ~ok))
        if wrong:
            self.reasons.append((wrong, problem, remedy))
        self.ok &= ok

    def check_enough(self) -> None:
        """Raise when there are more bad rows than good ones: that is another format."""
        bad = self.table.rows - int(np.count_nonzero(self.ok))
        if 2 * bad > self.table.rows:
            wrong, problem, remedy = max(self.reasons)
            raise DataError(self.table.source, f"{problem} in {wrong:,} of {self.table.rows:,} rows", remedy=remedy)


def _part(
    table: Table, mapping: Mapping, listing: Listing, chosen: I64 | None, layout: Layout | None, *, whole: bool
) -> Part:
    """Return the good rows of a table that is of one listing."""
    rows = _Rows(table)
    values: dict[str, I64] = {}
    floats: dict[str, F64] = {}
    unit = (listing.instrument.price_unit, listing.instrument.qty_unit)
    if mapping.time or mapping.date:
        values["t"], ok = cols.times(table, mapping)
        rows.need(ok, "the time is not one", "say time_unit, time_format or time_zone in --map")
    if mapping.recv:
        values["recv"], ok = cols.times(table, mapping, "recv")
        rows.need(ok, "the receive time is not one", "say time_unit or time_zone in --map")
    if mapping.suspect:
        rows.need(~cols.truths(table, mapping.suspect), f"{mapping.suspect} is set")
    if mapping.kind == QUOTES:
        _quote_values(rows, mapping, unit, values)
    elif mapping.kind == BARS:
        _bar_values(rows, mapping, unit, values, floats)
    else:
        _trade_values(rows, mapping, unit, values)
    rows.check_enough()
    good, disordered = np.flatnonzero(rows.ok), 0
    if "t" in values:
        clock = values.get("recv", values["t"])
        if 2 * np.count_nonzero(np.diff(clock[good]) < 0) > np.count_nonzero(np.diff(clock[good])):
            good = good[::-1]  # newest first: what shares a time is newest first too
        disordered = count_disordered(clock[good])
        good = good[np.argsort(clock[good], kind="stable")]
    else:
        values["t"] = np.full(table.rows, _instant(table, mapping, layout), dtype=np.int64)
    numbers = np.arange(table.rows, dtype=np.int64) if chosen is None else chosen
    values["line"] = numbers + table.first_line
    ids: list[str] = []
    if mapping.kind == ORDERS:
        said = cols.words(table, mapping.order_id)
        ids = said.gather(good).to_list()
    lines = values["line"][~rows.ok][:QUARANTINED_LINES_MAX].tolist()
    bad = table.rows - len(good) + (table.bad if whole else 0)
    return Part(
        table.source,
        listing,
        mapping,
        {name: column[good] for name, column in values.items()},
        {name: column[good] for name, column in floats.items()},
        ids,
        table.lines,
        bad,
        tuple(sorted({*lines, *table.bad_numbers})[:QUARANTINED_LINES_MAX]),
        disordered,
    )


def _off_grid(name: str) -> tuple[str, str]:
    what = "price_unit" if name == "price" else "qty_unit"
    return (
        f"the {name} is no number, or no multiple of the listing's {what}",
        f"check the column, {name}_scale, or give the listing a finer unit: --listing SYMBOL@VENUE,{what}=...",
    )


def _quote_values(rows: _Rows, mapping: Mapping, unit: Units, values: dict[str, I64]) -> None:
    """Add the quote; a side whose price or size is missing or 0 is empty."""
    table = rows.table
    for side in ("bid", "ask"):
        price_name, qty_name = getattr(mapping, side), getattr(mapping, f"{side}_qty")
        price, price_ok = cols.units(table, price_name, mapping.price_scale, unit[0])
        qty, qty_ok = cols.units(table, qty_name, mapping.qty_scale, unit[1])
        none = cols.missing(table, price_name) & cols.missing(table, qty_name)
        rows.need(price_ok | none, *_off_grid("price"))
        rows.need(qty_ok | none, *_off_grid("quantity"))
        there = (price > 0) & (qty > 0)
        values[side], values[f"{side}_qty"] = np.where(there, price, 0), np.where(there, qty, 0)


def _trade_values(rows: _Rows, mapping: Mapping, unit: Units, values: dict[str, I64]) -> None:
    """Add price, quantity and side of trades, levels or orders."""
    table, n = rows.table, rows.table.rows
    values["price"], ok = cols.units(table, mapping.price, mapping.price_scale, unit[0])
    rows.need(ok & (values["price"] > 0), *_off_grid("price"))
    values["qty"], ok = cols.units(table, mapping.qty, mapping.qty_scale, unit[1])
    rows.need(ok & ((values["qty"] > 0) | (mapping.kind == BOOK)), *_off_grid("quantity"))
    values["side"] = np.zeros(n, dtype=np.int64)
    if mapping.side:
        values["side"], ok = cols.sides(table, mapping)
        if mapping.kind in (BOOK, ORDERS):
            ok &= values["side"] > 0
        rows.need(ok, "the side is neither a buy nor a sell", "say the words: --map buy=B,sell=S,...")
    values["off"] = np.zeros(n, dtype=np.int64)
    if mapping.exchange and mapping.off_exchange:
        letters = [one.strip().lower() for one in mapping.off_exchange.split("|")]
        values["off"] = cols.words(table, mapping.exchange).is_in(letters).to_numpy().astype(np.int64)
    if mapping.kind == BOOK:
        marks = cols.truths(table, mapping.snapshot) if mapping.snapshot else np.zeros(n, dtype=np.bool_)
        values["snapshot"] = marks.astype(np.int64)
    if mapping.kind == ORDERS:
        values["rank"] = np.arange(n, dtype=np.int64)
        if mapping.rank:
            values["rank"], ok = cols.nearest(table, mapping.rank, 1.0, Decimal(1))
            rows.need(ok, "the rank is no number")


def _bar_values(
    rows: _Rows,
    mapping: Mapping,
    unit: Units,
    values: dict[str, I64],
    floats: dict[str, F64],
) -> None:
    """Add prices, volume and, where there are such columns, mean spread and depth; prices to the nearest unit."""
    table = rows.table
    for role in ("open", "high", "low", "close"):
        values[role], ok = cols.nearest(table, getattr(mapping, role), mapping.price_scale, unit[0])
        rows.need(ok & (values[role] > 0), f"{role} is no price")
    values["volume"], ok = cols.units(table, mapping.volume, mapping.qty_scale, unit[1])
    rows.need(ok, *_off_grid("quantity"))
    highest, lowest = np.maximum(values["open"], values["close"]), np.minimum(values["open"], values["close"])
    rows.need((values["high"] >= highest) & (values["low"] <= lowest), "high and low do not hold open and close")
    if mapping.spread:
        spread, ok = cols.floats(table, mapping.spread)
        floats["spread"] = np.where(ok & (spread > 0), spread * mapping.price_scale / float(unit[0]), np.nan)
    if mapping.bid_depth and mapping.ask_depth:
        sides = [cols.floats(table, name) for name in (mapping.bid_depth, mapping.ask_depth)]
        mean = (sides[0][0] + sides[1][0]) / 2 * mapping.qty_scale / float(unit[1])
        floats["depth"] = np.where(sides[0][1] & sides[1][1] & (mean > 0), mean, np.nan)


def _instant(table: Table, mapping: Mapping, layout: Layout | None) -> int:
    """Return the time of a table that has none in its rows."""
    text = mapping.at or (layout.said_by(table.source).get("at", "") if layout else "")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        remedy = "say it: --map at=2026-08-07T20:04:10Z,..."
        raise DataError(table.source, "does not say when its book was", remedy=remedy) from None
    return to_ns(moment, "at")
