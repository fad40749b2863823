"""Columns in, ``Tape`` out: narrowing, content hash, and joining tapes of one listing."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from nowake.core.errors import DataError
from nowake.core.instrument import Listing
from nowake.core.tape import I32, I64, U16, Figures, Row, Tape, TapeMeta
from nowake.core.value import replace, require, to_msgpack

Bytes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]

NO_ROWS: I64 = np.empty(0, dtype=np.int64)
I32_MAX = 2**31 - 1
COLUMNS = ("t_event", "recv_delta", "code", "price", "qty", "order_id")
QUARANTINED_LINES_MAX = 20


DISORDER_NS = 1_000_000_000
"""A source that keeps one clock may not go back in event time by more than this."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The rows of a tape before narrowing; arrays of length n in receive order.

    Attributes:
        t_event: UTC ns, as the exchange states it.
        code: See ``core.tape``.
        price: Price units.
        qty: Quantity units.
        t_recv: UTC ns of the recorder's clock; length 0 when the source has none.
        order_id: Length 0 when the source has none.
    """

    t_event: I64
    code: U16
    price: I64
    qty: I64
    t_recv: I64 = field(default_factory=lambda: NO_ROWS)
    order_id: I64 = field(default_factory=lambda: NO_ROWS)


def narrow(values: I64) -> I32 | I64:
    """Return ``values`` as 32-bit integers when they all fit, else unchanged."""
    if len(values) and (int(values.max()) > I32_MAX or int(values.min()) < -I32_MAX):
        return values
    return values.astype(np.int32)


def offset_prices(source: str, prices: I64) -> tuple[int, I32]:
    """Return ``(price_base, offsets)``; the base is 0 unless the prices need one to fit 32 bits.

    Raises:
        DataError: They span more than 32 bits.
    """
    low, high = (int(prices.min()), int(prices.max())) if len(prices) else (0, 0)
    base = 0 if low >= -I32_MAX and high <= I32_MAX else (low + high) // 2
    if high - base > I32_MAX:
        raise DataError(source, f"its prices span {high - low} units, more than 32 bits", remedy="use a coarser unit")
    return base, (prices - np.int64(base)).astype(np.int32)


def column_hash(listing: Listing, columns: Sequence[npt.NDArray[Any]]) -> str:
    """Return the hex BLAKE2b-128 of a listing and column bytes: the identity of a tape."""
    state = hashlib.blake2b(to_msgpack(listing), digest_size=16)
    for column in columns:
        state.update(f"{column.dtype.str}{len(column)}".encode())
        state.update(np.ascontiguousarray(column).data)
    return state.hexdigest()


def make_tape(
    listing: Listing,
    source: str,
    reader: str,
    columns: Columns,
    figures: Figures,
    **meta: Any,
) -> Tape:
    """Return the tape of ``columns``.

    Args:
        listing: What was recorded.
        source: File names in words.
        reader: Name and version, ``lobster/1``.
        columns: The rows.
        figures: What the reader counted.
        **meta: Further fields of ``TapeMeta``; the clock offset is estimated here.

    Raises:
        DataError: No rows, or prices too far apart.
    """
    if not len(columns.t_event):
        raise DataError(source, "holds no usable row", remedy="check that it is the file you mean")
    delta = columns.t_recv - columns.t_event if len(columns.t_recv) else NO_ROWS
    base, price = offset_prices(source, columns.price)
    arrays = (columns.t_event, narrow(delta), columns.code, price, narrow(columns.qty), columns.order_id)
    made = TapeMeta(
        listing=listing,
        source=source,
        reader=reader,
        content_hash=column_hash(listing, arrays),
        price_base=base,
        clock_offset_ns=int(delta.min()) if len(delta) else 0,
        order_by_order=len(columns.order_id) > 0,
        figures=figures,
        **meta,
    )
    return Tape(made, *arrays)


def count_disordered(t_event: I64) -> int:
    """Return the places where the event times (n,) of one stream go back by more than ``DISORDER_NS``."""
    return int(np.count_nonzero(np.diff(t_event) < -DISORDER_NS))


def relisted(tape: Tape, listing: Listing) -> Tape:
    """Return a tape with another listing of the same key and units: other grids, limits, fees or hours.

    What the reader said of its volume stays.

    Raises:
        InputError: The units differ, so its prices and quantities would mean something else.
    """
    old = tape.listing
    if old == listing:
        return tape
    for name in ("price_unit", "qty_unit", "multiplier", "inverse"):
        was, given = getattr(old.instrument, name), getattr(listing.instrument, name)
        require(was == given, name, given, f"{was}, as the tape of {old.key} has it")
    made = replace(listing, volume_base=old.volume_base or listing.volume_base)
    arrays = tuple(getattr(tape, name) for name in COLUMNS)
    meta = replace(tape.meta, listing=made, content_hash=column_hash(made, arrays))
    return Tape(meta, *arrays)


def columns_of(tape: Tape) -> Columns:
    """Return the wide columns of a tape."""
    recv = tape.t_event + tape.recv_delta.astype(np.int64) if len(tape.recv_delta) else NO_ROWS
    return Columns(tape.t_event, tape.code, tape.prices(), tape.qty.astype(np.int64), recv, tape.order_id)


def add_figures(first: Figures, second: Figures) -> Figures:
    """Return the sums; the line numbers of the second source are left out, they would read as the first's."""
    names = [name for name in Figures.__struct_fields__ if name != "quarantined_lines"]
    sums = {name: getattr(first, name) + getattr(second, name) for name in names}
    return replace(first, **sums)


