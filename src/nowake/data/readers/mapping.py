"""Which column of a table holds what: ``Mapping``, as users write it or as ``layouts`` states it for known files.

In one line, ``time=ts,price=px,qty=sz,side=side,buy=B,sell=S``; or a JSON or TOML file with the same names, one table
of them or a list called ``map``. What a row is follows from the names: ``bid`` and ``ask`` make quotes, ``open`` to
``volume`` bars, ``price`` and ``qty`` trades; updates of price levels say ``kind=book``.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from nowake.core.errors import DataError, InputError
from nowake.core.units import parse_duration
from nowake.core.value import Value, require

QUOTES, TRADES, BARS, BOOK, ORDERS = "quotes", "trades", "bars", "book", "orders"
NEEDED: dict[str, tuple[str, ...]] = {
    QUOTES: ("time", "bid", "bid_qty", "ask", "ask_qty"),
    TRADES: ("time", "price", "qty"),
    BARS: ("time", "open", "high", "low", "close", "volume"),
    BOOK: ("time", "side", "price", "qty"),
    ORDERS: ("side", "price", "qty", "order_id"),
}
"""The columns that a kind of table cannot do without; ``date`` and ``bin`` may stand for ``time``."""

COLUMN_ROLES = (
    *("time", "recv", "date", "bin", "symbol", "venue", "price", "qty", "side", "order_id", "rank", "bid", "bid_qty"),
    *("ask", "ask_qty", "open", "high", "low", "close", "volume", "spread", "bid_depth", "ask_depth", "exchange"),
    *("suspect", "snapshot"),
)
TIME_UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
BUY_WORDS = frozenset({"buy", "b", "bid", "1", "+1", "1.0"})
SELL_WORDS = frozenset({"sell", "s", "ask", "a", "-1", "-1.0", "2"})


class Mapping(Value, frozen=True):
    """Names of columns, and what cannot be read off them.

    Attributes:
        kind: ``quotes``, ``trades``, ``bars``, ``book`` (level updates) or ``orders`` (one book, order by order);
            empty = as the columns say.
        time, recv: When it happened, and when the recorder had it; a table of orders may have none and say ``at``.
        date, bin: Day and number of the interval, in place of ``time``.
        symbol, venue: What and where, in a file of several listings.
        price, qty, side: Of a trade, level or order; the side of a trade is its aggressor's.
        order_id, rank: Of an order, and its place in the queue.
        bid, bid_qty, ask, ask_qty: The best quote.
        open, high, low, close, volume: Of a bar.
        spread, bid_depth, ask_depth: Means over a bar, where the source has them; they take the place of the model's.
        exchange: Venue letter of a trade; those in ``off_exchange`` were made away from every displayed book.
        suspect: Not false or 0 in rows that the source itself does not trust; they are quarantined.
        snapshot: Not false or 0 in rows that are part of a snapshot of the whole book.
        time_unit: ``s``, ``ms``, ``us``, ``ns`` of whole-number times; empty = as their size says.
        time_zone: IANA zone of times that state none.
        time_format: Of times as text that are not ISO, in the letters of ``strptime``.
        bin_start: Clock time at which interval 0 begins.
        interval: Length of a bar, ``1m``; empty = the shortest step between two bars.
        bar_time: Whether a bar's time is its ``start`` or its ``end``.
        price_scale, qty_scale: A number in the file times this is one in human units (cents: 0.01).
        buy, sell: Further words for the sides, separated by ``|``.
        off_exchange: Venue letters, separated by ``|``.
        drop_off_exchange: Leave those prints out.
        consolidated: The quote is the best of several venues.
        at: The instant of a table without times.
        symbol_until: The symbol ends before this text.
    """

    kind: str = ""
    time: str = ""
    recv: str = ""
    date: str = ""
    bin: str = ""
    symbol: str = ""
    venue: str = ""
    price: str = ""
    qty: str = ""
    side: str = ""
    order_id: str = ""
    rank: str = ""
    bid: str = ""
    bid_qty: str = ""
    ask: str = ""
    ask_qty: str = ""
    open: str = ""
    high: str = ""
    low: str = ""
    close: str = ""
    volume: str = ""
    spread: str = ""
    bid_depth: str = ""
    ask_depth: str = ""
    exchange: str = ""
    suspect: str = ""
    snapshot: str = ""
    time_unit: str = ""
    time_zone: str = ""
    time_format: str = ""
    bin_start: str = "00:00"
    interval: str = ""
    bar_time: str = "start"
    price_scale: float = 1.0
    qty_scale: float = 1.0
    buy: str = ""
    sell: str = ""
    off_exchange: str = ""
    drop_off_exchange: bool = False
    consolidated: bool = False
    at: str = ""
    symbol_until: str = ""

    def __post_init__(self) -> None:
        kind = self.kind or _kind_of(self)
        msgspec.structs.force_setattr(self, "kind", kind)
        require(kind in NEEDED, "map.kind", kind, f"one of {', '.join(NEEDED)}")
        binned = bool(self.date and self.bin)
        missing = [role for role in NEEDED[kind] if not getattr(self, role) and not (role == "time" and binned)]
        require(not missing, "map", f"without {', '.join(missing)}", f"naming {', '.join(NEEDED[kind])} for {kind}")
        require(self.time_unit in ("", *TIME_UNITS), "time_unit", self.time_unit, f"one of {', '.join(TIME_UNITS)}")
        require(self.bar_time in ("start", "end"), "bar_time", self.bar_time, "start or end")
        for name in ("price_scale", "qty_scale"):
            require(1e-12 <= getattr(self, name) <= 1e12, name, getattr(self, name), "between 1e-12 and 1e12")
        if self.interval or binned:
            parse_duration("interval", self.interval)
        if self.time_zone:
            try:
                ZoneInfo(self.time_zone)
            except (KeyError, ValueError, OSError):
                raise InputError("time_zone", self.time_zone, "an IANA zone such as America/New_York") from None

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the distinct names of columns it speaks of."""
        return tuple(dict.fromkeys(name for role in COLUMN_ROLES if (name := getattr(self, role))))

    def missing(self, names: Collection[str]) -> tuple[str, ...]:
        """Return the columns it names that are not among ``names``."""
        return tuple(name for name in self.columns if name not in names)

    @property
    def buys(self) -> frozenset[str]:
        """Return the words for a buy, in small letters."""
        own = _words(self.buy)
        return own or BUY_WORDS

    @property
    def sells(self) -> frozenset[str]:
        """Return the words for a sell, in small letters."""
        own = _words(self.sell)
        return own or SELL_WORDS


