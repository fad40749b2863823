"""From a change in human units to an ``Amendment``, against the order as its journal has it."""

from __future__ import annotations

from collections.abc import Sequence

from nowake.app.operate.status import RunStatus
from nowake.app.request import MarketHours, OrderRequest, check_length, parameters, quantity_units, window
from nowake.core.amendment import Amendment
from nowake.core.errors import Refused
from nowake.core.instrument import ListingKind
from nowake.core.terms import share
from nowake.core.value import Value, replace, require

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


def parts(given: AmendRequest, found: Sequence[RunStatus]) -> tuple[tuple[str, Amendment], ...]:
    """Return the change to an order over several venues, by listing, for what still runs of it.

    A dark part hears of the limit, and ends no later than the others.

    Raises:
        InputError: As for ``amendment``; the quantity is to be changed.
        Refused: As for ``amendment``.
    """
    rule = "left out of an order over several venues"
    require(not given.quantity, "quantity", given.quantity, rule, "cancel it, and give another order for what is left")
    at = [one for one in found if one.parent is not None and not one.over] or list(found[:1])
    lit = [one for one in at if one.listing.kind is not ListingKind.DARK]
    made = {one.listing.key: amendment(given, one) for one in lit or at[:1]}
    end_ns = max((one.end_ns for one in made.values() if one.end_ns is not None), default=None)
    for one in at:
        if one.listing.kind is not ListingKind.DARK or one.parent is None:
            continue
        limit = amendment(AmendRequest(limit=given.limit), one).limit_units or 0 if given.limit else None
        end = end_ns if end_ns is not None and end_ns < one.parent.order.end_ns else None
        made.pop(one.listing.key, None)
        if limit is not None or end is not None:
            made[one.listing.key] = Amendment(limit_units=limit, end_ns=end)
    return tuple(made.items())
