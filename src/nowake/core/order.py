"""The large order: ``ParentOrder`` and the one parameter schema that every strategy takes."""

from __future__ import annotations

import math
from enum import IntEnum, StrEnum

import msgspec

from nowake.core.errors import InputError
from nowake.core.units import INT64_MAX
from nowake.core.value import Value, check_types, require

RATE_LEAST = 1e-6
"""A smaller rate of participation is none: the engine counts in millionths."""
SLICES_MOST = 100_000


class Side(IntEnum):
    """Which way; the number is the sign of the position change."""

    BUY = 1
    SELL = -1

    @classmethod
    def parse(cls, value: object) -> Side:
        """Return the side of ``buy``/``sell``, ``B``/``S``/``SS``, FIX ``1``/``2``/``5``, or a ``Side``.

        Raises:
            InputError: Not a side.
        """
        if isinstance(value, Side):
            return value
        found = _SIDES.get(str(value).strip().upper())
        if found is None:
            raise InputError("side", value, "buy or sell (B, S, SS and FIX 1, 2, 5 are understood)")
        return found


_SIDES = {
    "BUY": Side.BUY,
    "B": Side.BUY,
    "1": Side.BUY,
    "SELL": Side.SELL,
    "S": Side.SELL,
    "SS": Side.SELL,
    "SELL SHORT": Side.SELL,
    "2": Side.SELL,
    "5": Side.SELL,
}


class EndBehaviour(StrEnum):
    """What happens at the end of the window: be done by crossing, drop the rest, or go on."""

    FINISH = "finish"
    CANCEL = "cancel"
    RUN_ON = "run-on"


def _check_rate(name: str, rate: float) -> None:
    require(rate >= RATE_LEAST, name, rate, "at least 0.000001", "rates count in millionths")


class Parameters(Value, frozen=True):
    """How an order is to be worked; one schema for all strategies.

    A strategy declares which of these it honours; a parameter set to another than its default that the chosen strategy
    does not honour is refused by name (``plan.strategies``), never ignored.

    Attributes:
        end_behaviour: At the end of the window, see ``EndBehaviour``; None = the strategy's default.
        must_complete: Near the end, pass the participation cap rather than leave a residual; never the limit or gate.
        participation_max: Own share of all volume since the start, at most; (0, 1].
        participation_min, participation_target: Band floor and rate of volume-following strategies; (0, 1].
        participation_by_price, _by_size, _by_time: Rates that vary, as (threshold, rate) steps in rising order: from
            that market price, quantity left, or time since the start (ns) on, in place of the target.
        limit_units: Never trade at a worse price.
        limit_offset_bps: Limit this far beyond the arrival mid (negative = better than it); of two limits the tighter
            holds.
        i_would_units, i_would_fraction: At this price or better, up to this fraction of the order is taken at once.
        urgency: 0 = least expected cost in the window, 1 = as fast as the cap allows.
        display_units, display_randomise, display_refresh_ns: Largest posted size; the fraction by which it varies, up
            or down; shortest time before the next is shown.
        min_fill_units: A child trades at least this, or nothing; such children never rest.
        never_take: Only post.
        auctions: Take part in opening and closing auctions.
        randomise_time, randomise_size: Fraction by which slices are jittered, [0, 1).
        discretion_units: A posted order takes instead when the far touch is at most this far beyond its price.
        alpha_bps_per_hour: Expected drift against the order.
        slices: Number of slices; None = chosen by cost.
    """

    end_behaviour: EndBehaviour | None = None
    must_complete: bool = False
    participation_max: float = 0.15
    participation_min: float | None = None
    participation_target: float | None = None
    participation_by_price: tuple[tuple[int, float], ...] = ()
    participation_by_size: tuple[tuple[int, float], ...] = ()
    participation_by_time: tuple[tuple[int, float], ...] = ()
    limit_units: int | None = None
    limit_offset_bps: float | None = None
    i_would_units: int | None = None
    i_would_fraction: float | None = None
    urgency: float = 0.5
    display_units: int | None = None
    display_randomise: float | None = None
    display_refresh_ns: int | None = None
    min_fill_units: int | None = None
    never_take: bool = False
    auctions: bool = False
    randomise_time: float = 0.0
    randomise_size: float = 0.0
    discretion_units: int | None = None
    alpha_bps_per_hour: float = 0.0
    slices: int | None = None

    def __post_init__(self) -> None:
        check_types(self)
        self._check_participation()
        self._check_prices_and_sizes()
        for name, least, most in (
            ("i_would_fraction", 0.0, 1.0),
            ("display_randomise", 0.0, 1.0),
            ("urgency", 0.0, 1.0),
        ):
            value = getattr(self, name)
            good = value is None or (_finite(value) and least <= value <= most)
            require(good, name, value, f"in [{least:g}, {most:g}]")
        for name in ("randomise_time", "randomise_size"):
            value = getattr(self, name)
            require(_finite(value) and 0 <= value < 1, name, value, "in [0, 1)")
        require(_finite(self.alpha_bps_per_hour), "alpha_bps_per_hour", self.alpha_bps_per_hour, "finite")

    def _check_participation(self) -> None:
        rate = self.participation_max
        require(_finite(rate) and 0 < rate <= 1, "participation_max", rate, "in (0, 1]", "0.15 means 15 %")
        _check_rate("participation_max", rate)
        for name in ("participation_min", "participation_target"):
            value = getattr(self, name)
            if value is not None:
                require(_finite(value) and 0 < value <= 1, name, value, "in (0, 1]")
                _check_rate(name, value)
                require(value <= rate, name, value, f"at most participation_max {rate}")
        for name in ("participation_by_price", "participation_by_size", "participation_by_time"):
            steps = getattr(self, name)
            starts = [start for start, _ in steps]
            good = starts == sorted(set(starts)) and all(_finite(r) and 0 < r < 1 for _, r in steps)
            require(good, name, steps, "(threshold, rate) steps in rising order, rates in (0, 1)")
            for _, step in steps:
                _check_rate(name, step)

    def _check_prices_and_sizes(self) -> None:
        counts = ("limit_units", "i_would_units", "display_units", "display_refresh_ns", "min_fill_units", "slices")
        for name in counts:
            value = getattr(self, name)
            require(value is None or 0 < value <= INT64_MAX, name, value, "> 0")
        require(self.slices is None or self.slices <= SLICES_MOST, "slices", self.slices, f"at most {SLICES_MOST:,}")
        offset = self.limit_offset_bps
        good = offset is None or (_finite(offset) and abs(offset) < 10_000)
        require(good, "limit_offset_bps", offset, "a finite number of basis points below 10,000")
        together = (self.i_would_units is None) == (self.i_would_fraction is None)
        require(together, "i_would_fraction", self.i_would_fraction, "given together with the I-would price")
        reach = self.discretion_units
        require(reach is None or reach >= 0, "discretion_units", reach, ">= 0")

    def changed(self) -> tuple[str, ...]:
        """Return the names of the parameters that differ from their defaults."""
        return tuple(name for name, default in _DEFAULTS.items() if getattr(self, name) != default)


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


