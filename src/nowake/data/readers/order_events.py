"""Order events (Bitstamp's live orders): created, changed, deleted, one order a row; Parquet or CSV, by column name.

Columns: id, timestamp (ms, UTC, when the recorder got the event), price, volume (what is left of the order), action,
direction (``bid``, ``ask``), and ``exchange_timestamp`` (ms; when the order was placed, not when this happened) where
there is one. A volume column of whole numbers counts 1e-8 of the base asset, one with decimals the asset itself. The
file names no market: it is ``BTCUSD@bitstamp`` unless the listing is told.

**Executions are inferred**; the source prints none. An order that shrinks at its price, or is deleted with volume 0,
was executed for what it lost (the venue has no other way to shrink an order: a new price is a replacement, and its
change of volume no execution). An execution lowers two orders of opposite sides by the same volume, up to 2 units of
rounding, within 250 ms: such decreases are paired in time order. The older order of a pair is the maker: the print has
its price, and its side is that of the other, the aggressor. A pair is *compared*: the aggressor's price must reach the
maker's, else it is *mismatched*.

What this cannot know. Orders placed before the recording are seen only when something happens to them; those that are
(by ``exchange_timestamp``, else by an id below the first created one) are put into a first snapshot with the volume
that is known of them (*seeded*): stated, or that of the other order of their execution. Orders that rest untouched
through the whole recording stay unknown. *Undecided* are: a decrease without its other half (a print when the order
rests, none when it was being matched); an execution of an order from before whose volume nothing tells; events of an
order after its end (a second deletion, a creation that arrives after the deletion). Among trades of equal volume in
the same quarter of a second the halves may be exchanged.

There is one clock, the recorder's: event time is receipt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nowake.core.errors import DataError
from nowake.core.instrument import Listing
from nowake.core.tape import END, I64, KIND_MASK, SNAPSHOT, Figures, Row, Tape
from nowake.core.units import NS_PER_SECOND
from nowake.data.build import QUARANTINED_LINES_MAX, Columns, Flags, make_tape
from nowake.data.readers.base import Reader, ReadOptions
from nowake.data.readers.table import Table, column_names, is_table, read_table
from nowake.data.readers.text import decimal_units, whole_numbers

if TYPE_CHECKING:
    import polars as pl

NEEDED = ("id", "timestamp", "price", "volume", "action", "direction")
PLACED = ("exchange_timestamp", "exchange.timestamp")
ACTIONS = {"created": 0, "changed": 1, "deleted": 2}
SIDES = {"bid": 1, "ask": 2}
LISTING = "BTCUSD@bitstamp"
MS = 1_000_000
TIME_FIRST, TIME_LAST = 1_230_768_000_000, 4_102_444_800_000
"""2009 and 2100, ms: a time outside is damaged."""
PAIR_MS, PAIR_UNITS = 250, 2
SATOSHI = Decimal("0.00000001")
BAD_MOST = 0.5
SILENCE_NS = 60 * NS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Events:
    """Good events, arrays of length n in file order: ms, order id, units, and the ms at which the order was placed."""

    t_ms: I64
    order: I64
    action: I64
    side: I64
    price: I64
    volume: I64
    placed_ms: I64

    def __getitem__(self, rows: I64 | Flags) -> Events:
        return Events(*(getattr(self, one.name)[rows] for one in fields(self)))


def sniff(path: Path) -> bool:
    """Return whether the file is a table with the columns of order events."""
    return is_table(path) and set(NEEDED) <= set(column_names(path))


def read(paths: Sequence[Path], options: ReadOptions) -> tuple[Tape, ...]:
    """Return one tape a file; each starts with a snapshot of the orders it tells of.

    Raises:
        DataError: A file is damaged, or most of its rows are no order events.
    """
    unique = list(dict.fromkeys(path.resolve() for path in paths))
    return tuple(_tape(path, options.part(index, len(unique))) for index, path in enumerate(unique))


def _numbers(column: pl.Series) -> tuple[I64, Flags]:
    """Return a column of whole numbers, typed or as text."""
    import polars as pl

    if column.dtype == pl.String:
        return whole_numbers(column)
    made = column.cast(pl.Int64, strict=False) if column.dtype.is_integer() else None
    if made is None:
        number = column.cast(pl.Float64, strict=False).fill_null(np.nan)
        whole = np.array(number.to_numpy(), dtype=np.float64)
        ok = np.isfinite(whole) & (whole == np.rint(whole)) & (np.abs(whole) < 2.0**53)
        return np.where(ok, whole, 0).astype(np.int64), ok
    return np.array(made.fill_null(0).to_numpy(), dtype=np.int64), np.array(made.is_not_null().to_numpy())


def _units(column: pl.Series, unit: Decimal) -> tuple[I64, Flags]:
    """Return a column of decimal numbers as counts of ``unit``; a float means the decimal that it prints as."""
    import polars as pl

    if column.dtype != pl.String:
        column = column.cast(pl.String, strict=False)
    return decimal_units(column, unit)


def _volumes(column: pl.Series, unit: Decimal) -> tuple[I64, Flags]:
    """Return volumes as counts of ``unit``: whole numbers count 1e-8, others the base asset."""
    import polars as pl

    text = column.dtype == pl.String
    whole = column.dtype.is_integer() or (text and not bool(column.str.contains(r"[.eE]").any()))
    if not whole:
        return _units(column, unit)
    counts, ok = _numbers(column)
    step = unit / SATOSHI
    if step == 1:
        return counts, ok & (counts >= 0)
    ok &= (counts >= 0) & (counts % int(step) == 0) if step % 1 == 0 else counts >= 0
    return counts // int(step) if step % 1 == 0 else counts * int(1 / step), ok


def _events(table: Table, listing: Listing) -> tuple[Events, Flags]:
    """Return the good events of a table, and (rows,) bool: which they are."""
    import polars as pl

    columns, instrument = dict(table.columns), listing.instrument
    for name, column in columns.items():
        if column.dtype in (pl.Categorical, pl.Enum):
            columns[name] = column.cast(pl.String)
    odd = [name for name, column in columns.items() if not (column.dtype.is_numeric() or column.dtype == pl.String)]
    if odd:
        raise DataError(
            table.source, f"its column {odd[0]} is of type {columns[odd[0]].dtype}", remedy="give numbers or text"
        )
    t_ms, ok = _numbers(columns["timestamp"])
    order, good = _numbers(columns["id"])
    ok = ok & good & (t_ms > TIME_FIRST) & (t_ms < TIME_LAST)
    price, good = _units(columns["price"], instrument.price_unit)
    ok &= good & (price > 0)
    volume, good = _volumes(columns["volume"], instrument.qty_unit)
    coded = []
    for name, words in (("action", ACTIONS), ("direction", SIDES)):
        said = columns[name].cast(pl.String, strict=False).fill_null("")
        coded.append(np.array(said.replace_strict(words, default=-1, return_dtype=pl.Int64).to_numpy()))
    action, side = coded
    ok &= good & (action >= 0) & (side > 0) & ((volume > 0) | (action == ACTIONS["deleted"]))
    stated = next((columns[name] for name in PLACED if name in columns), None)
    placed = np.zeros(len(ok), dtype=np.int64) if stated is None else _numbers(stated)[0]
    where = np.flatnonzero(ok)
    if len(where):
        t = t_ms[where]
        behind = t < np.maximum.accumulate(t)
        ahead = t > np.minimum.accumulate(t[::-1])[::-1]
        # One stamp too late makes all that follow look early: the fewer are wrong.
        ok[where[behind if np.count_nonzero(behind) <= np.count_nonzero(ahead) else ahead]] = False
    return Events(t_ms, order, action, side, price, volume, placed)[ok], ok


def _lives(events: Events) -> tuple[Events, int]:
    """Return the events without those of orders that have ended, or that exist already; and how many were left out."""
    n = len(events.order)
    by_order = np.lexsort((np.arange(n), events.order))
    order, action = events.order[by_order], events.action[by_order]
    first = np.concatenate([[True], order[1:] != order[:-1]])
    ended = np.cumsum(action == ACTIONS["deleted"]) - (action == ACTIONS["deleted"])
    start = np.maximum.accumulate(np.where(first, np.arange(n), 0))
    late = (ended - ended[start] > 0) | ((action == ACTIONS["created"]) & ~first)
    keep = np.ones(n, dtype=np.bool_)
    keep[by_order[late]] = False
    return events[keep], int(np.count_nonzero(late))


def _before(events: Events) -> tuple[I64, I64]:
    """Return the volume and price of each order's previous event, -1 for its first."""
    n = len(events.order)
    by_order = np.lexsort((np.arange(n), events.order))
    volume, price = np.full(n, -1, dtype=np.int64), np.full(n, -1, dtype=np.int64)
    same = events.order[by_order][1:] == events.order[by_order][:-1]
    volume[by_order[1:][same]] = events.volume[by_order[:-1][same]]
    price[by_order[1:][same]] = events.price[by_order[:-1][same]]
    return volume, price


