"""``synth_tape``: a stretch of the synthetic market as a tape."""

from __future__ import annotations

import hashlib

import numpy as np

from nowake.core.tape import END, SNAPSHOT, Book, Row, Tape, TapeMeta, row_code
from nowake.core.value import require, to_msgpack
from nowake.sim.synthetic.flow import ROWS_PER_STEP_MAX, run
from nowake.sim.synthetic.market import BUYS, SELLS, Columns, Market, empty_columns, initial_market
from nowake.sim.synthetic.parameters import DAY_NS, LISTING, SynthParameters
from nowake.sim.synthetic.tables import RING, SynthTables, build_tables

WARMUP_NS = 600_000_000_000
"""Default length of market that runs before a tape starts: the book forgets how it was laid out within minutes."""
DURATION_MAX_NS = 31 * DAY_NS
READER = "synth/1"
SILENCE_NS = 10_000_000_000
_CHUNK_ROWS = 1 << 18


def _snapshot(market: Market, t_ns: int) -> Columns:
    """Return a CLEAR row and a SET row a level, best first, bids first, flagged SNAPSHOT, the last one END."""
    rows = [(row_code(Row.CLEAR, Book.NONE, SNAPSHOT), int(market.best[BUYS]), 0)]
    for side, book, away in ((BUYS, Book.BID, -1), (SELLS, Book.ASK, 1)):
        code = row_code(Row.SET, book, SNAPSHOT)
        prices = range(int(market.best[side]), int(market.edge[side]) + away, away)
        levels = ((price, int(market.book[side, price % RING])) for price in prices)
        rows += [(code, price, shares) for price, shares in levels if shares > 0]
    out = empty_columns(len(rows))
    out.t_event[:] = t_ns
    out.code[:], out.price[:], out.qty[:] = zip(*rows, strict=True)
    out.code[-1] |= END
    return out


def _record(market: Market, start_ns: int, end_ns: int, tables: SynthTables) -> Columns:
    """Return the snapshot at ``start_ns`` and all rows until ``end_ns``; ``market`` stands at or before the start."""
    out = empty_columns(_CHUNK_ROWS)
    full = _CHUNK_ROWS - ROWS_PER_STEP_MAX
    while run(start_ns, market, tables, out) > full:
        pass
    parts = [_snapshot(market, start_ns)]
    rows = full + 1
    while rows > full:
        rows = run(end_ns, market, tables, out)
        parts.append(
            Columns(out.t_event[:rows].copy(), out.code[:rows].copy(), out.price[:rows].copy(), out.qty[:rows].copy())
        )
    return Columns(
        np.concatenate([part.t_event for part in parts]),
        np.concatenate([part.code for part in parts]),
        np.concatenate([part.price for part in parts]),
        np.concatenate([part.qty for part in parts]),
    )


def content_hash(columns: Columns) -> str:
    """Return the hex BLAKE2b-128 of the listing and the column bytes (little endian, price units)."""
    state = hashlib.blake2b(to_msgpack(LISTING), digest_size=16)
    for column in columns:
        state.update(np.ascontiguousarray(column, dtype=column.dtype.newbyteorder("<")).data)
    return state.hexdigest()


def synth_tape(
    *,
    seed: int,
    start_ns: int,
    duration_ns: int,
    warmup_ns: int = WARMUP_NS,
    parameters: SynthParameters = SynthParameters(),  # noqa: B008 - a frozen value
) -> Tape:
    """Return the synthetic market over [start_ns, start_ns + duration_ns) as a tape of SYNTH@SIM.

    The same arguments give the same tape in every process, and a shorter duration gives a prefix of a longer one.

    Args:
        seed: Any integer; different seeds are different markets.
        start_ns: UTC ns, >= warmup_ns; the time of the snapshot that opens the tape.
        duration_ns: ns, 1 to 31 days.
        warmup_ns: ns of market before ``start_ns`` that are run and not recorded.
        parameters: The market; the defaults are the documented one.

    Raises:
        InputError: An argument is outside its domain.
    """
    require(0 < duration_ns <= DURATION_MAX_NS, "duration_ns", duration_ns, f"1 to {DURATION_MAX_NS} (31 days)")
    require(0 <= warmup_ns <= DURATION_MAX_NS, "warmup_ns", warmup_ns, f"0 to {DURATION_MAX_NS} (31 days)")
    require(warmup_ns <= start_ns <= 2**62, "start_ns", start_ns, "at least warmup_ns, at most 2**62")
    tables = build_tables(parameters)
    market = initial_market(seed, start_ns - warmup_ns, parameters.price_units, tables)
    columns = _record(market, start_ns, start_ns + duration_ns, tables)
    meta = TapeMeta(
        listing=LISTING,
        source=f"SYNTH seed {seed}",
        reader=READER,
        content_hash=content_hash(columns),
        price_base=0,
        silence_ns=SILENCE_NS,
    )
    none = np.empty(0, dtype=np.int64)
    return Tape(meta, columns.t_event, none, columns.code, columns.price, columns.qty, none)
