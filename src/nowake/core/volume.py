"""What was traded on a day, bin by bin of a listing's own session: ``DayVolume``, and within a day: ``VolumeSeen``."""

from __future__ import annotations

import math
from datetime import date

from nowake.core.value import Value, require

BIN_NS = 15 * 60 * 1_000_000_000
"""Width of a bin, nearly: a session is cut into equal bins, as many as come nearest to this."""


def bin_count(length_ns: int) -> int:
    """Return into how many bins a session of ``length_ns`` is cut, at least 1."""
    return max(1, round(length_ns / BIN_NS))


class DayVolume(Value, frozen=True):
    """What was traded in one listing on one day of the past, in continuous trading.

    Attributes:
        day: Trading day of the session.
        opens_ns, closes_ns: The session of that day.
        bins: Quantity units traded in equal bins over [opens_ns, closes_ns), each >= 0.
        seen_from_ns, seen_to_ns: What the recording covers.
        opening, closing: Quantity units of the auctions, where the source tells them apart; None = it does not.
        source: Content hash of what it was counted from.
    """

    day: date
    opens_ns: int
    closes_ns: int
    bins: tuple[float, ...]
    seen_from_ns: int
    seen_to_ns: int
    opening: float | None = None
    closing: float | None = None
    source: str = ""

    def __post_init__(self) -> None:
        require(self.opens_ns < self.closes_ns, "closes_ns", self.closes_ns, f"> opens_ns {self.opens_ns}")
        good = bool(self.bins) and all(math.isfinite(one) and one >= 0 for one in self.bins)
        require(good, "bins", self.bins[:4], "at least one bin, each finite and >= 0")
        require(self.seen_from_ns <= self.seen_to_ns, "seen_to_ns", self.seen_to_ns, f">= {self.seen_from_ns}")
        for name in ("opening", "closing"):
            value = getattr(self, name)
            require(value is None or (math.isfinite(value) and value >= 0), name, value, ">= 0")

    @property
    def total(self) -> float:
        """Return the quantity units of the whole day's continuous trading."""
        return math.fsum(self.bins)

    @property
    def whole(self) -> bool:
        """Return whether the recording covers the session but for half a bin at either end."""
        half = (self.closes_ns - self.opens_ns) // len(self.bins) // 2
        return self.seen_from_ns <= self.opens_ns + half and self.seen_to_ns >= self.closes_ns - half


class VolumeSeen(Value, frozen=True):
    """What the others traded in [since_ns, until_ns), quantity units: an input of live correction."""

    since_ns: int
    until_ns: int
    qty_units: int

    def __post_init__(self) -> None:
        require(self.since_ns < self.until_ns, "until_ns", self.until_ns, f"> since_ns {self.since_ns}")
        require(self.qty_units >= 0, "qty_units", self.qty_units, ">= 0")
