"""Random and hand-written tapes for the tests of markets and matching."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import numpy as np
from hypothesis import strategies as st

from nowake.core.instrument import GridBand, Instrument, InstrumentKind, Listing
from nowake.core.tape import END, HIDDEN, OFF_EXCHANGE, SEEDED, SNAPSHOT, Book, Row, Tape, TapeMeta, row_code

START_NS = 1_700_000_000_000_000_000
MS = 1_000_000
MID = 10_000


def listing(tick: int = 1, **changes: object) -> Listing:
    """Return a listing of shares priced in cents."""
    instrument = Instrument(
        symbol="TEST",
        base="shares",
        quote="USD",
        kind=InstrumentKind.EQUITY,
        price_unit=Decimal("0.01"),
        qty_unit=Decimal(1),
    )
    return Listing(instrument=instrument, venue="SIM", ticks=(GridBand(from_units=0, step_units=tick),), **changes)


def make_tape(
    rows: Sequence[tuple[int, int, int, int]],
    *,
    tick: int = 1,
    base: int = 9_000,
    recv_ms: Sequence[int] | None = None,
    depth_levels: int = 0,
    silence_ns: int = 60_000 * MS,
    qty_type: type = np.int32,
    **changes: object,
) -> Tape:
    """Return a tape of (ms after the start, code, price units, qty) rows; ``recv_ms`` are receive delays."""
    columns = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    meta = TapeMeta(
        listing=listing(tick, **changes),
        source="test",
        reader="test/1",
        content_hash="0",
        price_base=base,
        depth_levels=depth_levels,
        silence_ns=silence_ns,
    )
    delta = np.array([] if recv_ms is None else recv_ms, dtype=np.int32) * MS
    return Tape(
        meta,
        START_NS + columns[0] * MS,
        delta.astype(np.int32),
        columns[1].astype(np.uint16),
        (columns[2] - base).astype(np.int32),
        columns[3].astype(qty_type),
        np.array([], dtype=np.int64),
    )


BOOK_KINDS = [
    Row.SET,
    Row.SET,
    Row.SET,
    Row.SET,
    Row.ADD,
    Row.ADD,
    Row.REDUCE,
    Row.DELETE,
    Row.FILL,
    Row.TRADE,
    Row.TRADE,
]
ODD_KINDS = [Row.CLEAR, Row.HALT, Row.RESUME, Row.QUOTE, Row.GAP]


@st.composite
def streams(
    draw: st.DrawFn, *, max_rows: int = 60, reach: int = 6, odd: bool = True, tick: int = 1, off_grid: bool = False
) -> list[tuple[int, int, int, int]]:
    """Draw rows whose prices straddle MID: bids mostly below it, asks mostly above, sometimes crossing or far away."""
    rows = []
    t = 0
    for _ in range(draw(st.integers(1, max_rows))):
        t += draw(st.sampled_from([0, 0, 1, 3, 40, 2_500]))
        kinds = BOOK_KINDS + ODD_KINDS if odd and draw(st.integers(0, 5)) == 0 else BOOK_KINDS
        kind = draw(st.sampled_from(kinds))
        side = draw(st.sampled_from([Book.BID, Book.ASK] if kind is not Row.TRADE else list(Book)))
        away = draw(st.integers(-2, reach)) if draw(st.integers(0, 19)) else draw(st.integers(-40_000, 900_000))
        sign = -1 if (side == Book.BID) != (kind is Row.TRADE) else 1
        price = max(MID + sign * away * tick, 1) // tick * tick + (draw(st.integers(0, tick - 1)) if off_grid else 0)
        flags = END if draw(st.booleans()) else 0
        if kind is Row.TRADE and draw(st.integers(0, 4)) == 0:
            flags |= draw(st.sampled_from([HIDDEN, OFF_EXCHANGE]))
        if kind is Row.SET and draw(st.integers(0, 6)) == 0:
            flags |= draw(st.sampled_from([SEEDED, SNAPSHOT]))
        qty = draw(st.sampled_from([0, 1, 2, 5, 10, 100] if kind is Row.SET else [1, 2, 5, 10, 100]))
        rows.append((t, row_code(kind, side, flags), price, qty))
    return rows


def two_sided(
    t_ms: int = 0, bid: int = MID - 1, ask: int = MID + 1, size: int = 100
) -> list[tuple[int, int, int, int]]:
    """Return the rows of one message that makes a book of three levels a side."""
    rows = [(t_ms, row_code(Row.SET, Book.BID), bid - i, size) for i in range(3)]
    rows += [(t_ms, row_code(Row.SET, Book.ASK), ask + i, size) for i in range(3)]
    rows[-1] = (t_ms, row_code(Row.SET, Book.ASK, END), ask + 2, size)
    return rows
