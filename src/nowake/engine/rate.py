"""The rate at which an order follows volume: which is in force, and when to look again."""

from __future__ import annotations

from nowake.core.decisions import RateSet
from nowake.core.instrument import Listing
from nowake.core.view import View, WatchKind
from nowake.engine.draft import Draft
from nowake.engine.following import clip_units, missing_others, others_to_floor, under_band
from nowake.engine.schedule import Want
from nowake.engine.state import ParentState
from nowake.plan.rates import rate_in_force, rising_prices, times_ns


def set_rate(draft: Draft, parent_id: str) -> None:
    """Decide the rate in force, and ask to be woken when another one may come into force."""
    parent, view = draft.parent(parent_id), draft.view
    if view is None or not view.tradable:
        return
    order = parent.order
    rate_ppm, reason = rate_in_force(
        order.parameters,
        side=order.side,
        left_units=order.qty_units - parent.filled,
        elapsed_ns=view.t_ns - order.start_ns,
        bid_units=view.bid_units,
        ask_units=view.ask_units,
        now_ppm=parent.rate_ppm,
    )
    if rate_ppm != parent.rate_ppm:
        draft.emit(RateSet(parent_id=parent_id, rate_ppm=rate_ppm, reason=reason))
    for at_ns in times_ns(order.parameters):
        if order.start_ns + at_ns > view.t_ns:
            draft.wake(order.start_ns + at_ns)
            break
    prices = rising_prices(order.parameters)
    above = next((price for price in prices if price > view.bid_units), None)
    below = next((price for price in reversed(prices) if price <= view.ask_units), None)
    if above is not None:
        draft.watch(parent_id, "rate-up", WatchKind.BID_AT_LEAST, above)
    if below is not None:
        draft.watch(parent_id, "rate-down", WatchKind.ASK_AT_MOST, below - 1)


def piece_units(parent: ParentState, wanted: Want, listing: Listing, view: View) -> int:
    """Return the smallest quantity worth a child now: anything, or the clip of an order that follows volume."""
    if not parent.rate_ppm or wanted.near_end or wanted.last:
        return 1
    return clip_units(parent, listing.min_order_units(max(1, view.mid2 // 2)), listing.lot_units)


def watch_volume(draft: Draft, parent_id: str) -> None:
    """Ask to be woken when the others have printed enough for the next piece."""
    parent, view = draft.parent(parent_id), draft.view
    if view is None or parent.unsent <= 0 or parent.base_others is None:
        return
    listing = draft.env.listing(parent.order.listing)
    piece = clip_units(parent, listing.min_order_units(max(1, view.mid2 // 2)), listing.lot_units)
    needed = missing_others(parent, min(piece, parent.unsent))
    if parent.reserved and not under_band(parent):
        needed = min(needed, others_to_floor(parent))
    if needed > 0:
        draft.watch(parent_id, "due", WatchKind.VOLUME, view.volume_all + needed)
