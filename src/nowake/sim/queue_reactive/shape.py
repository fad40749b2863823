"""What a market looks like beyond the four figures that a book is calibrated to: where an imitation may fail."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nowake.core.tape import F64, KIND_MASK, OFF_EXCHANGE, Row, Tape
from nowake.core.units import NS_PER_SECOND
from nowake.market.microstructure.touch import touches
from nowake.sim.queue_reactive.observe import observe

SPREADS = 60
"""Spreads from this on are counted together, ticks."""
SNAPSHOTS = 2_000
SHORT_NS = 10 * NS_PER_SECOND


class Shape(NamedTuple):
    """A tape's shape.

    Attributes:
        spreads: (SPREADS,) part of the market time at a spread of 1, 2, ... ticks.
        depth: (K,) mean quantity units at each distance from the reference price, both sides; nan = never recorded.
        prints: An hour.
        mid_moves: Messages an hour after which the mid is another.
        short_volatility: Root mean square move of the mid in 10 s, ticks.
    """

    spreads: F64
    depth: F64
    prints: float
    mid_moves: float
    short_volatility: float


def tape_shape(tape: Tape, tick: int, queues: int) -> Shape:
    """Return the shape of a tape, recorded or made.

    Args:
        tape: With a book.
        tick: Price units.
        queues: K, distances a side.
    """
    found = touches(tape)
    sound = found.flags == 0
    dt = np.where(sound, np.clip(np.diff(found.t_ns, append=found.t_ns[-1:]), 0, None), 0)
    dt = np.where(dt <= tape.meta.silence_ns, dt, 0)
    live = np.cumsum(dt)
    hours = max(float(live[-1]) / (3_600 * NS_PER_SECOND), 1e-12)
    ticks = np.clip((found.ask_units - found.bid_units) // tick, 1, SPREADS) - 1
    spreads = np.bincount(ticks[sound], weights=dt[sound], minlength=SPREADS)
    mid2 = (found.bid_units + found.ask_units)[sound]
    at = np.searchsorted(live, np.arange(SHORT_NS, int(live[-1]), SHORT_NS))
    moves = np.diff((found.bid_units + found.ask_units)[at[sound[at]]]) / (2 * tick)
    kinds = tape.code & KIND_MASK
    printed = ((kinds == Row.TRADE) | (kinds == Row.FILL)) & ((tape.code & OFF_EXCHANGE) == 0)
    every = max(int(live[-1]) // SNAPSHOTS, 1)
    bank = observe(tape, queues=queues, sizes=1, unit=1, snapshots=SNAPSHOTS, every_ns=every).bank
    known = (bank >= 0).sum(axis=(0, 1))
    depth = np.where(known > 0, np.where(bank >= 0, bank, 0).sum(axis=(0, 1)) / np.maximum(known, 1), np.nan)
    return Shape(
        spreads=spreads / max(float(live[-1]), 1e-12),
        depth=depth,
        prints=float(printed.sum()) / hours,
        mid_moves=float((np.diff(mid2) != 0).sum()) / hours,
        short_volatility=float(np.sqrt((moves**2).mean())) if len(moves) else 0.0,
    )
