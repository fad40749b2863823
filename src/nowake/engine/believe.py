"""What the engine believes about an order's market, and how the day's own volume corrects it."""

from __future__ import annotations

from nowake.core.order import ParentOrder
from nowake.core.value import replace
from nowake.core.view import View
from nowake.core.volume import VolumeSeen
from nowake.engine.env import Env
from nowake.engine.state import ParentState
from nowake.models.beliefs import Beliefs, beliefs_from_view
from nowake.models.volume import update


def beliefs_for(order: ParentOrder, view: View, env: Env) -> Beliefs:
    """Return the beliefs stated for the order's listing, or those read from the view."""
    found = dict(env.beliefs).get(order.listing)
    if found is None:
        listing = env.listing(order.listing)
        found = beliefs_from_view(view, listing, env.session(listing.session))
    return replace(found, assumed=(*env.assumed, *found.assumed)) if env.assumed else found


def corrected_beliefs(parent: ParentState, view: View, env: Env) -> Beliefs:
    """Return the beliefs after what the others traded since the order's start, as one observation.

    Beliefs read from the view count the day's prints already.
    """
    order, found = parent.order, beliefs_for(parent.order, view, env)
    since_ns = max(order.start_ns, found.volume.asof_ns)
    if order.listing not in dict(env.beliefs) or parent.base_others is None or since_ns >= view.t_ns:
        return found
    others = view.volume_all - view.volume_own - parent.base_others
    seen = VolumeSeen(since_ns=since_ns, until_ns=view.t_ns, qty_units=max(0, others))
    return replace(found, asof_ns=view.t_ns, volume=update(found.volume, seen))


def adv_units(env: Env, listing_key: str) -> int:
    """Return the average daily volume of a listing where it was measured or stated, quantity units; 0 = not known."""
    found = dict(env.beliefs).get(listing_key)
    return 0 if found is None or found.volume.assumed else int(found.volume.per_day)
