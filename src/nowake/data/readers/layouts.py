"""Tables that are known by their columns: which column holds what, and of which listing the file is.

A further one is one entry in ``LAYOUTS``. Of files that do not name their symbol in a column the file name does.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field

from nowake.data.readers.mapping import BARS, Mapping


def _ohlcv(symbol: str = "", venue: str = "") -> Mapping:
    """Return the mapping of bars with the usual names."""
    return Mapping(
        kind=BARS,
        time="ts_utc",
        symbol=symbol,
        venue=venue,
        open="open",
        high="high",
        low="low",
        close="close",
        volume="volume",
    )


@dataclass(frozen=True, slots=True)
class Layout:
    """One known kind of file.

    Attributes:
        name: In words.
        mapping: Its columns.
        also: Further columns that tell it from others.
        file_name: What its name says: groups ``symbol``, ``at``; empty = nothing.
        venue: Of all its rows, where no column says it.
        symbols: Symbols of the file, in small letters, to those of the listing.
        venues: The same for venues.
        base, quote: Of a listing that is derived from the file.
    """

    name: str
    mapping: Mapping
    also: tuple[str, ...] = ()
    file_name: str = ""
    venue: str = ""
    symbols: dict[str, str] = field(default_factory=dict)
    venues: dict[str, str] = field(default_factory=dict)
    base: str = "units"
    quote: str = "USD"

    def fits(self, names: Collection[str]) -> bool:
        """Return whether a file with these columns is of this kind."""
        return not self.mapping.missing(names) and all(name in names for name in self.also)

    def said_by(self, name: str) -> dict[str, str]:
        """Return what a file name says, by group."""
        found = re.fullmatch(self.file_name, name, re.IGNORECASE) if self.file_name else None
        return {key: value for key, value in found.groupdict().items() if value} if found else {}


LAYOUTS = (
    Layout(
        name="national best bid and offer",
        mapping=Mapping(
            time="ts",
            bid="bid",
            bid_qty="bid_size",
            ask="ask",
            ask_qty="ask_size",
            suspect="suspicious",
            consolidated=True,
        ),
        also=("bid_ex", "ask_ex"),
        file_name=r"(?P<symbol>[A-Z.]+)_nbbo.*",
        venue="NBBO",
    ),
    Layout(
        name="trades of the consolidated tape",
        mapping=Mapping(
            time="ts",
            price="price",
            qty="size",
            exchange="exchange",
            off_exchange="D",
            suspect="suspicious",
            consolidated=True,
        ),
        also=("condition",),
        file_name=r"(?P<symbol>[A-Z.]+)_trades.*",
        venue="NBBO",
    ),
    Layout(
        name="best quotes of several venues, polled",
        mapping=Mapping(
            time="t_fetch",
            time_unit="ms",
            venue="venue",
            symbol="pair",
            symbol_until=":",
            bid="bid",
            bid_qty="bid_sz",
            ask="ask",
            ask_qty="ask_sz",
            price_scale=0.01,
        ),
        base="contracts",
    ),
    Layout(
        name="aggregate trades",
        mapping=Mapping(time="ts_utc", price="price", qty="amount", side="aggressor"),
        also=("id",),
        file_name=r"binance_(?P<symbol>[A-Z0-9]+)_aggtrades.*",
        venue="binance-spot",
    ),
    Layout(
        name="bars with the means of the book",
        mapping=Mapping(
            kind=BARS,
            date="day",
            bin="b",
            bin_start="09:30",
            interval="1m",
            time_zone="America/New_York",
            open="open",
            high="hi",
            low="lo",
            close="close",
            volume="vol",
            spread="spr_mean",
            bid_depth="bsz",
            ask_depth="asz",
        ),
        also=("ofi", "mid_mean"),
        file_name=r"(?P<symbol>[A-Z.]+)_\d+min.*",
        venue="XNAS",
    ),
    Layout(
        name="bars of several venues",
        mapping=_ohlcv("pair", "venue"),
        venues={"binance_us": "binance-us"},
        base="BTC",
    ),
    Layout(
        name="bars of several symbols",
        mapping=_ohlcv("symbol"),
        also=("rth",),
        venue="NBBO",
    ),
    Layout(
        name="bars",
        mapping=_ohlcv(),
        also=("date", "bin"),
        file_name=r"(?P<symbol>[A-Z.]+)_\d+min.*",
        venue="NBBO",
    ),
    Layout(
        name="one order book, order by order",
        mapping=Mapping(side="side", price="price", qty="qty", order_id="order_id", rank="queue_rank"),
        file_name=r"coinbase_(?P<symbol>[A-Z]+)_l3_(?P<at>\d{8}T\d{6}Z).*",
        venue="coinbase",
        symbols={"btcusd": "BTC-USD"},
        base="BTC",
    ),
)
"""First that fits wins: the more columns a layout asks for, the earlier it stands."""


def layout_of(names: Collection[str]) -> Layout | None:
    """Return the layout of a file with these columns, None when it is not known."""
    return next((one for one in LAYOUTS if one.fits(names)), None)
