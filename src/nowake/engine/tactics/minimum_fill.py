"""Minimum fill: take when the far touch shows at least the smallest fill wanted, all of that at once or nothing.

Nothing rests: a resting order is filled in whatever pieces come. The venue keeps the promise (minimum quantity), also
when the book moves while the child is on its way.
"""

from __future__ import annotations

from nowake.core.order import Side
from nowake.core.value import replace
from nowake.engine.tactics.base import Intent, Situation, take, wait


def minimum_fill(situation: Situation) -> Intent:
    """Return an immediate-or-cancel with a minimum quantity, or nothing while too little is shown."""
    if not situation.within_limit(situation.far_touch):
        return wait(situation, "the far touch is beyond the limit", "limit")
    view, buys = situation.view, situation.side is Side.BUY
    intent = take(situation, "takes where enough is shown")
    levels = (view.asks if buys else view.bids) or ((situation.far_touch, view.ask_qty if buys else view.bid_qty),)
    shown = sum(qty for price, qty in levels if (intent.price_units - price) * situation.side >= 0)
    least = situation.min_fill_units
    if situation.qty_units < least:
        return wait(situation, f"{situation.qty_units} missing, {least} is the smallest fill wanted", "min-fill")
    if shown < least:
        return wait(situation, f"{shown} shown, {least} is the smallest fill wanted", "min-fill")
    return replace(intent, min_units=least)
