"""Midpoint: rest at a dark venue, where the price is a cap and every fill is at the mid of another market."""

from __future__ import annotations

from nowake.core.child import POST, OrderType, TimeInForce
from nowake.engine.tactics.base import Intent, Situation

STEP = 200
"""The cap is a multiple of this part of the price, so that it need not follow every tick."""


def midpoint(situation: Situation) -> Intent:
    """Return an order that rests with a cap half a percent to one beyond the mid, or at the limit."""
    mid, side = situation.view.mid2 // 2, int(situation.side)
    step = max(1, mid // STEP)
    cap = side * (side * mid // step + 2) * step
    return Intent(
        role=POST,
        order_type=OrderType.LIMIT,
        tif=TimeInForce.GTC,
        price_units=situation.at_limit(max(1, cap)),
        reason="rests unseen at the mid",
        min_units=situation.min_fill_units,
    )
