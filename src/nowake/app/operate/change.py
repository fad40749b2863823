"""From a change in human units to an ``Amendment``, against the order as its journal has it."""

from __future__ import annotations

from nowake.app.operate.status import RunStatus
from nowake.app.request import MarketHours, OrderRequest, check_length, parameters, quantity_units, window
from nowake.core.amendment import Amendment
from nowake.core.errors import Refused
from nowake.core.terms import share
from nowake.core.value import Value, replace

NONE = "none"


class AmendRequest(Value, frozen=True):
    """A change to a running order as a person states it; empty or None = stays as it is.

    Attributes:
        quantity: The new total, in the order's unit.
        end: The new end: an ISO time with a zone, ``15:30``, ``close-5m``.
        over: Or the new length of the window, from the order's start.
        limit: Price; ``none`` takes the limit away.
        max_participation: ``0.15`` or ``15%``.
        participation: The rate that POV keeps to.
        urgency: 0 to 1.
        must_complete: Whether it is.
        end_behaviour: ``finish``, ``cancel`` or ``run-on``.
        display: Largest size shown; ``none`` = any.
        never_take: Whether it only posts.
    """

    quantity: str = ""
    end: str = ""
    over: str = ""
    limit: str = ""
    max_participation: str = ""
    participation: str = ""
    urgency: float | None = None
    must_complete: bool | None = None
    end_behaviour: str = ""
    display: str = ""
    never_take: bool | None = None


def amendment(given: AmendRequest, found: RunStatus) -> Amendment:
    """Return the change in units of the run's listing.

    Raises:
        InputError: A text is not what it must be, or nothing is to be changed.
        Refused: The run has no order, or both an end and a length are given.
    """
    if found.parent is None:
        raise Refused(f"the order in {found.path} was refused", "nothing is there to amend")
    if given == AmendRequest():
        options = ", ".join(f"--{name.replace('_', '-')}" for name in AmendRequest.__struct_fields__)
        raise Refused("nothing is to be changed", f"give at least one of {options}")
    order, listing = found.parent.order, found.listing
    no_limit = given.limit.strip().lower() == NONE
    # The change is read as an order would be, with any value where none is given.
    asked = OrderRequest(
        side=order.side.name,
        quantity=given.quantity or "1",
        symbol=order.listing,
        end=given.end,
        over=given.over or ("" if given.end else "1s"),
        limit="" if no_limit else given.limit,
        max_participation=given.max_participation or "0.15",
        urgency=0.5 if given.urgency is None else given.urgency,
        end_behaviour=given.end_behaviour,
        tz=str(found.header.run.order.get("tz") or ""),
    )
    terms = parameters(asked, listing)
    rate = None
    if given.participation:
        rate = share("participation", given.participation)
    display = None
    if given.display:
        display = (
            0 if given.display.lower() == NONE else quantity_units(replace(asked, quantity=given.display), listing, 0)
        )
    end_ns = None
    if given.end or given.over:
        end_ns = window(asked, found.session, MarketHours(first_ns=order.start_ns, last_ns=order.end_ns))[1]
        check_length(order.start_ns, end_ns)
    return Amendment(
        qty_units=quantity_units(asked, listing, 0) if given.quantity else None,
        end_ns=end_ns,
        limit_units=0 if no_limit else terms.limit_units,
        participation_max=terms.participation_max if given.max_participation else None,
        participation_target=rate,
        urgency=given.urgency,
        must_complete=given.must_complete,
        display_units=display,
        never_take=given.never_take,
        end_behaviour=terms.end_behaviour,
    )