def join(tapes: Sequence[Tape]) -> Tape:
    """Return tapes of one listing as one continuous tape, in time order.

    Raises:
        DataError: They overlap in time, differ in shape, or a later one neither starts with a snapshot of its own
            nor has a book to continue.
    """
    ordered = sorted(tapes, key=lambda tape: int(tape.t_event[0]))
    if len(ordered) == 1:
        return ordered[0]
    for before, after in itertools.pairwise(ordered):
        _check_follows(before, after)
    parts = [columns_of(tape) for tape in ordered]
    first = ordered[0].meta
    figures = first.figures
    for tape in ordered[1:]:
        figures = add_figures(figures, tape.meta.figures)
    return make_tape(
        first.listing,
        " + ".join(tape.meta.source for tape in ordered),
        first.reader,
        Columns(*(np.concatenate([getattr(part, name) for part in parts]) for name in Columns.__slots__)),
        figures,
        depth_levels=first.depth_levels,
        consolidated=first.consolidated,
        modelled=first.modelled,
        silence_ns=max(tape.meta.silence_ns for tape in ordered),
        quarantined=sum(tape.meta.quarantined for tape in ordered),
        trade_side_native=all(tape.meta.trade_side_native for tape in ordered),
    )


Form = tuple[str, ...]
"""What two tapes must have in common to be joined, in words."""


def form(meta: TapeMeta, has_receive_times: bool) -> Form:
    """Return the depth and form in which a tape was recorded."""
    return (
        f"{meta.depth_levels} levels" if meta.depth_levels else "the whole book",
        f"with{'' if has_receive_times else 'out'} receive times",
        "order by order" if meta.order_by_order else "by price level",
        "the best of several venues" if meta.consolidated else "one venue",
        meta.modelled or "not modelled",
    )


def received(tape: Tape) -> bool:
    """Return whether a tape has receive times."""
    return len(tape.recv_delta) > 0


def difference(first: Form, second: Form) -> str:
    """Return in what two forms differ, in words; empty = in nothing."""
    pairs = [(one, other) for one, other in zip(first, second, strict=True) if one != other]
    heads = [(one.split(":")[0], other.split(":")[0]) for one, other in pairs]
    return "; ".join(
        ", ".join(short if short[0] != short[1] else whole) for short, whole in zip(heads, pairs, strict=True)
    )


def _check_follows(before: Tape, after: Tape) -> None:
    """Raise unless ``after`` can follow ``before`` in one tape."""
    names = f"{before.listing.key} of {before.meta.source} and {after.meta.source}"
    if before.listing.key != after.listing.key or before.listing.instrument != after.listing.instrument:
        raise DataError(names, f"are of {before.listing.key} and {after.listing.key}", remedy="open them apart")
    unlike = difference(form(before.meta, received(before)), form(after.meta, received(after)))
    if unlike:
        raise DataError(names, f"were recorded in different depth or form ({unlike})", remedy="give files of one kind")
    if int(before.t_local().max()) >= int(after.t_local()[0]):
        raise DataError(names, "overlap in time", remedy="give each stretch of time once")
    starts = np.isin(after.code & 0x0F, [int(Row.SET), int(Row.CLEAR), int(Row.ADD)])
    if starts.any() and int(after.code[int(starts.argmax())]) & 0x0F != Row.CLEAR:
        raise DataError(after.meta.source, "does not start with a snapshot", remedy="import it with its predecessor")
