"""Follow: for orders that follow volume. Wait in the queue while the share is within its band, cross when under it."""

from __future__ import annotations

from nowake.core.value import replace
from nowake.engine.tactics.base import Intent, Situation, at_discretion, post, take


def follow(situation: Situation) -> Intent:
    """Return a post-only order at the own touch within the band, an immediate-or-cancel under it or at urgency 1."""
    if situation.urgency == 1 or situation.behind:
        reason = "follows the prints at once" if situation.urgency == 1 else "crosses: under the floor of its band"
        # It is the prints that pace it; the slices, which are only what was expected, neither pace nor deepen it.
        crossing = take(situation, reason)
        price = crossing.price_units if situation.must else situation.at_limit(situation.far_touch)
        return replace(crossing, pause_ns=0, changes_ns=0, price_units=price) if crossing.takes else crossing
    return at_discretion(situation) or post(situation, "joins the touch, within its band")
