"""What the market is like for an order of a given size: ``Conditions``, made of ``Measure``s. They go into journals.

A measure never stands alone: with it come how many observations it rests on, how old the newest of them is, what it
was counted from, and where it lies in the listing's own history. What is not known is None, and ``why`` says why.
"""

from __future__ import annotations

import math
from enum import StrEnum

from nowake.core.order import Side
from nowake.core.value import Value, check_types, require
from nowake.core.view import Integrity

SMALL_OF_DAY, MEDIUM_OF_DAY, LARGE_OF_DAY = 0.01, 0.05, 0.15
"""Parts of a day's volume at which an order stops being small, medium, large. 15 % is the usual cap of participation:
an order beyond it cannot be done within the day at that cap, whoever works it."""
MEDIUM_OF_DEPTH, LARGE_OF_DEPTH = 1.0, 10.0
"""Multiples of the depth within 10 bps at which an order stops being medium, large (small: the touch fills it)."""


class SizeClass(StrEnum):
    """How large an order is for its market; see ``size_class_of``."""

    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"
    BLOCK = "block"
    UNKNOWN = "unknown"


class Measure(Value, frozen=True):
    """One number about a market, with what it rests on.

    Attributes:
        name: ``spread``, ``depth_10bps_ask``, ...; see docs/models/liquidity.md.
        value: The number; None = not known, ``why`` says why.
        unit: ``bps``, ``shares``, ``s``, ``bps a day``, ...; empty = a pure number.
        percentile: Part of the listing's own history below it, in [0, 1] (ties count half); None = not known.
        sample: Number of observations: bins, samples, prints, levels, as ``base`` says.
        age_ns: How old the newest of them is.
        base: What was counted: ``Nasdaq prints only``, ``the best 5 levels``.
        at_least: The true number may be larger: the book that we see ends there.
        why: Why the value or its percentile is not known, or what limits it; empty = nothing to say.
    """

    name: str
    value: float | None = None
    unit: str = ""
    percentile: float | None = None
    sample: int = 0
    age_ns: int = 0
    base: str = ""
    at_least: bool = False
    why: str = ""

    def __post_init__(self) -> None:
        check_types(self)
        require(bool(self.name), "name", self.name, "given")
        finite = self.value is None or math.isfinite(self.value)
        require(finite, "value", self.value, "finite, or None where it is not known")
        inside = self.percentile is None or 0 <= self.percentile <= 1
        require(inside, "percentile", self.percentile, "in [0, 1], or None")
        require(self.sample >= 0, "sample", self.sample, ">= 0")
        require(self.age_ns >= 0, "age_ns", self.age_ns, ">= 0")
        require(self.value is not None or bool(self.why), "why", self.why, "given where the value is not known")

    @property
    def known(self) -> bool:
        """Return whether there is a value."""
        return self.value is not None


class Conditions(Value, frozen=True):
    """What a market is like at one instant for an order of a given side and size.

    The four scores are percentiles of this listing's own history, in [0, 1], None = not known (the measure named after
    the colon says why): ``liquidity``: of ``density`` (high = much can be traded per basis point); ``volatility``: of
    ``volatility`` (high = it moves more than usual); ``spread``: of ``spread`` (high = wider than usual); ``volume``:
    of ``volume_rate`` (high = more trades than usual).

    Attributes:
        listing: Its key.
        asof_ns: Local time; nothing received later was used.
        side, qty_units: Of the order.
        integrity: Of the book at that time; numbers read off an unsound book are None.
        liquidity_score, volatility_score, spread_score, volume_score: See above.
        size_class: By the part of a day's volume and by the visible depth, see ``size_class_of``.
        size_why: How it came out so, in words.
        measures: All numbers, each name once.
        norms: Content hash of the history that percentiles are of; empty = none.
    """

    listing: str
    asof_ns: int
    side: Side
    qty_units: int
    integrity: Integrity = Integrity.OK
    liquidity_score: float | None = None
    volatility_score: float | None = None
    spread_score: float | None = None
    volume_score: float | None = None
    size_class: SizeClass = SizeClass.UNKNOWN
    size_why: str = ""
    measures: tuple[Measure, ...] = ()
    norms: str = ""

    def __post_init__(self) -> None:
        check_types(self)
        require(self.qty_units > 0, "qty_units", self.qty_units, "> 0")
        for name in ("liquidity_score", "volatility_score", "spread_score", "volume_score"):
            score = getattr(self, name)
            require(score is None or 0 <= score <= 1, name, score, "in [0, 1], or None")
        names = [one.name for one in self.measures]
        require(len(set(names)) == len(names), "measures", names, "named once each")

    def measure(self, name: str) -> Measure:
        """Return a measure by its name; one that was not taken has no value and says so."""
        for one in self.measures:
            if one.name == name:
                return one
        return Measure(name=name, why="not measured")

    def value(self, name: str) -> float | None:
        """Return the value of a measure, None where it is not known."""
        return self.measure(name).value


def size_class_of(of_day: float | None, of_depth: float | None, of_touch: float | None) -> tuple[SizeClass, str]:
    """Return how large an order is for its market, and why: the larger of what its two yardsticks say.

    By volume: under 1 % of a day's volume small, under 5 % medium, under 15 % large, else a block. By depth: small when
    the touch fills it, medium within the depth within 10 bps, large within ten times that, else a block.

    Args:
        of_day: Size / a day's volume, >= 0; None = not known.
        of_depth: Size / depth within 10 bps on the side that would fill it; None = not known.
        of_touch: Size / size at the touch on that side; None = not known.
    """
    order = list(SizeClass)
    found: list[tuple[int, str]] = []
    if of_day is not None:
        rank = sum(of_day >= limit for limit in (SMALL_OF_DAY, MEDIUM_OF_DAY, LARGE_OF_DAY))
        found.append((rank, f"{100 * of_day:.3g} % of a day's volume"))
    if of_touch is not None and of_touch <= 1:
        found.append((0, f"{of_touch:.3g} x the touch"))
    elif of_depth is not None:
        rank = 1 + sum(of_depth > limit for limit in (MEDIUM_OF_DEPTH, LARGE_OF_DEPTH))
        found.append((rank, f"{of_depth:.3g} x the depth within 10 bps"))
    if not found:
        return SizeClass.UNKNOWN, "neither a day's volume nor the depth is known"
    rank, why = max(found, key=lambda one: one[0])
    missing = "a day's volume" if of_day is None else "the depth" if len(found) < 2 else ""
    return order[rank], f"{why} ({missing} is not known)" if missing else why
