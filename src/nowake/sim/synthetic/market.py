"""The state of the synthetic market between two steps, and how it starts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nowake.core.ids import random_word
from nowake.core.tape import I32, I64, U16
from nowake.sim.synthetic.tables import CELL_NS, CELLS, LEVELS, ONE, RING, SUB, SynthTables

U64 = npt.NDArray[np.uint64]

BUYS, SELLS = 0, 1
"""Sides of the book: an index of ``book``, ``best`` and ``edge``."""
T, STEP, EXTRA, VALUE, CELL, BITS, RATE = range(7)
"""Slots of ``Market.state``."""
KEY_FLOW, KEY_EXTRA, KEY_REGIME, REGIME = range(4)
"""Slots of ``Market.words``."""


class Market(NamedTuple):
    """The market; the arrays are advanced in place.

    Attributes:
        state: (7,) time ns; steps taken; extra words drawn; efficient price, parts of a tick; activity cell; bits set
            in the regime word; activity, fixed point ONE.
        words: (4,) keys of the streams of steps, of extra words and of regime flips; the regime word.
        book: (2, RING) shares by side and price modulo RING.
        best, edge: (2,) price units: touch of a side, and the farthest price it reaches.
        buys, left: (metaorders,) whether each hidden order buys, and its market orders left.
    """

    state: I64
    words: U64
    book: I64
    best: I64
    edge: I64
    buys: I64
    left: I64


class Columns(NamedTuple):
    """Tape columns being written, (n,) each: ns, packed code, price units, shares."""

    t_event: I64
    code: U16
    price: I32
    qty: I32


def empty_columns(rows: int) -> Columns:
    """Return columns of ``rows`` rows to be written."""
    return Columns(
        np.empty(rows, dtype=np.int64),
        np.empty(rows, dtype=np.uint16),
        np.empty(rows, dtype=np.int32),
        np.empty(rows, dtype=np.int32),
    )


def initial_market(seed: int, t_ns: int, price_units: int, tables: SynthTables) -> Market:
    """Return the market at ``t_ns`` before any step: a full book, one tick wide, its bid at ``price_units``."""
    words = np.array(
        [random_word(seed, "synth", name) for name in ("flow", "extra", "regime", "bits")], dtype=np.uint64
    )
    bits = int(words[REGIME]).bit_count()
    cell = t_ns // CELL_NS
    rate = max(int(tables.curve[cell % CELLS]) * int(tables.regime[bits]) // ONE, 1)
    value = price_units * SUB + SUB // 2
    book = np.zeros((2, RING), dtype=np.int64)
    for distance in range(1, LEVELS + 1):
        book[BUYS, (price_units + 1 - distance) % RING] = tables.seed_shares[distance - 1]
        book[SELLS, (price_units + distance) % RING] = tables.seed_shares[distance - 1]
    return Market(
        state=np.array([t_ns, 0, 0, value, cell, bits, rate], dtype=np.int64),
        words=words,
        book=book,
        best=np.array([price_units, price_units + 1], dtype=np.int64),
        edge=np.array([price_units + 1 - LEVELS, price_units + LEVELS], dtype=np.int64),
        buys=np.zeros(tables.metaorders, dtype=np.int64),
        left=np.zeros(tables.metaorders, dtype=np.int64),
    )
