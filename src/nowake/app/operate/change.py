"""From a change in human units to an ``Amendment``, against the order as its journal has it."""

from __future__ import annotations

from nowake.app.operate.client import AmendRequest
from nowake.app.operate.status import RunStatus
from nowake.app.request import MarketHours, behaviour, instant, limit_units, participation, quantity_units
from nowake.core.amendment import Amendment
from nowake.core.errors import Refused
from nowake.core.units import parse_duration
from nowake.core.value import replace


def amendment(given: AmendRequest, found: RunStatus) -> Amendment:
    """Return the change in units of the run's listing.

    Raises:
        InputError: A text is not what it must be, or nothing is to be changed.
        Refused: The run has no order, or both an end and a length are given.
    """
    if found.parent is None:
        raise Refused(f"the order in {found.path} was refused", "nothing is there to amend")
    if given.end and given.over:
        raise Refused("the change has both an end and a length", "give --end or --over, not both")
    order, listing = found.parent.order, found.listing
    end_ns = None
    if given.over:
        end_ns = order.start_ns + parse_duration("over", given.over)
    elif given.end:
        zone = replace(found.session, zone=found.zone)
        hours = MarketHours(first_ns=order.start_ns, last_ns=order.end_ns)
        end_ns = instant("end", given.end, zone, found.session, hours)
    limit = None
    if given.limit:
        limit = 0 if given.limit.lower() == "none" else limit_units(given.limit, listing, order.side)
    return Amendment(
        qty_units=quantity_units(given.quantity, listing, 0) if given.quantity else None,
        end_ns=end_ns,
        limit_units=limit,
        participation_max=participation(given.max_participation) if given.max_participation else None,
        urgency=given.urgency,
        must_complete=given.must_complete,
        end_behaviour=behaviour(given.end_behaviour),
    )
