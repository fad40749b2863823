"""Tables of quotes, trades, bars, level updates or orders, by the names of their columns.

Which column holds what is said by the user (``--map``) or known (``layouts``). Files given together are sorted by
listing; the quotes and trades of one are merged on one clock (``quotes``), bars become a modelled market (``bars``).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nowake.core.errors import DataError
from nowake.core.tape import F64, I64, Figures, Tape
from nowake.core.units import NS_PER_SECOND, format_duration, parse_duration
from nowake.core.value import replace
from nowake.data.build import NO_ROWS, QUARANTINED_LINES_MAX, Columns, Flags, make_tape
from nowake.data.readers.bars import MEMORY_BARS, NO_FLOATS, Bars, bar_rows, too_small
from nowake.data.readers.base import Reader, ReadOptions
from nowake.data.readers.layouts import layout_of
from nowake.data.readers.levels import level_rows, order_rows
from nowake.data.readers.mapping import BARS, BOOK, ORDERS, QUOTES, TRADES
from nowake.data.readers.parts import Part, parts_of
from nowake.data.readers.quotes import NO_PRINTS, NO_QUOTES, Prints, Quotes, merged_rows, with_prints
from nowake.data.readers.table import column_names, is_table

SILENCE_BARS = 10
"""A missing bar is a time without trades; after so many in a row the recording is taken to be interrupted."""
SILENCE_NS = 60 * NS_PER_SECOND
VERSION = 1
KINDS = (BOOK, QUOTES, TRADES, BARS, ORDERS)


def sniff(path: Path) -> bool:
    """Return whether a file is a table of a known layout."""
    return is_table(path) and layout_of(column_names(path)) is not None


def read(paths: Sequence[Path], options: ReadOptions) -> tuple[Tape, ...]:
    """Return one tape a listing.

    Raises:
        DataError: A file is damaged, lacks a column, or most of its rows are none; its listing is not known; quotes and
            bars of one listing are mixed.
    """
    parts: list[Part] = []
    for index, path in enumerate(dict.fromkeys(path.resolve() for path in paths)):
        part_of = options.part(index, len(paths) + 1)
        part_of.tell(0.0, f"{path.name}: reading")
        parts += parts_of(path, part_of)
    by_key: dict[str, list[Part]] = {}
    for part in parts:
        by_key.setdefault(part.listing.key, []).append(part)
    last = options.part(len(paths), len(paths) + 1)
    made = []
    for number, (key, same) in enumerate(by_key.items()):
        last.tell(number / len(by_key), f"{key}: making the tape")
        made.append(_tape(same))
    last.tell(1.0, f"{len(made)} tapes" if len(made) > 1 else f"{made[0].listing.key}: done")
    return tuple(made)


def _tape(parts: list[Part]) -> Tape:
    """Return the tape of the parts of one listing."""
    # The same files in another order are the same tape.
    parts = sorted(parts, key=lambda part: (KINDS.index(part.mapping.kind), part.source))
    kinds = {part.mapping.kind for part in parts}
    source = " + ".join(part.source for part in parts)
    if kinds not in ({BARS}, {ORDERS}, {BOOK}, {QUOTES}, {TRADES}, {BOOK, TRADES}, {QUOTES, TRADES}):
        raise DataError(source, f"are {' and '.join(sorted(kinds))} of one listing", remedy="give one kind at a time")
    figures = Figures(
        lines=sum(part.lines for part in parts),
        quarantined_lines=next((part.bad_numbers for part in parts if part.bad), ()),
        disordered=sum(part.disordered for part in parts),
    )
    bad = sum(part.bad for part in parts)
    if kinds == {BARS}:
        return _bar_tape(parts, source, figures, bad)
    if kinds == {ORDERS}:
        return _order_tape(parts, source, figures, bad)
    return _recorded_tape(parts, source, figures, bad)


def _joined(parts: list[Part], source: str) -> dict[str, I64]:
    """Return the columns of several files of one kind as one, in time order."""
    shared = set.intersection(*(set(part.values) for part in parts))
    if any(set(part.values) != shared for part in parts):
        raise DataError(source, "do not have the same columns", remedy="give files of one kind")
    values = {name: np.concatenate([part.values[name] for part in parts]) for name in parts[0].values}
    if len(parts) > 1:
        order = np.argsort(values.get("recv", values["t"]), kind="stable")
        values = {name: column[order] for name, column in values.items()}
    return values


def _recorded_tape(parts: list[Part], source: str, figures: Figures, bad: int) -> Tape:
    """Return the tape of quotes or level updates, of prints, or of both."""
    of_kind = {kind: [part for part in parts if part.mapping.kind == kind] for kind in (QUOTES, BOOK, TRADES)}
    prints, left_out = _prints(of_kind[TRADES], source)
    if of_kind[BOOK]:
        v = _joined(of_kind[BOOK], source)
        book = level_rows(
            source, v["t"], v.get("recv", NO_ROWS), v["side"], v["price"], v["qty"], v["snapshot"] > 0
        )  # fmt: skip
        columns = with_prints(book, prints)
    else:
        quotes = NO_QUOTES
        if of_kind[QUOTES]:
            v = _joined(of_kind[QUOTES], source)
            quotes = Quotes(v["t"], v["bid"], v["bid_qty"], v["ask"], v["ask_qty"], v.get("recv", NO_ROWS))
        columns = merged_rows(quotes, prints)
    figures = replace(figures, skipped=left_out)
    return _finished(parts, source, columns, figures, bad, depth_levels=1 if of_kind[QUOTES] else 0)


def _prints(parts: list[Part], source: str) -> tuple[Prints, int]:
    """Return the prints of the parts, and how many were left out because they were made off exchange."""
    if not parts:
        return NO_PRINTS, 0
    v, left_out = _joined(parts, source), 0
    if parts[0].mapping.drop_off_exchange:
        left_out = int(np.count_nonzero(v["off"]))
        v = {name: column[v["off"] == 0] for name, column in v.items()}
    return Prints(v["t"], v["price"], v["qty"], v["side"], v["off"] > 0, v.get("recv", NO_ROWS)), left_out


def _finished(
    parts: list[Part], source: str, columns: Columns, figures: Figures, bad: int, *, depth_levels: int
) -> Tape:
    """Return the tape of a recorded market; crossings are counted, and the volume base says what is in it."""
    from nowake.data.replay import count_crossed

    first = parts[0]
    crossed, locked = count_crossed(columns.code, columns.price, columns.qty) if len(columns.t_event) else (0, 0)
    trades = [part.mapping for part in parts if part.mapping.kind == TRADES]
    listing = first.listing
    if any(one.drop_off_exchange for one in trades):
        base = listing.volume_base.partition(",")[0]
        listing = replace(listing, volume_base=f"{base}, off-exchange excluded")
    return make_tape(
        listing,
        source,
        f"{first.mapping.kind}/{VERSION}",
        columns,
        replace(figures, crossed=crossed, locked=locked),
        depth_levels=depth_levels,
        silence_ns=SILENCE_NS,
        quarantined=bad,
        trade_side_native=bool(trades) and all(one.side for one in trades),
        consolidated=any(part.mapping.consolidated for part in parts),
    )


def _order_tape(parts: list[Part], source: str, figures: Figures, bad: int) -> Tape:
    """Return the tape of one book at one instant."""
    if len(parts) > 1:
        raise DataError(source, "are several books of one listing", remedy="give one at a time")
    v, (part,) = parts[0].values, parts
    if len(set(part.order_ids)) < len(part.order_ids):
        raise DataError(source, "names an order twice", remedy="check which column is the order id")
    if not len(v["t"]):
        raise DataError(source, "holds no usable row", remedy="check that it is the file you mean")
    columns, skipped = order_rows(int(v["t"][0]), v["side"], v["price"], v["qty"], v["rank"], part.order_ids)
    return _finished(parts, source, columns, replace(figures, skipped=skipped), bad, depth_levels=0)


def _bar_tape(parts: list[Part], source: str, figures: Figures, bad: int) -> Tape:
    """Return the modelled tape of bars."""
    first, v = parts[0], _joined(parts, source)
    floats = {
        name: np.concatenate([part.floats[name] for part in parts])[
            np.argsort(np.concatenate([part.values["t"] for part in parts]), kind="stable")
        ]
        for name in first.floats
    }
    steps = np.diff(v["t"])
    told = first.mapping.interval
    if not told and not (steps > 0).any():
        raise DataError(
            source, "is a single bar, which does not show its length", remedy="say it: --map interval=1m,..."
        )
    interval = parse_duration("interval", told) if told else int(steps[steps > 0].min())
    start = v["t"] - interval if first.mapping.bar_time == "end" else v["t"]
    apart = np.concatenate([[True], steps >= interval]) if len(steps) else np.ones(1, dtype=np.bool_)
    listing = first.listing
    kept = _without(apart, too_small(_bars(v, floats, start, interval, apart)))
    bars = _bars(v, floats, start, interval, kept)
    lines = [*figures.quarantined_lines, *v["line"][~kept].tolist()]
    figures = replace(figures, quarantined_lines=tuple(sorted(lines)[:QUARANTINED_LINES_MAX]))
    bad += int(np.count_nonzero(~kept))
    if not len(bars.t):
        raise DataError(source, "holds no usable bar", remedy="check that it is the file you mean")
    columns = bar_rows(source, bars, max(band.step_units for band in listing.ticks), listing.lot_units)
    words = format_duration(interval)
    own = "its own columns" if len(bars.spread) else f"{MEMORY_BARS} past bars (Abdi-Ranaldo)"
    return make_tape(
        replace(listing, volume_base=f"modelled from {words} bars of {listing.volume_base}"),
        source,
        f"bars/{VERSION}",
        columns,
        figures,
        depth_levels=1,
        silence_ns=SILENCE_BARS * interval,
        quarantined=bad,
        trade_side_native=False,
        modelled=f"from {words} bars: prints along open, extremes and close; spread from {own}; one level of depth",
    )


def _without(kept: Flags, wrong: Flags) -> Flags:
    """Return ``kept`` without those of its true places that are wrong."""
    left = kept.copy()
    left[np.flatnonzero(kept)[wrong]] = False
    return left


def _bars(v: dict[str, I64], floats: dict[str, F64], start: I64, interval: int, kept: Flags) -> Bars:
    """Return the bars that are kept."""
    first, high, low, last, volume = (v[role][kept] for role in ("open", "high", "low", "close", "volume"))
    spread, depth = (floats[name][kept] if name in floats else NO_FLOATS for name in ("spread", "depth"))
    return Bars(start[kept], first, high, low, last, volume, interval, spread, depth)


READER = Reader(name="table", version=VERSION, sniff=sniff, read=read)
