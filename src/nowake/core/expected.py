"""What was expected of a market when a strategy was chosen, and where the market's sums stood: ``Mark``, ``Expected``.

A running order is weighed again when the market leaves what was expected; these are the numbers that it is held
against, so that a replay needs nothing else.
"""

from __future__ import annotations

import math

from nowake.core.value import Value, require
from nowake.core.view import View

MARK_NS = 60_000_000_000
"""Shortest time between two marks of an order."""
RECENT_NS = 300_000_000_000
"""Marks reach back as far as this, once the order is that old: "the last minutes"."""


class Mark(Value, frozen=True, array_like=True):
    """The running sums of a view; two marks give what happened between them.

    Attributes:
        t_ns: Local time of the view.
        others: Volume of others since the market opened to us, quantity units.
        realised_var, realised_ns: Squared log returns, and over which time.
        spread_time, mid2_time: Integrals of the spread and of twice the mid, price units x ns / 1e6.
        mid_ns: Nanoseconds over which these ran.
    """

    t_ns: int
    others: int
    realised_var: float
    realised_ns: int
    spread_time: int
    mid2_time: int
    mid_ns: int = 0

    @classmethod
    def of(cls, view: View) -> Mark:
        """Return the sums of a view."""
        return cls(
            t_ns=view.t_ns,
            others=view.volume_all - view.volume_own,
            realised_var=view.realised_var,
            realised_ns=view.realised_ns,
            spread_time=view.spread_time,
            mid2_time=view.mid2_time,
            mid_ns=view.mid_ns,
        )

    def spread_bps(self, since: Mark) -> float | None:
        """Return the time-averaged spread since an earlier mark, bps of the mid; None where no book was valid."""
        mid2 = self.mid2_time - since.mid2_time
        return 2e4 * (self.spread_time - since.spread_time) / mid2 if mid2 > 0 else None


def marked(marks: tuple[Mark, ...], view: View) -> tuple[Mark, ...]:
    """Return the marks after a view: one more where the newest is old enough, and none before the last minutes."""
    if view.t_ns - marks[-1].t_ns < MARK_NS:
        return marks
    old = sum(one.t_ns <= view.t_ns - RECENT_NS for one in marks)
    return (*marks[max(0, old - 1) :], Mark.of(view))


class Expected(Value, frozen=True):
    """What a decision expected of the rest of an order's window.

    Attributes:
        mark: Where the market's sums stood.
        until_ns: End of the order's window.
        volume: Volume of others expected from the mark up to the end of each of equal parts of the time until then,
            quantity units; empty = no volume was expected.
        volatility_bps: Standard deviation of a trading day.
        day_ns: Length of that day.
        spread_bps: Quoted.
    """

    mark: Mark
    until_ns: int
    volume: tuple[int, ...]
    volatility_bps: float
    day_ns: int
    spread_bps: float

    def __post_init__(self) -> None:
        require(self.until_ns > self.mark.t_ns, "until_ns", self.until_ns, f"> {self.mark.t_ns}, the time of the mark")
        require(self.day_ns > 0, "day_ns", self.day_ns, "> 0")
        for name in ("volatility_bps", "spread_bps"):
            value = getattr(self, name)
            require(math.isfinite(value) and value >= 0, name, value, ">= 0")

    def volume_by(self, t_ns: int) -> float:
        """Return the volume of others that was expected by a time, linear within a part; 0 = none, or not known."""
        parts, since_ns = len(self.volume), self.mark.t_ns
        if not parts or t_ns <= since_ns:
            return 0.0
        at = min(1.0, (t_ns - since_ns) / (self.until_ns - since_ns)) * parts
        whole = min(int(at), parts - 1)
        before = self.volume[whole - 1] if whole else 0
        return before + (self.volume[whole] - before) * (at - whole)
