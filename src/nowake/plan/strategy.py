"""What a strategy is: a small frozen object that says what it honours and how it lays out an order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nowake.core.instrument import Listing
from nowake.core.order import EndBehaviour, Parameters, ParentOrder
from nowake.core.plan import Assumption, ExecutionSlice, Notice
from nowake.core.value import Value, require
from nowake.models.beliefs import Beliefs

COMMON = frozenset(
    {
        "end_behaviour",
        "must_complete",
        "participation_max",
        "limit_units",
        "limit_offset_bps",
        "i_would_units",
        "i_would_fraction",
        "urgency",
        "display_units",
        "display_randomise",
        "display_refresh_ns",
        "min_fill_units",
        "never_take",
        "randomise_time",
        "randomise_size",
        "discretion_units",
    }
)
"""Names of the parameters that the engine gives effect to whatever lays out the order."""


TACTIC_WORDS = {
    "post-and-chase": "slices post first and cross when behind",
    "cross": "every slice crosses: urgency 1",
    "post": "only posts: never takes",
    "minimum-fill": "takes where the book shows the smallest fill wanted, never rests",
    "midpoint": "rests unseen at the mid of another market",
    "follow": "waits in the queue within its band, crosses under it",
}
"""What each tactic does, in words for a plan's reasons."""


def tactic_of(parameters: Parameters, patient: str = "post-and-chase") -> str:
    """Return the tactic that slices of an order get; ``patient`` is the one that posts and takes."""
    if parameters.never_take:
        return "post"
    if parameters.min_fill_units is not None:
        return "minimum-fill"
    if patient == "post-and-chase" and parameters.urgency == 1:
        return "cross"
    return patient


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
    """What a strategy answers: slices that sum to the request, why, what it assumed, and what the user should know.

    A ``plan.schedule.Schedule``, as ``lay_slices`` makes it, is such a sequence of slices and the quickest to price.
    """

    slices: Sequence[ExecutionSlice]
    reasons: tuple[str, ...] = ()
    assumed: tuple[Assumption, ...] = ()
    warnings: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class Strategy:
    """One way to work an order.

    Attributes:
        name: As the user writes it.
        honours: Names of the ``Parameters`` it gives effect to; any other that was changed is refused.
        end_behaviour: Its default.
        layout: Pure function from a request to slices.
        corrects: Whether it is to be laid out again when the day's volume turns out otherwise.
        follows: Whether the engine follows the prints rather than the slices, which then show what is expected.
    """

    name: str
    honours: frozenset[str]
    end_behaviour: EndBehaviour
    layout: Callable[[Request], Layout]
    follows: bool = False
    corrects: bool = False