_DEFAULTS = {field.name: field.default for field in msgspec.structs.fields(Parameters)}


class ParentOrder(Value, frozen=True):
    """A large order to be worked over [start_ns, end_ns).

    Attributes:
        parent_id: The caller's key, or derived by the journal; unique in a journal.
        listing: Key of the listing, ``AMZN@XNAS``.
        side: Buy or sell.
        qty_units: Quantity units of the instrument, > 0.
        decided_ns: When the decision to trade fell; the delay cost is measured from there.
        start_ns, end_ns: Window, UTC nanoseconds.
        strategy: Name in the table of strategies, or ``auto``.
        parameters: How.
        decision_mid2: Twice the mid at ``decided_ns`` in price units where the caller states it; 0 = the arrival mid.
    """

    parent_id: str
    listing: str
    side: Side
    qty_units: int
    decided_ns: int
    start_ns: int
    end_ns: int
    strategy: str = "twap"
    parameters: Parameters = Parameters()
    decision_mid2: int = 0

    def __post_init__(self) -> None:
        check_types(self)
        require(0 < len(self.parent_id) <= 64, "parent_id", self.parent_id, "1 to 64 characters")
        require("@" in self.listing, "listing", self.listing, "SYMBOL@VENUE")
        require(0 < self.qty_units <= INT64_MAX, "quantity", self.qty_units, "> 0")
        require(self.decided_ns >= 0, "decided_ns", self.decided_ns, ">= 0")
        require(self.start_ns >= self.decided_ns, "start_ns", self.start_ns, f">= decided_ns {self.decided_ns}")
        require(self.start_ns < self.end_ns <= INT64_MAX, "end_ns", self.end_ns, f"> start_ns {self.start_ns}")
        require(self.decision_mid2 >= 0, "decision_mid2", self.decision_mid2, ">= 0")
