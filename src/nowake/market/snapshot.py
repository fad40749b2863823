"""From the arrays of a market to the ``View`` that a decision sees."""

from __future__ import annotations

import numpy as np

from nowake.core.jit import kernel
from nowake.core.tape import F64, I64
from nowake.core.view import Integrity, View
from nowake.market import run
from nowake.market.book import NO_PRICE, fill_levels, parts
from nowake.market.run import integrity, sample_grid, settle_time, tables
from nowake.market.seen import fill_seen

DEPTH = 5
_COPIED = run.STATS
_FLAGS_AT, _BIDS_AT, _ASKS_AT, _LEVELS_AT = run.STATS, run.STATS + 1, run.STATS + 2, run.STATS + 3
OUT = run.STATS + 3 + 4 * DEPTH
_INTEGRITY = tuple(Integrity(flags) for flags in range(2 * max(Integrity)))  # a look-up: the enum's call takes longer


@kernel
def snapshot(book: I64, stats: I64, reals: F64, t: int, price_base: int, out: I64) -> float:
    """Write what a view at ``t`` holds into ``out``: statistics brought up to ``t``, flags, levels. Changes no state.

    Prices of levels are written in price units, all else relative to ``price_base``.

    Returns:
        The realised variance up to ``t``.
    """
    now_stats, now_reals = stats.copy(), reals.copy()
    if t >= now_stats[run.NEXT_GRID] and now_stats[run.STARTED] != 0:
        sample_grid(now_stats, now_reals, t)
    settle_time(now_stats, t)
    out[:_COPIED] = now_stats[:_COPIED]
    out[_FLAGS_AT] = integrity(now_stats, t)
    bids = out[_LEVELS_AT : _LEVELS_AT + 2 * DEPTH].reshape(DEPTH, 2)
    asks = out[_LEVELS_AT + 2 * DEPTH :].reshape(DEPTH, 2)
    if stats[run.MARKED] == 0:
        out[_BIDS_AT], out[_ASKS_AT] = fill_levels(book, 0, bids), fill_levels(book, 1, asks)
    else:
        head, size, bits, top, table = parts(book)
        taken, since = tables(stats)
        half, shift, at = stats[run.HALF_NS], stats[run.SHIFT], stats[run.SEEN_AT]
        out[_BIDS_AT] = fill_seen(head, size, bits, top, table, taken, since, half, 0, shift, at, bids)
        out[_ASKS_AT] = fill_seen(head, size, bits, top, table, taken, since, half, 1, shift, at, asks)
    for level in range(DEPTH):
        bids[level, 0] = price_base + bids[level, 0]
        asks[level, 0] = price_base - asks[level, 0]
    return float(now_reals[run.REALISED_VAR])


def _integral(out: list[int], at: int, per_ns: int) -> int:
    """Return the integral at ``at`` plus ``per_ns`` for every ns of it, units x ns / 1e6, floored."""
    exact = (out[at + 2] * run.CARRY + out[at]) * run.MILLION + out[at + 1]
    return (exact + per_ns * out[run.MID_NS]) // run.MILLION


def _levels(out: list[int], at: int, count: int) -> tuple[tuple[int, int], ...]:
    flat = iter(out[at : at + 2 * count])
    return tuple(zip(flat, flat, strict=True))


def build_view(
    key: str,
    price_base: int,
    row: int,
    t_ns: int,
    state: tuple[I64, I64, F64],
    queues: tuple[tuple[str, int], ...],
) -> View:
    """Return the view of a market at local time ``t_ns``.

    Args:
        key: Of the listing.
        price_base: Added to every price offset.
        row: Rows included so far.
        t_ns: Local time, not before the last row applied.
        state: (book, stats, reals).
        queues: (child id, ahead of it).
    """
    book, stats, reals = state
    buffer = np.empty(OUT, dtype=np.int64)
    realised = snapshot(book, stats, reals, t_ns, price_base, buffer)
    out: list[int] = buffer.tolist()
    bids = _levels(out, _LEVELS_AT, out[_BIDS_AT])
    asks = _levels(out, _LEVELS_AT + 2 * DEPTH, out[_ASKS_AT])
    bid, ask = bids[0] if bids else (0, 0), asks[0] if asks else (0, 0)
    volume = out[run.VOLUME_ALL]
    return View(
        listing=key,
        t_ns=t_ns,
        row=row,
        integrity=_INTEGRITY[out[_FLAGS_AT]],
        bid_units=bid[0],
        ask_units=ask[0],
        bid_qty=bid[1],
        ask_qty=ask[1],
        bids=bids,
        asks=asks,
        volume_all=volume,
        volume_own=out[run.VOLUME_OWN],
        notional_all=(out[run.NOTIONAL_HI] << 30) + out[run.NOTIONAL_LO] + price_base * volume,
        mid2_time=_integral(out, run.MID_Q, 2 * price_base),
        mid_ns=out[run.MID_NS],
        spread_time=_integral(out, run.SPREAD_Q, 0),
        since_ns=out[run.SINCE],
        last_units=price_base + out[run.LAST_PRICE] if out[run.HAS_PRINT] else 0,
        realised_var=realised,
        realised_ns=out[run.REALISED_NS],
        last_row_ns=out[run.CLOCK],
        queues=queues,
    )


def watch_price(units: int, price_base: int, sign: int) -> int:
    """Return the key that a watch compares with: 0 units = an empty side."""
    return sign * (units - price_base) if units else NO_PRICE
