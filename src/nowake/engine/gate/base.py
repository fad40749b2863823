"""What a control sees."""

from __future__ import annotations

from functools import cache

from nowake.core.child import ChildOrder, OrderType
from nowake.core.decisions import Verdict
from nowake.core.instrument import Listing
from nowake.core.sessions import Session
from nowake.core.value import Value
from nowake.core.view import View
from nowake.engine.env import Limits
from nowake.engine.state import EngineState, ParentState


class Candidate(Value, frozen=True):
    """A child about to be sent, with the state before it.

    Attributes:
        slice_units: Planned quantity of its slice.
        pass_cap: Whether ``must-complete`` lets it pass the participation cap (near the end only).
        adv_units: Expected volume of a day, 0 = unknown.
    """

    child: ChildOrder
    parent: ParentState
    state: EngineState
    limits: Limits
    listing: Listing
    session: Session
    view: View
    slice_units: int
    pass_cap: bool = False
    adv_units: int = 0

    @property
    def takes(self) -> bool:
        """Return whether the child is aggressive."""
        return self.child.tif.immediate or self.child.order_type is OrderType.MARKET

    @property
    def price(self) -> int:
        """Return the limit price, or the far touch for a market order."""
        far = self.view.ask_units if self.child.side > 0 else self.view.bid_units
        return self.child.price_units or far


def verdict(control: str, passed: bool, detail: str = "") -> Verdict:
    """Return a verdict; the detail is kept only where something was refused or deserves a word."""
    return Verdict(control=control, passed=passed, detail=detail) if detail or not passed else _passed(control)


@cache
def _passed(control: str) -> Verdict:
    return Verdict(control=control, passed=True)
