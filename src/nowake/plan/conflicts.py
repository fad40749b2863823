"""Parameters that contradict each other, or have no effect together: refused by name, never guessed."""

from __future__ import annotations

from collections.abc import Callable

from nowake.core.errors import Refused
from nowake.core.order import EndBehaviour, Parameters, ParentOrder


def _worse_would(order: ParentOrder) -> bool:
    limit, would = order.parameters.limit_units, order.parameters.i_would_units
    return limit is not None and would is not None and (would - limit) * order.side > 0


def _rates(p: Parameters) -> list[float]:
    tables = (p.participation_by_price, p.participation_by_size, p.participation_by_time)
    return [rate for table in tables for _, rate in table]


def _varies(p: Parameters) -> int:
    return sum(bool(t) for t in (p.participation_by_price, p.participation_by_size, p.participation_by_time))


CONFLICTS: tuple[tuple[Callable[[ParentOrder], bool], str, str], ...] = (
    (
        lambda o: o.parameters.never_take and o.parameters.urgency == 1,
        "never_take contradicts urgency 1, which only takes",
        "lower the urgency, or let the order take",
    ),
    (
        lambda o: o.parameters.never_take and o.parameters.must_complete,
        "never_take contradicts must_complete, which crosses near the end",
        "give up one of them",
    ),
    (
        lambda o: o.parameters.never_take and o.parameters.end_behaviour is EndBehaviour.FINISH,
        "never_take contradicts the end behaviour finish, which crosses at the end",
        "choose cancel or run-on",
    ),
    (
        lambda o: o.parameters.never_take and o.parameters.i_would_units is not None,
        "never_take contradicts an I-would price, which is taken at once",
        "give up one of them",
    ),
    (
        lambda o: o.parameters.never_take and o.parameters.discretion_units is not None,
        "never_take contradicts discretion, which takes",
        "give up one of them",
    ),
    (
        lambda o: o.parameters.never_take and o.parameters.min_fill_units is not None,
        "never_take contradicts min_fill: a resting order is filled in whatever pieces come",
        "give up one of them",
    ),
    (
        lambda o: o.parameters.min_fill_units is not None and o.parameters.display_units is not None,
        "display has no effect with min_fill, which never rests",
        "give up one of them",
    ),
    (
        lambda o: o.parameters.min_fill_units is not None and o.parameters.discretion_units is not None,
        "discretion has no effect with min_fill, which never rests",
        "give up one of them",
    ),
    (
        lambda o: (o.parameters.min_fill_units or 0) > o.qty_units,
        "min_fill is over the order's quantity",
        "lower it",
    ),
    (
        lambda o: o.parameters.urgency == 1 and o.parameters.display_units is not None,
        "display has no effect at urgency 1, which never rests",
        "lower the urgency, or leave display out",
    ),
    (
        lambda o: o.parameters.urgency == 1 and o.parameters.discretion_units is not None,
        "discretion has no effect at urgency 1, which never rests",
        "lower the urgency, or leave discretion out",
    ),
    (
        lambda o: (
            o.parameters.display_units is None
            and (o.parameters.display_randomise is not None or o.parameters.display_refresh_ns is not None)
        ),
        "display_randomise and display_refresh have no effect without display",
        "say how much may be shown",
    ),
    (
        _worse_would,
        "the I-would price is beyond the limit, so it would never be traded at",
        "choose an I-would price within the limit",
    ),
    (
        lambda o: _varies(o.parameters) > 1,
        "the rate can vary with one thing only: price, size or time",
        "give one of the tables",
    ),
    (
        lambda o: (o.parameters.participation_min or 0) > (o.parameters.participation_target or 1),
        "min_participation is over participation, the rate to keep to",
        "lower the floor or raise the rate",
    ),
    (
        lambda o: any(rate > o.parameters.participation_max for rate in _rates(o.parameters)),
        "a step of the rate is over max_participation",
        "raise the cap or lower the step",
    ),
    (
        lambda o: any(rate < (o.parameters.participation_min or 0) for rate in _rates(o.parameters)),
        "a step of the rate is under min_participation",
        "lower the floor or raise the step",
    ),
)
"""(whether an order has the conflict, what is wrong, the remedy)."""


def check_conflicts(order: ParentOrder) -> None:
    """Refuse an order whose parameters contradict each other.

    Raises:
        Refused: Names the first conflict and its remedy.
    """
    for has, text, remedy in CONFLICTS:
        if has(order):
            raise Refused(text, remedy)
