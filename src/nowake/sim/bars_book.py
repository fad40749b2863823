"""How much of a market that was made from bars one may have: a part of what really traded in each bar.

The book of such a market is a model (docs/models/bars.md): a touch of a fixed size before every print. Refilled at
each step it could give more than the bar traded, most of all in a bar that traded little. So all that is filled within
a bar, taken, inside prints or by a quote that comes to an order's price, is at most ``TAKE_PART`` of the bar's own
volume. The venue keeps what of it is left (``sim.layout``).
"""

from __future__ import annotations

import re

import numpy as np

from nowake.core.tape import KIND_MASK, Row, Tape
from nowake.core.units import parse_duration
from nowake.sim.layout import NEVER

TAKE_PART = 0.25
"""Of a bar's volume that one may have; seven touches of 3 % of a minute's volume are 21 % of an average minute."""

_BARS = re.compile(r"from (\w+) bars")


class BarsBook:
    """The volume of every bar.

    Args:
        tape: Made from bars.
        interval_ns: Length of a bar.
    """

    def __init__(self, tape: Tape, interval_ns: int) -> None:
        kind = tape.code & np.uint16(KIND_MASK)
        quotes = np.flatnonzero(kind == Row.SET)
        # The first quote of all stands at the start of a bar, and no bar begins within another.
        self._phase = int(tape.t_event[quotes[0]]) % interval_ns if len(quotes) else 0
        self._interval_ns = interval_ns
        printed = kind == Row.TRADE
        number = (tape.t_event[printed] - self._phase) // interval_ns
        bars, where = np.unique(number, return_inverse=True)
        volume = np.zeros(len(bars), dtype=np.int64)
        np.add.at(volume, where, tape.qty[printed].astype(np.int64))
        self._volume: dict[int, int] = dict(zip(bars.tolist(), volume.tolist(), strict=True))

    def _bar(self, t_ns: int) -> int:
        return (t_ns - self._phase) // self._interval_ns

    def volume(self, t_ns: int) -> int:
        """Return what the bar of an instant traded, quantity units."""
        return self._volume.get(self._bar(t_ns), 0)

    def room(self, t_ns: int) -> tuple[int, int]:
        """Return what may be filled in all in the bar of an instant, quantity units, and when that bar is over."""
        return int(TAKE_PART * self.volume(t_ns)), (self._bar(t_ns) + 1) * self._interval_ns + self._phase


class NoBars:
    """A market that was recorded: what its book shows may be taken."""

    def room(self, t_ns: int) -> tuple[int, int]:
        """Return a quantity that nothing is over, without end."""
        del t_ns
        return NEVER, NEVER


def bars_book(tape: Tape) -> BarsBook | NoBars:
    """Return what may be had of a tape: a part of each bar it was made from, all of it where it was recorded."""
    found = _BARS.match(tape.meta.modelled)
    return NoBars() if found is None else BarsBook(tape, parse_duration("bars", found[1]))
