"""A desk that passes on: what a dark venue left of its part goes to the orders that still run where there is a book.

It looks at nothing but the state, and keeps nothing: a run that is executed again, or gone on with, makes the same
amendments at the same places. What was passed on once is known by the keys of the amendments.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from nowake.core.amendment import Amendment
from nowake.core.decisions import AnyDecision, ParentStatus
from nowake.core.inputs import OperatorAction, OperatorCommand
from nowake.core.instrument import Listing
from nowake.core.units import to_units
from nowake.engine.host import Host
from nowake.engine.state import ParentState

ACTOR = "venues"


class Passing:
    """Implements ``engine.desk.Desk``.

    Args:
        dark: Ids of the orders at dark venues.
        lit: Ids of the others, the one that gets what is left over first.
        listings: Of all of them.
    """

    def __init__(self, dark: Sequence[str], lit: Sequence[str], listings: Sequence[Listing]) -> None:
        self._dark = tuple(dark)
        self._lit = tuple(lit)
        self._listings = {one.key: one for one in listings}

    def is_own(self, command: OperatorCommand) -> bool:
        """Return whether a command is one of this desk's, which it gives again by itself."""
        return any(command.key == _key(dark, lit) for dark in self._dark for lit in self._lit)

    def bound_ns(self, now_ns: int, host: Host) -> int:
        """Return now where there is something to pass on, else no bound."""
        return now_ns if self.take(now_ns, host) else 0

    def take(self, t_ns: int, host: Host) -> tuple[OperatorCommand, ...]:
        """Return amendments once an order at a dark venue has ended with a rest."""
        parents, keys = host.state.parents, host.state.keys
        for parent_id in self._dark:
            parent = parents.get(parent_id)
            if parent is None or parent.status is not ParentStatus.DONE or not parent.abandoned:
                continue
            if any(_key(parent_id, one) in keys for one in self._lit):
                continue
            lit = [parents[one] for one in self._lit if one in parents]
            able = [one for one in lit if one.status is ParentStatus.RUNNING]
            able = able or [one for one in lit if one.status is ParentStatus.PAUSED]
            if able and (made := self._passed(t_ns, parent, able)):
                return made
        return ()

    def _passed(self, t_ns: int, dark: ParentState, running: Sequence[ParentState]) -> tuple[OperatorCommand, ...]:
        """Return the amendments that spread a rest in proportion to the orders; the first gets what does not divide."""
        instrument = self._listings[dark.order.listing].instrument
        rest, whole = instrument.qty(sum(dark.abandoned.values())), sum(self._size(one) for one in running)
        made, left = [], rest
        for one in (*running[1:], running[0]):
            listing = self._listings[one.order.listing]
            unit = listing.instrument.qty(listing.lot_units)
            more = left if one is running[0] else rest * self._size(one) / whole
            lots = int(more // unit)
            left -= lots * unit
            if lots:
                units = one.order.qty_units + to_units("quantity", lots * unit, listing.instrument.qty_unit)
                made.append(
                    OperatorCommand(
                        t_ns=t_ns,
                        parent_id=one.order.parent_id,
                        action=OperatorAction.AMEND,
                        actor=ACTOR,
                        key=_key(dark.order.parent_id, one.order.parent_id),
                        amendment=Amendment(qty_units=units),
                    )
                )
        return tuple(made)

    def _size(self, one: ParentState) -> Decimal:
        return self._listings[one.order.listing].instrument.qty(one.order.qty_units)

    def tell(self, command: OperatorCommand, decisions: tuple[AnyDecision, ...], host: Host) -> None:
        """Nobody listens."""


def _key(dark_id: str, lit_id: str) -> str:
    return f"{dark_id}-{lit_id}"
