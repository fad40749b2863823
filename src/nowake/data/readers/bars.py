"""A market made from bars: prints that give back every bar, and a quote around them. docs/models/bars.md has the why.

Of bar k, with its interval cut into n steps: step j begins with the quote and has its print in the middle. The prints
walk open - low - high - close when the bar rises, open - high - low - close when it falls, so their first, greatest,
least and last price and their sum are the bar's, exactly. A print that goes up is a buy at the ask, one that goes down
a sale at the bid (Roll 1984); the other side of the quote is one spread away. Spread and depth of bar k are means over
bars before k: of its own columns where it has them, else the spread by Abdi and Ranaldo (2017) from closes, highs
and lows, the depth a fixed part of the volume of a minute. Nothing of a bar enters a row before that bar begins.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from nowake.core.errors import DataError
from nowake.core.tape import F64, I64, Book
from nowake.data.build import Columns, Flags
from nowake.data.readers.quotes import Prints, Quotes, merged_rows

MEMORY_BARS = 390
"""Spread and depth are means over so many past bars (as many as there are, two at least)."""
PAST_BARS_MIN = 2
DEPTH_OF_MINUTE = 0.03
"""Size of the touch as a part of a minute's volume; measured in docs/models/bars.md."""
STEPS_SHORT, STEPS_LONG = 7, 10
"""Prints of a bar of a minute or less, and of a longer one: three legs of two or three steps each."""
CORNERS = 4
ROWS_MAX = 60_000_000
MINUTE_NS = 60_000_000_000
NO_FLOATS: F64 = np.empty(0, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars of one listing in time order, (n,) each.

    Attributes:
        t: Start, UTC ns; two starts are at least ``interval_ns`` apart.
        open, high, low, close: Price units, > 0.
        volume: Quantity units, >= 0.
        interval_ns: Length of each.
        spread: Mean spread, price units; length 0 when the source has none, NaN where it is missing.
        depth: Mean size of the touch, quantity units; the same.
    """

    t: I64
    open: I64
    high: I64
    low: I64
    close: I64
    volume: I64
    interval_ns: int
    spread: F64 = field(default_factory=lambda: NO_FLOATS)
    depth: F64 = field(default_factory=lambda: NO_FLOATS)


def abdi_ranaldo(high: F64, low: F64, close: F64) -> F64:
    """Return (n - 1,) the products (c_k - e_k)(c_k - e_k+1) of two neighbouring bars, c = ln close, e = mid-range.

    e is the mean of ln high and ln low. Four times the mean of the products is the square of the relative spread:
    s = 2 sqrt(max(E[(c - e)(c - e_next)], 0)). Source: Abdi, Ranaldo (2017), Rev. Financ. Stud. 30, 4437-4480, eq. 9.

    Args:
        high: (n,) any price unit, > 0.
        low: (n,) > 0, <= high.
        close: (n,) between them.
    """
    middle, last = (np.log(high) + np.log(low)) / 2, np.log(close)
    product: F64 = (last[:-1] - middle[:-1]) * (last[:-1] - middle[1:])
    return product


def past_mean(values: F64, memory: int = MEMORY_BARS) -> F64:
    """Return (n,) the mean of the last ``memory`` values before each; NaN values do not count, NaN where none do."""
    good = np.isfinite(values)
    sums = np.concatenate([[0.0], np.cumsum(np.where(good, values, 0.0))])
    counts = np.concatenate([[0], np.cumsum(good)])
    at = np.arange(len(values))
    start = np.maximum(at - memory, 0)
    number = counts[at] - counts[start]
    return np.where(number > 0, (sums[at] - sums[start]) / np.maximum(number, 1), np.nan)


def spread_units(bars: Bars, tick: int) -> F64:
    """Return (n,) the spread believed at the start of each bar, price units, >= a tick; NaN before there is one."""
    if len(bars.spread):
        found = past_mean(bars.spread)
    else:
        product = np.full(len(bars.t), np.nan)
        if len(bars.t) > 1:
            high, low, close = (one.astype(np.float64) for one in (bars.high, bars.low, bars.close))
            product[1:] = np.where(np.diff(bars.t) == bars.interval_ns, abdi_ranaldo(high, low, close), np.nan)
        # The product of bars k - 1 and k is known when bar k has ended; the last close makes a price of the spread.
        last_close = np.concatenate([[np.nan], bars.close[:-1].astype(np.float64)])
        found = 2 * np.sqrt(np.maximum(past_mean(product), 0.0)) * last_close
        found = np.where(np.isnan(found) & (np.arange(len(found)) >= PAST_BARS_MIN), tick, found)
    return np.maximum(found, tick)


def depth_units(bars: Bars, lot: int) -> F64:
    """Return (n,) the size of the touch believed at the start of each bar, quantity units, >= a lot; NaN as above."""
    if len(bars.depth):
        found = past_mean(bars.depth)
    else:
        found = DEPTH_OF_MINUTE * MINUTE_NS / bars.interval_ns * past_mean(bars.volume.astype(np.float64))
    whole: F64 = np.floor(found / lot) * lot
    return np.maximum(whole, lot)


def steps_of(interval_ns: int) -> int:
    """Return the prints a bar is made of."""
    return STEPS_SHORT if interval_ns <= MINUTE_NS else STEPS_LONG


def path(bars: Bars, steps: int) -> tuple[I64, I64]:
    """Return ``(price, sign)``, (n, steps) each: the walk through open, both extremes and close, and its direction.

    The corners are the bar's own prices; between them the walk is straight, rounded towards the last corner.
    """
    # Which extreme comes first is taken from the bar before: from the bar itself, its first quote would tell its close.
    low_first = np.concatenate([[True], bars.close[:-1] >= bars.open[:-1]])
    corners = np.stack(
        [bars.open, np.where(low_first, bars.low, bars.high), np.where(low_first, bars.high, bars.low), bars.close],
        axis=1,
    )
    per = (steps - 1) // 3
    k = np.arange(steps)
    leg, within = np.minimum(k // per, 2), k - np.minimum(k // per, 2) * per
    start, end = corners[:, leg], corners[:, leg + 1]
    move = (end - start) * within
    price = start + np.sign(move) * (np.abs(move) // per)
    first = np.where(low_first, -1, 1)
    sign = np.stack([-first, *(np.where(i % 2, -first, first) for i in leg_numbers(steps, per))], axis=1)
    return price, sign


def leg_numbers(steps: int, per: int) -> list[int]:
    """Return the leg (0 to 2) that leads to each step but the first."""
    return [(k - 1) // per for k in range(1, steps)]


def split(volume: I64, price: I64) -> I64:
    """Return (n, steps) quantities of the prints of each bar: equal up to one unit, their sum exactly the volume.

    A bar with fewer units than steps gives one each to its corners first, the extremes before open and close.
    """
    steps = price.shape[1]
    edges = volume[:, None] // steps * np.arange(steps + 1) + volume[:, None] % steps * np.arange(steps + 1) // steps
    made: I64 = np.diff(edges, axis=1)
    few = np.flatnonzero((volume > 0) & (volume < steps))
    if len(few):
        per = (steps - 1) // 3
        corners = np.array([per, 2 * per, steps - 1, 0])
        others = np.setdiff1d(np.arange(steps), corners)
        turn = np.empty(steps, dtype=np.int64)
        turn[np.concatenate([corners, others])] = np.arange(steps)
        made[few] = turn[None, :] < volume[few, None]
    return made


def too_small(bars: Bars) -> Flags:
    """Return the bars whose volume is fewer units than open, high, low and close need prints."""
    return np.asarray((bars.volume > 0) & (bars.volume < CORNERS) & (bars.high > bars.low))


def bar_rows(source: str, bars: Bars, tick: int, lot: int) -> Columns:
    """Return the rows of the market that these bars are made into.

    A bar without volume has no prints, and one quote, at its open. Bars before there is a past have no quote.

    Args:
        source: File name.
        bars: At least one.
        tick: Price grid of orders, price units.
        lot: Quantity grid of orders, quantity units.

    Raises:
        DataError: They make more rows than can be held.
    """
    steps = steps_of(bars.interval_ns)
    if 5 * steps * len(bars.t) > ROWS_MAX:
        raise DataError(
            source,
            f"its {len(bars.t):,} bars make more than {ROWS_MAX:,} rows",
            remedy="give fewer days at a time, or longer bars",
        )
    price, sign = path(bars, steps)
    idle = bars.volume == 0
    price[idle] = bars.open[idle, None]
    qty = split(bars.volume, price)
    start = bars.t[:, None] + bars.interval_ns * np.arange(steps) // steps
    middle = bars.t[:, None] + bars.interval_ns * (2 * np.arange(steps) + 1) // (2 * steps)
    printed = (qty > 0).ravel()
    prints = Prints(
        middle.ravel()[printed],
        price.ravel()[printed],
        qty.ravel()[printed],
        np.full(int(printed.sum()), int(Book.NONE), dtype=np.int64),
        np.zeros(int(printed.sum()), dtype=np.bool_),
    )
    return merged_rows(_quotes(bars, price, sign, start, tick, lot), prints)


def _quotes(bars: Bars, price: I64, sign: I64, start: I64, tick: int, lot: int) -> Quotes:
    """Return the quote of every step: on the tick grid, its near side at the print or less than a tick before it."""
    spread, depth = spread_units(bars, tick), depth_units(bars, lot)
    known = np.isfinite(spread) & np.isfinite(depth) & (np.arange(len(bars.t)) >= PAST_BARS_MIN)
    steps = price.shape[1]
    wide = np.maximum(np.rint(np.where(known, spread, tick) / tick), 1).astype(np.int64)[:, None] * tick
    ask = np.where(sign > 0, price // tick * tick, -(-price // tick) * tick + wide)
    bid = ask - wide
    size = np.broadcast_to(np.where(known, depth, 0).astype(np.int64)[:, None], price.shape)
    # A bar without volume has one quote only: nothing moved that anybody could have seen.
    used = known[:, None] & ((bars.volume > 0)[:, None] | (np.arange(steps) == 0)) & (bid > 0)
    t, bid, size, ask = (np.asarray(column)[used].astype(np.int64) for column in (start, bid, size, ask))
    return Quotes(t, bid, size, ask, size)
