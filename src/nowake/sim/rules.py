"""Rules of a simulated venue that no tape records."""

from __future__ import annotations

from nowake.core.value import Value, check_types, require


class VenueRules(Value, frozen=True):
    """What a simulated venue does beside matching.

    Attributes:
        refresh_ns: From the fill that ends the displayed part of an iceberg to the next part in the queue; 0 = at once,
            for whoever comes next.
    """

    refresh_ns: int = 0

    def __post_init__(self) -> None:
        check_types(self)
        require(self.refresh_ns >= 0, "refresh_ns", self.refresh_ns, ">= 0")