def _words(text: str) -> frozenset[str]:
    return frozenset(word.strip().lower() for word in text.split("|") if word.strip())


def _kind_of(given: Mapping) -> str:
    """Return what rows with these columns are."""
    if given.bid or given.ask:
        return QUOTES
    if given.open or given.close:
        return BARS
    return ORDERS if given.order_id else TRADES


def parse_mapping(text: str) -> tuple[Mapping, ...]:
    """Return the mappings that ``--map`` names: ``role=column,...``, or the path of a JSON or TOML file of them.

    Raises:
        InputError: The text is neither, names a role that does not exist, or leaves out one that is needed.
        DataError: The file cannot be read.
    """
    text = text.strip()
    if text.startswith(("[", "{")):
        return _decoded(text, "map")
    if text.lower().endswith((".json", ".toml")):
        return _from_file(Path(text))
    pairs: dict[str, Any] = {}
    for part in text.split(","):
        role, equals, column = (piece.strip() for piece in part.partition("="))
        if not (role and equals and column):
            raise InputError(
                "map", part, "role=column", "as in --map time=ts,price=px,qty=size, or a .json or .toml file"
            )
        if role in pairs:
            raise InputError("map", text, f"naming {role} once")
        pairs[role] = column
    return (_mapping(pairs),)


def to_text(mappings: Collection[Mapping]) -> str:
    """Return mappings as one text that ``parse_mapping`` reads again; empty for none."""
    if not mappings:
        return ""
    bare = Mapping(time="t", price="p", qty="q")
    shown = [
        {
            name: value
            for name, value in msgspec.to_builtins(one).items()
            if name in NEEDED[one.kind] or name == "kind" or value != getattr(bare, name)
        }
        for one in mappings
    ]
    return json.dumps(shown, sort_keys=True)


def _from_file(path: Path) -> tuple[Mapping, ...]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:  # ValueError: not UTF-8, or no path at all
        raise DataError(
            path.name,
            f"cannot be read as a mapping ({getattr(error, 'strerror', None) or error})",
            remedy="give a JSON or TOML file",
        ) from error
    if path.suffix.lower() == ".json":
        return _decoded(text, path.name)
    try:
        return _many(tomllib.loads(text), path.name)
    except tomllib.TOMLDecodeError as error:
        raise DataError(path.name, f"is not TOML ({error})", remedy="mend it") from error


def _decoded(text: str, source: str) -> tuple[Mapping, ...]:
    try:
        return _many(json.loads(text), source)
    except (json.JSONDecodeError, RecursionError) as error:
        raise DataError(source, f"is not JSON ({error})", remedy="mend it") from error


def _many(found: Any, source: str) -> tuple[Mapping, ...]:
    if isinstance(found, dict) and isinstance(found.get("map"), list):
        found = found["map"]
    several = found if isinstance(found, list) else [found]
    if not several or not all(isinstance(one, dict) for one in several):
        raise DataError(
            source, "is not a table of roles and columns, nor a list of them", remedy="see docs/how-to/your-data.md"
        )
    return tuple(_mapping(one) for one in several)


def _mapping(pairs: dict[str, Any]) -> Mapping:
    known = Mapping.__struct_fields__
    for name in pairs:
        if name not in known:
            raise InputError("map", name, f"one of {', '.join(known)}")
    try:
        return msgspec.convert(pairs, Mapping, strict=False)
    except msgspec.ValidationError as error:
        cause = error.__cause__
        if isinstance(cause, InputError):
            raise cause from None
        raise InputError("map", pairs, f"names of columns and options ({error})") from error
