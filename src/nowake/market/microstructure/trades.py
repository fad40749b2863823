"""The prints of a tape with the quotes they met, and who began each: +1 a buyer, -1 a seller, 0 not known."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nowake.core.tape import I64, KIND_MASK, SIDE_MASK, SIDE_SHIFT, Book, Row, Tape
from nowake.market.microstructure.touch import Touches


class Prints(NamedTuple):
    """One entry per print, (m,) i64 each.

    Attributes:
        row: Its row in the tape.
        t_ns: Local time.
        price_units, qty: Of the print.
        sign: As the venue states it (``native_sign``).
        bid_units, ask_units: The touch after the last complete message before it, 0 = empty.
    """

    row: I64
    t_ns: I64
    price_units: I64
    qty: I64
    sign: I64
    bid_units: I64
    ask_units: I64


def native_sign(code: I64) -> I64:
    """Return (n,) the aggressor of TRADE and FILL rows: a FILL names the resting side, a TRADE the aggressor."""
    side = (code & SIDE_MASK) >> SIDE_SHIFT
    sign = np.select([side == Book.BID, side == Book.ASK], [1, -1], 0)
    return np.where((code & KIND_MASK) == Row.FILL, -sign, sign)


def prints(tape: Tape, touch: Touches, extra_ns: int = 0) -> Prints:
    """Return the prints of a tape; ``touch`` is ``touches(tape)``."""
    kind = tape.code & np.uint16(KIND_MASK)
    row = np.flatnonzero((kind == Row.TRADE) | (kind == Row.FILL)).astype(np.int64)
    before = np.searchsorted(touch.row, row, side="left") - 1
    known = before >= 0
    bid, ask = (np.where(known, side[before] if len(side) else 0, 0) for side in (touch.bid_units, touch.ask_units))
    return Prints(
        row,
        tape.t_local(extra_ns)[row],
        tape.prices()[row],
        tape.qty[row].astype(np.int64),
        native_sign(tape.code[row].astype(np.int64)),
        bid,
        ask,
    )


def quote_rule(price_units: I64, bid_units: I64, ask_units: I64) -> I64:
    """Return (n,) the side of the mid a print is on: above +1, below -1, at the mid or without a mid 0."""
    both = (bid_units != 0) & (ask_units != 0)
    return np.where(both, np.sign(2 * price_units - bid_units - ask_units), 0)


def tick_test(price_units: I64) -> I64:
    """Return (n,) the sign of the last price change: up +1, down -1, 0 before the first change."""
    change = np.sign(np.diff(price_units, prepend=price_units[:1]))
    last = np.maximum.accumulate(np.where(change != 0, np.arange(len(change)), -1))
    return np.where(last >= 0, change[last], 0) if len(change) else change


def lee_ready(price_units: I64, bid_units: I64, ask_units: I64) -> I64:
    """Return (n,) the quote rule, and the tick test where it says nothing (Lee and Ready 1991, without their lag)."""
    by_quote = quote_rule(price_units, bid_units, ask_units)
    return np.where(by_quote != 0, by_quote, tick_test(price_units))