def pair_decreases(t_ms: I64, side: I64, volume: I64) -> list[tuple[int, int]]:
    """Return the pairs of decreases that are one execution, by their places; each is in at most one.

    Args:
        t_ms: (k,) ms, not falling.
        side: (k,) 1 bid, 2 ask.
        volume: (k,) units that the order lost; -1 = not known, which fits any volume.

    Each decrease takes, of those before it on the other side that are free and no more than ``PAIR_MS`` old, the one
    nearest in volume (at most ``PAIR_UNITS`` away), then the oldest; one of known volume is taken before an unknown.
    """
    free: dict[int, list[int]] = {1: [], 2: []}
    pairs = []
    for k, (t, s, v) in enumerate(zip(t_ms.tolist(), side.tolist(), volume.tolist(), strict=True)):
        others = free[3 - s] = [i for i in free[3 - s] if t - t_ms[i] <= PAIR_MS]
        known = [(abs(int(volume[i]) - v), i) for i in others if v >= 0 and volume[i] >= 0]
        known = [one for one in known if one[0] <= PAIR_UNITS]
        odd = [i for i in others if (volume[i] < 0) != (v < 0)]
        best = min(known)[1] if known else odd[0] if odd else -1
        if best < 0:
            free[s].append(k)
            continue
        others.remove(best)
        pairs.append((best, k))
    return pairs


