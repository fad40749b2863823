"""How a quantity is worked at the venue: one file a tactic, one line in this table.

A tactic is a function of a ``Situation``; it returns the ``Intent`` that should stand at the venue now. The parent
compares intent with what is live, cancels what differs and sends what is missing: tactics hold no state.
"""

from __future__ import annotations

from collections.abc import Callable

from nowake.engine.tactics.base import Intent, Situation
from nowake.engine.tactics.cross import cross
from nowake.engine.tactics.follow import follow
from nowake.engine.tactics.midpoint import midpoint
from nowake.engine.tactics.minimum_fill import minimum_fill
from nowake.engine.tactics.post import post
from nowake.engine.tactics.post_and_chase import post_and_chase

Tactic = Callable[[Situation], Intent]

TACTICS: dict[str, Tactic] = {
    "cross": cross,
    "follow": follow,
    "midpoint": midpoint,
    "minimum-fill": minimum_fill,
    "post": post,
    "post-and-chase": post_and_chase,
}

__all__ = ["TACTICS", "Intent", "Situation", "Tactic"]
