"""What a strategy is: a small frozen object that says what it honours and how it lays out an order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nowake.core.instrument import Listing
from nowake.core.order import EndBehaviour, ParentOrder
from nowake.core.plan import Assumption, ExecutionSlice
from nowake.core.value import Value, require
from nowake.models.beliefs import Beliefs


class Request(Value, frozen=True):
    """What a strategy is asked to lay out.

    Attributes:
        order: The parent; its quantity and window are the whole order's, not what is left.
        qty_units: What is to be laid out, quantity units.
        start_ns, end_ns: Where: what is left of the window.
        first_index: Leg number of the first slice.
        beliefs: Of the listing, as of the plan.
        listing: Its grids and limits.
        min_units: Smallest order that the venue accepts, quantity units.
    """

    order: ParentOrder
    qty_units: int
    start_ns: int
    end_ns: int
    first_index: int
    beliefs: Beliefs
    listing: Listing
    min_units: int

    def __post_init__(self) -> None:
        require(self.qty_units > 0, "qty_units", self.qty_units, "> 0")
        require(self.start_ns < self.end_ns, "end_ns", self.end_ns, f"> start_ns {self.start_ns}")
        require(self.first_index >= 0, "first_index", self.first_index, ">= 0")
        require(self.min_units > 0, "min_units", self.min_units, "> 0")


class Layout(Value, frozen=True):
    """What a strategy answers: slices that sum to the request, why, and what it assumed."""

    slices: tuple[ExecutionSlice, ...]
    reasons: tuple[str, ...] = ()
    assumed: tuple[Assumption, ...] = ()


@dataclass(frozen=True, slots=True)
class Strategy:
    """One way to work an order.

    Attributes:
        name: As the user writes it.
        honours: Names of the ``Parameters`` it gives effect to; any other that was changed is refused.
        end_behaviour: Its default.
        layout: Pure function from a request to slices.
    """

    name: str
    honours: frozenset[str]
    end_behaviour: EndBehaviour
    layout: Callable[[Request], Layout]