@dataclass(frozen=True, slots=True)
class _Executions:
    """Roles of all events, orders for the first snapshot (event, volume), and what was counted."""

    role: I64
    seeds: list[tuple[int, int]]
    compared: int
    mismatched: int
    undecided: int


def _executions(events: Events) -> _Executions:
    """Return who was executed against whom."""
    from nowake.data.readers.order_events_book import Role

    before, price_before = _before(events)
    deleted = events.action == ACTIONS["deleted"]
    whole = deleted & (events.volume == 0)
    shrinks = (events.action == ACTIONS["changed"]) & (events.volume < before) & (events.price == price_before)
    created = np.flatnonzero(events.action == ACTIONS["created"])
    old = (before < 0) & (events.action != ACTIONS["created"])
    if events.placed_ms.any():
        old &= events.placed_ms < events.t_ms[0]
    else:
        old &= events.order < (events.order[created[0]] if len(created) else 0)
    unknown = old & (whole | (events.action == ACTIONS["changed"]))
    at = np.flatnonzero(((whole | shrinks) & (before >= 0)) | unknown)
    lost = np.where(before < 0, -1, before - events.volume)[at]
    role = np.zeros(len(events.order), dtype=np.int64)
    role[at] = int(Role.ALONE)
    seeds = [(int(k), int(events.volume[k])) for k in np.flatnonzero(old & deleted & ~whole)]
    told: set[int] = set()
    mismatched, pairs = 0, pair_decreases(events.t_ms[at], events.side[at], lost)
    for one, other in pairs:
        a, b = int(at[one]), int(at[other])
        maker, taker = (a, b) if (before[a] < 0, -events.order[a]) > (before[b] < 0, -events.order[b]) else (b, a)
        role[maker], role[taker] = int(Role.MAKER), int(Role.TAKER)
        sign = 1 if events.side[taker] == SIDES["bid"] else -1
        mismatched += int(sign * events.price[taker] < sign * events.price[maker])
        if before[maker] < 0:
            seeds.append((maker, int(events.volume[maker] + before[taker] - events.volume[taker])))
            told.add(maker)
    # A change of an order from before without its other half still says that the order is there.
    seeds += [(int(k), int(events.volume[k])) for k in np.flatnonzero(unknown & ~deleted) if int(k) not in told]
    alone = len(at) - 2 * len(pairs)
    return _Executions(role, sorted(seeds), len(pairs), mismatched, alone)


