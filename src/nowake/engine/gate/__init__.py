"""The gate: every control judges the exact values of a child just before it would be sent. No bypass (I14).

One file per family, one line per control in this table; the numbers are those of docs/controls.md. Five rejects in a
row (14) pause the parent as a whole, which ``engine.parent`` does; everything else is here.
"""

from __future__ import annotations

from collections.abc import Callable

from nowake.core.decisions import Verdict
from nowake.engine.gate.base import Candidate
from nowake.engine.gate.identity import duplicate, listing_allowed, repeat_throttle
from nowake.engine.gate.market import feed_alive, self_trade
from nowake.engine.gate.price import collar, parent_limit
from nowake.engine.gate.rate import message_rate, open_orders
from nowake.engine.gate.size import child_size, parent_overrun, participation

Control = Callable[[Candidate], Verdict]

CONTROLS: tuple[Control, ...] = (
    listing_allowed,  # 2
    parent_overrun,  # 3
    duplicate,  # 4
    collar,  # 5
    parent_limit,  # 6
    child_size,  # 7
    participation,  # 9
    message_rate,  # 13
    repeat_throttle,  # 14
    open_orders,  # 15
    self_trade,  # 16
    feed_alive,  # 17
)


def judge(candidate: Candidate) -> tuple[Verdict, ...]:
    """Return the verdict of every control, in the order of the table."""
    return tuple([control(candidate) for control in CONTROLS])


__all__ = ["CONTROLS", "Candidate", "Control", "judge"]
