"""The parameters as integer tables: the market itself adds, multiplies and compares integers only.

Everything that needs a logarithm, a power or a cosine is tabulated here and rounded, so that the compiled kernel and
the plain reference agree bit for bit, on every machine.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nowake.core.value import require
from nowake.sim.synthetic.parameters import DAY_NS, SynthParameters, activity

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]

LEVELS = 20
"""Distances from the opposite best at which orders arrive, ticks: 1 to LEVELS."""
SLACK = 12
"""A side of the book reaches LEVELS to LEVELS + SLACK ticks from the opposite best."""
SWEEP = 8
"""A market order stops after this many ticks, its first included."""
RING = 128
"""Length of the price-indexed arrays, a power of two over LEVELS + SLACK + 2 * SWEEP."""
QUANTILES = 4096
"""Entries of a table of quantiles, a power of two."""
CHOICES = 16_384
"""Entries of the table of what happens next, a power of two."""
ONE = 1 << 20
"""Fixed point one of the rate."""
SUB = 1 << 16
"""Fixed point one of the efficient price: parts of a tick."""
CHANCE = 1 << 24
"""Fixed point one of a probability."""
LEAN = 1 << 12
"""Fixed point one of the lean."""
CELL_NS = 20_000_000_000
"""The activity is constant over cells of this many ns."""
CELLS = DAY_NS // CELL_NS
REGIME_BITS = 64
MARKET = 4 * LEVELS
"""The choice that is a market order; below it: bid limits, ask limits, bid cancels, ask cancels by distance - 1."""


class SynthTables(NamedTuple):
    """Integers of one parameter set; a named tuple because kernels take those.

    Attributes:
        gap_ns: (QUANTILES,) ns between steps at activity 1: quantiles of an exponential law.
        choice: (CHOICES,) what a step is: a distance and kind, or MARKET.
        quote_shares, trade_shares: (QUANTILES,) shares: sizes of limit orders and cancels, of market orders.
        children: (QUANTILES,) number of market orders of a hidden order.
        cancel_base, cancel_top, cancel_slope: (LEVELS,) a cancel at a level of q shares is accepted with chance
            ``min(q + base, top) * slope / CHANCE``, before leaning.
        seed_shares: (LEVELS + SLACK,) shares: the size laid at a distance when the market starts.
        curve: (CELLS,) volume curve by cell of the day, fixed point ONE.
        regime: (REGIME_BITS + 1,) activity regime by number of set bits, fixed point ONE.
        step_sub: Move of the efficient price per step, parts of a tick.
        floor_sub: The efficient price is held at or above this, parts of a tick.
        lean_sub: 2 x (efficient price - mid) at which the lean is full, parts of a tick.
        quote_base, quote_slope: Chance of a limit order without lean, and its change per unit of lean.
        improve: Factor on it inside the spread, fixed point CHANCE.
        leave_base, leave_slope: Factor on the chance of a cancel without lean, and its change per unit of lean.
        trade_slope: Chance that a market order follows the efficient price, per unit of lean.
        metaorders: Number of hidden orders at a time.
    """

    gap_ns: I64
    choice: I64
    quote_shares: I64
    trade_shares: I64
    children: I64
    cancel_base: I64
    cancel_top: I64
    cancel_slope: I64
    seed_shares: I64
    curve: I64
    regime: I64
    step_sub: int
    floor_sub: int
    lean_sub: int
    quote_base: int
    quote_slope: int
    improve: int
    leave_base: int
    leave_slope: int
    trade_slope: int
    metaorders: int


def _midpoints(n: int) -> F64:
    return (np.arange(n, dtype=np.float64) + 0.5) / n


def _whole(values: F64) -> I64:
    return np.rint(values).astype(np.int64)


def _pareto(mean: float, tail: float, top: int) -> I64:
    """Return quantiles of a Pareto law cut at ``top``, whose scale is chosen so that the table's mean is ``mean``."""
    shape = (1 - _midpoints(QUANTILES)) ** (-1 / tail)
    low, high = 0.0, mean
    for _ in range(60):
        scale = (low + high) / 2
        if float(np.minimum(np.maximum(np.rint(scale * shape), 1), top).mean()) < mean:
            low = scale
        else:
            high = scale
    return np.minimum(np.maximum(_whole(high * shape), 1), top)