def _columns(events: Events, found: _Executions) -> Columns:
    """Return the rows: a snapshot of the orders from before, then those of the events."""
    from nowake.data.readers import order_events_book as book

    first, volume = (np.array([seed[i] for seed in found.seeds], dtype=np.int64) for i in (0, 1))
    prices, rank = np.unique(events.price, return_inverse=True)
    ids, order = np.unique(events.order, return_inverse=True)
    index = np.concatenate([first, np.arange(len(events.order))])
    seeded = np.arange(len(index)) < len(first)
    rows = book.event_rows(
        book.Events(
            action=np.where(seeded, int(book.Act.CREATED), events.action[index]),
            order=order[index].astype(np.int64),
            side=events.side[index],
            price=rank[index].astype(np.int64),
            volume=np.concatenate([volume, events.volume]),
            role=np.where(seeded, int(book.Role.NONE), found.role[index]),
        ),
        len(ids),
        len(prices),
    )
    event, number = rows[:, 0], rows[:, 1]
    head = int(np.count_nonzero(event < len(first)))
    t_ms = np.concatenate([np.full(len(first), events.t_ms[0]), events.t_ms])[event]
    code = rows[:, 2].copy()
    code[:head] = (code[:head] & ~np.int64(END)) | SNAPSHOT
    code = np.insert(code, 0, int(Row.CLEAR) | SNAPSHOT)
    code[head] |= END
    is_trade = (rows[:, 2] & KIND_MASK) == Row.TRADE
    return Columns(
        t_event=np.insert(t_ms * MS, 0, events.t_ms[0] * MS),
        code=code.astype(np.uint16),
        price=np.insert(prices[rows[:, 3]], 0, 0),
        qty=np.insert(rows[:, 4], 0, 0),
        order_id=np.insert(np.where(is_trade, 0, ids[number]), 0, 0),
    )


def _tape(path: Path, options: ReadOptions) -> Tape:
    """Return the tape of one file."""
    from nowake.data.replay import count_crossed

    listing = options.listing or options.catalogue.find(LISTING)
    options.tell(0.1, f"{path.name}: reading")
    names = set(column_names(path))
    table = read_table(path, [*NEEDED, *(name for name in PLACED if name in names)])
    events, ok = _events(table, listing)
    bad = int(np.count_nonzero(~ok))
    if not len(events.order) or bad > BAD_MOST * len(ok):
        raise DataError(
            path.name,
            f"{bad} of its {len(ok)} rows are no order events of {listing.key}",
            remedy="check that it is the file you mean",
        )
    options.tell(0.4, f"{listing.key}: pairing executions")
    events, late = _lives(events)
    found = _executions(events)
    options.tell(0.6, f"{listing.key}: building the book")
    columns = _columns(events, found)
    crossed, locked = count_crossed(columns.code, columns.price, columns.qty)
    numbers = (np.flatnonzero(~ok)[:QUARANTINED_LINES_MAX] + table.first_line).tolist() if not table.bad else []
    options.tell(1.0, f"{listing.key}: done")
    return make_tape(
        listing,
        path.name,
        READER.label,
        columns,
        Figures(
            lines=table.lines,
            quarantined_lines=tuple(numbers) or table.bad_numbers,
            crossed=crossed,
            locked=locked,
            compared=found.compared,
            mismatched=found.mismatched,
            seeded=len(found.seeds),
            undecided=late + found.undecided,
        ),
        silence_ns=SILENCE_NS,
        quarantined=bad + table.bad,
        trade_side_native=False,
    )


READER = Reader(name="order-events", version=1, sniff=sniff, read=read)
