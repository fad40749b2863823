"""What may be changed about an order that is being worked, as a value."""

from __future__ import annotations

import msgspec

from nowake.core.order import EndBehaviour, ParentOrder
from nowake.core.units import INT64_MAX
from nowake.core.value import Value, check_types, replace, require


class Amendment(Value, frozen=True, omit_defaults=True):
    """Changes to a running order; None = stays as it is. At least one is given.

    These fields are the whole list of what is mutable (``engine.amend.MUTABLE`` says what each change does). Side,
    listing, strategy, start and number of slices are not: cancel the order and give another.

    Attributes:
        qty_units: The new total, quantity units; never below what is filled and what may be live.
        end_ns: The new end of the window.
        limit_units: The new limit, in place of a relative one too; 0 takes the limit away.
        display_units: Largest posted size; 0 = any.
        participation_max, participation_target, urgency, must_complete, end_behaviour, never_take: As in
            ``Parameters``.
    """

    qty_units: int | None = None
    end_ns: int | None = None
    limit_units: int | None = None
    participation_max: float | None = None
    participation_target: float | None = None
    urgency: float | None = None
    must_complete: bool | None = None
    end_behaviour: EndBehaviour | None = None
    display_units: int | None = None
    never_take: bool | None = None

    def __post_init__(self) -> None:
        check_types(self)
        names = ", ".join(self.__struct_fields__)
        require(bool(self.changes()), "amendment", "empty", f"at least one of {names}")
        for name, least in (("qty_units", 1), ("end_ns", 1), ("limit_units", 0), ("display_units", 0)):
            value = getattr(self, name)
            require(value is None or least <= value <= INT64_MAX, name, value, f">= {least}")

    def changes(self) -> dict[str, object]:
        """Return what is to change, by name."""
        given = {name: getattr(self, name) for name in self.__struct_fields__}
        return {name: value for name, value in given.items() if value is not None}

    def applied_to(self, order: ParentOrder) -> ParentOrder:
        """Return the order with the changes, validated.

        Raises:
            InputError: A value is outside its domain.
        """
        changes = self.changes()
        for name in ("limit_units", "display_units"):
            if name in changes:
                changes[name] = changes[name] or None
        if "limit_units" in changes:
            changes["limit_offset_bps"] = None
        if changes.get("display_units", 0) is None:
            changes |= {"display_randomise": None, "display_refresh_ns": None}
        own = {name: changes.pop(name) for name in ("qty_units", "end_ns") if name in changes}
        parameters = replace(order.parameters, **changes) if changes else order.parameters
        return replace(order, parameters=parameters, **own)


AMENDABLE: tuple[str, ...] = tuple(field.name for field in msgspec.structs.fields(Amendment))
"""Names of what an amendment may change."""
