"""What the engine believes about an order's market, and how the day's own volume corrects it."""

from __future__ import annotations

from nowake.core.expected import RECENT_NS, Mark
from nowake.core.order import ParentOrder
from nowake.core.value import replace
from nowake.core.view import View
from nowake.core.volume import VolumeSeen
from nowake.engine.env import Env
from nowake.engine.state import ParentState
from nowake.models.beliefs import Beliefs, beliefs_from_view
from nowake.models.volatility import update as update_volatility
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


def measured_beliefs(parent: ParentState, view: View, env: Env) -> Beliefs:
    """Return the corrected beliefs of an order that the router works, after what its last minutes showed.

    The volatility is averaged with the one of the last minutes, the spread is theirs, the price is the present one.
    """
    found = corrected_beliefs(parent, view, env)
    if parent.routing is None:
        return found
    since, now = parent.routing.marks[0], Mark.of(view)
    volatility = update_volatility(
        found.volatility,
        now.realised_var - since.realised_var,
        now.realised_ns - since.realised_ns,
        found.volume.day_ns,
    )
    long_enough = now.t_ns - since.t_ns >= RECENT_NS
    spread_bps = now.spread_bps(since) if long_enough else None
    return replace(
        found,
        asof_ns=view.t_ns,
        mid2=view.mid2 or found.mid2,
        volatility=volatility,
        spread_bps=found.spread_bps if spread_bps is None else max(0.0, spread_bps),
    )


def adv_units(env: Env, listing_key: str) -> int:
    """Return the average daily volume of a listing where it was measured or stated, quantity units; 0 = not known."""
    found = next((stated for key, stated in reversed(env.beliefs) if key == listing_key), None)
    return 0 if found is None or found.volume.assumed else int(found.volume.per_day)