def _quote_sizes(mean: float) -> I64:
    """Return quantiles of a lognormal law (log sd 0.8), half of them rounded to multiples of half the mean."""
    normal = NormalDist()
    raw = np.exp(0.8 * np.array([normal.inv_cdf(float(u)) for u in _midpoints(QUANTILES)]) - 0.32) * mean
    step = max(round(mean / 2), 1)
    rounded = np.maximum(np.rint(raw / step), 1) * step
    sizes = np.where(np.arange(QUANTILES) % 2 == 0, rounded, np.maximum(np.rint(raw), 1))
    return np.maximum(_whole(sizes * mean / sizes.mean()), 1)


def _depth(parameters: SynthParameters, distance: F64) -> F64:
    grown = 1 - np.exp(-(distance - 1) / parameters.depth_ticks)
    depth: F64 = parameters.touch_shares + (parameters.deep_shares - parameters.touch_shares) * grown
    return depth


def _choices(rates: F64) -> I64:
    """Return a table of CHOICES entries in which choice i has its share of the rates, rounded."""
    edges = _whole(np.cumsum(rates) / rates.sum() * CHOICES)
    return np.repeat(np.arange(len(rates), dtype=np.int64), np.diff(edges, prepend=0))


def _regime(sd: float) -> I64:
    """Return the activity by number of set bits: lognormal-like, mean 1 under the binomial law of the bits."""
    bits = np.arange(REGIME_BITS + 1)
    raw = np.exp(sd * (bits - REGIME_BITS / 2) / np.sqrt(REGIME_BITS / 4))
    weights = np.ones(1)
    for _ in range(REGIME_BITS):
        weights = np.convolve(weights, [0.5, 0.5])
    return np.maximum(_whole(raw / float(raw @ weights) * ONE), 1)


def build_tables(parameters: SynthParameters) -> SynthTables:
    """Return the integer tables of ``parameters``.

    Raises:
        InputError: Market orders are so rare among all orders that their share cannot be tabulated to 10 %.
    """
    p = parameters
    distance = np.arange(1, LEVELS + 1, dtype=np.float64)
    quotes = p.quote_rate * distance**-p.quote_decay
    depth = _depth(p, distance)
    base = np.full(LEVELS, 0.5 * p.quote_mean_shares)
    top = 3 * depth + base
    trades = p.adv_shares / 86_400 / p.trade_mean_shares
    limit_max = quotes * (1 + p.lean_quotes)
    cancel_max = quotes * top / (depth + base) * (1 + p.lean_cancels)
    rates = np.concatenate([limit_max, limit_max, cancel_max, cancel_max, [trades]])
    total = float(rates.sum())
    share = trades / total * CHOICES
    require(
        share >= 5, "adv_shares", p.adv_shares, f"at least {round(p.adv_shares * 5 / share) + 1} beside these quotes"
    )
    gaps = -np.log1p(-_midpoints(QUANTILES))
    vol_ticks = p.daily_vol * p.price_units / 86_400**0.5
    curve = [activity(cell * CELL_NS + CELL_NS // 2, p) for cell in range(CELLS)]
    children = np.minimum((1 - _midpoints(QUANTILES)) ** (-1 / p.metaorder_tail), p.metaorder_max)
    return SynthTables(
        gap_ns=np.maximum(_whole(gaps / gaps.mean() / total * 1e9), 1),
        choice=_choices(rates),
        quote_shares=_quote_sizes(p.quote_mean_shares),
        trade_shares=_pareto(p.trade_mean_shares, p.trade_tail, p.trade_max_shares),
        children=np.floor(children).astype(np.int64),
        cancel_base=_whole(base),
        cancel_top=_whole(top),
        cancel_slope=_whole(CHANCE / np.rint(top)),
        seed_shares=_whole(_depth(p, np.arange(1, LEVELS + SLACK + 1, dtype=np.float64))),
        curve=_whole(np.array(curve) * ONE),
        regime=_regime(p.regime_sd),
        step_sub=round(vol_ticks / total**0.5 * SUB),
        floor_sub=p.price_units * SUB // 5,
        lean_sub=round(2 * p.lean_ticks * SUB),
        quote_base=round(CHANCE / (1 + p.lean_quotes)),
        quote_slope=round(CHANCE / (1 + p.lean_quotes) * p.lean_quotes / LEAN),
        improve=round(p.improve * CHANCE),
        leave_base=round(CHANCE / (1 + p.lean_cancels)),
        leave_slope=round(CHANCE / (1 + p.lean_cancels) * p.lean_cancels / LEAN),
        trade_slope=round(p.lean_trades * CHANCE / LEAN),
        metaorders=p.metaorders,
    )
