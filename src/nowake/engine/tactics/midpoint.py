"""Midpoint: rest at a dark venue, where the price is a cap and every fill is at the mid of another market."""

from __future__ import annotations

from nowake.core.child import POST, OrderType, TimeInForce
from nowake.engine.tactics.base import Intent, Situation

STEP = 200
"""The cap lies on a grid of between this part of the price and half of it, so that it need not follow every tick."""


def midpoint(situation: Situation) -> Intent:
    """Return an order that rests with a cap a quarter of a percent to one beyond the mid, or at the limit."""
    mid, side = situation.view.mid2 // 2, int(situation.side)
    step = 1 << max(0, (mid // STEP).bit_length() - 1)  # a power of two: it stays while the mid moves
    cap = side * (side * mid // step + 2) * step
    return Intent(
        role=POST,
        order_type=OrderType.LIMIT,
        tif=TimeInForce.GTC,
        price_units=situation.at_limit(max(1, cap)),
        reason="rests unseen at the mid",
        min_units=situation.min_fill_units,
    )
